/** The tokens of YAML as libyaml (and go-yaml v2, which kubectl reads with) scans them, for its errors and their lines. */
export type TokenType =
  | 'stream-end' | 'directive' | 'document-start' | 'document-end' | 'block-sequence-start' | 'block-mapping-start' | 'block-end'
  | 'flow-sequence-start' | 'flow-sequence-end' | 'flow-mapping-start' | 'flow-mapping-end' | 'block-entry' | 'flow-entry' | 'key' | 'value'
  | 'alias' | 'anchor' | 'tag' | 'scalar'

export interface Token { type: TokenType; line: number; text?: string }

/** Counted from 0; scanner errors are shown one higher than parser errors are. */
export class YamlSyntaxError extends Error {
  constructor(problem: string, line: number) {
    super(line > 0 ? `line ${line}: ${problem}` : problem)
  }
}

interface SimpleKey { possible: boolean; required: boolean; token: number; index: number; line: number; column: number }

const NO_KEY: SimpleKey = { possible: false, required: false, token: -1, index: 0, line: 0, column: 0 }
const END = ''

export class Scanner {
  readonly #text: readonly string[]
  #at = 0
  #line = 0
  #column = 0
  #tokens: Token[] = []
  #parsed = 0
  #ended = false
  #indent = -1
  #indents: number[] = []
  #flow = 0
  #keyAllowed = true
  #keys: SimpleKey[] = [NO_KEY]

  constructor(text: string) {
    this.#text = [...text]
  }

  peek(): Token {
    while (this.#tokens.length === 0 || this.#headMayBeKey()) this.#fetch()
    return this.#tokens[0]!
  }
  skip(): Token {
    const token = this.peek()
    if (token.type !== 'stream-end') {
      this.#tokens.shift()
      this.#parsed++
    }
    return token
  }

  #headMayBeKey(): boolean {
    if (this.#ended) return false
    const key = this.#keys.find((k) => k.possible && k.token === this.#parsed)
    return key !== undefined && this.#valid(key)
  }

  #fail(problem: string): never {
    throw new YamlSyntaxError(problem, this.#line === 0 ? 0 : this.#line + 1)
  }

  #char(ahead = 0): string {
    return this.#text[this.#at + ahead] ?? END
  }
  #isBreak(c: string): boolean {
    return c === '\n' || c === '\r' || c === '\u0085' || c === '\u2028' || c === '\u2029'
  }
  #isBlankOrEnd(c: string): boolean {
    return c === END || c === ' ' || c === '\t' || this.#isBreak(c)
  }
  #skip(count = 1): void {
    this.#at += count
    this.#column += count
  }
  #skipLine(): void {
    this.#at += this.#char() === '\r' && this.#char(1) === '\n' ? 2 : 1
    this.#line++
    this.#column = 0
  }

  /** A simple key ends with its line, or after 1024 characters. */
  #valid(key: SimpleKey): boolean {
    if (!key.possible) return false
    if (key.line < this.#line || key.index + 1024 < this.#at) {
      if (key.required) this.#fail("could not find expected ':'")
      key.possible = false
      return false
    }
    return true
  }
  #saveKey(): void {
    if (!this.#keyAllowed) return
    const required = this.#flow === 0 && this.#indent === this.#column
    this.#removeKey()
    this.#keys[this.#keys.length - 1] = { possible: true, required, token: this.#parsed + this.#tokens.length, index: this.#at, line: this.#line, column: this.#column }
  }
  #removeKey(): void {
    const key = this.#keys[this.#keys.length - 1]!
    if (key.possible && key.required) this.#fail("could not find expected ':'")
    this.#keys[this.#keys.length - 1] = NO_KEY
  }

  #push(type: TokenType, length = 0, text?: string): void {
    const token: Token = { type, line: this.#line }
    if (text !== undefined) token.text = text
    this.#tokens.push(token)
    this.#skip(length)
  }
  #roll(column: number, type: TokenType, at = this.#tokens.length, line = this.#line): void {
    if (this.#flow > 0 || this.#indent >= column) return
    this.#indents.push(this.#indent)
    this.#indent = column
    this.#tokens.splice(at, 0, { type, line })
  }
  #unroll(column: number): void {
    if (this.#flow > 0) return
    while (this.#indent > column) {
      this.#tokens.push({ type: 'block-end', line: this.#line })
      this.#indent = this.#indents.pop()!
    }
  }

  #toNextToken(): void {
    for (;;) {
      if (this.#column === 0 && this.#char() === '\ufeff') this.#skip()
      while (this.#char() === ' ' || (this.#char() === '\t' && (this.#flow > 0 || !this.#keyAllowed))) this.#skip()
      if (this.#char() === '#') while (this.#char() !== END && !this.#isBreak(this.#char())) this.#skip()
      if (!this.#isBreak(this.#char())) return
      this.#skipLine()
      if (this.#flow === 0) this.#keyAllowed = true
    }
  }

  #fetch(): void {
    this.#toNextToken()
    this.#unroll(this.#column)
    const c = this.#char()
    const next = this.#char(1)
    if (c === END) {
      if (this.#column !== 0) {
        this.#column = 0
        this.#line++
      }
      this.#unroll(-1)
      this.#removeKey()
      this.#keyAllowed = false
      this.#ended = true
      return this.#push('stream-end')
    }
    if (this.#column === 0 && c === '%') return this.#directive()
    const three = c + next + this.#char(2)
    if (this.#column === 0 && (three === '---' || three === '...') && this.#isBlankOrEnd(this.#char(3))) {
      this.#unroll(-1)
      this.#removeKey()
      this.#keyAllowed = false
      return this.#push(three === '---' ? 'document-start' : 'document-end', 3)
    }
    if (c === '[' || c === '{') {
      this.#saveKey()
      this.#keys.push(NO_KEY)
      if (++this.#flow > 10_000) this.#fail('exceeded max depth of 10000')
      this.#keyAllowed = true
      return this.#push(c === '[' ? 'flow-sequence-start' : 'flow-mapping-start', 1)
    }
    if (c === ']' || c === '}') {
      this.#removeKey()
      if (this.#flow > 0) {
        this.#flow--
        this.#keys.pop()
      }
      this.#keyAllowed = false
      return this.#push(c === ']' ? 'flow-sequence-end' : 'flow-mapping-end', 1)
    }
    if (c === ',') {
      this.#removeKey()
      this.#keyAllowed = true
      return this.#push('flow-entry', 1)
    }
    if (c === '-' && this.#isBlankOrEnd(next)) {
      if (this.#flow === 0) {
        if (!this.#keyAllowed) this.#fail('block sequence entries are not allowed in this context')
        this.#roll(this.#column, 'block-sequence-start')
      }
      this.#removeKey()
      this.#keyAllowed = true
      return this.#push('block-entry', 1)
    }
    if (c === '?' && (this.#flow > 0 || this.#isBlankOrEnd(next))) {
      if (this.#flow === 0) {
        if (!this.#keyAllowed) this.#fail('mapping keys are not allowed in this context')
        this.#roll(this.#column, 'block-mapping-start')
      }
      this.#removeKey()
      this.#keyAllowed = this.#flow === 0
      return this.#push('key', 1)
    }
    if (c === ':' && (this.#flow > 0 || this.#isBlankOrEnd(next))) return this.#value()
    if (c === '*' || c === '&') return this.#anchor(c === '*' ? 'alias' : 'anchor')
    if (c === '!') {
      this.#saveKey()
      this.#keyAllowed = false
      return this.#tag()
    }
    if ((c === '|' || c === '>') && this.#flow === 0) {
      this.#removeKey()
      this.#keyAllowed = true
      return this.#blockScalar()
    }
    if (c === "'" || c === '"') {
      this.#saveKey()
      this.#keyAllowed = false
      return this.#quoted(c)
    }
    const plain = !/^[\s\-?:,[\]{}#&*!|>'"%@`]$/.test(c) || (c === '-' && next !== ' ' && next !== '\t') || (this.#flow === 0 && (c === '?' || c === ':') && !this.#isBlankOrEnd(next))
    if (!plain) this.#fail('found character that cannot start any token')
    this.#saveKey()
    this.#keyAllowed = false
    this.#plain()
  }

  #value(): void {
    const key = this.#keys[this.#keys.length - 1]!
    if (this.#valid(key)) {
      const at = key.token - this.#parsed
      this.#tokens.splice(at, 0, { type: 'key', line: key.line })
      this.#roll(key.column, 'block-mapping-start', at, key.line)
      key.possible = false
      this.#keyAllowed = false
    } else {
      if (this.#flow === 0) {
        if (!this.#keyAllowed) this.#fail('mapping values are not allowed in this context')
        this.#roll(this.#column, 'block-mapping-start')
      }
      this.#keyAllowed = this.#flow === 0
    }
    this.#push('value', 1)
  }

  #directive(): void {
    this.#unroll(-1)
    this.#removeKey()
    this.#keyAllowed = false
    const start = this.#at
    while (this.#char() !== END && !this.#isBreak(this.#char())) this.#skip()
    const text = this.#text.slice(start + 1, this.#at).join('')
    const name = /^[\w-]*/.exec(text)![0]
    if (name === '') this.#fail('could not find expected directive name')
    if (!/^[\w-]+(\s|$)/.test(text)) this.#fail('found unexpected non-alphabetical character')
    if (name !== 'YAML' && name !== 'TAG') this.#fail('found unknown directive name')
    this.#tokens.push({ type: 'directive', line: this.#line })
  }

  #anchor(type: 'alias' | 'anchor'): void {
    this.#saveKey()
    this.#keyAllowed = false
    const token: Token = { type, line: this.#line }
    this.#skip()
    let name = ''
    while (/^[\w-]$/.test(this.#char())) {
      name += this.#char()
      this.#skip()
    }
    if (name === '' || !(this.#isBlankOrEnd(this.#char()) || /^[?:,\]}%@`]$/.test(this.#char()))) this.#fail('did not find expected alphabetic or numeric character')
    token.text = name
    this.#tokens.push(token)
  }

  /** "!", "!local", "!!str", "!handle!suffix", "!<uri>". */
  #tag(): void {
    this.#tokens.push({ type: 'tag', line: this.#line })
    const uri = (): number => {
      const start = this.#at
      while (/^[\w\-;/?:@&=+$,.!~*'()[\]%]$/.test(this.#char())) this.#skip()
      return this.#at - start
    }
    this.#skip()
    if (this.#char() === '<') {
      this.#skip()
      if (uri() === 0) this.#fail('did not find expected tag URI')
      if (this.#char() !== '>') this.#fail("did not find the expected '>'")
      this.#skip()
    } else {
      while (/^[\w-]$/.test(this.#char())) this.#skip()
      if (this.#char() === '!') {
        this.#skip()
        if (uri() === 0) this.#fail('did not find expected tag URI')
      } else uri()
    }
    if (!this.#isBlankOrEnd(this.#char())) this.#fail('did not find expected whitespace or line break')
  }

  #blockScalar(): void {
    this.#tokens.push({ type: 'scalar', line: this.#line })
    this.#skip()
    let increment = 0
    for (let i = 0; i < 2; i++) {
      const c = this.#char()
      if (c === '+' || c === '-') this.#skip()
      else if (/^\d$/.test(c) && increment === 0) {
        if (c === '0') this.#fail('found an indentation indicator equal to 0')
        increment = Number(c)
        this.#skip()
      }
    }
    while (this.#char() === ' ' || this.#char() === '\t') this.#skip()
    if (this.#char() === '#') while (this.#char() !== END && !this.#isBreak(this.#char())) this.#skip()
    if (this.#char() !== END && !this.#isBreak(this.#char())) this.#fail('did not find expected comment or line break')
    if (this.#char() !== END) this.#skipLine()
    let indent = increment > 0 ? Math.max(this.#indent, 0) + increment : 0
    const breaks = (): void => {
      let widest = 0
      for (;;) {
        while ((indent === 0 || this.#column < indent) && this.#char() === ' ') this.#skip()
        widest = Math.max(widest, this.#column)
        if ((indent === 0 || this.#column < indent) && this.#char() === '\t') this.#fail('found a tab character where an indentation space is expected')
        if (!this.#isBreak(this.#char())) break
        this.#skipLine()
      }
      if (indent === 0) indent = Math.max(widest, this.#indent + 1, 1)
    }
    breaks()
    while (this.#column === indent && this.#char() !== END) {
      while (this.#char() !== END && !this.#isBreak(this.#char())) this.#skip()
      if (this.#char() !== END) this.#skipLine()
      breaks()
    }
  }

  #quoted(quote: string): void {
    this.#tokens.push({ type: 'scalar', line: this.#line })
    this.#skip()
    for (;;) {
      const marker = this.#char() + this.#char(1) + this.#char(2)
      if (this.#column === 0 && (marker === '---' || marker === '...') && this.#isBlankOrEnd(this.#char(3))) this.#fail('found unexpected document indicator')
      if (this.#char() === END) {
        if (this.#column !== 0) this.#line++
        this.#fail('found unexpected end of stream')
      }
      while (!this.#isBlankOrEnd(this.#char())) {
        if (quote === "'" && this.#char() === "'" && this.#char(1) === "'") this.#skip(2)
        else if (this.#char() === quote) return this.#skip()
        else if (quote === '"' && this.#char() === '\\' && this.#isBreak(this.#char(1))) {
          this.#skip()
          this.#skipLine()
          break
        } else if (quote === '"' && this.#char() === '\\') {
          const width = { x: 2, u: 4, U: 8 }[this.#char(1)]
          if (width === undefined && !/^[0abt\tnvfre "'\\N_LP/]$/.test(this.#char(1))) this.#fail('found unknown escape character')
          this.#skip(2)
          for (let i = 0; i < (width ?? 0); i++) {
            if (!/^[0-9a-fA-F]$/.test(this.#char(i))) this.#fail('did not find expected hexdecimal number')
          }
          this.#skip(width ?? 0)
        } else this.#skip()
      }
      if (this.#char() === quote) return this.#skip()
      while (this.#char() !== END && this.#isBlankOrEnd(this.#char())) {
        if (this.#isBreak(this.#char())) this.#skipLine()
        else this.#skip()
      }
    }
  }

  #plain(): void {
    this.#tokens.push({ type: 'scalar', line: this.#line })
    const indent = this.#indent + 1
    let leading = false
    for (;;) {
      const marker = this.#char() + this.#char(1) + this.#char(2)
      if (this.#column === 0 && (marker === '---' || marker === '...') && this.#isBlankOrEnd(this.#char(3))) break
      if (this.#char() === '#') break
      while (!this.#isBlankOrEnd(this.#char())) {
        const c = this.#char()
        if ((c === ':' && this.#isBlankOrEnd(this.#char(1))) || (this.#flow > 0 && /^[,?[\]{}]$/.test(c))) break
        leading = false
        this.#skip()
      }
      if (this.#char() === END || !this.#isBlankOrEnd(this.#char())) break
      while (this.#char() !== END && this.#isBlankOrEnd(this.#char())) {
        if (this.#isBreak(this.#char())) {
          this.#skipLine()
          leading = true
        } else {
          if (leading && this.#column < indent && this.#char() === '\t') this.#fail('found a tab character that violates indentation')
          this.#skip()
        }
      }
      if (this.#flow === 0 && this.#column < indent) break
    }
    if (leading) this.#keyAllowed = true
  }
}
