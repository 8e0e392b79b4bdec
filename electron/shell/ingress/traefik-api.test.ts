import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'
const DASHBOARD = '{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, metadata: {name: dashboard, namespace: traefik}, spec: {entryPoints: [traefik, web], routes: [{kind: Rule, match: Host(`dash.example.com`) && (PathPrefix(`/api`) || PathPrefix(`/dashboard`)), services: [{kind: TraefikService, name: api@internal}]}]}}'

describe("Traefik's API, and what it counts", () => {
  let run: House['run']
  let http: string
  const get = (host: string, path: string, options = ''): string => run(`curl -s ${options} -H 'Host: ${host}' 'http://${NODE}:${http}${path}'`).output.replaceAll('\r\n', '\n')
  const api = (path: string): unknown => JSON.parse(get('dash.example.com', path))
  const apply = (yaml: string): void => void run(`kubectl apply -f - <<'END'\n${yaml}\nEND\nsleep 3`)
  const route = (name: string, host: string, settings: string): string => `{apiVersion: traefik.io/v1alpha1, kind: Middleware, metadata: {name: ${name}}, spec: {${settings}}}
---
{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, metadata: {name: ${name}}, spec: {entryPoints: [web], routes: [{kind: Rule, match: Host(\`${host}\`), middlewares: [{name: ${name}}], services: [{name: bin, port: 80}]}]}}`
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'traefik' }))
    run(`kubectl create deployment bin --image=kennethreitz/httpbin; kubectl expose deployment bin --port=80; kubectl create ingress bin --rule="bin.example.com/*=bin:80"; kubectl rollout status deployment bin`)
    apply(DASHBOARD)
    http = run(`kubectl -n traefik get svc traefik -o jsonpath='{.spec.ports[0].nodePort}'`).output
  })

  it('is to be had by an IngressRoute to api@internal, not at its port alone', () => {
    expect(api('/api/version')).toMatchObject({ Version: '3.3.6', Codename: 'saintnectaire' })
    const pod = run(`kubectl -n traefik get pods -o jsonpath='{.items[0].status.podIP}'`).output
    run('kubectl run probe --image=curlimages/curl --command -- sleep 1d; kubectl wait --for=condition=Ready pod/probe')
    const inside = (options: string): string => run(`kubectl exec probe -- curl -s -w '%{http_code}' ${options}`).output
    expect(inside(`http://${pod}:8080/api/version`)).toBe('404 page not found\n404')
    expect(inside(`-H 'Host: dash.example.com' -o /dev/null http://${pod}:8080/api/version`)).toBe('200')
    expect(inside(`http://${pod}:8080/ping`)).toBe('OK200')
    expect(get('dash.example.com', '/dashboard/', "-w '%{http_code}'")).toMatch(/^podhop: not simulated: Traefik's dashboard [^]*501$/)
  })

  it('tells of routers and services, with the servers of each', () => {
    const ip = run(`kubectl get pod -l app=bin -o jsonpath='{.items[0].status.podIP}'`).output
    expect(api('/api/http/routers/default-bin-bin-example-com@kubernetes')).toEqual({
      entryPoints: ['web', 'websecure'], service: 'default-bin-80', rule: 'Host(`bin.example.com`) && PathPrefix(`/`)', priority: 42, observability: { accessLogs: true, tracing: true, metrics: true }, status: 'enabled', using: ['web', 'websecure'], name: 'default-bin-bin-example-com@kubernetes', provider: 'kubernetes',
    })
    expect(api('/api/http/services/default-bin-80@kubernetes')).toMatchObject({ loadBalancer: { servers: [{ url: `http://${ip}:80` }], passHostHeader: true }, usedBy: ['default-bin-bin-example-com@kubernetes'], serverStatus: { [`http://${ip}:80`]: 'UP' }, type: 'loadbalancer' })
    expect((api('/api/http/routers?search=dashboard') as { service: string }[]).map((r) => r.service)).toEqual(['api@internal'])
    expect((api('/api/entrypoints') as { name: string; address: string }[]).map((e) => `${e.name} ${e.address}`)).toEqual(['metrics :9100/tcp', 'traefik :8080/tcp', 'web :8000/tcp', 'websecure :8443/tcp'])
    expect(get('dash.example.com', '/api/http/routers/nobody@file', '-i')).toMatch(/^HTTP\/1\.1 404 Not Found\nContent-Type: text\/plain; charset=utf-8\nX-Content-Type-Options: nosniff\n[^]*\n\n\{"message":"router not found: nobody@file"\}\n$/)
    expect(get('dash.example.com', '/api/http/routers?per_page=1&page=2', '-i')).toContain('X-Next-Page: 3\n')
    expect(get('dash.example.com', '/api/http/routers')).toContain('"priority":9223372036854775807,')
  })

  it('a router whose middleware is not there is disabled, and says why', () => {
    run(`kubectl annotate ingress bin traefik.ingress.kubernetes.io/router.middlewares=default-lost@kubernetescrd; sleep 3`)
    expect(api('/api/http/routers/default-bin-bin-example-com@kubernetes')).toMatchObject({ status: 'disabled', error: ['middleware "default-lost@kubernetescrd" does not exist'], using: [] })
    expect(api('/api/overview')).toMatchObject({ http: { routers: { errors: 1, warnings: 0 } }, providers: ['KubernetesIngress', 'KubernetesCRD'] })
    run(`kubectl annotate ingress bin traefik.ingress.kubernetes.io/router.middlewares-; sleep 3`)
  })

  it('inFlightReq: more at a time than that are refused', () => {
    apply(route('few', 'few.example.com', 'inFlightReq: {amount: 1}'))
    const ask = `curl -s -o /dev/null -w '%{http_code}\\n' -H 'Host: few.example.com' http://${NODE}:${http}`
    const { output } = run(`${ask}/delay/3 > first &\nsleep 1; curl -si -H 'Host: few.example.com' http://${NODE}:${http}/get; echo; wait; cat first; ${ask}/get`)
    expect(output.replaceAll('\r\n', '\n')).toMatch(/^HTTP\/1\.1 429 Too Many Requests\n[^]*\n\nmax connections reached: 1\n[^]*200\n200\n$/)
  })

  it('circuitBreaker: opens when too many fail, and closes by and by', () => {
    apply(route('breaker', 'breaker.example.com', 'circuitBreaker: {expression: "ResponseCodeRatio(500, 600, 0, 600) > 0.5"}'))
    const status = (path: string): string => get('breaker.example.com', path, "-o /dev/null -w '%{http_code}'")
    expect(status('/get')).toBe('200')
    run('sleep 1')
    expect(status('/status/500')).toBe('500')
    run('sleep 1')
    expect(status('/status/500')).toBe('500')
    run('sleep 1')
    expect(get('breaker.example.com', '/get', '-i')).toMatch(/^HTTP\/1\.1 503 Service Unavailable\n[^]*\n\nService Unavailable$/)
    run('sleep 10')
    status('/get')
    run('sleep 11')
    expect([status('/get'), status('/get')]).toEqual(['200', '200'])
    apply(route('breaker', 'breaker.example.com', 'circuitBreaker: {expression: "nonsense"}'))
    expect(status('/get')).toBe('404')
    expect(run('kubectl -n traefik logs deploy/traefik').output).toContain('failed to parse expression')
  })

  it('the TLSStore default has the certificate for names that no other has', () => {
    const https = run(`kubectl -n traefik get svc traefik -o jsonpath='{.spec.ports[1].nodePort}'`).output
    const subject = (host: string): string | undefined => /subject: (.*)/.exec(run(`curl -skv -o /dev/null --resolve ${host}:${https}:${NODE} https://${host}:${https}/`).output)?.[1]
    const store = (secret: string): void => apply(`{apiVersion: traefik.io/v1alpha1, kind: TLSStore, metadata: {name: default}, spec: {defaultCertificate: {secretName: ${secret}}}}`)
    for (const name of ['everybody', 'named']) run(`openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=${name}.example.com -addext subjectAltName=DNS:${name}.example.com; kubectl create secret tls ${name} --cert=c --key=k`)
    store('lost')
    expect(subject('other.example.com')).toBe('CN=TRAEFIK DEFAULT CERT')
    expect(run('kubectl -n traefik logs deploy/traefik').output).toContain('ERR Secret default/lost does not exist TLSStore=default namespace=default providerName=kubernetescrd\n')
    store('everybody')
    run(`kubectl create ingress named --rule="named.example.com/*=bin:80,tls=named"; sleep 3`)
    expect([subject('other.example.com'), subject('named.example.com')]).toEqual(['CN=everybody.example.com', 'CN=named.example.com'])
    expect(run(`kubectl apply -f - <<'END'\n{apiVersion: traefik.io/v1alpha1, kind: TLSStore, metadata: {name: made}, spec: {defaultGeneratedCert: {resolver: x}}}\nEND`).output).toContain("podhop: not simulated: defaultGeneratedCert of Traefik's TLSStore (use defaultCertificate)")
  })

  it('a TCP route that names no entry point leaves Traefik its own', () => {
    apply('{apiVersion: traefik.io/v1alpha1, kind: IngressRouteTCP, metadata: {name: all}, spec: {routes: [{match: HostSNI(`*`), services: [{name: bin, port: 80}]}]}}')
    const pod = run(`kubectl -n traefik get pods -o jsonpath='{.items[0].status.podIP}'`).output
    expect(run(`kubectl exec probe -- curl -s -m 2 http://${pod}:8080/ping`).output).toBe('OK')
    expect(get('nobody.example.com', '/get')).toContain('"Host": "nobody.example.com"')
    run('kubectl delete ingressroutetcp all; sleep 3')
    expect(get('nobody.example.com', '/get')).toBe('404 page not found\n')
  })

  it('compress lets small answers through as they are, and says which encodings nobody makes', () => {
    apply(route('small', 'small.example.com', 'compress: {}'))
    expect(get('small.example.com', '/get', '-i')).not.toContain('Vary')
    expect(get('small.example.com', '/get', '-i --compressed')).toMatch(/^HTTP\/1\.1 200 OK\n[^]*\nVary: Accept-Encoding\n/)
    expect(run('kubectl -n traefik logs deploy/traefik').output).toContain('podhop: not simulated: br and zstd in compress of Middleware default/small')
  })
})

describe('Traefik as its quick start deploys it', () => {
  it('--api.insecure has the API at 8080, the entry point http at 80 needs no word, and redirections lead to others', () => {
    const { run } = house({})
    run(`kubectl create clusterrole traefik-role --verb=get,list,watch --resource=services,secrets,nodes,endpointslices.discovery.k8s.io,ingresses.networking.k8s.io,ingressclasses.networking.k8s.io
      kubectl create serviceaccount traefik-account; kubectl create clusterrolebinding traefik-role-binding --clusterrole=traefik-role --serviceaccount=default:traefik-account
      kubectl apply -f - <<'END'
apiVersion: apps/v1
kind: Deployment
metadata: {name: traefik-deployment, labels: {app: traefik}}
spec:
  replicas: 1
  selector: {matchLabels: {app: traefik}}
  template:
    metadata: {labels: {app: traefik}}
    spec:
      serviceAccountName: traefik-account
      containers:
      - name: traefik
        image: traefik:v3.3
        args: [--api.insecure, --providers.kubernetesingress]
        ports: [{name: web, containerPort: 80}, {name: dashboard, containerPort: 8080}]
END
      kubectl expose deployment traefik-deployment --name=web-service --port=80; kubectl expose deployment traefik-deployment --name=dashboard --port=8080
      kubectl create deployment whoami --image=traefik/whoami; kubectl expose deployment whoami --port=80; kubectl create ingress whoami --rule="/*=whoami:80"
      kubectl run probe --image=curlimages/curl --command -- sleep 1d; kubectl rollout status deployment whoami traefik-deployment; kubectl wait --for=condition=Ready pod/probe; sleep 5`)
    const inside = (options: string): string => run(`kubectl exec probe -- curl -s ${options}`).output.replaceAll('\r\n', '\n')
    expect(inside('http://web-service/')).toMatch(/^Hostname: whoami-/)
    expect(inside('-i http://dashboard:8080/')).toMatch(/^HTTP\/1\.1 301 Moved Permanently\n[^]*Location: \/dashboard\/\n/)
    const routers = JSON.parse(inside('http://dashboard:8080/api/http/routers')) as { name: string; entryPoints: string[] }[]
    expect(routers.map((r) => `${r.name} ${r.entryPoints.join(' ')}`)).toEqual(['api@internal traefik', 'dashboard@internal traefik', 'default-whoami@kubernetes http'])
    run(`kubectl patch deployment traefik-deployment --type=json -p '[{"op":"replace","path":"/spec/template/spec/containers/0/args","value":["--api.insecure","--providers.kubernetesingress","--entrypoints.web.address=:80","--entrypoints.websecure.address=:443","--entrypoints.websecure.http.tls=true","--entrypoints.web.http.redirections.entrypoint.to=websecure","--entrypoints.web.http.redirections.entrypoint.scheme=https"]}]'; kubectl rollout status deployment traefik-deployment; sleep 5`)
    expect(inside(`-o /dev/null -w '%{http_code} %header{location}' 'http://web-service/a?b=c'`)).toBe('301 https://web-service/a?b=c')
  })
})
