import { NftError } from './errors.ts'
import { tokenName, tokens, type Location, type Token } from './lex.ts'
import { Variables } from './variables.ts'

/** Where the reader of an input is. */
export class Cursor {
  readonly #tokens: readonly Token[]
  #next = 0
  /** Variables that nobody has defined. */
  readonly unknown: readonly NftError[]

  constructor(text: string) {
    const variables = new Variables()
    const all = tokens(text)
    this.#tokens = text.includes('$') || text.includes('define') ? variables.expand(all) : all
    this.unknown = variables.unknown
  }

  get token(): Token {
    return this.#tokens[this.#next]!
  }

  peek(ahead = 1): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]!
  }

  take(): Token {
    const token = this.token
    if (token.kind !== 'end') this.#next++
    return token
  }

  is(text: string): boolean {
    const { token } = this
    return token.text === text && (token.kind === 'word' || token.kind === 'symbol')
  }

  /** Takes it if it is there. */
  skip(text: string): boolean {
    if (!this.is(text)) return false
    this.take()
    return true
  }

  skipAny(...texts: string[]): string | undefined {
    const found = texts.find((t) => this.is(t))
    if (found !== undefined) this.take()
    return found
  }

  /** Lines may be broken inside braces. */
  skipNewlines(): void {
    while (this.token.kind === 'newline') this.take()
  }

  skipSeparators(): void {
    while (this.token.kind === 'newline' || this.is(';')) this.take()
  }

  get atEndOfStatement(): boolean {
    return this.token.kind === 'newline' || this.token.kind === 'end' || this.is(';') || this.is('}')
  }

  unexpected(expecting?: string, token = this.token): NftError {
    return new NftError(`syntax error, unexpected ${tokenName(token)}${expecting === undefined ? '' : `, expecting ${expecting}`}`, token.at)
  }

  expect(text: string, expecting = /^\w/.test(text) ? text : NAMES[text] ?? `'${text}'`): Token {
    if (!this.is(text)) throw this.unexpected(expecting)
    return this.take()
  }

  word(expecting = 'string'): Token {
    if (this.token.kind !== 'word') throw this.unexpected(expecting)
    return this.take()
  }

  number(expecting = 'number'): { value: number; at: Location } {
    if (this.token.kind !== 'number') throw this.unexpected(expecting)
    const token = this.take()
    return { value: Number(token.text), at: token.at }
  }

  /** From a token to the one before the next. */
  since(from: Location): Location {
    const last = this.#tokens[Math.max(0, this.#next - 1)]!.at
    return last.line === from.line ? { ...from, to: last.to } : from
  }

  /** The whole command from a token on, with what ends it, as nft counts it. */
  command(from: Location): Location {
    const { token } = this
    const ends = (token.kind === 'newline' || this.is(';')) && token.at.line === from.line
    return ends ? { ...from, to: token.at.to } : this.since(from)
  }

  /** After a mistake: to the end of the line. */
  skipLine(): void {
    while (this.token.kind !== 'newline' && this.token.kind !== 'end') this.take()
  }
}

const NAMES: Readonly<Record<string, string>> = { ':': 'colon', ',': 'comma', ';': 'semicolon' }

/** "1h30m", "10s", "500ms" or bare seconds, in milliseconds. */
export function parseDuration(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text)
  if (!match || text === '') return undefined
  const [d, h, m, s, ms] = match.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number, number]
  return ((d * 24 + h) * 60 + m) * 60_000 + s * 1000 + ms
}

/** "1h30m"; in seconds for `numeric`. */
export function formatDuration(ms: number, numeric = false): string {
  if (numeric) return `${Math.floor(ms / 1000)}s`
  let rest = Math.max(0, Math.floor(ms))
  let out = ''
  for (const [unit, size] of [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1000], ['ms', 1]] as const) {
    const n = Math.floor(rest / size)
    rest -= n * size
    if (n > 0) out += `${n}${unit}`
  }
  return out === '' ? '0s' : out
}
