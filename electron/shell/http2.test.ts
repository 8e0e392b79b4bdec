import { beforeAll, expect, it } from 'vitest'
import { readFileSync } from 'node:fs'
import { house, type House } from './house.samples.ts'

/** HTTP/2 with and without TLS, and gRPC through an ingress controller and a Gateway. */
let run: (script: string) => string
const HEALTH = '/grpc.health.v1.Health/Check'
/** An empty HealthCheckRequest. */
const ASK = `-s -i --http2-prior-knowledge -H 'content-type: application/grpc' --data-binary @/tmp/ask`
let pod: string

beforeAll(() => {
  const lab: House = house({ ingressController: 'nginx', cloud: 'loadbalancer' })
  run = (script) => lab.run(script).output
  for (const name of ['gateway-api', 'nginx-gateway-fabric-crds', 'nginx-gateway-fabric']) {
    lab.run('kubectl apply --server-side -f - >/dev/null; sleep 1', readFileSync(new URL(`../../assets/manifests/${name}.yaml`, import.meta.url), 'utf8'))
  }
  lab.run(`kubectl apply -f - >/dev/null`, `
{apiVersion: v1, kind: ConfigMap, metadata: {name: conf}, data: {default.conf: 'http2 on; server { listen 80; location / { return 200 "over $server_protocol\\n"; } }'}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {containers: [{name: c, image: 'nginx:1.27.5', volumeMounts: [{name: v, mountPath: /etc/nginx/conf.d}]}], volumes: [{name: v, configMap: {name: conf}}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: health, labels: {app: health}}, spec: {containers: [{name: c, image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: [grpc-health-checking]}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: gw}, spec: {gatewayClassName: nginx, listeners: [{name: http, port: 80, protocol: HTTP}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: health}, spec: {parentRefs: [{name: gw}], hostnames: [rpc.example.com], rules: [{matches: [{method: {type: Exact, service: grpc.health.v1.Health, method: Check}}], backendRefs: [{name: health, port: 5000}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: rpc, annotations: {nginx.ingress.kubernetes.io/backend-protocol: GRPC}}, spec: {ingressClassName: nginx, tls: [{hosts: [rpc.example.com]}], rules: [{host: rpc.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: health, port: {number: 5000}}}}]}}]}}
`)
  run('kubectl expose pod web --port=80; kubectl expose pod health --port=5000; kubectl wait --for=condition=Ready pod/web pod/health; kubectl rollout status deploy -n ingress-nginx ingress-nginx-controller; kubectl -n nginx-gateway wait --for=condition=Ready pod -l app.kubernetes.io/name=nginx-gateway --timeout=180s; sleep 10; kubectl wait --for=condition=Programmed gateway/gw --timeout=120s; sleep 5; printf "\\0\\0\\0\\0\\0" > /tmp/ask')
  pod = run(`kubectl get pod health -o jsonpath='{.status.podIP}'`)
})

it('nginx with "http2 on" takes both, curl says which', () => {
  run('kubectl run client --image=nicolaka/netshoot -- sleep infinity; kubectl wait --for=condition=Ready pod/client')
  expect(run(`kubectl exec client -- curl -s --http2-prior-knowledge -w '%{http_version}\\n' http://web`)).toBe('over HTTP/2.0\n2\n')
  expect(run(`kubectl exec client -- curl -s -w '%{http_version}\\n' http://web`)).toBe('over HTTP/1.1\n1.1\n')
  expect(run(`kubectl exec client -- curl -sk -o /dev/null -w '%{http_version}\\n' https://kubernetes.default/version`)).toBe('2\n')
  expect(run(`kubectl exec client -- curl -sS --http2-prior-knowledge http://${pod}:8080/`)).toBe('curl: (52) Empty reply from server\ncommand terminated with exit code 52\n')
})

it('a health service answers with trailers, and says what it does not know', () => {
  run('kubectl exec client -- sh -c \'printf "\\0\\0\\0\\0\\0" > /tmp/ask\'')
  expect(run(`kubectl exec client -- curl ${ASK} http://${pod}:5000${HEALTH}`)).toBe('HTTP/2 200 \r\ncontent-type: application/grpc\r\n\r\n\0\0\0\0\x02\b\x01grpc-status: 0\r\ngrpc-message: \r\n')
  expect(run(`kubectl exec client -- curl ${ASK} http://${pod}:5000/a.B/C`)).toContain('grpc-status: 12\r\ngrpc-message: unknown service a.B\r\n')
})

it('through ingress-nginx with backend-protocol GRPC', () => {
  const at = run(`kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.status.loadBalancer.ingress[0].ip}'`)
  const ask = (): string => run(`curl -k ${ASK.replace('--http2-prior-knowledge', '')} --resolve rpc.example.com:443:${at} https://rpc.example.com${HEALTH}`)
  expect(ask()).toMatch(/^HTTP\/2 200 \r\ndate: .*\r\ncontent-type: application\/grpc\r\nstrict-transport-security: .*\r\n\r\n\0\0\0\0\x02\x08\x01grpc-status: 0\r\ngrpc-message: \r\n$/)
  expect(run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller | tail -1')).toContain('"POST /grpc.health.v1.Health/Check HTTP/2.0" 200 7 ')
})

it('through a Gateway by a GRPCRoute', () => {
  const at = run(`kubectl get gateway gw -o jsonpath='{.status.addresses[0].value}'`)
  expect(run(`curl ${ASK} -H 'Host: rpc.example.com' http://${at}${HEALTH}`)).toMatch(/^HTTP\/2 200 \r\nserver: nginx\r\n[^]*grpc-status: 0\r\n/)
  expect(run(`curl ${ASK} -H 'Host: rpc.example.com' http://${at}/grpc.health.v1.Health/Watch`)).toMatch(/^HTTP\/2 404 \r\n/)
  run('kubectl delete pod health --now; sleep 5')
  expect(run(`curl ${ASK} -H 'Host: rpc.example.com' http://${at}${HEALTH}`)).toMatch(/^HTTP\/2 204 \r\n[^]*grpc-status: 14\r\n/)
})
