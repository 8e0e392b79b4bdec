import type { UpstreamOutcome } from '../http/client.ts'
import type { Libc } from '../../dns/resolver.ts'

/** What every nginx here says and writes alike when it passes requests on: the image's own, ingress-nginx, the Gateway's. */
const ERRORS: Readonly<Record<Libc, Readonly<Record<string, string>>>> = {
  glibc: { ECONNREFUSED: '111: Connection refused', ECONNRESET: '104: Connection reset by peer', EHOSTUNREACH: '113: No route to host', ENETUNREACH: '101: Network is unreachable', ETIMEDOUT: '110: Connection timed out' },
  musl: { ECONNREFUSED: '111: Connection refused', ECONNRESET: '104: Connection reset by peer', EHOSTUNREACH: '113: Host is unreachable', ENETUNREACH: '101: Network unreachable', ETIMEDOUT: '110: Operation timed out' },
}

/** ngx_connection_error's and ngx_http_upstream's words, with the strerror(3) of the image's libc. */
export function upstreamFailure({ error, phase, tls }: Extract<UpstreamOutcome, { error: string }>, libc: Libc): string {
  const errors = ERRORS[libc]
  const doing = ` while ${phase === 'connect' ? 'connecting to' : phase === 'tls' ? 'SSL handshaking to' : 'reading response header from'} upstream`
  if (error === 'TLS') return tls?.kind === 'not-tls' ? `SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number)${doing}` : `peer closed connection in SSL handshake${doing}`
  if (error === 'ETIMEDOUT') return `upstream timed out (${errors['ETIMEDOUT']})${doing}`
  if (error === 'TOO BIG') return `upstream sent too big header${doing}`
  if (error === 'SYNTAX') return `upstream sent no valid HTTP/1.0 header${doing}`
  if (error === 'EOF') return `upstream prematurely closed connection${doing}`
  return `${phase === 'connect' ? 'connect' : 'recv'}() failed (${errors[error] ?? error})${doing}`
}

/** An answer whose head does not fit into proxy_buffer_size (bytes) is none. */
export function fitting(outcome: UpstreamOutcome, buffer: number): UpstreamOutcome {
  if (!('head' in outcome)) return outcome
  const { version, status, reason, headers } = outcome.head
  const size = `HTTP/${version} ${status} ${reason}`.length + 4 + headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0)
  if (size <= buffer) return outcome
  if ('tunnel' in outcome) outcome.tunnel.abort()
  return { error: 'TOO BIG', phase: 'read' }
}

/** Methods that may be tried at another server once they were sent (proxy_next_upstream without "non_idempotent"). */
export const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])

/** ngx_escape_uri of a decoded path, whose characters are bytes. */
export function escapeUri(path: string): string {
  return path.replace(/[\x00-\x20"#%?\x7f-\xff]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
