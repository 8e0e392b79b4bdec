import type { Clock } from '../../clock.ts'
import { deepEqual, isObject, type JsonObject, sortedJson } from '../json.ts'
import { apiVersionOf, type Kind } from '../kinds/kind.ts'
import { applyConflict, badRequest, internalFailure } from '../status.ts'
import type { KubeObject } from '../types.ts'
import { type Comparison, compareMaps, type Shape } from './compare.ts'
import { formatPath } from './elements.ts'
import { compareEntries, conflictsWith, entryOf, isOf, type ManagedEntry, recordUpdate, withFields, type Writer } from './entries.ts'
import { difference, EMPTY, fieldSet, type FieldSet, intersection, isEmpty, paths, union } from './field-set.ts'
import { compareObjects, rootShape, STRIPPED } from './ownable.ts'
import { emptyObject, entriesOf, isReset, writerOf } from './record.ts'
import { fieldsOf, joinErrors, merge, removeFields, typedErrors, withNamedFields } from './typed.ts'

/** kubectl's own record of what it applied before it applied on the server. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
/** Who owns what was there before anybody applied, where no owners were kept. */
const BEFORE = 'before-first-apply'

export interface Applied {
  /** The live object with the configuration in it, before defaults; the live object itself when nothing changes. */
  object: KubeObject
  entries: readonly ManagedEntry[]
}

interface Options {
  fieldManager?: string
  subresource?: string
  force?: boolean
}

/**
 * Server-side apply (KEP-555): lays a configuration over the live object, which may not be there yet, and works out who
 * owns what then. Throws StatusError: 409 with the conflicts, 400 or 500 for what is no configuration of this kind.
 */
export function applyConfiguration(clock: Clock, kind: Kind, live: KubeObject | undefined, config: JsonObject, options: Options): Applied {
  checkConfiguration(kind, config)
  const base = live ?? emptyObject(kind)
  const writer = writerOf(clock, kind, options, 'Apply')
  let entries = entriesOf(base)
  if (entries.length === 0 && live) {
    const everything = compareObjects(kind, emptyObject(kind), live, options.subresource)
    entries = recordUpdate([], everything, { ...writer, operation: 'Update', manager: BEFORE }, STRIPPED)
  }
  const run = new Apply(kind, base, config, entries, writer, options)
  let applied = run.run(options.force ?? false)
  if (Array.isArray(applied)) {
    // What kubectl itself applied before, and is still so, is no conflict for it.
    const allowed = writer.manager === 'kubectl' ? fromLastApplied(kind, base) : EMPTY
    const left = applied.map(({ entry, fields }) => ({ entry, fields: difference(fields, allowed) })).filter(({ fields }) => !isEmpty(fields))
    if (left.length > 0) throw conflictError(left)
    applied = run.run(true) as Applied
  }
  return writer.manager === 'kubectl' ? withLastApplied(applied, config) : applied
}

function checkConfiguration(kind: Kind, config: JsonObject): void {
  const { resource } = kind
  const apiVersion = typeof config['apiVersion'] === 'string' ? config['apiVersion'] : ''
  const kindName = typeof config['kind'] === 'string' ? config['kind'] : ''
  if (apiVersion !== apiVersionOf(resource) || kindName !== resource.kind) throw badRequest(`invalid object type: ${groupVersionKind(apiVersion, kindName)}`)
  const metadata = isObject(config['metadata']) ? config['metadata'] : {}
  if (metadata['managedFields'] !== undefined && metadata['managedFields'] !== null) throw badRequest('metadata.managedFields must be nil')
  const errors = typedErrors(config, rootShape(kind))
  if (errors.length === 0) return
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  const which = `${text(metadata['namespace'])}/${text(metadata['name'])}; ${groupVersionKind(apiVersion, kindName)}`
  throw internalFailure(`failed to create typed patch object (${which}): ${joinErrors(errors)}`)
}

function groupVersionKind(apiVersion: string, kind: string): string {
  return `${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`
}

interface Conflict { entry: ManagedEntry; fields: FieldSet }

/** merge.Updater.Apply of structured-merge-diff. */
class Apply {
  readonly #kind: Kind
  readonly #shape: Shape
  readonly #live: KubeObject
  readonly #config: JsonObject
  readonly #entries: readonly ManagedEntry[]
  readonly #writer: Writer
  readonly #options: Options

  constructor(kind: Kind, live: KubeObject, config: JsonObject, entries: readonly ManagedEntry[], writer: Writer, options: Options) {
    this.#kind = kind
    this.#shape = rootShape(kind)
    this.#live = live
    this.#config = config
    this.#entries = entries
    this.#writer = writer
    this.#options = options
  }

  /** The conflicts, unless they are to be overridden. */
  run(force: boolean): Applied | Conflict[] {
    const writer = this.#writer
    const before = this.#entries.find((entry) => isOf(entry, writer))
    const others = this.#entries.filter((entry) => entry !== before)
    const set = this.#reachable(fieldsOf(this.#config, this.#shape))
    const merged = merge(this.#live, this.#config, this.#shape) as JsonObject
    const next = this.#prune(merged, before?.fieldsV1 ?? EMPTY, [...others.map((entry) => entry.fieldsV1), set]) as unknown as KubeObject
    const comparison = this.#compare(next)
    const conflicts = conflictsWith(others, comparison, writer)
    if (conflicts.length > 0 && !force) return conflicts
    const { removed } = comparison
    const left: ManagedEntry[] = []
    for (const entry of others) {
      const taken = conflicts.find((c) => c.entry === entry)?.fields ?? EMPTY
      const fields = difference(difference(entry.fieldsV1, taken), removed)
      if (!isEmpty(fields)) left.push(withFields(entry, fields))
    }
    const changed = !deepEqual(next, this.#live)
    const owned = difference(set, STRIPPED)
    if (!isEmpty(owned)) left.push(entryOf({ ...writer, time: changed ? writer.time : before?.time }, owned))
    return { object: changed ? next : this.#live, entries: left.sort(compareEntries) }
  }

  #reachable(set: FieldSet): FieldSet {
    const reset = isReset(this.#kind, this.#options.subresource)
    const elements = Object.keys(set).filter((element) => !reset(element))
    return fieldSet(elements, elements.map((element) => set[element]!))
  }

  #compare(next: KubeObject): Comparison {
    const { added, modified, removed } = compareMaps(this.#live, next, this.#shape)
    return { added: this.#reachable(added), modified: this.#reachable(modified), removed: this.#reachable(removed) }
  }

  /** Without what this manager applied the last time, no longer applies, and nobody else owns. */
  #prune(merged: JsonObject, last: FieldSet, owned: readonly FieldSet[]): JsonObject {
    if (isEmpty(last)) return merged
    const shape = this.#shape
    const named = (set: FieldSet): FieldSet => withNamedFields(set, shape)
    const fields = (value: unknown): FieldSet => named(fieldsOf(value ?? {}, shape))
    const mergedFields = fields(merged)
    const lastFields = named(last)
    const first = removeFields(merged, lastFields, shape)
    const kept = union(fields(first), named(owned.reduce(union, EMPTY)))
    const withOwned = removeFields(merged, difference(mergedFields, kept), shape)
    // What went only because its parent did, and never was this manager's, comes back.
    const gone = intersection(difference(mergedFields, fields(withOwned)), lastFields)
    return (removeFields(merged, gone, shape) ?? {}) as JsonObject
  }
}

function fromLastApplied(kind: Kind, live: KubeObject): FieldSet {
  const text = live.metadata.annotations?.[LAST_APPLIED]
  if (!text) return EMPTY
  let last: unknown
  try {
    last = JSON.parse(text)
  } catch {
    return EMPTY
  }
  const shape = rootShape(kind)
  if (!isObject(last) || last['apiVersion'] !== live.apiVersion || typedErrors(last, shape).length > 0) return EMPTY
  const { added, modified, removed } = compareMaps(last, live, shape)
  return [modified, added, removed].reduce(difference, fieldsOf(last, shape))
}

function withLastApplied(applied: Applied, config: JsonObject): Applied {
  const { object } = applied
  if (!object.metadata.annotations?.[LAST_APPLIED]) return applied
  const metadata = { ...(config['metadata'] as JsonObject) }
  if (isObject(metadata['annotations'])) {
    const { [LAST_APPLIED]: _, ...annotations } = metadata['annotations']
    if (Object.keys(annotations).length > 0) metadata['annotations'] = annotations
    else delete metadata['annotations']
  }
  const value = `${sortedJson({ ...config, metadata })}\n`
  return { ...applied, object: { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [LAST_APPLIED]: value } } } }
}

function conflictError(conflicts: readonly Conflict[]): Error {
  const all = conflicts.flatMap(({ entry, fields }) => paths(fields).map((path) => ({ manager: managerText(entry), path: formatPath(path) })))
  const causes = all.map(({ manager, path }) => ({ reason: 'FieldManagerConflict', message: `conflict with ${manager}`, field: path }))
  if (all.length === 1) return applyConflict(causes, `Apply failed with 1 conflict: conflict with ${all[0]!.manager}: ${all[0]!.path}`)
  const lines: string[] = []
  for (const { entry, fields } of conflicts) lines.push(`conflicts with ${managerText(entry)}:`, ...paths(fields).map((path) => `- ${formatPath(path)}`))
  return applyConflict(causes, `Apply failed with ${all.length} conflicts: ${lines.join('\n')}`)
}

function managerText({ manager, operation, apiVersion, subresource }: ManagedEntry): string {
  const name = `${JSON.stringify(manager)}${subresource ? ` with subresource ${JSON.stringify(subresource)}` : ''}`
  return operation === 'Update' ? `${name} using ${apiVersion}` : name
}

