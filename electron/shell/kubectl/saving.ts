import { type ApiResource, StatusError } from '../../engine/kubernetes/client.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { withLastApplied } from './last-applied.ts'
import { dryRunned, type DryRun, type Kubectl } from './command.ts'
import { KubectlError } from './errors.ts'
import { inGoOrder } from './go-order.ts'
import { isNoServer, notCreated } from './no-server.ts'
import { at, groupVersion, type JsonObject, text, withNamespace } from './objects.ts'
import { printerFor } from './printers/index.ts'

/* What create's subcommands, run and expose share: an object made here, sent (or not) and printed. */

/** What is only shown needs no server. */
function known(k: Kubectl, dryRun: DryRun): readonly ApiResource[] {
  try {
    return k.client.resources()
  } catch (error) {
    if (dryRun === 'client' && isNoServer(error)) return []
    throw error
  }
}

export function* createObject(k: Kubectl, object: JsonObject, dryRun: DryRun): Task<JsonObject> {
  const made = k.flags.has('save-config') && k.flags.bool('save-config') && !(dryRun === 'client' && k.path === 'kubectl run') ? withLastApplied(object) : object
  const { group, version } = groupVersion(text(made['apiVersion']))
  const resource = known(k, dryRun).find((r) => r.kind === made['kind'] && r.group === group && r.version === version)
  const { name, explicit } = k.namespace
  if (dryRun === 'client') return explicit && resource?.namespaced !== false ? atFront(withNamespace(made, name)) : made
  const created = yield* k.decided(() => k.client.create<KubeObject>(resource ? resource.name : text(made['kind']), resource?.namespaced === false ? undefined : name, made, {
    fieldManager: k.flags.string('field-manager'),
    dryRun: dryRun === 'server',
    fieldValidation: k.flags.has('validate') ? k.validation() : undefined,
  }))
  return created as unknown as JsonObject
}

/** metadata.namespace stands after the name in Go's order of fields. */
function atFront(object: JsonObject): JsonObject {
  const metadata = object['metadata'] as JsonObject
  const { name, namespace, ...rest } = metadata
  return { ...object, metadata: { name, namespace, ...rest } }
}

export function* createAndPrint(k: Kubectl, object: JsonObject, operation = 'created'): Task<number> {
  const dryRun = yield* k.dryRun()
  const printer = printerFor(k, { operation: dryRunned(operation, dryRun), typed: true })
  if (k.flags.has('validate')) k.validation()
  const made = yield* createObject(k, object, dryRun)
  // what comes back is decoded into its Go type
  yield* k.out(printer.print(dryRun === 'client' ? made : inGoOrder(made)))
  return 0
}

/** The same for those subcommands that say what they could not create. */
export function* createNamed(k: Kubectl, object: JsonObject, what: string): Task<number> {
  try {
    return yield* createAndPrint(k, object)
  } catch (error) {
    if (isNoServer(error)) throw notCreated(k, error, what, object)
    if (error instanceof StatusError && error.status.reason !== 'NotSimulated') throw new KubectlError(`failed to create ${what}${what === 'secret' ? '' : ':'} ${error.message}`)
    throw error
  }
}

/** ObjectMeta in Go's order, with the creationTimestamp that an unset time becomes. */
export function metadataOf(name: string, more: { labels?: JsonObject; annotations?: JsonObject } = {}): JsonObject {
  const metadata: JsonObject = { name, creationTimestamp: null }
  if (more.labels && Object.keys(more.labels).length > 0) metadata['labels'] = more.labels
  if (more.annotations && Object.keys(more.annotations).length > 0) metadata['annotations'] = more.annotations
  return metadata
}

export function labelsOf(object: unknown): Record<string, string> {
  return (at(object, 'metadata', 'labels') ?? {}) as Record<string, string>
}
