import type { ClusterConfig } from '../config.ts'
import { hasNamedPorts } from './decide.ts'
import { policyEnforcement } from './enforcement.ts'
import { DIRECTIONS, type Direction, type Policy, type PolicyPod, type PolicyView } from './types.ts'

/** A NetworkPolicy that is stored and that the network plugin does not obey, or not whole. */
export interface NotInForce {
  /** "namespace/name" */
  readonly policy: string
  /** "NetworkPolicy default/web is not in force: weave does not know named ports (http/TCP) and rejects the whole policy." */
  readonly text: string
}

/** Those of all policies; none where the plugin obeys what the API can say. */
export function notInForce(view: PolicyView, plugin: ClusterConfig['cni']): NotInForce[] {
  const policies = [...view.policies.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  return policies.flatMap((policy) => judge(policy, plugin) ?? [])
}

/** Those that select one end of a connection in the direction that they would decide there. */
export function notInForceBetween(view: PolicyView, plugin: ClusterConfig['cni'], ends: { from: PolicyPod | undefined; to: PolicyPod | undefined }): NotInForce[] {
  const of = (pod: PolicyPod | undefined, direction: Direction): readonly Policy[] => (pod ? view.selecting(pod, direction) : [])
  const policies = new Set([...of(ends.from, 'egress'), ...of(ends.to, 'ingress')])
  return [...policies].flatMap((policy) => judge(policy, plugin) ?? [])
}

function judge(policy: Policy, plugin: ClusterConfig['cni']): NotInForce | undefined {
  const enforcement = policyEnforcement(plugin)
  const say = (how: string): NotInForce => ({ policy: policy.key, text: `NetworkPolicy ${policy.key} is ${how}` })
  if (!enforcement) return say(`not in force: the network plugin ${plugin} does not enforce NetworkPolicy.`)
  const ports = DIRECTIONS.flatMap((d) => policy.rules[d]).flatMap((rule) => rule.ports ?? [])
  const list = (which: typeof ports): string => [...new Set(which.map((p) => p.text))].join(', ')
  if (enforcement.namedPorts === false && hasNamedPorts(policy)) {
    return say(`not in force: ${plugin} does not know named ports (${list(ports.filter((p) => p.name !== undefined))}) and rejects the whole policy, as the log of its agent says.`)
  }
  const ranges = ports.filter((p) => p.endPort !== undefined && p.endPort !== p.port)
  if (enforcement.endPorts === false && ranges.length > 0) return say(`in force in part: ${plugin} does not know endPort and takes the first port alone of ${list(ranges)}.`)
  return undefined
}
