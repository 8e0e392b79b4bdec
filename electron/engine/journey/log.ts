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

  /** Takes a journey in and gives it its number. */
  add(journey: Omit<Journey, 'id'>): Journey {
    const added: Journey = { id: this.#nextId++, ...journey }
    this.#recent.push(added)
    this.#byId.set(added.id, added)
    if (this.#byId.size > this.limit) this.#byId.delete(added.id - this.limit)
    // Cut in blocks: a shift for each journey would move the whole list.
    if (this.#recent.length >= this.limit + 64) this.#recent = this.#recent.slice(-this.limit)
    return added
  }

  changed(journey: Journey): void {
    for (const listener of this.#listeners) listener(journey)
  }
}
