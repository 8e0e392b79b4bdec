import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import type { NginxLocation, NginxMatch } from './configuration.ts'
import type { HeaderModifier, PathModifier, RedirectFilter } from './types.ts'

/** The filters of a rule, as the nginx.conf that is made of them does it (nginx/config/servers.go). */

/** The path after `rewrite`; undefined: the modifier does not fit the match. */
export function modifiedPath(modifier: PathModifier, location: NginxLocation, path: string): string | undefined {
  if (modifier.type === 'ReplaceFullPath') return modifier.replaceFullPath ?? '/'
  if (location.type !== 'PathPrefix') return undefined
  const prefix = modifier.replacePrefixMatch || '/'
  const matched = location.path
  let rest = path.slice(matched.length)
  if (prefix.endsWith('/') && !matched.endsWith('/')) rest = rest.replace(/^\//, '')
  else if (matched.endsWith('/') && !prefix.endsWith('/')) rest = `/${rest}`
  return `${prefix}${rest}`
}

/** Where a redirect leads. */
export function redirectTarget(filter: RedirectFilter, location: NginxLocation, request: { host: string; uri: string; path: string; scheme: string; port: number }): string {
  const scheme = filter.scheme ?? request.scheme
  const port = filter.port ?? request.port
  const wellKnown = (port === 80 && scheme === 'http') || (port === 443 && scheme === 'https')
  // without a scheme of its own the port is written, known or not
  const bare = filter.scheme !== undefined && (wellKnown || filter.port === undefined)
  const place = `${scheme}://${filter.hostname ?? request.host}${bare ? '' : `:${port}`}`
  const path = filter.path && modifiedPath(filter.path, location, request.path)
  if (path === undefined) return `${place}${request.uri}`
  const query = request.uri.includes('?') ? request.uri.slice(request.uri.indexOf('?')) : ''
  return `${place}${path}${query === '?' ? '' : query}`
}

/** Of the request: what nginx sets itself, or what ends at it. */
const OWN = new Set(['connection', 'keep-alive', 'te', 'transfer-encoding', 'upgrade', 'expect', 'content-length'])

/** The headers with which a request goes on. */
export function upstreamHeaders(request: HttpRequest, match: NginxMatch, host: string): Headers {
  const plain = host.replace(/:[0-9]+$/, '').toLowerCase()
  const forwarded = headerOf(request.headers, 'x-forwarded-for')
  const upgrade = headerOf(request.headers, 'upgrade')
  const modifier = match.requestHeaders ?? {}
  const set: Headers = []
  for (const { name, value } of modifier.add ?? []) {
    const present = headerOf(request.headers, name)
    set.push([name, present === undefined || present === '' ? value : `${present},${value}`])
  }
  for (const { name, value } of modifier.set ?? []) set.push([name, value])
  for (const name of modifier.remove ?? []) set.push([name, ''])
  const base: Headers = [
    ['Host', match.rewrite?.hostname ?? host],
    ['X-Forwarded-For', forwarded ? `${forwarded}, ${request.remoteAddress}` : request.remoteAddress],
    ['X-Real-IP', request.remoteAddress],
    ['X-Forwarded-Proto', request.tls ? 'https' : 'http'],
    ['X-Forwarded-Host', plain],
    ['X-Forwarded-Port', String(request.localPort)],
    ['Upgrade', upgrade ?? ''],
    ['Connection', upgrade ? 'upgrade' : 'close'],
  ]
  const has = (name: string): boolean => set.some(([n]) => n.toLowerCase() === name.toLowerCase())
  for (const header of base) if (!has(header[0])) set.push(header)
  if (request.body.length > 0 || headerOf(request.headers, 'content-length') !== undefined) set.push(['Content-Length', String(request.body.length)])
  const passed = request.headers.filter(([name]) => !has(name) && !OWN.has(name.toLowerCase()))
  // an empty value is none at all
  return [...set.filter(([, value]) => value !== ''), ...passed]
}

/** The headers of an answer after ResponseHeaderModifier. */
export function modifiedAnswer(headers: Headers, modifier: HeaderModifier | undefined): Headers {
  if (!modifier) return headers
  return [...headers.filter(([name]) => !hides(modifier, name)), ...[...(modifier.add ?? []), ...(modifier.set ?? [])].map(({ name, value }): [string, string] => [name, value])]
}

/** proxy_hide_header: what is taken away, or set anew. */
export function hides({ set = [], remove = [] }: HeaderModifier = {}, name: string): boolean {
  return [...set.map((h) => h.name), ...remove].some((own) => own.toLowerCase() === name.toLowerCase())
}
