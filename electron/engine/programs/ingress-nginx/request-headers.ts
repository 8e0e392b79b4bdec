import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import type { Annotations } from './annotations.ts'
import type { Global } from './settings.ts'

/** How a request came to the client's next proxy: $pass_access_scheme, $pass_port and $best_http_host of lua_ingress.lua. */
export interface Forwarded { scheme: string; port: string; host: string | undefined }

/** Who trusts the proxies before believes what they say of it. */
export function forwardedBy(request: HttpRequest, { trusts }: Pick<Global, 'trusts'>): Forwarded {
  const said = (name: string): string | undefined => (trusts ? headerOf(request.headers, name) : undefined)
  return {
    scheme: said('x-forwarded-proto') ?? (request.tls ? 'https' : 'http'),
    port: said('x-forwarded-port') ?? String(request.localPort),
    host: said('x-forwarded-host')?.split(',')[0] ?? headerOf(request.headers, 'host'),
  }
}

/** Of the request: what nginx sets itself, or what ends at it. */
const SET = new Set([
  'host', 'connection', 'keep-alive', 'te', 'transfer-encoding', 'upgrade', 'expect', 'proxy', 'content-length',
  'x-request-id', 'x-real-ip', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto', 'x-forwarded-scheme', 'x-scheme', 'x-original-forwarded-for', 'x-original-forwarded-host',
])

interface About {
  settings: Annotations | undefined
  global: Global
  forwarded: Forwarded
  /** Of the packets, whoever the request is from. */
  sender: string
  host: string
  forwardedHost: string
  id: string
  /** Of the client's certificate. */
  client: Headers
}

/** What the backend gets (nginx.tmpl's proxy_set_header). */
export function headersFor(request: HttpRequest, { settings, global, forwarded, sender, host, forwardedHost, id, client }: About): Headers {
  const { scheme, port } = forwarded
  const upgrade = headerOf(request.headers, 'upgrade')
  const connection = settings?.talk.connection ?? (upgrade === undefined ? undefined : 'upgrade')
  const before = headerOf(request.headers, 'x-forwarded-for')
  const hostBefore = headerOf(request.headers, 'x-forwarded-host')
  const headers: Headers = [
    ['Host', host],
    ...client.filter(([, value]) => value !== ''),
    ...(upgrade === undefined ? [] : [['Upgrade', upgrade]] satisfies Headers),
    ...(connection === undefined ? [] : [['Connection', connection]] satisfies Headers),
    ['X-Request-ID', id],
    ['X-Real-IP', request.remoteAddress],
    ['X-Forwarded-For', global.full ? (before ? `${before}, ${sender}` : sender) : request.remoteAddress],
    ['X-Forwarded-Host', forwardedHost],
    ['X-Forwarded-Port', port],
    ['X-Forwarded-Proto', scheme],
    ['X-Forwarded-Scheme', scheme],
    ...(global.originalUri ? [['X-Original-URI', request.target]] satisfies Headers : []),
    ['X-Scheme', scheme],
  ]
  if (settings?.forwardedPrefix !== undefined) headers.push(['X-Forwarded-Prefix', settings.forwardedPrefix])
  if (before) headers.push(['X-Original-Forwarded-For', before])
  if (hostBefore) headers.push(['X-Original-Forwarded-Host', hostBefore])
  const replaced = new Set(client.map(([name]) => name))
  const own = new Set(global.setHeaders.map(([name]) => name.toLowerCase()))
  headers.push(...global.setHeaders.filter(([, value]) => value !== ''))
  if (request.body.length > 0 || headerOf(request.headers, 'content-length') !== undefined) headers.push(['Content-Length', String(request.body.length)])
  return [...headers, ...request.headers.filter(([name]) => !SET.has(name.toLowerCase()) && !replaced.has(name.toLowerCase()) && !own.has(name.toLowerCase()) && !(settings?.auth && name.toLowerCase() === 'authorization'))]
}
