/** One line of the history; its number is the list's `base` plus its place. */
export interface HistoryEntry {
  line: string
  /** Wall clock, ms. */
  time: number
  /** What it was before it was edited in the line editor and left so: `history` marks it with a star. */
  original?: string
}

/** history(3)'s list, bounded by HISTSIZE. */
export class HistoryList {
  readonly entries: HistoryEntry[] = []
  /** The number of the first entry. */
  base = 1
  /** Entries at the end that are in no file yet: what `history -a` appends. */
  unwritten = 0

  get last(): HistoryEntry | undefined {
    return this.entries[this.entries.length - 1]
  }

  add(line: string, time: number, most = Infinity): void {
    this.entries.push({ line, time })
    this.unwritten++
    this.stifle(most)
  }

  /** Forgets the oldest beyond `most`. */
  stifle(most: number): void {
    const over = this.entries.length - most
    if (over <= 0) return
    this.entries.splice(0, over)
    this.base += over
  }

  remove(from: number, count = 1): HistoryEntry[] {
    const removed = this.entries.splice(from, count)
    this.unwritten = Math.min(this.unwritten, this.entries.length)
    return removed
  }

  clear(): void {
    this.entries.length = 0
    this.base = 1
    this.unwritten = 0
  }

  /** The entry with a number as `history` shows it. */
  numbered(number: number): HistoryEntry | undefined {
    return this.entries[number - this.base]
  }
}
