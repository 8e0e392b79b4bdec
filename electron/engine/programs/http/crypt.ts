import { sha256 } from '../../sha256.ts'
import { sha512 } from '../../sha512.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { DIGITS, hashMd5 } from './htpasswd.ts'

/** crypt(3)'s "$1$", "$5$" and "$6$" (crypt(5)), as `openssl passwd` and mkpasswd(1) write them. */
export function checkCrypt(hash: string, password: string): 'right' | 'wrong' | 'not simulated' {
  const md5 = /^\$1\$([^$]{0,8})\$/.exec(hash)
  if (md5) return hashMd5('$1$', password, md5[1]!) === hash ? 'right' : 'wrong'
  const sha = /^\$([56])\$(?:rounds=([0-9]+)\$)?([^$]*)\$[./0-9A-Za-z]+$/.exec(hash)
  if (!sha) return 'not simulated'
  const [, kind, rounds, salt = ''] = sha
  return hashSha(kind === '5' ? 5 : 6, password, salt.slice(0, 16), rounds === undefined ? undefined : Math.min(999_999_999, Math.max(1000, Number(rounds)))) === hash ? 'right' : 'wrong'
}

/** Which bytes of the digest make four digits together; what is left over makes the last ones. */
const SHA = {
  5: { hash: sha256, size: 32, groups: Array.from({ length: 10 }, (_, i) => [[0, 10, 20], [21, 1, 11], [12, 22, 2]][i % 3]!.map((n) => n + 3 * Math.floor(i / 3))), last: [31, 30] },
  6: { hash: sha512, size: 64, groups: Array.from({ length: 21 }, (_, i) => [[0, 21, 42], [22, 43, 1], [44, 2, 23]][i % 3]!.map((n) => n + 3 * Math.floor(i / 3))), last: [63] },
} as const

/** SHA-crypt (akkadia.org/drepper/SHA-crypt.txt). */
function hashSha(kind: 5 | 6, password: string, saltText: string, rounds?: number): string {
  const { hash, size, groups, last } = SHA[kind]
  const [word, salt] = [encodeUtf8(password), encodeUtf8(saltText)]
  const stretched = (digest: Uint8Array, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => digest[i % size]!)
  const inner = hash(concatBytes([word, salt, word]))
  const parts: Uint8Array[] = [word, salt, stretched(inner, word.length)]
  for (let bits = word.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? inner : word)
  let state = hash(concatBytes(parts))
  const p = stretched(hash(concatBytes(Array.from({ length: word.length }, () => word))), word.length)
  const s = stretched(hash(concatBytes(Array.from({ length: 16 + state[0]! }, () => salt))), salt.length)
  for (let round = 0; round < (rounds ?? 5000); round++) {
    const of: Uint8Array[] = [round & 1 ? p : state]
    if (round % 3) of.push(s)
    if (round % 7) of.push(p)
    of.push(round & 1 ? state : p)
    state = hash(concatBytes(of))
  }
  const digits = (bytes: readonly number[], length: number): string => {
    const value = bytes.reduce((all, at) => all * 256 + state[at]!, 0)
    return Array.from({ length }, (_, i) => DIGITS[(value >> (6 * i)) & 63]!).join('')
  }
  return `$${kind}$${rounds === undefined ? '' : `rounds=${rounds}$`}${saltText}$${groups.map((g) => digits(g, 4)).join('')}${digits(last, kind === 5 ? 3 : 2)}`
}
