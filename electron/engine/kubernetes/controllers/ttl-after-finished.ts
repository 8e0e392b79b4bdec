import type { Job } from '../types.ts'
import type { Controller, ControllerContext } from './context.ts'
import { keyOf, type Informer } from './informer.ts'
import { conditionOf, finishedCondition } from './job-status.ts'
import { ignoringGone } from './ownership.ts'
import { since } from './time.ts'
import { WorkQueue } from './workqueue.ts'

/** Deletes Jobs some time after they are done: pkg/controller/ttlafterfinished. */
export class TtlAfterFinishedController implements Controller {
  readonly #context: ControllerContext
  readonly #jobs: Informer<Job>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#context = context
    this.#jobs = context.informers.of<Job>('jobs')
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('ttl_jobs_to_delete'))
    const add = (job: Job): void => {
      if (job.spec.ttlSecondsAfterFinished !== undefined && finishedCondition(job)) this.#queue.add(keyOf(job))
    }
    this.#jobs.on({ onAdd: add, onUpdate: add })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(key: string): void {
    const job = this.#jobs.byKey(key)
    const finished = job && finishedCondition(job)
    if (!finished || job.metadata.deletionTimestamp || job.spec.ttlSecondsAfterFinished === undefined) return
    const { client, clock } = this.#context
    const left = job.spec.ttlSecondsAfterFinished * 1000 - since(clock, conditionOf(job.status.conditions, finished)?.lastTransitionTime)
    if (left > 0) return this.#queue.addAfter(key, left, { background: true })
    ignoringGone(() => client.delete('jobs', job.metadata.namespace, job.metadata.name, { propagationPolicy: 'Foreground', preconditions: { uid: job.metadata.uid } }))
  }
}
