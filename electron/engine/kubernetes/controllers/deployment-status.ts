import type { Clock } from '../../clock.ts'
import { timestamp } from '../human-duration.ts'
import type { Deployment, ReplicaSet } from '../types.ts'
import { maxUnavailable, replicasOf, total } from './deployment-math.ts'
import { since } from './time.ts'

/** A Deployment's status and its conditions: pkg/controller/deployment sync.go, progress.go. */
type Status = Deployment['status']
export type Condition = NonNullable<Status['conditions']>[number]

export function conditionOf(status: Status, type: string): Condition | undefined {
  return status.conditions?.find((c) => c.type === type)
}

/** Replaces the condition of this type; its transition time stays while the status does. */
export function withCondition(status: Status, clock: Clock, type: string, value: 'True' | 'False' | 'Unknown', reason: string, message: string): Status {
  const now = timestamp(clock.wall())
  const former = conditionOf(status, type)
  if (former?.status === value && former.reason === reason) return status
  const next: Condition = { type, status: value, lastUpdateTime: now, lastTransitionTime: former?.status === value ? former.lastTransitionTime : now, reason, message }
  return { ...status, conditions: [...(status.conditions ?? []).filter((c) => c.type !== type), next] }
}

function withoutCondition(status: Status, type: string): Status {
  return { ...status, conditions: (status.conditions ?? []).filter((c) => c.type !== type) }
}

/** What the ReplicaSets add up to, with the Available condition. */
export function countedStatus(d: Deployment, all: readonly ReplicaSet[], newSet: ReplicaSet | undefined, clock: Clock): Status {
  const replicas = total(all, (s) => s.status.replicas)
  const updated = newSet?.status.replicas ?? 0
  const ready = total(all, (s) => s.status.readyReplicas)
  const available = total(all, (s) => s.status.availableReplicas)
  const unavailable = Math.max(0, total(all, replicasOf) - available)
  const status: Status = {
    observedGeneration: d.metadata.generation ?? 0,
    ...(replicas ? { replicas } : {}),
    ...(updated ? { updatedReplicas: updated } : {}),
    ...(ready ? { readyReplicas: ready } : {}),
    ...(available ? { availableReplicas: available } : {}),
    ...(unavailable ? { unavailableReplicas: unavailable } : {}),
    ...(d.status.conditions ? { conditions: d.status.conditions } : {}),
    ...(d.status.collisionCount !== undefined ? { collisionCount: d.status.collisionCount } : {}),
  }
  return available >= replicasOf(d) - maxUnavailable(d)
    ? withCondition(status, clock, 'Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
    : withCondition(status, clock, 'Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.')
}

export function isComplete(d: Deployment, status: Status): boolean {
  const wanted = replicasOf(d)
  return (
    (status.updatedReplicas ?? 0) === wanted && (status.replicas ?? 0) === wanted && (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (d.metadata.generation ?? 0)
  )
}

function isProgressing(former: Status, status: Status): boolean {
  const old = (s: Status): number => (s.replicas ?? 0) - (s.updatedReplicas ?? 0)
  return (
    (status.updatedReplicas ?? 0) > (former.updatedReplicas ?? 0) || old(status) < old(former) ||
    (status.readyReplicas ?? 0) > (former.readyReplicas ?? 0) || (status.availableReplicas ?? 0) > (former.availableReplicas ?? 0)
  )
}

/** Whether anything is said of progress at all. */
export const hasDeadline = (d: Deployment): boolean => d.spec.progressDeadlineSeconds !== undefined && d.spec.progressDeadlineSeconds < 2 ** 31 - 1

function timedOut(d: Deployment, status: Status, clock: Clock): boolean {
  const condition = conditionOf(status, 'Progressing')
  if (!condition || condition.reason === 'NewReplicaSetAvailable') return false
  if (condition.reason === 'ProgressDeadlineExceeded') return true
  return since(clock, condition.lastUpdateTime) > (d.spec.progressDeadlineSeconds ?? 600) * 1000
}

/** The Progressing and ReplicaFailure conditions. */
export function progressStatus(d: Deployment, all: readonly ReplicaSet[], newSet: ReplicaSet | undefined, clock: Clock): Status {
  let status = countedStatus(d, all, newSet, clock)
  if (!hasDeadline(d)) status = withoutCondition(status, 'Progressing')
  const current = conditionOf(d.status, 'Progressing')
  const alreadyDone = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable'
  const set = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${d.metadata.name}"`
  if (hasDeadline(d) && !alreadyDone) {
    if (isComplete(d, status)) {
      status = withCondition(status, clock, 'Progressing', 'True', 'NewReplicaSetAvailable', `${set} has successfully progressed.`)
    } else if (isProgressing(d.status, status)) {
      const former = conditionOf(status, 'Progressing')
      status = withoutCondition(status, 'Progressing')
      status = withCondition(status, clock, 'Progressing', 'True', 'ReplicaSetUpdated', `${set} is progressing.`)
      // Progress renews the time of the update, and the transition's only when the status changed.
      if (former?.status === 'True') status = { ...status, conditions: status.conditions!.map((c) => (c.type === 'Progressing' ? { ...c, lastTransitionTime: former.lastTransitionTime } : c)) }
    } else if (timedOut(d, status, clock)) {
      status = withCondition(status, clock, 'Progressing', 'False', 'ProgressDeadlineExceeded', `${set} has timed out progressing.`)
    }
  }
  // the new one's goes before the old ones': getReplicaFailures
  const failureOf = (set: ReplicaSet): Condition | undefined => set.status.conditions?.find((c) => c.type === 'ReplicaFailure') as Condition | undefined
  const failure = [...(newSet ? [newSet] : []), ...all].map(failureOf).find((c) => c !== undefined)
  return failure ? withCondition(status, clock, 'ReplicaFailure', failure.status as 'True', failure.reason ?? '', failure.message ?? '') : withoutCondition(status, 'ReplicaFailure')
}

/** Virtual ms until the deadline is due to be looked at; undefined when there is nothing to wait for. */
export function untilDeadline(d: Deployment, status: Status, clock: Clock): number | undefined {
  const current = conditionOf(status, 'Progressing')
  if (!hasDeadline(d) || !current || isComplete(d, status) || current.reason === 'ProgressDeadlineExceeded') return undefined
  return Math.max(0, d.spec.progressDeadlineSeconds! * 1000 - since(clock, current.lastUpdateTime)) + 1000
}
