import { RegExpError } from '../coreutils/regex.ts'
import { ctrl } from './keys.ts'
import { REPLACING, SEARCHING, WITH } from './nano-help.ts'
import type { NanoView } from './nano-screen.ts'
import { findNext, kindShown, searchExpression, type SearchKind } from './nano-search.ts'
import type { Buffer } from './vi/buffer.ts'

/** What is read of the keys, one after the other. */
export type Keys<T> = Generator<undefined, T, string>

/** What searching needs of the editor. */
export interface Desk {
  readonly buffer: Buffer
  message: string
  /** What is shown as found. */
  spot: NanoView['marked']
  ask(question: string | (() => string), initial: string, help: NanoView['help'], own?: (key: string) => boolean | 'end'): Keys<string | undefined>
  decide(question: string, all?: boolean): Keys<string | undefined>
  refuses(key: string, undone: readonly string[]): boolean | 'end'
  change(what: 'replacement', action: () => void): void
  goTo(): Keys<void>
}

/** nano's ^W, M-W and ^\: what was searched last stays, and how. */
export class Searching {
  readonly #desk: Desk
  readonly #kind: SearchKind = { caseSensitive: false, regexp: false, backwards: false }
  #query = ''
  #replacement = ''

  constructor(desk: Desk) {
    this.#desk = desk
  }

  get query(): string {
    return this.#query
  }

  #toggles(key: string): boolean {
    if (key === 'M-C') this.#kind.caseSensitive = !this.#kind.caseSensitive
    else if (key === 'M-R') this.#kind.regexp = !this.#kind.regexp
    else if (key === 'M-B') this.#kind.backwards = !this.#kind.backwards
    else return false
    return true
  }

  /** The pattern of a search; undefined when there is none. */
  *#pattern(what: string, help: NanoView['help'], other: (key: string) => boolean): Keys<string | undefined> {
    const typed = yield* this.#desk.ask(() => `Search${kindShown(this.#kind)}${what}${this.#query === '' ? '' : ` [${this.#query}]`}`, '', help,
      (key) => this.#toggles(key) || (other(key) ? 'end' : this.#desk.refuses(key, [])))
    if (typed === '' && this.#query === '') this.#desk.message = 'Cancelled'
    if (typed === undefined || (typed === '' && this.#query === '')) return undefined
    this.#query = typed || this.#query
    return this.#query
  }

  #expression(): RegExp | undefined {
    try {
      return searchExpression(this.#query, this.#kind)
    } catch (error) {
      if (!(error instanceof RegExpError)) throw error
      this.#desk.message = `Bad regex "${this.#query}": ${error.message}`
      return undefined
    }
  }

  seek(backwards: boolean): void {
    const { buffer } = this.#desk
    const expression = this.#expression()
    if (!expression) return
    const match = findNext(buffer.lines, buffer.at, expression, backwards)
    if (!match) {
      this.#desk.message = `"${this.#query}" not found`
      return
    }
    if (match.at.row === buffer.at.row && match.at.column === buffer.at.column) this.#desk.message = 'This is the only occurrence'
    else if (match.wrapped) this.#desk.message = 'Search Wrapped'
    buffer.at = { ...match.at }
  }

  *whereIs(backwards: boolean): Keys<void> {
    this.#kind.backwards = backwards
    let next = ''
    const query = yield* this.#pattern('', SEARCHING, (key) => {
      next = key
      return key === ctrl('r') || key === ctrl('t')
    })
    if (query !== undefined) return this.seek(this.#kind.backwards)
    if (next === ctrl('r')) yield* this.replace()
    else if (next === ctrl('t')) yield* this.#desk.goTo()
  }

  *replace(): Keys<void> {
    this.#kind.backwards = false
    let turned = false
    const query = yield* this.#pattern(' (to replace)', REPLACING, (key) => (turned = key === ctrl('r')))
    if (turned) return yield* this.whereIs(false)
    if (query === undefined) return
    const given = yield* this.#desk.ask(`Replace with${this.#replacement === '' ? '' : ` [${this.#replacement}]`}`, '', WITH, (key) => this.#desk.refuses(key, []))
    const expression = given === undefined ? undefined : this.#expression()
    if (given === undefined || !expression) return
    this.#replacement = given
    const { buffer } = this.#desk
    const start = { ...buffer.at }
    let here = { ...start }
    let all = false
    let count = 0
    let found = false
    let around = false
    for (;;) {
      const match = findNext(buffer.lines, here, expression, this.#kind.backwards, here.row === start.row && here.column === start.column && !found)
      if (!match) break
      // once around, up to where it began
      around ||= match.wrapped
      const beyond = match.at.row > start.row || (match.at.row === start.row && match.at.column >= start.column)
      if (around && (this.#kind.backwards ? !beyond : beyond)) break
      found = true
      const end = { row: match.at.row, column: match.at.column + match.length }
      if (!all) {
        buffer.at = { ...match.at }
        this.#desk.spot = { from: match.at, to: end }
        const answer = yield* this.#desk.decide('Replace this instance?', true)
        this.#desk.spot = undefined
        if (answer === undefined) break
        if (answer === 'n') {
          here = { ...match.at }
          continue
        }
        all = answer === 'a'
      }
      const text = this.#kind.regexp ? given.replace(/\\([1-9])/g, (_, n: string) => match.groups[Number(n)] ?? '') : given
      this.#desk.change('replacement', () => {
        buffer.cutSpan(match.at, end)
        buffer.insert(text)
      })
      count++
      // what was put there is not searched again; a change before the beginning moves it
      if (match.at.row === start.row && match.at.column < start.column) start.column += text.length - match.length
      here = this.#kind.backwards ? { ...match.at } : { row: match.at.row, column: Math.max(match.at.column, match.at.column + text.length - 1) }
    }
    buffer.at = { ...start }
    buffer.clamp(true)
    this.#desk.message = found ? `Replaced ${count} occurrence${count === 1 ? '' : 's'}` : `"${query}" not found`
  }
}
