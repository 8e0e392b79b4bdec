import { der, DerError, derBits, derInteger, derOid, type DerElement, derTime, readDer, readOne, TAG, toBigInt } from './der.ts'
import { encodeAlternative, encodeName, encodePublicKey, extension, isSignedBy, keyIdOf, type RsaKey, sign, SIGNED_WITH } from './make.ts'
import { alternativeNames, type Certificate, type NamePart, OID, oidOf, pemBlocks, readCertificate, readExtension, readKey, readName } from './x509.ts'
import type { Random } from '../../random.ts'

/** Requests for certificates (PKCS #10, RFC 2986), and what an authority makes of them. */
export interface SigningRequest {
  der: Uint8Array
  subject: readonly NamePart[]
  dnsNames: readonly string[]
  ipAddresses: readonly string[]
  extensions: Certificate['extensions']
  /** SubjectPublicKeyInfo. */
  publicKey: Uint8Array
  rsa: Certificate['rsa']
  keyAlgorithm: string
  keySize: number
  signatureAlgorithm: string
  signature: Uint8Array
  /** CertificationRequestInfo, which is signed. */
  signed: Uint8Array
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

export function makeSigningRequest({ subject, key, alternativeNames: names = [], isCa = false }: { subject: readonly NamePart[]; key: RsaKey; alternativeNames?: readonly string[]; isCa?: boolean }): Uint8Array {
  const extensions = [
    ...(names.length > 0 ? [extension(OID.alternativeNames, false, der(TAG.sequence, ...names.map(encodeAlternative)))] : []),
    ...(isCa ? [extension(OID.basicConstraints, true, der(TAG.sequence, der(TAG.boolean, Uint8Array.of(255))))] : []),
  ]
  const attributes = extensions.length > 0 ? [der(TAG.sequence, derOid(EXTENSION_REQUEST), der(TAG.set, der(TAG.sequence, ...extensions)))] : []
  const info = der(TAG.sequence, derInteger(0), encodeName(subject), encodePublicKey(key), der(0xa0, ...attributes))
  return der(TAG.sequence, info, SIGNED_WITH, derBits(sign(key, info)))
}

/** Throws DerError. */
function readSigningRequest(bytes: Uint8Array): SigningRequest {
  const [info, algorithm, signature] = readDer(readOne(bytes, TAG.sequence).content) as [DerElement?, DerElement?, DerElement?]
  if (info?.tag !== TAG.sequence || algorithm?.tag !== TAG.sequence || signature?.tag !== TAG.bits) throw new DerError('malformed certificate request')
  const [, subject, key, attributes] = readDer(info.content)
  if (!subject || !key) throw new DerError('malformed certificate request')
  const extensions = (attributes?.tag === 0xa0 ? readDer(attributes.content) : []).flatMap(({ content }) => {
    const [type, values] = readDer(content)
    if (type?.tag !== TAG.oid || values?.tag !== TAG.set) throw new DerError('malformed attribute')
    return oidOf(type) === EXTENSION_REQUEST ? readDer(readOne(values.content, TAG.sequence).content).map(readExtension) : []
  })
  return {
    der: bytes, subject: readName(subject), extensions, publicKey: key.raw, ...readKey(key), ...alternativeNames(extensions),
    signatureAlgorithm: oidOf(readOne(algorithm.content, TAG.oid)), signature: signature.content.subarray(1), signed: info.raw,
  }
}

/** The first of a PEM text; undefined where there is none. Throws DerError. */
export function signingRequestOf(pem: string): SigningRequest | undefined {
  const bytes = pemBlocks(pem, /^(NEW )?CERTIFICATE REQUEST$/)[0]
  return bytes && readSigningRequest(bytes)
}

/** Whether who asks has the key; of other keys than RSA nobody here can tell. */
export function provesItsKey({ rsa, signatureAlgorithm, signed, signature }: SigningRequest): boolean {
  return !rsa || signatureAlgorithm !== OID.sha256WithRsa || isSignedBy({ n: rsa.modulus }, signed, signature)
}

/** Bits of KeyUsage (RFC 5280 4.2.1.3), the first as 0x80, as an extension. */
export function keyUsageExtension(bits: number, critical: boolean): Uint8Array {
  return extension(OID.keyUsage, critical, der(TAG.bits, Uint8Array.of(unusedBits(bits), bits)))
}

export function extendedUsageExtension(oids: readonly string[], critical: boolean): Uint8Array {
  return extension(OID.extendedKeyUsage, critical, der(TAG.sequence, ...oids.map(derOid)))
}

export interface Issue {
  request: Pick<SigningRequest, 'subject' | 'publicKey' | 'dnsNames' | 'ipAddresses'>
  issuer: { certificate: Certificate; key: RsaKey }
  /** ms since 1970. */
  notBefore: number
  notAfter: number
  /** Bits of KeyUsage (RFC 5280 4.2.1.3), the first as 0x80. */
  keyUsage: number
  /** OIDs. */
  extendedKeyUsage: readonly string[]
  random: Random
}

/** Go's pkix.Name.ToRDNSequence. */
const ORDER = ['C', 'O', 'OU', 'L', 'ST', 'CN', 'serialNumber']

/** As Go's x509.CreateCertificate puts a leaf together. */
export function issueCertificate({ request: { subject, publicKey, dnsNames, ipAddresses }, issuer, notBefore, notAfter, keyUsage, extendedKeyUsage, random }: Issue): Certificate {
  const names = [...dnsNames, ...ipAddresses]
  const place = (type: string): number => (ORDER.includes(type) ? ORDER.indexOf(type) : ORDER.length)
  const sorted = [...subject].sort(([a], [b]) => place(a) - place(b))
  const extensions = [
    ...(keyUsage ? [keyUsageExtension(keyUsage, true)] : []),
    ...(extendedKeyUsage.length > 0 ? [extendedUsageExtension(extendedKeyUsage, false)] : []),
    extension(OID.basicConstraints, true, der(TAG.sequence)),
    extension(OID.authorityKeyId, false, der(TAG.sequence, der(0x80, keyIdOf(der(TAG.sequence, derInteger(issuer.key.n), derInteger(65_537n)))))),
    ...(names.length > 0 ? [extension(OID.alternativeNames, false, der(TAG.sequence, ...names.map(encodeAlternative)))] : []),
  ]
  return assemble({ serialBytes: 16, issuer, subject: encodeName(sorted), publicKey, notBefore, notAfter, extensions, random })
}

/** With these extensions (without any it is of version 1), signed. `subject`: a Name in DER. */
export function assemble({ serial, serialBytes, issuer, subject, publicKey, notBefore, notAfter, extensions, random }: {
  serial?: bigint; serialBytes: number; issuer: { subject?: Uint8Array; certificate?: Certificate; key: RsaKey }; subject: Uint8Array; publicKey: Uint8Array
  notBefore: number; notAfter: number; extensions: readonly Uint8Array[]; random: Random
}): Certificate {
  const number = serial ?? toBigInt(Uint8Array.from({ length: serialBytes }, (_, i) => (i === 0 ? 0x10 + random.below(0x60) : random.below(256))))
  const tbs = der(
    TAG.sequence, ...(extensions.length > 0 ? [der(0xa0, derInteger(2))] : []), derInteger(number), SIGNED_WITH, issuer.certificate ? encodeName(issuer.certificate.subject) : issuer.subject!,
    der(TAG.sequence, derTime(notBefore), derTime(notAfter)), subject, publicKey, ...(extensions.length > 0 ? [der(0xa3, der(TAG.sequence, ...extensions))] : []),
  )
  return readCertificate(der(TAG.sequence, tbs, SIGNED_WITH, derBits(sign(issuer.key, tbs))))
}

/** The extensions that tell keys apart, as openssl puts them. */
export function keyIdentifiers(publicKey: Uint8Array, issuer: Pick<RsaKey, 'n'>): Uint8Array[] {
  const bits = readDer(readOne(publicKey, TAG.sequence).content)[1]!.content.subarray(1)
  return [extension(OID.subjectKeyId, false, der(TAG.octets, keyIdOf(bits))), extension(OID.authorityKeyId, false, der(TAG.sequence, der(0x80, keyIdOf(der(TAG.sequence, derInteger(issuer.n), derInteger(65_537n))))))]
}

/** Whether an authority's RSA key has signed a certificate. */
export function isIssuedBy({ der: bytes, signature, signatureAlgorithm, issuerKey }: Certificate, authority: Certificate): boolean {
  if (issuerKey !== authority.subjectKey || !authority.rsa || signatureAlgorithm !== OID.sha256WithRsa) return false
  return isSignedBy({ n: authority.rsa.modulus }, readDer(readOne(bytes, TAG.sequence).content)[0]!.raw, signature)
}

function unusedBits(bits: number): number {
  let unused = 0
  while (unused < 7 && !(bits & (1 << unused))) unused++
  return unused
}
