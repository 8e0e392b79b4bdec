import type { Clock } from '../clock.ts'
import type { IpSets } from './ipset/sets.ts'
import type { Ipvs } from './ipvs/ipvs.ts'
import type { Nftables } from './nftables/nftables.ts'
import type { Header, Journey, JourneyLog, PolicyExplainer, Trail, Verdict } from '../journey/types.ts'
import type { Facts, HopContent, Telling } from '../journey/way.ts'
import type { LateRows } from './late-tables.ts'
import type { LinkProgram, SocketPrograms } from './programs.ts'

/** Contract of the simulated Linux network. Addresses are canonical strings (RFC 5952 for IPv6), MACs lower case. */
export type Ip = string
export type Mac = string
/** "10.244.1.0/24" */
export type Cidr = string

// ---- packets -------------------------------------------------------------------------------------------------

export interface Frame {
  source: Mac
  destination: Mac
  payload: ArpPacket | IpPacket
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
  /** The connection tracking entry and the packet's state in it; set by conntrack. */
  connection?: unknown
  state?: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED'
  direction?: 'original' | 'reply'
  inInterface?: string
  /** IPv6: put together from fragments, the longest of this many bytes; as such it goes on. */
  largestFragment?: number
  /** Made here for this interface only: the scope of a link-local address (RFC 4007), SO_BINDTODEVICE. */
  boundTo?: string
  /** The bridge port it came through, for br_netfilter's physdev. */
  physIn?: string
  /** The bridge port it will leave through, while br_netfilter has it. */
  physOut?: string
  /** Sent by a process of this namespace. */
  owner?: SocketOwner
  /** bpf_skb_set_tunnel_key: where a tunnel in external mode sends it, and with which identifier; or where it came from. */
  tunnel?: { id: number; remote: Ip }
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

// ---- links ---------------------------------------------------------------------------------------------------

export type LinkKind = 'loopback' | 'veth' | 'bridge' | 'vxlan' | 'nic' | 'dummy' | 'ipip' | 'geneve' | 'wireguard' | 'openvswitch'

export interface LinkStatistics { rxPackets: number; rxBytes: number; rxDropped: number; txPackets: number; txBytes: number; txDropped: number }

/** An interface of a network namespace. */
export interface Link {
  readonly kind: LinkKind
  name: string
  readonly index: number
  readonly mac: Mac
  mtu: number
  up: boolean
  /** It has been up once: from then on it has a queue discipline. */
  readonly wasUp?: boolean
  /** Programs that see every frame before the kernel does (tc-bpf(8)). */
  ingress?: LinkProgram | undefined
  egress?: LinkProgram | undefined
  /** False: IFF_NOARP. */
  readonly arp?: boolean
  /** Carrier: false when the other end is down or gone. */
  readonly carrier: boolean
  readonly namespace: NetworkNamespace
  /** Bridge that it is a port of. */
  master: Bridge | undefined
  readonly addresses: readonly LinkAddress[]
  readonly statistics: LinkStatistics
  /** ifindex of the other end of a veth pair. */
  readonly peer?: Link
  /** Sends a frame out of this link. */
  transmit(frame: Frame): void
}

/** Of both families; a link has those of IPv4 first. IPv6 has neither broadcast nor secondary addresses. */
export interface LinkAddress { address: Ip; prefixLength: number; broadcast?: Ip; scope: 'global' | 'link' | 'host'; secondary?: boolean }

export interface Bridge extends Link {
  readonly kind: 'bridge'
  readonly ports: readonly Link[]
  attach(port: Link): void
  detach(port: Link): void
  hairpin(port: Link, on: boolean): void
  /** Learned and local entries. */
  forwarding(): readonly { mac: Mac; port: string; isLocal: boolean; updatedAt: number }[]
}

export interface VxlanLink extends Link {
  readonly kind: 'vxlan'
  readonly vni: number
  readonly port: number
  readonly local: Ip
  readonly underlay: string
  addForwarding(mac: Mac, vtep: Ip): void
  removeForwarding(mac: Mac, vtep?: Ip): void
  readonly learning: boolean
  readonly external: boolean
  forwarding(): readonly { mac: Mac; vtep: Ip; learned?: boolean }[]
}

/** Keys are base64; times are virtual ms; bytes are those of the messages. */
export interface WireguardPeer {
  readonly publicKey: string
  readonly endpoint: { address: Ip; port: number } | undefined
  readonly allowedIps: readonly Cidr[]
  /** Seconds; 0: off. */
  readonly keepalive: number
  readonly latestHandshake: number | undefined
  readonly received: number
  readonly sent: number
}

/** An encrypted tunnel (drivers/net/wireguard); the cryptography is left out. */
export interface WireguardLink extends Link {
  readonly kind: 'wireguard'
  privateKey: string | undefined
  publicKey: string
  listenPort: number
  fwmark: number
  readonly peers: readonly WireguardPeer[]
  setPeer(publicKey: string, settings: { endpoint?: { address: Ip; port: number }; allowedIps?: readonly Cidr[]; keepalive?: number }): void
  removePeer(publicKey: string): void
}

/** A Geneve tunnel (RFC 8926; drivers/net/geneve.c). */
export interface GeneveLink extends Link {
  readonly kind: 'geneve'
  readonly vni?: number
  readonly remote?: Ip
  readonly port: number
  /** Programs name the other end of each frame (PacketMeta.tunnel). */
  readonly external: boolean
}

/** An IP-in-IP tunnel (RFC 2003; net/ipv4/ipip.c); tunl0, the one that takes what no other does, has neither end. */
export interface IpipLink extends Link {
  readonly kind: 'ipip'
  readonly local?: Ip
  /** Without it the gateway of a route names the other end. */
  readonly remote?: Ip
  /** 0: as the inner packet. */
  readonly ttl: number
  readonly pmtudisc: boolean
  /** Outer packets leave through this link. */
  readonly underlay?: string
  /** tunl0 */
  readonly fallback: boolean
}

/** What `ip link add … type …` can make. MTU and MAC default to the kernel's. */
export type NewLink = { mac?: Mac; mtu?: number } & (
  | { kind: 'dummy' | 'bridge' }
  | { kind: 'veth'; peer: { name: string; network?: NetworkNamespace } }
  | { kind: 'vxlan'; vni: number; port: number; local: Ip; underlay: string; learning?: boolean; external?: boolean }
  | { kind: 'ipip'; local?: Ip; remote?: Ip; ttl?: number; pmtudisc?: boolean; underlay?: string; fallback?: boolean }
  | { kind: 'wireguard'; publicKey?: string; privateKey?: string; listenPort?: number; fwmark?: number }
  | { kind: 'geneve'; vni?: number; remote?: Ip; port?: number; external?: boolean }
)

// ---- routes and neighbours -----------------------------------------------------------------------------------

export interface Route {
  /** "0.0.0.0/0" and "::/0" are the default routes. */
  destination: Cidr
  via?: Ip
  /** Link name; absent for blackhole, unreachable, prohibit. */
  device?: string
  source?: Ip
  metric?: number
  scope?: 'global' | 'link' | 'host'
  /** A name of /etc/iproute2/rt_protos, or a number that has none: "kernel", "boot" (the default), "static", "bird", "80". */
  protocol?: string
  type?: 'unicast' | 'local' | 'broadcast' | 'anycast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw'
  onlink?: boolean
  /** Several ways, in place of `via` and `device`: each flow of packets takes one. */
  nexthops?: readonly NextHop[]
}

export interface NextHop { via?: Ip; device?: string; weight?: number; onlink?: boolean }

/** What rules may ask of a packet beside its destination. */
export interface RouteFlow {
  source?: Ip
  mark?: number
  /** The link that it came in through; without it the packet is made here ("lo"). */
  in?: string
  /** The link that it must leave through. */
  out?: string
  protocol?: IpPayload['kind'] | 'ipv6-icmp'
  sourcePort?: number
  destinationPort?: number
}

/** A rule of the routing policy database (ip-rule(8)); what is undefined fits everything. */
export interface PolicyRule {
  /** 0 comes first. */
  priority: number
  action: 'lookup' | 'goto' | 'nop' | 'blackhole' | 'unreachable' | 'prohibit'
  /** lookup: "local", "main", "default", or a number as text: "100". */
  table?: string
  /** goto: a priority. */
  target?: number
  not?: boolean
  from?: Cidr
  to?: Cidr
  mark?: number
  mask?: number
  iif?: string
  oif?: string
  ipProtocol?: string
  sourcePorts?: readonly [number, number]
  destinationPorts?: readonly [number, number]
  /** Routes whose prefix is this short or shorter do not count. */
  suppressPrefixLength?: number
  protocol?: string
}

export interface RuleTable {
  list(): readonly PolicyRule[]
  add(rule: Omit<PolicyRule, 'priority' | 'action'> & { priority?: number; action?: PolicyRule['action'] }): void
  /** Removes the first rule that has all that is given. Throws SystemError ENOENT. */
  remove(rule: Partial<PolicyRule>): void
  /** All but those of priority 0. */
  flush(): void
}

export interface AddRouteOptions {
  replace?: boolean
  /** Only replaces: SystemError ENOENT when there is nothing to. */
  change?: boolean
  /** Beside routes with the same destination and metric, after or before them. */
  append?: boolean
  prepend?: boolean
  /** "main" (the default), "local", "default", or a number as text. */
  table?: string
}

export interface RouteTable {
  /** Of IPv4. */
  readonly rules: RuleTable
  readonly rules6: RuleTable
  /** Adds; throws SystemError EEXIST, ENETUNREACH (gateway not on link), ENODEV. `replace` overwrites the same destination and metric. */
  add(route: Route, options?: AddRouteOptions): void
  /** Throws SystemError ESRCH ("No such process"). */
  remove(route: Partial<Route> & { destination: Cidr }, options?: { table?: string }): void
  /** Of IPv4 unless `family` is 6. `add`, `remove` and `lookup` see the family from the addresses. */
  /** A table's routes in the kernel's order; "all": those of every one, main and local last. */
  list(table?: string, family?: 4 | 6): readonly Route[]
  /** Numbers (or "main", "local", "default") of a family's tables that there are, in the kernel's order of printing. */
  tables(family?: 4 | 6): readonly string[]
  /** The routes of the table main with just this prefix. */
  to(destination: Cidr): readonly Route[]
  /** Counts the changes. */
  readonly generation: number
  lookup(destination: Ip, source?: Ip, flow?: RouteFlow): Route | undefined
  /** As `lookup`, with the table that it was found in ("rule": a rule said no) and the source that a packet along it gets. */
  resolve(destination: Ip, flow?: RouteFlow): { route: Route; table: string; source?: Ip } | undefined
}

export type NeighbourState = 'PERMANENT' | 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE' | 'INCOMPLETE' | 'FAILED'

/** ARP's entries and those of Neighbour Discovery. */
export interface NeighbourTable {
  /** IPv4 first. `router`: it said so in an advertisement. */
  list(): readonly { ip: Ip; device: string; mac?: Mac; state: NeighbourState; router?: boolean }[]
  set(entry: { ip: Ip; device: string; mac: Mac; state: NeighbourState }): void
  remove(ip: Ip, device: string): void
  /** Keeps a link's place in the list for rows that come later. */
  reserve(device: string): void
}

// ---- netfilter -----------------------------------------------------------------------------------------------

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'

/** What a hook did. 'stolen': netfilter has answered (REJECT) or kept it; the caller drops it silently. */
export type HookVerdict = 'accept' | 'drop' | 'stolen'

/**
 * A chain that a file for iptables-restore writes whole: its ":CHAIN - [0:0]" line and its "-A CHAIN …" lines. Whoever
 * gives the same block again, to any namespace, saves reading it again.
 */
export interface ChainBlock {
  readonly chain: string
  readonly rules: readonly string[]
  /** What netfilter made of it. */
  read?: object
}

/**
 * Tables, chains and rules of one network namespace and of one family, with connection tracking and NAT. A network
 * namespace has two: `netfilter` is iptables, `netfilter6` is ip6tables. The rules are written in the same language; what
 * differs is as with the real tools: addresses, `-p ipv6-icmp`, `-m icmp6`, `REJECT --reject-with icmp6-…`. Connections of both
 * families are in one table: `netfilter6.conntrack === netfilter.conntrack`.
 */
export interface Netfilter {
  readonly family: 4 | 6
  /** Runs all tables of a hook in the kernel's order, connection tracking included; may change the packet. */
  run(hook: Hook, packet: IpPacket, inInterface: Link | undefined, outInterface: Link | undefined): HookVerdict
  /** As iptables-restore(8), from a text or its lines and blocks: without `noflush` replaces the named tables. Throws an Error with the tool's message. */
  restore(text: string | readonly (string | ChainBlock)[], options?: { noflush?: boolean; counters?: boolean }): void
  /** As iptables-save(8), without the two comment lines that carry a date; one table or all that exist. */
  save(table?: string, options?: { counters?: boolean }): string
  /** One iptables(8) command line without the leading "iptables": ['-t','nat','-A',…]. Returns its output. */
  command(args: readonly string[]): { code: number; stdout: string; stderr: string }
  /** The tables of nft(8), both families'; made when somebody asks. */
  readonly nftables: Nftables
  /** Whether somebody has asked. */
  readonly hasNftables: boolean
  /**
   * Whoever looks at the rules next, packet or person, has `work` done first, after that of owners who came earlier; a
   * later `work` takes the place of its owner's earlier one. For agents whose rules nobody may ever look at. `generation` does not count it until it is done, and
   * who only checks a rule of a chain that is not theirs (`iptables -C`) does not look.
   */
  defer(owner: object, work: () => void, isTheirs: (chain: string) => boolean): void
  /** No rule was ever written; what is deferred cannot fail for what somebody else did. */
  readonly pristine: boolean
  readonly conntrack: Conntrack
  /** ipset(8): the namespace's sets, for both families. */
  readonly sets: IpSets
  /** The IP virtual server, for both families; asking for it loads it. */
  readonly ipvs: Ipvs
  readonly hasIpvs: boolean
  /** Change counter: grows with every change of a rule. */
  readonly generation: number
}

export interface ConntrackTuple { source: Ip; destination: Ip; sourcePort: number; destinationPort: number; protocol: 'tcp' | 'udp' | 'icmp' | 'icmpv6' | 'sctp' | 'ipip' }

export interface ConntrackEntry {
  id: number
  original: ConntrackTuple
  reply: ConntrackTuple
  /** Of SCTP the states of its own table: COOKIE_WAIT, ESTABLISHED…; of TCP: SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE. */
  tcpState?: string
  assured: boolean
  seenReply: boolean
  mark: number
  /** Virtual ms at which it goes. */
  expiresAt: number
}

export interface Conntrack {
  list(): readonly ConntrackEntry[]
  /** Deletes what matches; returns how many. */
  remove(filter: (entry: ConntrackEntry) => boolean): number
  onChange(listener: (event: 'new' | 'update' | 'destroy', entry: ConntrackEntry) => void): () => void
}

// ---- sockets -------------------------------------------------------------------------------------------------

export interface SocketOwner { pid: number; program: string }

export type TcpState = 'LISTEN' | 'SYN-SENT' | 'SYN-RECV' | 'ESTAB' | 'FIN-WAIT-1' | 'FIN-WAIT-2' | 'CLOSE-WAIT' | 'LAST-ACK' | 'CLOSING' | 'TIME-WAIT' | 'CLOSED'

/** Callbacks; all are called from the clock, never from inside the call that caused them. */
export interface TcpHandlers {
  onConnect?(): void
  onData?(data: Uint8Array): void
  /** The other side has sent FIN. */
  onEnd?(): void
  /** The send buffer has room again. */
  onDrain?(): void
  /** Over. error.code: ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH; undefined after a clean end. */
  onClose?(error?: Error & { code: string }): void
}

export interface TcpConnection {
  readonly state: TcpState
  readonly localAddress: Ip
  readonly localPort: number
  readonly remoteAddress: Ip
  readonly remotePort: number
  /** What getpeername(2) says, where it is not the remote address (bpf's getpeername4). */
  readonly peer?: { address: Ip; port: number }
  /** The journey of its SYN (shared by both ends). */
  readonly journey: Journey | undefined
  /** Bytes not yet acknowledged. */
  readonly unsent: number
  handlers: TcpHandlers
  send(data: Uint8Array): void
  /** FIN after what is queued. */
  end(): void
  /** RST now. */
  abort(): void
}

export interface TcpListener {
  readonly address: Ip
  readonly port: number
  close(): void
}

export interface UdpSocket {
  readonly address: Ip
  readonly port: number
  onDatagram: ((datagram: { source: Ip; sourcePort: number; destination: Ip; data: Uint8Array; journey: Journey | undefined }) => void) | undefined
  /** ICMP errors about what it sent: ECONNREFUSED, EHOSTUNREACH, ENETUNREACH. */
  onError: ((error: Error & { code: string }) => void) | undefined
  /** connect(2): from here on it hears this peer alone. `local`: the address that the peer has written to. */
  connect(address: Ip, port: number, local?: Ip): void
  /** Throws SystemError ENETUNREACH when there is no route, EPERM when an own rule drops it. Returns the journey of a connection's first datagram. */
  send(data: Uint8Array, destination: Ip, port: number, options?: { source?: Ip; ttl?: number }): Journey | undefined
  close(): void
}

export interface PingSocket {
  readonly id: number
  onReply: ((reply: { source: Ip; sequence: number; ttl: number; data: Uint8Array; journey: Journey | undefined }) => void) | undefined
  /** Any ICMP error that speaks of one of our echo requests. */
  onError: ((error: { source: Ip; type: number; code: number; sequence: number; mtu?: number }) => void) | undefined
  /** Throws SystemError ENETUNREACH, EPERM (an own rule drops it), EMSGSIZE (dontFragment and longer than the path's known MTU). */
  send(destination: Ip, sequence: number, data: Uint8Array, options?: { ttl?: number; dontFragment?: boolean; source?: Ip; device?: string }): Journey
  close(): void
}

/** What a program with a raw socket puts together; the kernel adds the rest of the header. */
export interface RawPacket {
  destination: Ip
  payload: IpPayload
  ttl?: number
  tos?: number
  dontFragment?: boolean
  source?: Ip
  /** IPv6: leave through this interface. */
  device?: string
}

/** raw(7), of both families. */
export interface RawSocket {
  /** Sees what arrives here; must not change it. */
  onPacket: ((packet: Readonly<IpPacket>) => void) | undefined
  /** Throws SystemError as {@link PingSocket.send} does. */
  send(packet: RawPacket): Journey
  close(): void
}

/** One-to-one SCTP sockets (RFC 6458 section 3): used as TCP's are; an end of theirs ends both directions. */
export interface SctpSockets {
  listen(options: { port: number; address?: Ip; owner?: SocketOwner }, onConnection: (connection: TcpConnection) => void): TcpListener
  connect(options: { address: Ip; port: number; source?: Ip; sourcePort?: number; owner?: SocketOwner }, handlers: TcpHandlers): TcpConnection
}

/** For `ss`. */
export interface SocketInfo {
  protocol: 'tcp' | 'udp' | 'sctp'
  state: TcpState | 'UNCONN'
  localAddress: Ip
  localPort: number
  remoteAddress: Ip
  remotePort: number
  receiveQueue: number
  sendQueue: number
  owner?: SocketOwner
  /** IPV6_V6ONLY of a wildcard; without it "::" is shown as "*". */
  v6only?: boolean
  /** A socket of IPv6 that speaks IPv4: its addresses are shown as "::ffff:a.b.c.d". */
  mapped?: boolean
  /** Counts the namespace's TCP sockets. */
  number?: number
  /** Of a TCP connection. */
  details?(): TcpDetails
}

/** What `ss -io` shows of a connection: TCP_INFO of tcp(7). Times in virtual ms, of the clock or (ago, timeout) from now. */
export interface TcpDetails {
  /** Undefined in TIME-WAIT, which keeps none of the rest either. */
  info?: {
    timestamps: boolean
    sack: boolean
    /** Undefined where SYNs did not agree on it. */
    scale?: { send: number; receive: number }
    timeout: number
    backoff: number
    roundTrip?: { smoothed: number; variation: number; least: number }
    /** Delay of acknowledgements; 0 before any data. */
    delay: number
    segment: { send: number; receive: number; advertised: number }
    pathMtu: number
    congestion: { window: number; threshold?: number }
    bytes: { sent: number; retransmitted: number; acknowledged: number; received: number }
    segments: { out: number; in: number; dataOut: number; dataIn: number }
    ago: { sent: number; received: number; acknowledged: number }
    delivered: number
    /** Segments on their way. */
    unacknowledged: number
    retransmitted: number
    receiveSpace: number
    receiveThreshold: number
    sendWindow: number
    mark: number
  }
  timer?: { kind: 'on' | 'timewait'; left: number; retries: number }
}

export interface Sockets {
  /**
   * Address defaults to the wildcard: "::", which takes IPv4 as well, where the namespace has IPv6, else "0.0.0.0". With
   * `v6only` "::" leaves IPv4 to others (IPV6_V6ONLY). Throws SystemError EADDRINUSE or EADDRNOTAVAIL.
   */
  listen(options: { port: number; address?: Ip; owner?: SocketOwner; v6only?: boolean; mark?: number }, onConnection: (connection: TcpConnection) => void): TcpListener
  /** `transparent`: from any source (IP_TRANSPARENT); `mark`: SO_MARK. Never throws for the network's reasons: those arrive at onClose. */
  connect(options: { address: Ip; port: number; source?: Ip; sourcePort?: number; owner?: SocketOwner; transparent?: boolean; mark?: number }, handlers: TcpHandlers): TcpConnection
  /** The wildcard as with `listen`; a socket with neither address nor port may send to either family. */
  udp(options: { port?: number; address?: Ip; owner?: SocketOwner; v6only?: boolean }): UdpSocket
  /** Sends to addresses of either family. */
  ping(options?: { owner?: SocketOwner }): PingSocket
  raw(options?: { owner?: SocketOwner }): RawSocket
  readonly sctp: SctpSockets
  list(): readonly SocketInfo[]
}

// ---- capture -------------------------------------------------------------------------------------------------

export interface CapturedFrame { at: number; interface: string; direction: 'in' | 'out'; frame: Frame }

// ---- the network namespace -----------------------------------------------------------------------------------

export interface NetworkNamespace {
  readonly clock: Clock
  /** Inode-like number, as `ip netns`/lsns would show. */
  readonly id: number
  /** "worker-1", "default/web", "laptop". */
  readonly name: string
  /** The machine it stands for in journeys. */
  readonly machine: string
  readonly kind: 'laptop' | 'node' | 'pod' | 'outside'
  readonly links: ReadonlyMap<string, Link>
  readonly routes: RouteTable
  readonly neighbours: NeighbourTable
  /** iptables. */
  readonly netfilter: Netfilter
  /** ip6tables; made when first asked for, so ask only where there is IPv6. */
  readonly netfilter6: Netfilter
  readonly sockets: Sockets
  /**
   * `work` makes links without addresses and puts them into bridges, in a way that nobody could tell the moment from: it is
   * done, in order, before somebody looks at the links here or a bridge gets a frame.
   */
  defer(work: () => void): void
  readonly hasDeferred: boolean
  /** Does what was deferred. */
  look(): void
  /** `work` is done before anybody sees the sockets: a program here, or a packet for one. */
  beforeTouch(work: () => void): void
  readonly journeys: JourneyLog
  /** Whether it speaks IPv6 at all: net.ipv6.conf.all.disable_ipv6 is 0. */
  readonly ipv6: boolean
  /** "net.ipv4.ip_forward" → "1". Unknown keys: undefined. */
  sysctl(key: string): string | undefined
  setSysctl(key: string, value: string): void
  sysctls(): readonly string[]
  /** Throws SystemError EEXIST, EINVAL; EACCES for an IPv6 address where the link has disable_ipv6. */
  addAddress(link: string, address: Cidr, options?: { scope?: LinkAddress['scope']; broadcast?: Ip }): void
  removeAddress(link: string, address: Cidr): void
  setUp(link: string, up: boolean): void
  removeLink(name: string): void
  /** As `ip link set NAME netns`; of veth pairs alone. Throws SystemError EEXIST, EINVAL. */
  moveLink(name: string, to: NetworkNamespace): void
  /** As `ip link add`: a link that is down. Throws SystemError EEXIST, EINVAL (a name that cannot be), ENODEV. */
  createLink(name: string, spec: NewLink): Link
  isLocal(address: Ip): boolean
  /** The address that a packet to `destination` would leave with. */
  sourceFor(destination: Ip): Ip | undefined
  /** The largest packet that reaches it whole, as far as is known (RFC 1191, RFC 8201). */
  pathMtu?(destination: Ip): number
  /** Sees every frame of a link, or of all ('any'), both ways, as a packet socket does; returns what stops it. */
  capture(link: string, listener: (frame: CapturedFrame) => void): () => void
  /** Programs that see the calls of its sockets (cgroup/connect4 and its kin). */
  socketPrograms?: SocketPrograms | undefined
  /** Sends a packet that this namespace made itself (output hook, routing…). */
  output(packet: IpPacket): void
  /** The machine is switched off. */
  readonly off?: boolean
  /** The kernel's messages, as dmesg(1) shows them: virtual ms and text. */
  readonly kernelLog?: readonly { at: number; text: string }[]
  /** A message of the kernel; `limited`: one that packets cause (net_ratelimit). */
  printk?(text: string, options?: { limited?: boolean }): void
  /** What a plugin's agent knows of drops by its own means: the recorder asks it. It stays when the agent stops, as its rules do. */
  policyExplainer?: PolicyExplainer
  /** Called after links, addresses, routes, neighbours, bridges or FDBs changed. */
  onChange(listener: () => void): () => void
  /** Rows that are written when somebody looks. */
  addLate(rows: LateRows): void
  /** Somebody looks. */
  settleLate(): void
  /** Removes all links, closes all sockets. */
  destroy(): void
}

// ---- between the layers of one namespace ---------------------------------------------------------------------

/** What netfilter and the transport protocols need of the namespace that they are part of. */
export interface StackHost {
  readonly namespace: NetworkNamespace
  readonly clock: Clock
  readonly recorder: Recorder
  output(packet: IpPacket): void
  /** An ICMP error about `packet`, sent from here as the kernel would (rate limits aside); ICMPv6's numbers if it is of version 6. */
  sendIcmpError(about: IpPacket, type: number, code: number, options?: { mtu?: number }): void
  /** A module of the kernel brings its settings. */
  addSysctls?(defaults: Readonly<Record<string, string>>): void
}

/** Writes journeys. Stages without a trail or whose trail is not recorded cost nothing: callers test `recording`. */
export interface Recorder {
  /** Gives a locally made packet its trail: a new journey, or the reply way of the one it answers. */
  begin(namespace: NetworkNamespace, packet: IpPacket, options?: { program?: string; answers?: Journey; journey?: Journey }): Trail
  recording(packet: IpPacket): boolean
  header(packet: IpPacket, frame?: Frame): Header
  hop(namespace: NetworkNamespace, packet: IpPacket, hop: HopContent): void
  /**
   * As {@link hop}, for stages that most packets pass: `telling` makes the hop of the headers and the facts when somebody
   * reads the journey. Does not ask whether the packet is recorded.
   */
  note<F extends Facts>(namespace: NetworkNamespace, packet: IpPacket, name: string | undefined, before: Header, after: Header | undefined, telling: Telling<F>, ...facts: F): void
  /** The packet has been given the destination of this header. */
  destined(packet: IpPacket, header: Header): void
  /** The packet ends here without arriving; the journey gets the verdict and reason (an explanation id). */
  fail(namespace: NetworkNamespace, packet: IpPacket, verdict: Verdict, reason: string, hop: HopContent): void
  /** The packet reached a socket or the kernel's own answer (echo). */
  deliver(namespace: NetworkNamespace, packet: IpPacket, hop: HopContent): void
  /** As {@link deliver}, where the hop is noted already. */
  delivered(namespace: NetworkNamespace, packet: IpPacket): void
  /** A connection's verdict from the transport: refused, timeout. */
  conclude(journey: Journey, verdict: Verdict, reason?: string): void
}
