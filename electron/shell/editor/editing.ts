import { KillRing } from './kill-ring.ts'
import { isBlank, isWord, type LineBuffer } from './line-buffer.ts'
import { shellWordAway } from './shell-words.ts'

type WordAway = (line: LineBuffer, from: number, count: number) => number

/** A command's argument: how often, and whether it was given (M-3, M--). */
export interface Count { n: number; given: boolean }

/** False: there was nothing to do, and the bell rings. */
export type Command = (count: Count) => boolean | void

/** readline's functions that change one line, by their names. */
export class Editing {
  readonly #line: LineBuffer
  readonly #ring = new KillRing()
  readonly commands: ReadonlyMap<string, Command>
  /** The command before was a kill: the next one joins it. */
  #killing = false
  #killed = false
  #yanked = false
  #yanking = false

  constructor(line: LineBuffer) {
    this.#line = line
    this.commands = this.#table()
  }

  /** Runs a function; undefined: it is none of these. */
  press(name: string, count: Count): boolean | undefined {
    const command = this.commands.get(name)
    this.#killed = this.#yanked = false
    const done = command?.(count)
    this.#killing = this.#killed
    this.#yanking = this.#yanked
    return command && done !== false
  }

  #table(): ReadonlyMap<string, Command> {
    const line = this.#line
    const table = new Map<string, Command>()
    const bind = (names: string, command: Command): void => {
      for (const name of names.split(' ')) table.set(name, command)
    }
    const move = (by: number): boolean => {
      const to = Math.max(0, Math.min(line.end, line.point + by))
      const whole = to === line.point + by
      line.point = to
      return whole
    }
    bind('beginning-of-line', () => void (line.point = 0))
    bind('end-of-line', () => void (line.point = line.end))
    bind('backward-char backward-byte', ({ n }) => move(-n))
    bind('forward-char forward-byte', ({ n }) => move(n))
    bind('backward-word', ({ n }) => void (line.point = line.wordAway(line.point, -n)))
    bind('forward-word', ({ n }) => void (line.point = line.wordAway(line.point, n)))
    bind('backward-delete-char', (count) => this.#rubOut(count))
    bind('delete-char delete-char-or-list', (count) => this.#deleteForward(count))
    bind('kill-line', ({ n }) => (n < 0 ? this.#kill(line.point, 0) : this.#kill(line.point, line.end)))
    bind('unix-line-discard', () => line.point > 0 && this.#kill(line.point, 0))
    bind('unix-word-rubout', ({ n }) => this.#wordRubOut(n))
    bind('kill-word', ({ n }) => this.#kill(line.point, line.wordAway(line.point, n)))
    bind('backward-kill-word', ({ n }) => this.#kill(line.point, line.wordAway(line.point, -n)))
    bind('delete-horizontal-space', () => this.#deleteBlanks())
    bind('kill-whole-line', () => this.#kill(line.end, 0))
    bind('kill-region', () => this.#kill(line.point, Math.min(line.mark, line.end)))
    bind('copy-region-as-kill', () => this.#copy(line.point, Math.min(line.mark, line.end)))
    bind('copy-forward-word', ({ n }) => this.#copy(line.point, line.wordAway(line.point, n)))
    bind('copy-backward-word', ({ n }) => this.#copy(line.point, line.wordAway(line.point, -n)))
    bind('shell-forward-word', ({ n }) => void (line.point = shellWordAway(line, line.point, n)))
    bind('shell-backward-word', ({ n }) => void (line.point = shellWordAway(line, line.point, -n)))
    bind('shell-kill-word', ({ n }) => this.#kill(line.point, shellWordAway(line, line.point, n)))
    bind('shell-backward-kill-word', ({ n }) => this.#kill(line.point, shellWordAway(line, line.point, -n)))
    bind('unix-filename-rubout', ({ n }) => this.#filenameRubOut(n))
    bind('forward-backward-delete-char', (count) => (line.point === line.end ? this.#rubOut(count) : this.#deleteForward(count)))
    bind('tab-insert', ({ n }) => line.insert(Array.from({ length: Math.max(0, n) }, () => '\t')))
    bind('shell-transpose-words', ({ n }) => this.#transposeWords(n, shellWordAway))
    bind('yank', () => this.#yank())
    bind('yank-pop', () => this.#yankPop())
    bind('transpose-chars', ({ n }) => this.#transpose(n))
    bind('transpose-words', ({ n }) => this.#transposeWords(n))
    bind('upcase-word', ({ n }) => this.#changeCase(n, (c) => c.toUpperCase()))
    bind('downcase-word', ({ n }) => this.#changeCase(n, (c) => c.toLowerCase()))
    bind('capitalize-word', ({ n }) => this.#changeCase(n, (c, first) => (first ? c.toUpperCase() : c.toLowerCase())))
    bind('undo', ({ n }) => this.#undo(n))
    bind('backward-kill-line', ({ n }) => (n < 0 ? this.#kill(line.point, line.end) : this.#kill(line.point, 0)))
    bind('revert-line', () => this.#revert())
    bind('set-mark', ({ n, given }) => void (line.mark = given ? Math.max(0, Math.min(n, line.end)) : line.point))
    bind('exchange-point-and-mark', () => {
      [line.mark, line.point] = [line.point, Math.min(line.mark, line.end)]
    })
    return table
  }

  #kill(from: number, to: number): void {
    this.#killed = true
    if (from === to) return
    this.#ring.push(this.#line.delete(from, to), this.#killing && (from < to ? 'behind' : 'before'))
    this.#line.point = Math.min(from, to)
    this.#line.mark = this.#line.point
  }

  /** Into the ring, and it stays. */
  #copy(from: number, to: number): void {
    this.#killed = true
    if (from !== to) this.#ring.push(this.#line.chars.slice(Math.min(from, to), Math.max(from, to)), this.#killing && (from < to ? 'behind' : 'before'))
  }

  #filenameRubOut(n: number): boolean {
    const line = this.#line
    if (line.point === 0) return false
    const blank = (char: string | undefined): boolean => isBlank(char) || char === '/'
    let to = line.point
    for (let i = Math.max(1, n); i > 0; i--) {
      while (to > 0 && blank(line.chars[to - 1])) to--
      while (to > 0 && !blank(line.chars[to - 1])) to--
    }
    this.#kill(line.point, to)
    return true
  }

  #rubOut({ n, given }: Count): boolean {
    const line = this.#line
    if (n < 0) return this.#deleteForward({ n: -n, given })
    if (line.point === 0) return false
    if (given) this.#kill(line.point, Math.max(0, line.point - n))
    else line.delete(line.point - 1, line.point)
    return true
  }

  #deleteForward({ n, given }: Count): boolean {
    const line = this.#line
    if (n < 0) return this.#rubOut({ n: -n, given })
    if (line.point === line.end) return false
    if (given) this.#kill(line.point, Math.min(line.end, line.point + n))
    else line.delete(line.point, line.point + 1)
    return true
  }

  #wordRubOut(n: number): boolean {
    const line = this.#line
    if (line.point === 0) return false
    let to = line.point
    for (let i = Math.max(1, n); i > 0; i--) to = line.blankStart(to)
    this.#kill(line.point, to)
    return true
  }

  #deleteBlanks(): void {
    const line = this.#line
    let from = line.point
    let to = line.point
    while (from > 0 && isBlank(line.chars[from - 1])) from--
    while (isBlank(line.chars[to])) to++
    if (to > from) line.delete(from, to)
    line.point = from
  }

  #yank(): boolean {
    const text = this.#ring.top
    if (!text) return false
    this.#line.mark = this.#line.point
    this.#line.insert(text)
    this.#yanked = true
    return true
  }

  #yankPop(): boolean {
    const line = this.#line
    const text = this.#ring.top
    if (!this.#yanking || !text) return false
    line.delete(line.point - text.length, line.point)
    this.#ring.rotate()
    return this.#yank()
  }

  #transpose(n: number): boolean {
    const line = this.#line
    if (n === 0) return true
    if (line.point === 0 || line.end < 2) return false
    line.together(() => {
      const atEnd = line.point === line.end
      if (atEnd) line.point--
      const moved = line.delete(line.point - 1, line.point)
      line.point = Math.max(0, Math.min(line.end, line.point + (atEnd ? 1 : n)))
      line.insert(moved)
    })
    return true
  }

  #transposeWords(n: number, away: WordAway = (buffer, from, count) => buffer.wordAway(from, count)): boolean {
    const line = this.#line
    if (n === 0) return true
    const end2 = away(line, line.point, n)
    const begin2 = away(line, end2, -1)
    const begin1 = away(line, begin2, -n)
    const end1 = away(line, begin1, 1)
    if (begin1 === begin2 || begin2 < end1) return false
    const [first, second] = [line.chars.slice(begin1, end1), line.chars.slice(begin2, end2)]
    line.together(() => {
      for (const [from, to, text] of [[begin2, end2, first], [begin1, end1, second]] as const) {
        line.delete(from, to)
        line.point = from
        line.insert(text)
      }
    })
    line.point = end2
    return true
  }

  #changeCase(n: number, change: (char: string, first: boolean) => string): void {
    const line = this.#line
    const other = line.wordAway(line.point, n)
    const [from, to] = [Math.min(line.point, other), Math.max(line.point, other)]
    let inWord = false
    line.change(from, line.chars.slice(from, to).map((c) => {
      if (!isWord(c)) {
        inWord = false
        return c
      }
      const changed = change(c, !inWord)
      inWord = true
      return changed.length === c.length ? changed : c
    }))
    line.point = to
  }

  #undo(n: number): boolean {
    for (let i = n; i > 0; i--) if (!this.#line.undo()) return false
    return true
  }

  #revert(): boolean {
    if (this.#line.changes.length === 0) return false
    while (this.#line.undo());
    return true
  }
}
