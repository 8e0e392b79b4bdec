import { beforeAll, expect, it } from 'vitest'
import { createCluster, parseClusterConfig, type Cluster, type Pod, type Service } from '../../cluster.ts'
import type { KubeObject } from '../../kubernetes/types.ts'

/** Rules about Services (docs.tigera.io, "Use service rules in policy"): their endpoints, with their ports where they are asked. */
let cluster: Cluster

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ cni: 'calico' }))
  cluster.settle()
  for (const [name, node] of [['web', 'worker-1'], ['client', 'worker-2'], ['other', 'worker-1']] as const) {
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec: { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: 'nginx:1.27.5' }] } } as unknown as KubeObject)
  }
  cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'shop' }, spec: { selector: { app: 'web' }, ports: [{ port: 8080, targetPort: 80 }] } } as unknown as KubeObject)
  cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'friends' }, spec: { clusterIP: 'None', selector: { app: 'client' }, ports: [{ port: 1 }] } } as unknown as KubeObject)
  settle()
})

function settle(): void {
  cluster.settle()
  cluster.clock.runFor(500)
}
function verdict(from: string, to: string, port = 80): string {
  const connection = cluster.podNetwork('default', from)!.sockets.connect({ address: to, port }, {})
  cluster.clock.runFor(500)
  connection.abort()
  cluster.clock.runFor(100)
  return connection.journey!.verdict
}
const ip = (name: string): string => cluster.client.get<Pod>('pods', 'default', name).status.podIP!
const NETWORK_POLICIES = 'networkpolicies.crd.projectcalico.org'
const GLOBAL_POLICIES = 'globalnetworkpolicies.crd.projectcalico.org'
function policy(resource: string, name: string, spec: object): () => void {
  const [kind, namespace] = resource === NETWORK_POLICIES ? ['NetworkPolicy', 'default'] : ['GlobalNetworkPolicy', undefined]
  cluster.client.create(resource, namespace, { apiVersion: 'crd.projectcalico.org/v1', kind, metadata: { name }, spec } as unknown as KubeObject)
  settle()
  return () => {
    cluster.client.delete(resource, namespace, name)
    settle()
  }
}

it('egress to a Service: by its address and by its endpoints, at their ports alone', () => {
  const remove = policy(NETWORK_POLICIES, 'out', { selector: "app == 'client'", types: ['Egress'], egress: [{ action: 'Allow', destination: { services: { name: 'shop' } } }] })
  expect(verdict('client', cluster.client.get<Service>('services', 'default', 'shop').spec.clusterIP!, 8080)).toBe('delivered')
  expect([verdict('client', ip('web')), verdict('client', ip('web'), 81), verdict('client', ip('other'))]).toEqual(['delivered', 'dropped', 'dropped'])
  const { netfilter } = cluster.nodes.get('worker-2')!.network
  const sets = netfilter.sets.names().filter((name) => name.startsWith('cali40svc:'))
  expect(sets).toHaveLength(1)
  expect([...netfilter.sets.get(sets[0]!)!.members()].map((m) => m.element)).toEqual([`${ip('web')},tcp:80`])
  expect(netfilter.save('filter')).toContain(`--match-set ${sets[0]!} dst,dst`)
  // who comes to be an endpoint may be reached
  cluster.client.patch('pods', 'default', 'other', 'application/merge-patch+json', { metadata: { labels: { app: 'web' } } })
  settle()
  expect(verdict('client', ip('other'))).toBe('delivered')
  cluster.client.patch('pods', 'default', 'other', 'application/merge-patch+json', { metadata: { labels: { app: 'other' } } })
  settle()
  expect(verdict('client', ip('other'))).toBe('dropped')
  remove()
  expect(netfilter.sets.names().filter((name) => name.startsWith('cali40svc'))).toEqual([])
})

it('ingress from a Service, with ports of the one who is asked; a global policy says of which namespace', () => {
  const remove = policy(GLOBAL_POLICIES, 'default.in', { selector: "app == 'web'", types: ['Ingress'], ingress: [{ action: 'Allow', protocol: 'TCP', source: { services: { name: 'friends', namespace: 'default' } }, destination: { ports: [80] } }] })
  expect([verdict('client', ip('web')), verdict('other', ip('web')), verdict('client', ip('web'), 81)]).toEqual(['delivered', 'dropped', 'dropped'])
  remove()
  expect(verdict('other', ip('web'))).toBe('delivered')
})

it.each([
  [NETWORK_POLICIES, { ingress: [{ action: 'Deny', destination: { services: { name: 'shop' } } }] }],
  [NETWORK_POLICIES, { egress: [{ action: 'Deny', source: { services: { name: 'shop' } } }] }],
  [NETWORK_POLICIES, { egress: [{ action: 'Deny', protocol: 'TCP', destination: { services: { name: 'shop' }, ports: [80] } }] }],
  [NETWORK_POLICIES, { egress: [{ action: 'Deny', destination: { services: { name: 'shop' }, selector: 'all()' } }] }],
  [GLOBAL_POLICIES, { egress: [{ action: 'Deny', destination: { services: { name: 'shop' } } }] }],
])('what the validator refuses counts as missing: %s %j', (resource, spec) => {
  const remove = policy(resource, 'default.wrong', { selector: 'all()', ...spec })
  expect(verdict('client', ip('web'))).toBe('delivered')
  remove()
})
