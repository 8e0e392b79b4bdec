import type { Clock, TimeControl } from '../engine/cluster.ts'

/**
 * Virtual time as the student steers it. `hop time` tells it and changes it, so it is a part of the world: only inputs
 * and programs set it. Whoever runs the world does as it says, and is woken when it changes.
 */
export class WorldTime implements TimeControl {
  #clock: Clock
  #changed: () => void
  #paused = false
  #speed = 1
  #hurryTo = 0

  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock
    this.#changed = changed
  }

  get paused(): boolean {
    return this.#paused
  }

  get speed(): number {
    return this.#speed
  }

  /** The virtual time up to which the world runs as fast as it can, paused or not. */
  get hurryTo(): number {
    return this.#hurryTo
  }

  pause(): void {
    this.set({ paused: true })
  }

  resume(): void {
    this.set({ paused: false })
  }

  advance(ms: number): void {
    this.#hurryTo = Math.max(this.#hurryTo, this.#clock.now) + ms
    this.#changed()
  }

  set(wanted: { paused?: boolean | undefined; speed?: number | undefined }): void {
    this.#paused = wanted.paused ?? this.#paused
    this.#speed = wanted.speed ?? this.#speed
    this.#changed()
  }
}
