import type { Clock } from '../../clock.ts'
import { ipLength } from '../packets.ts'
import { ALREADY_ADDED, IpSetError, NOT_ADDED } from './errors.ts'
import type { ElementOptions, Entry, Member, SetQuery } from './set.ts'
import { ElementSet } from './set.ts'
import type { SetOptions, SetType } from './set-types.ts'

const NO_ELEMENT_SET = 'Set to be added/deleted/tested as element does not exist.'
const NO_REFERENCE = "The set to which you referred with 'before' or 'after' is not added to the set."

/** list:set: a list of other sets, asked one after the other. */
export class ListSet {
  readonly type: SetType
  readonly options: SetOptions
  readonly hashsize = 0
  readonly #clock: Clock
  readonly #lookup: (name: string) => ElementSet | ListSet | undefined
  #members: { name: string; entry: Entry }[] = []

  constructor(type: SetType, options: SetOptions, clock: Clock, lookup: (name: string) => ElementSet | ListSet | undefined) {
    this.type = type
    this.options = options
    this.#clock = clock
    this.#lookup = lookup
  }

  get size(): number {
    return this.#alive().length
  }

  get memory(): number {
    return this.type.baseBytes[0] + this.#members.length * this.type.elementBytes[0]
  }

  #alive(): { name: string; entry: Entry }[] {
    if (this.options.timeout === undefined) return this.#members
    return (this.#members = this.#members.filter(({ entry }) => entry.until === 0 || entry.until > this.#clock.now))
  }

  #check(name: string): void {
    const set = this.#lookup(name)
    if (!set) throw new IpSetError(NO_ELEMENT_SET)
    if (set instanceof ListSet) throw new IpSetError('Sets with list:set type cannot be added to the set.')
  }

  /** Where `name` stands, when it stands where `before` or `after` says. */
  #find(name: string, { before, after }: ElementOptions): number {
    const members = this.#alive()
    const at = members.findIndex((m) => m.name === name)
    if (before !== undefined && members[at + 1]?.name !== before) return -1
    if (after !== undefined && members[at - 1]?.name !== after) return -1
    return at
  }

  add(name: string, options: ElementOptions): void {
    this.#check(name)
    const members = this.#alive()
    const { timeout = this.options.timeout, packets = 0, bytes = 0, comment = '' } = options
    const until = timeout === undefined || timeout === 0 ? 0 : this.#clock.now + timeout * 1000
    const entry: Entry = { until, packets, bytes, comment, nomatch: false, wildcard: false }
    const reference = options.before ?? options.after
    const at = reference === undefined ? members.length : members.findIndex((m) => m.name === reference)
    if (at < 0) throw new IpSetError(NO_REFERENCE)
    const old = members.findIndex((m) => m.name === name)
    if (old >= 0) {
      if (!options.exist) throw new IpSetError(ALREADY_ADDED, 1, true)
      members[old]!.entry = entry
      return
    }
    members.splice(options.after === undefined ? at : at + 1, 0, { name, entry })
  }

  remove(name: string, options: ElementOptions): void {
    this.#check(name)
    const reference = options.before ?? options.after
    if (reference !== undefined && !this.#members.some((m) => m.name === reference)) throw new IpSetError(NO_REFERENCE)
    const at = this.#find(name, options)
    if (at >= 0) this.#members.splice(at, 1)
    else if (!options.exist) throw new IpSetError(NOT_ADDED, 1, true)
  }

  test(name: string, options: ElementOptions = {}): boolean {
    this.#check(name)
    return this.#find(name, options) >= 0
  }

  has(name: string): boolean {
    return this.#members.some((m) => m.name === name)
  }

  flush(): void {
    this.#members = []
  }

  find(query: SetQuery): Entry | undefined {
    for (const { name, entry } of this.#alive()) {
      const found = this.#lookup(name)?.find(query)
      if (!found || found.nomatch) continue
      if (query.count && this.options.counters) {
        entry.packets++
        entry.bytes += ipLength(query.packet)
      }
      return entry
    }
    return undefined
  }

  *members(): Iterable<Member> {
    for (const { name, entry } of this.#alive()) yield { element: name, ...entry }
  }
}
