import type { SocketInfo } from '../../engine/cluster.ts'
import { SocketFilterError } from './ss-filter.ts'

/** The states of misc/ss.c by their names in filters. A socket that is not connected is in "closed". */
const STATES: ReadonlyMap<string, string> = new Map([
  ['established', 'ESTAB'], ['syn-sent', 'SYN-SENT'], ['syn-recv', 'SYN-RECV'], ['syn-rcv', 'SYN-RECV'], ['fin-wait-1', 'FIN-WAIT-1'], ['fin-wait-2', 'FIN-WAIT-2'], ['time-wait', 'TIME-WAIT'], ['unconnected', 'UNCONN'], ['close', 'UNCONN'], ['closed', 'UNCONN'],
  ['close-wait', 'CLOSE-WAIT'], ['last-ack', 'LAST-ACK'], ['listening', 'LISTEN'], ['closing', 'CLOSING'],
])
const ALL = [...new Set(STATES.values())]
const without = (...names: string[]): string[] => ALL.filter((s) => !names.includes(s))
const CONNECTED = without('LISTEN', 'UNCONN', 'TIME-WAIT', 'SYN-RECV')
const GROUPS: ReadonlyMap<string, readonly string[]> = new Map([
  ['all', [...ALL, 'UNKNOWN']], ['connected', without('LISTEN', 'UNCONN')], ['synchronized', without('LISTEN', 'UNCONN', 'SYN-SENT')], ['bucket', ['SYN-RECV', 'TIME-WAIT']], ['big', without('SYN-RECV', 'TIME-WAIT')],
])

const INTERNET = ['inet', 'inet6']
/** The families that its sockets are of, and the states in which they are shown unless others are asked for. */
interface Table { families: readonly string[]; states: readonly string[] }
const TABLES: ReadonlyMap<string, Table> = new Map<string, Table>([
  ...['tcp', 'mptcp', 'dccp', 'sctp'].map((name) => [name, { families: INTERNET, states: CONNECTED }] as const),
  ...['udp', 'raw'].map((name) => [name, { families: INTERNET, states: ['ESTAB'] }] as const),
  ['unix_stream', { families: ['unix'], states: CONNECTED }], ['unix_dgram', { families: ['unix'], states: ['UNCONN'] }], ['unix_seqpacket', { families: ['unix'], states: CONNECTED }],
  ...['packet_raw', 'packet_dgram'].map((name) => [name, { families: ['link'], states: ['UNCONN'] }] as const),
  ['netlink', { families: ['netlink'], states: ['UNCONN'] }], ...['vsock_stream', 'vsock_dgram'].map((name) => [name, { families: ['vsock'], states: CONNECTED }] as const), ['tipc', { families: ['tipc'], states: CONNECTED }], ['xdp', { families: ['xdp'], states: ['UNCONN'] }],
])
const INET = ['udp', 'dccp', 'tcp', 'mptcp', 'sctp', 'raw']
/** -A's words. */
const QUERIES: ReadonlyMap<string, readonly string[]> = new Map([
  ...[...TABLES.keys()].map((name) => [name, [name]] as [string, string[]]),
  ['all', [...TABLES.keys()].filter((t) => t !== 'tipc')], ['inet', INET], ['unix', ['unix_stream', 'unix_dgram', 'unix_seqpacket']], ['u_str', ['unix_stream']], ['u_dgr', ['unix_dgram']], ['u_seq', ['unix_seqpacket']],
  ['packet', ['packet_raw', 'packet_dgram']], ['p_raw', ['packet_raw']], ['p_dgr', ['packet_dgram']], ['vsock', ['vsock_stream', 'vsock_dgram']], ['v_str', ['vsock_stream']], ['v_dgr', ['vsock_dgram']],
])
const OPTIONS: Readonly<Record<string, string>> = { t: 'tcp', u: 'udp', S: 'sctp', d: 'dccp', w: 'raw', M: 'mptcp' }
const FAMILY_OPTIONS: Readonly<Record<string, string>> = { 4: 'inet', 6: 'inet6', 0: 'link', x: 'unix', '%': 'vsock', '"': 'tipc', '&': 'xdp' }

/** Which sockets ss shows: what its options make of tables, families and states (misc/ss.c filter_db_set to filter_merge_defaults). */
export class SocketSelection {
  readonly tables = new Set<string>()
  readonly families = new Set<string>()
  readonly states = new Set<string>()
  /** No option chose any. */
  isDefault = true
  /** Of the last option that named one: how addresses of filters are read. */
  preferred: string | undefined
  #named: Set<string> | undefined
  #sawStates = false
  #sawQuery = false

  /** Of single letters, with nothing more to come. */
  static of(letters: string): SocketSelection {
    const selection = new SocketSelection()
    for (const letter of letters) selection.option(letter)
    selection.settle()
    return selection
  }

  option(letter: string): void {
    if (letter === 'a') this.#named = new Set(GROUPS.get('all'))
    else if (letter === 'l') this.#named = new Set(['LISTEN', 'UNCONN'])
    else if (Object.hasOwn(OPTIONS, letter)) this.#table(OPTIONS[letter]!, true)
    else if (Object.hasOwn(FAMILY_OPTIONS, letter)) this.family(FAMILY_OPTIONS[letter]!)
  }

  /** False where there is no such family. */
  family(name: string): boolean {
    const own = this.#tablesOf(name)
    if (own.length === 0) return false
    for (const state of INTERNET.includes(name) || ['unix', 'vsock', 'tipc'].includes(name) ? CONNECTED : ['UNCONN']) this.states.add(state)
    this.families.add(name)
    this.preferred = name
    this.isDefault = false
    return true
  }

  /** -A; gives the word that is none. */
  query(list: string): string | undefined {
    if (!this.#sawQuery) {
      this.tables.clear()
      this.#named ??= new Set(CONNECTED)
      this.#sawQuery = true
      this.isDefault = false
    }
    for (const word of list.split(',')) {
      const tables = QUERIES.get(word.replace(/^!/, ''))
      if (!tables) return word
      for (const table of tables) this.#table(table, !word.startsWith('!'))
    }
    return undefined
  }

  /** `state X` and `exclude X`. Throws SocketFilterError. */
  state(name: string, wanted: boolean): void {
    const word = name.toLowerCase()
    const group = GROUPS.get(word) ?? (STATES.has(word) ? [STATES.get(word)!] : undefined)
    if (!group) throw new SocketFilterError(`ss: wrong state name: ${name}\n`, 255)
    if (!this.#sawStates) this.#named = new Set(wanted ? [] : GROUPS.get('all'))
    this.#sawStates = true
    for (const state of group) if (wanted) this.#named!.add(state)
    else this.#named!.delete(state)
  }

  /** After the last option: what was left open. Gives what there is none of. */
  settle(): string | undefined {
    if (this.isDefault) {
      this.#named ??= new Set(CONNECTED)
      for (const table of QUERIES.get('all')!) this.#table(table, true)
    }
    if (this.#named !== undefined && this.#named.size > 0) {
      this.states.clear()
      for (const state of this.#named) this.states.add(state)
    }
    for (const table of this.tables) {
      const { families } = TABLES.get(table)!
      if (!families.some((f) => this.families.has(f))) for (const f of families) this.families.add(f)
    }
    for (const family of this.families) {
      const own = this.#tablesOf(family)
      if (!own.some((t) => this.tables.has(t))) for (const t of own) this.tables.add(t)
    }
    return this.tables.size === 0 ? 'socket tables' : this.families.size === 0 ? 'families' : this.states.size === 0 ? 'socket states' : undefined
  }

  /** An address of a filter is of one family: no other is shown. */
  only(family: string): void {
    this.families.clear()
    this.families.add(family)
  }

  takes(socket: SocketInfo): boolean {
    const six = socket.localAddress.includes(':') || socket.mapped === true
    // the last family that was named is all that the kernel is asked for
    if (this.preferred === (six ? 'inet' : 'inet6')) return false
    return this.tables.has(socket.protocol) && this.families.has(six ? 'inet6' : 'inet') && this.states.has(socket.state === 'CLOSED' ? 'UNCONN' : socket.state)
  }

  #table(name: string, wanted: boolean): void {
    if (wanted) {
      this.tables.add(name)
      for (const state of TABLES.get(name)!.states) this.states.add(state)
    } else this.tables.delete(name)
    this.isDefault = false
  }

  #tablesOf(family: string): string[] {
    return INTERNET.includes(family) ? INET : [...TABLES].filter(([, { families }]) => families.includes(family)).map(([name]) => name)
  }
}
