/** SHA-512 and SHA-384 (FIPS 180-4), for what a program shows as one; on big integers, not for many bytes. */
const MASK = 0xffff_ffff_ffff_ffffn
let constants: { k: bigint[]; initial512: bigint[]; initial384: bigint[] } | undefined

export function sha512(message: Uint8Array): Uint8Array {
  return digest(message, (constants ??= make()).initial512)
}

export function sha384(message: Uint8Array): Uint8Array {
  return digest(message, (constants ??= make()).initial384).subarray(0, 48)
}

function digest(message: Uint8Array, initial: readonly bigint[]): Uint8Array {
  const { k } = constants!
  const length = Math.ceil((message.length + 17) / 128) * 128
  const data = new Uint8Array(length)
  data.set(message)
  data[message.length] = 0x80
  new DataView(data.buffer).setBigUint64(length - 8, BigInt(message.length) * 8n)
  const view = new DataView(data.buffer)
  let state = initial
  for (let at = 0; at < length; at += 128) state = block(view, at, state, k)
  const out = new DataView(new ArrayBuffer(64))
  for (const [i, word] of state.entries()) out.setBigUint64(i * 8, word)
  return new Uint8Array(out.buffer)
}

function block(view: DataView, at: number, state: readonly bigint[], k: readonly bigint[]): bigint[] {
  const w: bigint[] = []
  for (let i = 0; i < 16; i++) w.push(view.getBigUint64(at + i * 8))
  for (let i = 16; i < 80; i++) {
    const [x, y] = [w[i - 15]!, w[i - 2]!]
    w.push((w[i - 16]! + (rotate(x, 1n) ^ rotate(x, 8n) ^ (x >> 7n)) + w[i - 7]! + (rotate(y, 19n) ^ rotate(y, 61n) ^ (y >> 6n))) & MASK)
  }
  let [a, b, c, d, e, f, g, h] = state as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  for (let i = 0; i < 80; i++) {
    const one = h + (rotate(e, 14n) ^ rotate(e, 18n) ^ rotate(e, 41n)) + ((e & f) ^ (~e & MASK & g)) + k[i]! + w[i]!
    const two = (rotate(a, 28n) ^ rotate(a, 34n) ^ rotate(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c))
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + one) & MASK, c, b, a, (one + two) & MASK]
  }
  return [a, b, c, d, e, f, g, h].map((word, i) => (word + state[i]!) & MASK)
}

function rotate(value: bigint, bits: bigint): bigint {
  return ((value >> bits) | (value << (64n - bits))) & MASK
}

/** The first 64 bits of the fractional parts of the cube and square roots of primes. */
function make(): NonNullable<typeof constants> {
  const primes: bigint[] = []
  for (let n = 2n; primes.length < 80; n++) if (primes.every((p) => n % p !== 0n)) primes.push(n)
  const square = (p: bigint): bigint => root(p << 128n, 2n) & MASK
  return { k: primes.map((p) => root(p << 192n, 3n) & MASK), initial512: primes.slice(0, 8).map(square), initial384: primes.slice(8, 16).map(square) }
}

/** The whole part of an integer's root. */
function root(value: bigint, degree: bigint): bigint {
  let low = 0n
  let high = 1n << 80n
  while (high - low > 1n) {
    const middle = (low + high) >> 1n
    if (middle ** degree <= value) low = middle
    else high = middle
  }
  return low
}
