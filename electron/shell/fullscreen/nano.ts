import { isSystemError } from '../../engine/machine/errors.ts'
import { NotSimulated, tool } from '../coreutils/command.ts'
import { ctrl } from './keys.ts'
import { drawNano, type NanoView } from './nano-screen.ts'
import { after, before, type Fullscreen, type Picture, runFullscreen, terminalOf } from './screen.ts'
import { type Loaded, loadText, saveText } from './text-file.ts'
import { insertKey } from './vi/insert.ts'
import { Buffer } from './vi/buffer.ts'

type Keys<T> = Generator<undefined, T, string>

const MAIN: NanoView['help'] = [
  ['^G', 'Help'], ['^X', 'Exit'], ['^O', 'Write Out'], ['^R', 'Read File'], ['^W', 'Where Is'], ['^\\', 'Replace'],
  ['^K', 'Cut'], ['^U', 'Paste'], ['^T', 'Execute'], ['^J', 'Justify'], ['^C', 'Location'], ['^/', 'Go To Line'],
]
const YES_NO: NanoView['help'] = [[' Y', 'Yes'], [' N', 'No'], ['^C', 'Cancel']]
const ASKING: NanoView['help'] = [['^G', 'Help'], ['^C', 'Cancel']]

interface Files { load(name: string): Loaded; save(name: string, text: string): void }

const lineCount = (n: number): string => `${n} line${n === 1 ? '' : 's'}`

/** GNU nano 7.2, its everyday keys. */
export class Nano implements Fullscreen {
  readonly buffer = new Buffer(() => 0)
  readonly #files: Files
  exitCode: number | undefined
  name: string | undefined
  message = ''
  #modified = false
  #prompt: string | undefined
  #help = MAIN
  #top = 0
  #height = 20
  #clipboard: string[] = []
  #cutting = false
  #query = ''
  #core: Keys<void>

  constructor(files: Files) {
    this.#files = files
    this.#core = this.#main()
    this.#core.next()
  }

  open(name: string): void {
    this.name = name
    const loaded = this.#files.load(name)
    if (loaded.missing === 'directory') this.message = `"${name}" is a directory`
    else if (loaded.missing === 'denied') this.message = `Error reading ${name}: Permission denied`
    else if (loaded.missing === 'no-directory') this.message = `Directory '${name.slice(0, name.lastIndexOf('/')) || '/'}' does not exist`
    else if (loaded.missing) this.message = 'New File'
    else this.message = loaded.readonly ? `File '${name}' is unwritable` : `Read ${lineCount(loaded.lines.length)}`
    // the empty line behind the last newline is there to be typed in
    this.buffer.load(loaded.missing || loaded.unended || loaded.lines.length === 0 ? loaded.lines : [...loaded.lines, ''])
    if (loaded.missing === 'directory') this.name = undefined
  }

  press(key: string): void {
    this.#core.next(key)
  }

  draw(size: { columns: number; rows: number }): Picture {
    this.#height = Math.max(1, size.rows - 4)
    const view: NanoView = { lines: this.buffer.lines, at: this.buffer.at, top: this.#top, name: this.name, modified: this.#modified, message: this.message, prompt: this.#prompt, help: this.#help }
    const picture = drawNano(view, size)
    this.#top = view.top
    return picture
  }

  *#main(): Keys<void> {
    for (;;) {
      const key = yield
      this.message = ''
      const cutting = this.#cutting
      this.#cutting = false
      yield* this.#command(key, cutting)
    }
  }

  *#command(key: string, cutting: boolean): Keys<void> {
    const { buffer } = this
    const { at, lines } = buffer
    switch (key) {
      case ctrl('x'): return yield* this.#leave()
      case ctrl('o'): case '<F3>': yield* this.#writeOut(); return
      case ctrl('w'): return yield* this.#whereIs()
      case ctrl('k'): {
        if (at.row === lines.length - 1 && buffer.line === '') return
        if (!cutting) this.#clipboard = []
        this.#clipboard.push(buffer.line)
        if (at.row === lines.length - 1) lines[at.row] = ''
        else lines.splice(at.row, 1)
        at.column = 0
        this.#cutting = true
        this.#modified = true
        return
      }
      case ctrl('u'):
        if (this.#clipboard.length === 0) return
        lines.splice(at.row, 0, ...this.#clipboard)
        at.row += this.#clipboard.length
        at.column = 0
        this.#modified = true
        return
      case ctrl('c'): this.message = this.#location(); return
      case ctrl('g'): this.message = 'podhop: not simulated: help in nano (its keys are below)'; return
      case ctrl('a'): case '<Home>': at.column = 0; return
      case ctrl('e'): case '<End>': at.column = buffer.line.length; return
      case ctrl('f'): case '<Right>':
        if (at.column < buffer.line.length) at.column = after(buffer.line, at.column)
        else if (at.row + 1 < lines.length) buffer.at = { row: at.row + 1, column: 0 }
        return
      case ctrl('b'): case '<Left>':
        if (at.column > 0) at.column = before(buffer.line, at.column)
        else if (at.row > 0) buffer.at = { row: at.row - 1, column: lines[at.row - 1]!.length }
        return
      case ctrl('p'): case '<Up>': this.#move(-1); return
      case ctrl('n'): case '<Down>': this.#move(1); return
      case ctrl('y'): case '<PageUp>': this.#move(-Math.max(1, this.#height - 2)); return
      case ctrl('v'): case '<PageDown>': this.#move(Math.max(1, this.#height - 2)); return
      case ctrl('d'): this.#modified = insertKey(buffer, '<Delete>', INSERT) || this.#modified; return
      case ctrl('r'): case ctrl('t'): case ctrl('j'): case '\x1c': case '\x1f':
        this.message = `podhop: not simulated: ^${String.fromCharCode(key.charCodeAt(0) + 64)} in nano`
        return
    }
    if ((key >= ' ' || key === '\r' || key === '\t') && insertKey(buffer, key, INSERT)) {
      this.#modified = true
      // there is always an empty line at the end
      if (lines.at(-1) !== '') lines.push('')
    }
  }

  #move(by: number): void {
    const { buffer } = this
    buffer.at.row += by
    buffer.clamp(true)
  }

  #location(): string {
    const { lines, at, line } = this.buffer
    const percent = (part: number, whole: number): string => `${whole === 0 ? 0 : Math.floor((part * 100) / whole)}%`.padStart(3)
    const pad = (n: number, whole: number): string => String(n).padStart(String(whole).length)
    const all = [...lines.join('\n')].length
    const here = [...lines.slice(0, at.row).map((l) => `${l}\n`).join(''), ...line.slice(0, at.column)].length
    const [column, columns] = [[...line.slice(0, at.column)].length + 1, [...line].length + 1]
    return `line ${pad(at.row + 1, lines.length)}/${lines.length} (${percent(at.row + 1, lines.length)}), col ${String(column).padStart(2)}/${String(columns).padStart(2)} (${percent(column, columns).padStart(4)}), char ${pad(here, all)}/${all} (${percent(here, all)})`
  }

  *#ask(question: string, initial: string, help: NanoView['help']): Keys<string | undefined> {
    let typed = initial
    this.#help = help
    try {
      for (;;) {
        this.#prompt = `${question}: ${typed}`
        const key = yield
        if (key === '\r' || key === '\n') return typed
        if (key === ctrl('c')) return undefined
        if (key === '<Backspace>') typed = typed.slice(0, before(typed, typed.length))
        else if (key === ctrl('u')) typed = ''
        else if (key >= ' ' && !(key.startsWith('<') && key.length > 1)) typed += key
      }
    } finally {
      this.#prompt = undefined
      this.#help = MAIN
    }
  }

  *#leave(): Keys<void> {
    if (this.#modified) {
      this.#help = YES_NO
      this.#prompt = 'Save modified buffer? '
      let key: string
      do key = (yield).toLowerCase()
      while (!['y', 'n', ctrl('c')].includes(key))
      this.#prompt = undefined
      this.#help = MAIN
      if (key === ctrl('c')) {
        this.message = 'Cancelled'
        return
      }
      if (key === 'y' && !(yield* this.#writeOut())) return
    }
    this.exitCode = 0
  }

  *#writeOut(): Keys<boolean> {
    const name = yield* this.#ask('File Name to Write', this.name ?? '', ASKING)
    if (name === undefined || name === '') {
      this.message = 'Cancelled'
      return false
    }
    const { lines } = this.buffer
    const text = lines.length === 1 && lines[0] === '' ? '' : lines.at(-1) === '' ? lines.join('\n') : `${lines.join('\n')}\n`
    try {
      this.#files.save(name, text)
    } catch (error) {
      if (!isSystemError(error)) throw error
      this.message = `Error writing ${name}: ${error.message}`
      return false
    }
    this.name = name
    this.#modified = false
    this.message = `Wrote ${lineCount(text.split('\n').length - 1)}`
    return true
  }

  *#whereIs(): Keys<void> {
    const typed = yield* this.#ask(this.#query === '' ? 'Search' : `Search [${this.#query}]`, '', ASKING)
    if (typed === undefined || (typed === '' && this.#query === '')) {
      this.message = 'Cancelled'
      return
    }
    this.#query = typed || this.#query
    const { buffer } = this
    const { lines, at } = buffer
    const wanted = this.#query.toLowerCase()
    for (let i = 0; i <= lines.length; i++) {
      const row = (at.row + i) % lines.length
      const column = lines[row]!.toLowerCase().indexOf(wanted, i === 0 ? at.column + 1 : 0)
      if (column < 0) continue
      if (i === lines.length && column === at.column) this.message = 'This is the only occurrence'
      else if (row < at.row || i === lines.length) this.message = 'Search Wrapped'
      buffer.at = { row, column }
      return
    }
    this.message = `"${this.#query}" not found`
  }
}

const INSERT = { autoindent: false, expandtab: false, tab: 8, shift: 8 }

tool('nano', 'raw', function* ({ process, options }) {
  const [file, more] = options.operands
  const flag = options.operands.find((word) => word.startsWith('-') || word.startsWith('+'))
  if (flag !== undefined) throw new NotSimulated(`the option ${flag} of nano (use nano FILE)`)
  if (more !== undefined) throw new NotSimulated('nano with several files (open one at a time)')
  const place = terminalOf(process)
  if (!place) {
    yield* process.printError(process.terminalOf(1) ? 'Standard input is not a terminal\n' : 'Standard output is not a terminal\n')
    return 1
  }
  const nano = new Nano({ load: (name) => loadText(process, name), save: (name, text) => saveText(process, name, text) })
  if (file !== undefined) nano.open(file)
  return yield* runFullscreen(process, place, nano)
})
