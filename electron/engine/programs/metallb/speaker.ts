import type { NodeContext } from '../../cni/types.ts'
import { SyncLoop } from '../../cni/sync-loop.ts'
import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { EventRecorder } from '../../kubernetes/controllers/events.ts'
import { ifReached } from '../../kubernetes/controllers/reach.ts'
import { asManager } from '../../kubernetes/managed-fields/as-manager.ts'
import { compileLabelSelector, parseSelector } from '../../kubernetes/selectors.ts'
import type { EndpointSlice, KubeObject, Node, Pod, Service } from '../../kubernetes/types.ts'
import type { Timer } from '../../clock.ts'
import { solicitedNode } from '../../network/address.ts'
import type { Ip, Link } from '../../network/types.ts'
import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { MetalLog } from './controller.ts'
import type { Members } from './members.ts'
import type { MetricFamily } from '../../prometheus.ts'
import { BGP_ADVERTISEMENTS, BGP_PEERS, COMMUNITIES, SERVICE_BGP_STATUSES, type BgpAdvertisement, type BgpPeerObject, type CommunityObject } from './bgp-config.ts'
import { BgpController, type Candidate } from './bgp-controller.ts'
import { ADDRESS_POOLS, advertisementsOf, L2_ADVERTISEMENTS, poolOf, poolsFor, SERVICE_L2_STATUSES, type AddressPool, type L2Advertisement, type Pool } from './pools.ts'

/** MetalLB's speaker. In layer 2 mode one of the nodes that may answers ARP and Neighbour Discovery for a Service's addresses (speaker/layer2_controller.go, internal/layer2 of metallb/metallb v0.15); in BGP mode each that may tells its peers of them. */
const DELAY = 5
/** Unasked messages go out at once, then for five seconds at this distance, ms. */
const SPAM = { every: 1_100, for: 5_000 }
/** Between two lists of the speakers, ms: a young one finds out who else starts. */
const REJOIN = { young: 5_000, every: 60_000 }
const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers'

interface Announced { ips: readonly Ip[]; interfaces: readonly string[] | undefined; spam: Timer | undefined }

export interface SpeakerOptions { namespace: string; lbClass: string; ignoreExcluded: boolean; labels: string; members: Members | undefined; pid: number; log: MetalLog }

export class Speaker {
  readonly #context: NodeContext
  readonly #client: KubernetesClient
  readonly #options: SpeakerOptions
  readonly #events: EventRecorder
  readonly #services = new Map<string, Service>()
  readonly #slices = new Map<string, EndpointSlice>()
  readonly #nodes = new Map<string, Node>()
  readonly #bornAt: number
  #rejoining: Timer | undefined
  readonly #pools = new Map<string, AddressPool>()
  readonly #advertisements = new Map<string, L2Advertisement>()
  readonly #announced = new Map<string, Announced>()
  readonly #bgp: BgpController
  readonly #peers = new Map<string, BgpPeerObject>()
  readonly #bgpAdvertisements = new Map<string, BgpAdvertisement>()
  readonly #communities = new Map<string, CommunityObject>()
  /** Services whose peers are written in a ServiceBGPStatus. */
  readonly #written = new Map<string, string>()
  /** What could not be told, as it was said. */
  readonly #failures = new Map<string, string>()
  readonly #asked = new Map<Ip, { requests: number; gratuitous: number }>()
  readonly #loop: SyncLoop
  readonly #stops: (() => void)[] = []
  #config: readonly Pool[] = []

  constructor(context: NodeContext, client: KubernetesClient, options: SpeakerOptions) {
    this.#context = context
    this.#bornAt = context.clock.now
    this.#client = asManager(client, 'speaker')
    this.#options = options
    this.#events = new EventRecorder(client, context.clock, 'metallb-speaker')
    this.#loop = new SyncLoop(context.clock, DELAY, () => ifReached(() => this.#sync()))
    this.#bgp = new BgpController(context, options.pid, options.log)
    this.#stops.push(() => this.#bgp.stop())
    this.#stops.push(context.network.neighbours.answerFor((ip, device) => this.#answer(ip, device), (group, device) => this.#joined(group, device)))
    const home = { namespace: options.namespace }
    this.#watch(BGP_PEERS, this.#peers, (before, now) => !same(before?.spec, now.spec), home)
    this.#watch(BGP_ADVERTISEMENTS, this.#bgpAdvertisements, (before, now) => !same(before?.spec, now.spec), home)
    this.#watch(COMMUNITIES, this.#communities, (before, now) => !same(before?.spec, now.spec), home)
    this.#watch(ADDRESS_POOLS, this.#pools, (before, now) => !same(before?.spec, now.spec), home)
    this.#watch(L2_ADVERTISEMENTS, this.#advertisements, () => true, home)
    this.#watch<Service>('services', this.#services, (before, now) => now.spec.type === 'LoadBalancer' || before?.spec.type === 'LoadBalancer')
    this.#watch<EndpointSlice>('endpointslices', this.#slices, (_, now) => this.#services.get(serviceOf(now))?.spec.type === 'LoadBalancer')
    this.#watch<Node>('nodes', this.#nodes, (before, now) => before === undefined || !same(before.metadata.labels, now.metadata.labels) || isCutOff(before) !== isCutOff(now))
    this.#rejoin()
  }

  stop(): void {
    this.#loop.stop()
    this.#context.clock.cancel(this.#rejoining)
    for (const stop of this.#stops) stop()
    for (const { spam } of this.#announced.values()) this.#context.clock.cancel(spam)
  }

  /** Which speakers there are is asked for from time to time: the account may list Pods, not watch them. */
  #rejoin(): void {
    const { members, namespace, labels } = this.#options
    if (!members) return
    try {
      const pods = this.#client.list<Pod>('pods', { namespace, labelSelector: parseSelector(labels).toString() }).items
      members.set(pods.flatMap(({ spec, status }) => (spec.nodeName !== undefined && status.podIP ? [{ node: spec.nodeName, ip: status.podIP }] : [])))
      this.#loop.request()
    } catch {
      // The API server cannot be reached, or refuses: those that are known stay.
    }
    this.#rejoining = this.#context.clock.schedule(this.#context.clock.now - this.#bornAt < REJOIN.every ? REJOIN.young : REJOIN.every, () => this.#rejoin(), { background: true })
  }

  /** Somebody was found to be dead, or to live again. */
  membersChanged(): void {
    this.#loop.request()
  }

  /** What Prometheus is told. */
  metrics(): MetricFamily[] {
    const { name } = this.#context
    const announced = (protocol: string, key: string, ips: readonly Ip[]): MetricFamily['samples'] => ips.map((ip) => ({ labels: { ip, node: name, protocol, service: key }, value: 1 }))
    const layer2 = (what: string, help: string, value: (a: { requests: number; gratuitous: number }) => number): MetricFamily => ({ name: `metallb_layer2_${what}`, type: 'counter', help, samples: [...this.#asked].flatMap(([ip, a]) => (value(a) > 0 ? [{ labels: { ip }, value: value(a) }] : [])) })
    return [
      { name: 'metallb_speaker_announced', type: 'gauge', help: 'Services being announced from this node. This is desired state, it does not guarantee that the routing protocols have converged.', samples: [...[...this.#announced].flatMap(([key, { ips }]) => announced('layer2', key, ips)), ...this.#bgp.announced.flatMap((key) => announced('bgp', key, addressesOf(this.#services.get(key))))] },
      layer2('requests_received', 'Number of layer2 requests received for owned IPs', (a) => a.requests),
      layer2('responses_sent', 'Number of layer2 responses sent for owned IPs in response to requests', (a) => a.requests),
      layer2('gratuitous_sent', 'Number of gratuitous layer2 packets sent for owned IPs as a result of failovers', (a) => a.gratuitous),
      ...this.#bgp.metrics(),
    ]
  }

  #count(ip: Ip): { requests: number; gratuitous: number } {
    let known = this.#asked.get(ip)
    if (!known) this.#asked.set(ip, (known = { requests: 0, gratuitous: 0 }))
    return known
  }

  #watch<T extends KubeObject>(resource: string, into: Map<string, T>, matters: (before: T | undefined, now: T) => boolean, options: { namespace?: string; labelSelector?: string } = {}): void {
    this.#stops.push(this.#client.watch<T>(resource, options, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      const { namespace, name } = event.object.metadata
      const key = namespace === undefined ? name : `${namespace}/${name}`
      const before = into.get(key)
      if (event.type === 'DELETED') into.delete(key)
      else into.set(key, event.object)
      if (event.type === 'DELETED' || matters(before, event.object)) this.#loop.request()
    }))
  }

  // ---- who announces what ----------------------------------------------------------------------------------------

  #sync(): void {
    const { members, lbClass } = this.#options
    try {
      this.#config = poolsFor([...this.#pools.values()])
    } catch {
      // the configuration before stays; the controller's log says what is wrong
    }
    const self = this.#nodes.get(this.#context.name)
    if (self) this.#bgp.configure([...this.#peers.values()], self)
    let wanted = false
    for (const [key, service] of this.#services) {
      const ips = addressesOf(service)
      const ours = service.spec.type === 'LoadBalancer' && (service.spec.loadBalancerClass ?? '') === lbClass && ips.length > 0
      const pool = ours ? poolOf(this.#config, ips) : undefined
      const advertisements = pool ? advertisementsOf(pool, [...this.#advertisements.values()]) : []
      wanted ||= advertisements.length > 0
      if (pool && this.#chosen(key, service, ips[0]!, advertisements) === this.#context.name) this.#announce(key, service, ips, advertisements)
      else this.#withdraw(key, 'notOwner')
      if (self) this.#tellPeers(key, self, pool && { service, ips, pool, endpoints: this.#endpoints(key) })
    }
    for (const key of this.#announced.keys()) if (!this.#services.has(key)) this.#withdraw(key, 'serviceDeleted')
    for (const key of this.#bgp.announced) if (!this.#services.has(key)) this.#withdrawBgp(key, 'serviceDeleted')
    this.#bgp.publish()
    for (const key of new Set([...this.#bgp.announced, ...this.#written.keys()])) this.#writePeers(key)
    members?.probing(wanted)
  }

  #endpoints(key: string): EndpointSlice['endpoints'] {
    return [...this.#slices.values()].filter((slice) => serviceOf(slice) === key).flatMap((slice) => slice.endpoints)
  }

  // ---- BGP -------------------------------------------------------------------------------------------------------

  #tellPeers(key: string, self: Node, candidate: Candidate | undefined): void {
    const advertisements = [...this.#bgpAdvertisements.values()]
    const excluded = !this.#options.ignoreExcluded && self.metadata.labels?.[EXCLUDED] !== undefined
    const why = candidate ? this.#bgp.whyNot(candidate, advertisements, self, excluded) : 'notLoadBalancer'
    if (!candidate || why !== undefined) return this.#withdrawBgp(key, why!)
    const { ips, service, pool } = candidate
    const known = this.#bgp.has(key)
    try {
      const changed = this.#bgp.announce(key, candidate, advertisements, [...this.#communities.values()], self)
      this.#failures.delete(key)
      if (!changed) return
    } catch (error) {
      const said = (error as Error).message
      if (this.#failures.get(key) !== said) this.#options.log('error', 'config_controller.go:139', { controller: 'ConfigReconciler', error: said, event: 'failed to parse the configuration' })
      this.#failures.set(key, said)
      return
    }
    this.#options.log('info', 'main.go:443', { event: 'serviceAnnounced', ips, msg: 'service has IP, announcing', pool: pool.name, protocol: 'bgp', service: key })
    if (!known) this.#events.event(service, 'Normal', 'nodeAssigned', `announcing from node "${this.#context.name}" with protocol "bgp"`)
  }

  #withdrawBgp(key: string, reason: string): void {
    if (this.#bgp.withdraw(key)) this.#options.log('info', 'main.go:464', { event: 'serviceWithdrawn', ips: addressesOf(this.#services.get(key)), msg: 'withdrawing service announcement', protocol: 'bgp', reason, service: key })
  }

  #writePeers(key: string): void {
    const peers = this.#bgp.peersOf(key)
    const now = peers.join()
    if ((this.#written.get(key) ?? '') === now) return
    if (now === '') {
      this.#written.delete(key)
      for (const { metadata } of this.#statuses(key, SERVICE_BGP_STATUSES)) this.#delete(metadata.name, SERVICE_BGP_STATUSES)
    } else {
      this.#written.set(key, now)
      this.#write(key, SERVICE_BGP_STATUSES, 'ServiceBGPStatus', 'bgp-', { peers })
    }
  }

  /** The node that announces: the first by the hash of its name and the address, of those that may. */
  #chosen(key: string, service: Service, ip: Ip, advertisements: readonly L2Advertisement[]): string | undefined {
    const endpoints = this.#endpoints(key).filter(({ conditions }) => conditions?.serving ?? conditions?.ready ?? true)
    if (endpoints.length === 0) return undefined
    const alive = this.#options.members?.alive ?? new Set(this.#nodes.keys())
    const local = service.spec.externalTrafficPolicy === 'Local'
    const able = [...alive].filter((name) => {
      const node = this.#nodes.get(name)
      if (!node || isCutOff(node) || (!this.#options.ignoreExcluded && node.metadata.labels?.[EXCLUDED] !== undefined)) return false
      return advertisements.some((a) => selects(a, node)) && (!local || endpoints.some((e) => e.nodeName === name))
    })
    const weight = (name: string): string => hex(sha256(encodeUtf8(`${name}#${ip}`)))
    return able.sort((a, b) => (weight(a) < weight(b) ? -1 : 1))[0]
  }

  #announce(key: string, service: Service, ips: readonly Ip[], advertisements: readonly L2Advertisement[]): void {
    const { name, clock } = this.#context
    const here = advertisements.filter((a) => selects(a, this.#nodes.get(name)!))
    const interfaces = here.some((a) => (a.spec?.interfaces?.length ?? 0) === 0) ? undefined : here.flatMap((a) => a.spec!.interfaces!)
    const known = this.#announced.get(key)
    if (interfaces && !interfaces.some((device) => this.#context.network.links.has(device))) {
      if (!known) this.#events.event(service, 'Warning', 'announceFailed', `the interfaces specified by LB IP "${ips[0]!}" doesn't exist in assigned node "${name}" with protocol "layer2"`)
      this.#withdraw(key, 'noInterface')
      return
    }
    if (known && same(known.ips, ips) && same(known.interfaces, interfaces)) return
    clock.cancel(known?.spam)
    const entry: Announced = { ips, interfaces, spam: undefined }
    this.#announced.set(key, entry)
    this.#options.log('info', 'main.go:443', { event: 'serviceAnnounced', ips, msg: 'service has IP, announcing', pool: poolOf(this.#config, ips)?.name, protocol: 'layer2', service: key })
    this.#spam(entry, clock.now + SPAM.for)
    if (!known) this.#events.event(service, 'Normal', 'nodeAssigned', `announcing from node "${name}" with protocol "layer2"`)
    this.#writeStatus(key, interfaces)
  }

  #withdraw(key: string, reason: string): void {
    const known = this.#announced.get(key)
    if (!known) return
    this.#context.clock.cancel(known.spam)
    this.#announced.delete(key)
    this.#options.log('info', 'main.go:464', { event: 'serviceWithdrawn', ips: known.ips, msg: 'withdrawing service announcement', protocol: 'layer2', reason, service: key })
    for (const { metadata } of this.#statuses(key)) this.#delete(metadata.name)
  }

  // ---- ServiceL2Status, ServiceBGPStatus -----------------------------------------------------------------------

  #statuses(key: string, resource = SERVICE_L2_STATUSES): readonly KubeObject[] {
    const [namespace, name] = key.split('/') as [string, string]
    const labelSelector = `metallb.io/service-name=${name},metallb.io/service-namespace=${namespace},metallb.io/node=${this.#context.name}`
    return this.#client.list(resource, { namespace: this.#options.namespace, labelSelector }).items
  }

  #delete(name: string, resource = SERVICE_L2_STATUSES): void {
    try {
      this.#client.delete(resource, this.#options.namespace, name)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
    }
  }

  #writeStatus(key: string, interfaces: readonly string[] | undefined): void {
    this.#write(key, SERVICE_L2_STATUSES, 'ServiceL2Status', 'l2-', interfaces ? { interfaces: interfaces.map((name) => ({ name })) } : {})
  }

  #write(key: string, resource: string, kind: string, generateName: string, more: object): void {
    const { namespace } = this.#options
    const { name: node } = this.#context
    const [serviceNamespace, serviceName] = key.split('/') as [string, string]
    const status = { node, serviceName, serviceNamespace, ...more }
    try {
      const name = this.#statuses(key, resource)[0]?.metadata.name ?? this.#client.create(resource, namespace, {
        apiVersion: 'metallb.io/v1beta1', kind,
        metadata: { generateName, namespace, labels: { 'metallb.io/node': node, 'metallb.io/service-name': serviceName, 'metallb.io/service-namespace': serviceNamespace } },
      } as unknown as KubeObject).metadata.name
      this.#client.patch(resource, namespace, name, 'application/merge-patch+json', { status }, { subresource: 'status' })
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
    }
  }

  // ---- packets ---------------------------------------------------------------------------------------------------

  #answer(ip: Ip, device: string): { text: string; decidedBy: string } | undefined {
    const link = this.#context.network.links.get(device)
    if (link?.kind !== 'nic') return undefined
    for (const [key, { ips, interfaces }] of this.#announced) {
      if (!ips.includes(ip) || (interfaces && !interfaces.includes(device))) continue
      const { name } = this.#context
      this.#count(ip).requests++
      return { text: `${ip} is an address of the Service ${key}, on no interface. MetalLB's speaker on ${name} announces it, hears the question on a raw socket and answers: it is at ${device} of ${name}.`, decidedBy: `speaker on ${name}: ${ip} of ${key}, protocol layer2` }
    }
    return undefined
  }

  /** internal/layer2/ndp.go watches the group of each address. */
  #joined(group: Ip, device: string): boolean {
    for (const { ips, interfaces } of this.#announced.values()) if ((!interfaces || interfaces.includes(device)) && ips.some((ip) => ip.includes(':') && solicitedNode(ip) === group)) return true
    return false
  }

  #spam(entry: Announced, until: number): void {
    const { clock, network } = this.#context
    for (const ip of entry.ips) for (const link of network.links.values()) if (speaks(link) && (!entry.interfaces || entry.interfaces.includes(link.name)) && !ip.includes(':')) {
      network.neighbours.announce(ip, link.name)
      this.#count(ip).gratuitous++
    }
    entry.spam = clock.now + SPAM.every <= until ? clock.schedule(SPAM.every, () => this.#spam(entry, until), { background: true }) : undefined
  }
}

/** A network card with an address: interfaces without broadcasts or below a bridge are left out. */
function speaks(link: Link): boolean {
  return link.kind === 'nic' && link.up && link.addresses.some((a) => !a.address.includes(':'))
}

function addressesOf(service: Service | undefined): Ip[] {
  return (service?.status.loadBalancer?.ingress ?? []).flatMap((i) => (i.ip === undefined ? [] : [i.ip]))
}

function serviceOf({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}`
}

function selects({ spec }: L2Advertisement, { metadata }: Node): boolean {
  const { nodeSelectors = [] } = spec ?? {}
  return nodeSelectors.length === 0 || nodeSelectors.some((s) => compileLabelSelector(s).matches(metadata.labels ?? {}))
}

/** The condition NetworkUnavailable. */
function isCutOff({ status }: Node): boolean {
  return status.conditions?.some((c) => c.type === 'NetworkUnavailable' && c.status === 'True') ?? false
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
