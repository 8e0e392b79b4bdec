import { type ApiResource, StatusError } from '../client.ts'
import { isPreferred, resourceKey } from '../kinds/kind.ts'
import type { KubeObject, OwnerReference } from '../types.ts'
import type { Controller, ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import { keyOf, type Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { WorkQueue } from './workqueue.ts'

const OWNERS = 'gc/owners'
const FOREGROUND = 'foregroundDeletion'
const ORPHAN = 'orphan'

/** Deletes what belongs to something that is gone: pkg/controller/garbagecollector. */
export class GarbageCollector implements Controller {
  readonly #context: ControllerContext
  /** Resource → its informer. */
  readonly #informers = new Map<string, Informer<KubeObject>>()
  readonly #resourceOfKind = new Map<string, string>()
  readonly #namespaced = new Map<string, { namespaced: boolean }>()
  readonly #events: EventRecorder
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#context = context
    this.#events = new EventRecorder(context.client, context.clock, 'garbage-collector-controller')
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('garbage_collector_attempt_to_delete'))
    this.#discover()
    const again = (): void => this.#discover()
    context.informers.of('customresourcedefinitions').on({ onAdd: again, onUpdate: again, onDelete: again })
  }

  /** Watches every resource that there is by now, in one of its versions. */
  #discover(): void {
    const served = new Set<string>()
    for (const resource of this.#context.client.resources()) {
      const { name, kind, group, verbs } = resource
      if (name === 'events' || !['list', 'watch', 'delete'].every((v) => verbs.includes(v))) continue
      if (!isPreferred(resource)) continue
      const key = resourceKey(resource)
      served.add(key)
      this.#resourceOfKind.set(`${group}/${kind}`, key)
      if (!this.#informers.has(key)) this.#observe(key, resource)
    }
    for (const key of [...this.#informers.keys()]) {
      if (served.has(key)) continue
      this.#informers.delete(key)
      this.#namespaced.delete(key)
      for (const [kind, of] of this.#resourceOfKind) if (of === key) this.#resourceOfKind.delete(kind)
      this.#context.informers.drop(key)
    }
  }

  #observe(key: string, resource: ApiResource): void {
    const informer = this.#context.informers.of<KubeObject>(key)
    this.#informers.set(key, informer)
    this.#namespaced.set(key, resource)
    informer.index(OWNERS, (o) => (o.metadata.ownerReferences ?? []).map((r) => r.uid), { from: ({ metadata }) => metadata.ownerReferences })
    const look = (object: KubeObject): void => {
      if (object.metadata.ownerReferences?.length || (object.metadata.deletionTimestamp && object.metadata.finalizers?.length)) this.#queue.add(`${key} ${keyOf(object)}`)
    }
    // from the moment on at which it waits, before it may find that nobody holds it
    const begin = ({ metadata }: KubeObject): void => this.#dependents(metadata.uid).forEach(([r, d]) => this.#queue.add(`${r} ${keyOf(d)}`))
    informer.on({
      onAdd: (object) => {
        if (isWaiting(object)) begin(object)
        look(object)
      },
      onUpdate: (object, old) => {
        if (isWaiting(object) && !isWaiting(old)) begin(object)
        if (object.metadata.ownerReferences !== old.metadata.ownerReferences) this.#lookAtOwners(object, unblocked(old, object))
        if (object.metadata.ownerReferences !== old.metadata.ownerReferences || object.metadata.deletionTimestamp || object.metadata.finalizers !== old.metadata.finalizers) look(object)
      },
      onDelete: (object) => this.#onDelete(object),
    })
  }

  stop(): void {
    this.#queue.stop()
  }

  #onDelete(object: KubeObject): void {
    for (const [resource, dependent] of this.#dependents(object.metadata.uid)) this.#queue.add(`${resource} ${keyOf(dependent)}`)
    this.#lookAtOwners(object, object.metadata.ownerReferences ?? [])
  }

  /** An owner that waits for its dependents looks again. */
  #lookAtOwners(object: KubeObject, owners: readonly OwnerReference[]): void {
    for (const owner of owners) {
      const resource = this.#resourceFor(owner)
      const present = resource === undefined ? undefined : (this.#informers.get(resource)!.get(object.metadata.namespace, owner.name) ?? this.#informers.get(resource)!.get(undefined, owner.name))
      if (present?.metadata.deletionTimestamp) this.#queue.add(`${resource} ${keyOf(present)}`)
    }
  }

  #dependents(uid: string): [string, KubeObject][] {
    const out: [string, KubeObject][] = []
    for (const [resource, informer] of this.#informers) for (const object of informer.indexed(OWNERS, uid)) out.push([resource, object])
    return out
  }

  #resourceFor(owner: OwnerReference): string | undefined {
    const slash = owner.apiVersion.indexOf('/')
    return this.#resourceOfKind.get(`${slash < 0 ? '' : owner.apiVersion.slice(0, slash)}/${owner.kind}`)
  }

  #sync(key: string): void {
    const [resource, name] = key.split(' ') as [string, string]
    const object = this.#informers.get(resource)?.byKey(name)
    if (!object) return
    const { deletionTimestamp, finalizers = [] } = object.metadata
    if (deletionTimestamp && finalizers.includes(ORPHAN)) return this.#orphanDependents(resource, object)
    if (deletionTimestamp && finalizers.includes(FOREGROUND)) this.#deleteDependentsFirst(resource, object)
    if (!object.metadata.ownerReferences?.length) return
    this.#attempt(resource, object)
  }

  /** Deletes the object when no owner is left that wants it to stay (attemptToDeleteItem). */
  #attempt(resource: string, object: KubeObject): void {
    const { metadata } = object
    if (metadata.deletionTimestamp) return
    const states = metadata.ownerReferences!.map((owner) => this.#stateOf(owner, object))
    if (states.includes('gone')) this.#reportStrays(object)
    if (states.includes('solid')) {
      const left = metadata.ownerReferences!.filter((_, i) => states[i] === 'solid')
      if (left.length < states.length) this.#patch(resource, object, { ownerReferences: left })
      return
    }
    const dependents = states.includes('waiting') ? this.#dependents(metadata.uid) : []
    // Owners that wait for each other in a circle: this one no longer holds its own up.
    if (dependents.some(([, d]) => isWaiting(d))) {
      this.#patch(resource, object, { ownerReferences: metadata.ownerReferences!.map((o) => (o.blockOwnerDeletion ? { ...o, blockOwnerDeletion: false } : o)) })
    }
    const has = (finalizer: string): boolean => (metadata.finalizers ?? []).includes(finalizer)
    const policy = dependents.length > 0 ? 'Foreground' : has(ORPHAN) ? 'Orphan' : has(FOREGROUND) ? 'Foreground' : 'Background'
    ignoringGone(() => this.#context.client.delete(resource, metadata.namespace, metadata.name, { propagationPolicy: policy, preconditions: { uid: metadata.uid } }))
  }

  #stateOf(owner: OwnerReference, { metadata }: KubeObject): 'solid' | 'waiting' | 'gone' {
    const resource = this.#resourceFor(owner)
    if (!resource) return 'solid'
    const { namespaced } = this.#namespaced.get(resource)!
    // A reference out of the cluster's scope into a namespace is wrong for good: it is left alone.
    if (namespaced && metadata.namespace === undefined) return 'solid'
    const found = this.#find(resource, owner, namespaced ? metadata.namespace : undefined)
    if (found) return isWaiting(found) ? 'waiting' : 'solid'
    return 'gone'
  }

  /** The caches first; what they do not have yet is asked of the server. */
  #find(resource: string, owner: OwnerReference, namespace: string | undefined): KubeObject | undefined {
    const cached = this.#informers.get(resource)!.get(namespace, owner.name)
    if (cached?.metadata.uid === owner.uid) return cached
    try {
      const live = this.#context.client.get(resource, namespace, owner.name)
      return live.metadata.uid === owner.uid ? live : undefined
    } catch (error) {
      if (error instanceof StatusError && error.status.code === 404) return undefined
      throw error
    }
  }

  /** The owner is there, but elsewhere: reportInvalidNamespaceOwnerRef. */
  #reportStrays(object: KubeObject): void {
    const { ownerReferences = [], namespace = '', name, uid } = object.metadata
    for (const owner of ownerReferences) {
      const resource = this.#resourceFor(owner)
      if (!resource || !this.#namespaced.get(resource)!.namespaced || this.#informers.get(resource)!.get(namespace, owner.name)?.metadata.uid === owner.uid) continue
      let stray = false
      for (const other of this.#informers.get(resource)!.values()) stray ||= other.metadata.uid === owner.uid
      if (!stray) continue
      const where = `[${owner.apiVersion}/${owner.kind}, namespace: ${namespace}, name: ${owner.name}, uid: ${owner.uid}]`
      const about = { apiVersion: object.apiVersion, kind: object.kind, namespace, name, uid }
      this.#events.event(about, 'Warning', 'OwnerRefInvalidNamespace', `ownerRef ${where} does not exist in namespace "${namespace}"`)
    }
  }

  #deleteDependentsFirst(resource: string, owner: KubeObject): void {
    const blocking = this.#dependents(owner.metadata.uid).filter(([, d]) => d.metadata.ownerReferences!.some((o) => o.uid === owner.metadata.uid && o.blockOwnerDeletion))
    for (const [r, d] of blocking) this.#queue.add(`${r} ${keyOf(d)}`)
    if (blocking.length === 0) this.#patch(resource, owner, { finalizers: owner.metadata.finalizers!.filter((f) => f !== FOREGROUND) })
  }

  #orphanDependents(resource: string, owner: KubeObject): void {
    for (const [r, d] of this.#dependents(owner.metadata.uid)) {
      this.#patch(r, d, { ownerReferences: d.metadata.ownerReferences!.filter((o) => o.uid !== owner.metadata.uid) })
    }
    this.#patch(resource, owner, { finalizers: owner.metadata.finalizers!.filter((f) => f !== ORPHAN) })
  }

  #patch(resource: string, object: KubeObject, metadata: { ownerReferences?: OwnerReference[]; finalizers?: string[] }): void {
    const body: Record<string, unknown> = { uid: object.metadata.uid }
    for (const [key, list] of Object.entries(metadata)) body[key] = list.length > 0 ? list : null
    ignoringGone(() => this.#context.client.patch(resource, object.metadata.namespace, object.metadata.name, 'application/merge-patch+json', { metadata: body }))
  }
}

/** References that no longer keep their owner from going. */
function unblocked(old: KubeObject, object: KubeObject): OwnerReference[] {
  const now = object.metadata.ownerReferences ?? []
  return (old.metadata.ownerReferences ?? []).filter((o) => o.blockOwnerDeletion && !now.some((n) => n.uid === o.uid && n.blockOwnerDeletion))
}

/** Being deleted in the foreground: its dependents have to go first. */
function isWaiting({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(FOREGROUND) === true
}
