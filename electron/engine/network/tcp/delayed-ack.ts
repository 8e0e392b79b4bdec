import type { Clock, Timer } from '../../clock.ts'

/** TCP_ATO_MIN, TCP_DELACK_MIN, in ms. */
const DELAY = 40
/** One tick of the kernel's timers, CONFIG_HZ=250: the delay of an end that never got data. */
const TICK = 4
/** TCP_MAX_QUICKACKS */
const QUICK = 16
/** TCP_MIN_RCVMSS's upper guess: the segment size before any was seen. */
const FIRST_SEGMENT = 536

/** When an end acknowledges by itself, and when it waits for data that may carry it (net/ipv4/tcp_input.c __tcp_ack_snd_check). */
export class DelayedAcknowledgement {
  /** It answers what it gets ("pingpong" mode). */
  interactive = false
  readonly #clock: Clock
  readonly #acknowledge: () => void
  #timer: Timer | undefined
  /** So many more are sent at once. */
  #quick = 0
  #largest = FIRST_SEGMENT
  /** Of the data that came last; undefined before the first. Virtual ms. */
  lastReceived: number | undefined

  constructor(clock: Clock, acknowledge: () => void) {
    this.#clock = clock
    this.#acknowledge = acknowledge
  }

  /** Of its own segments' data, the longest (rcv_mss). */
  get largest(): number {
    return this.#largest
  }

  /** icsk_ack.ato in ms. */
  get delay(): number {
    return this.lastReceived === undefined ? 0 : DELAY
  }

  received(length: number, now: number, timeout: number): void {
    if (this.lastReceived === undefined || now - this.lastReceived > timeout) this.#quick = QUICK
    this.lastReceived = now
    if (length > this.#largest) this.#largest = length
  }

  sending(now: number): void {
    if (this.lastReceived !== undefined && now - this.lastReceived < DELAY) this.interactive = true
  }

  /** `waiting` bytes are not acknowledged yet. */
  soon(waiting: number): void {
    if (waiting > this.#largest || (this.#quick > 0 && !this.interactive)) return this.#acknowledge()
    this.#timer ??= this.#clock.schedule(this.lastReceived === undefined ? TICK : DELAY, () => {
      this.#timer = undefined
      this.interactive = false
      this.#acknowledge()
    })
  }

  /** A segment has carried it, or the connection is over. */
  done(): void {
    if (this.#quick > 0) this.#quick--
    if (this.#timer === undefined) return
    this.#clock.cancel(this.#timer)
    this.#timer = undefined
  }
}
