import { md5 } from '../../md5.ts'
import { hex } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'

/** HTTP Digest authentication with MD5 (RFC 7616), for who asks for it and who answers. */
export type DigestParameters = ReadonlyMap<string, string>

/** "Digest realm=\"a\", nonce=b": names in lower case; undefined: it is another scheme. */
export function parseDigest(header: string | undefined): DigestParameters | undefined {
  const text = /^digest\s+([^]*)$/i.exec(header?.trim() ?? '')?.[1]
  if (text === undefined) return undefined
  return new Map([...text.matchAll(/([a-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/gi)].map(([, name, quoted, token]) => [name!.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token ?? '']))
}

const hash = (text: string): string => hex(md5(encodeUtf8(text)))

/** HA1, as files of htdigest have it. */
export function digestSecret(user: string, realm: string, password: string): string {
  return hash(`${user}:${realm}:${password}`)
}

/** The value of `response`: with a qop of "auth", or as RFC 2069 had it. */
export function digestResponse(secret: string, method: string, uri: string, nonce: string, protection?: { qop: string; nc: string; cnonce: string }): string {
  const ha2 = hash(`${method}:${uri}`)
  return hash(protection ? `${secret}:${nonce}:${protection.nc}:${protection.cnonce}:${protection.qop}:${ha2}` : `${secret}:${nonce}:${ha2}`)
}
