import { matchesTerm, tolerates } from '../controllers/node-fit.ts'
import type { Pod } from '../types.ts'
import type { ClusterState } from './cluster-state.ts'
import { affinityPoints } from './interpod-affinity.ts'
import type { NodeInfo } from './node-info.ts'
import { demandOf, type Demand } from './resources.ts'
import { spreadScores } from './topology-spread.ts'

/** The score plugins of v1.33's default profile with their weights; each gives 0 to 100. */
const WEIGHT = { taints: 3, affinity: 2, podAffinity: 2, spread: 2, resources: 1, balance: 1, images: 1 }

export function scoreNodes(state: ClusterState, pod: Pod, feasible: readonly NodeInfo[]): number[] {
  const demand = demandOf(pod)
  const scores = feasible.map((info) => WEIGHT.resources * info.score(demand, leastAllocated))
  const add = (weight: number, each: readonly number[] | undefined): void => each?.forEach((n, i) => (scores[i]! += weight * n))
  add(WEIGHT.balance, balanceScores(demand, feasible))
  add(WEIGHT.taints, taintScores(pod, feasible))
  add(WEIGHT.affinity, nodeAffinityScores(pod, feasible))
  add(WEIGHT.images, imageScores(state, pod, feasible))
  add(WEIGHT.spread, spreadScores(state, pod, feasible))
  add(WEIGHT.podAffinity, podAffinityScores(state, pod, feasible))
  return scores
}

/** plugins/noderesources LeastAllocated: the freer, the better. */
export function leastAllocated({ scored }: Demand, info: NodeInfo): number {
  const { allocatable: { cpu, memory }, scored: used } = info
  if (cpu === 0 || memory === 0) return 0
  const free = (used: number, capacity: number): number => (used > capacity ? 0 : Math.trunc(((capacity - used) * 100) / capacity))
  return Math.trunc((free(used.cpu + scored.cpu, cpu) + free(used.memory + scored.memory, memory)) / 2)
}

/**
 * plugins/noderesources BalancedAllocation: cpu and memory used to the same part. A Pod that asks for neither is left
 * out since v1.33 (kubernetes/kubernetes#130260): such Pods gathered on one node.
 */
export function balanceScores({ requests }: Demand, feasible: readonly NodeInfo[]): number[] | undefined {
  if (requests.cpu === 0 && requests.memory === 0) return undefined
  return feasible.map(({ allocatable, requested }) => {
    if (allocatable.cpu === 0 || allocatable.memory === 0) return 100
    const cpu = Math.min(1, (requested.cpu + requests.cpu) / allocatable.cpu)
    const memory = Math.min(1, (requested.memory + requests.memory) / allocatable.memory)
    return Math.trunc((1 - Math.abs(cpu - memory) / 2) * 100)
  })
}

/** helper.DefaultNormalizeScore. */
function normalize(raw: readonly number[], reverse: boolean): number[] {
  const most = Math.max(0, ...raw)
  if (most === 0) return raw.map(() => (reverse ? 100 : 0))
  return raw.map((n) => (reverse ? 100 - Math.trunc((n * 100) / most) : Math.trunc((n * 100) / most)))
}

/** plugins/interpodaffinity: undefined when nobody prefers anything. */
export function podAffinityScores(state: ClusterState, pod: Pod, feasible: readonly NodeInfo[]): number[] | undefined {
  const points = affinityPoints(state, pod)
  return points && between(feasible.map(points))
}

/** The lowest is 0, the highest 100; in floats, as interpodaffinity's NormalizeScore: 29 of 100 are 28. */
function between(raw: readonly number[]): number[] {
  let least = Infinity
  let most = -Infinity
  for (const n of raw) {
    least = Math.min(least, n)
    most = Math.max(most, n)
  }
  return raw.map((n) => (most === least ? 0 : Math.trunc(100 * ((n - least) / (most - least)))))
}

/** Nodes that would rather not have the Pod: all get the same when none has such a taint. */
export function taintScores({ spec }: Pod, feasible: readonly NodeInfo[]): number[] | undefined {
  let any = false
  const counts = feasible.map(({ node }) => {
    const soft = node!.spec.taints?.filter((t) => t.effect === 'PreferNoSchedule' && !spec.tolerations?.some((each) => tolerates(each, t))).length ?? 0
    if (soft > 0) any = true
    return soft
  })
  return any ? normalize(counts, true) : undefined
}

export function nodeAffinityScores(pod: Pod, feasible: readonly NodeInfo[]): number[] | undefined {
  const terms = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution
  if (!terms?.length) return undefined
  return normalize(feasible.map(({ node }) => terms.reduce((n, t) => n + (matchesTerm(t.preference, node!) ? t.weight : 0), 0)), false)
}

const MB = 1024 * 1024
const IMAGES = { least: 23 * MB, most: 1000 * MB }

/** plugins/imagelocality: the more of the images' bytes are there, the better; less for images that few nodes have. */
export function imageScores(state: ClusterState, { spec }: Pod, feasible: readonly NodeInfo[]): number[] | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  const names = containers.map((c) => normalizedImage(c.image ?? '')).filter((name) => state.image(name))
  if (names.length === 0) return undefined
  const total = state.nodes().length
  const most = IMAGES.most * containers.length
  return feasible.map(({ node }) => {
    let sum = 0
    for (const name of names) {
      if (!node!.status.images?.some((i) => i.names?.includes(name))) continue
      const image = state.image(name)!
      sum += Math.trunc((image.size * image.nodes) / total)
    }
    const clamped = Math.min(Math.max(sum, IMAGES.least), most)
    return Math.trunc((100 * (clamped - IMAGES.least)) / (most - IMAGES.least))
  })
}

function normalizedImage(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name
}
