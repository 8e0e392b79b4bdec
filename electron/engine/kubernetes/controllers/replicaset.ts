import { own } from '../../own.ts'
import { StatusError } from '../client.ts'
import { deepEqual } from '../json.ts'
import { timestamp } from '../human-duration.ts'
import type { Pod, ReplicaSet } from '../types.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import { keyOf, type Informer } from './informer.ts'
import { claim, controllerOf, selectorOf } from './ownership.ts'
import { OF_OWNERS, BY_NAMESPACE, BY_OWNER, ORPHANS, isActive, namespaceOf, orphanNamespace, ownerUid, podCondition } from './pods.ts'
import { inDeletionOrder } from './replicaset-order.ts'
import { podFromTemplate } from './template.ts'
import { since } from './time.ts'
import { WorkQueue } from './workqueue.ts'

/** Creations and deletions of one turn (pkg/controller/replicaset BurstReplicas). */
const BURST = 500
/** Virtual ms that it takes to look at one Pod; twice as long beyond so many, as then changes come faster than they are looked at. */
const LOOK = 1
const MANY = 100
/** Milliseconds. A look at tens of thousands of Pods takes no longer: else each 500 of them would take minutes to be made, and all agents' heartbeats with them. */
const LONGEST_LOOK = 1000

/** What a ReplicaSet and its elder, the ReplicationController, differ in. */
interface Flavour { resource: string; kind: string; component: string }
const REPLICA_SET: Flavour = { resource: 'replicasets', kind: 'ReplicaSet', component: 'replicaset-controller' }
const REPLICATION_CONTROLLER: Flavour = { resource: 'replicationcontrollers', kind: 'ReplicationController', component: 'replication-controller' }

/** Keeps as many Pods of a ReplicaSet as it asks for: pkg/controller/replicaset. */
export class ReplicaSetController implements Controller {
  readonly #flavour: Flavour
  readonly #context: ControllerContext
  readonly #sets: Informer<ReplicaSet>
  readonly #pods: Informer<Pod>
  readonly #queue: WorkQueue
  readonly #events: EventRecorder

  constructor(context: ControllerContext, flavour = REPLICA_SET) {
    this.#context = context
    this.#flavour = flavour
    this.#sets = context.informers.of<ReplicaSet>(flavour.resource)
    this.#pods = context.informers.of<Pod>('pods')
    this.#pods.index(BY_OWNER, ownerUid, OF_OWNERS)
    this.#pods.index(ORPHANS, orphanNamespace, OF_OWNERS)
    this.#sets.index(BY_OWNER, ownerUid, OF_OWNERS)
    this.#sets.index(BY_NAMESPACE, namespaceOf)
    this.#events = new EventRecorder(context.client, context.clock, flavour.component)
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.(flavour === REPLICA_SET ? 'replicaset' : 'replicationmanager'))
    const add = (set: ReplicaSet): void => this.#queue.add(keyOf(set))
    this.#sets.on({ onAdd: add, onUpdate: add, onDelete: add })
    this.#pods.on({
      onAdd: (pod) => this.#onPod(pod),
      onUpdate: (pod, old) => {
        this.#onPod(pod)
        if (ownerUid(old)[0] !== ownerUid(pod)[0]) this.#onPod(old)
      },
      onDelete: (pod) => this.#onPod(pod),
    })
  }

  stop(): void {
    this.#queue.stop()
  }

  #onPod(pod: Pod): void {
    const { namespace } = pod.metadata
    const owner = controllerOf(pod)
    if (owner) {
      if (owner.kind === this.#flavour.kind) this.#queue.add(`${namespace}/${owner.name}`)
      return
    }
    if (pod.metadata.deletionTimestamp) return
    for (const set of this.#sets.indexed(BY_NAMESPACE, namespace)) {
      if (selectorOf(set).matches(pod.metadata.labels)) this.#queue.add(keyOf(set))
    }
  }

  #sync(key: string): number {
    const set = this.#sets.byKey(key)
    if (!set) return 0
    const active = claim(this.#context.client, 'pods', set, this.#pods).filter(isActive)
    let failure: { reason: string; message: string } | undefined
    let thrown: StatusError | undefined
    if (!set.metadata.deletionTimestamp) {
      try {
        this.#manage(set, active)
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
        thrown = error
        failure = { reason: active.length < (set.spec.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete', message: error.message }
      }
    }
    this.#updateStatus(set, active, failure)
    if (thrown) throw thrown
    return Math.min((active.length + Math.max(0, active.length - MANY)) * LOOK, LONGEST_LOOK)
  }

  #manage(set: ReplicaSet, active: readonly Pod[]): void {
    const { client } = this.#context
    const missing = (set.spec.replicas ?? 1) - active.length
    const { namespace } = set.metadata
    for (let i = 0; i < Math.min(missing, BURST); i++) {
      try {
        const pod = client.create<Pod>('pods', namespace, podFromTemplate(set.spec.template, set), AGENT_WRITE)
        this.#events.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
      } catch (error) {
        // A namespace that is going takes no new Pods, and needs no report of it.
        if (error instanceof StatusError && !error.message.includes('is being terminated')) {
          this.#events.event(set, 'Warning', 'FailedCreate', `Error creating: ${error.message}`)
        }
        throw error
      }
    }
    if (missing >= 0) return
    for (const pod of this.#chooseVictims(set, active, Math.min(-missing, BURST))) {
      try {
        client.delete('pods', namespace, pod.metadata.name, { preconditions: { uid: pod.metadata.uid } })
      } catch (error) {
        if (error instanceof StatusError && error.status.code === 404) continue
        throw error
      }
      this.#events.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
    }
  }

  #chooseVictims(set: ReplicaSet, active: readonly Pod[], count: number): Pod[] {
    if (count >= active.length) return [...active]
    const perNode = new Map<string, number>()
    for (const pod of this.#related(set)) if (pod.spec.nodeName) perNode.set(pod.spec.nodeName, (perNode.get(pod.spec.nodeName) ?? 0) + 1)
    return inDeletionOrder(active, (pod) => perNode.get(pod.spec.nodeName ?? '') ?? 0, this.#context.clock).slice(0, count)
  }

  /** Active Pods of all ReplicaSets of the same Deployment. */
  #related(set: ReplicaSet): Pod[] {
    const owner = ownerUid(set)[0]
    const sets = owner === undefined ? [set] : this.#sets.indexed(BY_OWNER, owner)
    return sets.flatMap((s) => this.#pods.indexed(BY_OWNER, s.metadata.uid)).filter(isActive)
  }

  #updateStatus(set: ReplicaSet, active: readonly Pod[], failure: { reason: string; message: string } | undefined): void {
    const { clock, client } = this.#context
    const minReady = set.spec.minReadySeconds ?? 0
    const labels = set.spec.template?.metadata?.labels ?? {}
    let fullyLabeled = 0
    let ready = 0
    let available = 0
    for (const pod of active) {
      if (hasAll(pod.metadata.labels, labels)) fullyLabeled++
      const condition = podCondition(pod, 'Ready')
      if (condition?.status !== 'True') continue
      ready++
      const left = minReady === 0 ? 0 : minReady * 1000 - since(clock, condition.lastTransitionTime)
      if (left <= 0) available++
      else this.#queue.addAfter(keyOf(set), left)
    }
    const conditions = (set.status.conditions ?? []).filter((c) => c.type !== 'ReplicaFailure')
    const former = (set.status.conditions ?? []).find((c) => c.type === 'ReplicaFailure')
    if (failure) conditions.push(former ?? { type: 'ReplicaFailure', status: 'True', lastTransitionTime: timestamp(clock.wall()), ...failure })
    const status: ReplicaSet['status'] = {
      replicas: active.length,
      ...(fullyLabeled ? { fullyLabeledReplicas: fullyLabeled } : {}),
      ...(ready ? { readyReplicas: ready } : {}),
      ...(available ? { availableReplicas: available } : {}),
      observedGeneration: set.metadata.generation ?? 0,
      ...(conditions.length > 0 ? { conditions } : {}),
    }
    if (deepEqual(status, set.status)) return
    const { namespace, name } = set.metadata
    client.update(this.#flavour.resource, namespace, name, { ...set, status }, AGENT_STATUS)
  }
}

function hasAll(labels: Pod['metadata']['labels'], wanted: { readonly [key: string]: string }): boolean {
  for (const key in wanted) if (own(labels, key) !== wanted[key]) return false
  return true
}

/** pkg/controller/replication: the same over another kind. */
export class ReplicationManager extends ReplicaSetController {
  constructor(context: ControllerContext) {
    super(context, REPLICATION_CONTROLLER)
  }
}
