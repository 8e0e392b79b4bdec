import { StatusError } from '../client.ts'
import { timestamp } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import type { Job, Pod } from '../types.ts'
import { AGENT_STATUS, type Controller, type ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import { keyOf, type Informer } from './informer.ts'
import { formatIndexes, indexOf } from './job-indexes.ts'
import { JobPods } from './job-pods.ts'
import { finishTime, isPastRestarts, matchFailurePolicy, matchSuccessPolicy } from './job-policies.ts'
import { conditionOf, ensureCondition, finishedCondition, isTrue, newCondition, type JobCondition } from './job-status.ts'
import { FINALIZER, hasFailed, isIndexed, isTracked, JobView } from './job-view.ts'
import { claim, controllerOf, selectorOf } from './ownership.ts'
import { OF_OWNERS, BY_NAMESPACE, BY_OWNER, ORPHANS, isReady, namespaceOf, orphanNamespace, ownerUid } from './pods.ts'
import { since } from './time.ts'
import { WorkQueue } from './workqueue.ts'

type Status = Job['status']
/** What happens to Pods within this time is looked at together (syncJobBatchPeriod). */
const BATCH = 1000
/** Pods that are counted in one turn: their uids stand in the status meanwhile (MaxUncountedPods). */
const MOST_UNCOUNTED = 500

/** Failures since the last success, of Jobs that run. */
export interface Backoff { failures: number; last: number }

/** Runs Pods until enough of them succeeded: pkg/controller/job. */
export class JobController implements Controller {
  readonly #context: ControllerContext
  readonly #jobs: Informer<Job>
  readonly #pods: Informer<Pod>
  readonly #queue: WorkQueue
  readonly #events: EventRecorder
  readonly #work: JobPods
  readonly #backoffs = new Map<string, Backoff>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#jobs = context.informers.of<Job>('jobs')
    this.#pods = context.informers.of<Pod>('pods')
    this.#jobs.index(BY_NAMESPACE, namespaceOf)
    this.#pods.index(BY_OWNER, ownerUid, OF_OWNERS)
    this.#pods.index(ORPHANS, orphanNamespace, OF_OWNERS)
    this.#events = new EventRecorder(context.client, context.clock, 'job-controller')
    this.#work = new JobPods(context, this.#events)
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('job'))
    const add = (job: Job): void => this.#queue.add(keyOf(job))
    this.#jobs.on({
      onAdd: add,
      onUpdate: add,
      onDelete: (job) => {
        this.#backoffs.delete(job.metadata.uid)
        for (const pod of this.#pods.indexed(BY_OWNER, job.metadata.uid)) this.#work.untrack(pod)
      },
    })
    const onPod = (pod: Pod): void => this.#onPod(pod)
    this.#pods.on({ onAdd: onPod, onUpdate: onPod, onDelete: onPod })
  }

  stop(): void {
    this.#queue.stop()
  }

  #onPod(pod: Pod): void {
    const { namespace } = pod.metadata
    const owner = controllerOf(pod)
    if (!owner) {
      // whoever is without a Job, let go of or left behind by one, is counted by nobody
      this.#work.untrack(pod)
      for (const job of this.#jobs.indexed(BY_NAMESPACE, namespace)) if (selectorOf(job).matches(pod.metadata.labels)) this.#queue.addAfter(keyOf(job), BATCH)
      return
    }
    if (owner.kind !== 'Job') return
    const job = this.#jobs.get(namespace, owner.name)
    if (job?.metadata.uid === owner.uid && !finishedCondition(job)) this.#queue.addAfter(keyOf(job), BATCH)
    // Nobody will count a Pod whose Job is gone or done: it must not wait for that.
    else if (isTracked(pod) && (pod.metadata.deletionTimestamp || !job)) this.#work.untrack(pod)
  }

  #sync(key: string): void {
    const job = this.#jobs.byKey(key)
    if (!job || finishedCondition(job) || (job.spec.managedBy ?? MANAGER) !== MANAGER) return
    const { client, clock } = this.#context
    const pods = claim(client, 'pods', job, this.#pods, { finalizer: FINALIZER })
    const view = new JobView(job, pods)
    const status: Status = { ...job.status, uncountedTerminatedPods: job.status.uncountedTerminatedPods ?? {} }
    if (!status.startTime && !job.spec.suspend) status.startTime = timestamp(clock.wall())
    const backoff = this.#newBackoff(view)
    let finished = this.#findEnd(view, status)
    let counts = { active: view.active.length, ready: view.active.filter(isReady).length, terminating: view.terminating }
    let thrown: StatusError | undefined
    try {
      if (finished) counts = this.#work.deleteActive(view, counts)
      else {
        const managed = !job.metadata.deletionTimestamp
        if (managed) {
          const outcome = this.#work.manage(view, counts, backoff, (delay) => this.#queue.addAfter(key, delay, { background: true }))
          counts = outcome.counts
          thrown = outcome.error
        }
        const { completions } = job.spec
        const complete = counts.active === 0 && (completions === undefined ? view.succeeded > 0 : view.succeeded >= completions)
        if (complete) finished = newCondition(clock.wall(), 'SuccessCriteriaMet', 'True', 'CompletionsReached', 'Reached expected number of succeeded pods')
        else if (managed) this.#followSuspension(job, status)
      }
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      thrown = error
    }
    setCount(status, 'active', counts.active)
    status.ready = counts.ready
    status.terminating = counts.terminating
    this.#track(view, status, finished, backoff)
    if (thrown) throw thrown
  }

  /** The condition that ends the Job, if there is a reason. */
  #findEnd(view: JobView, status: Status): JobCondition | undefined {
    const { job, pods } = view
    const { spec } = job
    const wall = this.#context.clock.wall()
    if (isTrue(status.conditions, 'SuccessCriteriaMet')) return conditionOf(status.conditions, 'SuccessCriteriaMet')
    const target = conditionOf(status.conditions, 'FailureTarget')
    if (target?.status === 'True') return newCondition(wall, 'Failed', 'True', target.reason ?? '', target.message ?? '')
    const fail = (reason: string, message: string): JobCondition => newCondition(wall, 'FailureTarget', 'True', reason, message)
    for (const pod of spec.podFailurePolicy ? pods : []) {
      const message = hasFailed(job, pod) ? matchFailurePolicy(spec.podFailurePolicy, pod).message : undefined
      if (message) return fail('PodFailurePolicy', message)
    }
    if (view.failed > (spec.backoffLimit ?? 6) || isPastRestarts(job, pods)) return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
    const deadline = spec.activeDeadlineSeconds
    if (deadline !== undefined && !spec.suspend && status.startTime) {
      const left = deadline * 1000 - since(this.#context.clock, status.startTime)
      if (left <= 0) return fail('DeadlineExceeded', 'Job was active longer than specified deadline')
      this.#queue.addAfter(keyOf(job), left, { background: true })
    }
    if (!isIndexed(job)) return undefined
    const completions = spec.completions ?? 0
    const failed = view.failedIndexes?.size ?? 0
    if (spec.maxFailedIndexes !== undefined && failed > spec.maxFailedIndexes) return fail('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes')
    if (failed > 0 && failed + view.succeededIndexes.size >= completions) return fail('FailedIndexes', 'Job has failed indexes')
    const met = matchSuccessPolicy(spec.successPolicy, completions, view.succeededIndexes)
    return met === undefined ? undefined : newCondition(wall, 'SuccessCriteriaMet', 'True', 'SuccessPolicy', met)
  }

  #followSuspension(job: Job, status: Status): void {
    const wall = this.#context.clock.wall()
    const { suspend } = job.spec
    const wanted = suspend ? newCondition(wall, 'Suspended', 'True', 'JobSuspended', 'Job suspended') : newCondition(wall, 'Suspended', 'False', 'JobResumed', 'Job resumed')
    const conditions = ensureCondition(status.conditions, wanted)
    if (!conditions) return
    status.conditions = conditions
    this.#events.event(job, 'Normal', suspend ? 'Suspended' : 'Resumed', suspend ? 'Job suspended' : 'Job resumed')
    if (!suspend) status.startTime = timestamp(wall)
  }

  /** Failures after the last success, with those that are new. */
  #newBackoff({ job, newSucceeded, newFailed }: JobView): Backoff {
    const known = this.#backoffs.get(job.metadata.uid) ?? { failures: 0, last: 0 }
    if (newSucceeded.length + newFailed.length === 0) return known
    const failures = newFailed.map(finishTime)
    const lastSuccess = Math.max(-Infinity, ...newSucceeded.map(finishTime))
    const counted = failures.filter((t) => t > lastSuccess)
    if (newSucceeded.length > 0) return { failures: counted.length, last: Math.max(0, ...counted) }
    return { failures: known.failures + failures.length, last: Math.max(known.last, ...failures) }
  }

  // ---- counting ----------------------------------------------------------------------------------------------

  /** Counts Pods that are done, in two steps so that none is lost or counted twice, and ends the Job. */
  #track(view: JobView, status: Status, finished: JobCondition | undefined, backoff: Backoff): void {
    const { job } = view
    const { clock } = this.#context
    const uncounted = { succeeded: [...(status.uncountedTerminatedPods?.succeeded ?? [])], failed: [...(status.uncountedTerminatedPods?.failed ?? [])] }
    const tracked = new Set(view.pods.filter(isTracked).map((p) => p.metadata.uid))
    this.#settle(status, uncounted, tracked)
    const { done, all } = this.#findDone(view, uncounted, finished)
    if (isIndexed(job)) {
      setCount(status, 'succeeded', view.succeededIndexes.size)
      const completed = formatIndexes(view.succeededIndexes)
      if (completed) status.completedIndexes = completed
      if (view.failedIndexes) status.failedIndexes = formatIndexes(view.failedIndexes)
    }
    let end = finished
    if (finished && (finished.type === 'FailureTarget' || finished.type === 'SuccessCriteriaMet')) {
      if (!isTrue(status.conditions, finished.type)) status.conditions = [...(status.conditions ?? []), finished]
      end = newCondition(clock.wall(), finished.type === 'FailureTarget' ? 'Failed' : 'Complete', 'True', finished.reason ?? '', finished.message ?? '')
    }
    let current = this.#write(job, { ...status, uncountedTerminatedPods: withoutEmpty(uncounted) })
    this.#backoffs.set(job.metadata.uid, backoff)
    for (const pod of done) if (this.#work.untrack(pod)) tracked.delete(pod.metadata.uid)
    this.#settle(status, uncounted, tracked)
    const ended = end !== undefined && all && uncounted.succeeded.length + uncounted.failed.length === 0 && (status.terminating ?? 0) === 0
    if (ended) {
      status.conditions = ensureCondition(status.conditions, end!) ?? status.conditions!
      if (end!.type === 'Complete') status.completionTime = end!.lastTransitionTime!
    }
    current = this.#write(current, { ...status, uncountedTerminatedPods: withoutEmpty(uncounted) })
    if (ended) this.#report(current, end!)
  }

  /** Pods whose finalizer can go; those that count are noted first. `all`: there are not more of them than fit in one turn. */
  #findDone(view: JobView, uncounted: { succeeded: string[]; failed: string[] }, finished: JobCondition | undefined): { done: Pod[]; all: boolean } {
    const { job } = view
    const indexed = isIndexed(job)
    const done: Pod[] = []
    let newIndexes = 0
    for (const pod of view.pods) {
      if (newIndexes + uncounted.succeeded.length + uncounted.failed.length >= MOST_UNCOUNTED) return { done, all: false }
      if (!isTracked(pod)) continue
      const failed = hasFailed(job, pod)
      const removable = job.metadata.deletionTimestamp || finished || pod.status.phase === 'Succeeded' || (failed && view.delayed.get(indexOf(pod)) !== pod)
      if (!removable) continue
      done.push(pod)
      const { uid } = pod.metadata
      if (pod.status.phase === 'Succeeded' && !uncounted.failed.includes(uid)) {
        if (indexed && view.succeededIndexes.has(indexOf(pod)) && !view.formerIndexes.has(indexOf(pod))) newIndexes++
        if (!indexed && !uncounted.succeeded.includes(uid)) uncounted.succeeded.push(uid)
      } else if ((failed || (finished && finished.type !== 'SuccessCriteriaMet')) && !uncounted.failed.includes(uid)) {
        const index = indexOf(pod)
        if (indexed && (index < 0 || index >= (job.spec.completions ?? 0))) continue
        if (matchFailurePolicy(job.spec.podFailurePolicy, pod).counts) uncounted.failed.push(uid)
      }
    }
    return { done, all: true }
  }

  /** What has no finalizer any more moves from the list into the counts. */
  #settle(status: Status, uncounted: { succeeded: string[]; failed: string[] }, tracked: ReadonlySet<string>): void {
    for (const field of ['succeeded', 'failed'] as const) {
      const left = uncounted[field].filter((uid) => tracked.has(uid))
      setCount(status, field, (status[field] ?? 0) + uncounted[field].length - left.length)
      uncounted[field] = left
    }
  }

  #write(job: Job, status: Status): Job {
    if (deepEqual(status, job.status)) return job
    return this.#context.client.update<Job>('jobs', job.metadata.namespace, job.metadata.name, { ...job, status }, AGENT_STATUS)
  }

  #report(job: Job, end: JobCondition): void {
    if (end.type !== 'Complete') return this.#events.event(job, 'Warning', end.reason ?? '', end.message ?? '')
    const { completions } = job.spec
    if (completions !== undefined && (job.status.succeeded ?? 0) > completions) {
      this.#events.event(job, 'Warning', 'TooManySucceededPods', 'Too many succeeded pods running after completion count reached')
    }
    this.#events.event(job, 'Normal', 'Completed', 'Job completed')
  }
}

const MANAGER = 'kubernetes.io/job-controller'

function setCount(status: Status, field: 'active' | 'succeeded' | 'failed', value: number): void {
  if (value === 0) delete status[field]
  else status[field] = value
}

function withoutEmpty(uncounted: { succeeded: string[]; failed: string[] }): Status['uncountedTerminatedPods'] {
  return { ...(uncounted.succeeded.length > 0 ? { succeeded: [...uncounted.succeeded] } : {}), ...(uncounted.failed.length > 0 ? { failed: [...uncounted.failed] } : {}) }
}
