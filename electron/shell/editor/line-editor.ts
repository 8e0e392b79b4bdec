import type { Task } from '../../engine/machine/task.ts'
import type { Process, Terminal } from '../../engine/machine/types.ts'
import { Display } from './display.ts'
import { KeyReader, type Key } from './keys.ts'
import { columnsOf, commonPrefix, type Completion } from './candidates.ts'

export type Line = { kind: 'line'; text: string } | { kind: 'interrupted' } | { kind: 'end' }

export interface EditorOptions {
  history: readonly string[]
  complete(text: string, cursor: number): Completion
}

/** More candidates than this are asked about before they are listed (readline's completion-query-items). */
const MANY = 100

/** readline(3)'s emacs mode on one terminal. */
export class LineEditor {
  readonly #process: Process
  readonly #terminal: Terminal
  readonly #options: EditorOptions
  readonly #keys: KeyReader
  readonly #display = new Display()
  #prompt = ''
  #text: string[] = []
  #cursor = 0
  #killed: string[] = []
  #killedLast = false
  #undo: { text: string[]; cursor: number }[] = []
  /** The history as it is being edited; the last entry is the new line. */
  #lines: string[] = []
  #line = 0
  #lastKey = ''
  #search: { query: string; at: number; failed: boolean } | undefined

  constructor(process: Process, terminal: Terminal, options: EditorOptions) {
    this.#process = process
    this.#terminal = terminal
    this.#options = options
    this.#keys = new KeyReader(process)
  }

  /** Reads a line. `prompt` may have several lines and colours. */
  *read(prompt: string): Task<Line> {
    const terminal = this.#terminal
    const lines = prompt.split('\n')
    this.#prompt = lines.pop()!
    this.#text = []
    this.#cursor = 0
    this.#undo = []
    this.#lines = [...this.#options.history, '']
    this.#line = this.#lines.length - 1
    this.#search = undefined
    const former = this.#process.onSignal('SIGWINCH', () => this.#resized())
    terminal.canonical = false
    terminal.echo = false
    terminal.signals = false
    try {
      yield* this.#process.print(`\x1b[?2004h${lines.map((l) => l + '\n').join('')}`)
      this.#display.reset(terminal.column)
      yield* this.#redraw()
      for (;;) {
        const key = yield* this.#keys.next()
        if (key === undefined) return { kind: 'end' }
        const line = yield* this.#press(key)
        this.#lastKey = key.name
        if (line) return line
      }
    } finally {
      terminal.signals = true
      terminal.echo = true
      terminal.canonical = true
      this.#process.onSignal('SIGWINCH', former)
    }
  }

  #resized(): void {
    this.#display.resized(this.#prompt, this.#text.slice(0, this.#cursor).join(''), this.#terminal.columns)
    this.#process.spawnThread(this.#redraw())
  }

  *#redraw(): Task<void> {
    yield* this.#process.print(this.#display.draw(this.#shownPrompt(), this.#text, this.#cursor, this.#terminal.columns))
  }

  #shownPrompt(): string {
    const search = this.#search
    return search ? `(${search.failed ? 'failed ' : ''}reverse-i-search)\`${search.query}': ` : this.#prompt
  }

  *#bell(): Task<void> {
    yield* this.#process.print('\x07')
  }

  *#finish(line: Line, mark = ''): Task<Line> {
    this.#search = undefined
    yield* this.#process.print(mark + this.#display.leave(this.#prompt, this.#text, this.#terminal.columns) + '\x1b[?2004l')
    return line
  }

  // ---- keys --------------------------------------------------------------------------------------------------------

  *#press(key: Key): Task<Line | undefined> {
    if (this.#search) {
      const handled = yield* this.#searchKey(key)
      if (handled) return undefined
    }
    const killing = /^(C-k|C-u|C-w|M-d|M-backspace)$/.test(key.name)
    if (!killing) this.#killedLast = false
    switch (key.name) {
      case 'enter':
        if (this.#cursor !== this.#text.length) {
          this.#cursor = this.#text.length
          yield* this.#redraw()
        }
        return yield* this.#finish({ kind: 'line', text: this.#text.join('') })
      case 'C-c':
        this.#cursor = this.#text.length
        yield* this.#redraw()
        return yield* this.#finish({ kind: 'interrupted' }, '^C')
      case 'C-d':
        if (this.#text.length === 0) return yield* this.#finish({ kind: 'end' }, 'exit')
        this.#delete(this.#cursor, this.#cursor + 1)
        break
      case 'C-a':
      case 'home':
        this.#cursor = 0
        break
      case 'C-e':
      case 'end':
        this.#cursor = this.#text.length
        break
      case 'C-b':
      case 'left':
        if (this.#cursor === 0) return yield* this.#ring()
        this.#cursor--
        break
      case 'C-f':
      case 'right':
        if (this.#cursor === this.#text.length) return yield* this.#ring()
        this.#cursor++
        break
      case 'M-b':
      case 'C-left':
      case 'M-left':
        this.#cursor = this.#wordStart(this.#cursor)
        break
      case 'M-f':
      case 'C-right':
      case 'M-right':
        this.#cursor = this.#wordEnd(this.#cursor)
        break
      case 'backspace':
        if (this.#cursor === 0) return yield* this.#ring()
        this.#delete(this.#cursor - 1, this.#cursor)
        break
      case 'delete':
        if (this.#cursor === this.#text.length) return yield* this.#ring()
        this.#delete(this.#cursor, this.#cursor + 1)
        break
      case 'C-k':
        this.#kill(this.#cursor, this.#text.length, true)
        break
      case 'C-u':
        this.#kill(0, this.#cursor, false)
        break
      case 'C-w':
        this.#kill(this.#blankStart(this.#cursor), this.#cursor, false)
        break
      case 'M-d':
        this.#kill(this.#cursor, this.#wordEnd(this.#cursor), true)
        break
      case 'M-backspace':
        this.#kill(this.#wordStart(this.#cursor), this.#cursor, false)
        break
      case 'C-y':
        this.#insert(this.#killed)
        break
      case 'C-t':
        if (!this.#transpose()) return yield* this.#ring()
        break
      case 'C-_':
        if (!this.#undoLast()) return yield* this.#ring()
        break
      case 'M-u':
      case 'M-l':
      case 'M-c':
        this.#changeCase(key.name)
        break
      case 'M-.':
      case 'M-_':
        this.#lastArgument()
        break
      case 'C-l':
        this.#display.reset()
        yield* this.#process.print('\x1b[H\x1b[2J')
        break
      case 'C-p':
      case 'up':
        if (!this.#goTo(this.#line - 1)) return yield* this.#ring()
        break
      case 'C-n':
      case 'down':
        if (!this.#goTo(this.#line + 1)) return yield* this.#ring()
        break
      case 'M-<':
        this.#goTo(0)
        break
      case 'M->':
        this.#goTo(this.#lines.length - 1)
        break
      case 'C-r':
        this.#search = { query: '', at: this.#line, failed: false }
        break
      case 'tab':
        return yield* this.#complete()
      case 'paste':
        this.#insert([...key.text])
        break
      default:
        if (key.text === '' || key.name.startsWith('M-')) return undefined
        return yield* this.#type(key.text)
    }
    yield* this.#redraw()
    return undefined
  }

  *#ring(): Task<undefined> {
    yield* this.#bell()
    return undefined
  }

  *#type(text: string): Task<undefined> {
    const atEnd = this.#cursor === this.#text.length
    this.#insert([...text])
    const short = atEnd ? this.#display.append(text, this.#prompt, this.#text, this.#terminal.columns) : undefined
    if (short === undefined) yield* this.#redraw()
    else yield* this.#process.print(short)
    return undefined
  }

  // ---- editing -----------------------------------------------------------------------------------------------------

  #remember(): void {
    this.#undo.push({ text: [...this.#text], cursor: this.#cursor })
  }

  #insert(chars: readonly string[]): void {
    this.#remember()
    this.#text.splice(this.#cursor, 0, ...chars)
    this.#cursor += chars.length
  }

  #delete(from: number, to: number): string[] {
    this.#remember()
    const removed = this.#text.splice(from, to - from)
    if (this.#cursor > from) this.#cursor = Math.max(from, this.#cursor - removed.length)
    return removed
  }

  #kill(from: number, to: number, forward: boolean): void {
    const removed = this.#delete(from, to)
    this.#killed = !this.#killedLast ? removed : forward ? [...this.#killed, ...removed] : [...removed, ...this.#killed]
    this.#killedLast = true
  }

  #undoLast(): boolean {
    const before = this.#undo.pop()
    if (!before) return false
    this.#text = before.text
    this.#cursor = before.cursor
    return true
  }

  #transpose(): boolean {
    if (this.#cursor === 0 || this.#text.length < 2) return false
    this.#remember()
    const at = Math.min(this.#cursor, this.#text.length - 1)
    const [a, b] = [this.#text[at - 1]!, this.#text[at]!]
    this.#text[at - 1] = b
    this.#text[at] = a
    this.#cursor = at + 1
    return true
  }

  #changeCase(key: string): void {
    this.#remember()
    const to = this.#wordEnd(this.#cursor)
    let first = true
    for (let i = this.#cursor; i < to; i++) {
      const c = this.#text[i]!
      if (!isWord(c)) continue
      this.#text[i] = key === 'M-u' || (key === 'M-c' && first) ? c.toUpperCase() : c.toLowerCase()
      first = false
    }
    this.#cursor = to
  }

  #wordStart(from: number): number {
    let i = from
    while (i > 0 && !isWord(this.#text[i - 1]!)) i--
    while (i > 0 && isWord(this.#text[i - 1]!)) i--
    return i
  }

  #wordEnd(from: number): number {
    let i = from
    while (i < this.#text.length && !isWord(this.#text[i]!)) i++
    while (i < this.#text.length && isWord(this.#text[i]!)) i++
    return i
  }

  #blankStart(from: number): number {
    let i = from
    while (i > 0 && this.#text[i - 1] === ' ') i--
    while (i > 0 && this.#text[i - 1] !== ' ') i--
    return i
  }

  // ---- history -----------------------------------------------------------------------------------------------------

  #goTo(line: number): boolean {
    if (line < 0 || line >= this.#lines.length) return false
    this.#lines[this.#line] = this.#text.join('')
    this.#line = line
    this.#text = [...this.#lines[line]!]
    this.#cursor = this.#text.length
    return true
  }

  #lastArgument(): void {
    const last = this.#options.history[this.#options.history.length - 1]
    const word = last?.trim().split(/\s+/).pop()
    if (word) this.#insert([...word])
  }

  /** Ctrl-R: true while the search goes on. */
  *#searchKey(key: Key): Task<boolean> {
    const search = this.#search!
    if (key.name === 'C-r') this.#find(search.query, search.at - 1)
    else if (key.name === 'backspace') {
      search.query = search.query.slice(0, -1)
      this.#find(search.query, this.#lines.length - 1)
    } else if (key.name === 'C-g' || key.name === 'C-c') {
      this.#search = undefined
      this.#text = key.name === 'C-g' ? [...this.#lines[this.#line]!] : this.#text
      this.#cursor = this.#text.length
      if (key.name === 'C-c') return false
    } else if (key.text !== '' && key.name.length <= 2 && !key.name.startsWith('M-')) {
      search.query += key.text
      this.#find(search.query, search.at)
    } else {
      // Any other key ends the search and acts on what was found.
      this.#line = search.at
      this.#search = undefined
      yield* this.#redraw()
      return key.name === 'M-\x1b'
    }
    yield* this.#redraw()
    return true
  }

  #find(query: string, from: number): void {
    const search = this.#search!
    if (query === '') return
    for (let at = Math.min(from, this.#lines.length - 1); at >= 0; at--) {
      const found = this.#lines[at]!.lastIndexOf(query)
      if (found < 0) continue
      search.at = at
      search.failed = false
      this.#text = [...this.#lines[at]!]
      this.#cursor = [...this.#lines[at]!.slice(0, found)].length
      return
    }
    search.failed = true
  }

  // ---- completion --------------------------------------------------------------------------------------------------

  *#complete(): Task<undefined> {
    const { candidates, start, quote } = this.#options.complete(this.#text.slice(0, this.#cursor).join(''), this.#cursor)
    if (candidates.length === 0) return yield* this.#ring()
    const typed = this.#text.slice(start, this.#cursor).join('')
    const prefix = commonPrefix(candidates.map((c) => c.insert))
    if (candidates.length === 1 || prefix.length > typed.length) {
      const [only] = candidates
      const insert = candidates.length === 1 ? only!.insert + (only!.open ? '' : quote + ' ') : prefix
      this.#delete(start, this.#cursor)
      this.#insert([...insert])
      yield* this.#redraw()
      if (candidates.length > 1) yield* this.#bell()
      return undefined
    }
    if (this.#lastKey !== 'tab') return yield* this.#ring()
    // readline sorts what it lists (rl_sort_completion_matches)
    return yield* this.#list(candidates.map((c) => c.display).sort())
  }

  *#list(names: readonly string[]): Task<undefined> {
    const { columns } = this.#terminal
    yield* this.#process.print(this.#display.leave(this.#prompt, this.#text, columns))
    if (names.length > MANY) {
      yield* this.#process.print(`Display all ${names.length} possibilities? (y or n)`)
      const key = yield* this.#keys.next()
      yield* this.#process.print('\n')
      if (key?.name !== 'y' && key?.name !== ' ') {
        yield* this.#redraw()
        return undefined
      }
    }
    yield* this.#process.print(columnsOf(names, columns))
    yield* this.#redraw()
    return undefined
  }
}

function isWord(char: string): boolean {
  return /[\p{L}\p{N}]/u.test(char)
}
