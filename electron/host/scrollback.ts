import type { Printed } from '../bridge/view.ts'

/** How much of a terminal's output is kept for a window that comes back, in characters. */
const MOST = 400_000

/**
 * What a terminal has printed, with the size that it had: a line editor's cursor movements mean something only in lines
 * of the width for which they were made. A window prints each part at its size and then takes its own.
 */
export class Scrollback {
  #parts: Printed[] = []
  #length = 0

  get parts(): readonly Printed[] {
    return this.#parts
  }

  add(text: string, { columns, rows }: { columns: number; rows: number }): void {
    const last = this.#parts.at(-1)
    if (last?.columns === columns && last.rows === rows) last.text += text
    else this.#parts.push({ columns, rows, text })
    this.#length += text.length
    if (this.#length > MOST) this.#forget(this.#length - MOST / 2)
  }

  /** The oldest `most` characters, and the rest of their last line: half an escape sequence would be printed as text. */
  #forget(most: number): void {
    let [first] = this.#parts
    for (; first && first.text.length <= most; [first] = this.#parts) {
      most -= first.text.length
      this.#length -= first.text.length
      this.#parts.shift()
    }
    if (!first || most === 0) return
    const end = first.text.indexOf('\n', most - 1) + 1 || most
    this.#length -= end
    first.text = first.text.slice(end)
  }
}
