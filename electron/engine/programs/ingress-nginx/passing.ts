import type { Process } from '../../machine/types.ts'
import { askUpstream } from '../http/client.ts'
import { headerOf, writeRequest, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import type { Annotations, Replacement } from './annotations.ts'
import type { Mirror } from './talk.ts'
import { addressOf, expand, readUrl } from './variables.ts'

/** mirror-target: the request once more, to somebody whose answer nobody hears. */
export function mirror(process: Process, { target, host, body: whole }: Mirror, request: HttpRequest, uri: string): void {
  const body = whole ? request.body : new Uint8Array(0)
  const url = readUrl(expand(target, request, uri).replace(/^(https?:\/\/[^/]+)\/\//, '$1/'))
  if (!url) return
  const headers: Headers = [['Host', host], ...request.headers.filter(([n]) => !['host', 'connection', 'content-length', 'transfer-encoding', 'expect'].includes(n.toLowerCase()))]
  if (whole && (body.length > 0 || headerOf(request.headers, 'content-length') !== undefined)) headers.push(['Content-Length', String(body.length)])
  process.spawnThread((function* () {
    const found = yield* addressOf(process, url.name)
    if ('error' in found) return
    askUpstream(process, {
      address: found.address, port: url.port, program: 'nginx', method: request.method, bytes: writeRequest(request.method, url.path, headers, body), connectTimeout: 5_000, readTimeout: 60_000, ...(url.scheme === 'https' ? { tls: { serverName: url.name } } : {}),
    }, () => undefined)
  })())
}

/** proxy_redirect, proxy_cookie_path and proxy_cookie_domain: what a backend says of itself, as its clients know it. */
export function pointedBack(headers: Headers, { redirects, cookiePath, cookieDomain }: Annotations): Headers {
  if (!redirects && !cookiePath && !cookieDomain) return headers
  const attribute = (value: string, name: string, change: Replacement | undefined): string =>
    change ? value.replace(new RegExp(`(;\\s*${name}=)([^;]*)`, 'i'), (whole, before: string, text: string) => (text.toLowerCase().startsWith(change.from.toLowerCase()) ? `${before}${change.to}${text.slice(change.from.length)}` : whole)) : value
  return headers.map(([name, value]) => {
    const lower = name.toLowerCase()
    if (lower === 'set-cookie') return [name, attribute(attribute(value, 'path', cookiePath), 'domain', cookieDomain)]
    return lower === 'location' && redirects && value.startsWith(redirects.from) ? [name, `${redirects.to}${value.slice(redirects.from.length)}`] : [name, value]
  })
}
