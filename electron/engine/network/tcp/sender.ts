import type { TcpFlags, TcpSegment, TcpState } from '../types.ts'
import { SendBuffer } from './buffers.ts'
import { Congestion } from './congestion.ts'
import type { ConnectionHost } from './connection-host.ts'
import { RetransmissionTimer } from './retransmit.ts'
import type { Segments } from './segments.ts'
import { add, distance } from './sequence.ts'

const SEND_BUFFER = 65_536
/** What a segment may have where its receiver says nothing (RFC 9293 section 3.7.1). */
export const DEFAULT_MSS = 536
export const NOTHING = new Uint8Array(0)

/** What a sender needs of its connection. */
export interface SendingEnd {
  readonly state: TcpState
  readonly segments: Segments
  transmit(flags: TcpFlags, sequence: number, data: Uint8Array): void
  /** The retransmission timer ran out. */
  expired(): void
  /** The FIN goes out with what is sent next. */
  finLeaves(): void
  /** After the buffer was full there is room again. */
  drained(): void
}

/** Where one end's sending stands (SND.UNA, SND.NXT, SND.WND of RFC 9293 section 3.3.1), and what it keeps until it is acknowledged. */
export class Sender {
  readonly congestion = new Congestion()
  readonly timer: RetransmissionTimer
  /** Bytes of data in a whole segment, options taken off; a smaller one is learned from "fragmentation needed". */
  mss = DEFAULT_MSS
  /** When something was acknowledged last; virtual ms. */
  lastAcknowledged: number
  /** ISS */
  readonly first: number
  readonly #host: ConnectionHost
  readonly #end: SendingEnd
  readonly #queue = new SendBuffer()
  #unacknowledged: number
  #next: number
  #window = DEFAULT_MSS
  /** tcp_bound_to_half_wnd: two segments fit into the window that the other end began with. */
  #halfWindow = Infinity
  /** After a loss: where sending stood then; until it is acknowledged every partial ACK resends (RFC 6582). */
  #recover: number | undefined
  #duplicates = 0
  #finQueued = false
  #finSequence: number | undefined
  #drained = true

  /** `background`: nobody waits for the end of its retransmissions. */
  constructor(host: ConnectionHost, end: SendingEnd, first: number, background: boolean | undefined) {
    this.#host = host
    this.#end = end
    this.first = first
    this.#unacknowledged = first
    this.#next = first
    this.timer = new RetransmissionTimer(host.clock, () => end.expired(), background)
    this.lastAcknowledged = host.clock.now
  }

  /** The sequence number of what is sent next for the first time. */
  get next(): number {
    return this.#next
  }

  /** Bytes that are not acknowledged, the FIN not among them. */
  get unsent(): number {
    return this.#queue.length
  }

  get inFlight(): number {
    return distance(this.#next, this.#unacknowledged)
  }

  get window(): number {
    return this.#window
  }

  /** The most data that a segment is sent with. */
  get segmentSize(): number {
    return Math.min(this.mss, this.#halfWindow)
  }

  get ended(): boolean {
    return this.#finQueued
  }

  /** Bytes that the other end has acknowledged; `counted`: the SYN among them. */
  acknowledgedBytes(counted: boolean): number {
    return this.inFlight > 0 && this.#unacknowledged === this.first ? 0 : distance(this.#unacknowledged, this.first) - (counted ? 0 : 1)
  }

  /** The window of a SYN, which is not scaled. */
  firstWindow(window: number): void {
    this.#window = window
    this.#halfWindow = window > DEFAULT_MSS ? window >> 1 : Math.max(1, window)
  }

  sendSyn(flags: TcpFlags): void {
    const again = this.#next !== this.first
    this.#next = add(this.first, 1)
    if (again) this.#host.resent()
    else this.timer.sent(this.#next)
    if (!this.timer.running) this.timer.start()
    this.#end.transmit(flags, this.first, NOTHING)
  }

  queue(data: Uint8Array): void {
    this.#queue.push(data)
    if (this.#queue.length >= SEND_BUFFER) this.#drained = false
    this.push()
  }

  end(): void {
    this.#finQueued = true
    this.push()
  }

  /** Sends what the window lets out, then the FIN. */
  push(): void {
    const end = this.#end
    if (end.state !== 'ESTAB' && end.state !== 'CLOSE-WAIT') return
    for (;;) {
      const offset = distance(this.#next, this.#unacknowledged)
      const room = Math.max(this.#window, 1) - offset
      const wanted = Math.min(this.segmentSize, this.#queue.length - offset)
      const size = Math.min(wanted, room)
      // Only whole segments, and as many as the congestion window lets out (tcp_write_xmit).
      if (size <= 0 || (offset > 0 && (size < wanted || offset >= this.congestion.window * this.segmentSize))) break
      const sequence = this.#next
      const last = offset + size === this.#queue.length
      this.#next = add(sequence, size)
      this.timer.sent(this.#next)
      if (!this.timer.running) this.timer.start()
      end.transmit({ ack: true, psh: last }, sequence, this.#queue.slice(offset, size))
      if (end.state !== 'ESTAB' && end.state !== 'CLOSE-WAIT') return
    }
    if (this.#finQueued && this.#finSequence === undefined && distance(this.#next, this.#unacknowledged) === this.#queue.length) {
      this.#finSequence = this.#next
      this.#next = add(this.#next, 1)
      end.finLeaves()
      if (!this.timer.running) this.timer.start()
      end.transmit({ fin: true, ack: true }, this.#finSequence, NOTHING)
    }
  }

  /** What an acceptable ACK of an open connection says; the third that repeats itself is a loss (RFC 5681). True: the FIN is acknowledged. */
  acknowledged({ acknowledgement, window, data, flags }: TcpSegment): boolean {
    const gained = distance(acknowledgement, this.#unacknowledged)
    this.#window = window << this.#end.segments.sendScale
    if (gained > 0) return this.advance(acknowledgement)
    if (gained === 0 && data.length === 0 && !flags.fin && this.#next !== this.#unacknowledged) {
      if (++this.#duplicates === 3 && this.#recover === undefined) this.lost()
    }
    return false
  }

  /** That of the ACK which ends the handshake. */
  opened({ acknowledgement, window }: TcpSegment): void {
    this.advance(acknowledgement)
    this.#window = window << this.#end.segments.sendScale
  }

  /** True: the FIN is acknowledged. */
  advance(acknowledgement: number): boolean {
    const syn = this.#unacknowledged === this.first ? 1 : 0
    const fin = this.#finSequence !== undefined && distance(acknowledgement, this.#finSequence) > 0
    const data = Math.min(this.#queue.length, distance(acknowledgement, this.#unacknowledged) - syn - (fin ? 1 : 0))
    if (data > 0) {
      this.congestion.acknowledged(Math.ceil(data / this.segmentSize), Math.ceil(this.inFlight / this.segmentSize))
      this.#queue.drop(data)
    }
    this.lastAcknowledged = this.#host.clock.now
    this.#unacknowledged = acknowledgement
    this.#duplicates = 0
    this.timer.acknowledged((sequence) => distance(acknowledgement, sequence) >= 0)
    if (acknowledgement === this.#next) this.timer.stop()
    else this.timer.start()
    if (this.#recover !== undefined) {
      if (distance(acknowledgement, this.#recover) >= 0) this.#recover = undefined
      else this.#resend()
    }
    if (!this.#drained && this.#queue.length < SEND_BUFFER / 2) {
      this.#drained = true
      this.#end.drained()
    }
    return fin
  }

  lost(timedOut = false): void {
    if (timedOut || this.#recover === undefined) this.congestion.lost(timedOut)
    this.#recover = this.#next
    this.#duplicates = 0
    this.#resend()
  }

  /** The first segment that is not acknowledged, once more. */
  #resend(): void {
    const { segments } = this.#end
    this.timer.start()
    segments.retransmitted++
    this.#host.resent()
    const size = Math.min(this.segmentSize, this.#queue.length, this.inFlight)
    const fin = this.#finSequence !== undefined && size === this.#queue.length
    const data = this.#queue.slice(0, size)
    segments.bytesRetransmitted += size
    this.#end.transmit(fin ? { fin: true, ack: true } : { ack: true, psh: size === this.#queue.length }, this.#unacknowledged, data)
  }
}
