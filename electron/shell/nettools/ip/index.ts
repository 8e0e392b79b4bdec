import { SystemError, broadcastOf, capable, isValidIp, networkOf, tryParseCidr, type Bridge, type NeighbourState, type NetworkNamespace, type Process, type Route, type Task } from '../../../engine/cluster.ts'
import { printAddresses, printAddressesBrief, printAddressesOneLine, printLinks, printLinksBrief, printNeighbours, printRoutes, selectRoutes, type LinkFilter, type RouteFilter } from './print.ts'
import { ipJson } from './json.ts'

/** ip(8), iproute2 6.1: address, link, route, neighbour; words may be cut short as with the real one. */
interface Options { inetOnly: boolean; oneLine: boolean; brief: boolean; details: boolean; statistics: boolean; json: boolean; pretty: boolean; mayChange: boolean }

/** A refusal: the text for stderr and the exit code (1 for syntax, 2 for what the kernel refused). */
class Refusal extends Error {
  readonly code: number
  constructor(text: string, code: number) {
    super(text)
    this.code = code
  }
}

const OBJECTS = ['address', 'link', 'route', 'neighbour', 'neighbor', 'rule', 'netns', 'help', 'monitor', 'tunnel', 'maddress', 'xfrm'] as const

const USAGE = `Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
where  OBJECT := { address | link | neighbor | route }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -br[ief] | -j[son] | -p[retty] |
                    -4 }
`

export function* ip(process: Process): Task<number> {
  try {
    const output = run(process, process.argv.slice(1))
    if (output) yield* process.print(output)
    return 0
  } catch (error) {
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

function run(process: Process, args: string[]): string {
  const options: Options = { inetOnly: false, oneLine: false, brief: false, details: false, statistics: false, json: false, pretty: false, mayChange: capable(process, 'NET_ADMIN') }
  while (args[0]?.startsWith('-')) {
    const flag = args.shift()!.replace(/^--?/, '')
    if (flag === 'V' || (flag.length > 1 && 'Version'.startsWith(flag))) return 'ip utility, iproute2-6.1.0, libbpf 1.1.2\n'
    if (flag === 'c' || flag.startsWith('color') || flag === 'N' || flag === 'r') continue
    if (flag === '4' || flag === 'f=inet') options.inetOnly = true
    else if (flag === 'o' || flag === 'oneline') options.oneLine = true
    else if (flag === 'br' || (flag.length > 1 && 'brief'.startsWith(flag))) options.brief = true
    else if ('details'.startsWith(flag)) options.details = true
    else if ('statistics'.startsWith(flag) || flag === 'stats') options.statistics = true
    else if ('json'.startsWith(flag)) options.json = true
    else if ('pretty'.startsWith(flag)) options.pretty = true
    else if (flag === '6' || flag === 'n' || 'netns'.startsWith(flag)) throw new Refusal(`podhop: not simulated: ip -${flag} (use ip in the Pod or on the node)\n`, 69)
    else throw new Refusal(`Option "-${flag}" is unknown, try "ip -help".\n`, 255)
  }
  const word = args.shift()
  if (word === undefined) throw new Refusal(USAGE, 255)
  const object = word === 'a' ? 'address' : OBJECTS.find((o) => o.startsWith(word))
  const { network } = process
  switch (object) {
    case 'address': return address(network, args, options)
    case 'link': return link(network, args, options)
    case 'route': return route(network, args, options)
    case 'neighbour':
    case 'neighbor': return neighbour(network, args, options)
    case 'rule':
      if (args.length > 0 && !'show'.startsWith(args[0]!) && !'list'.startsWith(args[0]!)) throw new Refusal(`podhop: not simulated: ip rule ${args[0]} (use ip route)\n`, 69)
      return '0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n'
    case 'help': throw new Refusal(USAGE, 255)
    case undefined: throw new Refusal(`Object "${word}" is unknown, try "ip help".\n`, 1)
    default: throw new Refusal(`podhop: not simulated: ip ${object} (use ip address, link, route or neighbour)\n`, 69)
  }
}

/** What a Pod may not do without the capability NET_ADMIN. */
function permit(options: Options): void {
  if (!options.mayChange) throw new SystemError('EPERM')
}

/** The verb: a prefix of one of these; `show` when there is none. */
function verbOf(args: string[], verbs: readonly string[], object: string): string {
  const word = args[0]
  if (word === undefined) return 'show'
  const verb = verbs.find((v) => v.startsWith(word)) ?? ('list'.startsWith(word) || word === 'lst' ? 'show' : undefined)
  if (!verb) throw new Refusal(`Command "${word}" is unknown, try "ip ${object} help".\n`, 255)
  args.shift()
  return verb
}

function requireLink(network: NetworkNamespace, name: string | undefined, text = `Device "${name}" does not exist.\n`): string {
  if (name === undefined || !network.links.has(name)) throw new Refusal(text, 1)
  return name
}

/** "dev X", "up", "master B", "type T", or a bare device name. */
function linkFilter(network: NetworkNamespace, args: string[]): LinkFilter {
  const filter: LinkFilter = {}
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'up') filter.up = true
    else if (word === 'master') filter.master = requireLink(network, args.shift())
    else if (word === 'type') filter.type = args.shift() ?? ''
    else filter.device = requireLink(network, word === 'dev' ? args.shift() : word)
  }
  return filter
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
      const { cidr, device, broadcast } = addressArguments(network, args)
      permit(options)
      network.addAddress(device, cidr, broadcast === undefined ? undefined : { broadcast })
      return ''
    }
    case 'delete': {
      const { cidr, device } = addressArguments(network, args)
      permit(options)
      network.removeAddress(device, cidr)
      return ''
    }
    default: {
      const { device } = linkFilter(network, args)
      if (!device) throw new Refusal('Flush requires arguments.\n', 1)
      permit(options)
      for (const a of [...network.links.get(device)!.addresses]) network.removeAddress(device, `${a.address}/${a.prefixLength}`)
      return ''
    }
  }
}

function addressArguments(network: NetworkNamespace, args: string[]): { cidr: string; device: string; broadcast?: string } {
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
  if (!ipText || !isValidIp(ipText) || (length !== undefined && (!/^\d+$/.test(length) || Number(length) > 32))) throw new Refusal(`Error: any valid prefix is expected rather than "${cidr ?? ''}".\n`, 1)
  if (device === undefined) throw new Refusal('Not enough information: "dev" argument is required.\n', 1)
  const whole = length === undefined ? `${ipText}/32` : cidr!
  return { cidr: whole, device: requireLink(network, device, `Cannot find device "${device}"\n`), ...(broadcast === undefined ? {} : { broadcast: broadcast === '+' ? broadcastOf(whole) : broadcast }) }
}

function link(network: NetworkNamespace, args: string[], options: Options): string {
  switch (verbOf(args, ['show', 'set', 'delete', 'add'], 'link')) {
    case 'show': {
      const filter = linkFilter(network, args)
      if (options.json) return ipJson.links(network, filter, options.pretty)
      return options.brief ? printLinksBrief(network, filter) : printLinks(network, { ...filter, ...options })
    }
    case 'set': return setLink(network, args, options)
    case 'delete': {
      const name = args[0] === 'dev' ? args[1] : args[0]
      requireLink(network, name, `Cannot find device "${name ?? ''}"\n`)
      permit(options)
      network.removeLink(name!)
      return ''
    }
    default: throw new Refusal('podhop: not simulated: ip link add (use the links that the network plugin makes)\n', 69)
  }
}

function setLink(network: NetworkNamespace, args: string[], options: Options): string {
  if (args[0] === 'dev') args.shift()
  const name = args.shift()
  if (name === undefined) throw new Refusal('Not enough information: "dev" argument is required.\n', 255)
  const device = network.links.get(requireLink(network, name, `Cannot find device "${name}"\n`))!
  if (args.length > 0) permit(options)
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'up' || word === 'down') network.setUp(name, word === 'up')
    else if (word === 'mtu') {
      const mtu = Number(args.shift())
      if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65535) throw new Refusal(mtu < 68 ? 'Error: mtu less than device minimum.\n' : 'Error: mtu greater than device maximum.\n', 2)
      device.mtu = mtu
    } else if (word === 'nomaster') device.master?.detach(device)
    else if (word === 'master') {
      const bridge = network.links.get(args.shift() ?? '')
      if (bridge?.kind !== 'bridge') throw new Refusal('Error: Device does not exist.\n', 1)
      ;(bridge as Bridge).attach(device)
    } else throw new Refusal(`podhop: not simulated: ip link set ${word} (use up, down, mtu, master or nomaster)\n`, 69)
  }
  return ''
}

function route(network: NetworkNamespace, args: string[], options: Options): string {
  const verb = verbOf(args, ['show', 'add', 'append', 'delete', 'del', 'replace', 'change', 'get', 'flush'], 'route')
  switch (verb) {
    case 'show': return showRoutes(network, args, options)
    case 'get': return getRoute(network, args, options)
    case 'add':
    case 'append':
    case 'replace':
    case 'change': {
      const { table, ...given } = routeArguments(network, args)
      permit(options)
      network.routes.add({ protocol: 'boot', ...completed(network, given) }, { replace: verb === 'replace' || verb === 'change', ...(table ? { table } : {}) })
      return ''
    }
    case 'flush': {
      if (args.length === 0) throw new Refusal('"ip route flush" requires arguments.\n', 1)
      const filter = routeFilter(network, args)
      permit(options)
      if (filter) for (const r of [...selectRoutes(network, filter)]) network.routes.remove(r)
      return ''
    }
    default: {
      const { table, ...given } = routeArguments(network, args)
      permit(options)
      network.routes.remove(given, table ? { table } : {})
      return ''
    }
  }
}

/** What the kernel adds to a route that a person writes: the device behind the gateway, the scope. */
function completed(network: NetworkNamespace, given: Route): Route {
  if (given.device === undefined && given.via !== undefined) {
    const device = network.routes.lookup(given.via)?.device
    if (device === undefined || network.routes.lookup(given.via)?.via !== undefined) throw new Refusal('Error: Nexthop has invalid gateway.\n', 2)
    return { ...given, device }
  }
  if (given.device === undefined && (given.type ?? 'unicast') === 'unicast') throw new SystemError('ENODEV')
  return given.via === undefined && (given.type ?? 'unicast') === 'unicast' ? { scope: 'link', ...given } : given
}

const TYPES = ['unicast', 'local', 'broadcast', 'blackhole', 'unreachable', 'prohibit'] as const

function routeArguments(network: NetworkNamespace, args: string[]): Route & { table?: string } {
  const out: Route & { table?: string } = { destination: '' }
  if ((TYPES as readonly string[]).includes(args[0] ?? '')) out.type = args.shift() as Route['type'] & string
  while (args.length > 0) {
    const word = args.shift()!
    const value = (): string => {
      const next = args.shift()
      if (next === undefined) throw new Refusal('Command line is not complete. Try option "help"\n', 255)
      return next
    }
    if (word === 'via') out.via = ipValue(value())
    else if (word === 'dev') out.device = requireLink(network, args[0], `Cannot find device "${value()}"\n`)
    else if (word === 'src') out.source = ipValue(value())
    else if (word === 'metric' || word === 'preference') out.metric = Number(value())
    else if (word === 'scope') out.scope = value() as Route['scope'] & string
    else if (word === 'proto' || word === 'protocol') out.protocol = value() as Route['protocol'] & string
    else if (word === 'table') out.table = value()
    else if (word === 'onlink') out.onlink = true
    else {
      const text = word === 'to' ? value() : word
      out.destination = text === 'default' ? '0.0.0.0/0' : text.includes('/') ? text : `${text}/32`
      if (!tryParseCidr(out.destination)) throw new Refusal(`Error: any valid prefix is expected rather than "${text}".\n`, 1)
      if (networkOf(out.destination) !== out.destination) throw new Refusal('Error: Invalid prefix for given prefix length.\n', 2)
    }
  }
  if (out.destination === '') throw new Refusal('Command line is not complete. Try option "help"\n', 255)
  return out
}

function ipValue(text: string): string {
  if (!isValidIp(text)) throw new Refusal(`Error: any valid address is expected rather than "${text}".\n`, 1)
  return text
}

/** The words of `ip route show` and `flush`. */
function routeFilter(network: NetworkNamespace, args: string[]): RouteFilter | undefined {
  const filter: RouteFilter = { table: 'main' }
  while (args.length > 0) {
    const word = args.shift()!
    const value = (): string => args.shift() ?? ''
    if (word === 'table') {
      const table = value()
      if (table !== 'main' && table !== 'local' && table !== 'all') {
        if (table !== 'default' && !/^\d+$/.test(table)) throw new Refusal(`Error: argument "${table}" is wrong: table id value is invalid\n\n`, 1)
        return undefined
      }
      filter.table = table
    } else if (word === 'dev' || word === 'oif') filter.device = requireLink(network, args[0], `Cannot find device "${value()}"\n`)
    else if (word === 'via') filter.via = ipValue(value())
    else if (word === 'proto' || word === 'protocol') filter.protocol = value()
    else if (word === 'scope') filter.scope = value()
    else if (word === 'type') filter.type = value()
    else if (word === 'src') filter.source = value()
    else {
      const how = word === 'root' || word === 'match' || word === 'exact' ? word : undefined
      const text = how !== undefined || word === 'to' ? value() : word
      filter.prefix = { how: how ?? 'exact', cidr: prefixValue(text) }
    }
  }
  return filter
}

function prefixValue(text: string): string {
  const cidr = text === 'default' || text === 'any' ? '0.0.0.0/0' : text.includes('/') ? text : `${text}/32`
  if (!tryParseCidr(cidr)) throw new Refusal(`Error: any valid prefix is expected rather than "${text}".\n`, 1)
  return networkOf(cidr)
}

function showRoutes(network: NetworkNamespace, args: string[], options: Options): string {
  const filter = routeFilter(network, args)
  if (!filter) return ''
  return options.json ? ipJson.routes(network, filter, options.pretty) : printRoutes(network, filter)
}

function getRoute(network: NetworkNamespace, args: string[], options: Options): string {
  if (args[0] === undefined) throw new Refusal('need at least a destination address\n', 1)
  if (!isValidIp(args[0])) throw new Refusal(`Error: any valid prefix is expected rather than "${args[0]}".\n`, 1)
  const destination = args[0]
  const found = network.routes.lookup(destination)
  if (!found) throw new SystemError('ENETUNREACH')
  if (found.type === 'unreachable') throw new SystemError('EHOSTUNREACH')
  if (found.type === 'blackhole') throw new SystemError('EINVAL')
  if (found.type === 'prohibit') throw new SystemError('EACCES')
  const local = network.isLocal(destination)
  const source = network.sourceFor(destination)
  const device = local ? 'lo' : found.device
  if (options.json) {
    return ipJson.route({
      ...(local ? { type: 'local' } : {}), dst: destination, ...(found.via ? { gateway: found.via } : {}), dev: device, ...(source ? { prefsrc: source } : {}),
      flags: [], uid: 0, cache: local ? ['local'] : [],
    }, options.pretty)
  }
  return `${local ? 'local ' : ''}${destination}${found.via ? ` via ${found.via}` : ''} dev ${device}${source ? ` src ${source}` : ''} uid 0 \n    cache ${local ? '<local> ' : ''}\n`
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
    const filter = { ...(device === undefined ? {} : { device }), ...(target === undefined ? {} : { address: target }), ...(state === undefined ? {} : { state }) }
    return options.json ? ipJson.neighbours(network, filter, options.pretty) : printNeighbours(network, filter)
  }
  if (verb === 'flush') {
    if (device === undefined) throw new Refusal('Flush requires arguments.\n', 1)
    permit(options)
    for (const n of [...network.neighbours.list()]) if (n.device === device && n.state !== 'PERMANENT') network.neighbours.remove(n.ip, n.device)
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

