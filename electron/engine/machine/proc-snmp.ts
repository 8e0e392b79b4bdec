import type { NetworkNamespace } from '../network/types.ts'

/** /proc/net/snmp and /proc/net/netstat of Linux 6.1 (net/ipv4/proc.c): for each MIB a line of names and a line of numbers. */

type Row = readonly [name: string, value: number]

const table = (title: string, rows: readonly Row[]): string => `${title}: ${rows.map(([name]) => name).join(' ')}\n${title}: ${rows.map(([, value]) => value).join(' ')}\n`

/** RFC 792's types by the names of their counters. */
const ICMP_TYPES: readonly (readonly [name: string, type: number])[] = [
  ['DestUnreachs', 3], ['TimeExcds', 11], ['ParmProbs', 12], ['SrcQuenchs', 4], ['Redirects', 5], ['Echos', 8], ['EchoReps', 0], ['Timestamps', 13], ['TimestampReps', 14], ['AddrMasks', 17], ['AddrMaskReps', 18],
]

const sum = (counts: readonly number[]): number => counts.reduce((all, n) => all + (n ?? 0), 0)

export function snmp(network: NetworkNamespace): string {
  const { ip, icmpIn, icmpOut, tcp, udp } = network.counters
  const established = network.sockets.list().filter((s) => s.protocol === 'tcp' && (s.state === 'ESTAB' || s.state === 'CLOSE-WAIT')).length
  const types = (direction: string, counts: readonly number[]): Row[] => ICMP_TYPES.map(([name, type]) => [`${direction}${name}`, counts[type] ?? 0])
  const messages = (direction: string, counts: readonly number[]): Row[] => counts.flatMap((n, type) => (n > 0 ? [[`${direction}Type${type}`, n] as const] : []))
  const byType = [...messages('In', icmpIn), ...messages('Out', icmpOut)]
  return (
    table('Ip', [
      ['Forwarding', network.sysctl('net.ipv4.ip_forward') === '1' ? 1 : 2], ['DefaultTTL', Number(network.sysctl('net.ipv4.ip_default_ttl') ?? 64)], ['InReceives', ip.inReceives], ['InHdrErrors', ip.inHdrErrors], ['InAddrErrors', ip.inAddrErrors], ['ForwDatagrams', ip.forwDatagrams],
      ['InUnknownProtos', 0], ['InDiscards', 0], ['InDelivers', ip.inDelivers], ['OutRequests', ip.outRequests], ['OutDiscards', 0], ['OutNoRoutes', ip.outNoRoutes], ['ReasmTimeout', 0], ['ReasmReqds', 0], ['ReasmOKs', 0], ['ReasmFails', 0], ['FragOKs', ip.fragOks], ['FragFails', ip.fragFails], ['FragCreates', ip.fragCreates],
    ]) +
    table('Icmp', [['InMsgs', sum(icmpIn)], ['InErrors', 0], ['InCsumErrors', 0], ...types('In', icmpIn), ['OutMsgs', sum(icmpOut)], ['OutErrors', 0], ...types('Out', icmpOut)]) +
    (byType.length > 0 ? table('IcmpMsg', byType) : '') +
    table('Tcp', [
      ['RtoAlgorithm', 1], ['RtoMin', 200], ['RtoMax', 120_000], ['MaxConn', -1], ['ActiveOpens', tcp.activeOpens], ['PassiveOpens', tcp.passiveOpens], ['AttemptFails', tcp.attemptFails], ['EstabResets', tcp.estabResets], ['CurrEstab', established],
      ['InSegs', tcp.inSegs], ['OutSegs', tcp.outSegs], ['RetransSegs', tcp.retransSegs], ['InErrs', 0], ['OutRsts', tcp.outRsts], ['InCsumErrors', 0],
    ]) +
    table('Udp', [['InDatagrams', udp.inDatagrams], ['NoPorts', udp.noPorts], ['InErrors', 0], ['OutDatagrams', udp.outDatagrams], ...(['RcvbufErrors', 'SndbufErrors', 'InCsumErrors', 'IgnoredMulti', 'MemErrors'] as const).map((name) => [name, 0] as const)]) +
    table('UdpLite', ['InDatagrams', 'NoPorts', 'InErrors', 'OutDatagrams', 'RcvbufErrors', 'SndbufErrors', 'InCsumErrors', 'IgnoredMulti', 'MemErrors'].map((name) => [name, 0]))
  )
}

/** Of TcpExt only what is known here: Linux's fast paths, its prunings and reorderings are not those of this TCP. */
export function netstat(network: NetworkNamespace): string {
  const { ip } = network.counters
  return (
    table('TcpExt', [['SyncookiesSent', 0], ['SyncookiesRecv', 0], ['SyncookiesFailed', 0]]) +
    table('IpExt', [
      ['InNoRoutes', ip.inNoRoutes], ...(['InTruncatedPkts', 'InMcastPkts', 'OutMcastPkts', 'InBcastPkts', 'OutBcastPkts'] as const).map((name) => [name, 0] as const), ['InOctets', ip.inOctets], ['OutOctets', ip.outOctets],
      ...(['InMcastOctets', 'OutMcastOctets', 'InBcastOctets', 'OutBcastOctets', 'InCsumErrors'] as const).map((name) => [name, 0] as const), ['InNoECTPkts', ip.inReceives], ...(['InECT1Pkts', 'InECT0Pkts', 'InCEPkts', 'ReasmOverlaps'] as const).map((name) => [name, 0] as const),
    ])
  )
}
