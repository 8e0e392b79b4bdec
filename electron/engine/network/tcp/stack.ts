import type { Clock } from '../../clock.ts'
import type { Journey } from '../../journey/types.ts'
import { isSystemError, SystemError } from '../../machine/errors.ts'
import type { ErrorCode } from '../../machine/errors.ts'
import type { Random } from '../../random.ts'
import { icmp6ErrorCode } from '../icmp6.ts'
import type { TcpLayer } from '../layers.ts'
import { metaOf } from '../packets.ts'
import type {
  Ip, IpPacket, SocketInfo, Sockets, StackHost, TcpConnection, TcpFlags, TcpHandlers, TcpListener, TcpSegment,
} from '../types.ts'
import { Connection } from './connection.ts'
import type { ConnectionHost } from './connection-host.ts'
import { tcpDetails } from './details.ts'
import { errorOfIcmp } from './errors.ts'
import { isUnasked, tellAccepted, tellDelivered, tellDisregarded, tellRefused } from './hops.ts'
import { Listeners, type Listener } from './listeners.ts'
import { add } from './sequence.ts'

/** net.ipv4.ip_local_port_range */
const EPHEMERAL = { from: 32_768, to: 60_999 }
/** The largest MSS that Linux offers, on lo. */
const MSS_LIMIT = 65_495
/** What `ss` shows as the Send-Q of a listener: net.core.somaxconn. */
const BACKLOG = 4096

/** The TCP sockets of one network namespace. */
export class TcpStack implements TcpLayer, ConnectionHost {
  readonly clock: Clock
  readonly #host: StackHost
  readonly #random: Random
  readonly #connections = new Map<string, Connection>()
  readonly #listeners = new Listeners()
  readonly #secret: number
  /** Sockets so far. */
  #count = 0

  constructor(host: StackHost) {
    this.#host = host
    this.clock = host.clock
    this.#random = host.clock.random.fork(`tcp ${host.namespace.name} ${host.namespace.id}`)
    this.#secret = this.#random.below(65_536)
  }

  listen(options: Parameters<Sockets['listen']>[0], onConnection: (connection: TcpConnection) => void): TcpListener {
    const address = options.address ?? (this.#host.namespace.ipv6 ? '::' : '0.0.0.0')
    // of one address of IPv6 it is whatever was asked for (inet6_bind in net/ipv6/af_inet6.c)
    const v6only = options.v6only ?? (address.includes(':') && !isWildcard(address))
    if (!isWildcard(address) && !this.#host.namespace.isLocal(address)) throw new SystemError('EADDRNOTAVAIL')
    const port = options.port === 0 ? this.#ephemeral((p) => !this.#listeners.has(p)) : options.port
    if (port === undefined || this.#listeners.clash(port, { address, v6only })) throw new SystemError('EADDRINUSE')
    const listener: Listener = { address, port, v6only, owner: options.owner, onConnection, mark: options.mark, backlog: options.backlog ?? BACKLOG, number: ++this.#count, close: () => this.#listeners.delete(listener) }
    this.#listeners.add(listener)
    return listener
  }

  connect(options: Parameters<Sockets['connect']>[0], handlers: TcpHandlers): TcpConnection {
    const namespace = this.#host.namespace
    const asked = options.address === '0.0.0.0' ? '127.0.0.1' : options.address === '::' ? '::1' : options.address
    const translation = namespace.socketPrograms?.connect({ address: asked, port: options.port })
    const remote = translation?.to.address ?? asked
    const remotePort = translation?.to.port ?? options.port
    const source = options.source ?? namespace.sourceFor(remote)
    const unavailable = options.source !== undefined && !options.transparent && !namespace.isLocal(options.source)
    const local = source ?? (remote.includes(':') ? '::' : '0.0.0.0')
    const free = (port: number): boolean => !this.#connections.has(keyOf(local, port, remote, remotePort))
    const port = options.sourcePort || this.#ephemeral((p) => free(p) && !this.#listeners.has(p))
    const connection = new Connection(this, {
      localAddress: local, localPort: port ?? 0, remoteAddress: remote, remotePort,
      initialSequence: this.#random.uint32(), owner: options.owner, active: true, background: options.background,
    })
    connection.handlers = handlers
    connection.number = ++this.#count
    connection.mark = options.mark ?? 0
    if (translation) connection.asked = { address: asked, port: options.port, translation }
    if (port === undefined || unavailable || !free(port)) {
      connection.state = 'SYN-SENT'
      connection.fail(new SystemError(port !== undefined && !unavailable ? 'EADDRINUSE' : 'EADDRNOTAVAIL'))
      return connection
    }
    this.#connections.set(keyOf(local, port, remote, remotePort), connection)
    const problem = translation?.error ?? this.#routeProblem(remote, source)
    if (problem) this.#unroutable(connection, problem)
    else {
      namespace.counters.tcp.activeOpens++
      connection.open()
    }
    return connection
  }

  receive(packet: IpPacket, through?: number): void {
    const segment = packet.payload as TcpSegment
    this.#host.namespace.counters.tcp.inSegs++
    const key = keyOf(packet.destination, segment.destinationPort, packet.source, segment.sourcePort)
    let connection = this.#connections.get(key)
    const opens = segment.flags.syn === true && !segment.flags.ack && !segment.flags.rst
    if (connection?.state === 'TIME-WAIT' && opens) {
      connection.forget()
      connection = undefined
    }
    if (connection) {
      tellDelivered(this.#host, packet, connection)
      return connection.receive(packet)
    }
    const listener = through === undefined ? this.#listeners.find(packet.destination, segment.destinationPort) : this.#listeners.find('127.0.0.1', through)
    if (listener && opens) return this.#accept(packet, segment, key, listener)
    if (segment.flags.rst) return
    if (listener && !segment.flags.ack) return tellDisregarded(this.#host, packet, listener)
    this.refuse(packet, segment, listener !== undefined)
  }

  #accept(packet: IpPacket, segment: TcpSegment, key: string, listener: Listener): void {
    const connection = new Connection(this, {
      localAddress: packet.destination, localPort: segment.destinationPort, remoteAddress: packet.source,
      remotePort: segment.sourcePort, initialSequence: this.#random.uint32(), owner: listener.owner, active: false,
    })
    connection.mapped = packet.version === 4 && listener.address === '::'
    connection.journey = packet.meta.trail?.journey
    connection.mark = listener.mark ?? 0
    connection.listener = listener
    connection.number = ++this.#count
    this.#connections.set(key, connection)
    tellAccepted(this.#host, packet, listener)
    connection.accept(segment)
  }

  /** RFC 9293 section 3.10.7.1: no such connection. */
  refuse(packet: IpPacket, segment: TcpSegment, listening = false): void {
    const { recorder, namespace } = this.#host
    tellRefused(this.#host, packet, segment, listening)
    const length = segment.data.length + (segment.flags.syn ? 1 : 0) + (segment.flags.fin ? 1 : 0)
    const flags: TcpFlags = segment.flags.ack ? { rst: true } : { rst: true, ack: true }
    const reset = this.#packet(packet.destination, packet.source, {
      kind: 'tcp', sourcePort: segment.destinationPort, destinationPort: segment.sourcePort,
      sequence: segment.flags.ack ? segment.acknowledgement : 0,
      acknowledgement: segment.flags.ack ? 0 : add(segment.sequence, length), flags, window: 0, data: new Uint8Array(0),
    })
    const trail = packet.meta.trail
    // what becomes of a reset for an answer that nobody waits for does not change how the connection fared
    if (trail && !isUnasked(packet, segment)) recorder.begin(namespace, reset, trail.direction === 'forward' ? { answers: trail.journey } : { journey: trail.journey })
    const { tcp } = namespace.counters
    tcp.outSegs++
    tcp.outRsts++
    this.#output(reset)
  }

  icmpError(about: IpPacket, type: number, code: number, mtu?: number): void {
    const segment = about.payload
    if (segment.kind !== 'tcp') return
    const connection = this.#connections.get(keyOf(about.source, segment.sourcePort, about.destination, segment.destinationPort))
    if (!connection) return
    if (about.version === 6 ? type === 2 : type === 3 && code === 4) {
      if (mtu !== undefined) connection.shrink(mtu - headers(about.version))
      return
    }
    const code6 = about.version === 6 ? icmp6ErrorCode(type, code) : undefined
    const error = about.version === 4 ? errorOfIcmp(type, code) : code6 && new SystemError(code6)
    if (!error || (connection.state !== 'SYN-SENT' && connection.state !== 'SYN-RECV')) return
    const journey = connection.journey
    if (journey && succeeded(journey)) this.#host.recorder.conclude(journey, 'unreachable', 'unreachable-icmp')
    connection.fail(error)
  }

  list(): SocketInfo[] {
    const out: SocketInfo[] = []
    for (const { address, port, owner, v6only, backlog, number } of this.#listeners.all()) {
      const remoteAddress = address.includes(':') ? '::' : '0.0.0.0'
      out.push({ protocol: 'tcp', state: 'LISTEN', localAddress: address, localPort: port, remoteAddress, remotePort: 0, receiveQueue: 0, sendQueue: backlog, owner, number, ...(v6only ? { v6only } : {}) })
    }
    for (const c of this.#connections.values()) {
      const { localAddress, localPort, remoteAddress, remotePort, state } = c
      const owner = state === 'TIME-WAIT' || state === 'SYN-RECV' ? undefined : c.owner
      out.push({ protocol: 'tcp', state, localAddress, localPort, remoteAddress, remotePort, receiveQueue: 0, sendQueue: state === 'SYN-SENT' ? 1 : c.unsent, owner, number: c.number, details: () => tcpDetails(c, this.clock.now, this.segmentSize(c)), ...(c.mapped ? { mapped: true } : {}) })
    }
    return out
  }

  destroy(): void {
    this.#listeners.clear()
    for (const connection of [...this.#connections.values()]) connection.fail(new SystemError('ECONNRESET'))
    this.#connections.clear()
  }

  // ---- for connections -----------------------------------------------------------------------------------------

  transmit(connection: Connection, segment: TcpSegment): void {
    const { recorder, namespace } = this.#host
    // An answer to a SYN comes from a request socket, which counts nothing.
    const counts = segment.flags.syn !== true || segment.flags.ack !== true
    if (counts) connection.identification = (connection.identification + 1) & 0xffff
    const packet = this.#packet(connection.localAddress, connection.remoteAddress, segment, counts ? connection.identification : 0)
    packet.meta.owner = connection.owner
    packet.meta.mark = connection.mark
    const { tcp } = namespace.counters
    tcp.outSegs++
    if (segment.flags.rst) tcp.outRsts++
    const journey = connection.journey
    if (connection.active) {
      if (!journey && connection.asked) this.#beginTranslated(connection, connection.asked, packet)
      else {
        const trail = recorder.begin(namespace, packet, journey ? { journey } : { program: connection.owner?.program })
        connection.journey ??= trail.journey
      }
    } else if (journey) recorder.begin(namespace, packet, { answers: journey })
    this.#output(packet, connection)
  }

  /** The journey begins with what the program asked for, before a program of the kernel put another address in its place. */
  #beginTranslated(connection: Connection, { address, port, translation }: NonNullable<Connection['asked']>, packet: IpPacket): void {
    const { recorder, namespace } = this.#host
    const segment = packet.payload as TcpSegment
    packet.destination = address
    segment.destinationPort = port
    connection.journey = recorder.begin(namespace, packet, { program: connection.owner?.program }).journey
    const before = recorder.header(packet)
    packet.destination = connection.remoteAddress
    segment.destinationPort = connection.remotePort
    const { text, explanation } = translation
    const decidedBy = { kind: 'map', text: translation.decidedBy } as const
    if (translation.error === undefined) return recorder.hop(namespace, packet, { stage: 'dnat', text, decidedBy, before, after: recorder.header(packet), explanation, possible: translation.possible })
    recorder.fail(namespace, packet, 'unreachable', explanation, { stage: 'drop', text, decidedBy, before, explanation })
  }

  segmentSize(connection: Connection): number {
    const { namespace } = this.#host
    const device = namespace.routes.lookup(connection.remoteAddress, connection.localAddress)?.device
    const mtu = (device === undefined ? undefined : namespace.linkNamed(device)?.mtu) ?? 1500
    return Math.min(MSS_LIMIT, mtu - headers(connection.remoteAddress.includes(':') ? 6 : 4))
  }

  /** The same for all connections of two addresses, so that a later one never seems older. */
  timestampOffset({ localAddress, remoteAddress }: Connection): number {
    let hash = 0x811c9dc5 ^ this.#secret
    for (let i = 0; i < localAddress.length; i++) hash = Math.imul(hash ^ localAddress.charCodeAt(i), 0x01000193)
    for (let i = 0; i < remoteAddress.length; i++) hash = Math.imul(hash ^ remoteAddress.charCodeAt(i), 0x01000193)
    return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) >>> 0
  }

  established(connection: Connection): void {
    if (connection.active) return
    this.#host.namespace.counters.tcp.passiveOpens++
    const own = connection.listener as Listener | undefined
    const listener = own && this.#listeners.includes(own) ? own : this.#listeners.find(connection.localAddress, connection.localPort)
    if (listener) connection.emitFirst(() => listener.onConnection(connection))
    else connection.abort()
  }

  resent(): void {
    const { tcp } = this.#host.namespace.counters
    tcp.retransSegs++
    tcp.outSegs--
  }

  removed(connection: Connection, from: Connection['state']): void {
    const { tcp } = this.#host.namespace.counters
    if (from === 'SYN-SENT' || from === 'SYN-RECV') tcp.attemptFails++
    else if (from === 'ESTAB' || from === 'CLOSE-WAIT') tcp.estabResets++
    const key = keyOf(connection.localAddress, connection.localPort, connection.remoteAddress, connection.remotePort)
    if (this.#connections.get(key) === connection) this.#connections.delete(key)
  }

  /** A failure with a name of its own, found on the way, says more than what the socket saw. */
  concluded(connection: Connection, verdict: 'refused' | 'timeout', reason: string): void {
    const journey = connection.journey
    if (journey && succeeded(journey)) this.#host.recorder.conclude(journey, verdict, reason)
  }

  // ---- packets -------------------------------------------------------------------------------------------------

  #packet(source: Ip, destination: Ip, payload: TcpSegment, identification = 0): IpPacket {
    return {
      kind: 'ip', version: source.includes(':') ? 6 : 4, source, destination,
      ttl: this.#host.namespace.sysctlNumber('net.ipv4.ip_default_ttl') ?? 64,
      tos: 0, identification, dontFragment: true, payload, meta: metaOf(),
    }
  }

  #output(packet: IpPacket, connection?: Connection): void {
    try {
      this.#host.output(packet)
    } catch (error) {
      if (!isSystemError(error)) throw error
      if (connection?.state === 'SYN-SENT') connection.fail(error)
    }
  }

  /** connect(2) asks the routing table before it sends anything. */
  #routeProblem(remote: Ip, source: Ip | undefined): ErrorCode | undefined {
    const route = this.#host.namespace.routes.lookup(remote, source)
    switch (route?.type) {
      case 'unreachable': return 'EHOSTUNREACH'
      case 'prohibit': return 'EACCES'
      case 'blackhole': return 'EINVAL'
      default: return route && source !== undefined ? undefined : 'ENETUNREACH'
    }
  }

  /** The SYN that is never sent has a journey all the same: the IP layer writes why it ends at once. */
  #unroutable(connection: Connection, problem: ErrorCode): void {
    const packet = this.#packet(connection.localAddress, connection.remoteAddress, {
      kind: 'tcp', sourcePort: connection.localPort, destinationPort: connection.remotePort, sequence: 0, acknowledgement: 0,
      flags: { syn: true }, window: 0, data: new Uint8Array(0),
    })
    connection.state = 'SYN-SENT'
    if (connection.asked?.translation.error) {
      this.#beginTranslated(connection, connection.asked, packet)
      return connection.fail(new SystemError(problem))
    }
    connection.journey = this.#host.recorder.begin(this.#host.namespace, packet, { program: connection.owner?.program }).journey
    this.#output(packet)
    connection.fail(new SystemError(problem))
  }

  #ephemeral(free: (port: number) => boolean): number | undefined {
    const range = this.#host.namespace.sysctl('net.ipv4.ip_local_port_range')?.split(/\s+/).map(Number)
    const from = range?.[0] ?? EPHEMERAL.from
    const count = (range?.[1] ?? EPHEMERAL.to) - from + 1
    const start = this.#random.below(count)
    for (let i = 0; i < count; i++) {
      const port = from + ((start + i) % count)
      if (free(port)) return port
    }
    return undefined
  }
}

function keyOf(local: Ip, localPort: number, remote: Ip, remotePort: number): string {
  return `${local} ${localPort} ${remote} ${remotePort}`
}

function isWildcard(address: Ip): boolean {
  return address === '0.0.0.0' || address === '::'
}

function headers(version: 4 | 6): number {
  return version === 4 ? 40 : 60
}

function succeeded(journey: Journey): boolean {
  return journey.verdict === 'pending' || journey.verdict === 'delivered'
}
