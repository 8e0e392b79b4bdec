import type { ConntrackTuple, IpPacket } from '../../types.ts'

/**
 * The two ends of a connection as one direction's packets show them. For ICMP, `sourcePort` is the echo id and
 * `destinationPort` is type * 256 + code, as the kernel keeps them in the same place.
 */

/** ICMP queries and the answers that they get (nf_conntrack_proto_icmp.c, invmap). */
const ICMP_ANSWERS: ReadonlyMap<number, number> = new Map([[8, 0], [0, 8], [13, 14], [14, 13], [15, 16], [16, 15], [17, 18], [18, 17]])

/** Undefined for packets that belong to no connection: ICMP that is neither query nor answer. */
export function tupleOf(packet: IpPacket): ConntrackTuple | undefined {
  const { source, destination, payload } = packet
  if (payload.kind === 'ipip') return { source, destination, sourcePort: 0, destinationPort: 0, protocol: 'ipip' }
  if (payload.kind !== 'icmp') {
    return { source, destination, sourcePort: payload.sourcePort, destinationPort: payload.destinationPort, protocol: payload.kind }
  }
  if (!ICMP_ANSWERS.has(payload.type)) return undefined
  return { source, destination, sourcePort: payload.id ?? 0, destinationPort: payload.type * 256 + payload.code, protocol: 'icmp' }
}

export function invert(tuple: ConntrackTuple): ConntrackTuple {
  const { source, destination, sourcePort, destinationPort, protocol } = tuple
  if (protocol !== 'icmp') {
    return { source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort, protocol }
  }
  const answer = ICMP_ANSWERS.get(destinationPort >> 8) ?? 0
  return { source: destination, destination: source, sourcePort, destinationPort: answer * 256 + (destinationPort & 255), protocol }
}

export function keyOf(tuple: ConntrackTuple): string {
  return `${tuple.protocol} ${tuple.source} ${tuple.sourcePort} ${tuple.destination} ${tuple.destinationPort}`
}

export function isIcmpError(packet: IpPacket): boolean {
  const payload = packet.payload
  return payload.kind === 'icmp' && payload.about !== undefined && [3, 4, 5, 11, 12].includes(payload.type)
}
