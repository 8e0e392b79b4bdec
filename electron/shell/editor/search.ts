import type { Key } from './keys.ts'
import { isWord, type LineBuffer } from './line-buffer.ts'
import type { Walk } from './walk.ts'

/** What a key did to a search: it goes on, it is over, or it is over and the key acts on what was found. */
export type SearchResult = 'goes on' | 'over' | 'press'

/** Ctrl-R and Ctrl-S (readline's isearch.c). */
export class IncrementalSearch {
  readonly #walk: Walk
  readonly #line: LineBuffer
  readonly #lines: string[][]
  readonly #from: { at: number; point: number; text: string }
  #direction: 1 | -1
  #wanted: string[] = []
  #at: number
  #index: number
  #found: number
  #foundText: string | undefined
  #failed = false
  readonly #former: readonly string[]

  /** `former`: what was searched last, for Ctrl-R twice. */
  constructor(walk: Walk, line: LineBuffer, direction: 1 | -1, former: readonly string[]) {
    this.#walk = walk
    this.#line = line
    this.#lines = walk.lines().map((l) => [...l])
    this.#from = { at: walk.at, point: line.point, text: line.text }
    this.#direction = direction
    this.#at = this.#found = walk.at
    this.#index = line.point
    this.#former = former
  }

  get prompt(): string {
    return `(${this.#failed ? 'failed ' : ''}${this.#direction < 0 ? 'reverse-' : ''}i-search)\`${this.#wanted.join('')}': `
  }

  get wanted(): readonly string[] {
    return this.#wanted
  }

  /** The part of the line that was found: it stands out. */
  get region(): [number, number] | undefined {
    return this.#failed || this.#foundText === undefined ? undefined : [this.#line.point, this.#line.point + this.#wanted.length]
  }

  press(key: Key): { result: SearchResult; bell?: boolean } {
    const line = this.#lines[this.#at]!
    switch (key.name) {
      case 'reverse-search-history':
      case 'forward-search-history': {
        const direction = key.name === 'reverse-search-history' ? -1 : 1
        if (direction !== this.#direction) this.#direction = direction
        else if (this.#wanted.length === 0) {
          if (this.#former.length === 0) return { result: 'goes on' }
          this.#wanted = [...this.#former]
        } else this.#index += direction
        break
      }
      case 'backward-delete-char':
        this.#wanted.pop()
        break
      case 'unix-word-rubout':
      case 'yank': {
        let to = this.#index + this.#wanted.length
        const from = to
        if (from >= line.length) return { result: 'goes on', bell: true }
        if (key.name === 'yank') to = line.length
        else {
          while (to < line.length && !isWord(line[to]!)) to++
          while (to < line.length && isWord(line[to]!)) to++
        }
        this.#wanted.push(...line.slice(from, to))
        break
      }
      case 'bracketed-paste-begin':
        this.#wanted.push(...key.text)
        break
      case 'abort':
        this.#walk.goTo(this.#from.at)
        this.#show(this.#from.text, this.#from.point)
        return { result: 'over', bell: true }
      default:
        if (key.name !== 'self-insert') {
          this.#accept()
          return { result: key.name === 'escape' || key.sequence === '\n' ? 'over' : 'press' }
        }
        this.#wanted.push(key.text)
    }
    return this.#search()
  }

  #search(): { result: SearchResult; bell?: boolean } {
    const wanted = this.#wanted.join('')
    this.#failed = wanted === '' || !this.#seek()
    if (this.#failed) {
      this.#index = Math.max(0, this.#index)
      this.#at = this.#found
      return { result: 'goes on', bell: true }
    }
    this.#found = this.#at
    this.#foundText = this.#lines[this.#at]!.join('')
    this.#show(this.#foundText, this.#index)
    return { result: 'goes on' }
  }

  /** Goes to the next place that matches, in this line or the next; copies of the line that was found are passed over. */
  #seek(): boolean {
    const length = this.#wanted.length
    for (;;) {
      const line = this.#lines[this.#at]!
      for (; this.#index >= 0 && this.#index <= line.length - (this.#direction > 0 ? length : 0); this.#index += this.#direction) {
        if (this.#wanted.every((c, i) => line[this.#index + i] === c)) return true
      }
      let next: string[] | undefined
      do {
        this.#at += this.#direction
        next = this.#lines[this.#at]
      } while (next && (next.length < length || next.join('') === this.#foundText))
      if (!next) return false
      this.#index = this.#direction < 0 ? next.length - length : 0
    }
  }

  /** Shows a line without moving there yet. */
  #show(text: string, point: number): void {
    this.#line.chars = [...text]
    this.#line.point = Math.min(point, this.#line.end)
  }

  #accept(): void {
    const index = this.#index
    this.#show(this.#from.text, this.#from.point)
    this.#walk.goTo(this.#found)
    this.#line.point = Math.max(0, Math.min(index, this.#line.end))
  }
}
