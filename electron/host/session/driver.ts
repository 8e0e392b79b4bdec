import { performance } from 'node:perf_hooks'
import type { Clock, TimeControl } from '../../engine/cluster.ts'

/** The longest that events run without giving the host its turn, in real ms. */
const SLICE = 8
/** The longest sleep between looks at the wall clock, in real ms. */
const REST = 20

/** Lets virtual time run with the wall clock, faster, slower, or not at all. */
export class Driver implements TimeControl {
  paused = false
  speed = 1
  #clock: Clock
  #last = performance.now()
  /** Virtual ms that run as fast as they can. */
  #hurry = 0
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined
  #stopped = false
  #afterSlice: () => void

  /** `afterSlice` is called after events have run. */
  constructor(clock: Clock, afterSlice: () => void) {
    this.#clock = clock
    this.#afterSlice = afterSlice
    this.#rest(0)
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    this.#last = performance.now()
    this.wake()
  }

  setSpeed(speed: number): void {
    this.speed = speed
  }

  advance(ms: number): void {
    this.#hurry += ms
    this.wake()
  }

  /** Something came in: run it now instead of at the end of the rest. */
  wake(): void {
    if (this.#stopped) return
    clearTimeout(this.#timer as NodeJS.Timeout)
    this.#rest(0)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer as NodeJS.Timeout)
  }

  #rest(ms: number): void {
    this.#timer = setTimeout(() => this.#turn(), ms)
  }

  #turn(): void {
    const start = performance.now()
    // a laptop that slept, or a machine too slow to follow, does not make virtual time leap
    const passed = this.paused ? 0 : Math.min(start - this.#last, 250) * this.speed
    this.#last = start
    const clock = this.#clock
    const before = clock.executed
    const target = clock.now + passed + this.#hurry
    const done = clock.runUntil(target, () => performance.now() - start > SLICE)
    this.#hurry = done ? 0 : Math.max(0, target - clock.now - passed)
    if (clock.executed !== before || !done) this.#afterSlice()
    if (this.#stopped) return
    if (!done || this.#hurry > 0) return this.#rest(0)
    const next = clock.next()
    const wait = this.paused || next === undefined ? REST : Math.min(REST, (next - clock.now) / this.speed)
    this.#rest(Math.max(1, wait))
  }
}
