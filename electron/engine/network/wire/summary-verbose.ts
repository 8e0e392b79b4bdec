import { ipLength, transportLength } from '../packets.ts'
import type { IpPacket, NeighbourMessage } from '../types.ts'
import { macBytes } from './address-bytes.ts'
import { encodeIp } from './ip.ts'

/** What tcpdump 4.99.3 adds with -v: the header of IP (print-ip.c, print-ip6.c), checksums, options of neighbour discovery. */

const NAMES = { icmp: ['ICMP', 1], ipip: ['IPIP', 4], tcp: ['TCP', 6], udp: ['UDP', 17], sctp: ['SCTP', 132] } as const
const ECN = ['', ',ECT(1)', ',ECT(0)', ',CE'] as const

/** Ends with what separates it from the addresses: in IPv4 the next line. */
export function ipHead(packet: IpPacket): string {
  return packet.version === 4 ? head4(packet) : head6(packet)
}

function head4(packet: IpPacket): string {
  const { tos, ttl, identification, fragment, dontFragment, payload } = packet
  const [name, number] = NAMES[payload.kind]
  const flags = [...(fragment?.more ? ['+'] : []), ...(dontFragment ? ['DF'] : [])].join(', ') || 'none'
  const parts = [
    `tos 0x${tos.toString(16)}${ECN[tos & 3]!}`, ...(ttl >= 1 ? [`ttl ${ttl}`] : []), `id ${identification}`, `offset ${fragment?.offset ?? 0}`,
    `flags [${flags}]`, `proto ${name} (${number})`, `length ${ipLength(packet)}`,
  ]
  return `(${parts.join(', ')})\n    `
}

function head6(packet: IpPacket): string {
  const { tos, ttl, fragment, payload } = packet
  const [name, number] = fragment ? ['Fragment', 44] : payload.kind === 'icmp' ? ['ICMPv6', 58] : NAMES[payload.kind]
  return `(${tos ? `class 0x${tos.toString(16).padStart(2, '0')}, ` : ''}hlim ${ttl}, next-header ${name} (${number}) payload length: ${ipLength(packet) - 40}) `
}

/** ", cksum 0x1b2c (correct)": they are made here, and so are right; of fragments and packets cut short nothing is said. */
export function tcpChecksum(packet: IpPacket): string {
  const bytes = encodeIp(packet)
  const at = (packet.version === 4 ? 20 : 40) + 16
  return `, cksum 0x${((bytes[at]! << 8) | bytes[at + 1]!).toString(16).padStart(4, '0')} (correct)`
}

/** Options of a Neighbour Solicitation or Advertisement; with -vv their bytes, too. */
export function neighbourOptions({ mac }: NeighbourMessage, solicits: boolean, verbose: number): string {
  if (mac === undefined) return ''
  const line = `\n\t  ${solicits ? 'source link-address option (1)' : 'destination link-address option (2)'}, length 8 (1): ${mac}`
  if (verbose < 2) return line
  const hex = Array.from(macBytes(mac), (b) => b.toString(16).padStart(2, '0'))
  return `${line}\n\t    0x0000:  ${hex[0]}${hex[1]} ${hex[2]}${hex[3]} ${hex[4]}${hex[5]}`
}

export function neighbourFlags({ router, solicited, override }: NeighbourMessage): string {
  return [...(router ? ['router'] : []), ...(solicited ? ['solicited'] : []), ...(override ? ['override'] : [])].join(', ') || 'none'
}

/** Bytes of a quoted packet that an ICMP error has no room for. */
export function missing(quoted: IpPacket, room: number): number {
  return Math.max(0, 20 + transportLength(quoted.payload) - room)
}
