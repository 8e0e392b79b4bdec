import type { Headers } from '../http/message.ts'
import { concatBytes } from '../../text.ts'
import { huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts'

/** Header compression for HTTP/2 (RFC 7541): one side's table, which both sides of a connection keep alike. */
const STATIC: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''], [':method', 'GET'], [':method', 'POST'], [':path', '/'], [':path', '/index.html'], [':scheme', 'http'], [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((status) => [':status', status] as const), ['accept-charset', ''], ['accept-encoding', 'gzip, deflate'],
  ...['accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age', 'allow', 'authorization', 'cache-control', 'content-disposition', 'content-encoding',
    'content-language', 'content-length', 'content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag', 'expect', 'expires', 'from', 'host', 'if-match',
    'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'last-modified', 'link', 'location', 'max-forwards', 'proxy-authenticate', 'proxy-authorization',
    'range', 'referer', 'refresh', 'retry-after', 'server', 'set-cookie', 'strict-transport-security', 'transfer-encoding', 'user-agent', 'vary', 'via', 'www-authenticate'].map((name) => [name, ''] as const),
]
/** SETTINGS_HEADER_TABLE_SIZE before anybody says another. */
const TABLE_SIZE = 4_096
/** What an entry costs besides its text. */
const OVERHEAD = 32
/** Never put into a table: they are secrets, or new each time. */
const UNINDEXED = new Set([':path', 'content-length', 'authorization', 'age', 'etag', 'if-modified-since', 'if-none-match', 'location', 'set-cookie', 'cookie'])

/** The other side has broken the compression: the whole connection ends with COMPRESSION_ERROR. */
export class HpackError extends Error {}

class Table {
  #entries: [name: string, value: string][] = []
  #size = 0
  limit = TABLE_SIZE

  /** 1 to 61 are the same for everybody, the newest comes after. */
  get(index: number): readonly [string, string] {
    const entry = index <= STATIC.length ? STATIC[index - 1] : this.#entries[index - STATIC.length - 1]
    if (!entry) throw new HpackError(`index ${index}`)
    return entry
  }

  /** The index of an entry, or of one of that name. */
  find(name: string, value: string): { whole?: number; name?: number } {
    const all = [...STATIC, ...this.#entries]
    const whole = all.findIndex(([n, v]) => n === name && v === value)
    if (whole >= 0) return { whole: whole + 1 }
    const named = all.findIndex(([n]) => n === name)
    return named >= 0 ? { name: named + 1 } : {}
  }

  add(name: string, value: string): void {
    this.#entries.unshift([name, value])
    this.#size += name.length + value.length + OVERHEAD
    this.shrink()
  }

  shrink(): void {
    while (this.#size > this.limit) {
      const [name, value] = this.#entries.pop()!
      this.#size -= name.length + value.length + OVERHEAD
    }
  }
}

export class HpackEncoder {
  readonly #table = new Table()

  encode(headers: Headers): Uint8Array {
    return concatBytes(headers.map(([name, value]) => this.#field(name.toLowerCase(), value)))
  }

  #field(name: string, value: string): Uint8Array {
    const found = this.#table.find(name, value)
    if (found.whole !== undefined) return integer(0x80, 7, found.whole)
    const indexed = !UNINDEXED.has(name)
    if (indexed) this.#table.add(name, value)
    const head = indexed ? integer(0x40, 6, found.name ?? 0) : integer(0, 4, found.name ?? 0)
    return concatBytes([head, ...(found.name === undefined ? [literal(name)] : []), literal(value)])
  }
}

export class HpackDecoder {
  readonly #table = new Table()

  /** Throws {@link HpackError}. */
  decode(block: Uint8Array): Headers {
    const reader = new Reader(block)
    const out: Headers = []
    while (!reader.done) {
      const first = reader.peek()
      if (first & 0x80) out.push([...this.#table.get(reader.integer(7))])
      else if ((first & 0xe0) === 0x20) {
        const limit = reader.integer(5)
        if (limit > TABLE_SIZE) throw new HpackError('table size')
        this.#table.limit = limit
        this.#table.shrink()
      } else {
        const indexed = (first & 0x40) !== 0
        const index = reader.integer(indexed ? 6 : 4)
        const name = index === 0 ? reader.text() : this.#table.get(index)[0]
        const value = reader.text()
        if (indexed) this.#table.add(name, value)
        out.push([name, value])
      }
    }
    return out
  }
}

/** RFC 7541 5.1: `bits` of the first byte, then seven at a time. */
function integer(flags: number, bits: number, value: number): Uint8Array {
  const most = (1 << bits) - 1
  if (value < most) return Uint8Array.of(flags | value)
  const out = [flags | most]
  let rest = value - most
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128)
  out.push(rest)
  return Uint8Array.from(out)
}

/** Header text is Latin-1 here, as everywhere in HTTP/1.1's parser. */
function literal(text: string): Uint8Array {
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0) & 255)
  const shorter = huffmanLength(bytes) < bytes.length
  const data = shorter ? huffmanEncode(bytes) : bytes
  return concatBytes([integer(shorter ? 0x80 : 0, 7, data.length), data])
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  peek(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new HpackError('cut off')
    return byte
  }

  #byte(): number {
    const byte = this.peek()
    this.#at++
    return byte
  }

  integer(bits: number): number {
    const most = (1 << bits) - 1
    let value = this.#byte() & most
    if (value < most) return value
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte()
      value += (byte & 127) * factor
      if (value > 0x7fff_ffff) throw new HpackError('integer')
      if (byte < 128) return value
    }
  }

  text(): string {
    const coded = (this.peek() & 0x80) !== 0
    const length = this.integer(7)
    const data = this.#bytes.subarray(this.#at, this.#at + length)
    if (data.length < length) throw new HpackError('cut off')
    this.#at += length
    const bytes = coded ? huffmanDecode(data) : data
    if (!bytes) throw new HpackError('Huffman code')
    let out = ''
    for (const byte of bytes) out += String.fromCharCode(byte)
    return out
  }
}
