import type { NetworkNamespace, Process, SocketInfo, Task } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'
import { serviceName } from './services.ts'
import { socketDetails, type DetailOptions } from './ss-details.ts'
import { parseSocketFilter, SocketFilterError, type SocketExpression } from './ss-filter.ts'
import { layOut } from './ss-table.ts'

export interface SocketFilter {
  tcp: boolean
  udp: boolean
  sctp?: boolean
  /** Listening and unconnected only. */
  listening: boolean
  all: boolean
  processes: boolean
  /** Ports as numbers, as -n; the inspector's are. */
  numeric?: boolean
  header?: boolean
  terminalWidth?: number | undefined
  /** -4, -6: by the socket's own family. */
  family?: 4 | 6
  /** Instead of what -a and -l say. */
  states?: ReadonlySet<string>
  matches?: (socket: SocketInfo) => boolean
  details?: Omit<DetailOptions, 'processes'>
}

const LONG = {
  sctp: 'S', tcp: 't', udp: 'u', listening: 'l', all: 'a', numeric: 'n', processes: 'p', summary: 's', help: 'h', version: 'V', 'no-header': 'H', ipv4: '4', ipv6: '6', extended: 'e', options: 'o', memory: 'm', info: 'i', resolve: 'r',
  oneline: 'O', raw: 'w', unix: 'x', packet: '0', kill: 'K', events: 'E', tos: '!', cgroup: '@', threads: 'T', bpf: 'b', context: 'Z', contexts: 'z', net: 'N', mptcp: 'M', dccp: 'd', family: 'f', query: 'A', socket: 'A', diag: 'D', filter: 'F',
  tipc: '"', tipcinfo: '"', vsock: '"', xdp: '"', 'inet-sockopt': '"',
}
const USAGE = `Usage: ss [ OPTIONS ]
       ss [ OPTIONS ] [ FILTER ]
   -h, --help          this message
   -V, --version       output version information
   -n, --numeric       don't resolve service names
   -r, --resolve       resolve host names
   -a, --all           display all sockets
   -l, --listening     display listening sockets
   -o, --options       show timer information
   -e, --extended      show detailed socket information
   -m, --memory        show socket memory usage
   -p, --processes     show process using socket
   -T, --threads       show thread using socket
   -i, --info          show internal TCP information
       --tipcinfo      show internal tipc socket information
   -s, --summary       show socket usage summary
       --tos           show tos and priority information
       --cgroup        show cgroup information
   -b, --bpf           show bpf filter socket information
   -E, --events        continually display sockets as they are destroyed
   -Z, --context       display task SELinux security contexts
   -z, --contexts      display task and socket SELinux security contexts
   -N, --net           switch to the specified network namespace name

   -4, --ipv4          display only IP version 4 sockets
   -6, --ipv6          display only IP version 6 sockets
   -0, --packet        display PACKET sockets
   -t, --tcp           display only TCP sockets
   -M, --mptcp         display only MPTCP sockets
   -S, --sctp          display only SCTP sockets
   -u, --udp           display only UDP sockets
   -d, --dccp          display only DCCP sockets
   -w, --raw           display only RAW sockets
   -x, --unix          display only Unix domain sockets
       --tipc          display only TIPC sockets
       --vsock         display only vsock sockets
       --xdp           display only XDP sockets
   -f, --family=FAMILY display sockets of type FAMILY
       FAMILY := {inet|inet6|link|unix|netlink|vsock|tipc|xdp|help}

   -K, --kill          forcibly close sockets, display what was closed
   -H, --no-header     Suppress header line
   -O, --oneline       socket's data printed on a single line
       --inet-sockopt  show various inet socket options

   -A, --query=QUERY, --socket=QUERY
       QUERY := {all|inet|tcp|mptcp|udp|raw|unix|unix_dgram|unix_stream|unix_seqpacket|packet|packet_raw|packet_dgram|netlink|dccp|sctp|vsock_stream|vsock_dgram|tipc|xdp}[,QUERY]

   -D, --diag=FILE     Dump raw information about TCP sockets to FILE
   -F, --filter=FILE   read filter information from FILE
       FILTER := [ state STATE-FILTER ] [ EXPRESSION ]
       STATE-FILTER := {all|connected|synchronized|bucket|big|TCP-STATES}
         TCP-STATES := {established|syn-sent|syn-recv|fin-wait-{1,2}|time-wait|closed|close-wait|last-ack|listening|closing}
          connected := {established|syn-sent|syn-recv|fin-wait-{1,2}|time-wait|close-wait|last-ack|closing}
       synchronized := {established|syn-recv|fin-wait-{1,2}|time-wait|close-wait|last-ack|closing}
             bucket := {syn-recv|time-wait}
                big := {established|syn-sent|fin-wait-{1,2}|closed|close-wait|last-ack|listening|closing}
`
const FAMILIES: Readonly<Record<string, string>> = { inet: '4', inet6: '6' }
/** -A's words for what there is here. */
const QUERIES: Readonly<Record<string, string>> = { tcp: 't', udp: 'u', sctp: 'S', inet: 'tuS', all: 'tuS' }
const EMPTY = new Set(['w', 'x', '0', 'M', 'd'])

/** ss(8), iproute2 6.1. */
export function* ss(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'tulanpsShV46HeomixO0wrKETbZzMdN:f:A:D:F:!@"', LONG)
  if ('invalid' in parsed || 'missing' in parsed) {
    const what = 'invalid' in parsed ? (parsed.invalid.startsWith('--') ? `unrecognized option '${parsed.invalid}'` : `invalid option -- '${parsed.invalid}'`) : parsed.missing.length > 1 ? `option '--${parsed.missing}' requires an argument` : `option requires an argument -- '${parsed.missing}'`
    yield* process.printError(`ss: ${what}\n${USAGE}`)
    return 255
  }
  const flags = new Set(parsed.options.map((o) => o.name))
  for (const { name, value } of parsed.options) {
    if (name === 'f' && Object.hasOwn(FAMILIES, value)) flags.add(FAMILIES[value]!)
    else if (name === 'A' && value.split(',').every((word) => Object.hasOwn(QUERIES, word))) for (const word of value.split(',')) for (const flag of QUERIES[word]!) flags.add(flag)
    else if ('fADFN'.includes(name)) {
      yield* process.printError(`podhop: not simulated: ss -${name} ${value} (use ss -t, -u, -S, -4 or -6, and an expression)\n`)
      return 69
    }
  }
  const has = (name: string): boolean => flags.has(name)
  const unsupported = [...'KErTbZz"'].find(has)
  if (unsupported) {
    yield* process.printError(`podhop: not simulated: ss ${unsupported === '"' ? 'of that kind of socket' : `-${unsupported}`} (use ss -tuanp, and watch for repeating it)\n`)
    return 69
  }
  if (has('h')) {
    yield* process.print(USAGE)
    return 0
  }
  if (has('V')) {
    yield* process.print('ss utility, iproute2-6.1.0\n')
    return 0
  }
  if (has('s')) {
    yield* process.print(summary(process.network))
    if (!['t', 'u', 'S', 'a', 'l'].some(has)) return 0
  }
  let filter: SocketExpression
  try {
    filter = parseSocketFilter(parsed.operands)
  } catch (error) {
    if (!(error instanceof SocketFilterError)) throw error
    yield* process.printError(error.message)
    return error.code
  }
  // kinds of sockets that nothing here opens: an empty table
  const other = [...EMPTY].some(has)
  const any = has('t') || has('u') || has('S') || other
  const kinds = { tcp: !any || has('t'), udp: !any || has('u'), sctp: !any || has('S') }
  const text = printSockets(process.network, {
    ...kinds, listening: has('l'), all: has('a'), processes: has('p'), numeric: has('n'), header: !has('H'), terminalWidth: process.terminalOf(1)?.columns,
    ...(has('4') !== has('6') ? { family: has('4') ? 4 : 6 } : {}), ...(filter.states ? { states: filter.states } : {}), matches: filter.matches,
    details: { extended: has('e'), timers: has('o') || has('e'), info: has('i'), memory: has('m'), tos: has('!'), cgroup: has('@'), oneLine: has('O') },
  }, process, has('x') || (other && [...EMPTY, 't', 'u', 'S'].filter(has).length > 1))
  yield* process.print(text)
  return 0
}

/** The table that `ss` prints; the inspector shows it, too. */
export function printSockets(network: NetworkNamespace, filter: SocketFilter, process?: Process, several = false): string {
  const idle = (s: SocketInfo): boolean => s.state === 'LISTEN' || s.state === 'UNCONN'
  const shown = network.sockets
    .list()
    .filter((s) => (s.protocol === 'tcp' ? filter.tcp : s.protocol === 'udp' ? filter.udp : filter.sctp))
    .filter((s) => filter.family === undefined || (s.localAddress.includes(':') || s.mapped === true) === (filter.family === 6))
    .filter((s) => filter.matches?.(s) ?? true)
    .filter((s) => filter.states?.has(s.state) ?? (filter.all || (filter.listening ? idle(s) : !idle(s) && s.state !== 'TIME-WAIT' && s.state !== 'SYN-RECV')))
    .sort((a, b) => (a.protocol === b.protocol ? 0 : a.protocol === 'udp' ? -1 : 1))
  const ephemeral = (network.sysctl('net.ipv4.ip_local_port_range') ?? '32768 60999').split(/\s+/).map(Number) as [number, number]
  const port = (n: number, { protocol }: SocketInfo): string => {
    if (n === 0) return '*'
    const named = filter.numeric !== false || protocol === 'sctp' || (n >= ephemeral[0] && n <= ephemeral[1]) ? undefined : serviceName(n, protocol)
    return named ?? String(n)
  }
  const options: DetailOptions = { ...(filter.details ?? { extended: false, timers: false, info: false, memory: false, tos: false, cgroup: false, oneLine: false }), processes: filter.processes }
  const rows = shown.map((s) => [
    s.protocol, s.state, String(s.receiveQueue).padEnd(6), String(s.sendQueue).padEnd(6),
    `${host(s.localAddress, s)}:`, port(s.localPort, s), `${host(s.remoteAddress, s)}:`, port(s.remotePort, s), socketDetails(process, s, options),
  ])
  return layOut(rows, {
    netid: several || [filter.tcp, filter.udp, filter.sctp].filter(Boolean).length > 1, state: filter.states === undefined ? filter.tcp || filter.listening || filter.all || filter.sctp === true || several : filter.states.size !== 1,
    header: filter.header ?? true, terminalWidth: filter.terminalWidth,
  })
}

/** A wildcard of IPv6 that takes IPv4 as well is "*". */
function host(address: string, { mapped, v6only }: SocketInfo): string {
  if (address === '::' && !v6only) return '*'
  return mapped ? `[::ffff:${address}]` : address.includes(':') ? `[${address}]` : address
}

function summary(network: NetworkNamespace): string {
  const tcp = network.sockets.list().filter((s) => s.protocol === 'tcp')
  const udp = network.sockets.list().filter((s) => s.protocol === 'udp')
  const established = tcp.filter((s) => s.state === 'ESTAB').length
  const waiting = tcp.filter((s) => s.state === 'TIME-WAIT').length
  const open = tcp.length - waiting
  const row = (name: string, n: number): string => `${name}\t  ${String(n).padEnd(9)} ${String(n).padEnd(9)} 0        \n`
  return `Total: ${open + udp.length}\nTCP:   ${tcp.length} (estab ${established}, closed ${waiting}, orphaned 0, timewait ${waiting})\n\nTransport Total     IP        IPv6\n${row('RAW', 0)}${row('UDP', udp.length)}${row('TCP', open)}${row('INET', open + udp.length)}${row('FRAG', 0)}\n`
}
