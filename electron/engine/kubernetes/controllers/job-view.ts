import type { Job, Pod } from '../types.ts'
import { countOf, FAILURE_COUNT, IGNORED_FAILURE_COUNT, indexOf, parseIndexes } from './job-indexes.ts'
import { finishTime, matchFailurePolicy } from './job-policies.ts'
import { isActive } from './pods.ts'

/** What one turn of the Job controller sees: syncJobCtx of pkg/controller/job. */
export const FINALIZER = 'batch.kubernetes.io/job-tracking'

export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(FINALIZER) ?? false
export const isIndexed = ({ spec }: Job): boolean => spec.completionMode === 'Indexed'
export const onlyReplacesFailed = ({ spec }: Job): boolean => spec.podReplacementPolicy === 'Failed'

/** Pods that are being deleted count as failed at once, unless replacements wait until they are. */
export function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status.phase === 'Failed') return true
  return !onlyReplacesFailed(job) && pod.metadata.deletionTimestamp !== undefined && pod.status.phase !== 'Succeeded'
}

/** Failures that counted and those that were ignored. */
const allFailures = (pod: Pod): number => countOf(pod, FAILURE_COUNT) + countOf(pod, IGNORED_FAILURE_COUNT)

export class JobView {
  readonly job: Job
  readonly pods: readonly Pod[]
  readonly active: readonly Pod[]
  readonly terminating: number
  readonly newSucceeded: readonly Pod[]
  readonly newFailed: readonly Pod[]
  readonly succeededIndexes: Set<number>
  readonly formerIndexes: ReadonlySet<number>
  readonly failedIndexes: Set<number> | undefined
  /** Of each index the failed Pod that stays until another one took over its count. */
  readonly delayed = new Map<number, Pod>()
  readonly succeeded: number
  readonly failed: number

  constructor(job: Job, pods: readonly Pod[]) {
    this.job = job
    this.pods = isIndexed(job) ? [...pods].sort((a, b) => indexOf(a) - indexOf(b)) : pods
    this.active = this.pods.filter(isActive)
    this.terminating = this.pods.filter((p) => p.metadata.deletionTimestamp && p.status.phase !== 'Succeeded' && p.status.phase !== 'Failed').length
    const { succeeded: countedS = [], failed: countedF = [] } = job.status.uncountedTerminatedPods ?? {}
    this.newSucceeded = this.#valid((p) => p.status.phase === 'Succeeded' && !countedS.includes(p.metadata.uid))
    this.newFailed = this.#valid((p) => hasFailed(job, p) && !countedF.includes(p.metadata.uid))
    const completions = job.spec.completions ?? 0
    this.formerIndexes = parseIndexes(job.status.completedIndexes, completions)
    this.succeededIndexes = new Set(this.formerIndexes)
    if (isIndexed(job)) for (const pod of this.newSucceeded) this.succeededIndexes.add(indexOf(pod))
    const counted = this.newFailed.filter((p) => matchFailurePolicy(job.spec.podFailurePolicy, p).counts)
    this.failed = (job.status.failed ?? 0) + counted.length + countedF.length
    this.succeeded = isIndexed(job) ? this.succeededIndexes.size : (job.status.succeeded ?? 0) + this.newSucceeded.length + countedS.length
    this.failedIndexes = isIndexed(job) && job.spec.backoffLimitPerIndex !== undefined ? this.#findFailed(job.spec.backoffLimitPerIndex, completions) : undefined
    if (this.failedIndexes) this.#findDelayed()
  }

  /** Tracked Pods, with an index that counts. */
  #valid(test: (pod: Pod) => boolean): Pod[] {
    const completions = this.job.spec.completions ?? 0
    return this.pods.filter((p) => isTracked(p) && test(p) && (!isIndexed(this.job) || (indexOf(p) >= 0 && indexOf(p) < completions)))
  }

  /** Indexes that failed more often than they may. */
  #findFailed(limit: number, completions: number): Set<number> {
    const failed = parseIndexes(this.job.status.failedIndexes, completions)
    for (const pod of this.#valid((p) => hasFailed(this.job, p))) {
      const { action, counts } = matchFailurePolicy(this.job.spec.podFailurePolicy, pod)
      if (action === 'FailIndex' || (counts && countOf(pod, FAILURE_COUNT) >= limit)) failed.add(indexOf(pod))
    }
    return failed
  }

  #findDelayed(): void {
    const working = new Set(this.active.map(indexOf))
    for (const pod of this.#valid((p) => hasFailed(this.job, p))) {
      const index = indexOf(pod)
      if (this.succeededIndexes.has(index) || this.failedIndexes!.has(index) || working.has(index)) continue
      const other = this.delayed.get(index)
      const later = other && allFailures(other) <= allFailures(pod) && finishTime(pod) >= finishTime(other)
      if (!other || later) this.delayed.set(index, pod)
    }
  }
}
