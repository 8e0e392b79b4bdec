import { SystemError } from '../machine/errors.ts'
import { SparseMap } from '../sparse.ts'
import { ipv6Number, isLinkLocalIp6, isMulticastIp, isValidIp, networkOf, parseCidr, tryParseCidr } from './address.ts'
import type { BaseLink } from './link.ts'
import { chooseWay, leads, refusedBy, tableName, tableNumber, withWays, type RouteEntry, type RouteHost } from './fib.ts'
import { DEFAULTS6, followRules, Rules } from './rules.ts'
import { selectSource } from './source-address.ts'
import type { AddRouteOptions, Ip, IpPacket, LinkAddress, NextHop, Route, RouteFlow } from './types.ts'

/** IP6_RT_PRIO_USER and IP6_RT_PRIO_ADDRCONF (include/net/ip6_route.h). */
const USER_METRIC = 1024
const KERNEL_METRIC = 256

type TableName = string
type Criterion = 'via' | 'device' | 'source' | 'metric' | 'protocol' | 'type'
const CRITERIA: readonly Criterion[] = ['via', 'device', 'source', 'metric', 'protocol', 'type']

/** Routes of one table: prefix length → network → routes, the lowest metric first. */
class Table6 {
  readonly #byLength = new SparseMap<number, Map<bigint, RouteEntry[]>>()
  #lengths: readonly number[] = []

  /** The longest prefix; of its routes the first that leads through the device, if one is asked for. */
  find(address: bigint, device: string | undefined): RouteEntry | undefined {
    for (const length of this.#lengths) {
      const entries = this.#byLength.get(length)!.get(address & maskOf(length))
      if (device === undefined) {
        if (entries) return entries[0]
        continue
      }
      for (const e of entries ?? []) {
        const way = e.paths?.find((p) => p.entry.route.device === device)
        if (way) return way.entry
        if (!e.paths && (e.route.device === device || e.route.device === undefined)) return e
      }
    }
    return undefined
  }

  at({ length, base6 }: RouteEntry['prefix']): readonly RouteEntry[] {
    return this.#byLength.get(length)?.get(base6) ?? []
  }

  add(entry: RouteEntry): void {
    const { length, base6 } = entry.prefix
    let networks = this.#byLength.get(length)
    if (!networks) {
      this.#byLength.set(length, (networks = new Map()))
      this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a)
    }
    const entries = networks.get(base6) ?? []
    const index = entries.findIndex((e) => e.metric > entry.metric)
    entries.splice(index < 0 ? entries.length : index, 0, entry)
    networks.set(base6, entries)
  }

  remove(entry: RouteEntry): void {
    const { length, base6 } = entry.prefix
    const networks = this.#byLength.get(length)
    const rest = networks?.get(base6)?.filter((e) => e !== entry)
    if (!networks || !rest) return
    if (rest.length > 0) networks.set(base6, rest)
    else networks.delete(base6)
    if (networks.size > 0) return
    this.#byLength.delete(length)
    this.#lengths = this.#lengths.filter((l) => l !== length)
  }

  /** As the kernel walks its tree (fib6_walk): what lies inside a prefix before the prefix itself, so the default route last. */
  all(): RouteEntry[] {
    const out: RouteEntry[] = []
    for (const networks of this.#byLength.values()) for (const entries of networks.values()) out.push(...entries)
    const end = ({ prefix }: RouteEntry): bigint => prefix.base6 | (prefix.mask6 ^ maskOf(128))
    return out.sort((a, b) => (end(a) < end(b) ? -1 : end(a) > end(b) ? 1 : b.prefix.length - a.prefix.length || a.metric - b.metric))
  }
}

const MASKS = Array.from({ length: 129 }, (_, length) => parseCidr(`::/${length}`).mask6)
const maskOf = (length: number): bigint => MASKS[length]!

/**
 * IPv6 routes of a network namespace, as net/ipv6/addrconf.c and ip6_fib.c keep them. The table "local" follows from the
 * links' addresses and is made when somebody looks for the first time after a change.
 */
export class Routes6 {
  readonly #host: RouteHost
  readonly #main = new Table6()
  /** The others, by number; seldom any. */
  #more: Map<TableName, Table6> | undefined
  readonly rules: Rules
  generation = 0
  /** What was written to the table "local" by hand. */
  readonly #added: RouteEntry[] = []
  #local: Table6 | undefined
  readonly #found = new SparseMap<string, RouteEntry | undefined>()

  constructor(host: RouteHost) {
    this.#host = host
    this.rules = new Rules(() => this.#rulesChanged(), DEFAULTS6)
  }

  /** A rule brings its table along (fib6_rule_configure). */
  #rulesChanged(): void {
    for (const { action, table } of this.rules.list()) if (action === 'lookup') this.#make(tableName(table))
    this.changed()
  }

  #make(name: TableName): Table6 {
    let table = this.#table(name)
    if (!table) (this.#more ??= new Map()).set(name, (table = new Table6()))
    return table
  }

  #table(name: TableName): Table6 | undefined {
    return name === 'main' ? this.#main : name === 'local' ? this.#localTable() : this.#more?.get(name)
  }

  tables(): readonly TableName[] {
    const numbers = [...(this.#more?.keys() ?? [])].sort((a, b) => tableNumber(a) - tableNumber(b))
    return [...numbers, 'main', 'local']
  }

  /** Throws SystemError EINVAL, EEXIST, ENODEV, ENETDOWN, EHOSTUNREACH (the gateway is not on a link). */
  add(route: Route, options?: AddRouteOptions): void {
    const table = tableName(options?.table)
    const prefix = tryParseCidr(route.destination)
    if (prefix?.version !== 6) throw new SystemError('EINVAL')
    let entry = this.#entry(this.#complete({ ...route, destination: `${prefix.network}/${prefix.length}` }), table)
    const rivals = this.at(table, entry.prefix).filter((e) => e.metric === entry.metric)
    if (rivals.length > 0 && (options?.append || options?.prepend)) {
      const known = rivals.flatMap((e) => waysOf(e))
      if (waysOf(entry).some((way) => known.some((k) => sameWay(k, way)))) throw new SystemError('EEXIST')
      // routes through gateways become ways of one (rt6_qualify_for_ecmp)
      const sibling = entry.route.nexthops || entry.route.via !== undefined ? rivals.find((e) => e.paths || e.route.via !== undefined) : undefined
      if (sibling) {
        this.#drop(sibling)
        entry = this.#entry({ ...sibling.route, via: undefined, device: undefined, onlink: undefined, nexthops: [...waysOf(sibling), ...waysOf(entry)] }, table)
      }
    } else if (rivals.length > 0) {
      if (!options?.replace && !options?.change) throw new SystemError('EEXIST')
      this.#drop(rivals[0]!)
    } else if (options?.change) throw new SystemError('ENOENT')
    this.#put(entry)
    this.changed()
  }

  #put(entry: RouteEntry): void {
    if (entry.table === 'local') this.#added.push(entry)
    else this.#make(entry.table).add(entry)
  }

  remove(route: Partial<Route> & { destination: string }, options?: { table?: string }): void {
    const table = tableName(options?.table)
    const prefix = tryParseCidr(route.destination)
    if (prefix?.version !== 6) throw new SystemError('EINVAL')
    if (route.device !== undefined && !this.#host.links.has(route.device)) throw new SystemError('ENODEV')
    const same = (e: RouteEntry, key: Criterion): boolean => route[key] === undefined || route[key] === (key === 'type' ? (e.route.type ?? 'unicast') : e.route[key])
    if (!this.#table(table)) throw new SystemError('ESRCH')
    if (route.nexthops && route.via === undefined) {
      for (const { via, device } of route.nexthops) this.remove({ ...route, nexthops: undefined, via, device }, options)
      return
    }
    const fits = (e: RouteEntry): boolean => CRITERIA.every((key) => same(e, key))
    const entry = this.at(table, prefix).find((e) => fits(e) || e.paths?.some((p) => fits(p.entry)))
    if (!entry) throw new SystemError('ESRCH')
    this.#drop(entry)
    // named by its gateway, one way of several goes alone (ip6_route_del)
    const rest = route.via === undefined || !entry.paths ? [] : waysOf(entry).filter((_, i) => !fits(entry.paths![i]!.entry))
    if (rest.length === 1) this.#put(this.#entry({ ...entry.route, nexthops: undefined, ...rest[0], type: undefined }, table))
    else if (rest.length > 1) this.#put(this.#entry({ ...entry.route, nexthops: rest }, table))
    this.changed()
  }

  list(table: TableName): readonly Route[] {
    const names = table === 'all' ? this.tables() : [tableName(table)]
    return names.flatMap((name) => this.#table(name)?.all() ?? []).map((e) => e.route)
  }

  /** The route of a packet that came in through `link`, or (without one) that is made here. */
  route(packet: IpPacket, link?: BaseLink): RouteEntry | undefined {
    const { destination, source, payload, meta } = packet
    const device = link ? (isLinkLocalIp6(destination) ? link.name : undefined) : meta.boundTo
    if (this.rules.plain) {
      const entry = this.#plain(destination, device)
      return entry?.paths ? chooseWay(entry, destination, source) : entry
    }
    const ports = payload.kind !== 'icmp' && payload.kind !== 'ipip' && { sourcePort: payload.sourcePort, destinationPort: payload.destinationPort }
    return this.find(destination, device, { source, mark: meta.mark, in: link?.name, protocol: payload.kind === 'icmp' ? 'ipv6-icmp' : payload.kind, ...ports })
  }

  /** fib6_rule_lookup. A rule that says no has the last word, as with IPv4. */
  #byRules(destination: Ip, device: string | undefined, flow: RouteFlow): RouteEntry | undefined {
    const address = ipv6Number(destination)
    if (address === undefined) return undefined
    const found = followRules(this.rules.list(), destination, flow, ({ table }) => this.#table(table!)?.find(address, table === 'local' && !isMulticastIp(destination) ? undefined : device))
    return found && (found.refusal ? refusedBy(found.rule, found.refusal, '::/0') : found.entry)
  }

  find(destination: Ip, device?: string, flow?: RouteFlow): RouteEntry | undefined {
    if (!this.rules.plain) this.#host.late?.settle()
    const entry = this.rules.plain ? this.#plain(destination, device) : this.#byRules(destination, device, flow ?? {})
    return entry?.paths ? chooseWay(entry, destination, flow?.source) : entry
  }

  /** As the kernel's own rules say; of a route with several ways the whole. */
  #plain(destination: Ip, device: string | undefined): RouteEntry | undefined {
    const { late } = this.#host
    if (late !== undefined && late.behind) late.forAddress(destination)
    const key = device === undefined ? destination : `${destination}%${device}`
    let entry = this.#found.get(key)
    if (entry === undefined && !this.#found.has(key)) {
      const address = ipv6Number(destination)
      // An own address is local whatever the packet is bound to.
      entry = address === undefined ? undefined : (this.#localTable().find(address, isMulticastIp(destination) ? device : undefined) ?? this.#main.find(address, device))
      if (this.#found.size > 4096) this.#found.clear()
      this.#found.set(key, entry)
    }
    return entry
  }

  /** RFC 6724; the route's own source before all. */
  sourceFor(entry: RouteEntry, destination: Ip): Ip | undefined {
    if (entry.route.source !== undefined) return entry.route.source
    if (entry.route.type === 'local') return destination
    return selectSource(this.#host.links.values(), destination, entry.link)
  }

  addressAdded(link: BaseLink, address: LinkAddress): void {
    if (link.up) this.#connect(link, address)
    this.changed()
  }

  /** The route to the network goes with the last address of it. */
  addressRemoved(link: BaseLink, address: LinkAddress): void {
    const network = networkOf(`${address.address}/${address.prefixLength}`)
    const others = link.addresses.some((a) => a !== address && a.address.includes(':') && networkOf(`${a.address}/${a.prefixLength}`) === network)
    const gone = (e: RouteEntry): boolean => e.route.source === address.address || (!others && e.link === link && e.route.protocol === 'kernel' && e.route.destination === network)
    for (const table of this.#written()) for (const e of table.all()) if (gone(e)) table.remove(e)
    this.changed()
  }

  linkUp(link: BaseLink): void {
    for (const address of link.addresses) if (address.address.includes(':')) this.#connect(link, address)
    this.changed()
  }

  /** The link is down or away: so is every route through it. */
  linkDown(link: BaseLink): void {
    const gone = (e: RouteEntry): boolean => leads(e, link, (l) => l.up)
    for (const table of this.#written()) for (const e of table.all()) if (gone(e)) table.remove(e)
    for (const e of this.#added.filter(gone)) this.#drop(e)
    this.changed()
  }

  /** Links, addresses or forwarding changed. */
  changed(): void {
    this.generation++
    this.#local = undefined
    this.#found.clear()
    this.#host.changed()
  }

  at(table: TableName, prefix: RouteEntry['prefix']): readonly RouteEntry[] {
    return this.#table(table)?.at(prefix) ?? []
  }

  #written(): Table6[] {
    return [this.#main, ...(this.#more?.values() ?? [])]
  }

  #drop(entry: RouteEntry): void {
    if (entry.table !== 'local') return this.#table(entry.table)?.remove(entry)
    const at = this.#added.indexOf(entry)
    if (at < 0) throw new SystemError('ESRCH')
    this.#added.splice(at, 1)
  }

  #connect(link: BaseLink, { address, prefixLength }: LinkAddress): void {
    if (address === '::1') return
    const destination = networkOf(`${address}/${prefixLength}`)
    const known = this.#main.at(parseCidr(destination)).some((e) => e.link === link && e.route.protocol === 'kernel')
    if (!known) this.#main.add(this.#entry({ destination, device: link.name, protocol: 'kernel', metric: KERNEL_METRIC }, 'main'))
  }

  #localTable(): Table6 {
    if (this.#local) return this.#local
    const table = (this.#local = new Table6())
    const add = (destination: string, device: string, type: Route['type'], metric: number): void => {
      table.add(this.#entry({ destination, device, type, protocol: 'kernel', metric }, 'local'))
    }
    for (const link of this.#host.links.values()) {
      const own = link.addresses.filter((a) => a.address.includes(':'))
      // Nobody has to be asked whether an address of a dummy is free, so it is local even while the link is down (addrconf_dad_begin).
      if ((!link.up && link.kind !== 'dummy') || link.conf.disabled6) continue
      for (const { address, prefixLength } of own) {
        add(`${address}/128`, link.name, 'local', 0)
        // RFC 4291 2.6.1: routers answer to the network's own address.
        if (link.conf.forwarding6 && prefixLength < 127 && link.kind !== 'loopback') add(`${networkOf(`${address}/${prefixLength}`).split('/')[0]}/128`, link.name, 'anycast', 0)
      }
      if (link.up && link.kind !== 'loopback') add('ff00::/8', link.name, 'multicast', KERNEL_METRIC)
    }
    for (const entry of this.#added) table.add(entry)
    return table
  }

  /** Checks a route as ip6_route_info_create does and fills in what the caller left out. */
  #complete(route: Route): Route {
    const type = route.type ?? 'unicast'
    const metric = route.metric || USER_METRIC
    const common = { ...route, metric, scope: undefined, type: route.type === 'unicast' ? undefined : route.type, protocol: route.protocol ?? ('boot' as const) }
    // Those that lead nowhere are bound to lo (fib6_nh_init).
    if (type === 'blackhole' || type === 'unreachable' || type === 'prohibit' || type === 'throw') return { ...common, device: 'lo', via: undefined }
    if (route.nexthops) {
      const nexthops = route.nexthops.map((hop): NextHop => {
        if (hop.via === undefined) throw new SystemError('EINVAL')
        return { ...hop, device: this.#complete({ destination: route.destination, ...hop }).device, weight: hop.weight ?? 1 }
      })
      if (nexthops.some((a, i) => nexthops.some((b, j) => i < j && sameWay(a, b)))) throw new SystemError('EEXIST')
      if (nexthops.length > 1) return { ...common, type: undefined, nexthops }
      const [{ via, device: through, onlink }] = nexthops as [NextHop]
      return { ...common, type: undefined, nexthops: undefined, via, device: through, onlink }
    }
    let device = route.device
    if (device !== undefined && !this.#host.links.has(device)) throw new SystemError('ENODEV')
    if (device === undefined && route.via === undefined) throw new SystemError('ENODEV')
    if (route.via !== undefined) {
      if (!isValidIp(route.via) || !route.via.includes(':') || isMulticastIp(route.via)) throw new SystemError('EINVAL')
      if (isLinkLocalIp6(route.via) && device === undefined) throw new SystemError('EINVAL')
      if (!route.onlink && !(isLinkLocalIp6(route.via) && device !== undefined)) {
        const near = this.#main.find(ipv6Number(route.via)!, device)
        if (this.find(route.via)?.route.type === 'local') throw new SystemError('EINVAL')
        if (!near || near.route.via !== undefined || !near.link) throw new SystemError('EHOSTUNREACH')
        device ??= near.route.device
      }
      if (device === undefined) throw new SystemError('EINVAL')
    }
    const link = this.#host.links.get(device!)!
    if (!link.up) throw new SystemError('ENETDOWN')
    if (link.conf.disabled6) throw new SystemError('EACCES')
    if (route.source !== undefined && this.find(route.source)?.route.type !== 'local') throw new SystemError('EINVAL')
    return { ...common, device }
  }

  #entry(route: Route, table: TableName): RouteEntry {
    const { destination, via, device, source, metric, scope, protocol, type, onlink, nexthops } = route
    const whole = Object.freeze({ destination, via, device, source, metric, scope, protocol, type, onlink, nexthops })
    const leadsOn = type === undefined || type === 'local' || type === 'anycast' || type === 'multicast'
    const link = (name: string | undefined): BaseLink | undefined => (name === undefined ? undefined : this.#host.links.get(name))
    const entry = { route: whole, table, prefix: tryParseCidr(destination)!, metric: metric ?? 0, link: leadsOn ? link(device) : undefined }
    return nexthops ? withWays(entry, link) : entry
  }
}

/** The ways of a route, one if it is a plain one. */
function waysOf({ route }: RouteEntry): readonly NextHop[] {
  return route.nexthops ?? [{ via: route.via, device: route.device, ...(route.onlink && { onlink: true }), weight: 1 }]
}

/** rt6_duplicate_nexthop */
const sameWay = (a: NextHop, b: NextHop): boolean => a.via === b.via && a.device === b.device
