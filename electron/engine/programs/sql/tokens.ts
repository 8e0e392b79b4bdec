import { SqlNotSimulated } from './database.ts'

/** `from` and `to`: where it stands in the statement. */
export interface Token { kind: 'word' | 'name' | 'string' | 'number' | 'sign'; text: string; from: number; to: number }

/** A statement's tokens. "name" is a quoted identifier, "word" a bare one as it was written; MySQL's double quotes are texts. */
export function tokensOf(statement: string, doubleQuotes: 'name' | 'string'): Token[] {
  const pattern = /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|'((?:[^'\\]|''|\\.)*)'|"([^"]*)"|`([^`]*)`|(\d+(?:\.\d+)?)|(@@?[A-Za-z_][\w.]*|[A-Za-z_][\w$]*)|(<>|!=|<=|>=|::|\|\||[(),.*=<>;+\-/%@])/gy
  const out: Token[] = []
  let at = 0
  while (at < statement.length) {
    pattern.lastIndex = at
    const match = pattern.exec(statement)
    if (!match) throw new SqlNotSimulated(`SQL at "${statement.slice(at, at + 20)}"`)
    const place = { from: at, to: pattern.lastIndex }
    at = pattern.lastIndex
    const [, string, double, back, number, word, sign] = match
    if (string !== undefined) out.push({ ...place, kind: 'string', text: string.replaceAll("''", "'").replace(/\\(.)/g, '$1') })
    else if (double !== undefined || back !== undefined) out.push({ ...place, kind: back === undefined ? doubleQuotes : 'name', text: (double ?? back)! })
    else if (number !== undefined) out.push({ ...place, kind: 'number', text: number })
    else if (word !== undefined) out.push({ ...place, kind: 'word', text: word })
    else if (sign !== undefined && sign !== ';') out.push({ ...place, kind: 'sign', text: sign })
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
  readonly #statement: string
  #at = 0

  constructor(tokens: readonly Token[], statement: string) {
    this.#tokens = tokens
    this.#statement = statement
  }

  /** Where the next token stands. */
  get place(): number {
    return this.next?.from ?? this.#statement.length
  }

  /** The statement from a place on, up to the last token that was taken. */
  since(from: number): string {
    return this.#statement.slice(from, this.#tokens[this.#at - 1]?.to ?? from)
  }

  /** Whether this word comes next, which stays. */
  sees(...words: string[]): boolean {
    return this.next?.kind === 'word' && words.includes(this.next.text.toUpperCase())
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
