import type { Clock } from '../clock.ts'

/** What all nodes together keep; the oldest goes first, as with journald's SystemMaxUse. */
const LIMIT = 20_000

export interface JournalEntry {
  readonly node: string
  /** "kubelet" */
  readonly unit: string
  /** What wrote it: "kubelet", "systemd". */
  readonly identifier: string
  readonly pid: number
  /** Wall-clock ms. */
  readonly at: number
  /** Made when somebody reads it. */
  readonly text: () => string
}

/** What systemd-journald of every node holds. Lines are put together when they are read: most never are. */
export class Journal {
  readonly #clock: Clock
  #entries: JournalEntry[] = []
  readonly #listeners = new Set<(entry: JournalEntry) => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  write(node: string, unit: string, identifier: string, pid: number, text: (at: number) => string): void {
    const at = this.#clock.wall()
    const entry: JournalEntry = { node, unit, identifier, pid, at, text: () => text(at) }
    this.#entries.push(entry)
    if (this.#entries.length > LIMIT * 1.25) this.#entries = this.#entries.slice(-LIMIT)
    for (const listener of [...this.#listeners]) listener(entry)
  }

  /** A node's, the oldest first. */
  read(node: string): JournalEntry[] {
    return this.#entries.filter((entry) => entry.node === node)
  }

  /** Called with every new entry, of every node. */
  follow(listener: (entry: JournalEntry) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
