import type { Clock } from '../../clock.ts'
import type { Random } from '../../random.ts'
import { IN_USE, IpSetError, IpSetNotSimulated, NO_SUCH_SET, SET_EXISTS, syntax } from './errors.ts'
import { ListSet } from './list-set.ts'
import type { ElementOptions, SetQuery } from './set.ts'
import { ElementSet } from './set.ts'
import type { SetOptions } from './set-types.ts'
import { DEFAULT_OPTIONS, SET_TYPES, TYPE_ALIASES, UNSIMULATED_TYPES } from './set-types.ts'

export type AnySet = ElementSet | ListSet

const MAX_NAME = 31

/**
 * The IP sets of one network namespace, for both families: ipset(8), net/netfilter/ipset/ip_set_core.c. Whatever fails
 * throws an {@link IpSetError} with the tool's words.
 */
export class IpSets {
  readonly #clock: Clock
  readonly #random: () => Random
  #seeds: Random | undefined
  /** A set that goes leaves a hole that the next one fills, as in the kernel's array. */
  readonly #slots: (string | undefined)[] = []
  readonly #sets = new Map<string, AnySet>()
  readonly #users: (() => ReadonlyMap<string, number>)[] = []

  constructor(clock: Clock, random: () => Random) {
    this.#clock = clock
    this.#random = random
  }

  /** Whoever refers to sets says how often to which: rules keep a set from being destroyed. */
  addUser(references: () => ReadonlyMap<string, number>): void {
    this.#users.push(references)
  }

  // ---- sets ----------------------------------------------------------------------------------------------------

  /** Makes a set of a type such as "hash:ip,port". `exist`: one that is the same already is no error. */
  create(name: string, typeName: string, options: Partial<SetOptions> = {}, { exist = false } = {}): void {
    checkName(name)
    const type = SET_TYPES.get(TYPE_ALIASES[typeName] ?? typeName)
    if (!type) {
      if (UNSIMULATED_TYPES.has(typeName)) throw new IpSetNotSimulated(`ipset type ${typeName} (use ${[...SET_TYPES.keys()].join(' ')})`)
      return syntax(`typename '${typeName}' is unknown`)
    }
    const old = this.#sets.get(name)
    const full: SetOptions = { ...DEFAULT_OPTIONS, ...options }
    full.hashsize = powerOfTwo(full.hashsize)
    if (old) {
      if (exist && old.type === type && sameOptions(old.options, full)) return
      throw new IpSetError(SET_EXISTS)
    }
    if (options.initval === undefined && type.kind === 'hash') full.initval = (this.#seeds ??= this.#random()).below(0x1_0000_0000)
    const set = type.kind === 'list' ? new ListSet(type, full, this.#clock, (n) => this.#sets.get(n)) : new ElementSet(type, full, this.#clock)
    this.#sets.set(name, set)
    const hole = this.#slots.indexOf(undefined)
    if (hole >= 0) this.#slots[hole] = name
    else this.#slots.push(name)
  }

  /** Without a name: all of them, or none when one is in use. */
  destroy(name?: string): void {
    if (name === undefined) {
      const used = this.#references()
      for (const each of this.#sets.keys()) if ((used.get(each) ?? 0) > 0) throw new IpSetError(IN_USE)
      this.#sets.clear()
      this.#slots.length = 0
      return
    }
    this.#need(name)
    if (this.references(name) > 0) throw new IpSetError(IN_USE)
    this.#sets.delete(name)
    this.#slots[this.#slots.indexOf(name)] = undefined
  }

  flush(name?: string): void {
    if (name === undefined) for (const set of this.#sets.values()) set.flush()
    else this.#need(name).flush()
  }

  rename(from: string, to: string): void {
    checkName(to)
    const set = this.#need(from)
    if (this.references(from) > 0) throw new IpSetError('Set cannot be renamed: it is in use by another system')
    if (this.#sets.has(to)) throw new IpSetError('Set cannot be renamed: a set with the new name already exists')
    this.#sets.delete(from)
    this.#sets.set(to, set)
    this.#slots[this.#slots.indexOf(from)] = to
  }

  /** What the one name stood for the other stands for now; whoever refers to a name sees the other's elements at once. */
  swap(from: string, to: string): void {
    const a = this.#need(from)
    const b = this.#sets.get(to)
    if (!b) throw new IpSetError('Sets cannot be swapped: the second set does not exist')
    if (a.type !== b.type || a.options.family !== b.options.family) throw new IpSetError('The sets cannot be swapped: their type does not match')
    this.#sets.set(from, b)
    this.#sets.set(to, a)
  }

  has(name: string): boolean {
    return this.#sets.has(name)
  }

  get(name: string): AnySet | undefined {
    return this.#sets.get(name)
  }

  #need(name: string): AnySet {
    const set = this.#sets.get(name)
    if (!set) throw new IpSetError(NO_SUCH_SET)
    return set
  }

  /** Names as `ipset list` orders them: by the place in the kernel's array, lists after what they refer to. */
  names(): readonly string[] {
    const names = this.#slots.filter((n) => n !== undefined)
    return [...names.filter((n) => this.#sets.get(n)!.type.kind !== 'list'), ...names.filter((n) => this.#sets.get(n)!.type.kind === 'list')]
  }

  references(name: string): number {
    return this.#references().get(name) ?? 0
  }

  #references(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    const add = (name: string, n: number): unknown => counts.set(name, (counts.get(name) ?? 0) + n)
    for (const user of this.#users) for (const [name, n] of user()) add(name, n)
    for (const set of this.#sets.values()) if (set instanceof ListSet) for (const { element } of set.members()) add(element, 1)
    return counts
  }

  // ---- elements ------------------------------------------------------------------------------------------------

  /** "10.0.0.1", "10.0.0.1,tcp:80", "10.0.0.0/8", "80-90"…, as ipset(8) reads them. */
  add(name: string, element: string, options: ElementOptions = {}): void {
    this.#need(name).add(element, options)
  }

  remove(name: string, element: string, options: ElementOptions = {}): void {
    this.#need(name).remove(element, options)
  }

  test(name: string, element: string, options: ElementOptions = {}): boolean {
    const set = this.#need(name)
    return set instanceof ListSet ? set.test(element, options) : set.test(element, options.nomatch)
  }

  /** The elements as text, in the order of their coming. */
  elements(name: string): string[] {
    return Array.from(this.#need(name).members(), (m) => m.element)
  }

  /**
   * Makes the set hold exactly these; returns whether anything changed. What stays keeps its counters. `refused` hears of
   * each element that the set does not take; without it the first one is an error.
   */
  replace(name: string, elements: Iterable<string>, refused?: (element: string, error: Error) => void): boolean {
    const set = this.#need(name)
    const wanted = new Set(elements)
    let changed = false
    for (const element of this.elements(name)) {
      if (wanted.delete(element)) continue
      set.remove(element, {})
      changed = true
    }
    for (const element of wanted) {
      try {
        set.add(element, { exist: true })
        changed = true
      } catch (error) {
        if (!refused) throw error
        refused(element, error as Error)
      }
    }
    return changed
  }

  /**
   * For rules: whether a packet is in the set. `returnNomatch`: true for those that an exception keeps out instead. A set
   * that is gone has nobody in it.
   */
  matches(name: string, query: SetQuery, returnNomatch = false): boolean {
    const set = this.#sets.get(name)
    const found = set?.find(query)
    if (!found) return false
    return found.nomatch === (returnNomatch && set!.type.nets)
  }
}

function checkName(name: string): void {
  if (name.length > MAX_NAME) syntax(`setname '${name}' is longer than ${MAX_NAME} characters`)
}

function powerOfTwo(size: number): number {
  let power = 64
  while (power < size) power *= 2
  return power
}

function sameOptions(a: SetOptions, b: SetOptions): boolean {
  return a.family === b.family && a.maxelem === b.maxelem && a.timeout === b.timeout && a.netmask === b.netmask && a.comment === b.comment &&
    a.counters === b.counters && a.range[0] === b.range[0] && a.range[1] === b.range[1]
}
