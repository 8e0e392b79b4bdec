import type { ManagedEntry } from './entries.ts'
import { type FieldSet, isShared, isSingular, renamed } from './field-set.ts'

/** The set of the first object of its kind, with what in it is that object's own ("k:{"ip":"10.244.1.5"}"). */
export interface Pattern {
  readonly fields: FieldSet
  readonly own: readonly string[]
}

/**
 * A row of which only an object's own elements are its own (a Pod's address): agents write the same of one object after
 * another, and hardly anybody reads it, so its set is put together when somebody does.
 */
export class PatternRow implements ManagedEntry {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  declare readonly time?: string
  readonly fieldsType = 'FieldsV1'
  declare readonly fieldsV1: FieldSet
  declare readonly subresource?: string
  readonly #pattern: Pattern
  /** What stands for each of the pattern's own elements. */
  readonly #own: readonly string[]
  #fields: FieldSet | undefined

  constructor({ manager, operation, apiVersion, time, subresource }: Omit<ManagedEntry, 'fieldsType' | 'fieldsV1'>, pattern: Pattern, own: readonly string[]) {
    this.manager = manager
    this.operation = operation
    this.apiVersion = apiVersion
    if (time !== undefined) this.time = time
    Object.defineProperty(this, 'fieldsV1', FIELDS)
    if (subresource !== undefined) this.subresource = subresource
    this.#pattern = pattern
    this.#own = own
  }

  static patternOf(row: ManagedEntry): Pattern | undefined {
    return row instanceof PatternRow ? row.#pattern : undefined
  }

  static ownOf(row: ManagedEntry): readonly string[] {
    return row instanceof PatternRow ? row.#own : []
  }

  static fieldsOf(row: PatternRow): FieldSet {
    return (row.#fields ??= renamed(row.#pattern.fields, new Map(row.#pattern.own.map((element, i) => [element, row.#own[i]!]))))
  }
}

/** An own, enumerable property, as in every other row: JSON and copies have it. */
const FIELDS: PropertyDescriptor & ThisType<PatternRow> = { enumerable: true, get() { return PatternRow.fieldsOf(this) } }

/** A pattern of a set that only its object has. */
export function patternOf(fields: FieldSet): Pattern | undefined {
  if (isShared(fields)) return undefined
  const own: string[] = []
  const walk = (set: FieldSet): void => {
    for (const element in set) {
      if (isSingular(element)) own.push(element)
      if (!isShared(set[element]!)) walk(set[element]!)
    }
  }
  walk(fields)
  return { fields, own: own.slice() }
}
