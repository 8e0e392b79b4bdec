import type { Cluster, Process, Task } from '../../engine/cluster.ts'
import { byName } from '../../engine/own.ts'
import { JourneyCapture } from './capture.ts'
import { hopFault } from './fault.ts'
import { hopMatrix } from './matrix.ts'
import { hopNode } from './node.ts'
import { choicesOf, hopColumn, traceJson, traceText } from './print.ts'
import { hopTime } from './time.ts'
import { idlePolicies, traceJourney } from './trace.ts'
import { wrapped } from './wrap.ts'

const USAGE = `hop: the student's x-ray

  hop trace SRC DST [-o json|text] [--pcap FILE]   one connection: its way, hop by hop
  hop matrix [-n NS,…] --port 80/TCP [-o json]     every Pod to every Pod: allowed or denied, and by which policy
  hop node NODE [-- CMD …]                         a shell, or one command, on a node
  hop fault list|apply|clear                       break and mend: node-down, link-down, dns-down, mtu, …
  hop time [pause|resume|step|+30s]                virtual time
  hop explain REASON                               the page behind a hop or a drop

  SRC: NAMESPACE/POD, node/NAME, external[/IP], laptop
  DST: HOST:PORT[/tcp|udp|sctp], a URL, or an IP address for ICMP
  FILE: .pcapng has every interface, and with each packet what decided on it; any other name is written as .pcap
`

/** What `--help` of a verb says; those that are not here say it themselves. */
const HELP: Record<string, string> = byName({
  trace: `hop trace: one real connection, its way there and back, hop by hop

  hop trace SRC DST [-o json|text] [--pcap FILE]

  SRC      NAMESPACE/POD, node/NAME, external[/IP] or laptop
  DST      HOST:PORT[/tcp|udp|sctp], a URL, or an IP address for ICMP; IPv6 with a port: [2001:db8::1]:80
  -o       text (default) or json
  --pcap   the packets, for Wireshark: .pcapng has every interface, and with each packet what decided on it

  The exit code is 0 when it was delivered, 1 when it was not.
`,
  node: `hop node: a shell, or one command, on a node

  hop node NODE [-- CMD …]

  There are ip, iptables-save, nft, ipset, conntrack, tcpdump, crictl and more: hop node worker-1 -- ip route
  NODE can be outside, too: the router between the nodes and the outside, with FRR: hop node outside -- vtysh
`,
  time: `hop time: virtual time

  hop time             shows it
  hop time pause       holds it; hop time resume lets it go on
  hop time step        moves it to the next thing that happens
  hop time +30s        moves it on: +500ms, +30s, +5m20s, +2h, at most a day at once
`,
  explain: `hop explain: the page behind a hop or a drop

  hop explain REASON

  The reasons stand in the output of hop trace: (drop-no-route; see: hop explain drop-no-route)
`,
})

/** Registers `hop` (design 5.4). */
export function registerHop(cluster: Cluster): void {
  cluster.programs.register('hop', (self) => hop(cluster, self))
}

function* hop(cluster: Cluster, self: Process): Task<number> {
  const [verb, ...args] = self.argv.slice(1)
  const wanted = verb === 'help' ? args[0] : args[0] === '--help' || args[0] === '-h' ? verb : undefined
  const help = wanted === undefined ? undefined : HELP[wanted]
  if (help !== undefined) {
    yield* self.print(help)
    return 0
  }
  switch (verb) {
    case 'trace': return yield* trace(cluster, self, args)
    case 'node': return yield* hopNode(cluster, self, args)
    case 'time': return yield* hopTime(cluster, self, args)
    case 'matrix': return yield* hopMatrix(cluster, self, args)
    case 'fault': return yield* hopFault(cluster, self, args)
    case 'explain': return yield* explain(cluster, self, args)
    case 'help':
    case '--help':
    case '-h':
      yield* self.print(USAGE)
      return 0
    default:
      yield* self.printError(verb === undefined ? USAGE : `hop: unknown command "${verb}"\n${USAGE}`)
      return 2
  }
}

function* explain(cluster: Cluster, self: Process, args: readonly string[]): Task<number> {
  const [id, ...rest] = args
  if (id === undefined || rest.length > 0) {
    yield* self.printError('usage: hop explain REASON\n')
    return 2
  }
  const page = cluster.explain(id)
  if (page === undefined) {
    const fault = cluster.faults.available.find((f) => f.name === id)
    if (fault) {
      yield* self.printError(`hop: ${id} is a fault, and no reason: it ${fault.summary}; hop fault list has them all, hop fault apply ${fault.usage} brings it about\n`)
      return 1
    }
    yield* self.printError(`hop: there is no page "${id}"; the reasons stand in the output of hop trace\n`)
    return 1
  }
  yield* self.print(wrapped(page, self.terminalOf(1)?.columns))
  return 0
}

interface TraceOptions { source: string; destination: string; output: 'json' | 'text'; pcap?: string }

function parseTrace(args: readonly string[]): TraceOptions | { error: string } {
  const places: string[] = []
  let output = 'text'
  let pcap: string | undefined
  for (let i = 0; i < args.length; i++) {
    const [flag, inline] = args[i]!.startsWith('--') ? (args[i]!.split(/=(.*)/s) as [string, string?]) : [args[i]!, undefined]
    const value = (): string | undefined => inline ?? args[++i]
    if (flag === '-o' || flag === '--output') output = value() ?? ''
    else if (/^-o./.test(flag)) output = flag.slice(2)
    else if (flag === '--pcap') pcap = value() ?? ''
    else if (flag.startsWith('-')) return { error: `hop trace: unknown flag "${flag}"` }
    else places.push(flag)
  }
  if (output !== 'json' && output !== 'text') return { error: output === '' ? 'hop trace: -o needs a value: json or text' : `hop trace: -o ${output}: expected json or text` }
  if (pcap === '') return { error: 'hop trace: --pcap needs a file' }
  if (places.length > 2) return { error: `hop trace: unexpected argument "${places[2]}"; usage: hop trace SRC DST [-o json|text] [--pcap FILE]` }
  if (places.length < 2) return { error: 'usage: hop trace SRC DST [-o json|text] [--pcap FILE]' }
  return { source: places[0]!, destination: places[1]!, output, ...(pcap === undefined ? {} : { pcap }) }
}

/** How long the trace takes to begin, in virtual ms: what the command before it changed has reached the nodes by then. */
const START_UP = 50

function* trace(cluster: Cluster, self: Process, args: readonly string[]): Task<number> {
  const options = parseTrace(args)
  if ('error' in options) {
    yield* self.printError(`${options.error}\n`)
    return 2
  }
  yield* self.sleep(START_UP, { background: false })
  const capture = options.pcap === undefined ? undefined : new JourneyCapture(cluster)
  try {
    const result = yield* traceJourney(cluster, options.source, options.destination)
    if ('error' in result) {
      yield* self.printError(`${result.error}\n`)
      return result.error.startsWith('podhop: not simulated') ? 69 : 1
    }
    const choices = choicesOf(result.journey, cluster.networks())
    const idle = idlePolicies(cluster, result.journey)
    yield* self.print(options.output === 'json' ? traceJson(result.journey, choices, idle) : wrapped(traceText(result.journey, choices, idle), self.terminalOf(1)?.columns, hopColumn))
    if (capture) {
      try {
        self.fs.writeFile(self.resolve(options.pcap!), /\.pcapng$/i.test(options.pcap!) ? capture.pcapng(result.journey) : capture.pcap(result.journey))
      } catch (error) {
        yield* self.printError(`hop trace: --pcap ${options.pcap}: ${(error as Error).message}\n`)
        return 1
      }
    }
    return result.journey.verdict === 'delivered' ? 0 : 1
  } finally {
    capture?.stop()
  }
}
