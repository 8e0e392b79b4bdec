import { capable, nftTraceText, Signal, xtablesTraceText, type Process, type Task, type TraceStep } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'

/** Prints what `text` makes of each step of packets' ways through the rules, until it is interrupted. */
function* followPackets(process: Process, text: (step: TraceStep) => string | undefined): Task<number> {
  const lines: string[] = []
  const signal = new Signal()
  let ended = false
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.onSignal(name, () => {
      ended = true
      signal.notify()
    })
  }
  const stop = process.network.netfilter.tracing.listen((step) => {
    const line = text(step)
    if (line === undefined) return
    lines.push(line)
    signal.notify()
  })
  try {
    while (!ended) {
      yield* process.print(lines.splice(0).join(''))
      yield signal.wait
    }
    return 0
  } finally {
    stop()
  }
}

/** `nft monitor [EVENT] [OBJECT] [FORMAT]`, of which `trace` is simulated. Rules that iptables wrote stand behind a "#", as what nft cannot write does. */
export function* nftMonitor(process: Process, words: readonly string[]): Task<number> {
  const [event] = words
  if (event !== undefined && !EVENTS.has(event)) {
    yield* process.printError(`Error: invalid event ${event}\nmonitor ${words.join(' ')}\n        ${'^'.repeat(event.length)}\n`)
    return 1
  }
  if (event !== 'trace' || words.length > 1) {
    yield* process.printError(`podhop: not simulated: nft monitor${words.map((w) => ` ${w}`).join('')} (use nft monitor trace, or watch nft list ruleset)\n`)
    return 69
  }
  return yield* followPackets(process, (step) => nftTraceText(step, step.tool === 'nft' ? undefined : step.rule && `# ${step.rule.text()}`))
}

const EVENTS = new Set(['new', 'destroy', 'trace', 'tables', 'chains', 'sets', 'rules', 'elements', 'ruleset', 'json', 'xml', 'vm'])

const NAME = 'xtables-monitor'
const VERSION = `${NAME} 1.8.9`
const HELP = `${VERSION} (nf_tables)
Usage: ${NAME} [ -t | -e ]
        --trace    -t    trace ruleset traversal of packets tagged via -j TRACE rule
        --event    -e    show events that modify the ruleset
Optional arguments:
        --ipv4     -4    only monitor IPv4
        --ipv6     -6    only monitor IPv6
	--counters -c    show counters in rules
`

/** xtables-monitor(8) of iptables 1.8.9: where packets that -j TRACE has marked go in iptables' tables. */
export function* xtablesMonitor(process: Process): Task<number> {
  const read = getopt(process.argv.slice(1), 'tec46hV', { trace: 't', event: 'e', counters: 'c', ipv4: '4', ipv6: '6', help: 'h', version: 'V' })
  if ('text' in read) {
    yield* process.printError(`${NAME}: ${read.text}\n${VERSION}: Bad argument.\nTry \`${NAME} -h' for more information.\n`)
    return 2
  }
  const has = (name: string): boolean => read.options.some((o) => o.name === name)
  if (has('V')) {
    yield* process.print(`${VERSION}\n`)
    return 0
  }
  if (has('h') || (!has('t') && !has('e'))) {
    yield* process.print(HELP)
    return 0
  }
  if (!capable(process, 'NET_ADMIN')) {
    yield* process.printError(`${NAME} v1.8.9 (nf_tables): cannot open nfnetlink socket: Operation not permitted\n`)
    return 1
  }
  if (has('e')) {
    yield* process.printError(`podhop: not simulated: ${NAME} --event (use watch iptables-save)\n`)
    return 69
  }
  const only = has('4') && !has('6') ? 4 : has('6') && !has('4') ? 6 : undefined
  return yield* followPackets(process, (step) => (step.tool === 'nft' || (only !== undefined && step.packet.version !== only) ? undefined : xtablesTraceText(step)))
}
