import { isSystemError } from '../../engine/machine/errors.ts'
import { ctrl } from './keys.ts'
import { drawNano, type NanoView } from './nano-screen.ts'
import { EACH, GOING, MAIN, READING, REPLACING, SEARCHING, UNDONE, WRITING, YES_NO } from './nano-help.ts'
import { Searching, type Desk, type Keys } from './nano-searching.ts'
import { after, before, type Fullscreen, type Picture } from './screen.ts'
import type { Loaded } from './text-file.ts'
import { insertKey } from './vi/insert.ts'
import { Buffer, type Position } from './vi/buffer.ts'

const INSERT = { autoindent: false, expandtab: false, tab: 8, shift: 8 }

/** What undo says of a change. */
type Change = 'addition' | 'line break' | 'deletion' | 'cut' | 'paste' | 'replacement' | 'insertion'
interface Snapshot { lines: readonly string[]; at: Position }
interface Step { what: Change; before: Snapshot; after: Snapshot }

interface Files { load(name: string): Loaded; save(name: string, text: string): void }

const lineCount = (n: number): string => `${n} line${n === 1 ? '' : 's'}`

/** GNU nano 7.2, its everyday keys. */
export class Nano implements Fullscreen, Desk {
  readonly buffer = new Buffer(() => 0)
  readonly #files: Files
  exitCode: number | undefined
  name: string | undefined
  message = ''
  /** M-N */
  numbered = false
  #steps: Step[] = []
  #undone: Step[] = []
  /** How many steps away from an empty hand the file on the disk is. */
  #saved = 0
  #prompt: string | undefined
  #help = MAIN
  #helpWidth: number | undefined
  #mark: Position | undefined
  #top = 0
  #height = 20
  #clipboard = ''
  #cutting = false
  /** What a search has found, while it asks about it. */
  spot: NanoView['marked']
  readonly #searching: Searching = new Searching(this)
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
    const view: NanoView = {
      lines: this.buffer.lines, at: this.buffer.at, top: this.#top, name: this.name, modified: this.#modified, message: this.message, prompt: this.#prompt, help: this.#help,
      marked: this.spot ?? this.#region(), numbered: this.numbered, ...(this.#helpWidth === undefined ? {} : { helpWidth: this.#helpWidth }),
    }
    const picture = drawNano(view, size)
    this.#top = view.top
    return picture
  }

  get #modified(): boolean {
    return this.#steps.length !== this.#saved
  }

  /** From the mark to the cursor, whichever is first. */
  #region(): { from: Position; to: Position } | undefined {
    const mark = this.#mark
    if (!mark) return undefined
    const { at } = this.buffer
    return mark.row < at.row || (mark.row === at.row && mark.column <= at.column) ? { from: mark, to: at } : { from: at, to: mark }
  }

  /** A key; what follows an Escape is one with Meta: M-X. */
  *#key(): Keys<string> {
    const key = yield
    if (key !== '<Esc>') return key
    const next = yield
    return next === '<Esc>' ? next : `M-${next.toUpperCase()}`
  }

  *#main(): Keys<void> {
    for (;;) {
      const key = yield* this.#key()
      this.message = ''
      const cutting = this.#cutting
      this.#cutting = false
      yield* this.#command(key, cutting)
    }
  }

  #snapshot(): Snapshot {
    return { lines: [...this.buffer.lines], at: { ...this.buffer.at } }
  }

  /** Does what changes the text, so that it can be undone; `joins`: together with the former of its kind, where the cursor has not moved. */
  change(what: Change, action: () => void, joins = false): void {
    const before = this.#snapshot()
    action()
    const { lines, at } = this.buffer
    // there is always an empty line at the end
    if (lines.at(-1) !== '') lines.push('')
    if (lines.length === before.lines.length && lines.every((line, i) => line === before.lines[i])) return
    const last = this.#steps.at(-1)
    this.#undone = []
    if (joins && last?.what === what && this.#steps.length !== this.#saved && last.after.at.row === before.at.row && last.after.at.column === before.at.column) last.after = this.#snapshot()
    else {
      if (this.#saved > this.#steps.length) this.#saved = -1
      this.#steps.push({ what, before, after: { lines: [...lines], at: { ...at } } })
    }
  }

  #travel(back: boolean): void {
    const [source, target] = back ? [this.#steps, this.#undone] : [this.#undone, this.#steps]
    const step = source.pop()
    if (!step) {
      this.message = `Nothing to ${back ? 'undo' : 'redo'}`
      return
    }
    target.push(step)
    const { lines, at } = back ? step.before : step.after
    this.buffer.lines = [...lines]
    this.buffer.at = { ...at }
    this.#mark = undefined
    this.message = `${back ? 'Undid' : 'Redid'} ${step.what}`
  }

  /** The marked text, or the line: taken, and with `remove` gone. */
  #take(remove: boolean, more: boolean): void {
    const { buffer } = this
    const region = this.#region()
    const last = buffer.at.row === buffer.lines.length - 1
    const { from, to } = region ?? { from: { row: buffer.at.row, column: 0 }, to: last ? { row: buffer.at.row, column: buffer.line.length } : { row: buffer.at.row + 1, column: 0 } }
    this.#mark = undefined
    const text = buffer.span(from, to).join('\n')
    if (text === '' && !region) return
    this.#clipboard = more ? this.#clipboard + text : text
    this.#cutting = !region
    if (remove) this.change('cut', () => buffer.cutSpan(from, to), more)
    else if (!region) buffer.at = { ...to }
  }

  *#command(key: string, cutting: boolean): Keys<void> {
    const { buffer } = this
    const { at, lines } = buffer
    switch (key) {
      case ctrl('x'): return yield* this.#leave()
      case ctrl('o'): case '<F3>': yield* this.#writeOut(); return
      case ctrl('s'): yield* this.#writeOut(this.name); return
      case ctrl('w'): return yield* this.#searching.whereIs(false)
      case ctrl('q'): return yield* this.#searching.whereIs(true)
      case 'M-W': case 'M-Q':
        if (this.#searching.query === '') this.message = 'No current search pattern'
        else this.#searching.seek(key === 'M-Q')
        return
      case '\x1c': case 'M-R': return yield* this.#searching.replace()
      case '\x1f': case 'M-G': return yield* this.goTo()
      case ctrl('r'): return yield* this.#readFile()
      case 'M-U': this.#travel(true); return
      case 'M-E': this.#travel(false); return
      case 'M-A': case '\x1e':
        this.#mark = this.#mark ? undefined : { ...at }
        this.message = this.#mark ? 'Mark Set' : 'Mark Unset'
        return
      case 'M-6': case 'M-^': this.#take(false, cutting); return
      case 'M-N':
        this.numbered = !this.numbered
        this.message = `Line numbering ${this.numbered ? 'enabled' : 'disabled'}`
        return
      case 'M-\\': case 'M-|': buffer.at = { row: 0, column: 0 }; return
      case 'M-/': case 'M-?': buffer.at = { row: lines.length - 1, column: lines.at(-1)!.length }; return
      case 'M-D': {
        const text = lines.join('\n')
        const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
        const whole = lines.at(-1) === '' ? lines.length - 1 : lines.length
        this.message = `${count(whole, 'line')},  ${count(text.split(/\s+/).filter((word) => word !== '').length, 'word')},  ${count([...text].length, 'character')}`
        return
      }
      case ctrl('k'): this.#take(true, cutting); return
      case ctrl('u'): if (this.#clipboard !== '') this.change('paste', () => buffer.insert(this.#clipboard)); return
      case ctrl('c'): this.message = this.#location(); return
      case ctrl('l'): return
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
      case ctrl('d'): this.change('deletion', () => insertKey(buffer, '<Delete>', INSERT), true); return
    }
    if (UNDONE.has(key)) this.message = `podhop: not simulated: ${key.startsWith('M-') ? key : `^${String.fromCharCode(key.charCodeAt(0) + 64)}`} in nano`
    else if (/^M-./u.test(key)) this.message = `Unbound key: ${key}`
    else if (key === '\r') this.change('line break', () => insertKey(buffer, key, INSERT))
    else if (key === '<Delete>' || key === '<Backspace>') this.change('deletion', () => insertKey(buffer, key, INSERT), true)
    else if (key >= ' ' || key === '\t') this.change('addition', () => insertKey(buffer, key, INSERT), true)
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

  /** What is typed at the bottom; undefined when cancelled. Keys that `own` takes are not the line's: with "end" the asking is over. */
  *ask(question: string | (() => string), initial: string, help: NanoView['help'], own: (key: string) => boolean | 'end' = () => false): Keys<string | undefined> {
    let typed = initial
    this.#help = help
    try {
      for (;;) {
        this.#prompt = `${typeof question === 'string' ? question : question()}: ${typed}`
        const key = yield* this.#key()
        const taken = own(key)
        if (taken === 'end') return undefined
        if (taken) continue
        if (key === '\r' || key === '\n') return typed
        if (key === ctrl('c')) {
          this.message = 'Cancelled'
          return undefined
        }
        if (key === '<Backspace>') typed = typed.slice(0, before(typed, typed.length))
        else if (key === ctrl('k')) typed = ''
        else if (key === ctrl('u')) typed += this.#clipboard.split('\n')[0]!
        else if ((key === ctrl('p') || key === '<Up>') && (help === SEARCHING || help === REPLACING)) typed = this.#searching.query
        else if (key >= ' ' && !/^(<|M-)./su.test(key)) typed += key
      }
    } finally {
      this.#prompt = undefined
      this.#help = MAIN
    }
  }

  /** y, n, a (where all is possible), or undefined for ^C. */
  *decide(question: string, all = false): Keys<string | undefined> {
    this.#help = all ? EACH : YES_NO
    this.#helpWidth = 16
    this.#prompt = `${question} `
    let key: string
    do key = (yield* this.#key()).toLowerCase()
    while (!['y', 'n', ctrl('c'), ...(all ? ['a'] : [])].includes(key))
    this.#prompt = undefined
    this.#help = MAIN
    this.#helpWidth = undefined
    return key === ctrl('c') ? undefined : key
  }

  *#leave(): Keys<void> {
    if (this.#modified) {
      const key = yield* this.decide('Save modified buffer?')
      if (key === undefined) {
        this.message = 'Cancelled'
        return
      }
      if (key === 'y' && !(yield* this.#writeOut())) return
    }
    this.exitCode = 0
  }

  /** `at once`: without asking for the name. */
  *#writeOut(known?: string): Keys<boolean> {
    let name = known
    for (let typed = this.name ?? ''; name === undefined;) {
      const given = yield* this.ask('File Name to Write', typed, WRITING, (key) => this.refuses(key, ['M-D', 'M-M', 'M-A', 'M-P', 'M-B', ctrl('t')]))
      if (given === undefined) return false
      if (given === '') {
        this.message = 'Cancelled'
        return false
      }
      typed = given
      if (given !== this.name) {
        if (this.name !== undefined && (yield* this.decide('Save file under DIFFERENT NAME?')) !== 'y') continue
        if (!this.#files.load(given).missing && (yield* this.decide(`File "${given}" exists; OVERWRITE?`)) !== 'y') continue
      }
      name = given
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
    this.#saved = this.#steps.length
    this.message = `Wrote ${lineCount(text.split('\n').length - 1)}`
    return true
  }

  /** A key of a prompt that nano has and this one has not ends the asking, and says so. */
  refuses(key: string, undone: readonly string[]): boolean | 'end' {
    if (key !== ctrl('g') && !undone.includes(key)) return false
    this.message = `podhop: not simulated: ${key.startsWith('M-') ? key : `^${String.fromCharCode(key.charCodeAt(0) + 64)}`} here in nano`
    return 'end'
  }

  *#readFile(): Keys<void> {
    const name = yield* this.ask('File to insert [from ./]', '', READING, (key) => this.refuses(key, ['M-F', 'M-N', ctrl('x'), ctrl('t')]))
    if (name === undefined) return
    if (name === '') {
      this.message = 'Cancelled'
      return
    }
    const loaded = this.#files.load(name)
    if (loaded.missing) {
      this.message = loaded.missing === 'directory' ? `"${name}" is a directory` : loaded.missing === 'denied' ? `Error reading ${name}: Permission denied` : `File "${name}" not found`
      return
    }
    this.change('insertion', () => this.buffer.insert(loaded.lines.join('\n') + (loaded.unended || loaded.lines.length === 0 ? '' : '\n')))
    this.message = `Read ${lineCount(loaded.lines.length)}`
  }

  *goTo(): Keys<void> {
    const { buffer } = this
    const typed = yield* this.ask('Enter line number, column number', '', GOING, (key) => {
      if (key !== ctrl('y') && key !== ctrl('v')) return this.refuses(key, [ctrl('w'), ctrl('o'), ctrl('t')])
      buffer.at = { row: key === ctrl('y') ? 0 : buffer.lines.length - 1, column: 0 }
      return 'end'
    })
    if (typed === undefined) return
    if (typed === '') this.message = 'Cancelled'
    else if (!this.place(typed)) this.message = 'Invalid line or column number'
  }

  /** "LINE,COLUMN", either may be missing; negative ones count from the end. False when it is none. */
  place(text: string): boolean {
    const found = /^\s*([-+]?\d+)?(?:[,.:;]\s*([-+]?\d+)?)?\s*$/.exec(text)
    if (!found || (found[1] === undefined && found[2] === undefined)) return false
    const { buffer } = this
    const line = found[1] === undefined ? buffer.at.row + 1 : Number(found[1])
    const column = found[2] === undefined ? 1 : Number(found[2])
    if (line === 0 || column === 0) return false
    buffer.at.row = line < 0 ? buffer.lines.length + line : line - 1
    buffer.at.column = 0
    buffer.clamp(true)
    buffer.at.column = column < 0 ? buffer.line.length + 1 + column : column - 1
    buffer.clamp(true)
    return true
  }
}
