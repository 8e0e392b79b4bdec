import type { Random } from '../../random.ts'
import { isIpv4, isValidIp } from '../../network/address.ts'
import { sha256 } from '../../sha256.ts'
import { concatBytes } from '../../text.ts'
import { bigBytes, der, DerError, derBits, derInteger, derOid, derText, derTime, readDer, readOne, TAG, toBigInt } from './der.ts'
import { PRIMES } from './primes.ts'
import { NAME_OIDS, OID, pemBlocks, readCertificate, type Certificate, type NamePart } from './x509.ts'

/** RSA keys and the certificates that they sign: PKCS #1, PKCS #8 (RFC 8017, RFC 5958), X.509 (RFC 5280). */
export interface RsaKey { p: bigint; q: bigint; n: bigint; d: bigint }

const E = 65_537n

export function makeKey(random: Random): RsaKey {
  const first = random.below(PRIMES.length)
  const second = (first + 1 + random.below(PRIMES.length - 1)) % PRIMES.length
  const [a, b] = [BigInt(`0x${PRIMES[first]!}`), BigInt(`0x${PRIMES[second]!}`)]
  const [p, q] = a > b ? [a, b] : [b, a]
  return { p, q, n: p * q, d: inverse(E, (p - 1n) * (q - 1n)) }
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [modulus, value % modulus, 0n, 1n]
  while (b > 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y]
  return ((x % modulus) + modulus) % modulus
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  for (let [b, e] = [base % modulus, exponent]; e > 0n; e >>= 1n, b = (b * b) % modulus) if (e & 1n) result = (result * b) % modulus
  return result
}

/** A public key's exponent, and the key as RFC 5280's SubjectPublicKeyInfo. */
export const EXPONENT = E
export function encodePublicKey({ n }: Pick<RsaKey, 'n'>): Uint8Array {
  return der(TAG.sequence, RSA_ALGORITHM, derBits(der(TAG.sequence, derInteger(n), derInteger(E))))
}

const RSA_ALGORITHM = der(TAG.sequence, derOid(OID.rsa), der(TAG.nothing))
export const SIGNED_WITH = der(TAG.sequence, derOid(OID.sha256WithRsa), der(TAG.nothing))
/** DigestInfo of SHA-256. */
const DIGEST = Uint8Array.of(0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20)

/** RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2): JOSE's RS256. It takes tens of milliseconds. */
export function sign({ p, q, n, d }: RsaKey, message: Uint8Array): Uint8Array {
  const size = bigBytes(n).length
  const padded = paddedDigest(message, size)
  const [mp, mq] = [power(padded, d % (p - 1n), p), power(padded, d % (q - 1n), q)]
  const h = (((mp - mq) % p + p) * inverse(q % p, p)) % p
  return bigBytes(mq + h * q, size)
}

export function isSignedBy({ n }: Pick<RsaKey, 'n'>, message: Uint8Array, signature: Uint8Array): boolean {
  const size = bigBytes(n).length
  const value = toBigInt(signature)
  return signature.length === size && value < n && power(value, E, n) === paddedDigest(message, size)
}

/** EMSA-PKCS1-v1_5. */
function paddedDigest(message: Uint8Array, size: number): bigint {
  const digest = concatBytes([DIGEST, sha256(message)])
  return toBigInt(concatBytes([Uint8Array.of(0, 1), new Uint8Array(size - digest.length - 3).fill(0xff), Uint8Array.of(0), digest]))
}

/** PKCS #8. */
export function encodeKey({ p, q, n, d }: RsaKey): Uint8Array {
  const inner = der(TAG.sequence, ...[0n, n, E, d, p, q, d % (p - 1n), d % (q - 1n), inverse(q % p, p)].map((v) => derInteger(v)))
  return der(TAG.sequence, derInteger(0), RSA_ALGORITHM, der(TAG.octets, inner))
}

/** The RSA key of a PEM text ("PRIVATE KEY" or "RSA PRIVATE KEY"); undefined for one of another kind. Throws DerError. */
export function readKey(pem: string): RsaKey | undefined {
  const wrapped = pemBlocks(pem, /^PRIVATE KEY$/)[0]
  let inner = pemBlocks(pem, /^RSA PRIVATE KEY$/)[0]
  if (wrapped) {
    const [, algorithm, octets] = readDer(readOne(wrapped, TAG.sequence).content)
    if (!algorithm || octets?.tag !== TAG.octets) throw new DerError('malformed private key')
    const rsa = der(TAG.sequence, derOid(OID.rsa), der(TAG.nothing))
    if (String(algorithm.raw) !== String(rsa)) return undefined
    inner = octets.content
  }
  if (!inner) return undefined
  const [, n, , d, p, q] = readDer(readOne(inner, TAG.sequence).content).map((e) => toBigInt(e.content))
  if (n === undefined || d === undefined || p === undefined || q === undefined) throw new DerError('malformed RSA private key')
  return { n, d, p, q }
}

export interface CertificateRequest {
  subject: readonly NamePart[]
  key: RsaKey
  /** ms since 1970. */
  notBefore: number
  days: number
  /** Host names and addresses. */
  alternativeNames?: readonly string[]
  isCa?: boolean
  /** "serverAuth" as the certificates that programs make for themselves say it. */
  serverOnly?: boolean
  /** Absent: signed by itself. */
  issuer?: { certificate: Certificate; key: RsaKey }
  random: Random
}

export function makeCertificate(request: CertificateRequest): Certificate {
  const { subject, key, notBefore, days, alternativeNames = [], isCa = false, serverOnly = false, issuer, random } = request
  const name = encodeName(subject)
  const publicKey = der(TAG.sequence, derInteger(key.n), derInteger(E))
  const keyId = keyIdOf(publicKey)
  const issuerKeyId = issuer ? keyIdOf(der(TAG.sequence, derInteger(issuer.key.n), derInteger(E))) : keyId
  const serial = toBigInt(Uint8Array.from({ length: 20 }, (_, i) => (i === 0 ? 0x10 + random.below(0x60) : random.below(256))))
  const extensions = serverOnly
    ? [
        extension(OID.keyUsage, true, der(TAG.bits, Uint8Array.of(5, 0xa0))),
        extension(OID.extendedKeyUsage, false, der(TAG.sequence, derOid('1.3.6.1.5.5.7.3.1'))),
        extension(OID.basicConstraints, true, der(TAG.sequence)),
      ]
    : [
        extension(OID.subjectKeyId, false, der(TAG.octets, keyId)),
        extension(OID.authorityKeyId, false, der(TAG.sequence, der(0x80, issuerKeyId))),
        ...(isCa ? [extension(OID.basicConstraints, true, der(TAG.sequence, der(TAG.boolean, Uint8Array.of(255))))] : []),
      ]
  if (alternativeNames.length > 0) extensions.push(extension(OID.alternativeNames, false, der(TAG.sequence, ...alternativeNames.map(encodeAlternative))))
  const tbs = der(
    TAG.sequence,
    der(0xa0, derInteger(2)),
    derInteger(serial),
    SIGNED_WITH,
    issuer ? encodeName(issuer.certificate.subject) : name,
    der(TAG.sequence, derTime(notBefore), derTime(notBefore + days * 86_400_000)),
    name,
    der(TAG.sequence, RSA_ALGORITHM, derBits(publicKey)),
    der(0xa3, der(TAG.sequence, ...extensions)),
  )
  return readCertificate(der(TAG.sequence, tbs, SIGNED_WITH, derBits(sign(issuer?.key ?? key, tbs))))
}

export function keyIdOf(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).subarray(0, 20)
}

export function encodeName(name: readonly NamePart[]): Uint8Array {
  return der(TAG.sequence, ...name.map(([type, value]) => der(TAG.set, der(TAG.sequence, derOid(NAME_OIDS.get(type) ?? type), derText(type === 'C' ? TAG.printable : TAG.utf8, value)))))
}

export function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return der(TAG.sequence, derOid(oid), ...(critical ? [der(TAG.boolean, Uint8Array.of(255))] : []), der(TAG.octets, value))
}

export function encodeAlternative(name: string): Uint8Array {
  if (!isValidIp(name)) return derText(0x82, name)
  if (isIpv4(name)) return der(0x87, Uint8Array.from(name.split('.').map(Number)))
  const [head = '', tail] = name.split('::')
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((g) => Number.parseInt(g, 16)))
  const [front, back] = [groups(head), groups(tail ?? '')]
  const all = tail === undefined ? front : [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back]
  return der(0x87, Uint8Array.from(all.flatMap((g) => [g >> 8, g & 255])))
}
