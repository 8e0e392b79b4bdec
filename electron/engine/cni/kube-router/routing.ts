import type { Timer } from '../../clock.ts'
import type { Node } from '../../kubernetes/types.ts'
import { cidrContains, compareIp, formatIpv4, ipNumber, ipVersion } from '../../network/address.ts'
import type { Cidr, Ip, Netfilter, Route, SocketOwner } from '../../network/types.ts'
import { BgpSpeaker, type BgpRoute } from '../bgp/speaker.ts'
import { internalIp } from '../bridge-link.ts'
import type { NodeContext } from '../types.ts'
import { BRIDGE, writeConf } from './conf.ts'
import type { Settings } from './flags.ts'
import { setName, type Family } from './names.ts'
import { refreshSet } from './sets.ts'
import { ServiceAddresses } from './vips.ts'

const speakers = new WeakMap<object, BgpSpeaker>()

/** The GoBGP in the node's kube-router, while that runs. */
export function speakerOf(network: object): BgpSpeaker | undefined {
  return speakers.get(network)
}

export type Log = (source: string, message: string, severity?: 'I' | 'W' | 'E') => void

/** RTPROT that kube-router marks its routes with: pkg/routes ZebraOriginator, 0x11. */
const PROTOCOL = '17'
const GRACEFUL_RESTART = 90
/** --injected-routes-sync-period */
const ROUTES_SYNC = 60_000
/** Services that change together are told of together, ms. */
const VIPS_DELAY = 10
const POD_SUBNETS = 'kube-router-pod-subnets'
const NODE_IPS = 'kube-router-node-ips'

const NODE_ANNOTATIONS = [
  'node.asn', 'node.bgp.communities', 'node.bgp.customimportreject', 'node.bgp-local-addresses', 'peer.asns', 'peer.ips', 'peer.localips', 'peer.passwords', 'peer.ports', 'peers', 'path-prepend.as', 'path-prepend.repeat-n', 'rr.client', 'rr.server', 'pod-cidr', 'pod-cidrs',
]

type RoutesSettings = Pick<Settings, 'asn' | 'gracefulRestart' | 'podEgress' | 'peers' | 'advertise' | 'ibgp' | 'routerId'>

interface NodeInfo { ip: Ip; ips: readonly Ip[]; subnets: readonly Cidr[] }

/**
 * kube-router's network routes controller (v2.6, pkg/controllers/routing): the bridge and its configuration, masquerading
 * of what leaves the cluster, and a BGP session to every other node, over which each tells its Pods' range.
 */
export class NetworkRoutesController {
  readonly #context: NodeContext
  readonly #log: Log
  readonly #owner: SocketOwner | undefined
  readonly #settings: RoutesSettings
  readonly #nodes = new Map<string, NodeInfo>()
  readonly #stopWatch: () => void
  #speaker: BgpSpeaker | undefined
  /** What BGP has brought: routes that somebody deletes are written again (pkg/routes RouteSync). */
  readonly #injected = new Map<Cidr, Route>()
  #routesTimer: Timer | undefined
  #vips: ServiceAddresses | undefined
  #vipsDue: Timer | undefined
  /** What of the speaker's announcements are Services'. */
  readonly #serviceRoutes = new Set<Cidr>()
  readonly #told = new Set<string>()
  #stopped = false

  constructor(context: NodeContext, log: Log, owner: SocketOwner | undefined, settings: RoutesSettings) {
    this.#settings = settings
    this.#context = context
    this.#log = log
    this.#owner = owner
    this.#stopWatch = context.client.watch<Node>('nodes', {}, (event) => {
      if (this.#stopped) return
      if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#onNode(event.object)
      else if (event.type === 'DELETED') this.#forget(event.object.metadata.name)
    })
  }

  /** Sessions end; routes, rules and bridge stay. */
  stop(): void {
    this.#stopped = true
    this.#stopWatch()
    this.#vips?.stop()
    for (const timer of [this.#routesTimer, this.#vipsDue]) this.#context.clock.cancel(timer)
    this.#speaker?.stop()
    if (speakers.get(this.#context.network) === this.#speaker) speakers.delete(this.#context.network)
  }

  get #families(): readonly Family[] {
    return this.#context.config.ipFamilies
  }

  #netfilter(family: Family): Netfilter {
    const { network } = this.#context
    return family === 'IPv4' ? network.netfilter : network.netfilter6
  }

  /** Annotations of the node, with which kube-router v2.6 speaks with others than the nodes: whoever sets one is told in the log. */
  #tellOf({ metadata: { name, annotations = {} } }: Node): void {
    if (name !== this.#context.name) return
    for (const key of Object.keys(annotations)) {
      const known = NODE_ANNOTATIONS.find((each) => key === `kube-router.io/${each}`)
      if (known === undefined || this.#told.has(`${name} ${key}`)) continue
      this.#told.add(`${name} ${key}`)
      this.#log('network_routes_controller.go:1063', `podhop: not simulated: the annotation ${key} of node ${name} (the nodes speak with each other only, with --cluster-asn)`, 'W')
    }
  }

  #onNode(node: Node): void {
    this.#tellOf(node)
    const subnets = node.spec.podCIDRs ?? (node.spec.podCIDR ? [node.spec.podCIDR] : [])
    const ip = internalIp(node)
    if (ip === undefined || subnets.length === 0) return
    const { name } = node.metadata
    const info: NodeInfo = { ip, subnets, ips: (node.status.addresses ?? []).filter((a) => a.type === 'InternalIP').map((a) => a.address) }
    const old = this.#nodes.get(name)
    if (old && old.ip === ip && old.ips.join() === info.ips.join() && old.subnets.join() === subnets.join()) return
    this.#nodes.set(name, info)
    if (name === this.#context.name) {
      if (!this.#speaker) this.#start(info)
    } else {
      if (old && old.ip !== ip) this.#speaker?.removePeer(old.ip)
      if (this.#settings.ibgp) this.#speaker?.addPeer(ip, this.#settings.asn)
    }
    if (this.#speaker) this.#syncSets()
  }

  #forget(name: string): void {
    const info = this.#nodes.get(name)
    if (!info || name === this.#context.name) return
    this.#nodes.delete(name)
    this.#speaker?.removePeer(info.ip)
    if (this.#speaker) this.#syncSets()
  }

  #start(own: NodeInfo): void {
    const { network, clock, fabric } = this.#context
    const underlay = [...network.links.values()].find((l) => l.addresses.some((a) => a.address === own.ip))
    if (!underlay) return
    writeConf(this.#context, own.subnets, underlay.mtu)
    this.#syncSets()
    for (const family of this.#families) {
      const netfilter = this.#netfilter(family)
      for (const [comment, ...match] of [
        ['allow outbound traffic from pods', '-i', BRIDGE],
        ['allow inbound traffic to pods', '-o', BRIDGE],
        ['allow outbound node port traffic on node interface with which node ip is associated', '-o', underlay.name],
      ]) ensure(netfilter, ['filter', '-I', 'FORWARD', '1'], ['-m', 'comment', '--comment', comment!, ...match, '-j', 'ACCEPT'])
      const pods = setName(POD_SUBNETS, family)
      if (this.#settings.podEgress) ensure(netfilter, ['nat', '-A', 'POSTROUTING'], [
        '-m', 'set', '--match-set', pods, 'src', '-m', 'set', '!', '--match-set', pods, 'dst', '-m', 'set', '!', '--match-set', setName(NODE_IPS, family), 'dst', '-j', 'MASQUERADE', '--random-fully',
      ])
      network.setSysctl(family === 'IPv4' ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding', '1')
      network.setSysctl(`net.bridge.bridge-nf-call-${family === 'IPv4' ? 'iptables' : 'ip6tables'}`, '1')
    }
    if (!network.links.has(BRIDGE)) fabric.createBridge(network, BRIDGE, { mtu: underlay.mtu })
    network.setUp(BRIDGE, true)
    this.#log('network_routes_controller.go:279', `Setting MTU of kube-bridge interface to: ${underlay.mtu}`)
    this.#log('network_routes_controller.go:320', 'Starting network route controller')
    this.#speaker = new BgpSpeaker({
      network, clock, asn: this.#settings.asn, routerId: routerId(this.#settings, own.ip), address: own.ip, otherAddress: own.ips.find((ip) => ipVersion(ip) !== ipVersion(own.ip)),
      families: () => this.#families.map((family) => (family === 'IPv6' ? 6 : 4)), ...(this.#settings.gracefulRestart ? { gracefulRestart: GRACEFUL_RESTART } : {}),
      ...(this.#owner ? { owner: this.#owner } : {}),
      // nodes know the Services by themselves (kube_router_export)
      tells: (peer, prefix) => !this.#serviceRoutes.has(prefix) || this.#settings.peers.some((p) => p.ip === peer.address),
      onRoute: (prefix, route) => this.#route(prefix, route),
      onPeer: (peer, why) => this.#log('logger.go:47', peer.state === 'Established' ? `Peer Up Key=${peer.address} State=BGP_FSM_OPENCONFIRM Topic=Peer` : `Peer Down Key=${peer.address} Reason=${why} State=BGP_FSM_ESTABLISHED Topic=Peer`),
    })
    speakers.set(network, this.#speaker)
    this.#syncRoutesLater()
    for (const subnet of own.subnets) {
      const nextHop = own.ips.find((ip) => ipVersion(ip) === (subnet.includes(':') ? 6 : 4))
      if (nextHop !== undefined) this.#speaker.announce(subnet, nextHop)
    }
    for (const [name, { ip }] of this.#nodes) if (name !== this.#context.name && this.#settings.ibgp) this.#speaker.addPeer(ip, this.#settings.asn)
    if (this.#settings.peers.length === 0) return
    this.#vips = new ServiceAddresses(this.#context, this.#settings, () => {
      this.#vipsDue ??= clock.schedule(VIPS_DELAY, () => {
        this.#vipsDue = undefined
        this.#announceServices(own)
      })
    })
    for (const { ip, asn } of this.#settings.peers) this.#speaker.addPeer(ip, asn)
  }

  #announceServices({ ips }: NodeInfo): void {
    if (this.#stopped || !this.#vips || !this.#speaker) return
    const wanted = new Set(this.#vips.announced)
    for (const cidr of this.#serviceRoutes) {
      if (wanted.has(cidr)) continue
      this.#speaker.withdraw(cidr)
      this.#serviceRoutes.delete(cidr)
    }
    for (const cidr of wanted) {
      const nextHop = ips.find((ip) => ipVersion(ip) === (cidr.includes(':') ? 6 : 4))
      if (nextHop === undefined) continue
      this.#serviceRoutes.add(cidr)
      this.#speaker.announce(cidr, nextHop)
    }
  }

  #syncRoutesLater(): void {
    const { clock, network } = this.#context
    this.#routesTimer = clock.schedule(ROUTES_SYNC, () => {
      for (const family of [4, 6] as const) {
        const there = new Set(network.routes.list('main', family).map((r) => r.destination))
        for (const [destination, route] of this.#injected) if (destination.includes(':') === (family === 6) && !there.has(destination) && network.links.get(route.device!)?.up) network.routes.add(route, { replace: true })
      }
      this.#syncRoutesLater()
    }, { background: true })
  }

  #syncSets(): void {
    const nodes = [...this.#nodes.values()].sort((a, b) => compareIp(a.ip, b.ip))
    for (const family of this.#families) {
      const { sets } = this.#netfilter(family)
      const ofFamily = (text: string): boolean => text.includes(':') === (family === 'IPv6')
      refreshSet(sets, setName(POD_SUBNETS, family), 'hash:net', family, nodes.flatMap((n) => n.subnets).filter(ofFamily))
      refreshSet(sets, setName(NODE_IPS, family), 'hash:ip', family, nodes.flatMap((n) => n.ips).filter(ofFamily))
    }
  }

  /** Only next hops on the same wire get a route; a tunnel would do for others. */
  #route(destination: Cidr, route: BgpRoute | undefined): void {
    const { routes, links } = this.#context.network
    try {
      if (!route) {
        this.#injected.delete(destination)
        return routes.remove({ destination, protocol: PROTOCOL })
      }
      const link = [...links.values()].find((l) => l.addresses.some((a) => cidrContains(`${a.address}/${a.prefixLength}`, route.nextHop)))
      if (!link) return
      const injected = { destination, via: route.nextHop, device: link.name, protocol: PROTOCOL }
      this.#injected.set(destination, injected)
      routes.add(injected, { replace: true })
    } catch (error) {
      this.#log('network_routes_controller.go:488', `failed to inject routes due to: ${(error as Error).message}`, 'E')
    }
  }
}

export class RouterIdError extends Error {}

/** --router-id: an IPv4 address, or "generate": of the primary address' FNV-1a. A node without IPv4 has to be told. Throws a RouterIdError. */
export function routerId({ routerId: told }: Pick<Settings, 'routerId'>, ip: Ip): Ip {
  if (told !== '' && told !== 'generate') return told
  if (told === '' && ipVersion(ip) === 6) throw new RouterIdError('router-id must be specified when primary node IP is an IPv6 address')
  if (told === '') return ip
  // a Go net.IP has sixteen bytes
  const number = ipVersion(ip) === 6 ? ipNumber(ip) : ipNumber(ip) | 0xffff_0000_0000n
  let hash = 0x811c9dc5
  for (let i = 0; i < 16; i++) hash = Math.imul(hash ^ Number((number >> BigInt(120 - 8 * i)) & 0xffn), 0x01000193) >>> 0
  return formatIpv4(hash)
}

function ensure(netfilter: Netfilter, [table, ...place]: readonly string[], rule: readonly string[]): void {
  const chain = place[1]!
  if (netfilter.command(['-t', table!, '-C', chain, ...rule]).code !== 0) netfilter.command(['-t', table!, ...place, ...rule])
}
