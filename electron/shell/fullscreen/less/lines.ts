import { charWidth } from '../../../engine/machine/width.ts'

/** How lines are shown: -S, -N, -R and what was searched for. */
export interface Look { columns: number; chop: boolean; numbers: boolean; raw: boolean; shift: number; found: RegExp | undefined }

const standout = (text: string): string => `\x1b[7m${text}\x1b[27m`

/** The rows of the screen that a line takes. `number`: of the line, counted from 1. */
export function rowsOf(line: string, number: number, look: Look): string[] {
  const margin = look.numbers ? 8 : 0
  const width = Math.max(1, look.columns - margin)
  const marked = matches(line, look)
  const rows: string[] = []
  let row = ''
  let column = 0
  let over = false
  const flush = (): void => {
    rows.push(row)
    row = ''
    column = 0
  }
  for (const cell of cells(line, look.raw)) {
    const wide = cell.tab ? 8 - (column % 8) : cell.width
    if (look.chop && column + wide > width + look.shift) {
      over = true
      break
    }
    if (!look.chop && column + wide > width) flush()
    const text = cell.tab ? ' '.repeat(wide) : cell.text
    if (!look.chop || column >= look.shift || cell.width === 0) row += cell.inverse || marked.has(cell.at) ? standout(text) : text
    column += wide
  }
  flush()
  if (over) rows[0] = `${cutLast(rows[0]!)}${standout('>')}`
  return look.numbers ? rows.map((text, i) => (i === 0 ? `${String(number).padStart(7)} ` : ' '.repeat(8)) + text) : rows
}

/** The last column is for the mark that more follows. */
function cutLast(row: string): string {
  return row.replace(/(?:\x1b\[7m(.)\x1b\[27m|[^\x1b])$/su, '')
}

interface Cell { at: number; text: string; width: number; inverse?: boolean; tab?: boolean }

function* cells(line: string, raw: boolean): Generator<Cell> {
  for (let at = 0; at < line.length;) {
    const colour = raw ? /^\x1b\[[0-9;]*m/.exec(line.slice(at, at + 32))?.[0] : undefined
    if (colour) {
      yield { at, text: colour, width: 0 }
      at += colour.length
      continue
    }
    const code = line.codePointAt(at)!
    const char = String.fromCodePoint(code)
    if (char === '\t') yield { at, text: '', width: 1, tab: true }
    else if (code === 0x1b) yield { at, text: 'ESC', width: 3, inverse: true }
    else if (code < 0x20 || code === 0x7f) yield { at, text: `^${String.fromCharCode(code ^ 64)}`, width: 2, inverse: true }
    else yield { at, text: char, width: charWidth(code) }
    at += char.length
  }
}

/** Places of the line that match. */
function matches(line: string, { found }: Look): ReadonlySet<number> {
  const places = new Set<number>()
  if (!found) return places
  found.lastIndex = 0
  for (let match = found.exec(line); match; match = found.exec(line)) {
    for (let i = 0; i < match[0].length; i++) places.add(match.index + i)
    if (match[0] === '') found.lastIndex++
  }
  return places
}
