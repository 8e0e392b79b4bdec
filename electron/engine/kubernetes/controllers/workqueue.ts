import type { Clock, Timer } from '../../clock.ts'
import { ConnectionError, StatusError, Undecided } from '../client.ts'

/**
 * Keys that wait to be worked on, each once (client-go's util/workqueue). A key's turn comes a moment after it was
 * added, never within the same moment of virtual time: by then the watches have delivered what was written before, so
 * that a controller sees its own writes. Failures come back with exponential back-off, 5 ms to 1000 s.
 *
 * Work on something large takes its time, and what changes meanwhile is one piece of work afterwards: so the
 * thousandth Pod of a ReplicaSet does not make a controller count a thousand Pods for each of them. After a quiet
 * time the first change is worked on at once.
 */
const TURN = 1
/**
 * Of how many keys at once, and of how many a second, a controller keeps up with every change: its requests are limited by
 * its client (client-go's flowcontrol, --kube-api-burst and --kube-api-qps; wider here than the defaults, 30 and 20). One
 * that is behind leaves a key alone for a while after it worked on it.
 */
const BURST = 100
const RATE = 100
const LONGEST_PAUSE = 5_000
const BASE_DELAY = 5
const MAX_DELAY = 1_000_000
/** Without an API server: by then leader election has ended the process, and its successor looks at everything. */
const UNREACHED = 5_000
/** Retries that a cluster waits for before it counts as settled. */
const FOREGROUND_RETRIES = 6

/** What a queue tells Prometheus of itself. */
export interface QueueCounts { adds: number; gets: number; retries: number }

export class WorkQueue {
  readonly #clock: Clock
  readonly #work: (key: string) => number | void
  /** Until when a key's last work takes. */
  readonly #busy = new Map<string, number>()
  readonly #timers = new Map<string, Timer>()
  readonly #failures = new Map<string, number>()
  #ready: string[] = []
  readonly #queued = new Set<string>()
  #turn: Timer | undefined
  /** Until when the keys that were worked on lately take, at RATE. */
  #spent = 0
  #stopped = false
  readonly #counts: QueueCounts | undefined

  /** `work` says how many ms of virtual time it takes, if many; it may throw: then the key is tried again later. */
  constructor(clock: Clock, work: (key: string) => number | void, counts?: QueueCounts) {
    this.#clock = clock
    this.#counts = counts
    this.#work = work
  }

  add(key: string): void {
    if (this.#stopped || this.#queued.has(key)) return
    const busy = this.#busy.get(key)
    if (busy !== undefined && busy > this.#clock.now) return this.addAfter(key, busy - this.#clock.now)
    this.#busy.delete(key)
    this.#queued.add(key)
    this.#ready.push(key)
    if (this.#counts) this.#counts.adds++
    this.#turn ??= this.#clock.schedule(TURN, () => this.#next())
  }

  /** Adds later; an earlier time that is already set stays. */
  addAfter(key: string, delay: number, options?: { background?: boolean }): void {
    if (this.#stopped) return
    if (delay <= 0) return this.add(key)
    const present = this.#timers.get(key)
    if (present?.run) {
      if (present.at <= this.#clock.now + delay) return
      this.#clock.cancel(present)
    }
    this.#timers.set(
      key,
      this.#clock.schedule(delay, () => {
        this.#timers.delete(key)
        this.add(key)
      }, options),
    )
  }

  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    if (this.#counts) this.#counts.retries++
    this.addAfter(key, Math.min(MAX_DELAY, BASE_DELAY * 2 ** failures), { background: failures >= FOREGROUND_RETRIES })
  }

  forget(key: string): void {
    this.#failures.delete(key)
  }

  stop(): void {
    this.#stopped = true
    this.#clock.cancel(this.#turn)
    for (const timer of this.#timers.values()) this.#clock.cancel(timer)
    this.#timers.clear()
    this.#busy.clear()
    this.#ready = []
    this.#queued.clear()
  }

  #next(): void {
    this.#turn = undefined
    const keys = this.#ready
    this.#ready = []
    const { now } = this.#clock
    this.#spent = Math.max(this.#spent, now) + (keys.length * 1000) / RATE
    const pause = Math.min(LONGEST_PAUSE, this.#spent - now - (BURST * 1000) / RATE)
    for (const key of keys) {
      if (this.#stopped) return
      this.#queued.delete(key)
      if (this.#counts) this.#counts.gets++
      try {
        const duration = Math.max(pause, this.#work(key) ?? 0)
        if (duration > TURN) this.#busy.set(key, this.#clock.now + duration)
        this.forget(key)
      } catch (error) {
        if (error instanceof Undecided) error.settle(() => this.add(key))
        else if (error instanceof ConnectionError) this.addAfter(key, UNREACHED, { background: true })
        else if (error instanceof StatusError) this.addRateLimited(key)
        else throw error
      }
    }
  }
}
