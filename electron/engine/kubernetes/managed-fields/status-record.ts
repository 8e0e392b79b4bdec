import type { Kind } from '../kinds/kind.ts'
import type { KubeObject } from '../types.ts'
import { type Comparison, fieldShape, type Renames, sameChange } from './compare.ts'
import { entryOf, inOrder, isOf, type ManagedEntry, recordUpdate, type Writer } from './entries.ts'
import { difference, type FieldSet, isEmpty, isShared, renamed, union } from './field-set.ts'
import { compareObjects, NOT_AT_ROOT, NOT_IN_METADATA, rootShape, STRIPPED } from './ownable.ts'
import { type Pattern, patternOf, PatternRow } from './pattern-row.ts'

/** What became of the writer's row; those of others stayed as they were. */
interface Outcome {
  before: ManagedEntry | undefined
  after: ManagedEntry
}

interface Change {
  before: KubeObject
  after: KubeObject
  comparison: Comparison
  /** Of the comparison, all that was written. */
  written: FieldSet
  outcome: Outcome | undefined
}

/** Agents write the same steps of one object after another: what came of the last ones holds for the next. */
const recent = new WeakMap<Kind, Change[]>()
const REMEMBERED = 8

/** The owners after an update of the status; see {@link recordUpdate}. */
export function recordStatus(kind: Kind, entries: readonly ManagedEntry[], before: KubeObject, after: KubeObject, writer: Writer): readonly ManagedEntry[] {
  let known = recent.get(kind)
  if (!known) recent.set(kind, (known = []))
  const shape = rootShape(kind)
  const metadata = fieldShape(shape, 'metadata')
  const names: Renames = new Map()
  let comparison: Comparison | undefined
  for (const one of known) {
    names.clear()
    const alike =
      sameChange(one.before, one.after, before, after, shape, names, NOT_AT_ROOT) &&
      sameChange(one.before.metadata, one.after.metadata, before.metadata, after.metadata, metadata, names, NOT_IN_METADATA)
    if (!alike) continue
    const rows = one.outcome && rowsLike(one, one.outcome, entries, names, writer)
    if (rows) return rows
    const { added, modified, removed } = one.comparison
    comparison ??= names.size === 0 ? one.comparison : { added: renamed(added, names), modified: renamed(modified, names), removed: renamed(removed, names) }
  }
  comparison ??= compareObjects(kind, before, after, 'status')
  const made = recordUpdate(entries, comparison, writer, STRIPPED)
  if (made === entries) return entries
  const rows = made.map(withPattern)
  const written = union(comparison.added, comparison.modified)
  known.unshift({ before, after, comparison, written, outcome: outcomeOf(entries, rows, written, writer) })
  if (known.length > REMEMBERED) known.pop()
  return rows
}

function withPattern(row: ManagedEntry): ManagedEntry {
  if (row instanceof PatternRow) return row
  const pattern = patternOf(row.fieldsV1)
  return pattern && pattern.own.length > 0 ? new PatternRow(row, pattern, pattern.own) : row
}

/** What others can be told by; undefined when the writer only took away, or rows of others became narrower. */
function outcomeOf(entries: readonly ManagedEntry[], rows: readonly ManagedEntry[], written: FieldSet, writer: Writer): Outcome | undefined {
  if (isEmpty(difference(written, STRIPPED))) return undefined
  const after = rows.find((row) => isOf(row, writer))
  const before = entries.find((row) => isOf(row, writer))
  const others = entries.every((row) => row === before || rows.includes(row))
  return after && others ? { before, after } : undefined
}

/** The rows of an object to which the same was done, when the writer's row before was alike as well, and others own nothing of it. */
function rowsLike({ written, comparison: { removed } }: Change, { before, after }: Outcome, now: readonly ManagedEntry[], names: Renames, writer: Writer): readonly ManagedEntry[] | undefined {
  if (!isOf(after, writer)) return undefined
  const rows: ManagedEntry[] = []
  let mine: ManagedEntry | undefined
  for (const row of now) {
    if (isOf(row, writer)) mine = row
    else if (PatternRow.patternOf(row) || !isUntouched(row.fieldsV1, written, removed)) return undefined
    else rows.push(row)
  }
  if (before === undefined ? mine !== undefined : mine === undefined || !isLike(before, mine, names)) return undefined
  const pattern = PatternRow.patternOf(after)
  const made = pattern ? patternRow(pattern, after, names, writer) : entryOf(writer, after.fieldsV1)
  if (!made) return undefined
  rows.push(made)
  return inOrder(rows)
}

/** Whether nothing of a set, which has no names of one object's own, is in a change. */
function isUntouched(set: FieldSet, written: FieldSet, removed: FieldSet): boolean {
  return isShared(set) && difference(set, written) === set && difference(set, removed) === set
}

/** Whether two rows have the same fields, but for what is each object's own; notes what that is. */
function isLike(one: ManagedEntry, other: ManagedEntry, names: Renames): boolean {
  const pattern = PatternRow.patternOf(one)
  if (pattern !== PatternRow.patternOf(other)) return false
  if (!pattern) return one.fieldsV1 === other.fieldsV1
  const theirs = PatternRow.ownOf(other)
  return PatternRow.ownOf(one).every((element, i) => {
    const known = names.get(element)
    if (known === undefined) names.set(element, theirs[i]!)
    return known === undefined || known === theirs[i]
  })
}

function patternRow(pattern: Pattern, one: ManagedEntry, names: Renames, writer: Writer): ManagedEntry | undefined {
  const own: string[] = []
  for (const element of PatternRow.ownOf(one)) {
    const name = names.get(element)
    if (name === undefined) return undefined
    own.push(name)
  }
  return new PatternRow(writer, pattern, own.slice())
}
