import { timestamp } from '../human-duration.ts'
import type { Job } from '../types.ts'

/** Conditions of Jobs: pkg/controller/job and job/util. */
export type JobCondition = NonNullable<Job['status']['conditions']>[number]

export function conditionOf(conditions: readonly JobCondition[] | undefined, type: string): JobCondition | undefined {
  return conditions?.find((c) => c.type === type)
}

export function isTrue(conditions: readonly JobCondition[] | undefined, type: string): boolean {
  return conditionOf(conditions, type)?.status === 'True'
}

/** "Complete" or "Failed" when it is done. */
export function finishedCondition({ status }: Job): string | undefined {
  return status.conditions?.find((c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True')?.type
}

export function isComplete({ status }: Job): boolean {
  return isTrue(status.conditions, 'Complete')
}

export function newCondition(wall: number, type: string, status: 'True' | 'False', reason: string, message: string): JobCondition {
  const now = timestamp(wall)
  return { type, status, lastProbeTime: now, lastTransitionTime: now, ...(reason ? { reason } : {}), ...(message ? { message } : {}) }
}

/** The conditions with this one set, or undefined when nothing changes; from nothing to False is no change. */
export function ensureCondition(conditions: readonly JobCondition[] | undefined, wanted: JobCondition): JobCondition[] | undefined {
  const present = conditionOf(conditions, wanted.type)
  if (!present) return wanted.status === 'False' ? undefined : [...(conditions ?? []), wanted]
  if (present.status === wanted.status && present.reason === wanted.reason && present.message === wanted.message) return undefined
  return conditions!.map((c) => (c === present ? wanted : c))
}
