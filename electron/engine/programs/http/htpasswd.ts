import { decodeBase64, encodeBase64 } from '../../kubernetes/base64.ts'
import { md5 } from '../../md5.ts'
import { sha1 } from '../../sha1.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/** A file of users as htpasswd(1) writes it: "name:hash" in lines. crypt(3)'s other ways ("$2y$", "$5$", "$6$", DES) are not simulated. */
export type PasswordCheck = 'right' | 'wrong' | 'unknown user' | 'not simulated'

export function checkPassword(file: string, user: string, password: string): PasswordCheck {
  const line = file.split('\n').find((l) => !l.startsWith('#') && l.startsWith(`${user}:`))
  if (line === undefined) return 'unknown user'
  const hash = line.slice(user.length + 1).split(':')[0]!.trim()
  const same = (text: string): PasswordCheck => (text === hash ? 'right' : 'wrong')
  if (hash.startsWith('{PLAIN}')) return same(`{PLAIN}${password}`)
  if (hash.startsWith('{SHA}')) return same(`{SHA}${encodeBase64(sha1(encodeUtf8(password)))}`)
  const apr1 = /^\$apr1\$([^$]{1,8})\$/.exec(hash)
  return apr1 ? same(`$apr1$${apr1[1]!}$${hashApr1(password, apr1[1]!)}`) : 'not simulated'
}

/** "Basic dXNlcjpwdw==" → its two parts; undefined when it is nothing of the kind. */
export function basicCredentials(header: string | undefined): { user: string; password: string } | undefined {
  const given = /^basic +(\S+)$/i.exec(header ?? '')
  const bytes = given ? decodeBase64(given[1]!) : -1
  const text = typeof bytes === 'number' ? '' : decodeUtf8(bytes)
  const at = text.indexOf(':')
  return at < 0 ? undefined : { user: text.slice(0, at), password: text.slice(at + 1) }
}

export const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Apache's MD5 with a thousand rounds (apr_md5_encode). */
function hashApr1(password: string, saltText: string): string {
  return hashMd5('$apr1$', password, saltText).slice(`$apr1$${saltText}$`.length)
}

/** The same with crypt(3)'s "$1$": with the way and the salt before it. */
export function hashMd5(way: '$apr1$' | '$1$', password: string, saltText: string): string {
  const [word, salt] = [encodeUtf8(password), encodeUtf8(saltText)]
  const inner = md5(concatBytes([word, salt, word]))
  const parts: Uint8Array[] = [word, encodeUtf8(way), salt]
  for (let left = word.length; left > 0; left -= 16) parts.push(inner.subarray(0, Math.min(16, left)))
  for (let bits = word.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? Uint8Array.of(0) : word.subarray(0, 1))
  let state = md5(concatBytes(parts))
  for (let round = 0; round < 1000; round++) {
    const of: Uint8Array[] = [round & 1 ? word : state]
    if (round % 3) of.push(salt)
    if (round % 7) of.push(word)
    of.push(round & 1 ? state : word)
    state = md5(concatBytes(of))
  }
  const take = (value: number, length: number): string => Array.from({ length }, (_, i) => DIGITS[(value >> (6 * i)) & 63]!).join('')
  const groups = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] as const
  return `${way}${saltText}$${groups.map(([a, b, c]) => take((state[a]! << 16) | (state[b]! << 8) | state[c]!, 4)).join('')}${take(state[11]!, 2)}`
}
