import { beforeAll, expect, it } from 'vitest'
import { createCluster, parseClusterConfig, type Cluster, type Pod } from '../../cluster.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { ADMIN_POLICIES, BASELINE_POLICIES } from '../admin-policy-api.ts'

/** AdminNetworkPolicies with Calico: before NetworkPolicies, and the baseline after them. */
let cluster: Cluster
const namespaces = (name: string): object => ({ matchLabels: { 'kubernetes.io/metadata.name': name } })

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ cni: 'calico' }))
  cluster.settle()
  for (const name of ['shop', 'test']) cluster.client.create('namespaces', undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } as unknown as KubeObject)
  for (const [namespace, name, node] of [['shop', 'web', 'worker-1'], ['shop', 'client', 'worker-2'], ['test', 'client', 'worker-2']] as const) {
    cluster.client.create('pods', namespace, { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec: { nodeName: node, containers: [{ name: 'c', image: 'nginx:1.27.5', ports: [{ name: 'http', containerPort: 80 }] }] } } as unknown as KubeObject)
  }
  cluster.settle()
})

function create(resource: string, namespace: string | undefined, object: object): void {
  cluster.client.create(resource, namespace, object as unknown as KubeObject)
  cluster.settle()
  cluster.clock.runFor(500)
}
function admin(name: string, priority: number, spec: object): void {
  create(ADMIN_POLICIES, undefined, { apiVersion: 'policy.networking.k8s.io/v1alpha1', kind: 'AdminNetworkPolicy', metadata: { name }, spec: { priority, subject: { namespaces: namespaces('shop') }, ...spec } })
}
function baseline(spec: object, name = 'default'): void {
  create(BASELINE_POLICIES, undefined, { apiVersion: 'policy.networking.k8s.io/v1alpha1', kind: 'BaselineAdminNetworkPolicy', metadata: { name }, spec: { subject: { namespaces: namespaces('shop') }, ...spec } })
}
const drop = (resource: string, name: string, namespace?: string): void => {
  cluster.client.delete(resource, namespace, name)
  cluster.settle()
  cluster.clock.runFor(500)
}
function connect(from: string, port = 80): Journey {
  const connection = cluster.podNetwork(from, 'client')!.sockets.connect({ address: cluster.client.get<Pod>('pods', 'shop', 'web').status.podIP!, port }, {})
  cluster.clock.runFor(1_000)
  connection.abort()
  cluster.clock.runFor(100)
  return connection.journey!
}
const verdicts = (): string[] => [connect('shop').verdict, connect('test').verdict]
const allowAll = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'all' }, spec: { podSelector: {}, ingress: [{}] } }

it('Deny comes before what NetworkPolicies allow, and is named', () => {
  create('networkpolicies', 'shop', allowAll)
  expect(verdicts()).toEqual(['delivered', 'delivered'])
  admin('cluster-deny', 20, { ingress: [{ name: 'from-test', action: 'Deny', from: [{ namespaces: namespaces('test') }] }] })
  expect(verdicts()).toEqual(['delivered', 'dropped'])
  expect(connect('test').hops.at(-1)!.policies).toEqual(['kanp.adminnetworkpolicy.cluster-deny'])
})

it('of several the lower priority decides; ports are those of the subject; Pass leaves it to NetworkPolicies', () => {
  admin('first', 10, { ingress: [{ action: 'Allow', from: [{ pods: { namespaceSelector: namespaces('test'), podSelector: { matchLabels: { app: 'client' } } } }], ports: [{ portNumber: { port: 80, protocol: 'TCP' } }, { portRange: { start: 8000, end: 8001, protocol: 'TCP' } }] }] })
  expect(connect('test').verdict).toBe('delivered')
  expect(connect('test', 81).verdict).toBe('dropped')
  drop(ADMIN_POLICIES, 'first')
  admin('named', 9, { ingress: [{ action: 'Pass', from: [{ namespaces: {} }], ports: [{ namedPort: 'http' }] }] })
  expect(connect('test').verdict).toBe('delivered')
  expect(connect('test', 81).verdict).toBe('dropped')
  for (const name of ['named', 'cluster-deny']) drop(ADMIN_POLICIES, name)
})

it('the baseline holds where no NetworkPolicy selects; there is one only', () => {
  baseline({ ingress: [{ action: 'Deny', from: [{ namespaces: {} }] }] })
  expect(verdicts()).toEqual(['delivered', 'delivered'])
  drop('networkpolicies', 'all', 'shop')
  expect(verdicts()).toEqual(['dropped', 'dropped'])
  expect(() => baseline({}, 'other')).toThrow('Only one baseline admin network policy with metadata.name="default" can be created in the cluster')
  drop(BASELINE_POLICIES, 'default')
  expect(verdicts()).toEqual(['delivered', 'delivered'])
})

it('egress to networks', () => {
  admin('no-internet', 5, { egress: [{ action: 'Deny', to: [{ networks: ['192.0.2.0/24'] }] }] })
  const out = (from: string): string => {
    const connection = cluster.podNetwork(from, 'client')!.sockets.connect({ address: '192.0.2.53', port: 80 }, {})
    cluster.clock.runFor(1_000)
    connection.abort()
    return connection.journey!.verdict
  }
  expect([out('shop'), out('test')]).toEqual(['dropped', 'delivered'])
  expect(() => admin('bad', 1001, {})).toThrow('spec.priority')
})
