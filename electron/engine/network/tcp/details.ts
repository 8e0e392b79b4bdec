import type { TcpDetails } from '../types.ts'
import type { Connection } from './connection.ts'
import { WINDOW_SCALE } from './receive-window.ts'

/** Linux's timers tick every 4 ms (CONFIG_HZ=250). */
const TICK = 4
const inTicks = (ms: number): number => Math.ceil(ms / TICK) * TICK

/** What tcp_get_info (net/ipv4/tcp.c) says of a connection; `largest`: of the segments that the route takes. */
export function tcpDetails(connection: Connection, now: number, largest: number): TcpDetails {
  const { segments, sender, keptAlive, state } = connection
  const { timer, congestion } = sender
  if (state === 'TIME-WAIT') return { timer: { kind: 'timewait', left: Math.max(0, (connection.forgottenAt ?? now) - now), retries: 0 } }
  const { window, acknowledgements } = segments
  const open = state !== 'SYN-SENT'
  const overhead = open ? segments.overhead : 0
  // the SYN of an answer comes from a request socket
  const out = segments.departures - (connection.active || !open ? 0 : 1)
  return {
    info: {
      timestamps: open && segments.timestamps, sack: open && segments.sack,
      ...(open && window.scale > 0 ? { scale: { send: segments.sendScale, receive: WINDOW_SCALE } } : {}),
      timeout: inTicks(timer.timeout), backoff: timer.backoff,
      ...(timer.roundTrip === undefined ? {} : { roundTrip: { smoothed: timer.roundTrip, variation: timer.variation, least: timer.least } }),
      delay: acknowledgements.delay,
      segment: { send: open ? sender.segmentSize : 524, receive: open ? acknowledgements.largest : 88, advertised: largest - overhead },
      pathMtu: largest + (connection.localAddress.includes(':') ? 60 : 40),
      congestion: { window: congestion.window, ...(congestion.threshold === undefined ? {} : { threshold: congestion.threshold }) },
      bytes: { sent: segments.bytesOut, retransmitted: segments.bytesRetransmitted, acknowledged: sender.acknowledgedBytes(connection.active), received: segments.bytesIn + (state === 'CLOSE-WAIT' ? 1 : 0) },
      segments: { out, in: segments.arrivals + (connection.active ? 0 : 1), dataOut: segments.dataOut, dataIn: segments.dataIn },
      ago: { sent: now - segments.lastSent, received: now - (acknowledgements.lastReceived ?? segments.lastSent), acknowledged: now - sender.lastAcknowledged },
      delivered: open ? segments.dataOut - Math.ceil(sender.inFlight / sender.segmentSize) + 1 : 0,
      unacknowledged: open ? Math.ceil(sender.inFlight / sender.segmentSize) : 1,
      retransmitted: segments.retransmitted, receiveSpace: open ? window.space : 0, receiveThreshold: window.threshold,
      sendWindow: open ? sender.window : 0, mark: connection.mark,
    },
    ...(timer.expiresAt !== undefined
      ? { timer: { kind: 'on', left: Math.max(0, timer.expiresAt - now), retries: timer.backoff } }
      : keptAlive?.expiresAt === undefined ? {} : { timer: { kind: 'keepalive', left: Math.max(0, keptAlive.expiresAt - now), retries: keptAlive.probes } }),
  }
}
