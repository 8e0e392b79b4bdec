import { SystemError } from '../machine/errors.ts'
import { maskOf, type Prefix, tryParseCidr } from './address.ts'
import type { LateTables } from './late-tables.ts'
import type { BaseLink } from './link.ts'
import type { Refusal } from './rules.ts'
import type { Ip, PolicyRule, Route } from './types.ts'

/** "local", "main", "default", or a number as text. */
export type TableName = string

/** A route with what the packet path needs of it at hand. */
export interface RouteEntry {
  readonly route: Route
  readonly table: TableName
  readonly prefix: Prefix
  readonly metric: number
  readonly link: BaseLink | undefined
  /** The ways of a route with several; of each of them, the route that it belongs to. */
  readonly paths?: readonly { readonly entry: RouteEntry; readonly weight: number }[]
  readonly whole?: RouteEntry
  /** The rule that led here, where it is not one of the kernel's own three. */
  readonly rule?: PolicyRule
}

const NO_LEVELS: readonly Level[] = []

/** What the routing tables need of their network namespace. */
export interface RouteHost {
  readonly links: ReadonlyMap<string, BaseLink>
  readonly late?: LateTables | undefined
  changed(): void
}

/** The routes with prefixes of one length, by their network. */
interface Level {
  readonly length: number
  readonly mask: number
  readonly networks: Map<number, RouteEntry[]>
}

/** Routes of one table, as the kernel's FIB has them: prefix length, the longest first → network → routes, the lowest metric first. */
export class Fib {
  levels: readonly Level[] = NO_LEVELS

  find(address: number): RouteEntry | undefined {
    const { levels } = this
    for (let i = 0; i < levels.length; i++) {
      const level = levels[i]!
      const entries = level.networks.get((address & level.mask) >>> 0)
      if (entries) return entries[0]
    }
    return undefined
  }

  /** As `find`, among routes through a link. */
  findThrough(address: number, link: string): RouteEntry | undefined {
    for (const { mask, networks } of this.levels) {
      for (const entry of networks.get((address & mask) >>> 0) ?? []) {
        if (entry.route.device === link) return entry
        const path = entry.paths?.find((p) => p.entry.route.device === link)
        if (path) return path.entry
      }
    }
    return undefined
  }

  at(prefix: Prefix): readonly RouteEntry[] {
    return this.#level(prefix)?.networks.get(prefix.base) ?? []
  }

  /** After those with the same metric; `first`: before them. */
  add(entry: RouteEntry, first = false): void {
    const { length, base } = entry.prefix
    let level = this.#level(entry.prefix)
    if (!level) {
      level = { length, mask: maskOf(length), networks: new Map() }
      const at = this.levels.findIndex((l) => l.length < length)
      this.levels = this.levels.toSpliced(at < 0 ? this.levels.length : at, 0, level)
    }
    const entries = level.networks.get(base)
    if (!entries) return void level.networks.set(base, [entry])
    const index = entries.findIndex((e) => e.metric > entry.metric || (first && e.metric === entry.metric))
    entries.splice(index < 0 ? entries.length : index, 0, entry)
  }

  remove(entry: RouteEntry): void {
    const level = this.#level(entry.prefix)
    const entries = level?.networks.get(entry.prefix.base)?.filter((e) => e !== entry)
    if (!level || !entries) return
    if (entries.length > 0) level.networks.set(entry.prefix.base, entries)
    else level.networks.delete(entry.prefix.base)
    if (level.networks.size === 0) this.levels = this.levels.filter((l) => l !== level)
  }

  all(): RouteEntry[] {
    const out: RouteEntry[] = []
    // by length, the shortest first: what the sort below leaves in its order
    for (const { networks } of this.levels.toReversed()) for (const entries of networks.values()) out.push(...entries)
    // The order of the kernel's trie: by network, the longer prefix first, then by metric.
    return out.sort((a, b) => a.prefix.base - b.prefix.base || b.prefix.length - a.prefix.length || a.metric - b.metric)
  }

  #level({ length }: Prefix): Level | undefined {
    for (const level of this.levels) if (level.length === length) return level
    return undefined
  }
}

/** What a rule that refuses (blackhole, prohibit, unreachable) stands for, as an entry of no table. */
export function refusedBy(rule: PolicyRule, type: Refusal, everything: '0.0.0.0/0' | '::/0'): RouteEntry {
  return { route: { destination: everything, type }, table: 'rule', prefix: tryParseCidr(everything)!, metric: 0, link: undefined, rule }
}

/** A copy written out field by field: all routes have the same layout in memory. */
export function frozen({ destination, via, device, source, metric, scope, protocol, type, onlink, nexthops, mtu, mtuLocked }: Route): Route {
  return Object.freeze({ destination, via, device, source, metric, scope, protocol, type, onlink, nexthops, mtu, mtuLocked })
}

/** The entry of a route with `nexthops`, with one for each of its ways. */
export function withWays(entry: RouteEntry, link: (device: string | undefined) => BaseLink | undefined): RouteEntry {
  const { route } = entry
  const paths: { entry: RouteEntry; weight: number }[] = []
  const whole: RouteEntry = { ...entry, paths }
  for (const { via, device, weight, onlink } of route.nexthops ?? []) {
    const scope = entry.prefix.version === 6 ? undefined : via === undefined ? 'link' : 'global'
    paths.push({ weight: weight ?? 1, entry: { ...entry, route: frozen({ ...route, nexthops: undefined, via, device, onlink, scope }), link: link(device), whole } })
  }
  return whole
}

/** Whether a route cannot be used without `link`: of several ways none is left. */
export function leads(entry: RouteEntry, link: BaseLink, alive: (link: BaseLink) => boolean): boolean {
  if (!entry.paths) return entry.link === link
  return entry.paths.some((p) => p.entry.link === link) && !entry.paths.some((p) => p.entry.link !== link && alive(p.entry.link!))
}

/** fib_select_multipath: packets with the same two addresses go the same way (fib_multipath_hash_policy 0). */
export function chooseWay(entry: RouteEntry, destination: Ip, source: Ip = ''): RouteEntry {
  const alive = entry.paths!.filter((p) => p.entry.link?.up)
  let hash = 2166136261
  for (const text of [source, ' ', destination]) for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  const total = alive.reduce((sum, p) => sum + p.weight, 0)
  let left = ((hash ^ (hash >>> 13)) >>> 0) % Math.max(1, total)
  for (const path of alive) if ((left -= path.weight) < 0) return entry.rule ? { ...path.entry, rule: entry.rule } : path.entry
  return entry.paths![0]!.entry
}

/** "254" is main; throws SystemError EINVAL for what is no number. */
export function tableName(name: string | undefined): TableName {
  if (name === undefined || name === 'main' || name === '254') return 'main'
  if (name === 'local' || name === '255') return 'local'
  if (name === 'default' || name === '253') return 'default'
  if (!/^[0-9]+$/.test(name)) throw new SystemError('EINVAL')
  return String(Number(name))
}

export function tableNumber(name: TableName): number {
  return name === 'default' ? 253 : Number(name)
}
