import { crc32, adler32 } from './crc32.ts'
import { DISTANCE_BASE, DISTANCE_EXTRA, END, FIXED_DISTANCES, FIXED_LITERALS, LENGTH_BASE, LENGTH_EXTRA, ORDER } from './codes.ts'

/** What is no DEFLATE, or not of these bytes: zlib's words for it. */
export class InflateError extends Error {}

/** All members of a gzip file (RFC 1952). Throws InflateError. */
export function gunzip(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = afterHeader(bytes, at)
    const { out, end } = inflate(bytes, start)
    if (end + 8 > bytes.length) throw new InflateError('unexpected end of file')
    const view = new DataView(bytes.buffer, bytes.byteOffset + end)
    if (view.getUint32(0, true) !== crc32(out)) throw new InflateError('incorrect data check')
    if (view.getUint32(4, true) !== out.length >>> 0) throw new InflateError('incorrect length check')
    parts.push(out)
    at = end + 8
  }
  return parts.length === 1 ? parts[0]! : Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** RFC 1950, or bare DEFLATE, as some servers send it under the name "deflate". Throws InflateError. */
export function unzlib(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 2 || (bytes[0]! & 15) !== 8 || ((bytes[0]! << 8) | bytes[1]!) % 31 !== 0) return inflate(bytes, 0).out
  const { out, end } = inflate(bytes, 2)
  if (end + 4 > bytes.length) throw new InflateError('unexpected end of file')
  if (new DataView(bytes.buffer, bytes.byteOffset + end).getUint32(0) !== adler32(out)) throw new InflateError('incorrect data check')
  return out
}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

function afterHeader(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== 0x1f || bytes[from + 1] !== 0x8b) throw new InflateError('incorrect header check')
  if (bytes[from + 2] !== 8) throw new InflateError('unknown compression method')
  const flags = bytes[from + 3] ?? 0
  let at = from + 10
  const afterText = (): void => {
    while (at < bytes.length && bytes[at] !== 0) at++
    at++
  }
  if (flags & 4) at += 2 + ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8))
  if (flags & 8) afterText()
  if (flags & 16) afterText()
  if (flags & 2) at += 2
  if (at > bytes.length) throw new InflateError('unexpected end of file')
  return at
}

/** DEFLATE from `from` on; `end` is behind its last byte. Throws InflateError. */
export function inflate(bytes: Uint8Array, from: number): { out: Uint8Array; end: number } {
  const input = new BitReader(bytes, from)
  let out = new Uint8Array(Math.max(1024, bytes.length * 4))
  let size = 0
  const room = (more: number): void => {
    if (size + more <= out.length) return
    const grown = new Uint8Array(Math.max(out.length * 2, size + more))
    grown.set(out)
    out = grown
  }
  for (let last = false; !last; ) {
    last = input.bits(1) === 1
    const kind = input.bits(2)
    if (kind === 3) throw new InflateError('invalid block type')
    if (kind === 0) {
      const stored = input.stored()
      room(stored.length)
      out.set(stored, size)
      size += stored.length
      continue
    }
    const [literals, distances] = kind === 1 ? [new Decoder(FIXED_LITERALS), new Decoder(FIXED_DISTANCES)] : ownCodes(input)
    for (;;) {
      const symbol = literals.read(input)
      if (symbol === END) break
      if (symbol < END) {
        room(1)
        out[size++] = symbol
        continue
      }
      const l = symbol - 257
      if (l >= LENGTH_BASE.length) throw new InflateError('invalid literal/length code')
      const length = LENGTH_BASE[l]! + input.bits(LENGTH_EXTRA[l]!)
      const d = distances.read(input)
      if (d >= DISTANCE_BASE.length) throw new InflateError('invalid distance code')
      const distance = DISTANCE_BASE[d]! + input.bits(DISTANCE_EXTRA[d]!)
      if (distance > size) throw new InflateError('invalid distance too far back')
      room(length)
      for (let i = 0; i < length; i++, size++) out[size] = out[size - distance]!
    }
  }
  return { out: out.slice(0, size), end: input.end() }
}

function ownCodes(input: BitReader): [Decoder, Decoder] {
  const [hlit, hdist, hclen] = [input.bits(5) + 257, input.bits(5) + 1, input.bits(4) + 4]
  const own = new Uint8Array(19)
  for (const symbol of ORDER.slice(0, hclen)) own[symbol] = input.bits(3)
  const code = new Decoder(own)
  const lengths: number[] = []
  while (lengths.length < hlit + hdist) {
    const symbol = code.read(input)
    if (symbol < 16) lengths.push(symbol)
    else {
      if (symbol === 16 && lengths.length === 0) throw new InflateError('invalid bit length repeat')
      const value = symbol === 16 ? lengths.at(-1)! : 0
      const times = symbol === 16 ? 3 + input.bits(2) : symbol === 17 ? 3 + input.bits(3) : 11 + input.bits(7)
      for (let i = 0; i < times; i++) lengths.push(value)
    }
  }
  if (lengths.length > hlit + hdist) throw new InflateError('invalid bit length repeat')
  return [new Decoder(Uint8Array.from(lengths.slice(0, hlit))), new Decoder(Uint8Array.from(lengths.slice(hlit)))]
}

/** A canonical code: how many symbols there are of each length, and the symbols in their order. */
class Decoder {
  readonly #counts = new Uint16Array(16)
  readonly #symbols: number[]

  constructor(lengths: Uint8Array) {
    for (const length of lengths) this.#counts[length]!++
    this.#counts[0] = 0
    this.#symbols = [...lengths.keys()].filter((symbol) => lengths[symbol]! > 0).sort((a, b) => lengths[a]! - lengths[b]! || a - b)
  }

  read(input: BitReader): number {
    let [code, first, index] = [0, 0, 0]
    for (let length = 1; length <= 15; length++) {
      code |= input.bits(1)
      const count = this.#counts[length]!
      if (code - first < count) return this.#symbols[index + code - first]!
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    throw new InflateError('invalid code')
  }
}

class BitReader {
  readonly #bytes: Uint8Array
  #at: number
  #held = 0
  #count = 0

  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes
    this.#at = from
  }

  bits(count: number): number {
    for (; this.#count < count; this.#count += 8) {
      if (this.#at >= this.#bytes.length) throw new InflateError('unexpected end of file')
      this.#held |= this.#bytes[this.#at++]! << this.#count
    }
    const value = this.#held & ((1 << count) - 1)
    this.#held >>>= count
    this.#count -= count
    return value
  }

  stored(): Uint8Array {
    this.#held = this.#count = 0
    const [a, b, c, d] = this.#bytes.subarray(this.#at, this.#at + 4)
    if (d === undefined) throw new InflateError('unexpected end of file')
    const length = a! | (b! << 8)
    if (length !== (~(c! | (d << 8)) & 0xffff)) throw new InflateError('invalid stored block lengths')
    this.#at += 4 + length
    if (this.#at > this.#bytes.length) throw new InflateError('unexpected end of file')
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** Behind the byte that was read last. */
  end(): number {
    return this.#at
  }
}
