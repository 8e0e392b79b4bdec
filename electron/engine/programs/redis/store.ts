import type { Clock } from '../../clock.ts'

/** Members with their scores. */
export class SortedSet {
  readonly scores = new Map<string, number>()

  /** From the lowest score on; members of one score by their bytes. */
  pairs(): [string, number][] {
    return [...this.scores].sort(([a, x], [b, y]) => (x === y ? (a < b ? -1 : 1) : x - y))
  }
}

export type Value = string | string[] | Map<string, string> | Set<string> | SortedSet

/** The keys of one database; a key whose time has come is gone when somebody looks. */
export class RedisStore {
  readonly #clock: Clock
  readonly #values = new Map<string, { value: Value; until: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(key: string): Value | undefined {
    const entry = this.#values.get(key)
    if (entry && entry.until <= this.#clock.now) {
      this.#values.delete(key)
      return undefined
    }
    return entry?.value
  }

  /** `until`: virtual ms; it keeps the one that it has if undefined and `keep`. */
  set(key: string, value: Value, until = Infinity): void {
    this.#values.set(key, { value, until })
  }

  /** Changes a value in place, its time to live kept. */
  update(key: string, value: Value): void {
    const entry = this.get(key) === undefined ? undefined : this.#values.get(key)
    this.#values.set(key, { value, until: entry?.until ?? Infinity })
  }

  delete(key: string): boolean {
    return this.get(key) !== undefined && this.#values.delete(key)
  }

  /** When it ends, in virtual ms; Infinity: never; undefined: no such key. */
  until(key: string): number | undefined {
    return this.get(key) === undefined ? undefined : this.#values.get(key)!.until
  }

  expire(key: string, until: number): boolean {
    if (this.get(key) === undefined) return false
    this.#values.get(key)!.until = until
    return true
  }

  keys(): string[] {
    return [...this.#values.keys()].filter((key) => this.get(key) !== undefined)
  }

  clear(): void {
    this.#values.clear()
  }
}

/** stringmatchlen: * ? [abc] and \. */
export function globPattern(glob: string): RegExp {
  const source = glob.replace(/\\(.)|\*|\?|\[(\^?)([^\]]*)\]|[.+^${}()|\\/]/g, (all, escaped: string | undefined, not: string | undefined, set: string | undefined) => {
    if (escaped !== undefined) return `\\${escaped}`.replace(/\\([A-Za-z0-9])/, '$1')
    if (all === '*') return '[\\s\\S]*'
    if (all === '?') return '[\\s\\S]'
    return set !== undefined ? `[${not}${set.replace(/[\]\\]/g, '\\$&')}]` : `\\${all}`
  })
  return new RegExp(`^${source}$`)
}
