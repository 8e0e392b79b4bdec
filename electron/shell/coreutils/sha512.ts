/** SHA-512 and SHA-384 (FIPS 180-4), in hexadecimal. */
const MASK = (1n << 64n) - 1n

function primes(count: number): number[] {
  const out: number[] = []
  for (let n = 2; out.length < count; n++) if (out.every((p) => n % p !== 0)) out.push(n)
  return out
}

/** The first 64 bits of the fractional part of the square or cube root. */
function fraction(value: number, root: 2n | 3n): bigint {
  const scaled = BigInt(value) << (64n * root)
  let [low, high] = [0n, 1n << 72n]
  while (high - low > 1n) {
    const middle = (low + high) >> 1n
    if (middle ** root <= scaled) low = middle
    else high = middle
  }
  return low & MASK
}

function rotate(value: bigint, bits: bigint): bigint {
  return ((value >> bits) | (value << (64n - bits))) & MASK
}

function digest(message: Uint8Array, initial: readonly bigint[]): string {
  const constants = primes(80).map((p) => fraction(p, 3n))
  const padded = new Uint8Array(((message.length + 16) >> 7) * 128 + 128)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n)
  const state = [...initial]
  const w = new Array<bigint>(80)
  for (let block = 0; block < padded.length; block += 128) {
    for (let i = 0; i < 16; i++) w[i] = view.getBigUint64(block + i * 8)
    for (let i = 16; i < 80; i++) {
      const [a, b] = [w[i - 15]!, w[i - 2]!]
      w[i] = (w[i - 16]! + (rotate(a, 1n) ^ rotate(a, 8n) ^ (a >> 7n)) + w[i - 7]! + (rotate(b, 19n) ^ rotate(b, 61n) ^ (b >> 6n))) & MASK
    }
    let [a, b, c, d, e, f, g, h] = state as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
    for (let i = 0; i < 80; i++) {
      const one = (h + (rotate(e, 14n) ^ rotate(e, 18n) ^ rotate(e, 41n)) + ((e & f) ^ (~e & MASK & g)) + constants[i]! + w[i]!) & MASK
      const two = ((rotate(a, 28n) ^ rotate(a, 34n) ^ rotate(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c))) & MASK
      ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + one) & MASK, c, b, a, (one + two) & MASK]
    }
    for (const [i, v] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i]! + v) & MASK
  }
  return state.map((v) => v.toString(16).padStart(16, '0')).join('')
}

export function sha512(message: Uint8Array): string {
  return digest(message, primes(8).map((p) => fraction(p, 2n)))
}

export function sha384(message: Uint8Array): string {
  return digest(message, primes(16).slice(8).map((p) => fraction(p, 2n))).slice(0, 96)
}
