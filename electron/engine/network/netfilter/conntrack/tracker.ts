import type { Clock, Timer } from '../../../clock.ts'
import { SparseSet } from '../../../sparse.ts'
import type { Conntrack, ConntrackCounts, ConntrackEntry, ConntrackTuple, ConntrackWish, IpPacket, NetworkNamespace } from '../../types.ts'
import { TrackedConnection } from './connection.ts'
import { nextSctpState, SCTP_TIMEOUTS } from './sctp-state.ts'
import type { SctpTrackState } from './sctp-state.ts'
import { nextState, TCP_TIMEOUTS } from './tcp-state.ts'
import type { TcpTrackState } from './tcp-state.ts'
import { ConnectionTable, hashOf, sameTuple } from './table.ts'
import type { Found } from './table.ts'
import { invert, isIcmpError, isLinkMessage, tupleOf } from './tuple.ts'

type Listener = (event: 'new' | 'update' | 'destroy', entry: ConntrackEntry) => void
type Direction = Found['direction']

/** A packet in one state of this long has become a stream (nf_conntrack_proto_udp.c). */
const STREAM_AFTER = 2000

/** The keys of the settings, made once: they are asked for with each packet. */
const SETTINGS = new Map<string, string>()

const NO_COUNTS: ConntrackCounts = { invalid: 0, insert: 0, insertFailed: 0, drop: 0, clashResolve: 0 }

/** How often expired entries are told to those who listen, in ms; the kernel's gc_worker takes its time too. */
const GARBAGE = 1000

/**
 * Connection tracking of one network namespace. Expired entries go when a packet meets them or the table grows; only
 * while somebody listens is there a timer. Looking changes nothing.
 * Packets are not checked against TCP windows, as with net.netfilter.nf_conntrack_tcp_be_liberal.
 */
export class ConnectionTracker implements Conntrack {
  readonly #namespace: NetworkNamespace
  readonly #clock: Clock
  #table: ConnectionTable | undefined
  readonly #listeners = new SparseSet<Listener>()
  #nextId = 1
  #count = 0
  #sweepAt = 1024
  #collector: Timer | undefined
  #counts: ConntrackCounts | undefined

  constructor(namespace: NetworkNamespace, clock: Clock) {
    this.#namespace = namespace
    this.#clock = clock
  }

  list(): readonly TrackedConnection[] {
    const { now } = this.#clock
    const out: TrackedConnection[] = []
    for (const connection of this.#table?.connections() ?? []) if (connection.expiresAt > now) out.push(connection)
    return out
  }

  get counts(): Readonly<ConntrackCounts> {
    return this.#counts ?? NO_COUNTS
  }

  /** What is rare is counted; what every packet does is not. */
  #tally(what: keyof ConntrackCounts): void {
    this.#counts ??= { ...NO_COUNTS }
    this.#counts[what]++
  }

  insert(wish: ConntrackWish): boolean {
    const { original, reply } = wish
    const [hash, replyHash] = [hashOf(original), hashOf(reply)]
    if (this.#find(original, hash) ?? this.#find(reply, replyHash)) return false
    const connection = new TrackedConnection(this, this.#nextId++, original, hash)
    connection.reply = reply
    connection.sourceNat = reply.destination !== original.source || (reply.destinationPort !== original.sourcePort && !original.protocol.startsWith('icmp'))
    connection.destinationNat = reply.source !== original.destination || (reply.sourcePort !== original.destinationPort && !original.protocol.startsWith('icmp'))
    connection.sourceDecided = connection.destinationDecided = true
    this.#wish(connection, wish)
    this.#tally('insert')
    this.#add(connection, replyHash)
    return true
  }

  change(entry: ConntrackEntry, wish: Omit<ConntrackWish, 'original' | 'reply'>): void {
    this.#wish(entry as TrackedConnection, wish)
    this.#tell('update', entry as TrackedConnection)
  }

  #wish(connection: TrackedConnection, { tcpState, assured, seenReply, mark, timeout }: Omit<ConntrackWish, 'original' | 'reply'>): void {
    if (tcpState !== undefined) connection.tcpState = tcpState
    if (assured) connection.assured = true
    if (seenReply) connection.seenReply = true
    if (mark !== undefined) connection.mark = mark
    if (timeout !== undefined) connection.expiresAt = this.#clock.now + timeout * 1000
  }

  remove(filter: (entry: ConntrackEntry) => boolean): number {
    const all = this.list().filter(filter)
    for (const connection of all) this.#kill(connection)
    return all.length
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener)
    this.#collector ??= this.#collect()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#clock.cancel(this.#collector)
      this.#collector = undefined
    }
  }

  #collect(): Timer {
    const run = (): void => {
      this.#collector = this.#collect()
      this.#sweep()
    }
    return this.#clock.schedule(GARBAGE, run, { background: true })
  }

  /** Gives the packet its connection and its state in it. 'full': there is no room for a new one. */
  track(packet: IpPacket): 'accept' | 'full' {
    const meta = packet.meta
    if (meta.connection !== undefined || meta.state === 'UNTRACKED') return 'accept'
    if (isLinkMessage(packet)) {
      meta.state = 'UNTRACKED'
      return 'accept'
    }
    meta.state = 'INVALID'
    if (isIcmpError(packet)) {
      this.#trackError(packet)
      return 'accept'
    }
    const tuple = tupleOf(packet)
    if (!tuple) return 'accept'
    const hash = hashOf(tuple)
    let found = this.#find(tuple, hash)
    if (found && (packet.payload.kind === 'tcp' || packet.payload.kind === 'sctp') && this.#reopens(found, packet)) {
      this.#kill(found.connection)
      found = undefined
    }
    if (!found) {
      if (!this.#mayBegin(packet)) {
        this.#tally('invalid')
        return 'accept'
      }
      if (this.#isFull()) {
        this.#tally('drop')
        return 'full'
      }
      found = { connection: new TrackedConnection(this, this.#nextId++, tuple, hash), direction: 'original' }
    }
    this.#see(packet, found)
    return 'accept'
  }

  /** Whether the packet is, or would be, of the state ESTABLISHED. */
  isEstablished(packet: IpPacket): boolean {
    if (packet.meta.state !== undefined) return packet.meta.state === 'ESTABLISHED'
    const tuple = tupleOf(packet)
    const found = tuple && this.#find(tuple)
    return found !== undefined && (found.direction === 'reply' || found.connection.seenReply) && !this.#reopens(found, packet)
  }

  /** The packet leaves, or reaches a process: its connection is real now. False when another one has its addresses. */
  confirm(packet: IpPacket): boolean {
    const connection = packet.meta.connection as TrackedConnection | undefined
    if (!connection || connection.confirmed || connection.dead || packet.meta.state === 'RELATED') return true
    const { original, reply } = connection
    connection.replyHash = hashOf(reply)
    const taken = this.#find(original, connection.originalHash) ?? this.#find(reply, connection.replyHash)
    if (taken) {
      // Two packets of one connection crossed each other; the later one goes on with the entry of the earlier.
      const same = sameTuple(taken.connection.original, original) && sameTuple(taken.connection.reply, reply)
      this.#tally(same ? 'clashResolve' : 'insertFailed')
      if (!same) return false
      packet.meta.connection = taken.connection
      return true
    }
    this.#add(connection, connection.replyHash)
    return true
  }

  #add(connection: TrackedConnection, replyHash: number): void {
    connection.replyHash = replyHash
    connection.confirmed = true
    this.#table ??= new ConnectionTable()
    this.#table.add(connection)
    if (++this.#count >= this.#sweepAt) {
      this.#sweep()
      this.#sweepAt = Math.max(1024, 2 * this.#count)
    }
    this.#tell('new', connection)
  }

  /** Whether a packet with this tuple would be taken for one of a connection that exists. */
  taken(tuple: ConntrackTuple, ignored: TrackedConnection): boolean {
    const found = this.#find(tuple)
    return found !== undefined && found.connection !== ignored
  }

  #find(tuple: ConntrackTuple, hash = hashOf(tuple)): Found | undefined {
    const found = this.#table?.get(tuple, hash)
    if (!found || found.connection.expiresAt > this.#clock.now) return found
    this.#kill(found.connection)
    return undefined
  }

  #mayBegin(packet: IpPacket): boolean {
    const payload = packet.payload
    if (payload.kind === 'icmp' && packet.version === 6) return payload.type === 128 || payload.type === 139
    if (payload.kind === 'icmp') return payload.type === 8 || payload.type === 13 || payload.type === 15 || payload.type === 17
    // sctp_new: an association begins with an INIT (or one that was there before the tracker with a HEARTBEAT or SHUTDOWN ACK)
    if (payload.kind === 'sctp') return payload.chunks.some((c) => c.type === 'init' || c.type === 'heartbeat' || c.type === 'shutdown-ack')
    if (payload.kind !== 'tcp') return true
    const state = nextState('NONE', 'original', payload.flags)
    if (state === '-' || state === '=') return false
    return payload.flags.syn === true || this.#setting('tcp_loose', 1) !== 0
  }

  /** A SYN for a connection that is over begins a new one with the same ports. */
  #reopens({ connection, direction }: Found, packet: IpPacket): boolean {
    const payload = packet.payload
    if (payload.kind === 'sctp') return connection.tcpState === 'CLOSED' && direction === 'original' && payload.chunks[0]?.type === 'init'
    if (payload.kind !== 'tcp' || !payload.flags.syn || payload.flags.ack || payload.flags.rst) return false
    const state = connection.tcpState
    return state === 'TIME_WAIT' || (state === 'CLOSE' && direction === 'original')
  }

  #see(packet: IpPacket, { connection, direction }: Found): void {
    const meta = packet.meta
    const payload = packet.payload
    const { tcpState, seenReply, assured } = connection
    let timeout: number
    let kill = false
    if (payload.kind === 'tcp') {
      const old = (connection.tcpState ?? 'NONE') as TcpTrackState
      const next = nextState(old, direction, payload.flags)
      if (next === '-') return this.#tally('invalid')
      if (next !== '=') {
        connection.tcpState = next
        if (old === 'SYN_RECV' && next === 'ESTABLISHED') connection.assured = true
      }
      kill = payload.flags.rst === true && direction === 'reply' && !connection.seenReply
      timeout = next === '=' ? 0 : this.#tcpTimeout(connection)
    } else if (payload.kind === 'sctp') {
      const old = (connection.tcpState ?? 'NONE') as SctpTrackState
      const next = nextSctpState(old, direction, payload.chunks)
      if (next === '-') return this.#tally('invalid')
      connection.tcpState = next
      if (old === 'COOKIE_ECHOED' && next === 'ESTABLISHED' && direction === 'reply') connection.assured = true
      const [name, seconds] = SCTP_TIMEOUTS[next]!
      timeout = this.#setting(`sctp_timeout_${name}`, seconds)
    } else timeout = this.#datagramTimeout(packet, connection, direction)
    meta.connection = connection
    meta.direction = direction
    if (direction === 'reply') connection.seenReply = true
    meta.state = direction === 'reply' || connection.seenReply ? 'ESTABLISHED' : 'NEW'
    if (timeout > 0) connection.expiresAt = this.#clock.now + timeout * 1000
    if (!connection.confirmed) return
    if (kill) this.#kill(connection)
    else if (tcpState !== connection.tcpState || seenReply !== connection.seenReply || assured !== connection.assured) this.#tell('update', connection)
  }

  #tcpTimeout(connection: TrackedConnection): number {
    const [name, seconds] = TCP_TIMEOUTS[connection.tcpState ?? 'SYN_SENT']!
    const normal = this.#setting(`tcp_timeout_${name}`, seconds)
    // Established without ever an answer: a connection picked up in its middle.
    if (connection.tcpState === 'ESTABLISHED' && !connection.seenReply) return Math.min(normal, this.#setting('tcp_timeout_unacknowledged', 300))
    return normal
  }

  #datagramTimeout(packet: IpPacket, connection: TrackedConnection, direction: Direction): number {
    if (packet.payload.kind === 'icmp') return this.#setting(packet.version === 4 ? 'icmp_timeout' : 'icmpv6_timeout', 30)
    if (connection.streamAt === Infinity) connection.streamAt = this.#clock.now + STREAM_AFTER
    const answered = connection.seenReply || direction === 'reply'
    if (!answered || this.#clock.now < connection.streamAt) return this.#setting('udp_timeout', 30)
    connection.assured = true
    return this.#setting('udp_timeout_stream', 120)
  }

  /** An ICMP error belongs to the connection of the packet that it speaks of. */
  #trackError(packet: IpPacket): void {
    const about = packet.payload.kind === 'icmp' ? packet.payload.about : undefined
    const inner = about && tupleOf(about)
    const found = (inner && this.#find(invert(inner))) ?? this.#quoted(about)
    if (!found) return
    packet.meta.connection = found.connection
    packet.meta.direction = found.direction
    packet.meta.state = 'RELATED'
  }

  /** An error made here about a packet whose connection is not confirmed and never will be (nf_ct_attach). */
  #quoted(about: IpPacket | undefined): Found | undefined {
    const connection = about?.meta.connection as TrackedConnection | undefined
    if (connection?.tracker !== this) return undefined
    return { connection, direction: about!.meta.direction === 'reply' ? 'original' : 'reply' }
  }

  #isFull(): boolean {
    const max = this.#setting('max', 262_144)
    if (max === 0 || this.#count < max) return false
    this.#sweep()
    return this.#count >= max
  }

  #setting(name: string, fallback: number): number {
    let key = SETTINGS.get(name)
    if (key === undefined) SETTINGS.set(name, (key = `net.netfilter.nf_conntrack_${name}`))
    return this.#namespace.sysctlNumber(key) ?? fallback
  }

  #sweep(): void {
    const now = this.#clock.now
    for (const connection of this.#table?.connections() ?? []) if (connection.expiresAt <= now) this.#kill(connection)
  }

  #kill(connection: TrackedConnection): void {
    if (connection.dead) return
    connection.dead = true
    this.#table?.delete(connection)
    this.#count--
    this.#tell('destroy', connection)
  }

  #tell(event: 'new' | 'update' | 'destroy', connection: TrackedConnection): void {
    for (const listener of this.#listeners) listener(event, connection)
  }
}
