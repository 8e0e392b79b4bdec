import type { PodSet, PolicyPod, PolicyView } from '../../policy/types.ts'
import type { NativePolicies } from './native.ts'

/** Policies as the controller tells them to agents (pkg/apis/controlplane/v1beta2 of Antrea v2.4): groups of Pods stand for their selectors. */
export interface PodGroup { readonly id: string; readonly pods: readonly PolicyPod[] }
export interface ControlPlanePolicy {
  readonly uid: string
  readonly type: 'K8sNetworkPolicy' | 'AntreaClusterNetworkPolicy' | 'AntreaNetworkPolicy' | 'AdminNetworkPolicy' | 'BaselineAdminNetworkPolicy'
  readonly namespace: string | undefined
  readonly name: string
  readonly tierPriority?: number
  readonly priority?: number
  readonly rules: number
  readonly appliedTo: readonly PodGroup[]
  readonly peers: readonly PodGroup[]
}

/** In the order of their sources' names. */
export function controlPlane(view: PolicyView, native: NativePolicies): ControlPlanePolicy[] {
  const of = (members: PolicyView) => (set: PodSet): PodGroup => ({ id: set.id, pods: members.members(set.id) })
  const kubernetes = [...view.policies.values()].map((policy): ControlPlanePolicy => {
    const rules = [...policy.rules.ingress, ...policy.rules.egress]
    // isolation without a rule is told as a rule that denies all
    const denials = (['ingress', 'egress'] as const).filter((d) => policy.isolates[d] && policy.rules[d].length === 0).length
    const selector = JSON.stringify(policy.object.spec.podSelector)
    return {
      uid: policy.object.metadata.uid ?? '', type: 'K8sNetworkPolicy', namespace: policy.namespace, name: policy.name, rules: rules.length + denials,
      appliedTo: [{ id: `${policy.namespace} ${selector}`, pods: view.selected(policy.key) }],
      peers: rules.flatMap((r) => r.peers ?? []).flatMap((p) => (p.kind === 'pods' ? [p.set] : [])).map(of(view)),
    }
  })
  const own = native.policies().map(({ object: { kind, metadata, spec }, tier, rules, applied, peers }): ControlPlanePolicy => ({
    uid: metadata.uid ?? '', type: kind === 'AdminNetworkPolicy' || kind === 'BaselineAdminNetworkPolicy' ? kind : kind === 'ClusterNetworkPolicy' ? 'AntreaClusterNetworkPolicy' : 'AntreaNetworkPolicy', namespace: metadata.namespace, name: metadata.name,
    tierPriority: tier, priority: spec.priority, rules, appliedTo: applied.map(of(native.view)), peers: peers.map(of(native.view)),
  }))
  return [...kubernetes, ...own].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.uid < b.uid ? -1 : 1))
}

/** What the agent of a node is told: policies for Pods of its own, with those Pods alone in the groups that they are for. */
export function ofNode(policies: readonly ControlPlanePolicy[], node: string): ControlPlanePolicy[] {
  return policies.map((policy) => ({ ...policy, appliedTo: policy.appliedTo.map(({ id, pods }) => ({ id, pods: pods.filter((pod) => pod.node === node) })) }))
    .filter(({ appliedTo }) => appliedTo.some(({ pods }) => pods.length > 0))
}

/** Each group once. */
export function distinct(groups: readonly PodGroup[]): PodGroup[] {
  return [...new Map(groups.map((group) => [group.id, group])).values()]
}
