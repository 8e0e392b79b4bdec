import type { ConntrackEntry, NetworkNamespace, Process, Task } from '../../engine/cluster.ts'
import { canonicalIp, capable, cidrContains, isValidIp, Signal } from '../../engine/cluster.ts'
import { byName } from '../../engine/own.ts'
import { CONNTRACK_HELP } from './conntrack-help.ts'
import { getopt } from './getopt.ts'

const LONG: Readonly<Record<string, string>> = {
  dump: 'L', delete: 'D', count: 'C', event: 'E', flush: 'F', stats: 'S', get: 'G', create: 'I', update: 'U', help: 'h', version: 'V', proto: 'p', protonum: 'p', src: 's', dst: 'd', sport: 'x', dport: 'y', 'orig-src': 's', 'orig-dst': 'd', 'orig-port-src': 'x', 'orig-port-dst': 'y',
  'reply-src': 'r', 'reply-dst': 'q', 'reply-port-src': '1', 'reply-port-dst': '2', state: '3', status: 'u', family: 'f', output: 'o', 'event-mask': 'e', mark: 'm', 'src-nat': 'n', 'dst-nat': 'g', 'any-nat': 'j', zone: 'w', timeout: 't', 'buffer-size': 'b', zero: 'z', label: 'l',
}
const NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1, sctp: 132, ipip: 4, icmpv6: 58 }
const STATES: Readonly<Record<string, readonly string[]>> = byName({
  tcp: ['NONE', 'SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT', 'CLOSE', 'LISTEN', 'SYN_SENT2'],
  sctp: ['NONE', 'CLOSED', 'COOKIE_WAIT', 'COOKIE_ECHOED', 'ESTABLISHED', 'SHUTDOWN_SENT', 'SHUTDOWN_RECV', 'SHUTDOWN_ACK_SENT', 'HEARTBEAT_SENT', 'HEARTBEAT_ACKED'],
})
const STATUS = ['ASSURED', 'SEEN_REPLY', 'UNSET', 'FIXED_TIMEOUT', 'EXPECTED', 'OFFLOAD', 'HW_OFFLOAD', 'UNREPLIED', 'SRC_NAT', 'DST_NAT']
const EVENTS = ['ALL', 'NEW', 'UPDATES', 'DESTROY']
const OUTPUTS = ['xml', 'extended', 'timestamp', 'id', 'ktimestamp', 'labels', 'userspace', 'save']

/** Options that some commands do not take, in the order in which conntrack looks at them. */
const ILLEGAL: readonly (readonly [string, string, string])[] = [
  ['s', 'src', 'CS'], ['d', 'dst', 'CS'], ['r', 'reply-src', 'CS'], ['q', 'reply-dst', 'CS'], ['p', 'protonum', 'CFS'], ['t', 'timeout', 'LCFSE'], ['u', 'status', 'CFS'],
  ['m', 'mark', 'CFS'], ['e', 'event-mask', 'LDGCFSIU'], ['b', 'buffer-size', 'LGCFS'], ['f', 'family', 'S'],
]

const NAME = 'conntrack v1.4.7 (conntrack-tools)'
/** Exit code 2, with the hint. */
class Refusal extends Error {}

/** conntrack(8), conntrack-tools 1.4.7. */
export function* conntrack(process: Process): Task<number> {
  try {
    return yield* run(process)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield* process.printError(`${NAME}: ${error.message}\nTry \`conntrack -h' or 'conntrack --help' for more information.\n`)
    return 2
  }
}

interface Output { extended: boolean; id: boolean; timestamp: boolean }

function* run(process: Process): Task<number> {
  const parsed = getopt(withoutAddress(process.argv.slice(1)), 'LDCEFSGIUhVp:s:d:x:y:r:q:u:f:n:o:e:m:g:j:w:t:b:zl:1:2:3:', LONG)
  if ('invalid' in parsed) throw new Refusal(`unknown option \`${parsed.invalid.startsWith('--') ? parsed.invalid : `-${parsed.invalid}`}'`)
  if ('missing' in parsed) throw new Refusal(`option \`${parsed.missing.length > 1 ? '--' : '-'}${parsed.missing}' requires an argument`)
  const value = (name: string): string | undefined => parsed.options.findLast((o) => o.name === name)?.value
  const commands = [...'LDCEFSGIUhV'].filter((c) => value(c) !== undefined)
  if (commands.length > 1) throw new Refusal('Invalid commands combination')
  const [command] = commands
  if (command === undefined || command === 'h') {
    yield* process.print(CONNTRACK_HELP)
    return 0
  }
  if (command === 'V') {
    yield* process.print(`${NAME}\n`)
    return 0
  }
  for (const [option, name, commands] of ILLEGAL) if (value(option) !== undefined && commands.includes(command)) throw new Refusal(`Illegal option \`--${name}' with this command`)
  if ((command === 'G' || command === 'I') && value('p') === undefined) throw new Refusal("You need to supply the `--protonum' option for this command")
  const missing = 'IU'.includes(command) ? `conntrack -${command} (use conntrack -L or -D)` : [...'wtzbl'].some((o) => value(o) !== undefined) ? `conntrack -${[...'wtzbl'].find((o) => value(o) !== undefined)} (use conntrack -L)` : undefined
  if (missing !== undefined) {
    yield* process.printError(`podhop: not simulated: ${missing}\n`)
    return 69
  }
  const [table] = parsed.operands
  if (table !== undefined && !['conntrack', 'expect', 'dying', 'unconfirmed'].includes(table)) throw new Refusal(`unknown type \`${table}'`)
  const matches = filterOf(value)
  const outputs = words(value('o'), OUTPUTS)
  if (outputs.includes('xml') || outputs.includes('save')) {
    yield* process.printError(`podhop: not simulated: conntrack -o ${outputs.includes('xml') ? 'xml' : 'save'} (use -o extended,id,timestamp)\n`)
    return 69
  }
  const output: Output = { extended: outputs.includes('extended'), id: outputs.includes('id'), timestamp: outputs.includes('timestamp') }
  const shown = words(value('e'), EVENTS)
  if (!capable(process, 'NET_ADMIN')) {
    yield* process.printError(command === 'E' ? `mnl_socket_bind: Operation not permitted\n${NAME}: Can't open netlink socket\n` : `${NAME}: Operation failed: sorry, you must be root or get CAP_NET_ADMIN capability to do this\n`)
    return 1
  }
  const all = process.network.netfilter.conntrack
  // nothing here expects connections, and none waits to be confirmed or to die
  const entries = (): readonly ConntrackEntry[] => (table === undefined || table === 'conntrack' ? all.list() : [])
  const line = (e: ConntrackEntry): string => conntrackLine(e, process.clock.now, output)
  const what = table === 'expect' ? 'expectations' : 'flow entries'
  switch (command) {
    case 'L': {
      const found = entries().filter(matches)
      yield* process.print(found.map(line).join(''))
      yield* process.printError(`${NAME}: ${found.length} ${what} have been shown.\n`)
      return 0
    }
    case 'G': {
      const found = entries().find(matches)
      if (!found) {
        yield* process.printError(`${NAME}: Operation failed: such conntrack doesn't exist\n`)
        return 1
      }
      yield* process.print(line(found))
      yield* process.printError(`${NAME}: 1 ${what} have been shown.\n`)
      return 0
    }
    case 'C':
      yield* process.print(`${entries().length}\n`)
      return 0
    case 'S':
      yield* process.printError('podhop: not simulated: conntrack -S (use conntrack -C, or hop trace for what is dropped)\n')
      return 69
    case 'F':
      if (table !== 'expect') all.remove(() => true)
      yield* process.printError(`${NAME}: ${table === 'expect' ? 'expectation' : 'connection tracking'} table has been emptied.\n`)
      return 0
    case 'D': {
      const gone = entries().filter(matches)
      yield* process.print(gone.map(line).join(''))
      if (gone.length > 0) all.remove(matches)
      yield* process.printError(`${NAME}: ${gone.length} ${what} have been deleted.\n`)
      return gone.length > 0 ? 0 : 1
    }
    default: return yield* events(process, matches, output, shown.length === 0 || shown.includes('ALL') ? EVENTS : shown)
  }
}

/** The address of -n, -g and -j may be left out. */
function withoutAddress(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => (/^(-[ngj]|--(src|dst|any)-nat)$/.test(arg) && !/^[\d.:]+$/.test(args[i + 1] ?? '') ? [arg, ''] : [arg]))
}

/** strtoul(3): what is no number is none. */
function numberOf(text: string): number {
  const digits = /^\s*(0x[0-9a-f]+|\d+)/i.exec(text)?.[1]
  return digits === undefined ? 0 : Number(/^0\d+$/.test(digits) ? `0o${digits.slice(1)}` : digits) >>> 0
}

/** Words of a list with commas, in any case. */
function words(text: string | undefined, known: readonly string[]): string[] {
  return text === undefined ? [] : text.split(',').map((word) => {
    const found = known.find((k) => k.toLowerCase() === word.toLowerCase())
    if (found === undefined) throw new Refusal(`Bad parameter \`${word}'`)
    return found
  })
}

function filterOf(value: (name: string) => string | undefined): (e: ConntrackEntry) => boolean {
  const tests: ((e: ConntrackEntry) => boolean)[] = []
  const [protocolText, family] = [value('p')?.toLowerCase(), value('f')]
  const protocol = protocolText === undefined ? undefined : (Object.entries(NUMBERS).find(([name, number]) => protocolText === name || protocolText === String(number) || (name === 'icmpv6' && protocolText === 'ipv6-icmp'))?.[0] ?? (/^\d+$/.test(protocolText) ? protocolText : undefined))
  if (protocolText !== undefined && (protocol === undefined || Number(protocol) > 255)) throw new Refusal(`\`${value('p')}' unsupported protocol`)
  if (protocol !== undefined) tests.push((e) => e.original.protocol === protocol)
  if (family !== undefined && family !== 'ipv4' && family !== 'ipv6') throw new Refusal(`\`${family}' unsupported protocol`)
  if (family !== undefined) tests.push((e) => e.original.source.includes(':') === (family === 'ipv6'))
  const address = (option: string, of: (e: ConntrackEntry) => string): void => {
    const text = value(option)
    if (text === undefined || text === '') return
    const [base, length, more] = text.split('/') as [string, string?, string?]
    if (!isValidIp(base) || more !== undefined || (length !== undefined && !(/^\d+$/.test(length) && Number(length) <= (base.includes(':') ? 128 : 32)))) throw new Refusal(`Invalid IP address \`${text}'`)
    tests.push((e) => (length === undefined ? of(e) === canonicalIp(base) : of(e).includes(':') === base.includes(':') && cidrContains(text, of(e))))
  }
  address('s', (e) => e.original.source)
  address('d', (e) => e.original.destination)
  address('r', (e) => e.reply.source)
  address('q', (e) => e.reply.destination)
  const port = (option: string, name: string, of: (e: ConntrackEntry) => number | undefined): void => {
    const text = value(option)
    if (text === undefined) return
    // ports and states are options of the protocol
    if (protocol === undefined || !['tcp', 'udp', 'sctp'].includes(protocol)) throw new Refusal(`unknown option \`--${name}'`)
    tests.push((e) => String(of(e)) === text)
  }
  port('x', 'sport', (e) => e.original.sourcePort)
  port('y', 'dport', (e) => e.original.destinationPort)
  port('1', 'reply-port-src', (e) => e.reply.sourcePort)
  port('2', 'reply-port-dst', (e) => e.reply.destinationPort)
  const state = value('3')
  if (state !== undefined) {
    const known = STATES[protocol ?? '']
    if (!known) throw new Refusal("unknown option `--state'")
    if (!known.includes(state)) throw new Refusal(`unknown ${protocol!.toUpperCase()} state \`${state}'`)
    tests.push((e) => e.tcpState === state)
  }
  // ICMP has no ports
  const ports = (e: ConntrackEntry): boolean => !e.original.protocol.startsWith('icmp')
  const source = (e: ConntrackEntry): boolean => e.original.source !== e.reply.destination || (ports(e) && e.original.sourcePort !== e.reply.destinationPort)
  const target = (e: ConntrackEntry): boolean => e.original.destination !== e.reply.source || (ports(e) && e.original.destinationPort !== e.reply.sourcePort)
  for (const status of words(value('u'), STATUS)) {
    tests.push((e) => (status === 'ASSURED' ? e.assured : status === 'SEEN_REPLY' ? e.seenReply : status === 'UNREPLIED' ? !e.seenReply : status === 'SRC_NAT' ? source(e) : status === 'DST_NAT' ? target(e) : false))
  }
  const mark = value('m')
  if (mark !== undefined) {
    const [wanted, mask = 0xffffffff] = mark.split('/').map((text) => numberOf(text)) as [number, number?]
    tests.push((e) => ((e.mark & mask) >>> 0) === wanted)
  }
  if (value('n') !== undefined) tests.push((e) => source(e) && (value('n') === '' || e.reply.destination === value('n')))
  if (value('g') !== undefined) tests.push((e) => target(e) && (value('g') === '' || e.reply.source === value('g')))
  if (value('j') !== undefined) tests.push((e) => source(e) || target(e))
  return (e) => tests.every((test) => test(e))
}

function* events(process: Process, matches: (e: ConntrackEntry) => boolean, output: Output, shown: readonly string[]): Task<number> {
  const lines: string[] = []
  const signal = new Signal()
  let ended = false
  let seen = 0
  process.onSignal('SIGINT', () => {
    ended = true
    signal.notify()
  })
  const names = { new: '    [NEW] ', update: ' [UPDATE] ', destroy: '[DESTROY] ' }
  const stop = process.network.netfilter.conntrack.onChange((event, entry) => {
    if (!shown.includes({ new: 'NEW', update: 'UPDATES', destroy: 'DESTROY' }[event]) || !matches(entry)) return
    seen++
    const at = process.clock.wall()
    const stamp = output.timestamp ? `[${Math.floor(at / 1000)}.${String(Math.floor((at % 1000) * 1000)).padStart(6, '0')}]\t` : ''
    lines.push(stamp + names[event] + conntrackLine(entry, process.clock.now, output))
    signal.notify()
  })
  try {
    while (!ended) {
      for (const line of lines.splice(0)) yield* process.print(line)
      yield signal.wait
    }
    yield* process.printError(`${NAME}: ${seen} flow events have been shown.\n`)
    return 0
  } finally {
    stop()
  }
}

/** All entries as `conntrack -L` lists them. */
export function printConntrack(network: NetworkNamespace): string {
  return network.netfilter.conntrack.list().map((e) => conntrackLine(e, network.clock.now)).join('')
}

function conntrackLine(e: ConntrackEntry, now: number, output?: Output): string {
  const { protocol } = e.original
  const left = Math.max(0, Math.ceil((e.expiresAt - now) / 1000))
  const tuple = (t: ConntrackEntry['original'], isReply: boolean): string =>
    protocol === 'icmp' || protocol === 'icmpv6'
      ? `src=${t.source} dst=${t.destination} type=${(protocol === 'icmp' ? [8, 0] : [128, 129])[isReply ? 1 : 0]} code=0 id=${t.sourcePort}`
      : protocol === 'ipip' ? `src=${t.source} dst=${t.destination}` : `src=${t.source} dst=${t.destination} sport=${t.sourcePort} dport=${t.destinationPort}`
  const state = e.tcpState ? `${e.tcpState} ` : ''
  // libnetfilter_conntrack knows no name for IP in IP
  const layer3 = output?.extended ? (e.original.source.includes(':') ? 'ipv6     10 ' : 'ipv4     2 ') : ''
  return `${layer3}${(protocol === 'ipip' ? 'unknown' : protocol).padEnd(8)} ${NUMBERS[protocol]} ${left} ${state}${tuple(e.original, false)} ${e.seenReply ? '' : '[UNREPLIED] '}${tuple(e.reply, true)} ${e.assured ? '[ASSURED] ' : ''}mark=${e.mark} use=1${output?.id ? ` id=${e.id}` : ''}\n`
}
