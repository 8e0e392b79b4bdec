import type { Process } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { askUpstream, joinConnections, type UpstreamOutcome } from '../http/client.ts'
import { framing } from '../http/framing.ts'
import { headerOf, writeRequest, writeResponse, type Headers, type ResponseHead } from '../http/message.ts'
import type { Pace } from '../http/pace.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { httpDate } from '../http/status.ts'
import { canonicalIp, tryParseCidr } from '../../network/address.ts'
import type { Cidr } from '../../network/types.ts'
import { normalize } from '../nginx/paths.ts'
import { certificatePage, plainPage, reason, specialPage } from '../nginx/pages.ts'
import { escapeUri, fitting, REPEATABLE, upstreamFailure } from '../nginx/failure.ts'
import { clientOf } from '../nginx/real-ip.ts'
import { compressed } from '../nginx/sending.ts'
import { errorTime } from '../nginx/time.ts'
import { accessLine, seconds, type Entry } from './access-log.ts'
import { contains } from './annotations.ts'
import { clientHeaders, refusedClient } from './auth-tls.ts'
import { AuthCache } from './auth-cache.ts'
import { backendFor, byHash, inSubset, Sticky } from './balance.ts'
import { DEFAULT_BACKEND, NOBODY, type About, type Configuration, type Endpoint, type Location, type Server } from './configuration.ts'
import { askPermission } from './external-auth.ts'
import { corsHeaders, Gate } from './gate.ts'
import { observed, type Observed } from './metrics.ts'
import { mirror, pointedBack } from './passing.ts'
import { locationFor, rewritten, serverFor } from './matching.ts'
import { tlsToServer } from './proxy-ssl.ts'
import { forwardedBy, headersFor, type Forwarded } from './request-headers.ts'
import { blocks, readable, type Global } from './settings.ts'
import { GOOD, setHeader, touched, type Snippet } from './snippet.ts'
import { expand, resolved } from './variables.ts'

/** nginx as the controller configures it (rootfs/etc/nginx/template/nginx.tmpl, lua/balancer.lua). */
const TRIES = 3
/** Of the nginx in v1.12.2's image. */
const VERSION = '1.25.5'
/** Of locations without settings, in bytes. */
const MAX_BODY = 1024 * 1024
const PAGE = 4096
const INTERNAL = '127.0.0.1:8181'
/** Of the answer: what nginx writes itself, or never passes on (proxy_hide_header's defaults; server_tokens is off). */
const HIDDEN = new Set(['date', 'server', 'connection', 'keep-alive', 'transfer-encoding', 'content-type', 'content-length', 'x-pad', 'x-powered-by'])
/** `text`: a body of one's own instead of a page. */
interface Refusal { status: number; headers: Headers; text?: string }
interface Attempt { endpoint: Endpoint; status: string; length: number; startedAt: number; endedAt: number }

export class Proxy {
  readonly #process: Process
  readonly #configuration: () => Configuration
  readonly #out: (line: string) => void
  readonly #error: (line: string) => void
  /** Whose turn it is, by backend. */
  readonly #turns = new Map<string, number>()
  readonly #gate: Gate
  readonly #authCache: AuthCache
  readonly #observe: (observed: Observed) => void
  /** Since it runs, and those that are being answered: stub_status. */
  readonly load = { requests: 0, writing: 0 }
  /** The page of stub_status. */
  status = (): string => ''

  constructor(process: Process, configuration: () => Configuration, out: (line: string) => void, error: (line: string) => void, observe: (observed: Observed) => void = () => undefined) {
    this.#observe = observe
    this.#process = process
    this.#configuration = configuration
    this.#out = out
    this.#error = error
    this.#gate = new Gate(process.clock)
    this.#authCache = new AuthCache(process.clock)
  }

  handle(request: HttpRequest, respond: (response: HttpResponse) => void): void {
    const { clock } = this.#process
    const startedAt = clock.now
    const configuration = this.#configuration()
    const { global } = configuration
    const sender = request.remoteAddress
    request.headers = readable(request.headers, global)
    if (global.realIp) request.remoteAddress = clientOf(request, { ...global.realIp, from: cidrs(global.realIp.from), recursive: true })
    const known: { about: About; path: string; snippet?: Snippet | undefined; pace?: Pace | undefined } = { about: NOBODY, path: '' }
    const id = headerOf(request.headers, 'x-request-id') || clock.random.hex(32)
    let logs = global.logs
    const held: { leave?: () => void } = {}
    this.load.requests++
    this.load.writing++
    const finish = (whole: HttpResponse, entry: Entry): void => {
      const response = global.gzip.on ? compressed(request, whole, global.gzip) : whole
      held.leave?.()
      this.load.writing--
      for (const snippet of [known.snippet, global.snippet]) if (snippet) touched(response, snippet, (value) => expand(value, request, request.target))
      if (logs) this.#log(request, response, entry, { id, startedAt, ...known.about })
      this.#observe(observed(request, response, entry, known, Number(seconds(clock.now - startedAt))))
      if (this.#version !== undefined) response.headers.unshift(['Server', `nginx/${this.#version}`])
      respond(known.pace ? { ...response, pace: known.pace } : response)
    }
    const page = (status: number, upstream: string, attempts: Entry['attempts'] = [], headers: Headers = []): void => finish(this.#page(request, status, headers), { upstream, attempts })

    const host = headerOf(request.headers, 'host')
    const absolute = /^https?:\/\/([^/]*)(\/.*)?$/.exec(request.target)
    const uri = absolute ? (absolute[2] ?? '/') : request.target
    const path = normalize(uri.split('?')[0]!)
    if (path === undefined || (host === undefined && request.version === '1.1')) return page(400, '')
    const server = serverFor(configuration, absolute?.[1] ?? host ?? '')
    const negotiated = request.tls?.serverName === undefined ? undefined : serverFor(configuration, request.tls.serverName).clients
    const unknown = refusedClient(server.clients, negotiated, request, clock.wall())
    if (unknown && 'text' in unknown) return finish(this.#plain(request, 403, unknown.text, []), { upstream: '-', attempts: [] })
    if (unknown) return 'page' in unknown ? page(unknown.page, '') : page(302, '', [], [['Location', unknown.location]])
    const { blocked } = global
    if (contains(blocked.cidrs, request.remoteAddress) || blocks(blocked.agents, headerOf(request.headers, 'user-agent') ?? '') || blocks(blocked.referers, headerOf(request.headers, 'referer') ?? '')) return page(403, '-')
    const elsewhere = configuration.redirects.get((host ?? '').replace(/:[0-9]+$/, '').toLowerCase())
    if (elsewhere !== undefined) {
      const { scheme, port } = forwardedBy(request, global)
      return page(global.redirectCode, '-', [], [['Location', `${scheme}://${elsewhere}:${port}${uri.replace(/\/$/, '')}`]])
    }
    const location = locationFor(server, path)
    // of the server for everybody: what an Ingress says of these paths goes before it
    if (server.host === '_' && !server.regex && (!location || 'redirect' in location || !/^\/(healthz|nginx_status)/.test(location.path))) {
      const own = path.startsWith('/healthz') ? { status: 200, text: '' } : path.startsWith('/nginx_status') ? (contains(global.statusFor, request.remoteAddress) ? { status: 200, text: this.status() } : { status: 403 }) : undefined
      if (own) logs = false
      if (own?.text !== undefined) return finish(this.#plain(request, own.status, own.text, []), { upstream: '-', attempts: [] })
      if (own) return page(own.status, '-')
    }
    const scheme = request.tls ? 'https' : 'http'
    if (location && 'redirect' in location) {
      const query = uri.includes('?') ? uri.slice(uri.indexOf('?')) : ''
      return page(301, '-', [], [['Location', `${scheme}://${(host ?? '').replace(/:[0-9]+$/, '')}${escapeUri(location.redirect)}${query}`]])
    }
    logs &&= location?.settings?.logs !== false && !global.quietPaths.includes(path)
    known.about = location?.about ?? NOBODY
    known.path = known.about === NOBODY ? '' : location!.path
    known.snippet = location?.settings?.snippet
    const forwarded = forwardedBy(request, global)
    const cors = location?.settings?.cors ? corsHeaders(location.settings.cors, request) : undefined
    const secure: Headers = [...(request.tls && global.hsts !== undefined ? [['Strict-Transport-Security', global.hsts]] satisfies Headers : []), ...(cors ?? []), ...(location?.headers ?? []), ...global.addHeaders, ...[...(location?.settings?.snippet?.set ?? []), ...(global.snippet?.set ?? [])].map(([name, value]): [string, string] => [name, expand(value, request, uri)])]
    const intercepts = (status: number): boolean => location?.settings?.passesErrors !== true && (location?.settings?.customErrors.length ? location.settings.customErrors : global.customErrors).includes(status)
    const refused = this.#refused(request, global, forwarded, server, location, path, uri, host ?? server.host)
    if (refused && intercepts(refused.status)) return this.#customError(refused.status, request, configuration, location, id, { upstream: '', attempts: [] }, secure, finish)
    if (refused?.text !== undefined) return finish(this.#plain(request, refused.status, refused.text, [...refused.headers, ...secure]), { upstream: '', attempts: [] })
    if (refused) return page(refused.status, refused.status === 413 ? (location?.backend ?? DEFAULT_BACKEND) : '', [], [...refused.headers, ...secure])
    if (cors && request.method === 'OPTIONS') {
      return finish({ status: 204, headers: [['Date', httpDate(clock.wall())], ['Connection', request.keepAlive ? 'keep-alive' : 'close'], ...secure, ['Content-Type', 'text/plain charset=UTF-8'], ['Content-Length', '0']], close: !request.keepAlive }, { upstream: '', attempts: [] })
    }
    const full = location?.settings?.connections && !contains(location.settings.unlimited, request.remoteAddress) ? this.#gate.enter(location.settings.connections, request.remoteAddress) : undefined
    if (typeof full === 'string') {
      this.#requestError(full, request, server.host, undefined)
      return page(global.connectionLimitCode, '', [], secure)
    }
    if (full) held.leave = full
    if (location?.settings?.mirror) mirror(this.#process, location.settings.mirror, request, uri)
    if (!location || (location.backend === DEFAULT_BACKEND && (configuration.backends.get(DEFAULT_BACKEND) ?? []).length === 0)) {
      const response = this.#page(request, 404, secure)
      return finish(response, { upstream: DEFAULT_BACKEND, attempts: [{ address: INTERNAL, length: response.body!.length, seconds: '0.000', status: '404' }] })
    }
    const { settings, fallback } = location
    const open = global.openPaths.some((open) => path === open || path.startsWith(`${open}/`))
    const auth = open ? undefined : (settings?.externalAuth ?? (settings?.globalAuth ? global.auth : undefined))
    /** `granted`: what the server of auth-url has said for the backend. */
    const forward = (granted: Headers, cookies: Headers): void => {
      const { backend: chosen, affinity } = backendFor(location, request, clock.random)
      const empty = (configuration.backends.get(chosen) ?? []).length === 0
      const backend = empty && fallback !== undefined ? fallback : chosen
      const named: { upstream: string; alternative?: string } = chosen === location.backend || backend !== chosen ? { upstream: backend } : { upstream: location.backend, alternative: chosen }
      const endpoints = configuration.backends.get(backend) ?? []
      if (endpoints.length === 0) return intercepts(503) ? this.#customError(503, request, configuration, location, id, { ...named, attempts: [] }, secure, finish) : finish(this.#page(request, 503, secure), { ...named, attempts: [] })
      const asked = settings?.rewriteTarget === undefined ? uri : rewritten(uri, path, location.path, settings.rewriteTarget)
      const headers = headersFor(request, { settings, global, forwarded, sender, host: settings?.upstreamVhost ?? forwarded.host ?? absolute?.[1] ?? server.host, forwardedHost: forwarded.host ?? server.host, id, client: clientHeaders(server.clients, request, clock.wall()) }).filter(([n]) => !granted.some(([g]) => g.toLowerCase() === n.toLowerCase()))
      headers.push(...granted.filter(([, value]) => value !== ''))
      for (const [name, value] of [...(settings?.snippet?.ask ?? []), ...(global.snippet?.ask ?? [])]) setHeader(headers, name, expand(value, request, uri))
      // who answers for a Service without endpoints hears for whom
      if (backend !== chosen) headers.push(...told(503, request, known.about, id))
      const sticky = affinity && new Sticky(affinity, backend, endpoints, request, location.path, clock.random)
      const limit = settings?.talk.pace
      if (limit?.heeded) known.pace = { ...limit, since: clock.wall() - (clock.now - startedAt) }
      const extra = (status = 200): Headers => [...(GOOD.has(status) || auth?.alwaysCookie ? cookies : []), ...(sticky?.cookies ?? []).map((cookie): [string, string] => ['Set-Cookie', cookie]), ...secure]

      const hashed = settings?.hashBy === undefined ? undefined : settings.hashSubset === undefined ? byHash(expand(settings.hashBy, request, uri), endpoints) : inSubset(expand(settings.hashBy, request, uri), endpoints, settings.hashSubset, clock.random)
      const attempts: Attempt[] = []
      const tried: Endpoint[] = []
      const describe = (): Entry['attempts'] => attempts.map((a) => ({ address: `${a.endpoint.address}:${a.endpoint.port}`, length: a.length, seconds: seconds(a.endedAt - a.startedAt), status: a.status }))
      const next = (): void => {
        const turn = hashed !== undefined ? hashed + attempts.length : (this.#turns.get(backend) ?? 0)
        if (!sticky && hashed === undefined) this.#turns.set(backend, turn + 1)
        const target = sticky ? sticky.choose(tried, clock.wall()) : endpoints[turn % endpoints.length]!
        tried.push(target)
        const attempt: Attempt = { endpoint: target, status: '', length: 0, startedAt: clock.now, endedAt: clock.now }
        attempts.push(attempt)
        const grpc = settings?.backendProtocol === 'GRPC' || settings?.backendProtocol === 'GRPCS'
        const tls = settings?.backendProtocol === 'HTTPS' || settings?.backendProtocol === 'GRPCS' || (settings?.backendProtocol === 'AUTO_HTTP' && request.tls !== undefined)
        const doubts: string[] = []
        const retry = settings?.next ?? { when: new Set(['error', 'timeout']), tries: TRIES, timeout: 0 }
        const more = (): boolean => (retry.tries === 0 || attempts.length < retry.tries) && (retry.timeout === 0 || clock.now - attempts[0]!.startedAt < retry.timeout)
        resolved(this.#process, target, (endpoint) => endpoint === undefined ? finish(this.#page(request, 503, extra(503)), { ...named, attempts: describe() }) : abandonable(askUpstream(this.#process, {
          ...endpoint, program: 'nginx', method: request.method, bytes: writeRequest(request.method, asked, headers, request.body, settings?.talk.version), connectTimeout: settings?.connectTimeout ?? 5_000, readTimeout: settings?.readTimeout ?? 60_000,
          ...(tls ? { tls: tlsToServer(location?.upstreamTls, grpc, () => clock.wall(), doubts) } : {}), ...(grpc ? { http2: { target: asked, headers: [...headers, ['te', 'trailers']], body: request.body } } : {}),
        }, (answer) => {
          const outcome = grpc ? answer : fitting(answer, settings?.talk.headBuffer ?? PAGE)
          attempt.endedAt = clock.now
          attempt.endpoint = endpoint
          if ('head' in outcome) {
            attempt.status = String(outcome.head.status)
            if ('tunnel' in outcome) return held.leave?.(), this.load.writing--, respond(this.#switched(outcome, extra(), (length, response) => {
              attempt.length = length
              attempt.endedAt = clock.now
              this.#log(request, response, { ...named, attempts: describe() }, { id, startedAt, ...known.about })
            }))
            attempt.length = outcome.body.length
            if (retry.when.has(`http_${outcome.head.status}`) && endpoints.length > 1 && more() && (REPEATABLE.has(request.method) || retry.when.has('non_idempotent'))) return next()
            if (intercepts(outcome.head.status)) return this.#customError(outcome.head.status, request, configuration, location, id, { ...named, attempts: describe() }, extra(502), finish)
            return finish(this.#passOn(request, settings ? { ...outcome, head: { ...outcome.head, headers: pointedBack(outcome.head.headers, settings) } } : outcome, extra(outcome.head.status), global.hideHeaders), { ...named, attempts: describe() })
          }
          const timedOut = outcome.error === 'ETIMEDOUT'
          attempt.status = timedOut ? '504' : '502'
          this.#requestError(doubts[0] ?? upstreamFailure(outcome, 'musl'), request, server.host, `${grpc ? 'grpc' : 'http'}${tls ? 's' : ''}://${endpoint.address}:${endpoint.port}${asked}`)
          // once it was sent, only what may be done twice is
          const again = retry.when.has(timedOut ? 'timeout' : outcome.error === 'SYNTAX' || outcome.error === 'TOO BIG' ? 'invalid_header' : 'error') && (outcome.phase !== 'read' || REPEATABLE.has(request.method) || retry.when.has('non_idempotent'))
          if (again && more()) next()
          else if (intercepts(Number(attempt.status))) this.#customError(Number(attempt.status), request, configuration, location, id, { ...named, attempts: describe() }, extra(502), finish)
          else finish(this.#page(request, Number(attempt.status), extra(Number(attempt.status))), { ...named, attempts: describe() })
        }), attempt))
      }
      // 499: the client is gone before there was an answer
      const abandonable = (giveUp: () => void, attempt: Attempt): void => {
        request.gone = () => {
          giveUp()
          attempt.endedAt = clock.now
          attempt.status = '-'
          finish({ status: 499, headers: [], silent: true }, { ...named, attempts: describe() })
        }
      }
      next()
    }
    if (!auth || (settings?.satisfyAny && this.#listed(settings, request))) return forward([], [])
    askPermission(this.#process, auth, { cache: this.#authCache, place: `${server.host} ${location.path}`, set: location.authHeaders }, request, uri, id, (line, upstream) => this.#requestError(line, request, server.host, upstream), (verdict) => {
      if ('granted' in verdict) return forward(verdict.granted, verdict.cookies)
      if ('signin' in verdict) return page(302, '', [], [['Location', verdict.signin], ...verdict.cookies, ...secure])
      page(verdict.status, '', [], [...verdict.headers, ...secure])
    })
  }

  /** What nginx answers before it asks anybody, in the order of its phases: size, redirects, access. */
  #refused(request: HttpRequest, global: Global, forwarded: Forwarded, server: Server, location: Location | undefined, path: string, uri: string, host: string): Refusal | undefined {
    const settings = location?.settings
    const most = settings?.maxBody ?? MAX_BODY
    if (most > 0 && request.body.length > most) return { status: 413, headers: [] }
    if (!settings) return undefined
    const scheme = request.tls ? 'https' : 'http'
    const to = (status: number, url: string): Refusal => ({ status, headers: [['Location', url]] })
    if (settings.appRoot !== undefined && path === '/') return to(302, `${scheme}://${host}${settings.appRoot}`)
    if (location.denied !== undefined) return { status: 503, headers: [] }
    const preflight = settings.cors && request.method === 'OPTIONS' && corsHeaders(settings.cors, request)
    if (preflight) return undefined
    const returns = settings.snippet?.returns ?? global.snippet?.returns
    if (returns) return own(returns.status, expand(returns.text, request, uri), to)
    if (settings.redirect) return to(settings.redirect.status, settings.redirect.url.startsWith('/') && !settings.relativeRedirects ? `${scheme}://${host}${settings.redirect.url}` : settings.redirect.url)
    // Lua looks after nginx' own rewrites
    const wanted = settings.forceSslRedirect || (settings.sslRedirect && server.tls !== undefined)
    if (wanted && forwarded.scheme === 'http' && !global.plainPaths.some((plain) => path.startsWith(plain))) {
      return to(global.redirectCode, `https://${(forwarded.host ?? host).replace(/:[0-9]+$/, '')}${(settings.keepsSlash ?? global.keepsSlash) ? uri : uri.replace(/\/$/, '')}`)
    }
    const limited = contains(settings.unlimited, request.remoteAddress) ? undefined : this.#gate.limited(settings.limits, request.remoteAddress)
    if (limited !== undefined) {
      this.#requestError(limited, request, server.host, undefined)
      return { status: global.requestLimitCode, headers: [] }
    }
    const { allow, deny } = settings
    const asks = settings.auth !== undefined || settings.externalAuth !== undefined
    if (!(settings.satisfyAny && asks) && (contains(deny, request.remoteAddress) || (allow.length > 0 && !contains(allow, request.remoteAddress)))) {
      this.#requestError('access forbidden by rule', request, server.host, undefined)
      return { status: 403, headers: [] }
    }
    if (settings.auth && !global.openPaths.some((open) => path.startsWith(open)) && !(settings.satisfyAny && this.#listed(settings, request))) {
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

  /** What stands in for a status: the Service of `default-backend` or of the controller is asked, and told why; without one the controller's own page. */
  #customError(status: number, request: HttpRequest, configuration: Configuration, location: Location | undefined, id: string, entry: Entry, extra: Headers, finish: (response: HttpResponse, entry: Entry) => void): void {
    const endpoint = (configuration.backends.get(location?.fallback ?? DEFAULT_BACKEND) ?? [])[0]
    if (!endpoint) return finish(this.#page(request, 404, extra), entry)
    const headers: Headers = [['Host', headerOf(request.headers, 'host') ?? ''], ...told(status, request, location?.about ?? NOBODY, id), ['X-Original-URI', request.target], ['X-Forwarded-For', request.remoteAddress]]
    const startedAt = this.#process.clock.now
    askUpstream(this.#process, { ...endpoint, program: 'nginx', method: 'GET', bytes: writeRequest('GET', '/', headers), connectTimeout: 5_000, readTimeout: 60_000 }, (outcome) => {
      const answered = 'body' in outcome
      const attempt = { address: `${endpoint.address}:${endpoint.port}`, length: answered ? outcome.body.length : 0, seconds: seconds(this.#process.clock.now - startedAt), status: answered ? String(outcome.head.status) : '502' }
      finish(answered ? this.#passOn(request, outcome, extra) : this.#page(request, 502, extra), { ...entry, attempts: [...entry.attempts, attempt] })
    })
  }

  /** What a client gets that speaks HTTP where TLS is spoken: nginx' own 497. */
  plain(): Uint8Array {
    const body = plainPage(this.#version)
    return writeResponse(400, 'Bad Request', [['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ['Connection', 'close']], encodeUtf8(body))
  }

  /** To bytes that are no request. */
  refuse(status: number): HttpResponse {
    const body = encodeUtf8(specialPage(status, this.#version))
    return { status, reason: reason(status), headers: [['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ['Connection', 'close']], body, close: true }
  }

  /** 101 Switching Protocols: from now on bytes go to and fro. */
  #switched({ head, tunnel }: Extract<UpstreamOutcome, { tunnel: unknown }>, extra: Headers, over: (length: number, response: HttpResponse) => void): HttpResponse {
    const headers: Headers = [['Date', httpDate(this.#process.clock.wall())], ['Connection', 'upgrade']]
    for (const [name, value] of head.headers) if (!HIDDEN.has(name.toLowerCase())) headers.push([name, value])
    const response: HttpResponse = { status: 101, reason: head.reason, headers: [...headers, ...extra], upgrade: (connection) => joinConnections(connection, tunnel, (bytes) => over(bytes, response)) }
    return response
  }

  #passOn(request: HttpRequest, { head, body, trailers }: { head: ResponseHead; body: Uint8Array; trailers?: Headers }, extra: Headers, hidden: readonly string[] = []): HttpResponse {
    const headers: Headers = [['Date', httpDate(this.#process.clock.wall())]]
    const type = headerOf(head.headers, 'content-type')
    const length = headerOf(head.headers, 'content-length')
    if (type !== undefined) headers.push(['Content-Type', type])
    if (length !== undefined) headers.push(['Content-Length', length])
    const framed = framing(request, head, body)
    if (framed.chunked) headers.push(['Transfer-Encoding', 'chunked'])
    // more_set_headers: what is set takes the place of the backend's
    const replaced = new Set(extra.map(([name]) => name.toLowerCase()).filter((name) => name !== 'set-cookie'))
    headers.push(['Connection', framed.close ? 'close' : 'keep-alive'])
    for (const [name, value] of head.headers) {
      const lower = name.toLowerCase()
      if (!HIDDEN.has(lower) && !hidden.includes(lower) && !lower.startsWith('x-accel-') && !(replaced.has(lower))) headers.push([name, value])
    }
    headers.push(...extra)
    return { status: head.status, reason: head.reason || reason(head.status), headers, body: framed.body, close: framed.close, ...(trailers ? { trailers } : {}) }
  }

  #plain(request: HttpRequest, status: number, text: string, extra: Headers): HttpResponse {
    const body = encodeUtf8(text)
    return { status, reason: reason(status), headers: [['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ...extra, ['Connection', request.keepAlive ? 'keep-alive' : 'close']], body, close: !request.keepAlive }
  }

  /** 495 and 496 are nginx' own numbers: the client sees 400. */
  #page(request: HttpRequest, number: number, extra: Headers = []): HttpResponse {
    const certificate = number === 495 || number === 496
    const status = certificate ? 400 : number
    const body = encodeUtf8(certificate ? certificatePage(number, this.#version) : specialPage(status, this.#version))
    const close = !request.keepAlive || status === 400 || status === 413
    const headers: Headers = [['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ...extra, ['Connection', close ? 'close' : 'keep-alive']]
    return { status, reason: reason(status), headers, body, close }
  }

  /** server-tokens: of pages and answers. */
  get #version(): string | undefined {
    return this.#configuration().global.tokens ? VERSION : undefined
  }

  #log(request: HttpRequest, response: HttpResponse, entry: Entry, about: Parameters<typeof accessLine>[4]): void {
    this.#out(`${accessLine(this.#configuration().global, request, response, entry, about, this.#process.clock)}\n`)
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

/** `return` of a snippet: a text, or where to go. */
function own(status: number, text: string, to: (status: number, url: string) => Refusal): Refusal {
  if ([301, 302, 303, 307, 308].includes(status)) return to(status, text)
  return { status, headers: [], ...(text === '' ? {} : { text }) }
}

/** What a Service hears that stands in for another. */
function told(status: number, request: HttpRequest, { namespace, ingress, service, port }: About, id: string): Headers {
  return [['X-Code', String(status)], ['X-Format', headerOf(request.headers, 'accept') ?? ''], ['X-Namespace', namespace], ['X-Ingress-Name', ingress], ['X-Service-Name', service], ['X-Service-Port', port], ['X-Request-ID', id]]
}

function cidrs(list: readonly string[]): Cidr[] {
  return list.filter((entry) => tryParseCidr(entry) || canonicalIp(entry) !== undefined).map((entry) => (entry.includes('/') ? entry : `${entry}/${entry.includes(':') ? 128 : 32}`))
}
