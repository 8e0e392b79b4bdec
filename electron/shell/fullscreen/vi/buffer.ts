import { after, before } from '../screen.ts'

export interface Position { row: number; column: number }

interface Snapshot { lines: readonly string[]; at: Position; sequence: number; time: number }

/** The text being edited: lines (one at least), the cursor, the unnamed register, and what undo goes back to. */
export class Buffer {
  lines: string[] = ['']
  at: Position = { row: 0, column: 0 }
  register: { lines: readonly string[]; linewise: boolean } | undefined
  modified = false
  readonly #now: () => number
  #undo: Snapshot[] = []
  #redo: Snapshot[] = []
  #pending: Snapshot | undefined
  #sequence = 0

  /** `now` in ms, for what undo says of when a change was. */
  constructor(now: () => number) {
    this.#now = now
  }

  load(lines: readonly string[]): void {
    this.lines = lines.length > 0 ? [...lines] : ['']
    this.at = { row: 0, column: 0 }
    this.modified = false
    this.#undo = []
    this.#redo = []
    this.#pending = undefined
  }

  get line(): string {
    return this.lines[this.at.row]!
  }

  /** No file content at all is one empty line here. */
  get isEmpty(): boolean {
    return this.lines.length === 1 && this.lines[0] === ''
  }

  /** What follows, up to the next {@link commit}, is undone at once. */
  begin(): void {
    this.#pending ??= { lines: [...this.lines], at: { ...this.at }, sequence: 0, time: 0 }
  }

  commit(): void {
    const from = this.#pending
    this.#pending = undefined
    if (!from || (from.lines.length === this.lines.length && from.lines.every((line, i) => line === this.lines[i]))) return
    this.#undo.push({ ...from, sequence: ++this.#sequence, time: this.#now() })
    this.#redo = []
    this.modified = true
  }

  /** One change back or forth; says so as vim does. */
  travel(back: boolean): string {
    this.#pending = undefined
    const [source, target] = back ? [this.#undo, this.#redo] : [this.#redo, this.#undo]
    const step = source.pop()
    if (!step) return back ? 'Already at oldest change' : 'Already at newest change'
    const former = this.lines
    target.push({ ...step, lines: former })
    this.lines = [...step.lines]
    const first = this.lines.findIndex((line, i) => line !== former[i])
    let suffix = 0
    const shorter = Math.min(this.lines.length, former.length) - Math.max(0, first)
    while (suffix < shorter && this.lines.at(-1 - suffix) === former.at(-1 - suffix)) suffix++
    const top = first < 0 ? this.lines.length : first
    // the cursor goes back to where the change began, if that is near what comes back
    const near = back && step.at.row >= top - 1 && step.at.row <= Math.max(top, this.lines.length - suffix)
    const row = near ? step.at.row : Math.max(0, Math.min(top, this.lines.length - 1))
    this.at = { row, column: near ? step.at.column : firstNonBlank(this.lines[row]!) }
    this.modified = true
    const more = this.lines.length - former.length
    const changed = this.lines.filter((line, i) => line !== former[i]).length || 1
    const what = more > 0 ? `${more} more line${more === 1 ? '' : 's'}` : more < 0 ? (more === -1 ? '1 line less' : `${-more} fewer lines`) : `${changed} change${changed === 1 ? '' : 's'}`
    const ago = Math.floor((this.#now() - step.time) / 1000)
    return `${what}; ${back ? 'before' : 'after'} #${step.sequence}  ${ago} second${ago === 1 ? '' : 's'} ago`
  }

  /** Keeps the cursor on a character; `past`: it may stand behind the last one. */
  clamp(past = false): void {
    const { at } = this
    at.row = Math.max(0, Math.min(at.row, this.lines.length - 1))
    const line = this.line
    const last = past || line === '' ? line.length : before(line, line.length)
    at.column = Math.max(0, Math.min(at.column, last))
  }

  insert(text: string): void {
    const { row, column } = this.at
    const parts = text.split('\n')
    const line = this.line
    const tail = line.slice(column)
    parts[0] = line.slice(0, column) + parts[0]!
    const end = parts.at(-1)!.length
    parts[parts.length - 1] += tail
    this.lines.splice(row, 1, ...parts)
    this.at = { row: row + parts.length - 1, column: end }
  }

  /** Takes out from..to (to not included), and gives it. */
  cutSpan(from: Position, to: Position): string[] {
    const taken = this.span(from, to)
    const joined = this.lines[from.row]!.slice(0, from.column) + this.lines[to.row]!.slice(to.column)
    this.lines.splice(from.row, to.row - from.row + 1, joined)
    this.at = { ...from }
    return taken
  }

  span(from: Position, to: Position): string[] {
    if (from.row === to.row) return [this.lines[from.row]!.slice(from.column, to.column)]
    return [this.lines[from.row]!.slice(from.column), ...this.lines.slice(from.row + 1, to.row), this.lines[to.row]!.slice(0, to.column)]
  }

  cutLines(first: number, last: number): string[] {
    const taken = this.lines.splice(first, last - first + 1)
    if (this.lines.length === 0) this.lines.push('')
    this.at.row = Math.min(first, this.lines.length - 1)
    this.at.column = firstNonBlank(this.line)
    return taken
  }

  /** One place forward, also to the next line; undefined at the end. */
  next({ row, column }: Position): Position | undefined {
    const line = this.lines[row]!
    const further = after(line, column)
    if (further < line.length) return { row, column: further }
    return row + 1 < this.lines.length ? { row: row + 1, column: 0 } : undefined
  }
  previous({ row, column }: Position): Position | undefined {
    if (column > 0) return { row, column: before(this.lines[row]!, column) }
    if (row === 0) return undefined
    const line = this.lines[row - 1]!
    return { row: row - 1, column: line === '' ? 0 : before(line, line.length) }
  }
}

export function firstNonBlank(line: string): number {
  const found = line.search(/[^ \t]/)
  return found < 0 ? Math.max(0, line.length - 1) : found
}
