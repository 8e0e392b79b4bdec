/**
 * What a network namespace counts of its packets: the MIBs of RFC 1213, RFC 4293 and Linux (net/ipv4/proc.c), of IPv4, and
 * of TCP in both families. Made when the first packet comes, as most Pods of a large cluster see none.
 */
export class Counters {
  readonly ip = { inReceives: 0, inHdrErrors: 0, inAddrErrors: 0, forwDatagrams: 0, inDelivers: 0, outRequests: 0, outNoRoutes: 0, inNoRoutes: 0, fragOks: 0, fragFails: 0, fragCreates: 0, inOctets: 0, outOctets: 0 }
  /** By type. */
  readonly icmpIn: number[] = []
  readonly icmpOut: number[] = []
  readonly tcp = { activeOpens: 0, passiveOpens: 0, attemptFails: 0, estabResets: 0, inSegs: 0, outSegs: 0, retransSegs: 0, outRsts: 0 }
  readonly udp = { inDatagrams: 0, noPorts: 0, outDatagrams: 0 }
}

/** One more of that type. */
export function countIcmp(types: number[], type: number): void {
  types[type] = (types[type] ?? 0) + 1
}
