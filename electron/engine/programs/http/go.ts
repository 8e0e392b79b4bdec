import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Headers } from './message.ts'
import { serveHttp, type HttpRequest, type HttpResponse, type HttpServer } from './server.ts'
import { httpDate, reasonOf } from './status.ts'
import type { TlsServerOptions } from '../tls/socket.ts'
import { CIPHERS } from '../tls/wire.ts'

/** A server as Go's net/http answers: header order, 404 and 400 pages, sniffed text types. */
export interface GoAnswer {
  status?: number
  headers?: Headers
  body?: string | Uint8Array
  contentType?: string
  /** After 101 the connection is another protocol's; the headers are all that is sent. */
  upgrade?: HttpResponse['upgrade']
  /** The body comes bit by bit. */
  stream?: HttpResponse['stream']
}

export function goResponse(process: Process, request: HttpRequest, answer: GoAnswer): HttpResponse {
  if (answer.upgrade) return { status: answer.status ?? 101, headers: answer.headers ?? [], upgrade: answer.upgrade }
  if (answer.stream) return { status: answer.status ?? 200, headers: [...(answer.headers ?? []), ['Date', httpDate(process.clock.wall())], ['Transfer-Encoding', 'chunked']], stream: answer.stream }
  const body = answer.body instanceof Uint8Array ? answer.body : encodeUtf8(answer.body ?? '')
  const given = answer.headers ?? []
  const has = (wanted: string): boolean => given.some(([name]) => name === wanted)
  // http.Error, and who says nosniff otherwise, say the type themselves; else it is found out last
  const said: Headers = has('X-Content-Type-Options') && !has('Content-Type') ? [['Content-Type', answer.contentType ?? 'text/plain; charset=utf-8']] : []
  const own = [...given, ...said].sort(([a], [b]) => (a < b ? -1 : 1))
  const headers: Headers = [...own, ['Date', httpDate(process.clock.wall())]]
  if (!has('Content-Length')) headers.push(['Content-Length', String(body.length)])
  if (body.length > 0 && !own.some(([name]) => name === 'Content-Type')) headers.push(['Content-Type', answer.contentType ?? 'text/plain; charset=utf-8'])
  if (!request.keepAlive) headers.push(['Connection', 'close'])
  return { status: answer.status ?? 200, headers, body }
}

/** http.NotFound. */
export const GO_NOT_FOUND: GoAnswer = { status: 404, headers: [['X-Content-Type-Options', 'nosniff']], body: '404 page not found\n' }

/** http.Redirect: a path without a slash in front is below that of the request. */
export function goRedirect(request: HttpRequest, to: string, status: number): GoAnswer {
  let location = to
  if (!/^[a-z][a-z0-9+.-]*:/i.test(to)) {
    const [path = '', ...rest] = to.split(/(?=\?)/)
    const below = path.startsWith('/') ? path : splitTarget(request.target).path.replace(/[^/]*$/, '') + path
    const parts: string[] = []
    for (const part of below.split('/')) {
      if (part === '..') parts.pop()
      else if (part !== '' && part !== '.') parts.push(part)
    }
    location = `/${parts.join('/')}${below.endsWith('/') && parts.length > 0 ? '/' : ''}${rest.join('')}`
  }
  const shown = location.replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' })[c]!)
  const isPage = request.method === 'GET' || request.method === 'HEAD'
  return { status, headers: [...(isPage ? [['Content-Type', 'text/html; charset=utf-8'] as [string, string]] : []), ['Location', location]], body: request.method === 'GET' ? `<a href="${shown}">${reasonOf(status)}</a>.\n\n` : '' }
}

/** crypto/tls' habits, and what net/http says to a client without TLS. */
const GO_TLS: Partial<TlsServerOptions> = { alpn: ['h2', 'http/1.1'], cipher: CIPHERS.aes128, tickets: [122], acknowledgesName: false, plain: () => encodeUtf8('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n') }

/** Throws SystemError EADDRINUSE. A handler that has to wait is a task. */
export function serveGo(process: Process, program: string, port: number, address: string | undefined, handle: (request: HttpRequest) => GoAnswer | Task<GoAnswer>, tls?: Pick<TlsServerOptions, 'select'> & Partial<Pick<TlsServerOptions, 'random'>>): HttpServer {
  return serveHttp(process, {
    port,
    ...(address ? { address } : {}),
    program,
    ...(tls ? { tls: { ...GO_TLS, ...tls } } : {}),
    handle: (request, respond) => {
      const answer = handle(request)
      if (!isTask(answer)) return respond(goResponse(process, request, answer))
      process.spawnThread((function* () {
        respond(goResponse(process, request, yield* answer))
      })())
    },
    refuse: (status) => ({
      status,
      headers: [['Content-Type', 'text/plain; charset=utf-8'], ['Connection', 'close']],
      body: encodeUtf8(status === 400 ? '400 Bad Request' : String(status)),
    }),
  })
}

function isTask(answer: GoAnswer | Task<GoAnswer>): answer is Task<GoAnswer> {
  return Symbol.iterator in answer
}

/** textproto.CanonicalMIMEHeaderKey. */
export function canonicalHeader(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase())
}

/** time.ParseDuration in ms; undefined when it is none. */
export function parseGoDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^([0-9.]+(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  const units: Record<string, number> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  let total = 0
  for (const [, number, unit] of text.matchAll(/([0-9.]+)(ns|us|µs|ms|s|m|h)/g)) total += Number(number) * units[unit!]!
  return Number.isFinite(total) ? total : undefined
}

/** What encoding/json and strconv.Quote make of a text: HTML's special characters escaped. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** ":8080", "0.0.0.0:8080", "127.0.0.1:80": net.Listen's address; undefined when it has no port. */
export function parseListen(text: string): { address: string | undefined; port: number } | undefined {
  const match = /^(.*):([0-9]{1,5})$/.exec(text)
  if (!match || Number(match[2]) > 65_535) return undefined
  const host = match[1]!.replace(/^\[|\]$/g, '')
  return { address: host === '' || host === '0.0.0.0' || host === '::' ? undefined : host, port: Number(match[2]) }
}

/** The path and the query of a request target, decoded. */
export function splitTarget(target: string): { path: string; query: Map<string, string> } {
  const [path = '/', search = ''] = target.replace(/^https?:\/\/[^/]*/, '').split('?')
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text.replaceAll('+', ' '))
    } catch {
      return text
    }
  }
  const query = new Map<string, string>()
  for (const pair of search.split('&')) {
    const at = pair.indexOf('=')
    if (pair !== '') query.set(decode(at < 0 ? pair : pair.slice(0, at)), at < 0 ? '' : decode(pair.slice(at + 1)))
  }
  return { path: path === '' ? '/' : path, query }
}

/** time.Time's String: nanoseconds without the zeros at their end; with `since`, ms, its reading of the monotonic clock, which Go has since 1.9. */
export function goTime(wall: number, since?: number): string {
  const seconds = new Date(wall).toISOString().slice(0, 19).replace('T', ' ')
  const part = Math.floor((wall % 1000) * 1e6).toString().padStart(9, '0').replace(/0+$/, '')
  return `${seconds}${part === '' ? '' : `.${part}`} +0000 UTC${since === undefined ? '' : ` m=+${(since / 1000).toFixed(9)}`}`
}
