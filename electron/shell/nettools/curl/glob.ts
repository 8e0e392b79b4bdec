/** URL globbing of curl 7.88 (src/tool_urlglob.c): "{a,b}", "[1-9]", "[01-10:2]", "[a-f]"; an IPv6 address in brackets is none. */

const MOST = 100_000

/** A URL, and what it has of each brace and bracket, which #1, #2, … of -o stand for. */
export interface Expanded { url: string; parts: readonly string[] }

export function expandUrl(text: string): Expanded[] | { error: string } {
  let urls: Expanded[] = [{ url: '', parts: [] }]
  const add = (plain: string): void => void (urls = urls.map(({ url, parts }) => ({ url: url + plain, parts })))
  const each = (choices: readonly string[]): void => void (urls = urls.flatMap(({ url, parts }) => choices.map((c) => ({ url: url + c, parts: [...parts, c] }))))
  let at = 0
  const bad = (what: string, where: number): { error: string } => ({ error: `${what} in URL position ${where}:\n${text}\n${' '.repeat(where - 1)}^` })
  while (at < text.length) {
    const letter = text[at]!
    if (letter === '\\' && /[{}[\]]/.test(text[at + 1] ?? '')) {
      add(text[at + 1]!)
      at += 2
      continue
    }
    if (letter === '}' || (letter === ']' && !/^\[[0-9a-f:.%]*\]/i.test(text.slice(text.lastIndexOf('[', at))))) return bad('unmatched close brace/bracket', at + 1)
    if (letter === '{') {
      const end = text.indexOf('}', at)
      if (end < 0) return bad('unmatched brace', at + 1)
      const choices = text.slice(at + 1, end).split(',')
      each(choices)
      at = end + 1
    } else if (letter === '[') {
      const address = /^\[[0-9a-f]*:[0-9a-f:.]*(%[^\]]*)?\]/i.exec(text.slice(at))
      if (address) {
        add(address[0])
        at += address[0].length
        continue
      }
      const values = range(text.slice(at))
      if (!values) return bad('bad range', at + 2)
      each(values.list)
      at += values.length
    } else {
      const plain = /^[^{}[\]\\]+|^./.exec(text.slice(at))![0]
      add(plain)
      at += plain.length
    }
    if (urls.length > MOST) return bad('range overflow', at + 1)
  }
  return urls
}

function range(text: string): { list: string[]; length: number } | undefined {
  const numbers = /^\[(\d+)-(\d+)(?::(\d+))?\]/.exec(text)
  if (numbers) {
    const [whole, first, last] = numbers as unknown as [string, string, string]
    const step = Number(numbers[3] ?? 1)
    if (Number(first) > Number(last) || step < 1 || (Number(last) - Number(first)) / step > MOST) return undefined
    const width = first.length > 1 && first.startsWith('0') ? first.length : 0
    const list: string[] = []
    for (let n = Number(first); n <= Number(last); n += step) list.push(String(n).padStart(width, '0'))
    return { list, length: whole.length }
  }
  const letters = /^\[([a-z])-([a-z])(?::(\d+))?\]/i.exec(text)
  if (!letters) return undefined
  const [from, to, step] = [letters[1]!.charCodeAt(0), letters[2]!.charCodeAt(0), Number(letters[3] ?? 1)]
  if (from > to || step < 1) return undefined
  const list: string[] = []
  for (let c = from; c <= to; c += step) list.push(String.fromCharCode(c))
  return { list, length: letters[0].length }
}
