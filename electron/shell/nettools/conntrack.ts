import type { ConntrackEntry, Process, Task } from '../../engine/cluster.ts'
import { capable, Signal } from '../../engine/cluster.ts'
import { Failure, filterOf, Refusal, words, type Value } from './conntrack-filter.ts'
import { CONNTRACK_HELP } from './conntrack-help.ts'
import { conntrackLine, conntrackSaved, conntrackXml, XML_END, XML_HEAD, type Output } from './conntrack-print.ts'
import { changesOf, wishOf } from './conntrack-wish.ts'
import { getopt } from './getopt.ts'

const LONG: Readonly<Record<string, string>> = {
  dump: 'L', delete: 'D', count: 'C', event: 'E', flush: 'F', stats: 'S', get: 'G', create: 'I', update: 'U', help: 'h', version: 'V', proto: 'p', protonum: 'p', src: 's', dst: 'd', sport: 'x', dport: 'y', 'orig-src': 's', 'orig-dst': 'd', 'orig-port-src': 'x', 'orig-port-dst': 'y',
  'reply-src': 'r', 'reply-dst': 'q', 'reply-port-src': '1', 'reply-port-dst': '2', state: '3', status: 'u', family: 'f', output: 'o', 'event-mask': 'e', mark: 'm', 'src-nat': 'n', 'dst-nat': 'g', 'any-nat': 'j', zone: 'w', timeout: 't', 'buffer-size': 'b', zero: 'z', label: 'l',
  add: 'A', 'load-file': 'R', 'mask-src': '4', 'mask-dst': '5', 'icmp-type': '6', 'icmp-code': '7', 'icmp-id': '8', 'icmpv6-type': '6', 'icmpv6-code': '7', 'icmpv6-id': '8', 'orig-vtag': '9', 'reply-vtag': '0', srckey: 'K', dstkey: 'X', 'reply-key-src': 'Y', 'reply-key-dst': 'Z', role: 'P',
}
const EVENTS = ['ALL', 'NEW', 'UPDATES', 'DESTROY']
const OUTPUTS = ['xml', 'extended', 'timestamp', 'id', 'ktimestamp', 'labels', 'userspace', 'save']

/** Options that some commands do not take, in the order in which conntrack looks at them. */
const ILLEGAL: readonly (readonly [string, string, string])[] = [
  ['s', 'src', 'CS'], ['d', 'dst', 'CS'], ['r', 'reply-src', 'CS'], ['q', 'reply-dst', 'CS'], ['p', 'protonum', 'CFS'], ['t', 'timeout', 'LCFSE'], ['u', 'status', 'CFS'],
  ['m', 'mark', 'CFS'], ['e', 'event-mask', 'LDGCFSIU'], ['b', 'buffer-size', 'LGCFS'], ['f', 'family', 'S'],
]

const NEEDS_COMMAND: readonly (readonly [string, string])[] = [...ILLEGAL, ['o', 'output', ''] as const].map(([option, name]) => [option, name])

const NO_LABELS = 'nfct_labelmap_new: No such file or directory\n'
const NAME = 'conntrack v1.4.7 (conntrack-tools)'
/** conntrack(8), conntrack-tools 1.4.7. */
export function* conntrack(process: Process): Task<number> {
  try {
    return yield* run(process)
  } catch (error) {
    if (error instanceof Failure) {
      yield* process.printError(`${NAME}: ${error.message}\n`)
      return 1
    }
    if (!(error instanceof Refusal)) throw error
    yield* process.printError(`${NAME}: ${error.message}\nTry \`conntrack -h' or 'conntrack --help' for more information.\n`)
    return 2
  }
}

function* run(process: Process): Task<number> {
  const args = withoutAddress(process.argv.slice(1))
  // Letters that stand for long options here are none of its short ones.
  const stranger = args.find((arg) => /^-[0-9KXYZP]/.test(arg))
  if (stranger) throw new Refusal(`unknown option \`-${stranger[1]}'`)
  const parsed = getopt(args, 'LDCEFSGIUAR:hVp:s:d:x:y:r:q:u:f:n:o:e:m:g:j:w:t:b:zl:1:2:3:4:5:6:7:8:9:0:K:X:Y:Z:P:', LONG)
  if ('invalid' in parsed) throw new Refusal(`unknown option \`${parsed.invalid.startsWith('--') ? parsed.invalid : `-${parsed.invalid}`}'`)
  if ('missing' in parsed) throw new Refusal(`option \`${parsed.missing.length > 1 ? '--' : '-'}${parsed.missing}' requires an argument`)
  const value: Value = (name) => parsed.options.findLast((o) => o.name === name)?.value
  const commands = [...'LDCEFSGIUARhV'].filter((c) => value(c) !== undefined)
  if (commands.length > 1) throw new Refusal('Invalid commands combination')
  const [command] = commands
  if (command === undefined) {
    const [, name] = NEEDS_COMMAND.find(([option]) => value(option) !== undefined) ?? []
    if (name !== undefined) throw new Refusal(`Illegal option \`--${name}' with this command`)
  }
  if (command === undefined || command === 'h') {
    yield* process.print(CONNTRACK_HELP)
    return 0
  }
  if (command === 'V') {
    yield* process.print(`${NAME}\n`)
    return 0
  }
  for (const [option, name, commands] of ILLEGAL) if (value(option) !== undefined && commands.includes(command)) throw new Refusal(`Illegal option \`--${name}' with this command`)
  if ('GIA'.includes(command) && value('p') === undefined) throw new Refusal("You need to supply the `--protonum' option for this command")
  if (value('l') !== undefined) yield* process.printError(NO_LABELS)
  if (value('l') !== undefined) throw new Refusal(`unknown label '${value('l')}'`)
  const missing = [...'KXYZP'].some((o) => value(o) !== undefined) ? 'conntrack of GRE and DCCP (use -s and -d)' : undefined
  if (missing !== undefined) {
    yield* process.printError(`podhop: not simulated: ${missing}\n`)
    return 69
  }
  const table = command === 'R' ? undefined : tableOf(process.argv.slice(1), command)
  if (table !== undefined && !['conntrack', 'expect', 'dying', 'unconfirmed'].includes(table)) throw new Refusal(`unknown type \`${table}'`)
  // with -U they are what is set
  const matches = filterOf(command === 'U' ? (name) => ('mtu3'.includes(name) ? undefined : value(name)) : 'IAR'.includes(command) ? () => undefined : value)
  const outputs = words(value('o'), OUTPUTS)
  if (outputs.includes('save') && outputs.length > 1) throw new Failure('cannot combine save output with any other output type, use -o save only')
  const [xml, save] = [outputs.includes('xml'), outputs.includes('save')]
  if (command === 'E' && (xml || save)) {
    yield* process.printError(`podhop: not simulated: conntrack -E -o ${xml ? 'xml' : 'save'} (use -o extended,id,timestamp)\n`)
    return 69
  }
  if (outputs.includes('labels')) yield* process.printError(NO_LABELS)
  const output: Output = { extended: outputs.includes('extended'), id: outputs.includes('id'), timestamp: outputs.includes('timestamp'), xml, save }
  const shown = words(value('e'), EVENTS)
  if (!capable(process, 'NET_ADMIN')) {
    yield* process.printError(command === 'E' ? `mnl_socket_bind: Operation not permitted\n${NAME}: Can't open netlink socket\n` : `${NAME}: Operation failed: sorry, you must be root or get CAP_NET_ADMIN capability to do this\n`)
    return 1
  }
  const all = process.network.netfilter.conntrack
  // nothing here expects connections, and none waits to be confirmed or to die
  const entries = (): readonly ConntrackEntry[] => (table === undefined || table === 'conntrack' ? all.list() : [])
  const line = (e: ConntrackEntry, use = 1): string => (xml ? conntrackXml(e, process.clock.now, use) : save ? conntrackSaved(e, process.clock.now, command === 'D' ? 'D' : 'A') : conntrackLine(e, process.clock.now, output, use))
  const what = table === 'expect' ? 'expectations' : 'flow entries'
  switch (command) {
    case 'L': {
      const found = entries().filter(matches)
      yield* process.print((xml ? XML_HEAD : '') + found.map((e) => line(e)).join('') + (xml ? XML_END : ''))
      yield* process.printError(`${NAME}: ${found.length} ${what} have been shown.\n`)
      return 0
    }
    case 'G': {
      const found = entries().find(matches)
      if (!found) {
        yield* process.printError(`${NAME}: Operation failed: such conntrack doesn't exist\n`)
        return 1
      }
      yield* process.print((xml ? XML_HEAD : '') + line(found, 2) + (xml ? XML_END : ''))
      yield* process.printError(`${NAME}: 1 ${what} have been shown.\n`)
      return 0
    }
    case 'C':
      yield* process.print(`${entries().length}\n`)
      return 0
    case 'S': {
      const { invalid, insert, insertFailed, drop, clashResolve } = all.counts
      const row = (cpu: number, mine: boolean): string => `cpu=${String(cpu).padEnd(4)}\tfound=0 invalid=${mine ? invalid : 0} insert=${mine ? insert : 0} insert_failed=${mine ? insertFailed : 0} drop=${mine ? drop : 0} early_drop=0 error=0 search_restart=0 clash_resolve=${mine ? clashResolve : 0} chaintoolong=0 \n`
      // the first of the machine's two processors does all the work
      yield* process.print(row(0, true) + row(1, false))
      return 0
    }
    case 'I':
    case 'A': {
      const made = all.insert(wishOf(value))
      if (!made && command === 'I') throw new Failure('Operation failed: Such conntrack exists, try -U to update')
      yield* process.printError(`${NAME}: ${made ? 1 : 0} flow entries have been ${command === 'I' ? 'created' : 'added'}.\n`)
      return 0
    }
    case 'U': {
      const changes = changesOf(value)
      const found = [...'mtu3'].some((o) => value(o) !== undefined) ? entries().filter(matches) : []
      for (const entry of found) {
        all.change(entry, changes(entry.mark))
        yield* process.print(line(entry, 2))
      }
      yield* process.printError(`${NAME}: ${found.length} flow entries have been updated.\n`)
      return found.length > 0 ? 0 : 1
    }
    case 'R': {
      const path = process.resolve(value('R')!)
      if (!process.fs.exists(path)) throw new Refusal(`Failed to open file ${value('R')} for reading`)
      yield* process.printError('podhop: not simulated: conntrack -R (use conntrack -A, line by line)\n')
      return 69
    }
    case 'F':
      if (table !== 'expect') all.remove(() => true)
      yield* process.printError(`${NAME}: ${table === 'expect' ? 'expectation' : 'connection tracking'} table has been emptied.\n`)
      return 0
    case 'D': {
      const gone = entries().filter(matches)
      yield* process.print(gone.map((e) => line(e)).join(''))
      if (gone.length > 0) all.remove(matches)
      yield* process.printError(`${NAME}: ${gone.length} ${what} have been deleted.\n`)
      return gone.length > 0 ? 0 : 1
    }
    default: return yield* events(process, matches, output, shown.length === 0 || shown.includes('ALL') ? EVENTS : shown)
  }
}

/** The word behind the command's letter, if it is no option: getopt's optional argument. */
function tableOf(args: readonly string[], command: string): string | undefined {
  const at = args.findIndex((arg) => arg.startsWith('--') ? LONG[arg.slice(2)] === command : arg.startsWith('-') && arg.endsWith(command))
  const next = at < 0 ? undefined : args[at + 1]
  return next === undefined || next.startsWith('-') ? undefined : next
}

/** The address of -n, -g and -j may be left out. */
function withoutAddress(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => (/^(-[ngj]|--(src|dst|any)-nat)$/.test(arg) && !/^[\d.:]+$/.test(args[i + 1] ?? '') ? [arg, ''] : [arg]))
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
