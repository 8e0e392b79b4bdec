import type { Flavour } from './messages.ts'
import { ParseError } from './ast.ts'
import { Lexer, type Token } from './lexer.ts'

export interface ParserOptions {
  firstLine?: number
  extendedGlobs?: boolean
  /** Asked at every command: a script may turn them on. */
  aliases?: () => ReadonlyMap<string, string> | undefined
  /** The end of the input may only be the end of a line: a here-document that is cut off is incomplete. */
  interactive?: boolean
  /** Whose grammar: bash's has much that the others have not. */
  flavour?: Flavour
  onWarning?: (message: string, line: number) => void
}

interface ActiveAlias { name: string; remaining: number }
interface TextBefore { source: string; aliases: readonly ActiveAlias[] }

/** One token of look-ahead, and aliases put in place of words: what the parser's parts stand on. */
export abstract class TokenStream extends Lexer {
  protected readonly options: ParserOptions
  protected peeked: Token | undefined
  protected lastEnd = 0
  /** The length of the text before aliases were put into it. */
  protected readonly given: number
  /** The last alias ended in a blank: the word behind it may be one, too. How much of the source is left there. */
  protected aliasGoesOnAt: number | undefined
  /** Aliases being replaced, with how much of the source is left when their text is used up. */
  #activeAliases: ActiveAlias[] = []

  constructor(source: string, options: ParserOptions = {}) {
    super(source, options)
    this.options = options
    this.given = source.length
    this.extendedQuotes = options.flavour !== 'dash'
  }

  protected peek(): Token {
    return (this.peeked ??= this.scan())
  }

  protected take(): Token {
    const token = this.peek()
    this.peeked = undefined
    this.lastEnd = token.end
    return token
  }

  protected isOperator(...texts: string[]): boolean {
    const token = this.peek()
    return token.kind === 'operator' && texts.includes(token.text)
  }

  /** The next token's text when it is a word without quotes or expansions, which may be a reserved word. */
  protected plain(): string | undefined {
    const token = this.peek()
    if (token.kind !== 'word' || token.word.parts.length !== 1) return undefined
    const part = token.word.parts[0]!
    return part.kind === 'literal' ? part.text : undefined
  }

  protected expect(text: string): void {
    const token = this.peek()
    if (this.plain() !== text && !(token.kind === 'operator' && token.text === text)) throw this.unexpected(token)
    this.take()
  }

  protected newlines(): void {
    while (this.peek().kind === 'newline') this.take()
  }

  protected endLine(): number {
    return this.lineAt(this.source.length) + (this.source.endsWith('\n') ? 0 : 1)
  }

  protected unexpected(token: Token): ParseError {
    if (token.kind === 'end') return new ParseError('syntax error: unexpected end of file', this.endLine(), { incomplete: true })
    const text = token.kind === 'newline' ? 'newline' : this.source.slice(token.start, token.end)
    const error = new ParseError(`syntax error near unexpected token \`${text}'`, this.lineAt(token.start), { showLine: true })
    return Object.assign(error, { lineText: this.textOfLine(token.start) })
  }

  protected textNow(): TextBefore {
    return { source: this.source, aliases: [...this.#activeAliases] }
  }

  /** Who reads the word around a substitution goes on behind it (`at` in the text of now) in the text as it was, before aliases were put into it. */
  protected goOnIn({ source, aliases }: TextBefore, at: number): void {
    this.position = source.length - (this.source.length - at)
    this.source = source
    this.#activeAliases = [...aliases]
  }

  /** Puts an alias's text in place of the word that comes next. */
  protected expandAlias(): void {
    const aliases = this.options.aliases?.()
    if (!aliases || aliases.size === 0) return
    for (;;) {
      const token = this.peek()
      const plain = this.plain()
      if (token.kind !== 'word' || plain === undefined) return
      const text = aliases.get(plain)
      const remaining = this.source.length - token.end
      this.#activeAliases = this.#activeAliases.filter((a) => a.remaining < this.source.length - token.start)
      if (text === undefined || this.#activeAliases.some((a) => a.name === plain)) return
      this.#activeAliases.push({ name: plain, remaining })
      this.source = this.source.slice(0, token.start) + text + this.source.slice(token.end)
      this.position = token.start
      this.peeked = undefined
      if (/\s$/.test(text)) this.aliasGoesOnAt = remaining
    }
  }
}
