import { ctrl } from '../keys.ts'
import { after, before } from '../screen.ts'
import type { Buffer } from './buffer.ts'

export interface InsertOptions { autoindent: boolean; expandtab: boolean; tab: number; shift: number }

/** One key of insert mode. Gives false for a key that does nothing there. */
export function insertKey(buffer: Buffer, key: string, options: InsertOptions): boolean {
  const { at, line } = buffer
  switch (key) {
    case '\r': case '\n': {
      const indent = options.autoindent ? /^[ \t]*/.exec(line.slice(0, at.column))![0] : ''
      buffer.insert(`\n${indent}`)
      return true
    }
    case '\t':
      buffer.insert(options.expandtab ? ' '.repeat(options.tab - (at.column % options.tab)) : '\t')
      return true
    case '<Backspace>':
      if (at.column > 0) buffer.cutSpan({ row: at.row, column: before(line, at.column) }, at)
      else if (at.row > 0) buffer.cutSpan({ row: at.row - 1, column: buffer.lines[at.row - 1]!.length }, at)
      else return false
      return true
    case '<Delete>':
      if (at.column < line.length) buffer.cutSpan(at, { row: at.row, column: after(line, at.column) })
      else if (at.row + 1 < buffer.lines.length) buffer.cutSpan(at, { row: at.row + 1, column: 0 })
      else return false
      return true
    case ctrl('w'): {
      const kept = line.slice(0, at.column).replace(/(?:\w+|[^\w\s]+)?\s*$/, '')
      buffer.cutSpan({ row: at.row, column: kept.length }, at)
      return true
    }
    case ctrl('u'):
      buffer.cutSpan({ row: at.row, column: 0 }, at)
      return true
    case ctrl('t'): case ctrl('d'): {
      const moved = shifted(line, key === ctrl('t') ? 1 : -1, options)
      buffer.lines[at.row] = moved
      at.column = Math.max(0, at.column + moved.length - line.length)
      return true
    }
    case '<Left>': at.column = before(line, at.column); return true
    case '<Right>': at.column = after(line, at.column); return true
    case '<Up>': at.row--; buffer.clamp(true); return true
    case '<Down>': at.row++; buffer.clamp(true); return true
    case '<Home>': at.column = 0; return true
    case '<End>': at.column = line.length; return true
  }
  if (key.startsWith('<') && key.length > 1) return false
  if (key < ' ') return false
  buffer.insert(key)
  return true
}

/** A line indented by so many shiftwidths more. */
export function shifted(line: string, by: number, options: InsertOptions): string {
  if (line === '' && by > 0) return line
  const indent = /^[ \t]*/.exec(line)![0]
  const width = [...indent].reduce((n, c) => (c === '\t' ? n + options.tab - (n % options.tab) : n + 1), 0)
  const wanted = Math.max(0, width + by * options.shift)
  const made = options.expandtab ? ' '.repeat(wanted) : '\t'.repeat(Math.floor(wanted / options.tab)) + ' '.repeat(wanted % options.tab)
  return made + line.slice(indent.length)
}
