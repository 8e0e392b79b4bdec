import type { Process } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { askUpstream, joinConnections } from '../http/client.ts'
import { framing } from '../http/framing.ts'
import { headerOf, writeRequest, type Headers, type ResponseHead } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { MONTHS, httpDate, reasonOf, two } from '../http/status.ts'
import { contains } from '../ingress-nginx/annotations.ts'
import { ruleFor, type Configuration, type Settings } from './configuration.ts'

/** HAProxy 3.1 as the controller configures it. Times in ms. */
const CONNECT_TIMEOUT = 5_000
const SERVER_TIMEOUT = 50_000
/** "retries 3": tries in all. */
const TRIES = 4
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade', 'host', 'content-length'])
/** http_err_msgs of HAProxy's src/http.c. */
const PAGES: Readonly<Record<number, [reason: string, text: string]>> = {
  400: ['Bad request', "Your browser sent an invalid request."],
  403: ['Forbidden', 'Request forbidden by administrative rules.'],
  502: ['Bad Gateway', 'The server returned an invalid or incomplete response.'],
  503: ['Service Unavailable', 'No server is available to handle this request.'],
  504: ['Gateway Time-out', "The server didn't respond in time."],
}

interface Served { backend: string; server: string; bytes: number; connected: number; answered: number; state: string; retries: number }

export class Proxy {
  readonly #process: Process
  readonly #configuration: () => Configuration
  readonly #log: (line: string) => void
  readonly #turns = new Map<string, number>()

  constructor(process: Process, configuration: () => Configuration, log: (line: string) => void) {
    this.#process = process
    this.#configuration = configuration
    this.#log = log
  }

  handle(request: HttpRequest, respond: (response: HttpResponse) => void): void {
    const { clock } = this.#process
    const startedAt = clock.now
    const configuration = this.#configuration()
    const uri = request.target.replace(/^https?:\/\/[^/]*/, '') || '/'
    const path = uri.split('?')[0]!
    const given = headerOf(request.headers, 'host') ?? ''
    const host = given.replace(/:[0-9]+$/, '').toLowerCase()
    const finish = (response: HttpResponse, served: Partial<Served>): void => {
      this.#logLine(request, response, { backend: '', server: '<NOSRV>', bytes: response.body?.length ?? 0, connected: -1, answered: -1, state: '----', retries: 0, ...served }, startedAt, host + path)
      respond(response)
    }
    const found = ruleFor(configuration, host, path) ?? configuration.defaultBackend
    const frontend = request.tls ? 'https' : 'http'
    if (!found) return finish(this.#notFound(request), { backend: 'haproxy-controller_default-local-service_http', server: 'local', connected: 0, answered: 0 })
    const { settings, backend } = found
    if (contains(settings.deny, request.remoteAddress) || (settings.allow.length > 0 && !contains(settings.allow, request.remoteAddress))) return finish(errorPage(request, 403), { backend: frontend, state: 'PR--' })
    if (settings.sslRedirect !== undefined && !request.tls) {
      const status = settings.sslRedirect
      return finish({ status, headers: [['content-length', '0'], ['location', `https://${given}${uri}`], ['cache-control', 'no-cache'], ...(request.keepAlive ? [] : [['connection', 'close']] satisfies Headers)], close: !request.keepAlive }, { backend: frontend, state: 'LR--' })
    }
    const endpoints = configuration.backends.get(backend) ?? []
    if (endpoints.length === 0) return finish(errorPage(request, 503), { backend, state: 'SC--' })
    const target = rewritten(uri, settings)
    const bytes = writeRequest(request.method, target, this.#headersFor(request, settings), request.body)
    const first = this.#pick(backend, endpoints.length, settings, request)
    const ask = (attempt: number): void => {
      const at = (first + Math.max(0, attempt - TRIES + 2)) % endpoints.length
      const endpoint = endpoints[at]!
      const askedAt = clock.now
      const served = (more: Partial<Served>): Partial<Served> => ({ backend, server: `SRV_${at + 1}`, connected: 0, answered: clock.now - askedAt, retries: attempt, ...more })
      askUpstream(this.#process, { ...endpoint, program: 'haproxy', method: request.method, bytes, connectTimeout: CONNECT_TIMEOUT, readTimeout: SERVER_TIMEOUT, ...(settings.serverTls ? { tls: {} } : {}) }, (outcome) => {
        if ('tunnel' in outcome) {
          const headers = lower(outcome.head.headers)
          const response: HttpResponse = { status: 101, reason: outcome.head.reason, headers, upgrade: (connection) => joinConnections(connection, outcome.tunnel, (length) => this.#logLine(request, response, { backend, server: `SRV_${at + 1}`, connected: 0, answered: 0, state: '----', retries: attempt, bytes: length }, startedAt, host + path)) }
          return respond(response)
        }
        if ('head' in outcome) return finish(passOn(request, outcome.head, outcome.body, settings), served({ bytes: outcome.body.length }))
        if (outcome.phase !== 'read' && attempt + 1 < TRIES) {
          // a second between two tries, and the last one goes elsewhere
          clock.schedule(outcome.error === 'ETIMEDOUT' ? 0 : 1_000, () => ask(attempt + 1))
          return
        }
        const status = outcome.phase !== 'read' ? 503 : outcome.error === 'ETIMEDOUT' ? 504 : 502
        finish(errorPage(request, status), served({ connected: outcome.phase === 'read' ? 0 : -1, answered: -1, state: status === 503 ? 'SC--' : status === 504 ? 'sH--' : 'SH--' }))
      })
    }
    ask(0)
  }

  /** To bytes that are no request, whatever is wrong with them. */
  refuse(): HttpResponse {
    return { ...page(400), close: true }
  }

  #pick(backend: string, count: number, { balance }: Settings, request: HttpRequest): number {
    if (balance === 'random') return this.#process.clock.random.below(count)
    if (balance === 'source') return [...request.remoteAddress].reduce((hash, c) => (Math.imul(hash, 31) + c.charCodeAt(0)) >>> 0, 7) % count
    const turn = this.#turns.get(backend) ?? 0
    this.#turns.set(backend, turn + 1)
    return turn % count
  }

  /** The controller's own server, behind which nothing else stands (fasthttp). */
  #notFound(request: HttpRequest): HttpResponse {
    const body = encodeUtf8('default backend - 404')
    const headers: Headers = [['server', 'fasthttp'], ['date', httpDate(this.#process.clock.wall())], ['content-type', 'text/plain; charset=utf-8'], ['content-length', String(body.length)]]
    if (!request.keepAlive) headers.push(['connection', 'close'])
    return { status: 404, headers, body, close: !request.keepAlive }
  }

  #headersFor(request: HttpRequest, settings: Settings): Headers {
    const upgrade = headerOf(request.headers, 'upgrade')
    let headers: Headers = [['host', headerOf(request.headers, 'host') ?? ''], ...lower(request.headers.filter(([n]) => !HOP_BY_HOP.has(n.toLowerCase())))]
    if (request.body.length > 0 || headerOf(request.headers, 'content-length') !== undefined) headers.push(['content-length', String(request.body.length)])
    if (upgrade !== undefined) headers.push(['connection', 'upgrade'], ['upgrade', upgrade])
    if (request.tls) headers = [...headers.filter(([n]) => n !== 'x-forwarded-proto'), ['x-forwarded-proto', 'https']]
    for (const [name, value] of settings.requestHeaders) headers = [...headers.filter(([n]) => n !== name.toLowerCase()), [name.toLowerCase(), value]]
    if (settings.forwardedFor) headers.push(['x-forwarded-for', request.remoteAddress])
    return headers
  }

  /** log-format of the controller's template. */
  #logLine(request: HttpRequest, { status }: HttpResponse, served: Served, startedAt: number, base: string): void {
    const { clock } = this.#process
    const d = new Date(clock.wall() - (clock.now - startedAt))
    const time = `${two(d.getUTCDate())}/${MONTHS[d.getUTCMonth()]}/${d.getUTCFullYear()}:${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}.${String(d.getUTCMilliseconds()).padStart(3, '0')}`
    const whole = (n: number): number => Math.floor(n)
    const waited = served.connected < 0 && served.answered < 0 ? -1 : 0
    this.#log(
      `${request.remoteAddress}:${request.remotePort} [${time}] ${request.tls ? 'https' : 'http'} ${served.backend}/${served.server} 0/${waited}/${whole(served.connected)}/${whole(served.answered)}/${whole(clock.now - startedAt)} ${status} ${served.bytes} - - ${served.state} 1/1/0/0/${served.retries} 0/0 "${request.method} ${base} HTTP/${request.version}"\n`,
    )
  }
}

function lower(headers: Headers): Headers {
  return headers.map(([n, v]) => [n.toLowerCase(), v])
}

function rewritten(uri: string, { rewrites }: Settings): string {
  const at = uri.indexOf('?')
  const [path, query] = at < 0 ? [uri, ''] : [uri.slice(0, at), uri.slice(at)]
  const next = rewrites.reduce((p, { pattern, replacement }) => p.replace(pattern, replacement.replace(/\$/g, '$$$$').replace(/\\([0-9])/g, '$$$1')), path)
  return next + query
}

function page(status: number): HttpResponse {
  const [reason, text] = PAGES[status]!
  const body = encodeUtf8(`<html><body><h1>${status} ${reason}</h1>\n${text}\n</body></html>\n`)
  return { status, reason, headers: [['content-length', String(body.length)], ['cache-control', 'no-cache'], ['content-type', 'text/html']], body }
}

function errorPage(request: HttpRequest, status: number): HttpResponse {
  const answer = page(status)
  return request.keepAlive ? answer : { ...answer, headers: [...answer.headers, ['connection', 'close']], close: true }
}

function passOn(request: HttpRequest, head: ResponseHead, body: Uint8Array, settings: Settings): HttpResponse {
  let headers = lower(head.headers.filter(([n]) => n.toLowerCase() === 'content-length' || !HOP_BY_HOP.has(n.toLowerCase())))
  for (const [name, value] of settings.responseHeaders) headers = [...headers.filter(([n]) => n !== name.toLowerCase()), [name.toLowerCase(), value]]
  const framed = framing(request, head, body)
  if (framed.chunked) headers.push(['transfer-encoding', 'chunked'])
  if (framed.close) headers.push(['connection', 'close'])
  return { status: head.status, reason: head.reason || reasonOf(head.status), headers, body: framed.body, close: framed.close }
}

