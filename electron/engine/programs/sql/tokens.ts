import { SqlNotSimulated } from './database.ts'

export type Token = { kind: 'word' | 'name' | 'string' | 'number' | 'sign'; text: string }

/** A statement's tokens. "name" is a quoted identifier, "word" a bare one as it was written; MySQL's double quotes are texts. */
export function tokensOf(statement: string, doubleQuotes: 'name' | 'string'): Token[] {
  const pattern = /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|'((?:[^'\\]|''|\\.)*)'|"([^"]*)"|`([^`]*)`|(\d+(?:\.\d+)?)|(@@?[A-Za-z_][\w.]*|[A-Za-z_][\w$]*)|(<>|!=|<=|>=|::|[(),.*=<>;+\-/%])/gy
  const out: Token[] = []
  let at = 0
  while (at < statement.length) {
    pattern.lastIndex = at
    const match = pattern.exec(statement)
    if (!match) throw new SqlNotSimulated(`SQL at "${statement.slice(at, at + 20)}"`)
    at = pattern.lastIndex
    const [, string, double, back, number, word, sign] = match
    if (string !== undefined) out.push({ kind: 'string', text: string.replaceAll("''", "'").replace(/\\(.)/g, '$1') })
    else if (double !== undefined || back !== undefined) out.push({ kind: back === undefined ? doubleQuotes : 'name', text: (double ?? back)! })
    else if (number !== undefined) out.push({ kind: 'number', text: number })
    else if (word !== undefined) out.push({ kind: 'word', text: word })
    else if (sign !== undefined && sign !== ';') out.push({ kind: 'sign', text: sign })
  }
  return out
}

/** The statements of a text, cut at semicolons outside of quotes; the last one's rest is `open`. */
export function splitStatements(text: string): { statements: string[]; open: string } {
  const statements: string[] = []
  let start = 0
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (quote !== '') {
      if (c === '\\' && quote === "'") i++
      else if (c === quote) quote = ''
    } else if (c === "'" || c === '"' || c === '`') quote = c
    else if (c === ';') {
      statements.push(text.slice(start, i))
      start = i + 1
    }
  }
  return { statements: statements.filter((s) => s.trim() !== ''), open: text.slice(start) }
}

export class TokenCursor {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get next(): Token | undefined {
    return this.#tokens[this.#at]
  }

  get ahead(): Token | undefined {
    return this.#tokens[this.#at + 1]
  }

  take(): Token {
    const token = this.next
    if (!token) throw new SqlNotSimulated('a statement that ends there')
    this.#at++
    return token
  }

  /** Takes these words or signs if they come next. */
  accept(...words: string[]): boolean {
    const fits = words.every((word, i) => {
      const token = this.#tokens[this.#at + i]
      return token !== undefined && (token.kind === 'word' || token.kind === 'sign') && token.text.toUpperCase() === word
    })
    if (fits) this.#at += words.length
    return fits
  }

  expect(...words: string[]): void {
    if (!this.accept(...words)) throw new SqlNotSimulated(`SQL at "${this.next?.text ?? 'the end'}"`)
  }

  name(): string {
    const token = this.take()
    if (token.kind !== 'word' && token.kind !== 'name') throw new SqlNotSimulated(`SQL at "${token.text}"`)
    return token.text
  }

  end(): void {
    if (this.next) throw new SqlNotSimulated(`SQL at "${this.next.text}"`)
  }
}
