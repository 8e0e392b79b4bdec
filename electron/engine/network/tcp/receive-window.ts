import { distance } from './sequence.ts'

/** Linux: half of tcp_rmem's middle value is window, the other half overhead (tcp_adv_win_scale is 1). */
const BUFFER_SPACE = 65_536
/** Half of the largest tcp_rmem. */
const LARGEST = 3_145_728
/** What tcp_select_initial_window finds for the largest tcp_rmem, 6 MiB. */
export const WINDOW_SCALE = 7
/** TCP_INIT_CWND */
const FIRST_SEGMENTS = 10

/** As many whole segments as the buffer takes: `win 64240` of a SYN over Ethernet, 65160 of its answer (tcp_select_initial_window). */
export function initialWindow(segment: number): number {
  return segment > BUFFER_SPACE ? BUFFER_SPACE : Math.floor(Math.min(65_535, BUFFER_SPACE) / segment) * segment
}

/** The window that this end offers (net/ipv4/tcp_output.c tcp_select_window), growing with what arrives (tcp_rcv_space_adjust). */
export class ReceiveWindow {
  scale = 0
  /** rcv_ssthresh: what it offers at most for now. */
  threshold = 0
  /** rcvq_space.space: bytes that arrived in one round trip. */
  space = 0
  /** The sequence number up to which has been acknowledged (rcv_wup). */
  acknowledged = 0
  #clamp = BUFFER_SPACE
  #window = 0
  #measuredFrom = 0
  #measuredAt = 0

  /** What the SYN says. */
  promise(bytes: number): void {
    this.threshold = this.#window = bytes
  }

  /** The handshake is over; `segment` is the largest that may come. */
  established(segment: number, next: number, now: number): void {
    this.space = Math.min(this.#window, FIRST_SEGMENTS * segment)
    // One segment is held back (tcp_init_buffer_space).
    if (this.#clamp > 2 * segment) this.#clamp = Math.max(2 * segment, BUFFER_SPACE - segment)
    this.threshold = Math.min(this.threshold, this.#clamp)
    this.#measuredFrom = next
    this.#measuredAt = now
  }

  /** What a segment that acknowledges `next` says; never less than what was promised. */
  offer(next: number): number {
    const unit = (1 << this.scale) - 1
    const promised = this.#window - distance(next, this.acknowledged)
    const fresh = (this.threshold + unit) & ~unit
    this.#window = fresh < promised ? (promised + unit) & ~unit : fresh
    this.acknowledged = next
    const shown = this.#window >> this.scale
    return shown > 65_535 ? 65_535 : shown
  }

  /** The program has read up to `next`. `roundTrip` in ms, undefined as long as it is not known. */
  consumed(length: number, next: number, segment: number, now: number, roundTrip: number | undefined): void {
    if (length >= 128 && this.threshold < this.#clamp) this.threshold = Math.min(this.#clamp, this.threshold + 2 * segment)
    if (roundTrip === undefined || now - this.#measuredAt < roundTrip) return
    const copied = distance(next, this.#measuredFrom)
    if (copied > this.space) {
      const wanted = 2 * copied + 16 * segment
      const room = Math.floor(wanted + 2 * wanted * ((copied - this.space) / this.space))
      if (this.scale > 0) this.#clamp = Math.max(this.#clamp, Math.min(room, LARGEST))
      this.space = copied
    }
    this.#measuredFrom = next
    this.#measuredAt = now
  }
}
