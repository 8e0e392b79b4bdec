import type { Word } from './ast.ts'

/** A word's text without quotes (a here-document's delimiter, a name). */
export function textOf(word: Word): string {
  return delimiterOf(word).text
}

/** What it is, and whether something of it was quoted. */
export function delimiterOf(word: Word): { text: string; quoted: boolean } {
  let text = ''
  let quoted = false
  for (const part of word.parts) {
    if (part.kind === 'literal') text += part.text
    else if (part.kind === 'quoted') {
      text += part.text
      quoted = true
    } else if (part.kind === 'double') {
      text += delimiterOf({ parts: part.parts, line: 0 }).text
      quoted = true
    } else if (part.kind === 'parameter') text += part.source
  }
  return { text, quoted }
}
