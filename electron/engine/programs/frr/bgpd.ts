import type { Clock } from '../../clock.ts'
import { cidrContains, ipVersion, networkOf } from '../../network/address.ts'
import { BgpSpeaker, type BgpPeer, type BgpRoute, type RemoteAs } from '../../cni/bgp/speaker.ts'
import { NOTIFY } from '../../cni/bgp/messages.ts'
import type { Cidr, Ip, NetworkNamespace, Route } from '../../network/types.ts'

/**
 * FRR 8.4 (Debian 12's) on the router outside the cluster: bgpd and as much of zebra as puts its routes into the kernel. It speaks with
 * nobody before somebody configures it with vtysh. IPv4 unicast over IPv4 sessions.
 */
export interface NeighborConfig {
  remoteAs?: RemoteAs
  group?: string
  description?: string
  shutdown?: boolean
  passive?: boolean
  defaultOriginate?: boolean
  routeMap: { in?: string; out?: string }
}

export interface BgpConfig {
  asn: number
  routerId?: Ip
  /** RFC 8212, FRR's default since 7.4: without a route map a neighbour outside the AS says and hears nothing. */
  requiresPolicy: boolean
  timers?: { keepalive: number; hold: number }
  groups: Map<string, NeighborConfig>
  neighbors: Map<Ip, NeighborConfig>
  listen: Map<Cidr, string>
  networks: Set<Cidr>
  redistribute: Set<'connected' | 'static' | 'kernel'>
  /** 1: one way only. */
  maximumPaths: number
}

/** FRR's "traditional" profile: seconds. */
const HOLD = 180
/** Between attempts to connect, ms. */
const RETRY = 120_000
/** zebra's metric of BGP's routes in the kernel; distances of RFC-like custom: outside 20, inside 200. */
const METRIC = 20
const DEFAULT_PATHS = 256

export class Bgpd {
  readonly clock: Clock
  readonly network: NetworkNamespace
  readonly #address: Ip
  /** Who else stands outside: they hear of the router's routes over the routing protocol that they have among themselves. */
  readonly #hosts: () => readonly NetworkNamespace[]
  readonly #via: Ip
  readonly #programmed = new Map<Cidr, { route: Route; since: number }>()
  readonly #told = new Map<Cidr, readonly NetworkNamespace[]>()
  readonly routeMaps = new Map<string, 'permit' | 'deny'>()
  config: BgpConfig | undefined
  speaker: BgpSpeaker | undefined
  /** The table's: counts the changes. */
  version = 0
  /** The neighbours as they were configured last. */
  #known = new Map<Ip, string>()

  /** `address`: on the wire of the nodes; `via`: on that of the outside. */
  constructor(clock: Clock, network: NetworkNamespace, address: Ip, via: Ip, hosts: () => readonly NetworkNamespace[]) {
    this.clock = clock
    this.network = network
    this.#address = address
    this.#via = via
    this.#hosts = hosts
  }

  get routerId(): Ip {
    return this.config?.routerId ?? [...this.network.links.values()].flatMap((l) => (l.kind === 'loopback' ? [] : l.addresses.map((a) => a.address))).filter((a) => !a.includes(':')).sort((a, b) => (byNumber(a) < byNumber(b) ? 1 : -1))[0] ?? this.#address
  }

  start(asn: number): BgpConfig {
    this.config = { asn, requiresPolicy: true, groups: new Map(), neighbors: new Map(), listen: new Map(), networks: new Set(), redistribute: new Set(), maximumPaths: DEFAULT_PATHS }
    this.apply()
    return this.config
  }

  remove(): void {
    this.config = undefined
    this.apply()
  }

  /** A neighbour's configuration with what its peer group says. */
  settings(address: Ip): NeighborConfig | undefined {
    const { neighbors, groups, listen } = this.config ?? {}
    const own = neighbors?.get(address)
    const name = own ? own.group : [...(listen ?? [])].find(([range]) => ipVersion(range.split('/')[0]!) === ipVersion(address) && cidrContains(range, address))?.[1]
    const group = name === undefined ? undefined : groups?.get(name)
    if (!own && !group) return undefined
    return { ...group, ...own, ...(group?.remoteAs !== undefined ? { remoteAs: group.remoteAs } : {}), routeMap: { ...group?.routeMap, ...own?.routeMap } }
  }

  /** Whether RFC 8212 keeps a neighbour from saying (in) or hearing (out) anything. */
  withoutPolicy(peer: Pick<BgpPeer, 'address' | 'asn'>, way: 'in' | 'out'): boolean {
    const { config } = this
    return config !== undefined && config.requiresPolicy && peer.asn !== config.asn && this.settings(peer.address)?.routeMap[way] === undefined
  }

  /** A route map that does not exist lets nothing through. */
  #passes(peer: BgpPeer, way: 'in' | 'out'): boolean {
    const name = this.settings(peer.address)?.routeMap[way]
    return !this.withoutPolicy(peer, way) && (name === undefined || this.routeMaps.get(name) === 'permit')
  }

  /** The configuration takes effect: speaker, neighbours, what is announced. */
  apply(): void {
    const { config } = this
    const id = this.routerId
    const hold = config?.timers?.hold ?? HOLD
    const { speaker } = this
    if (speaker && (speaker.options.asn !== config?.asn || speaker.options.routerId !== id)) {
      speaker.stop()
      for (const prefix of [...this.#programmed.keys()]) this.#program(prefix, [])
      this.speaker = undefined
      this.#known = new Map()
    }
    if (!config) return
    this.speaker ??= new BgpSpeaker({
      network: this.network, clock: this.clock, asn: config.asn, routerId: id, address: this.#address, holdTime: hold, retry: RETRY, transit: true, helper: true,
      dynamic: (address) => (this.settings(address)?.shutdown ? undefined : this.settings(address)?.remoteAs),
      accepts: (peer) => this.#passes(peer, 'in'),
      tells: (peer) => this.#passes(peer, 'out'),
      onRoute: (prefix, _, ways) => this.#program(prefix, ways),
    })
    const wanted = new Map<Ip, { asn: RemoteAs; passive: boolean }>()
    for (const address of config.neighbors.keys()) {
      const { remoteAs, shutdown, passive = false } = this.settings(address)!
      if (remoteAs !== undefined && !shutdown) wanted.set(address, { asn: remoteAs, passive })
    }
    for (const [address, before] of this.#known) if (JSON.stringify(wanted.get(address)) !== before) this.speaker.removePeer(address)
    for (const peer of this.speaker.peers) if (peer.dynamic && (this.settings(peer.address)?.remoteAs === undefined || this.settings(peer.address)?.shutdown)) this.speaker.resetPeer(peer.address, NOTIFY.ceaseDeconfigured)
    this.#known = new Map([...wanted].map(([address, w]) => [address, JSON.stringify(w)]))
    for (const [address, { asn, passive }] of wanted) this.speaker.addPeer(address, asn, { passive })
    this.#announce(this.speaker, config)
  }

  /** "clear bgp". */
  clear(addresses?: readonly Ip[]): void {
    for (const { address } of this.speaker?.peers ?? []) if (!addresses || addresses.includes(address)) this.speaker!.resetPeer(address)
  }

  /** A neighbour's policy changed: who cannot be asked again (RFC 2918) has to come back. */
  policyChanged(name: string): void {
    for (const { address } of this.speaker?.peers ?? []) if (address === name || this.settings(address)?.group === name || this.#listens(address, name)) this.speaker!.resetPeer(address, NOTIFY.ceaseChanged)
  }

  #listens(address: Ip, group: string): boolean {
    return [...(this.config?.listen ?? [])].some(([range, name]) => name === group && cidrContains(range, address))
  }

  #announce(speaker: BgpSpeaker, { networks, redistribute, neighbors, groups }: BgpConfig): void {
    const routes = this.network.routes.list('main', 4)
    const present = (cidr: Cidr): boolean => routes.some((r) => r.destination === cidr)
    const of = (route: Route): 'connected' | 'kernel' => (route.protocol === 'kernel' ? 'connected' : 'kernel')
    const wanted = new Set([...networks].filter(present))
    for (const route of routes) if (route.protocol !== 'bgp' && route.destination !== '0.0.0.0/0' && redistribute.has(of(route))) wanted.add(route.destination)
    if ([...neighbors.values(), ...groups.values()].some((n) => n.defaultOriginate)) wanted.add('0.0.0.0/0')
    for (const prefix of [...speaker.announced.keys()]) if (!wanted.has(prefix)) speaker.withdraw(prefix)
    for (const prefix of wanted) speaker.announce(prefix, this.#address)
  }

  // ---- zebra -----------------------------------------------------------------------------------------------------

  /** In the kernel; undefined: not there. Virtual ms since it has been so. */
  since(prefix: Cidr): number | undefined {
    return this.#programmed.get(prefix)?.since
  }

  /** The next hops that packets take, in the order of their addresses. */
  hops(ways: readonly BgpRoute[]): Ip[] {
    return [...new Set(ways.map((w) => w.nextHop))].slice(0, this.config?.maximumPaths ?? DEFAULT_PATHS).sort((a, b) => (byNumber(a) < byNumber(b) ? -1 : 1))
  }

  #program(prefix: Cidr, ways: readonly BgpRoute[]): void {
    this.version++
    const { routes } = this.network
    const old = this.#programmed.get(prefix)
    // by a neighbour on a wire of ours
    // zebra: what is connected, or of the kernel or static, is nearer than any BGP route
    const nearer = routes.list('main').some((r) => r.destination === networkOf(prefix) && r.protocol !== 'bgp')
    const hops = prefix.includes(':') || nearer ? [] : this.hops(ways).flatMap((via) => {
      const device = routes.lookup(via)?.device
      return device === undefined || this.network.isLocal(via) ? [] : [{ via, device }]
    })
    this.#remove(prefix, old?.route)
    if (hops.length > 0) {
      const route: Route = { destination: networkOf(prefix), protocol: 'bgp', metric: METRIC, ...(hops.length === 1 ? hops[0] : { nexthops: hops }) }
      routes.add(route, { replace: true })
      this.#programmed.set(prefix, { route, since: this.clock.now })
    }
    this.#tell(prefix, hops.length > 0)
  }

  #remove(prefix: Cidr, route: Route | undefined): void {
    if (!route) return
    this.#programmed.delete(prefix)
    try {
      this.network.routes.remove({ destination: route.destination, protocol: 'bgp', metric: METRIC })
    } catch {
      // Somebody removed it by hand.
    }
  }

  #tell(prefix: Cidr, on: boolean): void {
    const route: Route = { destination: networkOf(prefix), via: this.#via, protocol: 'ospf', metric: METRIC }
    const before = this.#told.get(prefix)
    if (on === (before !== undefined)) return
    if (on) this.#told.set(prefix, this.#hosts())
    else this.#told.delete(prefix)
    for (const host of before ?? this.#hosts()) {
      try {
        if (on) host.routes.add(route)
        else host.routes.remove({ destination: route.destination, protocol: 'ospf' })
      } catch {
        // It has such a route already, or somebody removed it by hand.
      }
    }
  }
}

export function byNumber(ip: Ip): number {
  return ip.split('.').reduce((n, part) => n * 256 + Number(part), 0)
}
