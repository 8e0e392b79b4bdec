import { charWidth } from '../../engine/machine/width.ts'

/** Where things are on the screen, in rows and columns from the prompt's first column. */
interface Spot { row: number; column: number }

/** Draws a prompt and an edited line that may wrap, and finds its way back to the start for the next drawing. */
export class Display {
  /** Where the cursor was left. */
  #cursor: Spot = { row: 0, column: 0 }
  /** The column in which the prompt begins: output without a newline at its end stays before it. */
  #margin = 0

  /** The line is finished or something else was printed: the next drawing starts where the cursor is. */
  reset(column = 0): void {
    this.#margin = column
    this.#cursor = { row: 0, column }
  }

  /** The terminal's width changed: it wraps what was drawn anew. */
  resized(prompt: string, before: string, columns: number): void {
    this.#cursor = end(prompt + before, columns, this.#margin)
  }

  #toStart(): string {
    return '\r' + (this.#cursor.row > 0 ? `\x1b[${this.#cursor.row}A` : '') + (this.#margin > 0 ? `\x1b[${this.#margin}C` : '') + '\x1b[J'
  }

  /** `region`: the part of the text that stands out. */
  draw(prompt: string, text: readonly string[], cursor: number, columns: number, region?: readonly [number, number]): string {
    const all = prompt + text.join('')
    const last = end(all, columns, this.#margin)
    const target = end(prompt + text.slice(0, cursor).join(''), columns, this.#margin)
    let out = this.#toStart()
    const part = (from: number, to?: number): string => shown(text.slice(from, to).join(''))
    out += shown(prompt) + (region ? `${part(0, region[0])}\x1b[7m${part(...region)}\x1b[27m${part(region[1])}` : part(0))
    // At the right edge the terminal has not wrapped yet.
    if (last.column === 0 && last.row > 0 && !all.endsWith('\n')) out += '\r\n'
    if (last.row > target.row) out += `\x1b[${last.row - target.row}A`
    out += '\r' + (target.column > 0 ? `\x1b[${target.column}C` : '')
    this.#cursor = target
    return out
  }

  /** A character typed at the end of the line: the common case, and only that character is sent. */
  append(char: string, prompt: string, text: readonly string[], columns: number): string | undefined {
    const after = end(prompt + text.join(''), columns, this.#margin)
    if (after.row !== this.#cursor.row || char < ' ') return undefined
    this.#cursor = after
    return char
  }

  /** Takes everything drawn away. */
  clear(): string {
    const out = this.#toStart()
    this.reset(this.#margin)
    return out
  }

  /** Moves below everything drawn. */
  leave(prompt: string, text: readonly string[], columns: number): string {
    const last = end(prompt + text.join(''), columns, this.#margin)
    const down = last.row - this.#cursor.row
    const out = (down > 0 ? `\x1b[${down}B` : '') + '\r\n'
    this.reset()
    return last.column === 0 && last.row > 0 ? out.replace('\r\n', '\r') : out
  }
}

/** Control characters as ^X; the rest, with colours in the prompt, as it is. */
function shown(text: string): string {
  return text.replace(/\n/g, '\r\n').replace(/[\x01-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f](?!\[)/g, (c) => '^' + String.fromCharCode(c.charCodeAt(0) + 64))
}

function end(text: string, columns: number, margin: number): Spot {
  let row = 0
  let column = margin
  for (const char of text.replace(/\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07/g, '')) {
    if (char === '\n') {
      row++
      column = 0
      continue
    }
    const code = char.codePointAt(0)!
    const width = char === '\t' ? 8 - (column % 8) : code < 0x20 ? 2 : charWidth(code)
    if (column + width > columns) {
      row++
      column = 0
    }
    column += width
    if (column >= columns) {
      row++
      column = 0
    }
  }
  return { row, column }
}
