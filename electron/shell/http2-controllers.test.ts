import { beforeAll, expect, it } from 'vitest'
import { readFileSync } from 'node:fs'
import { house, type House } from './house.samples.ts'

/** gRPC through an ingress controller and a Gateway. */
let run: (script: string) => string
const HEALTH = '/grpc.health.v1.Health/Check'
/** An empty HealthCheckRequest. */
const ASK = `-s -i --http2-prior-knowledge -H 'content-type: application/grpc' --data-binary @/tmp/ask`

beforeAll(() => {
  const lab: House = house({ ingressController: 'nginx', cloud: 'loadbalancer' })
  run = (script) => lab.run(script).output
  for (const name of ['gateway-api', 'nginx-gateway-fabric-crds', 'nginx-gateway-fabric']) {
    lab.run('kubectl apply --server-side -f - >/dev/null; sleep 1', readFileSync(new URL(`../../assets/manifests/${name}.yaml`, import.meta.url), 'utf8'))
  }
  lab.run(`kubectl apply -f - >/dev/null`, `
{apiVersion: v1, kind: Pod, metadata: {name: health, labels: {app: health}}, spec: {containers: [{name: c, image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: [grpc-health-checking]}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: gw}, spec: {gatewayClassName: nginx, listeners: [{name: http, port: 80, protocol: HTTP}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: health}, spec: {parentRefs: [{name: gw}], hostnames: [rpc.example.com], rules: [{matches: [{method: {type: Exact, service: grpc.health.v1.Health, method: Check}}], backendRefs: [{name: health, port: 5000}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: rpc, annotations: {nginx.ingress.kubernetes.io/backend-protocol: GRPC}}, spec: {ingressClassName: nginx, tls: [{hosts: [rpc.example.com]}], rules: [{host: rpc.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: health, port: {number: 5000}}}}]}}]}}
`)
  run('kubectl expose pod health --port=5000; kubectl wait --for=condition=Ready pod/health; kubectl rollout status deploy -n ingress-nginx ingress-nginx-controller; kubectl -n nginx-gateway wait --for=condition=Ready pod -l app.kubernetes.io/name=nginx-gateway --timeout=180s; sleep 10; kubectl wait --for=condition=Programmed gateway/gw --timeout=120s; sleep 5; printf "\\0\\0\\0\\0\\0" > /tmp/ask')
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
