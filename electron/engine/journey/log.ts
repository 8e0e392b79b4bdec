import type { Journey, JourneyLog } from './types.ts'

/** The last journeys of the cluster; older ones are forgotten. */
export class Journeys implements JourneyLog {
  readonly limit: number
  #recent: Journey[] = []
  #byId = new Map<number, Journey>()
  #listeners = new Set<(journey: Journey) => void>()
  #nextId = 1

  constructor(limit = 500) {
    this.limit = limit
  }

  get recent(): readonly Journey[] {
    return this.#recent.length > this.limit ? this.#recent.slice(-this.limit) : this.#recent
  }

  get(id: number): Journey | undefined {
    return this.#byId.get(id)
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
    this.#recent.push(journey)
    this.#byId.set(journey.id, journey)
    if (this.#byId.size > this.limit) this.#byId.delete(journey.id - this.limit)
    // Cut in blocks: a shift for each journey would move the whole list.
    if (this.#recent.length >= this.limit + 64) this.#recent = this.#recent.slice(-this.limit)
    return journey
  }

  changed(journey: Journey): void {
    for (const listener of this.#listeners) listener(journey)
  }
}
