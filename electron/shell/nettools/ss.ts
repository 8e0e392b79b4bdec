import type { NetworkNamespace, Process, SocketInfo, Task } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'
import { parseSocketFilter, SocketFilterError, type SocketExpression } from './ss-filter.ts'

export interface SocketFilter {
  tcp: boolean
  udp: boolean
  sctp?: boolean
  /** Listening and unconnected only. */
  listening: boolean
  all: boolean
  processes: boolean
  /** -4, -6: by the socket's own family. */
  family?: 4 | 6
  /** Instead of what -a and -l say. */
  states?: ReadonlySet<string>
  matches?: (socket: SocketInfo) => boolean
}

const LONG = { sctp: 'S', tcp: 't', udp: 'u', listening: 'l', all: 'a', numeric: 'n', processes: 'p', summary: 's', help: 'h', 'no-header': 'H', ipv4: '4', ipv6: '6', extended: 'e', options: 'o', memory: 'm', info: 'i', resolve: 'r', oneline: 'O', raw: 'w', unix: 'x', packet: '0', kill: 'K', events: 'E' }

/** ss(8), iproute2 6.1. */
export function* ss(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'tulanpsSh46HeomixO0wrKE', LONG)
  if ('invalid' in parsed || 'missing' in parsed) {
    const what = 'invalid' in parsed ? parsed.invalid : parsed.missing
    yield* process.printError(`ss: ${what.startsWith('--') ? `unrecognized option '${what}'` : `invalid option -- '${what}'`}\nUsage: ss [ OPTIONS ]\n       ss [ OPTIONS ] [ FILTER ]\n`)
    return 255
  }
  const has = (name: string): boolean => parsed.options.some((o) => o.name === name)
  const unsupported = [...'eimx0wrKE'].find(has)
  if (unsupported) {
    yield* process.printError(`podhop: not simulated: ss -${unsupported} (use ss -tuanp and grep)\n`)
    return 69
  }
  if (has('h')) {
    yield* process.print('Usage: ss [ OPTIONS ]\n       ss [ OPTIONS ] [ FILTER ]\n       -n numeric  -l listening  -a all  -t tcp  -u udp  -p processes  -s summary  -H no header\n       FILTER := [ state STATE-FILTER ] [ EXPRESSION ]\n')
    return 0
  }
  if (has('s')) {
    yield* process.print(summary(process.network))
    return 0
  }
  let filter: SocketExpression
  try {
    filter = parseSocketFilter(parsed.operands)
  } catch (error) {
    if (!(error instanceof SocketFilterError)) throw error
    yield* process.printError(error.message)
    return error.code
  }
  const any = has('t') || has('u') || has('S')
  const text = printSockets(process.network, {
    tcp: !any || has('t'), udp: !any || has('u'), sctp: !any || has('S'), listening: has('l'), all: has('a'), processes: has('p'), ...(has('4') !== has('6') ? { family: has('4') ? 4 : 6 } : {}),
    ...(filter.states ? { states: filter.states } : {}), matches: filter.matches,
  })
  yield* process.print(has('H') ? text.split('\n').slice(1).join('\n') : text)
  return 0
}

/** The table that `ss` prints; the inspector shows it, too. */
export function printSockets(network: NetworkNamespace, filter: SocketFilter): string {
  const idle = (s: SocketInfo): boolean => s.state === 'LISTEN' || s.state === 'UNCONN'
  const shown = network.sockets
    .list()
    .filter((s) => (s.protocol === 'tcp' ? filter.tcp : s.protocol === 'udp' ? filter.udp : filter.sctp))
    .filter((s) => filter.family === undefined || (s.localAddress.includes(':') || s.mapped === true) === (filter.family === 6))
    .filter((s) => filter.matches?.(s) ?? true)
    .filter((s) => filter.states?.has(s.state) ?? (filter.all || (filter.listening ? idle(s) : !idle(s) && s.state !== 'TIME-WAIT' && s.state !== 'SYN-RECV')))
    .sort((a, b) => (a.protocol === b.protocol ? 0 : a.protocol === 'udp' ? -1 : 1))
  const netid = [filter.tcp, filter.udp, filter.sctp].filter(Boolean).length > 1
  const stateShown = filter.states === undefined || filter.states.size !== 1
  const rows = shown.map((s) => ({
    netid: s.protocol,
    state: s.state,
    receive: String(s.receiveQueue),
    send: String(s.state === 'LISTEN' ? Math.max(s.sendQueue, 0) : s.sendQueue),
    local: host(s.localAddress, s),
    localPort: port(s.localPort),
    peer: host(s.remoteAddress, s),
    peerPort: port(s.remotePort),
    process: filter.processes && s.owner ? `users:(("${s.owner.program}",pid=${s.owner.pid},fd=3))` : '',
  }))
  const width = (head: string, values: string[]): number => Math.max(head.length, ...values.map((v) => v.length))
  const w = {
    netid: width('Netid', rows.map((r) => r.netid)),
    state: width('State', rows.map((r) => r.state)),
    receive: width('Recv-Q', rows.map((r) => r.receive)),
    send: width('Send-Q', rows.map((r) => r.send)),
    local: width('Local Address', rows.map((r) => r.local)),
    localPort: width('Port', rows.map((r) => r.localPort)),
    peer: width('Peer Address', rows.map((r) => r.peer)),
    peerPort: width('Port', rows.map((r) => r.peerPort)),
  }
  const line = (netidText: string, state: string, receive: string, send: string, local: string, localPort: string, peer: string, peerPort: string, process: string): string =>
    (netid ? `${netidText.padEnd(w.netid)} ` : '') +
    (stateShown ? `${state.padEnd(w.state)} ` : '') +
    `${receive.padEnd(w.receive)} ${send.padEnd(w.send)} ${local.padStart(w.local)}:${localPort.padEnd(w.localPort)} ${peer.padStart(w.peer)}:${peerPort.padEnd(w.peerPort)}${process}\n`
  return (
    line('Netid', 'State', 'Recv-Q', 'Send-Q', 'Local Address', 'Port', 'Peer Address', 'Port', 'Process') +
    rows.map((r) => line(r.netid, r.state, r.receive, r.send, r.local, r.localPort, r.peer, r.peerPort, r.process || '')).join('')
  )
}

/** A wildcard of IPv6 that takes IPv4 as well is "*". */
function host(address: string, { mapped, v6only }: SocketInfo): string {
  if (address === '::' && !v6only) return '*'
  return mapped ? `[::ffff:${address}]` : address.includes(':') ? `[${address}]` : address
}

const port = (n: number): string => (n === 0 ? '*' : String(n))

function summary(network: NetworkNamespace): string {
  const tcp = network.sockets.list().filter((s) => s.protocol === 'tcp')
  const udp = network.sockets.list().filter((s) => s.protocol === 'udp')
  const established = tcp.filter((s) => s.state === 'ESTAB').length
  const waiting = tcp.filter((s) => s.state === 'TIME-WAIT').length
  const open = tcp.length - waiting
  const row = (name: string, n: number): string => `${name}\t  ${String(n).padEnd(9)} ${String(n).padEnd(9)} 0        \n`
  return `Total: ${open + udp.length}\nTCP:   ${tcp.length} (estab ${established}, closed ${waiting}, orphaned 0, timewait ${waiting})\n\nTransport Total     IP        IPv6\n${row('RAW', 0)}${row('UDP', udp.length)}${row('TCP', open)}${row('INET', open + udp.length)}${row('FRAG', 0)}\n`
}
