import type { DeleteOptions, ListOptions } from './client.ts'
import { FieldErrors } from './field-errors.ts'
import { timestamp } from './human-duration.ts'
import { type Kind, storeKey } from './kinds/kind.ts'
import { listObjects } from './lists.ts'
import { conflict, invalid, isStatus, methodNotAllowed, notFound, success } from './status.ts'
import type { DraftMeta, KubeObject, Status } from './types.ts'
import { restrictNode } from './admission/node-restriction.ts'
import { requestOf } from './admission/request.ts'
import type { Server } from './server.ts'
import { reviewed } from './admission/webhooks/review.ts'

const ORPHAN = 'orphan'
const FOREGROUND = 'foregroundDeletion'
/** DefaultGarbageCollectionPolicy of registries that do not say DeleteDependents. */
const DEFAULT_POLICY: { readonly [resource: string]: 'Orphan' | 'Unsupported' } = { jobs: 'Orphan', replicationcontrollers: 'Orphan', events: 'Unsupported' }
/** pkg/registry/batch/job/storage. */
const ORPHANING = 'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning'
/** Registries with ReturnDeletedObject: a finished delete answers with the object, others with a Status. */
const RETURNED = new Set(['namespaces', 'persistentvolumeclaims', 'pods', 'podtemplates', 'services', 'serviceaccounts', 'storageclasses'])

/**
 * Deletes, as registry/rest BeforeDelete and the generic store do them: at once, or, where finalizers or an agent
 * have to work first, by a deletionTimestamp.
 */
export function deleteObject(server: Server, kind: Kind, namespace: string | undefined, name: string, options: DeleteOptions): KubeObject | Status {
  validateOptions(options)
  warn(kind, options)
  const home = kind.resource.namespaced ? (namespace ?? 'default') : ''
  const object = server.store.get(storeKey(kind), home, name)
  if (!object) throw notFound(kind.resource, name)
  kind.checkDelete?.(object)
  checkPreconditions(kind, object, options)
  restrictNode(server.store, kind, options.user, { operation: 'DELETE', name, old: object })
  const review = server.admission?.about(requestOf(kind, 'DELETE', home, name, options), undefined)
  return reviewed(review, () => {
    // as upstream: both kinds of webhooks are asked about what goes, and nobody can change it
    review?.mutate(undefined, object, () => object, (text) => options.onWarning?.(text))
    review?.validate(undefined, object, (text) => options.onWarning?.(text))
    return deleteFound(server, kind, object, options)
  })
}

function deleteFound(server: Server, kind: Kind, object: KubeObject, options: DeleteOptions): KubeObject | Status {
  if (kind.waitsForFinalize?.(object)) return terminate(server, kind, object, options)
  const grace = graceOf(server, kind, object, options)
  if (grace === 'pending') return answer(kind, object)
  const finalizers = finalizersFor(kind, object.metadata.finalizers ?? [], options)
  if (!grace && finalizers.length === 0) {
    if (!options.dryRun) removeObject(server, kind, object)
    return answer(kind, object)
  }
  const next = marked(object, grace ?? atOnce(server, object), finalizers)
  kind.markDeleted?.(next)
  const finished = finalizers.length === 0 && grace?.seconds === 0
  if (options.dryRun) return next
  const stored = isSame(object, next) ? object : server.commit(kind, next)
  if (!finished) return stored
  removeObject(server, kind, stored)
  return answer(kind, stored)
}

/** Everything that a list selects; what goes away meanwhile does not matter. */
export function deleteCollection(server: Server, kind: Kind, list: ListOptions, options: DeleteOptions): void {
  if (!kind.resource.verbs.includes('deletecollection')) throw methodNotAllowed(kind.resource, 'deletecollection')
  validateOptions(options)
  warn(kind, options)
  const { onWarning: _, ...quiet } = options
  for (const { metadata } of listObjects(server.store, kind, list).items) {
    try {
      deleteObject(server, kind, metadata.namespace, metadata.name, quiet)
    } catch (error) {
      if (!isStatus(error, 404)) throw error
    }
  }
}

/** Takes the object out of the store, and gives back what it held. */
export function removeObject(server: Server, kind: Kind, object: KubeObject): void {
  kind.release?.(object, server.context(false))
  server.store.remove(storeKey(kind), object.metadata.namespace ?? '', object.metadata.name)
}

function warn(kind: Kind, { propagationPolicy, onWarning }: DeleteOptions): void {
  if (propagationPolicy === undefined && kind.resource.name === 'jobs' && !kind.resource.custom) onWarning?.(ORPHANING)
}

function answer(kind: Kind, object: KubeObject): KubeObject | Status {
  return RETURNED.has(kind.resource.name) && !kind.resource.custom ? object : success(kind.resource, object)
}

/** apis/meta/v1/validation ValidateDeleteOptions. */
function validateOptions({ propagationPolicy }: DeleteOptions): void {
  const policies = ['Foreground', 'Background', 'Orphan']
  if (propagationPolicy === undefined || policies.includes(propagationPolicy)) return
  const errors = new FieldErrors()
  errors.notSupported('propagationPolicy', propagationPolicy, [...policies, 'nil'])
  throw invalid({ kind: 'DeleteOptions', group: 'meta.k8s.io' }, '', errors)
}

function checkPreconditions(kind: Kind, { metadata }: KubeObject, { preconditions }: DeleteOptions): void {
  if (!preconditions) return
  const { uid, resourceVersion } = preconditions
  if (kind.waitsForFinalize) {
    if (uid !== undefined && uid !== metadata.uid) {
      throw conflict(kind.resource, metadata.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`)
    }
    if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
      throw conflict(kind.resource, metadata.name, `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`)
    }
    return
  }
  // Upstream names the kind here, not the resource.
  const named = { name: kind.resource.kind, group: kind.resource.group }
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(named, metadata.name, `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`)
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      named,
      metadata.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    )
  }
}

/** How a delete marks an object: when it is to be gone (ms since 1970), and how long it may take. */
interface Grace {
  deletion: number
  seconds: number
}

/** BeforeDelete: undefined for what is not deleted gracefully; "pending" when a delete that is under way goes on as it was. */
function graceOf(server: Server, kind: Kind, object: KubeObject, options: DeleteOptions): Grace | 'pending' | undefined {
  if (!kind.gracePeriod) return undefined
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata
  const now = server.clock.wall()
  if (!deletionTimestamp) {
    const seconds = kind.gracePeriod(object, options)
    return seconds === undefined ? undefined : { deletion: now + seconds * 1000, seconds }
  }
  if (deletionGracePeriodSeconds === 0) return undefined
  const wanted = options.gracePeriodSeconds === undefined ? undefined : options.gracePeriodSeconds < 0 ? 1 : options.gracePeriodSeconds
  // Only a shorter time may be asked for.
  if (wanted === undefined || wanted >= deletionGracePeriodSeconds) return 'pending'
  const deletion = Date.parse(deletionTimestamp) + (wanted - deletionGracePeriodSeconds) * 1000
  if (deletion >= now) return { deletion, seconds: wanted }
  return { deletion: now, seconds: wanted === 0 ? 0 : 1 }
}

/** markAsDeleting: what has no grace period but finalizers. */
function atOnce(server: Server, { metadata }: KubeObject): Grace {
  const now = server.clock.wall()
  const before = metadata.deletionTimestamp ? Date.parse(metadata.deletionTimestamp) : Infinity
  return { deletion: Math.min(before, now), seconds: 0 }
}

function marked(object: KubeObject, { deletion, seconds }: Grace, finalizers: readonly string[]): KubeObject {
  const { metadata } = object
  const draft: DraftMeta = { ...metadata, deletionTimestamp: timestamp(deletion), deletionGracePeriodSeconds: seconds }
  if (finalizers.length > 0) draft.finalizers = [...finalizers]
  else delete draft.finalizers
  if (!metadata.deletionTimestamp && metadata.generation !== undefined) draft.generation = metadata.generation + 1
  return { ...object, metadata: draft }
}

function isSame(a: KubeObject, b: KubeObject): boolean {
  const [x, y] = [a.metadata, b.metadata]
  return (
    x.deletionTimestamp === y.deletionTimestamp &&
    x.deletionGracePeriodSeconds === y.deletionGracePeriodSeconds &&
    (x.finalizers ?? []).join('\n') === (y.finalizers ?? []).join('\n')
  )
}

/** A namespace that its controller has to empty first: pkg/registry/core/namespace/storage. */
function terminate(server: Server, kind: Kind, object: KubeObject, options: DeleteOptions): KubeObject {
  const { metadata } = object
  if (metadata.deletionTimestamp) return object
  const draft: DraftMeta = { ...metadata, deletionTimestamp: timestamp(server.clock.wall()) }
  const finalizers = finalizersFor(kind, metadata.finalizers ?? [], options).filter((f) => f !== FOREGROUND)
  if (finalizers.length > 0) draft.finalizers = finalizers
  else delete draft.finalizers
  const next: KubeObject = { ...object, metadata: draft }
  kind.markDeleted?.(next)
  return options.dryRun ? next : server.commit(kind, next)
}

/** The garbage collector's own finalizers follow the propagation policy, then what is there, then the kind. */
function finalizersFor(kind: Kind, finalizers: readonly string[], { propagationPolicy }: DeleteOptions): string[] {
  const byDefault = kind.resource.custom ? undefined : DEFAULT_POLICY[kind.resource.name]
  if (byDefault === 'Unsupported') return finalizers.filter((f) => f !== ORPHAN && f !== FOREGROUND)
  const present = finalizers.find((f) => f === ORPHAN || f === FOREGROUND)
  const orphan = propagationPolicy ? propagationPolicy === 'Orphan' : present ? present === ORPHAN : byDefault === 'Orphan'
  const foreground = propagationPolicy ? propagationPolicy === 'Foreground' : present === FOREGROUND
  const others = finalizers.filter((f) => f !== ORPHAN && f !== FOREGROUND)
  return [...others, ...(orphan ? [ORPHAN] : []), ...(foreground ? [FOREGROUND] : [])]
}

/** Something that was being deleted, and that nothing waits for any more. */
export function isFinished(kind: Kind, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata
  if (!deletionTimestamp || (finalizers?.length ?? 0) > 0 || (deletionGracePeriodSeconds ?? 0) > 0) return false
  return kind.waitsForFinalize?.(object) !== true
}
