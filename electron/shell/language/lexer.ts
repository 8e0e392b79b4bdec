import { ParseError, type List, type Part, type Redirect, type Word } from './ast.ts'
import { ansiQuoted } from './escapes.ts'
import { ParameterLexer } from './parameter-lexer.ts'
import { delimiterOf } from './word-text.ts'

export type Token =
  | { kind: 'word'; word: Word; start: number; end: number }
  | { kind: 'operator'; text: string; start: number; end: number }
  | { kind: 'io-number'; fd?: number; variable?: string; start: number; end: number }
  | { kind: 'newline'; start: number; end: number }
  | { kind: 'end'; start: number; end: number }

const OPERATORS = ['&>>', '<<<', '<<-', ';;&', '&&', '||', ';;', ';&', '|&', '>>', '<<', '>&', '<&', '>|', '<>', '&>', '|', '&', ';', '<', '>', '(', ')']
const META = new Set([' ', '\t', '\n', '|', '&', ';', '<', '>', '(', ')'])
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const SPECIAL = new Set(['@', '*', '#', '?', '-', '$', '!'])

/** Characters to tokens and words. The parser above it fills in commands inside $(…). */
export abstract class Lexer extends ParameterLexer {
  protected pendingDocuments: Redirect[] = []
  protected extendedGlobs: boolean
  /** $'…' and <(…), which dash has not. */
  protected extendedQuotes = true

  constructor(source: string, options: { firstLine?: number; extendedGlobs?: boolean } = {}) {
    super(source, options.firstLine ?? 1)
    this.extendedGlobs = options.extendedGlobs ?? false
  }

  /** Parses the commands of a substitution up to its closing parenthesis, which it leaves. */
  protected abstract nested(): List
  protected abstract script(source: string, line: number): List

  #skipBlanks(): void {
    const s = this.source
    for (;;) {
      const c = s[this.position]
      if (c === ' ' || c === '\t') this.position++
      else if (c === '\\' && s[this.position + 1] === '\n') this.position += 2
      else if (c === '#') while (this.position < s.length && s[this.position] !== '\n') this.position++
      else return
    }
  }

  protected scan(): Token {
    this.#skipBlanks()
    const s = this.source
    const start = this.position
    if (start >= s.length) {
      if (this.pendingDocuments.length > 0) this.#readDocuments()
      return { kind: 'end', start, end: start }
    }
    if (s[start] === '\n') {
      this.position++
      const token: Token = { kind: 'newline', start, end: this.position }
      if (this.pendingDocuments.length > 0) this.#readDocuments()
      return token
    }
    if (this.extendedQuotes && (s[start] === '<' || s[start] === '>') && s[start + 1] === '(') return this.#wordToken(start)
    const number = /\d+(?=[<>])/y
    number.lastIndex = start
    const digits = number.exec(s)
    if (digits) {
      this.position += digits[0].length
      return { kind: 'io-number', fd: Number(digits[0]), start, end: this.position }
    }
    const variable = /\{([A-Za-z_]\w*(?:\[[^\]\s]*\])?)\}(?=[<>])/y
    variable.lastIndex = start
    const named = s[start] === '{' ? variable.exec(s) : null
    if (named) {
      this.position += named[0].length
      return { kind: 'io-number', variable: named[1]!, start, end: this.position }
    }
    for (const text of OPERATORS) {
      if (s.startsWith(text, start)) {
        this.position += text.length
        return { kind: 'operator', text, start, end: this.position }
      }
    }
    return this.#wordToken(start)
  }

  #wordToken(start: number): Token {
    const word = this.readWord()
    return { kind: 'word', word, start, end: this.position }
  }

  protected readWord(): Word {
    const { line, position } = this
    return { parts: this.parts('word', ''), line, source: this.source.slice(position, this.position) }
  }

  /**
   * Reads parts until `end` (not consumed) or, in a word, a metacharacter. Modes: `word`; `double` between double
   * quotes; `document` in a here-document; `brace` after an operator in ${…} (`braceDouble`: that inside "…");
   * `text` to the end of the source; `regex` after =~.
   */
  protected parts(mode: 'word' | 'double' | 'document' | 'brace' | 'braceDouble' | 'text' | 'regex', end: string): Part[] {
    const s = this.source
    const out: Part[] = []
    const started = this.position
    let literal = ''
    let depth = 0
    const flush = (): void => {
      if (literal !== '') out.push({ kind: 'literal', text: literal })
      literal = ''
    }
    const quotedText = mode === 'double' || mode === 'document' || mode === 'braceDouble'
    for (;;) {
      const c = s[this.position]
      if (c === undefined) {
        if (mode === 'word' || mode === 'document' || mode === 'text' || mode === 'regex') break
        throw this.unclosed(mode === 'double' ? '"' : '}', started)
      }
      if (end.includes(c) && end !== '') break
      if (mode === 'regex') {
        if (c === '(') depth++
        if (c === ')' && depth-- === 0) break
        if (c === '\n' || (depth === 0 && (c === ' ' || c === '\t'))) break
      }
      if (mode === 'word' && META.has(c)) {
        if (c === '(' && this.extendedGlobs && /[?*+@!]$/.test(literal)) {
          literal += this.#extendedGlob()
          continue
        }
        if ((c === '<' || c === '>') && s[this.position + 1] === '(' && this.extendedQuotes) {
          flush()
          out.push(this.#processSubstitution(c))
          continue
        }
        break
      }
      if (c === '\\') {
        const next = s[this.position + 1]
        if (next === '\n') {
          this.position += 2
          continue
        }
        if (next === undefined) {
          literal += c
          this.position++
          continue
        }
        this.position += 2
        if (quotedText && !'$`\\'.includes(next) && !(next === '"' && mode !== 'document') && !(mode === 'braceDouble' && next === '}')) literal += c + next
        else {
          flush()
          out.push({ kind: 'quoted', text: next })
        }
        continue
      }
      if (c === "'" && !quotedText) {
        flush()
        const close = s.indexOf("'", this.position + 1)
        if (close < 0) throw this.unclosed("'", this.position)
        out.push({ kind: 'quoted', text: s.slice(this.position + 1, close) })
        this.position = close + 1
        continue
      }
      if (c === '"' && mode !== 'document' && mode !== 'double') {
        flush()
        out.push(this.#doubleQuoted())
        continue
      }
      if (c === '`') {
        flush()
        out.push(this.#backquoted(mode === 'double'))
        continue
      }
      if (c === '$') {
        const part = this.#dollar(quotedText)
        if (part) {
          flush()
          out.push(part)
          continue
        }
      }
      literal += c
      this.position++
    }
    flush()
    return out
  }

  #doubleQuoted(): Part {
    const start = this.position++
    try {
      const parts = this.parts('double', '"')
      this.position++
      return { kind: 'double', parts }
    } catch (error) {
      // Bash names the line where the string began.
      if (error instanceof ParseError && error.message.endsWith('`"\'')) throw this.unclosed('"', start)
      throw error
    }
  }

  #backquoted(inDouble: boolean): Part {
    const start = this.position++
    const line = this.lineAt(start)
    let text = ''
    for (;;) {
      const c = this.source[this.position]
      if (c === undefined) throw this.unclosed('`', start)
      this.position++
      if (c === '`') break
      const next = this.source[this.position]
      if (c === '\\' && next !== undefined && ('$`\\'.includes(next) || (inDouble && next === '"'))) {
        text += next
        this.position++
      } else text += c
    }
    return { kind: 'command', script: this.script(text, line) }
  }

  #processSubstitution(direction: '<' | '>'): Part {
    const start = this.position
    this.position += 2
    const script = this.nested()
    if (this.source[this.position] !== ')') throw this.unclosed(')', start)
    this.position++
    return { kind: 'process', direction, script }
  }

  #extendedGlob(): string {
    const start = this.position
    let depth = 0
    for (;;) {
      const c = this.source[this.position++]
      if (c === undefined) throw this.unclosed(')', start)
      if (c === '(') depth++
      else if (c === ')' && --depth === 0) return this.source.slice(start, this.position)
    }
  }

  #dollar(quoted: boolean): Part | undefined {
    const s = this.source
    const start = this.position
    const next = s[start + 1]
    if (next === undefined) return undefined
    if (next === "'" && !quoted && this.extendedQuotes) {
      const { text, end } = ansiQuoted(s, start + 2)
      if (end < 0) throw this.unclosed("'", start)
      this.position = end
      return { kind: 'quoted', text }
    }
    if (next === '"' && !quoted) {
      this.position++
      return this.#doubleQuoted()
    }
    if (next === '(') {
      if (s[start + 2] === '(') {
        const part = this.#arithmetic(start + 3)
        if (part) return part
      }
      this.position = start + 2
      const script = this.nested()
      if (s[this.position] !== ')') throw this.unclosed(')', start)
      this.position++
      return { kind: 'command', script }
    }
    if (next === '[') {
      const close = s.indexOf(']', start)
      if (close < 0) throw this.unclosed(']', start)
      const expression = this.#sub(s.slice(start + 2, close), start)
      this.position = close + 1
      return { kind: 'arithmetic', expression }
    }
    if (next === '{') return this.braced(quoted)
    NAME.lastIndex = start + 1
    const name = NAME.exec(s)?.[0] ?? (SPECIAL.has(next) || /\d/.test(next) ? next : undefined)
    if (name === undefined) return undefined
    this.position = start + 1 + name.length
    return { kind: 'parameter', name, source: s.slice(start, this.position) }
  }

  /** Text that is expanded as if between double quotes: arithmetic, subscripts. */
  #sub(text: string, at: number): Word {
    const inner = this.child(text.replace(/"/g, ''), this.lineAt(at))
    return { parts: inner.parts('document', ''), line: this.lineAt(at), source: text }
  }

  protected abstract child(source: string, line: number): Lexer

  /** After "$((" or "((": up to the matching "))"; undefined when it is a command in a subshell after all. */
  protected arithmeticText(from: number): { text: string; end: number } | undefined {
    let depth = 0
    for (let i = from; i < this.source.length; i++) {
      const c = this.source[i]
      if (c === '\\') i++
      else if (c === "'" || c === '"') {
        const close = this.source.indexOf(c, i + 1)
        if (close < 0) return undefined
        i = close
      } else if (c === '(') depth++
      else if (c === ')') {
        if (depth > 0) depth--
        else if (this.source[i + 1] === ')') return { text: this.source.slice(from, i), end: i + 2 }
        else return undefined
      }
    }
    return undefined
  }

  #arithmetic(from: number): Part | undefined {
    const found = this.arithmeticText(from)
    if (!found) return undefined
    const expression = this.#sub(found.text, from)
    this.position = found.end
    return { kind: 'arithmetic', expression }
  }

  protected arithmeticWord(text: string, at: number): Word {
    return this.#sub(text, at)
  }

  protected subscript(text: string, at: number): Word {
    const inner = this.child(text, this.lineAt(at))
    return { parts: inner.parts('text', ''), line: this.lineAt(at), source: text }
  }

  #readDocuments(): void {
    const documents = this.pendingDocuments
    this.pendingDocuments = []
    for (const redirect of documents) {
      const { text: delimiter, quoted } = delimiterOf(redirect.target)
      const firstLine = this.line
      let body = ''
      let found = false
      while (this.position < this.source.length) {
        let end = this.source.indexOf('\n', this.position)
        if (end < 0) end = this.source.length
        let line = this.source.slice(this.position, end)
        this.position = Math.min(end + 1, this.source.length)
        if (redirect.operator === '<<-') line = line.replace(/^\t+/, '')
        if (line === delimiter) {
          found = true
          break
        }
        body += line + '\n'
      }
      if (!found) this.documentEnded(redirect, delimiter, firstLine - 1, this.line - (this.source.endsWith('\n') ? 1 : 0))
      redirect.bodySource = body
      redirect.body = quoted
        ? { parts: [{ kind: 'quoted', text: body }], line: firstLine }
        : { parts: this.child(body, firstLine - 1).parts('document', ''), line: firstLine }
    }
  }

  protected abstract documentEnded(redirect: Redirect, delimiter: string, line: number, endLine: number): void
}
