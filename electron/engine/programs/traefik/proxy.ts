import type { Process } from '../../machine/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { canonicalHeader, goResponse, splitTarget, type GoAnswer } from '../http/go.ts'
import { askUpstream, joinConnections, type UpstreamOutcome, type UpstreamRequest } from '../http/client.ts'
import { framing } from '../http/framing.ts'
import { headerOf, writeRequest, type Headers } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { reasonOf } from '../http/status.ts'
import type { Endpoint } from '../ingress-nginx/configuration.ts'
import { accessTime } from '../nginx/time.ts'
import { ALERTS } from '../tls/wire.ts'
import { matchingName, verifyChain, type Certificate } from '../tls/x509.ts'
import { shrunk } from './compress.ts'
import { CircuitBreaker, parseExpression } from './circuit-breaker.ts'
import { modifiedHeaders } from './gateway/filters.ts'
import { Buckets, period } from './guards.ts'
import { askForward } from './forward-auth.ts'
import { caughtBy, pageTarget } from './error-pages.ts'
import { applyMiddleware, flattened, redirected, sourceOf, withHeaders, type OwnAnswer, type Passing } from './middlewares.ts'
import type { Metrics } from './metrics.ts'
import type { Dynamic, Middleware, Mirror, Router, WeightedService } from './model.ts'
import { requestHost } from './rules.ts'
import { cookieOf, memberValue, serverValue, setCookie } from './sticky.ts'

/** serversTransport's and Go's defaults, in ms. */
const DIAL_TIMEOUT = 30_000
const READ_TIMEOUT = 60_000
/** Go's ReverseProxy takes these away. */
const HOP_BY_HOP = new Set(['connection', 'proxy-connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'])
/** http.Error's. */
const ERROR_HEADERS: Headers = [['Content-Type', 'text/plain; charset=utf-8'], ['X-Content-Type-Options', 'nosniff']]
const NOBODY = { status: 503, headers: ERROR_HEADERS, body: 'no available server\n' }
export const NOT_FOUND = { status: 404, headers: ERROR_HEADERS, body: '404 page not found\n' }

/** `internal`: only for routers that name it. `redirect`: the settings of redirectScheme for all that comes. */
export interface EntryPoint { name: string; tls: boolean; internal?: boolean; redirect?: Record<string, unknown> | undefined }

type Own = (answer: { status: number; headers: Headers; body: string }, server?: string) => void
interface Turn { number: number; startedAt: number; /** The answer has gone: it is counted. */ counted(code: number, sent: number): void; finish: (response: HttpResponse, length: number, server: string) => void; own: Own; respond: (response: HttpResponse) => void }

/** Traefik's HTTP side: routers, middlewares, weighted round robin, Go's reverse proxy. */
export class Proxy {
  readonly #process: Process
  readonly #dynamic: () => { dynamic: Dynamic; routers: readonly Router[] }
  readonly #access: (line: string) => void
  readonly #turns = new Map<string, number>()
  readonly #buckets: Buckets
  #count = 0

  readonly #internal: (service: string, passing: Pick<Passing, 'target' | 'request'>) => GoAnswer
  readonly #metrics: Metrics | undefined

  /** `internal`: what Traefik's own services say. */
  constructor(process: Process, dynamic: () => { dynamic: Dynamic; routers: readonly Router[] }, access: (line: string) => void, internal: (service: string, passing: Pick<Passing, 'target' | 'request'>) => GoAnswer = () => NOT_FOUND, metrics?: Metrics) {
    this.#metrics = metrics
    this.#internal = internal
    this.#process = process
    this.#dynamic = dynamic
    this.#access = access
    this.#buckets = new Buckets(process.clock)
  }

  handle(entryPoint: EntryPoint, request: HttpRequest, respond: (response: HttpResponse) => void): void {
    const { dynamic, routers } = this.#dynamic()
    const { clock } = this.#process
    const startedAt = clock.now
    const number = ++this.#count
    const { path, query } = splitTarget(request.target)
    const url = { host: requestHost(request), path, query }
    const router = routers.find((r) => ((r.entryPoints.length === 0 && !entryPoint.internal) || r.entryPoints.includes(entryPoint.name)) && (!r.tls || request.tls !== undefined) && r.matches(request, url))
    const redirect = entryPoint.redirect && redirected(entryPoint.redirect, request)
    const counted = (code: number, sent: number): void => {
      // what is Traefik's own is not counted (metrics.addInternals)
      if (redirect || router?.service.endsWith('@internal') || router?.observability?.metrics === false) return
      const seconds = (clock.now - startedAt) / 1000
      this.#metrics?.answered('entrypoint', { entrypoint: entryPoint.name }, request, { code, seconds, sent })
      if (router) this.#metrics?.answered('router', { router: router.name, service: router.service }, request, { code, seconds, sent })
    }
    const finish = (response: HttpResponse, length: number, server: string): void => {
      counted(codeOf(request, response), length)
      if (router?.observability?.accessLogs !== false) this.#access(this.#logLine(request, response.status, length, number, router?.name ?? '-', server, startedAt))
      respond(response)
    }
    const own: Own = (answer, server = '-') => finish(goResponse(this.#process, request, answer), encodeUtf8(answer.body).length, server)
    if (redirect) return own(redirect)
    if (!router) return own(NOT_FOUND)
    const target = request.target.replace(/^https?:\/\/[^/]*/, '') || '/'
    const passing: Passing = { request, target, requestHeaders: [], responseHeaders: [], buckets: this.#buckets, wait: 0, tries: 1 }
    this.#pass(flattened(router.middlewares, dynamic), router, dynamic, passing, { number, startedAt, counted, finish, own, respond })
  }

  /** Through the middlewares, one after the other, and on to a server. */
  #pass([next, ...rest]: readonly Middleware[], router: Router, dynamic: Dynamic, passing: Passing, turn: Turn): void {
    const { request } = passing
    if (next?.kind === 'inFlightReq' || next?.kind === 'circuitBreaker') {
      const leave = next.kind === 'inFlightReq' ? this.#enters(next, router, request, turn) : this.#holds(next, router, turn)
      return leave && this.#pass(rest, router, dynamic, passing, followed(turn, leave))
    }
    if (next?.kind === 'compress') {
      return this.#pass(rest, router, dynamic, passing, { ...turn, finish: (response, length, server) => {
        const small = shrunk(next.settings, request, response, length)
        turn.finish(small.response, small.length, server)
      } })
    }
    if (next?.kind === 'responseHeaderModifier') {
      const changed = (headers: Headers): Headers => modifiedHeaders(headers, next.settings)
      return this.#pass(rest, router, dynamic, passing, { ...turn, finish: (response, length, server) => turn.finish({ ...response, headers: changed(response.headers) }, length, server), own: (answer, server) => turn.own({ ...answer, headers: changed(answer.headers) }, server) })
    }
    if (next?.kind === 'errors') return this.#pass(rest, router, dynamic, passing, this.#caught(next, router, dynamic, passing, turn))
    if (!next) {
      if (passing.wait > 0) this.#process.clock.schedule(passing.wait, () => this.#forward(request, router, dynamic, passing, turn))
      else this.#forward(request, router, dynamic, passing, turn)
      return
    }
    const decided = (answer: OwnAnswer | undefined): void => {
      if (answer) turn.own({ ...answer, headers: withHeaders(answer.headers, passing.responseHeaders) })
      else this.#pass(rest, router, dynamic, passing, turn)
    }
    const said = applyMiddleware(next, passing)
    if (said && 'ask' in said) askForward(this.#process, said.ask, passing, decided)
    else decided(said)
  }

  /** inFlightReq: what to call with the answer's status; undefined where it was refused. */
  #enters({ settings }: Middleware, router: Router, request: HttpRequest, turn: Turn): ((status: number) => void) | undefined {
    const most = Number(settings['amount'] ?? 0)
    const leave = this.#buckets.fly(`${router.name} ${String(settings['name'])} ${sourceOf(settings['sourceCriterion'], request, 'host')}`, most)
    if (!leave) turn.own({ status: 429, headers: [], body: `max connections reached: ${most}` })
    return leave
  }

  /** circuitBreaker: likewise. */
  #holds({ settings }: Middleware, router: Router, turn: Turn): ((status: number) => void) | undefined {
    const { clock } = this.#process
    const time = (name: string): number | undefined => (settings[name] === undefined ? undefined : period(settings[name]))
    const breaker = this.#buckets.breaker(`${router.name} ${JSON.stringify(settings)}`, (own) => new CircuitBreaker(own, parseExpression(String(settings['expression'] ?? '')) ?? (() => false), { check: time('checkPeriod'), fallback: time('fallbackDuration'), recovery: time('recoveryDuration') }))
    if (!breaker.enter()) {
      const status = Number(settings['responseCode'] ?? 503)
      return void turn.own({ status, headers: [], body: reasonOf(status) })
    }
    const startedAt = clock.now
    return (status) => breaker.leave(status, clock.now - startedAt)
  }

  /** What is answered with one of the statuses has its place taken by a page of another service (pkg/middlewares/customerrors). */
  #caught({ settings }: Middleware, router: Router, dynamic: Dynamic, passing: Passing, turn: Turn): Turn {
    const before: Passing = { ...passing, target: pageTarget(settings, passing), requestHeaders: [...passing.requestHeaders], responseHeaders: [...passing.responseHeaders], wait: 0, tries: 1 }
    const page = (status: number): void => {
      const ask: HttpRequest = { ...passing.request, method: 'GET', body: new Uint8Array(0), headers: passing.request.headers.filter(([n]) => n.toLowerCase() !== 'content-length') }
      const target = before.target.replaceAll('{status}', String(status))
      this.#forward(ask, { ...router, service: String(settings['page']) }, dynamic, { ...before, request: ask, target }, {
        ...turn,
        finish: (response, length, server) => turn.finish({ ...response, status, reason: reasonOf(status) }, length, server),
        own: (answer, server) => turn.own({ ...answer, status }, server),
      })
    }
    return {
      ...turn,
      finish: (response, length, server) => (caughtBy(settings, response.status) ? page(response.status) : turn.finish(response, length, server)),
      own: (answer, server) => (caughtBy(settings, answer.status) ? page(answer.status) : turn.own(answer, server)),
    }
  }

  #forward(request: HttpRequest, router: Router, dynamic: Dynamic, passing: Passing, turn: Turn, tried = 1): void {
    const { number, startedAt, finish, own, respond } = turn
    if (router.service.endsWith('@internal')) return own(withChanges(this.#internal(router.service, passing), passing.responseHeaders))
    const chosen = this.#choose(router.service, dynamic.services.get(router.service) ?? [], request)
    if (!chosen) return own({ ...NOBODY, headers: withHeaders(NOBODY.headers, passing.responseHeaders) })
    if ('fixed' in chosen) {
      const unavailable = { status: 200, headers: [['Content-Type', 'application/json']] as Headers, body: '{"code":14,"message":"Service Unavailable"}' }
      const answer = chosen.fixed === 'unavailable' ? unavailable : { status: chosen.fixed, headers: [] as Headers, body: '' }
      return own({ ...answer, headers: withHeaders(answer.headers, passing.responseHeaders) })
    }
    const { service, endpoint, cookies } = chosen
    const server = serverValue(service, endpoint)
    const authority = server.slice(server.indexOf('://') + 3)
    const headers = this.#headersFor(request, passing, service.passHost ? undefined : authority)
    for (const mirror of this.#mirrorsOf(service.mirrors ?? [])) this.#mirror(mirror, request, passing)
    const served = router.observability?.metrics === false ? () => undefined : this.#asking(service.name ?? router.service, request)
    askUpstream(this.#process, {
      ...endpoint,
      program: 'traefik',
      method: request.method,
      ...asked(service, request, passing.target, headers),
      connectTimeout: DIAL_TIMEOUT,
      readTimeout: READ_TIMEOUT,
      ...(service.scheme === 'https' ? { tls: this.#tlsTo(service, endpoint) } : {}),
    }, (outcome) => {
      if ('error' in outcome) {
        const status = outcome.error === 'TLS' ? 500 : outcome.error === 'ETIMEDOUT' ? 504 : 502
        served(status, reasonOf(status).length)
        // what has reached a server is not sent twice
        if (tried < passing.tries && outcome.phase === 'connect') return this.#forward(request, router, dynamic, passing, turn, tried + 1)
        return own({ status, headers: [...cookies, ...withHeaders([], passing.responseHeaders)], body: reasonOf(status) }, server)
      }
      if ('tunnel' in outcome) {
        return respond(switched(outcome, (bytes) => {
          served(101, bytes)
          turn.counted(101, bytes)
          if (router.observability?.accessLogs !== false) this.#access(this.#logLine(request, 101, bytes, number, router.name, server, startedAt))
        }))
      }
      served(codeOf(request, outcome.head), request.method === 'HEAD' ? 0 : outcome.body.length)
      finish(passOn(request, outcome, passing.responseHeaders, cookies), request.method === 'HEAD' ? 0 : outcome.body.length, server)
    })
  }

  /** What to call with the answer of one of a service's servers. */
  #asking(service: string, request: HttpRequest): (code: number, sent: number) => void {
    const { clock } = this.#process
    const askedAt = clock.now
    return (code, sent) => this.#metrics?.answered('service', { service }, request, { code, seconds: (clock.now - askedAt) / 1000, sent })
  }

  #tlsTo({ transport }: WeightedService, { address }: Endpoint): NonNullable<UpstreamRequest['tls']> {
    const name = transport?.serverName
    const doubts = (chain: readonly Certificate[]): boolean => verifyChain(chain, transport?.trusted ?? [], this.#process.clock.wall()) !== undefined || matchingName(chain[0]!, name ?? address) === undefined
    return { ...(name === undefined ? {} : { serverName: name }), verify: (chain) => (!transport?.insecure && doubts(chain) ? ALERTS.badCertificate : undefined) }
  }

  /** Whom a cookie names, else whose turn it is; and the cookies that name him from now on. */
  #choose(name: string, services: readonly WeightedService[], request: HttpRequest): { service: WeightedService; endpoint: Endpoint; cookies: Headers } | { fixed: NonNullable<WeightedService['fixed']> } | undefined {
    const cookies: Headers = []
    const { group } = services[0] ?? {}
    const told = group && cookieOf(request, group.cookie)
    let service = told === undefined ? undefined : services.find((s) => s.group && memberValue(s.group.member) === told)
    if (!service) {
      service = this.#service(name, services)
      if (service?.group) cookies.push(setCookie(service.group, memberValue(service.group.member)))
    }
    if (!service) return undefined
    if (service.fixed !== undefined) return { fixed: service.fixed }
    const { sticky, endpoints } = service
    const kept = sticky && cookieOf(request, sticky.cookie)
    let endpoint = kept === undefined ? undefined : endpoints.find((e) => memberValue(serverValue(service, e)) === kept)
    if (!endpoint) {
      endpoint = this.#endpoint(name, endpoints)
      if (sticky && endpoint) cookies.push(setCookie(sticky, memberValue(serverValue(service, endpoint))))
    }
    return endpoint && { service, endpoint, cookies }
  }

  /** Those whose share of a group's requests is not full yet (pkg/server/service/loadbalancer/mirror). */
  #mirrorsOf(mirrors: readonly Mirror[]): Mirror[] {
    for (const group of new Set(mirrors.map((m) => m.group))) this.#turn(`${group} requests`)
    return mirrors.filter(({ group, name, percent }) => {
      if ((this.#turns.get(`${name} copies`) ?? 0) * 100 >= this.#turns.get(`${group} requests`)! * percent) return false
      this.#turn(`${name} copies`)
      return true
    })
  }

  /** A copy whose answer nobody sees. */
  #mirror({ name, services, body, most }: Mirror, request: HttpRequest, passing: Passing): void {
    if (body && most >= 0 && request.body.length > most) return
    const chosen = this.#choose(name, services, request)
    if (!chosen || 'fixed' in chosen) return
    const { service, endpoint } = chosen
    const server = serverValue(service, endpoint)
    const served = this.#asking(service.name ?? name, request)
    const copy = body ? request : { ...request, body: new Uint8Array(0), headers: request.headers.filter(([n]) => n.toLowerCase() !== 'content-length') }
    const headers = this.#headersFor(copy, passing, service.passHost ? undefined : server.slice(server.indexOf('://') + 3))
    askUpstream(this.#process, { ...endpoint, program: 'traefik', method: request.method, ...asked(service, copy, passing.target, headers), connectTimeout: DIAL_TIMEOUT, readTimeout: READ_TIMEOUT, ...(service.scheme === 'https' ? { tls: {} } : {}) }, (outcome) => ('body' in outcome ? served(codeOf(request, outcome.head), outcome.body.length) : undefined))
  }

  /** Weighted round robin among the services of a route that have endpoints or not. */
  #service(name: string, services: readonly WeightedService[]): WeightedService | undefined {
    const total = services.reduce((sum, s) => sum + s.weight, 0)
    if (services.length < 2 || total === 0) return services[0]
    const turn = this.#turn(`${name} services`)
    // spread evenly: as many steps as the weights have together
    const step = services.reduce((a, s) => gcd(a, s.weight), total)
    const round = services.flatMap((s, i) => Array.from({ length: s.weight / step }, (_, k) => ({ s, at: (k + 0.5) / (s.weight / step), i }))).sort((a, b) => a.at - b.at || a.i - b.i)
    return round[turn % round.length]!.s
  }

  #endpoint(name: string, endpoints: readonly Endpoint[]): Endpoint | undefined {
    return endpoints.length === 0 ? undefined : endpoints[this.#turn(name) % endpoints.length]
  }

  #turn(name: string): number {
    const turn = this.#turns.get(name) ?? 0
    this.#turns.set(name, turn + 1)
    return turn
  }

  /** As Go writes them: Host, User-Agent and the length first, the rest by name. */
  #headersFor(request: HttpRequest, passing: Passing, host: string | undefined): Headers {
    const given = (name: string): string | undefined => headerOf(request.headers, name)
    const upgrade = given('upgrade')
    const port = /:([0-9]+)$/.exec(given('host') ?? '')?.[1] ?? (request.tls ? '443' : '80')
    let rest: Headers = request.headers.filter(([n]) => !HOP_BY_HOP.has(n.toLowerCase()) && !['host', 'user-agent', 'content-length'].includes(n.toLowerCase()) && !/^x-(forwarded-.*|real-ip)$/i.test(n)).map(([n, v]): [string, string] => [canonicalHeader(n), v])
    if (upgrade !== undefined) rest.push(['Connection', 'Upgrade'], ['Upgrade', upgrade])
    if (given('accept-encoding') === undefined && given('range') === undefined && request.method !== 'HEAD' && upgrade === undefined) rest.push(['Accept-Encoding', 'gzip'])
    const scheme = upgrade?.toLowerCase() === 'websocket' ? (request.tls ? 'wss' : 'ws') : request.tls ? 'https' : 'http'
    rest.push(['X-Forwarded-For', request.remoteAddress], ['X-Forwarded-Host', given('host') ?? ''], ['X-Forwarded-Port', port], ['X-Forwarded-Proto', scheme], ['X-Forwarded-Server', this.#process.machine.hostname], ['X-Real-Ip', request.remoteAddress])
    rest = withHeaders(rest, passing.requestHeaders.filter(([n]) => n.toLowerCase() !== 'host').map(([n, v]): [string, string] => [canonicalHeader(n), v]))
    const ownHost = passing.requestHeaders.find(([n]) => n.toLowerCase() === 'host')?.[1]
    const agent = given('user-agent')
    const length = request.body.length > 0 || given('content-length') !== undefined
    return [
      ['Host', ownHost ?? host ?? given('host') ?? ''],
      ...(agent === undefined ? [] : [['User-Agent', agent] as [string, string]]),
      ...(length ? [['Content-Length', String(request.body.length)] as [string, string]] : []),
      ...rest.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
    ]
  }

  /** The common log format, with Traefik's own fields behind it (pkg/middlewares/accesslog). */
  #logLine(request: HttpRequest, status: number, length: number, number: number, router: string, server: string, startedAt: number): string {
    const { clock } = this.#process
    const quoted = (text: string): string => (text === '-' ? '"-"' : JSON.stringify(text))
    return `${request.remoteAddress} - - [${accessTime(clock.wall())}] "${request.method} ${request.target} HTTP/${request.version}" ${status} ${length} "-" "-" ${number} ${quoted(router)} ${quoted(server)} ${Math.floor(clock.now - startedAt)}ms\n`
  }
}

/** A status of HTTP, or of gRPC, where nobody said which: unknown. */
function codeOf({ headers: asked }: HttpRequest, { status, headers }: { status: number; headers: Headers }): number {
  if (!headerOf(asked, 'content-type')?.startsWith('application/grpc')) return status
  const said = headerOf(headers, 'grpc-status') ?? ''
  return /^[0-9]+$/.test(said) ? Number(said) : 2
}

function withChanges({ status = 200, headers = [], body = '', contentType }: GoAnswer, changes: Headers): { status: number; headers: Headers; body: string } {
  return { status, headers: withHeaders(contentType === undefined ? headers : [['Content-Type', contentType], ...headers], changes), body: typeof body === 'string' ? body : decodeUtf8(body) }
}

/** `leave` hears of the answer, once. */
function followed(turn: Turn, leave: (status: number) => void): Turn {
  let left = false
  const over = (status: number): void => {
    if (!left) leave(status)
    left = true
  }
  return {
    ...turn,
    finish: (response, length, server) => (over(response.status), turn.finish(response, length, server)),
    own: (answer, server) => (over(answer.status), turn.own(answer, server)),
    respond: (response) => (over(response.status), turn.respond(response)),
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

function switched({ head, tunnel }: Extract<UpstreamOutcome, { tunnel: unknown }>, over: (bytes: number) => void): HttpResponse {
  return { status: 101, reason: head.reason, headers: head.headers, upgrade: (connection) => joinConnections(connection, tunnel, over) }
}

/** By HTTP/1.1, or where its scheme is h2c by HTTP/2 without TLS, whose trailers come back. */
function asked({ scheme }: WeightedService, request: HttpRequest, target: string, headers: Headers): Pick<UpstreamRequest, 'bytes' | 'http2'> {
  if (scheme !== 'h2c') return { bytes: writeRequest(request.method, target, headers, request.body) }
  const trailers: Headers = headerOf(request.headers, 'te') === 'trailers' ? [['te', 'trailers']] : []
  return { bytes: new Uint8Array(0), http2: { target, headers: [...headers, ...trailers], body: request.body } }
}

function passOn(request: HttpRequest, { head, body, trailers }: Extract<UpstreamOutcome, { body: unknown }>, changes: Headers, cookies: Headers): HttpResponse {
  const headers = [...cookies, ...withHeaders(head.headers.filter(([n]) => !HOP_BY_HOP.has(n.toLowerCase())).map(([n, v]): [string, string] => [canonicalHeader(n), v]), changes.map(([n, v]): [string, string] => [canonicalHeader(n), v]))]
  headers.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const framed = framing(request, head, body)
  if (framed.chunked) headers.push(['Transfer-Encoding', 'chunked'])
  if (framed.close) headers.push(['Connection', 'close'])
  return { status: head.status, reason: head.reason, headers, body: framed.body, close: framed.close, ...(trailers ? { trailers } : {}) }
}
