import type { Clock, Timer } from '../clock.ts'

/**
 * Runs something at most so often: a burst at once when it was quiet, then one in `interval` ms
 * (BoundedFrequencyRunner of pkg/util/async of Kubernetes v1.33).
 */
export class BoundedRunner {
  readonly #clock: Clock
  readonly #interval: number
  readonly #burst: number
  readonly #run: () => void
  #tokens: number
  #refilled: number
  #scheduled: Timer | undefined
  #stopped = false

  constructor(clock: Clock, interval: number, burst: number, run: () => void) {
    this.#clock = clock
    this.#interval = interval
    this.#burst = burst
    this.#run = run
    this.#tokens = burst
    this.#refilled = clock.now
  }

  queue(): void {
    if (this.#stopped || this.#scheduled) return
    this.#refill()
    const wait = this.#tokens >= 1 ? 0 : (1 - this.#tokens) * this.#interval
    this.#scheduled = this.#clock.schedule(wait, () => {
      this.#scheduled = undefined
      this.#refill()
      this.#tokens--
      this.#run()
    })
  }

  #refill(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (this.#clock.now - this.#refilled) / this.#interval)
    this.#refilled = this.#clock.now
  }

  stop(): void {
    this.#stopped = true
    this.#clock.cancel(this.#scheduled)
  }
}
