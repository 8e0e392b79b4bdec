import type { Clock, Timer } from '../../clock.ts'

/** activeDeadlineSeconds of one Pod, from its start on (pkg/kubelet/active_deadline.go). */
export class Deadline {
  readonly #clock: Clock
  readonly #start: string
  readonly #onDue: () => void
  #timer: Timer | undefined

  /** `start`: status.startTime. */
  constructor(clock: Clock, start: string, onDue: () => void) {
    this.#clock = clock
    this.#start = start
    this.#onDue = onDue
  }

  /** Anew, for the Pod may get another one or none. */
  watch(seconds: number | undefined): void {
    this.cancel()
    if (seconds === undefined) return
    const due = Date.parse(this.#start) + seconds * 1000 - this.#clock.wall()
    this.#timer = this.#clock.schedule(Math.max(0, due), () => {
      this.#timer = undefined
      this.#onDue()
    }, { background: true })
  }

  cancel(): void {
    this.#clock.cancel(this.#timer)
    this.#timer = undefined
  }
}
