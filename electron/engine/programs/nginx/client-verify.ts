import { sha1 } from '../../sha1.ts'
import { hex } from '../../sha256.ts'
import type { Process } from '../../machine/types.ts'
import type { HttpRequest } from '../http/server.ts'
import { MONTHS, two } from '../http/status.ts'
import { clientProblem, namesOf, rfc2253 } from '../tls/client-auth.ts'
import type { ClientAuth } from '../tls/socket.ts'
import { pemBlocks, readCertificates, toPem, type Certificate } from '../tls/x509.ts'
import { ConfigError, type Directive } from './config.ts'
import { absolute } from './directives.ts'

/** ssl_verify_client and what belongs to it (ngx_http_ssl_module), of a server. */
export interface ClientVerify {
  mode: 'on' | 'off' | 'optional' | 'optional_no_ca'
  depth: number
  /** ssl_client_certificate, whose names clients are told, and ssl_trusted_certificate, whose are not. */
  file: string | undefined
  trustedFile: string | undefined
  /** Of both files. */
  trusted: readonly Certificate[]
  told: readonly Certificate[]
}

export const NO_CLIENT_VERIFY: ClientVerify = { mode: 'off', depth: 1, file: undefined, trustedFile: undefined, trusted: [], told: [] }
const MODES = ['on', 'off', 'optional', 'optional_no_ca'] as const
/** What optional_no_ca lets pass (ngx_ssl_verify_error_optional). */
const OPTIONAL: readonly number[] = [18, 19, 20, 21]

/** Undefined: another module's directive. */
export function readClientVerify(d: Directive, settings: ClientVerify): ClientVerify | undefined {
  const [value = ''] = d.args
  const where = ` in ${d.file}:${d.line}`
  switch (d.name) {
    case 'ssl_verify_client': {
      const mode = MODES.find((m) => m === value)
      if (!mode) throw new ConfigError(`invalid value "${value}"${where}`)
      return { ...settings, mode }
    }
    case 'ssl_verify_depth':
      if (!/^[0-9]+$/.test(value)) throw new ConfigError(`"ssl_verify_depth" directive invalid number${where}`)
      return { ...settings, depth: Number(value) }
    case 'ssl_client_certificate': return { ...settings, file: absolute(value) }
    case 'ssl_trusted_certificate': return { ...settings, trustedFile: absolute(value) }
    default: return undefined
  }
}

/** With the certificates that its files have; ngx_ssl_client_certificate's words where they have none. */
export function loadClientVerify({ fs }: Process, settings: ClientVerify): ClientVerify {
  if (settings.file === undefined && settings.mode !== 'off' && settings.mode !== 'optional_no_ca') throw new ConfigError('no ssl_client_certificate for ssl_verify_client')
  const read = (file: string | undefined): Certificate[] => {
    if (file === undefined) return []
    const failed = `SSL_CTX_load_verify_locations("${file}") failed (SSL: error:`
    if (!fs.exists(file)) throw new ConfigError(`${failed}80000002:system library::No such file or directory:calling fopen(${file}, r) error:10000080:BIO routines::no such file error:05880002:x509 certificate routines::system lib)`)
    const text = fs.readText(file)
    if (pemBlocks(text, /CERTIFICATE/).length === 0) throw new ConfigError(`${failed}05800088:x509 certificate routines::no certificate or crl found)`)
    return readCertificates(text)
  }
  const told = read(settings.file)
  return { ...settings, told, trusted: [...told, ...read(settings.trustedFile)] }
}

/** What the server says in the handshake; whether the certificate is good is asked later, so that there is an answer in HTTP. */
export function asksClients({ mode, told }: ClientVerify): ClientAuth | undefined {
  return mode === 'off' ? undefined : { authorities: namesOf(told) }
}

function problemOf({ trusted, depth }: ClientVerify, { tls }: HttpRequest, wall: number): ReturnType<typeof clientProblem> {
  return tls && tls.chain.length > 0 ? clientProblem(tls.chain, trusted, wall, depth) : undefined
}

/** 421 for who was asked for another server's sake, 495 for a certificate that is not good, 496 for none. */
export function unfitClient(clients: ClientVerify, negotiated: ClientVerify | undefined, host: string, request: HttpRequest, wall: number): 421 | 495 | 496 | undefined {
  const { tls } = request
  if (!tls) return undefined
  if (tls.serverName !== undefined && tls.serverName.toLowerCase() !== host && negotiated && negotiated.mode !== 'off') return 421
  if (clients.mode === 'off') return undefined
  const problem = problemOf(clients, request, wall)
  if (problem && !(clients.mode === 'optional_no_ca' && OPTIONAL.includes(problem.code))) return 495
  return clients.mode === 'on' && tls.chain.length === 0 ? 496 : undefined
}

const VARIABLES = ['cert', 'escaped_cert', 'raw_cert', 'fingerprint', 'i_dn', 's_dn', 'i_dn_legacy', 's_dn_legacy', 'serial', 'v_start', 'v_end', 'v_remain', 'verify']
/** By their names without "$". */
export const CLIENT_VARIABLES: readonly string[] = VARIABLES.map((name) => `ssl_client_${name}`)

/** `name`: without "ssl_client_". */
export function clientVariable(name: string, clients: ClientVerify, request: HttpRequest, wall: number): string {
  if (!request.tls) return ''
  const [own] = clients.mode === 'off' ? [] : request.tls.chain
  if (name === 'verify') {
    const problem = own && problemOf(clients, request, wall)
    return !own ? 'NONE' : problem ? `FAILED:${problem.text}` : 'SUCCESS'
  }
  if (!own) return ''
  const pem = toPem('CERTIFICATE', own.der)
  const legacy = (parts: Certificate['subject']): string => parts.map(([type, value]) => `/${type}=${value}`).join('')
  switch (name) {
    case 'cert': return pem.trimEnd().replaceAll('\n', '\n\t')
    case 'raw_cert': return pem
    case 'escaped_cert': return encodeURIComponent(pem)
    case 'fingerprint': return hex(sha1(own.der))
    case 's_dn': return rfc2253(own.subject)
    case 'i_dn': return rfc2253(own.issuer)
    case 's_dn_legacy': return legacy(own.subject)
    case 'i_dn_legacy': return legacy(own.issuer)
    case 'serial': return serialOf(own)
    case 'v_start': return opensslTime(own.notBefore)
    case 'v_end': return opensslTime(own.notAfter)
    case 'v_remain': return String(Math.max(0, Math.floor((own.notAfter - wall) / 86_400_000)))
    default: return ''
  }
}

function serialOf({ serial }: Certificate): string {
  const digits = serial.toString(16).toUpperCase()
  return digits.length % 2 === 0 ? digits : `0${digits}`
}

/** "Nov 23 07:33:57 2026 GMT" */
function opensslTime(wall: number): string {
  const d = new Date(wall)
  return `${MONTHS[d.getUTCMonth()]} ${String(d.getUTCDate()).padStart(2)} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} ${d.getUTCFullYear()} GMT`
}
