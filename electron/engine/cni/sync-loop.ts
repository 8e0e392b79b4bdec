import { type Clock, type Timer } from '../clock.ts'

/**
 * When an agent brings its node in line: a little after something has changed, once for all that changes until then, and,
 * for agents that mend what others spoil, each `period` besides.
 */
export class SyncLoop {
  readonly #clock: Clock
  readonly #delay: number
  readonly #sync: () => void
  #timer: Timer | undefined
  #periodic: Timer | undefined
  #stopped = false

  /** `delay` and `period` in virtual ms. */
  constructor(clock: Clock, delay: number, sync: () => void, { period }: { period?: number } = {}) {
    this.#clock = clock
    this.#delay = delay
    this.#sync = sync
    if (period !== undefined) this.#every(period)
  }

  request(): void {
    if (this.#stopped || this.#timer) return
    this.#timer = this.#clock.schedule(this.#delay, () => {
      this.#timer = undefined
      this.#sync()
    })
  }

  /** What was asked for is not done any more; what the agent has done stays. */
  stop(): void {
    this.#stopped = true
    this.#clock.cancel(this.#timer)
    this.#clock.cancel(this.#periodic)
  }

  #every(period: number): void {
    this.#periodic = this.#clock.schedule(period, () => {
      this.#sync()
      if (!this.#stopped) this.#every(period)
    }, { background: true })
  }
}
