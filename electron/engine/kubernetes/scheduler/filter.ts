import { hostPortsOf, matchesNodeSelection, portsCollide, requestsOf, untolerated } from '../controllers/node-fit.ts'
import type { Pod } from '../types.ts'
import type { NodeInfo } from './node-info.ts'

/** Why a node cannot take a Pod, in the scheduler's words. `preemptable`: other Pods' leaving could change it. */
export interface Refusal { reasons: string[]; preemptable: boolean }

const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable'

/** The filter plugins in the order of v1.33's default profile; the first that refuses is the reason. */
export function refuses(pod: Pod, info: NodeInfo): Refusal | undefined {
  const node = info.node!
  const { spec } = pod
  const final = (reason: string): Refusal => ({ reasons: [reason], preemptable: false })
  if (node.spec.unschedulable && untolerated(spec, { ...node, spec: { taints: [{ key: UNSCHEDULABLE, effect: 'NoSchedule' }] } }, ['NoSchedule'])) return final('node(s) were unschedulable')
  if (spec.nodeName && spec.nodeName !== node.metadata.name) return final("node(s) didn't match the requested node name")
  const taint = untolerated(spec, node, ['NoSchedule', 'NoExecute'])
  if (taint) return final(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`)
  if (!matchesNodeSelection(spec, node)) return final("node(s) didn't match Pod's node affinity/selector")
  const ports = hostPortsOf(pod)
  if (ports.length > 0 && portsCollide(ports, info.ports)) return { reasons: ["node(s) didn't have free ports for the requested pod ports"], preemptable: true }
  return lacksResources(pod, info)
}

function lacksResources(pod: Pod, info: NodeInfo): Refusal | undefined {
  const reasons: string[] = []
  let preemptable = true
  if (info.podCount + 1 > info.allocatable('pods')) reasons.push('Too many pods')
  const wanted = requestsOf(pod.spec)
  for (const name of ['cpu', 'memory'] as const) {
    if (wanted[name] === 0 || wanted[name] <= info.allocatable(name) - info.requested[name]) continue
    reasons.push(`Insufficient ${name}`)
    if (wanted[name] > info.allocatable(name)) preemptable = false
  }
  return reasons.length > 0 ? { reasons, preemptable } : undefined
}

/** framework.FitError and the preemption plugin's addition. */
export function explain(total: number, refusals: readonly Refusal[]): string {
  if (total === 0) return 'no nodes available to schedule pods'
  const counts = new Map<string, number>()
  for (const reason of refusals.flatMap((r) => r.reasons)) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const list = [...counts].map(([reason, n]) => `${n} ${reason}`).sort().join(', ')
  const helpless = refusals.filter((r) => !r.preemptable).length
  const preemption = [
    ...(helpless > 0 ? [`${helpless} Preemption is not helpful for scheduling`] : []),
    ...(refusals.length > helpless ? [`${refusals.length - helpless} No preemption victims found for incoming pod`] : []),
  ].sort().join(', ')
  return `0/${total} nodes are available: ${list}. preemption: 0/${total} nodes are available: ${preemption}.`
}
