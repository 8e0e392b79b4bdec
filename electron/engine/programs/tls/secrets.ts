import { decodeBase64 } from '../../kubernetes/base64.ts'
import type { Secret } from '../../kubernetes/types.ts'
import { decodeUtf8 } from '../../text.ts'
import { DerError } from './der.ts'
import { readKey } from './make.ts'
import { matchingName, readCertificates, type Certificate } from './x509.ts'

/** What ingress controllers take from Secrets of type kubernetes.io/tls. */
export type TlsSecret = { chain: readonly Certificate[] } | { error: string }

const read = new WeakMap<Secret, TlsSecret>()

/** The words of errors are those of Go's crypto/tls and crypto/x509. */
export function tlsSecret(secret: Secret): TlsSecret {
  let known = read.get(secret)
  if (!known) read.set(secret, (known = load(secret)))
  return known
}

function load({ data }: Secret): TlsSecret {
  const text = (key: string): string => {
    const bytes = decodeBase64(data?.[key] ?? '')
    return typeof bytes === 'number' ? '' : decodeUtf8(bytes)
  }
  const [cert, key] = [text('tls.crt'), text('tls.key')]
  if (cert === '' || key === '') return { error: `no keypair or CA cert could be found` }
  try {
    const chain = readCertificates(cert)
    const own = chain[0]
    if (!own) return { error: 'tls: failed to find any PEM data in certificate input' }
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) return { error: 'tls: failed to find any PEM data in key input' }
    const rsa = readKey(key)
    if (rsa && own.rsa && rsa.n !== own.rsa.modulus) return { error: 'tls: private key does not match public key' }
    return { chain }
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    return { error: `x509: malformed certificate` }
  }
}

/** crypto/x509's Certificate.VerifyHostname: its error, or undefined. */
export function hostnameError(certificate: Certificate, host: string): string | undefined {
  if (matchingName(certificate, host) !== undefined || certificate.dnsNames.includes(host)) return undefined
  const names = [...certificate.dnsNames]
  if (names.length > 0) return `x509: certificate is valid for ${names.join(', ')}, not ${host}`
  if (certificate.subject.some(([type, value]) => type === 'CN' && value !== '')) return 'x509: certificate relies on legacy Common Name field, use SANs instead'
  return `x509: certificate is not valid for any names, but wanted to match ${host}`
}
