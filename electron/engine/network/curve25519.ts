/** X25519 (RFC 7748) for WireGuard's keys: not in constant time, nothing depends on it. Keys are base64 of 32 bytes. */
const P = (1n << 255n) - 19n
const A24 = 121665n

function power(base: bigint, exponent: bigint): bigint {
  let [result, b, e] = [1n, base % P, exponent]
  while (e > 0n) {
    if (e & 1n) result = (result * b) % P
    b = (b * b) % P
    e >>= 1n
  }
  return result
}

/** The scalar of a private key times the base point. */
export function publicKeyOf(privateKey: string): string {
  const bytes = fromBase64(privateKey)
  if (bytes.length !== 32) throw new RangeError('Key is not the correct length or format')
  clamp(bytes)
  let k = 0n
  for (let i = 31; i >= 0; i--) k = (k << 8n) | BigInt(bytes[i]!)
  let [x2, z2, x3, z3, swap] = [1n, 0n, 9n, 1n, 0n]
  const mod = (n: bigint): bigint => ((n % P) + P) % P
  for (let t = 254n; t >= 0n; t--) {
    const bit = (k >> t) & 1n
    if (swap !== bit) [x2, x3, z2, z3] = [x3, x2, z3, z2]
    swap = bit
    const [a, b] = [mod(x2 + z2), mod(x2 - z2)]
    const [aa, bb] = [mod(a * a), mod(b * b)]
    const e = mod(aa - bb)
    const [da, cb] = [mod(mod(x3 - z3) * a), mod(mod(x3 + z3) * b)]
    x3 = mod((da + cb) ** 2n)
    z3 = mod(9n * mod((da - cb) ** 2n))
    x2 = mod(aa * bb)
    z2 = mod(e * mod(aa + A24 * e))
  }
  if (swap) [x2, z2] = [x3, z3]
  let u = mod(x2 * power(z2, P - 2n))
  const out = new Uint8Array(32)
  for (let i = 0; i < 32; i++, u >>= 8n) out[i] = Number(u & 255n)
  return toBase64(out)
}

/** A private key of 32 random bytes. */
export function privateKeyOf(random: Uint8Array): string {
  const bytes = random.slice(0, 32)
  clamp(bytes)
  return toBase64(bytes)
}

function clamp(bytes: Uint8Array): void {
  bytes[0]! &= 248
  bytes[31] = (bytes[31]! & 127) | 64
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const n = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    text += ALPHABET[n >> 18]! + ALPHABET[(n >> 12) & 63]! + (i + 1 < bytes.length ? ALPHABET[(n >> 6) & 63]! : '=') + (i + 2 < bytes.length ? ALPHABET[n & 63]! : '=')
  }
  return text
}

function fromBase64(text: string): Uint8Array {
  const clean = text.replace(/=+$/, '')
  const out: number[] = []
  let [bits, value] = [0, 0]
  for (const c of clean) {
    const at = ALPHABET.indexOf(c)
    if (at < 0) return new Uint8Array(0)
    value = (value << 6) | at
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out.push((value >> bits) & 255)
      value &= (1 << bits) - 1
    }
  }
  return Uint8Array.from(out)
}
