import { translateRegExp } from '../../coreutils/regex.ts'
import { GuardedRegExp, RegExpLimit } from '../../regex/guarded.ts'
import type { Position } from './buffer.ts'

/** vim's "magic" patterns: basic ones with a few letters more. Throws an Error with what vim says. */
export function compilePattern(pattern: string, options: { ignorecase: boolean; smartcase: boolean }): RegExp {
  if (/\\[vVM]/.test(pattern)) throw new Error('podhop: not simulated: \\v, \\V and \\M in a pattern')
  let fold = options.ignorecase && !(options.smartcase && /[A-Z]/.test(pattern))
  const basic = pattern.replace(/\\(.)/g, (whole, letter: string) => {
    if (letter === 'c' || letter === 'C') {
      fold = letter === 'c'
      return ''
    }
    return { '=': '\\?', a: '[A-Za-z]', d: '[0-9]', D: '[^0-9]', x: '[0-9A-Fa-f]', l: '[a-z]', u: '[A-Z]', t: '\t', '/': '/' }[letter] ?? whole
  })
  try {
    return new GuardedRegExp(translateRegExp(basic, 'basic'), fold ? 'giu' : 'gu')
  } catch {
    throw new Error(`E486: Pattern not found: ${pattern}`)
  }
}

/** What the last line says of an error. */
export function messageOf(error: Error): string {
  return error instanceof RegExpLimit ? `podhop: not simulated: ${error.message}` : error.message
}

/** The next match from a place, round the end of the text if need be. */
export function search(lines: readonly string[], expression: RegExp, from: Position, forward: boolean): { at: Position; wrapped: boolean } | undefined {
  const matches = (row: number): number[] => [...lines[row]!.matchAll(expression)].map((m) => m.index).filter((column) => column < lines[row]!.length || column === 0)
  for (let i = 0; i <= lines.length; i++) {
    const row = (((from.row + (forward ? i : -i)) % lines.length) + lines.length) % lines.length
    const found = matches(row).filter((column) => (i === 0 ? (forward ? column > from.column : column < from.column) : true))
    const column = forward ? found[0] : found.at(-1)
    if (column !== undefined) return { at: { row, column }, wrapped: forward ? from.row + i >= lines.length : from.row - i < 0 }
  }
  return undefined
}
