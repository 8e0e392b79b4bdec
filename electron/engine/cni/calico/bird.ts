import type { Timer } from '../../clock.ts'
import type { KubeObject, Node } from '../../kubernetes/types.ts'
import { cidrContains, compareIp, networkOf } from '../../network/address.ts'
import type { Cidr, Ip, Route } from '../../network/types.ts'
import { sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import { HOLD_TIMER_EXPIRED } from '../bgp/session.ts'
import { BgpSpeaker, type BgpPeer, type BgpRoute } from '../bgp/speaker.ts'
import type { NodeContext } from '../types.ts'
import { filterAction, type BgpFilterObject } from './bgp-filters.ts'
import { wantedPeers, type BgpNode, type BgpPeerObject, type PeerKind, type WantedPeer } from './bgp-peers.ts'
import { calicoResource, type BlockAffinity, type IpPool } from './datastore.ts'
import { versionsOf } from './felix.ts'
import { serviceCidrs, ServiceRoutes } from './service-routes.ts'
import { IPIP_DEVICE, isVersion, WORKLOAD_PREFIX, type Version } from './names.ts'
import { ADDRESS_ANNOTATIONS } from './node-annotations.ts'

/**
 * confd and BIRD of a calico-node: the blocks of this node are announced to all others over BGP, and what they announce becomes
 * kernel routes (confd/etc/calico/confd/templates/bird*.cfg.template). What BIRD has put into the kernel stays when it ends ("persist").
 * Each family has a BIRD of its own: "bird" and "bird6".
 */
const DEFAULT_AS = 64512
/** "scan time 2" */
const SCAN = 2_000
/** BIRD 1.6's hold time and restart time (s), and the template's times (ms). */
const TIMES = { holdTime: 240, gracefulRestart: 120, connectDelay: 2_000, retry: 5_000, eagerFor: 60_000 }
const NODE_ANNOTATION = { as: 'projectcalico.org/ASNumber', clusterId: 'projectcalico.org/RouteReflectorClusterID' } as const

interface BgpConfiguration extends KubeObject { spec: { nodeToNodeMeshEnabled?: boolean; asNumber?: number } & Parameters<typeof serviceCidrs>[0] }

export class Bird {
  readonly version: Version
  /** Virtual ms. */
  readonly startedAt: number
  readonly #pid: number
  readonly #node: NodeContext
  readonly #log: (line: string) => void
  readonly #stops: (() => void)[] = []
  readonly #nodes = new Map<string, Omit<BgpNode, 'as'> & { as: number | undefined }>()
  readonly #objects = new Map<string, BgpPeerObject>()
  readonly #filters = new Map<string, BgpFilterObject['spec']>()
  /** What every peer would be told without filters. */
  #exported: ReadonlySet<Cidr> = new Set()
  /** As they are configured now. */
  #wantedPeers: ReadonlyMap<Ip, WantedPeer> = new Map()
  /** Who has been told of them, since something was configured. */
  #meshed: BgpSpeaker | undefined
  readonly #blocks = new Map<string, Cidr>()
  readonly #pools = new Map<string, IpPool['spec']>()
  readonly #configurations = new Map<string, BgpConfiguration['spec']>()
  readonly #programmed = new Map<Cidr, Route>()
  readonly #services: ServiceRoutes
  #network: Cidr | undefined
  #own: Ip | undefined
  #speaker: { as: number; address: Ip; speaker: BgpSpeaker } | undefined
  #due: Timer | undefined
  #scan: Timer | undefined
  #stopped = false

  constructor(node: NodeContext, version: Version, pid: number, log: (line: string) => void) {
    this.#node = node
    this.version = version
    this.startedAt = node.clock.now
    this.#pid = pid
    this.#log = log
    this.#services = new ServiceRoutes(node, () => this.#changed())
    log('device1: Initializing')
    log('direct1: Initializing')
    log('device1: Starting')
    log('device1: Connected to table master')
    log('device1: State changed to feed')
    log('direct1: Starting')
    log('direct1: Connected to table master')
    log('direct1: State changed to feed')
    log('Graceful restart started')
    log('Graceful restart done')
    log('Started')
    log('device1: State changed to up')
    log('direct1: State changed to up')
    this.#learn()
    this.#stops.push(node.network.onChange(() => this.#scanLater()))
    this.#watch<Node>('nodes', (name, object) => this.#setNode(name, object))
    this.#watch<BgpPeerObject>(calicoResource('bgppeers'), (name, object) => this.#set(this.#objects, name, object))
    this.#watch<BgpFilterObject>(calicoResource('bgpfilters'), (name, object) => {
      this.#set(this.#filters, name, object?.spec)
      this.#refilter((peer) => peer.filters.includes(name))
    })
    this.#watch<BlockAffinity>(calicoResource('blockaffinities'), (name, object) => this.#set(this.#blocks, name, object?.spec.node === node.name && object.spec.state === 'confirmed' && isVersion(version)(object.spec.cidr) ? object.spec.cidr : undefined))
    this.#watch<IpPool>(calicoResource('ippools'), (name, object) => this.#set(this.#pools, name, object?.spec))
    this.#watch<BgpConfiguration>(calicoResource('bgpconfigurations'), (name, object) => {
      this.#set(this.#configurations, name, object?.spec)
      this.#services.configure(serviceCidrs(this.#configurations.get('default')))
    })
  }

  /** In the order of their addresses. */
  get peers(): readonly BgpPeer[] {
    return this.#speaker?.speaker.peers ?? []
  }

  get #globalAs(): number {
    return this.#configurations.get('default')?.asNumber ?? DEFAULT_AS
  }

  get #as(): number {
    return this.#nodes.get(this.#node.name)?.as ?? this.#globalAs
  }

  /** What neighbours announce, and the device that leads to whom it goes. */
  get learnt(): (BgpRoute & { via: Ip; device: string | undefined })[] {
    return [...(this.#speaker?.speaker.routes.values() ?? [])].map((r) => ({ ...r, ...this.#gateway(r) }))
  }

  get kernelRoutes(): readonly Route[] {
    return this.#routes()
  }

  /** What the protocol direct1 says: the networks of the node's own links. */
  get connected(): { prefix: Cidr; device: string }[] {
    const links = [...this.#node.network.links.values()].filter((l) => !l.name.startsWith(WORKLOAD_PREFIX) && !l.name.startsWith('kube-ipvs'))
    return links.flatMap((l) => l.addresses.filter((a) => a.scope === 'global' && isVersion(this.version)(a.address)).map((a) => ({ prefix: networkOf(`${a.address}/${a.prefixLength}`), device: l.name })))
  }

  /** Why it speaks with a neighbour. */
  kindOf(address: Ip): PeerKind {
    return this.#wantedPeers.get(address)?.kind ?? 'Mesh'
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
    this.#services.stop()
    for (const timer of [this.#due, this.#scan]) this.#node.clock.cancel(timer)
    this.#speaker?.speaker.stop()
  }

  #exports(): readonly Cidr[] {
    const blocks = [...this.#blocks.values()]
    const exported = (ip: Ip): boolean => [...this.#pools.values()].some((p) => cidrContains(p.cidr, ip) && !p.disableBGPExport)
    // borrowed addresses, which no block of ours covers
    const single = this.#routes().filter((r) => r.device?.startsWith(WORKLOAD_PREFIX) && r.destination.endsWith(this.version === 4 ? '/32' : '/128')).map((r) => r.destination)
    return [...blocks, ...single.filter((cidr) => !blocks.some((b) => cidrContains(b, cidr.split('/')[0]!)))].filter((cidr) => exported(cidr.split('/')[0]!)).concat(this.#services.announced(this.version))
  }

  /** What a filter may let out besides: own blocks of pools that are not exported, and the networks of the node's links. */
  #acceptable(): Cidr[] {
    const filtered = [...this.#wantedPeers.values()].filter((peer) => peer.filters.length > 0)
    if (filtered.length === 0) return []
    const candidates = [...this.#blocks.values(), ...this.connected.map(({ prefix }) => prefix)]
    return candidates.filter((prefix) => filtered.some(({ address }) => this.#filter(address, 'export', prefix, false) === 'Accept'))
  }

  #filter(peer: Ip, direction: 'import' | 'export', prefix: Cidr, remote: boolean, via?: Ip): 'Accept' | 'Reject' | undefined {
    const names = this.#wantedPeers.get(peer)?.filters ?? []
    if (names.length === 0) return undefined
    const device = via === undefined ? this.connected.find((c) => c.prefix === prefix)?.device : this.#node.network.routes.lookup(via)?.device
    return filterAction(this.#filters, names, direction, this.version, { prefix, remote, device })
  }

  #refilter(which: (peer: WantedPeer) => boolean): void {
    for (const peer of this.#wantedPeers.values()) if (which(peer)) this.#speaker?.speaker.refilter(peer.address)
  }

  #changed(): void {
    if (this.#stopped || this.#due) return
    this.#due = this.#node.clock.schedule(10, () => {
      this.#due = undefined
      this.#apply()
    })
  }

  // ---- what confd reads --------------------------------------------------------------------------------------

  #routes(): readonly Route[] {
    return this.#node.network.routes.list('main', this.version)
  }

  /** The kernel's routes that an earlier BIRD left (protocol kernel, "learn"). */
  #learn(): void {
    for (const route of this.#routes()) if (route.protocol === 'bird') this.#programmed.set(route.destination, route)
  }

  #watch<T extends KubeObject>(resource: string, put: (name: string, object: T | undefined) => void): void {
    this.#stops.push(this.#node.client.watch<T>(resource, {}, (event) => {
      if (this.#stopped || !('object' in event)) return
      put(event.object.metadata.name, event.type === 'DELETED' ? undefined : event.object)
    }))
  }

  #set<T>(map: Map<string, T>, name: string, value: T | undefined): void {
    if (value === undefined) map.delete(name)
    else map.set(name, value)
    this.#meshed = undefined
    this.#changed()
  }

  /** Nodes beat; what confd reads of them seldom changes. */
  #setNode(name: string, object: Node | undefined): void {
    const { annotations, labels = {} } = object?.metadata ?? {}
    const written = annotations?.[ADDRESS_ANNOTATIONS[this.version]]
    const address = written?.split('/')[0]
    if (name === this.#node.name && written !== undefined) {
      this.#network = networkOf(written)
      this.#own = address
    }
    const as = annotations?.[NODE_ANNOTATION.as]
    const info = address === undefined ? undefined : { name, address, as: as === undefined ? undefined : Number(as), clusterId: annotations?.[NODE_ANNOTATION.clusterId] || undefined, labels }
    const old = this.#nodes.get(name)
    if (old === info || (old && info && old.address === info.address && old.as === info.as && old.clusterId === info.clusterId && (old.labels === labels || JSON.stringify(old.labels) === JSON.stringify(labels)))) return
    this.#set(this.#nodes, name, info)
  }

  // ---- what BIRD does ----------------------------------------------------------------------------------------

  #apply(): void {
    if (this.#own === undefined) return
    const speaker = this.#speak(this.#own)
    this.#mesh(speaker)
    this.#exported = new Set(this.#exports())
    const exports = new Set([...this.#exported, ...this.#acceptable()])
    for (const cidr of [...speaker.announced.keys()]) if (!exports.has(cidr)) speaker.withdraw(cidr)
    for (const cidr of exports) speaker.announce(cidr, this.#own)
    this.#program(speaker)
  }

  #speak(address: Ip): BgpSpeaker {
    if (this.#speaker?.as === this.#as && this.#speaker.address === address) return this.#speaker.speaker
    this.#speaker?.speaker.stop()
    const { network, clock } = this.#node
    const speaker = new BgpSpeaker({
      network, clock, owner: { pid: this.#pid, program: 'bird' }, asn: this.#as, routerId: this.#routerId(), address, families: () => [this.version], ...TIMES,
      imports: (peer, { prefix, nextHop }) => this.#filter(peer.address, 'import', prefix, true, nextHop) !== 'Reject',
      tells: (peer, prefix, route) => {
        const action = this.#filter(peer.address, 'export', prefix, route !== undefined, route?.nextHop)
        return action === undefined ? route !== undefined || this.#exported.has(prefix) : action === 'Accept'
      },
      ownAsIn: ({ address: ip }) => this.#wantedPeers.get(ip)?.ownAs ?? 0,
      clusterId: () => this.#nodes.get(this.#node.name)?.clusterId,
      onRoute: () => this.#changed(),
      onPeer: (peer, why) => this.#told(peer, why),
    })
    this.#speaker = { as: this.#as, address, speaker }
    return speaker
  }

  /** An IPv4 address in any case; without one, of the node's name (CALICO_ROUTER_ID=hash). */
  #routerId(): Ip {
    return this.#node.config.nodes.find((n) => n.name === this.#node.name && versionsOf(this.#node).includes(4))?.ip ?? hashToIpv4(this.#node.name)
  }

  #told(peer: BgpPeer, why: string): void {
    const name = this.sessionName(peer.address)
    if (peer.state === 'Established') return this.#log(`${name}: State changed to up`)
    this.#log(`${name}: ${birdError(why)}`)
    this.#log(`${name}: State changed to start`)
  }

  #mesh(speaker: BgpSpeaker): void {
    if (this.#meshed === speaker) return
    this.#meshed = speaker
    const nodes = [...this.#nodes.values()].map((n): BgpNode => ({ ...n, as: n.as ?? this.#globalAs }))
    const own = nodes.find((n) => n.name === this.#node.name)
    if (!own) return
    const before = this.#wantedPeers
    const wanted = wantedPeers(own, nodes, [...this.#objects.values()], this.#configurations.get('default')?.nodeToNodeMeshEnabled !== false, this.version)
    const present = new Set(speaker.peers.map((p) => p.address))
    // a filter that is another does not end a session
    const facts = (peer: WantedPeer | undefined): string | undefined => peer && JSON.stringify({ ...peer, filters: [] })
    const same = (ip: Ip): boolean => facts(wanted.get(ip)) === facts(before.get(ip))
    for (const ip of new Set([...present, ...before.keys()])) {
      if (present.has(ip) ? same(ip) : wanted.has(ip)) continue
      this.#log(`${this.sessionName(ip)}: Removing`)
      present.delete(ip)
      speaker.removePeer(ip)
    }
    this.#wantedPeers = wanted
    this.#refilter(({ address, filters }) => present.has(address) && filters.join() !== before.get(address)?.filters.join())
    for (const ip of [...wanted.keys()].sort()) {
      if (present.has(ip)) continue
      for (const what of ['Initializing', 'Starting', 'State changed to start']) this.#log(`${this.sessionName(ip)}: ${what}`)
      const { as, client, calicoNode, anySource, restartTime } = wanted.get(ip)!
      // "passive on": of two nodes the one with the higher address connects
      speaker.addPeer(ip, as, { client, passive: calicoNode && compareIp(ip, own.address) > 0, anySource, gracefulRestart: restartTime })
    }
  }

  /** The name of a protocol in BIRD's configuration. */
  sessionName(ip: Ip): string {
    return `${this.kindOf(ip)}_${ip.replace(/[.:]/g, '_')}`
  }

  /** The routing table master: own blocks, and the peers' routes as the filter calico_kernel_programming has them. */
  #wanted(speaker: BgpSpeaker): Map<Cidr, Route> {
    const out = new Map<Cidr, Route>()
    for (const destination of this.#blocks.values()) if (this.#kernelRoute(destination) !== 'reject') out.set(destination, { destination, type: 'blackhole', protocol: 'bird' })
    // "protocol static": before whatever BGP says of it, so that the way to a peer does not lead through what the peer says
    for (const { address, reachableBy: via } of this.#wantedPeers.values()) {
      const device = via === undefined || !isVersion(this.version)(via) ? undefined : this.#node.network.routes.lookup(via)?.device
      if (via !== undefined && device !== undefined) out.set(`${address}/${this.version === 4 ? 32 : 128}`, { destination: `${address}/${this.version === 4 ? 32 : 128}`, via, device, protocol: 'bird' })
    }
    // direct1 is nearer (preference 240) than BGP (100), and its routes the kernel has by itself
    const connected = new Set(this.connected.map(({ prefix }) => prefix))
    for (const [destination, route] of speaker.routes) {
      if (connected.has(destination)) continue
      const how = this.#kernelRoute(destination, route.nextHop)
      const { via, device } = how === 'tunnel' ? { via: route.nextHop, device: IPIP_DEVICE } : this.#gateway(route)
      if (how === 'reject' || device === undefined || out.has(destination)) continue
      out.set(destination, { destination, via, device, protocol: 'bird', ...(how === 'tunnel' ? { onlink: true } : {}) })
    }
    return out
  }

  /** "gateway recursive": who stands on a wire of the node is reached at the link-local address that came beside the next hop, if one did. */
  #gateway({ nextHop, linkLocal }: BgpRoute): { via: Ip; device: string | undefined } {
    const route = this.#node.network.routes.lookup(nextHop)
    return { via: route && route.via === undefined && linkLocal !== undefined ? linkLocal : nextHop, device: route?.device }
  }

  #kernelRoute(destination: Cidr, via?: Ip): 'reject' | 'tunnel' | 'direct' {
    if (this.#services.ranges.some((cidr) => isVersion(this.version)(cidr) && cidrContains(cidr, destination.split('/')[0]!))) return 'reject'
    const pool = [...this.#pools.values()].find((p) => cidrContains(p.cidr, destination.split('/')[0]!))
    if ((pool?.vxlanMode ?? 'Never') !== 'Never') return 'reject'
    const mode = pool?.ipipMode ?? 'Never'
    if (mode === 'Never' || (mode === 'CrossSubnet' && via !== undefined && this.#network !== undefined && cidrContains(this.#network, via))) return 'direct'
    return 'tunnel'
  }

  #program(speaker: BgpSpeaker): void {
    const wanted = this.#wanted(speaker)
    const { routes } = this.#node.network
    for (const [destination, route] of this.#programmed) {
      if (wanted.has(destination)) continue
      this.#programmed.delete(destination)
      try {
        routes.remove(route)
      } catch {
        // Somebody removed it by hand, or its device went.
      }
    }
    const present = new Map(this.#routes().filter((r) => r.protocol === 'bird').map((r) => [r.destination, r]))
    for (const [destination, route] of wanted) {
      const old = present.get(destination)
      if (old && old.via === route.via && (route.device === undefined || old.device === route.device) && (old.type ?? 'unicast') === (route.type ?? 'unicast')) this.#programmed.set(destination, route)
      else this.#add(destination, route)
    }
  }

  #add(destination: Cidr, route: Route): void {
    try {
      this.#node.network.routes.add(route, { replace: true })
      this.#programmed.set(destination, route)
    } catch {
      // The tunnel's device is not there yet, or down: the next scan tries again.
    }
  }

  /** The kernel's table is read every two seconds: what somebody removed comes back. */
  #scanLater(): void {
    if (this.#stopped || this.#scan) return
    this.#scan = this.#node.clock.schedule(SCAN, () => {
      this.#scan = undefined
      if (this.#own !== undefined) this.#apply()
    }, { background: true })
  }
}

/** confd's hashToIPv4: four bytes of SHA-256, outside of the ranges that are no router's. */
function hashToIpv4(node: string): Ip {
  const [first, ...rest] = sha256(encodeUtf8(node)).subarray(0, 4)
  return [first! > 223 ? first! - 32 : first!, ...rest].join('.')
}

/** Why a session ended, as BIRD says it. */
export function birdError(why: string): string {
  if (why === HOLD_TIMER_EXPIRED) return 'Error: Hold timer expired'
  if (why.startsWith('received NOTIFICATION')) return why.replace('received NOTIFICATION', 'Received:')
  return `Socket: ${why.charAt(0).toUpperCase()}${why.slice(1)}`
}
