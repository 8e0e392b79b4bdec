import { SystemError } from '../machine/errors.ts'
import { broadcastOf, cidrContains, ipv4Number, isValidIp, maskOf, networkOf, tryParseCidr } from './address.ts'
import type { Prefix } from './address.ts'
import { formatRoute } from './format.ts'
import type { BaseLink } from './link.ts'
import type { Ip, LinkAddress, Route, RouteTable } from './types.ts'

type TableName = 'main' | 'local'

/** A route with what the packet path needs of it at hand. */
export interface RouteEntry {
  readonly route: Route
  readonly table: TableName
  readonly prefix: Prefix
  readonly metric: number
  readonly link: BaseLink | undefined
}

/** What the routing tables need of their network namespace. */
export interface RouteHost {
  readonly links: ReadonlyMap<string, BaseLink>
  changed(): void
}

/** Routes of one table: prefix length → network → routes, the lowest metric first. */
class Table {
  readonly byLength: (Map<number, RouteEntry[]> | undefined)[] = []
  lengths: number[] = []

  find(address: number): RouteEntry | undefined {
    for (const length of this.lengths) {
      const entries = this.byLength[length]!.get((address & maskOf(length)) >>> 0)
      if (entries) return entries[0]
    }
    return undefined
  }

  at(prefix: Prefix): readonly RouteEntry[] {
    return this.byLength[prefix.length]?.get(prefix.base) ?? []
  }

  add(entry: RouteEntry): void {
    const { length, base } = entry.prefix
    const networks = (this.byLength[length] ??= new Map<number, RouteEntry[]>())
    const entries = networks.get(base) ?? []
    const index = entries.findIndex((e) => e.metric > entry.metric)
    entries.splice(index < 0 ? entries.length : index, 0, entry)
    networks.set(base, entries)
    this.#measure()
  }

  remove(entry: RouteEntry): void {
    const networks = this.byLength[entry.prefix.length]
    const entries = networks?.get(entry.prefix.base)?.filter((e) => e !== entry)
    if (!networks || !entries) return
    if (entries.length > 0) networks.set(entry.prefix.base, entries)
    else networks.delete(entry.prefix.base)
    if (networks.size === 0) this.byLength[entry.prefix.length] = undefined
    this.#measure()
  }

  all(): RouteEntry[] {
    const out: RouteEntry[] = []
    for (const networks of this.byLength) if (networks) for (const entries of networks.values()) out.push(...entries)
    // The order of the kernel's trie: by network, the longer prefix first, then by metric.
    return out.sort((a, b) => a.prefix.base - b.prefix.base || b.prefix.length - a.prefix.length || a.metric - b.metric)
  }

  #measure(): void {
    this.lengths = []
    for (let length = 32; length >= 0; length--) if (this.byLength[length]) this.lengths.push(length)
  }
}

/** The tables "local" and "main" of a network namespace, kept as net/ipv4/fib_frontend.c keeps them. */
export class Routes implements RouteTable {
  readonly #host: RouteHost
  readonly #tables: Record<TableName, Table> = { local: new Table(), main: new Table() }
  readonly #found = new Map<Ip, RouteEntry | undefined>()
  readonly #lines = new WeakMap<Route, string>()

  constructor(host: RouteHost) {
    this.#host = host
  }

  add(route: Route, options?: { replace?: boolean; table?: string }): void {
    const table = tableName(options?.table)
    const prefix = tryParseCidr(route.destination)
    if (!prefix || prefix.version !== 4 || prefix.address !== prefix.network) throw new SystemError('EINVAL')
    if (route.via !== undefined && !isValidIp(route.via)) throw new SystemError('EINVAL')
    const completed = this.#complete({ ...route, destination: networkOf(route.destination) })
    const metric = completed.metric ?? 0
    const same = this.#tables[table].at(prefix).find((e) => e.metric === metric)
    if (same) {
      if (!options?.replace) throw new SystemError('EEXIST')
      this.#tables[table].remove(same)
    }
    this.#insert(completed, table)
    this.#changed()
  }

  remove(route: Partial<Route> & { destination: string }, options?: { table?: string }): void {
    const table = this.#tables[tableName(options?.table)]
    const prefix = tryParseCidr(route.destination)
    if (!prefix || prefix.version !== 4) throw new SystemError('EINVAL')
    if (route.device !== undefined && !this.#host.links.has(route.device)) throw new SystemError('ENODEV')
    const keys = ['via', 'device', 'source', 'metric', 'scope', 'protocol', 'type'] as const
    const entry = table.at(prefix).find((e) => keys.every((key) => route[key] === undefined || route[key] === e.route[key] || (key === 'type' && route.type === 'unicast' && !e.route.type)))
    if (!entry) throw new SystemError('ESRCH')
    table.remove(entry)
    this.#changed()
  }

  list(table: 'main' | 'local' | 'all' = 'main'): readonly Route[] {
    const entries = table === 'all' ? [...this.#tables.main.all(), ...this.#tables.local.all()] : this.#tables[table].all()
    return entries.map((e) => e.route)
  }

  lookup(destination: Ip): Route | undefined {
    return this.find(destination)?.route
  }

  /** Longest prefix, then lowest metric; the table "local" before "main", as the default rules say. */
  find(destination: Ip): RouteEntry | undefined {
    let entry = this.#found.get(destination)
    if (entry === undefined && !this.#found.has(destination)) {
      const address = ipv4Number(destination)
      entry = Number.isNaN(address) ? undefined : (this.#tables.local.find(address) ?? this.#tables.main.find(address))
      if (this.#found.size > 4096) this.#found.clear()
      this.#found.set(destination, entry)
    }
    return entry
  }

  /** The row as `ip route` prints it. */
  line(entry: RouteEntry): string {
    const linkdown = entry.link !== undefined && !entry.link.carrier
    if (linkdown) return formatRoute(entry.route, { linkdown })
    let line = this.#lines.get(entry.route)
    if (line === undefined) this.#lines.set(entry.route, (line = formatRoute(entry.route)))
    return line
  }

  /** The address that a packet along this route leaves with (inet_select_addr). */
  sourceFor(entry: RouteEntry): Ip | undefined {
    const route = entry.route
    if (route.source) return route.source
    const scopes = route.scope === 'host' ? ['global', 'link', 'host'] : route.scope === 'link' ? ['global', 'link'] : ['global']
    const fits = (a: LinkAddress): boolean => !a.secondary && scopes.includes(a.scope)
    const own = entry.link?.addresses.filter(fits) ?? []
    const near = route.via === undefined ? undefined : own.find((a) => ((ipv4Number(a.address) ^ ipv4Number(route.via!)) & maskOf(a.prefixLength)) === 0)
    if (near ?? own[0]) return (near ?? own[0])!.address
    for (const link of this.#host.links.values()) {
      const other = link.addresses.find(fits)
      if (other && link.kind !== 'loopback') return other.address
    }
    return undefined
  }

  addressAdded(link: BaseLink, address: LinkAddress): void {
    // A secondary address is local with the primary one as its preferred source (fib_add_ifaddr).
    const primary = address.secondary
      ? link.addresses.find((a) => !a.secondary && cidrContains(networkOf(`${a.address}/${a.prefixLength}`), address.address))
      : address
    this.#insert({ destination: `${address.address}/32`, device: link.name, source: (primary ?? address).address, scope: 'host', protocol: 'kernel', type: 'local' }, 'local')
    if (link.up) this.#connect(link, address)
    this.#changed()
  }

  /** `rest` are the addresses that the link keeps. */
  addressRemoved(link: BaseLink, address: LinkAddress, rest: readonly LinkAddress[]): void {
    const gone = (e: RouteEntry): boolean => {
      if (e.route.type === 'local' && e.prefix.length === 32) return e.link === link && e.prefix.network === address.address
      return e.route.source === address.address && (e.link === link || e.table === 'main')
    }
    for (const table of Object.values(this.#tables)) for (const e of table.all()) if (gone(e)) table.remove(e)
    for (const other of rest) if (link.up && !other.secondary) this.#connect(link, other)
    this.#changed()
  }

  linkUp(link: BaseLink): void {
    for (const address of link.addresses) this.#connect(link, address)
    this.#changed()
  }

  /** Routes through a link that is set down go; its own addresses stay local (fib_disable_ip). */
  linkDown(link: BaseLink): void {
    for (const table of Object.values(this.#tables)) {
      for (const e of table.all()) if (e.link === link && !(e.table === 'local' && e.route.type === 'local')) table.remove(e)
    }
    this.#changed()
  }

  linkRemoved(link: BaseLink): void {
    for (const table of Object.values(this.#tables)) for (const e of table.all()) if (e.link === link) table.remove(e)
    this.#changed()
  }

  #connect(link: BaseLink, address: LinkAddress): void {
    if (address.secondary) return
    const network = networkOf(`${address.address}/${address.prefixLength}`)
    const kernel = { device: link.name, source: address.address, protocol: 'kernel' } as const
    const add = (route: Route, table: TableName): void => {
      const prefix = tryParseCidr(route.destination)!
      const known = this.#tables[table].at(prefix).some((e) => e.link === link && e.route.source === route.source)
      if (!known) this.#insert(route, table)
    }
    if (address.prefixLength < 32) {
      if (link.kind === 'loopback') add({ ...kernel, destination: network, scope: 'host', type: 'local' }, 'local')
      else add({ ...kernel, destination: network, scope: 'link' }, 'main')
    }
    if (address.prefixLength < 31) add({ ...kernel, destination: `${broadcastOf(network)}/32`, scope: 'link', type: 'broadcast' }, 'local')
  }

  /** Checks a route as fib_check_nh does and fills in what the caller left out. */
  #complete(route: Route): Route {
    const type = route.type ?? 'unicast'
    if (type === 'blackhole' || type === 'unreachable' || type === 'prohibit') return { ...route, type, device: undefined, via: undefined }
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
    if (this.#tables.local.find(address)) return undefined
    for (const length of this.#tables.main.lengths) {
      const entries = this.#tables.main.byLength[length]!.get((address & maskOf(length)) >>> 0) ?? []
      const near = entries.find((e) => device === undefined || e.route.device === device)
      if (near) return near.route.scope === 'link' && near.link ? near : undefined
    }
    return undefined
  }

  #insert(route: Route, table: TableName): void {
    const link = route.device === undefined ? undefined : this.#host.links.get(route.device)
    this.#tables[table].add({ route: frozen(route), table, prefix: tryParseCidr(route.destination)!, metric: route.metric ?? 0, link })
  }

  #changed(): void {
    this.#found.clear()
    this.#host.changed()
  }
}

/** A copy written out field by field: all routes have the same layout in memory. */
function frozen({ destination, via, device, source, metric, scope, protocol, type, onlink }: Route): Route {
  return Object.freeze({ destination, via, device, source, metric, scope, protocol, type, onlink })
}

function tableName(name: string | undefined): TableName {
  if (name === undefined || name === 'main' || name === '254') return 'main'
  if (name === 'local' || name === '255') return 'local'
  throw new SystemError('EINVAL')
}

