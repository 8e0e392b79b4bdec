import type { Clock, Timer } from '../../clock.ts'

/** TCP_RTO_MIN, TCP_RTO_MAX and TCP_TIMEOUT_INIT of Linux's include/net/tcp.h, in ms. */
export const RTO_MIN = 200
const RTO_MAX = 120_000
export const RTO_INITIAL = 1000

/** The retransmission timer with RFC 6298's estimate of the round trip, and exponential backoff. */
export class RetransmissionTimer {
  readonly #clock: Clock
  readonly #expire: () => void
  /** Nobody waits for its end ({@link Clock.settle}). */
  readonly #background: boolean
  #timer: Timer | undefined
  #smoothed: number | undefined
  #variation = 0
  /** The shortest round trip that was measured, in ms. */
  least = Infinity
  /** Times it ran out since something was acknowledged last. */
  backoff = 0
  #measured: { sequence: number; at: number } | undefined

  constructor(clock: Clock, expire: () => void, background = false) {
    this.#clock = clock
    this.#background = background
    this.#expire = expire
  }

  get timeout(): number {
    const base = this.#smoothed === undefined ? RTO_INITIAL : this.#smoothed + Math.max(RTO_MIN, 4 * this.#variation)
    return Math.min(RTO_MAX, base * 2 ** this.backoff)
  }

  /** RFC 6298's SRTT and RTTVAR in ms; undefined before the first sample. */
  get roundTrip(): number | undefined {
    return this.#smoothed
  }

  get variation(): number {
    return this.#variation
  }

  /** Virtual ms at which it runs out; undefined when it does not run. */
  get expiresAt(): number | undefined {
    return this.#timer?.at
  }

  get running(): boolean {
    return this.#timer !== undefined
  }

  start(): void {
    this.stop()
    this.#timer = this.#clock.schedule(this.timeout, () => {
      this.#timer = undefined
      this.#measured = undefined
      this.backoff++
      this.#expire()
    }, this.#background ? { background: true } : undefined)
  }

  stop(): void {
    this.#clock.cancel(this.#timer)
    this.#timer = undefined
  }

  /** One segment at a time is measured, never one that was sent twice (Karn). */
  sent(endSequence: number): void {
    this.#measured ??= { sequence: endSequence, at: this.#clock.now }
  }

  acknowledged(covers: (sequence: number) => boolean): void {
    this.backoff = 0
    if (!this.#measured || !covers(this.#measured.sequence)) return
    const sample = this.#clock.now - this.#measured.at
    this.#measured = undefined
    if (sample < this.least) this.least = sample
    if (this.#smoothed === undefined) {
      this.#smoothed = sample
      this.#variation = sample / 2
    } else {
      this.#variation = 0.75 * this.#variation + 0.25 * Math.abs(this.#smoothed - sample)
      this.#smoothed = 0.875 * this.#smoothed + 0.125 * sample
    }
  }
}
