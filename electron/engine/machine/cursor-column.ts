import { decodeUtf8 } from '../text.ts'
import { charWidth } from './width.ts'

/** More than this of an unfinished line is not looked at: a screen has wrapped it long ago. */
const LONGEST = 65_536

/**
 * Which column the cursor is in after some output. n_tty(4) counts likewise for tabs; a shell's line editor needs it
 * because its prompt comes right after output that has no newline at its end.
 */
export class CursorColumn {
  /** What was written since the last line began. */
  #tail: Uint8Array[] = []
  #length = 0

  push(bytes: Uint8Array): void {
    const start = bytes.lastIndexOf(10) + 1
    if (start > 0 || this.#length > LONGEST) {
      this.#tail = []
      this.#length = 0
    }
    if (start === bytes.length) return
    this.#tail.push(bytes.slice(start))
    this.#length += bytes.length - start
  }

  /** On a screen of this many columns. */
  in(columns: number): number {
    if (this.#tail.length === 0) return 0
    const text = this.#tail.map((part) => decodeUtf8(part)).join('')
    let column = 0
    for (const [piece] of text.matchAll(/\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|[^]/gu)) {
      const move = /^\x1b\[(\d*)(?:;(\d*))?([A-Za-z])$/.exec(piece)
      if (move) column = moved(column, move, columns)
      else if (piece === '\r') column = 0
      else if (piece === '\b') column = Math.max(0, column - 1)
      else if (piece === '\t') column = Math.min(columns - 1, column + 8 - (column % 8))
      else if (!piece.startsWith('\x1b')) {
        const width = charWidth(piece.codePointAt(0)!)
        if (column + width > columns) column = 0
        column += width
      }
    }
    return column >= columns ? 0 : column
  }
}

function moved(column: number, [, first, second, letter]: RegExpExecArray, columns: number): number {
  const count = Number(first || 1)
  if (letter === 'C') return Math.min(columns - 1, column + count)
  if (letter === 'D') return Math.max(0, column - count)
  if (letter === 'G') return Math.min(columns, count) - 1
  if (letter === 'H' || letter === 'f') return Math.min(columns, Number(second || 1)) - 1
  return column
}
