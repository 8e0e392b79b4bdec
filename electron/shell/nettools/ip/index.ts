import { SystemError, broadcastOf, capable, isValidIp, type NeighbourState, type NetworkNamespace, type Process, type Task } from '../../../engine/cluster.ts'
import { runOn } from '../../nodetools/run-on.ts'
import { Elsewhere, ipValue, netnsOf, permit, Refusal, requireLink, verbOf, type Options } from './common.ts'
import { ipJson } from './json.ts'
import { link, linkFilter } from './link.ts'
import { monitor, type MonitorOptions } from './monitor.ts'
import { netns, open } from './netns.ts'
import { printAddresses, printAddressesBrief, printAddressesOneLine, printNeighbours } from './print.ts'
import { route } from './route.ts'
import { rule } from './rule.ts'
import { tunnel } from './tunnel.ts'

/** ip(8), iproute2 6.1: address, link, route, rule, neighbour, netns, monitor; words may be cut short as with the real one. */
const OBJECTS = ['address', 'link', 'route', 'neighbour', 'neighbor', 'rule', 'netns', 'help', 'monitor', 'tunnel', 'maddress', 'xfrm'] as const

const USAGE = `Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
where  OBJECT := { address | link | neighbor | route | rule }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -br[ief] | -j[son] | -p[retty] |
                    -4 | -6 }
`

export function* ip(process: Process): Task<number> {
  try {
    const output = run(process, process.argv.slice(1))
    if (output) yield* process.print(output)
    return 0
  } catch (error) {
    if (error instanceof Elsewhere) return yield* elsewhere(process, error)
    if (error instanceof Monitor) return yield* watched(process, error)
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
  while (args[0]?.startsWith('-')) {
    const flag = args.shift()!.replace(/^--?/, '')
    if (flag === 'V' || (flag.length > 1 && 'Version'.startsWith(flag))) return 'ip utility, iproute2-6.1.0, libbpf 1.1.2\n'
    if (flag === 'c' || flag.startsWith('color') || flag === 'N' || flag === 'r') continue
    if (flag === '4' || flag === 'f=inet') options.family = 4
    else if (flag === '6' || flag === 'f=inet6') options.family = 6
    else if (flag === 'f' || flag === 'family') options.family = args.shift() === 'inet6' ? 6 : 4
    else if (flag === 'o' || flag === 'oneline') options.oneLine = true
    else if (flag === 'br' || (flag.length > 1 && 'brief'.startsWith(flag))) options.brief = true
    else if (flag === 'ts' || flag === 'tshort') options.timestamp = 'short'
    else if (flag === 't' || flag === 'timestamp') options.timestamp = 'long'
    else if ('details'.startsWith(flag)) options.details = true
    else if ('statistics'.startsWith(flag) || flag === 'stats') options.statistics = true
    else if ('json'.startsWith(flag)) options.json = true
    else if ('pretty'.startsWith(flag)) options.pretty = true
    else if (flag === 'n' || 'netns'.startsWith(flag)) throw new Elsewhere(open(process, args.shift() ?? ''), ['ip', ...args])
    else throw new Refusal(`Option "-${flag}" is unknown, try "ip -help".\n`, 255)
  }
  const word = args.shift()
  if (word === undefined) throw new Refusal(USAGE, 255)
  const object = word === 'a' ? 'address' : OBJECTS.find((o) => o.startsWith(word))
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
    case undefined: throw new Refusal(`Object "${word}" is unknown, try "ip help".\n`, 1)
    default: throw new Refusal(`podhop: not simulated: ip ${object} (use ip address, link, route, rule, neighbour, netns or monitor)\n`, 69)
  }
}

function address(network: NetworkNamespace, args: string[], options: Options): string {
  switch (verbOf(args, ['show', 'add', 'delete', 'flush'], 'address')) {
    case 'show': {
      const filter = { ...linkFilter(network, args), ...options }
      if (options.json) return ipJson.addresses(network, filter, options.pretty)
      if (options.brief) return printAddressesBrief(network, filter)
      return options.oneLine ? printAddressesOneLine(network, filter) : printAddresses(network, filter)
    }
    case 'add': {
      const { cidr, device, broadcast } = addressArguments(network, args, options)
      permit(options)
      refused6(cidr, 'EEXIST', 'already assigned', () => network.addAddress(device, cidr, broadcast === undefined ? undefined : { broadcast }))
      return ''
    }
    case 'delete': {
      const { cidr, device } = addressArguments(network, args, options)
      permit(options)
      refused6(cidr, 'EADDRNOTAVAIL', 'not found', () => network.removeAddress(device, cidr))
      return ''
    }
    default: {
      const { device } = linkFilter(network, args)
      if (!device) throw new Refusal('Flush requires arguments.\n', 1)
      permit(options)
      for (const a of [...network.links.get(device)!.addresses]) if (options.family === undefined || a.address.includes(':') === (options.family === 6)) network.removeAddress(device, `${a.address}/${a.prefixLength}`)
      return ''
    }
  }
}

/** What IPv6 refuses it says in words of its own (extended acknowledgements). */
function refused6(cidr: string, code: string, words: string, change: () => void): void {
  try {
    change()
  } catch (error) {
    if (cidr.includes(':') && error instanceof SystemError && error.code === code) throw new Refusal(`Error: ipv6: address ${words}.\n`, 2)
    throw error
  }
}

function addressArguments(network: NetworkNamespace, args: string[], { family }: Options): { cidr: string; device: string; broadcast?: string } {
  let cidr: string | undefined
  let broadcast: string | undefined
  let device: string | undefined
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'dev') device = args.shift()
    else if (word === 'brd' || word === 'broadcast') broadcast = args.shift()
    else if (word === 'scope' || word === 'label') throw new Refusal(`podhop: not simulated: ip address add ${word} (use ip address add ADDRESS dev LINK)\n`, 69)
    else cidr = word === 'local' ? args.shift() : word
  }
  const [ipText, length] = (cidr ?? '').split('/')
  if (!ipText || !isValidIp(ipText) || (length !== undefined && (!/^\d+$/.test(length) || Number(length) > (ipText.includes(':') ? 128 : 32)))) throw new Refusal(`Error: ${family === undefined ? 'any valid' : family === 6 ? 'inet6' : 'inet'} prefix is expected rather than "${cidr ?? ''}".\n`, 1)
  if (device === undefined) throw new Refusal('Not enough information: "dev" argument is required.\n', 1)
  const whole = length === undefined ? `${ipText}/${ipText.includes(':') ? 128 : 32}` : cidr!
  return { cidr: whole, device: requireLink(network, device, `Cannot find device "${device}"\n`), ...(broadcast === undefined ? {} : { broadcast: broadcast === '+' ? broadcastOf(whole) : broadcast }) }
}

function neighbour(network: NetworkNamespace, args: string[], options: Options): string {
  const verb = verbOf(args, ['show', 'add', 'replace', 'change', 'delete', 'flush', 'get'], 'neigh')
  const given = new Map<string, string>()
  let address: string | undefined
  while (args.length > 0) {
    const word = args.shift()!
    if (['dev', 'lladdr', 'nud', 'to'].includes(word)) given.set(word, args.shift() ?? '')
    else address = word
  }
  const device = given.has('dev') ? requireLink(network, given.get('dev'), `Cannot find device "${given.get('dev')}"\n`) : undefined
  const target = address ?? given.get('to')
  if (verb === 'show') {
    const state = given.get('nud')?.toUpperCase()
    const filter = { ...(device === undefined ? {} : { device }), ...(target === undefined ? {} : { address: target }), ...(state === undefined ? {} : { state }), ...(options.family === undefined ? {} : { family: options.family }) }
    return options.json ? ipJson.neighbours(network, filter, options.pretty) : printNeighbours(network, filter)
  }
  if (verb === 'flush') {
    if (device === undefined) throw new Refusal('Flush requires arguments.\n', 1)
    permit(options)
    for (const n of [...network.neighbours.list()]) if ((options.family === undefined || n.ip.includes(':') === (options.family === 6)) && n.device === device && n.state !== 'PERMANENT') network.neighbours.remove(n.ip, n.device)
    return ''
  }
  if (target === undefined || device === undefined) throw new Refusal('Device and destination are required arguments.\n', 255)
  permit(options)
  if (verb === 'delete') {
    if (!network.neighbours.list().some((n) => n.ip === target && n.device === device)) throw new SystemError('ENOENT')
    network.neighbours.remove(target, device)
    return ''
  }
  const state = (given.get('nud') ?? 'permanent').toUpperCase() as NeighbourState
  network.neighbours.set({ ip: ipValue(target), device, mac: given.get('lladdr') ?? '', state })
  return ''
}

