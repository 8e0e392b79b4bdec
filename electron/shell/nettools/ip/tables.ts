import type { Process } from '../../../engine/cluster.ts'
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

  constructor(process: Process) {
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
    return this.#names.get(TABLES.get(table) ?? Number(table)) ?? table
  }
}

export function readProtocol(word: string, why = '"protocol" value is invalid'): string {
  const number = PROTOCOLS.get(word) ?? (/^\d+$/.test(word) ? Number(word) : Number.NaN)
  if (!(number <= 255)) throw wrong(word, why)
  return PROTOCOL_NAMES.get(number) ?? String(number)
}
