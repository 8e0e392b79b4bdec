import { compileRegExp } from '../../coreutils/regex.ts'
import { HELP } from './help.ts'
import { rowsOf, type Look } from './lines.ts'

/** A text that is read, and may still grow. */
export interface Source { readonly name: string; lines: string[]; ended: boolean; /** From a pipe: it has no name to show. */ piped: boolean }

export interface Options { chop: boolean; numbers: boolean; raw: boolean; ignoreCase: 'no' | 'small' | 'all'; prompt: 'short' | 'medium' | 'long'; squeeze: boolean; quitAtEnd: boolean }

interface Place { line: number; row: number }

/** Positions and searches of less on one text after another; what is drawn is a picture of it. */
export class Pager {
  readonly options: Options
  files: Source[]
  index = 0
  size = { columns: 80, rows: 24 }
  top: Place = { line: 0, row: 0 }
  message: string | undefined
  /** Nothing was typed yet: the prompt names the file. */
  fresh = true
  #shift = 0
  #half: number | undefined
  #window: number | undefined
  #pattern: { test: (line: string) => boolean; shown: RegExp | undefined } | undefined
  #highlight = true
  #direction: 1 | -1 = 1
  #filter: ((line: string) => boolean) | undefined
  #marks = new Map<string, { file: number; top: Place }>()
  #before: { file: number; top: Place } = { file: 0, top: { line: 0, row: 0 } }
  #helped: { files: Source[]; index: number; top: Place } | undefined

  constructor(files: Source[], options: Options) {
    this.files = files
    this.options = options
  }

  get file(): Source {
    return this.files[this.index]!
  }

  get inHelp(): boolean {
    return this.#helped !== undefined
  }

  get page(): number {
    return Math.max(1, this.size.rows - 1)
  }

  get #look(): Look {
    return { columns: this.size.columns, chop: this.options.chop, numbers: this.options.numbers, raw: this.options.raw, shift: this.#shift, found: this.#highlight ? this.#pattern?.shown : undefined }
  }

  #rows(line: number): string[] {
    return rowsOf(this.file.lines[line]!, line + 1, this.#look)
  }

  #visible(line: number): boolean {
    const { lines } = this.file
    if (line < 0 || line >= lines.length) return false
    if (this.options.squeeze && lines[line] === '' && lines[line - 1] === '') return false
    return this.#filter?.(lines[line]!) ?? true
  }

  #next({ line, row }: Place): Place | undefined {
    if (row + 1 < this.#rows(line).length) return { line, row: row + 1 }
    for (let next = line + 1; next < this.file.lines.length; next++) if (this.#visible(next)) return { line: next, row: 0 }
    return undefined
  }

  #former({ line, row }: Place): Place | undefined {
    if (row > 0) return { line, row: row - 1 }
    for (let former = line - 1; former >= 0; former--) if (this.#visible(former)) return { line: former, row: this.#rows(former).length - 1 }
    return undefined
  }

  #first(): Place | undefined {
    for (let line = 0; line < this.file.lines.length; line++) if (this.#visible(line)) return { line, row: 0 }
    return undefined
  }

  /** The places that are on the screen. */
  #shown(): Place[] {
    const out: Place[] = []
    let place: Place | undefined = this.#visible(this.top.line) ? this.top : this.#first()
    while (place && out.length < this.page) {
      out.push(place)
      place = this.#next(place)
    }
    return out
  }

  /** Rows of text, fewer than fit when the text is over. */
  rows(): string[] {
    return this.#shown().map(({ line, row }) => this.#rows(line)[row] ?? '')
  }

  get atEnd(): boolean {
    const shown = this.#shown()
    return this.file.ended && (shown.length === 0 || this.#next(shown.at(-1)!) === undefined)
  }

  /** False: there is nothing there. */
  forward(count: number, beyond = false): boolean {
    let moved = false
    for (let n = count; n > 0; n--) {
      const shown = this.#shown()
      if (shown.length === 0 || (!beyond && !this.#next(shown.at(-1)!))) return moved
      const next = this.#next(this.top)
      if (!next) return moved
      this.top = next
      moved = true
    }
    return moved
  }

  back(count: number): void {
    for (let n = count; n > 0; n--) {
      const former = this.#former(this.top)
      if (!former) return
      this.top = former
    }
  }

  windowForward(count: number | undefined): boolean {
    return this.forward(count ?? this.#window ?? this.page)
  }

  windowBack(count: number | undefined): void {
    this.back(count ?? this.#window ?? this.page)
  }

  setWindow(count: number | undefined): void {
    this.#window = count ?? this.#window
  }

  half(count: number | undefined): number {
    if (count !== undefined) this.#half = count
    return this.#half ?? Math.floor(this.page / 2)
  }

  sideways(by: number): void {
    this.options.chop = true
    this.#shift = Math.max(0, this.#shift + by)
  }

  #jumping(): void {
    this.#before = { file: this.index, top: this.top }
  }

  toLine(number: number): void {
    this.#jumping()
    const line = Math.max(0, Math.min(this.file.lines.length - 1, number - 1))
    this.top = { line, row: 0 }
    this.#fill()
  }

  toEnd(): void {
    this.#jumping()
    const last = this.file.lines.length - 1
    if (last < 0) return
    this.top = { line: last, row: this.#rows(last).length - 1 }
    if (!this.#visible(last)) this.top = this.#former(this.top) ?? this.top
    this.back(this.page - 1)
  }

  toPercent(percent: number): void {
    const bytes = this.#bytesBefore(this.file.lines.length)
    const wanted = Math.floor((bytes * Math.min(100, percent)) / 100)
    if (wanted >= bytes) return this.toEnd()
    let sum = 0
    const line = this.file.lines.findIndex((text) => (sum += byteLength(text) + 1) > wanted)
    this.toLine(line + 1)
  }

  /** No emptiness below the end, where there is enough above. */
  #fill(): void {
    const missing = this.page - this.#shown().length
    if (missing > 0) this.back(missing)
  }

  mark(letter: string): void {
    this.#marks.set(letter, { file: this.index, top: this.top })
  }

  toMark(letter: string): void {
    const target = letter === "'" ? this.#before : letter === '^' ? { file: this.index, top: { line: 0, row: 0 } } : letter === '$' ? undefined : this.#marks.get(letter)
    if (letter === '$') return this.toEnd()
    if (!target) {
      this.message = 'Mark not set'
      return
    }
    this.#jumping()
    this.index = target.file
    this.top = target.top
  }

  #compile(text: string): { test: (line: string) => boolean; shown: RegExp | undefined } | undefined {
    const without = /^[!\x0e]/.test(text)
    const pattern = without ? text.slice(1) : text
    const { ignoreCase } = this.options
    const insensitive = ignoreCase === 'all' || (ignoreCase === 'small' && !/[A-Z]/.test(pattern))
    try {
      const flags = insensitive ? 'i' : ''
      const compiled = compileRegExp(pattern, 'extended', flags)
      return { test: (line) => compiled.test(plain(line)) !== without, shown: without ? undefined : compileRegExp(pattern, 'extended', `g${flags}`) }
    } catch {
      this.message = 'Invalid pattern'
      return undefined
    }
  }

  /** `/`, `?`: an empty pattern is the former one. */
  search(text: string, direction: 1 | -1, count: number): void {
    if (text !== '') {
      const compiled = this.#compile(text)
      if (!compiled) return
      this.#pattern = compiled
    }
    this.#direction = direction
    this.#highlight = true
    const shown = this.#shown()
    this.#find(direction, count, text === '' ? undefined : direction > 0 ? this.top.line : shown.at(-1)?.line ?? this.top.line)
  }

  again(count: number, reversed: boolean): void {
    this.#find(reversed ? (-this.#direction as 1 | -1) : this.#direction, count, undefined)
  }

  #find(direction: 1 | -1, count: number, from: number | undefined): void {
    if (!this.#pattern) {
      this.message = 'No previous regular expression'
      return
    }
    const { lines } = this.file
    let left = count
    for (let line = from ?? this.top.line + direction; line >= 0 && line < lines.length; line += direction) {
      if (!this.#visible(line) || !this.#pattern.test(lines[line]!) || --left > 0) continue
      this.#jumping()
      this.top = { line, row: 0 }
      return
    }
    this.message = 'Pattern not found'
  }

  /** &pattern */
  filter(text: string): void {
    const compiled = text === '' ? undefined : this.#compile(text)
    if (text !== '' && !compiled) return
    this.#filter = compiled?.test
    if (compiled) this.#pattern = compiled
    const shown = this.#shown()
    this.top = shown[0] ?? this.top
    this.#fill()
  }

  toggleHighlight(): void {
    this.#highlight = !this.#highlight
  }

  /** Another file of the list. */
  open(index: number, complaint: string): boolean {
    if (index < 0 || index >= this.files.length) {
      this.message = complaint
      return false
    }
    this.index = index
    this.top = { line: 0, row: 0 }
    this.fresh = true
    return true
  }

  help(): void {
    this.#helped = { files: this.files, index: this.index, top: this.top }
    this.files = [{ name: 'HELP', lines: HELP.split('\n').slice(0, -1), ended: true, piped: false }]
    this.index = 0
    this.top = { line: 0, row: 0 }
  }

  /** False: there was no help to leave. */
  leaveHelp(): boolean {
    if (!this.#helped) return false
    this.files = this.#helped.files
    this.index = this.#helped.index
    this.top = this.#helped.top
    this.#helped = undefined
    return true
  }

  #bytesBefore(line: number): number {
    let sum = 0
    for (let i = 0; i < line; i++) sum += byteLength(this.file.lines[i]!) + 1
    return sum
  }

  #place(): string {
    const shown = this.#shown()
    const [first, last] = [shown[0]?.line ?? 0, shown.at(-1)?.line ?? 0]
    return `${first + 1}-${last + 1}/${this.file.lines.length}`
  }

  get #ordinal(): string {
    return this.files.length > 1 ? ` (file ${this.index + 1} of ${this.files.length})` : ''
  }

  #percent(): string {
    const last = this.#shown().at(-1)?.line ?? 0
    return `${Math.floor((this.#bytesBefore(last + 1) * 100) / Math.max(1, this.#bytesBefore(this.file.lines.length)))}%`
  }

  /** "(END)", with what comes then. */
  #end(): string {
    const next = this.files[this.index + 1]
    return `(END)${next ? ` - Next: ${next.name}` : ''}`
  }

  /** `=` */
  status(): string {
    const shown = this.#shown().at(-1)?.line ?? 0
    const name = this.file.piped ? '' : `${this.file.name}${this.#ordinal} `
    return `${name}lines ${this.#place()} byte ${this.#bytesBefore(shown + 1)}/${this.#bytesBefore(this.file.lines.length)} ${this.atEnd ? this.#end() : this.#percent()}`
  }

  /** What stands in the last row; `standout`: and how. */
  prompt(): { text: string; standout: boolean } {
    if (this.message !== undefined) return { text: `${this.message}  (press RETURN)`, standout: true }
    if (this.inHelp) return { text: `HELP -- ${this.atEnd ? 'END -- Press g to see it again' : 'Press RETURN for more'}, or q when done`, standout: true }
    const filter = this.#filter ? '& ' : ''
    const name = this.file.piped ? '' : `${this.file.name}${this.#ordinal}`
    const { prompt } = this.options
    if (prompt === 'long') return { text: `${filter}${name === '' ? '' : `${name} `}lines ${this.#place()} ${this.atEnd ? this.#end() : this.#percent()}`, standout: true }
    const start = this.fresh ? name : ''
    const rest = this.atEnd ? this.#end() : prompt === 'medium' ? this.#percent() : ''
    const text = [start, rest].filter(Boolean).join(' ')
    return text === '' ? { text: `${filter}:`, standout: false } : { text: filter + text, standout: true }
  }
}

function byteLength(text: string): number {
  let sum = 0
  for (const char of text) {
    const code = char.codePointAt(0)!
    sum += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return sum
}

function plain(line: string): string {
  return line.replace(/\x1b\[[0-9;]*m/g, '')
}
