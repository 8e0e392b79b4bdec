import { Random } from './random.ts'
import { TimerQueue, type Timer } from './timer-queue.ts'

export type { Timer }

/** How much of the near future is kept in order, in ms. */
const SPAN = 64

export interface ClockOptions {
  seed: number
  /** Wall-clock time at virtual time 0, in ms since 1970. */
  epoch?: number
}

/** 2026-01-05T08:00:00Z: every cluster is born on this Monday morning, so that dates are the same in every run. */
export const EPOCH = 1_767_600_000_000

/**
 * Virtual time and the event queue. Times and delays are in ms (fractions allowed) since the cluster was born.
 * Events at one time run in the order in which they were scheduled. Nothing in the engine knows another time.
 */
export class Clock {
  now = 0
  /** Events run so far; with `now` it marks one exact moment of a run (the session log is replayed to it). */
  executed = 0
  /** Whether {@link past} is at work: what happens is none of the present's changes. */
  isPast = false
  readonly random: Random
  readonly epoch: number
  #queue = new TimerQueue(SPAN)
  #sequence = 0
  #foreground = 0

  constructor(options: ClockOptions) {
    this.random = new Random(options.seed)
    this.epoch = options.epoch ?? EPOCH
  }

  /** Virtual wall-clock time in ms since 1970. */
  wall(): number {
    return this.epoch + this.now
  }

  /**
   * Runs `run` after `delay` ms. `background` marks what never ends by itself (probes, leases, ageing, back-off):
   * {@link settle} does not wait for it.
   */
  schedule(delay: number, run: () => void, options?: { background?: boolean }): Timer {
    if (Number.isNaN(delay)) throw new RangeError('a delay that is not a number')
    const background = options?.background ?? false
    const timer: Timer = { at: this.now + Math.max(0, delay), sequence: this.#sequence++, background, run }
    if (!background) this.#foreground++
    this.#queue.add(timer)
    return timer
  }

  cancel(timer: Timer | undefined): void {
    if (!timer?.run) return
    timer.run = null
    if (!timer.background) this.#foreground--
  }

  /** Foreground events that wait. */
  get pending(): number {
    return this.#foreground
  }

  /** The time of the next event, or undefined when there is none. */
  next(): number | undefined {
    return this.#queue.first(Infinity)?.at
  }

  /** Runs the next event; false when there is none, or none until `limit`. */
  step(limit = Infinity): boolean {
    const timer = this.#queue.first(limit)
    if (timer === undefined || timer.at > limit) return false
    this.#queue.removeFirst()
    const run = timer.run!
    timer.run = null
    if (!timer.background) this.#foreground--
    this.now = timer.at
    this.executed++
    run()
    return true
  }

  /**
   * Runs all events up to virtual time `time` and arrives there; with `stop`, returns false as soon as it says so
   * (asked after each event), without moving on.
   */
  runUntil(time: number, stop?: () => boolean): boolean {
    while (this.step(time)) if (stop?.()) return false
    if (time > this.now) this.now = time
    return true
  }

  runFor(duration: number): void {
    this.runUntil(this.now + duration)
  }

  /** Runs until only background events are left, at most `limit` ms of virtual time. True when it settled. */
  settle(limit = 120_000): boolean {
    const end = this.now + limit
    while (this.#foreground > 0) if (!this.step(end)) return false
    return true
  }

  /**
   * Does now what was due at `at` and that nobody has looked at since: `work` and what it schedules see the time as it
   * was then. What of it lies in the future still comes. For work that touches nothing outside itself, so that nobody
   * can tell when it was done.
   */
  past(at: number, work: () => void): void {
    const { now, executed, isPast } = this
    const queue = this.#queue
    const foreground = this.#foreground
    this.#queue = new TimerQueue(Infinity)
    this.#foreground = 0
    this.now = at
    this.isPast = true
    try {
      work()
      while (this.step(now));
    } finally {
      const rest = this.#queue
      this.#queue = queue
      this.#foreground += foreground
      this.now = now
      this.executed = executed
      this.isPast = isPast
      for (let timer = rest.first(Infinity); timer; timer = rest.first(Infinity)) {
        rest.removeFirst()
        queue.add(timer)
      }
    }
  }
}
