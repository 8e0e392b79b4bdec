import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'

/** pkg/server/service/loadbalancer of Traefik v3.3.6, and pkg/middlewares/customerrors. */
describe('Traefik: cookies that keep a client, copies of requests, pages of errors', () => {
  let run: House['run']
  let http: string
  const get = (host: string, path = '/', options = ''): string => run(`curl -s ${options} -H 'Host: ${host}.example.com' http://${NODE}:${http}${path}`).output
  const route = (name: string, services: string, more = ''): string => `apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: ${name}}
spec: {entryPoints: [web], routes: [{kind: Rule, match: 'Host(\`${name}.example.com\`)', services: [${services}]${more}}]}
---
`
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'traefik' }))
    run(`kubectl create deployment web --image=traefik/whoami:v1.11 --replicas=3; kubectl expose deployment web --port=80; kubectl create deployment none --image=nginx --replicas=0; kubectl expose deployment none --port=80
      kubectl create deployment bin --image=kennethreitz/httpbin; kubectl expose deployment bin --port=80
      kubectl create deployment echo --image=registry.k8s.io/e2e-test-images/agnhost:2.53 -- /agnhost netexec --http-port=80; kubectl expose deployment echo --port=80
      kubectl annotate svc web traefik.ingress.kubernetes.io/service.sticky.cookie=true traefik.ingress.kubernetes.io/service.sticky.cookie.name=who traefik.ingress.kubernetes.io/service.sticky.cookie.httponly=true
      kubectl create ingress web --rule="ingress.example.com/*=web:80"
      kubectl apply -f - <<'END'
${route('named', '{name: web, port: 80, sticky: {cookie: {name: my cookie, secure: true, sameSite: none, maxAge: 60, path: /shop}}}')}
${route('nameless', '{name: web, port: 80, sticky: {cookie: {}}}')}
${route('group', '{name: split, kind: TraefikService}')}
${route('mirror', '{name: copied, kind: TraefikService}')}
${route('errors', '{name: bin, port: 80}', ', middlewares: [{name: pages}]')}
${route('empty', '{name: none, port: 80}', ', middlewares: [{name: pages}]')}
${route('lost', '{name: bin, port: 80}', ', middlewares: [{name: absent}]')}
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: split}
spec: {weighted: {sticky: {cookie: {name: side}}, services: [{name: web, port: 80}, {name: echo, port: 80}]}}
---
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: copied}
spec: {mirroring: {name: web, port: 80, mirrors: [{name: echo, port: 80, percent: 50}]}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: pages}
spec: {errors: {status: ['404', '500-599'], query: '/echo?code={status}&msg={status}+{url}', service: {name: echo, port: 80}}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: absent}
spec: {errors: {status: ['500'], service: {name: nowhere, port: 80}}}
END
      kubectl rollout status deployment web bin echo; sleep 5`)
    http = run(`kubectl -n traefik get svc traefik -o jsonpath='{.spec.ports[0].nodePort}'`).output
  })
  const host = (text: string): string => /Hostname: (\S+)/.exec(text)?.[1] ?? ''
  const cookie = (text: string): string => /^Set-Cookie: (.*?)\r$/m.exec(text)?.[1] ?? ''

  it('by an annotation of the Service: the value is of the server, and no cookie comes again', () => {
    const first = get('ingress', '/', '-i')
    const ip = /IP: (10\.\S+)/.exec(first)![1]
    const value = run(`printf http://${ip}:80 | sha256sum`).output.slice(0, 16)
    expect(cookie(first)).toBe(`who=${value}; Path=/; HttpOnly`)
    const again = Array.from({ length: 4 }, () => get('ingress', '/', `-i -b who=${value}`))
    expect(again.map((a) => [host(a), cookie(a)])).toEqual(again.map(() => [host(first), '']))
    // what names nobody is a new beginning
    expect(cookie(get('ingress', '/', '-i -b who=0123456789abcdef'))).toMatch(/^who=[0-9a-f]{16}; /)
    expect(new Set(Array.from({ length: 6 }, () => host(get('ingress')))).size).toBe(3)
  })

  it('by a route: name, attributes, and the name that is made up', () => {
    expect(cookie(get('named', '/', '-i'))).toMatch(/^my_cookie=[0-9a-f]{16}; Path=\/shop; Max-Age=60; Secure; SameSite=None$/)
    expect(cookie(get('nameless', '/', '-i'))).toMatch(/^_[0-9a-f]{5}=[0-9a-f]{16}; Path=\/$/)
  })

  it('of several services: the cookie names the service', () => {
    const answers = [get('group', '/', '-i'), get('group', '/', '-i')]
    const values = ['default-web-80', 'default-echo-80'].map((name) => run(`printf ${name} | sha256sum`).output.slice(0, 16))
    expect(answers.map((a) => cookie(a)).sort()).toEqual(values.map((v) => `side=${v}; Path=/`).sort())
    const kept = Array.from({ length: 4 }, () => get('group', '/', `-b side=${values[0]}`))
    expect(kept.every((a) => host(a).startsWith('web-'))).toBe(true)
  })

  it('mirroring: each second request is at the other, too, whose answer nobody sees', () => {
    const seen = (): number => run('kubectl logs deploy/echo').output.split('\n').filter((l) => l.includes('GET /clientip')).length
    for (let i = 0; i < 4; i++) expect(host(get('mirror', '/clientip'))).toMatch(/^web-/)
    expect(seen()).toBe(2)
  })

  it('errors: a page of another service takes the place, the status stays', () => {
    expect(get('errors', '/status/503?a=b', "-w ' %{http_code}'")).toBe('503 /status/503?a=b 503')
    expect(get('errors', '/status/404', "-w ' %{http_code}'")).toBe('404 /status/404 404')
    expect(get('errors', '/status/418', "-o /dev/null -w '%{http_code}'")).toBe('418')
    expect(get('errors', '/get', "-o /dev/null -w '%{http_code}'")).toBe('200')
    // of what Traefik itself would have said, as well
    expect(get('empty', '/x', "-w ' %{http_code}'")).toBe('503 /x 503')
    // a middleware that cannot be made takes its routers with it
    expect(get('lost', '/status/500', "-w '%{http_code}'")).toBe('404 page not found\n404')
    expect(run('kubectl -n traefik logs deploy/traefik').output).toContain('ERR Error while reading error page middleware error="kubernetes service not found: default/nowhere" middleware=absent namespace=default providerName=kubernetescrd')
  })
})
