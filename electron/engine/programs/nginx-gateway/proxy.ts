import type { Process } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import type { TcpConnection } from '../../network/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { askUpstream, joinConnections, type UpstreamOutcome, type UpstreamRequest } from '../http/client.ts'
import { framing } from '../http/framing.ts'
import { headerOf, writeRequest, type Headers } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { httpDate } from '../http/status.ts'
import { normalize } from '../nginx/paths.ts'
import { reason, specialPage } from '../nginx/pages.ts'
import { escapeUri, REPEATABLE, upstreamFailure } from '../nginx/failure.ts'
import { accessTime, errorTime } from '../nginx/time.ts'
import { ALERTS } from '../tls/wire.ts'
import { matchingName, readCertificates, verifyChain, type Certificate } from '../tls/x509.ts'
import type { NginxConfiguration, NginxMatch, UpstreamTls } from './configuration.ts'
import { firstArguments, locationFor, matchFor, serverFor } from './locations.ts'
import { hides, modifiedAnswer, modifiedPath, redirectTarget, upstreamHeaders } from './rewrites.ts'

/** nginx as NGINX Gateway Fabric v2.2.2 configures it. Times in ms. */
const CONNECT_TIMEOUT = 60_000
const READ_TIMEOUT = 60_000
const MAX_BODY = 1024 * 1024
/** Whom the image trusts (alpine's). */
const SYSTEM_TRUST = '/etc/ssl/cert.pem'
const EMPTY = new Uint8Array(0)
/** What nginx writes itself, or never passes on; server_tokens is off. */
const HIDDEN = new Set(['date', 'server', 'connection', 'keep-alive', 'transfer-encoding', 'content-type', 'content-length', 'x-pad'])

interface Endpoint { address: string; port: number }

export class GatewayProxy {
  readonly #process: Process
  readonly #configuration: () => NginxConfiguration
  readonly #out: (line: string) => void
  readonly #error: (line: string) => void
  /** Requests under way, by "address:port": `random two least_conn`. */
  readonly #load = new Map<string, number>()

  constructor(process: Process, configuration: () => NginxConfiguration, out: (line: string) => void, error: (line: string) => void) {
    this.#process = process
    this.#configuration = configuration
    this.#out = out
    this.#error = error
  }

  handle(request: HttpRequest, respond: (response: HttpResponse) => void): void {
    const finish = (response: HttpResponse): void => {
      this.#log(request, response)
      respond(response)
    }
    const page = (status: number, extra: Headers = []): void => finish(this.#page(request, status, extra))
    const absolute = /^https?:\/\/([^/]*)(\/.*)?$/.exec(request.target)
    const uri = absolute ? (absolute[2] ?? '/') : request.target
    const path = normalize(uri.split('?')[0]!)
    const header = absolute?.[1] ?? headerOf(request.headers, 'host')
    if (path === undefined || (header === undefined && request.version === '1.1')) return page(400)
    const host = (header ?? '').replace(/:[0-9]+$/, '').toLowerCase()
    const configuration = this.#configuration()
    const server = serverFor(configuration, request.localPort, host)
    if (!server) return page(404)
    if (request.tls && (request.tls.serverName ?? '') !== host) return page(421)
    const location = locationFor(server, path)
    const query = uri.includes('?') ? uri.slice(uri.indexOf('?') + 1) : ''
    if (location === 'slash') return page(301, [['Location', `${request.tls ? 'https' : 'http'}://${host}${request.localPort === (request.tls ? 443 : 80) ? '' : `:${request.localPort}`}${escapeUri(path)}/${query === '' ? '' : `?${query}`}`]])
    const match = location && matchFor(location, request, firstArguments(query))
    if (!match) return page(404)
    if (match.broken) return page(500)
    if (match.redirect) {
      const target = redirectTarget(match.redirect, location, { host, uri, path, scheme: request.tls ? 'https' : 'http', port: request.localPort })
      return page(match.redirect.statusCode ?? 302, [['Location', target]])
    }
    if (request.body.length > MAX_BODY) return page(413)
    const replaced = match.rewrite?.path && modifiedPath(match.rewrite.path, location, path)
    const target = replaced === undefined ? uri : `${escapeUri(replaced)}${query === '' ? '' : `?${query}`}`
    const headers = upstreamHeaders(request, match, header ?? host)
    const asked = match.grpc ? { bytes: EMPTY, http2: { target, headers: [...headers, ['te', 'trailers'] as [string, string]], body: request.body } } : { bytes: writeRequest(request.method, target, headers, request.body) }
    for (const mirror of match.mirrors) this.#mirror(mirror, request, match)
    const upstream = this.#choose(match)
    if (upstream === undefined) return page(500)
    this.#forward(configuration.upstreams[upstream] ?? [], request, asked, { upstream, target, tls: match.tls, giveUp: (cancel) => (request.gone = () => (cancel(), finish({ status: 499, headers: [], silent: true }))) }, (outcome) => {
      if (typeof outcome === 'number' && match.grpc) finish(grpcFailure(this.#process.clock.wall()))
      else if (typeof outcome === 'number') page(outcome)
      else finish(this.#passOn(request, outcome, match))
    })
  }

  /** Of a TLS client's hello: the certificate of the server that it names, or no handshake at all. */
  certificateFor(port: number, serverName: string | undefined): string | undefined {
    return serverFor(this.#configuration(), port, serverName ?? '')?.certificate?.chain
  }

  refuse(status: number): HttpResponse {
    const body = encodeUtf8(specialPage(status, undefined))
    return { status, reason: reason(status), headers: [['Server', 'nginx'], ['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ['Connection', 'close']], body, close: true }
  }

  /** split_clients. Undefined: a backend that is none, which answers 500. */
  #choose({ backends }: NginxMatch): string | undefined {
    if (backends.length === 1) return backends[0]!.upstream
    let at = this.#process.clock.random.float() * 10_000
    return backends.find((b) => (at -= b.share) < 0)?.upstream
  }

  #forward(endpoints: readonly Endpoint[], request: HttpRequest, asked: Pick<UpstreamRequest, 'bytes' | 'http2'>, about: { upstream: string; target: string; tls: UpstreamTls | undefined; giveUp?(cancel: () => void): void }, done: (outcome: Extract<UpstreamOutcome, { head: unknown }> | number) => void): void {
    if (endpoints.length === 0) return done(503)
    const left = [...endpoints]
    const next = (): void => {
      const endpoint = left.splice(this.#least(left), 1)[0]!
      const key = joinHostPort(endpoint.address, endpoint.port)
      this.#load.set(key, (this.#load.get(key) ?? 0) + 1)
      const release = (): void => {
        const load = this.#load.get(key)! - 1
        if (load > 0) this.#load.set(key, load)
        else this.#load.delete(key)
      }
      const doubts: string[] = []
      const tls = about.tls && { serverName: about.tls.name, verify: (chain: readonly Certificate[]) => this.#doubt(chain, about.tls!, doubts) }
      const cancel = askUpstream(this.#process, { ...endpoint, program: 'nginx', method: request.method, ...asked, connectTimeout: CONNECT_TIMEOUT, readTimeout: READ_TIMEOUT, ...(tls ? { tls } : {}) }, (outcome) => {
        release()
        if ('head' in outcome) return done(outcome)
        const [doubt] = doubts
        this.#requestError(doubt === undefined ? upstreamFailure(outcome, 'musl') : `${doubt} while SSL handshaking to upstream`, request, `${asked.http2 ? 'grpc' : 'http'}${tls ? 's' : ''}://${key}${about.target}`)
        if (left.length > 0 && (outcome.phase === 'connect' || REPEATABLE.has(request.method))) next()
        else done(outcome.error === 'ETIMEDOUT' ? 504 : 502)
      })
      about.giveUp?.(() => (cancel(), release()))
    }
    next()
  }

  /** proxy_ssl_verify: the alert that ends it; its words go to the log. */
  #doubt(chain: readonly Certificate[], { name, trusted }: UpstreamTls, doubts: string[]): number | undefined {
    const { fs, clock } = this.#process
    const anchors = readCertificates(trusted !== 'system' ? trusted : fs.exists(SYSTEM_TRUST) ? fs.readText(SYSTEM_TRUST) : '')
    const problem = verifyChain(chain, anchors, clock.wall())
    if (problem) doubts.push(`upstream SSL certificate verify error: (${problem.code}:${problem.text})`)
    else if (!chain[0] || matchingName(chain[0], name) === undefined) doubts.push(`upstream SSL certificate does not match "${name}"`)
    return doubts.length > 0 ? ALERTS.badCertificate : undefined
  }

  /** Of two that chance names, the one with less to do. */
  #least(endpoints: readonly Endpoint[]): number {
    if (endpoints.length === 1) return 0
    const { random } = this.#process.clock
    const a = random.below(endpoints.length)
    const b = (a + 1 + random.below(endpoints.length - 1)) % endpoints.length
    const loadOf = (i: number): number => this.#load.get(joinHostPort(endpoints[i]!.address, endpoints[i]!.port)) ?? 0
    return loadOf(b) < loadOf(a) ? b : a
  }

  /** A copy whose answer nobody sees. */
  #mirror({ upstream, percent, tls }: NginxMatch['mirrors'][number], request: HttpRequest, match: NginxMatch): void {
    if (percent < 100 && this.#process.clock.random.float() * 100 >= percent) return
    const headers = upstreamHeaders(request, match, headerOf(request.headers, 'host') ?? '')
    this.#forward(this.#configuration().upstreams[upstream] ?? [], request, { bytes: writeRequest(request.method, request.target, headers, request.body) }, { upstream, target: request.target, tls }, () => undefined)
  }

  #passOn(request: HttpRequest, outcome: Extract<UpstreamOutcome, { head: unknown }>, match: NginxMatch): HttpResponse {
    const { head } = outcome
    const others = modifiedAnswer(head.headers.filter(([name]) => !HIDDEN.has(name.toLowerCase()) && !name.toLowerCase().startsWith('x-accel-')), match.responseHeaders)
    const headers: Headers = [['Server', 'nginx'], ['Date', httpDate(this.#process.clock.wall())]]
    if ('tunnel' in outcome) {
      headers.push(['Connection', 'upgrade'], ...others)
      return { status: head.status, reason: head.reason, headers, upgrade: (connection: TcpConnection) => joinConnections(connection, outcome.tunnel) }
    }
    const { body } = outcome
    const type = headerOf(head.headers, 'content-type')
    const length = headerOf(head.headers, 'content-length')
    if (type !== undefined && !hides(match.responseHeaders, 'content-type')) headers.push(['Content-Type', type])
    if (length !== undefined) headers.push(['Content-Length', length])
    const framed = framing(request, head, body)
    if (framed.chunked) headers.push(['Transfer-Encoding', 'chunked'])
    headers.push(['Connection', framed.close ? 'close' : 'keep-alive'], ...others)
    return { status: head.status, reason: head.reason || reason(head.status), headers, body: framed.body, close: framed.close, ...(outcome.trailers ? { trailers: outcome.trailers } : {}) }
  }

  #page(request: HttpRequest, status: number, extra: Headers): HttpResponse {
    const body = encodeUtf8(specialPage(status, undefined))
    const close = !request.keepAlive || status === 400 || status === 413
    const headers: Headers = [['Server', 'nginx'], ['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ['Connection', close ? 'close' : 'keep-alive'], ...extra]
    return { status, reason: reason(status), headers, body, close }
  }

  /** nginx' own format "combined". */
  #log(request: HttpRequest, response: HttpResponse): void {
    const header = (name: string): string => headerOf(request.headers, name) ?? '-'
    const sent = request.method === 'HEAD' ? 0 : (response.body?.length ?? 0)
    this.#out(`${request.remoteAddress} - - [${accessTime(this.#process.clock.wall())}] "${request.method} ${request.target} HTTP/${request.version}" ${response.status} ${sent} "${header('referer')}" "${header('user-agent')}"\n`)
  }

  #requestError(message: string, request: HttpRequest, upstream: string): void {
    const { clock, pid } = this.#process
    const host = headerOf(request.headers, 'host')
    this.#error(
      `${errorTime(clock.wall())} [error] ${pid}#${pid}: *${request.connection} ${message}, client: ${request.remoteAddress}, server: ${(host ?? '').replace(/:[0-9]+$/, '')}, ` +
        `request: "${request.method} ${request.target} HTTP/${request.version}", upstream: "${upstream}"${host ? `, host: "${host}"` : ''}\n`,
    )
  }
}

/** grpc-error-locations.conf of NGINX Gateway Fabric: what stands in for 502, 503 and 504 where gRPC is spoken. */
function grpcFailure(now: number): HttpResponse {
  return { status: 204, reason: 'No Content', headers: [['Server', 'nginx'], ['Date', httpDate(now)], ['grpc-status', '14'], ['grpc-message', 'unavailable']] }
}
