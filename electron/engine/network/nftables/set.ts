import { compareConcatenated, compareValues, type DataType, type Value } from './data-types.ts'
import type { Verdict } from './evaluate.ts'

/** One place of a key: a value, or all from `from` to `to`. */
export interface Span { from: Value; to: Value }

export interface Element {
  /** One for each part of the set's key. */
  readonly key: readonly Span[]
  verdict?: Verdict
  /** Of a map: one for each part of its data. */
  data?: readonly Span[]
  comment?: string
  /** Milliseconds; its own, where it differs from the set's. */
  timeout?: number
  /** Virtual ms. */
  expiresAt?: number
  counter?: { packets: number; bytes: number }
}

export interface SetDefinition {
  readonly name: string
  readonly key: readonly DataType[]
  /** Of a map; 'verdict' for a verdict map. */
  readonly data?: readonly DataType[] | 'verdict'
  /** "typeof …" as it was written, instead of "type …". */
  readonly typeOf?: string
  readonly flags: ReadonlySet<'constant' | 'interval' | 'dynamic' | 'timeout'>
  /** Milliseconds. */
  readonly timeout?: number
  readonly gcInterval?: number
  readonly size?: number
  readonly policy?: 'memory' | 'performance'
  readonly autoMerge?: boolean
  readonly counter?: boolean
  readonly comment?: string
}

/** The key as the hash knows it: a single value itself, several of them as text. */
export function keyOf(values: readonly Value[]): Value {
  if (values.length === 1) return values[0]!
  let key = String(values[0])
  for (let i = 1; i < values.length; i++) key += ` ${values[i]!}`
  return key
}

const isExact = (span: Span): boolean => span.from === span.to

/** A set or map: values are found by hash, ranges by a sorted list. */
export class NftSet {
  readonly definition: SetDefinition
  handle = 0
  readonly #exact = new Map<Value, Element>()
  /** Ranges, in the order of their first part. */
  #ranges: Element[] = []
  /** Expired elements are nobody's, and go when the set is next changed. */
  #hasTimeouts = false

  constructor(definition: SetDefinition) {
    this.definition = definition
  }

  get name(): string {
    return this.definition.name
  }

  get isMap(): boolean {
    return this.definition.data !== undefined
  }

  get isEmpty(): boolean {
    return this.#exact.size === 0 && this.#ranges.length === 0
  }

  /** What a packet with these values meets. */
  find(values: readonly Value[], now: number): Element | undefined {
    const exact = this.#exact.get(keyOf(values))
    if (exact && !(this.#hasTimeouts && isExpired(exact, now))) return exact
    return this.#ranges.length === 0 ? undefined : this.#inRanges(values)
  }

  #inRanges(values: readonly Value[]): Element | undefined {
    const ranges = this.#ranges
    if (values.length > 1) return ranges.find((e) => e.key.every((span, i) => span.from <= values[i]! && values[i]! <= span.to))
    const value = values[0]!
    let low = 0
    let high = ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (ranges[middle]!.key[0]!.to < value) low = middle + 1
      else high = middle
    }
    const found = ranges[low]
    return found && found.key[0]!.from <= value ? found : undefined
  }

  /** The element with just this key. */
  get(key: readonly Span[], now: number): Element | undefined {
    const found = key.every(isExact)
      ? this.#exact.get(keyOf(key.map((s) => s.from)))
      : this.#ranges.find((e) => e.key.every((span, i) => span.from === key[i]!.from && span.to === key[i]!.to))
    return found && !isExpired(found, now) ? found : undefined
  }

  /** An element that has some of the same values, for sets of ranges. */
  overlap(key: readonly Span[]): Element | undefined {
    const meets = (e: Element): boolean => e.key.every((span, i) => span.from <= key[i]!.to && key[i]!.from <= span.to)
    if (this.#ranges.length === 0 && key.every(isExact)) return this.#exact.get(keyOf(key.map((s) => s.from)))
    for (const element of this.#exact.values()) if (meets(element)) return element
    return this.#ranges.find(meets)
  }

  add(element: Element): void {
    if (element.expiresAt !== undefined) this.#hasTimeouts = true
    if (element.key.every(isExact)) {
      this.#exact.set(keyOf(element.key.map((s) => s.from)), element)
      return
    }
    this.#ranges.push(element)
    this.#ranges.sort((a, b) => compareValues(a.key[0]!.from, b.key[0]!.from))
  }

  remove(element: Element): void {
    if (element.key.every(isExact)) this.#exact.delete(keyOf(element.key.map((s) => s.from)))
    else this.#ranges = this.#ranges.filter((e) => e !== element)
  }

  clear(): void {
    this.#exact.clear()
    this.#ranges = []
  }

  count(now: number): number {
    if (!this.#hasTimeouts) return this.#exact.size + this.#ranges.length
    return [...this.unsorted(now)].length
  }

  *unsorted(now = -Infinity): Iterable<Element> {
    for (const element of this.#exact.values()) if (!isExpired(element, now)) yield element
    yield* this.#ranges
  }

  /** In the order of a listing. */
  elements(now: number): Element[] {
    const { key } = this.definition
    // A range among the parts counts for nothing.
    const from = (element: Element): Value[] => element.key.map((span) => (isExact(span) || typeof span.from === 'string' ? span.from : 0))
    return [...this.unsorted(now)].sort((a, b) => (key.length === 1 ? compareValues(a.key[0]!.from, b.key[0]!.from) : compareConcatenated(key, from(a), from(b))))
  }

  purge(now: number): void {
    if (!this.#hasTimeouts) return
    for (const [key, element] of this.#exact) if (isExpired(element, now)) this.#exact.delete(key)
  }
}

function isExpired(element: Element, now: number): boolean {
  return element.expiresAt !== undefined && element.expiresAt <= now
}
