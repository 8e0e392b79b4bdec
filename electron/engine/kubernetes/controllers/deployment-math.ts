import type { Deployment, ReplicaSet } from '../types.ts'

/** The arithmetic of rollouts: pkg/controller/deployment/util. */
export const REVISION = 'deployment.kubernetes.io/revision'
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas'
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas'

/** intstr: a number, or a percentage of `total`, rounded up or down. */
export function scaled(value: number | string | undefined, total: number, round: 'up' | 'down'): number {
  if (value === undefined) return 0
  if (typeof value === 'number') return value
  const part = (Number(value.replace('%', '')) * total) / 100
  return round === 'up' ? Math.ceil(part) : Math.floor(part)
}

export function replicasOf(object: Deployment | ReplicaSet): number {
  return object.spec.replicas ?? 1
}

export function isRolling(d: Deployment): boolean {
  return d.spec.strategy?.type !== 'Recreate'
}

/** Both zero makes no progress: then one may be unavailable. */
function fenceposts(d: Deployment): { surge: number; unavailable: number } {
  const { maxSurge, maxUnavailable } = d.spec.strategy?.rollingUpdate ?? {}
  const surge = scaled(maxSurge, replicasOf(d), 'up')
  const unavailable = scaled(maxUnavailable, replicasOf(d), 'down')
  return surge === 0 && unavailable === 0 ? { surge: 0, unavailable: 1 } : { surge, unavailable }
}

export function maxSurge(d: Deployment): number {
  return isRolling(d) ? fenceposts(d).surge : 0
}

export function maxUnavailable(d: Deployment): number {
  if (!isRolling(d) || replicasOf(d) === 0) return 0
  return Math.min(fenceposts(d).unavailable, replicasOf(d))
}

/** The new ReplicaSet serves with all Pods that are wanted. */
export function isSaturated(d: Deployment, { metadata, spec, status }: ReplicaSet): boolean {
  const wanted = replicasOf(d)
  return (spec.replicas ?? 1) === wanted && Number(metadata.annotations?.[DESIRED_REPLICAS] ?? Number.NaN) === wanted && (status.availableReplicas ?? 0) === wanted
}

export function total(sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number | undefined): number {
  return sets.reduce((n, set) => n + (count(set) ?? 0), 0)
}

export function revisionOf(object: Deployment | ReplicaSet): number {
  const text = object.metadata.annotations?.[REVISION]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : 0
}

/** How many Pods a new ReplicaSet may have now. */
export function newReplicas(d: Deployment, all: readonly ReplicaSet[], current: number): number {
  if (!isRolling(d)) return replicasOf(d)
  const room = replicasOf(d) + maxSurge(d) - total(all, (set) => replicasOf(set))
  if (room <= 0) return current
  return current + Math.min(room, replicasOf(d) - current)
}

/** A scaled Deployment shares the change among its ReplicaSets in proportion to their sizes. */
export function proportion(set: ReplicaSet, d: Deployment, toAdd: number, added: number): number {
  if (replicasOf(set) === 0 || toAdd === 0 || toAdd === added) return 0
  const fraction = fractionOf(set, d)
  const allowed = toAdd - added
  return toAdd > 0 ? Math.min(fraction, allowed) : Math.max(fraction, allowed)
}

function fractionOf(set: ReplicaSet, d: Deployment): number {
  if (replicasOf(d) === 0) return -replicasOf(set)
  const wanted = replicasOf(d) + maxSurge(d)
  const former = Number(set.metadata.annotations?.[MAX_REPLICAS] ?? d.status.replicas ?? 0) || (d.status.replicas ?? 0)
  if (former === 0) return 0
  return Math.round((replicasOf(set) * wanted) / former) - replicasOf(set)
}

/** Oldest first; the name decides among those of one second. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp]
  return x < y ? -1 : x > y ? 1 : a.metadata.name < b.metadata.name ? -1 : 1
}
