import { icmpName } from '../journey/header.ts'
import { SparseMap } from '../sparse.ts'
import type { Journey } from '../journey/types.ts'
import { SystemError } from '../machine/errors.ts'
import type { ErrorCode } from '../machine/errors.ts'
import { isMulticastIp } from './address.ts'
import { tellEchoAnswered, tellEchoIgnored, tellEchoReply } from './echo-hops.ts'
import type { Namespace } from './namespace.ts'
import { copyPacket, ipLength, metaOf, NO_DATA, transportLength } from './packets.ts'
import type { IcmpMessage, Ip, IpPacket, PingSocket, SocketOwner } from './types.ts'

const UNREACHABLE_ERRORS: readonly (ErrorCode | undefined)[] = [
  'ENETUNREACH', 'EHOSTUNREACH', 'ECONNREFUSED', 'ECONNREFUSED', undefined, 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTUNREACH',
  'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTUNREACH', 'EHOSTUNREACH', 'EHOSTUNREACH', 'EHOSTUNREACH',
]

/** What a socket's program gets for an ICMP error (icmp_err_convert in net/ipv4/icmp.c). */
export function icmpErrorCode(type: number, code: number): ErrorCode | undefined {
  return type === 3 ? UNREACHABLE_ERRORS[code] : undefined
}

/** ICMP (RFC 792) of one network namespace: the kernel's answers, errors, and ping's sockets. */
export class Icmp {
  readonly #ns: Namespace
  readonly #sockets = new SparseMap<number, Socket>()

  constructor(namespace: Namespace) {
    this.#ns = namespace
  }

  open(owner?: SocketOwner): PingSocket {
    let id = 1 + this.#ns.random.below(65535)
    while (this.#sockets.has(id)) id = (id % 65535) + 1
    const socket = new Socket(this.#ns, id, owner, () => this.#sockets.delete(id))
    this.#sockets.set(id, socket)
    return socket
  }

  destroy(): void {
    for (const socket of [...this.#sockets.values()]) socket.close()
  }

  receive(packet: IpPacket, unicast: boolean): void {
    const message = packet.payload as IcmpMessage
    switch (message.type) {
      case 8:
        return this.#echo(packet, message, unicast)
      case 0:
        return this.reply(packet, message)
      case 3:
      case 11:
      case 12:
        return this.#error(packet, message)
    }
  }

  /** An error about a packet, unless RFC 1122 3.2.2 forbids to answer it with one. */
  sendError(about: IpPacket, type: number, code: number, mtu?: number): void {
    const ns = this.#ns
    if (ns.destroyed || (about.fragment && about.fragment.offset > 0)) return
    if (about.payload.kind === 'icmp' && about.payload.type !== 8 && about.payload.type !== 0) return
    if (isMulticastIp(about.destination) || ns.routes.find(about.destination)?.route.type === 'broadcast') return
    if (about.source === '0.0.0.0' || about.source === '' || isMulticastIp(about.source)) return
    const quoted = copyPacket(about)
    quoted.meta = metaOf()
    quoted.meta.connection = about.meta.connection
    quoted.meta.direction = about.meta.direction
    const source = ns.isLocal(about.destination) ? about.destination : ns.sourceFor(about.source)
    if (source === undefined) return
    const packet: IpPacket = {
      kind: 'ip',
      version: 4,
      source,
      destination: about.source,
      ttl: 64,
      tos: 0xc0,
      identification: ns.ip.nextIdentification(),
      dontFragment: false,
      payload: { kind: 'icmp', type, code, data: NO_DATA, about: quoted, mtu },
      meta: metaOf(),
    }
    const journey = about.meta.trail?.direction === 'forward' ? about.meta.trail.journey : undefined
    if (journey) {
      const { recorder } = ns
      if (recorder.begin(ns, packet, { answers: journey }).record) {
        recorder.hop(ns, packet, {
          stage: 'send',
          text: `${ns.name} tells ${about.source}: ${icmpName(packet.payload as IcmpMessage)}.`,
          before: recorder.header(packet),
          explanation: 'icmp-error',
        })
      }
    }
    ns.ip.output(packet)
  }

  #echo(packet: IpPacket, message: IcmpMessage, unicast: boolean): void {
    const ns = this.#ns
    if (ns.settings.flag('net.ipv4.icmp_echo_ignore_all') || (!unicast && ns.settings.flag('net.ipv4.icmp_echo_ignore_broadcasts'))) return tellEchoIgnored(ns, packet)
    tellEchoAnswered(ns, packet)
    const reply: IpPacket = {
      kind: 'ip',
      version: 4,
      source: unicast ? packet.destination : (ns.sourceFor(packet.source) ?? packet.destination),
      destination: packet.source,
      ttl: ns.settings.number('net.ipv4.ip_default_ttl'),
      tos: packet.tos,
      identification: ns.ip.nextIdentification(),
      dontFragment: false,
      payload: { kind: 'icmp', type: 0, code: 0, id: message.id, sequence: message.sequence, data: message.data },
      meta: metaOf(),
    }
    tellEchoReply(ns, packet, reply)
    ns.ip.output(reply)
  }

  /** The answer to a request of ours, of either family. */
  reply(packet: IpPacket, message: IcmpMessage): void {
    const socket = this.#sockets.get(message.id ?? -1)
    if (!socket) return
    this.#recordArrival(packet, `The echo reply reaches ${socket.owner?.program ?? 'the program'} in ${this.#ns.name}.`)
    socket.onReply?.({
      source: packet.source, sequence: message.sequence ?? 0, ttl: packet.ttl, data: message.data, journey: packet.meta.trail?.journey,
    })
  }

  /** An error about one of our echo requests, of either family. */
  failed(packet: IpPacket, message: IcmpMessage, about: IpPacket): void {
    const request = about.payload
    if (request.kind !== 'icmp' || request.type !== (about.version === 4 ? 8 : 128)) return
    this.#sockets.get(request.id ?? -1)?.onError?.({ source: packet.source, type: message.type, code: message.code, sequence: request.sequence ?? 0, mtu: message.mtu })
  }

  #error(packet: IpPacket, message: IcmpMessage): void {
    const about = message.about
    if (!about) return
    this.#recordArrival(packet, `The message reaches ${this.#ns.name}, whose kernel passes it to the socket that had sent the packet.`)
    if (message.type === 3 && message.code === 4 && message.mtu) this.#ns.ip.learnMtu(about.destination, message.mtu)
    switch (about.payload.kind) {
      case 'icmp':
        return this.failed(packet, message, about)
      case 'udp':
        return this.#ns.udp.icmpError(about, message.type, message.code)
      case 'sctp':
        return this.#ns.sctp.icmpError(about, message.type, message.code)
      case 'tcp':
        return this.#ns.tcp.icmpError(about, message.type, message.code, message.mtu)
    }
  }

  #recordArrival(packet: IpPacket, text: string): void {
    const { recorder } = this.#ns
    if (!recorder.recording(packet)) return
    recorder.deliver(this.#ns, packet, { stage: 'deliver', text, before: recorder.header(packet), explanation: 'deliver-icmp' })
  }
}

class Socket implements PingSocket {
  readonly id: number
  readonly owner: SocketOwner | undefined
  onReply: PingSocket['onReply']
  onError: PingSocket['onError']
  readonly #ns: Namespace
  readonly #onClose: () => void
  /** One journey for all requests that go the same way. */
  readonly #journeys = new Map<string, Journey>()

  constructor(namespace: Namespace, id: number, owner: SocketOwner | undefined, onClose: () => void) {
    this.#ns = namespace
    this.id = id
    this.owner = owner
    this.#onClose = onClose
  }

  send(destination: Ip, sequence: number, data: Uint8Array, options?: { ttl?: number; dontFragment?: boolean; source?: Ip; device?: string }): Journey {
    const ns = this.#ns
    const v6 = destination.includes(':')
    const source = options?.source ?? (v6 && options?.device !== undefined ? '' : ns.sourceFor(destination)) ?? (v6 ? '::' : '0.0.0.0')
    const packet: IpPacket = {
      kind: 'ip',
      version: v6 ? 6 : 4,
      source,
      destination,
      ttl: options?.ttl ?? ns.settings.number('net.ipv4.ip_default_ttl'),
      tos: 0,
      identification: ns.ip.nextIdentification(),
      dontFragment: options?.dontFragment ?? true,
      payload: { kind: 'icmp', type: v6 ? 128 : 8, code: 0, id: this.id, sequence, data },
      meta: { mark: 0, owner: this.owner, boundTo: v6 ? options?.device : undefined },
    }
    if (options?.dontFragment && ipLength(packet) > ns.pathMtu(destination)) throw new SystemError('EMSGSIZE')
    if (transportLength(packet.payload) > 65_515) throw new SystemError('EMSGSIZE')
    const key = `${destination} ${packet.ttl}`
    const { recorder } = ns
    const known = this.#journeys.get(key)
    const trail = recorder.begin(ns, packet, known ? { journey: known } : { program: this.owner?.program })
    this.#journeys.set(key, trail.journey)
    if (trail.record) {
      recorder.hop(ns, packet, {
        stage: 'send',
        text: `${this.owner?.program ?? 'A program'} in ${ns.name} sends an echo request to ${destination}.`,
        before: recorder.header(packet),
        explanation: 'socket-send',
      })
    }
    const error = ns.send(packet)
    if (error) throw new SystemError(error)
    return trail.journey
  }

  close(): void {
    this.#onClose()
    this.onReply = undefined
    this.onError = undefined
  }
}
