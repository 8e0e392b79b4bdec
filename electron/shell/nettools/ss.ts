import { decodeUtf8, type NetworkNamespace, type Process, type SocketInfo, type Task } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'
import { nameOfAddress } from './names.ts'
import { serviceName } from './services.ts'
import { socketDetails, type DetailOptions } from './ss-details.ts'
import { parseSocketFilter, SocketFilterError } from './ss-filter.ts'
import { SocketSelection } from './ss-selection.ts'
import { layOut } from './ss-table.ts'

export interface SocketFilter {
  selection: SocketSelection
  processes: boolean
  /** Ports as numbers, as -n; the inspector's are. */
  numeric?: boolean
  header?: boolean
  terminalWidth?: number | undefined
  matches?: (socket: SocketInfo) => boolean
  details?: Omit<DetailOptions, 'processes'>
}

const LONG = {
  numeric: 'n', resolve: 'r', options: 'o', extended: 'e', memory: 'm', info: 'i', processes: 'p', threads: 'T', bpf: 'b', events: 'E', dccp: 'd', tcp: 't', sctp: 'S', udp: 'u', raw: 'w', unix: 'x', tipc: '"', vsock: '%', all: 'a', listening: 'l', ipv4: '4', ipv6: '6',
  packet: '0', family: 'f', socket: 'A', query: 'A', summary: 's', diag: 'D', filter: 'F', version: 'V', help: 'h', context: 'Z', contexts: 'z', net: 'N', tipcinfo: '$', tos: '!', cgroup: '@', kill: 'K', 'no-header': 'H', xdp: '&', mptcp: 'M', oneline: 'O', 'inet-sockopt': '#',
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
/** What is asked for and cannot be. */
const NOT_SIMULATED: Readonly<Record<string, string>> = { K: 'ss -K (end the program, or its Pod)', E: 'ss -E (repeat ss with watch)', T: 'ss -T (use -p)', '#': 'ss --inet-sockopt (use -e)', D: 'ss -D (use ss -tanoie)' }

/** ss(8), iproute2 6.1. */
export function* ss(process: Process): Task<number> {
  const fail = function* (text: string, code: number): Task<number> {
    yield* process.printError(text)
    return code
  }
  const parsed = getopt(process.argv.slice(1), 'tulanpsShvV46HeomixO0wrKETbZzMdN:f:A:D:F:!@"%$&#', LONG)
  if ('text' in parsed) return yield* fail(`ss: ${parsed.text}\n${USAGE}`, 255)
  const selection = new SocketSelection()
  let network = process.network
  let lines = ''
  for (const { name, value } of parsed.options) {
    switch (name) {
      case 'f':
        if (value === 'help') {
          yield* process.print(USAGE)
          return 0
        }
        if (!selection.family(value)) return yield* fail(`ss: "${value}" is invalid family\n${USAGE}`, 255)
        break
      case 'A': {
        const wrong = selection.query(value)
        if (wrong !== undefined) return yield* fail(`ss: "${wrong}" is illegal socket table id\n${USAGE}`, 255)
        break
      }
      case 'F': {
        const path = process.resolve(value)
        if (value.startsWith('-')) lines = decodeUtf8(yield* process.readAll())
        else if (!process.fs.exists(path)) return yield* fail('fopen filter file: No such file or directory\n', 255)
        else lines = process.fs.readText(path)
        break
      }
      case 'N': {
        const named = process.machine.netns?.get(value)
        if (!named) return yield* fail(`Cannot open network namespace "${value}": No such file or directory\n`, 1)
        network = named
        break
      }
      case 'Z': case 'z': return yield* fail('ss: SELinux is not enabled.\n', 1)
      case 'v': case 'V':
        yield* process.print('ss utility, iproute2-6.1.0\n')
        return 0
      case 'h':
        yield* process.print(USAGE)
        return 0
      default: selection.option(name)
    }
  }
  const has = (name: string): boolean => parsed.options.some((o) => o.name === name)
  const missing = Object.keys(NOT_SIMULATED).find(has)
  if (missing !== undefined) return yield* fail(`podhop: not simulated: ${NOT_SIMULATED[missing]}\n`, 69)
  if (has('s')) {
    yield* process.print(summary(network))
    if (selection.isDefault && parsed.operands.length === 0) return 0
  }
  try {
    const words = [...parsed.operands]
    while (words[0] === 'state' || words[0] === 'exclude' || words[0] === 'excl') {
      const verb = words.shift()!
      const name = words.shift()
      if (name === undefined) return yield* fail('Command line is not complete. Try option "help"\n', 255)
      selection.state(name, verb === 'state')
    }
    const nothing = selection.settle()
    if (nothing !== undefined) return yield* fail(`ss: no ${nothing} to show with such filter.\n`, 0)
    if (selection.tables.size === 1 && selection.tables.has('netlink')) return yield* fail('podhop: not simulated: ss of netlink sockets (use ss -tuanp)\n', 69)
    const fromFile = lines.split('\n').filter((line) => !/^[#0]/.test(line))
    const matches = parseSocketFilter([...words, ...fromFile], selection, (name) => network.links.get(name)?.index, USAGE)
    const text = printSockets(network, {
      selection, matches, processes: has('p'), numeric: has('n'), header: !has('H'), terminalWidth: process.terminalOf(1)?.columns,
      details: { extended: has('e'), timers: has('o') || has('e') || has('b'), info: has('i'), memory: has('m'), tos: has('!'), cgroup: has('@'), oneLine: has('O'), numeric: has('n') },
    }, process, has('r') ? yield* namesOf(process, network) : undefined)
    yield* process.print(text)
    return 0
  } catch (error) {
    if (!(error instanceof SocketFilterError)) throw error
    return yield* fail(error.message, error.code)
  }
}

/** -r: every address of a socket, looked up. */
function* namesOf(process: Process, network: NetworkNamespace): Task<Map<string, string | undefined>> {
  const names = new Map<string, string | undefined>()
  for (const s of network.sockets.list()) for (const address of [s.localAddress, s.remoteAddress]) if (address !== '0.0.0.0' && address !== '::') yield* nameOfAddress(process, address, names)
  return names
}

/** The table that `ss` prints; the inspector shows it, too. */
export function printSockets(network: NetworkNamespace, filter: SocketFilter, process?: Process, names?: ReadonlyMap<string, string | undefined>): string {
  const { selection } = filter
  const shown = network.sockets
    .list()
    .filter((s) => selection.takes(s) && (filter.matches?.(s) ?? true))
    .sort((a, b) => (a.protocol === b.protocol ? 0 : a.protocol === 'udp' ? -1 : 1))
  const ephemeral = (network.sysctl('net.ipv4.ip_local_port_range') ?? '32768 60999').split(/\s+/).map(Number) as [number, number]
  const port = (n: number, { protocol }: SocketInfo): string => {
    if (n === 0) return '*'
    const named = filter.numeric !== false || protocol === 'sctp' || (n >= ephemeral[0] && n <= ephemeral[1]) ? undefined : serviceName(n, protocol)
    return named ?? String(n)
  }
  const end = (address: string, s: SocketInfo): string => {
    const name = names?.get(address)
    return name === undefined ? host(address, s) : name
  }
  const options: DetailOptions = { ...(filter.details ?? { extended: false, timers: false, info: false, memory: false, tos: false, cgroup: false, oneLine: false }), processes: filter.processes }
  const rows = shown.map((s) => [
    s.protocol, s.state, String(s.receiveQueue).padEnd(6), String(s.sendQueue).padEnd(6),
    `${end(s.localAddress, s)}:`, port(s.localPort, s), `${end(s.remoteAddress, s)}:`, port(s.remotePort, s), socketDetails(process, s, options),
  ])
  return layOut(rows, { netid: selection.tables.size > 1, state: selection.states.size > 1, header: filter.header ?? true, terminalWidth: filter.terminalWidth })
}

/** A wildcard of IPv6 that takes IPv4 as well is "*". */
function host(address: string, { mapped, v6only }: SocketInfo): string {
  if (address === '::' && !v6only) return '*'
  return mapped ? `[::ffff:${address}]` : address.includes(':') ? `[${address}]` : address
}

function summary(network: NetworkNamespace): string {
  const list = network.sockets.list()
  const tcp = list.filter((s) => s.protocol === 'tcp')
  const waiting = tcp.filter((s) => s.state === 'TIME-WAIT').length
  const six = (s: SocketInfo): boolean => s.mapped === true || s.localAddress.includes(':')
  const row = (name: string, sockets: readonly SocketInfo[]): string => {
    const [all, v6] = [sockets.length, sockets.filter(six).length]
    return `${name}\t  ${[all, all - v6, v6].map((n) => String(n).padEnd(9)).join(' ')}\n`
  }
  const open = tcp.filter((s) => s.state !== 'TIME-WAIT')
  const udp = list.filter((s) => s.protocol === 'udp')
  return `Total: ${open.length + udp.length}\nTCP:   ${tcp.length} (estab ${tcp.filter((s) => s.state === 'ESTAB' || s.state === 'CLOSE-WAIT').length}, closed ${waiting}, orphaned 0, timewait ${waiting})\n\nTransport Total     IP        IPv6\n${row('RAW', [])}${row('UDP', udp)}${row('TCP', open)}${row('INET', [...udp, ...open])}${row('FRAG', [])}\n`
}
