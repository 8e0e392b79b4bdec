import { SystemError, capable, cidrContains, isValidIp, type NeighbourState, type NetworkNamespace, type Process, type Task } from '../../../engine/cluster.ts'
import { runOn } from '../../nodetools/run-on.ts'
import { address } from './address.ts'
import { Answer, Elsewhere, ipValue, netnsOf, nextWord, permit, prefixValue, Refusal, requireLink, verbOf, type Options } from './common.ts'
import { coloured } from './colour.ts'
import { HELP, USAGE } from './help.ts'
import { ipJson } from './json.ts'
import { link } from './link.ts'
import { monitor, type MonitorOptions } from './monitor.ts'
import { netns, open } from './netns.ts'
import { printNeighbours } from './print.ts'
import { route } from './route.ts'
import { rule } from './rule.ts'
import { tunnel } from './tunnel.ts'

/** ip(8), iproute2 6.1: address, link, route, rule, neighbour, netns, monitor; words may be cut short as with the real one. */
const OBJECTS = ['address', 'link', 'route', 'neighbour', 'neighbor', 'rule', 'netns', 'help', 'monitor', 'tunnel', 'maddress', 'xfrm'] as const
/** Which the real one has, too. */
const OTHERS = ['addrlabel', 'amt', 'fou', 'ila', 'ioam', 'l2tp', 'macsec', 'mptcp', 'mroute', 'mrule', 'netconf', 'nexthop', 'ntable', 'ntbl', 'sr', 'stats', 'tap', 'tcpmetrics', 'tcp_metrics', 'token', 'tuntap', 'vrf']

export function* ip(process: Process): Task<number> {
  try {
    const output = run(process, process.argv.slice(1))
    if (output) yield* process.print(output)
    return 0
  } catch (error) {
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
  let colours = false
  while (args[0]?.startsWith('-')) {
    const [flag, value] = args.shift()!.replace(/^--?/, '').split(/=(.*)/s) as [string, string?]
    const is = (word: string, least = 1): boolean => flag.length >= least && word.startsWith(flag)
    if (is('loops')) args.shift()
    else if (is('family')) familyOption(options, args.shift() ?? '')
    else if (flag === '4') options.family = 4
    else if (flag === '6') options.family = 6
    else if (flag === '0' || flag === 'B' || flag === 'M') throw notSimulated(`ip -${flag}`, 'use ip -4, ip -6 or none')
    else if (is('human', 1) || is('human-readable') || flag === 'iec') throw notSimulated(`ip -${flag}`, 'use ip -s')
    else if (is('statistics') || is('stats')) {
      options.errors = options.statistics
      options.statistics = true
    } else if (is('details')) options.details = true
    else if (is('resolve') || is('force', 2) || is('echo')) continue
    else if (is('oneline')) options.oneLine = true
    else if (is('timestamp')) options.timestamp = 'long'
    else if (is('tshort', 2)) options.timestamp = 'short'
    else if (is('Version')) return 'ip utility, iproute2-6.1.0, libbpf 1.1.2\n'
    else if (is('batch')) throw notSimulated('ip -batch', 'use a script')
    else if (is('brief', 2)) options.brief = true
    else if (is('json')) options.json = true
    else if (is('pretty')) options.pretty = true
    else if (is('rcvbuf', 2)) args.shift()
    else if (is('color')) {
      if (value !== undefined && !['always', 'auto', 'never'].includes(value)) throw new Refusal(`Option "-${flag}=${value}" is unknown, try "ip -help".\n`, 255)
      colours = value === undefined || value === 'always' || (value === 'auto' && process.terminalOf(1) !== undefined)
    } else if (is('help')) throw new Refusal(USAGE, 255)
    else if (is('netns')) throw new Elsewhere(open(process, args.shift() ?? '', 255), ['ip', ...args])
    else if (is('Numeric')) throw notSimulated('ip -Numeric', 'use ip without it')
    else if (is('all')) throw notSimulated('ip -all', 'use ip netns exec NAME')
    else throw new Refusal(`Option "-${flag}" is unknown, try "ip -help".\n`, 255)
  }
  const text = onObject(process, args, options)
  return colours && !options.json ? coloured(text) : text
}

const notSimulated = (what: string, instead: string): Refusal => new Refusal(`podhop: not simulated: ${what} (${instead})\n`, 69)

function familyOption(options: Options, word: string): void {
  if (word === 'inet' || word === 'inet6') options.family = word === 'inet' ? 4 : 6
  else if (['link', 'bridge', 'mpls'].includes(word)) throw notSimulated(`ip -family ${word}`, 'use inet or inet6')
  else throw new Refusal(`Error: argument "${word}" is wrong: invalid protocol family\n\n`, 255)
}

function onObject(process: Process, args: string[], options: MonitorOptions): string {
  const word = args.shift()
  if (word === undefined) throw new Refusal(USAGE, 255)
  const object = word === 'a' ? 'address' : OBJECTS.find((o) => o.startsWith(word))
  const help = HELP[object?.startsWith('neigh') ? 'neigh' : (object ?? '')]
  if (help !== undefined && args[0] === 'help') throw new Refusal(help, 255)
  const { network } = process
  switch (object) {
    case 'address': return address(network, args, options)
    case 'link': return link(network, args, options)
    case 'route': return route(process, args, options)
    case 'neighbour':
    case 'neighbor': return neighbour(network, args, options)
    case 'rule': return rule(process, args, options)
    case 'netns': return netns(process, args)
    case 'tunnel': return tunnel(network, args, options)
    case 'monitor': throw new Monitor(args, options)
    case 'help': throw new Refusal(USAGE, 255)
    case undefined:
      if (OTHERS.some((o) => o.startsWith(word))) throw notSimulated(`ip ${word}`, 'use ip address, link, route, rule, neighbour, netns or monitor')
      throw new Refusal(`Object "${word}" is unknown, try "ip help".\n`, 1)
    default: throw new Refusal(`podhop: not simulated: ip ${object} (use ip address, link, route, rule, neighbour, netns or monitor)\n`, 69)
  }
}

/** nud_state_a2n; of those that can be set, all but what only the kernel makes of an entry. */
function neighbourState(word: string, verb: string): string {
  if (['permanent', 'reachable', 'stale', 'delay', 'probe', 'failed', 'incomplete'].includes(word) || (word === 'all' && (verb === 'show' || verb === 'flush'))) return word
  if (word === 'noarp' || word === 'none') {
    if (verb === 'show' || verb === 'flush') return word
    throw notSimulated(`ip neigh ${verb} nud ${word}`, 'use permanent, reachable or stale')
  }
  throw new Refusal(`Error: argument "${word}" is wrong: nud state is bad\n`, 255)
}

function neighbour(network: NetworkNamespace, args: string[], options: Options): string {
  const verb = verbOf(args, ['show', 'add', 'replace', 'change', 'delete', 'flush', 'get'], 'neigh')
  const given = new Map<string, string>()
  let address: string | undefined
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'nud') given.set(word, neighbourState(nextWord(args), verb))
    else if (['dev', 'lladdr', 'to'].includes(word)) given.set(word, nextWord(args))
    else if (word === 'all' && verb === 'flush') given.set('all', '')
    else if (word === 'proxy' || word === 'vrf' || word === 'nomaster' || word === 'unused') throw notSimulated(`ip neigh ${verb} ${word}`, 'use dev, lladdr, nud and to')
    else address = word
  }
  if (verb === 'show' && address !== undefined && !isValidIp(address.split('/')[0]!)) throw new Refusal(`Error: any valid prefix is expected rather than "${address}".\n`, 1)
  const device = given.has('dev') ? requireLink(network, given.get('dev'), `Cannot find device "${given.get('dev')}"\n`) : undefined
  const target = address ?? given.get('to')
  if (verb === 'show') {
    const state = given.get('nud')?.toUpperCase()
    const filter = { ...(device === undefined ? {} : { device }), ...(target === undefined ? {} : target.includes('/') ? { within: target } : { address: target }), ...(state === undefined ? {} : { state }), ...(options.family === undefined ? {} : { family: options.family }) }
    return options.json ? ipJson.neighbours(network, filter, options.pretty) : printNeighbours(network, filter)
  }
  if (verb === 'flush') {
    const state = given.get('nud')?.toUpperCase()
    if (device === undefined && target === undefined && state === undefined && !given.has('all')) throw new Refusal('Flush requires arguments.\n', 1)
    permit(options)
    // what is permanent stays, whatever is asked for (NUD_PERMANENT | NUD_NOARP in ipneigh.c)
    const gone = network.neighbours.list().filter((n) =>
      (options.family === undefined || n.ip.includes(':') === (options.family === 6)) && n.state !== 'PERMANENT' && (device === undefined || n.device === device) && (state === undefined || state === 'ALL' || n.state === state) &&
      (target === undefined || cidrContains(prefixValue(target), n.ip)))
    for (const n of gone) network.neighbours.remove(n.ip, n.device)
    if (!options.statistics) return ''
    return gone.length === 0 ? 'Nothing to flush.\n' : `\n*** Round 1, deleting ${gone.length} entries ***\n*** Flush is complete after 1 round ***\n`
  }
  if (target === undefined || device === undefined) throw verb === 'get' ? new Refusal('Device and address are required arguments.\n', 1) : new Refusal('Device and destination are required arguments.\n', 255)
  permit(options)
  if (verb === 'delete') {
    if (!network.neighbours.list().some((n) => n.ip === target && n.device === device)) throw new SystemError('ENOENT')
    network.neighbours.remove(target, device)
    return ''
  }
  const known = network.neighbours.list().some((n) => n.ip === target && n.device === device)
  if (verb === 'get') {
    if (!known) throw new Refusal('Error: Neighbour entry not found.\n', 2)
    return printNeighbours(network, { address: target, device }).replace(target, `${target} dev ${device}`)
  }
  const mac = given.get('lladdr')
  if (mac !== undefined && !/^([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}$/i.test(mac)) throw new Refusal('Error: Invalid link address.\n', 2)
  if (verb === 'add' && known) throw new SystemError('EEXIST')
  if (verb === 'change' && !known) throw new SystemError('ENOENT')
  if (mac === undefined && !known) throw new Refusal('Error: No link layer address given.\n', 2)
  const state = (given.get('nud') ?? 'permanent').toUpperCase() as NeighbourState
  network.neighbours.set({ ip: ipValue(target), device, mac: given.get('lladdr') ?? '', state })
  return ''
}

