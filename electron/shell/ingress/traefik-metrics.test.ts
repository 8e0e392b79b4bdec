import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'

/** /metrics of Traefik v3.3.6 (pkg/metrics/prometheus.go, pkg/middlewares/metrics), as its Helm chart has them: at :9100 of the Pod. */
describe("Traefik's metrics", () => {
  let run: House['run']
  let http: string
  let https: string
  let pod: string
  const metrics = (): string => run(`kubectl exec probe -- curl -s http://${pod}:9100/metrics`).output
  const lines = (wanted: RegExp): string[] => metrics().split('\n').filter((line) => wanted.test(line))
  const get = (host: string, path: string, options = ''): string => run(`curl -s ${options} -H 'Host: ${host}' 'http://${NODE}:${http}${path}'`).output
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'traefik' }))
    run(`kubectl create deployment bin --image=kennethreitz/httpbin; kubectl expose deployment bin --port=80; kubectl create ingress bin --rule="bin.example.com/*=bin:80"
      kubectl create deployment none --image=nginx --replicas=0; kubectl expose deployment none --port=80; kubectl create ingress none --rule="none.example.com/*=none:80"
      kubectl run probe --image=curlimages/curl --command -- sleep 1d
      kubectl rollout status deployment bin; kubectl wait --for=condition=Ready pod/probe; sleep 5`)
    ;[http, https] = run(`kubectl -n traefik get svc traefik -o jsonpath='{.spec.ports[0].nodePort} {.spec.ports[1].nodePort}'`).output.split(' ') as [string, string]
    pod = run(`kubectl -n traefik get pods -o jsonpath='{.items[0].status.podIP}'`).output
  })

  it('count requests where they came in, and at the service that answered', () => {
    for (const path of ['/get', '/get', '/status/418']) get('bin.example.com', path)
    get('bin.example.com', '/post', '-d 0123456789')
    expect(lines(/^traefik_(entrypoint|service)_requests_total/)).toEqual([
      'traefik_entrypoint_requests_total{code="200",entrypoint="web",method="GET",protocol="http"} 2',
      'traefik_entrypoint_requests_total{code="200",entrypoint="web",method="POST",protocol="http"} 1',
      'traefik_entrypoint_requests_total{code="418",entrypoint="web",method="GET",protocol="http"} 1',
      'traefik_service_requests_total{code="200",method="GET",protocol="http",service="default-bin-80@kubernetes"} 2',
      'traefik_service_requests_total{code="200",method="POST",protocol="http",service="default-bin-80@kubernetes"} 1',
      'traefik_service_requests_total{code="418",method="GET",protocol="http",service="default-bin-80@kubernetes"} 1',
    ])
    expect(lines(/^traefik_service_requests_bytes_total.*POST/)).toEqual(['traefik_service_requests_bytes_total{code="200",method="POST",protocol="http",service="default-bin-80@kubernetes"} 10'])
    const length = Number(/^(\d+)$/m.exec(get('bin.example.com', '/get', "-o /dev/null -w '%{size_download}'"))?.[1])
    expect(lines(/^traefik_entrypoint_responses_bytes_total.*code="200".*GET/)).toEqual([`traefik_entrypoint_responses_bytes_total{code="200",entrypoint="web",method="GET",protocol="http"} ${3 * length}`])
    // routers are asked for apart
    expect(lines(/^traefik_router_/)).toEqual([])
  })

  it('nobody was asked: the entry point counts it, no service does; a word that is no method has a name of its own', () => {
    get('nobody.example.com', '/')
    get('none.example.com', '/', '-X FETCH')
    expect(lines(/^traefik_entrypoint_requests_total.*code="(404|503)"/)).toEqual([
      'traefik_entrypoint_requests_total{code="404",entrypoint="web",method="GET",protocol="http"} 1',
      'traefik_entrypoint_requests_total{code="503",entrypoint="web",method="EXTENSION_METHOD",protocol="http"} 1',
    ])
    expect(lines(/^traefik_service_.*none/)).toEqual([])
  })

  it('tell how long it took in four steps, what TLS was spoken, and until when certificates hold', () => {
    get('bin.example.com', '/delay/1')
    const took = lines(/^traefik_service_request_duration_seconds_bucket.*method="GET"/).filter((line) => line.includes('code="200"')).map((line) => / (\d+)$/.exec(line)![1])
    expect(took).toEqual(['3', '3', '4', '4', '4'])
    run(`curl -sk -o /dev/null --resolve bin.example.com:${https}:${NODE} https://bin.example.com:${https}/get`)
    expect(lines(/_requests_tls_total\{/)).toEqual(['traefik_entrypoint_requests_tls_total{entrypoint="websecure",tls_cipher="TLS_AES_128_GCM_SHA256",tls_version="1.3"} 1', 'traefik_service_requests_tls_total{service="default-bin-80@kubernetes",tls_cipher="TLS_AES_128_GCM_SHA256",tls_version="1.3"} 1'])
    expect(lines(/^traefik_tls_certs_not_after/)[0]).toMatch(/^traefik_tls_certs_not_after\{cn="TRAEFIK DEFAULT CERT",sans="[0-9a-f]{32}\.[0-9a-f]{32}\.traefik\.default",serial="\d+"\} 1\.\d+e\+09$/)
  })

  it('know who is connected, and when they were told something new', () => {
    const reloads = (): number => Number(/^traefik_config_reloads_total (\d+)$/m.exec(metrics())![1])
    expect(lines(/^traefik_open_connections/)).toEqual(['traefik_open_connections{entrypoint="metrics",protocol="TCP"} 1', 'traefik_open_connections{entrypoint="traefik",protocol="TCP"} 0', 'traefik_open_connections{entrypoint="web",protocol="TCP"} 0', 'traefik_open_connections{entrypoint="websecure",protocol="TCP"} 0'])
    const before = reloads()
    run('sleep 30')
    expect(reloads()).toBe(before)
    run('kubectl create ingress more --rule="more.example.com/*=bin:80"; sleep 5')
    expect(reloads()).toBe(before + 1)
  })

  it('of several services each has its own, under the names that the custom resources give them; routers are told when asked for', () => {
    run(`kubectl -n traefik patch deployment traefik --type json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--metrics.prometheus.addrouterslabels=true"}]'
      kubectl -n traefik rollout status deployment traefik --timeout=120s; kubectl create service clusterip bin2 --tcp=80; kubectl set selector service bin2 app=bin
      kubectl apply -f - <<'END'
{apiVersion: traefik.io/v1alpha1, kind: IngressRoute, metadata: {name: split}, spec: {entryPoints: [web], routes: [{kind: Rule, match: Host(\`split.example.com\`), services: [{name: bin, port: 80, weight: 3}, {name: bin2, port: 80, weight: 1}]}]}}
END
      sleep 5; for i in 1 2 3 4 5 6 7 8; do curl -so /dev/null -H 'Host: split.example.com' http://${NODE}:${http}/get; done`)
    pod = run(`kubectl -n traefik get pods -l app.kubernetes.io/name=traefik --field-selector=status.phase=Running -o jsonpath='{.items[-1].status.podIP}'`).output
    expect(lines(/^traefik_service_requests_total/)).toEqual(['traefik_service_requests_total{code="200",method="GET",protocol="http",service="default-bin-80@kubernetescrd"} 6', 'traefik_service_requests_total{code="200",method="GET",protocol="http",service="default-bin2-80@kubernetescrd"} 2'])
    expect(lines(/^traefik_router_requests_total/).map((line) => line.replace(/[0-9a-f]{20}/g, '…'))).toEqual(['traefik_router_requests_total{code="200",method="GET",protocol="http",router="default-split-…@kubernetescrd",service="default-split-…@kubernetescrd"} 8'])
  })
})
