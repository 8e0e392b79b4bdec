import type { Journey, JourneyLog } from './types.ts'
import { isBackground } from './whose.ts'

/**
 * The last journeys of the cluster; older ones are forgotten. What probes and agents say to each other does not push out what
 * the student's programs sent: of those as many again are kept as `own`.
 */
export class Journeys implements JourneyLog {
  readonly limit: number
  /**
   * By number, modulo the limit. One array for good, each place written again and again: a list that is made anew now and then
   * would, once it is old and dead, keep what it held alive until the next whole collection.
   */
  readonly #ring: (Journey | undefined)[]
  /** The student's own that have left the ring, written round as it is: `#left` have been put here so far. */
  readonly #own: (Journey | undefined)[]
  #left = 0
  #recent: readonly Journey[] | undefined
  #listeners = new Set<(journey: Journey) => void>()
  #nextId = 1

  constructor(limit = 400, own = 200) {
    this.limit = limit
    this.#own = new Array<Journey | undefined>(own).fill(undefined)
    this.#ring = new Array<Journey | undefined>(limit).fill(undefined)
  }

  get recent(): readonly Journey[] {
    if (!this.#recent) {
      const recent = this.#outlived()
      for (let id = Math.max(1, this.#nextId - this.limit); id < this.#nextId; id++) recent.push(this.#ring[id % this.limit]!)
      this.#recent = recent
    }
    return this.#recent
  }

  get(id: number): Journey | undefined {
    const journey = this.#ring[id % this.limit]
    if (journey?.id === id) return journey
    return id < this.#nextId - this.limit ? this.#outlived().find((j) => j.id === id) : undefined
  }

  /** The oldest first. */
  #outlived(): Journey[] {
    const { length } = this.#own
    const outlived: Journey[] = []
    for (let i = Math.max(0, this.#left - length); i < this.#left; i++) outlived.push(this.#own[i % length]!)
    return outlived
  }

  onChange(listener: (journey: Journey) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The number of the next journey that is added. */
  get nextId(): number {
    return this.#nextId
  }

  add<J extends Journey>(journey: J): J {
    this.#nextId = journey.id + 1
    const place = journey.id % this.limit
    const oldest = this.#ring[place]
    if (oldest && !isBackground(oldest)) this.#own[this.#left++ % this.#own.length] = oldest
    this.#ring[place] = journey
    this.#recent = undefined
    return journey
  }

  changed(journey: Journey): void {
    for (const listener of this.#listeners) listener(journey)
  }
}
