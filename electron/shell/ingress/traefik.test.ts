import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'

describe('Traefik', () => {
  let run: House['run']
  let http: string
  let https: string
  const get = (host: string, path: string, options = ''): string => run(`curl -s ${options} -H 'Host: ${host}' http://${NODE}:${http}${path}`).output
  const apply = (yaml: string): void => void run(`kubectl apply -f - <<'END'\n${yaml}\nEND\nsleep 3`)
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'traefik' }))
    run(`kubectl create deployment web --image=traefik/whoami:v1.11; kubectl expose deployment web --port=80
      kubectl create deployment other --image=hashicorp/http-echo -- /http-echo -text=other; kubectl expose deployment other --port=80 --target-port=5678
      kubectl create deployment none --image=nginx --replicas=0; kubectl expose deployment none --port=80
      kubectl create ingress web --rule="shop.example.com/*=web:80" --rule="shop.example.com/other*=other:80" --rule="shop.example.com/exactly=other:80" --rule="shop.example.com/x=other:80" --rule="*.wild.example.com/*=other:80" --rule="none.example.com/*=none:80" --rule="lost.example.com/*=lost:80"
      kubectl rollout status deployment web other; sleep 5`)
    ;[http, https] = run(`kubectl -n traefik get svc traefik -o jsonpath='{.spec.ports[0].nodePort} {.spec.ports[1].nodePort}'`).output.split(' ') as [string, string]
  })

  it('is the default class, and says so', () => {
    expect(run('kubectl get ingressclass,ingress').output).toMatch(/traefik +traefik\.io\/ingress-controller[^]*web +traefik +/)
    expect(run('kubectl -n traefik get pods').output).toMatch(/traefik-[^ ]+ +1\/1 +Running/)
  })

  it('takes the longest rule; a prefix is one of letters, not of elements', () => {
    expect(get('shop.example.com', '/')).toContain('Hostname: web-')
    expect([get('shop.example.com', '/other/x'), get('shop.example.com', '/others'), get('shop.example.com', '/exactly'), get('a.wild.example.com', '/')]).toEqual(['other\n', 'other\n', 'other\n', 'other\n'])
    expect(get('shop.example.com', '/exactly/more')).toContain('Hostname: web-')
    // Path(`/x`) is a shorter rule than PathPrefix(`/`)
    expect(get('shop.example.com', '/x')).toContain('Hostname: web-')
  })

  it.each([
    ['nowhere.example.com', 404, '404 page not found\n'],
    ['lost.example.com', 404, '404 page not found\n'],
    ['none.example.com', 503, 'no available server\n'],
    ['a.b.wild.example.com', 404, '404 page not found\n'],
  ])('has its own words for %s: %i', (host, status, body) => {
    expect(get(host, '/', "-w '%{http_code}'")).toBe(`${body}${status}`)
    expect(get(host, '/', '-i')).toContain('Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n')
  })

  it('tells the backend who asked', () => {
    const pod = run('kubectl -n traefik get pods -o name').output.trim().replace('pod/', '')
    expect(get('shop.example.com', '/', "-H 'X-Forwarded-For: 1.2.3.4'").replaceAll('\r', '')).toMatch(new RegExp(`GET / HTTP/1\\.1\nHost: shop\\.example\\.com\nUser-Agent: curl/7\\.88\\.1\nAccept: \\*/\\*\nAccept-Encoding: gzip\nX-Forwarded-For: 10\\.244\\.\\d+\\.\\d+\nX-Forwarded-Host: shop\\.example\\.com\nX-Forwarded-Port: 80\nX-Forwarded-Proto: http\nX-Forwarded-Server: ${pod}\nX-Real-Ip: 10\\.244\\.\\d+\\.\\d+\n`))
  })

  it('on the TLS entry point it shows its own certificate until there is a better one', () => {
    const at = (host: string): string => run(`curl -skv -o /dev/null --resolve ${host}:${https}:${NODE} https://${host}:${https}/`).output
    expect(at('shop.example.com')).toContain('*  subject: CN=TRAEFIK DEFAULT CERT\n')
    expect(at('shop.example.com')).toContain('SSL connection using TLSv1.3 / TLS_AES_128_GCM_SHA256\n')
    run(`openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=shop.example.com -addext subjectAltName=DNS:shop.example.com; kubectl create secret tls shop --cert=c --key=k
      kubectl patch ingress web -p '{"spec":{"tls":[{"hosts":["shop.example.com"],"secretName":"shop"}]}}'; sleep 5`)
    expect(at('shop.example.com')).toMatch(/subject: CN=shop\.example\.com\n[^]*< HTTP\/2 200 \n/)
    expect(at('other.example.com')).toContain('*  subject: CN=TRAEFIK DEFAULT CERT\n')
  })

  it('middlewares change the path, the headers and the scheme', () => {
    apply(`apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: strip}
spec: {stripPrefix: {prefixes: [/api]}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: hello}
spec: {headers: {customRequestHeaders: {X-Hello: world}, customResponseHeaders: {X-Bye: now}}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: secure}
spec: {redirectScheme: {scheme: https, permanent: true}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: api, annotations: {traefik.ingress.kubernetes.io/router.middlewares: 'default-strip@kubernetescrd,default-hello@kubernetescrd'}}
spec: {rules: [{host: api.example.com, http: {paths: [{path: /api, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: secure, annotations: {traefik.ingress.kubernetes.io/router.entrypoints: web, traefik.ingress.kubernetes.io/router.middlewares: default-secure@kubernetescrd}}
spec: {rules: [{host: secure.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: broken, annotations: {traefik.ingress.kubernetes.io/router.middlewares: default-absent@kubernetescrd}}
spec: {rules: [{host: broken.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}`)
    const answer = get('api.example.com', '/api/users?a=b', '-i')
    expect(answer).toMatch(/X-Bye: now\r\n[^]*GET \/users\?a=b HTTP\/1\.1\r?\n[^]*X-Forwarded-Prefix: \/api\r?\n[^]*X-Hello: world\r?\n/)
    expect(get('secure.example.com', '/x?y', "-o /dev/null -w '%{http_code} %{redirect_url}'")).toBe('301 https://secure.example.com/x?y')
    expect(get('broken.example.com', '/')).toBe('404 page not found\n')
    expect(run('kubectl -n traefik logs deploy/traefik').output).toContain('ERR error="middleware \\"default-absent@kubernetescrd\\" does not exist" entryPointName=web routerName=default-broken-broken-example-com@kubernetes\n')
  })

  it('forwardAuth asks a server of one’s own: its headers go on to the backend, its refusal to the client', () => {
    run(`kubectl create deployment auth --image=kennethreitz/httpbin; kubectl expose deployment auth --port=80; kubectl rollout status deployment auth; sleep 3`)
    const forward = (name: string, path: string, more = ''): string => `apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: ${name}}
spec: {forwardAuth: {address: 'http://auth.default.svc.cluster.local${path}'${more}}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: ${name}}
spec: {entryPoints: [web], routes: [{kind: Rule, match: 'Host(\`${name}.example.com\`)', services: [{name: web, port: 80}], middlewares: [{name: ${name}}]}]}
---
`
    apply(forward('grant', '/response-headers?X-User=ann', ', authResponseHeaders: [X-User, X-Other]') + forward('deny', '/status/403') + forward('login', '/redirect-to?url=/sign-in', ', maxBodySize: 5') + forward('gone', ':81/'))
    // what the client claims to be does not reach the backend
    const answer = get('grant.example.com', '/x', "-H 'X-User: me' -H 'X-Other: me'")
    expect(answer).toMatch(/GET \/x HTTP\/1\.1\r?\n[^]*X-User: ann\r?\n/)
    expect(answer).not.toContain('X-Other')
    expect(get('deny.example.com', '/', "-o /dev/null -w '%{http_code}'")).toBe('403')
    expect(get('login.example.com', '/', "-o /dev/null -w '%{http_code} %{redirect_url}'")).toBe('302 http://auth.default.svc.cluster.local/sign-in')
    expect(get('gone.example.com', '/', "-w '%{http_code}'")).toBe('500')
    expect(run('kubectl -n traefik logs deploy/traefik').output).toContain('podhop: not simulated: forwardAuth.maxBodySize of Middleware default/login (it is as if it were not there)')
  })

  it('forwardAuth tells the server who wants what', () => {
    apply(`apiVersion: v1
kind: Pod
metadata: {name: asked, labels: {app: asked}}
spec: {containers: [{name: c, image: 'busybox:1.36', command: [sh, -c, "while true; do printf 'HTTP/1.1 401 Unauthorized\\r\\nContent-Length: 0\\r\\n\\r\\n' | nc -l -p 80 -w 2; done"]}]}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: asked}
spec: {forwardAuth: {address: 'http://asked.default/verify'}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: asked}
spec: {entryPoints: [web], routes: [{kind: Rule, match: 'Host(\`asked.example.com\`)', services: [{name: web, port: 80}], middlewares: [{name: asked}]}]}`)
    run('kubectl expose pod asked --port=80; kubectl wait pod asked --for=condition=Ready; sleep 3')
    expect(run(`curl -s -o /dev/null -w '%{http_code}' -X POST -d a=b -H 'X-Forwarded-For: 1.2.3.4' -H 'Host: asked.example.com' 'http://${NODE}:${http}/path?q=1'`).output).toBe('401')
    expect(run('sleep 3; kubectl logs asked').output.replaceAll('\r', '')).toMatch(/(?:^|\n)GET \/verify HTTP\/1\.1\nHost: asked\.default\nUser-Agent: curl\/7\.88\.1\nAccept: \*\/\*\nAccept-Encoding: gzip\nContent-Type: application\/x-www-form-urlencoded\nX-Forwarded-For: 10\.244\.\d+\.\d+\nX-Forwarded-Host: asked\.example\.com\nX-Forwarded-Method: POST\nX-Forwarded-Proto: http\nX-Forwarded-Uri: \/path\?q=1\n\n/)
  })

  it('an IngressRoute has rules of its own, priorities and weights', () => {
    apply(`apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: routes}
spec:
  entryPoints: [web]
  routes:
  - {kind: Rule, match: 'Host(\`route.example.com\`) && PathPrefix(\`/\`)', services: [{name: web, port: 80, weight: 3}, {name: other, port: 80, weight: 1}]}
  - {kind: Rule, match: 'Host(\`route.example.com\`) && (Path(\`/only\`) || Header(\`X-Who\`, \`me\`)) && !Method(\`POST\`)', priority: 1000, services: [{name: other, port: 80}]}`)
    expect([get('route.example.com', '/only'), get('route.example.com', '/x', "-H 'X-Who: me'")]).toEqual(['other\n', 'other\n'])
    const shares = Array.from({ length: 8 }, () => get('route.example.com', '/')).filter((b) => b === 'other\n').length
    expect(shares).toBe(2)
  })

  it('logs what it served', () => {
    get('shop.example.com', '/logged')
    get('nowhere.example.com', '/logged')
    const lines = run('kubectl -n traefik logs deploy/traefik').output.split('\n').filter((l) => l.includes('/logged'))
    expect(lines[0]).toMatch(/^10\.244\.\d+\.\d+ - - \[05\/Jan\/2026:[0-9:]+ \+0000\] "GET \/logged HTTP\/1\.1" 200 \d+ "-" "-" \d+ "default-web-shop-example-com@kubernetes" "http:\/\/10\.244\.\d+\.\d+:80" \d+ms$/)
    expect(lines[1]).toMatch(/ 404 19 "-" "-" \d+ "-" "-" 0ms$/)
    expect(run('kubectl -n traefik logs deploy/traefik').output).toContain('ERR Cannot create service error="service not found" ingress=web namespace=default providerName=kubernetes serviceName=lost')
  })

  it('a TraefikService shares requests out by weight, also as a part of a route', () => {
    apply(`apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: split}
spec: {weighted: {services: [{name: web, port: 80, weight: 3}, {name: other, port: 80, weight: 1}]}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: split}
spec:
  entryPoints: [web]
  routes:
  - {kind: Rule, match: 'Host(\`split.example.com\`)', services: [{name: split, kind: TraefikService}]}
  - {kind: Rule, match: 'Host(\`half.example.com\`)', services: [{name: split, kind: TraefikService, weight: 1}, {name: other, port: 80, weight: 1}]}
  - {kind: Rule, match: 'Host(\`absent.example.com\`)', services: [{name: absent, kind: TraefikService}]}`)
    const others = (host: string): number => Array.from({ length: 8 }, () => get(host, '/')).filter((b) => b === 'other\n').length
    expect([others('split.example.com'), others('half.example.com')]).toEqual([2, 5])
    expect(get('absent.example.com', '/')).toBe('404 page not found\n')
  })

  it('IngressRouteTCP and IngressRouteUDP pass on what comes to an entry point of their own, unseen', () => {
    run(`kubectl create deployment echo --image=registry.k8s.io/e2e-test-images/agnhost:2.53 -- /agnhost netexec --http-port=8080 --udp-port=8081
kubectl expose deployment echo --port=80 --target-port=8080; kubectl create service clusterip gone --tcp=80
kubectl create -f - <<'END'
apiVersion: v1
kind: Service
metadata: {name: echo-udp}
spec: {selector: {app: echo}, ports: [{port: 81, targetPort: 8081, protocol: UDP}]}
END
kubectl -n traefik patch deploy traefik --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--entryPoints.raw.address=:9000/tcp"},{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--entryPoints.empty.address=:9001"},{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--entryPoints.dgram.address=:9002/udp"}]'
kubectl -n traefik rollout status deploy traefik; kubectl rollout status deploy echo`)
    const route = (kind: string, name: string, entry: string, of: string): string => `apiVersion: traefik.io/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: {entryPoints: [${entry}], routes: [${of}]}\n---\n`
    apply(route('IngressRouteTCP', 'raw', 'raw', "{match: 'HostSNI(\`*\`)', services: [{name: echo, port: 80}]}") + route('IngressRouteTCP', 'empty', 'empty', "{match: 'HostSNI(\`*\`)', services: [{name: gone, port: 80}]}") + route('IngressRouteTCP', 'sni', 'raw', "{match: 'HostSNI(\`a.example.com\`)', services: [{name: echo, port: 80}]}") + route('IngressRouteUDP', 'dgram', 'dgram', '{services: [{name: echo-udp, port: 81}]}'))
    const pod = run("sleep 3; kubectl -n traefik get pods --field-selector=status.phase=Running -o jsonpath='{.items[0].status.podIP}'").output
    expect(run(`hop node worker-1 -- curl -s http://${pod}:9000/clientip`).output).toMatch(new RegExp(`^${pod}:\\d+$`))
    expect(run(`hop node worker-1 -- curl -s http://${pod}:9001/`).code).not.toBe(0)
    expect(run(`kubectl run asker --image=nicolaka/netshoot:v0.13 --command -- sleep 1000 > /dev/null; kubectl wait pod asker --for=condition=Ready > /dev/null; kubectl exec asker -- sh -c 'echo hostname | nc -u -w 1 ${pod} 9002'`).output).toMatch(/^echo-/)
    const log = run('kubectl -n traefik logs deploy/traefik').output
    expect(log).toContain('ERR Error during load balancing error="no servers in the pool"\n')
    expect(log).toContain('ERR error="invalid rule: \\"HostSNI(`a.example.com`)\\" , has HostSNI matcher, but no TLS on router" entryPointName=raw routerName=default-sni-')
  })

  it('kinds that nobody serves here are refused in words', () => {
    for (const kind of ['ServersTransportTCP']) {
      const { output, code } = run(`kubectl apply -f - <<'END'\napiVersion: traefik.io/v1alpha1\nkind: ${kind}\nmetadata: {name: tried}\nspec: {}\nEND`)
      expect([output, code]).toEqual([expect.stringContaining(`podhop: not simulated: Traefik's ${kind} (`), 1])
    }
  })
})
