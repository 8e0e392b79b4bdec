/** The Huffman code of HPACK (RFC 7541, appendix B). It is canonical, so the lengths of its codes say all. */
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
]
const END = 256

interface Code { codes: Uint32Array; symbols: Map<number, number> }

/** A code with its length before it, as a key: 30 bits and 5 are more than a number's 32. */
const keyOf = (code: number, length: number): number => length * 0x4000_0000 + code

const { codes: CODES, symbols: SYMBOLS } = canonical()

function canonical(): Code {
  const codes = new Uint32Array(LENGTHS.length)
  const symbols = new Map<number, number>()
  let next = 0
  for (let length = 1; length <= 30; length++) {
    for (const [symbol, own] of LENGTHS.entries()) {
      if (own !== length) continue
      codes[symbol] = next
      symbols.set(keyOf(next, length), symbol)
      next++
    }
    next *= 2
  }
  return { codes, symbols }
}

/** Bytes that the code would take. */
export function huffmanLength(bytes: Uint8Array): number {
  let bits = 0
  for (const byte of bytes) bits += LENGTHS[byte]!
  return (bits + 7) >> 3
}

export function huffmanEncode(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(huffmanLength(bytes))
  let at = 0
  const put = (code: number, length: number): void => {
    for (let i = length - 1; i >= 0; i--, at++) if ((code >>> i) & 1) out[at >> 3]! |= 128 >> (at & 7)
  }
  for (const byte of bytes) put(CODES[byte]!, LENGTHS[byte]!)
  // what is left of the last byte is the beginning of the end's code: ones
  const left = (8 - (at & 7)) & 7
  put((1 << left) - 1, left)
  return out
}

/** Undefined for what is no text of the code: its end within, or padding that is not the end's beginning. */
export function huffmanDecode(bytes: Uint8Array): Uint8Array | undefined {
  const out: number[] = []
  let code = 0
  let length = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1)
      if (++length > 30) return undefined
      const symbol = SYMBOLS.get(keyOf(code, length))
      if (symbol === undefined) continue
      if (symbol === END) return undefined
      out.push(symbol)
      code = 0
      length = 0
    }
  }
  return length < 8 && code === 2 ** length - 1 ? Uint8Array.from(out) : undefined
}
