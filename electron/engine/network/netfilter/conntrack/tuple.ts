import type { ConntrackTuple, IpPacket } from '../../types.ts'

/**
 * The two ends of a connection as one direction's packets show them. For ICMP, `sourcePort` is the echo id and
 * `destinationPort` is type * 256 + code, as the kernel keeps them in the same place.
 */

/** ICMP queries and the answers that they get (nf_conntrack_proto_icmp.c, invmap). */
const ICMP_ANSWERS: ReadonlyMap<number, number> = new Map([[8, 0], [0, 8], [13, 14], [14, 13], [15, 16], [16, 15], [17, 18], [18, 17]])
/** ICMPv6's (nf_conntrack_proto_icmpv6.c). */
const ICMP6_ANSWERS: ReadonlyMap<number, number> = new Map([[128, 129], [129, 128], [139, 140], [140, 139]])

/** Undefined for packets that belong to no connection: ICMP that is neither query nor answer. */
export function tupleOf(packet: IpPacket): ConntrackTuple | undefined {
  const { source, destination, payload } = packet
  if (payload.kind === 'ipip') return { source, destination, sourcePort: 0, destinationPort: 0, protocol: 'ipip' }
  if (payload.kind !== 'icmp') {
    return { source, destination, sourcePort: payload.sourcePort, destinationPort: payload.destinationPort, protocol: payload.kind }
  }
  const v6 = packet.version === 6
  if (!(v6 ? ICMP6_ANSWERS : ICMP_ANSWERS).has(payload.type)) return undefined
  return { source, destination, sourcePort: payload.id ?? 0, destinationPort: payload.type * 256 + payload.code, protocol: v6 ? 'icmpv6' : 'icmp' }
}

export function invert(tuple: ConntrackTuple): ConntrackTuple {
  const { source, destination, sourcePort, destinationPort, protocol } = tuple
  if (protocol !== 'icmp' && protocol !== 'icmpv6') {
    return { source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort, protocol }
  }
  const answer = (protocol === 'icmp' ? ICMP_ANSWERS : ICMP6_ANSWERS).get(destinationPort >> 8) ?? 0
  return { source: destination, destination: source, sourcePort, destinationPort: answer * 256 + (destinationPort & 255), protocol }
}

export function isIcmpError(packet: IpPacket): boolean {
  const payload = packet.payload
  return payload.kind === 'icmp' && payload.about !== undefined && (packet.version === 6 ? payload.type < 128 : [3, 4, 5, 11, 12].includes(payload.type))
}

/** Neighbour Discovery and multicast listeners belong to no connection (icmpv6_error). */
export function isLinkMessage(packet: IpPacket): boolean {
  const { payload } = packet
  return packet.version === 6 && payload.kind === 'icmp' && ((payload.type >= 130 && payload.type <= 137) || payload.type === 143)
}
