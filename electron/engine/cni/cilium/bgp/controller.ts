import { ConnectionError, StatusError, type KubernetesClient } from '../../../kubernetes/client.ts'
import { timestamp } from '../../../kubernetes/human-duration.ts'
import { compileLabelSelector } from '../../../kubernetes/selectors.ts'
import type { EndpointSlice, KubeObject, Service } from '../../../kubernetes/types.ts'
import { networkOf } from '../../../network/address.ts'
import type { Cidr, Ip } from '../../../network/types.ts'
import { SyncLoop } from '../../sync-loop.ts'
import type { AgentLog } from '../config.ts'
import type { Datapath } from '../datapath.ts'
import { labelsOfService } from '../lb-ipam.ts'
import { singleAddress } from '../maps.ts'
import { BgpNeighbor, type Advert, type NeighborOptions } from './neighbor.ts'
import { BGP_ADVERTISEMENTS, BGP_NODE_CONFIGS, BGP_PEER_CONFIGS, DEFAULTS, type BgpAdvertisement, type BgpAdvertisementEntry, type BgpNodeConfig, type BgpPeerConfig, type NodeInstance, type NodePeer } from './objects.ts'

/** The agent's half of the BGP control plane: sessions as the node's CiliumBGPNodeConfig says, and what advertisements make of Pods' and Services' addresses (pkg/bgpv1/manager of cilium/cilium v1.17). */
const DELAY = 10
/** RFC 1997 and the registry of well-known communities. */
const WELL_KNOWN: ReadonlyMap<string, string> = new Map([
  ['internet', '0:0'], ['planned-shut', '65535:0'], ['accept-own', '65535:1'], ['route-filter-translated-v4', '65535:2'], ['route-filter-v4', '65535:3'], ['route-filter-translated-v6', '65535:4'], ['route-filter-v6', '65535:5'],
  ['llgr-stale', '65535:6'], ['no-llgr', '65535:7'], ['blackhole', '65535:666'], ['no-export', '65535:65281'], ['no-advertise', '65535:65282'], ['no-export-subconfed', '65535:65283'], ['no-peer', '65535:65284'],
])
/** loadBalancerClass of Services that are told of, besides none. */
const BGP_CLASS = 'io.cilium/bgp-control-plane'

export interface Instance { readonly name: string; readonly asn: number; readonly peers: readonly { readonly name: string; readonly neighbor: BgpNeighbor }[] }

interface Running { key: string; neighbor: BgpNeighbor; peer: NodePeer }

export class BgpController {
  readonly #dp: Datapath
  readonly #client: KubernetesClient
  readonly #pid: number
  readonly #log: AgentLog
  readonly #configs = new Map<string, BgpNodeConfig>()
  readonly #peerConfigs = new Map<string, BgpPeerConfig>()
  readonly #advertisements = new Map<string, BgpAdvertisement>()
  readonly #services = new Map<string, Service>()
  readonly #slices = new Map<string, EndpointSlice>()
  /** "instance/peer" */
  readonly #running = new Map<string, Running>()
  /** Instance → prefix → since when it is there, virtual ms. */
  readonly #tables = new Map<string, Map<Cidr, number>>()
  readonly #loop: SyncLoop
  readonly #reports: SyncLoop
  readonly #stops: (() => void)[] = []
  #reported = ''

  constructor(dp: Datapath, client: KubernetesClient, pid: number, log: AgentLog) {
    this.#dp = dp
    this.#client = client
    this.#pid = pid
    this.#log = log
    const { clock, name } = dp.context
    this.#loop = new SyncLoop(clock, DELAY, () => this.#sync())
    this.#reports = new SyncLoop(clock, DELAY, () => this.#report())
    this.#watch(BGP_NODE_CONFIGS, this.#configs, { fieldSelector: `metadata.name=${name}` })
    this.#watch(BGP_PEER_CONFIGS, this.#peerConfigs)
    this.#watch(BGP_ADVERTISEMENTS, this.#advertisements)
    this.#watch<Service>('services', this.#services)
    this.#watch<EndpointSlice>('endpointslices', this.#slices)
    log('info', 'Cilium BGP Control Plane Controller now running...', 'bgp-control-plane', 'component=Controller.Run')
  }

  stop(): void {
    this.#loop.stop()
    this.#reports.stop()
    for (const stop of this.#stops) stop()
    for (const { neighbor } of this.#running.values()) neighbor.close(true)
  }

  get instances(): Instance[] {
    return this.#instances().map(({ name, localASN, peers = [] }) => ({
      name, asn: localASN ?? 0,
      peers: peers.flatMap((peer) => {
        const neighbor = this.#running.get(`${name}/${peer.name}`)?.neighbor
        return neighbor ? [{ name: peer.name, neighbor }] : []
      }),
    }))
  }

  /** What an instance could tell of: prefix and since when, virtual ms. */
  table(instance: string): ReadonlyMap<Cidr, number> {
    return this.#tables.get(instance) ?? new Map<Cidr, number>()
  }

  #instances(): readonly NodeInstance[] {
    return this.#configs.get(`/${this.#dp.context.name}`)?.spec.bgpInstances ?? []
  }

  #watch<T extends KubeObject>(resource: string, into: Map<string, T>, options: { fieldSelector?: string } = {}): void {
    this.#stops.push(this.#client.watch<T>(resource, options, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      const { type, object } = event
      const { namespace, name } = object.metadata
      const key = `${namespace ?? ''}/${name}`
      const before = into.get(key)
      if (type === 'DELETED') into.delete(key)
      else into.set(key, object)
      // its own reports change nothing
      if (resource !== BGP_NODE_CONFIGS || type === 'DELETED' || before?.metadata.generation !== object.metadata.generation) this.#loop.request()
    }))
  }

  // ---- sessions --------------------------------------------------------------------------------------------------

  #sync(): void {
    const wanted = new Map<string, { instance: NodeInstance; peer: NodePeer; options: Omit<NeighborOptions, 'log' | 'changed' | 'random' | 'clock' | 'network' | 'owner'> }>()
    for (const instance of this.#instances()) {
      for (const peer of instance.peers ?? []) {
        const options = this.#optionsOf(instance, peer)
        if (options) wanted.set(`${instance.name}/${peer.name}`, { instance, peer, options })
      }
    }
    for (const [id, { key, neighbor }] of this.#running) {
      const now = wanted.get(id)
      if (now && JSON.stringify(now.options) === key) continue
      neighbor.close(false)
      this.#running.delete(id)
    }
    const { clock, network, name } = this.#dp.context
    for (const [id, { peer, options }] of wanted) {
      const known = this.#running.get(id)
      if (known) known.peer = peer
      else {
        const neighbor = new BgpNeighbor({
          ...options, clock, network, owner: { pid: this.#pid, program: 'cilium-agent' }, random: clock.random.fork(`cilium bgp ${name} ${id}`),
          log: (level, message, fields) => this.#log(level, message, 'bgp-control-plane', fields), changed: () => this.#reports.request(),
        })
        this.#running.set(id, { key: JSON.stringify(options), neighbor, peer })
        this.#log('info', 'Adding peer', 'bgp-control-plane', `instance=${id.split('/')[0]!} peer=${peer.name} component=manager.neighborReconciler`)
      }
    }
    for (const instance of this.#instances()) this.#advertise(instance)
    for (const name of [...this.#tables.keys()]) if (!this.#instances().some((i) => i.name === name)) this.#tables.delete(name)
    this.#reports.request()
  }

  /** Undefined: something that it refers to is not there, or not said. */
  #optionsOf({ localASN, routerID }: NodeInstance, peer: NodePeer): Omit<NeighborOptions, 'log' | 'changed' | 'random' | 'clock' | 'network' | 'owner'> | undefined {
    const reference = peer.peerConfigRef?.name
    const config = reference === undefined ? undefined : this.#peerConfigs.get(`/${reference}`)
    if (localASN === undefined || peer.peerAddress === undefined || peer.peerASN === undefined || (reference !== undefined && !config)) return undefined
    const { transport, timers, gracefulRestart, families } = config?.spec ?? {}
    return {
      localAsn: localASN, asn: peer.peerASN, address: peer.peerAddress, port: transport?.peerPort ?? DEFAULTS.port, localAddress: peer.localAddress, routerId: routerID ?? this.#dp.family('0.0.0.0')?.nodeIp ?? '0.0.0.0',
      connectRetry: timers?.connectRetryTimeSeconds ?? DEFAULTS.connectRetry, hold: timers?.holdTimeSeconds ?? DEFAULTS.hold,
      gracefulRestart: gracefulRestart?.enabled ? (gracefulRestart.restartTimeSeconds ?? DEFAULTS.restart) : undefined,
      families: families?.length ? families.map((f) => f.afi) : ['ipv4', 'ipv6'],
    }
  }

  // ---- what is told ----------------------------------------------------------------------------------------------

  #advertise({ name, peers = [] }: NodeInstance): void {
    const table = new Set<Cidr>()
    for (const peer of peers) {
      const running = this.#running.get(`${name}/${peer.name}`)
      if (!running) continue
      const config = peer.peerConfigRef && this.#peerConfigs.get(`/${peer.peerConfigRef.name}`)
      const adverts = new Map<Cidr, Advert>()
      for (const { afi, advertisements } of config?.spec.families ?? []) {
        if (!advertisements) continue
        const chosen = [...this.#advertisements.values()].filter(({ metadata }) => compileLabelSelector(advertisements).matches(metadata.labels ?? {})).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
        for (const entry of chosen.flatMap((a) => a.spec.advertisements)) for (const prefix of this.#prefixesOf(entry, afi)) adverts.set(prefix, merge(adverts.get(prefix), prefix, entry))
      }
      for (const prefix of adverts.keys()) table.add(prefix)
      running.neighbor.set([...adverts.values()])
    }
    const before = this.#tables.get(name)
    this.#tables.set(name, new Map([...table].map((prefix) => [prefix, before?.get(prefix) ?? this.#dp.now])))
  }

  #prefixesOf(entry: BgpAdvertisementEntry, afi: 'ipv4' | 'ipv6'): Cidr[] {
    const mine = (ip: Ip): boolean => ip.includes(':') === (afi === 'ipv6')
    if (entry.advertisementType === 'PodCIDR') return this.#dp.families.map((f) => networkOf(f.podCidr)).filter(mine)
    const { selector, service: options } = entry
    // without a selector none is selected
    if (!selector || !options) return []
    const length = afi === 'ipv4' ? options.aggregationLengthIPv4 : options.aggregationLengthIPv6
    return [...this.#services.values()].filter((s) => compileLabelSelector(selector).matches(labelsOfService(s))).flatMap((service) => options.addresses.flatMap((kind) => this.#addressesOf(service, kind)).filter(mine).map((ip) => (length === undefined ? singleAddress(ip) : networkOf(`${ip}/${length}`))))
  }

  #addressesOf(service: Service, kind: 'LoadBalancerIP' | 'ClusterIP' | 'ExternalIP'): Ip[] {
    const { spec, status } = service
    const here = (policy: string | undefined): boolean => policy !== 'Local' || this.#hasLocalEndpoint(service)
    if (kind === 'ClusterIP') return here(spec.internalTrafficPolicy) ? (spec.clusterIPs ?? []).filter((ip) => ip !== 'None' && ip !== '') : []
    if (!here(spec.externalTrafficPolicy)) return []
    if (kind === 'ExternalIP') return [...(spec.externalIPs ?? [])]
    const { loadBalancerClass } = spec
    if (spec.type !== 'LoadBalancer' || (loadBalancerClass !== undefined && loadBalancerClass !== BGP_CLASS)) return []
    return (status.loadBalancer?.ingress ?? []).flatMap((i) => (i.ip === undefined ? [] : [i.ip]))
  }

  #hasLocalEndpoint({ metadata }: Service): boolean {
    return [...this.#slices.values()].some((slice) => slice.metadata.namespace === metadata.namespace && slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name
      && (slice.endpoints ?? []).some((e) => e.nodeName === this.#dp.context.name && e.conditions?.ready !== false))
  }

  // ---- status ----------------------------------------------------------------------------------------------------

  /** status of the CiliumBGPNodeConfig (pkg/bgpv1/manager/reconcilerv2/crd_status.go). */
  #report(): void {
    const { clock, name } = this.#dp.context
    if (!this.#configs.has(`/${name}`)) return
    const bgpInstances = this.instances.map((instance) => ({
      name: instance.name, localASN: instance.asn,
      peers: instance.peers.map(({ name: peer, neighbor }) => {
        const { timers, state, options } = neighbor
        return {
          name: peer, peerAddress: options.address, peerASN: options.asn, peeringState: state,
          ...(state === 'established' ? { establishedTime: timestamp(clock.wall() - (clock.now - neighbor.since)) } : {}),
          ...(timers ? { timers: { appliedHoldTimeSeconds: timers.hold, appliedKeepaliveSeconds: timers.keepAlive } } : {}),
          routeCount: [...options.families].sort().map((afi) => ({ afi, safi: 'unicast', ...neighbor.counts(afi) })),
        }
      }),
    }))
    const text = JSON.stringify(bgpInstances)
    if (text === this.#reported) return
    try {
      this.#client.patch(BGP_NODE_CONFIGS, undefined, name, 'application/merge-patch+json', { status: { bgpInstances } }, { subresource: 'status' })
      this.#reported = text
    } catch (error) {
      if (!(error instanceof StatusError) && !(error instanceof ConnectionError)) throw error
    }
  }
}

/** Of several advertisements of a prefix: all communities, the highest preference. */
function merge(known: Advert | undefined, prefix: Cidr, { attributes }: BgpAdvertisementEntry): Advert {
  const communities = new Set([...(known?.communities ?? []), ...(attributes?.communities?.standard ?? []).map(standard), ...(attributes?.communities?.wellKnown ?? []).map((name) => WELL_KNOWN.get(name)!)])
  const preferences = [known?.localPreference, attributes?.localPreference].filter((p) => p !== undefined)
  return { prefix, communities: [...communities].sort((a, b) => number(a) - number(b)), localPreference: preferences.length > 0 ? Math.max(...preferences) : undefined }
}

/** "64512:100"; a number of 32 bits is one, too. */
function standard(text: string): string {
  return text.includes(':') ? text : `${Math.floor(Number(text) / 65_536)}:${Number(text) % 65_536}`
}

function number(community: string): number {
  const [high, low] = community.split(':').map(Number)
  return high! * 65_536 + low!
}
