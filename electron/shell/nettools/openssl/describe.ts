import { OID, readDer, type Certificate } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'
import { readOne, TAG } from '../../../engine/programs/tls/der.ts'
import { oidOf } from '../../../engine/programs/tls/x509.ts'
import { shownName } from './options.ts'
import { opensslDate } from './words.ts'

/** openssl's texts of certificates and requests. */

export function hexOf(value: bigint): string {
  const text = value.toString(16)
  return text.length % 2 === 0 ? text : `0${text}`
}

function pairs(text: string): string {
  return text.replace(/../g, '$&:').slice(0, -1)
}

/** Lines of bytes with colons. */
export function block(text: string, bytes: number, indent: string): string {
  return (text.match(new RegExp(`.{1,${bytes * 2}}`, 'g')) ?? []).map((line, i, all) => `${indent}${pairs(line)}${i < all.length - 1 ? ':' : ''}\n`).join('')
}

export const ALGORITHMS: Readonly<Record<string, string>> = { [OID.sha256WithRsa]: 'sha256WithRSAEncryption', '1.2.840.10045.4.3.2': 'ecdsa-with-SHA256', '1.2.840.113549.1.1.12': 'sha384WithRSAEncryption', '1.2.840.113549.1.1.13': 'sha512WithRSAEncryption', '1.2.840.10045.4.3.3': 'ecdsa-with-SHA384', '1.3.101.112': 'ED25519' }

export function describeKey({ rsa, keySize, keyAlgorithm }: Pick<Certificate, 'rsa' | 'keySize' | 'keyAlgorithm'>): string {
  return rsa
    ? `            Public Key Algorithm: rsaEncryption\n                Public-Key: (${keySize} bit)\n                Modulus:\n${block(`00${hexOf(rsa.modulus)}`, 15, '                    ')}                Exponent: ${rsa.exponent} (0x${rsa.exponent.toString(16)})\n`
    : `            Public Key Algorithm: ${keyAlgorithm === OID.ec ? 'id-ecPublicKey' : keyAlgorithm}\n                Public-Key: (${keySize} bit)\n`
}

const EXTENSIONS: Readonly<Record<string, string>> = byName({
  subjectKeyIdentifier: OID.subjectKeyId, authorityKeyIdentifier: OID.authorityKeyId, basicConstraints: OID.basicConstraints, subjectAltName: OID.alternativeNames, keyUsage: OID.keyUsage, extendedKeyUsage: OID.extendedKeyUsage,
})

/** IPv6 without "::", as X509V3_EXT_print writes it. */
function wholeAddress(address: string): string {
  if (!address.includes(':')) return address
  const [front = [], back = []] = address.split('::').map((part) => (part === '' ? [] : part.split(':')))
  return [...front, ...new Array<string>(8 - front.length - back.length).fill('0'), ...back].join(':').toUpperCase()
}

function usages(value: Uint8Array): string {
  const names = ['Digital Signature', 'Non Repudiation', 'Key Encipherment', 'Data Encipherment', 'Key Agreement', 'Certificate Sign', 'CRL Sign']
  const bits = value[3] ?? 0
  return names.filter((_, i) => bits & (0x80 >> i)).join(', ')
}

const PURPOSES: Readonly<Record<string, string>> = byName({ '1.3.6.1.5.5.7.3.1': 'TLS Web Server Authentication', '1.3.6.1.5.5.7.3.2': 'TLS Web Client Authentication', '1.3.6.1.5.5.7.3.3': 'Code Signing', '1.3.6.1.5.5.7.3.4': 'E-mail Protection', '1.3.6.1.5.5.7.3.8': 'Time Stamping', '1.3.6.1.5.5.7.3.9': 'OCSP Signing' })

function purposes(value: Uint8Array): string {
  return readDer(readOne(value, TAG.sequence).content).map((oid) => PURPOSES[oidOf(oid)] ?? oidOf(oid)).join(', ')
}

/** All, or those of these names. */
export function extensions({ extensions: all, isCa, dnsNames, ipAddresses }: Pick<Certificate, 'extensions' | 'isCa' | 'dnsNames' | 'ipAddresses'>, indent: string, wanted?: readonly string[]): string[] {
  const oids = wanted?.map((name) => EXTENSIONS[name])
  const hex = (bytes: Uint8Array): string => pairs(Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('').toUpperCase())
  return all.flatMap(({ oid, critical, value }) => {
    if (oids && !oids.includes(oid)) return []
    const show = (name: string, text: string): string => `${indent}${name}: ${critical ? 'critical' : ''}\n${indent}    ${text}\n`
    if (oid === OID.subjectKeyId) return show('X509v3 Subject Key Identifier', hex(value.subarray(2)))
    if (oid === OID.authorityKeyId) return show('X509v3 Authority Key Identifier', hex(value.subarray(4)))
    if (oid === OID.basicConstraints) return show('X509v3 Basic Constraints', `CA:${isCa ? 'TRUE' : 'FALSE'}`)
    if (oid === OID.alternativeNames) return show('X509v3 Subject Alternative Name', [...dnsNames.map((n) => `DNS:${n}`), ...ipAddresses.map((a) => `IP Address:${wholeAddress(a)}`)].join(', '))
    if (oid === OID.keyUsage) return show('X509v3 Key Usage', usages(value))
    if (oid === OID.extendedKeyUsage) return show('X509v3 Extended Key Usage', purposes(value))
    return []
  })
}

/** openssl x509 -text. */
export function describe(certificate: Certificate): string {
  const { serial, subject, issuer, notBefore, notAfter, rsa, keySize, signature } = certificate
  const algorithm = ALGORITHMS[certificate.signatureAlgorithm] ?? certificate.signatureAlgorithm
  const signatureHex = Array.from(signature, (b) => b.toString(16).padStart(2, '0')).join('')
  const key = describeKey({ rsa, keySize, keyAlgorithm: certificate.keyAlgorithm })
  const own = extensions(certificate, '            ')
  return `Certificate:
    Data:
        Version: ${certificate.extensions.length > 0 ? '3 (0x2)' : '1 (0x0)'}
        Serial Number:
            ${pairs(hexOf(serial))}
        Signature Algorithm: ${algorithm}
        Issuer: ${shownName(issuer)}
        Validity
            Not Before: ${opensslDate(notBefore)}
            Not After : ${opensslDate(notAfter)}
        Subject: ${shownName(subject)}
        Subject Public Key Info:
${key}${own.length > 0 ? `        X509v3 extensions:\n${own.join('')}` : ''}    Signature Algorithm: ${algorithm}
    Signature Value:
${block(signatureHex, 18, '        ')}`
}
