import { DerError, readDer, readOne, TAG } from './der.ts'
import { decodeBase64 } from '../../kubernetes/base64.ts'
import { decodeUtf8 } from '../../text.ts'
import { ALERTS } from './wire.ts'
import { OID, oidOf, readCertificates, verifyChain, type Certificate, type NamePart, type VerifyProblem } from './x509.ts'

/** What servers make of the certificates that their clients show. */
const FOR_CLIENTS: readonly string[] = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0']

/** X509_PURPOSE_ssl_client: no extended key usage, or this one among others. */
export function isForClients({ extensions }: Certificate): boolean {
  const found = extensions.find(({ oid }) => oid === OID.extendedKeyUsage)
  return !found || readDer(readOne(found.value, TAG.sequence).content).some((oid) => FOR_CLIENTS.includes(oidOf(oid)))
}

/** `depth`: how many certificates may stand between the client's and the trusted one (SSL_CTX_set_verify_depth). */
export function clientProblem(chain: readonly Certificate[], trusted: readonly Certificate[], wall: number, depth = 100): VerifyProblem | undefined {
  const problem = verifyChain(chain, trusted, wall)
  if (problem && problem.code !== 10 && problem.code !== 9) return problem
  if (between(chain, trusted) > depth) return { code: 22, text: 'certificate chain too long', depth: depth + 1 }
  if (chain[0] && !isForClients(chain[0])) return { code: 26, text: 'unsuitable certificate purpose', depth: 0 }
  return problem
}

/** How many certificates lead from the first to one that is trusted. */
function between(chain: readonly Certificate[], trusted: readonly Certificate[]): number {
  let at: Certificate | undefined = chain[0]
  for (let steps = 0; at && steps < chain.length; steps++) {
    const issuer: string = at.issuerKey
    if (trusted.some((t) => t.subjectKey === issuer)) return steps
    at = chain.find((c) => c.subjectKey === issuer)
  }
  return 0
}

/** crypto/tls with RequireAndVerifyClientCert (handshake_server.go, processCertsFromClient): the alert to end it with. */
export function goRefusal(chain: readonly Certificate[], trusted: readonly Certificate[], wall: number): number | undefined {
  if (chain.length === 0) return ALERTS.certificateRequired
  const problem = clientProblem(chain, trusted, wall)
  if (!problem) return undefined
  return problem.code === 10 || problem.code === 9 ? ALERTS.certificateExpired : [18, 19, 20].includes(problem.code) ? ALERTS.unknownCa : ALERTS.badCertificate
}

/** A name as RFC 2253 writes it: what stood last comes first (X509_NAME_print_ex with XN_FLAG_RFC2253, pkix.Name.String). */
export function rfc2253(name: readonly NamePart[]): string {
  return name.toReversed().map(([type, value]) => `${type}=${value.replace(/[,+"\\<>;]|^[# ]| $/g, '\\$&')}`).join(',')
}

/** The authorities in a Secret's "ca.crt"; undefined: there is none, or what is there is none. */
export function authoritiesOf({ data }: { data?: Readonly<Record<string, string>> | undefined }, keys: readonly string[] = ['ca.crt']): Certificate[] | undefined {
  for (const key of keys) {
    const bytes = decodeBase64(data?.[key] ?? '')
    if (typeof bytes === 'number' || bytes.length === 0) continue
    try {
      const found = readCertificates(decodeUtf8(bytes))
      return found.length > 0 ? found : undefined
    } catch (error) {
      if (!(error instanceof DerError)) throw error
      return undefined
    }
  }
  return undefined
}

/** Their names, as a server tells them to its clients. */
export function namesOf(authorities: readonly Certificate[]): Uint8Array[] {
  return authorities.map(({ subjectKey }) => decodeBase64(subjectKey) as Uint8Array)
}
