import { cell, cut, type Picture } from '../screen.ts'
import type { Position } from './buffer.ts'

export interface View {
  lines: readonly string[]
  at: Position
  /** The first line on the screen; {@link draw} moves it so that the cursor is seen. */
  top: number
  numbers: boolean
  tab: number
  /** The last row: a message, "-- INSERT --" or the command being typed, with the cursor in it then. */
  status: string
  typing: boolean
}

/** The screen rows that a line wraps into, and where a column of it is in them. */
function wrapped(line: string, width: number, tab: number, find = -1): { rows: string[]; at: { row: number; column: number } } {
  const rows: string[] = ['']
  let used = 0
  let column = 0
  let at: { row: number; column: number } | undefined
  let index = 0
  for (const char of line) {
    const { text, width: wide } = cell(char, column, tab)
    if (used + wide > width) {
      const fits = char === '\t' ? width - used : 0
      rows[rows.length - 1] += ' '.repeat(fits)
      rows.push('')
      used = 0
    }
    // the cursor stands at the end of a tab
    if (index === find) at = { row: rows.length - 1, column: char === '\t' ? Math.min(width - 1, used + wide - 1) : used }
    rows[rows.length - 1] += text
    used += wide
    column += wide
    index += char.length
  }
  if (!at) {
    if (used >= width && find >= 0 && find >= line.length && line !== '') {
      rows.push('')
      used = 0
    }
    at = { row: rows.length - 1, column: used }
  }
  return { rows, at }
}

export function draw(view: View, size: { columns: number; rows: number }): Picture {
  const { lines, at, tab } = view
  const height = Math.max(1, size.rows - 1)
  const gutter = view.numbers ? Math.max(4, String(lines.length).length + 1) : 0
  const width = Math.max(1, size.columns - gutter)
  const rowsOf = (row: number): number => wrapped(lines[row]!, width, tab, row === at.row ? at.column : -1).rows.length
  if (at.row < view.top) view.top = at.row - view.top < -height ? Math.max(0, at.row - Math.floor(height / 2)) : at.row
  let needed = 0
  for (let row = view.top; row <= at.row && needed <= 2 * height; row++) needed += rowsOf(row)
  if (needed > height) {
    // far away: the cursor's line in the middle; near: just so far that it is seen
    const room = needed > 2 * height ? Math.ceil(height / 2) : height
    let top = at.row
    for (let used = rowsOf(at.row); top > 0 && used + rowsOf(top - 1) <= room; used += rowsOf(top)) top--
    if (room < height) {
      // no rows stay empty below the end of the text for that
      let below = 0
      for (let row = top; row < lines.length && below <= height; row++) below += rowsOf(row)
      for (; top > 0 && below + rowsOf(top - 1) <= height; below += rowsOf(top)) top--
    }
    view.top = top
  }
  const out: string[] = []
  let cursor = { row: 0, column: gutter }
  let row = view.top
  for (; row < lines.length && out.length < height; row++) {
    const { rows, at: place } = wrapped(lines[row]!, width, tab, row === at.row ? at.column : -1)
    if (row !== at.row && out.length + rows.length > height) {
      while (out.length < height) out.push('@')
      break
    }
    const skip = row === at.row ? Math.max(0, place.row - height + 1) : 0
    if (row === at.row) cursor = { row: out.length + place.row - skip, column: gutter + Math.min(place.column, width - 1) }
    for (const [i, text] of rows.slice(skip).entries()) if (out.length < height) out.push((gutter > 0 ? (i === 0 ? `${row + 1} ` : '').padStart(gutter) : '') + text)
  }
  const bottom = row
  while (out.length < height) out.push('~')
  const status = cut(view.status, size.columns - 1)
  const padded = !view.typing && widthOf(status) < size.columns - 18 ? `${status}\x1b[${size.rows};${size.columns - 17}H${ruler(view, bottom)}` : status
  out.push(padded)
  if (view.typing) cursor = { row: size.rows - 1, column: Math.min(size.columns - 1, widthOf(view.status)) }
  return { rows: out, cursor }
}

function widthOf(text: string): number {
  let width = 0
  for (const char of text) width += cell(char, width).width
  return width
}

/** "12,3-8        45%": the line, the byte in it and, if it differs, the column; and what part of the text is seen. */
function ruler({ lines, at, top, tab }: View, bottom: number): string {
  const line = lines[at.row]!
  const shown = wrapped(line, Infinity, tab, at.column).at.column + 1
  const byte = Array.from(line.slice(0, at.column)).reduce((n, c) => n + (c < '\x80' ? 1 : c < '\u0800' ? 2 : c.length === 1 ? 3 : 4), 1)
  const column = line === '' ? '0-1' : byte === shown ? String(byte) : `${byte}-${shown}`
  const below = lines.length - bottom
  const where = top === 0 ? (below <= 0 ? 'All' : 'Top') : below <= 0 ? 'Bot' : `${Math.floor((top * 100) / (top + below))}%`
  return `${lines.length === 1 && line === '' ? 0 : at.row + 1},${column}`.padEnd(14) + where
}
