import type { Hop, HopStage, Verdict } from '../../journey/types.ts'
import { ipLength } from '../../network/packets.ts'
import type { LinkVerdict } from '../../network/programs.ts'
import type { Namespace } from '../../network/namespace.ts'
import type { Cidr, Ip, IpPacket, Link, VxlanLink } from '../../network/types.ts'
import type { NodeContext } from '../types.ts'
import { HOST, identityOf, RESERVED, reservedIdentity, WORLD, type Identity } from './identity.ts'
import { LbMap } from './lb-map.ts'
import { ConntrackMap, Ipcache, NatMap, tupleOf, type Endpoint } from './maps.ts'

/** Marks of packets between programs and the proxy (bpf/lib/common.h: MARK_MAGIC_PROXY_INGRESS, _EGRESS). */
export const MARK_PROXY_INGRESS = 0xa00
export const MARK_PROXY_EGRESS = 0xb00

export interface MonitorEvent {
  at: number
  kind: 'drop' | 'trace' | 'verdict'
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

/** One node's programs' common state: maps, devices, and the pen that writes hops, drops and monitor events. */
export class Datapath {
  readonly context: NodeContext
  readonly network: Namespace
  readonly nodeIp: Ip
  readonly device: Link
  readonly routerIp: Ip
  readonly podCidr: Cidr
  readonly clusterCidr: Cidr
  readonly host: Link
  readonly vxlan: VxlanLink | undefined
  /** Whether Services are this datapath's, and not kube-proxy's. */
  readonly replacesProxy: boolean
  readonly endpoints = new Map<Ip, Endpoint>()
  readonly identities = new Map<number, Identity>()
  readonly ipcache = new Ipcache()
  readonly conntrack: ConntrackMap
  readonly nat: NatMap
  readonly lb: LbMap
  /** "Policy denied" INGRESS → packets, bytes: cilium_metrics. */
  readonly metrics = new Map<string, { packets: number; bytes: number }>()
  readonly #monitors = new Set<(event: MonitorEvent) => void>()

  constructor(context: NodeContext, options: { nodeIp: Ip; device: Link; routerIp: Ip; podCidr: Cidr; clusterCidr: Cidr; host: Link; vxlan: VxlanLink | undefined; replacesProxy: boolean }) {
    this.context = context
    this.network = context.network as Namespace
    this.nodeIp = options.nodeIp
    this.device = options.device
    this.routerIp = options.routerIp
    this.podCidr = options.podCidr
    this.clusterCidr = options.clusterCidr
    this.host = options.host
    this.vxlan = options.vxlan
    this.replacesProxy = options.replacesProxy
    this.conntrack = new ConntrackMap(context.clock)
    this.nat = new NatMap(context.clock)
    this.lb = new LbMap(context.clock.random.fork(`cilium lb ${context.name}`))
    for (const id of RESERVED.keys()) this.identities.set(id, reservedIdentity(id))
  }

  get now(): number {
    return this.context.clock.now
  }

  identity(id: number): Identity {
    return this.identities.get(id) ?? (RESERVED.has(id) ? reservedIdentity(id) : identityOf(id, {}))
  }

  identityAt(ip: Ip): number {
    if (ip === this.nodeIp || ip === this.routerIp || ip.startsWith('127.')) return HOST
    return this.ipcache.lookup(ip)?.entry.identity ?? WORLD
  }

  /** "default/web (identity 12345)", "world" */
  nameOf(id: number): string {
    const identity = this.identity(id)
    const reserved = RESERVED.get(id)
    if (reserved !== undefined) return `${reserved} (identity ${id})`
    if (identity.cidr !== undefined) return `${identity.cidr} (identity ${id})`
    const labels = Object.entries(identity.podLabels).filter(([key]) => !key.startsWith('io.c') && !key.startsWith('io.k')).map(([key, value]) => `${key}=${value}`)
    return `${labels.join(',') || 'Pods'} of ${identity.namespace ?? '?'} (identity ${id})`
  }

  /** As `cilium-dbg bpf ipcache get` has it. */
  ipcacheText(ip: Ip): string {
    const found = this.ipcache.lookup(ip)
    if (!found) return `0.0.0.0/0     identity=${WORLD} encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>`
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
    const key = `${reason}|${direction}`
    const metric = this.metrics.get(key) ?? { packets: 0, bytes: 0 }
    metric.packets++
    metric.bytes += ipLength(packet)
    this.metrics.set(key, metric)
    if (this.#monitors.size > 0) this.#tell('drop', hop.endpoint ?? 0, `xx drop (${reason}) flow ${flowText(packet)} to endpoint ${hop.endpoint ?? 0}, ifindex ${link.index}, file bpf_lxc.c:0, , identity ${hop.identities ?? 'unknown->unknown'}: ${packetText(packet)}`)
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
    if (this.#monitors.size > 0) this.#tell('trace', endpoint, `-> ${where} flow ${flowText(packet)} ${detail}: ${packetText(packet)}`)
  }

  verdictEvent(packet: IpPacket, text: string, endpoint: number): void {
    if (this.#monitors.size > 0) this.#tell('verdict', endpoint, `Policy verdict log: flow ${flowText(packet)} ${text}, ${packetText(packet)}`)
  }

  #tell(kind: MonitorEvent['kind'], endpoint: number, text: string): void {
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
  if (payload.kind === 'icmp') return `${source} -> ${destination} ${payload.type === 8 ? 'EchoRequest' : payload.type === 0 ? 'EchoReply' : `Icmp(${payload.type},${payload.code})`}`
  if (payload.kind === 'ipip') return `${source} -> ${destination} ipip`
  const flags = payload.kind === 'tcp' ? ` tcp ${[payload.flags.syn && 'SYN', payload.flags.ack && 'ACK', payload.flags.fin && 'FIN', payload.flags.rst && 'RST'].filter(Boolean).join(', ')}` : ` ${payload.kind}`
  return `${source}:${payload.sourcePort} -> ${destination}:${payload.destinationPort}${flags}`
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
