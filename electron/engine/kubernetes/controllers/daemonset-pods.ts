import type { Clock } from '../../clock.ts'
import { copied } from '../../own.ts'
import type { DaemonSet, Pod } from '../types.ts'
import { scaled } from './deployment-math.ts'
import { REVISION_HASH } from './history.ts'
import { isAvailable, isReady } from './pods.ts'
import { podFromTemplate } from './template.ts'

/** Pods of DaemonSets and which of them a rollout replaces: pkg/controller/daemon, util and update.go. */
const GENERATION = 'pod-template-generation'
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation'

/** Daemons stay on a node whatever happens to it: AddOrUpdateDaemonPodTolerations. */
export function daemonTolerations(hostNetwork: boolean): object[] {
  const exists = (key: string, effect: string): object => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists', effect })
  return [
    exists('not-ready', 'NoExecute'), exists('unreachable', 'NoExecute'), exists('disk-pressure', 'NoSchedule'), exists('memory-pressure', 'NoSchedule'),
    exists('pid-pressure', 'NoSchedule'), exists('unschedulable', 'NoSchedule'), ...(hostNetwork ? [exists('network-unavailable', 'NoSchedule')] : []),
  ]
}

/** The Pod of a node, which only the scheduler's word for that node can place elsewhere. */
export function daemonPod(set: DaemonSet, node: string, hash: string): object {
  const { template } = set.spec
  const generation = set.metadata.annotations?.[TEMPLATE_GENERATION] ?? String(set.metadata.generation ?? 1)
  const labels = { ...template.metadata?.labels, [REVISION_HASH]: hash, [GENERATION]: generation }
  const spec = template.spec!
  const required = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }] }
  return podFromTemplate({
    metadata: { ...template.metadata, labels },
    spec: Object.assign(copied(spec), {
      affinity: { ...spec.affinity, nodeAffinity: { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required } },
      tolerations: [...(spec.tolerations ?? []), ...(daemonTolerations(!!spec.hostNetwork) as [])],
    }),
  }, set)
}

/** The node that a daemon Pod is on or is meant for. */
export function targetNode(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  return terms.flatMap((t) => t.matchFields ?? []).find((f) => f.key === 'metadata.name')?.values?.[0]
}

export const isUpdated = (pod: Pod, hash: string): boolean => pod.metadata.labels?.[REVISION_HASH] === hash

/** Oldest first, Pods that have a node before those that wait for one. */
export function byAge(a: Pod, b: Pod): number {
  const assigned = Number(!a.spec.nodeName) - Number(!b.spec.nodeName)
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp]
  return assigned || (x < y ? -1 : x > y ? 1 : a.metadata.name < b.metadata.name ? -1 : 1)
}

export function allowsSurge(set: DaemonSet): boolean {
  const { maxSurge } = set.spec.updateStrategy?.rollingUpdate ?? {}
  return set.spec.updateStrategy?.type === 'RollingUpdate' && scaled(maxSurge, 100, 'up') > 0
}

/** Which of the Pods of one node are too many. While it surges there are two for a moment: the old one until the new one serves. */
export function surplusPods(set: DaemonSet, running: readonly Pod[], hash: string, clock: Clock): Pod[] {
  if (running.length <= 1) return []
  const sorted = [...running].sort(byAge)
  if (!allowsSurge(set)) return sorted.slice(1)
  const fresh = sorted.find((p) => isUpdated(p, hash))
  const old = sorted.find((p) => !isUpdated(p, hash))
  const surplus = sorted.filter((p) => p !== fresh && p !== old)
  if (fresh && old && (!isReady(old) || isAvailable(fresh, set.spec.minReadySeconds ?? 0, clock))) surplus.push(old)
  return surplus
}

/** The Pods that count on a node: of the old template and of the new. Undefined when there are doubles, which are cleaned up first. */
function pair(pods: readonly Pod[], hash: string): { fresh: Pod | undefined; old: Pod | undefined } | undefined {
  const living = pods.filter((p) => !p.metadata.deletionTimestamp)
  const fresh = living.filter((p) => isUpdated(p, hash))
  const old = living.filter((p) => !isUpdated(p, hash))
  return fresh.length > 1 || old.length > 1 ? undefined : { fresh: fresh[0], old: old[0] }
}

/** What one step of a rolling update deletes, and on which nodes it makes a second Pod. `wanted`: nodes that should have one; `runs`: whether a node is one of them. */
export function rollingStep(set: DaemonSet, byNode: ReadonlyMap<string, readonly Pod[]>, hash: string, wanted: number, runs: (node: string) => boolean, clock: Clock): { remove: Pod[]; create: string[] } {
  const { maxSurge, maxUnavailable } = set.spec.updateStrategy?.rollingUpdate ?? {}
  const minReady = set.spec.minReadySeconds ?? 0
  const available = (pod: Pod): boolean => isAvailable(pod, minReady, clock)
  const surge = scaled(maxSurge, wanted, 'up')
  if (surge === 0) return replaceStep(byNode, hash, Math.max(1, scaled(maxUnavailable ?? 1, wanted, 'up')), available)
  return surgeStep(byNode, hash, { limit: surge, wanted, runs, available })
}

function replaceStep(byNode: ReadonlyMap<string, readonly Pod[]>, hash: string, limit: number, available: (pod: Pod) => boolean): { remove: Pod[]; create: string[] } {
  let unavailable = 0
  const broken: Pod[] = []
  const candidates: Pod[] = []
  for (const pods of byNode.values()) {
    const { fresh, old } = pair(pods, hash) ?? {}
    if (!fresh === !old) unavailable++
    else if (fresh) unavailable += available(fresh) ? 0 : 1
    else if (!available(old!)) {
      broken.push(old!)
      unavailable++
    } else if (unavailable < limit) candidates.push(old!)
  }
  return { remove: [...broken, ...candidates.slice(0, Math.max(0, limit - unavailable))], create: [] }
}

/** Where a Pod may stay but none may come any more (a taint NoSchedule) there is no second one: the old one goes as soon as enough others are available. */
function surgeStep(byNode: ReadonlyMap<string, readonly Pod[]>, hash: string, { limit, wanted, runs, available }: { limit: number; wanted: number; runs: (node: string) => boolean; available: (pod: Pod) => boolean }): { remove: Pod[]; create: string[] } {
  let surging = 0
  let serving = 0
  const remove: Pod[] = []
  const allowed: string[] = []
  const candidates: string[] = []
  const leaving: Pod[] = []
  for (const [node, pods] of byNode) {
    const found = pair(pods, hash)
    if (!found) {
      surging++
      continue
    }
    const { old, fresh } = found
    const first = old ?? fresh
    if (first && available(first)) serving++
    if (!old) continue
    if (fresh) {
      if (available(fresh)) remove.push(old)
      else surging++
    } else if (!runs(node)) (available(old) ? leaving : remove).push(old)
    else if (!available(old)) allowed.push(node)
    else if (surging < limit) candidates.push(node)
  }
  return { remove: [...remove, ...leaving.slice(0, Math.max(0, serving - wanted))], create: [...allowed, ...candidates.slice(0, Math.max(0, limit - surging))] }
}
