import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/** RESP2, the protocol of Redis (redis.io/docs/reference/protocol-spec). */
export type Reply = { status: string } | { error: string } | { answered: true } | number | string | null | readonly Reply[]

export function encodeReply(reply: Reply): string {
  if (reply === null) return '$-1\r\n'
  if (typeof reply === 'number') return `:${reply}\r\n`
  if (typeof reply === 'string') return `$${encodeUtf8(reply).length}\r\n${reply}\r\n`
  if ('status' in reply) return `+${reply.status}\r\n`
  if ('error' in reply) return `-${reply.error}\r\n`
  if ('answered' in reply) return ''
  const items = reply
  return `*${items.length}\r\n${items.map(encodeReply).join('')}`
}

export function encodeCommand(words: readonly string[]): Uint8Array {
  return encodeUtf8(encodeReply(words))
}

/** What is no RESP. */
export class RespError extends Error {}

const LONGEST = 1_048_576

/** Collects bytes and gives whole values; a line that begins with no type is an inline command (its words as an array). */
export class RespReader {
  #bytes: Uint8Array = new Uint8Array(0)

  /** Throws RespError. */
  push(data: Uint8Array): Reply[] {
    this.#bytes = this.#bytes.length === 0 ? data : concatBytes([this.#bytes, data])
    const out: Reply[] = []
    for (;;) {
      const read = this.#value(0)
      if (!read) break
      this.#bytes = this.#bytes.subarray(read.end)
      out.push(read.value)
    }
    if (this.#bytes.length > LONGEST) throw new RespError('Protocol error: too big request')
    return out
  }

  #line(at: number): { text: string; end: number } | undefined {
    const end = this.#bytes.indexOf(10, at)
    return end < 0 ? undefined : { text: decodeUtf8(this.#bytes.subarray(at, end)).replace(/\r$/, ''), end: end + 1 }
  }

  #value(at: number): { value: Reply; end: number } | undefined {
    const line = this.#line(at)
    if (!line) return undefined
    const rest = line.text.slice(1)
    switch (line.text[0]) {
      case '+': return { value: { status: rest }, end: line.end }
      case '-': return { value: { error: rest }, end: line.end }
      case ':': return { value: Number(rest), end: line.end }
      case '$': {
        const length = this.#count(rest, 'bulk')
        if (length < 0) return { value: null, end: line.end }
        if (this.#bytes.length < line.end + length + 2) return undefined
        return { value: decodeUtf8(this.#bytes.subarray(line.end, line.end + length)), end: line.end + length + 2 }
      }
      case '*': {
        const count = this.#count(rest, 'multibulk')
        const items: Reply[] = []
        let { end } = line
        for (let i = 0; i < count; i++) {
          const item = this.#value(end)
          if (!item) return undefined
          items.push(item.value)
          ;({ end } = item)
        }
        return { value: count < 0 ? null : items, end }
      }
      default: return { value: splitWords(line.text) ?? [], end: line.end }
    }
  }

  #count(text: string, what: string): number {
    const count = Number(text)
    if (text === '' || !Number.isInteger(count) || count > LONGEST) throw new RespError(`Protocol error: invalid ${what} length`)
    return count
  }
}

/** sdssplitargs: words, with quotes; undefined when a quote is not closed. */
export function splitWords(line: string): string[] | undefined {
  const out: string[] = []
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"']+))/gy
  let at = 0
  while (line.slice(at).trim() !== '') {
    pattern.lastIndex = at
    const match = pattern.exec(line)
    if (!match) return undefined
    const [, double, single, plain] = match
    out.push(double !== undefined ? double.replace(/\\(.)/g, (_, c: string) => ({ n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' })[c] ?? c) : single !== undefined ? single.replace(/\\'/g, "'") : plain!)
    at = pattern.lastIndex
  }
  return out
}
