const BREAKS = ' \t\n;&()|<>'
const QUOTES = `"'\``

/** Where the word that begins at `start` ends (readline's history_tokenize_word): operators are words of their own. */
function wordEnd(text: string, start: number): number {
  let i = start
  let quote = ''
  let nested = 0
  const at = (offset: number): string => text[i + offset] ?? ''
  if ('()\n'.includes(at(0))) return i + 1
  const digits = /^\d+/.exec(text.slice(i))?.[0].length ?? 0
  if (digits > 0) {
    if (i + digits === text.length) return text.length
    i += digits
  }
  if ((digits === 0 && '<>;&|'.includes(at(0))) || (digits > 0 && '<>'.includes(at(0)))) {
    const peek = at(1)
    if (peek === at(0)) return i + (peek === '<' && (at(2) === '-' || at(2) === '<') ? 3 : 2)
    if (peek === '&' && '<>'.includes(at(0))) return i + 2 + /^\d*-?/.exec(text.slice(i + 2))![0].length
    if ((peek === '>' && at(0) === '&') || (peek === '|' && at(0) === '>')) return i + 2
    if (peek !== '(' || !'<>'.includes(at(0))) return i + 1
    i += 2
    nested = 1
  }
  for (; i < text.length; i++) {
    const c = text[i]!
    if (c === '\\' && quote !== "'") {
      i++
      continue
    }
    if (quote !== '') {
      if (c === quote) quote = ''
    } else if (nested > 0 && c === '(') nested++
    else if (nested > 0 && c === ')') nested--
    else if (nested === 0 && '<>$!@?+*'.includes(c) && text[i + 1] === '(') {
      nested = 1
      i++
    } else if (nested === 0 && BREAKS.includes(c)) break
    else if (QUOTES.includes(c)) quote = c
  }
  return i
}

/** A line's words as the history designators count them; a comment ends them. */
export function historyWords(line: string): { text: string; start: number }[] {
  const words: { text: string; start: number }[] = []
  for (let i = 0; ; ) {
    while (i < line.length && ' \t\n'.includes(line[i]!)) i++
    if (i >= line.length || line[i] === '#') return words
    const end = Math.min(line.length, Math.max(i + 1, wordEnd(line, i)))
    words.push({ text: line.slice(i, end), start: i })
    i = end
  }
}

/** Words `first` to `last` joined by spaces; '$' is the last, a negative number counts from it. Undefined: there are none. */
export function historyArguments(line: string, first: number | '$', last: number | '$'): string | undefined {
  const words = historyWords(line)
  const place = (n: number | '$'): number => (n === '$' ? words.length - 1 : n < 0 ? words.length + n - 1 : n)
  const from = place(first)
  const to = place(last)
  if (from >= words.length || to >= words.length || from < 0 || to < 0 || from > to) return undefined
  return words.slice(from, to + 1).map((w) => w.text).join(' ')
}
