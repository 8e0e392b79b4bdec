import type { Clock } from '../../clock.ts'
import type { Ip, IpPacket, SocketOwner, TcpSegment } from '../types.ts'
import type { Connection } from './connection.ts'

/** What a connection needs of its stack. */
export interface ConnectionHost {
  readonly clock: Clock
  transmit(connection: Connection, segment: TcpSegment): void
  /** The largest segment that the route to the other end takes. */
  segmentSize(connection: Connection): number
  /** What its timestamps are ahead of the clock (secure_tcp_ts_off). */
  timestampOffset(connection: Connection): number
  established(connection: Connection): void
  /** What is sent now has been sent before. */
  resent(): void
  /** `from`: the state that it was in. */
  removed(connection: Connection, from: Connection['state']): void
  /** Answers a segment of some other connection with a reset. */
  refuse(packet: IpPacket, segment: TcpSegment): void
  concluded(connection: Connection, verdict: 'refused' | 'timeout', reason: string): void
}

export interface ConnectionOptions {
  localAddress: Ip
  localPort: number
  remoteAddress: Ip
  remotePort: number
  initialSequence: number
  owner?: SocketOwner
  /** True for the end that sent the first SYN. */
  active: boolean
  /** It is tried for ever, so that nobody waits for the end of its retransmissions. */
  background?: boolean | undefined
}
