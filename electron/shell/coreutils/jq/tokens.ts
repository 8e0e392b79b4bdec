import type { Filter } from './ast.ts'

export class JqSyntaxError extends Error {}

type Token = { kind: 'number' | 'string' | 'name' | 'field' | 'variable' | 'format' | 'operator' | 'end'; text: string; parts?: (string | Filter)[] }

const OPERATORS = ['?//=', '?//', '//=', '|=', '+=', '-=', '*=', '/=', '%=', '==', '!=', '<=', '>=', '//', '..', '.', '[', ']', '(', ')', '{', '}', '|', ',', ':', ';', '=', '<', '>', '+', '-', '*', '/', '%', '?', '$']

/** Reads a program's tokens, one ahead; what stands in a string's \\(…) is a program again, which {@link pipe} parses. */
export abstract class JqTokens {
  readonly #source: string
  #position = 0
  /** The next one; the first comes with the first {@link next}. */
  protected token: Token = { kind: 'end', text: '' }

  constructor(source: string) {
    this.#source = source
  }

  protected abstract pipe(): Filter

  protected unexpected(): JqSyntaxError {
    const what = this.token.kind === 'end' ? '$end' : this.token.kind === 'operator' ? `'${this.token.text}'` : this.token.kind === 'name' ? 'IDENT' : this.token.kind === 'field' ? 'FIELD' : this.token.kind === 'number' ? 'LITERAL' : this.token.kind === 'string' ? 'QQSTRING_START' : this.token.text
    return new JqSyntaxError(`syntax error, unexpected ${what.replace("'$end'", '$end')} (Unix shell quoting issues?) at <top-level>, line ${this.#source.slice(0, this.#position).split('\n').length}:\n${this.#source}`)
  }

  #scan(): Token {
    const s = this.#source
    for (;;) {
      const c = s[this.#position]
      if (c !== undefined && /\s/.test(c)) this.#position++
      else if (c === '#') while (this.#position < s.length && s[this.#position] !== '\n') this.#position++
      else break
    }
    const rest = s.slice(this.#position)
    if (rest === '') return { kind: 'end', text: '' }
    const match = /^(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)|\$(?:__loc__|[A-Za-z_]\w*)|@\w+|\.[A-Za-z_]\w*|[A-Za-z_](?:\w|::)*)/.exec(rest)
    if (match) {
      this.#position += match[0].length
      const text = match[0]
      if (match[1] !== undefined) return { kind: 'number', text }
      if (text.startsWith('$')) return { kind: 'variable', text: text.slice(1) }
      if (text.startsWith('@')) return { kind: 'format', text }
      if (text.startsWith('.')) return { kind: 'field', text: text.slice(1) }
      return { kind: 'name', text }
    }
    if (rest.startsWith('"')) return this.#string()
    const operator = OPERATORS.find((o) => rest.startsWith(o))
    if (!operator) {
      this.token = { kind: 'operator', text: rest[0]! }
      throw new JqSyntaxError(`syntax error, unexpected INVALID_CHARACTER (Unix shell quoting issues?) at <top-level>, line 1:\n${s}`)
    }
    this.#position += operator.length
    return { kind: 'operator', text: operator }
  }

  #string(): Token {
    const s = this.#source
    const parts: (string | Filter)[] = []
    let text = ''
    this.#position++
    for (;;) {
      const c = s[this.#position++]
      if (c === undefined) throw new JqSyntaxError(`syntax error, unexpected QQSTRING_START, expecting QQSTRING_END (Unix shell quoting issues?) at <top-level>, line 1:\n${s}`)
      if (c === '"') break
      if (c !== '\\') {
        text += c
        continue
      }
      const e = s[this.#position++]
      if (e === '(') {
        const saved = this.token
        this.token = this.#scan()
        parts.push(text, this.pipe())
        text = ''
        if (!this.is(')')) throw this.unexpected()
        this.token = saved
      } else if (e === 'u') {
        text += String.fromCharCode(parseInt(s.slice(this.#position, this.#position + 4), 16))
        this.#position += 4
      } else text += ({ n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' } as Record<string, string>)[e ?? ''] ?? e
    }
    parts.push(text)
    return { kind: 'string', text, parts }
  }

  protected get atEnd(): boolean {
    return this.token.kind === 'end'
  }

  protected next(): Token {
    const token = this.token
    this.token = this.#scan()
    return token
  }

  protected is(...texts: string[]): boolean {
    return (this.token.kind === 'operator' || this.token.kind === 'name') && texts.includes(this.token.text)
  }

  protected expect(text: string): void {
    if (!this.is(text)) throw this.unexpected()
    this.next()
  }
}
