import { byName } from '../../engine/own.ts'
import { PosixRegExp } from '../regex/guarded.ts'

const CLASSES: Readonly<Record<string, string>> = byName({
  alpha: 'a-zA-Z', digit: '0-9', alnum: 'a-zA-Z0-9', upper: 'A-Z', lower: 'a-z', space: '\\s', blank: ' \\t', punct: '!-\\/:-@\\[-`{-~',
  xdigit: '0-9A-Fa-f', cntrl: '\\x00-\\x1f\\x7f', print: '\\x20-\\x7e', graph: '\\x21-\\x7e', word: 'A-Za-z0-9_',
})

/** regcomp(3)'s complaint. */
export class RegExpError extends Error {}

/** A POSIX regular expression (regex(7), with GNU's \w \b \< \+ …) in JavaScript's words. */
export function translateRegExp(source: string, kind: 'basic' | 'extended' = 'extended'): string {
  return new Translation(source, kind === 'basic').run()
}

/** Compiles; `flags` are JavaScript's. Throws {@link RegExpError} with glibc's text. */
export function compileRegExp(source: string, kind: 'basic' | 'extended', flags = ''): RegExp {
  return posixRegExp(translateRegExp(source, kind), flags)
}

/** Compiles what {@link translateRegExp} gave. */
export function posixRegExp(translated: string, flags = ''): RegExp {
  try {
    return new PosixRegExp(translated, flags + 'su')
  } catch {
    throw new RegExpError('Invalid regular expression')
  }
}

class Translation {
  #source: string
  #basic: boolean
  #at = 0
  #out = ''
  #depth = 0
  /** Nothing before here that could be repeated. */
  #start = true

  constructor(source: string, basic: boolean) {
    this.#source = source
    this.#basic = basic
  }

  run(): string {
    while (this.#at < this.#source.length) this.#step()
    if (this.#depth > 0) throw new RegExpError(this.#basic ? 'Unmatched ( or \\(' : 'Unmatched ( or \\(')
    return this.#out
  }

  #step(): void {
    const c = String.fromCodePoint(this.#source.codePointAt(this.#at)!)
    this.#at += c.length
    if (c === '[') return this.#atom(this.#bracket())
    if (c === '\\') return this.#escape()
    if (this.#basic) {
      if (c === '*') return this.#start ? this.#atom('\\*') : this.#repeat('*')
      if (c === '^') return this.#start ? this.#anchor('^') : this.#atom('\\^')
      if (c === '$') return this.#at >= this.#source.length || /^\\[)|]/.test(this.#source.slice(this.#at)) ? this.#anchor('$', false) : this.#atom('\\$')
      if (c === '.') return this.#atom('.')
      return this.#atom(literal(c))
    }
    switch (c) {
      case '(':
        return this.#open()
      case ')':
        return this.#depth > 0 ? this.#close() : this.#atom('\\)')
      case '|':
        return this.#alternative()
      case '*':
      case '+':
      case '?':
        return this.#start ? this.#atom('\\' + c) : this.#repeat(c)
      case '{': {
        const count = /^(\d*)(,?)(\d*)\}/.exec(this.#source.slice(this.#at))
        if (!count || (count[1] === '' && count[3] === '') || this.#start) return this.#atom('\\{')
        this.#at += count[0].length
        return this.#repeat(`{${count[1] || '0'}${count[2]}${count[3]}}`)
      }
      case '^':
        return this.#anchor('^')
      case '$':
        return this.#anchor('$', false)
      case '.':
        return this.#atom('.')
      default:
        return this.#atom(literal(c))
    }
  }

  #escape(): void {
    const c = this.#source[this.#at++]
    if (c === undefined) throw new RegExpError('Trailing backslash')
    if (this.#basic) {
      if (c === '(') return this.#open()
      if (c === ')') {
        if (this.#depth === 0) throw new RegExpError('Unmatched ) or \\)')
        return this.#close()
      }
      if (c === '|') return this.#alternative()
      if (c === '+' || c === '?') return this.#start ? this.#atom('\\' + c) : this.#repeat(c)
      if (c === '{') {
        const count = /^(\d*)(,?)(\d*)\\\}/.exec(this.#source.slice(this.#at))
        if (!count) throw new RegExpError('Unmatched \\{')
        this.#at += count[0].length
        return this.#repeat(`{${count[1] || '0'}${count[2]}${count[3]}}`)
      }
    }
    if (/[1-9]/.test(c)) return this.#atom(`(?:\\${c})`)
    if (/[wWsS]/.test(c)) return this.#atom('\\' + c)
    if (c === 'b' || c === 'B') return this.#anchor('\\' + c, false)
    if (c === '<') return this.#anchor('\\b(?=\\w)', false)
    if (c === '>') return this.#anchor('\\b(?<=\\w)', false)
    if (c === '`') return this.#anchor('(?<![^])', false)
    if (c === "'") return this.#anchor('(?![^])', false)
    if (c === 'n') return this.#atom('\\n')
    if (c === 't') return this.#atom('\\t')
    return this.#atom(literal(c))
  }

  #atom(text: string): void {
    this.#out += text
    this.#start = false
  }

  #anchor(text: string, start = true): void {
    this.#out += text
    this.#start = start
  }

  #repeat(text: string): void {
    // Two repetitions in a row ("a**") are one to POSIX and an error to JavaScript.
    if (/[*+?}]$/.test(this.#out) && this.#repeated) {
      if (text !== '?') this.#out = this.#out.replace(/(?:[*+?]|\{[\d,]*\})$/, '*')
      return
    }
    this.#out += text
    this.#repeated = true
  }

  get #repeated(): boolean {
    return this.#lastRepeat === this.#out.length
  }

  set #repeated(_on: boolean) {
    this.#lastRepeat = this.#out.length
  }

  #lastRepeat = -1

  #open(): void {
    this.#depth++
    this.#out += '('
    this.#start = true
  }

  #close(): void {
    this.#depth--
    this.#out += ')'
    this.#start = false
  }

  #alternative(): void {
    this.#out += '|'
    this.#start = true
  }

  #bracket(): string {
    const s = this.#source
    let i = this.#at
    let out = '['
    if (s[i] === '^') {
      out += '^'
      i++
    }
    for (let first = true; ; first = false) {
      const c = s[i]
      if (c === undefined) throw new RegExpError('Unmatched [, [^, [:, [., or [=')
      if (c === ']' && !first) break
      const named = c === '[' ? /^\[:(\w+):\]/.exec(s.slice(i)) : null
      if (named) {
        const set = CLASSES[named[1]!]
        if (set === undefined) throw new RegExpError('Invalid character class name')
        out += set
        i += named[0].length
        continue
      }
      const whole = String.fromCodePoint(s.codePointAt(i)!)
      i += whole.length
      if (whole === '-' && !(first || s[i] === ']')) out += '-'
      else if (s[i] === '-' && s[i + 1] !== undefined && s[i + 1] !== ']' && whole > s[i + 1]!) throw new RegExpError('Invalid range end')
      else out += /[\\\]^[-]/.test(whole) ? '\\' + whole : whole
    }
    this.#at = i + 1
    return out + ']'
  }
}

function literal(c: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(c) ? '\\' + c : c
}
