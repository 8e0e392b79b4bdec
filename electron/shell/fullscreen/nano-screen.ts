import { textWidth } from '../../engine/machine/width.ts'
import { cell, cut, type Picture } from './screen.ts'

export interface NanoView {
  lines: readonly string[]
  at: { row: number; column: number }
  /** The first line on the screen; moved so that the cursor is seen. */
  top: number
  name: string | undefined
  modified: boolean
  message: string
  /** A question at the bottom with the answer so far; the cursor is behind it. */
  prompt: string | undefined
  /** In pairs, one above the other; an empty key leaves the place free. */
  help: readonly (readonly [key: string, what: string])[]
  /** Columns of a key and its text, where they are not spread over the screen. */
  helpWidth?: number
  /** What is marked, in order; `to` is behind it. */
  marked?: { from: { row: number; column: number }; to: { row: number; column: number } } | undefined
  numbered?: boolean
}

/** GNU nano's, whose title this is. */
const TITLE = 'GNU nano 7.2'
const inverse = (text: string): string => `\x1b[7m${text}\x1b[27m`

export function drawNano(view: NanoView, { columns, rows }: { columns: number; rows: number }): Picture {
  const height = Math.max(1, rows - 4)
  const { at, lines } = view
  if (at.row < view.top || at.row >= view.top + height) view.top = Math.max(0, at.row - Math.floor(height / 2))
  const margin = view.numbered ? String(lines.length).length + 2 : 0
  const out = [titleBar(view, columns)]
  let cursor = { row: 0, column: 0 }
  for (let i = 0; i < height; i++) {
    const row = view.top + i
    const line = lines[row]
    if (line === undefined) {
      out.push('')
      continue
    }
    const { from, to } = view.marked ?? { from: at, to: at }
    const marked = { from: row === from.row ? from.column : row > from.row ? 0 : Infinity, to: row === to.row ? to.column : row < to.row ? Infinity : 0 }
    const { shown, column } = scrolled(line, columns - margin, row === at.row ? at.column : 0, marked)
    if (row === at.row) cursor = { row: i + 1, column: column + margin }
    out.push(margin > 0 ? `${inverse(String(row + 1).padStart(margin - 1))} ${shown}` : shown)
  }
  if (view.prompt !== undefined) {
    const question = cut(view.prompt, columns - 1)
    out.push(inverse(question + ' '.repeat(Math.max(0, columns - textWidth(question)))))
    cursor = { row: height + 1, column: textWidth(question) }
  } else {
    const text = view.message === '' ? '' : cut(`[ ${view.message} ]`, columns)
    out.push(text === '' ? '' : ' '.repeat(Math.max(0, Math.floor((columns - textWidth(text)) / 2))) + inverse(text))
  }
  return { rows: [...out, ...helpLines(view.help, columns, view.helpWidth)], cursor }
}

/** As Debian's nanorc has it (stateflags): a star behind the name of what was changed, and M at the right while something is marked. */
function titleBar({ name, modified, marked }: NanoView, columns: number): string {
  const left = `  ${TITLE}`
  const middle = name ?? 'New Buffer'
  const start = Math.max(left.length + 1, Math.floor((columns - textWidth(middle)) / 2))
  const right = marked ? 'M   ' : ''
  const text = cut(left.padEnd(start) + middle + (modified ? ' *' : ''), columns - right.length)
  return inverse(text + ' '.repeat(Math.max(0, columns - textWidth(text) - right.length)) + right)
}

/** The part of a line that is seen: what is too long goes on behind a ">", what is left of it stands behind a "<". */
function scrolled(line: string, columns: number, at: number, marked: { from: number; to: number }): { shown: string; column: number } {
  const cells: { text: string; width: number; inverse: boolean }[] = []
  let width = 0
  let place = -1
  let index = 0
  for (const char of line) {
    if (index >= at && place < 0) place = width
    const made = { ...cell(char, width), inverse: index >= marked.from && index < marked.to }
    cells.push(made)
    width += made.width
    index += char.length
  }
  if (place < 0) place = width
  const page = Math.max(1, columns - 8)
  const from = place < columns - 1 ? 0 : Math.floor((place - 7) / page) * page
  let shown = from > 0 ? inverse('<') : ''
  let used = 0
  const more = width > from + columns
  for (const made of cells) {
    const first = from > 0 ? from + 1 : from
    if (used >= first && used + made.width <= from + columns - (more ? 1 : 0)) shown += made.inverse ? inverse(made.text) : made.text
    used += made.width
  }
  if (more) shown += inverse('>')
  return { shown, column: Math.min(columns - 1, place - from) }
}

/** Two rows of keys, as many as there is room for. */
function helpLines(help: NanoView['help'], columns: number, fixed?: number): string[] {
  const pairs = Math.max(1, Math.min(Math.ceil(help.length / 2), Math.floor(columns / 13)))
  const width = fixed === undefined ? Math.floor(columns / pairs) : Math.min(fixed, Math.floor(columns / 2))
  return [0, 1].map((line) => Array.from({ length: pairs }, (_, i) => help[2 * i + line]).map((entry) => {
    if (!entry || entry[0] === '') return ' '.repeat(width)
    const [key, what] = entry
    const text = cut(what, Math.max(0, width - key.length - 1))
    return `${inverse(key)} ${text}${' '.repeat(Math.max(0, width - key.length - 1 - text.length))}`
  }).join('').trimEnd())
}
