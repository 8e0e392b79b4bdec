import { isSystemError } from '../../../engine/machine/errors.ts'
import { Signal, type Task } from '../../../engine/machine/task.ts'
import type { OpenFile, Terminal } from '../../../engine/machine/types.ts'
import { Utf8Decoder } from '../../../engine/text.ts'
import { statIfAny } from '../../coreutils/access.ts'
import { NotSimulated, tool, type Run } from '../../coreutils/command.ts'
import { Input } from '../../coreutils/input.ts'
import { givenUp } from '../../language/waiting.ts'
import { quoteForShell } from '../../language/quote.ts'
import { keysOf } from '../keys.ts'
import { cut } from '../screen.ts'
import { Commands, type Asked } from './commands.ts'
import { Pager, type Options, type Source } from './pager.ts'

interface Given { options: Options; keepScreen: boolean; quitIfFits: boolean; start: string | undefined; names: string[] }

class UsageError extends Error {}

/** The words of LESS and of the command line; a cluster of letters is as good as one each. */
function parse(words: readonly string[]): Given {
  const given: Given = { options: { chop: false, numbers: false, raw: false, ignoreCase: 'no', prompt: 'short', squeeze: false, quitAtEnd: false }, keepScreen: false, quitIfFits: false, start: undefined, names: [] }
  const long: Record<string, string> = { '--chop-long-lines': 'S', '--LINE-NUMBERS': 'N', '--RAW-CONTROL-CHARS': 'R', '--raw-control-chars': 'r', '--ignore-case': 'i', '--IGNORE-CASE': 'I', '--no-init': 'X', '--quit-if-one-screen': 'F', '--quit-at-eof': 'e', '--QUIT-AT-EOF': 'E', '--squeeze-blank-lines': 's', '--long-prompt': 'm', '--LONG-PROMPT': 'M' }
  let over = false
  for (const word of words) {
    if (over || word === '-' || !/^[-+]/.test(word)) given.names.push(word)
    else if (word === '--') over = true
    else if (word.startsWith('+')) given.start = word.slice(1)
    else if (word.startsWith('--')) {
      if (!Object.hasOwn(long, word)) throw new UsageError(`There is no ${word.slice(2)} option ("less --help" for help)`)
      setOption(given, long[word]!)
    } else for (const letter of word.slice(1)) setOption(given, letter)
  }
  return given
}

function setOption(given: Given, letter: string): void {
  const { options } = given
  switch (letter) {
    case 'S': options.chop = true; return
    case 'N': options.numbers = true; return
    case 'R': case 'r': options.raw = true; return
    case 'i': options.ignoreCase = 'small'; return
    case 'I': options.ignoreCase = 'all'; return
    case 'm': options.prompt = 'medium'; return
    case 'M': options.prompt = 'long'; return
    case 's': options.squeeze = true; return
    case 'e': case 'E': options.quitAtEnd = true; return
    case 'X': given.keepScreen = true; return
    case 'F': given.quitIfFits = true; return
    // they change nothing that is seen here: no -n, bells, repainting from the top, buffers
    case 'n': case 'q': case 'Q': case 'c': case 'C': case 'f': case 'g': case 'w': case 'K': case '~': return
    default: throw new UsageError(/^[abBdDEGhjJkLoOpPtTuUVWxyz?]$/.test(letter) && !/[Z]/.test(letter) ? `podhop: not simulated: less -${letter}` : `There is no -${letter} option ("less --help" for help)`)
  }
}

tool('less', 'raw', function* (run) {
  const { process } = run
  let given: Given
  try {
    const words = run.options.operands
    if (words.includes('--version') || words.includes('-V')) {
      yield* run.print('less 590 (GNU regular expressions)\n')
      return 0
    }
    if (words.includes('--help') || words.includes('-?')) throw new NotSimulated('less --help (h in less)')
    given = parse([...(process.env.get('LESS') ?? '').split(/\s+/).filter(Boolean).map((w) => (w.startsWith('-') || w.startsWith('+') ? w : `-${w}`)), ...words])
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    yield* process.printError(`${error.message}\n`)
    return error.message.startsWith('podhop') ? 69 : 1
  }
  const terminal = process.terminalOf(1)
  if (given.names.length === 0 && process.terminalOf(0)) {
    yield* process.printError('Missing filename ("less --help" for help)\n')
    return 1
  }
  const reader = new Reader(run)
  const sources = yield* reader.open(given.names)
  if (sources.length === 0) return 1
  if (!terminal) {
    for (const source of sources) yield* reader.copy(source)
    return run.code
  }
  let keyboard: OpenFile
  try {
    keyboard = process.terminalOf(0) ? process.files.get(0)!.retain() : process.open('/dev/tty', 'read')
  } catch (error) {
    if (!isSystemError(error)) throw error
    for (const source of sources) yield* reader.copy(source)
    return 0
  }
  try {
    return yield* new Screen(run, terminal, keyboard, sources, given, reader).run()
  } finally {
    keyboard.release()
  }
})

interface Read extends Source { input: Input; path: string | undefined; size: number }

/** Reads files at once and a pipe as it comes, so that `kubectl logs -f | less` is seen. */
class Reader {
  readonly #run: Run
  readonly #begun = new Set<Source>()
  /** Something came. */
  readonly grown = new Signal()
  onGrown: () => void = () => undefined

  constructor(run: Run) {
    this.#run = run
  }

  *open(names: readonly string[]): Task<Read[]> {
    const { process } = this.#run
    const out: Read[] = []
    for (const name of names.length > 0 ? names : ['-']) {
      if (name === '-') {
        out.push({ name, lines: [], ended: false, piped: true, input: new Input(this.#run, name, undefined), path: undefined, size: 0 })
        continue
      }
      const path = process.resolve(name)
      try {
        const stat = statIfAny(process, path)
        if (stat?.type === 'directory') {
          yield* process.printError(`${name} is a directory\n`)
          continue
        }
        out.push({ name, lines: [], ended: false, piped: false, input: new Input(this.#run, name, process.open(name, 'read')), path, size: stat?.size ?? 0 })
      } catch (error) {
        if (!isSystemError(error)) throw error
        yield* process.printError(`${name}: ${error.message}\n`)
        this.#run.code = 1
      }
    }
    return out
  }

  begin(source: Read): void {
    if (this.#begun.has(source)) return
    this.#begun.add(source)
    this.#run.process.spawnThread(this.#read(source))
  }

  *#read(source: Read): Task<void> {
    for (let line = yield* source.input.line(); line !== null; line = yield* source.input.line()) {
      source.lines.push(line)
      this.grown.notify()
      this.onGrown()
    }
    source.input.close()
    source.ended = true
    this.grown.notify()
    this.onGrown()
  }

  *copy(source: Read): Task<void> {
    for (let bytes = yield* source.input.read(); bytes !== null; bytes = yield* source.input.read()) yield* this.#run.print(bytes)
    source.input.close()
  }

  /** F: what was appended to a file since. */
  reload(source: Read): boolean {
    const { fs } = this.#run.process
    if (source.path === undefined || !fs.exists(source.path) || fs.stat(source.path).size === source.size) return false
    const text = fs.readText(source.path)
    source.size = fs.stat(source.path).size
    source.lines = text.replace(/\n$/, '').split('\n')
    return true
  }
}

/** The terminal that the pager has to itself. */
class Screen {
  readonly #run: Run
  readonly #terminal: Terminal
  readonly #keyboard: OpenFile
  readonly #pager: Pager
  readonly #commands: Commands
  readonly #reader: Reader
  readonly #given: Given
  readonly #sources: readonly Read[]
  readonly #changed = new Signal()
  #dirty = false
  /** What comes from a pipe would be seen. */
  #hungry = false
  #following = false
  /** Rows that were drawn below what stood there before: a short text at the start. */
  #short = -1

  constructor(run: Run, terminal: Terminal, keyboard: OpenFile, sources: Read[], given: Given, reader: Reader) {
    this.#run = run
    this.#terminal = terminal
    this.#keyboard = keyboard
    this.#sources = sources
    this.#given = given
    this.#reader = reader
    this.#pager = new Pager([...sources], given.options)
    this.#commands = new Commands(this.#pager)
  }

  get #source(): Read {
    return this.#pager.inHelp ? this.#sources[0]! : this.#pager.file as Read
  }

  *run(): Task<number> {
    const { process } = this.#run
    const terminal = this.#terminal
    const saved = { canonical: terminal.canonical, echo: terminal.echo, signals: terminal.signals }
    const former = process.onSignal('SIGWINCH', () => this.#touched())
    const unwatch = process.fs.onChange((path) => {
      if (this.#following && path === this.#source.path && this.#reader.reload(this.#source)) this.#touched()
    })
    Object.assign(terminal, { canonical: false, echo: false, signals: false })
    try {
      yield* this.#filled()
      if (this.#given.quitIfFits && this.#pager.files.length === 1 && this.#pager.atEnd) {
        yield* this.#run.print(this.#pager.rows().map((row) => `${row}\n`).join(''))
        return 0
      }
      if (!this.#given.keepScreen) yield* this.#run.print('\x1b[?1049h')
      this.#reader.onGrown = () => {
        if (this.#hungry) this.#touched()
      }
      this.#begin()
      yield* this.#first()
      yield* this.#loop()
      yield* this.#run.print(this.#given.keepScreen ? '\r\x1b[K' : '\r\x1b[K\x1b[?1049l')
      return 0
    } finally {
      unwatch()
      Object.assign(terminal, saved)
      process.onSignal('SIGWINCH', former)
    }
  }

  #touched(): void {
    this.#dirty = true
    this.#changed.notify()
  }

  #measure(): void {
    this.#pager.size = { columns: this.#terminal.columns, rows: this.#terminal.rows }
  }

  /** Waits until there is a screenful, or all there is. */
  *#filled(): Task<void> {
    this.#measure()
    const source = this.#source
    this.#reader.begin(source)
    while (!source.ended && this.#pager.rows().length < this.#pager.page) yield this.#reader.grown.wait
  }

  /** +COMMAND */
  #begin(): void {
    const { start } = this.#given
    if (start === undefined) return
    for (const key of keysOf(/^[/?&]/.test(start) ? `${start}\r` : start)) this.#after(this.#commands.press(key))
    this.#pager.fresh = true
  }

  /** A text that is shorter than the screen begins where the cursor stands. */
  *#first(): Task<void> {
    const rows = this.#pager.rows()
    if (rows.length >= this.#pager.page || this.#given.start !== undefined) return yield* this.#draw()
    this.#short = rows.length
    yield* this.#run.print(rows.map((row) => `${row}\x1b[m\r\n`).join(''))
    yield* this.#prompt()
  }

  *#loop(): Task<void> {
    const decoder = new Utf8Decoder()
    for (;;) {
      this.#dirty = false
      this.#hungry = this.#following || this.#pager.rows().length < this.#pager.page
      const read = yield* givenUp(this.#keyboard.read(256), this.#changed.wait, () => this.#dirty)
      if (read === undefined) {
        if (this.#following) this.#pager.toEnd()
        this.#short = -1
        yield* this.#draw()
        continue
      }
      if (read.value === null) return
      let moved = false
      for (const key of keysOf(decoder.push(read.value))) {
        if (this.#following) {
          if (key === '\x03') this.#following = false
          continue
        }
        const before = `${this.#pager.top.line}:${this.#pager.top.row}:${this.#pager.index}`
        const asked = this.#commands.press(key)
        if (asked === 'quit') return
        if (asked === 'edit') yield* this.#edit()
        moved ||= before !== `${this.#pager.top.line}:${this.#pager.top.row}:${this.#pager.index}`
        if (asked !== undefined || before !== `${this.#pager.top.line}:${this.#pager.top.row}:${this.#pager.index}`) this.#short = -1
        this.#after(asked)
      }
      if (!this.#pager.inHelp && !this.#source.ended) yield* this.#filled()
      // what a message tells of is seen when it is gone
      yield* this.#short >= 0 || (this.#pager.message !== undefined && !moved) ? this.#prompt() : this.#draw()
    }
  }

  #after(asked: Asked): void {
    if (asked === 'follow') this.#following = true
  }

  *#edit(): Task<void> {
    const { process } = this.#run
    const { path, name } = this.#source
    if (path === undefined) {
      this.#pager.message = 'Cannot edit standard input'
      return
    }
    const editor = process.env.get('VISUAL') ?? process.env.get('EDITOR') ?? 'vi'
    Object.assign(this.#terminal, { canonical: true, echo: true, signals: true })
    yield* this.#run.print('\x1b[?1049l')
    const child = process.spawn({ argv: ['sh', '-c', `${editor} ${quoteForShell(name)}`], files: process.files })
    yield* process.wait(child)
    Object.assign(this.#terminal, { canonical: false, echo: false, signals: false })
    this.#reader.reload(this.#source)
    yield* this.#run.print('\x1b[?1049h')
  }

  *#draw(): Task<void> {
    this.#measure()
    const rows = this.#pager.rows()
    const page = this.#pager.page
    const all = Array.from({ length: page }, (_, i) => rows[i] ?? '\x1b[1m~\x1b[m')
    yield* this.#run.print(`\x1b[H${all.map((row) => `\x1b[2K${row}\x1b[m\r\n`).join('')}`)
    yield* this.#prompt()
  }

  *#prompt(): Task<void> {
    const { unfinished } = this.#commands
    const shown = this.#following ? { text: 'Waiting for data... (interrupt to abort)', standout: false } : unfinished !== undefined ? { text: unfinished, standout: false } : this.#pager.prompt()
    const text = cut(shown.text, this.#terminal.columns - 1)
    yield* this.#run.print(`\r\x1b[K${shown.standout ? `\x1b[7m${text}\x1b[27m` : text}`)
  }
}
