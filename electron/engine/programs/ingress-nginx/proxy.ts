import type { Process } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { askUpstream, joinConnections, type UpstreamOutcome } from '../http/client.ts'
import { framing } from '../http/framing.ts'
import { headerOf, writeRequest, writeResponse, type Headers, type ResponseHead } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { httpDate } from '../http/status.ts'
import { normalize } from '../nginx/paths.ts'
import { plainPage, reason, specialPage } from '../nginx/pages.ts'
import { escapeUri, REPEATABLE, upstreamFailure } from '../nginx/failure.ts'
import { accessTime, errorTime } from '../nginx/time.ts'
import { contains } from './annotations.ts'
import { backendFor, byHash, stick } from './balance.ts'
import { DEFAULT_BACKEND, type Configuration, type Endpoint, type Location, type Server } from './configuration.ts'
import { askPermission } from './external-auth.ts'
import { corsHeaders, Gate } from './gate.ts'
import { mirror, pointedBack } from './passing.ts'
import { locationFor, serverFor } from './matching.ts'
import { expand, resolved } from './variables.ts'

/** nginx as the controller configures it (rootfs/etc/nginx/template/nginx.tmpl, lua/balancer.lua). */
const TRIES = 3
/** Of locations without settings. */
const MAX_BODY = 1024 * 1024
const HSTS = 'max-age=31536000; includeSubDomains'
const INTERNAL = '127.0.0.1:8181'
/** Of the request: what nginx sets itself, or what ends at it. */
const SET = new Set([
  'host', 'connection', 'keep-alive', 'te', 'transfer-encoding', 'upgrade', 'expect', 'proxy', 'content-length',
  'x-request-id', 'x-real-ip', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto', 'x-forwarded-scheme', 'x-scheme', 'x-original-forwarded-for',
])
/** Of the answer: what nginx writes itself, or never passes on (proxy_hide_header's defaults; server_tokens is off). */
const HIDDEN = new Set(['date', 'server', 'connection', 'keep-alive', 'transfer-encoding', 'content-type', 'content-length', 'x-pad', 'x-powered-by'])
interface Attempt { endpoint: Endpoint; status: string; length: number; startedAt: number; endedAt: number }

/** What the log says about one request besides itself. */
interface Entry { upstream: string; attempts: readonly { address: string; length: number; seconds: string; status: string }[] }

export class Proxy {
  readonly #process: Process
  readonly #configuration: () => Configuration
  readonly #out: (line: string) => void
  readonly #error: (line: string) => void
  /** Whose turn it is, by backend. */
  readonly #turns = new Map<string, number>()
  readonly #gate: Gate

  constructor(process: Process, configuration: () => Configuration, out: (line: string) => void, error: (line: string) => void) {
    this.#process = process
    this.#configuration = configuration
    this.#out = out
    this.#error = error
    this.#gate = new Gate(process.clock)
  }

  handle(request: HttpRequest, respond: (response: HttpResponse) => void): void {
    const { clock } = this.#process
    const startedAt = clock.now
    const id = headerOf(request.headers, 'x-request-id') || clock.random.hex(32)
    let logs = true
    const held: { leave?: () => void } = {}
    const finish = (response: HttpResponse, entry: Entry): void => {
      held.leave?.()
      if (logs) this.#log(request, response, entry, id, startedAt)
      respond(response)
    }
    const page = (status: number, upstream: string, attempts: Entry['attempts'] = [], headers: Headers = []): void => finish(this.#page(request, status, headers), { upstream, attempts })

    const host = headerOf(request.headers, 'host')
    const absolute = /^https?:\/\/([^/]*)(\/.*)?$/.exec(request.target)
    const uri = absolute ? (absolute[2] ?? '/') : request.target
    const path = normalize(uri.split('?')[0]!)
    if (path === undefined || (host === undefined && request.version === '1.1')) return page(400, '')
    const configuration = this.#configuration()
    const server = serverFor(configuration, absolute?.[1] ?? host ?? '')
    const elsewhere = configuration.redirects.get((host ?? '').replace(/:[0-9]+$/, '').toLowerCase())
    if (elsewhere !== undefined) return page(308, '-', [], [['Location', `${request.tls ? 'https' : 'http'}://${elsewhere}${uri}`]])
    const location = locationFor(server, path)
    const scheme = request.tls ? 'https' : 'http'
    if (location && 'redirect' in location) {
      const query = uri.includes('?') ? uri.slice(uri.indexOf('?')) : ''
      return page(301, '-', [], [['Location', `${scheme}://${(host ?? '').replace(/:[0-9]+$/, '')}${escapeUri(location.redirect)}${query}`]])
    }
    logs = location?.settings?.logs !== false
    const cors = location?.settings?.cors ? corsHeaders(location.settings.cors, request) : undefined
    const secure: Headers = [...(request.tls && server.tls ? [['Strict-Transport-Security', HSTS]] satisfies Headers : []), ...(cors ?? [])]
    const refused = this.#refused(request, server, location, path, uri, host ?? server.host)
    if (refused) return page(refused.status, refused.status === 413 ? (location?.backend ?? DEFAULT_BACKEND) : '', [], [...refused.headers, ...secure])
    if (cors && request.method === 'OPTIONS') {
      return finish({ status: 204, headers: [['Date', httpDate(clock.wall())], ['Connection', request.keepAlive ? 'keep-alive' : 'close'], ...secure, ['Content-Type', 'text/plain charset=UTF-8'], ['Content-Length', '0']], close: !request.keepAlive }, { upstream: '', attempts: [] })
    }
    const full = location?.settings?.connections && !contains(location.settings.unlimited, request.remoteAddress) ? this.#gate.enter(location.settings.connections, request.remoteAddress) : undefined
    if (typeof full === 'string') {
      this.#requestError(full, request, server.host, undefined)
      return page(503, '', [], secure)
    }
    if (full) held.leave = full
    if (location?.settings?.mirror !== undefined) mirror(this.#process, location.settings.mirror, request, uri)
    if (!location || location.backend === DEFAULT_BACKEND) {
      const response = this.#page(request, 404, secure)
      return finish(response, { upstream: DEFAULT_BACKEND, attempts: [{ address: INTERNAL, length: response.body!.length, seconds: '0.000', status: '404' }] })
    }
    const { settings, fallback } = location
    /** `granted`: what the server of auth-url has said for the backend. */
    const forward = (granted: Headers, cookies: Headers): void => {
      const chosen = backendFor(location, request, clock.random)
      const empty = (configuration.backends.get(chosen) ?? []).length === 0
      const backend = empty && fallback ? fallback.backend : chosen
      const endpoints = configuration.backends.get(backend) ?? []
      if (endpoints.length === 0) return page(503, backend, [], secure)
      const target = settings?.rewriteTarget === undefined ? uri : rewritten(uri, path, location.path, settings.rewriteTarget)
      const headers = this.#headersFor(request, settings, settings?.upstreamVhost ?? host ?? absolute?.[1] ?? server.host, host ?? server.host, id).filter(([n]) => !granted.some(([g]) => g.toLowerCase() === n.toLowerCase()))
      headers.push(...granted.filter(([, value]) => value !== ''))
      const sticky = settings?.affinity && stick(settings.affinity, backend, endpoints, request, location, clock.random, clock.wall())
      const extra: Headers = [...cookies, ...(sticky?.cookie === undefined ? [] : [['Set-Cookie', sticky.cookie] as [string, string]]), ...secure]

      const hashed = settings?.hashBy === undefined ? undefined : byHash(expand(settings.hashBy, request, uri), endpoints)
      const attempts: Attempt[] = []
      const describe = (): Entry['attempts'] => attempts.map((a) => ({ address: `${a.endpoint.address}:${a.endpoint.port}`, length: a.length, seconds: seconds(a.endedAt - a.startedAt), status: a.status }))
      const next = (): void => {
        const turn = sticky ? sticky.first + attempts.length : hashed !== undefined ? hashed + attempts.length : (this.#turns.get(backend) ?? 0)
        if (!sticky && hashed === undefined) this.#turns.set(backend, turn + 1)
        const named = endpoints[turn % endpoints.length]!
        const attempt: Attempt = { endpoint: named, status: '', length: 0, startedAt: clock.now, endedAt: clock.now }
        attempts.push(attempt)
        const grpc = settings?.backendProtocol === 'GRPC' || settings?.backendProtocol === 'GRPCS'
        const tls = settings?.backendProtocol === 'HTTPS' || settings?.backendProtocol === 'GRPCS'
        const known = settings?.next ?? { when: new Set(['error', 'timeout']), tries: TRIES, timeout: 0 }
        const more = (): boolean => (known.tries === 0 || attempts.length < known.tries) && (known.timeout === 0 || clock.now - attempts[0]!.startedAt < known.timeout)
        resolved(this.#process, named, (endpoint) => endpoint === undefined ? page(503, backend, describe(), extra) : abandonable(askUpstream(this.#process, {
          ...endpoint, program: 'nginx', method: request.method, bytes: writeRequest(request.method, target, headers, request.body), connectTimeout: settings?.connectTimeout ?? 5_000, readTimeout: settings?.readTimeout ?? 60_000, 
          ...(tls ? { tls: grpc ? { alpn: ['h2'] } : {} } : {}), ...(grpc ? { http2: { target, headers: [...headers, ['te', 'trailers']], body: request.body } } : {}),
        }, (outcome) => {
          attempt.endedAt = clock.now
          attempt.endpoint = endpoint
          if ('head' in outcome) {
            attempt.status = String(outcome.head.status)
            if ('tunnel' in outcome) return held.leave?.(), respond(this.#switched(outcome, extra, (length, response) => {
              attempt.length = length
              attempt.endedAt = clock.now
              this.#log(request, response, { upstream: backend, attempts: describe() }, id, startedAt)
            }))
            attempt.length = outcome.body.length
            if (known.when.has(`http_${outcome.head.status}`) && endpoints.length > 1 && more() && (REPEATABLE.has(request.method) || known.when.has('non_idempotent'))) return next()
            if (settings?.customErrors.includes(outcome.head.status)) return this.#customError(outcome.head.status, request, configuration, fallback, id, { upstream: backend, attempts: describe() }, extra, finish)
            return finish(this.#passOn(request, settings ? { ...outcome, head: { ...outcome.head, headers: pointedBack(outcome.head.headers, settings) } } : outcome, extra), { upstream: backend, attempts: describe() })
          }
          const timedOut = outcome.error === 'ETIMEDOUT'
          attempt.status = timedOut ? '504' : '502'
          this.#requestError(upstreamFailure(outcome, 'musl'), request, server.host, `${grpc ? 'grpc' : 'http'}${tls ? 's' : ''}://${endpoint.address}:${endpoint.port}${target}`)
          // once it was sent, only what may be done twice is
          const again = known.when.has(timedOut ? 'timeout' : outcome.error === 'SYNTAX' ? 'invalid_header' : 'error') && (outcome.phase !== 'read' || REPEATABLE.has(request.method) || known.when.has('non_idempotent'))
          if (again && more()) next()
          else page(Number(attempt.status), backend, describe(), extra)
        }), attempt))
      }
      // 499: the client is gone before there was an answer
      const abandonable = (giveUp: () => void, attempt: Attempt): void => {
        request.gone = () => {
          giveUp()
          attempt.endedAt = clock.now
          attempt.status = '-'
          finish({ status: 499, headers: [], silent: true }, { upstream: backend, attempts: describe() })
        }
      }
      next()
    }
    const auth = settings?.externalAuth
    if (!auth || (settings.satisfyAny && this.#listed(settings, request))) return forward([], [])
    askPermission(this.#process, auth, request, uri, id, (line, upstream) => this.#requestError(line, request, server.host, upstream), (verdict) => {
      if ('granted' in verdict) return forward(verdict.granted, verdict.cookies)
      if ('signin' in verdict) return page(302, '', [], [['Location', verdict.signin], ...verdict.cookies, ...secure])
      page(verdict.status, '', [], [...verdict.headers, ...secure])
    })
  }

  /** What nginx answers before it asks anybody, in the order of its phases: size, redirects, access. */
  #refused(request: HttpRequest, server: Server, location: Location | undefined, path: string, uri: string, host: string): { status: number; headers: Headers } | undefined {
    const settings = location?.settings
    const most = settings?.maxBody ?? MAX_BODY
    if (most > 0 && request.body.length > most) return { status: 413, headers: [] }
    if (!settings) return undefined
    const scheme = request.tls ? 'https' : 'http'
    const to = (status: number, url: string): { status: number; headers: Headers } => ({ status, headers: [['Location', url]] })
    if (settings.redirect) return to(settings.redirect.status, settings.redirect.url)
    if (settings.appRoot !== undefined && path === '/') return to(302, `${scheme}://${host}${settings.appRoot}`)
    const wanted = settings.forceSslRedirect || (settings.sslRedirect && server.tls !== undefined)
    if (wanted && !request.tls && !path.startsWith('/.well-known/acme-challenge')) return to(308, `https://${host.replace(/:[0-9]+$/, '')}${uri}`)
    if (settings.cors && request.method === 'OPTIONS' && corsHeaders(settings.cors, request)) return undefined
    const limited = contains(settings.unlimited, request.remoteAddress) ? undefined : this.#gate.limited(settings.limits, request.remoteAddress)
    if (limited !== undefined) {
      this.#requestError(limited, request, server.host, undefined)
      return { status: 503, headers: [] }
    }
    const { allow, deny } = settings
    const asks = settings.auth !== undefined || settings.externalAuth !== undefined
    if (!(settings.satisfyAny && asks) && (contains(deny, request.remoteAddress) || (allow.length > 0 && !contains(allow, request.remoteAddress)))) {
      this.#requestError('access forbidden by rule', request, server.host, undefined)
      return { status: 403, headers: [] }
    }
    if (settings.auth && !(settings.satisfyAny && this.#listed(settings, request))) {
      const no = this.#gate.unauthorized(settings.auth.realm, location.users, request)
      if (no?.log !== undefined) this.#requestError(no.log, request, server.host, undefined)
      if (no) return no
    }
    return undefined
  }

  /** Whom the access lists let through. */
  #listed({ allow, deny }: NonNullable<Location['settings']>, { remoteAddress }: HttpRequest): boolean {
    return !contains(deny, remoteAddress) && contains(allow, remoteAddress)
  }

  /** What stands in for a status: the Service of `default-backend` is asked, and told why; without one the controller's own page. */
  #customError(status: number, request: HttpRequest, configuration: Configuration, fallback: Location['fallback'], id: string, entry: Entry, extra: Headers, finish: (response: HttpResponse, entry: Entry) => void): void {
    const endpoint = fallback && configuration.backends.get(fallback.backend)?.[0]
    if (!fallback || !endpoint) return finish(this.#page(request, 404, extra), entry)
    const headers: Headers = [
      ['Host', headerOf(request.headers, 'host') ?? ''], ['X-Code', String(status)], ['X-Format', headerOf(request.headers, 'accept') ?? ''], ['X-Original-URI', request.target], ['X-Namespace', fallback.namespace],
      ['X-Ingress-Name', fallback.ingress], ['X-Service-Name', fallback.service], ['X-Service-Port', fallback.port], ['X-Request-ID', id], ['X-Forwarded-For', request.remoteAddress],
    ]
    const startedAt = this.#process.clock.now
    askUpstream(this.#process, { ...endpoint, program: 'nginx', method: 'GET', bytes: writeRequest('GET', '/', headers), connectTimeout: 5_000, readTimeout: 60_000 }, (outcome) => {
      const answered = 'body' in outcome
      const attempt = { address: `${endpoint.address}:${endpoint.port}`, length: answered ? outcome.body.length : 0, seconds: seconds(this.#process.clock.now - startedAt), status: answered ? String(outcome.head.status) : '502' }
      finish(answered ? this.#passOn(request, outcome, extra) : this.#page(request, 502, extra), { ...entry, attempts: [...entry.attempts, attempt] })
    })
  }

  /** What a client gets that speaks HTTP where TLS is spoken: nginx' own 497. */
  plain(): Uint8Array {
    const body = plainPage(undefined)
    return writeResponse(400, 'Bad Request', [['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ['Connection', 'close']], encodeUtf8(body))
  }

  /** To bytes that are no request. */
  refuse(status: number): HttpResponse {
    const body = encodeUtf8(specialPage(status, undefined))
    return { status, reason: reason(status), headers: [['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ['Connection', 'close']], body, close: true }
  }

  /** 101 Switching Protocols: from now on bytes go to and fro. */
  #switched({ head, tunnel }: Extract<UpstreamOutcome, { tunnel: unknown }>, extra: Headers, over: (length: number, response: HttpResponse) => void): HttpResponse {
    const headers: Headers = [['Date', httpDate(this.#process.clock.wall())], ['Connection', 'upgrade']]
    for (const [name, value] of head.headers) if (!HIDDEN.has(name.toLowerCase())) headers.push([name, value])
    const response: HttpResponse = { status: 101, reason: head.reason, headers: [...headers, ...extra], upgrade: (connection) => joinConnections(connection, tunnel, (bytes) => over(bytes, response)) }
    return response
  }

  #headersFor(request: HttpRequest, settings: Location['settings'], host: string, forwardedHost: string, id: string): Headers {
    const scheme = request.tls ? 'https' : 'http'
    const upgrade = headerOf(request.headers, 'upgrade')
    const forwarded = headerOf(request.headers, 'x-forwarded-for')
    const headers: Headers = [
      ['Host', host],
      ...(upgrade === undefined ? [] : [['Upgrade', upgrade], ['Connection', 'upgrade']] satisfies Headers),
      ['X-Request-ID', id],
      ['X-Real-IP', request.remoteAddress],
      ['X-Forwarded-For', request.remoteAddress],
      ['X-Forwarded-Host', forwardedHost],
      ['X-Forwarded-Port', String(request.localPort)],
      ['X-Forwarded-Proto', scheme],
      ['X-Forwarded-Scheme', scheme],
      ['X-Scheme', scheme],
    ]
    if (settings?.forwardedPrefix !== undefined) headers.push(['X-Forwarded-Prefix', settings.forwardedPrefix])
    if (forwarded) headers.push(['X-Original-Forwarded-For', forwarded])
    if (request.body.length > 0 || headerOf(request.headers, 'content-length') !== undefined) headers.push(['Content-Length', String(request.body.length)])
    return [...headers, ...request.headers.filter(([name]) => !SET.has(name.toLowerCase()) && !(settings?.auth && name.toLowerCase() === 'authorization'))]
  }

  #passOn(request: HttpRequest, { head, body, trailers }: { head: ResponseHead; body: Uint8Array; trailers?: Headers }, extra: Headers): HttpResponse {
    const headers: Headers = [['Date', httpDate(this.#process.clock.wall())]]
    const type = headerOf(head.headers, 'content-type')
    const length = headerOf(head.headers, 'content-length')
    if (type !== undefined) headers.push(['Content-Type', type])
    if (length !== undefined) headers.push(['Content-Length', length])
    const framed = framing(request, head, body)
    if (framed.chunked) headers.push(['Transfer-Encoding', 'chunked'])
    headers.push(['Connection', framed.close ? 'close' : 'keep-alive'])
    for (const [name, value] of head.headers) {
      const lower = name.toLowerCase()
      if (!HIDDEN.has(lower) && !lower.startsWith('x-accel-')) headers.push([name, value])
    }
    headers.push(...extra)
    return { status: head.status, reason: head.reason || reason(head.status), headers, body: framed.body, close: framed.close, ...(trailers ? { trailers } : {}) }
  }

  #page(request: HttpRequest, status: number, extra: Headers = []): HttpResponse {
    const body = encodeUtf8(specialPage(status, undefined))
    const close = !request.keepAlive || status === 400 || status === 413
    const headers: Headers = [['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ...extra, ['Connection', close ? 'close' : 'keep-alive']]
    return { status, reason: reason(status), headers, body, close }
  }

  /** log-format-upstream's default. */
  #log(request: HttpRequest, response: HttpResponse, { upstream, attempts }: Entry, id: string, startedAt: number): void {
    const { clock } = this.#process
    const header = (name: string): string => headerOf(request.headers, name) ?? '-'
    const line = `${request.method} ${request.target} HTTP/${request.version}`
    const length = line.length + 4 + request.headers.reduce((sum, [n, v]) => sum + n.length + v.length + 4, 0) + request.body.length
    const sent = request.method === 'HEAD' ? 0 : attempts.length > 0 && response.body ? attempts.at(-1)!.length || response.body.length : (response.body?.length ?? 0)
    const each = (of: (attempt: Entry['attempts'][number]) => string | number): string => attempts.map(of).join(', ') || '-'
    this.#out(
      `${request.remoteAddress} - - [${accessTime(clock.wall())}] "${line}" ${response.status} ${sent} "${header('referer')}" "${header('user-agent')}" ${length} ${seconds(clock.now - startedAt)}` +
        ` [${upstream}] [] ${each((a) => a.address)} ${each((a) => a.length)} ${each((a) => a.seconds)} ${each((a) => a.status)} ${id}\n`,
    )
  }

  #requestError(message: string, request: HttpRequest, server: string, upstream: string | undefined): void {
    const { clock, pid } = this.#process
    const host = headerOf(request.headers, 'host')
    this.#error(
      `${errorTime(clock.wall())} [error] ${pid}#${pid}: *${request.connection} ${message}, client: ${request.remoteAddress}, server: ${server}, ` +
        `request: "${request.method} ${request.target} HTTP/${request.version}"${upstream === undefined ? '' : `, upstream: "${upstream}"`}${host ? `, host: "${host}"` : ''}\n`,
    )
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}

/** `rewrite "(?i)path" target break`: the query of the request follows that of the target, unless that ends with "?". */
function rewritten(uri: string, path: string, pattern: string, target: string): string {
  const match = new RegExp(pattern, 'i').exec(path)
  if (!match) return uri
  const query = uri.includes('?') ? uri.slice(uri.indexOf('?') + 1) : ''
  const result = target.replace(/\$([0-9])/g, (_, n: string) => match[Number(n)] ?? '')
  if (result.endsWith('?')) return escapeUri(result.slice(0, -1))
  const at = result.indexOf('?')
  const args = [at < 0 ? '' : result.slice(at + 1), query].filter((a) => a !== '').join('&')
  return `${escapeUri(at < 0 ? result : result.slice(0, at)) || '/'}${args === '' ? '' : `?${args}`}`
}
