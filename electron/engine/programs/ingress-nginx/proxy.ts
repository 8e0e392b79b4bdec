import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { headerOf, HttpSyntaxError, ResponseParser, writeRequest, type Headers, type ResponseHead } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { httpDate } from '../http/status.ts'
import { normalize, specialPage, title } from '../nginx/answer.ts'
import { accessTime, errorTime } from '../nginx/nginx.ts'
import { DEFAULT_BACKEND, locationFor, serverFor, type Configuration, type Endpoint } from './configuration.ts'

/** nginx as the controller configures it (rootfs/etc/nginx/template/nginx.tmpl, lua/balancer.lua). Times in ms. */
const CONNECT_TIMEOUT = 5_000
const READ_TIMEOUT = 60_000
const TRIES = 3
const MAX_BODY = 1024 * 1024
const INTERNAL = '127.0.0.1:8181'
/** Of the request: what nginx sets itself, or what ends at it. */
const SET = new Set([
  'host', 'connection', 'keep-alive', 'te', 'transfer-encoding', 'upgrade', 'expect', 'proxy', 'content-length',
  'x-request-id', 'x-real-ip', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto', 'x-forwarded-scheme', 'x-scheme', 'x-original-forwarded-for',
])
/** Of the answer: what nginx writes itself, or never passes on (proxy_hide_header's defaults; server_tokens is off). */
const HIDDEN = new Set(['date', 'server', 'connection', 'keep-alive', 'transfer-encoding', 'content-type', 'content-length', 'x-pad', 'x-powered-by'])
/** strerror(3) of musl, on which the image is built. */
const ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: '111: Connection refused', ECONNRESET: '104: Connection reset by peer', EHOSTUNREACH: '113: Host is unreachable', ENETUNREACH: '101: Network unreachable', ETIMEDOUT: '110: Operation timed out',
}

interface Attempt { endpoint: Endpoint; status: string; length: number; startedAt: number; endedAt: number }

type Outcome = { head: ResponseHead; body: Uint8Array } | { failed: string; timedOut: boolean; connected: boolean }

/** What the log says about one request besides itself. */
interface Entry { upstream: string; attempts: readonly { address: string; length: number; seconds: string; status: string }[] }

export class Proxy {
  readonly #process: Process
  readonly #configuration: () => Configuration
  readonly #out: (line: string) => void
  readonly #error: (line: string) => void
  /** Whose turn it is, by backend. */
  readonly #turns = new Map<string, number>()

  constructor(process: Process, configuration: () => Configuration, out: (line: string) => void, error: (line: string) => void) {
    this.#process = process
    this.#configuration = configuration
    this.#out = out
    this.#error = error
  }

  handle(request: HttpRequest, respond: (response: HttpResponse) => void): void {
    const { clock } = this.#process
    const startedAt = clock.now
    const id = headerOf(request.headers, 'x-request-id') || clock.random.hex(32)
    const finish = (response: HttpResponse, entry: Entry): void => {
      this.#log(request, response, entry, id, startedAt)
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
    const location = locationFor(server, path)
    if (location && 'redirect' in location) {
      const query = uri.includes('?') ? uri.slice(uri.indexOf('?')) : ''
      return page(301, '-', [], [['Location', `http://${(host ?? '').replace(/:[0-9]+$/, '')}${escapeUri(location.redirect)}${query}`]])
    }
    if (request.body.length > MAX_BODY) return page(413, location?.backend ?? DEFAULT_BACKEND)
    if (!location || location.backend === DEFAULT_BACKEND) {
      const response = this.#page(request, 404)
      return finish(response, { upstream: DEFAULT_BACKEND, attempts: [{ address: INTERNAL, length: response.body!.length, seconds: '0.000', status: '404' }] })
    }
    const endpoints = configuration.backends.get(location.backend) ?? []
    if (endpoints.length === 0) return page(503, location.backend)
    const target = location.rewrite === undefined ? uri : rewritten(uri, path, location.path, location.rewrite)
    const headers = this.#headersFor(request, host ?? absolute?.[1] ?? server.host, id)

    const attempts: Attempt[] = []
    const describe = (): Entry['attempts'] => attempts.map((a) => ({ address: `${a.endpoint.address}:${a.endpoint.port}`, length: a.length, seconds: seconds(a.endedAt - a.startedAt), status: a.status }))
    const next = (): void => {
      const turn = this.#turns.get(location.backend) ?? 0
      this.#turns.set(location.backend, turn + 1)
      const endpoint = endpoints[turn % endpoints.length]!
      const attempt: Attempt = { endpoint, status: '', length: 0, startedAt: clock.now, endedAt: clock.now }
      attempts.push(attempt)
      this.#ask(endpoint, request, target, headers, (outcome) => {
        attempt.endedAt = clock.now
        if ('head' in outcome) {
          attempt.status = String(outcome.head.status)
          attempt.length = outcome.body.length
          return finish(this.#passOn(request, outcome), { upstream: location.backend, attempts: describe() })
        }
        attempt.status = outcome.timedOut ? '504' : '502'
        this.#requestError(outcome.failed, request, server.host, `http://${endpoint.address}:${endpoint.port}${target}`)
        // once it was sent, only what may be done twice is
        const again = !outcome.connected || ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'].includes(request.method)
        if (again && attempts.length < TRIES) next()
        else page(Number(attempt.status), location.backend, describe())
      })
    }
    next()
  }

  /** To bytes that are no request. */
  refuse(status: number): HttpResponse {
    const body = encodeUtf8(specialPage(status, undefined))
    return { status, reason: title(status).slice(4), headers: [['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ['Connection', 'close']], body, close: true }
  }

  /** One connection to one endpoint, from the Pod's own network. */
  #ask(endpoint: Endpoint, request: HttpRequest, target: string, headers: Headers, done: (outcome: Outcome) => void): void {
    const { clock, network, pid } = this.#process
    const body: Uint8Array[] = []
    let head: ResponseHead | undefined
    let connected = false
    let over = false
    const end = (outcome: Outcome): void => {
      if (over) return
      over = true
      clock.cancel(timer)
      if (connection.state !== 'CLOSED') connection.end()
      done(outcome)
    }
    const fail = (what: string, timedOut = false): void => {
      const phase = connected ? 'reading response header from' : 'connecting to'
      if (timedOut && !over) connection.abort()
      end({ failed: `${what} while ${phase} upstream`, timedOut, connected })
    }
    const timeOut = (): void => fail(`upstream timed out (${ERRORS['ETIMEDOUT']})`, true)
    let timer = clock.schedule(CONNECT_TIMEOUT, timeOut, { background: true })
    const parser = new ResponseParser({
      onHead: (h) => (head = h),
      onBody: (data) => body.push(data.slice()),
      onComplete: () => {
        // 100 Continue and its like come before the answer
        if (head!.status >= 200) end({ head: head!, body: concatBytes(body) })
      },
    })
    parser.withoutBody = request.method === 'HEAD'
    const connection: TcpConnection = network.sockets.connect({ address: endpoint.address, port: endpoint.port, owner: { pid, program: 'nginx' } }, {
      onConnect: () => {
        connected = true
        clock.cancel(timer)
        timer = clock.schedule(READ_TIMEOUT, timeOut, { background: true })
        connection.send(writeRequest(request.method, target, headers, request.body))
      },
      onData: (data) => {
        if (over) return
        try {
          parser.push(data)
        } catch (error) {
          if (!(error instanceof HttpSyntaxError)) throw error
          fail('upstream sent no valid HTTP/1.0 header')
        }
      },
      onEnd: () => {
        if (!over) parser.end()
        fail('upstream prematurely closed connection')
      },
      onClose: (error) => fail(error ? `${connected ? 'recv' : 'connect'}() failed (${ERRORS[error.code] ?? error.code})` : 'upstream prematurely closed connection', error?.code === 'ETIMEDOUT'),
    })
  }

  #headersFor(request: HttpRequest, host: string, id: string): Headers {
    const forwarded = headerOf(request.headers, 'x-forwarded-for')
    const headers: Headers = [
      ['Host', host],
      ['X-Request-ID', id],
      ['X-Real-IP', request.remoteAddress],
      ['X-Forwarded-For', request.remoteAddress],
      ['X-Forwarded-Host', host],
      ['X-Forwarded-Port', String(request.localPort)],
      ['X-Forwarded-Proto', 'http'],
      ['X-Forwarded-Scheme', 'http'],
      ['X-Scheme', 'http'],
    ]
    if (forwarded) headers.push(['X-Original-Forwarded-For', forwarded])
    if (request.body.length > 0 || headerOf(request.headers, 'content-length') !== undefined) headers.push(['Content-Length', String(request.body.length)])
    return [...headers, ...request.headers.filter(([name]) => !SET.has(name.toLowerCase()))]
  }

  #passOn(request: HttpRequest, { head, body }: { head: ResponseHead; body: Uint8Array }): HttpResponse {
    const headers: Headers = [['Date', httpDate(this.#process.clock.wall())]]
    const type = headerOf(head.headers, 'content-type')
    const length = headerOf(head.headers, 'content-length')
    const bodiless = head.status === 204 || head.status === 304
    if (type !== undefined) headers.push(['Content-Type', type])
    if (length !== undefined) headers.push(['Content-Length', length])
    const chunked = length === undefined && !bodiless && request.version === '1.1'
    if (chunked) headers.push(['Transfer-Encoding', 'chunked'])
    const close = !request.keepAlive || (length === undefined && !bodiless && !chunked)
    headers.push(['Connection', close ? 'close' : 'keep-alive'])
    for (const [name, value] of head.headers) {
      const lower = name.toLowerCase()
      if (!HIDDEN.has(lower) && !lower.startsWith('x-accel-')) headers.push([name, value])
    }
    return { status: head.status, reason: head.reason, headers, body: chunked && request.method !== 'HEAD' ? inChunks(body) : body, close }
  }

  #page(request: HttpRequest, status: number, extra: Headers = []): HttpResponse {
    const body = encodeUtf8(specialPage(status, undefined))
    const close = !request.keepAlive || status === 400 || status === 413
    const headers: Headers = [['Date', httpDate(this.#process.clock.wall())], ['Content-Type', 'text/html'], ['Content-Length', String(body.length)], ...extra, ['Connection', close ? 'close' : 'keep-alive']]
    return { status, reason: title(status).slice(4), headers, body, close }
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

  #requestError(message: string, request: HttpRequest, server: string, upstream: string): void {
    const { clock, pid } = this.#process
    const host = headerOf(request.headers, 'host')
    this.#error(
      `${errorTime(clock.wall())} [error] ${pid}#${pid}: *${request.connection} ${message}, client: ${request.remoteAddress}, server: ${server}, ` +
        `request: "${request.method} ${request.target} HTTP/${request.version}", upstream: "${upstream}"${host ? `, host: "${host}"` : ''}\n`,
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

/** ngx_escape_uri of a decoded path, whose characters are bytes. */
function escapeUri(path: string): string {
  return path.replace(/[\x00-\x20"#%?\x7f-\xff]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

function inChunks(body: Uint8Array): Uint8Array {
  return body.length === 0 ? encodeUtf8('0\r\n\r\n') : concatBytes([encodeUtf8(`${body.length.toString(16)}\r\n`), body, encodeUtf8('\r\n0\r\n\r\n')])
}
