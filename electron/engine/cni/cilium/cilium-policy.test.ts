import { beforeEach, describe, expect, it } from 'vitest'
import type { KubeObject } from '../../kubernetes/types.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { World } from './world.samples.ts'

/** CiliumNetworkPolicies: what NetworkPolicies cannot say. */
let w: World
let client: NetworkNamespace
let other: NetworkNamespace
beforeEach(() => {
  w = new World()
  w.pod('web', 'worker-1', { app: 'web' })
  client = w.pod('client', 'worker-2', { app: 'client' })
  other = w.pod('other', 'worker-1', { app: 'other' })
})

function policy(spec: object, name = 'rule', kind = 'CiliumNetworkPolicy'): void {
  const resource = kind === 'CiliumNetworkPolicy' ? 'ciliumnetworkpolicies.cilium.io' : 'ciliumclusterwidenetworkpolicies.cilium.io'
  w.cluster.client.create(resource, kind === 'CiliumNetworkPolicy' ? 'default' : undefined, { apiVersion: 'cilium.io/v2', kind, metadata: { name }, spec } as unknown as KubeObject)
  w.cluster.settle()
  w.cluster.clock.runFor(100)
}

const web = { matchLabels: { app: 'web' } }
const fromClient = [{ matchLabels: { app: 'client' } }]

it('is found valid, and names itself when it denies', () => {
  policy({ endpointSelector: web, ingress: [{ fromEndpoints: fromClient }] })
  expect(w.cluster.client.get('ciliumnetworkpolicies.cilium.io', 'default', 'rule')).toMatchObject({ status: { conditions: [{ type: 'Valid', status: 'True', message: 'Policy validation succeeded' }] } })
  expect(w.connect(client, w.ip('web'), 80).verdict).toBe('delivered')
  const denied = w.connect(other, w.ip('web'), 80)
  expect(denied).toMatchObject({ verdict: 'dropped', reason: 'drop-policy' })
  expect(denied.hops.at(-1)).toMatchObject({ machine: 'worker-1', policies: ['default/rule'] })
  expect(denied.hops.at(-1)!.text).toMatch(/^default\/rule selects default\/web for ingress, and no rule of it allows 80\/TCP from app=other of default \(identity \d+\)\. Cilium's reason: "Policy denied"\.$/)
})

it('what cannot be is not enforced, and its status says why', () => {
  const port = { port: '80', protocol: 'TCP' }
  for (const [i, [spec, message]] of ([
    [{ egress: [{ toEndpoints: fromClient, toFQDNs: [{ matchName: 'example.com' }] }] }, 'Combining ToEndpoints and ToFQDNs is not supported yet'],
    [{ ingress: [{ toPorts: [{ ports: [port], rules: { dns: [{ matchPattern: '*' }] } }] }] }, 'L7 protocol DNS is not supported on ingress yet'],
    [{ ingress: [{ toPorts: [{ ports: [{ ...port, protocol: 'UDP' }], rules: { http: [{}] } }] }] }, 'L7 rules can only apply to TCP (not UDP) except for DNS rules'],
  ] as const).entries()) {
    policy({ endpointSelector: web, ...spec }, `bad-${i}`)
    expect(w.cluster.client.get('ciliumnetworkpolicies.cilium.io', 'default', `bad-${i}`)).toMatchObject({ status: { conditions: [{ type: 'Valid', status: 'False', message }] } })
  }
  expect(w.connect(other, w.ip('web'), 80).verdict).toBe('delivered')
})

it('an empty rule isolates; the own node comes in all the same', () => {
  policy({ endpointSelector: {}, ingress: [{}] })
  expect(w.connect(client, w.ip('web'), 80).verdict).toBe('dropped')
  expect(w.connect(w.node('worker-1'), w.ip('web'), 80).verdict).toBe('delivered')
  expect(w.connect(w.node('worker-2'), w.ip('web'), 80)).toMatchObject({ verdict: 'dropped' })
})

it('a deny rule beats what others allow', () => {
  policy({ endpointSelector: web, ingress: [{ fromEntities: ['cluster'] }], ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: 'other' } }], toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }] }] }] })
  expect(w.connect(client, w.ip('web'), 80).verdict).toBe('delivered')
  const denied = w.connect(other, w.ip('web'), 80)
  expect(denied.hops.at(-1)!.text).toContain('Policy denied by denylist')
  expect(w.connect(w.cluster.external.network, w.ip('web'), 80).verdict).not.toBe('delivered')
})

it('entities and prefixes say who is outside', () => {
  policy({ endpointSelector: { matchLabels: { app: 'client' } }, egress: [{ toCIDR: ['172.18.0.1/32'] }, { toEntities: ['kube-apiserver'] }] })
  w.node('control-plane').sockets.listen({ port: 7000 }, () => undefined)
  w.node('worker-1').sockets.listen({ port: 7000 }, () => undefined)
  expect(w.connect(client, '172.18.0.1', 80).hops.some((h) => h.explanation === 'cilium-masquerade')).toBe(true)
  expect(w.connect(client, '172.18.0.2', 7000).verdict).toBe('delivered')
  expect(w.connect(client, '172.18.0.3', 7000)).toMatchObject({ verdict: 'dropped', reason: 'drop-policy' })
  expect(w.connect(client, w.ip('web'), 80).verdict).toBe('dropped')
  const rows = w.maps('worker-2').ipcache.list().filter(([prefix]) => prefix === '172.18.0.1/32')
  expect(rows).toEqual([['172.18.0.1/32', { identity: 16_777_217 }]])
})

it('a clusterwide one selects Pods of all namespaces', () => {
  policy({ endpointSelector: { matchLabels: { 'k8s:app': 'web' } }, ingress: [{ fromEndpoints: [{ matchLabels: { 'k8s:app': 'client', 'k8s:io.kubernetes.pod.namespace': 'default' } }] }] }, 'wide', 'CiliumClusterwideNetworkPolicy')
  expect(w.connect(client, w.ip('web'), 80).verdict).toBe('delivered')
  expect(w.connect(other, w.ip('web'), 80).hops.at(-1)).toMatchObject({ policies: ['wide'] })
})

it('a Pod that gets another label gets another identity, and what goes with it', () => {
  policy({ endpointSelector: web, ingress: [{ fromEndpoints: fromClient }] })
  expect(w.connect(other, w.ip('web'), 80).verdict).toBe('dropped')
  w.cluster.client.patch('pods', 'default', 'other', 'application/merge-patch+json', { metadata: { labels: { app: 'client' } } })
  w.cluster.settle()
  expect(w.connect(other, w.ip('web'), 80).verdict).toBe('delivered')
})

it('toServices: the Pods that a Service selects, and the addresses of one without a selector', () => {
  policy({ endpointSelector: { matchLabels: { app: 'client' } }, egress: [{ toServices: [{ k8sService: { serviceName: 'shop', namespace: 'default' } }, { k8sServiceSelector: { selector: { matchLabels: { outside: 'yes' } } } }] }] })
  expect(w.connect(client, w.ip('web'), 80).verdict).toBe('dropped')
  const { clusterIP } = w.service('shop', {}).spec
  expect(w.connect(client, w.ip('web'), 80).verdict).toBe('delivered')
  expect(w.connect(client, clusterIP!, 80).verdict).toBe('delivered')
  w.create('services', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'far', labels: { outside: 'yes' } }, spec: { ports: [{ port: 80 }] } })
  expect(w.connect(client, '192.0.2.53', 80).verdict).toBe('dropped')
  w.create('endpointslices', { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'far-1', labels: { 'kubernetes.io/service-name': 'far' } }, addressType: 'IPv4', ports: [{ port: 80, protocol: 'TCP', name: '' }], endpoints: [{ addresses: ['192.0.2.53'] }] })
  expect(w.connect(client, '192.0.2.53', 80).verdict).toBe('delivered')
  w.cluster.client.patch('services', 'default', 'shop', 'application/merge-patch+json', { spec: { selector: { app: 'nobody' } } })
  w.cluster.settle()
  expect(w.connect(client, w.ip('web'), 80).verdict).toBe('dropped')
})

it('says which parts of a policy are not simulated', () => {
  expect(() => policy({ endpointSelector: web, egress: [{ toGroups: [{}] }] })).toThrow(
    "spec.egress[0]: Invalid value: \"object\": podhop: not simulated: toGroups of Cilium's policies (use toEndpoints, toEntities, toCIDR or toCIDRSet)",
  )
  expect(() => policy({ endpointSelector: web, ingress: [{ toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }], rules: { kafka: [{}] } }] }] })).toThrow('not simulated: kafka')
})

describe('HTTP rules', () => {
  it.each(['ingress', 'egress'])('are enforced by the node’s proxy: %s', (direction) => {
    const http = [{ method: 'GET', path: '/' }, { method: 'GET', path: '/private.*', headers: ['X-Token: 1'] }]
    const toPorts = [{ ports: [{ port: '80', protocol: 'TCP' }], rules: { http } }]
    if (direction === 'ingress') policy({ endpointSelector: web, ingress: [{ fromEndpoints: fromClient, toPorts }] })
    else policy({ endpointSelector: { matchLabels: { app: 'client' } }, egress: [{ toEndpoints: [web], toPorts }] })
    expect(w.http(client, w.ip('web'), 'GET /')).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*server: envoy\r\n[^]*Welcome to nginx!/)
    const denied = w.http(client, w.ip('web'), 'POST /')
    expect(denied).toMatch(/^HTTP\/1\.1 403 Forbidden\r\ncontent-length: 15\r\ncontent-type: text\/plain\r\n/)
    expect(denied.endsWith('\r\n\r\nAccess denied\r\n')).toBe(true)
    expect(w.http(client, w.ip('web'), 'GET /private')).toMatch(/^HTTP\/1\.1 403 /)
    expect(w.http(client, w.ip('web'), 'GET /private', 'X-Token: 1\r\n')).toMatch(/^HTTP\/1\.1 404 /)
    // the server sees the client
    const log = w.cluster.journeys.recent.find((j) => j.program === 'cilium-envoy' && j.verdict === 'delivered')!
    expect(log).toMatchObject({ sourceSeenByServer: w.ip('client'), to: 'default/web' })
  })
})
