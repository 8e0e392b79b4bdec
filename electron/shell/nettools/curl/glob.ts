/** URL globbing of curl 7.88 (src/tool_urlglob.c): "{a,b}", "[1-9]", "[01-10:2]", "[a-f]"; an IPv6 address in brackets is none. */

const MOST = 100_000

export function expandUrl(text: string): string[] | { error: string } {
  let urls = ['']
  let at = 0
  const bad = (what: string, where: number): { error: string } => ({ error: `${what} in URL position ${where}:\n${text}\n${' '.repeat(where - 1)}^` })
  while (at < text.length) {
    const letter = text[at]!
    if (letter === '\\' && /[{}[\]]/.test(text[at + 1] ?? '')) {
      urls = urls.map((u) => u + text[at + 1]!)
      at += 2
      continue
    }
    if (letter === '}' || (letter === ']' && !/^\[[0-9a-f:.%]*\]/i.test(text.slice(text.lastIndexOf('[', at))))) return bad('unmatched close brace/bracket', at + 1)
    if (letter === '{') {
      const end = text.indexOf('}', at)
      if (end < 0) return bad('unmatched brace', at + 1)
      const choices = text.slice(at + 1, end).split(',')
      urls = urls.flatMap((u) => choices.map((choice) => u + choice))
      at = end + 1
    } else if (letter === '[') {
      const address = /^\[[0-9a-f]*:[0-9a-f:.]*(%[^\]]*)?\]/i.exec(text.slice(at))
      if (address) {
        urls = urls.map((u) => u + address[0])
        at += address[0].length
        continue
      }
      const values = range(text.slice(at))
      if (!values) return bad('bad range', at + 2)
      urls = urls.flatMap((u) => values.list.map((v) => u + v))
      at += values.length
    } else {
      const plain = /^[^{}[\]\\]+|^./.exec(text.slice(at))![0]
      urls = urls.map((u) => u + plain)
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
