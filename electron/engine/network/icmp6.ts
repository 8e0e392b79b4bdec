import { icmp6Name } from '../journey/header.ts'
import type { ErrorCode } from '../machine/errors.ts'
import { isLinkLocalIp6, isMulticastIp } from './address.ts'
import { tellEchoAnswered, tellEchoIgnored, tellEchoReply } from './echo-hops.ts'
import type { BaseLink } from './link.ts'
import type { Namespace } from './namespace.ts'
import { receiveNeighbourMessage } from './neighbour-discovery.ts'
import { copyPacket, NO_DATA } from './packets.ts'
import type { IcmpMessage, IpPacket } from './types.ts'

const UNREACHABLE_ERRORS: readonly ErrorCode[] = ['ENETUNREACH', 'EACCES', 'EHOSTUNREACH', 'EHOSTUNREACH', 'ECONNREFUSED', 'EACCES', 'EACCES']

/** What a socket's program gets for an ICMPv6 error (icmpv6_err_convert in net/ipv6/icmp.c). */
export function icmp6ErrorCode(type: number, code: number): ErrorCode | undefined {
  if (type === 1) return UNREACHABLE_ERRORS[code] ?? 'EHOSTUNREACH'
  return type === 3 ? 'EHOSTUNREACH' : type === 2 ? 'EMSGSIZE' : undefined
}

/** ICMPv6 (RFC 4443) of one network namespace: the kernel's answers and errors. Ping's sockets are in icmp.ts. */
export class Icmp6 {
  readonly #ns: Namespace

  constructor(namespace: Namespace) {
    this.#ns = namespace
  }

  receive(packet: IpPacket, link: BaseLink, unicast: boolean): void {
    const message = packet.payload as IcmpMessage
    switch (message.type) {
      case 128:
        return this.#echo(packet, message, link, unicast)
      case 129:
        return this.#ns.icmp.reply(packet, message)
      case 135:
      case 136:
        return receiveNeighbourMessage(this.#ns, packet, message, link)
      case 1:
      case 2:
      case 3:
      case 4:
        return this.#error(packet, message)
    }
  }

  /** An error about a packet, unless RFC 4443 2.4 (e) forbids to answer it with one. */
  sendError(about: IpPacket, type: number, code: number, mtu?: number): void {
    const ns = this.#ns
    if (ns.destroyed || (about.fragment && about.fragment.offset > 0)) return
    if (about.payload.kind === 'icmp' && (about.payload.type < 128 || about.payload.type === 137)) return
    if (isMulticastIp(about.destination) && type !== 2) return
    if (about.source === '::' || about.source === '' || isMulticastIp(about.source)) return
    const quoted = copyPacket(about)
    quoted.meta = { mark: 0, connection: about.meta.connection, direction: about.meta.direction }
    const back = isLinkLocalIp6(about.source) ? about.meta.inInterface : undefined
    const packet: IpPacket = {
      kind: 'ip',
      version: 6,
      source: ns.isLocal(about.destination) ? about.destination : '::',
      destination: about.source,
      ttl: this.#hopLimit(),
      tos: 0,
      identification: 0,
      dontFragment: true,
      payload: { kind: 'icmp', type, code, data: NO_DATA, about: quoted, mtu },
      meta: { mark: 0, boundTo: back },
    }
    const source = packet.source === '::' ? ns.sourceFor(about.source) : packet.source
    if (source === undefined) return
    packet.source = source
    const journey = about.meta.trail?.direction === 'forward' ? about.meta.trail.journey : undefined
    if (journey) {
      const { recorder } = ns
      if (recorder.begin(ns, packet, { answers: journey }).record) {
        recorder.hop(ns, packet, {
          stage: 'send',
          text: `${ns.name} tells ${about.source}: ${icmp6Name(packet.payload as IcmpMessage)}.`,
          before: recorder.header(packet),
          explanation: 'icmp-error',
        })
      }
    }
    ns.ip6.output(packet)
  }

  #hopLimit(): number {
    return Number(this.#ns.settings.get('net.ipv6.conf.all.hop_limit') ?? 64)
  }

  #echo(packet: IpPacket, message: IcmpMessage, link: BaseLink, unicast: boolean): void {
    const ns = this.#ns
    if (ns.settings.flag('net.ipv6.icmp.echo_ignore_all')) return tellEchoIgnored(ns, packet)
    tellEchoAnswered(ns, packet)
    const reply: IpPacket = {
      kind: 'ip',
      version: 6,
      source: unicast && ns.routes.find(packet.destination)?.route.type === 'local' ? packet.destination : '::',
      destination: packet.source,
      ttl: this.#hopLimit(),
      tos: packet.tos,
      identification: 0,
      dontFragment: false,
      payload: { kind: 'icmp', type: 129, code: 0, id: message.id, sequence: message.sequence, data: message.data },
      meta: { mark: 0, boundTo: isLinkLocalIp6(packet.source) && link.kind !== 'loopback' ? link.name : undefined },
    }
    if (reply.source === '::') reply.source = ns.sourceFor(packet.source) ?? '::'
    tellEchoReply(ns, packet, reply)
    ns.ip6.output(reply)
  }

  #error(packet: IpPacket, message: IcmpMessage): void {
    const about = message.about
    if (!about) return
    const ns = this.#ns
    if (ns.recorder.recording(packet)) {
      ns.recorder.deliver(ns, packet, {
        stage: 'deliver',
        text: `The message reaches ${ns.name}, whose kernel passes it to the socket that had sent the packet.`,
        before: ns.recorder.header(packet),
        explanation: 'deliver-icmp',
      })
    }
    if (message.type === 2 && message.mtu) ns.ip6.learnMtu(about.destination, message.mtu)
    switch (about.payload.kind) {
      case 'icmp':
        return ns.icmp.failed(packet, message, about)
      case 'udp':
        return ns.udp.icmpError(about, message.type, message.code)
      case 'sctp':
        return ns.sctp.icmpError(about, message.type, message.code)
      case 'tcp':
        return ns.tcp.icmpError(about, message.type, message.code, message.mtu)
    }
  }
}
