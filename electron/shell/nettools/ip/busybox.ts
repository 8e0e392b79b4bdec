import { SystemError, capable, type Link, type NetworkNamespace, type Process, type Route, type Task } from '../../../engine/cluster.ts'
import { formatDestination } from '../../../engine/network/format.ts'
import { address } from './address.ts'
import { netnsOf, Refusal, type Options } from './common.ts'
import { link } from './link.ts'
import { neighbour } from './neighbour.ts'
import { addressLines, flagNames, hardwareLine, neighbourAges, printAddressesOneLine, queueLength, queueOf, selectAddresses, selectLinks, selectNeighbours, selectRoutes, stateOf, type LinkFilter, type RouteFilter } from './print.ts'
import { route } from './route.ts'
import { rule } from './rule.ts'
import { TableNames } from './tables.ts'
import { tunnel } from './tunnel.ts'

const USAGE = `BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.

Usage: ip [OPTIONS] address|route|link|tunnel|neigh|rule [ARGS]

OPTIONS := -f[amily] inet|inet6|link | -o[neline]

ip addr add|del IFADDR dev IFACE | show|flush [dev IFACE] [to PREFIX]
ip route list|flush|add|del|change|append|replace|test ROUTE
ip link set IFACE [up|down] [arp on|off] [multicast on|off]
	[promisc on|off] [mtu NUM] [name NAME] [qlen NUM] [address MAC]
	[master IFACE | nomaster] [netns PID]
ip tunnel add|change|del|show [NAME]
	[mode ipip|gre|sit] [remote ADDR] [local ADDR] [ttl TTL]
ip neigh show|flush [to PREFIX] [dev DEV] [nud STATE]
ip rule [list] | add|del SELECTOR ACTION
`
const OBJECTS = ['address', 'route', 'link', 'tunnel', 'neigh', 'rule']

const usage = (): Refusal => new Refusal(USAGE, 1)
const invalid = (word: string): Refusal => new Refusal(`ip: invalid argument '${word}' to 'ip'\n`, 1)

/**
 * The applet of busybox (networking/libiproute): it shows links, addresses, routes and neighbours in lines of its own, and knows
 * -4, -6, -f and -o alone. What it changes, it changes as iproute2 does.
 */
export function* busyboxIp(process: Process): Task<number> {
  try {
    const output = run(process, process.argv.slice(1))
    if (output) yield* process.print(output)
    return 0
  } catch (error) {
    if (error instanceof SystemError) {
      yield* process.printError(`ip: RTNETLINK answers: ${error.message}\n`)
      return 2
    }
    if (!(error instanceof Refusal)) throw error
    yield* process.printError(inItsWords(error))
    return error.code === 69 || error.code === 2 ? error.code : 1
  }
}

/** What iproute2 refuses, as busybox says it. */
function inItsWords({ message, code }: Refusal): string {
  const device = /^Cannot find device "(.*)"\n$/.exec(message)?.[1]
  if (device !== undefined) return `ip: can't find device '${device}'\n`
  if (/^(ip|podhop|BusyBox)\b/.test(message)) return message
  if (code === 2) return `ip: ${message}`
  const word = /argument "(.*?)" is wrong|rather than "(.*?)"/.exec(message)
  return word ? `ip: invalid argument '${word[1] ?? word[2]}' to 'ip'\n` : USAGE
}

function run(process: Process, args: string[]): string {
  const options: Options = { oneLine: false, brief: false, details: false, statistics: false, json: false, pretty: false, mayChange: capable(process, 'NET_ADMIN'), netns: (word) => netnsOf(process, word) }
  while (args[0]?.startsWith('-')) {
    const flag = args.shift()!.replace(/^--?/, '')
    if (flag === '4' || flag === '6') options.family = flag === '4' ? 4 : 6
    else if (flag !== '' && 'oneline'.startsWith(flag)) options.oneLine = true
    else if (flag !== '' && 'family'.startsWith(flag)) {
      const word = args.shift() ?? ''
      if (word === 'link') throw new Refusal('podhop: not simulated: ip -f link (use ip link)\n', 69)
      if (word !== 'inet' && word !== 'inet6') throw invalid(word)
      options.family = word === 'inet' ? 4 : 6
    } else throw usage()
  }
  const word = args.shift()
  const object = word === undefined || word === '' ? undefined : OBJECTS.find((o) => o.startsWith(word))
  const shows = args.length === 0 || ['show', 'list', 'lst'].some((verb) => verb.startsWith(args[0]!))
  const { network } = process
  const alpine = process.fs.exists('/etc/alpine-release')
  switch (object) {
    case 'address': return shows ? addresses(network, linkFilter(network, args.slice(1)), options, alpine) : address(network, args, options)
    case 'link': return shows ? links(network, linkFilter(network, args.slice(1)), options, alpine) : link(network, args, options)
    case 'route': {
      if (shows) return routes(process, args.slice(1), options)
      const text = route(process, args, options)
      return text.includes('    cache ') ? resolved(text) : text
    }
    case 'neigh': return shows ? neighbours(network, args.slice(1), options) : neighbour(network, args, options)
    case 'rule': return rule(process, args, options).replace(/ ?\n/g, ' \n')
    case 'tunnel': return tunnel(network, args, options)
    default: throw usage()
  }
}

function linkFilter(network: NetworkNamespace, args: string[]): LinkFilter {
  const filter: LinkFilter = {}
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'up') filter.up = true
    else if (word === 'scope') filter.scope = args.shift() as NonNullable<LinkFilter['scope']>
    else if (word === 'to') filter.to = args.shift() ?? ''
    else {
      const device = word === 'dev' ? (args.shift() ?? '') : word
      if (!network.links.has(device)) throw new Refusal(`ip: can't find device '${device}'\n`, 1)
      filter.device = device
    }
  }
  return filter
}

/**
 * print_linkinfo: the other end of a veth is looked up by its number among the own links, whatever namespace it is in, and
 * counts as down where there is none. Where it is built with musl (Alpine) it shows the state.
 */
function head(l: Link, alpine: boolean): string {
  const other = l.kind === 'ipip' ? 'NONE' : (l.peer ?? l.lower)?.index
  const here = typeof other === 'number' ? [...l.namespace.links.values()].find((one) => one.index === other) : undefined
  const flags = [...flagNames(l).filter((flag) => flag !== 'M-DOWN'), ...(typeof other === 'number' && !here?.up ? ['M-DOWN'] : [])]
  const name = other === undefined ? l.name : `${l.name}@${typeof other === 'string' ? other : (here?.name ?? `if${other}`)}`
  const length = queueLength(l)
  return `${l.index}: ${name}: <${flags.join(',')}> mtu ${l.mtu} qdisc ${queueOf(l)} ${l.master ? `master ${l.master.name} ` : ''}${alpine ? `state ${stateOf(l)} ` : ''}${length ? `qlen ${length}` : ''}`
}

function links(network: NetworkNamespace, filter: LinkFilter, { oneLine }: Options, alpine: boolean): string {
  return selectLinks(network, filter).map((l) => `${head(l, alpine)}${oneLine ? '\\' : '\n'}${hardwareLine(l)}\n`).join('')
}

function addresses(network: NetworkNamespace, given: LinkFilter, { family, oneLine }: Options, alpine: boolean): string {
  const filter = { ...given, ...(family === undefined ? {} : { family }) }
  if (oneLine) return printAddressesOneLine(network, filter)
  const chosen = family !== undefined || given.to !== undefined || given.scope !== undefined
  return selectLinks(network, filter)
    .filter((l) => !chosen || selectAddresses(l, filter).length > 0)
    .map((l) => `${head(l, alpine)}\n${family === undefined ? `${hardwareLine(l)}\n` : ''}${addressLines(l, filter)}`)
    .join('')
}

/** print_route: neither protocols nor metrics such as the MTU; blanks as they come. */
function routes(process: Process, args: string[], { family }: Options): string {
  const filter: RouteFilter = { table: 'main', ...(family === undefined ? {} : { family }) }
  const names = new TableNames(process)
  while (args.length > 0) {
    const word = args.shift()!
    const value = args.shift()
    if (value === undefined && ['table', 'dev', 'oif', 'via', 'scope'].includes(word)) throw usage()
    if (word === 'table') filter.table = value === 'all' ? 'all' : names.read(value!, 'table')
    else if (word === 'dev' || word === 'oif') {
      if (!process.network.links.has(value!)) throw new Refusal(`ip: can't find device '${value}'\n`, 1)
      filter.device = value!
    } else if (word === 'via') filter.via = value!
    else if (word === 'scope') filter.scope = value!
    else throw invalid(word)
  }
  return selectRoutes(process.network, filter).map(({ route: r, table }) => row(r, filter.table === 'all' && table !== 'main' ? names.name(table) : undefined)).join('')
}

function row(r: Route, table: string | undefined): string {
  const six = r.destination.includes(':')
  const words = [r.type && r.type !== 'unicast' ? r.type : '', formatDestination(r), r.via ? `via ${r.via}` : '', r.device ? `dev ${r.device}` : '', table ? `table ${table}` : '', !six && r.scope && r.scope !== 'global' ? `scope ${r.scope}` : '']
  const metric = r.metric ?? (six ? 0 : undefined)
  return `${words.filter(Boolean).map((word) => `${word} `).join('')}${r.source ? ` src ${r.source} ` : ''}${metric === undefined || (!six && metric === 0) ? '' : ` metric ${metric} `}\n`
}

/** `ip route get`: the first line of iproute2's, without what it has learned since. */
function resolved(text: string): string {
  return `${text.split('\n')[0]!.replace(/ uid \d+ ?/, ' ').replace(/ src/, '  src').trimEnd()} \n`
}

function neighbours(network: NetworkNamespace, args: string[], { family }: Options): string {
  const filter: { device?: string; within?: string; state?: string; family?: 4 | 6 } = family === undefined ? {} : { family }
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'dev') filter.device = args.shift() ?? ''
    else if (word === 'nud') filter.state = (args.shift() ?? '').toUpperCase()
    else if (word === 'to') filter.within = (args.shift() ?? '').replace(/^[^/]*$/, (ip) => `${ip}/${ip.includes(':') ? 128 : 32}`)
    else throw invalid(word)
  }
  return selectNeighbours(network, filter)
    .map((n) => {
      const { used, confirmed, updated } = neighbourAges(network, n)
      return `${n.ip}${filter.device === undefined ? ` dev ${n.device}` : ''}${n.mac ? ` lladdr ${n.mac}` : ''} ref 1 used ${used}/${confirmed}/${updated} probes ${n.probes} ${n.state}\n`
    })
    .join('')
}
