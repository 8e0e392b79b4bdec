import type { Clock } from '../../clock.ts'
import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { KubeObject, Pod, Service } from '../../kubernetes/types.ts'
import type { Frame, IpPacket, IpPayload } from '../../network/types.ts'
import { TRACEFLOWS } from './crds.ts'
import type { Datapath } from './datapath.ts'
import type { Execution } from './ovs/execution.ts'
import { flowText, type Flow } from './ovs/flow.ts'
import { GATEWAY_PORT, TUNNEL_PORT } from './pipeline.ts'

/**
 * Traceflow (docs/traceflow-guide.md of Antrea v2.4): the controller gives a tag, the sender's agent sends one packet that has it
 * as its DSCP, each agent tells what its bridge has done with it, and no Pod ever gets it.
 */
export interface Observation {
  component: 'SpoofGuard' | 'LB' | 'NetworkPolicy' | 'Forwarding'
  componentInfo?: string
  action: 'Forwarded' | 'Received' | 'Delivered' | 'Dropped' | 'Rejected' | 'ForwardedOutOfNetwork'
  pod?: string
  networkPolicy?: string
  translatedSrcIP?: string
  translatedDstIP?: string
  tunnelDstIP?: string
  srcPodIP?: string
}

interface TransportHeader { tcp?: { srcPort?: number; dstPort?: number; flags?: number }; udp?: { srcPort?: number; dstPort?: number }; icmp?: { id?: number; sequence?: number } }

export interface Traceflow extends KubeObject {
  spec: {
    source?: { namespace?: string; pod?: string }
    destination?: { namespace?: string; pod?: string; service?: string; ip?: string }
    packet?: { ipHeader?: { protocol?: number; ttl?: number }; ipv6Header?: { nextHeader?: number; hopLimit?: number }; transportHeader?: TransportHeader }
    /** seconds */
    timeout?: number
  }
  status?: {
    phase?: 'Running' | 'Succeeded' | 'Failed'
    reason?: string
    startTime?: string
    dataplaneTag?: number
    results?: { node: string; timestamp: number; observations: Observation[] }[]
  }
}

const MERGE = 'application/merge-patch+json'
const seconds = (wall: number): string => `${new Date(Math.floor(wall / 1000) * 1000).toISOString().slice(0, 19)}Z`

// ---- the controller's part (pkg/controller/traceflow) --------------------------------------------------------------

/** DSCP values for experiments (RFC 2474), from 7 in steps of 4. */
const TAGS = Array.from({ length: 14 }, (_, i) => 7 + 4 * i)
const TIMEOUT = 20
const CHECK = 10_000

/** Gives tags, and says when a Traceflow has ended. */
export class TraceflowController {
  readonly #client: KubernetesClient
  readonly #clock: Clock
  readonly #running = new Map<number, string>()
  readonly #timers = new Map<string, ReturnType<Clock['schedule']>>()
  readonly #stop: () => void
  #stopped = false

  constructor(client: KubernetesClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
    this.#stop = client.watch<Traceflow>(TRACEFLOWS, {}, (event) => {
      if (this.#stopped) return
      if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#sync(event.object)
      else if (event.type === 'DELETED') this.#release(event.object.metadata.name)
    })
  }

  stop(): void {
    this.#stopped = true
    this.#stop()
    for (const timer of this.#timers.values()) this.#clock.cancel(timer)
  }

  #sync(traceflow: Traceflow): void {
    const { metadata: { name }, status } = traceflow
    if (status?.phase === undefined) return this.#start(name)
    if (status.phase !== 'Running') return this.#release(name)
    if (status.dataplaneTag !== undefined && !this.#running.has(status.dataplaneTag)) this.#running.set(status.dataplaneTag, name)
    this.#check(traceflow)
  }

  #start(name: string): void {
    const tag = TAGS.find((t) => !this.#running.has(t))
    if (tag === undefined || [...this.#running.values()].includes(name)) return
    this.#running.set(tag, name)
    this.#patch(name, { phase: 'Running', startTime: seconds(this.#clock.wall()), dataplaneTag: tag })
  }

  #check({ metadata: { name }, spec, status }: Traceflow): void {
    const results = status?.results ?? []
    const seen = results.flatMap((r) => r.observations)
    const received = seen.some((o) => ['Delivered', 'Dropped', 'Rejected', 'ForwardedOutOfNetwork'].includes(o.action))
    if (received && seen.some((o) => o.component === 'SpoofGuard')) {
      const pods = this.#client.list<Pod>('pods').items
      const named = results.map((result) => ({
        ...result, observations: result.observations.map((o) => {
          const pod = o.translatedDstIP === undefined ? undefined : pods.find((p) => p.status.podIPs?.some(({ ip }) => ip === o.translatedDstIP))
          return pod ? { ...o, pod: `${pod.metadata.namespace}/${pod.metadata.name}` } : o
        }),
      }))
      return this.#patch(name, { phase: 'Succeeded', dataplaneTag: null, results: named })
    }
    if (this.#timers.has(name)) return
    const end = Date.parse(status?.startTime ?? '') + (spec.timeout || TIMEOUT) * 1000
    const look = (): void => {
      if (this.#clock.wall() <= end) this.#timers.set(name, this.#clock.schedule(CHECK, look, { background: true }))
      else this.#patch(name, { phase: 'Failed', reason: 'Traceflow timeout', dataplaneTag: null })
    }
    this.#timers.set(name, this.#clock.schedule(CHECK, look, { background: true }))
  }

  #release(name: string): void {
    for (const [tag, holder] of this.#running) if (holder === name) this.#running.delete(tag)
    this.#clock.cancel(this.#timers.get(name))
    this.#timers.delete(name)
  }

  #patch(name: string, status: object): void {
    try {
      this.#client.patch(TRACEFLOWS, undefined, name, MERGE, { status }, { subresource: 'status' })
    } catch (error) {
      // deleted meanwhile
      if (!(error instanceof StatusError)) throw error
    }
  }
}

// ---- the agents' part (pkg/agent/controller/traceflow) ---------------------------------------------------------------

/** Others make ready while the sender waits: for another node's, and for one of its own. */
const INJECT = { away: 2_000, here: 100 } as const
const METRICS: ReadonlySet<string> = new Set(['EgressMetric', 'IngressMetric', 'EgressDefaultRule', 'IngressDefaultRule'])

interface Tracing { name: string; uid: string | undefined; isSender: boolean; source: string; destination: string }

export class TraceflowAgent {
  readonly #dp: Datapath
  readonly #client: KubernetesClient
  readonly #running = new Map<number, Tracing>()
  readonly #timers = new Set<ReturnType<Clock['schedule']>>()
  readonly #stop: () => void
  #stopped = false

  constructor(dp: Datapath, client: KubernetesClient) {
    this.#dp = dp
    this.#client = client
    dp.bridge.onTagged = (x, port, flow) => this.#seen(x, port, flow)
    this.#stop = client.watch<Traceflow>(TRACEFLOWS, {}, (event) => {
      if (this.#stopped) return
      const { object } = event as { object: Traceflow }
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') return this.#forget(object.metadata?.name)
      if (object.status?.phase !== 'Running') this.#forget(object.metadata.name)
      else if (object.status.dataplaneTag !== undefined && this.#running.get(object.status.dataplaneTag)?.uid !== object.metadata.uid) this.#begin(object, object.status.dataplaneTag)
    })
  }

  stop(): void {
    this.#stopped = true
    this.#stop()
    this.#dp.bridge.onTagged = undefined
    for (const timer of this.#timers) this.#dp.context.clock.cancel(timer)
  }

  #forget(name: string | undefined): void {
    for (const [tag, tracing] of this.#running) if (tracing.name === name) this.#running.delete(tag)
  }

  #begin({ metadata: { name, uid }, spec }: Traceflow, tag: number): void {
    const { context, pods } = this.#dp
    const from = [...pods.values()].find((p) => p.podName === spec.source?.pod && p.podNamespace === (spec.source.namespace ?? 'default'))
    if (!from) {
      this.#running.set(tag, { name, uid, isSender: false, source: '', destination: '' })
      return
    }
    try {
      const { packet, mac } = this.#prepare(spec, from.ips)
      packet.tos = tag << 2
      this.#running.set(tag, { name, uid, isSender: true, source: packet.source, destination: packet.destination })
      const timer = context.clock.schedule(mac === undefined ? INJECT.away : INJECT.here, () => {
        this.#timers.delete(timer)
        const frame: Frame = { source: from.mac, destination: mac ?? this.#dp.gateway.mac, payload: packet }
        this.#dp.bridge.recorder.begin(this.#dp.bridge.network, packet, { program: 'antrea-agent' })
        this.#dp.bridge.receive(from.port, frame)
      })
      this.#timers.add(timer)
    } catch (error) {
      this.#patch(name, { phase: 'Failed', reason: `Node: ${context.name}, error: ${(error as Error).message}` })
    }
  }

  /** preparePacket: throws an Error with the agent's words. */
  #prepare({ destination = {}, packet: { ipHeader, ipv6Header, transportHeader = {} } = {} }: Traceflow['spec'], ips: readonly string[]): { packet: IpPacket; mac: string | undefined } {
    const six = ipv6Header !== undefined
    const ofFamily = (all: readonly (string | undefined)[]): string | undefined => all.find((ip) => ip?.includes(':') === six)
    const family = six ? 'an IPv6' : 'an IPv4'
    const source = ofFamily(ips)
    if (source === undefined) throw new Error(`source Pod does not have ${family} address`)
    let to: string | undefined
    let protocol = ipv6Header?.nextHeader ?? ipHeader?.protocol ?? 0
    let port = 0
    if (destination.ip !== undefined) {
      to = destination.ip
      if (to.includes(':') !== six) throw new Error('destination IP does not match the IP header family')
    } else if (destination.pod !== undefined) {
      to = ofFamily((this.#get<Pod>('pods', destination.namespace, destination.pod, 'Pod').status.podIPs ?? []).map((p) => p.ip))
      if (to === undefined) throw new Error(`destination Pod does not have ${family} address`)
    } else if (destination.service !== undefined) {
      const { spec } = this.#get<Service>('services', destination.namespace, destination.service, 'Service')
      if (!spec.clusterIP) throw new Error('destination Service does not have a ClusterIP')
      if (spec.clusterIP === 'None') throw new Error('destination Service does not have a valid ClusterIP')
      to = spec.clusterIP
      if (to.includes(':') !== six) throw new Error(`destination Service does not have ${family} ClusterIP`)
      const first = spec.ports?.[0]
      if (!first) throw new Error('destination Service does not have any ports')
      protocol = first.protocol === 'UDP' ? 17 : 6
      port = first.port
    } else throw new Error('destination is not specified')
    const { tcp, udp, icmp } = transportHeader
    const data = new Uint8Array(0)
    const anyPort = (): number => this.#dp.context.clock.random.below(0x1_0000)
    const payload: IpPayload = tcp || (protocol === 6 && !udp && !icmp)
      ? { kind: 'tcp', sourcePort: tcp?.srcPort || anyPort(), destinationPort: tcp?.dstPort ?? port, sequence: 0, acknowledgement: 0, flags: flagsOf(tcp?.flags ?? 2), window: 0, data }
      : udp || (protocol === 17 && !icmp) ? { kind: 'udp', sourcePort: udp?.srcPort || anyPort(), destinationPort: udp?.dstPort ?? port, data }
        : { kind: 'icmp', type: six ? 128 : 8, code: 0, id: icmp?.id ?? 0, sequence: icmp?.sequence ?? 0, data }
    const packet: IpPacket = { kind: 'ip', version: six ? 6 : 4, source, destination: to, ttl: (six ? ipv6Header.hopLimit : ipHeader?.ttl) || 64, tos: 0, identification: 0, dontFragment: false, payload, meta: { mark: 0 } }
    return { packet, mac: this.#dp.podAt(to)?.mac }
  }

  #get<T extends KubeObject>(resource: string, namespace: string | undefined, name: string, kind: string): T {
    try {
      return this.#client.get<T>(resource, namespace ?? 'default', name)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      throw new Error(`failed to get the destination ${kind}: ${error.status.message}`, { cause: error })
    }
  }

  /** What becomes of a packet with a tag: it leaves by a port, or is lost. True: it goes no further. */
  #seen(x: Execution, port: number | undefined, flow: Flow | undefined): boolean {
    const packet = x.packet!
    const tracing = this.#running.get(packet.tos >> 2)
    if (!tracing || (port === undefined && !METRICS.has(flow?.table ?? ''))) return false
    const { context, bridge } = this.#dp
    this.#report(tracing.name, { node: context.name, timestamp: Math.floor(context.clock.wall() / 1000), observations: this.#observe(tracing, x, packet, port, flow) })
    if (port === undefined || port === TUNNEL_PORT) return false
    bridge.recorder.deliver(bridge.network, packet, {
      stage: 'deliver', interface: bridge.portName(port), text: `Here the packet would go out of the port ${bridge.portName(port)}. It belongs to the Traceflow ${tracing.name}, so its way ends: antrea-agent tells how it got here.`,
      ...(flow ? { decidedBy: { kind: 'rule', table: flow.table, text: flowText(flow) } } : {}), before: bridge.recorder.header(packet, x.key.frame), explanation: 'ovs-traceflow',
    })
    return true
  }

  #observe({ isSender, source, destination }: Tracing, { key }: Execution, packet: IpPacket, port: number | undefined, flow: Flow | undefined): Observation[] {
    const out: Observation[] = [isSender ? { component: 'SpoofGuard', action: 'Forwarded', srcPodIP: source } : { component: 'Forwarding', action: 'Received' }]
    if (isSender && (packet.destination !== destination || packet.source !== source)) {
      out.push({ component: 'LB', action: 'Forwarded', ...(packet.source === source ? {} : { translatedSrcIP: packet.source }), translatedDstIP: packet.destination })
    }
    const policy = (conjunction: number): { networkPolicy?: string } => {
      const name = this.#dp.policyOf(conjunction)
      return name === undefined ? {} : { networkPolicy: name.includes(':') ? name : `K8sNetworkPolicy:${name}` }
    }
    if (isSender && key.registers[5]) out.push({ component: 'NetworkPolicy', componentInfo: 'EgressRule', action: 'Forwarded', ...policy(key.registers[5]) })
    if (key.registers[6]) out.push({ component: 'NetworkPolicy', componentInfo: 'IngressRule', action: 'Forwarded', ...policy(key.registers[6]) })
    if (port === undefined) {
      out.push({ component: 'NetworkPolicy', componentInfo: flow!.table, action: flow!.actions.includes('controller') ? 'Rejected' : 'Dropped', ...(flow!.table.endsWith('Metric') ? policy(key.registers[3]!) : {}) })
      return out
    }
    const end = { component: 'Forwarding', componentInfo: 'Output' } as const
    if (port === TUNNEL_PORT) out.push({ ...end, action: 'Forwarded', tunnelDstIP: key.tunnelDestination })
    else if (port !== GATEWAY_PORT || this.#dp.families.some((f) => f.gatewayIp === packet.destination)) out.push({ ...end, action: 'Delivered' })
    else out.push({ ...end, action: [...this.#dp.peers.values()].some((peer) => peer.families.some((f) => f.gateway === packet.destination)) ? 'Forwarded' : 'ForwardedOutOfNetwork' })
    return out
  }

  #report(name: string, result: NonNullable<NonNullable<Traceflow['status']>['results']>[number]): void {
    // the packet's way is not the API's business: it is told of when the bridge has done with it
    const timer = this.#dp.context.clock.schedule(0, () => {
      this.#timers.delete(timer)
      try {
        const { status } = this.#client.get<Traceflow>(TRACEFLOWS, undefined, name)
        this.#patch(name, { results: [...(status?.results ?? []), result] })
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
      }
    })
    this.#timers.add(timer)
  }

  #patch(name: string, status: object): void {
    this.#client.patch(TRACEFLOWS, undefined, name, MERGE, { status }, { subresource: 'status' })
  }
}

function flagsOf(bits: number): Extract<IpPayload, { kind: 'tcp' }>['flags'] {
  return { ...(bits & 1 ? { fin: true } : {}), ...(bits & 2 ? { syn: true } : {}), ...(bits & 4 ? { rst: true } : {}), ...(bits & 8 ? { psh: true } : {}), ...(bits & 16 ? { ack: true } : {}) }
}
