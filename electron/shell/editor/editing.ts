import { KillRing } from './kill-ring.ts'
import { isBlank, isWord, type LineBuffer } from './line-buffer.ts'

/** A command's argument: how often, and whether it was given (M-3, M--). */
export interface Count { n: number; given: boolean }

/** False: there was nothing to do, and the bell rings. */
export type Command = (count: Count) => boolean | void

/** readline's commands that change one line, by the keys that Debian's /etc/inputrc and bash give them. */
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

  /** Runs a key's command; undefined: it has none here. */
  press(key: string, count: Count): boolean | undefined {
    const command = this.commands.get(key)
    this.#killed = this.#yanked = false
    const done = command?.(count)
    this.#killing = this.#killed
    this.#yanking = this.#yanked
    return command && done !== false
  }

  #table(): ReadonlyMap<string, Command> {
    const line = this.#line
    const table = new Map<string, Command>()
    const bind = (keys: string, command: Command): void => {
      for (const key of keys.split(' ')) table.set(key, command)
    }
    const move = (by: number): boolean => {
      const to = Math.max(0, Math.min(line.end, line.point + by))
      const whole = to === line.point + by
      line.point = to
      return whole
    }
    bind('C-a home', () => void (line.point = 0))
    bind('C-e end', () => void (line.point = line.end))
    bind('C-b left', ({ n }) => move(-n))
    bind('C-f right', ({ n }) => move(n))
    bind('M-b C-left M-left', ({ n }) => void (line.point = line.wordAway(line.point, -n)))
    bind('M-f C-right M-right', ({ n }) => void (line.point = line.wordAway(line.point, n)))
    bind('backspace', (count) => this.#rubOut(count))
    bind('delete C-d', (count) => this.#deleteForward(count))
    bind('C-k', ({ n }) => (n < 0 ? this.#kill(line.point, 0) : this.#kill(line.point, line.end)))
    bind('C-u', () => line.point > 0 && this.#kill(line.point, 0))
    bind('C-w', ({ n }) => this.#wordRubOut(n))
    bind('M-d C-delete', ({ n }) => this.#kill(line.point, line.wordAway(line.point, n)))
    bind('M-backspace', ({ n }) => this.#kill(line.point, line.wordAway(line.point, -n)))
    bind('M-\\', () => this.#deleteBlanks())
    bind('C-y', () => this.#yank())
    bind('M-y', () => this.#yankPop())
    bind('C-t', ({ n }) => this.#transpose(n))
    bind('M-t', ({ n }) => this.#transposeWords(n))
    bind('M-u', ({ n }) => this.#changeCase(n, (c) => c.toUpperCase()))
    bind('M-l', ({ n }) => this.#changeCase(n, (c) => c.toLowerCase()))
    bind('M-c', ({ n }) => this.#changeCase(n, (c, first) => (first ? c.toUpperCase() : c.toLowerCase())))
    bind('C-_', ({ n }) => this.#undo(n))
    table.set('C-x C-u', ({ n }) => this.#undo(n))
    table.set('C-x backspace', ({ n }) => (n < 0 ? this.#kill(line.point, line.end) : this.#kill(line.point, 0)))
    bind('M-r', () => this.#revert())
    bind('C-@', ({ n, given }) => void (line.mark = given ? Math.max(0, Math.min(n, line.end)) : line.point))
    table.set('M- ', table.get('C-@')!)
    table.set('C-x C-x', () => {
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

  #transposeWords(n: number): boolean {
    const line = this.#line
    if (n === 0) return true
    const end2 = line.wordAway(line.point, n)
    const begin2 = line.wordStart(end2)
    const begin1 = line.wordAway(begin2, -n)
    const end1 = line.wordEnd(begin1)
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
