import type { Clock } from '../../clock.ts'
import type { TcpConnection } from '../../network/types.ts'
import { concatBytes } from '../../text.ts'
import { responseHeaders } from '../http2/client.ts'
import { ERROR, PREFACE, SETTING, type Settings } from '../http2/frames.ts'
import { Http2Session, type Http2Stream } from '../http2/session.ts'
import { TlsServer } from '../tls/socket.ts'
import { outOfChunks } from './framing.ts'
import { headerOf, type Headers } from './message.ts'
import { sendPaced } from './pace.ts'
import type { Announced } from './proxy-protocol.ts'
import type { AnswerBody, HttpRequest, HttpServerOptions } from './server.ts'

/** What a server says of itself first. */
export interface Http2Habits { settings: Settings; window?: number }

/** net/http's (golang.org/x/net/http2, server.go). */
export const GO_HTTP2: Http2Habits = { settings: [[SETTING.maxFrameSize, 1_048_576], [SETTING.maxConcurrentStreams, 250], [SETTING.maxHeaderListSize, 1_048_896], [SETTING.initialWindowSize, 1_048_576]], window: 983_041 }
/** ngx_http_v2_module's. */
export const NGINX_HTTP2: Http2Habits = { settings: [[SETTING.maxConcurrentStreams, 128], [SETTING.initialWindowSize, 65_536], [SETTING.maxFrameSize, 16_777_215]], window: 2_147_418_112 }
/** haproxy's (src/mux_h2.c). */
export const HAPROXY_HTTP2: Http2Habits = { settings: [[SETTING.maxConcurrentStreams, 100], [SETTING.initialWindowSize, 65_536]] }

/** Whether a connection's first bytes are those of HTTP/2, as far as they have come. */
export function beginsHttp2(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes.subarray(0, PREFACE.length).every((byte, i) => byte === PREFACE[i])
}

interface Asked { headers: Headers; body: Uint8Array[] }

/** The server's side of one connection that speaks HTTP/2, for {@link HttpServerOptions.handle}. */
export class Http2ServerConnection {
  readonly #clock: Clock
  readonly #connection: TcpConnection
  readonly #options: HttpServerOptions
  readonly #number: number
  readonly #announced: Announced | undefined
  readonly #session: Http2Session
  #answering = 0
  #closing = false

  constructor(clock: Clock, connection: TcpConnection, options: HttpServerOptions, number: number, announced: Announced | undefined) {
    this.#clock = clock
    this.#announced = announced
    this.#connection = connection
    this.#options = options
    this.#number = number
    this.#session = new Http2Session({
      client: false, send: (bytes) => connection.send(bytes), ...(options.http2 ?? GO_HTTP2),
      onStream: (stream) => this.#onStream(stream),
      onGoAway: (_, sent) => {
        if (sent) connection.end()
      },
    })
  }

  get busy(): boolean {
    return this.#answering > 0
  }

  receive(data: Uint8Array): void {
    this.#session.receive(data)
  }

  /** Takes no more; ends when all is answered. */
  close(): void {
    if (!this.#closing) this.#session.goAway()
    this.#closing = true
    if (this.#answering === 0 && this.#connection.state !== 'CLOSED') this.#connection.end()
  }

  closed(): void {
    this.#session.close()
  }

  #onStream(stream: Http2Stream): void {
    const asked: Asked = { headers: [], body: [] }
    let over = false
    let gone: (() => void) | undefined
    stream.handlers = {
      onHeaders: (headers, last) => {
        if (asked.headers.length === 0) asked.headers = headers
        if (last) this.#ask(stream, asked, () => over, (onGone) => (gone = onGone))
      },
      onData: (data, last) => {
        asked.body.push(data)
        if (last) this.#ask(stream, asked, () => over, (onGone) => (gone = onGone))
      },
      onReset: () => {
        over = true
        gone?.()
      },
    }
  }

  #ask(stream: Http2Stream, { headers, body }: Asked, isOver: () => boolean, whenGone: (onGone: () => void) => void): void {
    const [method, target, authority] = [':method', ':path', ':authority'].map((name) => headerOf(headers, name))
    if (method === undefined || target === undefined || target === '') return stream.reset(ERROR.protocol)
    const c = this.#connection
    const request: HttpRequest = {
      method, target, version: '2.0',
      headers: [...(authority === undefined ? [] : [['Host', authority] as [string, string]]), ...headers.filter(([name]) => !name.startsWith(':'))],
      body: concatBytes(body), keepAlive: true, remoteAddress: c.remoteAddress, remotePort: c.remotePort, localAddress: c.localAddress, localPort: c.localPort, connection: this.#number,
      ...(c instanceof TlsServer && c.info ? { tls: c.info } : {}), ...(this.#announced && { announced: this.#announced }),
    }
    this.#answering++
    let answered = false
    this.#options.handle(request, (response) => {
      if (answered) return
      answered = true
      this.#answering--
      if (!isOver() && c.state !== 'CLOSED') {
        if (response.stream) {
          stream.headers(responseHeaders(response.status, response.headers), false)
          const answer: AnswerBody = { onGone: undefined, send: (bytes) => stream.data(bytes, false), end: () => stream.data(new Uint8Array(0), true), cut: () => stream.reset(ERROR.internal) }
          whenGone(() => answer.onGone?.())
          return response.stream(answer)
        }
        const chunked = response.body !== undefined && headerOf(response.headers, 'transfer-encoding')?.toLowerCase() === 'chunked'
        const data = method === 'HEAD' ? undefined : chunked ? outOfChunks(response.body!) : response.body
        const { trailers } = response
        const has = data !== undefined && data.length > 0
        stream.headers(responseHeaders(response.status, response.headers), !has && !trailers)
        if (has && response.pace) {
          this.#answering++
          sendPaced(this.#clock, data, response.pace, (part) => {
            const there = !isOver() && c.state !== 'CLOSED'
            if (there) stream.data(part, false)
            else this.#answering--
            return there
          }, () => {
            this.#answering--
            if (trailers) stream.headers(trailers, true)
            else stream.data(new Uint8Array(0), true)
            if (response.close || this.#closing) this.close()
          })
          return
        }
        if (has) stream.data(data, !trailers)
        if (trailers) stream.headers(trailers, true)
      }
      if (response.close || this.#closing) this.close()
    })
  }
}
