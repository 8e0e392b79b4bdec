import type { Hop, HopStage, Verdict } from '../../journey/types.ts'
import type { LinkVerdict } from '../../network/programs.ts'
import type { Namespace } from '../../network/namespace.ts'
import type { Cidr, Ip, IpPacket, Link, VxlanLink } from '../../network/types.ts'
import type { NodeContext } from '../types.ts'
import { isLoopbackIp, joinHostPort } from '../../network/address.ts'
import { HOST, identityOf, RESERVED, reservedIdentity, WORLD, WORLD_IPV4, WORLD_IPV6, type Identity } from './identity.ts'
import { NameManager } from './fqdn.ts'
import type { EgressMap } from './egress-gateway.ts'
import type { HostEndpoint } from './host-firewall.ts'
import { L2Responder } from './l2-responder.ts'
import { LbMap } from './lb-map.ts'
import { FlowLog, worthReporting, type FlowVerdict, type ObservationPoint } from './hubble/flows.ts'
import { MetricsMap } from './metrics-map.ts'
import { ConntrackMap, Ipcache, NatMap, tupleOf, type CtEntry, type Endpoint } from './maps.ts'

/** Marks of packets between programs and the proxy (bpf/lib/common.h: MARK_MAGIC_PROXY_INGRESS, _EGRESS). */
export const MARK_PROXY_INGRESS = 0xa00
export const MARK_PROXY_EGRESS = 0xb00

export interface MonitorEvent {
  at: number
  kind: 'drop' | 'trace' | 'verdict' | 'l7'
  /** As `cilium-dbg monitor` prints it. */
  text: string
  endpoint: number
}

/** What identifies a packet's deciding row and the sentence about it. */
export interface HopText {
  stage: HopStage
  interface: string | undefined
  text: string
  explanation: string
  decidedBy?: string
  kind?: 'map' | 'policy' | 'route' | 'conntrack'
  before?: Hop['before']
  after?: boolean
  possible?: readonly string[] | undefined
}

/** What goes with a drop. */
export interface DropText extends Pick<HopText, 'explanation' | 'decidedBy' | 'kind'> {
  verdict?: Verdict
  /** The policies that isolate the endpoint, or deny. */
  policies?: readonly string[]
  endpoint?: number
  direction?: 'INGRESS' | 'EGRESS'
  identities?: string
}

/** What the node has of each family. */
export interface NodeFamily { readonly version: 4 | 6; readonly nodeIp: Ip; readonly routerIp: Ip; readonly podCidr: Cidr; readonly clusterCidr: Cidr }

/** One node's programs' common state: maps, devices, and the pen that writes hops, drops and monitor events. */
export class Datapath {
  readonly context: NodeContext
  readonly network: Namespace
  /** IPv4 before IPv6: tunnels run over the first one's addresses. */
  readonly families: readonly NodeFamily[]
  readonly device: Link
  readonly host: Link
  /** Routing by tunnels. */
  readonly tunnels: boolean
  /** cilium_vxlan. */
  vxlan: VxlanLink | undefined
  /** Whether Services are this datapath's, and not kube-proxy's. */
  readonly replacesProxy: boolean
  /** By their first address. */
  readonly endpoints = new Map<Ip, Endpoint>()
  readonly #byAddress = new Map<Ip, Endpoint>()
  readonly identities = new Map<number, Identity>()
  readonly ipcache = new Ipcache()
  readonly conntrack: ConntrackMap
  readonly nat: NatMap
  readonly lb: LbMap
  readonly l2: L2Responder
  /** With egress gateways on. */
  egress: EgressMap | undefined
  /** The node itself among the endpoints. */
  self: HostEndpoint | undefined
  /** policy-audit-mode of cilium-config: what policies deny is only reported. */
  audit = false
  readonly names: NameManager
  readonly flows: FlowLog
  /** enable-sctp of cilium-config, as the agent found it at its last start: without it the programs drop SCTP. */
  sctp = false
  /** Whether somebody listens where rules about DNS send queries to. */
  dnsProxyRuns = false
  /** The highest number that an identity of the node's own ever had. */
  lastLocal = 0
  readonly metrics = new MetricsMap()
  readonly #monitors = new Set<(event: MonitorEvent) => void>()

  constructor(context: NodeContext, options: { families: readonly NodeFamily[]; device: Link; host: Link; tunnels: boolean; replacesProxy: boolean }) {
    this.context = context
    this.network = context.network as Namespace
    this.families = options.families
    this.device = options.device
    this.host = options.host
    this.tunnels = options.tunnels
    this.replacesProxy = options.replacesProxy
    this.conntrack = new ConntrackMap(context.clock)
    this.nat = new NatMap(context.clock)
    this.names = new NameManager(this)
    this.flows = new FlowLog(this)
    this.l2 = new L2Responder(this)
    this.lb = new LbMap(context.clock.random.fork(`cilium lb ${context.name}`))
    for (const id of RESERVED.keys()) this.identities.set(id, reservedIdentity(id))
  }

  get nodeIp(): Ip {
    return this.families[0]!.nodeIp
  }

  get routerIp(): Ip {
    return this.families[0]!.routerIp
  }

  /** What the node has of an address's family; undefined: the cluster does not have it. */
  family(ip: Ip): NodeFamily | undefined {
    const version = ip.includes(':') ? 6 : 4
    return this.families.find((f) => f.version === version)
  }

  isNode(ip: Ip): boolean {
    return this.family(ip)?.nodeIp === ip
  }

  isRouter(ip: Ip): boolean {
    return this.family(ip)?.routerIp === ip
  }

  endpointAt(ip: Ip): Endpoint | undefined {
    return this.#byAddress.get(ip)
  }

  addEndpoint(endpoint: Endpoint): void {
    this.endpoints.set(endpoint.ips[0]!, endpoint)
    for (const ip of endpoint.ips) this.#byAddress.set(ip, endpoint)
  }

  removeEndpoint({ ips }: Endpoint): void {
    this.endpoints.delete(ips[0]!)
    for (const ip of ips) this.#byAddress.delete(ip)
  }

  /** With both families the world is one per family. */
  worldOf(ip: Ip): number {
    return this.families.length === 1 ? WORLD : ip.includes(':') ? WORLD_IPV6 : WORLD_IPV4
  }

  get now(): number {
    return this.context.clock.now
  }

  identity(id: number): Identity {
    return this.identities.get(id) ?? (RESERVED.has(id) ? reservedIdentity(id) : identityOf(id, {}))
  }

  identityAt(ip: Ip): number {
    if (this.isNode(ip) || this.isRouter(ip) || isLoopbackIp(ip)) return HOST
    return this.ipcache.lookup(ip)?.entry.identity ?? this.worldOf(ip)
  }

  /** "default/web (identity 12345)", "world" */
  nameOf(id: number): string {
    const identity = this.identity(id)
    const reserved = RESERVED.get(id)
    if (reserved !== undefined) return `${reserved} (identity ${id})`
    const names = Object.keys(identity.labels).filter((label) => label.startsWith('fqdn:')).map((label) => label.slice(5))
    if (names.length > 0) return `${names.join(' and ')} (identity ${id})`
    if (identity.cidr !== undefined) return `${identity.cidr} (identity ${id})`
    const labels = Object.entries(identity.podLabels).filter(([key]) => !key.startsWith('io.c') && !key.startsWith('io.k')).map(([key, value]) => `${key}=${value}`)
    return `${labels.join(',') || 'Pods'} of ${identity.namespace ?? '?'} (identity ${id})`
  }

  /** As `cilium-dbg bpf ipcache get` has it. */
  ipcacheText(ip: Ip): string {
    const found = this.ipcache.lookup(ip)
    if (!found) return `${ip.includes(':') ? '::/0' : '0.0.0.0/0'}     identity=${this.worldOf(ip)} encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>`
    const { prefix, entry } = found
    return `${prefix}     identity=${entry.identity} encryptkey=0 tunnelendpoint=${entry.tunnel ?? '0.0.0.0'} flags=${entry.tunnel === undefined ? '<none>' : 'hastunnel'}`
  }

  // ---- journeys ------------------------------------------------------------------------------------------------

  recording(packet: IpPacket): boolean {
    return this.network.recorder.recording(packet)
  }

  hop(packet: IpPacket, { stage, interface: link, text, explanation, decidedBy, kind = 'map', before, after, possible }: HopText): void {
    const { recorder } = this.network
    if (!recorder.recording(packet)) return
    const now = recorder.header(packet)
    recorder.hop(this.network, packet, {
      stage, interface: link, text, decidedBy: decidedBy === undefined ? undefined : { kind, text: decidedBy }, before: before ?? now, after: after ? now : undefined, explanation, possible,
    })
  }

  /** A drop, with Cilium's own name for it (pkg/monitor/api/drop.go). */
  drop(packet: IpPacket, link: Link, reason: string, text: string, hop: DropText): LinkVerdict {
    const { recorder } = this.network
    const direction = hop.direction ?? 'INGRESS'
    const file = hop.endpoint !== undefined && hop.endpoint === this.self?.endpoint.id ? 'bpf_host.c' : 'bpf_lxc.c'
    this.metrics.dropped(reason, direction, file, packet)
    if (this.monitored) this.tell('drop', hop.endpoint ?? 0, `xx drop (${reason}) flow ${flowText(packet)} to endpoint ${hop.endpoint ?? 0}, ifindex ${link.index}, file ${file}:0, , identity ${hop.identities ?? 'unknown->unknown'}: ${packetText(packet)}`)
    if (this.flows.enabled) this.flows.packet(packet, { event: 'drop', what: reason, verdict: 'DROPPED', interface: link.name, direction: (hop.endpoint ?? 0) === 0 ? undefined : direction })
    if (packet.meta.trail) {
      recorder.fail(this.network, packet, hop.verdict ?? 'dropped', hop.explanation, {
        stage: 'drop',
        interface: link.name,
        text: `${text} Cilium's reason: "${reason}".`,
        decidedBy: hop.decidedBy === undefined ? undefined : { kind: hop.kind ?? 'map', text: hop.decidedBy },
        ...(hop.policies ? { policies: hop.policies } : {}),
        before: recorder.header(packet),
        explanation: hop.explanation,
      })
    }
    return 'stolen'
  }

  // ---- monitor -------------------------------------------------------------------------------------------------

  onMonitor(listener: (event: MonitorEvent) => void): () => void {
    this.#monitors.add(listener)
    return () => this.#monitors.delete(listener)
  }

  trace(packet: IpPacket, where: string, endpoint: number, detail: string): void {
    if (this.monitored) this.tell('trace', endpoint, `-> ${where} flow ${flowText(packet)} ${detail}: ${packetText(packet)}`)
  }

  /** A packet on its way. Whether it is reported, as monitor-aggregation has it; `reply`: whether it is known to answer. */
  observe(packet: IpPacket, point: ObservationPoint, link: string | undefined, endpoint: Endpoint | undefined, entry?: CtEntry, reply?: boolean): boolean {
    // what leaves by a device is counted there
    if (point !== 'to-network' && point !== 'to-proxy') this.metrics.passed(point, packet)
    if ((!this.flows.enabled && !this.monitored) || (entry && !worthReporting(entry, packet, reply === true, this.now))) return false
    if (!this.flows.enabled) return true
    const outgoing = endpoint?.ips.includes(packet.source) ?? false
    const direction = endpoint === undefined || reply === undefined ? undefined : outgoing !== reply ? 'EGRESS' : 'INGRESS'
    this.flows.packet(packet, { event: 'trace', what: point, verdict: 'FORWARDED', reply, interface: link, direction })
    return true
  }

  /** A policy has decided about a connection's first packet, or against one. */
  observeVerdict(packet: IpPacket, match: string, verdict: FlowVerdict, direction: 'INGRESS' | 'EGRESS'): void {
    if (this.flows.enabled) this.flows.packet(packet, { event: 'policy-verdict', what: match, verdict, direction, reply: verdict === 'DROPPED' ? undefined : false })
  }

  verdictEvent(packet: IpPacket, text: string, endpoint: number): void {
    if (this.monitored) this.tell('verdict', endpoint, `Policy verdict log: flow ${flowText(packet)} ${text}, ${packetText(packet)}`)
  }

  get monitored(): boolean {
    return this.#monitors.size > 0
  }

  tell(kind: MonitorEvent['kind'], endpoint: number, text: string): void {
    for (const listener of this.#monitors) listener({ at: this.now, kind, text, endpoint })
  }
}

/** A hash of the flow, as the kernel's skb->hash. */
function flowText(packet: IpPacket): string {
  const t = tupleOf(packet)
  const text = t ? `${t.source} ${t.sourcePort} ${t.destination} ${t.destinationPort} ${t.protocol}` : `${packet.source} ${packet.destination}`
  let hash = 2166136261
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619)
  return `0x${(hash >>> 0).toString(16)}`
}

function packetText({ source, destination, payload }: IpPacket): string {
  if (payload.kind === 'icmp') return `${source} -> ${destination} ${payload.type === 8 || payload.type === 128 ? 'EchoRequest' : payload.type === 0 || payload.type === 129 ? 'EchoReply' : `Icmp(${payload.type},${payload.code})`}`
  if (payload.kind === 'ipip') return `${source} -> ${destination} ipip`
  const flags = payload.kind === 'tcp' ? ` tcp ${[payload.flags.syn && 'SYN', payload.flags.ack && 'ACK', payload.flags.fin && 'FIN', payload.flags.rst && 'RST'].filter(Boolean).join(', ')}` : ` ${payload.kind}`
  return `${joinHostPort(source, payload.sourcePort)} -> ${joinHostPort(destination, payload.destinationPort)}${flags}`
}

const datapaths = new WeakMap<object, Datapath>()

/** The datapath of a node's network namespace, as long as its devices are there. */
export function datapathOf(network: object): Datapath | undefined {
  return datapaths.get(network)
}

export function setDatapath(network: object, datapath: Datapath | undefined): void {
  if (datapath) datapaths.set(network, datapath)
  else datapaths.delete(network)
}
