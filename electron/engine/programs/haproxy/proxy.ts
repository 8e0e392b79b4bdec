import type { Process } from '../../machine/types.ts'
import { canonicalIp } from '../../network/address.ts'
import { ipBytes } from '../../network/wire/address-bytes.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { xxh64 } from '../../xxhash.ts'
import { askUpstream, joinConnections } from '../http/client.ts'
import { framing } from '../http/framing.ts'
import { headerOf, writeRequest, type Headers, type ResponseHead } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { MONTHS, httpDate, reasonOf, two } from '../http/status.ts'
import { contains } from '../ingress-nginx/annotations.ts'
import { cookieOf } from '../ingress-nginx/balance.ts'
import type { Endpoint } from '../ingress-nginx/configuration.ts'
import { ruleFor, type Configuration, type Settings } from './configuration.ts'
import { corsHeaders, judgeUser, Rates } from './guards.ts'

/** HAProxy 3.1 as the controller configures it: "retries 3": tries in all. */
const TRIES = 4
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade', 'host', 'content-length'])
/** http_err_msgs of HAProxy's src/http.c. */
const PAGES: Readonly<Record<number, [reason: string, text: string]>> = {
  400: ['Bad request', "Your browser sent an invalid request."],
  401: ['Unauthorized', 'You need a valid user and password to access this content.'],
  403: ['Forbidden', 'Request forbidden by administrative rules.'],
  429: ['Too Many Requests', 'You have sent too many requests in a given amount of time.'],
  500: ['Internal Server Error', 'An internal server error occurred.'],
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
  /** Requests under way, by backend and server. */
  readonly #busy = new Map<string, number>()
  readonly #rates: Rates

  constructor(process: Process, configuration: () => Configuration, log: (line: string) => void) {
    this.#process = process
    this.#configuration = configuration
    this.#log = log
    this.#rates = new Rates(process.clock)
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
    // its backend speaks TCP alone
    if (!found && configuration.passthrough.some((p) => p.host === host)) return finish(errorPage(request, 503), { backend: frontend, state: 'SC--' })
    if (!found) return finish(this.#notFound(request), { backend: 'haproxy-controller_default-local-service_http', server: 'local', connected: 0, answered: 0 })
    const { settings, backend } = found
    const cors = corsHeaders(settings.cors, request)
    const refused = this.#refused(request, settings, given, uri)
    if (refused) return finish({ ...refused.response, headers: [...refused.response.headers, ...cors] }, { backend: frontend, state: refused.state })
    if (settings.cors?.answersOptions && request.method === 'OPTIONS') return finish({ status: 204, headers: [['content-length', '0'], ...cors, ...(request.keepAlive ? [] : [['connection', 'close']] satisfies Headers)], close: !request.keepAlive }, { backend: frontend, state: 'LR--' })
    const endpoints = configuration.backends.get(backend) ?? []
    if (endpoints.length === 0) return finish(errorPage(request, 503), { backend, state: 'SC--' })
    const target = rewritten(uri, settings)
    const bytes = writeRequest(request.method, target, this.#headersFor(request, settings), request.body)
    const stuck = settings.cookie === undefined ? undefined : this.#stuck(settings.cookie, endpoints, request)
    const first = stuck ?? this.#pick(backend, endpoints.length, settings, request)
    const ask = (attempt: number): void => {
      const at = (first + Math.max(0, attempt - TRIES + 2)) % endpoints.length
      const endpoint = endpoints[at]!
      const askedAt = clock.now
      const server = `${backend} ${at}`
      this.#busy.set(server, (this.#busy.get(server) ?? 0) + 1)
      const served = (more: Partial<Served>): Partial<Served> => ({ backend, server: `SRV_${at + 1}`, connected: 0, answered: clock.now - askedAt, retries: attempt, ...more })
      askUpstream(this.#process, { ...endpoint, program: 'haproxy', method: request.method, bytes, connectTimeout: settings.connectTimeout, readTimeout: settings.serverTimeout, ...(settings.serverTls ? { tls: {} } : {}) }, (outcome) => {
        this.#busy.set(server, this.#busy.get(server)! - 1)
        if ('tunnel' in outcome) {
          const headers = lower(outcome.head.headers)
          const response: HttpResponse = { status: 101, reason: outcome.head.reason, headers, upgrade: (connection) => joinConnections(connection, outcome.tunnel, (length) => this.#logLine(request, response, { backend, server: `SRV_${at + 1}`, connected: 0, answered: 0, state: '----', retries: attempt, bytes: length }, startedAt, host + path)) }
          return respond(response)
        }
        if ('head' in outcome) {
          const told: Headers = settings.cookie === undefined || (stuck !== undefined && stuck === at) ? cors : [['set-cookie', `${settings.cookie}=${serverCookie(endpoint)}; path=/`], ['cache-control', 'private'], ...cors]
          return finish(passOn(request, outcome.head, outcome.body, settings, told), served({ bytes: outcome.body.length }))
        }
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

  /** The rules of the frontend, in the controller's order: deny, auth, rate, redirect. */
  #refused(request: HttpRequest, settings: Settings, given: string, uri: string): { response: HttpResponse; state: string } | undefined {
    const { guards, allow, deny, redirect } = settings
    const client = sourceOf(request, settings)
    const no = (status: number): { response: HttpResponse; state: string } => ({ response: errorPage(request, status), state: 'PR--' })
    if (contains(deny, client) || (allow.length > 0 && !contains(allow, client))) return no(403)
    if (guards.auth) {
      const verdict = judgeUser(guards.auth, request)
      if (typeof verdict === 'object') this.#log(`podhop: not simulated: ${verdict.lacking}\n`)
      if (verdict !== 'known') {
        const { response, state } = no(401)
        return { response: { ...response, headers: [...response.headers, ['www-authenticate', `Basic realm="${guards.auth.realm}"`]] }, state }
      }
    }
    if (guards.rate && this.#rates.count(client, guards.rate.period) > guards.rate.requests) return no(guards.rate.status)
    const away = (status: number, url: string): { response: HttpResponse; state: string } => ({ response: { status, headers: [['content-length', '0'], ['location', url], ['cache-control', 'no-cache'], ...(request.keepAlive ? [] : [['connection', 'close']] satisfies Headers)], close: !request.keepAlive }, state: 'LR--' })
    if (settings.sslRedirect !== undefined && !request.tls) return away(settings.sslRedirect.status, `https://${given.replace(/:.*/, '')}:${settings.sslRedirect.port}${uri}`)
    if (redirect) return away(redirect.status, redirect.url + uri)
    return undefined
  }

  /** Where a cookie of ours leads (dynamic cookies: the server's address, hashed). */
  #stuck(cookie: string, endpoints: readonly Endpoint[], request: HttpRequest): number | undefined {
    const value = cookieOf(request, cookie)
    const at = endpoints.findIndex((e) => serverCookie(e) === value)
    return at < 0 ? undefined : at
  }

  #pick(backend: string, count: number, { balance }: Settings, request: HttpRequest): number {
    if (balance === 'first') return 0
    if (balance === 'random') return this.#process.clock.random.below(count)
    if (balance === 'source') return [...request.remoteAddress].reduce((hash, c) => (Math.imul(hash, 31) + c.charCodeAt(0)) >>> 0, 7) % count
    const turn = this.#turns.get(backend) ?? 0
    this.#turns.set(backend, turn + 1)
    if (balance !== 'leastconn') return turn % count
    const busy = Array.from({ length: count }, (_, i) => this.#busy.get(`${backend} ${i}`) ?? 0)
    const least = Math.min(...busy)
    // equals take turns
    return Array.from({ length: count }, (_, i) => (turn + i) % count).find((i) => busy[i] === least)!
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
    if (settings.setHost !== undefined) headers = [['host', settings.setHost], ...headers.filter(([n]) => n !== 'host')]
    const { cookie } = settings
    // "indirect": the server does not see it
    if (cookie !== undefined) headers = headers.flatMap(([n, v]): Headers => (n !== 'cookie' ? [[n, v]] : v.split(/;\s*/).filter((c) => !c.startsWith(`${cookie}=`)).length > 0 ? [[n, v.split(/;\s*/).filter((c) => !c.startsWith(`${cookie}=`)).join('; ')]] : []))
    if (settings.forwardedFor) headers.push(['x-forwarded-for', sourceOf(request, settings)])
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

/** Whom the rules are about: src-ip-header may name another than who is connected. */
function sourceOf(request: HttpRequest, { guards }: Settings): string {
  const named = guards.source === undefined ? undefined : canonicalIp((headerOf(request.headers, guards.source) ?? '').trim())
  return named ?? request.remoteAddress
}

/** dynamic-cookie-key of the controller's configuration (pkg/service/service.go). */
const COOKIE_KEY = encodeUtf8('ohph7OoGhong')

/** A server's dynamic cookie: XXH64 of the key, its address and its port in four bytes (srv_set_dyncookie in src/server.c). */
export function serverCookie({ address, port }: Endpoint): string {
  const tail = new Uint8Array(4)
  new DataView(tail.buffer).setUint32(0, port, true)
  return xxh64(concatBytes([COOKIE_KEY, ipBytes(address), tail])).toString(16).padStart(16, '0')
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

function passOn(request: HttpRequest, head: ResponseHead, body: Uint8Array, settings: Settings, more: Headers): HttpResponse {
  let headers = lower(head.headers.filter(([n]) => n.toLowerCase() === 'content-length' || !HOP_BY_HOP.has(n.toLowerCase())))
  for (const [name, value] of settings.responseHeaders) headers = [...headers.filter(([n]) => n !== name.toLowerCase()), [name.toLowerCase(), value]]
  headers.push(...more)
  const framed = framing(request, head, body)
  if (framed.chunked) headers.push(['transfer-encoding', 'chunked'])
  if (framed.close) headers.push(['connection', 'close'])
  return { status: head.status, reason: head.reason || reasonOf(head.status), headers, body: framed.body, close: framed.close }
}

