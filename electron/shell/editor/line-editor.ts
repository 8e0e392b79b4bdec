import type { Task } from '../../engine/machine/task.ts'
import type { Process, Terminal } from '../../engine/machine/types.ts'
import type { HistoryList } from '../language/history-list.ts'
import { countOf, nextArgument, valueOf } from './argument.ts'
import { columnsOf, commonPrefix, type Completion } from './candidates.ts'
import { Display } from './display.ts'
import { Editing, type Count } from './editing.ts'
import { historyArguments } from './history-words.ts'
import { KeyReader, type Key } from './keys.ts'
import { LineBuffer } from './line-buffer.ts'
import { IncrementalSearch } from './search.ts'
import { Walk } from './walk.ts'

export type Line = { kind: 'line'; text: string } | { kind: 'interrupted' } | { kind: 'end' }

export interface EditorOptions {
  history: HistoryList
  complete(text: string, cursor: number): Task<Completion>
  /** M-^: the line with its history expanded; undefined: it cannot be. */
  expandHistory?(text: string): string | undefined
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
  readonly #line = new LineBuffer()
  readonly #walk: Walk
  readonly #editing: Editing
  #prompt = ''
  #lastKey = ''
  /** The last Tab wrote something. */
  #completed = false
  #search: IncrementalSearch | undefined
  #searched: readonly string[] = []
  #argument: string | undefined
  #pasted: [number, number] | undefined
  /** M-. again takes the word from the line before. */
  #lastArgument = { skip: 0, word: '$' as number | '$', direction: 1, inserted: false }
  /** What M-p, Page Up look for. */
  #prefix = ''
  /** Ctrl-O: the history line that comes next, by its number. */
  #next: number | undefined

  constructor(process: Process, terminal: Terminal, options: EditorOptions) {
    this.#process = process
    this.#terminal = terminal
    this.#options = options
    this.#keys = new KeyReader(process)
    this.#walk = new Walk(options.history, this.#line)
    this.#editing = new Editing(this.#line)
  }

  /** Reads a line. `prompt` may have several lines and colours. */
  *read(prompt: string): Task<Line> {
    const terminal = this.#terminal
    const lines = prompt.split('\n')
    this.#prompt = lines.pop()!
    this.#walk.start()
    this.#search = this.#argument = this.#pasted = undefined
    this.#lastKey = ''
    if (this.#next !== undefined) this.#walk.goTo(this.#next - this.#options.history.base)
    this.#next = undefined
    const former = this.#process.onSignal('SIGWINCH', () => this.#resized())
    terminal.canonical = false
    terminal.echo = false
    terminal.signals = false
    try {
      yield* this.#process.print(`\x1b[?2004h${lines.map((l) => l + '\n').join('')}`)
      this.#display.reset(terminal.column)
      yield* this.#redraw()
      for (;;) {
        const key = yield* this.#key()
        if (key === undefined) return { kind: 'end' }
        const line = yield* this.#press(key)
        if (line) return line
      }
    } finally {
      terminal.signals = true
      terminal.echo = true
      terminal.canonical = true
      this.#process.onSignal('SIGWINCH', former)
    }
  }

  *#key(): Task<Key | undefined> {
    const key = yield* this.#keys.next()
    if (key?.name !== 'C-x') return key
    const second = yield* this.#keys.next()
    return second && { name: `C-x ${second.name}`, text: '' }
  }

  #resized(): void {
    this.#display.resized(this.#prompt, this.#line.chars.slice(0, this.#line.point).join(''), this.#terminal.columns)
    this.#process.spawnThread(this.#redraw())
  }

  *#redraw(): Task<void> {
    const prompt = this.#search?.prompt ?? (this.#argument === undefined ? this.#prompt : `(arg: ${valueOf(this.#argument)}) `)
    yield* this.#process.print(this.#display.draw(prompt, this.#line.chars, this.#line.point, this.#terminal.columns, this.#search?.region ?? this.#pasted))
  }

  *#bell(): Task<void> {
    yield* this.#process.print('\x07')
  }

  *#finish(line: Line, mark = ''): Task<Line> {
    this.#search = this.#argument = this.#pasted = undefined
    this.#line.point = this.#line.end
    yield* this.#redraw()
    this.#walk.accept()
    yield* this.#process.print(mark + this.#display.leave(this.#prompt, this.#line.chars, this.#terminal.columns) + '\x1b[?2004l')
    return line
  }

  *#accept(): Task<Line> {
    return yield* this.#finish({ kind: 'line', text: this.#line.text })
  }

  // ---- keys --------------------------------------------------------------------------------------------------------

  *#press(key: Key): Task<Line | undefined> {
    if (this.#search) {
      const { result, bell } = this.#search.press(key)
      if (bell) yield* this.#bell()
      if (result === 'goes on') {
        yield* this.#redraw()
        return undefined
      }
      this.#searched = this.#search.wanted
      this.#search = undefined
      this.#lastKey = ''
      yield* this.#redraw()
      if (result === 'over') return undefined
    }
    const digit = /^M-([\d-])$/.exec(key.name)?.[1] ?? (this.#argument !== undefined && /^[\d]$/.test(key.name) ? key.name : undefined)
    if (digit !== undefined) {
      this.#argument = nextArgument(this.#argument, digit, key.name !== digit)
      yield* this.#redraw()
      return undefined
    }
    const count = countOf(this.#argument)
    const bare = this.#argument === undefined && this.#pasted === undefined
    this.#argument = this.#pasted = undefined
    const line = yield* this.#run(key, count, bare)
    this.#lastKey = key.name
    return line
  }

  *#run(key: Key, count: Count, bare: boolean): Task<Line | undefined> {
    const { entries } = this.#options.history
    let done: boolean | undefined
    switch (key.name) {
      case 'enter':
        return yield* this.#accept()
      case 'C-c':
        return yield* this.#finish({ kind: 'interrupted' }, '^C')
      case 'C-d':
        if (this.#line.end === 0) return yield* this.#finish({ kind: 'end' }, 'exit')
        break
      case 'C-o':
        this.#next = this.#walk.at < entries.length ? this.#options.history.base + this.#walk.at + 1 : undefined
        return yield* this.#accept()
      case 'M-#':
        return yield* this.#comment(count)
      case 'M-.':
      case 'M-_':
        done = this.#insertLastArgument(count)
        break
      case 'M-C-y':
        done = this.#insertArgument(count.given ? count.n : 1, 0)
        break
      case 'C-l':
      case 'M-C-l':
        this.#display.reset()
        yield* this.#process.print('\x1b[H\x1b[2J')
        done = true
        break
      case 'C-p':
      case 'up':
        done = this.#walk.goTo(this.#walk.at - count.n)
        break
      case 'C-n':
      case 'down':
        done = this.#walk.goTo(this.#walk.at + count.n)
        break
      case 'M-<':
        done = this.#walk.goTo(0) || true
        break
      case 'M->':
        done = this.#walk.goTo(entries.length) || true
        break
      case 'page-up':
      case 'page-down':
        done = this.#prefixSearch(key.name === 'page-up' ? -count.n : count.n)
        break
      case 'C-r':
      case 'C-s':
        this.#search = new IncrementalSearch(this.#walk, this.#line, key.name === 'C-r' ? -1 : 1, this.#searched)
        done = true
        break
      case 'C-v':
      case 'C-q':
      case 'insert':
        done = yield* this.#quoted(count)
        break
      case 'C-]':
      case 'M-C-]':
        done = yield* this.#toCharacter(key.name === 'C-]' ? count.n : -count.n)
        break
      case 'tab':
        yield* this.#complete()
        return undefined
      case 'M-?':
      case 'M-=':
        yield* this.#possible()
        return undefined
      case 'M-*':
        done = yield* this.#insertAll()
        break
      case 'M-&':
        done = this.#expandTilde()
        break
      case 'M-^':
        done = this.#expandHistory()
        break
      case 'paste':
        this.#line.mark = this.#line.point
        this.#line.insert([...key.text])
        this.#pasted = [this.#line.mark, this.#line.point]
        done = true
        break
    }
    if (done === undefined && this.#editing.commands.has(key.name)) done = this.#editing.press(key.name, count)
    else this.#editing.press('', count)
    if (done === undefined && key.text !== '' && key.name === key.text) {
      if (count.n === 1 && bare) return yield* this.#type(key.text)
      this.#line.insert(Array.from({ length: Math.max(0, count.n) }, () => key.text))
      done = true
    }
    if (!done) yield* this.#bell()
    yield* this.#redraw()
    return undefined
  }

  *#type(text: string): Task<undefined> {
    const atEnd = this.#line.point === this.#line.end
    this.#line.insert([...text])
    const short = atEnd ? this.#display.append(text, this.#prompt, this.#line.chars, this.#terminal.columns) : undefined
    if (short === undefined) yield* this.#redraw()
    else yield* this.#process.print(short)
    return undefined
  }

  *#quoted({ n }: Count): Task<boolean> {
    const char = yield* this.#keys.raw()
    if (char === undefined) return false
    this.#line.insert(Array.from({ length: Math.max(1, n) }, () => char))
    return true
  }

  *#toCharacter(count: number): Task<boolean> {
    const char = yield* this.#keys.raw()
    const { chars, point } = this.#line
    let at = point
    for (let n = Math.abs(count); n > 0; n--) {
      at = count > 0 ? chars.indexOf(char ?? '', at + 1) : at > 0 ? chars.lastIndexOf(char ?? '', at - 1) : -1
      if (at < 0) return false
    }
    this.#line.point = at
    return true
  }

  *#comment({ given }: Count): Task<Line> {
    const { chars } = this.#line
    this.#line.point = 0
    if (given && chars[0] === '#') this.#line.delete(0, 1)
    else this.#line.insert(['#'])
    return yield* this.#accept()
  }

  // ---- history -----------------------------------------------------------------------------------------------------

  /** Word `word` of the line `skip` lines before the last one. */
  #insertArgument(word: number | '$', skip: number): boolean {
    const entry = this.#options.history.entries[this.#walk.at - 1 - skip]
    const text = entry && historyArguments(entry.line, word, word)
    if (!text) return false
    this.#line.mark = this.#line.point
    this.#line.together(() => this.#line.insert([...text]))
    return true
  }

  #insertLastArgument(count: Count): boolean {
    const state = this.#lastArgument
    if (this.#lastKey === 'M-.' || this.#lastKey === 'M-_') {
      if (state.inserted) this.#line.undo()
      if (count.n < 0) state.direction = -state.direction
      state.skip = Math.max(0, state.skip + state.direction)
    } else Object.assign(state, { skip: 0, direction: 1, word: count.given ? count.n : '$' })
    state.inserted = this.#insertArgument(state.word, state.skip)
    return state.inserted
  }

  /** Page Up and Down: lines that begin with what stands before the point. */
  #prefixSearch(count: number): boolean {
    if (!this.#lastKey.startsWith('page-')) this.#prefix = this.#line.chars.slice(0, this.#line.point).join('')
    const lines = this.#walk.lines()
    const shown = this.#line.text
    const step = Math.sign(count)
    let at = this.#walk.at
    for (let n = Math.abs(count); n > 0; n--) {
      do at += step
      while (lines[at] !== undefined && (!lines[at]!.startsWith(this.#prefix) || lines[at] === shown))
    }
    if (lines[at] === undefined) return false
    this.#walk.goTo(at)
    if (this.#prefix !== '') this.#line.point = [...this.#prefix].length
    return true
  }

  #replace(text: string): void {
    const line = this.#line
    line.together(() => {
      line.delete(0, line.end)
      line.point = 0
      line.insert([...text])
    })
  }

  #expandHistory(): boolean {
    const text = this.#options.expandHistory?.(this.#line.text)
    if (text === undefined) return false
    if (text !== this.#line.text) this.#replace(text)
    return true
  }

  #expandTilde(): boolean {
    const { chars, point } = this.#line
    const start = this.#line.blankStart(point)
    const home = this.#process.env.get('HOME')
    if (chars[start] !== '~' || home === undefined || !(start + 1 >= chars.length || '/ '.includes(chars[start + 1]!))) return true
    this.#line.together(() => {
      this.#line.delete(start, start + 1)
      const after = this.#line.point - start
      this.#line.point = start
      this.#line.insert([...home])
      this.#line.point += after
    })
    return true
  }

  // ---- completion --------------------------------------------------------------------------------------------------

  *#candidates(): Task<Completion & { typed: string }> {
    const { chars, point } = this.#line
    const found = yield* this.#options.complete(chars.slice(0, point).join(''), point)
    return { ...found, typed: chars.slice(found.start, point).join('') }
  }

  #put(start: number, text: string): void {
    const line = this.#line
    line.together(() => {
      line.delete(start, line.point)
      line.insert([...text])
    })
  }

  *#complete(): Task<void> {
    this.#editing.press('', { n: 1, given: false })
    const completed = this.#completed
    this.#completed = false
    const { candidates, start, quote, typed } = yield* this.#candidates()
    if (candidates.length === 0) return yield* this.#bell()
    const prefix = commonPrefix(candidates.map((c) => c.insert))
    if (candidates.length === 1 || prefix.length > typed.length) {
      const [only] = candidates
      const next = this.#line.chars[this.#line.point]
      // What follows a word is written at the end of the line only, a directory's slash where there is none.
      const rest = next !== undefined || only!.open ? '' : quote + ' '
      const insert = candidates.length === 1 ? (next === '/' ? only!.insert.replace(/\/$/, '') : only!.insert) + rest : prefix
      if (insert !== typed) this.#put(start, insert)
      this.#completed = true
      yield* this.#redraw()
      if (candidates.length > 1) yield* this.#bell()
      return
    }
    if (this.#lastKey !== 'tab' || completed) return yield* this.#bell()
    yield* this.#list(candidates.map((c) => c.display))
  }

  *#possible(): Task<void> {
    const { candidates } = yield* this.#candidates()
    if (candidates.length === 0) yield* this.#bell()
    else yield* this.#list(candidates.map((c) => c.display))
  }

  *#insertAll(): Task<boolean> {
    const { candidates, start } = yield* this.#candidates()
    if (candidates.length === 0) return false
    this.#put(start, candidates.map((c) => c.insert.replace(/\/$/, '')).sort().join(' ') + ' ')
    return true
  }

  *#list(found: readonly string[]): Task<void> {
    const { columns } = this.#terminal
    // readline sorts what it lists (rl_sort_completion_matches)
    const names = [...found].sort((a, b) => (a.replace(/\/$/, '') < b.replace(/\/$/, '') ? -1 : 1))
    yield* this.#process.print(this.#display.leave(this.#prompt, this.#line.chars, columns))
    if (names.length > MANY) {
      yield* this.#process.print(`Display all ${names.length} possibilities? (y or n)`)
      const key = yield* this.#keys.next()
      yield* this.#process.print('\n')
      if (key?.name !== 'y' && key?.name !== ' ') return yield* this.#redraw()
    }
    yield* this.#process.print(columnsOf(names, columns))
    yield* this.#redraw()
  }
}
