import { base64Of, digestResponse, digestSecret, encodeUtf8, parseDigest, type DigestParameters, type Headers } from '../../../engine/cluster.ts'

/** --digest (lib/vauth/digest.c of 7.88): what a server has asked for with a 401, and the answer to it. */
export function challengeOf(headers: Headers): DigestParameters | undefined {
  const all = headers.filter(([name]) => name.toLowerCase() === 'www-authenticate').map(([, value]) => parseDigest(value))
  return all.find((found) => found?.has('nonce') && found.has('realm'))
}

/** Why it cannot be answered. */
export function unanswerable(challenge: DigestParameters): string | undefined {
  const algorithm = challenge.get('algorithm') ?? 'MD5'
  if (algorithm.toUpperCase() !== 'MD5') return `curl --digest with ${algorithm} (MD5 is)`
  const qop = challenge.get('qop')
  return qop !== undefined && !qop.split(',').some((word) => word.trim() === 'auth') ? `curl --digest with qop ${qop} (auth is)` : undefined
}

/** `user`: "name:password". */
export function digestAuthorization(challenge: DigestParameters, user: string, method: string, uri: string, random: { hex(digits: number): string }): string {
  const at = user.indexOf(':')
  const [name, password] = at < 0 ? [user, ''] : [user.slice(0, at), user.slice(at + 1)]
  const of = (key: string): string => challenge.get(key) ?? ''
  const secret = digestSecret(name, of('realm'), password)
  const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
  const start = `Digest username=${quoted(name)}, realm=${quoted(of('realm'))}, nonce=${quoted(of('nonce'))}, uri=${quoted(uri)}`
  const protection = challenge.has('qop') ? { qop: 'auth', nc: '00000001', cnonce: base64Of(encodeUtf8(random.hex(32))) } : undefined
  const response = digestResponse(secret, method, uri, of('nonce'), protection)
  const middle = protection ? `, cnonce=${quoted(protection.cnonce)}, nc=${protection.nc}, qop=${protection.qop}` : ''
  return `${start}${middle}, response=${quoted(response)}${challenge.has('opaque') ? `, opaque=${quoted(of('opaque'))}` : ''}${challenge.has('algorithm') ? `, algorithm=${of('algorithm')}` : ''}`
}
