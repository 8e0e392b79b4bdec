import type { Process, Route } from '../../../engine/cluster.ts'
import { wrong } from './common.ts'

/** Names of routing tables and of who made a route: /etc/iproute2/rt_tables and rt_protos of Debian 12. */
const TABLES = new Map([['local', 255], ['main', 254], ['default', 253], ['unspec', 0]])
const PROTOCOLS = new Map(Object.entries({
  unspec: 0, redirect: 1, kernel: 2, boot: 3, static: 4, gated: 8, ra: 9, mrt: 10, zebra: 11, bird: 12, dnrouted: 13, xorp: 14, ntk: 15, dhcp: 16,
  keepalived: 18, babel: 42, openr: 99, bgp: 186, isis: 187, ospf: 188, rip: 189, eigrp: 192,
}))
const PROTOCOL_NAMES = new Map([...PROTOCOLS].map(([name, number]) => [number, name]))

/** The engine knows three tables by name and the others by number. */
const KNOWN = new Map([[255, 'local'], [254, 'main'], [253, 'default']])

export class TableNames {
  readonly #numbers = new Map(TABLES)
  readonly #names = new Map<number, string>([...TABLES].map(([name, number]) => [number, name]))

  readonly #numeric: boolean

  constructor(process: Process, numeric = false) {
    this.#numeric = numeric
    const path = '/etc/iproute2/rt_tables'
    if (!process.fs.exists(path)) return
    for (const line of process.fs.readText(path).split('\n')) {
      const [, number, name] = /^\s*(0x[0-9a-f]+|\d+)\s+([^\s#]+)/i.exec(line) ?? []
      if (number === undefined || name === undefined) continue
      this.#numbers.set(name, Number(number))
      this.#names.set(Number(number), name)
    }
  }

  /** What the engine calls a table that a person writes by name or number. */
  read(word: string, why: string): string {
    const number = this.#numbers.get(word) ?? (/^(0x[0-9a-f]+|\d+)$/i.test(word) ? Number(word) : Number.NaN)
    if (!(number >= 0 && number <= 0xffffffff)) throw wrong(word, why)
    return KNOWN.get(number) ?? String(number)
  }

  name(table: string): string {
    if (this.#numeric) return String(TABLES.get(table) ?? table)
    return this.#names.get(TABLES.get(table) ?? Number(table)) ?? table
  }
}

export function readProtocol(word: string, why = '"protocol" value is invalid'): string {
  const number = PROTOCOLS.get(word) ?? (/^\d+$/.test(word) ? Number(word) : Number.NaN)
  if (!(number <= 255)) throw wrong(word, why)
  return PROTOCOL_NAMES.get(number) ?? String(number)
}

const SCOPES = new Map([['global', 0], ['link', 253], ['host', 254]])
const TYPES = new Map([['unicast', 1], ['local', 2], ['broadcast', 3], ['anycast', 4], ['multicast', 5], ['blackhole', 6], ['unreachable', 7], ['prohibit', 8], ['throw', 9]])

export const scopeNumber = (scope: string): string => String(SCOPES.get(scope) ?? scope)

/** The words of a route that -N has numbers for. */
export function numericRoute(route: Route, details: boolean): Route {
  const { type, protocol, scope } = route
  const number = (numbers: ReadonlyMap<string, number>, word: string | undefined, unsaid: string): string | undefined => (word === undefined || (word === unsaid && !details) ? word : String(numbers.get(word) ?? word))
  return { ...route, type: number(TYPES, type, 'unicast'), protocol: number(PROTOCOLS, protocol, 'boot'), scope: number(SCOPES, scope, 'global') } as Route
}
