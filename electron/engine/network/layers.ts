import type {
  IpPacket, Netfilter, SocketInfo, SocketOwner, StackHost, TcpConnection, TcpHandlers, TcpListener,
} from './types.ts'

/** What a network namespace needs of TCP. */
export interface TcpLayer {
  receive(packet: IpPacket): void
  listen(options: { port: number; address?: string; owner?: SocketOwner }, onConnection: (connection: TcpConnection) => void): TcpListener
  connect(
    options: { address: string; port: number; source?: string; sourcePort?: number; owner?: SocketOwner },
    handlers: TcpHandlers,
  ): TcpConnection
  list(): readonly SocketInfo[]
  /** An ICMP error about a segment that went out of here. */
  icmpError(about: IpPacket, type: number, code: number, mtu?: number): void
  destroy(): void
}

/** The parts that other rooms build and that every network namespace gets one of. */
export interface Layers {
  netfilter(host: StackHost): Netfilter
  tcp(host: StackHost): TcpLayer
}
