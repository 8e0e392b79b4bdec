import { textWidth } from '../../engine/machine/width.ts'

export interface Candidate {
  /** What replaces the word, quoted where needed. */
  insert: string
  /** What a list shows. */
  display: string
  /** More may follow in the same word (a directory): no space after it. */
  open: boolean
}

export interface Completion {
  candidates: readonly Candidate[]
  /** Where the word begins, in characters. */
  start: number
  /** The quote that the word was opened with. */
  quote: string
}

export function commonPrefix(words: readonly string[]): string {
  let prefix = words[0] ?? ''
  for (const word of words) while (!word.startsWith(prefix)) prefix = prefix.slice(0, -1)
  return prefix
}

/** Names in columns, down then across, as readline lists them. */
export function columnsOf(names: readonly string[], columns: number): string {
  const width = Math.max(...names.map(textWidth)) + 2
  const fit = Math.max(1, Math.floor(columns / width))
  // readline leaves the last column of the screen free
  const across = fit > 1 && fit * width === columns ? fit - 1 : fit
  const rows = Math.ceil(names.length / across)
  let out = ''
  for (let row = 0; row < rows; row++) {
    let line = ''
    for (let i = row; i < names.length; i += rows) line += names[i]! + ' '.repeat(width - textWidth(names[i]!))
    out += line.trimEnd() + '\n'
  }
  return out
}
