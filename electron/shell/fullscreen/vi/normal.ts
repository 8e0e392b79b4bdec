import { ctrl } from '../keys.ts'
import { after, before, type Fullscreen, type Picture } from '../screen.ts'
import { Buffer, firstNonBlank, type Position } from './buffer.ts'
import { join, operate, put } from './changes.ts'
import { draw } from './display.ts'
import { type Files, runEx } from './ex.ts'
import { insertKey } from './insert.ts'
import { motion, type Motion } from './motions.ts'
import { compilePattern, messageOf, search } from './pattern.ts'

/** What waits for keys. */
type Keys<T> = Generator<undefined, T, string>

const OPERATORS = 'dcy<>'

/** vi as vim is without a configuration: normal, insert and command-line mode over one buffer. */
export class Vi implements Fullscreen {
  readonly buffer: Buffer
  readonly files: Files
  name: string | undefined
  readonly = false
  exitCode: number | undefined
  message = ''
  readonly options = { number: false, autoindent: false, expandtab: false, tab: 8, shift: 8, ignorecase: false, smartcase: false, wrapscan: true, readonly: false }
  lastSearch: { pattern: string; forward: boolean } | undefined
  #status: string | undefined
  #typing = false
  #top = 0
  #height = 23
  #wanted: number | undefined
  #core: Keys<void>
  #queue: string[] = []
  #recorded: string[] = []
  #lastChange: readonly string[] = []
  #replaying = false
  #find: { key: string; char: string } | undefined

  constructor(files: Files, now: () => number) {
    this.files = files
    this.buffer = new Buffer(now)
    this.#core = this.#main()
    this.#core.next()
  }

  press(key: string): void {
    this.#core.next(key)
  }

  draw(size: { columns: number; rows: number }): Picture {
    this.#height = Math.max(1, size.rows - 1)
    const { options, buffer } = this
    const view = { lines: buffer.lines, at: buffer.at, top: this.#top, numbers: options.number, tab: options.tab, status: this.#status ?? this.message, typing: this.#typing }
    const picture = draw(view, size)
    this.#top = view.top
    return picture
  }

  *#key(): Keys<string> {
    const key = this.#queue.shift() ?? (yield)
    this.#recorded.push(key)
    return key
  }

  *#main(): Keys<void> {
    for (;;) {
      this.#recorded = []
      const changed = yield* this.#command()
      this.buffer.commit()
      this.buffer.clamp()
      if (changed && !this.#replaying) this.#lastChange = this.#recorded
      if (this.#queue.length === 0) this.#replaying = false
    }
  }

  *#count(first: string): Keys<{ key: string; count: number | undefined }> {
    let digits = ''
    let key = first
    while (/^[1-9]$/.test(key) || (digits !== '' && key === '0')) {
      digits += key
      key = yield* this.#key()
    }
    return { key, count: digits === '' ? undefined : Math.min(Number(digits), 1_000_000) }
  }

  /** One command of normal mode; true when `.` repeats it. */
  *#command(): Keys<boolean> {
    const first = yield* this.#key()
    if (first !== '<Esc>') this.message = ''
    const { key, count } = yield* this.#count(first)
    const { buffer } = this
    const { at } = buffer
    const times = count ?? 1
    buffer.begin()
    if (OPERATORS.includes(key)) return yield* this.#operator(key, count)
    const moved = yield* this.#motion(key, count)
    if (moved !== 'none') {
      if (moved) this.#go(moved.to, key)
      return false
    }
    switch (key) {
      case 'x': case '<Delete>': return operate(this, 'd', this.#onLine('l', times))
      case 'X': return operate(this, 'd', this.#onLine('h', times))
      case 'D': return operate(this, 'd', motion(buffer, '$', count) as Motion)
      case 'C': operate(this, 'c', motion(buffer, '$', count) as Motion); return yield* this.#insert()
      case 's': if (buffer.line !== '') operate(this, 'c', this.#onLine('l', times)); return yield* this.#insert()
      case 'S': return yield* this.#lines('c', times)
      case 'Y': return yield* this.#lines('y', times)
      case 'i': return yield* this.#insert(times)
      case 'I': at.column = buffer.line === '' ? 0 : Math.max(0, buffer.line.search(/[^ \t]|$/)); return yield* this.#insert(times)
      case 'a': at.column = after(buffer.line, at.column); return yield* this.#insert(times)
      case 'A': at.column = buffer.line.length; return yield* this.#insert(times)
      case 'o': case 'O': {
        const indent = this.options.autoindent ? /^[ \t]*/.exec(buffer.line)![0] : ''
        const row = key === 'o' ? at.row + 1 : at.row
        buffer.lines.splice(row, 0, indent)
        buffer.at = { row, column: indent.length }
        return yield* this.#insert(times, '\n')
      }
      case 'p': case 'P': put(this, key === 'p', times); return true
      case 'u': for (let i = 0; i < times; i++) this.message = buffer.travel(true); return false
      case ctrl('r'): for (let i = 0; i < times; i++) this.message = buffer.travel(false); return false
      case 'J': join(buffer, Math.max(2, times)); return true
      case 'r': {
        const char = yield* this.#key()
        if (char === '<Esc>') return false
        let end = at.column
        for (let i = 0; i < times; i++) {
          if (end >= buffer.line.length) return false
          end = after(buffer.line, end)
        }
        const start = { ...at }
        buffer.cutSpan(start, { row: at.row, column: end })
        buffer.insert(char === '\r' ? '\n' : char.repeat(times))
        if (char !== '\r') buffer.at.column = before(buffer.line, buffer.at.column)
        return true
      }
      case '~':
        for (let i = 0; i < times && buffer.at.column < buffer.line.length; i++) {
          const end = after(buffer.line, buffer.at.column)
          const [char] = buffer.cutSpan(buffer.at, { row: at.row, column: end })
          buffer.insert(char! === char!.toUpperCase() ? char!.toLowerCase() : char!.toUpperCase())
        }
        return true
      case '.': {
        const keys = [...this.#lastChange]
        if (keys.length === 0) return false
        if (count !== undefined) while (/^\d$/.test(keys[0]!)) keys.shift()
        this.#replaying = true
        this.#queue.unshift(...(count === undefined ? [] : String(count)), ...keys)
        return false
      }
      case ':': yield* this.#commandLine(count); return false
      case 'Z': {
        const second = yield* this.#key()
        if (second === 'Z') runEx(this, 'x')
        else if (second === 'Q') runEx(this, 'q!')
        return false
      }
      case ctrl('f'): case '<PageDown>': this.#scroll(times * Math.max(1, this.#height - 2), true); return false
      case ctrl('b'): case '<PageUp>': this.#scroll(-times * Math.max(1, this.#height - 2), true); return false
      case ctrl('d'): this.#scroll(count ?? Math.floor(this.#height / 2), false); return false
      case ctrl('u'): this.#scroll(-(count ?? Math.floor(this.#height / 2)), false); return false
      case ctrl('e'): this.#top = Math.min(this.#top + times, buffer.lines.length - 1); at.row = Math.max(at.row, this.#top); return false
      case ctrl('y'): this.#top = Math.max(0, this.#top - times); at.row = Math.min(at.row, this.#top + this.#height - 1); return false
      case ctrl('g'): this.message = this.#whereabouts(); return false
      case ctrl('c'): this.message = 'Type  :qa!  and press <Enter> to abandon all changes and exit Vim'; if (!buffer.modified) this.message = 'Type  :qa  and press <Enter> to exit Vim'; return false
      case 'v': case 'V': case ctrl('v'): case 'R': case 'q': case '@': case 'm': case '`': case '\'': case '"': this.message = `podhop: not simulated: ${key < ' ' ? 'CTRL-V' : key} in vi`; return false
    }
    return false
  }

  #onLine(key: 'h' | 'l', count: number): Motion | undefined {
    return motion(this.buffer, key, count) as Motion | undefined
  }

  *#motion(key: string, count: number | undefined): Keys<Motion | undefined | 'none'> {
    const { buffer } = this
    if (key === 'g') {
      const second = yield* this.#key()
      return second === 'g' ? motion(buffer, 'G', count ?? 1) : second === '_' ? motion(buffer, '$', count) : undefined
    }
    if ('fFtT'.includes(key)) {
      this.#find = { key, char: yield* this.#key() }
      return this.#findChar(this.#find.key, this.#find.char, count ?? 1)
    }
    if ((key === ';' || key === ',') && this.#find) {
      const { key: kind, char } = this.#find
      return this.#findChar(key === ';' ? kind : kind === kind.toLowerCase() ? kind.toUpperCase() : kind.toLowerCase(), char, count ?? 1)
    }
    if (key === '/' || key === '?') {
      const typed = yield* this.#line(key)
      if (typed === undefined) return undefined
      const pattern = typed === '' ? this.lastSearch?.pattern : typed
      if (pattern === undefined) {
        this.message = 'E35: No previous regular expression'
        return undefined
      }
      this.lastSearch = { pattern, forward: key === '/' }
      return this.#search(key === '/', count ?? 1)
    }
    if (key === 'n' || key === 'N') {
      if (this.lastSearch) return this.#search(this.lastSearch.forward === (key === 'n'), count ?? 1)
      this.message = 'E35: No previous regular expression'
      return undefined
    }
    if (key === '*' || key === '#') {
      const { line, at } = buffer
      const found = [...line.matchAll(/[\w\u0080-\uffff]+/g)].find((m) => m.index + m[0].length > at.column)
      if (!found) return undefined
      this.lastSearch = { pattern: `\\<${found[0]}\\>`, forward: key === '*' }
      return this.#search(key === '*', count ?? 1)
    }
    if ('HML'.includes(key)) {
      const last = Math.min(buffer.lines.length, this.#top + this.#height) - 1
      const row = key === 'H' ? Math.min(last, this.#top + (count ?? 1) - 1) : key === 'L' ? Math.max(this.#top, last - (count ?? 1) + 1) : Math.floor((this.#top + last) / 2)
      return { to: { row, column: firstNonBlank(buffer.lines[row]!) }, linewise: true }
    }
    return motion(buffer, key, count)
  }

  #findChar(kind: string, char: string, count: number): Motion | undefined {
    const { line, at } = this.buffer
    const forward = kind === 'f' || kind === 't'
    let column = at.column
    for (let i = 0; i < count; i++) {
      column = forward ? line.indexOf(char, column + 1) : column === 0 ? -1 : line.lastIndexOf(char, column - 1)
      if (column < 0) return undefined
    }
    if (kind === 't') column = before(line, column)
    else if (kind === 'T') column = after(line, column)
    return { to: { row: at.row, column }, inclusive: forward }
  }

  #search(forward: boolean, count: number): Motion | undefined {
    const { pattern } = this.lastSearch!
    try {
      const expression = compilePattern(pattern, this.options)
      let from = this.buffer.at
      for (let i = 0; i < count; i++) {
        const found = search(this.buffer.lines, expression, from, forward)
        if (!found) {
          this.message = `E486: Pattern not found: ${pattern}`
          return undefined
        }
        this.message = found.wrapped ? `search hit ${forward ? 'BOTTOM, continuing at TOP' : 'TOP, continuing at BOTTOM'}` : `${forward ? '/' : '?'}${pattern}`
        from = found.at
      }
      return { to: from }
    } catch (error) {
      this.message = messageOf(error as Error)
      return undefined
    }
  }

  #go(to: Position, key: string): void {
    const { buffer } = this
    const vertical = ['j', 'k', '<Up>', '<Down>', '\x0e', '\x10', '\n'].includes(key)
    if (vertical) {
      this.#wanted ??= buffer.at.column
      buffer.at = { row: to.row, column: this.#wanted }
    } else {
      buffer.at = { ...to }
      this.#wanted = key === '$' || key === '<End>' ? Infinity : undefined
    }
    buffer.clamp()
  }

  #scroll(by: number, page: boolean): void {
    const { buffer } = this
    const last = buffer.lines.length - 1
    this.#top = Math.max(0, Math.min(last, this.#top + by))
    const row = page ? (by > 0 ? Math.max(buffer.at.row, this.#top) : Math.min(buffer.at.row, this.#top + this.#height - 1)) : buffer.at.row + by
    buffer.at.row = Math.max(0, Math.min(last, row))
    buffer.at.column = firstNonBlank(buffer.line)
  }

  *#operator(operator: string, count: number | undefined): Keys<boolean> {
    const { key, count: inner } = yield* this.#count(yield* this.#key())
    const total = count === undefined && inner === undefined ? undefined : (count ?? 1) * (inner ?? 1)
    if (key === operator) return yield* this.#lines(operator, total ?? 1)
    const { buffer } = this
    // cw on a word is ce, as everybody is used to
    const onWord = operator === 'c' && (key === 'w' || key === 'W') && !/^[ \t]?$/.test(buffer.line[buffer.at.column] ?? '')
    let moved = yield* this.#motion(key, total)
    if (moved === 'none' || !moved) return false
    if (onWord) {
      const { row, column } = buffer.at
      const rest = buffer.line.slice(column)
      const end = key === 'W' ? /^\S+/.exec(rest)![0] : /^(?:[\w\u0080-\uffff]+|[^\w\s\u0080-\uffff]+)/.exec(rest)![0]
      const further = total ?? 1
      if (further === 1) moved = { to: { row, column: column + end.length } }
      else {
        buffer.at = { row, column: before(buffer.line, column + end.length) }
        moved = (motion(buffer, key === 'w' ? 'e' : 'E', further - 1) as Motion | undefined) ?? moved
        buffer.at = { row, column }
      }
    } else if ((key === 'w' || key === 'W') && buffer.line === '' && (total ?? 1) === 1) {
      moved = { to: buffer.at, linewise: true }
    } else if ((key === 'w' || key === 'W') && moved.to.row > buffer.at.row) {
      // a word at the end of a line: not the line's end with it
      const { row } = moved.to
      if (moved.to.column <= firstNonBlank(buffer.lines[row]!)) moved = { to: { row: row - 1, column: buffer.lines[row - 1]!.length } }
    }
    if (!operate(this, operator, moved)) return false
    return operator === 'c' ? yield* this.#insert() : operator !== 'y'
  }

  /** dd, cc, yy, << and >>. */
  *#lines(operator: string, count: number): Keys<boolean> {
    const { buffer } = this
    const first = buffer.at.row
    const last = first + count - 1
    if (count > 1 && first === buffer.lines.length - 1) return false
    operate(this, operator, { to: { row: Math.min(last, buffer.lines.length - 1), column: buffer.at.column }, linewise: true })
    return operator === 'c' ? yield* this.#insert() : operator !== 'y'
  }

  /** Insert mode, to its end; with a count what was typed comes as often (each on a line of its own after o). */
  *#insert(count = 1, between = ''): Keys<boolean> {
    const { buffer, options } = this
    const typed: string[] = []
    this.#status = '-- INSERT --'
    for (;;) {
      const key = yield* this.#key()
      if (key === '<Esc>' || key === ctrl('c')) break
      if (insertKey(buffer, key, options)) typed.push(key)
    }
    for (let i = 1; i < count; i++) for (const key of between === '' ? typed : ['<End>', '\r', ...typed]) insertKey(buffer, key, options)
    if (/^[ \t]+$/.test(buffer.line) && options.autoindent && buffer.at.column === buffer.line.length && (typed.length === 0 || typed.at(-1) === '\r')) buffer.lines[buffer.at.row] = ''
    this.#status = undefined
    this.message = ''
    if (buffer.at.column > 0) buffer.at.column = before(buffer.line, Math.min(buffer.at.column, buffer.line.length))
    this.#wanted = undefined
    return true
  }

  /** A line typed at the bottom; undefined when it was given up. */
  *#line(prompt: string, initial = ''): Keys<string | undefined> {
    let typed = initial
    this.#typing = true
    try {
      for (;;) {
        this.#status = prompt + typed
        const key = yield* this.#key()
        if (key === '\r' || key === '\n') return typed
        if (key === '<Esc>' || key === ctrl('c')) return undefined
        if (key === '<Backspace>') {
          if (typed === '') return undefined
          typed = typed.slice(0, before(typed, typed.length))
        } else if (key === ctrl('u')) typed = ''
        else if (key === ctrl('w')) typed = typed.replace(/\S*\s*$/, '')
        else if (key.length <= 2 && key >= ' ') typed += key
      }
    } finally {
      this.#typing = false
      this.#status = undefined
    }
  }

  *#commandLine(count: number | undefined): Keys<void> {
    const typed = yield* this.#line(':', count === undefined ? '' : count === 1 ? '.' : `.,.+${count - 1}`)
    if (typed !== undefined) runEx(this, typed)
  }

  #whereabouts(): string {
    const { buffer } = this
    const name = `"${this.name ?? '[No Name]'}"${buffer.modified ? ' [Modified]' : ''}`
    return buffer.isEmpty ? `${name} --No lines in buffer--` : `${name} ${buffer.lines.length} line${buffer.lines.length === 1 ? '' : 's'} --${Math.floor(((buffer.at.row + 1) * 100) / buffer.lines.length)}%--`
  }
}
