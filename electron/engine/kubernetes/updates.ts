import type { WriteOptions } from './client.ts'
import { isFinished, removeObject } from './deletion.ts'
import { FieldErrors } from './field-errors.ts'
import { storeKey, type Kind } from './kinds/kind.ts'
import { ownersAfter, setEntries } from './managed-fields/record.ts'
import { checkNames, decodeBody, setNamespace } from './object-body.ts'
import type { Server } from './server.ts'
import { invalid, notFound } from './status.ts'
import { bindPod, finalizeNamespace, unserved, updateScale } from './subresources.ts'
import type { KubeObject } from './types.ts'
import { applyUpdate, createObject } from './writes.ts'

/** An update, whatever part of the object it is of: rest.BeforeUpdate, and the subresources' own stores. */
export function updateObject(
  server: Server,
  kind: Kind,
  namespace: string | undefined,
  name: string,
  body: unknown,
  options: WriteOptions & { subresource?: string },
): KubeObject {
  const { resource } = kind
  const { subresource } = options
  const home = resource.namespaced ? (namespace ?? 'default') : ''
  const old = server.store.get(storeKey(kind), home, name)
  if (subresource && !resource.subresources.includes(subresource)) throw notFound(resource, name)
  if (subresource === 'binding') return bindPod(server, kind, home, name, body, options)
  if (!old) {
    if (kind.createOnUpdate && !subresource) return createObject(server, kind, namespace, body, options)
    throw notFound(resource, name)
  }
  if (subresource && !kind.parts?.[subresource] && !['status', 'approval', 'scale', 'finalize'].includes(subresource)) throw unserved(resource, subresource)
  if (subresource === 'scale') return updateScale(server, kind, old, body, options)
  if (options.canonical && subresource === 'status' && server.admission?.judgesUpdatesOf(kind, subresource) !== true && (body as KubeObject).metadata === old.metadata) return writeStatus(server, kind, old, body as KubeObject, options)
  const submitted = decodeBody(kind, body, old, options)
  checkNames(submitted, name, resource.namespaced ? (namespace ?? 'default') : undefined)
  setNamespace(kind, submitted.metadata, namespace)
  if (subresource === 'finalize') return finalizeNamespace(server, kind, old, submitted, options)
  return applyUpdate(server, kind, old, submitted, options)
}

/** An agent's new status of the version that is stored: what {@link applyUpdate} comes to then. */
function writeStatus(server: Server, kind: Kind, old: KubeObject, sent: KubeObject, options: WriteOptions & { subresource?: string }): KubeObject {
  const next = { ...old, metadata: { ...old.metadata }, status: (sent as { status?: unknown }).status } as KubeObject
  if (server.recordsOwners) setEntries(next, ownersAfter(server.clock, kind, old, next, undefined, options))
  const errors = new FieldErrors()
  kind.validateStatusUpdate?.(next, old, errors)
  if (!errors.empty) throw invalid(kind.resource, old.metadata.name, errors)
  if (!isFinished(kind, next)) return server.commit(kind, next)
  removeObject(server, kind, next)
  return next
}
