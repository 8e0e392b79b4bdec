import type { Clock } from '../../clock.ts'
import { ipv4Number, isIpv4 } from '../address.ts'
import { payloadProtocol } from '../netfilter/names.ts'
import { ipLength, ported } from '../packets.ts'
import type { IpPacket, Link } from '../types.ts'
import { bitmapSize, expand, lengthOf, networkText, portText, sortKey } from './elements.ts'
import { ALREADY_ADDED, HASH_FULL, IpSetError, NOT_ADDED } from './errors.ts'
import type { Part, SetOptions, SetType } from './set-types.ts'

/** What an element carries beside itself. */
export interface ElementOptions {
  /** Seconds; 0: for ever. */
  timeout?: number
  packets?: number
  bytes?: number
  comment?: string
  /** An exception from a larger network. */
  nomatch?: boolean
  /** hash:net,iface: the interface's name is a beginning of names. */
  wildcard?: boolean
  /** No error for what is there already (or is not, when it is removed). */
  exist?: boolean
  /** list:set: where to. */
  before?: string
  after?: string
}

export interface Entry {
  /** Virtual ms; 0: for ever. */
  until: number
  packets: number
  bytes: number
  comment: string
  nomatch: boolean
  wildcard: boolean
}

export interface Member extends Entry {
  element: string
}

/** Which address or port of a packet each part of an element is compared with. */
export type Direction = 'src' | 'dst'

/** A packet as a set is asked about it. */
export interface SetQuery {
  packet: IpPacket
  directions: readonly Direction[]
  inLink?: Link | undefined
  outLink?: Link | undefined
  /** Count the packet in the element that it matches. */
  count: boolean
}

/** Shared by all elements of sets without timeouts, counters and comments. */
const PLAIN: Entry = Object.freeze({ until: 0, packets: 0, bytes: 0, comment: '', nomatch: false, wildcard: false })

/** A set of one of the hash types, bitmap:ip or bitmap:port: elements by their text. */
export class ElementSet {
  readonly type: SetType
  readonly options: SetOptions
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  /** How many elements have a network of which length, longest first: what a packet has to be looked up with. */
  #lengths: [length: number, count: number][] = []
  readonly #netAt: number
  #hashsize: number

  constructor(type: SetType, options: SetOptions, clock: Clock) {
    this.type = type
    this.options = options
    this.#clock = clock
    this.#netAt = type.parts.indexOf('net')
    this.#hashsize = options.hashsize
  }

  get hashsize(): number {
    return this.#hashsize
  }

  /** Elements whose time is not up. */
  get size(): number {
    if (this.options.timeout === undefined) return this.#entries.size
    let n = 0
    for (const entry of this.#entries.values()) if (this.#alive(entry)) n++
    return n
  }

  #alive(entry: Entry): boolean {
    return entry.until === 0 || entry.until > this.#clock.now
  }

  add(text: string, options: ElementOptions): void {
    for (const element of expand(this.type, this.options, text)) this.#addOne(element, options)
  }

  #addOne(element: string, options: ElementOptions): void {
    const old = this.#entries.get(element)
    const alive = old && this.#alive(old)
    if (alive && !options.exist) throw new IpSetError(ALREADY_ADDED, 1, true)
    if (!old) {
      if (this.type.kind === 'hash' && this.#entries.size >= this.options.maxelem) this.#makeRoom()
      this.#count(element, 1)
      // A bucket of twelve overflows at about four elements a bucket on average; then the table doubles.
      if (this.#entries.size >= this.#hashsize * 4) this.#hashsize *= 2
    }
    this.#entries.set(element, this.#entry(options))
  }

  #makeRoom(): void {
    for (const [element, entry] of this.#entries) if (!this.#alive(entry)) this.#forget(element)
    if (this.#entries.size < this.options.maxelem) return
    if (!this.options.forceadd) throw new IpSetError(HASH_FULL)
    this.#forget(this.#entries.keys().next().value!)
  }

  #entry(options: ElementOptions): Entry {
    const { timeout } = this.options
    const seconds = timeout === undefined ? 0 : (options.timeout ?? timeout)
    const { packets = 0, bytes = 0, comment = '', nomatch = false, wildcard = false } = options
    if (seconds === 0 && comment === '' && !nomatch && !wildcard && !this.options.counters) return PLAIN
    return { until: seconds === 0 ? 0 : this.#clock.now + seconds * 1000, packets, bytes, comment, nomatch, wildcard }
  }

  remove(text: string, options: ElementOptions): void {
    for (const element of expand(this.type, this.options, text)) {
      const entry = this.#entries.get(element)
      if (entry && this.#alive(entry)) this.#forget(element)
      else if (!options.exist) throw new IpSetError(NOT_ADDED, 1, true)
    }
  }

  #forget(element: string): void {
    if (this.#entries.delete(element)) this.#count(element, -1)
  }

  flush(): void {
    this.#entries.clear()
    this.#lengths = []
  }

  #count(element: string, by: 1 | -1): void {
    if (this.#netAt < 0) return
    const length = lengthOf(partsOf(element, this.type)[this.#netAt]!, this.options.family)
    const at = this.#lengths.findIndex(([l]) => l <= length)
    const row = this.#lengths[at]
    if (row?.[0] === length) {
      row[1] += by
      if (row[1] === 0) this.#lengths.splice(at, 1)
    } else this.#lengths.splice(at < 0 ? this.#lengths.length : at, 0, [length, 1])
  }

  /** Whether the element is in the set: an address also when one of the set's networks has it, unless an exception does. */
  test(text: string, nomatch = false): boolean {
    // Of a range or a network of addresses the kernel tests the first one.
    for (const element of expand(this.type, this.options, text)) {
      const entry = this.#testOne(element)
      return entry !== undefined && entry.nomatch === nomatch
    }
    return false
  }

  #testOne(element: string): Entry | undefined {
    if (this.#netAt < 0) return this.#get(element)
    const parts = partsOf(element, this.type)
    const net = parts[this.#netAt]!
    if (net.includes('/')) return this.#get(element)
    return this.#lookupNet(parts, net)
  }

  #get(element: string): Entry | undefined {
    const entry = this.#entries.get(element)
    return entry && this.#alive(entry) ? entry : undefined
  }

  #lookupNet(parts: readonly string[], ip: string): Entry | undefined {
    const at = this.#netAt
    for (const [length] of this.#lengths) {
      const net = networkText(ip, length)
      let key = ''
      for (let i = 0; i < parts.length; i++) key += `${i > 0 ? ',' : ''}${i === at ? net : parts[i]}`
      const found = this.#get(key) ?? (this.type.name === 'hash:net,iface' ? this.#wildcards(net, parts[1]!) : undefined)
      if (found) return found
    }
    return undefined
  }

  #wildcards(net: string, name: string): Entry | undefined {
    for (let n = name.length - 1; n > 0; n--) {
      const entry = this.#get(`${net},${name.slice(0, n)}`)
      if (entry?.wildcard) return entry
    }
    return undefined
  }

  /** The element that a packet matches; it may be an exception (`nomatch`). */
  find(query: SetQuery): Entry | undefined {
    const { parts } = this.type
    if (query.directions.length < parts.length) return undefined
    const entry = this.#find(parts, query)
    if (entry && query.count && this.options.counters) {
      entry.packets++
      entry.bytes += ipLength(query.packet)
    }
    return entry
  }

  /** Adds or removes what a packet stands for, as the SET target does; without `exist` what is there keeps its timeout. */
  change(what: 'add' | 'del', query: SetQuery, options: ElementOptions): void {
    const values = query.directions.length < this.type.parts.length ? undefined : this.#values(this.type.parts, query)
    const element = values?.join(',')
    if (element === undefined || element === '0.0.0.0' || (this.type.name === 'bitmap:ip' && !this.#inRange(element))) return
    if (what === 'del') this.#forget(element)
    else if ((options.exist || !this.#get(element)) && (this.#entries.size < this.options.maxelem || this.options.forceadd)) this.#addOne(element, { ...options, exist: true })
  }

  #inRange(ip: string): boolean {
    const value = ipv4Number(ip)
    return value >= this.options.range[0] && value <= this.options.range[1]
  }

  #values(parts: readonly Part[], query: SetQuery): string[] | undefined {
    const values: string[] = []
    for (let i = 0; i < parts.length; i++) {
      const value = this.#valueOf(parts[i]!, query, query.directions[i]!)
      if (value === undefined) return undefined
      values.push(value)
    }
    return values
  }

  #find(parts: readonly Part[], query: SetQuery): Entry | undefined {
    const values = this.#values(parts, query)
    if (!values) return undefined
    if (this.#netAt >= 0) {
      const found = this.#lookupNet(values, values[this.#netAt]!)
      if (found || parts[1] !== 'iface') return found
      const port = query.directions[1] === 'src' ? query.packet.meta.physIn : query.packet.meta.physOut
      return port === undefined ? undefined : this.#lookupNet([values[0]!, `physdev:${port}`], values[0]!)
    }
    return this.#get(values.length === 1 ? values[0]! : values.join(','))
  }

  #valueOf(part: Part, query: SetQuery, direction: Direction): string | undefined {
    const { packet } = query
    switch (part) {
      case 'ip': {
        const ip = this.#address(packet, direction)
        return ip === undefined || this.options.netmask === undefined ? ip : networkText(ip, this.options.netmask).split('/')[0]
      }
      case 'net': return this.#address(packet, direction)
      case 'iface': return (direction === 'src' ? query.inLink : query.outLink)?.name
      default: return this.#portOf(packet, direction)
    }
  }

  #address(packet: IpPacket, direction: Direction): string | undefined {
    const ip = direction === 'src' ? packet.source : packet.destination
    return isIpv4(ip) === (this.options.family === 'inet') ? ip : undefined
  }

  #portOf({ payload }: IpPacket, direction: Direction): string | undefined {
    const port = ported(payload)
    const number = port && (direction === 'src' ? port.sourcePort : port.destinationPort)
    if (this.type.kind === 'bitmap') return number === undefined ? undefined : String(number)
    if (number !== undefined) return `${payload.kind}:${number}`
    if (payload.kind === 'icmp') return portText(this.options.family === 'inet' ? 1 : 58, payload.type * 256 + payload.code)
    return portText(payloadProtocol(payload.kind), 0)
  }

  *members(sorted = false): Iterable<Member> {
    if (this.type.kind === 'bitmap' || sorted) {
      const all = [...this.#entries].map(([element, entry]) => ({ element, entry, key: sortKey(element) })).sort((a, b) => (a.key < b.key ? -1 : 1))
      for (const { element, entry } of all) if (this.#alive(entry)) yield { element, ...entry }
      return
    }
    for (const [element, entry] of this.#entries) if (this.#alive(entry)) yield { element, ...entry }
  }

  /** Roughly what the kernel keeps: buckets start with room for two. */
  get memory(): number {
    const { type, options } = this
    const six = options.family === 'inet6' ? 1 : 0
    let extension = (options.counters ? 16 : 0) + (options.timeout === undefined ? 0 : 8) + (options.comment ? 8 : 0)
    if (type.kind === 'bitmap') {
      const n = bitmapSize(options.range, options.netmask)
      return type.baseBytes[0] + Math.ceil(n / 64) * 8 + n * extension + this.#commentBytes()
    }
    if (extension > 0) extension += (8 - (type.elementBytes[six]! % 8)) % 8
    const element = type.elementBytes[six]! + extension
    return type.baseBytes[six]! + this.#entries.size * (32 + 2 * element) + this.#commentBytes()
  }

  #commentBytes(): number {
    let n = 0
    if (this.options.comment) for (const { comment } of this.#entries.values()) if (comment) n += 17 + comment.length
    return n
  }
}

function partsOf(element: string, type: SetType): readonly string[] {
  return type.parts.length === 1 ? [element] : element.split(',')
}
