import { SystemError } from '../machine/errors.ts'
import { SparseMap } from '../sparse.ts'
import { broadcastOf, cidrContains, ipv4Number, isValidIp, maskOf, networkOf, tryParseCidr } from './address.ts'
import { chooseWay, Fib, frozen, leads, refusedBy, type RouteEntry, type RouteHost, type TableName, tableName, tableNumber, withWays } from './fib.ts'
import { formatRoute } from './format.ts'
import type { BaseLink } from './link.ts'
import { Routes6 } from './routes6.ts'
import { followRules, formatRule, Rules } from './rules.ts'
import type { AddRouteOptions, Cidr, Ip, IpPacket, LinkAddress, NextHop, PolicyRule, Route, RouteFlow, RouteTable } from './types.ts'

const NONE: readonly LinkAddress[] = []

/** Whether it may be the source of packets along a route of this scope. */
function mayLeave({ address, scope, secondary }: LinkAddress, route: Route['scope']): boolean {
  if (secondary || address.includes(':')) return false
  return scope === 'global' || (route === 'host' ? scope === 'link' || scope === 'host' : route === 'link' && scope === 'link')
}

/** The routes of a network namespace; those of IPv4 as net/ipv4/fib_frontend.c keeps them, those of IPv6 in routes6.ts. */
export class Routes implements RouteTable {
  readonly #host: RouteHost
  readonly #local = new Fib()
  readonly #main = new Fib()
  /** The others, by number; seldom any. */
  #more: Map<TableName, Fib> | undefined
  readonly rules: Rules
  #generation = 0
  readonly #found = new SparseMap<Ip, RouteEntry | undefined>()
  readonly #lines = new WeakMap<Route, string>()
  readonly #byRule = new WeakMap<RouteEntry, RouteEntry>()
  /** Of IPv6. */
  readonly v6: Routes6

  constructor(host: RouteHost) {
    this.#host = host
    this.rules = new Rules(() => this.#changed())
    this.v6 = new Routes6(host)
  }

  #table(name: TableName): Fib | undefined {
    return name === 'main' ? this.#main : name === 'local' ? this.#local : this.#more?.get(name)
  }

  #make(name: TableName): Fib {
    let table = this.#table(name)
    if (!table) (this.#more ??= new Map()).set(name, (table = new Fib()))
    return table
  }

  get rules6(): Rules {
    return this.v6.rules
  }

  tables(family: 4 | 6 = 4): readonly TableName[] {
    if (family === 6) return this.v6.tables()
    const numbers = [...(this.#more?.keys() ?? [])].sort((a, b) => tableNumber(a) - tableNumber(b))
    return [...numbers, 'main', 'local']
  }

  add(route: Route, options?: AddRouteOptions): void {
    this.#host.late?.settle()
    if (route.destination.includes(':')) return this.v6.add(route, options)
    const name = tableName(options?.table)
    const prefix = tryParseCidr(route.destination)
    if (!prefix || prefix.version !== 4 || prefix.address !== prefix.network) throw new SystemError('EINVAL')
    if (route.via !== undefined && !isValidIp(route.via)) throw new SystemError('EINVAL')
    const table = this.#make(name)
    const completed = this.#complete({ ...route, destination: networkOf(route.destination) })
    const metric = completed.metric ?? 0
    const rivals = table.at(prefix).filter((e) => e.metric === metric)
    const added = options?.append === true || options?.prepend === true
    let first = options?.prepend === true
    if (rivals.length > 0) {
      if (added) {
        if (rivals.some((e) => sameRoute(e.route, completed))) throw new SystemError('EEXIST')
      } else if (options?.replace || options?.change) {
        table.remove(rivals[0]!)
        first = true
      } else throw new SystemError('EEXIST')
    } else if (options?.change) throw new SystemError('ENOENT')
    this.#insert(completed, name, first)
    this.#changed()
  }

  remove(route: Partial<Route> & { destination: string }, options?: { table?: string }): void {
    this.#host.late?.settle()
    if (route.destination.includes(':')) return this.v6.remove(route, options)
    const table = this.#table(tableName(options?.table))
    if (!table) throw new SystemError('ESRCH')
    const prefix = tryParseCidr(route.destination)
    if (!prefix || prefix.version !== 4) throw new SystemError('EINVAL')
    if (route.device !== undefined && !this.#host.links.has(route.device)) throw new SystemError('ENODEV')
    const keys = ['via', 'device', 'source', 'metric', 'scope', 'protocol', 'type'] as const
    const entry = table.at(prefix).find((e) => keys.every((key) => route[key] === undefined || route[key] === e.route[key] || (key === 'type' && route.type === 'unicast' && !e.route.type)))
    if (!entry) throw new SystemError('ESRCH')
    table.remove(entry)
    this.#changed()
  }

  list(table = 'main', family: 4 | 6 = 4): readonly Route[] {
    this.#host.late?.settle()
    if (family === 6) return this.v6.list(table)
    const names = table === 'all' ? this.tables() : [tableName(table)]
    return names.flatMap((name) => this.#table(name)?.all() ?? []).map((e) => e.route)
  }

  to(destination: Cidr): readonly Route[] {
    this.#host.late?.settle()
    const prefix = tryParseCidr(destination)
    if (!prefix) return []
    return (prefix.version === 6 ? this.v6.at('main', prefix) : this.#main.at(prefix)).map((e) => e.route)
  }

  get generation(): number {
    return this.#generation + this.v6.generation
  }

  lookup(destination: Ip, source?: Ip, flow?: RouteFlow): Route | undefined {
    return this.find(destination, source === undefined && !flow ? undefined : { source, ...flow })?.route
  }

  resolve(destination: Ip, flow?: RouteFlow): { route: Route; table: string; source?: Ip } | undefined {
    const entry = this.find(destination, flow)
    return entry && { route: entry.route, table: entry.table, source: entry.link && this.sourceFor(entry, destination) }
  }

  /** The route of a packet that came in through `link`, or (without one) that is made here. */
  route(packet: IpPacket, link?: BaseLink): RouteEntry | undefined {
    const found = this.rules.plain && packet.meta.boundTo === undefined ? this.#find(packet.destination) : undefined
    if (found && !found.paths) return found
    if (!found && this.rules.plain && packet.meta.boundTo === undefined) return undefined
    const { payload } = packet
    return this.find(packet.destination, {
      source: packet.source, mark: packet.meta.mark, in: link?.name, out: link ? undefined : packet.meta.boundTo, protocol: payload.kind,
      ...(payload.kind !== 'icmp' && payload.kind !== 'ipip' && { sourcePort: payload.sourcePort, destinationPort: payload.destinationPort }),
    })
  }

  /** Longest prefix, then lowest metric, in the tables that the rules say. */
  find(destination: Ip, flow?: RouteFlow): RouteEntry | undefined {
    if (destination.includes(':')) return this.v6.find(destination, flow?.out, flow)
    const plain = this.rules.plain && flow?.out === undefined
    const entry = plain ? this.#find(destination) : this.#byRules(destination, flow ?? {})
    return entry?.paths ? chooseWay(entry, destination, flow?.source) : entry
  }

  #byRules(destination: Ip, flow: RouteFlow): RouteEntry | undefined {
    this.#host.late?.settle()
    const address = ipv4Number(destination)
    if (Number.isNaN(address)) return undefined
    const found = followRules(this.rules.list(), destination, flow, (rule) => {
      const table = this.#table(rule.table!)
      return flow.out === undefined ? table?.find(address) : table?.findThrough(address, flow.out)
    })
    if (found) return found.refusal ? refusedBy(found.rule, found.refusal, '0.0.0.0/0') : found.rule.protocol === 'kernel' ? found.entry : this.#ruled(found.entry, found.rule)
    // A packet that must leave through a link is taken to be for somebody there (ip_route_output_key_hash_rcu).
    const link = flow.out === undefined ? undefined : this.#host.links.get(flow.out)
    return link && { route: { destination: `${destination}/32`, device: link.name, scope: 'link' }, table: 'main', prefix: tryParseCidr(`${destination}/32`)!, metric: 0, link }
  }

  /** The entry with the rule that led to it; one object for each, as the packet path compares them. */
  #ruled(entry: RouteEntry, rule: PolicyRule): RouteEntry {
    let known = this.#byRule.get(entry)
    if (known?.rule !== rule) this.#byRule.set(entry, (known = { ...entry, rule }))
    return known
  }

  #find(destination: Ip): RouteEntry | undefined {
    const { late } = this.#host
    if (late !== undefined && late.behind) late.forAddress(destination)
    let entry = this.#found.get(destination)
    if (entry === undefined && !this.#found.has(destination)) {
      if (destination.includes(':')) return this.v6.find(destination)
      const address = ipv4Number(destination)
      entry = Number.isNaN(address) ? undefined : this.#search(address)
      if (this.#found.size > 4096) this.#found.clear()
      this.#found.set(destination, entry)
    }
    return entry
  }

  /** As the three default rules say. */
  #search(address: number): RouteEntry | undefined {
    for (const table of [this.#local, this.#main, this.#more?.get('default')]) {
      const entry = table?.find(address)
      if (entry && entry.route.type !== 'throw') return entry
    }
    return undefined
  }

  /** The row as `ip route` prints it; of a rule that says no, the rule. */
  line(entry: RouteEntry): string {
    if (entry.table === 'rule') return `${entry.rule!.priority}: ${formatRule(entry.rule!)}`
    if (entry.whole) return this.line(entry.whole)
    const linkdown = entry.link !== undefined && entry.link.up && !entry.link.carrier
    if (linkdown) return formatRoute(entry.route, { linkdown })
    let line = this.#lines.get(entry.route)
    if (line === undefined) this.#lines.set(entry.route, (line = formatRoute(entry.route)))
    return line
  }

  /** The address that a packet along this route leaves with (inet_select_addr). */
  sourceFor(entry: RouteEntry, destination: Ip = entry.prefix.network): Ip | undefined {
    if (entry.prefix.version === 6) return this.v6.sourceFor(entry, destination)
    const route = entry.route
    if (route.source) return route.source
    // Asked for with each packet that is made here.
    let first: Ip | undefined
    for (const own of entry.link?.addresses ?? NONE) {
      if (!mayLeave(own, route.scope)) continue
      if (route.via === undefined) return own.address
      if (((ipv4Number(own.address) ^ ipv4Number(route.via)) & maskOf(own.prefixLength)) === 0) return own.address
      first ??= own.address
    }
    if (first !== undefined) return first
    for (const link of this.#host.links.values()) {
      const other = link.addresses.find((a) => mayLeave(a, route.scope))
      if (other && link.kind !== 'loopback') return other.address
    }
    return undefined
  }

  addressAdded(link: BaseLink, address: LinkAddress): void {
    this.#host.late?.forAddress(address.address)
    if (address.address.includes(':')) return this.v6.addressAdded(link, address)
    // A secondary address is local with the primary one as its preferred source (fib_add_ifaddr).
    const primary = address.secondary
      ? link.addresses.find((a) => !a.secondary && cidrContains(networkOf(`${a.peer ?? a.address}/${a.prefixLength}`), address.peer ?? address.address))
      : address
    this.#insert({ destination: `${address.address}/32`, device: link.name, source: (primary ?? address).address, scope: 'host', protocol: 'kernel', type: 'local' }, 'local')
    if (link.up) this.#connect(link, address)
    this.#changed()
  }

  /** `rest` are the addresses that the link keeps. */
  addressRemoved(link: BaseLink, address: LinkAddress, rest: readonly LinkAddress[]): void {
    if (address.address.includes(':')) return this.v6.addressRemoved(link, address)
    const gone = (e: RouteEntry): boolean => {
      if (e.route.type === 'local' && e.prefix.length === 32) return e.link === link && e.prefix.network === address.address
      return e.route.source === address.address && (e.link === link || e.table === 'main')
    }
    for (const table of this.#all()) for (const e of table.all()) if (gone(e)) table.remove(e)
    for (const other of rest) if (link.up && !other.secondary) this.#connect(link, other)
    this.#changed()
  }

  /** The route to its network gets the metric that the address has now (fib_modify_prefix_metric). */
  metricChanged(link: BaseLink, address: LinkAddress): void {
    const network = networkOf(`${address.peer ?? address.address}/${address.prefixLength}`)
    for (const e of this.#main.all()) if (e.link === link && e.route.protocol === 'kernel' && e.route.source === address.address && e.route.destination === network) this.#main.remove(e)
    if (link.up) this.#connect(link, address)
    this.#changed()
  }

  linkUp(link: BaseLink): void {
    for (const address of link.addresses) this.#connect(link, address)
    this.#changed()
  }

  /** Routes through a link that is set down go; its own addresses stay local (fib_disable_ip). */
  linkDown(link: BaseLink): void {
    for (const table of this.#all()) {
      for (const e of table.all()) if (leads(e, link, (l) => l.up) && !(e.table === 'local' && e.route.type === 'local')) table.remove(e)
    }
    this.#changed()
  }

  linkRemoved(link: BaseLink): void {
    // one way of several that is gone for good takes the route along (fib_sync_down_dev)
    for (const table of this.#all()) for (const e of table.all()) if (leads(e, link, () => false)) table.remove(e)
    this.#changed()
  }

  #all(): Fib[] {
    return [this.#local, this.#main, ...(this.#more?.values() ?? [])]
  }

  #connect(link: BaseLink, address: LinkAddress): void {
    if (address.secondary || address.address.includes(':')) return
    const network = networkOf(`${address.peer ?? address.address}/${address.prefixLength}`)
    const kernel = { device: link.name, source: address.address, protocol: 'kernel' } as const
    const add = (route: Route, table: TableName): void => {
      const prefix = tryParseCidr(route.destination)!
      const known = this.#make(table).at(prefix).some((e) => e.link === link && e.route.source === route.source)
      if (!known) this.#insert(route, table)
    }
    if (address.prefixLength < 32) {
      if (link.kind === 'loopback') add({ ...kernel, destination: network, scope: 'host', type: 'local' }, 'local')
      else if (!address.noPrefixRoute) add({ ...kernel, destination: network, scope: 'link', ...(address.metric ? { metric: address.metric } : {}) }, 'main')
    } else if (address.peer !== undefined && !address.noPrefixRoute) add({ ...kernel, destination: network, scope: 'link', ...(address.metric ? { metric: address.metric } : {}) }, 'main')
    if (address.prefixLength < 31) add({ ...kernel, destination: `${broadcastOf(network)}/32`, scope: 'link', type: 'broadcast' }, 'local')
  }

  /** Checks a route as fib_check_nh does and fills in what the caller left out. */
  #complete(route: Route): Route {
    const type = route.type ?? 'unicast'
    if (type === 'blackhole' || type === 'unreachable' || type === 'prohibit' || type === 'throw') return { ...route, type, device: undefined, via: undefined }
    if (route.nexthops) {
      const nexthops = route.nexthops.map((hop): NextHop => ({ ...hop, device: this.#complete({ destination: route.destination, ...hop }).device, weight: hop.weight ?? 1 }))
      return { ...route, nexthops, type: undefined, scope: route.scope ?? 'global', protocol: route.protocol ?? 'boot' }
    }
    let device = route.device
    if (device !== undefined && !this.#host.links.has(device)) throw new SystemError('ENODEV')
    if (device === undefined && route.via === undefined) throw new SystemError('ENODEV')
    if (route.via !== undefined) {
      if (route.onlink) {
        if (device === undefined) throw new SystemError('EINVAL')
      } else {
        const near = this.#gateway(route.via, device)
        if (!near) throw new SystemError('ENETUNREACH')
        device ??= near.route.device
      }
    }
    if (!this.#host.links.get(device!)!.up) throw new SystemError('ENETDOWN')
    if (route.source !== undefined && this.find(route.source)?.route.type !== 'local') throw new SystemError('EINVAL')
    const scope = route.scope ?? (type === 'local' ? 'host' : type === 'broadcast' || route.via === undefined ? 'link' : 'global')
    return { ...route, device, scope, type: route.type === 'unicast' ? undefined : route.type, protocol: route.protocol ?? 'boot' }
  }

  /** A gateway must be on a link: reached by a route without a gateway, through the named device if there is one. */
  #gateway(via: Ip, device: string | undefined): RouteEntry | undefined {
    const address = ipv4Number(via)
    // an own address is a gateway on the device that has it
    const own = this.#local.find(address)
    if (own) return own.route.type === 'local' && (device === undefined || own.route.device === device) ? own : undefined
    for (const { mask, networks } of this.#main.levels) {
      const entries = networks.get((address & mask) >>> 0) ?? []
      const near = entries.find((e) => device === undefined || e.route.device === device)
      if (near) return near.route.scope === 'link' && near.link ? near : undefined
    }
    return undefined
  }

  #insert(route: Route, table: TableName, first = false): void {
    const link = (device: string | undefined): BaseLink | undefined => (device === undefined ? undefined : this.#host.links.get(device))
    const entry: RouteEntry = { route: frozen(route), table, prefix: tryParseCidr(route.destination)!, metric: route.metric ?? 0, link: link(route.device) }
    this.#make(table).add(route.nexthops ? withWays(entry, link) : entry, first)
  }

  #changed(): void {
    this.#generation++
    this.#found.clear()
    this.#host.changed()
  }
}

/** fib_find_info: whether two routes to the same destination differ in nothing. */
function sameRoute(a: Route, b: Route): boolean {
  const keys = ['via', 'device', 'source', 'scope', 'protocol', 'type', 'mtu', 'mtuLocked'] as const
  return keys.every((key) => a[key] === b[key]) && JSON.stringify(a.nexthops) === JSON.stringify(b.nexthops)
}
