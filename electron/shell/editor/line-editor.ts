import type { Task } from '../../engine/machine/task.ts'
import type { Process, Terminal } from '../../engine/machine/types.ts'
import { BASH_VERSION_LINE } from '../language/messages.ts'
import type { HistoryList } from '../language/history-list.ts'
import { isSimulated } from '../readline/functions.ts'
import type { Readline } from '../readline/readline.ts'
import { showSequence } from '../readline/sequences.ts'
import { countOf, nextArgument, valueOf } from './argument.ts'
import type { Completion } from './candidates.ts'
import { Characters } from './characters.ts'
import { Completing, type CompletionKind } from './completing.ts'
import { Display } from './display.ts'
import { Editing, type Count } from './editing.ts'
import { Expanding, type Expand } from './expanding.ts'
import { HistoryCommands } from './history-commands.ts'
import { KeyReader, type Key } from './keys.ts'
import { LineBuffer } from './line-buffer.ts'
import { askText } from './non-incremental.ts'
import { IncrementalSearch } from './search.ts'
import { Walk } from './walk.ts'

export type Line = { kind: 'line'; text: string } | { kind: 'interrupted' } | { kind: 'end' }

/** What a command of `bind -x` sees and may change (READLINE_LINE, READLINE_POINT, READLINE_MARK). */
export interface Edited { text: string; point: number; mark: number }

export interface EditorOptions {
  history: HistoryList
  readline: Readline
  complete(text: string, cursor: number, kind: CompletionKind): Task<Completion>
  expand: Expand
  /** C-x C-e: the editor is opened with the line (or with history line `number`), and what it leaves is run. */
  editAndExecute(text: string, number: number | undefined): Task<void>
  /** bind -x */
  runCommand(command: string, line: Edited, argument: number | undefined): Task<{ line: Edited; keepPrompt: boolean }>
  readInitFile(): Task<void>
  /** What ^D on an empty line writes. */
  endWord(): string
}

type Outcome = boolean | void | Line
type Command = (count: Count, key: Key) => Task<Outcome>

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
  readonly #completing: Completing
  readonly #expanding: Expanding
  readonly #characters: Characters
  readonly #history: HistoryCommands
  readonly #commands: ReadonlyMap<string, Command>
  #prompt = ''
  #lastKey = ''
  #lastSequence = ''
  #overwrite = false
  #search: IncrementalSearch | undefined
  #searched: readonly string[] = []
  #argument: string | undefined
  /** universal-argument: the next digit begins a number. */
  #fresh = false
  /** A part of the line that stands out until the next key. */
  #region: [number, number] | undefined
  /** Ctrl-O: the history line that comes next, by its number. */
  #next: number | undefined

  constructor(process: Process, terminal: Terminal, options: EditorOptions) {
    this.#process = process
    this.#terminal = terminal
    this.#options = options
    this.#keys = new KeyReader(process, options.readline)
    this.#walk = new Walk(options.history, this.#line)
    this.#editing = new Editing(this.#line)
    this.#history = new HistoryCommands(options.history, this.#line, this.#walk)
    this.#expanding = new Expanding(process, this.#line, options.expand)
    this.#characters = new Characters(this.#keys, this.#line)
    this.#completing = new Completing(this.#asCompletingEditor())
    this.#commands = new Map(this.#table())
  }

  #asCompletingEditor(): ConstructorParameters<typeof Completing>[0] {
    const lastCommand = (): string => this.#lastKey
    return {
      line: this.#line, keys: this.#keys, variables: this.#options.readline.variables, size: this.#terminal,
      get lastCommand() {
        return lastCommand()
      },
      complete: (...asked) => this.#options.complete(...asked),
      bell: () => this.#bell(), redraw: () => this.#redraw(), leave: () => this.#below(), print: (text) => this.#process.print(text),
    }
  }

  /** Reads a line. `prompt` may have several lines and colours. */
  *read(prompt: string): Task<Line> {
    const terminal = this.#terminal
    const lines = prompt.split('\n')
    this.#prompt = lines.pop()!
    this.#walk.start()
    this.#search = this.#argument = this.#region = undefined
    this.#lastKey = this.#lastSequence = ''
    this.#overwrite = false
    if (this.#next !== undefined) this.#walk.goTo(this.#next - this.#options.history.base)
    this.#next = undefined
    const former = this.#process.onSignal('SIGWINCH', () => this.#resized())
    const paste = this.#options.readline.variables.is('enable-bracketed-paste')
    this.#raw()
    try {
      yield* this.#process.print(`${paste ? '\x1b[?2004h' : ''}${lines.map((l) => l + '\n').join('')}`)
      this.#display.reset(terminal.column)
      yield* this.#redraw()
      for (;;) {
        const key = yield* this.#keys.next(this.#search !== undefined)
        if (key === undefined) return { kind: 'end' }
        const line = yield* this.#press(key)
        if (line) return line
      }
    } finally {
      this.#cooked()
      this.#process.onSignal('SIGWINCH', former)
    }
  }

  #raw(): void {
    Object.assign(this.#terminal, { canonical: false, echo: false, signals: false })
  }

  #cooked(): void {
    Object.assign(this.#terminal, { canonical: true, echo: true, signals: true })
  }

  #resized(): void {
    this.#display.resized(this.#prompt, this.#line.chars.slice(0, this.#line.point).join(''), this.#terminal.columns)
    this.#process.spawnThread(this.#redraw())
  }

  *#redraw(prompt = this.#search?.prompt ?? (this.#argument === undefined ? this.#prompt : `(arg: ${valueOf(this.#argument)}) `)): Task<void> {
    yield* this.#process.print(this.#display.draw(prompt, this.#line.chars, this.#line.point, this.#terminal.columns, this.#search?.region ?? this.#region))
  }

  *#bell(): Task<void> {
    this.#keys.drop()
    if (this.#options.readline.variables.text('bell-style') !== 'none') yield* this.#process.print('\x07')
  }

  /** Goes below the line, for something that is printed there. */
  *#below(): Task<void> {
    yield* this.#process.print(this.#display.leave(this.#prompt, this.#line.chars, this.#terminal.columns))
  }

  *#finish(line: Line, mark = ''): Task<Line> {
    this.#search = this.#argument = this.#region = undefined
    this.#line.point = this.#line.end
    yield* this.#redraw()
    this.#walk.accept()
    const paste = this.#options.readline.variables.is('enable-bracketed-paste')
    yield* this.#process.print(mark + this.#display.leave(this.#prompt, this.#line.chars, this.#terminal.columns) + (paste ? '\x1b[?2004l' : ''))
    return line
  }

  *#accept(): Task<Line> {
    return yield* this.#finish({ kind: 'line', text: this.#line.text })
  }

  // ---- keys --------------------------------------------------------------------------------------------------------

  *#press(key: Key): Task<Line | undefined> {
    if (key.name === 'interrupt') {
      this.#keys.drop()
      this.#keys.stopRecording()
      return yield* this.#finish({ kind: 'interrupted' }, this.#options.readline.variables.is('echo-control-characters') ? '^C' : '')
    }
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
    const last = key.sequence.at(-1)!
    const digit = key.name === 'digit-argument' ? last : this.#argument !== undefined && /^\d$/.test(key.text) ? key.text : undefined
    if (digit !== undefined || key.name === 'universal-argument') {
      this.#argument = digit === undefined ? String(4 * valueOf(this.#argument ?? '1')) : nextArgument(this.#fresh ? undefined : this.#argument, digit, key.name === 'digit-argument')
      this.#fresh = digit === undefined
      yield* this.#redraw()
      return undefined
    }
    const count = countOf(this.#argument)
    const bare = this.#argument === undefined && this.#region === undefined && !this.#overwrite
    this.#argument = this.#region = undefined
    this.#fresh = false
    const line = yield* this.#run(key, count, bare)
    this.#lastKey = key.name
    this.#lastSequence = key.sequence
    return line
  }

  *#run(key: Key, count: Count, bare: boolean): Task<Line | undefined> {
    if (key.sequence === '\x04' && this.#line.end === 0 && this.#lastSequence !== '\x04') return yield* this.#finish({ kind: 'end' }, this.#options.endWord())
    if (this.#editing.commands.has(key.name)) {
      if (!this.#editing.press(key.name, count)) yield* this.#bell()
      yield* this.#redraw()
      return undefined
    }
    this.#editing.press('', count)
    if (key.name === 'self-insert' && count.n === 1 && bare) return yield* this.#type(key.text)
    const command = this.#commands.get(key.name)
    if (!command && key.name !== '' && !isSimulated(key.name)) {
      yield* this.#below()
      yield* this.#process.print(`podhop: not simulated: readline's function ${key.name}\n`)
    }
    const outcome = command ? yield* command(count, key) : false
    if (typeof outcome === 'object') return outcome
    if (outcome === false) yield* this.#bell()
    yield* this.#redraw()
    return undefined
  }

  *#table(): Generator<[string, Command]> {
    const { history } = this.#options
    const { entries } = history
    const walk = this.#walk
    const does = (work: (count: Count, key: Key) => Outcome): Command => function* (count, key) {
      yield* []
      return work(count, key)
    }
    yield ['self-insert', does(({ n }, { text }) => this.#insert(text, n))]
    yield ['bracketed-paste-begin', does((_, { text }) => {
      this.#line.mark = this.#line.point
      this.#line.insert([...text])
      this.#region = [this.#line.mark, this.#line.point]
    })]
    yield ['accept-line', () => this.#accept()]
    yield ['abort', does(() => false)]
    yield ['operate-and-get-next', () => {
      this.#next = walk.at < entries.length ? history.base + walk.at + 1 : undefined
      return this.#accept()
    }]
    yield ['insert-comment', (count) => this.#comment(count)]
    yield ['clear-screen', () => this.#clear('\x1b[H\x1b[2J')]
    yield ['clear-display', () => this.#clear('\x1b[H\x1b[2J\x1b[3J')]
    yield ['redraw-current-line', does(() => undefined)]
    yield ['overwrite-mode', does(({ n, given }) => void (this.#overwrite = given ? n > 0 : !this.#overwrite))]
    yield ['quoted-insert', (count) => this.#characters.quoted(count)]
    yield ['character-search', ({ n }) => this.#characters.search(n)]
    yield ['character-search-backward', ({ n }) => this.#characters.search(-n)]
    yield ['skip-csi-sequence', () => this.#characters.skipSequence()]
    // history
    yield ['yank-last-arg', does((count) => this.#history.insertLastArgument(count, this.#lastKey === 'yank-last-arg'))]
    yield ['yank-nth-arg', does(({ n, given }) => this.#history.insertArgument(given ? n : 1, 0))]
    yield ['previous-history', does(({ n }) => walk.goTo(walk.at - n))]
    yield ['next-history', does(({ n }) => walk.goTo(walk.at + n))]
    yield ['beginning-of-history', does(() => void walk.goTo(0))]
    yield ['end-of-history', does(() => void walk.goTo(entries.length))]
    yield ['fetch-history', does(({ n, given }) => void walk.goTo(given ? n - history.base : 0))]
    for (const [name, direction] of [['backward', -1], ['forward', 1]] as const) {
      for (const kind of ['search', 'substring-search']) {
        yield [`history-${kind}-${name}`, does(({ n }) => this.#history.search(direction * n, this.#lastKey.startsWith(`history-${kind}`), kind !== 'search'))]
      }
    }
    for (const [name, direction] of [['reverse', -1], ['forward', 1]] as const) {
      yield [`${name}-search-history`, does(() => void (this.#search = new IncrementalSearch(walk, this.#line, direction, this.#searched)))]
      yield [`non-incremental-${name}-search-history`, () => this.#askAndSearch(direction)]
      yield [`non-incremental-${name}-search-history-again`, does(() => this.#found(this.#history.nonIncremental('', direction)))]
    }
    // what the shell expands
    for (const [name, what] of [['history-expand-line', 'history'], ['alias-expand-line', 'alias'], ['history-and-alias-expand-line', 'both'], ['shell-expand-line', 'shell']] as const) {
      yield [name, () => this.#expanding.expand(what)]
    }
    yield ['magic-space', ({ n }) => this.#expanding.magicSpace(n)]
    yield ['tilde-expand', does(() => this.#expanding.tilde())]
    // completion
    for (const kind of ['filename', 'variable', 'username', 'hostname', 'command'] as const) {
      yield [`complete-${kind}`, () => this.#shown(this.#completing.complete(kind))]
      yield [`possible-${kind}-completions`, () => this.#shown(this.#completing.possible(kind))]
    }
    yield ['complete', () => this.#shown(this.#completing.complete('any'))]
    yield ['possible-completions', () => this.#shown(this.#completing.possible('any'))]
    yield ['insert-completions', () => this.#completing.insertAll()]
    for (const name of ['menu-complete', 'old-menu-complete']) yield [name, ({ n }) => this.#completing.menu(n)]
    yield ['menu-complete-backward', ({ n }) => this.#completing.menu(-n)]
    yield ['glob-complete-word', () => this.#shown(this.#completing.complete('glob-prefix'))]
    yield ['glob-list-expansions', () => this.#shown(this.#completing.possible('glob'))]
    yield ['glob-expand-word', () => this.#completing.insertAll('glob')]
    // macros, commands, and what is told of them
    yield ['start-kbd-macro', does(() => this.#keys.startRecording())]
    yield ['end-kbd-macro', does((_, { sequence }) => this.#keys.endRecording(sequence))]
    yield ['call-last-kbd-macro', does(({ n }) => this.#keys.callMacro(n))]
    yield ['print-last-kbd-macro', () => this.#tell(`${showSequence(this.#keys.macro.join(''))}\n`)]
    yield ['display-shell-version', () => this.#tell(BASH_VERSION_LINE)]
    yield ['edit-and-execute-command', (count) => this.#editAndExecute(count)]
    yield ['command', (count, { text }) => this.#command(text, count)]
    yield ['re-read-init-file', () => this.#shown(this.#options.readInitFile())]
    yield ['emacs-editing-mode', does(() => undefined)]
    const { keymap, variables } = this.#options.readline
    yield ['dump-macros', () => this.#tell(keymap.texts('macro').map(({ keys, text }) => `${keys} outputs ${showSequence(text)}\n`).join(''))]
    yield ['dump-variables', () => this.#tell(variables.list().map(([name, value]) => `${name} is set to \`${value}'\n`).join(''))]
  }

  /** What has drawn the line itself. */
  *#shown(work: Task<void>): Task<Outcome> {
    yield* work
  }

  #insert(text: string, n: number): void {
    const line = this.#line
    line.together(() => {
      for (let i = n; i > 0; i--) {
        line.insert([text])
        if (this.#overwrite && line.point < line.end) line.delete(line.point, line.point + 1)
      }
    })
  }

  *#type(text: string): Task<undefined> {
    const atEnd = this.#line.point === this.#line.end
    this.#line.insert([...text])
    const short = atEnd ? this.#display.append(text, this.#prompt, this.#line.chars, this.#terminal.columns) : undefined
    if (short === undefined) yield* this.#redraw()
    else yield* this.#process.print(short)
    return undefined
  }

  *#clear(sequence: string): Task<Outcome> {
    this.#display.reset()
    yield* this.#process.print(sequence)
  }

  *#comment({ given }: Count): Task<Line> {
    const mark = this.#options.readline.variables.text('comment-begin')
    this.#line.point = 0
    if (given && this.#line.text.startsWith(mark)) this.#line.delete(0, mark.length)
    else this.#line.insert([...mark])
    return yield* this.#accept()
  }

  // ---- history and expansion ---------------------------------------------------------------------------------------

  #found(region: [number, number] | undefined): boolean {
    if (region && region[1] > region[0]) this.#region = region
    return region !== undefined
  }

  /** M-p: asks below ":" for a text, and searches for it at once when that is finished. */
  *#askAndSearch(direction: 1 | -1): Task<Outcome> {
    const wanted = yield* askText({ line: this.#line, keys: this.#keys, editing: this.#editing, characters: this.#characters, redraw: (prompt) => this.#redraw(prompt) })
    if (typeof wanted !== 'string') return wanted
    return this.#found(this.#history.nonIncremental(wanted, direction))
  }

  // ---- macros and commands -----------------------------------------------------------------------------------------

  *#tell(text: string): Task<Outcome> {
    yield* this.#below()
    yield* this.#process.print(text)
  }

  *#editAndExecute({ n, given }: Count): Task<Outcome> {
    const { text } = this.#line
    this.#line.point = this.#line.end
    yield* this.#redraw()
    yield* this.#below()
    yield* this.#aside(this.#options.editAndExecute(text, given ? n : undefined))
    this.#walk.start()
  }

  *#command(command: string, { n, given }: Count): Task<Outcome> {
    const line = this.#line
    yield* this.#process.print(this.#display.clear())
    const before: Edited = { text: line.text, point: line.point, mark: line.mark }
    const changed = yield* this.#aside(this.#options.runCommand(command, before, given ? n : undefined))
    this.#display.reset(this.#terminal.column)
    if (changed.line.text !== before.text) this.#expanding.replace(changed.line.text)
    line.point = Math.max(0, Math.min(line.end, changed.line.point))
    line.mark = Math.max(0, Math.min(line.end, changed.line.mark))
  }

  /** Something else has the terminal for a while. */
  *#aside<T>(work: Task<T>): Task<T> {
    this.#cooked()
    try {
      return yield* work
    } finally {
      this.#raw()
      this.#display.reset(this.#terminal.column)
    }
  }
}
