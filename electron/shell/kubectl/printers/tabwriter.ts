import { stringWidth } from './width.ts'

/**
 * Go's text/tabwriter: cells ended by tabs, aligned in blocks of adjacent lines that have the column. `remember` keeps
 * widths over flushes, as kubectl's tables do while they watch.
 */
export interface TabOptions { minWidth: number; padding: number; remember?: boolean }

/** printers.GetNewTabWriter of cli-runtime. */
export const TABLE: TabOptions = { minWidth: 6, padding: 3, remember: true }
/** describe's writer. */
export const DESCRIBE: TabOptions = { minWidth: 0, padding: 2 }

export class TabWriter {
  readonly #options: TabOptions
  #text = ''
  #remembered: number[] = []

  constructor(options: TabOptions) {
    this.#options = options
  }

  write(text: string): void {
    this.#text += text
  }
  raw(): string {
    return this.#text
  }
  forget(): void {
    this.#remembered = []
  }

  flush(): string {
    const lines = this.#text.split('\n').map((line) => line.split('\t'))
    this.#text = ''
    const out: string[] = []
    this.#format(out, lines, 0, lines.length, [])
    return out.join('\n')
  }

  /** Formats lines[from, to) whose first columns have `widths`. */
  #format(out: string[], lines: readonly string[][], from: number, to: number, widths: readonly number[]): void {
    const column = widths.length
    for (let i = from; i < to; i++) {
      if (column >= lines[i]!.length - 1) {
        out.push(this.#line(lines[i]!, widths))
        continue
      }
      let end = i
      let width = this.#options.minWidth
      for (; end < to && column < lines[end]!.length - 1; end++) width = Math.max(width, stringWidth(lines[end]![column]!) + this.#options.padding)
      if (this.#options.remember) {
        width = Math.max(width, this.#remembered[column] ?? 0)
        this.#remembered[column] = width
      }
      this.#format(out, lines, i, end, [...widths, width])
      i = end - 1
    }
  }

  #line(cells: readonly string[], widths: readonly number[]): string {
    return cells.map((cell, i) => (i < widths.length ? cell + ' '.repeat(Math.max(0, widths[i]! - stringWidth(cell))) : cell)).join('')
  }
}
