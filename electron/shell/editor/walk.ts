import type { HistoryEntry, HistoryList } from '../language/history-list.ts'
import type { LineBuffer } from './line-buffer.ts'

type Changes = LineBuffer['changes']

/** Up and down in the history: lines that were edited and left stay so, with what can be undone in them. */
export class Walk {
  readonly #history: HistoryList
  readonly #line: LineBuffer
  readonly #changes = new Map<HistoryEntry, Changes>()
  /** The line that is new, while another is shown. */
  #fresh: { text: string; changes: Changes } = { text: '', changes: [] }
  /** Place in the history; its length is the new line. */
  at = 0

  constructor(history: HistoryList, line: LineBuffer) {
    this.#history = history
    this.#line = line
  }

  start(): void {
    this.at = this.#history.entries.length
    this.#fresh = { text: '', changes: [] }
    this.#line.load('')
  }

  /** All lines, the new one last; the one being edited as it is now. */
  lines(): string[] {
    const lines = [...this.#history.entries.map((e) => e.line), this.#fresh.text]
    lines[this.at] = this.#line.text
    return lines
  }

  /** False: it was there already. Beyond an end is the end. */
  goTo(place: number): boolean {
    const { entries } = this.#history
    const to = Math.max(0, Math.min(entries.length, place))
    if (to === this.at) return false
    this.#leave()
    this.at = to
    const entry = entries[to]
    if (entry) this.#line.load(entry.line, this.#changes.get(entry) ?? [])
    else this.#line.load(this.#fresh.text, this.#fresh.changes)
    return true
  }

  #leave(): void {
    const entry = this.#history.entries[this.at]
    const { text, changes } = this.#line
    if (!entry) this.#fresh = { text, changes }
    else if (changes.length > 0) {
      this.#changes.set(entry, changes)
      if (entry.line !== text) entry.original ??= entry.line
      entry.line = text
    }
  }

  /** The line was accepted: what stands in the history becomes again what it was. */
  accept(): void {
    const entry = this.#history.entries[this.at]
    if (!entry) return
    if (entry.original !== undefined) entry.line = entry.original
    entry.original = undefined
    this.#changes.delete(entry)
  }
}
