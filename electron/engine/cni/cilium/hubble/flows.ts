import type { Ip, IpPacket } from '../../../network/types.ts'
import type { CtEntry, TransportProtocol } from '../maps.ts'
import { protocolText, tupleOf } from '../maps.ts'
import type { Datapath } from '../datapath.ts'

/** Hubble's ring of flows in the agent (pkg/hubble/container/ring.go, pkg/hubble/parser of cilium/cilium v1.17). */
export type FlowVerdict = 'FORWARDED' | 'DROPPED' | 'AUDIT' | 'REDIRECTED'
export type ObservationPoint = 'to-endpoint' | 'to-proxy' | 'to-stack' | 'to-overlay' | 'to-network'

export interface FlowEnd {
  readonly ip: Ip
  readonly port: number
  readonly identity: number
  /** Of an endpoint of this node, otherwise 0. */
  readonly endpoint: number
  /** "default/web" */
  readonly pod: string | undefined
  readonly service: string | undefined
  /** What DNS called the address, as the other side asked. */
  readonly names: readonly string[]
}

/** The access log's part: `method` is of HTTP, `query` of DNS. */
export interface FlowL7 {
  readonly kind: 'http' | 'dns'
  readonly type: 'REQUEST' | 'RESPONSE'
  readonly latency?: number
  readonly method?: string
  readonly url?: string
  readonly code?: number
  readonly headers?: readonly (readonly [string, string])[]
  readonly query?: string
  readonly qtype?: string
  readonly ips?: readonly Ip[]
  readonly cnames?: readonly string[]
  readonly ttl?: number
  readonly rcode?: string
}

export interface Flow {
  readonly number: number
  /** Virtual ms. */
  readonly at: number
  readonly event: 'trace' | 'drop' | 'policy-verdict' | 'l7'
  /** The observation point, the drop's reason, or how the policy matched. */
  readonly what: string
  readonly verdict: FlowVerdict
  readonly protocol: TransportProtocol | undefined
  readonly source: FlowEnd
  readonly destination: FlowEnd
  readonly icmp: { readonly type: number; readonly code: number } | undefined
  /** "SYN, ACK" */
  readonly tcpFlags: string | undefined
  /** Undefined: nobody knows. */
  readonly reply: boolean | undefined
  readonly direction: 'INGRESS' | 'EGRESS' | undefined
  readonly interface: string | undefined
  readonly l7: FlowL7 | undefined
}

export interface FlowFacts {
  event: Flow['event']
  what: string
  verdict: FlowVerdict
  reply?: boolean | undefined
  direction?: Flow['direction']
  interface?: string | undefined
  l7?: FlowL7
}

/** hubble-event-buffer-capacity */
export const CAPACITY = 4_095
/** monitor-aggregation-interval, ms. */
const INTERVAL = 5_000

export class FlowLog {
  readonly #dp: Datapath
  readonly #ring: Flow[] = []
  readonly #listeners = new Set<(flow: Flow) => void>()
  readonly #enders = new Set<() => void>()
  seen = 0
  /** Whether an agent reads what the programs report, and since when. */
  since: number | undefined
  podAt: (ip: Ip) => string | undefined = () => undefined

  constructor(dp: Datapath) {
    this.#dp = dp
  }

  get enabled(): boolean {
    return this.since !== undefined
  }

  /** An agent starts with nothing. */
  start(podAt: (ip: Ip) => string | undefined): void {
    this.since = this.#dp.now
    this.podAt = podAt
    this.seen = 0
    this.#ring.length = 0
  }

  stop(): void {
    this.since = undefined
    for (const listener of [...this.#enders]) listener()
  }

  /** The agent that reads ends. */
  onStop(listener: () => void): () => void {
    this.#enders.add(listener)
    return () => this.#enders.delete(listener)
  }

  onFlow(listener: (flow: Flow) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Oldest first. */
  list(): Flow[] {
    const at = this.seen % CAPACITY
    return this.#ring.length < CAPACITY ? [...this.#ring] : [...this.#ring.slice(at), ...this.#ring.slice(0, at)]
  }

  get size(): number {
    return this.#ring.length
  }

  packet(packet: IpPacket, facts: FlowFacts): void {
    const tuple = tupleOf(packet)
    const { payload, source, destination } = packet
    const ports = payload.kind === 'tcp' || payload.kind === 'udp' || payload.kind === 'sctp' ? payload : undefined
    this.#add(facts, ports ? ports.kind : tuple?.protocol, [source, ports?.sourcePort ?? 0], [destination, ports?.destinationPort ?? 0],
      payload.kind === 'icmp' ? { type: payload.type, code: payload.code } : undefined, payload.kind === 'tcp' ? flagsText(payload.flags) : undefined)
  }

  /** What a proxy has seen; there is no packet any more. */
  request(client: readonly [Ip, number], server: readonly [Ip, number], protocol: TransportProtocol, facts: FlowFacts & { l7: FlowL7 }): void {
    const [from, to] = facts.l7.type === 'REQUEST' ? [client, server] : [server, client]
    this.#add({ ...facts, reply: facts.l7.type === 'RESPONSE' }, protocol, from, to, undefined, undefined)
  }

  #add({ event, what, verdict, reply, direction, interface: link, l7 }: FlowFacts, protocol: Flow['protocol'], from: readonly [Ip, number], to: readonly [Ip, number], icmp: Flow['icmp'], tcpFlags: string | undefined): void {
    const [source, destination] = [this.#end(from, to[0], protocol), this.#end(to, from[0], protocol)]
    const flow: Flow = { number: this.seen, at: this.#dp.now, event, what, verdict, protocol, source, destination, icmp, tcpFlags, reply, direction, interface: link, l7 }
    this.#ring[this.seen++ % CAPACITY] = flow
    for (const listener of this.#listeners) listener(flow)
  }

  #end([ip, port]: readonly [Ip, number], other: Ip, protocol: Flow['protocol']): FlowEnd {
    const dp = this.#dp
    const endpoint = dp.endpointAt(ip)
    const pod = endpoint?.pod ?? this.podAt(ip)
    const service = pod === undefined && protocol !== undefined && port > 0 ? dp.lb.find(ip, port, protocol)?.service : undefined
    const asker = pod === undefined ? dp.endpointAt(other) : undefined
    return { ip, port, identity: dp.identityAt(ip), endpoint: endpoint?.id ?? 0, pod, service, names: asker ? dp.names.namesOf(asker.id, ip) : [] }
  }
}

/**
 * monitor-aggregation "medium": of a connection that is known a packet is reported when it has a TCP flag that no packet of its
 * direction had, and otherwise every five seconds (__ct_update_timeout of bpf/lib/conntrack.h).
 */
export function worthReporting(entry: CtEntry, packet: IpPacket, reply: boolean, now: number): boolean {
  const { payload } = packet
  const bits = payload.kind === 'tcp' ? flagBits(payload.flags) : 0
  const shift = reply ? 8 : 0
  const last = reply ? entry.rxReport : entry.txReport
  const fresh = (bits << shift) & ~entry.reported
  entry.reported |= bits << shift
  if (fresh === 0 && last !== undefined && last + INTERVAL > now) return false
  if (reply) entry.rxReport = now
  else entry.txReport = now
  return true
}

interface TcpFlags { syn?: boolean; ack?: boolean; rst?: boolean; fin?: boolean; psh?: boolean }

function flagBits({ syn, ack, rst, fin, psh }: TcpFlags): number {
  return (fin ? 1 : 0) | (syn ? 2 : 0) | (rst ? 4 : 0) | (psh ? 8 : 0) | (ack ? 16 : 0)
}

function flagsText(flags: TcpFlags): string {
  return [flags.syn && 'SYN', flags.ack && 'ACK', flags.rst && 'RST', flags.fin && 'FIN', flags.psh && 'PSH'].filter(Boolean).join(', ')
}

const ICMP4: ReadonlyMap<number, string> = new Map([[0, 'EchoReply'], [8, 'EchoRequest']])
const ICMP4_CODES: ReadonlyMap<string, string> = new Map([
  ['3/0', 'DestinationUnreachable(Net)'], ['3/1', 'DestinationUnreachable(Host)'], ['3/3', 'DestinationUnreachable(Port)'], ['3/4', 'DestinationUnreachable(FragmentationNeeded)'],
  ['3/13', 'DestinationUnreachable(CommAdminProhibited)'], ['11/0', 'TimeExceeded(TTLExceeded)'],
])
const ICMP6: ReadonlyMap<number, string> = new Map([[1, 'DestinationUnreachable'], [2, 'PacketTooBig'], [3, 'TimeExceeded'], [128, 'EchoRequest'], [129, 'EchoReply']])

/** As gopacket names a type and code, and as pkg/hubble/parser/seven tells a request. */
export function summaryOf({ l7, protocol, tcpFlags, icmp }: Flow): string {
  if (l7?.kind === 'http') {
    const asked = `${l7.method!} ${l7.url!}`
    return l7.type === 'REQUEST' ? `HTTP/1.1 ${asked}` : `HTTP/1.1 ${l7.code!} ${Math.floor(l7.latency ?? 0)}ms (${asked})`
  }
  if (l7) {
    if (l7.type === 'REQUEST') return `DNS Query ${l7.query!} ${l7.qtype!}`
    const parts = [l7.ips?.length ? `"${l7.ips.join(',')}"` : '', l7.cnames?.length ? `CNAMEs: "${l7.cnames.join(',')}"` : ''].filter((p) => p !== '')
    return `DNS Answer ${l7.rcode === undefined ? parts.join(' ') : `RCode: ${l7.rcode}`} TTL: ${l7.ttl ?? 0} (Proxy ${l7.query!} ${l7.qtype!})`
  }
  if (tcpFlags !== undefined) return `TCP Flags: ${tcpFlags}`
  if (icmp && protocol !== 'icmpv6') return `ICMPv4 ${ICMP4.get(icmp.type) ?? ICMP4_CODES.get(`${icmp.type}/${icmp.code}`) ?? `${icmp.type}(${icmp.code})`}`
  if (icmp) return `ICMPv6 ${ICMP6.get(icmp.type) ?? `${icmp.type}(${icmp.code})`}`
  return protocol === undefined ? 'IPv4' : protocolText(protocol)
}
