import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { house, type House } from '../house.samples.ts'

/**
 * The stories of the Gateway API's conformance suite (kubernetes-sigs/gateway-api v1.3.0, conformance/tests), told to
 * NGINX Gateway Fabric with its experimental features: hosts, paths, who answers, and what each status says.
 */
interface Sample { kind: string; name: string; [field: string]: unknown }
interface Asked { ask: string; port?: number; headers?: Record<string, string>; options?: string; status?: number; from?: string; grpc?: number; says?: string; location?: string; saw?: { path?: string; host?: string; headers?: Record<string, string[] | null> }; answer?: Record<string, string[]>; copies?: Record<string, number> }
interface Share { ask: string; times: number; from?: Record<string, number>; status?: Record<string, number>; copies?: Record<string, number> }
interface Story { story: string; apply: Sample[]; then?: string; after?: string; log?: string[]; gateway?: string; requests?: Asked[]; shares?: Share[]; routes?: Record<string, string[]>; gateways?: Record<string, Record<string, (string | number)[]>> }

const read = (name: string): string => readFileSync(new URL(`gateway-stories/${name}.yaml`, import.meta.url), 'utf8')
const VERSIONS: Readonly<Record<string, string>> = { ReferenceGrant: 'gateway.networking.k8s.io/v1beta1', TLSRoute: 'gateway.networking.k8s.io/v1alpha2', BackendTLSPolicy: 'gateway.networking.k8s.io/v1alpha3', TCPRoute: 'gateway.networking.k8s.io/v1alpha2', Pod: 'v1', Secret: 'v1', Service: 'v1' }
const NAMED = /^(?:([A-Z]+) )?(https:\/\/)?([^/]*)(\/.*)$/
/** The bytes of an empty message of gRPC. */
const EMPTY_MESSAGE = '\\0\\0\\0\\0\\0'

let run: House['run']
const out = (script: string, stdin = ''): string => run(script, stdin).output

beforeAll(() => {
  ;({ run } = house({ cloud: 'loadbalancer' }))
  for (const name of ['gateway-api', 'gateway-api-experimental', 'nginx-gateway-fabric-crds', 'nginx-gateway-fabric']) out('kubectl apply --server-side -f - >/dev/null; sleep 1', readFileSync(new URL(`../../../assets/manifests/${name}.yaml`, import.meta.url), 'utf8'))
  out('kubectl apply -f -', read('base'))
  const echo = 'gcr.io/k8s-staging-gateway-api/echo-basic:v20240412-v1.0.0-394-g40c666fd'
  const backend = (namespace: string, name: string, more = ''): string => `
{apiVersion: apps/v1, kind: Deployment, metadata: {name: ${name}, namespace: ${namespace}}, spec: {selector: {matchLabels: {app: ${name}}}, template: {metadata: {labels: {app: ${name}}}, spec: {containers: [{name: c, image: '${echo}', env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: TLS_SERVER_CERT, value: ${more ? '/s/tls.crt' : "''"}}, {name: TLS_SERVER_PRIVKEY, value: ${more ? '/s/tls.key' : "''"}}]${more ? ', volumeMounts: [{name: s, mountPath: /s}]}], volumes: [{name: s, secret: {secretName: passed}}' : '}'}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: ${namespace}}, spec: {selector: {app: ${name}}, ports: [{name: first, port: 8080, targetPort: 3000}, {name: second, port: 8081, targetPort: 3001, appProtocol: kubernetes.io/h2c}, {name: third, port: 8082, targetPort: 3000, appProtocol: kubernetes.io/ws}, {name: tls, port: 443, targetPort: 8443}]}}
---`
  out(`for name in shown passed; do openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key -out $name.crt -days 30 -subj "/CN=$name" -addext 'subjectAltName=DNS:*.example.com,DNS:*.org,DNS:secure.test.com' 2>/dev/null; kubectl -n infra create secret tls $name --cert=$name.crt --key=$name.key; done
    kubectl -n web create secret tls certificate --cert=shown.crt --key=shown.key
    kubectl -n nginx-gateway patch deployment nginx-gateway --type json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--gateway-api-experimental-features"}]'
    printf '${EMPTY_MESSAGE}' > /tmp/empty`)
  out('kubectl apply -f -', `${['one', 'two', 'three'].map((name) => backend('infra', name)).join('')}${backend('infra', 'tls', 'secured')}${backend('app', 'app')}${backend('web', 'web')}
{apiVersion: v1, kind: Pod, metadata: {name: rpc, namespace: infra, labels: {app: rpc}}, spec: {containers: [{name: c, image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: [grpc-health-checking]}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: rpc, namespace: infra}, spec: {selector: {app: rpc}, ports: [{port: 8080, targetPort: 5000}]}}
`)
  out('for n in infra app web nginx-gateway; do kubectl -n $n wait --for=condition=Available deployment --all --timeout=180s; done; kubectl -n infra wait --for=condition=Programmed gateway --all --timeout=180s; sleep 10')
}, 300_000)

function manifest({ kind, name, labels, ...rest }: Sample): object {
  const [namespace, own] = name.includes('/') ? (name.split('/') as [string, string]) : ['infra', name]
  const { spec } = rest as { spec?: object }
  return { apiVersion: VERSIONS[kind] ?? 'gateway.networking.k8s.io/v1', kind, metadata: { name: own, namespace, ...(labels ? { labels } : {}) }, ...rest, ...(kind === 'Gateway' ? { spec: { gatewayClassName: 'nginx', ...spec } } : {}) }
}

function command(address: string, { ask, port, headers = {}, options = '', grpc }: Asked): string {
  const [, method = 'GET', https, host = '', path = '/'] = NAMED.exec(ask)!
  const rpc = grpc !== undefined || path.startsWith('/grpc.')
  const all = { ...(rpc ? { 'content-type': 'application/grpc' } : {}), ...headers }
  const name = host === '' ? 'example.com' : host
  const verb = rpc ? "--http2-prior-knowledge --data-binary @/tmp/empty" : method === 'HEAD' ? '-I' : method === 'GET' ? '' : `-X ${method}`
  const where = https ? `-k --resolve '${name}:443:${address}' 'https://${name}${path}'` : `-H 'Host: ${name}' 'http://${address}:${port ?? 80}${path}'`
  return `curl -s -i ${verb} ${Object.entries(all).map(([n, v]) => `-H '${n}: ${v}'`).join(' ')} ${options} ${where}`
}

const said = (conditions: readonly { type: string; status: string; reason: string }[]): string[] => conditions.map((c) => `${c.type}=${c.status} ${c.reason}`)
const podOf = (answer: string): string | undefined => /"pod": "([a-z]+)-/.exec(answer)?.[1]
const copiesOf = (name: string, path: string): number => out(`kubectl -n infra logs deploy/${name}`).split(`Echoing back request made to ${path} `).length - 1

describe.each(['matching', 'hostnames', 'filters', 'references', 'gateways', 'guides'])('%s', (file) => {
  it.each((parse(read(file)) as Story[]).map((s) => [s.story, s] as const))('%s', (_, story) => {
    const manifests = story.apply.map((sample) => JSON.stringify(manifest(sample))).join('\n---\n')
    expect(out('kubectl apply -f -', manifests)).not.toMatch(/error|invalid/i)
    const newGateways = story.apply.filter((s) => s.kind === 'Gateway').map((s) => s.name)
    out(newGateways.length > 0 ? `kubectl -n infra rollout status deployment ${newGateways.map((n) => `${n}-nginx`).join(' ')} --timeout=60s; sleep 5` : 'sleep 3')
    try {
      if (story.then !== undefined) expect(out(story.then)).not.toContain('wrong: ')
      tell(story)
    } finally {
      out(`kubectl delete -f -${story.after === undefined ? '' : `; ${story.after}`}; sleep 1`, manifests)
    }
  })
})

function tell({ gateway = 'same', requests = [], shares = [], routes = {}, gateways = {}, log = [] }: Story): void {
  for (const [name, conditions] of Object.entries(routes)) {
    const [namespace, kind, own] = (name.split('/').length === 3 ? name : `infra/${name}`).split('/')
    const { status } = JSON.parse(out(`kubectl -n ${namespace} get ${kind} ${own} -o json`)) as { status: { parents: { conditions: never[] }[] } }
    expect([name, status.parents.map((p) => said(p.conditions))]).toEqual([name, [conditions]])
  }
  for (const [name, listeners] of Object.entries(gateways)) {
    const { status } = JSON.parse(out(`kubectl -n infra get gateway ${name} -o json`)) as { status: { conditions: never[]; listeners?: { name: string; attachedRoutes: number; supportedKinds: { kind: string }[]; conditions: never[] }[] } }
    for (const [listener, expected] of Object.entries(listeners)) {
      const found = status.listeners?.find((l) => l.name === listener)
      const seen = listener === '' ? said(status.conditions) : found ? [found.attachedRoutes, found.supportedKinds.map((k) => k.kind).join(' '), ...said(found.conditions)] : []
      expect([name, listener, seen]).toEqual([name, listener, expected])
    }
    if (!('' in listeners)) expect(status.listeners?.map((l) => l.name)).toEqual(Object.keys(listeners))
  }
  if (requests.length + shares.length === 0) return
  const address = out(`kubectl -n infra get gateway ${gateway} -o jsonpath='{.status.addresses[0].value}'`)
  const answers = out(requests.map((asked) => `${command(address, asked)}; echo; echo "==== end"`).join('\n')).split('==== end\n')
  for (const [i, asked] of requests.entries()) judge(asked, answers[i]!)
  const logged = log.length > 0 ? out(`kubectl -n infra logs deploy/${gateway}-nginx`) : ''
  for (const line of log) expect(logged).toContain(line)
  for (const { ask, times, from = {}, status = {}, copies = {} } of shares) {
    const before = Object.keys(copies).map((name) => copiesOf(name, ask))
    const all = out(`for i in $(seq ${times}); do ${command(address, { ask })}; echo; echo "==== end"; done; sleep 1`).split('==== end\n').slice(0, -1)
    const near = (seen: number, share: number): void => expect(Math.abs(seen / times - share), `${ask}: ${seen} of ${times}`).toBeLessThanOrEqual(share === 0 ? 0 : 0.15)
    for (const [name, share] of Object.entries(from)) near(all.filter((a) => podOf(a) === name).length, share)
    for (const [code, share] of Object.entries(status)) near(all.filter((a) => a.startsWith(`HTTP/1.1 ${code} `)).length, share)
    for (const [j, [name, share]] of Object.entries(copies).entries()) near(copiesOf(name, ask) - before[j]!, share)
  }
}

function judge(asked: Asked, answer: string): void {
  const { ask, status = 200, from, grpc, says, location, saw, answer: expected = {}, copies = {} } = asked
  const code = Number(/^HTTP\/\S+ ([0-9]+)/m.exec(answer)?.[1] ?? 0)
  expect([ask, code, from && podOf(answer)], answer).toEqual([ask, status, from])
  if (says !== undefined) expect(answer).toContain(says)
  if (grpc !== undefined) expect([ask, /grpc-status: ([0-9]+)/.exec(answer)?.[1]]).toEqual([ask, String(grpc)])
  if (location !== undefined) expect([ask, /^Location: (.*)\r$/im.exec(answer)?.[1]]).toEqual([ask, location])
  for (const [name, values] of Object.entries(expected)) expect([ask, name, [...answer.matchAll(new RegExp(`^${name}: (.*)\\r$`, 'gim'))].map((m) => m[1])]).toEqual([ask, name, values])
  if (saw) {
    const echo = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as { path: string; host: string; headers: Record<string, string[]> }
    if (saw.path !== undefined) expect(echo.path).toBe(saw.path)
    if (saw.host !== undefined) expect(echo.host).toBe(saw.host)
    for (const [name, values] of Object.entries(saw.headers ?? {})) expect([ask, name, echo.headers[name] ?? null]).toEqual([ask, name, values])
  }
  for (const [name, count] of Object.entries(copies)) expect([ask, name, copiesOf(name, ask)]).toEqual([ask, name, count])
}
