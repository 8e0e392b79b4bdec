import type { IpPacket, IpPayload } from '../network/types.ts'
import type { RecordedJourney } from './recorded.ts'
import type { Way } from './way.ts'

/** Contract of the record of a packet's way (design 2). Everything that shows packets reads this. */

export type Verdict = 'delivered' | 'refused' | 'rejected' | 'dropped' | 'unreachable' | 'timeout' | 'pending'

export type HopStage =
  | 'send' | 'socket' | 'route' | 'neighbour' | 'filter' | 'dnat' | 'snat' | 'undo-nat' | 'conntrack'
  | 'bridge' | 'veth' | 'encapsulate' | 'decapsulate' | 'transmit' | 'wire' | 'receive' | 'forward'
  | 'deliver' | 'reject' | 'drop'

/** The addresses that a hop sees; ports only where the protocol has them. */
export interface Header {
  sourceMac?: string
  destinationMac?: string
  source: string
  destination: string
  protocol: 'tcp' | 'udp' | 'icmp' | 'sctp' | 'ipip' | 'arp'
  sourcePort?: number
  destinationPort?: number
  ttl?: number
  /** "SYN", "SYN,ACK", "RST,ACK", "echo-request id 7 seq 1", "destination-unreachable port"… */
  detail?: string
}

export interface Hop {
  /** Virtual ms. */
  at: number
  /** "worker-1", "default/web", "laptop", "underlay". */
  machine: string
  /** The network namespace's name; the machine's name for its own one. */
  networkNamespace: string
  interface?: string
  stage: HopStage
  /** One plain English sentence, present tense. */
  text: string
  /** The rule, route, FDB row, neighbour or socket that decided, as the tool that lists it prints it. */
  decidedBy?: { kind: 'rule' | 'route' | 'fdb' | 'neighbour' | 'conntrack' | 'socket' | 'policy' | 'map'; table?: string; chain?: string; text: string }
  before: Header
  /** Only where the hop changed it. */
  after?: Header
  /** Id of a page in assets/explanations/, for example "route-lookup", "drop-no-route". */
  explanation: string
  /** Where the choice was the program's own: "ip:port" of every backend; for rules possible.ts reads them. */
  possible?: readonly string[]
  /** NetworkPolicies that denied the packet, "namespace/name"; `text` says why none of their rules matched. */
  policies?: readonly string[]
}

/**
 * Says which NetworkPolicies stand behind a drop or a rejection that the node's own rule, program or flow has decided (the
 * hop names it); undefined: none do. policy/explainer.ts makes one for every plugin.
 */
export type PolicyExplainer = (packet: IpPacket, hop: Pick<Hop, 'decidedBy' | 'explanation'>) => { text: string; policies: readonly string[] } | undefined

export interface Journey {
  id: number
  /** Virtual ms of the first hop. */
  at: number
  protocol: 'tcp' | 'udp' | 'icmp' | 'sctp'
  /** Where it began: "default/web", "worker-1", "laptop"; and the program, when a process sent it ("curl"). */
  from: string
  program?: string
  /** As the sender wrote it: before any NAT. */
  source: string
  sourcePort?: number
  destination: string
  destinationPort?: number
  /** The hops of the connection's first packet (SYN, datagram, echo request). */
  hops: Hop[]
  /** The hops of the first answer. */
  reply: Hop[]
  verdict: Verdict
  /** Id of the explanation of why it failed: "drop-policy", "refused-no-listener"…; undefined when delivered. */
  reason?: string
  /** "ip:port" (or the ip for ICMP) after DNAT, as soon as one was chosen. */
  finalDestination?: string
  /** The source address that the receiving socket saw. */
  sourceSeenByServer?: string
  /** The machine that received it: "default/web". */
  to?: string
  /** Packets and payload bytes of the whole connection. */
  packets: number
  bytes: number
}

/** What a packet carries through the path: which journey, and which of its two ways is being recorded (if any). */
export interface Trail {
  readonly journey: RecordedJourney
  readonly direction: 'forward' | 'reply'
  /** Only the first packet of each direction (and any that fails) is recorded. */
  record: boolean
  /** Hops of this packet; the journey takes them over when `record`, or when the packet fails. */
  way: Way
  /** What the last hops have shown of the packet: most hops change nothing. */
  payload: IpPayload | undefined
  header: Header | undefined
  /** With the frame's addresses. */
  framed: Header | undefined
}

export interface JourneyLog {
  /** Newest last; the oldest go when there are more than the limit. */
  readonly recent: readonly Journey[]
  get(id: number): Journey | undefined
  /** Called when a journey begins, gains its verdict, or its reply. */
  onChange(listener: (journey: Journey) => void): () => void
}
