import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const manifest = (name: string): string => readFileSync(new URL(`../../../assets/manifests/${name}.yaml`, import.meta.url), 'utf8')
const ARGS = ['--providers.kubernetesgateway', '--providers.kubernetesgateway.experimentalchannel', '--entryPoints.tcp.address=:9000/tcp', '--entryPoints.tls.address=:9443/tcp']
const PATCH = JSON.stringify([...ARGS.map((value) => ({ op: 'add', path: '/spec/template/spec/containers/0/args/-', value })), ...[9000, 9443].map((containerPort) => ({ op: 'add', path: '/spec/template/spec/containers/0/ports/-', value: { name: `p${containerPort}`, containerPort, protocol: 'TCP' } }))])

const ROUTES = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec:
  gatewayClassName: traefik
  listeners:
  - {name: web, port: 8000, protocol: HTTP, hostname: '*.example.com', allowedRoutes: {namespaces: {from: All}}}
  - {name: secure, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: shown}]}}
  - {name: plain, port: 9000, protocol: TCP}
  - {name: passed, port: 9443, protocol: TLS, tls: {mode: Passthrough}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: broken}
spec:
  gatewayClassName: traefik
  listeners:
  - {name: nowhere, port: 7000, protocol: HTTP}
  - {name: datagrams, port: 9000, protocol: UDP}
  - {name: uncertain, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: absent}]}}
  - {name: kinds, port: 8000, protocol: HTTP, allowedRoutes: {kinds: [{kind: TCPRoute}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: front, sectionName: web}]
  hostnames: [shop.example.com]
  rules:
  - {matches: [{path: {value: /v1}}], backendRefs: [{name: one, port: 80}]}
  - {matches: [{path: {type: Exact, value: /v1/exact}}], backendRefs: [{name: two, port: 80}]}
  - {matches: [{path: {value: /v1}, headers: [{name: X-Stage, value: canary}]}], backendRefs: [{name: two, port: 80}]}
  - {matches: [{path: {value: /old}}], filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}]}
  - {matches: [{path: {value: /api}}], filters: [{type: URLRewrite, urlRewrite: {hostname: inner.example.org, path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}, {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Set, value: new}], add: [{name: X-Add, value: more}], remove: [X-Gone]}}, {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Answer, value: changed}]}}], backendRefs: [{name: who, port: 80}]}
  - {matches: [{path: {value: /split}}], backendRefs: [{name: one, port: 80, weight: 3}, {name: two, port: 80}, {name: absent, port: 80, weight: 0}]}
  - {matches: [{path: {value: /mirrored}}], filters: [{type: RequestMirror, requestMirror: {backendRef: {name: two, port: 80}}}], backendRefs: [{name: one, port: 80}]}
  - {matches: [{path: {value: /prefixed}}], filters: [{type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: strip}}], backendRefs: [{name: who, port: 80}]}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: strip}
spec: {stripPrefix: {prefixes: [/prefixed]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: lost}
spec:
  parentRefs: [{name: front, sectionName: web}, {name: front, sectionName: absent}]
  hostnames: [lost.example.com]
  rules: [{backendRefs: [{name: absent, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: elsewhere}
spec: {parentRefs: [{name: front, sectionName: web}], hostnames: [www.example.org], rules: [{backendRefs: [{name: one, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: secure}
spec: {parentRefs: [{name: front, sectionName: secure}], rules: [{backendRefs: [{name: two, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: health}
spec: {parentRefs: [{name: front, sectionName: web}], hostnames: [rpc.example.com], rules: [{matches: [{method: {service: grpc.health.v1.Health, method: Check}}], backendRefs: [{name: rpc, port: 5000}]}]}
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {name: cache}
spec: {parentRefs: [{name: front, sectionName: plain}], rules: [{backendRefs: [{name: redis, port: 6379}]}]}
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {name: denied}
spec: {parentRefs: [{name: front, sectionName: web}], rules: [{backendRefs: [{name: redis, port: 6379}, {name: api, namespace: other, port: 1}]}]}
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TLSRoute
metadata: {name: passes}
spec: {parentRefs: [{name: front, sectionName: passed}], hostnames: [own.example.com], rules: [{backendRefs: [{name: own-tls, port: 443}]}]}
`

/** The Gateway API by Traefik v3.3.6 (pkg/provider/kubernetes/gateway): routers, and what each status says. */
describe('Traefik as a controller of the Gateway API', () => {
  let run: House['run']
  let address: string
  const out = (script: string, stdin = ''): string => run(script, stdin).output
  const inside = (script: string, who = 'client'): string => out(`kubectl exec -i ${who} -- sh -s`, script)
  const ask = (host: string, path: string, options = ''): string => inside(`curl -s ${options} --resolve ${host}:8000:${address} 'http://${host}:8000${path}'`)
  const said = (resource: string, name: string, at = 0): string => out(`kubectl get ${resource} ${name} -o jsonpath='{range .status.parents[${at}].conditions[*]}{.type}={.status} {.reason}{.message}{"\\n"}{end}'`)

  beforeAll(() => {
    ;({ run } = house({ ingressController: 'traefik' }))
    for (const name of ['gateway-api', 'gateway-api-experimental', 'traefik-gateway']) out('kubectl apply --server-side -f - >/dev/null; sleep 1', manifest(name))
    out(`for name in behind shown; do openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key -out $name.crt -days 30 -subj "/CN=$name" -addext 'subjectAltName=DNS:*.example.com' 2>/dev/null; kubectl create secret tls $name --cert=$name.crt --key=$name.key; done
      kubectl create configmap own-tls --from-literal=tls.conf='server { listen 443 ssl; ssl_certificate /s/tls.crt; ssl_certificate_key /s/tls.key; return 200 "behind\\n"; }'
      for n in one two; do kubectl create deployment $n --image=hashicorp/http-echo -- /http-echo -listen=:80 -text=$n; kubectl expose deployment $n --port=80; done
      kubectl create deployment who --image=traefik/whoami; kubectl expose deployment who --port=80
      kubectl create deployment redis --image=redis; kubectl expose deployment redis --port=6379
      kubectl create deployment rpc --image=registry.k8s.io/e2e-test-images/agnhost:2.53 -- /agnhost grpc-health-checking; kubectl expose deployment rpc --port=5000
      kubectl run client --image=nicolaka/netshoot -- sleep infinity`)
    out('kubectl apply -f -', `apiVersion: v1
kind: Pod
metadata: {name: own-tls, labels: {app: own-tls}}
spec:
  containers: [{name: c, image: nginx, volumeMounts: [{name: s, mountPath: /s}, {name: c, mountPath: /etc/nginx/conf.d}]}]
  volumes: [{name: s, secret: {secretName: behind}}, {name: c, configMap: {name: own-tls}}]`)
    out(`kubectl expose pod own-tls --port=443; kubectl -n traefik patch deployment traefik --type json -p '${PATCH}'; kubectl -n traefik rollout status deployment traefik --timeout=120s; kubectl wait --for=condition=Ready pod --all --timeout=120s`)
    expect(out('kubectl apply -f -', ROUTES)).not.toMatch(/error|invalid/i)
    out('sleep 8')
    address = out(`kubectl -n traefik get pod -l app.kubernetes.io/name=traefik -o jsonpath='{.items[0].status.podIP}'`)
  }, 300_000)

  it('says what has become of the class and the Gateways, once', () => {
    expect(out(`kubectl get gatewayclass traefik -o jsonpath='{.status.conditions[*].reason}'`)).toBe('Handled')
    expect(out(`kubectl get gateway front -o jsonpath='{.status.conditions[*].reason} {.status.listeners[*].attachedRoutes}'`)).toBe('Accepted Programmed 4 1 1 1')
    expect(out(`kubectl get gateway broken -o jsonpath='{range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\\n"}{end}{range .status.listeners[*]}{range .conditions[*]}{.type}={.status} {.reason}: {.message}{"\\n"}{end}{end}'`)).toBe(`Accepted=False ListenersNotValid: All Listeners must be valid
Accepted=False PortUnavailable: Cannot find entryPoint for Gateway: no matching entryPoint for port 7000 and protocol "HTTP"
Conflicted=True UnsupportedProtocol: Unsupported listener protocol "UDP"
ResolvedRefs=False InvalidCertificateRef: Error while retrieving certificate: secret default/absent does not exist
Programmed=False Invalid: Error while retrieving certificate: secret default/absent does not exist
ResolvedRefs=False InvalidRouteKinds: Listener protocol "HTTP" does not support RouteGroupKind gateway.networking.k8s.io/TCPRoute
`)
    const versions = (): string => out(`kubectl get gatewayclass,gateway,httproute,tcproute -o jsonpath='{.items[*].metadata.resourceVersion}'`)
    const before = versions()
    out('kubectl annotate svc one touched=yes; sleep 20')
    expect(versions()).toBe(before)
  })

  it.each([
    ['httproute', 'shop', 0, ['Accepted=True Accepted', 'ResolvedRefs=False BackendNotFoundCannot load HTTPBackendRef default/absent: service not found']],
    ['httproute', 'lost', 0, ['Accepted=True Accepted', 'ResolvedRefs=False BackendNotFoundCannot load HTTPBackendRef default/absent: service not found']],
    ['httproute', 'lost', 1, ['Accepted=False NoMatchingParent', 'ResolvedRefs=False BackendNotFoundCannot load HTTPBackendRef default/absent: service not found']],
    ['httproute', 'elsewhere', 0, ['Accepted=False NoMatchingListenerHostname', 'ResolvedRefs=True ResolvedRefs']],
    ['grpcroute', 'health', 0, ['Accepted=True Accepted', 'ResolvedRefs=True ResolvedRefs']],
    ['tcproute', 'cache', 0, ['Accepted=True Accepted', 'ResolvedRefs=True ResolvedRefs']],
    ['tcproute', 'denied', 0, ['Accepted=False NotAllowedByListeners', 'ResolvedRefs=False RefNotPermittedCannot load TCPRoute BackendRef core/Service/other/api: missing ReferenceGrant']],
    ['tlsroute', 'passes', 0, ['Accepted=True Accepted', 'ResolvedRefs=True ResolvedRefs']],
  ] as const)('says of %s %s at its parent %i what it is', (resource, name, at, conditions) => {
    expect(said(resource, name, at).trimEnd().split('\n')).toEqual(conditions)
  })

  it.each([
    ['a prefix', 'shop.example.com', '/v1', '', 'one\n'],
    ['an exact path before it', 'shop.example.com', '/v1/exact', '', 'two\n'],
    ['a header before less', 'shop.example.com', '/v1', '-H X-Stage:canary', 'two\n'],
    ['whole parts of a path only', 'shop.example.com', '/v1elsewhere', '', '404 page not found\n'],
    ['no name that its listener has not', 'www.example.org', '/', '', '404 page not found\n'],
    ['nobody, for a Service that is not there', 'lost.example.com', '/', `-w '%{http_code}'`, '500'],
    ['nobody, for a filter that it has not', 'shop.example.com', '/mirrored', `-w '%{http_code}'`, '500'],
    ['a prefix to another place', 'shop.example.com', '/old/a/?b=c', `-o /dev/null -w '%{http_code} %{redirect_url}'`, '301 https://shop.example.com/new/a/?b=c'],
  ])('matches %s', (_, host, path, options, answer) => {
    expect(ask(host, path, options)).toBe(answer)
  })

  it('changes paths, hosts and headers, and has middlewares of its own kind as filters', () => {
    const answer = ask('shop.example.com', '/api/x?y=z', '-i -H X-Gone:1 -H X-Add:old')
    for (const line of ['X-Answer: changed', 'GET /x?y=z HTTP/1.1', 'Host: inner.example.org', 'X-Add: old', 'X-Add: more', 'X-Set: new']) expect(answer.split(/\r?\n/)).toContain(line)
    expect(answer).not.toContain('X-Gone')
    expect(ask('shop.example.com', '/prefixed/a')).toMatch(/^GET \/a HTTP\/1.1$/m)
    expect(out('kubectl -n traefik logs deploy/traefik')).toContain('ERR Unable to load HTTPRoute filters error="unsupported filter RequestMirror" http_route=shop namespace=default providerName=kubernetesgateway')
  })

  it('splits by weight, and leaves out what weighs nothing', () => {
    const seen = Array.from({ length: 8 }, () => ask('shop.example.com', '/split')).sort().join('')
    expect(seen).toBe(`${'one\n'.repeat(6)}${'two\n'.repeat(2)}`)
  })

  it('carries TCP, TLS by its name, HTTPS and gRPC to their servers', () => {
    expect(inside(`redis-cli -h ${address} -p 9000 ping`, 'deploy/redis')).toBe('PONG\n')
    expect(inside(`curl -sk --resolve own.example.com:9443:${address} https://own.example.com:9443/`)).toBe('behind\n')
    expect(inside(`curl -vsk --resolve a.example.com:8443:${address} https://a.example.com:8443/ 2>&1`)).toMatch(/subject: CN=shown[^]*two\n/)
    expect(inside(`printf '\\0\\0\\0\\0\\0' | curl -s -i --http2-prior-knowledge -H 'content-type: application/grpc' -H 'te: trailers' --data-binary @- --resolve rpc.example.com:8000:${address} http://rpc.example.com:8000/grpc.health.v1.Health/Check`)).toMatch(/HTTP\/2 200[^]*grpc-status: 0/)
  })

  it('goes to another namespace with a ReferenceGrant alone', () => {
    const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: far}
spec: {parentRefs: [{name: front, sectionName: web}], hostnames: [far.example.com], rules: [{backendRefs: [{name: far, namespace: other, port: 80}]}]}`
    out('kubectl create namespace other; kubectl -n other create deployment far --image=hashicorp/http-echo -- /http-echo -listen=:80 -text=far; kubectl -n other expose deployment far --port=80; kubectl -n other rollout status deployment far')
    out('kubectl apply -f -; sleep 5', route)
    expect(said('httproute', 'far')).toBe('Accepted=True Accepted\nResolvedRefs=False RefNotPermittedCannot load HTTPBackendRef core/Service/other/far: missing ReferenceGrant\n')
    expect(ask('far.example.com', '/', `-w '%{http_code}'`)).toBe('500')
    out('kubectl apply -f -; sleep 5', `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: for-routes, namespace: other}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}], to: [{group: '', kind: Service}]}`)
    expect(said('httproute', 'far')).toBe('Accepted=True Accepted\nResolvedRefs=True ResolvedRefs\n')
    expect(ask('far.example.com', '/')).toBe('far\n')
  })
})

describe('Traefik that is asked for the Gateway API too early', () => {
  it('tells of kinds that are missing, and provides when they are there', () => {
    const { run } = house({ ingressController: 'traefik' })
    const out = (script: string, stdin = ''): string => run(script, stdin).output
    out(`kubectl -n traefik patch deployment traefik --type json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--providers.kubernetesgateway"}]'; kubectl -n traefik rollout status deployment traefik --timeout=120s; sleep 3`)
    expect(out('kubectl -n traefik logs deploy/traefik')).toContain('failed to list *v1.Gateway: the server could not find the requested resource (get gateways.gateway.networking.k8s.io)')
    for (const name of ['gateway-api', 'traefik-gateway']) out('kubectl apply --server-side -f - >/dev/null; sleep 1', manifest(name))
    out('kubectl apply -f -; sleep 60', `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec: {gatewayClassName: traefik, listeners: [{name: web, port: 8000, protocol: HTTP}, {name: raw, port: 8080, protocol: TCP}]}`)
    expect(out(`kubectl get gateway front -o jsonpath='{.status.conditions[*].reason} {.status.listeners[1].conditions[0].message}'`)).toBe('ListenersNotValid Protocol "TCP" requires the experimental channel support to be enabled, please use the `experimentalChannel` option')
  })
})
