import type { Process } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Headers } from './message.ts'
import { serveHttp, type HttpRequest, type HttpResponse, type HttpServer } from './server.ts'
import { httpDate } from './status.ts'

/** A server as Go's net/http answers: header order, 404 and 400 pages, sniffed text types. */
export interface GoAnswer {
  status?: number
  headers?: Headers
  body?: string
  contentType?: string
}

export function goResponse(process: Process, request: HttpRequest, answer: GoAnswer): HttpResponse {
  const body = encodeUtf8(answer.body ?? '')
  const own = [...(answer.headers ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
  const headers: Headers = [...own, ['Date', httpDate(process.clock.wall())], ['Content-Length', String(body.length)]]
  if (body.length > 0 && !own.some(([name]) => name === 'Content-Type')) headers.push(['Content-Type', answer.contentType ?? 'text/plain; charset=utf-8'])
  if (!request.keepAlive) headers.push(['Connection', 'close'])
  return { status: answer.status ?? 200, headers, body }
}

/** http.NotFound. */
export const GO_NOT_FOUND: GoAnswer = { status: 404, headers: [['X-Content-Type-Options', 'nosniff']], body: '404 page not found\n' }

/** Throws SystemError EADDRINUSE. */
export function serveGo(process: Process, program: string, port: number, address: string | undefined, handle: (request: HttpRequest) => GoAnswer): HttpServer {
  return serveHttp(process, {
    port,
    ...(address ? { address } : {}),
    program,
    handle: (request, respond) => respond(goResponse(process, request, handle(request))),
    refuse: (status) => ({
      status,
      headers: [['Content-Type', 'text/plain; charset=utf-8'], ['Connection', 'close']],
      body: encodeUtf8(status === 400 ? '400 Bad Request' : String(status)),
    }),
  })
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
