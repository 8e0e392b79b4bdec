import type { Clock, Timer } from '../../clock.ts'

/** What happened to a connection, told to its program: later, never from inside the call that caused it, and in order. */
export class Telling {
  readonly #clock: Clock
  #events: (() => void)[] = []
  #soon: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  tell(event: () => void): void {
    this.#events.push(event)
    this.#soon ??= this.#clock.schedule(0, () => {
      this.#soon = undefined
      const events = this.#events
      this.#events = []
      for (const each of events) each()
    })
  }
}
