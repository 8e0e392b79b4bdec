import { encodeBase64 } from '../../kubernetes/base64.ts'
import type { Headers } from '../http/message.ts'
import type { Certificate, NamePart } from '../tls/x509.ts'

/** passTLSClientCert: what the servers hear of a client's certificate (pkg/middlewares/passtlsclientcert). */
type Wanted = Readonly<Record<string, boolean | undefined>>
interface Settings { pem?: boolean; info?: { notAfter?: boolean; notBefore?: boolean; sans?: boolean; serialNumber?: boolean; subject?: Wanted; issuer?: Wanted } }

/** In this order; an issuer has no organizational unit. */
const PARTS: readonly [field: string, type: string, prefix: string][] = [
  ['domainComponent', 'DC', 'DC'], ['country', 'C', 'C'], ['province', 'ST', 'ST'], ['locality', 'L', 'L'], ['organization', 'O', 'O'], ['organizationalUnit', 'OU', 'OU'], ['serialNumber', 'serialNumber', 'SN'], ['commonName', 'CN', 'CN'],
]

export function clientCertHeaders({ pem, info }: Settings, chain: readonly Certificate[]): Headers {
  if (chain.length === 0) return []
  return [
    ...(pem ? [['X-Forwarded-Tls-Client-Cert', chain.map((c) => encodeBase64(c.der)).join(',')]] satisfies Headers : []),
    ...(info ? [['X-Forwarded-Tls-Client-Cert-Info', queryEscape(chain.map((c) => infoOf(info, c)).join(','))]] satisfies Headers : []),
  ]
}

function infoOf({ subject, issuer, serialNumber, notBefore, notAfter, sans }: NonNullable<Settings['info']>, certificate: Certificate): string {
  const [whose, by] = [subject && nameOf(subject, certificate.subject), issuer && nameOf({ ...issuer, organizationalUnit: false }, certificate.issuer)]
  const names = [...certificate.dnsNames, ...certificate.ipAddresses]
  return [
    ...(whose ? [`Subject="${whose}"`] : []),
    ...(by ? [`Issuer="${by}"`] : []),
    ...(serialNumber ? [`SerialNumber="${certificate.serial}"`] : []),
    ...(notBefore ? [`NB="${Math.floor(certificate.notBefore / 1000)}"`] : []),
    ...(notAfter ? [`NA="${Math.floor(certificate.notAfter / 1000)}"`] : []),
    ...(sans && names.length > 0 ? [`SAN="${names.join(',')}"`] : []),
  ].join(';')
}

function nameOf(wanted: Wanted, name: readonly NamePart[]): string {
  return PARTS.flatMap(([field, type, prefix]) => (wanted[field] ? name.filter(([t, value]) => t === type && value !== '').map(([, value]) => `${prefix}=${value}`) : [])).join(',')
}

/** net/url's QueryEscape. */
function queryEscape(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`).replaceAll('%20', '+')
}
