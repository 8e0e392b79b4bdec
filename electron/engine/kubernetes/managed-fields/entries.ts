import { compareStrings } from '../json.ts'
import type { Comparison } from './compare.ts'
import { difference, EMPTY, equalSets, type FieldSet, intersection, isEmpty, parseFieldSet, union } from './field-set.ts'

/** A row of metadata.managedFields. Rows are never changed. */
export interface ManagedEntry {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  /** RFC 3339; absent when an apply changed nothing but the owners. */
  readonly time?: string
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: FieldSet
  readonly subresource?: string
}

/** Who writes, when, and through what. */
export interface Writer {
  manager: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  subresource: string | undefined
  time: string | undefined
}

/** DefaultMaxUpdateManagers; older ones are put together. */
const MOST_UPDATERS = 10
const ANCIENT = 'ancient-changes'

export function isOf(entry: ManagedEntry, writer: Writer): boolean {
  return (
    entry.manager === writer.manager &&
    entry.operation === writer.operation &&
    (entry.subresource ?? undefined) === writer.subresource &&
    (writer.operation === 'Apply' || entry.apiVersion === writer.apiVersion)
  )
}

/** Made again and again by the same agent in the same second, with the same fields: one for all. */
const latest = new WeakMap<FieldSet, ManagedEntry>()

export function entryOf(writer: Writer, fieldsV1: FieldSet): ManagedEntry {
  const known = latest.get(fieldsV1)
  if (known && known.time === writer.time && isOf(known, writer) && known.apiVersion === writer.apiVersion) return known
  const { manager, operation, apiVersion, time, subresource } = writer
  const made: ManagedEntry = {
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? undefined : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource === undefined ? undefined : { subresource }),
  }
  latest.set(fieldsV1, made)
  return made
}

export function withFields(entry: ManagedEntry, fieldsV1: FieldSet): ManagedEntry {
  return fieldsV1 === entry.fieldsV1 ? entry : { ...entry, fieldsV1 }
}

/**
 * The owners after an update: what it added or changed is the writer's and nobody else's, what it removed is nobody's
 * (merge.Updater.Update and the managers around it). The same array when nobody's fields changed.
 */
export function recordUpdate(entries: readonly ManagedEntry[], { added, modified, removed }: Comparison, writer: Writer, stripped: FieldSet): readonly ManagedEntry[] {
  const changed = union(added, modified)
  if (isEmpty(changed) && isEmpty(removed)) return entries
  const own = difference(changed, stripped)
  const out: ManagedEntry[] = []
  let mine: ManagedEntry | undefined
  for (const entry of entries) {
    if (isOf(entry, writer)) {
      mine = withFields(entry, difference(entry.fieldsV1, removed))
      continue
    }
    const left = difference(difference(entry.fieldsV1, changed), removed)
    if (left === entry.fieldsV1) out.push(entry)
    else if (!isEmpty(left)) out.push(withFields(entry, left))
  }
  if (!isEmpty(own)) out.push(entryOf(writer, mine ? union(mine.fieldsV1, own) : own))
  else if (mine && !isEmpty(mine.fieldsV1)) out.push(mine)
  return capped(inOrder(out))
}

/** In order, nearly always as they came; as long as they are many, as objects keep them for good. */
export function inOrder(entries: readonly ManagedEntry[]): ManagedEntry[] {
  const out = entries.slice()
  for (let i = 1; i < out.length; i++) if (compareEntries(out[i - 1]!, out[i]!) > 0) return out.sort(compareEntries)
  return out
}

/** Entries that own something of what changed: their manager and what of it. */
export function conflictsWith(entries: readonly ManagedEntry[], { added, modified }: Comparison, except: Writer): { entry: ManagedEntry; fields: FieldSet }[] {
  const changed = union(added, modified)
  return entries
    .filter((entry) => !isOf(entry, except))
    .map((entry) => ({ entry, fields: intersection(entry.fieldsV1, changed) }))
    .filter(({ fields }) => !isEmpty(fields))
    .sort((a, b) => compareStrings(identifier(a.entry), identifier(b.entry)))
}

/** By this upstream sorts and tells managers apart. */
function identifier({ manager, operation, apiVersion, subresource }: ManagedEntry): string {
  return JSON.stringify({ manager, operation, ...(operation === 'Update' ? { apiVersion } : {}), ...(subresource ? { subresource } : {}) })
}

/** The order in which objects show them. */
export function compareEntries(a: ManagedEntry, b: ManagedEntry): number {
  return (
    compareStrings(a.operation, b.operation) ||
    compareStrings(a.time ?? '', b.time ?? '') ||
    compareStrings(a.manager, b.manager) ||
    compareStrings(a.apiVersion, b.apiVersion) ||
    compareStrings(a.subresource ?? '', b.subresource ?? '')
  )
}

function capped(entries: ManagedEntry[]): ManagedEntry[] {
  if (entries.length <= MOST_UPDATERS) return entries
  const updaters = entries.filter((entry) => entry.operation === 'Update')
  let tooMany = updaters.length - MOST_UPDATERS
  if (tooMany <= 0) return entries
  updaters.sort((a, b) => compareStrings(a.time ?? '', b.time ?? '') || compareStrings(identifier(a), identifier(b)))
  const gone = new Set<ManagedEntry>()
  const buckets = new Map<string, ManagedEntry>()
  // The first of a version becomes the bucket as soon as a second one has to go.
  const first = new Map<string, ManagedEntry>()
  for (const entry of updaters) {
    if (tooMany <= 0) break
    const before = first.get(entry.apiVersion)
    if (!before) {
      first.set(entry.apiVersion, entry)
      continue
    }
    const bucket = buckets.get(entry.apiVersion) ?? before
    gone.add(before).add(entry)
    const { subresource: _, ...rest } = bucket
    const time = entry.time === undefined ? {} : { time: entry.time }
    buckets.set(entry.apiVersion, { ...rest, ...time, manager: ANCIENT, fieldsV1: union(entry.fieldsV1, bucket.fieldsV1) })
    tooMany--
  }
  return [...entries.filter((entry) => !gone.has(entry)), ...buckets.values()].sort(compareEntries)
}

/** Rows that a client sent; undefined when they are none: then the stored ones hold. */
export function parseEntries(value: unknown): readonly ManagedEntry[] | undefined {
  if (!Array.isArray(value)) return undefined
  const entries: ManagedEntry[] = []
  for (const row of value as Partial<ManagedEntry>[]) {
    const { manager = '', operation, apiVersion, time, fieldsType, subresource } = row
    if ((operation !== 'Apply' && operation !== 'Update') || !apiVersion || fieldsType !== 'FieldsV1') return undefined
    const fields = row.fieldsV1 === undefined ? EMPTY : parseFieldSet(row.fieldsV1)
    if (!fields) return undefined
    entries.push(entryOf({ manager, operation, apiVersion, time, subresource: subresource || undefined }, fields))
  }
  return entries.length === 0 ? undefined : entries.sort(compareEntries)
}

export function sameEntries(a: readonly ManagedEntry[], b: readonly ManagedEntry[], ignoreTime = false): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  return a.every((x, i) => {
    const y = b[i]!
    if (x === y) return true
    return identifier(x) === identifier(y) && x.apiVersion === y.apiVersion && (ignoreTime || x.time === y.time) && equalSets(x.fieldsV1, y.fieldsV1)
  })
}
