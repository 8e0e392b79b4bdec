import { expect, it } from 'vitest'
import type { KubeObject } from '../../kubernetes/types.ts'
import { ADMIN_POLICIES, BASELINE_POLICIES } from '../admin-policy-api.ts'
import { namespaces, shop } from '../admin-policies.samples.ts'
import { CLUSTER_POLICIES } from './crds.ts'
import { flowPriorities, type NativeRule } from './native.ts'

/** AdminNetworkPolicies with Antrea: its own policies, these, NetworkPolicies, the baseline tier, the baseline, in this order. */
const { cluster, create, remove, admin, baseline, connect, verdicts } = shop({ plugin: 'antrea', adminNetworkPolicy: true })
const native = (name: string, spec: object): void => create(CLUSTER_POLICIES, undefined, { apiVersion: 'crd.antrea.io/v1beta1', kind: 'ClusterNetworkPolicy', metadata: { name }, spec: { priority: 5, appliedTo: [{ namespaceSelector: namespaces('shop'), podSelector: { matchLabels: { app: 'web' } } }], ...spec } })
const fromTest = [{ namespaces: namespaces('test') }]
const fromAll = [{ namespaces: {} }]
const NP = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'all' }, spec: { podSelector: {}, ingress: [{}] } }

it('Deny comes before what NetworkPolicies allow, Pass leaves it to them, and the lower number goes first', () => {
  create('networkpolicies', 'shop', NP)
  admin('deny', 20, { ingress: [{ action: 'Deny', from: fromTest }] })
  expect(verdicts()).toEqual(['delivered', 'dropped'])
  expect(connect('test').hops.at(-1)).toMatchObject({ policies: ['AdminNetworkPolicy:deny'] })
  admin('pass', 10, { ingress: [{ action: 'Pass', from: fromTest }] })
  expect(verdicts()).toEqual(['delivered', 'delivered'])
  remove('networkpolicies', 'all', 'shop')
  create('networkpolicies', 'shop', { ...NP, spec: { podSelector: {}, policyTypes: ['Ingress'] } })
  expect(verdicts()).toEqual(['dropped', 'dropped'])
  admin('allow', 5, { ingress: [{ action: 'Allow', from: fromTest, ports: [{ namedPort: 'http' }] }] })
  expect(verdicts()).toEqual(['dropped', 'delivered'])
  expect(connect('test', 81).verdict).toBe('dropped')
  for (const name of ['deny', 'pass', 'allow']) remove(ADMIN_POLICIES, name)
  remove('networkpolicies', 'all', 'shop')
})

it('Antrea’s own policies come before, and its baseline tier before the baseline', () => {
  admin('deny', 0, { ingress: [{ action: 'Deny', from: fromTest }] })
  native('own', { ingress: [{ action: 'Allow', from: [{ namespaceSelector: namespaces('test') }] }] })
  expect(verdicts()).toEqual(['delivered', 'delivered'])
  remove(CLUSTER_POLICIES, 'own')
  expect(verdicts()).toEqual(['delivered', 'dropped'])
  remove(ADMIN_POLICIES, 'deny')
  baseline({ ingress: [{ action: 'Deny', from: fromAll }] })
  expect(verdicts()).toEqual(['dropped', 'dropped'])
  native('low', { tier: 'baseline', ingress: [{ action: 'Allow', from: [{ namespaceSelector: namespaces('test') }] }] })
  expect(verdicts()).toEqual(['dropped', 'delivered'])
  create('networkpolicies', 'shop', { ...NP, spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] } })
  expect(verdicts()).toEqual(['delivered', 'dropped'])
  remove('networkpolicies', 'all', 'shop')
  remove(CLUSTER_POLICIES, 'low')
  remove(BASELINE_POLICIES, 'default')
  expect(verdicts()).toEqual(['delivered', 'delivered'])
})

it('egress is the subject’s own, with ranges of ports; networks are no field of it', () => {
  admin('out', 7, { subject: { namespaces: namespaces('test') }, egress: [{ action: 'Deny', to: [{ pods: { namespaceSelector: namespaces('shop'), podSelector: { matchLabels: { app: 'web' } } } }], ports: [{ portRange: { start: 79, end: 81 } }] }] })
  expect(verdicts()).toEqual(['delivered', 'dropped'])
  expect(connect('test', 82).verdict).toBe('refused')
  remove(ADMIN_POLICIES, 'out')
})

it('a controller with the feature gate closed tells nobody of them', () => {
  admin('deny', 20, { ingress: [{ action: 'Deny', from: fromTest }] })
  const data = cluster.client.get<KubeObject & { data: Record<string, string> }>('configmaps', 'kube-system', 'antrea-config').data
  const gate = (open: boolean): void => {
    cluster.client.patch('configmaps', 'kube-system', 'antrea-config', 'application/merge-patch+json', { data: { 'antrea-controller.conf': data['antrea-controller.conf']!.replace('AdminNetworkPolicy: true', `AdminNetworkPolicy: ${open}`) } })
    const { name } = cluster.client.list('pods', { namespace: 'kube-system', labelSelector: 'component=antrea-controller' }).items[0]!.metadata
    cluster.client.delete('pods', 'kube-system', name)
    cluster.clock.runFor(60_000)
    cluster.settle()
  }
  expect(verdicts()).toEqual(['delivered', 'dropped'])
  gate(false)
  expect(verdicts()).toEqual(['delivered', 'delivered'])
  gate(true)
  expect(verdicts()).toEqual(['delivered', 'dropped'])
  remove(ADMIN_POLICIES, 'deny')
})

it('priorities of flows keep their order where many policies have the last places', () => {
  const rule = (priority: number, order: number): NativeRule => ({ key: `${priority} ${order}`, tier: 251, priority, order, source: '', direction: 'ingress', action: 'Drop', rule: { peers: undefined, ports: undefined }, targets: [] })
  const rules = [900, 950, 1000].flatMap((priority) => [0, 1].map((order) => rule(priority, order)))
  expect([...flowPriorities(rules)].sort(([, a], [, b]) => b - a)).toEqual(rules.map(({ key }, i) => [key, 105 - i]))
})
