/** Narrower terminals break lines by themselves: there is no room for an indent. */
const NARROWEST = 50

/**
 * For reading in a terminal of `width` columns: lines are broken between words, and what goes on stands under the text's
 * own column. Undefined: no terminal, whose reader may want whole lines (grep); nothing is broken.
 */
export function wrapped(text: string, width: number | undefined, columnOf: (line: string) => number = textColumn): string {
  if (width === undefined || width < NARROWEST) return text
  return text.split('\n').flatMap((line) => (line.length <= width ? [line] : broken(line, width, columnOf(line)))).join('\n')
}

function broken(line: string, width: number, column: number): string[] {
  const out: string[] = []
  // under a text that begins far to the right there would be one word a line
  const indent = ' '.repeat(column > width / 2 ? 6 : column)
  let rest = line
  let start = column
  while (rest.length > width) {
    let at = rest.lastIndexOf(' ', width)
    // a word that is too long for a line is for the terminal to break
    if (at <= start) at = rest.indexOf(' ', Math.max(width, start))
    if (at === -1) break
    out.push(rest.slice(0, at).trimEnd())
    rest = indent + rest.slice(at).trimStart()
    start = indent.length
  }
  return [...out, rest]
}

/** Where the text of a line begins: behind its list mark, in the last column of a table, or where it is indented to. */
function textColumn(line: string): number {
  const mark = /^ *(?:[-*]|\d+\.) +/.exec(line)
  if (mark) return mark[0].length
  const gaps = [...line.matchAll(/\S {2,}(?=\S)/g)]
  const last = gaps.at(-1)
  return last ? last.index + last[0].length : /^ */.exec(line)![0].length
}
