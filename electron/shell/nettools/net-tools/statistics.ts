import type { Process } from '../../../engine/cluster.ts'

/** Words with the number for "%": always, only if there were any, or in a histogram of ICMP's. */
type Telling = readonly [text: string, kind?: 'optional' | 'input' | 'output']

/** statistics.c of net-tools 2.10. Counters with an empty text are not told. */
const TABLES: Readonly<Record<string, { of?: 'raw' | 'tcp' | 'udp'; tellings: Readonly<Record<string, Telling>> }>> = {
  Ip: { of: 'raw', tellings: {
    DefaultTTL: [''], ForwDatagrams: ['% forwarded'], FragCreates: ['% fragments created', 'optional'], FragFails: ['% outgoing packets failed fragmentation', 'optional'], FragOKs: ['% outgoing packets fragmented ok', 'optional'], InAddrErrors: ['% with invalid addresses', 'optional'],
    InDelivers: ['% incoming packets delivered'], InDiscards: ['% incoming packets discarded'], InHdrErrors: ['% with invalid headers', 'optional'], InReceives: ['% total packets received'], InUnknownProtos: ['% with unknown protocol', 'optional'],
    OutDiscards: ['% outgoing packets dropped', 'optional'], OutNoRoutes: ['% dropped because of missing route', 'optional'], OutRequests: ['% requests sent out'], ReasmFails: ['% packet reassemblies failed', 'optional'], ReasmOKs: ['% packets reassembled ok', 'optional'], ReasmReqds: ['% reassemblies required', 'optional'], ReasmTimeout: ['% fragments dropped after timeout', 'optional'],
  } },
  Icmp: { of: 'raw', tellings: {
    InDestUnreachs: ['destination unreachable: %', 'input'], InEchoReps: ['echo replies: %', 'input'], InEchos: ['echo requests: %', 'input'], InErrors: ['% input ICMP message failed'], InMsgs: ['% ICMP messages received'], InParmProbs: ['wrong parameters: %', 'input'], InRedirects: ['redirects: %', 'input'], InTimeExcds: ['timeout in transit: %', 'input'],
    OutDestUnreachs: ['destination unreachable: %', 'output'], OutEchoReps: ['echo replies: %', 'output'], OutEchos: ['echo requests: %', 'output'], OutErrors: ['% ICMP messages failed'], OutMsgs: ['% ICMP messages sent'], OutRedirects: ['redirect: %', 'output'], OutTimeExcds: ['time exceeded: %', 'output'],
  } },
  Tcp: { of: 'tcp', tellings: {
    ActiveOpens: ['% active connection openings'], AttemptFails: ['% failed connection attempts'], CurrEstab: ['% connections established'], EstabResets: ['% connection resets received'], InErrs: ['% bad segments received'], InSegs: ['% segments received'], MaxConn: [''], OutRsts: ['% resets sent'], OutSegs: ['% segments sent out'],
    PassiveOpens: ['% passive connection openings'], RetransSegs: ['% segments retransmitted'], RtoAlgorithm: [''], RtoMax: [''], RtoMin: [''],
  } },
  Udp: { of: 'udp', tellings: { InDatagrams: ['% packets received'], InErrors: ['% packet receive errors'], NoPorts: ['% packets to unknown port received'], OutDatagrams: ['% packets sent'], RcvbufErrors: ['% receive buffer errors'], SndbufErrors: ['% send buffer errors'] } },
  TcpExt: { of: 'tcp', tellings: { SyncookiesFailed: ['% invalid SYN cookies received', 'optional'], SyncookiesRecv: ['% SYN cookies received', 'optional'], SyncookiesSent: ['% SYN cookies sent', 'optional'] } },
}

/** netstat -s: what /proc/net/snmp and /proc/net/netstat say, in words. */
export function statistics(process: Process, wanted: ReadonlySet<'raw' | 'tcp' | 'udp'>): string {
  const lines = ['/proc/net/snmp', '/proc/net/netstat'].flatMap((path) => process.fs.readText(path).trimEnd().split('\n'))
  let text = ''
  // the histogram that was told of last: what has no words is told as if it belonged to it
  let histogram: 'input' | 'output' | undefined
  const indent = (): string => (histogram === undefined ? '    ' : '        ')
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [title, names] = lines[i]!.split(/: (.*)/) as [string, string]
    const table = TABLES[title]
    if (table?.of && !wanted.has(table.of)) {
      histogram = undefined
      continue
    }
    if (table?.of) histogram = undefined
    text += `${title}:\n`
    const values = lines[i + 1]!.split(' ').slice(1)
    for (const [at, name] of names.split(' ').entries()) {
      const value = values[at]!
      const telling = table?.tellings[name]
      if (!telling) {
        if (value !== '0') text += `${indent()}${name}: ${value}\n`
        continue
      }
      const [words, kind] = telling
      if (words === '') continue
      const [before, now] = [histogram, kind === 'input' || kind === 'output' ? kind : undefined]
      if (now !== undefined && now !== before) text += `${indent()}ICMP ${now} histogram:\n`
      histogram = now
      if (kind === undefined || value !== '0') text += `${indent()}${words.replace('%', value)}\n`
    }
  }
  return text
}
