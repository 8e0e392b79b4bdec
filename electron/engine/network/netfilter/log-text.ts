import { ipLength, transportLength } from '../packets.ts'
import { ipBytes } from '../wire/address-bytes.ts'
import { encodeIp } from '../wire/ip.ts'
import type { IcmpMessage, Ip, IpPacket, Link, NetworkNamespace, TcpSegment } from '../types.ts'

/** What a rule logs beside the plain packet (NF_LOG_ of linux/netfilter/nf_log.h). */
export interface LogFlags { tcpSequence?: boolean; tcpOptions?: boolean; ipOptions?: boolean; uid?: boolean; macDecode?: boolean }

export interface Logged { packet: IpPacket; inLink: Link | undefined; outLink: Link | undefined; prefix: string; flags: LogFlags }

/** A rule's line in the kernel's log; a network namespace that is not the machine's own writes none (net.netfilter.nf_log_all_netns is 0). */
export function logPacket(namespace: NetworkNamespace, logged: Logged): void {
  if (namespace.name === namespace.machine) namespace.printk?.(logText(logged))
}

/** As net/netfilter/nf_log_syslog.c of Linux 6.1 writes it. */
function logText({ packet, inLink, outLink, prefix, flags }: Logged): string {
  const { physIn, physOut, mark } = packet.meta
  const bridged = inLink?.kind === 'bridge' && inLink.namespace.sysctl(packet.version === 4 ? 'net.bridge.bridge-nf-call-iptables' : 'net.bridge.bridge-nf-call-ip6tables') === '1'
  const phys = bridged ? `${physIn === undefined ? '' : `PHYSIN=${physIn} `}${physOut === undefined ? '' : `PHYSOUT=${physOut} `}` : ''
  const head = `${prefix}IN=${inLink?.name ?? ''} OUT=${outLink?.name ?? ''} ${phys}`
  const mac = inLink ? macText(packet, inLink, flags) : ''
  return `${head}${mac}${packet.version === 4 ? ipv4Text(packet, flags) : ipv6Text(packet, flags)}${owner(packet, flags)}${mark === 0 ? '' : `MARK=0x${mark.toString(16)} `}`
}

function macText(packet: IpPacket, inLink: Link, flags: LogFlags): string {
  if (inLink.kind === 'ipip' || inLink.kind === 'wireguard') return 'MAC= '
  const type = packet.version === 4 ? '0800' : '86dd'
  const [source, destination] = inLink.kind === 'loopback' ? [inLink.mac, inLink.mac] : [packet.meta.sourceMac, inLink.mac]
  if (source === undefined) return flags.macDecode ? '' : 'MAC= '
  if (flags.macDecode) return `MACSRC=${source} MACDST=${destination} MACPROTO=${type} `
  return `MAC=${destination}:${source}:${type.slice(0, 2)}:${type.slice(2)} `
}

function owner({ meta }: IpPacket, { uid }: LogFlags): string {
  return uid && meta.owner ? `UID=${meta.owner.uid ?? 0} GID=${meta.owner.gid ?? 0} ` : ''
}

const hex2 = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0')

/** dump_ipv4_packet */
function ipv4Text(packet: IpPacket, flags: LogFlags): string {
  const { tos, fragment } = packet
  const bits = `${packet.dontFragment ? 'DF ' : ''}${fragment?.more ? 'MF ' : ''}${fragment?.offset ? `FRAG:${fragment.offset / 8} ` : ''}`
  const head = `SRC=${packet.source} DST=${packet.destination} LEN=${ipLength(packet)} TOS=0x${hex2(tos & 0x1e)} PREC=0x${hex2(tos & 0xe0)} TTL=${packet.ttl} ID=${packet.identification} ${bits}`
  return head + payloadText(packet, flags, (fragment?.offset ?? 0) > 0)
}

/** dump_ipv6_packet */
function ipv6Text(packet: IpPacket, flags: LogFlags): string {
  const { fragment } = packet
  const head = `SRC=${wholeIp6(packet.source)} DST=${wholeIp6(packet.destination)} LEN=${ipLength(packet)} TC=${packet.tos} HOPLIMIT=${packet.ttl} FLOWLBL=0 `
  const part = fragment ? `FRAG:${fragment.offset} ${fragment.more ? 'INCOMPLETE ' : ''}ID:${packet.identification.toString(16).padStart(8, '0')} ` : ''
  return head + part + payloadText(packet, flags, (fragment?.offset ?? 0) > 0)
}

/** %pI6: nothing is left out. */
function wholeIp6(ip: Ip): string {
  const bytes = [...ipBytes(ip)].map((b) => b.toString(16).padStart(2, '0'))
  return Array.from({ length: 8 }, (_, i) => `${bytes[2 * i]}${bytes[2 * i + 1]}`).join(':')
}

function payloadText(packet: IpPacket, flags: LogFlags, later: boolean): string {
  const { payload } = packet
  switch (payload.kind) {
    case 'tcp': return `PROTO=TCP ${later ? '' : tcpText(packet, payload, flags)}`
    case 'udp': return `PROTO=UDP ${later ? '' : `SPT=${payload.sourcePort} DPT=${payload.destinationPort} LEN=${transportLength(payload)} `}`
    case 'icmp': return `PROTO=${packet.version === 4 ? 'ICMP' : 'ICMPv6'} ${later ? '' : icmpText(packet, payload, flags)}`
    case 'sctp': return 'PROTO=132 '
    case 'ipip': return 'PROTO=4 '
  }
}

const TCP_FLAGS = ['urg', 'ack', 'psh', 'rst', 'syn', 'fin'] as const

function tcpText(packet: IpPacket, segment: TcpSegment, flags: LogFlags): string {
  const ports = `SPT=${segment.sourcePort} DPT=${segment.destinationPort} `
  const sequence = flags.tcpSequence ? `SEQ=${segment.sequence >>> 0} ACK=${segment.acknowledgement >>> 0} ` : ''
  const set = TCP_FLAGS.filter((name) => segment.flags[name]).map((name) => `${name.toUpperCase()} `).join('')
  return `${ports}${sequence}WINDOW=${segment.window} RES=0x00 ${set}URGP=0 ${flags.tcpOptions ? optionsText(packet) : ''}`
}

function optionsText(packet: IpPacket): string {
  const bytes = encodeIp(packet)
  const header = packet.version === 4 ? (bytes[0]! & 15) * 4 : 40
  const options = bytes.subarray(header + 20, header + (bytes[header + 12]! >> 4) * 4)
  return options.length === 0 ? '' : `OPT (${[...options].map(hex2).join('')}) `
}

function icmpText(packet: IpPacket, message: IcmpMessage, flags: LogFlags): string {
  const { type, code, about, mtu } = message
  const v4 = packet.version === 4
  const head = `TYPE=${type} CODE=${code} `
  if (message.id !== undefined) return `${head}ID=${message.id} SEQ=${message.sequence ?? 0} `
  if (!about) return head
  const inner = `[${about.version === 4 ? ipv4Text(about, flags) : ipv6Text(about, flags)}] `
  if (v4) return `${head}${inner}${type === 3 && code === 4 ? `MTU=${mtu ?? 0} ` : ''}`
  return `${head}${inner}${type === 2 ? `MTU=${mtu ?? 0} ` : ''}`
}
