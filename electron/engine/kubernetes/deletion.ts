import type { DeleteOptions } from './client.ts'
import { timestamp } from './human-duration.ts'
import type { Kind } from './kinds/kind.ts'
import { conflict, notFound, success } from './status.ts'
import type { DraftMeta, KubeObject, Status } from './types.ts'
import type { Server } from './writes.ts'

/**
 * Deletes, as registry/rest BeforeDelete and the generic store do them: at once, or, where finalizers or an agent
 * have to work first, by a deletionTimestamp.
 */
export function deleteObject(server: Server, kind: Kind, namespace: string | undefined, name: string, options: DeleteOptions): KubeObject | Status {
  const home = kind.resource.namespaced ? (namespace ?? 'default') : ''
  const object = server.store.get(kind.resource.name, home, name)
  if (!object) throw notFound(kind.resource, name)
  checkPreconditions(kind, object, options)
  kind.checkDelete?.(object)
  const { metadata } = object
  const finalizers = finalizersFor(metadata.finalizers ?? [], options)
  const grace = kind.gracePeriod?.(object, options) ?? 0
  const mustWait = finalizers.length > 0 || grace > 0 || kind.waitsForFinalize?.(object) === true
  if (!mustWait) {
    if (!options.dryRun) removeObject(server, kind, object)
    return success(kind.resource, object)
  }
  const sameFinalizers = finalizers.length === (metadata.finalizers ?? []).length
  if (metadata.deletionTimestamp && sameFinalizers && grace >= (metadata.deletionGracePeriodSeconds ?? 0)) return object
  const shorter = metadata.deletionTimestamp ? Math.min(grace, metadata.deletionGracePeriodSeconds ?? 0) : grace
  const start = metadata.deletionTimestamp
    ? Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000
    : server.clock.wall()
  const draft: DraftMeta = { ...metadata, deletionTimestamp: timestamp(start + shorter * 1000), deletionGracePeriodSeconds: shorter }
  if (finalizers.length > 0) draft.finalizers = finalizers
  else delete draft.finalizers
  if (metadata.generation !== undefined) draft.generation = metadata.generation + 1
  const marked: KubeObject = { ...object, metadata: draft }
  kind.markDeleted?.(marked)
  return options.dryRun ? marked : server.commit(kind, marked)
}

/** Takes the object out of the store, and gives back what it held. */
export function removeObject(server: Server, kind: Kind, object: KubeObject): void {
  kind.release?.(object, server.context(false))
  server.store.remove(kind.resource.name, object.metadata.namespace ?? '', object.metadata.name)
}

function checkPreconditions(kind: Kind, { metadata }: KubeObject, { preconditions }: DeleteOptions): void {
  if (!preconditions) return
  const { uid, resourceVersion } = preconditions
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(kind.resource, metadata.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`)
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`
    throw conflict(kind.resource, metadata.name, why)
  }
}

/** The garbage collector's own finalizers follow the propagation policy. */
function finalizersFor(finalizers: readonly string[], { propagationPolicy }: DeleteOptions): string[] {
  if (propagationPolicy === undefined) return [...finalizers]
  const others = finalizers.filter((f) => f !== 'orphan' && f !== 'foregroundDeletion')
  if (propagationPolicy === 'Orphan') return [...others, 'orphan']
  if (propagationPolicy === 'Foreground') return [...others, 'foregroundDeletion']
  return others
}

