import type { Clock } from '../../clock.ts'
import type { TcpFlags, TcpSegment } from '../types.ts'
import { DelayedAcknowledgement } from './delayed-ack.ts'
import { ReceiveWindow, WINDOW_SCALE } from './receive-window.ts'
import { distance } from './sequence.ts'

/** TCPOLEN_TSTAMP_ALIGNED */
const TIMESTAMPS = 12

/** What one end's segments say beside their data (window, options), and how many there were, as TCP_INFO of tcp(7) counts. */
export class Segments {
  readonly window = new ReceiveWindow()
  readonly acknowledgements: DelayedAcknowledgement
  /** What both ends have offered; the first SYN offers all. */
  timestamps = true
  sack = true
  /** The other end's window is in units of 2 to this. */
  sendScale = 0
  arrivals = 0
  departures = 0
  dataIn = 0
  dataOut = 0
  bytesOut = 0
  bytesIn = 0
  retransmitted = 0
  bytesRetransmitted = 0
  /** Virtual ms. */
  lastSent: number
  lastArrival: number
  readonly #clock: Clock
  readonly #offset: number
  /** TS.Recent of RFC 7323. */
  #recent = 0

  /** `offset`: what its timestamps are ahead of the clock. */
  constructor(clock: Clock, offset: number, acknowledge: () => void) {
    this.#clock = clock
    this.#offset = offset
    this.lastSent = clock.now
    this.lastArrival = clock.now
    this.acknowledgements = new DelayedAcknowledgement(clock, acknowledge)
  }

  /** Bytes that the timestamps take from each segment. */
  get overhead(): number {
    return this.timestamps ? TIMESTAMPS : 0
  }

  /** What the other end's SYN offers, too, holds (RFC 7323 1.3). */
  negotiate(syn: TcpSegment, next: number): void {
    this.timestamps = syn.timestamp !== undefined
    this.#recent = syn.timestamp ?? 0
    this.sack = syn.sackPermitted === true
    this.sendScale = syn.windowScale ?? 0
    this.window.scale = syn.windowScale === undefined ? 0 : WINDOW_SCALE
    this.window.acknowledged = next
  }

  arrived(segment: TcpSegment): void {
    this.arrivals++
    this.lastArrival = this.#clock.now
    if (segment.timestamp !== undefined && distance(segment.sequence, this.window.acknowledged) <= 0) this.#recent = segment.timestamp
  }

  /** `mss` is given for a SYN. */
  make(sourcePort: number, destinationPort: number, flags: TcpFlags, sequence: number, next: number, data: Uint8Array, mss?: number): TcpSegment {
    const { now } = this.#clock
    const opens = flags.syn === true
    this.departures++
    if (flags.ack) this.acknowledgements.done()
    if (data.length > 0) {
      this.dataOut++
      this.bytesOut += data.length
      this.lastSent = now
      this.acknowledgements.sending(now)
    }
    const segment: TcpSegment = {
      kind: 'tcp', sourcePort, destinationPort, sequence, acknowledgement: flags.ack ? next : 0, flags,
      window: opens ? this.window.threshold : this.window.offer(next), data,
    }
    if (opens) {
      segment.mss = mss
      if (this.sack) segment.sackPermitted = true
      if (!flags.ack || this.window.scale > 0) segment.windowScale = WINDOW_SCALE
    }
    if (this.timestamps) {
      segment.timestamp = (Math.floor(now) + this.#offset) >>> 0
      segment.echo = this.#recent
    }
    return segment
  }
}
