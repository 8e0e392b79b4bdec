import { NftError, NotSimulated } from './errors.ts'
import type { Token } from './lex.ts'

/** Variables may be made of variables: what they come to is kept within what a person would write. */
const MOST_TOKENS = 200_000

/** `define name = value` of nft(8): the value's tokens stand where `$name` is written behind it, as if they had been written there. */
export class Variables {
  readonly #values = new Map<string, readonly Token[]>()
  /** Names that no definition stands before. */
  readonly unknown: NftError[] = []
  #written = 0

  /** The input without its definitions. */
  expand(tokens: readonly Token[]): Token[] {
    const out: Token[] = []
    let fresh = true
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!
      if (fresh && token.kind === 'word' && (token.text === 'define' || token.text === 'redefine') && tokens[i + 2]?.text === '=') {
        const end = this.#end(tokens, i + 3)
        const before = this.unknown.length
        const value = this.#replaced(tokens.slice(i + 3, end))
        if (this.unknown.length === before) this.#values.set(tokens[i + 1]!.text, value)
        i = end - 1
        continue
      }
      const replaced = token.text === '$' && token.kind === 'symbol' && tokens[i + 1]?.kind === 'word'
      if (replaced) out.push(...this.#value(tokens[++i]!, token))
      else out.push(token)
      fresh = !replaced && (token.kind === 'newline' || (token.kind === 'symbol' && (token.text === ';' || token.text === '{')))
    }
    return out
  }

  #replaced(tokens: readonly Token[]): Token[] {
    return tokens.flatMap((token, i) => {
      if (token.text === '$' && token.kind === 'symbol' && tokens[i + 1]?.kind === 'word') return this.#value(tokens[i + 1]!, token)
      const before = tokens[i - 1]
      return before?.text === '$' && before.kind === 'symbol' ? [] : [token]
    })
  }

  #value(name: Token, dollar: Token): readonly Token[] {
    const value = this.#values.get(name.text)
    if (value === undefined) {
      this.unknown.push(new NftError(`unknown identifier '${name.text}'`, name.at))
      return [dollar, name]
    }
    const at = { ...name.at, from: dollar.at.from }
    this.#written += value.length
    if (this.#written > MOST_TOKENS) throw new NotSimulated(`variables that stand for more than ${MOST_TOKENS} words`)
    return value.map((token) => ({ ...token, at }))
  }

  /** Behind the value: the end of the line, outside of braces. */
  #end(tokens: readonly Token[], from: number): number {
    let depth = 0
    let i = from
    for (; i < tokens.length - 1; i++) {
      const { text, kind } = tokens[i]!
      if (kind === 'symbol' && text === '{') depth++
      else if (kind === 'symbol' && text === '}') depth--
      else if (depth === 0 && (kind === 'newline' || (kind === 'symbol' && text === ';'))) break
    }
    return i
  }
}
