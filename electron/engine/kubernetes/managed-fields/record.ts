import type { Clock } from '../../clock.ts'
import { put } from '../../own.ts'
import { timestamp } from '../human-duration.ts'
import { isObject } from '../json.ts'
import { apiVersionOf, type Kind } from '../kinds/kind.ts'
import { zeroOf } from '../schema/decode.ts'
import { structOf } from '../schema/index.ts'
import type { StructType } from '../schema/notation.ts'
import type { KubeObject } from '../types.ts'
import { type Comparison, compareMaps, fieldShape, type Renames, sameChange, sameFields, type Shape, shapeOf } from './compare.ts'
import { ElementError } from './elements.ts'
import { entryOf, type ManagedEntry, parseEntries, recordUpdate, type Writer } from './entries.ts'
import { difference, EMPTY, fieldSet, type FieldSet, fromPaths, isEmpty, renamed, union } from './field-set.ts'

/** What the API server writes down of every write: metadata.managedFields (k8s.io/apimachinery/pkg/util/managedfields). */

const OF_THE_SERVER = ['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion']
/** Nobody owns these (stripmeta.go). */
export const STRIPPED: FieldSet = fromPaths([['f:apiVersion'], ['f:kind'], ['f:metadata'], ...OF_THE_SERVER.map((name) => ['f:metadata', `f:${name}`])])
const NOT_IN_METADATA: ReadonlySet<string> = new Set(OF_THE_SERVER)
const NOT_AT_ROOT: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata'])
const NOR_STATUS: ReadonlySet<string> = new Set([...NOT_AT_ROOT, 'status'])

interface Options {
  fieldManager?: string
  subresource?: string
}

export function rootShape(kind: Kind): Shape {
  return shapeOf(structOf(kind))
}

const zeros = new WeakMap<StructType, unknown>()

/** What Go's zero value of a kind is in JSON: what stands in it was there before anybody wrote. */
export function emptyObject(kind: Kind): KubeObject {
  const type = structOf(kind)
  let zero = zeros.get(type)
  if (zero === undefined) zeros.set(type, (zero = zeroOf(type)))
  return zero as KubeObject
}

/** Which of a kind's fields a write cannot reach (rest.ResetFieldsStrategy). */
export function isReset(kind: Kind, subresource: string | undefined): (element: string) => boolean {
  if (subresource === 'status') return kind.prepareForStatusUpdate ? (element) => element === 'f:spec' : (element) => element !== 'f:status'
  const hasStatus = kind.resource.subresources.includes('status')
  return (element) => hasStatus && element === 'f:status'
}

/** What differs between two versions, of what can be owned. */
export function compareObjects(kind: Kind, before: KubeObject, after: KubeObject, subresource: string | undefined): Comparison {
  const shape = rootShape(kind)
  const withStatus = subresource === 'status' || !kind.resource.subresources.includes('status')
  const root = compareMaps(before, after, shape, withStatus ? NOT_AT_ROOT : NOR_STATUS)
  const metadata = compareMaps(before.metadata, after.metadata, fieldShape(shape, 'metadata'), NOT_IN_METADATA)
  return {
    added: joined(root.added, metadata.added),
    modified: joined(root.modified, metadata.modified),
    removed: joined(root.removed, metadata.removed),
  }
}

function joined(root: FieldSet, metadata: FieldSet): FieldSet {
  return isEmpty(metadata) ? root : union(root, fieldSet(['f:metadata'], [metadata]))
}

type WallClock = Pick<Clock, 'wall'>

/** Many write in one second. */
let second = { at: -1, text: '' }

function timeOf(clock: WallClock): string {
  const at = Math.floor(clock.wall() / 1000)
  if (second.at !== at) second = { at, text: timestamp(at * 1000) }
  return second.text
}

export function writerOf(clock: WallClock, kind: Kind, options: Options, operation: 'Apply' | 'Update'): Writer {
  const { subresource, fieldManager } = options
  return { manager: fieldManager || 'unknown', operation, apiVersion: apiVersionOf(kind.resource), subresource, time: timeOf(clock) }
}

export function entriesOf(object: KubeObject): readonly ManagedEntry[] {
  return (object.metadata.managedFields ?? []) as unknown as readonly ManagedEntry[]
}

export function setEntries(object: KubeObject, entries: readonly ManagedEntry[]): void {
  const metadata = object.metadata as { managedFields?: unknown }
  if (entries.length > 0) metadata.managedFields = entries
  else delete metadata.managedFields
}

/** The owners of an object that is being made: whoever makes it owns all that was sent, and the defaults. */
export function ownersOfNew(clock: WallClock, kind: Kind, object: KubeObject, options: Options): readonly ManagedEntry[] {
  const sent = object.metadata.managedFields
  const entries = sent && parseEntries(sent)
  if (entries) return recorded(clock, kind, entries, emptyObject(kind), object, options)
  const writer = writerOf(clock, kind, options, 'Update')
  const fields = fieldsOfNew(kind, object)
  return isEmpty(fields) ? [] : rowOf(entryOf(writer, fields))
}

/** A few objects of each kind that were made last, with their fields: most are made from one template, one after another. */
const recent = new WeakMap<Kind, { object: KubeObject; fields: FieldSet }[]>()
const REMEMBERED = 6

function fieldsOfNew(kind: Kind, object: KubeObject): FieldSet {
  let known = recent.get(kind)
  if (!known) recent.set(kind, (known = []))
  const shape = rootShape(kind)
  const skipped = kind.resource.subresources.includes('status') ? NOR_STATUS : NOT_AT_ROOT
  const alike = (other: KubeObject): boolean =>
    sameFields(other.metadata, object.metadata, fieldShape(shape, 'metadata'), NOT_IN_METADATA) && sameFields(other, object, shape, skipped)
  const found = known.find((one) => alike(one.object))
  if (found) return found.fields
  try {
    const { added, modified } = compareObjects(kind, emptyObject(kind), object, undefined)
    const fields = difference(union(added, modified), STRIPPED)
    // A copy: admission will change this one.
    known.unshift({ object: copy(object), fields })
    if (known.length > REMEMBERED) known.pop()
    return fields
  } catch (error) {
    if (error instanceof ElementError) return EMPTY
    throw error
  }
}

function copy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copy) as T
  if (!isObject(value)) return value
  const out: Record<string, unknown> = {}
  for (const key in value) put(out, key, copy(value[key]))
  return out as T
}

const rows = new WeakMap<ManagedEntry, readonly ManagedEntry[]>()

/** A list of one, which all that have it share. */
function rowOf(entry: ManagedEntry): readonly ManagedEntry[] {
  let row = rows.get(entry)
  if (!row) rows.set(entry, (row = Object.freeze([entry])))
  return row
}

/**
 * The owners after an update. A client may have sent rows of its own, which then count instead of the stored ones; one
 * empty row, or none at all, takes all away.
 */
export function ownersAfter(clock: Clock, kind: Kind, old: KubeObject, next: KubeObject, sent: unknown, options: Options): readonly ManagedEntry[] {
  const stored = entriesOf(old)
  if (sent !== undefined && sent !== old.metadata.managedFields && !options.subresource) {
    if (isTakeAway(sent)) return []
    const entries = parseEntries(sent)
    if (entries) return recorded(clock, kind, entries, old, next, options)
  }
  // Of what nobody's writes were recorded, updates are not either.
  if (stored.length === 0) return stored
  return recorded(clock, kind, stored, old, next, options)
}

function isTakeAway(sent: unknown): boolean {
  if (!Array.isArray(sent)) return false
  return sent.length === 0 || (sent.length === 1 && Object.values(sent[0] as object).every((value) => value === undefined || value === ''))
}

interface Change { before: KubeObject; after: KubeObject; comparison: Comparison }

/** The same of status updates: agents write the same steps for one object after another. */
const recentChanges = new WeakMap<Kind, Change[]>()

function compareStatus(kind: Kind, before: KubeObject, after: KubeObject): Comparison {
  let known = recentChanges.get(kind)
  if (!known) recentChanges.set(kind, (known = []))
  const shape = rootShape(kind)
  const metadata = fieldShape(shape, 'metadata')
  const names: Renames = new Map()
  for (const one of known) {
    names.clear()
    const alike =
      sameChange(one.before, one.after, before, after, shape, names, NOT_AT_ROOT) &&
      sameChange(one.before.metadata, one.after.metadata, before.metadata, after.metadata, metadata, names, NOT_IN_METADATA)
    if (!alike) continue
    const { added, modified, removed } = one.comparison
    return names.size === 0 ? one.comparison : { added: renamed(added, names), modified: renamed(modified, names), removed: renamed(removed, names) }
  }
  const comparison = compareObjects(kind, before, after, 'status')
  known.unshift({ before, after, comparison })
  if (known.length > REMEMBERED) known.pop()
  return comparison
}

function recorded(clock: WallClock, kind: Kind, entries: readonly ManagedEntry[], before: KubeObject, after: KubeObject, options: Options): readonly ManagedEntry[] {
  try {
    const { subresource } = options
    const comparison = subresource === 'status' ? compareStatus(kind, before, after) : compareObjects(kind, before, after, subresource)
    if (isEmpty(comparison.added) && isEmpty(comparison.modified) && isEmpty(comparison.removed)) return entries
    return recordUpdate(entries, comparison, writerOf(clock, kind, options, 'Update'), STRIPPED)
  } catch (error) {
    // An object that does not fit its schema is refused, or has no owners: UpdateNoErrors.
    if (error instanceof ElementError) return []
    throw error
  }
}

