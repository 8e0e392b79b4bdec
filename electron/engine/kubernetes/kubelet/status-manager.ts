import type { NodeContext } from '../../cni/types.ts'
import { StatusError } from '../client.ts'
import { AGENT_STATUS, CANONICAL_STATUS } from '../controllers/context.ts'
import { ignoringGone } from '../controllers/ownership.ts'
import { ifReached } from '../controllers/reach.ts'
import { timestamp } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import type { Pod } from '../types.ts'
import type { Refusal } from './admission.ts'
import type { PodWorker } from './pod-worker.ts'
import { isStatic, type StaticPods } from './static-pods.ts'

/** Between a worker's change and the write of its Pod's status. */
const DELAY = 1
/** syncPeriod of pkg/kubelet/status. */
const RETRY = 10_000

/** Tells the API server what became of Pods, and again where it did not answer: pkg/kubelet/status. */
export class StatusManager {
  readonly #context: NodeContext
  readonly #static: StaticPods
  readonly #isStopped: () => boolean
  readonly #dirty = new Set<PodWorker>()
  /** Workers of Pods whose status somebody else wrote; a round is due while there are any. */
  readonly #foreign = new Set<PodWorker>()
  #flush: ReturnType<NodeContext['clock']['schedule']> | undefined

  constructor(context: NodeContext, statics: StaticPods, isStopped: () => boolean) {
    this.#context = context
    this.#static = statics
    this.#isStopped = isStopped
  }

  stop(): void {
    this.#context.clock.cancel(this.#flush)
    this.#flush = undefined
  }

  /** Its status is to be written soon. */
  changed(worker: PodWorker): void {
    this.#dirty.add(worker)
    if (this.#isStopped()) return
    this.#flush ??= this.#context.clock.schedule(DELAY, () => {
      this.#flush = undefined
      const all = [...this.#dirty]
      this.#dirty.clear()
      for (const each of all) if (!ifReached(() => this.#write(each))) this.#tryAgain(() => this.changed(each))
    })
  }

  /** Somebody else wrote the Pod's status, as the node controller does with Pods of a silent node: needsReconcile, in the next round. */
  reconcile(worker: PodWorker): void {
    if (this.#foreign.size === 0) {
      this.#tryAgain(() => {
        const all = [...this.#foreign]
        this.#foreign.clear()
        for (const each of all) this.changed(each)
      })
    }
    this.#foreign.add(worker)
  }

  forget(worker: PodWorker): void {
    this.#dirty.delete(worker)
    this.#foreign.delete(worker)
  }

  /** Nothing of the Pod is left: its last status, and then it goes from the API. `done` once the server has heard. */
  finish(worker: PodWorker, done: () => void, again: () => void): void {
    const { uid, name, namespace } = worker.pod.metadata
    const reached = ifReached(() => {
      this.#write(worker)
      ignoringConflict(() => this.#context.client.delete('pods', namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } }))
      done()
    })
    if (!reached) this.#tryAgain(again)
  }

  /** rejectPod: it has failed before anything of it ran. */
  reject(pod: Pod, { reason, message }: Refusal): void {
    const { client, clock } = this.#context
    const { conditions, qosClass } = pod.status
    const status = { ...(conditions ? { conditions } : {}), message: `Pod was rejected: ${message}`, phase: 'Failed', ...(qosClass ? { qosClass } : {}), reason, startTime: timestamp(clock.wall()) }
    ignoringConflict(() => client.update<Pod>('pods', pod.metadata.namespace, pod.metadata.name, { ...pod, status } as Pod, AGENT_STATUS))
  }

  #write(worker: PodWorker): void {
    if (isStatic(worker.pod)) return this.#static.writeStatus(worker)
    const { client } = this.#context
    const { name, namespace, uid } = worker.pod.metadata
    ignoringConflict(() => {
      const pod = client.get<Pod>('pods', namespace, name)
      if (pod.metadata.uid !== uid) return
      worker.pod = pod
      const status = worker.status()
      if (!deepEqual(status, pod.status)) worker.pod = client.update<Pod>('pods', namespace, name, { ...pod, status }, CANONICAL_STATUS)
    })
  }

  /** Without an API server: in the next round. */
  #tryAgain(act: () => void): void {
    this.#context.clock.schedule(RETRY, act, { background: true })
  }
}

function ignoringConflict(act: () => void): void {
  try {
    ignoringGone(act)
  } catch (error) {
    if (!(error instanceof StatusError) || error.status.code !== 409) throw error
  }
}
