import { ParseError } from './ast.ts'

/** A script's text, where in it the reader is, and which line that is. */
export abstract class SourceText {
  protected source: string
  protected position = 0
  readonly #firstLine: number
  #countedTo = 0
  #lines = 0

  constructor(source: string, firstLine: number) {
    this.source = source
    this.#firstLine = firstLine
  }

  protected get line(): number {
    return this.lineAt(this.position)
  }

  protected lineAt(position: number): number {
    if (position < this.#countedTo) {
      this.#countedTo = 0
      this.#lines = 0
    }
    for (; this.#countedTo < position; this.#countedTo++) if (this.source[this.#countedTo] === '\n') this.#lines++
    return this.#firstLine + this.#lines
  }

  /** The line on which `position` is, as text. */
  protected textOfLine(position: number): string {
    const start = this.source.lastIndexOf('\n', position - 1) + 1
    const end = this.source.indexOf('\n', position)
    return this.source.slice(start, end < 0 ? undefined : end)
  }

  protected unclosed(mark: string, at: number): ParseError {
    return new ParseError(`unexpected EOF while looking for matching \`${mark}'`, this.lineAt(at), { incomplete: true })
  }
}
