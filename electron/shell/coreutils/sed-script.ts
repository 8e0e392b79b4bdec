import { Failure } from './command.ts'
import { RegExpError, compileRegExp } from './regex.ts'

export type Address =
  | { kind: 'line'; line: number }
  | { kind: 'last' }
  | { kind: 'step'; first: number; step: number }
  | { kind: 'pattern'; pattern: RegExp }
  | { kind: 'offset'; count: number }

export interface SedCommand {
  name: string
  from?: Address
  to?: Address
  negated: boolean
  /** Where a jump goes, or the end of a group. */
  target?: number
  label?: string
  text?: string
  pattern?: RegExp
  replacement?: (groups: readonly unknown[]) => string
  global?: boolean
  print?: boolean
  nth?: number
  file?: string
  map?: ReadonlyMap<string, string>
  code?: number
}

/** Parses sed(1)'s little language; errors as GNU sed 4.9 words them. */
export function parseSed(scripts: readonly string[], extended: boolean): { commands: SedCommand[]; quiet: boolean } {
  return new SedParser(scripts.join('\n'), extended).run()
}

class SedParser {
  readonly #source: string
  readonly #extended: boolean
  #at = 0
  #commands: SedCommand[] = []
  #lastPattern: RegExp | undefined

  constructor(source: string, extended: boolean) {
    this.#source = source
    this.#extended = extended
  }

  run(): { commands: SedCommand[]; quiet: boolean } {
    const quiet = /^#n(\n|$)/.test(this.#source)
    const groups: number[] = []
    for (;;) {
      this.#skip(/[\s;]/)
      if (this.#at >= this.#source.length) break
      if (this.#source[this.#at] === '#') {
        this.#line()
        continue
      }
      const command = this.#command()
      if (command.name === '{') groups.push(this.#commands.length)
      if (command.name === '}') {
        const open = groups.pop()
        if (open === undefined) throw this.#error("unexpected `}'")
        this.#commands[open]!.target = this.#commands.length
      }
      this.#commands.push(command)
    }
    if (groups.length > 0) throw new Failure("-e expression #1, char 0: unmatched `{'")
    for (const command of this.#commands) {
      if (!'btT'.includes(command.name)) continue
      const target = command.label === '' ? this.#commands.length : this.#commands.findIndex((c) => c.name === ':' && c.label === command.label)
      if (target < 0) throw new Failure(`-e expression #1, char ${this.#source.length}: can't find label for jump to \`${command.label}'`)
      command.target = target
    }
    return { commands: this.#commands, quiet }
  }

  #error(message: string): Failure {
    return new Failure(`-e expression #1, char ${Math.min(this.#at, this.#source.length)}: ${message}`)
  }

  #skip(what: RegExp): void {
    while (this.#at < this.#source.length && what.test(this.#source[this.#at]!)) this.#at++
  }

  #line(): string {
    const end = this.#source.indexOf('\n', this.#at)
    const text = this.#source.slice(this.#at, end < 0 ? undefined : end)
    this.#at = end < 0 ? this.#source.length : end + 1
    return text
  }

  #command(): SedCommand {
    const from = this.#address()
    let to: Address | undefined
    this.#skip(/[ \t]/)
    if (from && this.#source[this.#at] === ',') {
      this.#at++
      this.#skip(/[ \t]/)
      to = this.#address(true)
      if (!to) throw this.#error("unexpected `,'")
    }
    this.#skip(/[ \t]/)
    let negated = false
    while (this.#source[this.#at] === '!') {
      negated = true
      this.#at++
      this.#skip(/[ \t]/)
    }
    const name = this.#source[this.#at]
    if (name === undefined) throw this.#error('missing command')
    this.#at++
    const command: SedCommand = { name, negated, ...(from && { from }), ...(to && { to }) }
    switch (name) {
      case '{':
        return command
      case '}':
        if (from) throw this.#error("unexpected `}'")
        return command
      case 's':
        return this.#substitution(command)
      case 'y':
        return this.#transliteration(command)
      case 'a':
      case 'i':
      case 'c':
        return this.#text(command)
      case ':':
        command.label = this.#word(/[;\n]/)
        if (command.label === '') throw this.#error('":" lacks a label')
        return command
      case 'b':
      case 't':
      case 'T':
        command.label = this.#word(/[;\n}]/)
        return command
      case 'r':
      case 'w':
        this.#skip(/[ \t]/)
        command.file = this.#line()
        if (command.file === '') throw this.#error('missing filename in r/R/w/W commands')
        return command
      case 'q':
      case 'Q': {
        this.#skip(/[ \t]/)
        const code = /^\d+/.exec(this.#source.slice(this.#at))
        if (code) {
          command.code = Number(code[0])
          this.#at += code[0].length
        }
        return this.#end(command)
      }
      case 'd': case 'D': case 'p': case 'P': case 'n': case 'N': case 'g': case 'G': case 'h': case 'H': case 'x': case '=': case 'l':
        return this.#end(command)
      default:
        throw this.#error(`unknown command: \`${name}'`)
    }
  }

  #end(command: SedCommand): SedCommand {
    this.#skip(/[ \t]/)
    const c = this.#source[this.#at]
    if (c !== undefined && !/[;\n}#]/.test(c)) {
      this.#at++
      throw this.#error('extra characters after command')
    }
    return command
  }

  #word(stop: RegExp): string {
    this.#skip(/[ \t]/)
    let text = ''
    while (this.#at < this.#source.length && !stop.test(this.#source[this.#at]!)) text += this.#source[this.#at++]
    return text.trim()
  }

  #address(second = false): Address | undefined {
    const rest = this.#source.slice(this.#at)
    const number = /^(\d+)(?:~(\d+))?/.exec(rest)
    if (number) {
      this.#at += number[0].length
      return number[2] === undefined ? { kind: 'line', line: Number(number[1]) } : { kind: 'step', first: Number(number[1]), step: Number(number[2]) }
    }
    const offset = second ? /^\+(\d+)/.exec(rest) : null
    if (offset) {
      this.#at += offset[0].length
      return { kind: 'offset', count: Number(offset[1]) }
    }
    if (rest.startsWith('$')) {
      this.#at++
      return { kind: 'last' }
    }
    if (!rest.startsWith('/') && !rest.startsWith('\\')) return undefined
    if (rest.startsWith('\\')) this.#at++
    const delimiter = this.#source[this.#at++]!
    const source = this.#until(delimiter, 'unterminated address regex', true)
    let flags = ''
    while (/[IM]/.test(this.#source[this.#at] ?? '')) flags += this.#source[this.#at++] === 'I' ? 'i' : 'm'
    return { kind: 'pattern', pattern: this.#pattern(source, flags) }
  }

  /** Up to an unescaped delimiter; in a regular expression, not inside brackets. */
  #until(delimiter: string, message: string, expression: boolean): string {
    let text = ''
    for (;;) {
      const c = this.#source[this.#at]
      if (c === undefined || (c === '\n' && expression)) throw this.#error(message)
      this.#at++
      if (c === delimiter) return text
      if (c === '\\') {
        const next = this.#source[this.#at++]
        if (next === undefined) throw this.#error(message)
        text += next === delimiter ? (expression && /[.*[\]^$+?(){}|]/.test(next) ? '\\' + next : next) : '\\' + next
        continue
      }
      if (c === '[' && expression) {
        const set = /^\^?\]?(?:\[:\w+:\]|[^\]\n])*\]/.exec(this.#source.slice(this.#at))
        if (set) {
          text += c + set[0]
          this.#at += set[0].length
          continue
        }
      }
      text += c
    }
  }

  #pattern(source: string, flags: string): RegExp {
    if (source === '') {
      if (!this.#lastPattern) throw this.#error('no previous regular expression')
      return this.#lastPattern
    }
    try {
      return (this.#lastPattern = compileRegExp(source, this.#extended ? 'extended' : 'basic', 'g' + flags))
    } catch (error) {
      if (error instanceof RegExpError) throw this.#error(error.message)
      throw error
    }
  }

  #substitution(command: SedCommand): SedCommand {
    const delimiter = this.#source[this.#at++]
    if (delimiter === undefined || delimiter === '\n' || delimiter === '\\') throw this.#error("unterminated `s' command")
    const source = this.#until(delimiter, "unterminated `s' command", true)
    const replacement = this.#until(delimiter, "unterminated `s' command", false)
    let flags = ''
    for (;;) {
      const c = this.#source[this.#at]
      if (c === 'g') command.global = true
      else if (c === 'p') command.print = true
      else if (c === 'i' || c === 'I') flags += 'i'
      else if (c === 'm' || c === 'M') flags += 'm'
      else if (c !== undefined && /\d/.test(c)) {
        const number = /^\d+/.exec(this.#source.slice(this.#at))![0]
        if (Number(number) === 0) throw this.#error("number option to `s' command may not be zero")
        command.nth = Number(number)
        this.#at += number.length
        continue
      } else if (c === 'w') {
        this.#at++
        this.#skip(/[ \t]/)
        command.file = this.#line()
        break
      } else if (c === undefined || /[;\n}#]/.test(c)) break
      else if (c === ' ' || c === '\t') {
        this.#at++
        continue
      } else {
        this.#at++
        throw this.#error("unknown option to `s'")
      }
      this.#at++
    }
    command.pattern = this.#pattern(source, flags)
    const groups = (command.pattern.source.replace(/\\./g, '').match(/\((?!\?)/g) ?? []).length
    for (const [, digit] of replacement.matchAll(/\\([1-9])/g)) {
      if (Number(digit) > groups) throw this.#error(`invalid reference \\${digit} on \`s' command's RHS`)
    }
    command.replacement = replacer(replacement)
    return command
  }

  #transliteration(command: SedCommand): SedCommand {
    const delimiter = this.#source[this.#at++]
    if (delimiter === undefined) throw this.#error("unterminated `y' command")
    const unescape = (text: string): string[] => [...text.replace(/\\n/g, '\n').replace(/\\\\/g, '\\')]
    const from = unescape(this.#until(delimiter, "unterminated `y' command", false))
    const to = unescape(this.#until(delimiter, "unterminated `y' command", false))
    if (from.length !== to.length) throw this.#error("strings for `y' command are different lengths")
    command.map = new Map(from.map((c, i) => [c, to[i]!]))
    return this.#end(command)
  }

  #text(command: SedCommand): SedCommand {
    this.#skip(/[ \t]/)
    if (this.#source[this.#at] === '\\') {
      this.#at++
      if (this.#at >= this.#source.length) return command
      // "a\", a newline and the text; blanks of a text on the same line belong to it
      const line = this.#at
      this.#skip(/[ \t]/)
      if (this.#source[this.#at] === '\n') this.#at++
      else this.#at = line
    }
    if (this.#at >= this.#source.length) throw this.#error('expected \\ after `a\', `c\' or `i\'')
    let text = ''
    for (;;) {
      const c = this.#source[this.#at++]
      if (c === undefined || c === '\n') break
      if (c === '\\') {
        const next = this.#source[this.#at++]
        text += CONTROLS[next ?? ''] ?? next ?? ''
      } else text += c
    }
    command.text = text
    return command
  }
}

/** Escapes in the text of a, i and c. */
const CONTROLS: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** \1, &, \n, \U \L \u \l \E in a replacement. */
function replacer(source: string): (groups: readonly unknown[]) => string {
  return (groups) => {
    let out = ''
    let mode = ''
    let once = ''
    const add = (text: string): void => {
      let shown = mode === 'U' ? text.toUpperCase() : mode === 'L' ? text.toLowerCase() : text
      if (once !== '' && shown !== '') {
        shown = (once === 'u' ? shown[0]!.toUpperCase() : shown[0]!.toLowerCase()) + shown.slice(1)
        once = ''
      }
      out += shown
    }
    for (let i = 0; i < source.length; i++) {
      const c = source[i]!
      if (c === '&') add(String(groups[0]))
      else if (c !== '\\') add(c)
      else {
        const next = source[++i] ?? '\\'
        if (/\d/.test(next)) add(String(groups[Number(next)] ?? ''))
        else if (next === 'n') add('\n')
        else if (next === 't') add('\t')
        else if (next === 'U' || next === 'L') mode = next
        else if (next === 'E') mode = ''
        else if (next === 'u' || next === 'l') once = next
        else add(next)
      }
    }
    return out
  }
}
