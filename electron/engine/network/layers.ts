import type {
  IpPacket, Netfilter, SocketInfo, SocketOwner, StackHost, TcpConnection, TcpHandlers, TcpListener,
} from './types.ts'

/** What a network namespace needs of TCP. */
export interface TcpLayer {
  /** `through`: the port of the listener that gets it whatever its destination is (bpf_sk_assign, TPROXY). */
  receive(packet: IpPacket, through?: number): void
  listen(options: { port: number; address?: string; owner?: SocketOwner; mark?: number }, onConnection: (connection: TcpConnection) => void): TcpListener
  connect(
    options: { address: string; port: number; source?: string; sourcePort?: number; owner?: SocketOwner; transparent?: boolean; mark?: number },
    handlers: TcpHandlers,
  ): TcpConnection
  list(): readonly SocketInfo[]
  /** An ICMP error about a segment that went out of here. */
  icmpError(about: IpPacket, type: number, code: number, mtu?: number): void
  destroy(): void
}

/** The parts that other rooms build and that every network namespace gets one of. */
export interface Layers {
  /** Iptables; with `beside`, which is iptables, ip6tables. */
  netfilter(host: StackHost, beside?: Netfilter): Netfilter
  tcp(host: StackHost): TcpLayer
}
