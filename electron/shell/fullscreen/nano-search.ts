import { compileRegExp } from '../coreutils/regex.ts'
import { after } from './screen.ts'
import type { Position } from './vi/buffer.ts'

/** How nano searches: M-C, M-R and M-B change it, and it stays. */
export interface SearchKind { caseSensitive: boolean; regexp: boolean; backwards: boolean }

export interface Match { at: Position; length: number; wrapped: boolean }

/** "[Case Sensitive] [Regexp]" */
export function kindShown({ caseSensitive, regexp, backwards }: SearchKind): string {
  return `${caseSensitive ? ' [Case Sensitive]' : ''}${regexp ? ' [Regexp]' : ''}${backwards ? ' [Backwards]' : ''}`
}

/** A regular expression for what is searched; a RegExpError when it is none. */
export function searchExpression(query: string, { caseSensitive, regexp }: SearchKind): RegExp {
  const flags = caseSensitive ? 'g' : 'gi'
  return regexp ? compileRegExp(query, 'extended', flags) : new RegExp(query.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), `${flags}u`)
}

function matchesIn(line: string, expression: RegExp): { column: number; length: number; groups: RegExpExecArray }[] {
  const out = []
  expression.lastIndex = 0
  for (let found; (found = expression.exec(line));) {
    out.push({ column: found.index, length: found[0].length, groups: found })
    if (found[0] === '') {
      if (found.index >= line.length) break
      expression.lastIndex = after(line, found.index)
    }
  }
  return out
}

/** The next one behind (or before) the cursor, around the end of the text; `here`: also at the cursor. */
export function findNext(lines: readonly string[], from: Position, expression: RegExp, backwards: boolean, here = false): (Match & { groups: RegExpExecArray }) | undefined {
  for (let i = 0; i <= lines.length; i++) {
    const row = (((from.row + (backwards ? -i : i)) % lines.length) + lines.length) % lines.length
    const candidates = matchesIn(lines[row]!, expression)
    if (backwards) candidates.reverse()
    for (const { column, length, groups } of candidates) {
      const beyond = backwards ? column < from.column : here ? column >= from.column : column > from.column
      if (i === 0 && !beyond) continue
      if (i === lines.length && beyond) continue
      const wrapped = i === lines.length || (backwards ? row > from.row : row < from.row)
      return { at: { row, column }, length, wrapped, groups }
    }
  }
  return undefined
}
