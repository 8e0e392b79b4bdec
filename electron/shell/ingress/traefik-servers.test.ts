import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'

/** loadServers of pkg/provider/kubernetes/crd and …/ingress of Traefik v3.3.6, and what stays within a namespace. */
describe('Traefik: which servers a Service stands for, and what it may not be', () => {
  let run: House['run']
  let http: string
  const out = (script: string, stdin = ''): string => run(script, stdin).output
  const get = (host: string, path = '/', options = ''): string => out(`curl -s ${options} -H 'Host: ${host}.example.com' http://${NODE}:${http}${path}`)
  const log = (): string => out('kubectl -n traefik logs deploy/traefik')
  const route = (name: string, services: string, more = ''): string => `apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: ${name}}
spec: {entryPoints: [web], routes: [{kind: Rule, match: 'Host(\`${name}.example.com\`)', services: [${services}]${more}}]}
---
`
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'traefik' }))
    out(`kubectl create deployment web --image=traefik/whoami:v1.11 --replicas=2; kubectl expose deployment web --port=80; kubectl expose deployment web --name=headless --port=80 --cluster-ip=None; kubectl expose deployment web --name=nodes --port=80 --type=NodePort
      kubectl create namespace other; kubectl -n other create deployment web --image=traefik/whoami:v1.11; kubectl -n other expose deployment web --port=80
      kubectl expose deployment web --name=native --port=80; kubectl annotate svc native traefik.ingress.kubernetes.io/service.nativelb=true
      kubectl create ingress native --rule='ingress.example.com/*=native:80'; kubectl create ingress quiet --rule='quiet.example.com/*=web:80'; kubectl annotate ingress quiet traefik.ingress.kubernetes.io/router.observability.accesslogs=false
      kubectl wait --for=condition=Available deployment web; kubectl -n other wait --for=condition=Available deployment web`)
    out('kubectl apply -f -; sleep 6', `${route('native', '{name: web, port: 80, nativeLB: true}')}${route('headless', '{name: headless, port: 80, nativeLB: true}')}${route('nodes', '{name: nodes, port: 80, nodePortLB: true}')}
${route('random', '{name: web, port: 80, strategy: Random}')}${route('checked', '{name: web, port: 80, healthCheck: {path: /health}}')}${route('lost', '{name: absent, port: 80}')}${route('text', '{name: web, port: "80"}')}${route('portless', '{name: web}')}
${route('far', '{name: web, namespace: other, port: 80}')}${route('guarded', '{name: web, port: 80}', ', middlewares: [{name: strip, namespace: other}]')}${route('silent', '{name: web, port: 80}', ', observability: {accessLogs: false}')}
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: strip, namespace: other}
spec: {stripPrefix: {prefixes: [/shop]}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRouteTCP
metadata: {name: far}
spec: {entryPoints: [websecure], routes: [{match: 'HostSNI(\`far.example.com\`)', services: [{name: web, namespace: other, port: 80}]}], tls: {}}
`)
    http = out("kubectl -n traefik get svc traefik -o jsonpath='{.spec.ports[?(@.name==\"web\")].nodePort}'")
  }, 300_000)

  const servers = (host: string): string[] => [...new Set(Array.from({ length: 4 }, () => { get(host); return /"(http:[^"]*)" [0-9]+ms\n$/.exec(log())?.[1] ?? 'none' }))].sort()

  it('nativeLB: the Service itself, of which kube-proxy chooses', () => {
    for (const [host, service] of [['native', 'web'], ['ingress', 'native']] as const) {
      expect(servers(host)).toEqual([`http://${out(`kubectl get svc ${service} -o jsonpath='{.spec.clusterIP}'`)}:80`])
      expect(get(host)).toMatch(/^Hostname: web-/)
    }
  })

  it('nodePortLB: the port of each node', () => {
    const port = out("kubectl get svc nodes -o jsonpath='{.spec.ports[0].nodePort}'")
    expect(servers('nodes')).toEqual(['172.18.0.2', '172.18.0.3', '172.18.0.4'].map((node) => `http://${node}:${port}`))
    expect(get('nodes')).toMatch(/^Hostname: web-/)
  })

  it.each([
    ['headless', 'getting native Kubernetes Service address: no clusterIP on headless service: default/headless'],
    ['random', 'load balancing strategy Random is not supported'],
    ['checked', 'healthCheck allowed only for ExternalName services: default/web'],
    ['lost', 'kubernetes service not found: default/absent'],
    ['text', 'service port not found: 80'],
    ['portless', 'ingressRoute service port not defined'],
    ['far', 'load balancer service other/web is not in the parent resource namespace default'],
  ])('has no router for the IngressRoute %s, and says so', (name, error) => {
    expect(get(name)).toBe('404 page not found\n')
    expect(log()).toContain(`ERR error="${error}" ingress=${name} namespace=default providerName=kubernetescrd\n`)
  })

  it('keeps middlewares and the servers of TCP within their namespace', () => {
    expect(get('guarded')).toBe('404 page not found\n')
    expect(log()).toContain('ERR Failed to create middleware keys error="middleware other/strip is not in the IngressRoute namespace default" ingress=guarded namespace=default providerName=kubernetescrd\n')
    expect(log()).toContain('ERR Cannot create service error="tcp service other/web is not in the parent resource namespace default" ingress=far namespace=default providerName=kubernetescrd\n')
  })

  it('logs nothing of a router that asks for it', () => {
    for (const host of ['silent', 'quiet']) {
      const before = log()
      expect(get(host)).toMatch(/^Hostname: web-/)
      expect(log()).toBe(before)
    }
  })

  it('lets them be elsewhere once allowCrossNamespace is said', () => {
    out(`kubectl -n traefik patch deployment traefik --type json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--providers.kubernetescrd.allowCrossNamespace=true"}]'; kubectl -n traefik rollout status deployment traefik --timeout=120s; sleep 5`)
    expect(get('far')).toMatch(/^Hostname: web-/)
    expect(get('guarded', '/shop/a')).toMatch(/^GET \/a HTTP\/1.1$/m)
  })
})
