import { SystemError, isValidIp, networkOf, tryParseCidr, type NetworkNamespace, type NextHop, type Process, type Route } from '../../../engine/cluster.ts'
import { device, incomplete, ipValue, nextWord, numberWord, permit, prefixValue, Refusal, verbOf, wholePrefix, wrong, type Options } from './common.ts'
import { HELP } from './help.ts'
import { ipJson } from './json.ts'
import { getRoute } from './route-get.ts'
import { printRoutes, selectRoutes, type RouteFilter } from './print.ts'
import { readProtocol, TableNames } from './tables.ts'

/** ip-route(8) */
export function route(process: Process, args: string[], options: Options): string {
  const { network } = process
  const names = new TableNames(process, options.numeric)
  const verb = verbOf(args, ['show', 'add', 'append', 'prepend', 'delete', 'del', 'replace', 'change', 'get', 'flush', 'save', 'restore', 'showdump'], 'route')
  if (args.length === 0 && ['add', 'append', 'prepend', 'delete', 'del', 'replace', 'change'].includes(verb)) throw new Refusal(HELP.route!, 255)
  switch (verb) {
    case 'show': {
      const filter = routeFilter(network, args, names, options.family)
      // what routes have learned is no row of a table since Linux 3.6
      if (filter.table === 'cache') return options.json ? '[]\n' : ''
      missingTable(network, filter, 'Dump')
      return options.json ? ipJson.routes(network, filter, options) : printRoutes(network, filter, (table) => names.name(table), options.details, options.numeric)
    }
    case 'get': return getRoute(network, args, options, names)
    case 'save': case 'restore': case 'showdump': throw new Refusal(`podhop: not simulated: ip route ${verb} (use ip route show)\n`, 69)
    case 'flush': {
      if (args.length === 0) throw new Refusal('"ip route flush" requires arguments.\n', 1)
      const filter = routeFilter(network, args, names, options.family)
      permit(options)
      if (filter.table === 'cache') return ''
      missingTable(network, filter, 'Flush')
      for (const { route: r, table } of selectRoutes(network, filter)) network.routes.remove({ ...r, scope: undefined }, { table })
      return ''
    }
    case 'delete':
    case 'del': {
      const { table, ...given } = routeArguments(network, args, names, options.family)
      permit(options)
      if (table !== undefined && !network.routes.tables(given.destination.includes(':') ? 6 : 4).includes(table)) throw new Refusal('Error: FIB table does not exist.\n', 2)
      network.routes.remove(given, table ? { table } : {})
      return ''
    }
    default: {
      const { table, ...given } = routeArguments(network, args, names, options.family)
      permit(options)
      add(network, given, { [verb]: true, ...(table ? { table } : {}) })
      return ''
    }
  }
}

/** What the kernel refuses it says in words of its own (extended acknowledgements). */
function add(network: NetworkNamespace, given: Route, options: object): void {
  const single = given.nexthops === undefined && (given.type ?? 'unicast') === 'unicast'
  try {
    const scope = single && !given.destination.includes(':') && given.via === undefined && given.scope === undefined ? ({ scope: 'link' } as const) : {}
    network.routes.add({ protocol: 'boot', ...scope, ...given }, options)
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    if (error.code === 'EINVAL' && given.via?.startsWith('fe80:') && given.device === undefined) throw new Refusal('Error: Egress device not specified.\n', 2)
    if (given.destination.includes(':')) {
      if (error.code === 'ENOENT') throw new Refusal('Error: Can not replace route - no match found.\n', 2)
      if (error.code === 'EINVAL' && given.nexthops?.some((hop) => hop.via === undefined)) throw new Refusal('Error: Device only routes can not be added for IPv6 using the multipath API.\n', 2)
      if (error.code === 'EINVAL' && given.nexthops?.some((hop) => hop.via?.startsWith('fe80:') && hop.device === undefined)) throw new Refusal('Error: Egress device not specified.\n', 2)
      throw error
    }
    if (error.code === 'ENETUNREACH') throw new Refusal('Error: Nexthop has invalid gateway.\n', 2)
    if (error.code === 'ENETDOWN') throw new Refusal('Error: Device for nexthop is not up.\n', 2)
    if (error.code === 'EINVAL' && given.source !== undefined) throw new Refusal('Error: Invalid prefsrc address.\n', 2)
    throw error
  }
}

function missingTable(network: NetworkNamespace, filter: RouteFilter, what: string): void {
  const { table } = filter
  if (filter.family === 6 && table !== 'all' && table !== 'default' && !network.routes.tables(6).includes(table)) throw new Refusal(`Error: ipv6: FIB table does not exist.\n${what} terminated\n`, 2)
  if (filter.family !== 6 && table !== 'all' && table !== 'default' && !network.routes.tables().includes(table)) throw new Refusal(`Error: ipv4: FIB table does not exist.\n${what} terminated\n`, 2)
}

const TYPES = ['unicast', 'local', 'broadcast', 'anycast', 'multicast', 'blackhole', 'unreachable', 'prohibit', 'throw'] as const
const SCOPES = ['global', 'link', 'host'] as const

function readScope(word: string): NonNullable<Route['scope']> {
  const found = SCOPES.find((s) => s === word)
  if (!found) throw wrong(word, 'invalid "scope" value')
  return found
}

function routeArguments(network: NetworkNamespace, args: string[], names: TableNames, family?: 4 | 6): Route & { table?: string } {
  const out: Route & { table?: string } = { destination: '' }
  if ((TYPES as readonly string[]).includes(args[0] ?? '')) out.type = args.shift() as Route['type'] & string
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'via') out.via = gateway(nextWord(args), family ?? familyOf(out.destination))
    else if (word === 'dev') out.device = device(network, nextWord(args))
    else if (word === 'src') out.source = ipValue(nextWord(args))
    else if (word === 'metric' || word === 'preference' || word === 'priority') out.metric = numberWord(nextWord(args), '"metric" value is invalid')
    else if (word === 'scope') out.scope = readScope(nextWord(args))
    else if (word === 'proto' || word === 'protocol') out.protocol = readProtocol(nextWord(args))
    else if (word === 'table') out.table = names.read(nextWord(args), '"table" value is invalid')
    else if (word === 'onlink') out.onlink = true
    else if (word === 'mtu') {
      let text = nextWord(args)
      if (text === 'lock') {
        out.mtuLocked = true
        text = nextWord(args)
      }
      out.mtu = numberWord(text, '"mtu" value is invalid')
      if (family === 6 || out.destination.includes(':')) throw new Refusal('podhop: not simulated: ip -6 route mtu (use ip link set mtu)\n', 69)
    } else if (word === 'nexthop') {
      out.nexthops = nextHops(network, args, family ?? familyOf(out.destination))
    } else if (['advmss', 'window', 'rtt', 'rttvar', 'rto_min', 'reordering', 'cwnd', 'ssthresh', 'hoplimit', 'quickack', 'congctl', 'features', 'fastopen_no_cookie', 'encap', 'nhid', 'realms', 'realm', 'tos', 'dsfield', 'pref', 'expires', 'initcwnd', 'initrwnd', 'vrf', 'as', 'pervasive', 'ttl-propagate', 'fastopen'].includes(word)) {
      throw new Refusal(`podhop: not simulated: ip route ${word} (use ip route without it)\n`, 69)
    } else {
      const text = word === 'to' ? nextWord(args) : word
      if (out.destination !== '') throw new Refusal(`Error: either "to" is duplicate, or "${text}" is a garbage.\n`, 255)
      if (family === 6 && !text.includes(':') && !['default', 'any', 'all'].includes(text)) throw new Refusal(`Error: inet6 prefix is expected rather than "${text}".\n`, 1)
      out.destination = wholePrefix(text, family ?? 4)
      if (!tryParseCidr(out.destination)) throw new Refusal(`Error: any valid prefix is expected rather than "${text}".\n`, 1)
      if (networkOf(out.destination) !== out.destination) throw new Refusal('Error: Invalid prefix for given prefix length.\n', 2)
    }
  }
  if (out.destination === '') throw incomplete()
  if (out.destination === '0.0.0.0/0' && family === undefined && out.via?.includes(':')) out.destination = '::/0'
  return out
}

/** The rest of the line: "nexthop" is read already. */
function nextHops(network: NetworkNamespace, args: string[], family: 4 | 6 | undefined): NextHop[] {
  const hops: NextHop[] = []
  let hop: NextHop = {}
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'nexthop') {
      hops.push(hop)
      hop = {}
    } else if (word === 'via') hop.via = gateway(nextWord(args), family)
    else if (word === 'dev') hop.device = device(network, nextWord(args), 'Error: cannot parse nexthop\n')
    else if (word === 'weight') {
      const text = nextWord(args)
      const weight = /^\d+$/.test(text) ? Number(text) : 0
      if (weight < 1 || weight > 256) throw wrong(text, '"weight" is invalid')
      hop.weight = weight
    } else if (word === 'onlink') hop.onlink = true
    else throw new Refusal(`Error: either "to" is duplicate, or "${word}" is a garbage.\n`, 255)
  }
  return [...hops, hop]
}

/** Of what is written so far; "default" may be of either. */
function familyOf(destination: string): 4 | 6 | undefined {
  return destination === '' || destination === '0.0.0.0/0' ? undefined : destination.includes(':') ? 6 : 4
}

function gateway(text: string, family: 4 | 6 | undefined): string {
  if (!isValidIp(text) || (family !== undefined && text.includes(':') !== (family === 6))) throw new Refusal(`Error: ${family === 6 ? 'inet6' : 'inet'} address is expected rather than "${text}".\n`, 1)
  return text
}

/** The words of `ip route show` and `flush`. */
function routeFilter(network: NetworkNamespace, args: string[], names: TableNames, family: 4 | 6 = 4): RouteFilter {
  const filter: RouteFilter = { family, table: 'main' }
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'table') {
      const table = nextWord(args)
      filter.table = table === 'all' || table === '0' ? 'all' : table === 'cache' ? 'cache' : names.read(table, 'table id value is invalid')
    } else if (word === 'dev' || word === 'oif') filter.device = device(network, nextWord(args))
    else if (word === 'via') filter.via = ipValue(nextWord(args))
    else if (word === 'cache' || word === 'cached') filter.table = 'cache'
    else if (word === 'vrf') throw wrong(nextWord(args), 'Invalid VRF')
    else if (word === 'metric' || word === 'priority' || word === 'preference') filter.metric = numberWord(nextWord(args), 'invalid priority')
    else if (word === 'proto' || word === 'protocol') {
      const name = nextWord(args)
      filter.protocol = name === 'all' ? undefined : readProtocol(name, 'invalid "protocol"')
    } else if (word === 'scope') {
      const scope = nextWord(args)
      if (scope !== 'all') filter.scope = SCOPES.find((s) => s === scope) ?? (/^\d+$/.test(scope) ? scope : undefined)
      if (scope !== 'all' && filter.scope === undefined) throw wrong(scope, 'invalid "scope"')
    } else if (word === 'type') {
      filter.type = nextWord(args)
      if (!(TYPES as readonly string[]).includes(filter.type)) throw wrong(filter.type, 'node type value is invalid')
    }
    else if (word === 'src') filter.source = ipValue(nextWord(args))
    else {
      const how = word === 'root' || word === 'match' || word === 'exact' ? word : undefined
      const text = how !== undefined || word === 'to' ? nextWord(args) : word
      filter.prefix = { how: how ?? 'exact', cidr: prefixValue(text, family) }
    }
  }
  return filter
}
