import type { Clock } from '../../clock.ts'
import type { Journey } from '../../journey/types.ts'
import { SystemError } from '../../machine/errors.ts'
import type { Random } from '../../random.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import type {
  Ip, IpPacket, SctpChunk, SctpPacket, SctpSockets, SocketInfo, SocketOwner, StackHost, TcpConnection, TcpHandlers, TcpListener,
} from '../types.ts'
import { metaOf } from '../packets.ts'
import { Association, STREAMS_OUT, WINDOW } from './association.ts'
import type { AssociationHost } from './association.ts'

const EPHEMERAL = { from: 32_768, to: 60_999 }
/** IP header, common header, DATA chunk header. */
const HEADERS = { 4: 20 + 12 + 16, 6: 40 + 12 + 16 } as const

interface Listener extends TcpListener {
  owner: SocketOwner | undefined
  onConnection: (connection: TcpConnection) => void
}

/** The SCTP sockets (RFC 9260, RFC 6458 3: one-to-one) of one network namespace. */
export class SctpStack implements AssociationHost, SctpSockets {
  readonly clock: Clock
  readonly #host: StackHost
  readonly #random: Random
  readonly #associations = new Map<string, Association>()
  readonly #listeners = new Map<number, Listener[]>()
  #identification: number

  constructor(host: StackHost) {
    this.#host = host
    this.clock = host.clock
    this.#random = host.clock.random.fork(`sctp ${host.namespace.name} ${host.namespace.id}`)
    this.#identification = this.#random.below(65_536)
  }

  listen(options: { port: number; address?: Ip; owner?: SocketOwner }, onConnection: (connection: TcpConnection) => void): TcpListener {
    const { namespace } = this.#host
    const address = options.address ?? '0.0.0.0'
    if (!isWildcard(address) && !namespace.isLocal(address)) throw new SystemError('EADDRNOTAVAIL')
    const port = options.port || this.#ephemeral()
    const others = this.#listeners.get(port) ?? []
    if (others.some((l) => isWildcard(l.address) || isWildcard(address) || l.address === address)) throw new SystemError('EADDRINUSE')
    const listener: Listener = {
      address, port, owner: options.owner, onConnection,
      close: () => {
        const left = (this.#listeners.get(port) ?? []).filter((l) => l !== listener)
        if (left.length > 0) this.#listeners.set(port, left)
        else this.#listeners.delete(port)
      },
    }
    this.#listeners.set(port, [...others, listener])
    return listener
  }

  connect(options: { address: Ip; port: number; source?: Ip; sourcePort?: number; owner?: SocketOwner }, handlers: TcpHandlers): TcpConnection {
    const { namespace, recorder } = this.#host
    const remote = options.address === '0.0.0.0' ? '127.0.0.1' : options.address
    const source = options.source ?? namespace.sourceFor(remote)
    const association = new Association(this, {
      localAddress: source ?? (remote.includes(':') ? '::' : '0.0.0.0'), localPort: options.sourcePort ?? this.#ephemeral(), remoteAddress: remote, remotePort: options.port,
      tag: this.#random.uint32() || 1, tsn: this.#random.uint32(), owner: options.owner, active: true,
    })
    association.handlers = handlers
    if (source === undefined) {
      // no way there: the IP layer writes why the INIT that is never sent ends at once
      const init = this.#packet(association.localAddress, remote, { kind: 'sctp', sourcePort: association.localPort, destinationPort: options.port, verificationTag: 0, chunks: [] })
      association.journey = recorder.begin(namespace, init, { program: options.owner?.program }).journey
      this.#host.output(init)
      association.phase = 'COOKIE-WAIT'
      association.fail(new SystemError('ENETUNREACH'))
      return association
    }
    this.#associations.set(keyOf(association), association)
    association.open()
    return association
  }

  receive(packet: IpPacket): void {
    const sctp = packet.payload as SctpPacket
    const key = `${packet.destination} ${sctp.destinationPort} ${packet.source} ${sctp.sourcePort}`
    let delivered = false
    for (const chunk of sctp.chunks) {
      const association = this.#associations.get(key)
      // An INIT has no tag yet; an ABORT may carry the one that it answers (RFC 9260 8.5).
      if (association && chunk.type !== 'init' && (sctp.verificationTag === association.tag || ('reflected' in chunk && chunk.reflected))) {
        if (!delivered) this.#deliver(packet, chunk, association)
        delivered = true
        association.receive(chunk)
      } else if (chunk.type === 'init') this.#initiated(packet, sctp, chunk)
      else if (chunk.type === 'cookie-echo') {
        if (association) this.#answer(packet, association.remoteTag, [{ type: 'cookie-ack' }])
        else this.#accept(packet, sctp, chunk.cookie)
        delivered = true
      } else if (!association && !['abort', 'shutdown-complete', 'cookie-ack', 'heartbeat-ack'].includes(chunk.type)) {
        // out of the blue (8.4)
        return this.#answer(packet, sctp.verificationTag, [chunk.type === 'shutdown-ack' ? { type: 'shutdown-complete', reflected: true } : { type: 'abort', reflected: true }])
      }
    }
  }

  list(): SocketInfo[] {
    const out: SocketInfo[] = []
    for (const listeners of this.#listeners.values()) {
      for (const { address, port, owner } of listeners) {
        out.push({ protocol: 'sctp', state: 'LISTEN', localAddress: address, localPort: port, remoteAddress: address.includes(':') ? '::' : '0.0.0.0', remotePort: 0, receiveQueue: 0, sendQueue: 128, owner })
      }
    }
    for (const { localAddress, localPort, remoteAddress, remotePort, state, unsent, owner } of this.#associations.values()) {
      out.push({ protocol: 'sctp', state, localAddress, localPort, remoteAddress, remotePort, receiveQueue: 0, sendQueue: unsent, owner })
    }
    return out
  }

  /** Only a message that nobody there speaks SCTP ends an attempt; other errors leave it to its retries (sctp_v4_err). */
  icmpError(about: IpPacket, type: number, code: number): void {
    const { sourcePort, destinationPort } = about.payload as SctpPacket
    const association = this.#associations.get(`${about.source} ${sourcePort} ${about.destination} ${destinationPort}`)
    if (!association) return
    const journey = association.journey
    if (journey && (journey.verdict === 'pending' || journey.verdict === 'delivered')) this.#host.recorder.conclude(journey, 'unreachable', 'unreachable-icmp')
    if (about.version === 4 && type === 3 && code === 2) association.fail(new SystemError('ECONNREFUSED'))
  }

  destroy(): void {
    this.#listeners.clear()
    for (const association of [...this.#associations.values()]) association.fail(new SystemError('ECONNRESET'))
    this.#associations.clear()
  }

  // ---- the handshake of a listener -----------------------------------------------------------------------------

  /** Nothing is kept of an INIT: all that the association will need travels in the cookie (RFC 9260 5.1.3). */
  #initiated(packet: IpPacket, sctp: SctpPacket, init: SctpChunk & { type: 'init' | 'init-ack' }): void {
    const { recorder, namespace } = this.#host
    const listener = this.#listenerFor(packet.destination, sctp.destinationPort)
    if (!listener) {
      if (packet.meta.trail) {
        recorder.fail(namespace, packet, 'refused', 'refused-no-listener', {
          stage: 'reject', text: `No process listens on SCTP port ${sctp.destinationPort}; the kernel answers with an ABORT.`,
          before: recorder.header(packet), explanation: 'refused-no-listener',
        })
      }
      return this.#answer(packet, init.tag, [{ type: 'abort' }])
    }
    if (recorder.recording(packet)) {
      recorder.deliver(namespace, packet, {
        stage: 'deliver',
        text: `${listener.owner?.program ?? 'A process'} listens on ${listener.address}:${listener.port} and the kernel answers with INIT ACK and a cookie.`,
        decidedBy: { kind: 'socket', text: `sctp LISTEN ${listener.address}:${listener.port}` },
        before: recorder.header(packet), explanation: 'sctp-accept',
      })
    }
    const [tag, tsn] = [this.#random.uint32() || 1, this.#random.uint32()]
    const cookie = encodeUtf8([tag, tsn, init.tag, init.tsn].map((n) => n.toString(16).padStart(8, '0')).join(''))
    this.#answer(packet, init.tag, [{ type: 'init-ack', tag, window: WINDOW, outbound: STREAMS_OUT, inbound: STREAMS_OUT, tsn, cookie }])
  }

  #accept(packet: IpPacket, sctp: SctpPacket, cookie: Uint8Array): void {
    const numbers = decodeUtf8(cookie).match(/.{8}/g)?.map((h) => Number.parseInt(h, 16)) ?? []
    const [tag, tsn, remoteTag, remoteTsn] = numbers as [number, number, number, number]
    const listener = this.#listenerFor(packet.destination, sctp.destinationPort)
    if (!listener || numbers.length !== 4 || tag !== sctp.verificationTag) return this.#answer(packet, sctp.verificationTag, [{ type: 'abort', reflected: true }])
    const association = new Association(this, {
      localAddress: packet.destination, localPort: sctp.destinationPort, remoteAddress: packet.source, remotePort: sctp.sourcePort,
      tag, tsn, owner: listener.owner, active: false,
    })
    association.journey = packet.meta.trail?.journey
    this.#associations.set(keyOf(association), association)
    association.accept(remoteTag, remoteTsn)
    this.transmit(association, [{ type: 'cookie-ack' }])
  }

  #deliver(packet: IpPacket, chunk: SctpChunk, association: Association): void {
    const { recorder, namespace } = this.#host
    if (!recorder.recording(packet)) return
    const name = chunk.type.toUpperCase().replace('-', ' ')
    recorder.deliver(namespace, packet, {
      stage: 'deliver',
      text: `${name} reaches the socket of ${association.owner?.program ?? 'the process'}.`,
      decidedBy: { kind: 'socket', text: `sctp ${association.state} ${association.localAddress}:${association.localPort} ${association.remoteAddress}:${association.remotePort}` },
      before: recorder.header(packet), explanation: 'sctp-answer',
    })
  }

  // ---- for associations ----------------------------------------------------------------------------------------

  transmit(association: Association, chunks: SctpChunk[]): void {
    const { recorder, namespace } = this.#host
    const { localAddress, localPort, remoteAddress, remotePort, remoteTag, journey } = association
    const packet = this.#packet(localAddress, remoteAddress, { kind: 'sctp', sourcePort: localPort, destinationPort: remotePort, verificationTag: remoteTag, chunks })
    packet.meta.owner = association.owner
    if (association.active) association.journey ??= recorder.begin(namespace, packet, journey ? { journey } : { program: association.owner?.program }).journey
    if (association.active && journey) recorder.begin(namespace, packet, { journey })
    else if (!association.active && journey) recorder.begin(namespace, packet, { answers: journey })
    this.#host.output(packet)
  }

  room(association: Association): number {
    return ((this.#host.namespace.pathMtu?.(association.remoteAddress) ?? 1500) - HEADERS[association.remoteAddress.includes(':') ? 6 : 4]) & ~3
  }

  established(association: Association): void {
    const listener = this.#listenerFor(association.localAddress, association.localPort)
    if (listener) association.emit(() => listener.onConnection(association))
  }

  removed(association: Association): void {
    this.#associations.delete(keyOf(association))
  }

  concluded(association: Association, verdict: 'refused' | 'timeout', reason: string): void {
    const journey: Journey | undefined = association.journey
    if (journey && (journey.verdict === 'pending' || journey.verdict === 'delivered')) this.#host.recorder.conclude(journey, verdict, reason)
  }

  // ---- packets -------------------------------------------------------------------------------------------------

  /** To whom a packet came from, outside of any association. */
  #answer(packet: IpPacket, verificationTag: number, chunks: SctpChunk[]): void {
    const { recorder, namespace } = this.#host
    const sctp = packet.payload as SctpPacket
    const answer = this.#packet(packet.destination, packet.source, { kind: 'sctp', sourcePort: sctp.destinationPort, destinationPort: sctp.sourcePort, verificationTag, chunks })
    const trail = packet.meta.trail
    if (trail) recorder.begin(namespace, answer, trail.direction === 'forward' ? { answers: trail.journey } : { journey: trail.journey })
    this.#host.output(answer)
  }

  #packet(source: Ip, destination: Ip, payload: SctpPacket): IpPacket {
    this.#identification = (this.#identification + 1) & 0xffff
    const version = source.includes(':') ? 6 : 4
    return {
      kind: 'ip', version, source, destination, tos: 2, dontFragment: true, ttl: Number(this.#host.namespace.sysctl('net.ipv4.ip_default_ttl') ?? 64),
      identification: version === 4 ? this.#identification : 0, payload, meta: metaOf(),
    }
  }

  #listenerFor(address: Ip, port: number): Listener | undefined {
    const all = this.#listeners.get(port)
    return all?.find((l) => l.address === address) ?? all?.find((l) => isWildcard(l.address))
  }

  #ephemeral(): number {
    const used = new Set([...this.#associations.values()].map((a) => a.localPort))
    const size = EPHEMERAL.to - EPHEMERAL.from + 1
    const start = this.#random.below(size)
    for (let i = 0; i < size; i++) {
      const port = EPHEMERAL.from + ((start + i) % size)
      if (!used.has(port) && !this.#listeners.has(port)) return port
    }
    throw new SystemError('EADDRINUSE')
  }
}

function keyOf(a: { localAddress: Ip; localPort: number; remoteAddress: Ip; remotePort: number }): string {
  return `${a.localAddress} ${a.localPort} ${a.remoteAddress} ${a.remotePort}`
}

function isWildcard(address: Ip): boolean {
  return address === '0.0.0.0' || address === '::'
}
