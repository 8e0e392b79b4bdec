import { ipLength, frameLength, ported, transportLength } from '../packets.ts'
import type { ArpPacket, Frame, IcmpMessage, Ip, IpPacket, Mac, TcpFlags, TcpSegment, UdpDatagram } from '../types.ts'
import { ipBytes } from './address-bytes.ts'
import { summariseDns, summariseDnsStream } from './summary-dns.ts'
import { summariseHttp } from './summary-http.ts'
import { icmp6 } from './summary-icmp6.ts'
import { summariseSctp } from './summary-sctp.ts'
import { ipHead, missing, tcpChecksum } from './summary-verbose.ts'

export interface SummaryOptions {
  /** tcpdump -e */
  linkLevel?: boolean
  /** tcpdump -S */
  absoluteSequence?: boolean
  /** IP packets without a link header. */
  raw?: boolean
  /** tcpdump -q */
  quick?: boolean
  /** How many times -v. */
  verbose?: number
  /** Without -n ports have names: of /etc/services, where there is one. */
  portName?(port: number, protocol: 'tcp' | 'udp'): string | undefined
  /** Likewise addresses. */
  hostName?(address: Ip): string | undefined
}

/** Of a packet in an ICMP error (icmp.ts). */
const QUOTE = 548

const PROTOCOL_NUMBERS = { icmp: 1, ipip: 4, tcp: 6, udp: 17, sctp: 132 } as const

/**
 * Frames as tcpdump 4.99.3 prints them with -n, without the time; a tunnelled frame adds a second line. One object
 * stands for one run of tcpdump: it remembers where each conversation's sequence numbers began.
 */
export class FrameSummary {
  readonly #options: SummaryOptions
  readonly #verbose: number
  readonly #conversations = new Map<string, { sequence: number; acknowledgement: number }>()

  constructor(options: SummaryOptions = {}) {
    this.#options = options
    this.#verbose = options.verbose ?? 0
  }

  line(frame: Frame): string {
    const { payload } = frame
    if (!this.#options.linkLevel) return this.#network(frame, true)
    if (this.#options.raw) return `ip: ${this.#network(frame, false)}`
    const [name, type] = payload.kind === 'arp' ? ['ARP', '0806'] : payload.version === 4 ? ['IPv4', '0800'] : ['IPv6', '86dd']
    const { quick } = this.#options
    const typed = (typeName: string, number: string): string => (quick ? typeName : `ethertype ${typeName} (0x${number})`)
    const ends = `${frame.source} > ${frame.destination}`
    const { tags = [] } = frame
    const types = [...tags.map(({ protocol }) => (protocol === undefined ? typed('802.1Q', '8100') : typed('802.1Q-QinQ', '88a8'))), typed(name!, type!)]
    const behind = tags.map(({ id, priority }, i) => `vlan ${id}, p ${priority ?? 0}, ${types[i + 1]}, `).join('')
    return `${ends}, ${types[0]}, length ${frameLength(frame)}: ${behind}${this.#network(frame, false)}`
  }

  #network({ payload }: Frame, named: boolean): string {
    if (payload.kind === 'arp') return `${named ? 'ARP, ' : ''}${this.#verbose > 0 ? 'Ethernet (len 6), IPv4 (len 4), ' : ''}${arp(payload, (ip) => this.#host(ip))}`
    return `${named ? (payload.version === 4 ? 'IP ' : 'IP6 ') : ''}${this.#ip(payload)}`
  }

  /** `quoted`: in an ICMP error, which has room for so many bytes of it. */
  #ip(packet: IpPacket, quoted = Infinity): string {
    return `${this.#verbose > 0 ? ipHead(packet) : ''}${this.#body(packet, quoted)}`
  }

  #body(packet: IpPacket, quoted: number): string {
    const { payload, fragment } = packet
    const [source, destination] = [this.#host(packet.source), this.#host(packet.destination)]
    if (packet.version === 6 && fragment) return this.#fragment6(packet, fragment)
    if (fragment && fragment.offset > 0) return `${source} > ${destination}: ip-proto-${PROTOCOL_NUMBERS[payload.kind]}`
    switch (payload.kind) {
      case 'tcp':
        return `${source}.${this.#port(payload.sourcePort, 'tcp')} > ${destination}.${this.#port(payload.destinationPort, 'tcp')}: ${this.#tcp(packet, payload, quoted)}`
      case 'udp':
        return `${source}.${this.#port(payload.sourcePort, 'udp')} > ${destination}.${this.#port(payload.destinationPort, 'udp')}: ${this.#udp(packet, payload, quoted)}`
      case 'sctp':
        return `${source}.${payload.sourcePort} > ${destination}.${payload.destinationPort}: ${summariseSctp(payload)}`
      case 'ipip':
        return `${source} > ${destination}: ${this.#options.linkLevel ? '' : 'IP '}${cutShort(packet, payload.packet)}${this.#ip(payload.packet)}`
      case 'icmp':
        return `${source} > ${destination}: ${this.#icmp(packet, payload)}`
    }
  }

  #icmp(packet: IpPacket, message: IcmpMessage): string {
    const port: PortText = (number, protocol) => this.#port(number, protocol)
    const host: HostText = (address) => this.#host(address)
    if (packet.version === 6) return icmp6(packet, message, port, host, this.#verbose)
    const text = icmp(packet, message, port, host)
    const { about } = message
    if (this.#verbose === 0 || !about) return text
    return `${text}\n\t${this.#options.linkLevel ? '' : 'IP '}${this.#ip(about, QUOTE)}`
  }

  /** print-frag6.c; of the first fragment what it carries. */
  #fragment6(packet: IpPacket, { offset, length }: NonNullable<IpPacket['fragment']>): string {
    const { payload } = packet
    const [source, destination] = [this.#host(packet.source), this.#host(packet.destination)]
    const number = this.#verbose > 0 ? `0x${packet.identification.toString(16).padStart(8, '0')}:` : ''
    const head = `${source} > ${destination}: frag (${number}${offset}|${length ?? 0})`
    if (offset > 0) return head
    const inner = this.#body({ ...packet, fragment: undefined }, 0)
    return payload.kind === 'icmp' ? `${head} ${inner.slice(inner.indexOf('ICMP6')).replace(/(?<=length )\d+$/, String(length ?? 0))}` : `${head} ${inner.replace(`${source}.`, '').replace(`${destination}.`, '')}`
  }

  #host(address: Ip): string {
    return this.#options.hostName?.(address) ?? address
  }

  #port(port: number, protocol: 'tcp' | 'udp'): string {
    return this.#options.portName?.(port, protocol) ?? String(port)
  }

  #udp(packet: IpPacket, datagram: UdpDatagram, quoted: number): string {
    return `${this.#udpChecksum(packet, datagram, quoted)}${this.#datagram(packet, datagram)}`
  }

  /** print-udp.c: of IPv4 with -vv. */
  #udpChecksum(packet: IpPacket, datagram: UdpDatagram, quoted: number): string {
    if (this.#verbose < (packet.version === 4 ? 2 : 1) || packet.fragment || missing(packet, quoted) > 0) return ''
    return packet.version === 4 && (datagram.vxlan || datagram.geneve) ? '[no cksum] ' : '[udp sum ok] '
  }

  #datagram(packet: IpPacket, datagram: UdpDatagram): string {
    const length = transportLength(datagram) - 8
    if (this.#options.quick) return `UDP, length ${length}`
    if (datagram.vxlan) return this.#vxlan(datagram, datagram.vxlan)
    if (datagram.geneve) return this.#geneve(datagram.geneve)
    if (datagram.sourcePort === 53 || datagram.destinationPort === 53) {
      const carried = packet.fragment?.length === undefined ? length : packet.fragment.length - 8
      return summariseDns(datagram.data.subarray(0, carried), length, this.#verbose)
    }
    return `UDP, length ${length}`
  }

  #geneve({ vni, options, frame }: NonNullable<UdpDatagram['geneve']>): string {
    const inner = this.line(frame)
    const more = `${this.#options.linkLevel ? ', proto TEB (0x6558)' : ''}${options ? `, options [${options.length} bytes]` : ''}`
    return `Geneve, Flags [none], vni 0x${vni.toString(16)}${more}: ${inner}`
  }

  /** tcpdump takes Linux's old VXLAN port, which flannel uses, for OTV; the header is the same. */
  #vxlan(datagram: UdpDatagram, { vni, frame }: NonNullable<UdpDatagram['vxlan']>): string {
    const inner = this.line(frame)
    if (datagram.destinationPort === 4789 || datagram.sourcePort === 4789) return `VXLAN, flags [I] (0x08), vni ${vni}\n${inner}`
    return `OTV, flags [I] (0x08), overlay 0, instance ${vni}\n${inner}`
  }

  #tcp(packet: IpPacket, segment: TcpSegment, quoted: number): string {
    const length = segment.data.length
    if (this.#options.quick) return `tcp ${length}`
    const { flags } = segment
    const { sequence, acknowledgement, bases } = this.#relative(packet, segment)
    let text = `Flags [${flagText(flags)}]`
    if (this.#verbose > 0 && !packet.fragment && missing(packet, quoted) === 0) text += tcpChecksum(packet)
    if (this.#verbose > 1 || length > 0 || flags.syn || flags.fin || flags.rst) {
      text += `, seq ${sequence}`
      if (length > 0) text += `:${(sequence + length) >>> 0}`
    }
    if (flags.ack) text += `, ack ${acknowledgement}`
    text += `, win ${segment.window}`
    if (flags.urg) text += ', urg 0'
    const options = tcpOptions(segment, bases)
    if (options !== '') text += `, options [${options}]`
    text += `, length ${length}`
    if (length === 0) return text
    const port = (n: number): boolean => segment.sourcePort === n || segment.destinationPort === n
    if (port(80) || port(8080)) return `${text}: ${summariseHttp(segment.data, this.#verbose)}`
    if (port(53)) return `${text}${summariseDnsStream(segment.data, this.#verbose)}`
    return text
  }

  /** print-tcp.c: one entry for both directions, made by the first segment with ACK, absolute in that one. */
  #relative(packet: IpPacket, segment: TcpSegment): { sequence: number; acknowledgement: number; bases: number } {
    const { sequence, acknowledgement, sourcePort, destinationPort, flags } = segment
    if (this.#options.absoluteSequence || !flags.ack) return { sequence, acknowledgement, bases: 0 }
    const reversed = sourcePort > destinationPort || (sourcePort === destinationPort && isAfter(packet.source, packet.destination))
    const key = reversed
      ? `${packet.destination} ${destinationPort} ${packet.source} ${sourcePort}`
      : `${packet.source} ${sourcePort} ${packet.destination} ${destinationPort}`
    const known = this.#conversations.get(key)
    if (!known || flags.syn) {
      const before = (acknowledgement - 1) >>> 0
      this.#conversations.set(key, reversed ? { sequence: before, acknowledgement: sequence } : { sequence, acknowledgement: before })
      return { sequence, acknowledgement, bases: before }
    }
    const [own, other] = reversed ? [known.acknowledgement, known.sequence] : [known.sequence, known.acknowledgement]
    return { sequence: (sequence - own) >>> 0, acknowledgement: (acknowledgement - other) >>> 0, bases: other }
  }
}

/** print-tcp.c; `base` is taken from the numbers of a SACK. */
function tcpOptions(segment: TcpSegment, base: number): string {
  const { timestamp, echo, sack } = segment
  const opens = segment.flags.syn === true
  const out: string[] = []
  if (opens && segment.mss !== undefined) out.push(`mss ${segment.mss}`)
  if (opens && segment.sackPermitted) out.push(...(timestamp === undefined ? ['nop', 'nop'] : []), 'sackOK')
  else if (timestamp !== undefined) out.push('nop', 'nop')
  if (timestamp !== undefined) out.push(`TS val ${timestamp} ecr ${echo ?? 0}`)
  if (opens && segment.windowScale !== undefined) out.push('nop', `wscale ${segment.windowScale}`)
  if (!opens && sack) out.push('nop', 'nop', `sack ${sack.length} ${sack.map(([from, to]) => `{${(from - base) >>> 0}:${(to - base) >>> 0}}`).join('')}`)
  return out.join(',')
}

/** What print-ip.c says of an inner packet whose outer one is a fragment. */
function cutShort(outer: IpPacket, inner: IpPacket): string {
  const missing = ipLength(inner) - (outer.fragment?.length ?? Infinity)
  return missing > 0 ? `truncated-ip - ${missing} bytes missing! ` : ''
}

function isAfter(a: string, b: string): boolean {
  const [x, y] = [ipBytes(a), ipBytes(b)]
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return x[i]! > (y[i] ?? 0)
  return false
}

function flagText(flags: TcpFlags): string {
  const text = (flags.fin ? 'F' : '') + (flags.syn ? 'S' : '') + (flags.rst ? 'R' : '') + (flags.psh ? 'P' : '') + (flags.ack ? '.' : '') + (flags.urg ? 'U' : '')
  return text === '' ? 'none' : text
}

const ZERO: Mac = '00:00:00:00:00:00'

function arp(packet: ArpPacket, host: HostText): string {
  const { operation, senderMac, targetMac } = packet
  const [senderIp, targetIp] = [host(packet.senderIp), host(packet.targetIp)]
  if (operation === 'reply') return `Reply ${senderIp} is-at ${senderMac}, length 28`
  const whom = targetMac === ZERO ? '' : ` (${targetMac})`
  return `Request who-has ${targetIp}${whom} tell ${senderIp}, length 28`
}

type HostText = (address: Ip) => string
type PortText = (port: number, protocol: 'tcp' | 'udp') => string

function icmp(packet: IpPacket, message: IcmpMessage, port: PortText, host: HostText): string {
  const length = ipLength(packet) - (packet.version === 4 ? 20 : 40)
  const { type, code } = message
  const about = message.about
  let text: string
  if (type === 8 || type === 0) text = `echo ${type === 8 ? 'request' : 'reply'}, id ${message.id ?? 0}, seq ${message.sequence ?? 0}`
  else if (type === 3 && about) text = unreachable(code, about, message.mtu, port, host(about.destination))
  else if (type === 11) text = code === 0 ? 'time exceeded in-transit' : code === 1 ? 'ip reassembly time exceeded' : `time exceeded-#${code}`
  else text = `type-#${type}`
  return `ICMP ${text}, length ${length}`
}

function unreachable(code: number, about: IpPacket, mtu: number | undefined, port: PortText, to: string): string {
  switch (code) {
    case 0: return `net ${to} unreachable`
    case 1: return `host ${to} unreachable`
    case 2: return `${to} protocol ${PROTOCOL_NUMBERS[about.payload.kind]} unreachable`
    case 3: {
      if (about.payload.kind === 'icmp') return `${to} protocol 1 port ${(about.payload.id ?? 0)} unreachable`
      if (about.payload.kind === 'ipip' || about.payload.kind === 'sctp') return `${to} protocol ${PROTOCOL_NUMBERS[about.payload.kind]} port ${ported(about.payload)?.destinationPort ?? 0} unreachable`
      return `${to} ${about.payload.kind} port ${port(about.payload.destinationPort, about.payload.kind)} unreachable`
    }
    case 4: return `${to} unreachable - need to frag${mtu ? ` (mtu ${mtu})` : ''}`
    case 5: return `${to} unreachable - source route failed`
    case 6: return `net ${to} unreachable - unknown`
    case 7: return `host ${to} unreachable - unknown`
    case 8: return `${to} unreachable - source host isolated`
    case 9: return `net ${to} unreachable - admin prohibited`
    case 10: return `host ${to} unreachable - admin prohibited`
    case 11: return `net ${to} unreachable - tos prohibited`
    case 12: return `host ${to} unreachable - tos prohibited`
    case 13: return `host ${to} unreachable - admin prohibited filter`
    case 14: return `host ${to} unreachable - host precedence violation`
    case 15: return `host ${to} unreachable - precedence cutoff`
    default: return `${to} unreachable - #${code}`
  }
}
