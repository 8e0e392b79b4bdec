import { concatBytes } from '../text.ts'

/** Base64 (RFC 4648, section 4): Secrets and continue tokens. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

export function encodeBase64(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const n = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out += ALPHABET[n >> 18]! + ALPHABET[(n >> 12) & 63]!
    out += left > 1 ? ALPHABET[(n >> 6) & 63]! : '='
    out += left > 2 ? ALPHABET[n & 63]! : '='
  }
  return out
}

/** The bytes, or the index of the first bad character (as Go's base64.CorruptInputError counts them). */
export function decodeBase64(text: string): Uint8Array | number {
  const clean = text.replace(/[\r\n]/g, '')
  const chunks: Uint8Array[] = []
  for (let i = 0; i < clean.length; i += 4) {
    const digits: number[] = []
    let padding = 0
    for (let k = 0; k < 4; k++) {
      const char = clean[i + k]
      if (char === undefined) return padding > 0 ? clean.length : i
      if (char === '=') {
        if (k < 2) return i + k
        padding++
        continue
      }
      const digit = ALPHABET.indexOf(char)
      if (digit < 0 || padding > 0) return padding > 0 ? i + k - padding : i + k
      digits.push(digit)
    }
    if (padding > 0 && i + 4 < clean.length) return i + 4
    const n = (digits[0]! << 18) | (digits[1]! << 12) | ((digits[2] ?? 0) << 6) | (digits[3] ?? 0)
    chunks.push(Uint8Array.of(n >> 16, (n >> 8) & 255, n & 255).subarray(0, 3 - padding))
  }
  return concatBytes(chunks)
}
