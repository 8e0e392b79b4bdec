import type { Clock } from '../../clock.ts'
import { cidrContains, compareIp, ipVersion, isLinkLocalIp6, networkOf } from '../../network/address.ts'
import { BgpSpeaker, type BgpPeer, type BgpRoute, type RemoteAs } from '../../cni/bgp/speaker.ts'
import { NOTIFY, type Family } from '../../cni/bgp/messages.ts'
import type { Cidr, Ip, NetworkNamespace, Route } from '../../network/types.ts'

/**
 * FRR 8.4 (Debian 12's) on the router outside the cluster: bgpd and as much of zebra as puts its routes into the kernel. It speaks with
 * nobody before somebody configures it with vtysh. IPv4 and IPv6 unicast, each over sessions of either family.
 */
export interface NeighborConfig {
  remoteAs?: RemoteAs
  group?: string
  description?: string
  shutdown?: boolean
  passive?: boolean
  families: Readonly<Record<Family, NeighborFamily>>
}

/** What `address-family` says of a neighbour. */
export interface NeighborFamily {
  /** Undefined: as the instance does by itself, IPv4 and not IPv6. */
  activate?: boolean
  defaultOriginate?: boolean
  routeMap: { in?: string; out?: string }
}

export interface FamilyConfig {
  networks: Set<Cidr>
  redistribute: Set<'connected' | 'static' | 'kernel'>
  /** 1: one way only. */
  maximumPaths: number
}

export const FAMILIES: readonly Family[] = [4, 6]

export interface BgpConfig {
  asn: number
  routerId?: Ip
  /** RFC 8212, FRR's default since 7.4: without a route map a neighbour outside the AS says and hears nothing. */
  requiresPolicy: boolean
  timers?: { keepalive: number; hold: number }
  groups: Map<string, NeighborConfig>
  neighbors: Map<Ip, NeighborConfig>
  listen: Map<Cidr, string>
  /** "bgp default ipv4-unicast" */
  defaultIpv4: boolean
  families: Readonly<Record<Family, FamilyConfig>>
}

/** Where it stands: its addresses on the wire of the nodes, and those on the wire of the outside. */
export interface Place { readonly address: Ip; readonly address6?: Ip | undefined; readonly via: Ip; readonly via6?: Ip | undefined }

/** FRR's "traditional" profile: seconds. */
const HOLD = 180
/** Between attempts to connect, ms. */
const RETRY = 120_000
/** zebra's metric of BGP's routes in the kernel; distances of RFC-like custom: outside 20, inside 200. */
const METRIC = 20
export const DEFAULT_PATHS = 256
const ANY: Readonly<Record<Family, Cidr>> = { 4: '0.0.0.0/0', 6: '::/0' }

export class Bgpd {
  readonly clock: Clock
  readonly network: NetworkNamespace
  readonly #place: Place
  /** Who else stands outside: they hear of the router's routes over the routing protocol that they have among themselves. */
  readonly #hosts: () => readonly NetworkNamespace[]
  readonly #programmed = new Map<Cidr, { route: Route; since: number }>()
  readonly #told = new Map<Cidr, readonly NetworkNamespace[]>()
  readonly routeMaps = new Map<string, 'permit' | 'deny'>()
  config: BgpConfig | undefined
  speaker: BgpSpeaker | undefined
  /** The table's: counts the changes. */
  version = 0
  /** The neighbours as they were configured last. */
  #known = new Map<Ip, string>()

  constructor(clock: Clock, network: NetworkNamespace, place: Place, hosts: () => readonly NetworkNamespace[]) {
    this.clock = clock
    this.network = network
    this.#place = place
    this.#hosts = hosts
  }

  get routerId(): Ip {
    return this.config?.routerId ?? [...this.network.links.values()].flatMap((l) => (l.kind === 'loopback' ? [] : l.addresses.map((a) => a.address))).filter((a) => !a.includes(':')).sort(compareIp).at(-1) ?? this.#place.address
  }

  start(asn: number): BgpConfig {
    this.config = { asn, requiresPolicy: true, groups: new Map(), neighbors: new Map(), listen: new Map(), defaultIpv4: true, families: { 4: newFamily(), 6: newFamily() } }
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
    const inFamily = (family: Family): NeighborFamily => ({ ...group?.families[family], ...own?.families[family], routeMap: { ...group?.families[family].routeMap, ...own?.families[family].routeMap } })
    return { ...group, ...own, ...(group?.remoteAs !== undefined ? { remoteAs: group.remoteAs } : {}), families: { 4: inFamily(4), 6: inFamily(6) } }
  }

  /** The families that a neighbour is activated for. */
  families(address: Ip): Family[] {
    const settings = this.settings(address)
    return FAMILIES.filter((family) => settings?.families[family].activate ?? (family === 4 && this.config?.defaultIpv4))
  }

  /** Whether RFC 8212 keeps a neighbour from saying (in) or hearing (out) anything. */
  withoutPolicy(peer: Pick<BgpPeer, 'address' | 'asn'>, way: 'in' | 'out', family: Family): boolean {
    const { config } = this
    return config !== undefined && config.requiresPolicy && peer.asn !== config.asn && this.settings(peer.address)?.families[family].routeMap[way] === undefined
  }

  /** A route map that does not exist lets nothing through. */
  #passes(peer: BgpPeer, way: 'in' | 'out', prefix: Cidr): boolean {
    const family = familyOf(prefix)
    const name = this.settings(peer.address)?.families[family].routeMap[way]
    return !this.withoutPolicy(peer, way, family) && (name === undefined || this.routeMaps.get(name) === 'permit')
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
      network: this.network, clock: this.clock, asn: config.asn, routerId: id, address: this.#place.address, otherAddress: this.#place.address6, holdTime: hold, retry: RETRY, transit: true, helper: true,
      dynamic: (address) => (this.settings(address)?.shutdown ? undefined : this.settings(address)?.remoteAs),
      families: (address) => this.families(address),
      linkLocal: (address) => this.#linkLocalTo(address),
      accepts: (peer, prefix) => this.#passes(peer, 'in', prefix),
      tells: (peer, prefix, route) => this.#passes(peer, 'out', prefix) && (route !== undefined || this.#originates(peer.address, prefix)),
      onRoute: (prefix, _, ways) => this.#program(prefix, ways),
    })
    const wanted = new Map<Ip, { asn: RemoteAs; passive: boolean; families: readonly Family[] }>()
    for (const address of config.neighbors.keys()) {
      const { remoteAs, shutdown, passive = false } = this.settings(address)!
      const families = this.families(address)
      if (remoteAs !== undefined && !shutdown && families.length > 0) wanted.set(address, { asn: remoteAs, passive, families })
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

  /** RFC 2545 3: a neighbour on a wire of ours hears of our address there. */
  #linkLocalTo(address: Ip): Ip | undefined {
    const { routes, links } = this.network
    const route = routes.lookup(address)
    return route?.device === undefined || route.via !== undefined ? undefined : links.get(route.device)?.addresses.find((a) => isLinkLocalIp6(a.address))?.address
  }

  #listens(address: Ip, group: string): boolean {
    return [...(this.config?.listen ?? [])].some(([range, name]) => name === group && cidrContains(range, address))
  }

  /** "default-originate" is for one neighbour. */
  #originates(address: Ip, prefix: Cidr): boolean {
    const family = familyOf(prefix)
    return prefix !== ANY[family] || this.config?.families[family].networks.has(prefix) === true || this.settings(address)?.families[family].defaultOriginate === true
  }

  #announce(speaker: BgpSpeaker, { families, neighbors, groups }: BgpConfig): void {
    const wanted = new Map<Cidr, Ip>()
    for (const family of FAMILIES) {
      const nextHop = family === 4 ? this.#place.address : this.#place.address6
      if (nextHop === undefined) continue
      const { networks, redistribute } = families[family]
      const routes = this.network.routes.list('main', family).filter((r) => !isLinkLocalIp6(r.destination.split('/')[0]!))
      const of = (route: Route): 'connected' | 'kernel' => (route.protocol === 'kernel' ? 'connected' : 'kernel')
      for (const prefix of networks) if (routes.some((r) => r.destination === prefix)) wanted.set(prefix, nextHop)
      for (const route of routes) if (route.protocol !== 'bgp' && route.destination !== ANY[family] && redistribute.has(of(route))) wanted.set(route.destination, nextHop)
      if ([...neighbors.values(), ...groups.values()].some((n) => n.families[family].defaultOriginate)) wanted.set(ANY[family], nextHop)
    }
    for (const prefix of [...speaker.announced.keys()]) if (!wanted.has(prefix)) speaker.withdraw(prefix)
    for (const [prefix, nextHop] of wanted) speaker.announce(prefix, nextHop)
  }

  // ---- zebra -----------------------------------------------------------------------------------------------------

  /** In the kernel; undefined: not there. Virtual ms since it has been so. */
  since(prefix: Cidr): number | undefined {
    return this.#programmed.get(prefix)?.since
  }

  /** The next hops that packets take, in the order of their addresses. */
  hops(ways: readonly BgpRoute[]): Ip[] {
    const most = ways[0] && this.config?.families[familyOf(ways[0].prefix)].maximumPaths
    return [...new Set(ways.map((w) => w.nextHop))].slice(0, most ?? DEFAULT_PATHS).sort(compareIp)
  }

  /** Who has told of its link-local address is reached there. */
  #wayTo(nextHop: Ip, ways: readonly BgpRoute[]): { via: Ip; device: string }[] {
    const route = this.network.routes.lookup(nextHop)
    // zebra: no next hop is looked for by the default route
    if (route?.device === undefined || route.destination === ANY[familyOf(nextHop)] || this.network.isLocal(nextHop)) return []
    const { linkLocal, prefix } = ways.find((w) => w.nextHop === nextHop) ?? {}
    // a next hop of the other family takes the capability of RFC 8950, which nobody here offers
    if (prefix === undefined || familyOf(prefix) !== familyOf(nextHop)) return []
    return [{ via: route.via === undefined && linkLocal !== undefined ? linkLocal : nextHop, device: route.device }]
  }

  #program(prefix: Cidr, ways: readonly BgpRoute[]): void {
    this.version++
    const { routes } = this.network
    const old = this.#programmed.get(prefix)
    // zebra: what is connected, or of the kernel or static, is nearer than any BGP route
    const nearer = routes.list('main', familyOf(prefix)).some((r) => r.destination === networkOf(prefix) && r.protocol !== 'bgp')
    const hops = nearer ? [] : this.hops(ways).flatMap((via) => this.#wayTo(via, ways))
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
    const via = familyOf(prefix) === 4 ? this.#place.via : this.#place.via6
    if (via === undefined) return
    const route: Route = { destination: networkOf(prefix), via, protocol: 'ospf', metric: METRIC }
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

function newFamily(): FamilyConfig {
  return { networks: new Set(), redistribute: new Set(), maximumPaths: DEFAULT_PATHS }
}

export function familyOf(prefix: Cidr): Family {
  return prefix.includes(':') ? 6 : 4
}
