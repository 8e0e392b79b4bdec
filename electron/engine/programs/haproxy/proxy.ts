import type { Process } from '../../machine/types.ts'
import { canonicalIp } from '../../network/address.ts'
import { encodeUtf8 } from '../../text.ts'
import { askUpstream, joinConnections, type UpstreamOutcome, type UpstreamRequest } from '../http/client.ts'
import { framing } from '../http/framing.ts'
import { headerOf, writeRequest, type Headers, type ResponseHead } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { httpDate, reasonOf } from '../http/status.ts'
import { contains } from '../ingress-nginx/annotations.ts'
import { matchingName, type Certificate } from '../tls/x509.ts'
import { clientProblem } from '../tls/client-auth.ts'
import { ALERTS } from '../tls/wire.ts'
import { accessLine, type Served } from './access-log.ts'
import { announcement } from '../http/announcement.ts'
import type { Configuration } from './configuration.ts'
import type { Pool, Server } from './farm.ts'
import type { FrontRules } from './front-rules.ts'
import { corsHeaders, judgeUser, Rates } from './guards.ts'
import { requestSize, responseSize } from './message-size.ts'
import { errorPage, page } from './pages.ts'
import type { Asked } from './samples.ts'
import type { Statistics } from './statistics.ts'

/** HAProxy 3.1 as the controller configures it: "retries 3": tries in all. */
const TRIES = 4
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade', 'host', 'content-length'])
const LOCAL_BACKEND = 'haproxy-controller_default-local-service_http'

interface Surroundings {
  configuration(): Configuration
  pool(name: string): Pool | undefined
  statistics: Statistics
  log(line: string): void
}

export class Proxy {
  readonly #process: Process
  readonly #around: Surroundings
  readonly #rates: Rates
  /** Requests under way, by frontend. */
  readonly #flying = { http: 0, https: 0 }

  constructor(process: Process, around: Surroundings) {
    this.#process = process
    this.#around = around
    this.#rates = new Rates(process.clock)
  }

  handle(request: HttpRequest, respond: (response: HttpResponse) => void): void {
    const { clock } = this.#process
    const startedAt = clock.now
    const configuration = this.#around.configuration()
    const uri = request.target.replace(/^https?:\/\/[^/]*/, '') || '/'
    const path = uri.split('?')[0]!
    const host = (headerOf(request.headers, 'host') ?? '').replace(/:.*$/, '').toLowerCase()
    const frontend = request.tls ? 'https' : 'http'
    this.#flying[frontend]++
    const asked: Asked = { request, source: request.remoteAddress, random: clock.random }
    const { backend: route, matched } = configuration.routes.find(host, path, asked)
    const rules = (matched && configuration.rules.get(matched.ingress)) ?? configuration.general
    asked.source = sourceOf(request, rules)
    const log = (status: number, served: Served): void => {
      this.#flying[frontend]--
      this.#around.statistics.request(frontend, status, requestSize(request), served.bytes, served.state)
      if (configuration.global.logs) this.#around.log(accessLine({ asked, configuration, rules: matched ? rules : undefined, frontend, status, served, startedAt, now: clock.now, wall: clock.wall(), flying: this.#flying[frontend] + 1 }))
    }
    const finish = (response: HttpResponse, served: Partial<Served>): void => {
      log(response.status, { backend: frontend, server: '<NOSRV>', waited: -1, connected: -1, answered: -1, state: '----', retries: 0, queued: 0, backendActive: 0, serverActive: 0, bytes: responseSize(response), ...served })
      respond(response)
    }
    const refused = this.#refused(request, matched ? [configuration.general, rules] : [rules], asked.source, uri)
    if (refused) return finish(refused.response, { state: refused.state })
    // its backend speaks TCP alone
    if (route?.passthrough) return finish(errorPage(request, 503), { state: 'SC--' })
    const name = route?.backend ?? configuration.defaultBackend
    if (name === undefined) return finish(this.#notFound(request), { backend: LOCAL_BACKEND, server: 'SRV_1', waited: 0, connected: 0, answered: 0 })
    const pool = this.#around.pool(name)
    const chosen = pool?.choose(request, asked.source)
    if (!pool || !chosen) return finish(errorPage(request, 503), { backend: name, state: 'SC--' })
    const cookies = pool.backend.cookie ? (chosen.byCookie ? 'VN' : headerOf(request.headers, 'cookie')?.includes(`${pool.backend.cookie.name}=`) ? 'II' : 'NI') : '--'
    const begin = (first: Server, position: number): void => {
      const waited = clock.now - startedAt
      this.#forward(request, { pool, rules, asked, uri, first }, (outcome, server, told) => {
        const served: Partial<Served> = { backend: name, server: server.name, waited, queued: position, backendActive: pool.active - 1, serverActive: server.active - 1, ...told }
        pool.leave(server)
        if ('tunnel' in outcome) {
          const response: HttpResponse = { status: 101, reason: outcome.head.reason, headers: lower(outcome.head.headers), upgrade: (connection) => joinConnections(connection, outcome.tunnel, (length) => log(101, { backend: name, server: server.name, waited, connected: 0, answered: 0, state: '----', retries: 0, queued: 0, backendActive: 0, serverActive: 0, ...served, bytes: length })) }
          return respond(response)
        }
        if ('head' in outcome) {
          const sticking: Headers = pool.backend.cookie && !chosen.byCookie && server.endpoint ? [['set-cookie', `${pool.backend.cookie.name}=${pool.cookieFor(server)}; path=/`], ['cache-control', 'private']] : []
          const response = passOn(asked, outcome.head, outcome.body, rules, sticking)
          count(pool, server, outcome.head.status, requestSize(request), responseSize(response))
          return finish(response, { ...served, state: `--${cookies}` })
        }
        const status = outcome.phase !== 'read' ? 503 : outcome.error === 'ETIMEDOUT' ? 504 : 502
        if (outcome.phase === 'read') server.counts.responseErrors++
        else server.counts.connectErrors++
        count(pool, server, status, requestSize(request), 0)
        finish(errorPage(request, status), { ...served, connected: outcome.phase === 'read' ? 0 : -1, answered: -1, state: `${status === 503 ? 'SC' : status === 504 ? 'sH' : 'SH'}--` })
      })
    }
    pool.enter(chosen.server, chosen.sticks, configuration.global.queueTimeout, begin, (position) => finish(errorPage(request, 503), { backend: name, waited: clock.now - startedAt, queued: position, backendActive: pool.active, state: 'sQ--' }))
  }

  /** To bytes that are no request, whatever is wrong with them. */
  refuse(): HttpResponse {
    return { ...page(400), close: true }
  }

  /** Asks a server of the backend, and others after it. `done` hears which one has answered; it is the caller who leaves it. */
  #forward(request: HttpRequest, { pool, rules, asked, uri, first }: { pool: Pool; rules: FrontRules; asked: Asked; uri: string; first: Server }, done: (outcome: UpstreamOutcome, server: Server, told: Partial<Served>) => void): void {
    const { clock } = this.#process
    const { backend } = pool
    const { global } = this.#around.configuration()
    const headers = headersFor(asked, rules, pool)
    const target = rewritten(uri, rules)
    const http2: Pick<UpstreamRequest, 'http2'> = backend.h2 ? { http2: { target, headers, body: request.body } } : {}
    const bytes = writeRequest(request.method, target, headers, request.body)
    const preface = announcement(backend.sendProxy, request)
    let server = first
    const ask = (attempt: number): void => {
      const askedAt = clock.now
      const { endpoint } = server
      const told = (): Partial<Served> => ({ connected: 0, answered: clock.now - askedAt, retries: attempt })
      if (!endpoint) return done({ error: 'ECONNREFUSED', phase: 'connect' }, server, told())
      const tls = backend.tls && { ...(backend.tls.own ? { certificates: backend.tls.own } : {}), ...(backend.h2 ? { alpn: ['h2'] } : {}), ...(backend.tls.verify ? { verify: (chain: readonly Certificate[]) => this.#doubt(chain, backend.tls!.verify!) } : {}) }
      askUpstream(this.#process, { ...endpoint, program: 'haproxy', method: request.method, bytes, ...http2, ...(preface ? { preface } : {}), connectTimeout: global.connectTimeout, readTimeout: backend.serverTimeout ?? global.serverTimeout, ...(tls ? { tls } : {}) }, (outcome) => {
        if ('error' in outcome && outcome.phase !== 'read' && attempt + 1 < TRIES) {
          server.counts.retries++
          const next = attempt + 2 === TRIES ? pool.another(server) : server
          if (next !== server) {
            pool.move(server, next)
            server = next
          }
          // a second between two tries
          clock.schedule(outcome.error === 'ETIMEDOUT' ? 0 : 1_000, () => ask(attempt + 1))
          return
        }
        done(outcome, server, told())
      })
    }
    ask(0)
  }

  /** The alert for a server's certificate that server-ca does not vouch for: its name is not looked at ("verify required" without "verifyhost"). */
  #doubt(chain: readonly Certificate[], trusted: readonly Certificate[]): number | undefined {
    const problem = clientProblem(chain, trusted, this.#process.clock.wall())
    return problem && problem.code !== 26 ? ALERTS.unknownCa : undefined
  }

  /** The rules of the frontend, in the controller's order: deny, track, auth, rate, redirect. */
  #refused(request: HttpRequest, all: readonly FrontRules[], source: string, uri: string): { response: HttpResponse; state: string } | undefined {
    const no = (status: number): { response: HttpResponse; state: string } => ({ response: errorPage(request, status), state: 'PR--' })
    for (const { deny, allow } of all) if (contains(deny, source) || (allow.length > 0 && !contains(allow, source))) return no(403)
    const { guards, redirect, sslRedirect } = all.at(-1)!
    // who is refused later is counted, too
    const rate = guards.rate && this.#rates.count(source, guards.rate.period)
    if (guards.auth) {
      const verdict = judgeUser(guards.auth, request)
      if (typeof verdict === 'object') this.#around.log(`podhop: not simulated: ${verdict.lacking}\n`)
      if (verdict !== 'known') {
        const { response, state } = no(401)
        return { response: { ...response, headers: [...response.headers, ['www-authenticate', `Basic realm="${guards.auth.realm}"`]] }, state }
      }
    }
    if (guards.rate && rate! > guards.rate.requests) return no(guards.rate.status)
    const away = (status: number, url: string): { response: HttpResponse; state: string } => ({ response: { status, headers: [['content-length', '0'], ['location', url], ['cache-control', 'no-cache'], ...(request.keepAlive ? [] : [['connection', 'close']] satisfies Headers)], close: !request.keepAlive }, state: 'LR--' })
    if (sslRedirect !== undefined && !request.tls) return away(sslRedirect.status, `https://${(headerOf(request.headers, 'host') ?? '').replace(/:.*/, '')}:${sslRedirect.port}${uri}`)
    if (redirect) return away(redirect.status, redirect.url + uri)
    return undefined
  }

  /** The controller's own server, behind which nothing else stands (fasthttp). */
  #notFound(request: HttpRequest): HttpResponse {
    const body = encodeUtf8('default backend - 404')
    const headers: Headers = [['server', 'fasthttp'], ['date', httpDate(this.#process.clock.wall())], ['content-type', 'text/plain; charset=utf-8'], ['content-length', String(body.length)]]
    if (!request.keepAlive) headers.push(['connection', 'close'])
    return { status: 404, headers, body, close: !request.keepAlive }
  }
}

/** The certificate that is shown to a name. */
export function chainFor({ certificates, ownCertificate }: Configuration, name: string | undefined): readonly Certificate[] | undefined {
  const found = name === undefined ? undefined : (certificates.find(({ chain: [own] }) => own!.dnsNames.includes(name)) ?? certificates.find(({ chain: [own] }) => matchingName(own!, name) !== undefined))
  return (found ?? ownCertificate)?.chain
}

function count(pool: Pool, server: Server, status: number, received: number, sent: number): void {
  for (const { counts } of [pool, server]) {
    counts.answers[Math.floor(status / 100)]!++
    counts.received += received
    counts.sent += sent
  }
  pool.counts.sessions++
}

/** Whom the rules are about: src-ip-header may name another than who is connected. */
function sourceOf(request: HttpRequest, { guards }: FrontRules): string {
  const named = guards.source === undefined ? undefined : canonicalIp((headerOf(request.headers, guards.source) ?? '').split(',').at(-1)!.trim())
  return named ?? request.remoteAddress
}

function lower(headers: Headers): Headers {
  return headers.map(([n, v]) => [n.toLowerCase(), v])
}

function headersFor(asked: Asked, rules: FrontRules, { backend }: Pool): Headers {
  const { request } = asked
  const upgrade = headerOf(request.headers, 'upgrade')
  let headers: Headers = [['host', headerOf(request.headers, 'host') ?? ''], ...lower(request.headers.filter(([n]) => !HOP_BY_HOP.has(n.toLowerCase())))]
  if (request.body.length > 0 || headerOf(request.headers, 'content-length') !== undefined) headers.push(['content-length', String(request.body.length)])
  if (upgrade !== undefined) headers.push(['connection', 'upgrade'], ['upgrade', upgrade])
  const set = (name: string, value: string): void => void (headers = [...headers.filter(([n]) => n !== name), [name, value]])
  if (request.tls) set('x-forwarded-proto', 'https')
  for (const [name, value] of rules.requestHeaders) set(name.toLowerCase(), value(asked))
  if (rules.setHost !== undefined) headers = [['host', rules.setHost], ...headers.filter(([n]) => n !== 'host')]
  const cookie = backend.cookie?.name
  // "indirect": the server does not see it
  if (cookie !== undefined) headers = headers.flatMap(([n, v]): Headers => (n !== 'cookie' ? [[n, v]] : v.split(/;\s*/).filter((c) => !c.startsWith(`${cookie}=`)).length > 0 ? [[n, v.split(/;\s*/).filter((c) => !c.startsWith(`${cookie}=`)).join('; ')]] : []))
  if (backend.forwardedFor) headers.push(['x-forwarded-for', asked.source])
  return headers
}

function rewritten(uri: string, { rewrites }: FrontRules): string {
  const at = uri.indexOf('?')
  const [path, query] = at < 0 ? [uri, ''] : [uri.slice(0, at), uri.slice(at)]
  const next = rewrites.reduce((p, { pattern, replacement }) => p.replace(pattern, replacement.replace(/\$/g, '$$$$').replace(/\\([0-9])/g, '$$$1')), path)
  return next + query
}

function passOn(asked: Asked, head: ResponseHead, body: Uint8Array, rules: FrontRules, sticking: Headers): HttpResponse {
  let headers = lower(head.headers.filter(([n]) => n.toLowerCase() === 'content-length' || !HOP_BY_HOP.has(n.toLowerCase())))
  const set = (name: string, value: string): void => void (headers = [...headers.filter(([n]) => n !== name), [name, value]])
  for (const [name, value] of rules.responseHeaders) set(name.toLowerCase(), value(asked))
  headers.push(...sticking)
  for (const [name, value] of corsHeaders(rules.cors, asked.request)) set(name, value)
  const framed = framing(asked.request, head, body)
  if (framed.chunked) headers.push(['transfer-encoding', 'chunked'])
  if (framed.close) headers.push(['connection', 'close'])
  return { status: head.status, reason: head.reason || reasonOf(head.status), headers, body: framed.body, close: framed.close }
}
