import type { LineBuffer } from './line-buffer.ts'

const BREAKS = ' \t\n;&()|<>'

/** Where the words of the shell begin and end: blanks and operators divide them, quotes hold them together. */
function shellWords(chars: readonly string[]): { start: number; end: number }[] {
  const words: { start: number; end: number }[] = []
  let start = -1
  let quote = ''
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!
    if (quote === '' && BREAKS.includes(char)) {
      if (start >= 0) words.push({ start, end: i })
      start = -1
      continue
    }
    if (start < 0) start = i
    if (char === '\\' && quote !== "'") i++
    else if (quote !== '') quote = char === quote ? '' : quote
    else if (char === "'" || char === '"') quote = char
  }
  if (start >= 0) words.push({ start, end: chars.length })
  return words
}

/** `count` words of the shell on, or back. */
export function shellWordAway(line: LineBuffer, from: number, count: number): number {
  const words = shellWords(line.chars)
  let at = from
  for (let n = Math.abs(count); n > 0; n--) {
    at = count > 0 ? words.find(({ end }) => end > at)?.end ?? line.end : words.findLast(({ start }) => start < at)?.start ?? 0
  }
  return at
}
