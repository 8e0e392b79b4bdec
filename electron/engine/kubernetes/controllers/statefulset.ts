import { StatusError } from '../client.ts'
import { deepEqual } from '../json.ts'
import type { ControllerRevision, KubeObject, Pod, StatefulSet } from '../types.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import { byRevision, createRevision, hasTemplate, renumber, revisionHash, templatePatch, truncateHistory } from './history.ts'
import { keyOf, type Informer } from './informer.ts'
import { claim, controllerOf, ignoringGone, ownerReference, selectorOf } from './ownership.ts'
import { OF_OWNERS, BY_NAMESPACE, BY_OWNER, ORPHANS, isTerminal, namespaceOf, orphanNamespace, ownerUid } from './pods.ts'
import {
  firstOrdinal, isHealthy, isRunningAndAvailable, isRunningAndReady, isTerminating, makeClaims, makePod, ordinalOf, podName, replicasOf,
  revisionFor, revisionOf,
} from './statefulset-pods.ts'
import { WorkQueue } from './workqueue.ts'

type Status = StatefulSet['status']
const HASH = 'controller.kubernetes.io/hash'
const CLAIMS = 'persistentvolumeclaims'

/** One turn's view: what is there and which templates count. */
interface Turn {
  set: StatefulSet
  current: ControllerRevision
  update: ControllerRevision
  /** Pods of the ordinals that are wanted, and the others, highest first. */
  replicas: (Pod | undefined)[]
  condemned: Pod[]
  status: Status
  monotonic: boolean
  firstUnhealthy: Pod | undefined
}

/** Pods with names that stay, made and removed in order: pkg/controller/statefulset. */
export class StatefulSetController implements Controller {
  readonly #context: ControllerContext
  readonly #sets: Informer<StatefulSet>
  readonly #pods: Informer<Pod>
  readonly #revisions: Informer<ControllerRevision>
  readonly #queue: WorkQueue
  readonly #events: EventRecorder
  readonly #hasClaims: boolean

  constructor(context: ControllerContext) {
    this.#context = context
    this.#sets = context.informers.of<StatefulSet>('statefulsets')
    this.#pods = context.informers.of<Pod>('pods')
    this.#revisions = context.informers.of<ControllerRevision>('controllerrevisions')
    this.#hasClaims = context.client.findResource(CLAIMS) !== undefined
    this.#sets.index(BY_NAMESPACE, namespaceOf)
    for (const informer of [this.#pods, this.#revisions]) {
      informer.index(BY_OWNER, ownerUid, OF_OWNERS)
      informer.index(ORPHANS, orphanNamespace, OF_OWNERS)
    }
    this.#events = new EventRecorder(context.client, context.clock, 'statefulset-controller')
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('statefulset'))
    const add = (set: StatefulSet): void => this.#queue.add(keyOf(set))
    this.#sets.on({ onAdd: add, onUpdate: add, onDelete: add })
    const onPod = (pod: Pod): void => this.#onPod(pod)
    this.#pods.on({ onAdd: onPod, onUpdate: onPod, onDelete: onPod })
  }

  stop(): void {
    this.#queue.stop()
  }

  #onPod(pod: Pod): void {
    const { namespace } = pod.metadata
    const owner = controllerOf(pod)
    if (owner) {
      if (owner.kind === 'StatefulSet') this.#queue.add(`${namespace}/${owner.name}`)
      return
    }
    for (const set of this.#sets.indexed(BY_NAMESPACE, namespace)) if (ordinalOf(set, pod) >= 0 && selectorOf(set).matches(pod.metadata.labels)) this.#queue.add(keyOf(set))
  }

  #sync(key: string): void {
    const set = this.#sets.byKey(key)
    if (!set) return
    const { client } = this.#context
    const pods = claim(client, 'pods', set, this.#pods, { belongs: (pod) => ordinalOf(set, pod) >= 0 })
    const revisions = claim(client, 'controllerrevisions', set, this.#revisions).sort(byRevision)
    const { current, update } = this.#chooseRevisions(set, revisions)
    const turn = this.#look(set, pods, current, update)
    try {
      if (!set.metadata.deletionTimestamp) this.#act(turn)
    } finally {
      this.#writeStatus(set, turn)
    }
    const live = new Set([current.metadata.name, update.metadata.name, ...pods.map(revisionOf)])
    truncateHistory(client, set, revisions, (r) => live.has(r.metadata.name))
    const { readyReplicas = 0, availableReplicas = 0 } = turn.status
    if (set.spec.minReadySeconds && readyReplicas !== availableReplicas) this.#queue.addAfter(key, set.spec.minReadySeconds * 1000)
  }

  // ---- revisions ---------------------------------------------------------------------------------------------

  #chooseRevisions(set: StatefulSet, revisions: readonly ControllerRevision[]): { current: ControllerRevision; update: ControllerRevision } {
    const next = (revisions.at(-1)?.revision ?? 0) + 1
    const equal = revisions.filter((r) => hasTemplate(r, set.spec.template)).at(-1)
    let update: ControllerRevision
    if (!equal) update = this.#newRevision(set, next)
    else update = equal === revisions.at(-1) ? equal : renumber(this.#context.client, equal, next)
    return { update, current: revisions.find((r) => r.metadata.name === set.status.currentRevision) ?? update }
  }

  #newRevision(set: StatefulSet, number: number): ControllerRevision {
    for (let collisions = set.status.collisionCount ?? 0; ; collisions++) {
      const hash = revisionHash(templatePatch(set.spec.template), collisions)
      const labels = { ...set.spec.template.metadata?.labels, [HASH]: hash }
      try {
        return createRevision(this.#context.client, set, `${set.metadata.name}-${hash}`, labels, number)
      } catch (error) {
        if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error
      }
    }
  }

  // ---- what is there -----------------------------------------------------------------------------------------

  #look(set: StatefulSet, pods: readonly Pod[], current: ControllerRevision, update: ControllerRevision): Turn {
    const first = firstOrdinal(set)
    const replicas: (Pod | undefined)[] = new Array<Pod | undefined>(replicasOf(set)).fill(undefined)
    const condemned: Pod[] = []
    for (const pod of pods) {
      const at = ordinalOf(set, pod) - first
      if (at >= 0 && at < replicas.length) replicas[at] = pod
      else condemned.push(pod)
    }
    condemned.sort((a, b) => ordinalOf(set, b) - ordinalOf(set, a))
    // of those that are to go, the lowest
    const firstUnhealthy = [...replicas, ...[...condemned].reverse()].find((p) => p && !isHealthy(p))
    return { set, current, update, replicas, condemned, status: this.#count(set, pods, current, update), monotonic: set.spec.podManagementPolicy !== 'Parallel', firstUnhealthy }
  }

  #count(set: StatefulSet, pods: readonly Pod[], current: ControllerRevision, update: ControllerRevision): Status {
    const count = (test: (pod: Pod) => boolean): number => pods.filter(test).length
    const living = (revision: ControllerRevision) => (pod: Pod): boolean => !isTerminating(pod) && revisionOf(pod) === revision.metadata.name
    return {
      replicas: pods.length,
      readyReplicas: count(isRunningAndReady),
      availableReplicas: count((pod) => isRunningAndAvailable(pod, set, this.#context.clock)),
      currentReplicas: count(living(current)),
      updatedReplicas: count(living(update)),
    }
  }

  // ---- what is done ------------------------------------------------------------------------------------------

  #act(turn: Turn): void {
    const { set, replicas, condemned } = turn
    for (let i = 0; i < replicas.length; i++) if (this.#processReplica(turn, i)) return
    for (const pod of condemned) if (this.#processCondemned(turn, pod)) return
    if (set.spec.updateStrategy?.type !== 'RollingUpdate') return
    const partition = set.spec.updateStrategy.rollingUpdate?.partition ?? 0
    for (let i = replicas.length - 1; i >= partition; i--) {
      const pod = replicas[i]
      if (!pod) return
      if (revisionOf(pod) !== turn.update.metadata.name && !isTerminating(pod)) {
        this.#delete(turn, pod)
        return
      }
      if (!isHealthy(pod)) return
    }
  }

  /** True: nothing more in this turn. */
  #processReplica(turn: Turn, index: number): boolean {
    const { set, monotonic } = turn
    const pod = turn.replicas[index]
    const ordinal = firstOrdinal(set) + index
    if (!pod) {
      this.#create(turn, ordinal)
      return monotonic
    }
    if (isTerminal(pod)) {
      if (!isTerminating(pod)) this.#deletePod(set, pod)
      return monotonic
    }
    if (pod.status.phase === 'Pending') this.#createClaims(set, ordinal)
    this.#setClaimOwners(set, ordinal)
    return monotonic && (isTerminating(pod) || !isRunningAndAvailable(pod, set, this.#context.clock))
  }

  #processCondemned(turn: Turn, pod: Pod): boolean {
    const { set, monotonic, firstUnhealthy } = turn
    if (isTerminating(pod)) return monotonic
    if (monotonic && pod !== firstUnhealthy && !isRunningAndAvailable(pod, set, this.#context.clock)) return true
    if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled === 'Delete') this.#setClaimOwners(set, ordinalOf(set, pod), pod)
    this.#delete(turn, pod)
    return monotonic
  }

  #create(turn: Turn, ordinal: number): void {
    const { set, status } = turn
    const revision = revisionFor(set, ordinal, turn.current, turn.update)
    const name = podName(set, ordinal)
    try {
      this.#createClaims(set, ordinal)
      this.#context.client.create<Pod>('pods', set.metadata.namespace, makePod(set, ordinal, revision), AGENT_WRITE)
    } catch (error) {
      if (error instanceof StatusError && !error.message.includes('is being terminated')) {
        this.#events.event(set, 'Warning', 'FailedCreate', `create Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${error.message}`)
      }
      throw error
    }
    this.#events.event(set, 'Normal', 'SuccessfulCreate', `create Pod ${name} in StatefulSet ${set.metadata.name} successful`)
    status.replicas++
    if (revision.metadata.name === turn.current.metadata.name) status.currentReplicas = (status.currentReplicas ?? 0) + 1
    if (revision.metadata.name === turn.update.metadata.name) status.updatedReplicas = (status.updatedReplicas ?? 0) + 1
  }

  #delete(turn: Turn, pod: Pod): void {
    this.#deletePod(turn.set, pod)
    const { status } = turn
    if (revisionOf(pod) === turn.current.metadata.name) status.currentReplicas = (status.currentReplicas ?? 0) - 1
    if (revisionOf(pod) === turn.update.metadata.name) status.updatedReplicas = (status.updatedReplicas ?? 0) - 1
  }

  #deletePod(set: StatefulSet, pod: Pod): void {
    ignoringGone(() => this.#context.client.delete('pods', pod.metadata.namespace, pod.metadata.name, { preconditions: { uid: pod.metadata.uid } }))
    this.#events.event(set, 'Normal', 'SuccessfulDelete', `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`)
  }

  // ---- claims ------------------------------------------------------------------------------------------------

  #createClaims(set: StatefulSet, ordinal: number): void {
    if (!this.#hasClaims) return
    for (const wanted of makeClaims(set, ordinal)) {
      const what = `Claim ${wanted.metadata.name} Pod ${podName(set, ordinal)} in StatefulSet ${set.metadata.name}`
      try {
        this.#context.client.create(CLAIMS, set.metadata.namespace, wanted, AGENT_WRITE)
        this.#events.event(set, 'Normal', 'SuccessfulCreate', `create ${what} success`)
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
        if (error.status.reason === 'AlreadyExists') continue
        this.#events.event(set, 'Warning', 'FailedCreate', `create ${what} failed error: ${error.message}`)
        throw error
      }
    }
  }

  /** Who a claim goes with: with `pod`, which is condemned, under whenScaled; with the set under whenDeleted; else with nobody. */
  #setClaimOwners(set: StatefulSet, ordinal: number, pod?: Pod): void {
    if (!this.#hasClaims) return
    const { whenDeleted } = set.spec.persistentVolumeClaimRetentionPolicy ?? {}
    const owner = pod ?? (whenDeleted === 'Delete' ? set : undefined)
    const ours = new Set([set.metadata.uid, pod?.metadata.uid])
    for (const { metadata } of makeClaims(set, ordinal)) {
      ignoringGone(() => {
        const present = this.#context.client.get<KubeObject>(CLAIMS, set.metadata.namespace, metadata.name)
        const before = present.metadata.ownerReferences ?? []
        const owners = [...before.filter((o) => !ours.has(o.uid)), ...(owner ? [ownerReference(owner)] : [])]
        if (deepEqual(owners, before)) return
        const patch = { metadata: { ownerReferences: owners.length > 0 ? owners : null } }
        this.#context.client.patch(CLAIMS, set.metadata.namespace, metadata.name, 'application/merge-patch+json', patch)
      })
    }
  }

  // ---- status ------------------------------------------------------------------------------------------------

  #writeStatus(set: StatefulSet, { status, current, update }: Turn): void {
    let currentRevision = current.metadata.name
    const wanted = replicasOf(set)
    if (set.spec.updateStrategy?.type === 'RollingUpdate' && [status.updatedReplicas, status.readyReplicas, status.replicas].every((n) => n === wanted)) {
      status.currentReplicas = status.updatedReplicas!
      currentRevision = update.metadata.name
    }
    const next: Status = {
      observedGeneration: set.metadata.generation ?? 0,
      replicas: status.replicas,
      ...(status.readyReplicas ? { readyReplicas: status.readyReplicas } : {}),
      ...(status.currentReplicas ? { currentReplicas: status.currentReplicas } : {}),
      ...(status.updatedReplicas ? { updatedReplicas: status.updatedReplicas } : {}),
      currentRevision,
      updateRevision: update.metadata.name,
      collisionCount: set.status.collisionCount ?? 0,
      availableReplicas: status.availableReplicas ?? 0,
    }
    if (!deepEqual(next, set.status)) this.#context.client.update('statefulsets', set.metadata.namespace, set.metadata.name, { ...set, status: next }, AGENT_STATUS)
  }
}
