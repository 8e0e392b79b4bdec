import type { Kind } from '../kinds/kind.ts'
import type { KubeObject } from '../types.ts'
import { type Comparison, fieldShape, type Renames, sameChange } from './compare.ts'
import { entryOf, inOrder, isOf, type ManagedEntry, recordUpdate, type Writer } from './entries.ts'
import { difference, isEmpty, renamed, union } from './field-set.ts'
import { compareObjects, NOT_AT_ROOT, NOT_IN_METADATA, rootShape, STRIPPED } from './ownable.ts'
import { type Pattern, patternOf, PatternRow } from './pattern-row.ts'

/** The rows after a change: which of those before it stay, by place, and the writer's own. */
interface Outcome {
  entries: readonly ManagedEntry[]
  kept: readonly (number | typeof OWN)[]
  own: ManagedEntry
}

interface Change {
  before: KubeObject
  after: KubeObject
  comparison: Comparison
  outcome: Outcome | undefined
}

const OWN = -1

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
    const rows = one.outcome && rowsLike(one.outcome, entries, names, writer)
    if (rows) return rows
    const { added, modified, removed } = one.comparison
    comparison ??= names.size === 0 ? one.comparison : { added: renamed(added, names), modified: renamed(modified, names), removed: renamed(removed, names) }
  }
  comparison ??= compareObjects(kind, before, after, 'status')
  const made = recordUpdate(entries, comparison, writer, STRIPPED)
  if (made === entries) return entries
  const rows = made.map(withPattern)
  known.unshift({ before, after, comparison, outcome: outcomeOf(entries, rows, comparison, writer) })
  if (known.length > REMEMBERED) known.pop()
  return rows
}

function withPattern(row: ManagedEntry): ManagedEntry {
  if (row instanceof PatternRow) return row
  const pattern = patternOf(row.fieldsV1)
  return pattern && pattern.own.length > 0 ? new PatternRow(row, pattern, pattern.own) : row
}

/** What others can be told by; undefined when the writer only took away, or rows of others became narrower. */
function outcomeOf(entries: readonly ManagedEntry[], rows: readonly ManagedEntry[], { added, modified }: Comparison, writer: Writer): Outcome | undefined {
  if (isEmpty(difference(union(added, modified), STRIPPED))) return undefined
  let own: ManagedEntry | undefined
  const kept: number[] = []
  for (const row of rows) {
    if (isOf(row, writer)) own = row
    const at = row === own ? OWN : entries.indexOf(row)
    if (at < 0 && row !== own) return undefined
    kept.push(at)
  }
  return own && { entries, kept, own }
}

/** The rows of an object to which the same was done, when its rows before were alike as well. */
function rowsLike({ entries, kept, own }: Outcome, now: readonly ManagedEntry[], names: Renames, writer: Writer): readonly ManagedEntry[] | undefined {
  if (entries.length !== now.length || !isOf(own, writer)) return undefined
  for (let i = 0; i < now.length; i++) if (!isLike(entries[i]!, now[i]!, names)) return undefined
  const pattern = PatternRow.patternOf(own)
  const made = pattern ? patternRow(pattern, own, names, writer) : entryOf(writer, own.fieldsV1)
  return made && inOrder(kept.map((at) => (at === OWN ? made : now[at]!)))
}

/** Whether two rows have the same fields, but for what is each object's own; notes what that is. */
function isLike(one: ManagedEntry, other: ManagedEntry, names: Renames): boolean {
  const same = one.manager === other.manager && one.operation === other.operation && one.apiVersion === other.apiVersion && one.subresource === other.subresource
  const pattern = PatternRow.patternOf(one)
  if (!same || pattern !== PatternRow.patternOf(other)) return false
  if (!pattern) return one.fieldsV1 === other.fieldsV1
  const theirs = PatternRow.ownOf(other)
  return PatternRow.ownOf(one).every((element, i) => {
    const known = names.get(element)
    names.set(element, theirs[i]!)
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
  return new PatternRow(writer, pattern, own)
}
