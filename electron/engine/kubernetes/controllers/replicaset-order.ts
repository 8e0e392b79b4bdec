import type { Clock } from '../../clock.ts'
import type { Pod } from '../types.ts'
import { isReady, podCondition } from './pods.ts'
import { since } from './time.ts'

/**
 * Which Pods a scale-down takes first: pkg/controller ActivePodsWithRanks, with the logarithmic comparison of ages
 * (KEP-2185) and pod deletion cost (KEP-2255). `rankOf` is how many Pods of the same kind share the Pod's node.
 */
export function inDeletionOrder(pods: readonly Pod[], rankOf: (pod: Pod) => number, clock: Clock): Pod[] {
  return [...pods].sort((a, b) => compare(a, b, rankOf, clock))
}

const PHASES: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 }

function compare(a: Pod, b: Pod, rankOf: (pod: Pod) => number, clock: Clock): number {
  return (
    Number(!!a.spec.nodeName) - Number(!!b.spec.nodeName) ||
    (PHASES[a.status.phase ?? ''] ?? 2) - (PHASES[b.status.phase ?? ''] ?? 2) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    rankOf(b) - rankOf(a) ||
    (isReady(a) ? byAge(readyAge(a, clock), readyAge(b, clock), a, b) : 0) ||
    mostRestarts(b) - mostRestarts(a) ||
    byAge(since(clock, a.metadata.creationTimestamp), since(clock, b.metadata.creationTimestamp), a, b)
  )
}

function deletionCost(pod: Pod): number {
  const cost = pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? '0'
  return /^-?\d+$/.test(cost) ? Number(cost) : 0
}

function readyAge(pod: Pod, clock: Clock): number {
  const age = since(clock, podCondition(pod, 'Ready')?.lastTransitionTime)
  return Number.isNaN(age) ? 0 : age
}

/** Ages of the same power of two count as equal; then the uid decides, which is chance. */
function byAge(ageA: number, ageB: number, a: Pod, b: Pod): number {
  if (ageA === ageB) return 0
  const difference = bucket(ageA) - bucket(ageB)
  if (difference !== 0) return difference
  return a.metadata.uid < b.metadata.uid ? -1 : 1
}

function bucket(ageMs: number): number {
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1
}

function mostRestarts(pod: Pod): number {
  return Math.max(0, ...(pod.status.containerStatuses ?? []).map((s) => s.restartCount))
}
