import type { Journey } from '../../journey/types.ts'
import type { Ip } from './addresses.ts'
import type { IpPacket, IpPayload } from './packets.ts'

/** What programs hold of the network. */

/** Who has a socket; without a user it is root's. */
export interface SocketOwner { pid: number; program: string; uid?: number; gid?: number; groups?: readonly number[] | undefined }

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
  /** SO_KEEPALIVE: who has not been heard for a while is asked, and given up when it does not answer (ETIMEDOUT). Not of wrapped ones. */
  keepAlive?(settings: KeepAlive): void
}

/** TCP_KEEPIDLE, TCP_KEEPINTVL (both in ms) and TCP_KEEPCNT of tcp(7). */
export interface KeepAlive { idle: number; interval: number; count: number }

export interface TcpListener {
  readonly address: Ip
  readonly port: number
  close(): void
}

export interface UdpSocket {
  readonly address: Ip
  readonly port: number
  onDatagram: ((datagram: { source: Ip; sourcePort: number; destination: Ip; destinationPort: number; data: Uint8Array; journey: Journey | undefined }) => void) | undefined
  /** ICMP errors about what it sent: ECONNREFUSED, EHOSTUNREACH, ENETUNREACH. */
  onError: ((error: Error & { code: string }) => void) | undefined
  /** connect(2): from here on it hears this peer alone. `local`: the address that the peer has written to. */
  connect(address: Ip, port: number, local?: Ip): void
  /** Throws SystemError ENETUNREACH when there is no route, EPERM when an own rule drops it. Returns the journey of a connection's first datagram. */
  /** `sourcePort`: another than its own, as with a header that the program wrote itself (IP_HDRINCL). */
  send(data: Uint8Array, destination: Ip, port: number, options?: { source?: Ip; sourcePort?: number; ttl?: number }): Journey | undefined
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
  timer?: { kind: 'on' | 'keepalive' | 'timewait'; left: number; retries: number }
}

export interface Sockets {
  /**
   * Address defaults to the wildcard: "::", which takes IPv4 as well, where the namespace has IPv6, else "0.0.0.0". With
   * `v6only` "::" leaves IPv4 to others (IPV6_V6ONLY). Throws SystemError EADDRINUSE or EADDRNOTAVAIL.
   */
  listen(options: { port: number; address?: Ip; owner?: SocketOwner; v6only?: boolean; mark?: number; /** listen(2)'s second argument; 4096. */ backlog?: number }, onConnection: (connection: TcpConnection) => void): TcpListener
  /** `transparent`: from any source (IP_TRANSPARENT); `mark`: SO_MARK; `background`: of an agent that tries for ever, so that nobody waits for its retransmissions. Never throws for the network's reasons: those arrive at onClose. */
  connect(options: { address: Ip; port: number; source?: Ip; sourcePort?: number; owner?: SocketOwner; transparent?: boolean; mark?: number; background?: boolean }, handlers: TcpHandlers): TcpConnection
  /** The wildcard as with `listen`; a socket with neither address nor port may send to either family. `transparent` and `mark` as with `connect`. */
  udp(options: { port?: number; address?: Ip; owner?: SocketOwner; v6only?: boolean; transparent?: boolean; mark?: number }): UdpSocket
  /** Sends to addresses of either family. */
  ping(options?: { owner?: SocketOwner }): PingSocket
  raw(options?: { owner?: SocketOwner }): RawSocket
  readonly sctp: SctpSockets
  list(): readonly SocketInfo[]
}
