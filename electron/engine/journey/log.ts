import type { Journey, JourneyLog } from './types.ts'

/** The last journeys of the cluster; older ones are forgotten. */
export class Journeys implements JourneyLog {
  readonly limit: number
  /**
   * By number, modulo the limit. One array for good, each place written again and again: a list that is made anew now and then
   * would, once it is old and dead, keep what it held alive until the next whole collection.
   */
  readonly #ring: (Journey | undefined)[]
  #recent: readonly Journey[] | undefined
  #listeners = new Set<(journey: Journey) => void>()
  #nextId = 1

  constructor(limit = 500) {
    this.limit = limit
    this.#ring = new Array<Journey | undefined>(limit).fill(undefined)
  }

  get recent(): readonly Journey[] {
    if (!this.#recent) {
      const recent: Journey[] = []
      for (let id = Math.max(1, this.#nextId - this.limit); id < this.#nextId; id++) recent.push(this.#ring[id % this.limit]!)
      this.#recent = recent
    }
    return this.#recent
  }

  get(id: number): Journey | undefined {
    const journey = this.#ring[id % this.limit]
    return journey?.id === id ? journey : undefined
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
    this.#ring[journey.id % this.limit] = journey
    this.#recent = undefined
    return journey
  }

  changed(journey: Journey): void {
    for (const listener of this.#listeners) listener(journey)
  }
}
