import { adler32, crc32 } from './crc32.ts'
import { DISTANCE_BASE, DISTANCE_EXTRA, END, FIXED_DISTANCES, FIXED_LITERALS, LENGTH_BASE, LENGTH_EXTRA, ORDER } from './codes.ts'

/** DEFLATE (RFC 1951) with zlib's way of looking for repetitions: what comes out is about as long as zlib's, and every inflate reads it. */
const WINDOW = 32_768
const MIN_MATCH = 3
const MAX_MATCH = 258
/** Symbols of a block. */
const BLOCK = 16_384
/** By level, 1 to 9: how many candidates are looked at, and from which length on the next byte is not tried as well (zlib's configuration_table). */
const EFFORT: readonly (readonly [chain: number, lazy: number])[] = [[4, 0], [5, 0], [6, 0], [16, 4], [32, 16], [128, 16], [256, 32], [1024, 128], [4096, 258]]

/** RFC 1952, without a name and time. `level`: 1 (fast) to 9 (best). */
export function gzip(bytes: Uint8Array, level = 6): Uint8Array {
  const body = deflate(bytes, level)
  const out = new Uint8Array(body.length + 18)
  out.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, level === 9 ? 2 : level === 1 ? 4 : 0, 3])
  out.set(body, 10)
  const view = new DataView(out.buffer)
  view.setUint32(out.length - 8, crc32(bytes), true)
  view.setUint32(out.length - 4, bytes.length >>> 0, true)
  return out
}

/** RFC 1950. */
export function zlib(bytes: Uint8Array, level = 6): Uint8Array {
  const body = deflate(bytes, level)
  const out = new Uint8Array(body.length + 6)
  out.set([0x78, level < 2 ? 0x01 : level < 6 ? 0x5e : level === 6 ? 0x9c : 0xda])
  out.set(body, 2)
  new DataView(out.buffer).setUint32(out.length - 4, adler32(bytes))
  return out
}

export function deflate(bytes: Uint8Array, level = 6): Uint8Array {
  const out = new BitWriter()
  const symbols = matches(bytes, EFFORT[Math.min(9, Math.max(1, level)) - 1]!)
  let from = 0
  for (let at = 0; at === 0 || at < symbols.length; at += BLOCK) {
    const part = symbols.slice(at, at + BLOCK)
    const length = part.reduce((sum, symbol) => sum + (symbol < 256 ? 1 : symbol >>> 16), 0)
    writeBlock(out, part, bytes.subarray(from, from + length), at + BLOCK >= symbols.length)
    from += length
  }
  return out.done()
}

/** A byte, or a length in the upper and a distance in the lower half. Distance 32,768 stands as 0, and lengths of 3 and more make it no byte. */
function matches(bytes: Uint8Array, [chain, lazy]: readonly [number, number]): number[] {
  const symbols: number[] = []
  const heads = new Map<number, number>()
  const before = new Int32Array(bytes.length).fill(-1)
  const insert = (at: number): void => {
    if (at + MIN_MATCH > bytes.length) return
    const key = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    before[at] = heads.get(key) ?? -1
    heads.set(key, at)
  }
  const longest = (at: number): { length: number; distance: number } => {
    let best = { length: 0, distance: 0 }
    if (at + MIN_MATCH > bytes.length) return best
    const most = Math.min(MAX_MATCH, bytes.length - at)
    let candidate = heads.get((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!) ?? -1
    for (let tries = chain; candidate >= 0 && at - candidate <= WINDOW && tries > 0; tries--, candidate = before[candidate]!) {
      let length = 0
      while (length < most && bytes[candidate + length] === bytes[at + length]) length++
      if (length > best.length) best = { length, distance: at - candidate }
      if (length === most) break
    }
    return best.length >= MIN_MATCH ? best : { length: 0, distance: 0 }
  }
  let found = longest(0)
  for (let at = 0; at < bytes.length; ) {
    insert(at)
    const next = found.length > 0 && found.length < lazy ? longest(at + 1) : undefined
    if (found.length === 0 || (next && next.length > found.length)) {
      symbols.push(bytes[at]!)
      at++
      found = next ?? longest(at)
      continue
    }
    symbols.push(found.length * 65_536 + (found.distance & 0xffff))
    for (let i = 1; i < found.length; i++) insert(at + i)
    at += found.length
    found = longest(at)
  }
  return symbols
}

const lengthSymbol = (length: number): number => LENGTH_BASE.findLastIndex((base) => base <= length)
const distanceSymbol = (distance: number): number => DISTANCE_BASE.findLastIndex((base) => base <= distance)

/** As it is, with the code that everybody knows, or with its own: whichever is shortest. */
function writeBlock(out: BitWriter, symbols: readonly number[], plain: Uint8Array, last: boolean): void {
  const [literals, distances] = [new Uint32Array(286), new Uint32Array(30)]
  let extra = 0
  for (const symbol of symbols) {
    if (symbol < 256) literals[symbol]!++
    else {
      const [l, d] = [lengthSymbol(symbol >>> 16), distanceSymbol(symbol & 0xffff)]
      literals[257 + l]!++
      distances[d]!++
      extra += LENGTH_EXTRA[l]! + DISTANCE_EXTRA[d]!
    }
  }
  literals[END] = 1
  const [own, ownDistances] = [lengthsOf(literals, 15), lengthsOf(distances, 15)]
  const header = headerOf(own, ownDistances)
  const cost = (counts: Uint32Array, lengths: Uint8Array): number => counts.reduce((sum, count, i) => sum + count * lengths[i]!, 0)
  const dynamic = header.bits + cost(literals, own) + cost(distances, ownDistances) + extra
  const fixed = cost(literals, FIXED_LITERALS) + cost(distances, FIXED_DISTANCES) + extra
  if (plain.length < 65_536 && (plain.length + 4) * 8 < Math.min(dynamic, fixed)) {
    out.bits(last ? 1 : 0, 3)
    return out.stored(plain)
  }
  out.bits((last ? 1 : 0) | (fixed <= dynamic ? 2 : 4), 3)
  if (fixed > dynamic) header.write(out)
  const [codes, distanceCodes] = fixed <= dynamic ? [codesOf(FIXED_LITERALS), codesOf(FIXED_DISTANCES)] : [codesOf(own), codesOf(ownDistances)]
  for (const symbol of symbols) {
    if (symbol < 256) {
      out.code(codes[symbol]!)
      continue
    }
    const [length, distance] = [symbol >>> 16, symbol & 0xffff]
    const [l, d] = [lengthSymbol(length), distanceSymbol(distance)]
    out.code(codes[257 + l]!)
    out.bits(length - LENGTH_BASE[l]!, LENGTH_EXTRA[l]!)
    out.code(distanceCodes[d]!)
    out.bits(distance - DISTANCE_BASE[d]!, DISTANCE_EXTRA[d]!)
  }
  out.code(codes[END]!)
}

/** The lengths of a code's own code, run by run (3.2.7). */
function headerOf(literals: Uint8Array, distances: Uint8Array): { bits: number; write(out: BitWriter): void } {
  const used = (lengths: Uint8Array, least: number): number => Math.max(least, lengths.findLastIndex((l) => l > 0) + 1)
  const [hlit, hdist] = [used(literals, 257), used(distances, 1)]
  const all = [...literals.subarray(0, hlit), ...distances.subarray(0, hdist)]
  const runs: [symbol: number, extra: number, bits: number][] = []
  for (let at = 0; at < all.length; ) {
    const length = all[at]!
    let run = 1
    while (all[at + run] === length) run++
    at += run
    if (length !== 0) {
      runs.push([length, 0, 0])
      run--
    }
    while (run >= 3) {
      const most = Math.min(run, length !== 0 ? 6 : run <= 10 ? 10 : 138)
      runs.push(length !== 0 ? [16, most - 3, 2] : run <= 10 ? [17, most - 3, 3] : [18, most - 11, 7])
      run -= most
    }
    for (; run > 0; run--) runs.push([length, 0, 0])
  }
  const counts = new Uint32Array(19)
  for (const [symbol] of runs) counts[symbol]!++
  const lengths = lengthsOf(counts, 7)
  const hclen = Math.max(4, ORDER.findLastIndex((symbol) => lengths[symbol]! > 0) + 1)
  const codes = codesOf(lengths)
  return {
    bits: 14 + hclen * 3 + runs.reduce((sum, [symbol, , bits]) => sum + lengths[symbol]! + bits, 0),
    write(out) {
      out.bits(hlit - 257, 5)
      out.bits(hdist - 1, 5)
      out.bits(hclen - 4, 4)
      for (const symbol of ORDER.slice(0, hclen)) out.bits(lengths[symbol]!, 3)
      for (const [symbol, extra, bits] of runs) {
        out.code(codes[symbol]!)
        out.bits(extra, bits)
      }
    },
  }
}

/** Huffman's code of these counts, no symbol's longer than `most`: counts come closer to each other until it fits. */
function lengthsOf(counts: Uint32Array, most: number): Uint8Array {
  const lengths = new Uint8Array(counts.length)
  let weights = counts
  for (;;) {
    const nodes = [...weights.entries()].filter(([, weight]) => weight > 0).map(([symbol, weight]) => ({ weight, symbols: [symbol] }))
    // one symbol alone has a code of one bit
    if (nodes.length === 1) lengths[nodes[0]!.symbols[0]!] = 1
    while (nodes.length > 1) {
      nodes.sort((a, b) => b.weight - a.weight)
      const [a, b] = [nodes.pop()!, nodes.pop()!]
      const symbols = [...a.symbols, ...b.symbols]
      for (const symbol of symbols) lengths[symbol]!++
      nodes.push({ weight: a.weight + b.weight, symbols })
    }
    if (lengths.every((length) => length <= most)) return lengths
    weights = weights.map((weight) => (weight === 0 ? 0 : (weight >>> 1) + 1))
    lengths.fill(0)
  }
}

interface Code { bits: number; length: number }

/** Canonical codes (3.2.2), turned round: they are written from their highest bit. */
function codesOf(lengths: Uint8Array): Code[] {
  const next = new Uint16Array(17)
  let code = 0
  for (let length = 1; length <= 15; length++) {
    code = (code + lengths.filter((l) => l === length - 1 && l > 0).length) << 1
    next[length] = code
  }
  return [...lengths].map((length) => {
    let [value, bits] = [length === 0 ? 0 : next[length]!++, 0]
    for (let i = 0; i < length; i++, value >>>= 1) bits = (bits << 1) | (value & 1)
    return { bits, length }
  })
}

class BitWriter {
  readonly #bytes: number[] = []
  #held = 0
  #count = 0

  bits(value: number, count: number): void {
    this.#held |= value << this.#count
    this.#count += count
    for (; this.#count >= 8; this.#count -= 8, this.#held >>>= 8) this.#bytes.push(this.#held & 255)
  }

  code({ bits, length }: Code): void {
    this.bits(bits, length)
  }

  stored(bytes: Uint8Array): void {
    if (this.#count > 0) this.bits(0, 8 - this.#count)
    for (const value of [bytes.length, ~bytes.length & 0xffff]) this.#bytes.push(value & 255, value >>> 8)
    for (const byte of bytes) this.#bytes.push(byte)
  }

  done(): Uint8Array {
    if (this.#count > 0) this.bits(0, 8 - this.#count)
    return Uint8Array.from(this.#bytes)
  }
}
