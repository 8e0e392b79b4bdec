import { after, before } from '../screen.ts'
import { type Buffer, firstNonBlank } from './buffer.ts'
import { shifted } from './insert.ts'
import type { Motion } from './motions.ts'

/** What changes need of the editor. */
interface Changed { readonly buffer: Buffer; readonly options: Parameters<typeof shifted>[2] & { autoindent: boolean }; message: string }

/** An operator over what a motion passes; false without one. */
export function operate(vi: Changed, operator: string, moved: Motion | undefined): boolean {
  if (!moved) return false
  const { buffer } = vi
  const { at } = buffer
  const backwards = moved.to.row < at.row || (moved.to.row === at.row && moved.to.column < at.column)
  const [from, to] = backwards ? [moved.to, { ...at }] : [{ ...at }, moved.to]
  if (operator === '<' || operator === '>') {
    for (let row = from.row; row <= to.row; row++) buffer.lines[row] = shifted(buffer.lines[row]!, operator === '>' ? 1 : -1, vi.options)
    buffer.at = { row: from.row, column: firstNonBlank(buffer.lines[from.row]!) }
    if (to.row - from.row >= 2) vi.message = `${to.row - from.row + 1} lines ${operator}ed 1 time`
    return true
  }
  if (moved.linewise) {
    const count = to.row - from.row + 1
    buffer.register = { lines: buffer.lines.slice(from.row, to.row + 1), linewise: true }
    if (operator === 'y') {
      buffer.at = { row: from.row, column: backwards ? moved.to.column : at.column }
      if (count > 2) vi.message = `${count} lines yanked`
    } else if (operator === 'c') {
      const indent = vi.options.autoindent ? /^[ \t]*/.exec(buffer.lines[from.row]!)![0] : ''
      buffer.lines.splice(from.row, count, indent)
      buffer.at = { row: from.row, column: indent.length }
    } else {
      buffer.cutLines(from.row, to.row)
      vi.message = buffer.isEmpty ? '--No lines in buffer--' : count > 2 ? `${count} fewer lines` : ''
    }
    return true
  }
  const end = moved.inclusive ? { row: to.row, column: after(buffer.lines[to.row]!, to.column) } : to
  if (operator === 'y') {
    buffer.register = { lines: buffer.span(from, end), linewise: false }
    buffer.at = { ...from }
    return true
  }
  buffer.register = { lines: buffer.cutSpan(from, end), linewise: false }
  return true
}

/** p and P. */
export function put(vi: Changed, behind: boolean, count: number): void {
  const { buffer } = vi
  const { register, at } = buffer
  if (!register) {
    vi.message = 'E353: Nothing in register "'
    return
  }
  if (register.linewise) {
    const row = behind ? at.row + 1 : at.row
    const all = Array.from({ length: count }, () => register.lines).flat()
    buffer.lines.splice(row, 0, ...all)
    buffer.at = { row, column: firstNonBlank(buffer.lines[row]!) }
    if (all.length > 2) vi.message = `${all.length} more lines`
    return
  }
  if (behind) at.column = after(buffer.line, at.column)
  const start = { ...at }
  buffer.insert(Array.from({ length: count }, () => register.lines.join('\n')).join(''))
  if (register.lines.length > 1) buffer.at = start
  else buffer.at.column = before(buffer.line, buffer.at.column)
}

/** J: `count` lines to one. */
export function join(buffer: Buffer, count: number): void {
  const { row } = buffer.at
  if (count > 2 && row + 1 === buffer.lines.length) buffer.at.column = 0
  for (let i = 1; i < count && row + 1 < buffer.lines.length; i++) {
    const [line, next] = [buffer.lines[row]!, buffer.lines[row + 1]!.replace(/^[ \t]+/, '')]
    const gap = next === '' || next.startsWith(')') || /[ \t]$/.test(line) || line === '' ? '' : ' '
    buffer.lines.splice(row, 2, line + gap + next)
    buffer.at.column = next === '' || gap === '' ? Math.max(0, line.length - (next === '' ? 1 : 0)) : line.length
  }
}
