import { after, before } from '../screen.ts'
import { type Buffer, firstNonBlank, type Position } from './buffer.ts'

export interface Motion {
  to: Position
  /** Whole lines, or the character at the end too, when an operator uses it. */
  linewise?: boolean
  inclusive?: boolean
}

/** 0 blank, 1 punctuation, 2 a word's character; big words (W B E) know blanks only. An empty line is a word. */
function classOf(buffer: Buffer, { row, column }: Position, big: boolean): number {
  const char = buffer.lines[row]![column]
  if (char === undefined || char === ' ' || char === '\t') return 0
  return big || /[\w\u0080-\uffff]/.test(char) ? 2 : 1
}

const isEmptyLine = (buffer: Buffer, { row }: Position): boolean => buffer.lines[row] === ''

function word(buffer: Buffer, big: boolean): Position | undefined {
  let at: Position | undefined = buffer.at
  const kind = classOf(buffer, at, big)
  const { row } = at
  while (at && at.row === row && kind !== 0 && classOf(buffer, at, big) === kind) at = buffer.next(at)
  if (at && at.row !== row && isEmptyLine(buffer, at)) return at
  while (at && classOf(buffer, at, big) === 0) {
    if (at.row !== row && isEmptyLine(buffer, at)) return at
    at = buffer.next(at)
  }
  return at
}

function wordBack(buffer: Buffer, big: boolean): Position | undefined {
  let at = buffer.previous(buffer.at)
  while (at && classOf(buffer, at, big) === 0 && !isEmptyLine(buffer, at)) at = buffer.previous(at)
  if (!at) return undefined
  const kind = classOf(buffer, at, big)
  for (let former = buffer.previous(at); former && former.row === at.row && classOf(buffer, former, big) === kind && kind !== 0; former = buffer.previous(at)) at = former
  return at
}

function wordEnd(buffer: Buffer, big: boolean): Position | undefined {
  let at = buffer.next(buffer.at)
  while (at && classOf(buffer, at, big) === 0) at = buffer.next(at)
  if (!at) return undefined
  const kind = classOf(buffer, at, big)
  for (let next = buffer.next(at); next && next.row === at.row && classOf(buffer, next, big) === kind; next = buffer.next(at)) at = next
  return at
}

/** The motion a key makes `count` times; undefined when it cannot be made, 'none' when the key is no motion. */
export function motion(buffer: Buffer, key: string, given: number | undefined): Motion | undefined | 'none' {
  const { at, lines, line } = buffer
  const count = given ?? 1
  const last = lines.length - 1
  const onRow = (row: number): Motion => ({ to: { row, column: firstNonBlank(lines[row]!) }, linewise: true })
  const repeat = (step: () => Position | undefined, more: Omit<Motion, 'to'> = {}): Motion | undefined => {
    const saved = { ...at }
    let to: Position | undefined
    for (let i = 0; i < count; i++) {
      const next = step()
      if (!next) break
      to = next
      buffer.at = next
    }
    buffer.at = saved
    return to && { to, ...more }
  }
  switch (key) {
    case 'h': case '<Left>': case '<Backspace>':
      return at.column === 0 ? undefined : repeat(() => (buffer.at.column > 0 ? { row: at.row, column: before(line, buffer.at.column) } : undefined))
    case 'l': case '<Right>': case ' ':
      return repeat(() => (buffer.at.column < line.length ? { row: at.row, column: after(line, buffer.at.column) } : undefined))
    case 'j': case '<Down>': case '\n': case '\x0e':
      return at.row + count > last ? (at.row === last ? undefined : { to: { row: last, column: at.column }, linewise: true }) : { to: { row: at.row + count, column: at.column }, linewise: true }
    case 'k': case '<Up>': case '\x10':
      return at.row === 0 ? undefined : { to: { row: Math.max(0, at.row - count), column: at.column }, linewise: true }
    case '+': case '\r':
      return at.row + count > last ? undefined : onRow(at.row + count)
    case '-':
      return at.row - count < 0 ? undefined : onRow(at.row - count)
    case '_':
      return onRow(Math.min(last, at.row + count - 1))
    case '0': case '<Home>':
      return { to: { row: at.row, column: 0 } }
    case '^':
      return { to: { row: at.row, column: firstNonBlank(line) } }
    case '$': case '<End>': {
      const row = Math.min(last, at.row + count - 1)
      const end = lines[row]!
      return { to: { row, column: end === '' ? 0 : before(end, end.length) }, inclusive: end !== '' }
    }
    case 'G':
      return onRow(given === undefined ? last : Math.min(last, given - 1))
    case 'w': return repeat(() => word(buffer, false)) ?? endOfText(buffer)
    case 'W': return repeat(() => word(buffer, true)) ?? endOfText(buffer)
    case 'b': return repeat(() => wordBack(buffer, false)) ?? (at.column > 0 || at.row > 0 ? { to: { row: 0, column: 0 } } : undefined)
    case 'B': return repeat(() => wordBack(buffer, true)) ?? (at.column > 0 || at.row > 0 ? { to: { row: 0, column: 0 } } : undefined)
    case 'e': return repeat(() => wordEnd(buffer, false), { inclusive: true })
    case 'E': return repeat(() => wordEnd(buffer, true), { inclusive: true })
    case '}': case '{': {
      const step = key === '}' ? 1 : -1
      let row = at.row
      for (let i = 0; i < count; i++) {
        while (lines[row] === '') row += step
        while (lines[row] !== undefined && lines[row] !== '') row += step
      }
      return { to: row < 0 ? { row: 0, column: 0 } : row > last ? { row: last, column: lines[last]!.length } : { row, column: 0 } }
    }
    case '%': return bracket(buffer)
  }
  return 'none'
}

/** `w` in the last word: an operator takes the rest of it. */
function endOfText(buffer: Buffer): Motion | undefined {
  const row = buffer.lines.length - 1
  const end = buffer.lines[row]!
  return { to: { row, column: end.length } }
}

function bracket(buffer: Buffer): Motion | undefined {
  const column = buffer.line.slice(buffer.at.column).search(/[()[\]{}]/)
  if (column < 0) return undefined
  let at: Position | undefined = { row: buffer.at.row, column: buffer.at.column + column }
  const own = buffer.line[at.column]!
  const index = '()[]{}'.indexOf(own)
  const other = '()[]{}'[index ^ 1]!
  let depth = 0
  for (; at; at = index % 2 === 0 ? buffer.next(at) : buffer.previous(at)) {
    const char = buffer.lines[at.row]![at.column]
    if (char === own) depth++
    else if (char === other && --depth === 0) return { to: at, inclusive: true }
  }
  return undefined
}
