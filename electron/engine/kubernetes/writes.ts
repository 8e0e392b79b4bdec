import type { Random } from '../random.ts'
import { admitPodSecurity } from './admission/pod-security.ts'
import { restrictNode } from './admission/node-restriction.ts'
import { podWarnings } from './admission/pod-warnings.ts'
import { requestOf } from './admission/request.ts'
import { reviewed, type Review } from './admission/webhooks/review.ts'
import { StatusError, type WriteOptions } from './client.ts'
import { isFinished, removeObject } from './deletion.ts'
import { FieldErrors } from './field-errors.ts'
import { timestamp } from './human-duration.ts'
import { deepEqual, deepFreeze } from './json.ts'
import { type Context, type Kind, storeKey } from './kinds/kind.ts'
import { type ManagedEntry, sameEntries } from './managed-fields/entries.ts'
import { entriesOf, ownersAfter, ownersOfNew, setEntries } from './managed-fields/record.ts'
import { alreadyExists, conflict, deniedByWebhook, forbidden, generatedNameTaken, invalid, methodNotAllowed, modified, notFound } from './status.ts'
import { decodeBody, setNamespace } from './object-body.ts'
import { ADMIN } from './rbac/authorizer.ts'
import { confirmNoEscalation } from './rbac/escalation.ts'
import { confirmSigner } from './rbac/signers.ts'
import { checkStoredSize } from './sizes.ts'
import type { Allocation } from './service-allocator.ts'
import type { DraftMeta, KubeObject, Namespace } from './types.ts'
import { validateObjectMeta, validateObjectMetaUpdate } from './validation/object-meta.ts'
import type { Server } from './server.ts'

/** Creates and updates, as registry/generic Store and rest.BeforeCreate and BeforeUpdate order their steps. */
export function createObject(
  server: Server,
  kind: Kind,
  namespace: string | undefined,
  body: unknown,
  options: WriteOptions,
  /** Of an apply, which knows them already. */
  owners?: readonly ManagedEntry[],
): KubeObject {
  const { resource } = kind
  if (!resource.verbs.includes('create')) throw methodNotAllowed(resource, 'create')
  const object = decodeBody(kind, body, undefined, options)
  const metadata: DraftMeta = object.metadata
  setNamespace(kind, metadata, namespace)
  kind.setDefaults?.(object)
  if (kind.answer) return kind.answer(object, server.context(options.dryRun ?? false), options.user ?? ADMIN)
  checkNamespace(server, kind, metadata)
  const review = server.admission?.about(requestOf(kind, 'CREATE', metadata.namespace, metadata.name ?? '', options), object)
  return reviewed(review, () => createDecoded(server, kind, object, options, owners, review))
}

function createDecoded(server: Server, kind: Kind, sent: KubeObject, options: WriteOptions, owners: readonly ManagedEntry[] | undefined, review: Review | undefined): KubeObject {
  const { resource } = kind
  const chosen = server.context(options.dryRun ?? false)
  const context = review ? { ...chosen, random: review.random } : chosen
  let object = sent
  // What admission and the strategy set below is nobody's.
  setEntries(object, server.recordsOwners ? (owners ?? ownersOfNew(server.clock, kind, object, options)) : [])
  kind.admit?.(object, context)
  restrictNode(server.store, kind, options.user, { operation: 'CREATE', name: object.metadata.name ?? '', object })
  if (review) object = review.mutate(object, undefined, (patched) => remade(kind, patched), (text) => options.onWarning?.(text))!
  const metadata: DraftMeta = object.metadata
  confirmNoEscalation(kind, object, undefined, options.user, server.store)
  confirmSigner(kind, object, undefined, undefined, options.user, server.store)
  delete metadata.deletionTimestamp
  delete metadata.deletionGracePeriodSeconds
  delete metadata.selfLink
  delete (metadata as Partial<DraftMeta>).resourceVersion
  metadata.uid = (review?.random ?? server.uids).uuid()
  metadata.creationTimestamp = timestamp(review ? review.wall : server.clock.wall())
  metadata.name ??= ''
  if (!metadata.name && metadata.generateName) metadata.name = generateName(server, context.random, kind, metadata.generateName, metadata.namespace ?? '')
  // A Job's labels have its uid and name.
  kind.prepareForCreate?.(object, context, options.onWarning, options.user ?? ADMIN)
  if (kind.generationChanged) metadata.generation = 1
  else delete metadata.generation
  const allocation = kind.allocate?.(object, undefined, context)
  try {
    const errors = new FieldErrors()
    validateObjectMeta(metadata, resource.namespaced, kind.validName, 'metadata', errors)
    kind.validate(object, errors)
    if (!errors.empty) throw invalid(resource, metadata.name || (metadata.generateName ?? ''), errors)
    askWebhook(kind, object, context)
    admitPodSecurity(kind, object, undefined, context, (text) => options.onWarning?.(text))
    warn(kind, object, undefined, options)
    review?.validate(object, undefined, (text) => options.onWarning?.(text))
    const present = server.store.get(storeKey(kind), metadata.namespace ?? '', metadata.name)
    if (present) throw alreadyThere(resource, present, metadata.generateName !== undefined)
  } catch (error) {
    allocation?.revert()
    throw error
  }
  return finish(server, kind, object, allocation, options)
}

/** From a decoded object on: also the end of every patch. */
export function applyUpdate(
  server: Server,
  kind: Kind,
  old: KubeObject,
  object: KubeObject,
  options: WriteOptions & { subresource?: string },
  /** Of an apply, which knows them already. */
  owners?: readonly ManagedEntry[],
  /** Nobody is asked about it, or has been already. */
  admitted = false,
): KubeObject {
  const { name, namespace } = old.metadata
  const review = admitted ? undefined : server.admission?.about(requestOf(kind, 'UPDATE', namespace, name, options), object)
  return reviewed(review, () => updateDecoded(server, kind, old, object, options, owners, review))
}

function updateDecoded(
  server: Server,
  kind: Kind,
  old: KubeObject,
  object: KubeObject,
  options: WriteOptions & { subresource?: string },
  owners: readonly ManagedEntry[] | undefined,
  review: Review | undefined,
): KubeObject {
  const { resource } = kind
  const name = old.metadata.name
  checkVersion(kind, old, object)
  if (!options.subresource) confirmNoEscalation(kind, object, old, options.user, server.store)
  else confirmSigner(kind, object, old, options.subresource, options.user, server.store)
  const status = STATUS_PARTS.has(options.subresource ?? '')
  const sent = object.metadata.managedFields
  const part = options.subresource ? kind.parts?.[options.subresource] : undefined
  let next = status ? statusUpdate(kind, old, object, options.subresource!, server.context(options.dryRun ?? false)) : part ? part.merge(old, object) : object
  const warned = (text: string): void => options.onWarning?.(text)
  if (status) setEntries(next, entriesAfter(server, kind, old, next, sent, options, owners))
  else {
    kind.setDefaults?.(next)
    keepServerFields(kind, next, old)
    setEntries(next, entriesAfter(server, kind, old, next, sent, options, owners))
    if (review) {
      next = review.mutate(next, old, (patched) => remade(kind, patched), warned)!
      keepServerFields(kind, next, old)
    }
    kind.prepareForUpdate?.(next, old, server.context(options.dryRun ?? false))
    if (kind.generationChanged) {
      const generation = old.metadata.generation ?? 1
      ;(next.metadata as DraftMeta).generation = kind.generationChanged(next, old) ? generation + 1 : generation
    }
  }
  restrictNode(server.store, kind, options.user, { operation: 'UPDATE', subresource: options.subresource, name, object: next, old })
  const allocation = status ? undefined : kind.allocate?.(next, old, server.context(options.dryRun ?? false))
  try {
    const errors = new FieldErrors()
    validateObjectMetaUpdate(next.metadata, old.metadata, 'metadata', errors)
    if (status) kind.validateStatusUpdate?.(next, old, errors, options.subresource)
    else if (part) part.validate(next, old, errors)
    else if (kind.validateUpdate) kind.validateUpdate(next, old, errors)
    else kind.validate(next, errors)
    if (!errors.empty) throw invalid(resource, name, errors)
    if (!status) admitPodSecurity(kind, next, old, server.context(options.dryRun ?? false), (text) => options.onWarning?.(text))
    if (!options.subresource) {
      askWebhook(kind, next, server.context(options.dryRun ?? false))
      warn(kind, next, old, options)
    }
    review?.validate(next, old, warned)
  } catch (error) {
    allocation?.revert()
    throw error
  }
  // An update that changes nothing is not written: no new version, no event.
  if (sameEntries(entriesOf(next), entriesOf(old), true) && deepEqual(withoutRecords(next), withoutRecords(old))) {
    allocation?.revert()
    return old
  }
  if (isFinished(kind, next)) {
    if (!options.dryRun) removeObject(server, kind, next)
    return next
  }
  return finish(server, kind, next, allocation, options)
}

function warn(kind: Kind, object: KubeObject, old: KubeObject | undefined, options: WriteOptions): void {
  if (options.onWarning) for (const text of [...podWarnings(kind, object, old), ...(kind.warnings?.(object, old) ?? [])]) options.onWarning(text)
}

function entriesAfter(
  server: Server,
  kind: Kind,
  old: KubeObject,
  next: KubeObject,
  sent: unknown,
  options: WriteOptions & { subresource?: string },
  owners: readonly ManagedEntry[] | undefined,
): readonly ManagedEntry[] {
  if (!server.recordsOwners) return []
  return owners ?? ownersAfter(server.clock, kind, old, next, sent, options)
}

/** What a webhook has made of an object, read and defaulted anew. */
function remade(kind: Kind, patched: unknown): KubeObject {
  const object = decodeBody(kind, patched, undefined, { fieldValidation: 'Ignore' })
  kind.setDefaults?.(object)
  return object
}

function withoutRecords(object: KubeObject): unknown {
  return { ...object, metadata: { ...object.metadata, resourceVersion: '', managedFields: undefined } }
}

function finish(server: Server, kind: Kind, object: KubeObject, allocation: Allocation | undefined, options: WriteOptions): KubeObject {
  if (options.dryRun) {
    allocation?.revert()
    return object
  }
  try {
    checkStoredSize(object, options)
  } catch (error) {
    allocation?.revert()
    throw error
  }
  allocation?.commit()
  return server.commit(kind, object)
}

/** Admission plugin NamespaceLifecycle. */
export function checkNamespace(server: Server, kind: Kind, metadata: { namespace?: string; name?: string }): void {
  if (!kind.resource.namespaced) return
  const namespace = metadata.namespace!
  const found = server.store.get('namespaces', '', namespace) as Namespace | undefined
  if (!found) throw notFound({ name: 'namespaces', group: '' }, namespace)
  if (!found.metadata.deletionTimestamp) return
  const causes = [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }]
  throw forbidden(kind.resource, metadata.name ?? '', `unable to create new content in namespace ${namespace} because it is being terminated`, causes)
}

/** What CheckGeneratedNameError and the generic store make of a name that is taken. */
function alreadyThere(resource: Kind['resource'], { metadata }: KubeObject, generated: boolean): StatusError {
  const { status } = generated ? generatedNameTaken(resource, metadata.name) : alreadyExists(resource, metadata.name)
  return new StatusError(metadata.deletionTimestamp ? { ...status, message: `object is being deleted: ${status.message}` } : status)
}

/** v1.33 tries eight names before it gives up (RetryGenerateName). */
function generateName(server: Server, random: Random, kind: Kind, base: string, namespace: string): string {
  let name = ''
  for (let attempt = 0; attempt < 8; attempt++) {
    name = base.slice(0, 58) + random.suffix(5)
    if (!server.store.get(storeKey(kind), namespace, name)) break
  }
  return name
}

function checkVersion(kind: Kind, old: KubeObject, object: KubeObject): void {
  const { resourceVersion, uid } = object.metadata
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) throw modified(kind.resource, old.metadata.name)
  if (uid && uid !== old.metadata.uid) {
    throw conflict(kind.resource, old.metadata.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`)
  }
}

/** What only the server sets stays as it was, whatever was sent. */
function keepServerFields(kind: Kind, object: KubeObject, old: KubeObject): void {
  const metadata: DraftMeta = object.metadata
  metadata.uid = old.metadata.uid
  metadata.resourceVersion = old.metadata.resourceVersion
  metadata.creationTimestamp = old.metadata.creationTimestamp
  for (const field of ['deletionTimestamp', 'deletionGracePeriodSeconds', 'generateName', 'generation'] as const) {
    if (old.metadata[field] === undefined) delete metadata[field]
    else Object.assign(metadata, { [field]: old.metadata[field] })
  }
  delete metadata.selfLink
  // of a custom resource its definition says whether status is a subresource: the kind itself keeps it then
  if (kind.type === 'CustomResource') return
  const status = (old as { status?: unknown }).status
  if (status !== undefined) (object as { status?: unknown }).status = status
}

/** What writes nothing but the status: of a CertificateSigningRequest approval is another way to it. */
const STATUS_PARTS: ReadonlySet<string> = new Set(['status', 'approval'])

function statusUpdate(kind: Kind, old: KubeObject, submitted: KubeObject, subresource: string, context: Context): KubeObject {
  const next = { ...old, metadata: { ...old.metadata }, status: (submitted as { status?: unknown }).status } as KubeObject
  kind.prepareForStatusUpdate?.(next, old, submitted, subresource, context)
  return next
}

/** Stores a new version; see Server.commit. */
export function commit(server: Server, kind: Kind, object: KubeObject): KubeObject {
  server.store.put(storeKey(kind), object)
  if (server.freeze) deepFreeze(object)
  return object
}

function askWebhook(kind: Kind, object: KubeObject, context: Context): void {
  const no = kind.deny?.(object, context)
  if (no) throw deniedByWebhook(no.webhook, no.why)
}
