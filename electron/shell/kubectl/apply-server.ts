import { StatusError, type WriteOptions } from '../../engine/kubernetes/client.ts'
import type { ManagedEntry } from '../../engine/kubernetes/managed-fields/entries.ts'
import { has, union } from '../../engine/kubernetes/managed-fields/field-set.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { LAST_APPLIED } from './last-applied.ts'
import type { DryRun, Kubectl } from './command.ts'
import { isConflict, KubectlError, messageOf } from './errors.ts'
import { at, type JsonObject } from './objects.ts'
import { type Info, keyOf } from './resources.ts'

/** apply --server-side: one request, and what kubectl does so that objects it applied itself before go on well. */
const SERVER_MANAGER = 'kubectl'
const LAST_APPLIED_MANAGER = 'kubectl-last-applied'
const LAST_APPLIED_FIELD = ['f:metadata', 'f:annotations', `f:${LAST_APPLIED}`]

const CONFLICT_ADVICE = `Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the \`--force-conflicts\` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts`

/** The manager that --field-manager names, or the one of its kind of apply. */
export function applyManager(k: Kubectl, serverSide: boolean): string {
  return serverSide && !k.flags.changed('field-manager') ? SERVER_MANAGER : k.flags.string('field-manager')
}

export function* applyOnServer(k: Kubectl, info: Info, object: unknown, options: WriteOptions & { subresource?: string }): Task<JsonObject> {
  const { resource, namespace, name } = info
  return (yield* k.decided(() => k.client.patch<KubeObject>(keyOf(resource), resource.namespaced ? namespace : undefined, name, 'application/apply-patch+yaml', object, options))) as unknown as JsonObject
}

export function* serverSideApply(k: Kubectl, info: Info, dryRun: DryRun, validation: WriteOptions['fieldValidation']): Task<{ object: JsonObject; operation: string }> {
  const options: WriteOptions & { subresource?: string } = {
    fieldManager: applyManager(k, true),
    dryRun: dryRun === 'server',
    fieldValidation: validation,
    force: k.flags.bool('force-conflicts'),
    subresource: k.flags.string('subresource') || undefined,
  }
  let object: JsonObject
  try {
    object = yield* applyOnServer(k, info, info.object, options)
  } catch (error) {
    if (error instanceof StatusError && error.status.code === 415) throw new KubectlError(`Server-side apply not available on the server: (${error.message})`)
    throw isConflict(error) ? new KubectlError(`${messageOf(error)}\n${CONFLICT_ADVICE}`) : error
  }
  const migrated = yield* migrate(k, info, object, options)
  return { object: migrated, operation: 'serverside-applied' }
}

/** What a client-side apply owns becomes the server-side apply's own, and the annotation somebody's. */
function* migrate(k: Kubectl, info: Info, applied: JsonObject, options: WriteOptions): Task<JsonObject> {
  let object = applied
  try {
    object = yield* keepAnnotation(k, info, object, options)
  } catch (error) {
    yield* k.err(`Warning: failed to migrate ${LAST_APPLIED} for Server-Side Apply. This is non-fatal and will be retried next time you apply. Error: ${messageOf(error)}\n`)
    return object
  }
  const upgraded = upgradedEntries(entriesOf(object), options.fieldManager!)
  if (!upgraded) return object
  const key = keyOf(info.resource)
  const namespace = info.resource.namespaced ? info.namespace : undefined
  try {
    const patch = [
      { op: 'replace', path: '/metadata/managedFields', value: upgraded },
      { op: 'replace', path: '/metadata/resourceVersion', value: at(object, 'metadata', 'resourceVersion') },
    ]
    object = (yield* k.decided(() => k.client.patch<KubeObject>(key, namespace, info.name, 'application/json-patch+json', patch, {
      fieldManager: options.fieldManager, dryRun: options.dryRun, fieldValidation: options.fieldValidation,
    }))) as unknown as JsonObject
  } catch (error) {
    yield* k.err(`Warning: server rejected managed fields migration to Server-Side Apply. This is non-fatal and will be retried next time you apply. Error: ${messageOf(error)}\n`)
    return object
  }
  try {
    return yield* applyOnServer(k, info, info.object, { ...options, subresource: undefined } as WriteOptions)
  } catch (error) {
    yield* k.err(`Warning: failed to re-apply configuration after performing Server-Side Apply migration. This is non-fatal and will be retried next time you apply. Error: ${messageOf(error)}\n`)
    return object
  }
}

function entriesOf(object: JsonObject): readonly ManagedEntry[] {
  return (at(object, 'metadata', 'managedFields') ?? []) as readonly ManagedEntry[]
}

function* keepAnnotation(k: Kubectl, info: Info, object: JsonObject, options: WriteOptions): Task<JsonObject> {
  if (options.fieldManager !== SERVER_MANAGER) return object
  const annotation = at(object, 'metadata', 'annotations', LAST_APPLIED)
  if (annotation === undefined || entriesOf(object).some((entry) => entry.operation === 'Apply' && has(entry.fieldsV1, LAST_APPLIED_FIELD))) return object
  const metadata: JsonObject = { name: info.name, annotations: { [LAST_APPLIED]: annotation } }
  if (info.resource.namespaced) metadata['namespace'] = info.namespace
  const { apiVersion, kind } = object
  return yield* applyOnServer(k, info, { apiVersion, kind, metadata }, { ...options, force: undefined, fieldManager: LAST_APPLIED_MANAGER } as WriteOptions)
}

/** client-go's csaupgrade; undefined when there is nothing to do. */
function upgradedEntries(entries: readonly ManagedEntry[], manager: string): readonly ManagedEntry[] | undefined {
  const before = entries.filter((entry) => entry.operation === 'Update' && has(entry.fieldsV1, LAST_APPLIED_FIELD))
  const names = [...new Set(before.map((entry) => entry.manager))]
  let out = [...entries]
  for (const name of names) {
    const isOld = (entry: ManagedEntry): boolean => entry.manager === name && entry.operation === 'Update' && !entry.subresource
    let target = out.findIndex((entry) => entry.manager === manager && entry.operation === 'Apply' && !entry.subresource)
    if (target < 0) {
      target = out.findIndex(isOld)
      if (target < 0) continue
      out[target] = { ...out[target]!, operation: 'Apply', manager }
    }
    const into = out[target]!
    const old = out.find((entry) => isOld(entry) && entry.apiVersion === into.apiVersion)
    if (old) out[target] = { ...into, fieldsV1: union(into.fieldsV1, old.fieldsV1) }
    out = out.filter((entry) => !isOld(entry))
  }
  return names.length > 0 ? out : undefined
}
