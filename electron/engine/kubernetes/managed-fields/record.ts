import type { Clock } from '../../clock.ts'
import { put } from '../../own.ts'
import { timestamp } from '../human-duration.ts'
import { isObject } from '../json.ts'
import { apiVersionOf, type Kind } from '../kinds/kind.ts'
import { zeroOf } from '../schema/decode.ts'
import { structOf } from '../schema/index.ts'
import type { StructType } from '../schema/notation.ts'
import type { KubeObject } from '../types.ts'
import { fieldShape, sameFields } from './compare.ts'
import { ElementError } from './elements.ts'
import { entryOf, type ManagedEntry, parseEntries, recordUpdate, type Writer } from './entries.ts'
import { difference, EMPTY, type FieldSet, isEmpty, union } from './field-set.ts'
import { compareObjects, NOR_STATUS, NOT_AT_ROOT, NOT_IN_METADATA, rootShape, STRIPPED } from './ownable.ts'
import { recordStatus } from './status-record.ts'

/** What the API server writes down of every write: metadata.managedFields (k8s.io/apimachinery/pkg/util/managedfields). */

interface Options {
  fieldManager?: string
  subresource?: string
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

function recorded(clock: WallClock, kind: Kind, entries: readonly ManagedEntry[], before: KubeObject, after: KubeObject, options: Options): readonly ManagedEntry[] {
  try {
    const writer = writerOf(clock, kind, options, 'Update')
    if (options.subresource === 'status') return recordStatus(kind, entries, before, after, writer)
    return recordUpdate(entries, compareObjects(kind, before, after, options.subresource), writer, STRIPPED)
  } catch (error) {
    // An object that does not fit its schema is refused, or has no owners: UpdateNoErrors.
    if (error instanceof ElementError) return []
    throw error
  }
}
