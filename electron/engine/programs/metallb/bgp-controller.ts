import type { NodeContext } from '../../cni/types.ts'
import type { EndpointSlice, Node, Service } from '../../kubernetes/types.ts'
import type { Ip } from '../../network/types.ts'
import type { MetricFamily } from '../../prometheus.ts'
import { advertisementsFor, advertOf, bgpAdvertisementsOf, communitiesFor, peersFor, selectsNode, type Advert, type BgpAdvertisement, type BgpPeerObject, type CommunityObject, type PeerConfig } from './bgp-config.ts'
import { bgpMetrics, PeerSession } from './bgp-session.ts'
import type { MetalLog } from './controller.ts'
import type { Pool } from './pools.ts'

/** The speaker's BGP half: sessions with the peers that this node has, and what is told on them (speaker/bgp_controller.go of metallb/metallb v0.15). */
export interface Candidate { service: Service; ips: readonly Ip[]; pool: Pool; endpoints: readonly EndpointSlice['endpoints'][number][] }

interface Peer { config: PeerConfig; session: PeerSession | undefined }

export class BgpController {
  readonly #context: NodeContext
  readonly #pid: number
  readonly #log: MetalLog
  #peers: Peer[] = []
  #said = ''
  #labels: string | undefined
  readonly #adverts = new Map<string, readonly Advert[]>()

  constructor(context: NodeContext, pid: number, log: MetalLog) {
    this.#context = context
    this.#pid = pid
    this.#log = log
  }

  stop(): void {
    for (const { session } of this.#peers) session?.close()
  }

  metrics(): MetricFamily[] {
    return bgpMetrics(this.#peers.flatMap((p) => p.session ?? []))
  }

  /** SetConfig and SetNode; what cannot be read leaves everything as it was. */
  configure(objects: readonly BgpPeerObject[], node: Node): void {
    let configs: PeerConfig[]
    try {
      configs = peersFor(objects)
    } catch (error) {
      const why = (error as Error).message
      if (this.#said !== why) this.#log('error', 'config_controller.go:139', { controller: 'ConfigReconciler', error: why, event: 'failed to parse the configuration' })
      this.#said = why
      return
    }
    this.#said = ''
    const before = this.#peers
    this.#peers = configs.map((config) => before.find((p) => JSON.stringify(p.config) === JSON.stringify(config)) ?? { config, session: undefined })
    for (const { config, session } of before.filter((p) => !this.#peers.includes(p))) this.#drop(config, session, 'removedFromConfig')
    const labels = JSON.stringify(node.metadata.labels ?? {})
    if (this.#labels !== undefined && this.#labels !== labels) this.#log('info', 'bgp_controller.go:451', { event: 'nodeLabelsChanged', msg: 'Node labels changed, resyncing BGP peers' })
    this.#labels = labels
    for (const peer of this.#peers) {
      const { config } = peer
      const wanted = selectsNode(config.nodeSelectors, node)
      if (!wanted && peer.session) {
        this.#drop(config, peer.session, 'filteredByNodeSelector')
        peer.session = undefined
      } else if (wanted && !peer.session) {
        this.#log('info', 'bgp_controller.go:243', { event: 'peerAdded', peer: config.address, msg: 'peer configured, starting BGP session' })
        const { clock, network } = this.#context
        peer.session = new PeerSession({ clock, network, owner: { pid: this.#pid, program: 'speaker' }, config, routerId: (source) => source, log: this.#log })
      }
    }
  }

  #drop({ address }: PeerConfig, session: PeerSession | undefined, reason: string): void {
    this.#log('info', 'bgp_controller.go:91', { event: 'peerRemoved', peer: address, reason, msg: 'peer deconfigured, closing BGP session' })
    session?.close()
  }

  /** Why this node does not announce a Service; undefined: it does. */
  whyNot({ service, pool, endpoints }: Candidate, advertisements: readonly BgpAdvertisement[], node: Node, excluded: boolean): string | undefined {
    if (!bgpAdvertisementsOf(pool, advertisements).some((a) => selectsNode(a.spec?.nodeSelectors, node))) return 'notOwner'
    if (advertisementsFor(pool, advertisements, node, service).length === 0) return 'noMatchingAdvertisement'
    if (node.status.conditions?.some((c) => c.type === 'NetworkUnavailable' && c.status === 'True')) return 'nodeNetworkUnavailable'
    if (excluded) return 'nodeLabeledExcludeBalancers'
    const serving = endpoints.filter(({ conditions }) => conditions?.serving ?? conditions?.ready ?? true)
    if (service.spec.externalTrafficPolicy === 'Local' && !serving.some((e) => e.nodeName === node.metadata.name)) return 'noLocalEndpoints'
    return serving.length === 0 ? 'noEndpoints' : undefined
  }

  /** SetBalancer; true when what is told of it changed. Throws an Error for what cannot be told. */
  announce(key: string, { service, ips, pool }: Candidate, advertisements: readonly BgpAdvertisement[], communities: readonly CommunityObject[], node: Node): boolean {
    const aliases = communitiesFor(communities)
    const adverts = advertisementsFor(pool, advertisements, node, service).flatMap((a) => ips.filter((ip) => !ip.includes(':')).map((ip) => advertOf(ip, a, aliases)))
    if (JSON.stringify(this.#adverts.get(key)) === JSON.stringify(adverts)) return false
    this.#adverts.set(key, adverts)
    this.#log('info', 'bgp_controller.go:327', { event: 'updatedAdvertisements', ips, msg: 'making advertisements using BGP', numAds: adverts.length, pool: pool.name, protocol: 'bgp' })
    return true
  }

  /** False: nobody had been told. */
  withdraw(key: string): boolean {
    return this.#adverts.delete(key)
  }

  has(key: string): boolean {
    return this.#adverts.has(key)
  }

  get announced(): readonly string[] {
    return [...this.#adverts.keys()]
  }

  /** updateAds: each session says what is for its peer. */
  publish(): void {
    const all = [...this.#adverts.values()].flat()
    for (const { config, session } of this.#peers) session?.set(all.filter((a) => a.peers.length === 0 || a.peers.includes(config.name)))
  }

  /** The names of the peers that are told of a Service, or of another with the same prefix. */
  peersOf(key: string): string[] {
    const adverts = this.#adverts.get(key) ?? []
    return this.#peers.filter((p) => p.session && adverts.some((a) => a.peers.length === 0 || a.peers.includes(p.config.name))).map((p) => p.config.name).sort()
  }
}
