import { StatusError } from '../client.ts'
import { deepEqual } from '../json.ts'
import type { Deployment, Pod, ReplicaSet } from '../types.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { DESIRED_REPLICAS, REVISION, byAge, isRolling, isSaturated, maxSurge, maxUnavailable, newReplicas, proportion, replicasOf, revisionOf, total } from './deployment-math.ts'
import { findNewSet, makeNewSet, revisedAnnotations, setSizes, surplusSets } from './deployment-revisions.ts'
import { conditionOf, countedStatus, hasDeadline, isComplete, progressStatus, untilDeadline, withCondition } from './deployment-status.ts'
import { EventRecorder } from './events.ts'
import { keyOf, type Informer } from './informer.ts'
import { claim, controllerOf, selectorOf } from './ownership.ts'
import { OF_OWNERS, BY_NAMESPACE, BY_OWNER, ORPHANS, isTerminal, namespaceOf, orphanNamespace, ownerUid } from './pods.ts'
import { sameTemplate } from './template.ts'
import { WorkQueue } from './workqueue.ts'

/** Rolls Deployments out by growing and shrinking ReplicaSets: pkg/controller/deployment. */
export class DeploymentController implements Controller {
  readonly #context: ControllerContext
  readonly #deployments: Informer<Deployment>
  readonly #sets: Informer<ReplicaSet>
  readonly #pods: Informer<Pod>
  readonly #queue: WorkQueue
  readonly #events: EventRecorder

  constructor(context: ControllerContext) {
    this.#context = context
    this.#deployments = context.informers.of<Deployment>('deployments')
    this.#sets = context.informers.of<ReplicaSet>('replicasets')
    this.#pods = context.informers.of<Pod>('pods')
    this.#deployments.index(BY_NAMESPACE, namespaceOf)
    this.#sets.index(BY_OWNER, ownerUid, OF_OWNERS)
    this.#sets.index(ORPHANS, orphanNamespace, OF_OWNERS)
    this.#pods.index(BY_OWNER, ownerUid, OF_OWNERS)
    this.#events = new EventRecorder(context.client, context.clock, 'deployment-controller')
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('deployment'))
    const add = (d: Deployment): void => this.#queue.add(keyOf(d))
    this.#deployments.on({ onAdd: add, onUpdate: add, onDelete: add })
    const onSet = (set: ReplicaSet): void => this.#onSet(set)
    this.#sets.on({ onAdd: onSet, onUpdate: onSet, onDelete: onSet })
    // Recreate waits until the last old Pod is gone.
    this.#pods.on({ onDelete: (pod) => this.#onPodGone(pod) })
  }

  stop(): void {
    this.#queue.stop()
  }

  #onSet(set: ReplicaSet): void {
    const owner = controllerOf(set)
    if (owner) {
      if (owner.kind === 'Deployment') this.#queue.add(`${set.metadata.namespace}/${owner.name}`)
      return
    }
    for (const d of this.#deployments.indexed(BY_NAMESPACE, set.metadata.namespace)) {
      if (selectorOf(d).matches(set.metadata.labels)) this.#queue.add(keyOf(d))
    }
  }

  #onPodGone(pod: Pod): void {
    const set = controllerOf(pod)
    if (set?.kind !== 'ReplicaSet') return
    const owner = this.#sets.get(pod.metadata.namespace, set.name)
    const deployment = owner && controllerOf(owner)
    const d = deployment && this.#deployments.get(pod.metadata.namespace, deployment.name)
    if (d && !isRolling(d)) this.#queue.add(keyOf(d))
  }

  #sync(key: string): void {
    const d = this.#deployments.byKey(key)
    if (!d) return
    const sets = claim(this.#context.client, 'replicasets', d, this.#sets)
    const newSet = findNewSet(d, sets)
    const old = sets.filter((s) => s.metadata.uid !== newSet?.metadata.uid).sort(byAge)
    if (d.metadata.deletionTimestamp) return this.#writeStatus(d, countedStatus(d, sets, newSet, this.#context.clock))
    if (this.#markPaused(d)) return
    if (d.spec.paused) return this.#syncSizes(d, newSet, old)
    const resized = sets.some((s) => replicasOf(s) > 0 && Number(s.metadata.annotations?.[DESIRED_REPLICAS] ?? Number.NaN) !== replicasOf(d) && s.metadata.annotations?.[DESIRED_REPLICAS] !== undefined)
    if (resized) return this.#syncSizes(d, newSet, old)
    if (isRolling(d)) this.#roll(d, newSet, old)
    else this.#recreate(d, newSet, old)
  }

  /** True when it wrote: the change comes back as an event. */
  #markPaused(d: Deployment): boolean {
    const { clock } = this.#context
    const condition = conditionOf(d.status, 'Progressing')
    if (!hasDeadline(d) || condition?.reason === 'ProgressDeadlineExceeded') return false
    const known = condition?.reason === 'DeploymentPaused'
    if (!!d.spec.paused === known) return false
    const status = d.spec.paused
      ? withCondition(d.status, clock, 'Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused')
      : withCondition(d.status, clock, 'Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed')
    this.#writeStatus(d, status)
    return true
  }

  // ---- rolling update ----------------------------------------------------------------------------------------

  #roll(d: Deployment, found: ReplicaSet | undefined, old: readonly ReplicaSet[]): void {
    const newSet = this.#ensureNewSet(d, found, old)
    if (!newSet) return
    const all = [...old, newSet]
    if (!this.#growNew(d, newSet, all)) this.#shrinkOld(d, newSet, old, all)
    this.#finish(d, newSet, old)
  }

  #growNew(d: Deployment, newSet: ReplicaSet, all: readonly ReplicaSet[]): boolean {
    const current = replicasOf(newSet)
    if (current === replicasOf(d)) return false
    const wanted = current > replicasOf(d) ? replicasOf(d) : newReplicas(d, all, current)
    return this.#scaleTo(d, newSet, wanted)
  }

  #shrinkOld(d: Deployment, newSet: ReplicaSet, old: readonly ReplicaSet[], all: readonly ReplicaSet[]): void {
    const oldPods = total(old, replicasOf)
    if (oldPods === 0) return
    const minAvailable = replicasOf(d) - maxUnavailable(d)
    const newUnavailable = replicasOf(newSet) - (newSet.status.availableReplicas ?? 0)
    let room = total(all, replicasOf) - minAvailable - newUnavailable
    if (room <= 0) return
    const sizes = new Map(old.map((s) => [s, replicasOf(s)]))
    // Unhealthy Pods of old revisions go first: taking them costs no availability.
    for (const set of old) {
      const unhealthy = Math.max(0, sizes.get(set)! - (set.status.availableReplicas ?? 0))
      const part = Math.min(room, unhealthy)
      sizes.set(set, sizes.get(set)! - part)
      room -= part
      if (room <= 0) break
    }
    // A set that was just made smaller still tells of the Pods that it had.
    let healthy = total(all, (s) => Math.min(s.status.availableReplicas ?? 0, replicasOf(s))) - minAvailable
    for (const set of old) {
      if (healthy <= 0) break
      const part = Math.min(healthy, sizes.get(set)!)
      sizes.set(set, sizes.get(set)! - part)
      healthy -= part
    }
    for (const [set, size] of sizes) this.#scaleTo(d, set, size)
  }

  // ---- recreate ----------------------------------------------------------------------------------------------

  #recreate(d: Deployment, found: ReplicaSet | undefined, old: readonly ReplicaSet[]): void {
    let shrunk = false
    for (const set of old) if (replicasOf(set) > 0) shrunk = this.#scaleTo(d, set, 0) || shrunk
    const oldPods = old.flatMap((s) => this.#pods.indexed(BY_OWNER, s.metadata.uid)).filter((p) => !isTerminal(p))
    if (shrunk || oldPods.length > 0) return this.#writeStatus(d, progressStatus(d, [...old, ...(found ? [found] : [])], found, this.#context.clock))
    const newSet = this.#ensureNewSet(d, found, old)
    if (!newSet) return
    this.#scaleTo(d, newSet, replicasOf(d))
    this.#finish(d, newSet, old)
  }

  // ---- scaling -----------------------------------------------------------------------------------------------

  #syncSizes(d: Deployment, newSet: ReplicaSet | undefined, old: readonly ReplicaSet[]): void {
    const all = [...old, ...(newSet ? [newSet] : [])]
    const active = all.filter((s) => replicasOf(s) > 0)
    const sole = active.length > 1 ? undefined : (active[0] ?? newSet ?? [...old].sort(byAge).at(-1))
    if (sole) this.#scaleTo(d, sole, replicasOf(d))
    else if (newSet && isSaturated(d, newSet)) for (const set of old) this.#scaleTo(d, set, 0)
    else if (isRolling(d)) this.#scaleInProportion(d, active)
    if (d.spec.paused) this.#forgetOld(d, old)
    // no word of progress here: syncDeploymentStatus
    this.#writeStatus(d, countedStatus(d, all, newSet, this.#context.clock))
  }

  #scaleInProportion(d: Deployment, active: readonly ReplicaSet[]): void {
    const allowed = replicasOf(d) > 0 ? replicasOf(d) + maxSurge(d) : 0
    const toAdd = allowed - total(active, replicasOf)
    const bySize = [...active].sort((a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)))
    const sizes = new Map<ReplicaSet, number>()
    let added = 0
    for (const set of bySize) {
      const part = toAdd === 0 ? 0 : proportion(set, d, toAdd, added)
      sizes.set(set, replicasOf(set) + part)
      added += part
    }
    for (const [i, set] of bySize.entries()) {
      const rest = i === 0 ? toAdd - added : 0
      this.#scaleTo(d, set, Math.max(0, sizes.get(set)! + rest), true)
    }
  }

  /** True when the size changed. `always` also renews the annotations of a set that keeps its size. */
  #scaleTo(d: Deployment, set: ReplicaSet, size: number, always = false): boolean {
    const before = replicasOf(set)
    const annotations = { ...set.metadata.annotations }
    const resized = setSizes(annotations, d)
    if (before === size && !((always || size > 0) && resized)) return false
    this.#context.client.update('replicasets', set.metadata.namespace, set.metadata.name, { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas: size } }, AGENT_WRITE)
    if (before === size) return false
    const direction = before < size ? 'up' : 'down'
    this.#events.event(d, 'Normal', 'ScalingReplicaSet', `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${size}`)
    return true
  }

  // ---- revisions ---------------------------------------------------------------------------------------------

  /** The ReplicaSet of the current template. Undefined after a write that comes back as an event. */
  #ensureNewSet(d: Deployment, found: ReplicaSet | undefined, old: readonly ReplicaSet[]): ReplicaSet | undefined {
    const { client, clock } = this.#context
    const revision = Math.max(0, ...old.map(revisionOf)) + 1
    if (found) {
      const annotations = revisedAnnotations(d, found, revision)
      const minReadySeconds = d.spec.minReadySeconds ?? 0
      if (annotations || (found.spec.minReadySeconds ?? 0) !== minReadySeconds) {
        const spec = { ...found.spec, minReadySeconds }
        client.update('replicasets', found.metadata.namespace, found.metadata.name, { ...found, metadata: { ...found.metadata, annotations: annotations ?? found.metadata.annotations }, spec }, AGENT_WRITE)
        return undefined
      }
      const known = !hasDeadline(d) || conditionOf(d.status, 'Progressing')
      const status = known ? d.status : withCondition(d.status, clock, 'Progressing', 'True', 'FoundNewReplicaSet', `Found new replica set "${found.metadata.name}"`)
      return this.#writeRevision(d, revisionOf(found), status) ? undefined : found
    }
    const size = newReplicas(d, old, 0)
    const wanted = makeNewSet(d, revision, size)
    let created: ReplicaSet
    try {
      created = client.create<ReplicaSet>('replicasets', d.metadata.namespace, wanted, AGENT_WRITE)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      this.#onCreateFailed(d, wanted as ReplicaSet, error)
      return undefined
    }
    if (size > 0) this.#events.event(d, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${created.metadata.name} from 0 to ${size}`)
    this.#writeRevision(d, revision, hasDeadline(d) ? withCondition(d.status, clock, 'Progressing', 'True', 'NewReplicaSetCreated', `Created new replica set "${created.metadata.name}"`) : d.status)
    return undefined
  }

  #onCreateFailed(d: Deployment, wanted: ReplicaSet, error: StatusError): void {
    const { client, clock } = this.#context
    if (error.status.reason === 'AlreadyExists') {
      const present = this.#sets.get(d.metadata.namespace, wanted.metadata.name)
      if (present && ownerUid(present)[0] === d.metadata.uid && sameTemplate(present.spec.template, d.spec.template)) return
      // Two templates of one hash: the next try counts the collision in.
      client.update('deployments', d.metadata.namespace, d.metadata.name, { ...d, status: { ...d.status, collisionCount: (d.status.collisionCount ?? 0) + 1 } }, AGENT_STATUS)
      return
    }
    if (error.message.includes('is being terminated')) return
    const message = `Failed to create new replica set "${wanted.metadata.name}": ${error.message}`
    if (hasDeadline(d)) this.#writeStatus(d, withCondition(d.status, clock, 'Progressing', 'False', 'ReplicaSetCreateError', message))
    this.#events.event(d, 'Warning', 'ReplicaSetCreateError', message)
    throw error
  }

  /** The revision is an annotation, and yet written with the status: so it is no new generation. */
  #writeRevision(d: Deployment, revision: number, status: Deployment['status']): boolean {
    const { namespace, name, annotations } = d.metadata
    const revised = annotations?.[REVISION] === String(revision) ? d.metadata : { ...d.metadata, annotations: { ...annotations, [REVISION]: String(revision) } }
    if (revised === d.metadata && deepEqual(status, d.status)) return false
    this.#context.client.update<Deployment>('deployments', namespace, name, { ...d, metadata: revised, status }, AGENT_STATUS)
    return true
  }

  #finish(d: Deployment, newSet: ReplicaSet, old: readonly ReplicaSet[]): void {
    const { clock } = this.#context
    const status = progressStatus(d, [...old, newSet], newSet, clock)
    if (isComplete(d, status)) this.#forgetOld(d, old)
    this.#writeStatus(d, status)
    const wait = untilDeadline(d, status, clock)
    if (wait !== undefined) this.#queue.addAfter(keyOf(d), wait, { background: true })
  }

  #forgetOld(d: Deployment, old: readonly ReplicaSet[]): void {
    for (const { metadata } of surplusSets(d, old)) this.#context.client.delete('replicasets', metadata.namespace, metadata.name, { propagationPolicy: 'Background' })
  }

  #writeStatus(d: Deployment, status: Deployment['status']): void {
    if (deepEqual(status, d.status)) return
    this.#context.client.update('deployments', d.metadata.namespace, d.metadata.name, { ...d, status }, AGENT_STATUS)
  }
}
