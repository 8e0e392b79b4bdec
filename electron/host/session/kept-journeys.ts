import { isBackground, type Cluster, type Journey } from '../../engine/cluster.ts'

/** How many connections of the student's the window lists, and how many of the cluster's own. */
const OWN = 50
const SYSTEM = 30

/** The newest journeys that the window can show: those of the student's programs outlive the many of probes and agents. */
export class KeptJourneys {
  readonly #log: Cluster['journeys']
  readonly #own = new Map<number, Journey>()

  constructor(log: Cluster['journeys']) {
    this.#log = log
    log.onChange((journey) => {
      if (!isBackground(journey)) this.#keep(journey)
    })
  }

  /** By age, the oldest first. */
  get own(): Journey[] {
    return [...this.#own.values()]
  }

  /** What the cluster itself says: probes, agents of the network, lookups of its own. */
  get system(): Journey[] {
    const { recent } = this.#log
    const found: Journey[] = []
    for (let i = recent.length - 1; i >= 0 && found.length < SYSTEM; i--) if (isBackground(recent[i]!)) found.push(recent[i]!)
    return found.reverse()
  }

  get(id: number): Journey | undefined {
    return this.#own.get(id) ?? this.#log.get(id)
  }

  #keep(journey: Journey): void {
    if (this.#own.has(journey.id)) return
    this.#own.set(journey.id, journey)
    if (this.#own.size > OWN) this.#own.delete(Math.min(...this.#own.keys()))
  }
}
