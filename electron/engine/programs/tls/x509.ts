import { encodeBase64, decodeBase64 } from '../../kubernetes/base64.ts'
import { canonicalIp, isIpv4, isValidIp } from '../../network/address.ts'
import { decodeUtf8 } from '../../text.ts'
import { DerError, oidText, readDer, readOne, readTime, TAG, toBigInt, type DerElement } from './der.ts'

/**
 * X.509 certificates (RFC 5280) read from PEM or DER: names, alternative names, validity, who issued them. There is no
 * cryptography here: a chain holds when the names in it do, and signatures are not looked at.
 */
export interface Certificate {
  der: Uint8Array
  serial: bigint
  subject: readonly NamePart[]
  issuer: readonly NamePart[]
  /** The two as bytes, to be compared. */
  subjectKey: string
  issuerKey: string
  /** ms since 1970. */
  notBefore: number
  notAfter: number
  dnsNames: readonly string[]
  ipAddresses: readonly string[]
  isCa: boolean
  /** OIDs. */
  signatureAlgorithm: string
  keyAlgorithm: string
  /** Of an RSA key; undefined for others. */
  rsa: { modulus: bigint; exponent: bigint } | undefined
  /** Bits. */
  keySize: number
  signature: Uint8Array
  extensions: readonly { oid: string; critical: boolean; value: Uint8Array }[]
}

/** "CN" and its value. */
export type NamePart = readonly [type: string, value: string]

const NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN', '2.5.4.6': 'C', '2.5.4.7': 'L', '2.5.4.8': 'ST', '2.5.4.10': 'O', '2.5.4.11': 'OU', '2.5.4.5': 'serialNumber', '1.2.840.113549.1.9.1': 'emailAddress', '0.9.2342.19200300.100.1.25': 'DC',
}
export const NAME_OIDS: ReadonlyMap<string, string> = new Map(Object.entries(NAMES).map(([oid, name]) => [name, oid]))
export const OID = { rsa: '1.2.840.113549.1.1.1', sha256WithRsa: '1.2.840.113549.1.1.11', ec: '1.2.840.10045.2.1', basicConstraints: '2.5.29.19', alternativeNames: '2.5.29.17', subjectKeyId: '2.5.29.14', authorityKeyId: '2.5.29.35', keyUsage: '2.5.29.15', extendedKeyUsage: '2.5.29.37' } as const

/** The blocks of a PEM text with that label. Throws DerError for one that is no base64. */
export function pemBlocks(text: string, label: RegExp): Uint8Array[] {
  const blocks: Uint8Array[] = []
  for (const [, name, body] of text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\s*([A-Za-z0-9+/=\s]*?)-----END \1-----/g)) {
    if (!label.test(name!)) continue
    const bytes = decodeBase64(body!.replace(/\s/g, ''))
    if (typeof bytes === 'number') throw new DerError('malformed PEM')
    blocks.push(bytes)
  }
  return blocks
}

export function toPem(label: string, bytes: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${encodeBase64(bytes).replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
}

/** Every certificate of a PEM text, in its order. Throws DerError. */
export function readCertificates(pem: string): Certificate[] {
  return pemBlocks(pem, /^(X509 |TRUSTED )?CERTIFICATE$/).map(readCertificate)
}

const cache = new WeakMap<Uint8Array, Certificate>()

/** Throws DerError. */
export function readCertificate(bytes: Uint8Array): Certificate {
  const known = cache.get(bytes)
  if (known) return known
  const [tbs, algorithm, signature] = readDer(readOne(bytes, TAG.sequence).content) as [DerElement, DerElement, DerElement]
  if (tbs?.tag !== TAG.sequence || algorithm?.tag !== TAG.sequence || signature?.tag !== TAG.bits) throw new DerError('malformed certificate')
  const fields = readDer(tbs.content)
  if (fields[0]?.tag === 0xa0) fields.shift()
  const [serial, , issuer, validity, subject, key, ...rest] = fields
  if (!serial || !issuer || !validity || !subject || !key) throw new DerError('malformed certificate')
  const [notBefore, notAfter] = readDer(validity.content)
  if (!notBefore || !notAfter) throw new DerError('malformed validity')
  const wrapped = rest.find((e) => e.tag === 0xa3)
  const extensions = wrapped ? readDer(readOne(wrapped.content, TAG.sequence).content).map(readExtension) : []
  const certificate: Certificate = {
    der: bytes,
    serial: toBigInt(serial.content),
    subject: readName(subject),
    issuer: readName(issuer),
    subjectKey: encodeBase64(subject.raw),
    issuerKey: encodeBase64(issuer.raw),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    ...alternativeNames(extensions),
    isCa: isAuthority(extensions),
    signatureAlgorithm: oidText(readOne(algorithm.content, TAG.oid).content),
    ...readKey(key),
    signature: signature.content.subarray(1),
    extensions,
  }
  cache.set(bytes, certificate)
  return certificate
}

export const oidOf = ({ content }: DerElement): string => oidText(content)

export function readExtension({ content }: DerElement): Certificate['extensions'][number] {
  const parts = readDer(content)
  const value = parts.at(-1)
  if (parts[0]?.tag !== TAG.oid || value?.tag !== TAG.octets) throw new DerError('malformed extension')
  return { oid: oidText(parts[0].content), critical: parts[1]?.tag === TAG.boolean && parts[1].content[0] !== 0, value: value.content }
}

export function readName({ content }: DerElement): NamePart[] {
  return readDer(content).flatMap((set) =>
    readDer(set.content).map(({ content: pair }): NamePart => {
      const [type, value] = readDer(pair)
      if (type?.tag !== TAG.oid || !value) throw new DerError('malformed name')
      const oid = oidText(type.content)
      return [NAMES[oid] ?? oid, decodeUtf8(value.content)]
    }),
  )
}

export function readKey({ content }: DerElement): Pick<Certificate, 'keyAlgorithm' | 'rsa' | 'keySize'> {
  const [algorithm, bits] = readDer(content)
  if (!algorithm || bits?.tag !== TAG.bits) throw new DerError('malformed key')
  const parts = readDer(algorithm.content)
  const keyAlgorithm = oidText(parts[0]?.content ?? new Uint8Array())
  if (keyAlgorithm !== OID.rsa) {
    const points = bits.content.length - 2
    return { keyAlgorithm, rsa: undefined, keySize: keyAlgorithm === OID.ec ? points * 4 : points * 8 + 8 }
  }
  const [modulus, exponent] = readDer(readOne(bits.content.subarray(1), TAG.sequence).content)
  if (!modulus || !exponent) throw new DerError('malformed RSA key')
  const rsa = { modulus: toBigInt(modulus.content), exponent: toBigInt(exponent.content) }
  return { keyAlgorithm, rsa, keySize: rsa.modulus.toString(2).length }
}

export function alternativeNames(extensions: Certificate['extensions']): Pick<Certificate, 'dnsNames' | 'ipAddresses'> {
  const found = extensions.find((e) => e.oid === OID.alternativeNames)
  const dnsNames: string[] = []
  const ipAddresses: string[] = []
  for (const { tag, content } of found ? readDer(readOne(found.value, TAG.sequence).content) : []) {
    if (tag === 0x82) dnsNames.push(decodeUtf8(content))
    else if (tag === 0x87 && content.length === 4) ipAddresses.push([...content].join('.'))
    else if (tag === 0x87 && content.length === 16) ipAddresses.push(canonicalIp(Array.from({ length: 8 }, (_, i) => ((content[i * 2]! << 8) | content[i * 2 + 1]!).toString(16)).join(':'))!)
  }
  return { dnsNames, ipAddresses }
}

function isAuthority(extensions: Certificate['extensions']): boolean {
  const found = extensions.find((e) => e.oid === OID.basicConstraints)
  if (!found) return false
  const [first] = readDer(readOne(found.value, TAG.sequence).content)
  return first?.tag === TAG.boolean && first.content[0] !== 0
}

/** "C=DE; O=Acme Inc; CN=shop.example.com", joined as the caller wants it. */
export function nameText(name: readonly NamePart[], equals: string, separator: string): string {
  return name.map(([type, value]) => `${type}${equals}${value}`).join(separator)
}

/** The alternative name that covers a host (RFC 6125): itself or with a wildcard for its first label. */
export function matchingName({ dnsNames, ipAddresses }: Pick<Certificate, 'dnsNames' | 'ipAddresses'>, host: string): string | undefined {
  if (isValidIp(host)) return ipAddresses.find((ip) => ip === (isIpv4(host) ? host : canonicalIp(host)))
  const wanted = host.toLowerCase().replace(/\.$/, '')
  const parent = wanted.includes('.') ? wanted.slice(wanted.indexOf('.')) : undefined
  return dnsNames.find((name) => {
    const pattern = name.toLowerCase()
    return pattern === wanted || (pattern.startsWith('*.') && parent !== undefined && pattern.slice(1) === parent && wanted.length > parent.length)
  })
}

/** What X509_verify_cert finds: its number and words (openssl's x509_txt.c); undefined when all is well. */
export interface VerifyProblem { code: number; text: string; depth: number }

export function verifyChain(chain: readonly Certificate[], trusted: readonly Certificate[], wall: number): VerifyProblem | undefined {
  const problem = (code: number, text: string, depth: number): VerifyProblem => ({ code, text, depth })
  const same = (a: Certificate, b: Certificate): boolean => encodeBase64(a.der) === encodeBase64(b.der)
  const path: Certificate[] = []
  let at: Certificate | undefined = chain[0]
  let anchored = false
  while (at && path.length < 10) {
    path.push(at)
    const current: Certificate = at
    const own = current.subjectKey === current.issuerKey
    if (trusted.some((t) => same(t, current))) {
      anchored = true
      break
    }
    if (own) break
    const isIssuer = (c: Certificate): boolean => c.subjectKey === current.issuerKey && !path.includes(c)
    at = trusted.find(isIssuer) ?? chain.find(isIssuer)
  }
  const last = path.at(-1)
  if (!last) return problem(20, 'unable to get local issuer certificate', 0)
  const depth = path.length - 1
  if (!anchored) {
    if (last.subjectKey === last.issuerKey) return depth === 0 ? problem(18, 'self-signed certificate', 0) : problem(19, 'self-signed certificate in certificate chain', depth)
    return problem(20, 'unable to get local issuer certificate', depth)
  }
  for (const [i, certificate] of path.entries()) if (i > 0 && !certificate.isCa) return problem(79, 'invalid CA certificate', i)
  for (const [i, certificate] of [...path.entries()].reverse()) {
    if (wall < certificate.notBefore) return problem(9, 'certificate is not yet valid', i)
    if (wall > certificate.notAfter) return problem(10, 'certificate has expired', i)
  }
  return undefined
}
