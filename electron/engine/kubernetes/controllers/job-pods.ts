import type * as core from 'kubernetes-types/core/v1'
import { StatusError } from '../client.ts'
import type { Job, Pod, PodTemplateSpec } from '../types.ts'
import { AGENT_WRITE, type ControllerContext } from './context.ts'
import type { EventRecorder } from './events.ts'
import type { Backoff } from './job.ts'
import { COMPLETION_INDEX, countOf, FAILURE_COUNT, IGNORED_FAILURE_COUNT, indexOf, pendingIndexes } from './job-indexes.ts'
import { finishTime, matchFailurePolicy, remainingBackoff } from './job-policies.ts'
import { FINALIZER, isIndexed, isTracked, type JobView, onlyReplacesFailed } from './job-view.ts'
import { ignoringGone } from './ownership.ts'
import { isReady, isTerminal } from './pods.ts'
import { inDeletionOrder } from './replicaset-order.ts'
import { podFromTemplate } from './template.ts'

export interface Counts { active: number; ready: number; terminating: number }
interface Outcome { counts: Counts; error?: StatusError }

/** Pods that are made or deleted in one turn. */
const MOST = 500

/** The hands of the Job controller: manageJob of pkg/controller/job. */
export class JobPods {
  readonly #context: ControllerContext
  readonly #events: EventRecorder

  constructor(context: ControllerContext, events: EventRecorder) {
    this.#context = context
    this.#events = events
  }

  /** Takes the Job's finalizer off a Pod; true when it is off. */
  untrack(pod: Pod): boolean {
    if (!isTracked(pod)) return true
    const { namespace, name, uid } = pod.metadata
    const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': [FINALIZER], uid } }
    try {
      this.#context.client.patch('pods', namespace, name, 'application/strategic-merge-patch+json', patch)
      return true
    } catch (error) {
      if (error instanceof StatusError) return error.status.code === 404 || error.status.code === 409
      throw error
    }
  }

  /** The Job is over: what still runs is deleted, and counted by its finalizer. */
  deleteActive({ job, active }: JobView, counts: Counts): Counts {
    for (const pod of active) this.#delete(job, pod)
    return { active: counts.active - active.length, ready: counts.ready - active.filter(isReady).length, terminating: counts.terminating + active.length }
  }

  #remove(job: Job, pods: readonly Pod[], counts: Counts): Counts {
    for (const pod of pods) {
      this.untrack(pod)
      this.#delete(job, pod)
    }
    return { active: counts.active - pods.length, ready: counts.ready - pods.filter(isReady).length, terminating: counts.terminating + pods.length }
  }

  #delete(job: Job, pod: Pod): void {
    ignoringGone(() => this.#context.client.delete('pods', pod.metadata.namespace, pod.metadata.name))
    this.#events.event(job, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
  }

  /** Brings the number of Pods to what is wanted; `later` is told when back-off asks to wait. */
  manage(view: JobView, counts: Counts, backoff: Backoff, later: (delay: number) => void): Outcome {
    const { job, active } = view
    const { spec } = job
    const { clock } = this.#context
    if (spec.suspend) return { counts: this.#remove(job, active, counts) }
    const parallelism = spec.parallelism ?? 1
    const wanted = spec.completions === undefined ? (view.succeeded > 0 ? active.length : parallelism) : Math.max(0, Math.min(parallelism, spec.completions - view.succeeded))
    const victims = this.#victims(view, Math.max(0, active.length - wanted)).slice(0, MOST)
    if (victims.length > 0) return { counts: this.#remove(job, victims, counts) }
    let missing = Math.min(MOST, wanted - active.length - (onlyReplacesFailed(job) ? counts.terminating : 0))
    if (missing <= 0) return { counts }
    const perIndex = spec.backoffLimitPerIndex !== undefined
    const wait = perIndex ? 0 : remainingBackoff(backoff.failures, backoff.last, clock.wall())
    if (wait > 0) {
      later(wait)
      return { counts: { ...counts, active: 0 } }
    }
    let indexes: number[] | undefined
    if (isIndexed(job)) {
      // with podReplacementPolicy Failed the index of a Pod that is still ending is taken: firstPendingIndexes
      const working = new Set((onlyReplacesFailed(job) ? view.pods.filter((p) => !isTerminal(p)) : active).map(indexOf))
      indexes = pendingIndexes(spec.completions ?? 0, missing, (i) => working.has(i) || view.succeededIndexes.has(i) || (view.failedIndexes?.has(i) ?? false))
      if (perIndex) {
        const waits = new Map(indexes.map((i) => [i, this.#indexWait(view.delayed.get(i))]))
        const now = indexes.filter((i) => waits.get(i) === 0)
        if (now.length === 0 && indexes.length > 0) {
          later(Math.min(...waits.values()))
          return { counts: { ...counts, active: 0 } }
        }
        const rest = indexes.filter((i) => waits.get(i) !== 0)
        if (rest.length > 0) later(Math.min(...rest.map((i) => waits.get(i)!)))
        indexes = now
      }
      missing = indexes.length
    }
    return this.#createMany(view, counts, missing, indexes)
  }

  /** An index waits after its own failures. */
  #indexWait(failed: Pod | undefined): number {
    if (!failed) return 0
    return remainingBackoff(countOf(failed, FAILURE_COUNT) + countOf(failed, IGNORED_FAILURE_COUNT) + 1, finishTime(failed), this.#context.clock.wall())
  }

  /** Doubles of an index first, then those that are least worth keeping. */
  #victims({ job, active }: JobView, atLeast: number): Pod[] {
    const order = (pods: readonly Pod[]): Pod[] => inDeletionOrder(pods, () => 0, this.#context.clock)
    if (!isIndexed(job)) return atLeast === 0 ? [] : order(active).slice(0, atLeast)
    const byIndex = new Map<number, Pod[]>()
    for (const pod of active) byIndex.set(indexOf(pod), [...(byIndex.get(indexOf(pod)) ?? []), pod])
    const victims: Pod[] = []
    const left: Pod[] = []
    for (const [index, pods] of byIndex) {
      const valid = index >= 0 && index < (job.spec.completions ?? 0)
      const keep = valid ? order(pods).at(-1) : undefined
      victims.push(...pods.filter((p) => p !== keep))
      if (keep) left.push(keep)
    }
    return victims.length < atLeast ? [...victims, ...order(left).slice(0, atLeast - victims.length)] : victims
  }

  #createMany({ job, delayed }: JobView, counts: Counts, count: number, indexes: readonly number[] | undefined): Outcome {
    let created = 0
    for (; created < count; created++) {
      try {
        const body = makePod(job, indexes?.[created], delayed)
        const pod = this.#context.client.create<Pod>('pods', job.metadata.namespace, body, AGENT_WRITE)
        this.#events.event(job, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
        if (error.message.includes('is being terminated')) break
        this.#events.event(job, 'Warning', 'FailedCreate', `Error creating: ${error.message}`)
        return { counts: { ...counts, active: counts.active + created }, error }
      }
    }
    return { counts: { ...counts, active: counts.active + created } }
  }
}

type Draft = PodTemplateSpec & { metadata: { annotations?: Record<string, string>; labels?: Record<string, string>; finalizers?: string[] }; spec: core.PodSpec }

function makePod(job: Job, index: number | undefined, delayed: ReadonlyMap<number, Pod>): object {
  const { template } = job.spec
  const finalizers = [...(template.metadata?.finalizers ?? []).filter((f) => f !== FINALIZER), FINALIZER]
  const draft = { metadata: { ...template.metadata, finalizers }, spec: template.spec ?? { containers: [] } } as Draft
  if (index === undefined) return podFromTemplate(draft, job)
  const replaced = delayed.get(index)
  const failures = job.spec.backoffLimitPerIndex === undefined ? {} : failureCounts(job, replaced)
  draft.metadata.annotations = { ...draft.metadata.annotations, [COMPLETION_INDEX]: String(index), ...failures }
  draft.metadata.labels = { ...draft.metadata.labels, [COMPLETION_INDEX]: String(index) }
  const withIndex = (containers: core.Container[] | undefined): core.Container[] | undefined => containers?.map(addIndexVariable)
  const { initContainers } = draft.spec
  draft.spec = {
    ...draft.spec,
    hostname: `${job.metadata.name}-${index}`,
    containers: withIndex(draft.spec.containers)!,
    ...(initContainers ? { initContainers: withIndex(initContainers)! } : {}),
  }
  const pod = podFromTemplate(draft, job) as { metadata: object }
  return { ...pod, metadata: { ...pod.metadata, generateName: `${job.metadata.name.slice(0, 56 - String(index).length)}-${index}-` } }
}

function failureCounts(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (!replaced) return { [FAILURE_COUNT]: '0' }
  const { counts } = matchFailurePolicy(job.spec.podFailurePolicy, replaced)
  const failures = countOf(replaced, FAILURE_COUNT) + (counts ? 1 : 0)
  const ignored = countOf(replaced, IGNORED_FAILURE_COUNT) + (counts ? 0 : 1)
  return { [FAILURE_COUNT]: String(failures), ...(ignored > 0 ? { [IGNORED_FAILURE_COUNT]: String(ignored) } : {}) }
}

const VARIABLE = 'JOB_COMPLETION_INDEX'

function addIndexVariable(container: core.Container): core.Container {
  if (container.env?.some((e) => e.name === VARIABLE)) return container
  const fieldPath = `metadata.labels['${COMPLETION_INDEX}']`
  return { ...container, env: [...(container.env ?? []), { name: VARIABLE, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } }] }
}
