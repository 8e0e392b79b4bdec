import { SystemError, capable, decodeUtf8, type Process, type Task } from '../../../engine/cluster.ts'
import { runOn } from '../../nodetools/run-on.ts'
import { address } from './address.ts'
import { Answer, Elsewhere, netnsOf, notSimulated, Refusal, type Options } from './common.ts'
import { coloured } from './colour.ts'
import { HELP, USAGE } from './help.ts'
import { OTHERS_HELP } from './help-others.ts'
import { link } from './link.ts'
import { maddress } from './maddress.ts'
import { netconf } from './netconf.ts'
import { monitor, type MonitorOptions } from './monitor.ts'
import { netns, open } from './netns.ts'
import { neighbour } from './neighbour.ts'
import { route } from './route.ts'
import { rule } from './rule.ts'
import { tunnel } from './tunnel.ts'
import { untouched } from './untouched.ts'

/** ip(8), iproute2 6.1: address, link, route, rule, neighbour, netns, monitor; words may be cut short as with the real one. */
const OBJECTS = ['address', 'link', 'route', 'neighbour', 'neighbor', 'rule', 'netns', 'help', 'monitor', 'tunnel', 'maddress', 'netconf', 'xfrm'] as const
/** Which the real one has, too. */
const OTHERS = ['addrlabel', 'amt', 'fou', 'ila', 'ioam', 'l2tp', 'macsec', 'mptcp', 'mroute', 'mrule', 'nexthop', 'ntable', 'ntbl', 'sr', 'stats', 'tap', 'tcpmetrics', 'tcp_metrics', 'token', 'tuntap', 'vrf']
/** Which are empty as long as nobody adds to them. */
const EMPTY = ['nexthop', 'mroute', 'tuntap', 'tap']

/** The kernel's own (net/ipv6/addrlabel.c), which cannot be changed here. */
const ADDRESS_LABELS = ['::1/128 label 0', '::/96 label 3', '::ffff:0.0.0.0/96 label 4', '2001::/32 label 6', '2001:10::/28 label 7', '3ffe::/16 label 12', '2002::/16 label 2', 'fec0::/10 label 11', 'fc00::/7 label 5', '::/0 label 1'].map((row) => `prefix ${row} \n`).join('')

export function* ip(process: Process): Task<number> {
  return yield* once(process, process.argv.slice(1))
}

function* once(process: Process, args: string[]): Task<number> {
  try {
    const output = run(process, args)
    if (output) yield* process.print(output)
    return 0
  } catch (error) {
    if (error instanceof Batch) return yield* batch(process, error)
    if (error instanceof Everywhere) return yield* everywhere(process, error.argv)
    if (error instanceof Elsewhere) return yield* elsewhere(process, error)
    if (error instanceof Monitor) return yield* watched(process, error)
    if (error instanceof Answer) {
      yield* process.printError(error.warning)
      yield* process.print(error.message)
      return 0
    }
    if (error instanceof Refusal) {
      yield* process.printError(error.message)
      return error.code
    }
    if (error instanceof SystemError) {
      yield* process.printError(`RTNETLINK answers: ${error.message}\n`)
      return 2
    }
    throw error
  }
}

/** -batch: each line of a file as a command, with the options of the first. */
class Batch extends Error {
  readonly file: string
  readonly options: readonly string[]
  readonly force: boolean
  constructor(file: string, options: readonly string[], force: boolean) {
    super('batch')
    this.file = file
    this.options = options
    this.force = force
  }
}

function* batch(process: Process, { file, options, force }: Batch): Task<number> {
  const path = process.resolve(file)
  if (file !== '-' && (!process.fs.exists(path) || process.fs.stat(path).type === 'directory')) {
    yield* process.printError(`Cannot open file "${file}" for reading: No such file or directory\n`)
    return 1
  }
  const text = file === '-' ? decodeUtf8(yield* process.readAll(0)) : process.fs.readText(path)
  let code = 0
  let number = 0
  // a line that ends with a backslash goes on
  for (const line of text.replace(/\\\n/g, () => (number++, ' ')).split('\n')) {
    number++
    const words = Array.from(line.replace(/(^|\s)#.*$/, '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g), (m) => m[1] ?? m[2] ?? m[3]!)
    if (words.length === 0) continue
    if ((yield* once(process, [...options, ...words])) === 0) continue
    yield* process.printError(`Command failed ${file}:${number}\n`)
    code = 1
    if (!force) return code
  }
  return code
}

/** `ip -all netns exec`: in each of them, one after the other. */
class Everywhere extends Error {
  readonly argv: string[]
  constructor(argv: string[]) {
    super('everywhere')
    this.argv = argv
  }
}

function* everywhere(process: Process, argv: string[]): Task<number> {
  for (const { name, network } of process.machine.netns?.list() ?? []) {
    yield* process.print(`\nnetns: ${name}\n`)
    yield* elsewhere(process, new Elsewhere(network, argv))
  }
  return 0
}

/** What goes on until a signal. */
class Monitor extends Error {
  readonly args: string[]
  readonly options: MonitorOptions
  constructor(args: string[], options: MonitorOptions) {
    super('monitor')
    this.args = args
    this.options = options
  }
}

function* watched(process: Process, { args, options }: Monitor): Task<number> {
  try {
    return yield* monitor(process, process.network, args, options)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield* process.printError(error.message)
    return error.code
  }
}

function* elsewhere(process: Process, { network, argv }: Elsewhere): Task<number> {
  try {
    return yield* runOn(process, process.machine, { argv, cwd: process.cwd, env: process.env, user: process.user, inside: { network, ...(process.capabilities ? { capabilities: process.capabilities } : {}) } })
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    yield* process.printError(`exec of "${argv[0]}" failed: ${error.message}\n`)
    return 1
  }
}

function run(process: Process, args: string[]): string {
  const options: MonitorOptions = {
    oneLine: false, brief: false, details: false, statistics: false, json: false, pretty: false, mayChange: capable(process, 'NET_ADMIN'),
    netns: (word) => netnsOf(process, word),
    netnsName: (network) => process.machine.netns?.list().find((n) => n.network === network)?.name,
  }
  let [colours, force, all] = [false, false, false]
  let [human, iec] = [false, false]
  const given = [...args]
  while (args[0]?.startsWith('-')) {
    const [flag, value] = args.shift()!.replace(/^--?/, '').split(/=(.*)/s) as [string, string?]
    const is = (word: string, least = 1): boolean => flag.length >= least && word.startsWith(flag)
    if (is('loops')) args.shift()
    else if (is('family')) familyOption(options, args.shift() ?? '')
    else if (flag === '4') options.family = 4
    else if (flag === '6') options.family = 6
    else if (flag === '0' || flag === 'B' || flag === 'M') throw notSimulated(`ip -${flag}`, 'use ip -4, ip -6 or none')
    else if (is('human', 1) || is('human-readable')) human = true
    else if (flag === 'iec') iec = true
    else if (is('statistics') || is('stats')) {
      options.errors = options.statistics
      options.statistics = true
    } else if (is('details')) options.details = true
    else if (is('force', 2)) force = true
    else if (is('resolve') || is('echo')) continue
    else if (is('oneline')) options.oneLine = true
    else if (is('timestamp')) options.timestamp = 'long'
    else if (is('tshort', 2)) options.timestamp = 'short'
    else if (is('Version')) return 'ip utility, iproute2-6.1.0, libbpf 1.1.2\n'
    else if (is('batch')) throw new Batch(args[0] ?? '-', given.slice(0, given.length - args.length - 1).filter((o) => !/^-{1,2}fo/.test(o)), force)
    else if (is('brief', 2)) options.brief = true
    else if (is('json')) options.json = true
    else if (is('pretty')) options.pretty = true
    else if (is('rcvbuf', 2)) args.shift()
    else if (is('color')) {
      if (value !== undefined && !['always', 'auto', 'never'].includes(value)) throw new Refusal(`Option "-${flag}=${value}" is unknown, try "ip -help".\n`, 255)
      colours = value === undefined || value === 'always' || (value === 'auto' && process.terminalOf(1) !== undefined)
    } else if (is('help')) throw new Refusal(USAGE, 255)
    else if (is('netns')) throw new Elsewhere(open(process, args.shift() ?? '', 255), ['ip', ...args])
    else if (is('Numeric')) options.numeric = true
    else if (is('all')) all = true
    else throw new Refusal(`Option "-${flag}" is unknown, try "ip -help".\n`, 255)
  }
  if (human) options.human = iec ? 'Ki' : 'k'
  if (all && 'netns'.startsWith(args[0] ?? '-') && 'exec'.startsWith(args[1] ?? '-')) {
    if (args.length < 3) throw new Refusal('No command specified\n', 1)
    throw new Everywhere(args.slice(2))
  }
  const text = onObject(process, args, options)
  return colours && !options.json ? coloured(text) : text
}

function familyOption(options: Options, word: string): void {
  if (word === 'inet' || word === 'inet6') options.family = word === 'inet' ? 4 : 6
  else if (['link', 'bridge', 'mpls'].includes(word)) throw notSimulated(`ip -family ${word}`, 'use inet or inet6')
  else throw new Refusal(`Error: argument "${word}" is wrong: invalid protocol family\n`, 255)
}

function onObject(process: Process, args: string[], options: MonitorOptions): string {
  const word = args.shift()
  if (word === undefined) throw new Refusal(USAGE, 255)
  const object = word === 'a' ? 'address' : OBJECTS.find((o) => o.startsWith(word))
  const help = HELP[object?.startsWith('neigh') ? 'neigh' : (object ?? '')]
  if (help !== undefined && args[0] === 'help') throw new Refusal(help, 255)
  const { network } = process
  const plain = untouched(word, args)
  if (plain) {
    if ('usage' in plain) throw new Refusal(plain.usage, 255)
    return plain.text
  }
  switch (object) {
    case 'address': return address(network, args, options)
    case 'link': return link(network, args, options)
    case 'route': return route(process, args, options)
    case 'neighbour':
    case 'neighbor': return neighbour(network, args, options)
    case 'rule': return rule(process, args, options)
    case 'netns': return netns(process, args)
    case 'tunnel': return tunnel(network, args, options)
    case 'maddress': return maddress(network, args, options)
    case 'netconf': return netconf(network, args, options)
    case 'monitor': throw new Monitor(args, options)
    case 'help': throw new Refusal(USAGE, 255)
    case undefined:
      if (args[0] === 'help' && OTHERS_HELP[OTHERS.find((o) => o.startsWith(word)) ?? ''] !== undefined) throw new Refusal(OTHERS_HELP[OTHERS.find((o) => o.startsWith(word))!]!, 255)
      // of these there is nothing here, and nothing is what they show
      if (EMPTY.some((o) => o.startsWith(word)) && (args.length === 0 || 'show'.startsWith(args[0]!) || 'list'.startsWith(args[0]!))) {
        if (args[1] === 'id') throw new SystemError('ENOENT')
        return options.json && 'nexthop'.startsWith(word) ? (options.pretty ? '[ ]\n' : '[]\n') : ''
      }
      if ('vrf'.startsWith(word) && (args.length === 0 || (args.length === 1 && ('show'.startsWith(args[0]!) || 'list'.startsWith(args[0]!))))) return 'Name              Table\n-----------------------\nNo VRF has been configured\n'
      if (args.length === 0 || 'show'.startsWith(args[0]!) || 'list'.startsWith(args[0]!)) {
        if ('token'.startsWith(word) && word !== 't') return [...network.links.values()].filter((l) => l.kind !== 'loopback').map((l) => `token :: dev ${l.name}\n`).join('')
        if ('addrlabel'.startsWith(word)) return ADDRESS_LABELS
      }
      if (OTHERS.some((o) => o.startsWith(word))) throw notSimulated(`ip ${word}`, 'use ip address, link, route, rule, neighbour, netns or monitor')
      throw new Refusal(`Object "${word}" is unknown, try "ip help".\n`, 1)
    default: throw new Refusal(`podhop: not simulated: ip ${object} (use ip address, link, route, rule, neighbour, netns or monitor)\n`, 69)
  }
}
