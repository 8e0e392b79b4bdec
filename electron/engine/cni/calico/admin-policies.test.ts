import { expect, it } from 'vitest'
import { ADMIN_POLICIES, BASELINE_POLICIES } from '../admin-policy-api.ts'
import { namespaces, shop } from '../admin-policies.samples.ts'

/** AdminNetworkPolicies with Calico: before NetworkPolicies, and the baseline after them. */
const { cluster, create, remove, admin, baseline, connect, verdicts } = shop('calico')
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
  remove(ADMIN_POLICIES, 'first')
  admin('named', 9, { ingress: [{ action: 'Pass', from: [{ namespaces: {} }], ports: [{ namedPort: 'http' }] }] })
  expect(connect('test').verdict).toBe('delivered')
  expect(connect('test', 81).verdict).toBe('dropped')
  for (const name of ['named', 'cluster-deny']) remove(ADMIN_POLICIES, name)
})

it('the baseline holds where no NetworkPolicy selects; there is one only', () => {
  baseline({ ingress: [{ action: 'Deny', from: [{ namespaces: {} }] }] })
  expect(verdicts()).toEqual(['delivered', 'delivered'])
  remove('networkpolicies', 'all', 'shop')
  expect(verdicts()).toEqual(['dropped', 'dropped'])
  expect(() => baseline({}, 'other')).toThrow('Only one baseline admin network policy with metadata.name="default" can be created in the cluster')
  remove(BASELINE_POLICIES, 'default')
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
