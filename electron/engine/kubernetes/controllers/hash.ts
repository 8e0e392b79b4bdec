/** The 32-bit hashes of Go's hash/fnv, and how Kubernetes writes them into names. */
export const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** FNV-1a (fnv.New32a), from a hash before it on. */
export function fnv1a(hash: number, bytes: Uint8Array): number {
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME)
  return hash >>> 0
}

/** FNV-1 (fnv.New32). */
export function fnv1(hash: number, bytes: Uint8Array): number {
  for (const byte of bytes) hash = Math.imul(hash, FNV_PRIME) ^ byte
  return hash >>> 0
}

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/** The decimal digits, each as a letter that makes no bad words: k8s.io/apimachinery/pkg/util/rand SafeEncodeString. */
export function safeEncode(hash: number): string {
  let out = ''
  for (const digit of String(hash)) out += ALPHABET[digit.charCodeAt(0) % ALPHABET.length]
  return out
}
