import type { Random } from '../../../random.ts'
import { compareIp, formatIp, ipNumber } from '../../address.ts'
import type { ConntrackTuple, Hook, Ip, IpPacket } from '../../types.ts'
import type { TrackedConnection } from './connection.ts'
import type { ConnectionTracker } from './tracker.ts'
import { invert, isIcmpError } from './tuple.ts'

/** What a target allows the new address and port to be. */
export interface NatRange {
  addresses?: { from: Ip; to: Ip }
  ports?: { from: number; to: number }
  random?: boolean
  fully?: boolean
  persistent?: boolean
}

export type Manipulation = 'source' | 'destination'

/** Tries for a free port before giving up (nf_nat_l4proto_unique_tuple). */
const ATTEMPTS = 128

/** Address translation: Linux net/netfilter/nf_nat_core.c. */
export class Nat {
  readonly #tracker: ConnectionTracker
  readonly #random: Random

  constructor(tracker: ConnectionTracker, random: Random) {
    this.#tracker = tracker
    this.#random = random
  }

  /** Decides a new connection's translation; the packet itself is changed by {@link translate}. */
  bind(packet: IpPacket, what: Manipulation, range: NatRange): 'accept' | 'drop' {
    const connection = packet.meta.connection as TrackedConnection | undefined
    if (!connection || this.isDecided(connection, what)) return 'accept'
    const current = invert(connection.reply)
    const chosen = this.#unique(current, what, range, connection)
    connection.reply = invert(chosen)
    if (what === 'source') {
      connection.sourceDecided = true
      connection.sourceNat ||= chosen.source !== current.source || chosen.sourcePort !== current.sourcePort
    } else {
      connection.destinationDecided = true
      connection.destinationNat ||= chosen.destination !== current.destination || chosen.destinationPort !== current.destinationPort
    }
    return 'accept'
  }

  /** No rule wants a translation; the port changes all the same when another connection's answers would look alike. */
  bindNothing(packet: IpPacket, what: Manipulation): void {
    const connection = packet.meta.connection as TrackedConnection | undefined
    if (!connection || this.isDecided(connection, what)) return
    if (!this.#tracker.taken(connection.reply, connection)) {
      if (what === 'source') connection.sourceDecided = true
      else connection.destinationDecided = true
      return
    }
    const current = invert(connection.reply)
    const address = what === 'source' ? current.source : current.destination
    this.bind(packet, what, { addresses: { from: address, to: address } })
  }

  isDecided(connection: TrackedConnection, what: Manipulation): boolean {
    return what === 'source' ? connection.sourceDecided : connection.destinationDecided
  }

  /** Makes the packet look as it must after this hook. True when something changed. */
  translate(packet: IpPacket, hook: Hook): boolean {
    const connection = packet.meta.connection as TrackedConnection | undefined
    if (!connection) return false
    const what: Manipulation = hook === 'prerouting' || hook === 'output' ? 'destination' : 'source'
    const reply = packet.meta.direction === 'reply'
    // On the way back the two are swapped: where it came from was where the answer goes.
    const applies = (what === 'source') !== reply ? connection.sourceNat : connection.destinationNat
    if (!applies) return false
    const target = invert(reply ? connection.original : connection.reply)
    if (isIcmpError(packet)) return this.#translateError(packet, what, target, reply ? connection.original : connection.reply)
    rewrite(packet, what, target)
    return true
  }

  /** An error's own address changes, and so does the packet inside, which must look as its sender knows it. */
  #translateError(packet: IpPacket, what: Manipulation, target: ConntrackTuple, inner: ConntrackTuple): boolean {
    if (packet.payload.kind !== 'icmp' || !packet.payload.about) return false
    const about = { ...packet.payload.about, payload: { ...packet.payload.about.payload } }
    rewrite(about, what === 'source' ? 'destination' : 'source', inner)
    packet.payload = { ...packet.payload, about }
    if (what === 'source') packet.source = target.source
    else packet.destination = target.destination
    return true
  }

  #unique(current: ConntrackTuple, what: Manipulation, range: NatRange, connection: TrackedConnection): ConntrackTuple {
    const free = (tuple: ConntrackTuple): boolean => !this.#tracker.taken(invert(tuple), connection)
    const shuffled = range.random === true || range.fully === true
    if (what === 'source' && !shuffled && inRange(current, range) && free(current)) return current
    const tuple = this.#withAddress(current, what, range, connection)
    const port = what === 'source' || isIcmp(tuple) ? tuple.sourcePort : tuple.destinationPort
    if (!shuffled) {
      if (!range.ports) {
        if (free(tuple)) return tuple
      } else if (port >= range.ports.from && port <= range.ports.to && (range.ports.from === range.ports.to || free(tuple))) return tuple
    }
    return this.#withPort(tuple, what, range, free)
  }

  #withAddress(current: ConntrackTuple, what: Manipulation, range: NatRange, connection: TrackedConnection): ConntrackTuple {
    if (!range.addresses) return current
    const { from, to } = range.addresses
    let address = from
    if (from !== to) {
      // The same client always gets the same one; with --persistent whatever it talks to.
      const { source, destination } = connection.original
      const seed = lowBits(source) ^ (range.persistent ? 0 : lowBits(destination))
      const count = Number(ipNumber(to) - ipNumber(from)) + 1
      address = formatIp(ipNumber(from) + BigInt((Math.imul(seed, 0x9e3779b1) >>> 0) % count), from.includes(':') ? 6 : 4)
    }
    return what === 'source' ? { ...current, source: address } : { ...current, destination: address }
  }

  #withPort(tuple: ConntrackTuple, what: Manipulation, range: NatRange, free: (tuple: ConntrackTuple) => boolean): ConntrackTuple {
    const icmp = isIcmp(tuple)
    const field = what === 'source' || icmp ? 'sourcePort' : 'destinationPort'
    let from: number
    let to: number
    if (range.ports) ({ from, to } = range.ports)
    else if (icmp) [from, to] = [0, 65_535]
    else if (tuple.protocol === 'ipip') return tuple
    else if (what === 'destination') return tuple
    else if (tuple.sourcePort < 512) [from, to] = [1, 511]
    else if (tuple.sourcePort < 1024) [from, to] = [600, 1023]
    else [from, to] = [1024, 65_535]
    const size = to - from + 1
    const start = range.ports && !range.random && !range.fully ? Math.max(0, tuple[field] - from) % size : this.#random.below(size)
    let last = tuple
    for (let i = 0; i < Math.min(size, ATTEMPTS); i++) {
      last = { ...tuple, [field]: from + ((start + i) % size) }
      if (free(last)) return last
    }
    // Many are taken: look through all of them rather than let two connections look alike.
    for (let i = ATTEMPTS; i < size; i++) {
      const next = { ...tuple, [field]: from + ((start + i) % size) }
      if (free(next)) return next
    }
    return last
  }
}

function inRange(tuple: ConntrackTuple, range: NatRange): boolean {
  if (range.addresses) {
    const { from, to } = range.addresses
    const { source } = tuple
    if (from === to ? source !== from : compareIp(source, from) < 0 || compareIp(source, to) > 0) return false
  }
  return !range.ports || (tuple.sourcePort >= range.ports.from && tuple.sourcePort <= range.ports.to)
}

function isIcmp({ protocol }: ConntrackTuple): boolean {
  return protocol === 'icmp' || protocol === 'icmpv6'
}

function lowBits(ip: Ip): number {
  return Number(ipNumber(ip) & 0xffffffffn) | 0
}

function rewrite(packet: IpPacket, what: Manipulation, target: ConntrackTuple): void {
  const payload = packet.payload
  if (what === 'source') packet.source = target.source
  else packet.destination = target.destination
  if (payload.kind === 'icmp') {
    if (payload.id !== undefined) payload.id = target.sourcePort
  } else if (payload.kind === 'ipip') return
  else if (what === 'source') payload.sourcePort = target.sourcePort
  else payload.destinationPort = target.destinationPort
}
