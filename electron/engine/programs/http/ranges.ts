/** "bytes=0-4,-5" of a whole of so many bytes: first and last byte of each part; 'none': no part of it is there; 'malformed': it is no such header; undefined: there is none (RFC 9110 14.1.2). */
export function byteRanges(header: string | undefined, length: number): [number, number][] | 'none' | 'malformed' | undefined {
  if (header === undefined || !/^bytes=/i.test(header) || length === 0) return undefined
  const found: [number, number][] = []
  for (const part of header.slice(6).split(',')) {
    const match = /^\s*([0-9]*)\s*-\s*([0-9]*)\s*$/.exec(part)
    if (!match || (match[1] === '' && match[2] === '')) return 'malformed'
    const [first, last] = [match[1]!, match[2]!]
    if (first !== '' && last !== '' && Number(last) < Number(first)) return 'malformed'
    const [from, to] = first === '' ? [Math.max(0, length - Number(last)), length - 1] : [Number(first), last === '' ? length - 1 : Math.min(Number(last), length - 1)]
    if (from < length && from <= to) found.push([from, to])
  }
  return found.length > 0 ? found : 'none'
}

export function contentRange([from, to]: readonly [number, number], length: number): string {
  return `bytes ${from}-${to}/${length}`
}
