/** TCP_INIT_CWND */
const FIRST_WINDOW = 10
/** CUBIC's beta, 717/1024 (net/ipv4/tcp_cubic.c). */
const BETA = 717 / 1024

/** How many segments may be on their way: slow start, then one more for each window (of CUBIC only its answer to losses). */
export class Congestion {
  window = FIRST_WINDOW
  /** Undefined until something was lost. */
  threshold: number | undefined
  #counted = 0

  /** `segments` were acknowledged while `inFlight` were on their way; who does not fill the window does not widen it. */
  acknowledged(segments: number, inFlight: number): void {
    if (this.threshold === undefined || this.window < this.threshold) {
      if (this.window < 2 * inFlight) this.window += segments
    } else if (inFlight >= this.window) {
      this.#counted += segments
      while (this.#counted >= this.window) this.#counted -= this.window++
    }
  }

  lost(timedOut: boolean): void {
    this.threshold = Math.max(2, Math.floor(this.window * BETA))
    this.window = timedOut ? 1 : this.threshold
    this.#counted = 0
  }
}
