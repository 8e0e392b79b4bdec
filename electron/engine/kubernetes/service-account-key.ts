import { encodePublicKey, EXPONENT, isSignedBy, makeKey, sign, type RsaKey } from '../programs/tls/make.ts'
import { bigBytes } from '../programs/tls/der.ts'
import { Random } from '../random.ts'
import { sha256 } from '../sha256.ts'
import { decodeUtf8, encodeUtf8 } from '../text.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'

/**
 * The key with which ServiceAccounts' tokens are signed (--service-account-signing-key-file), as JWTs in RS256 (RFC 7515,
 * RFC 7518): the same in every simulated cluster, as the cluster's authority is, for nobody keeps it secret.
 */
let made: { key: RsaKey; kid: string } | undefined

function issuerKey(): { key: RsaKey; kid: string } {
  if (made) return made
  const key = makeKey(new Random(1))
  // pkg/serviceaccount/jwt.go, keyIDFromPublicKey
  made = { key, kid: base64Url(sha256(encodePublicKey(key))) }
  return made
}

/** A JSON Web Key Set (RFC 7517) of the one key, its members in the order of go-jose. */
export function keySet(): object {
  const { key, kid } = issuerKey()
  return { keys: [{ use: 'sig', kty: 'RSA', kid, alg: 'RS256', n: base64Url(bigBytes(key.n)), e: base64Url(bigBytes(EXPONENT)) }] }
}

/** A token: three parts in base64url. */
export function signClaims(claims: object): string {
  const { key, kid } = issuerKey()
  const text = `${base64Url(encodeUtf8(JSON.stringify({ alg: 'RS256', kid })))}.${base64Url(encodeUtf8(JSON.stringify(claims)))}`
  return `${text}.${base64Url(sign(key, encodeUtf8(text)))}`
}

/** What a token says; undefined: it is none, or nobody signed it so. */
export function claimsOf(token: string): unknown {
  const [header, claims, signature, ...more] = token.split('.')
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0) return undefined
  return isSignedBy(issuerKey().key, encodeUtf8(`${header}.${claims}`), fromBase64Url(signature)) ? JSON.parse(decodeUtf8(fromBase64Url(claims))) : undefined
}

function fromBase64Url(text: string): Uint8Array {
  const bytes = decodeBase64(text.replaceAll('-', '+').replaceAll('_', '/').padEnd(Math.ceil(text.length / 4) * 4, '='))
  return typeof bytes === 'number' ? new Uint8Array() : bytes
}

function base64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_')
}
