import type { ConntrackEntry, NetworkNamespace, Process, Task } from '../../engine/cluster.ts'
import { capable, Signal } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'

const LONG = { dump: 'L', delete: 'D', count: 'C', event: 'E', flush: 'F', proto: 'p', src: 's', dst: 'd', sport: 'x', dport: 'y', 'orig-src': 's', 'orig-dst': 'd', 'orig-port-src': 'x', 'orig-port-dst': 'y', 'reply-src': 'r', 'reply-dst': 'q', state: 'u' }

const NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1, sctp: 132, ipip: 4, icmpv6: 58 }

/** conntrack(8), conntrack-tools 1.4.7. */
export function* conntrack(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'LDCEFp:s:d:x:y:r:q:u:f:no:', LONG)
  if ('invalid' in parsed || 'missing' in parsed) {
    yield* process.printError(`conntrack v1.4.7 (conntrack-tools): Bad parameter\nTry \`conntrack -h' or 'conntrack --help' for more information.\n`)
    return 2
  }
  const value = (name: string): string | undefined => parsed.options.find((o) => o.name === name)?.value
  const command = [...'LDCEF'].find((c) => value(c) !== undefined)
  if (command === undefined) {
    yield* process.printError("conntrack v1.4.7 (conntrack-tools): You need to supply parameters\nTry `conntrack -h' or 'conntrack --help' for more information.\n")
    return 2
  }
  const matches = (e: ConntrackEntry): boolean =>
    (value('f') === undefined || e.original.source.includes(':') === (value('f') === 'ipv6')) &&
    (value('p') === undefined || e.original.protocol === value('p')) &&
    (value('s') === undefined || e.original.source === value('s')) &&
    (value('d') === undefined || e.original.destination === value('d')) &&
    (value('x') === undefined || String(e.original.sourcePort) === value('x')) &&
    (value('y') === undefined || String(e.original.destinationPort) === value('y')) &&
    (value('r') === undefined || e.reply.source === value('r')) &&
    (value('q') === undefined || e.reply.destination === value('q')) &&
    (value('u') === undefined || e.tcpState === value('u'))
  if (!capable(process, 'NET_ADMIN')) {
    yield* process.printError(
      command === 'E'
        ? "mnl_socket_bind: Operation not permitted\nconntrack v1.4.7 (conntrack-tools): Can't open netlink socket\n"
        : 'conntrack v1.4.7 (conntrack-tools): Operation failed: sorry, you must be root or get CAP_NET_ADMIN capability to do this\n',
    )
    return 1
  }
  const table = process.network.netfilter.conntrack
  const now = process.clock.now
  switch (command) {
    case 'L': {
      const entries = table.list().filter(matches)
      yield* process.print(entries.map((e) => conntrackLine(e, now)).join(''))
      yield* process.printError(`conntrack v1.4.7 (conntrack-tools): ${entries.length} flow entries have been shown.\n`)
      return 0
    }
    case 'C':
      yield* process.print(`${table.list().length}\n`)
      return 0
    case 'F':
      table.remove(() => true)
      yield* process.printError('conntrack v1.4.7 (conntrack-tools): connection tracking table has been emptied.\n')
      return 0
    case 'D': {
      const gone = table.list().filter(matches)
      yield* process.print(gone.map((e) => conntrackLine(e, now)).join(''))
      table.remove(matches)
      yield* process.printError(`conntrack v1.4.7 (conntrack-tools): ${gone.length} flow entries have been deleted.\n`)
      return gone.length > 0 ? 0 : 1
    }
    default: return yield* events(process, matches)
  }
}

function* events(process: Process, matches: (e: ConntrackEntry) => boolean): Task<number> {
  const lines: string[] = []
  const signal = new Signal()
  let ended = false
  process.onSignal('SIGINT', () => {
    ended = true
    signal.notify()
  })
  const names = { new: '    [NEW] ', update: ' [UPDATE] ', destroy: '[DESTROY] ' }
  const stop = process.network.netfilter.conntrack.onChange((event, entry) => {
    if (!matches(entry)) return
    lines.push(names[event] + conntrackLine(entry, process.clock.now))
    signal.notify()
  })
  try {
    while (!ended) {
      for (const line of lines.splice(0)) yield* process.print(line)
      yield signal.wait
    }
    return 0
  } finally {
    stop()
  }
}

/** All entries as `conntrack -L` lists them. */
export function printConntrack(network: NetworkNamespace): string {
  return network.netfilter.conntrack.list().map((e) => conntrackLine(e, network.clock.now)).join('')
}

function conntrackLine(e: ConntrackEntry, now: number): string {
  const { protocol } = e.original
  const left = Math.max(0, Math.ceil((e.expiresAt - now) / 1000))
  const tuple = (t: ConntrackEntry['original'], isReply: boolean): string =>
    protocol === 'icmp' || protocol === 'icmpv6'
      ? `src=${t.source} dst=${t.destination} type=${(protocol === 'icmp' ? [8, 0] : [128, 129])[isReply ? 1 : 0]} code=0 id=${t.sourcePort}`
      : protocol === 'ipip' ? `src=${t.source} dst=${t.destination}` : `src=${t.source} dst=${t.destination} sport=${t.sourcePort} dport=${t.destinationPort}`
  const state = e.tcpState ? `${e.tcpState} ` : ''
  // libnetfilter_conntrack knows no name for IP in IP
  return `${(protocol === 'ipip' ? 'unknown' : protocol).padEnd(8)} ${NUMBERS[protocol]} ${left} ${state}${tuple(e.original, false)} ${e.seenReply ? '' : '[UNREPLIED] '}${tuple(e.reply, true)} ${e.assured ? '[ASSURED] ' : ''}mark=${e.mark} use=1\n`
}
