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
  text(): string
}

class Line implements JournalEntry {
  readonly node: string
  readonly unit: string
  readonly identifier: string
  readonly pid: number
  readonly at: number
  readonly #text: (at: number) => string

  constructor(node: string, unit: string, identifier: string, pid: number, at: number, text: (at: number) => string) {
    this.node = node
    this.unit = unit
    this.identifier = identifier
    this.pid = pid
    this.at = at
    this.#text = text
  }

  text(): string {
    return this.#text(this.at)
  }
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
    const entry = new Line(node, unit, identifier, pid, this.#clock.wall(), text)
    this.#entries.push(entry)
    if (this.#entries.length > LIMIT * 1.25) this.#entries = this.#entries.slice(-LIMIT)
    if (this.#listeners.size > 0) for (const listener of [...this.#listeners]) listener(entry)
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
