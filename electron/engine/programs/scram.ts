import { sha256 } from '../sha256.ts'
import { concatBytes, encodeUtf8 } from '../text.ts'

/** SCRAM-SHA-256 (RFC 5802, RFC 7677). */
export const ITERATIONS = 4096

export function hmac(key: Uint8Array, text: Uint8Array): Uint8Array {
  const block = new Uint8Array(64)
  block.set(key.length > 64 ? sha256(key) : key)
  return sha256(concatBytes([block.map((b) => b ^ 0x5c), sha256(concatBytes([block.map((b) => b ^ 0x36), text]))]))
}

const salted = new Map<string, Uint8Array>()

/** Hi(): PBKDF2 with one block. The last few are remembered: four thousand rounds take their time. */
export function saltedPassword(password: string, salt: Uint8Array, iterations = ITERATIONS): Uint8Array {
  const key = `${password}\0${salt.join(',')}\0${iterations}`
  const known = salted.get(key)
  if (known) return known
  const bytes = encodeUtf8(password)
  let u = hmac(bytes, concatBytes([salt, Uint8Array.of(0, 0, 0, 1)]))
  const out = u.slice()
  for (let i = 1; i < iterations; i++) {
    u = hmac(bytes, u)
    for (let k = 0; k < 32; k++) out[k]! ^= u[k]!
  }
  if (salted.size > 20) salted.clear()
  salted.set(key, out)
  return out
}

export function clientProof(password: Uint8Array, message: string): Uint8Array {
  const key = hmac(password, encodeUtf8('Client Key'))
  const signature = hmac(sha256(key), encodeUtf8(message))
  return key.map((b, i) => b ^ signature[i]!)
}

export function serverSignature(password: Uint8Array, message: string): Uint8Array {
  return hmac(hmac(password, encodeUtf8('Server Key')), encodeUtf8(message))
}
