import type { Ingress, Secret } from '../../kubernetes/types.ts'
import { sha1 } from '../../sha1.ts'
import { hex } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { authoritiesOf, clientProblem, namesOf, rfc2253 } from '../tls/client-auth.ts'
import type { ClientAuth } from '../tls/socket.ts'
import { toPem, type Certificate } from '../tls/x509.ts'
import type { Note } from './annotations.ts'

/** Client certificates: annotations auth-tls-… (internal/ingress/annotations/authtls, and nginx' ssl_verify_client). */
export interface AuthTls {
  /** "namespace/name". */
  secret: string
  verify: 'on' | 'off' | 'optional' | 'optional_no_ca'
  depth: number
  errorPage: string | undefined
  passes: boolean
  /** A regular expression of the subject as RFC 2253 writes it. */
  matchCn: string | undefined
}

/** Of a server. `closed`: what its annotation asks for is not to be had, so that nobody gets in. */
export type ClientCheck = (AuthTls & { trusted: readonly Certificate[]; /** Of its file's name, and of what is in it. */ file: string; sha: string }) | { closed: string }

const MODES: readonly string[] = ['on', 'off', 'optional', 'optional_no_ca']
/** redirectRegex. */
const PAGE = /^((https?:\/\/)?[A-Za-z0-9\-.]+(:\d+)?)?(\/[A-Za-z0-9\-_.]+)*\/?$/
/** What optional_no_ca lets pass (ngx_ssl_verify_error_optional). */
const OPTIONAL: readonly number[] = [18, 19, 20, 21]

export function authTlsOf(of: (short: string) => string | undefined, namespace: string): AuthTls | undefined {
  const secret = of('auth-tls-secret')
  if (secret === undefined) return undefined
  const verify = of('auth-tls-verify-client') ?? ''
  const depth = Number(of('auth-tls-verify-depth'))
  return {
    secret: secret.includes('/') ? secret : `${namespace}/${secret}`,
    verify: MODES.includes(verify) ? (verify as AuthTls['verify']) : 'on',
    depth: Number.isInteger(depth) && depth !== 0 ? depth : 1,
    errorPage: of('auth-tls-error-page'),
    passes: /^(1|t|true)$/i.test(of('auth-tls-pass-certificate-to-upstream') ?? ''),
    matchCn: of('auth-tls-match-cn'),
  }
}

/** Undefined: nobody is asked, because the Secret has no "ca.crt". */
export function clientCheck(ingress: Ingress, auth: AuthTls, secret: (namespace: string, name: string) => Secret | undefined, notes: Note[]): ClientCheck | undefined {
  const { namespace = '' } = ingress.metadata
  const [of = '', name = ''] = auth.secret.split('/')
  const found = of === namespace ? secret(of, name) : undefined
  const hasAny = ['ca.crt', 'tls.crt'].some((key) => found?.data?.[key] !== undefined)
  const why = of !== namespace ? 'cross namespace secrets are not supported'
    : !found || !hasAny ? `error obtaining certificate: local SSL certificate ${auth.secret} was not found`
    : auth.errorPage !== undefined && !PAGE.test(auth.errorPage) ? 'annotation nginx.ingress.kubernetes.io/auth-tls-error-page contains invalid value'
    : auth.matchCn !== undefined && !isCommonName(auth.matchCn) ? 'annotation nginx.ingress.kubernetes.io/auth-tls-match-cn contains invalid value'
    : undefined
  if (why !== undefined) {
    notes.push({ source: 'annotations.go:198', severity: 'E', text: `"error reading Ingress annotation" err=${JSON.stringify(why)} name="CertificateAuth" ingress="${namespace}/${ingress.metadata.name}"` })
    return { closed: why }
  }
  if (auth.errorPage?.startsWith('/')) notes.push({ source: 'store.go:917', severity: 'W', text: `podhop: not simulated: auth-tls-error-page ${auth.errorPage} of Ingress ${namespace}/${ingress.metadata.name} (use an URL with http:// or https://)`, ingress })
  const trusted = authoritiesOf(found!)
  const file = found!.data?.['tls.crt'] === undefined ? 'ca-' : ''
  return trusted && { ...auth, trusted, file, sha: hex(sha1(encodeUtf8(found!.data!['ca.crt']!))) }
}

function isCommonName(text: string): boolean {
  try {
    return text.startsWith('CN=') && new RegExp(text.slice(3)) instanceof RegExp
  } catch {
    return false
  }
}

/** What the server says in the handshake; whether the certificate is good is asked later, so that there is an answer in HTTP. */
export function asksFor(check: ClientCheck | undefined): ClientAuth | undefined {
  return check === undefined || 'closed' in check || check.verify === 'off' ? undefined : { authorities: namesOf(check.trusted) }
}

/** A page of nginx by its number, a text of 403, or where to go; undefined: the request goes on. */
export type ClientRefusal = { page: 403 | 421 | 495 | 496 } | { text: string } | { location: string }

/** `negotiated`: of the server whose name the client gave in the handshake. */
export function refusedClient(check: ClientCheck | undefined, negotiated: ClientCheck | undefined, request: HttpRequest, wall: number): ClientRefusal | undefined {
  const { tls } = request
  const host = (headerOf(request.headers, 'host') ?? '').replace(/:[0-9]+$/, '').toLowerCase()
  // who was asked for another name's sake than he asks for
  if (tls?.serverName !== undefined && tls.serverName.toLowerCase() !== host && asksFor(negotiated)) return { page: 421 }
  if (!check) return undefined
  if ('closed' in check) return { page: 403 }
  if (tls && check.verify !== 'off') {
    const problem = tls.chain.length > 0 ? clientProblem(tls.chain, check.trusted, wall, check.depth) : undefined
    const page = problem && !(check.verify === 'optional_no_ca' && OPTIONAL.includes(problem.code)) ? 495 : check.verify === 'on' && tls.chain.length === 0 ? 496 : undefined
    if (page !== undefined) return check.errorPage === undefined || check.errorPage.startsWith('/') ? { page } : { location: check.errorPage }
  }
  const subject = tls?.chain[0] ? rfc2253(tls.chain[0].subject) : ''
  return check.matchCn !== undefined && !new RegExp(check.matchCn).test(subject) ? { text: 'client certificate unauthorized' } : undefined
}

/** What the backend hears of the client's certificate; what is empty takes away what the client says itself. */
export function clientHeaders(check: ClientCheck | undefined, { tls }: HttpRequest, wall: number): Headers {
  if (!check || 'closed' in check) return []
  const [own] = tls?.chain ?? []
  const problem = own && clientProblem(tls!.chain, check.trusted, wall, check.depth)
  return [
    ...(check.passes ? [['ssl-client-cert', own ? encodeURIComponent(toPem('CERTIFICATE', own.der)) : '']] satisfies Headers : []),
    ['ssl-client-verify', !tls ? '' : !own ? 'NONE' : problem ? `FAILED:${problem.text}` : 'SUCCESS'],
    ['ssl-client-subject-dn', own ? rfc2253(own.subject) : ''],
    ['ssl-client-issuer-dn', own ? rfc2253(own.issuer) : ''],
  ]
}
