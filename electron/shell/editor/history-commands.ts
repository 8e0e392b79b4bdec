import type { HistoryList } from '../language/history-list.ts'
import type { Count } from './editing.ts'
import { historyArguments } from './history-words.ts'
import type { LineBuffer } from './line-buffer.ts'
import type { Walk } from './walk.ts'

/** Functions that bring something of the history into the line: arguments, and lines that begin with or hold a text. */
export class HistoryCommands {
  readonly #history: HistoryList
  readonly #line: LineBuffer
  readonly #walk: Walk
  /** yank-last-arg again takes the word from the line before. */
  #last = { skip: 0, word: '$' as number | '$', direction: 1, inserted: false }
  /** What history-search-backward looks for. */
  #prefix = ''
  /** What M-p looked for, and where it found it. */
  #wanted = ''
  #found = 0

  constructor(history: HistoryList, line: LineBuffer, walk: Walk) {
    this.#history = history
    this.#line = line
    this.#walk = walk
  }

  /** Word `word` of the line `skip` lines before the last one. */
  insertArgument(word: number | '$', skip: number): boolean {
    const entry = this.#history.entries[this.#walk.at - 1 - skip]
    const text = entry && historyArguments(entry.line, word, word)
    if (!text) return false
    this.#line.mark = this.#line.point
    this.#line.together(() => this.#line.insert([...text]))
    return true
  }

  insertLastArgument(count: Count, again: boolean): boolean {
    const state = this.#last
    if (again) {
      if (state.inserted) this.#line.undo()
      if (count.n < 0) state.direction = -state.direction
      state.skip = Math.max(0, state.skip + state.direction)
    } else Object.assign(state, { skip: 0, direction: 1, word: count.given ? count.n : '$' })
    state.inserted = this.insertArgument(state.word, state.skip)
    return state.inserted
  }

  /** Lines that begin with what stands before the point, or hold it anywhere. `again`: it is still the same search. */
  search(count: number, again: boolean, anywhere: boolean): boolean {
    if (!again) this.#prefix = this.#line.chars.slice(0, this.#line.point).join('')
    const lines = this.#walk.lines()
    const shown = this.#line.text
    const step = Math.sign(count)
    let at = this.#walk.at
    const fits = (line: string): boolean => (anywhere ? line.includes(this.#prefix) : line.startsWith(this.#prefix))
    for (let n = Math.abs(count); n > 0; n--) {
      do at += step
      while (lines[at] !== undefined && (!fits(lines[at]!) || lines[at] === shown))
    }
    if (lines[at] === undefined) return false
    this.#walk.goTo(at)
    if (this.#prefix !== '') this.#line.point = anywhere ? [...this.#line.text.slice(0, this.#line.text.indexOf(this.#prefix))].length : [...this.#prefix].length
    return true
  }

  /** M-p, M-n with a text that was asked for; an empty one goes on with the former. The part of the line that was found, undefined: nothing. */
  nonIncremental(wanted: string, direction: 1 | -1): [number, number] | undefined {
    const again = wanted === ''
    if (again && this.#wanted === '') return undefined
    if (!again) {
      this.#wanted = wanted
      this.#found = this.#walk.at
    }
    const { entries } = this.#history
    for (let at = this.#found + direction; at >= 0 && at < entries.length; at += direction) {
      const { line } = entries[at]!
      const index = direction < 0 ? line.lastIndexOf(this.#wanted) : line.indexOf(this.#wanted)
      if (index < 0) continue
      this.#found = at
      this.#line.load(line)
      const from = [...line.slice(0, index)].length
      this.#line.point = from
      this.#line.mark = from > 0 ? from + [...this.#wanted].length : this.#line.end
      return from > 0 ? [from, this.#line.mark] : [0, 0]
    }
    return undefined
  }
}
