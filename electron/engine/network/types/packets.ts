import type { Trail } from '../../journey/types.ts'
import type { Ip, Mac } from './addresses.ts'
import type { SocketOwner } from './sockets.ts'

/** What travels: frames, packets and what they carry. */

export interface Frame {
  source: Mac
  destination: Mac
  payload: ArpPacket | IpPacket
  /** The outermost first. */
  tags?: readonly VlanTag[] | undefined
}

/** IEEE 802.1Q, four bytes between the source address and the type. */
export interface VlanTag {
  id: number
  /** 0…7 */
  priority?: number
  /** Of the outer tag of two (Q-in-Q); else 802.1Q. */
  protocol?: '802.1ad'
}

/** RFC 826 */
export interface ArpPacket {
  kind: 'arp'
  operation: 'request' | 'reply'
  senderMac: Mac
  senderIp: Ip
  targetMac: Mac
  targetIp: Ip
  trail?: Trail
  /** As {@link PacketMeta.tunnel}. */
  tunnel?: { id: number; remote: Ip }
}

/** A packet on its way is owned by whoever holds it: NAT and forwarding change it in place; flooding copies it. */
export interface IpPacket {
  kind: 'ip'
  version: 4 | 6
  source: Ip
  destination: Ip
  ttl: number
  tos: number
  identification: number
  dontFragment: boolean
  /** Set on fragments only (RFC 791); offset and length in bytes of the payload, which every fragment keeps whole. */
  fragment?: { offset: number; more: boolean; length?: number }
  payload: IpPayload
  /** What the kernel keeps beside the packet; cleared when it leaves the network namespace, except the trail. */
  meta: PacketMeta
}

export type IpPayload = TcpSegment | UdpDatagram | SctpPacket | IcmpMessage | IpInIp

export interface PacketMeta {
  mark: number
  /** Its way through the rules is told (skb->nf_trace), under this number. */
  trace?: number
  /** The connection tracking entry and the packet's state in it; set by conntrack. */
  connection?: unknown
  state?: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED'
  direction?: 'original' | 'reply'
  inInterface?: string
  /** Who sent the frame that it came in. */
  sourceMac?: Mac
  /** IPv6: put together from fragments, the longest of this many bytes; as such it goes on. */
  largestFragment?: number
  /** Made here for this interface only: the scope of a link-local address (RFC 4007), SO_BINDTODEVICE. */
  boundTo?: string
  /** The bridge port it came through, for br_netfilter's physdev. */
  physIn?: string
  /** The bridge port it will leave through, while br_netfilter has it. */
  physOut?: string
  /** DNAT on a bridge has given it a destination on the same bridge: it is bridged, not routed (br_nf_pre_routing_finish). */
  bridged?: boolean
  /** Sent by a process of this namespace. */
  owner?: SocketOwner
  /** bpf_skb_set_tunnel_key: where a tunnel in external mode sends it, and with which identifier; or where it came from. */
  tunnel?: { id: number; remote: Ip; local?: Ip }
  trail?: Trail
  /** The IPVS connection that has given it its address (skb->ipvs_property). */
  ipvs?: object
  /** The gateway of the packet's route, for links that find the other end by it (tunnels without a remote address). */
  nextHop?: Ip
}

export interface TcpFlags { syn?: boolean; ack?: boolean; fin?: boolean; rst?: boolean; psh?: boolean; urg?: boolean }

/** RFC 9293 */
export interface TcpSegment {
  kind: 'tcp'
  sourcePort: number
  destinationPort: number
  sequence: number
  acknowledgement: number
  flags: TcpFlags
  window: number
  /** On SYN only. */
  mss?: number
  /** RFC 7323: value and echo. */
  timestamp?: number
  echo?: number
  /** On SYN only: RFC 2018, RFC 7323. */
  sackPermitted?: boolean
  windowScale?: number
  /** RFC 2018: pairs of sequence numbers, what arrived beyond a gap. */
  sack?: readonly (readonly [number, number])[]
  data: Uint8Array
}

export interface UdpDatagram {
  kind: 'udp'
  sourcePort: number
  destinationPort: number
  data: Uint8Array
  /** Set instead of data: a VXLAN-encapsulated frame (RFC 7348), kept as structure until somebody needs bytes. */
  vxlan?: { vni: number; frame: Frame }
  /** Likewise a Geneve-encapsulated frame (RFC 8926); options as bytes, a multiple of four. */
  geneve?: { vni: number; options?: Uint8Array; frame: Frame }
  /** Likewise a WireGuard message; what is in it cannot be read on the way, so its bytes are noise. */
  wireguard?: WireguardMessage
}

/** The four messages of WireGuard's protocol (wireguard.com/papers/wireguard.pdf, 5.4), without the cryptography. */
export type WireguardMessage =
  | { type: 'initiation'; sender: number; from: string }
  | { type: 'response'; sender: number; receiver: number; from: string }
  /** Without a packet: a keepalive. */
  | { type: 'data'; receiver: number; counter: number; packet?: IpPacket }

/** RFC 2003: a whole IPv4 packet as the payload of another, protocol 4. */
export interface IpInIp {
  kind: 'ipip'
  packet: IpPacket
}

/** RFC 9260: the common header and the chunks of one packet. */
export interface SctpPacket {
  kind: 'sctp'
  sourcePort: number
  destinationPort: number
  verificationTag: number
  chunks: readonly SctpChunk[]
}

export type SctpChunk =
  | { type: 'init' | 'init-ack'; tag: number; window: number; outbound: number; inbound: number; tsn: number; cookie?: Uint8Array }
  | { type: 'cookie-echo'; cookie: Uint8Array }
  | { type: 'cookie-ack' | 'shutdown-ack' }
  | { type: 'data'; tsn: number; stream: number; sequence: number; payloadProtocol: number; data: Uint8Array }
  | { type: 'sack'; tsn: number; window: number }
  | { type: 'heartbeat' | 'heartbeat-ack'; info: Uint8Array }
  | { type: 'shutdown'; tsn: number }
  /** `reflected` (T bit): the verification tag is the one of the packet that it answers. */
  | { type: 'abort' | 'shutdown-complete'; reflected?: boolean }

/** A Neighbour Solicitation or Advertisement (RFC 4861 4.3, 4.4). */
export interface NeighbourMessage {
  /** The address that is asked for, or that answers. */
  target: Ip
  /** The source (NS) or target (NA) link-layer address option. */
  mac?: Mac
  /** Flags of an advertisement. */
  router?: boolean
  solicited?: boolean
  override?: boolean
  /** Of the packet that waits for the answer. */
  trail?: Trail
}

/** RFC 792 in packets of version 4, RFC 4443 in those of version 6: which numbers `type` and `code` have, the packet says. */
export interface IcmpMessage {
  kind: 'icmp'
  type: number
  code: number
  /** Echo only. */
  id?: number
  sequence?: number
  data: Uint8Array
  /** Errors carry the packet that they speak of (headers; payload may be cut). */
  about?: IpPacket
  /** "Fragmentation needed", "Packet too big": next-hop MTU. */
  mtu?: number
  /** ICMPv6 types 135 and 136. */
  nd?: NeighbourMessage
}
