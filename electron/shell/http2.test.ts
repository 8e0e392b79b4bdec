import { beforeAll, expect, it } from 'vitest'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { house, type House } from './house.samples.ts'

/** HTTP/2 with and without TLS, gRPC, and what is on the wire of it. Through controllers: http2-controllers.test.ts. */
let lab: House
let run: (script: string) => string
const HEALTH = '/grpc.health.v1.Health/Check'
/** An empty HealthCheckRequest. */
const ASK = `-s -i --http2-prior-knowledge -H 'content-type: application/grpc' --data-binary @/tmp/ask`
let pod: string

beforeAll(() => {
  lab = house({ nodes: 2 })
  run = (script) => lab.run(script).output
  run('openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.crt -subj /CN=tls.example.com -days 10 2>/dev/null; kubectl create secret tls cert --cert=tls.crt --key=tls.key')
  lab.run(`kubectl apply -f - >/dev/null`, `
{apiVersion: v1, kind: ConfigMap, metadata: {name: conf}, data: {default.conf: 'http2 on; server { listen 80; location / { return 200 "over $server_protocol\\n"; } }'}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {containers: [{name: c, image: 'nginx:1.27.5', volumeMounts: [{name: v, mountPath: /etc/nginx/conf.d}]}], volumes: [{name: v, configMap: {name: conf}}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: health, labels: {app: health}}, spec: {containers: [{name: c, image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: [grpc-health-checking]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: tls}, spec: {containers: [{name: c, image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: [netexec, --http-port=8443, --tls-cert-file=/certs/tls.crt, --tls-private-key-file=/certs/tls.key], volumeMounts: [{name: v, mountPath: /certs}]}], volumes: [{name: v, secret: {secretName: cert}}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: client}, spec: {containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}}
`)
  run('kubectl expose pod web --port=80; kubectl wait --for=condition=Ready pod/web pod/health pod/tls pod/client; sleep 2')
  pod = run(`kubectl get pod health -o jsonpath='{.status.podIP}'`)
})

it('nginx with "http2 on" takes both, curl says which', () => {
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

it('agnhost netexec with --tls-cert-file, and an upload', () => {
  const at = run(`kubectl get pod tls -o jsonpath='{.status.podIP}'`)
  const shell = (script: string): string => run(`kubectl exec client -- sh -c "${script}"`)
  expect(shell(`curl -sk -w ' %{http_version}' https://${at}:8443/hostname; curl -sk --http1.1 -w ' %{http_version}' https://${at}:8443/hostname; echo; curl -s http://${at}:8443/hostname`)).toBe('tls 2tls 1.1\nClient sent an HTTP request to an HTTPS server.\n')
  expect(shell(`curl -sv https://${at}:8443/ 2>&1 | grep -c 'self-signed certificate'`)).toMatch(/^[1-9]\n$/)
  const answer = shell(`echo hello > /tmp/f; curl -sk -w '%{http_code}\\n' -F file=@/tmp/f https://${at}:8443/upload`)
  expect(answer).toMatch(/^{"output":"\/uploads\/upload\d+"}201\n$/)
  expect(run(`kubectl exec tls -- cat ${/\/uploads\/\w+/.exec(answer)![0]}`)).toBe('hello\n')
  expect(shell(`curl -sk -F other=1 https://${at}:8443/upload; curl -sk -d x https://${at}:8443/upload`)).toBe('{"error":"Unable to upload file."}'.repeat(2))
  expect(run('kubectl logs tls')).toMatch(/GET \/upload\n.* Unable to upload file: http: no such file\n.* GET \/upload\n.* Unable to upload file: request Content-Type isn't multipart\/form-data\n$/)
})

function tshark(...args: string[]): string | undefined {
  try {
    return execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return undefined
  }
}
const referee = tshark('--version') !== undefined
if (!referee) console.warn('SKIPPED: tshark is not here; HTTP/2 in captures is not checked')

it.skipIf(!referee)('tshark decodes the frames of a capture', () => {
  run(`kubectl exec client -- sh -c "tcpdump -i eth0 -w /tmp/h2.pcap tcp port 80 or tcp port 5000 2>/dev/null & sleep 1; curl -s --http2-prior-knowledge http://web; curl ${ASK.replaceAll("'", '\\"').replaceAll('\\"', '')} -H te:trailers http://${pod}:5000${HEALTH}; sleep 1; kill %1; sleep 1"; kubectl cp client:/tmp/h2.pcap /root/h2.pcap`)
  const folder = mkdtempSync(join(tmpdir(), 'podhop-'))
  try {
    writeFileSync(join(folder, 'h2.pcap'), lab.cluster.laptop.fs.readFile('/root/h2.pcap'))
    const rows = tshark('-r', join(folder, 'h2.pcap'), '-d', 'tcp.port==80,http2', '-d', 'tcp.port==5000,http2', '-T', 'fields', '-e', '_ws.malformed', '-e', '_ws.expert.severity', '-e', 'http2.type', '-e', 'http2.headers.path', '-e', 'http2.headers.status', '-e', 'grpc.message_length')!.split('\n').map((l) => l.split('\t'))
    // PI_ERROR of epan/proto.h
    expect(rows.filter(([malformed, severity]) => malformed || severity?.split(',').includes('8388608'))).toEqual([])
    expect(new Set(rows.flatMap((r) => (r[2] ?? '').split(',')).filter((t) => t !== ''))).toEqual(new Set(['0', '1', '4', '7', '8']))
    expect(rows.map((r) => r[3]).filter(Boolean)).toEqual(['/', HEALTH])
    expect(rows.map((r) => r[4]).filter(Boolean)).toEqual(['200', '200'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
