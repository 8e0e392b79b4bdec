import type { Process } from '../../machine/types.ts'
import type { KeepAlive, TcpConnection, TcpListener } from '../../network/types.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { ownerOf } from '../stream.ts'
import { TlsServer, type TlsInfo, type TlsServerOptions } from '../tls/socket.ts'
import { announcedOn, type Announced } from './proxy-protocol.ts'
import { beginsHttp2, Http2ServerConnection, type Http2Habits } from './http2-server.ts'
import { sendPaced, type Pace } from './pace.ts'
import { HttpSyntaxError, keepsAlive, RequestParser, writeResponse, type Headers, type RequestHead } from './message.ts'
import { reasonOf } from './status.ts'

/** A server of HTTP/1.1 and, where it may, HTTP/2 on simulated sockets: keep-alive, pipelining in order, HEAD, request bodies. */
export interface HttpRequest {
  method: string
  /** As it stands in the request line. */
  target: string
  version: string
  headers: Headers
  body: Uint8Array
  /** The connection stays open after the answer. */
  keepAlive: boolean
  remoteAddress: string
  remotePort: number
  localAddress: string
  localPort: number
  /** The connection's number, from 1. */
  connection: number
  /** It came over TLS. */
  tls?: TlsInfo
  /** Who the PROXY protocol said that the client is, believed or not. */
  announced?: Announced
  /** Who answers late sets it, to hear that the client has ended or broken the connection in the meantime (HTTP/1.1). */
  gone?: () => void
}

export interface HttpResponse {
  status: number
  reason?: string
  /** Exactly these, in this order; the server adds none. */
  headers: Headers
  body?: Uint8Array
  /** Of HTTP/2 alone: gRPC's status. */
  trailers?: Headers
  /** Close the connection after it. */
  close?: boolean
  /** Nothing is sent: nobody is there to hear it. */
  silent?: boolean
  /** Sent no faster than this. */
  pace?: Pace
  /** The body comes bit by bit; what is sent is framed as the connection's HTTP does it. */
  stream?(body: AnswerBody): void
  /** After 101 Switching Protocols the connection belongs to another protocol. */
  upgrade?(connection: TcpConnection): void
}

/** A body that goes on after its head. */
export interface AnswerBody {
  /** The client is gone. */
  onGone: (() => void) | undefined
  send(bytes: Uint8Array): void
  end(): void
  /** Breaks it off: who reads it hears that it is not whole. */
  cut(): void
}

export interface HttpServerOptions {
  port: number
  /** "::" leaves the wildcard of IPv4 to others, as Go's tcp6 does. */
  address?: string
  program: string
  /** listen(2)'s second argument; 4096, as Go's. */
  backlog?: number
  /** Answers now or later; must answer once. */
  handle(request: HttpRequest, respond: (response: HttpResponse) => void): void
  /** Whether somebody else takes the connection, before anything of it is read. */
  take?(connection: TcpConnection): boolean
  /** Whether to answer as soon as the head is there, without waiting for the body: the connection closes after it. */
  early?(request: HttpRequest): boolean
  /** What to answer to bytes that are no request; the connection is closed after it. */
  refuse(status: number, remote: { address: string; port: number }, sent: Uint8Array): HttpResponse
  /** Idle connections are closed after this many ms (nginx: 75 s, Go: never). */
  keepAliveTimeout?: number
  /** SO_KEEPALIVE of the connections that are accepted. */
  tcpKeepAlive?: KeepAlive
  /** Takes HTTP/2 without TLS from who begins with it (prior knowledge). */
  h2c?: boolean
  /** How it introduces itself where it speaks HTTP/2: with `h2c`, or with "h2" in `tls.alpn`. */
  http2?: Http2Habits
  /** HTTPS. `random`: of a server whose connections may not change what others draw from the clock's. */
  tls?: Omit<TlsServerOptions, 'random' | 'onSecure'> & Partial<Pick<TlsServerOptions, 'random'>>
}

export interface HttpServer {
  /** Where it listens: of use when any port would do. */
  readonly port: number
  /** Connections since it listens, and those that are open. */
  readonly accepted: number
  readonly active: number
  /** Serves a connection that came in elsewhere as one of its own. */
  accept(connection: TcpConnection): void
  /** Stops listening; connections that are answering finish. */
  close(): void
}

/** Throws SystemError EADDRINUSE or EADDRNOTAVAIL. */
export function serveHttp(process: Process, options: HttpServerOptions): HttpServer {
  const connections = new Set<ServerConnection>()
  let number = 0
  const accept = (plain: TcpConnection): void => {
    const connection = options.tls ? new TlsServer(plain, { random: process.clock.random, ...options.tls }) : plain
    const one = new ServerConnection(process, connection, options, ++number, announcedOn(plain), () => connections.delete(one))
    connections.add(one)
  }
  const listener: TcpListener = process.network.sockets.listen(
    { port: options.port, owner: ownerOf(process, options.program), ...(options.address ? { address: options.address, v6only: options.address === '::' } : {}), ...(options.backlog === undefined ? {} : { backlog: options.backlog }) },
    (plain) => {
      if (options.tcpKeepAlive) plain.keepAlive?.(options.tcpKeepAlive)
      if (!options.take?.(plain)) accept(plain)
    },
  )
  process.onExit(() => {
    listener.close()
    for (const connection of connections) connection.finish()
  })
  return {
    port: listener.port,
    get accepted() {
      return number
    },
    get active() {
      return connections.size
    },
    accept,
    close() {
      listener.close()
      for (const connection of connections) connection.closeIfIdle()
    },
  }
}

class ServerConnection {
  readonly #process: Process
  readonly #connection: TcpConnection
  readonly #options: HttpServerOptions
  readonly #number: number
  readonly #announced: Announced | undefined
  readonly #parser: RequestParser
  readonly #gone: () => void
  #head: RequestHead | undefined
  #body: Uint8Array[] = []
  #queue: HttpRequest[] = []
  #answering = false
  /** Being answered. */
  #current: HttpRequest | undefined
  #ended = false
  #refused = false
  #http2: Http2ServerConnection | undefined
  #first = true
  #idle: ReturnType<Process['clock']['schedule']> | undefined

  constructor(process: Process, connection: TcpConnection, options: HttpServerOptions, number: number, announced: Announced | undefined, gone: () => void) {
    this.#process = process
    this.#connection = connection
    this.#announced = announced
    this.#options = options
    this.#number = number
    this.#gone = gone
    this.#parser = new RequestParser({
      onHead: (head) => this.#onHead(head),
      onBody: (data) => this.#body.push(data.slice()),
      onComplete: () => this.#onRequest(),
    })
    connection.handlers = {
      onData: (data) => this.#onData(data),
      onEnd: () => {
        this.#ended = true
        if (this.#http2) return this.#http2.close()
        if (!this.#answering && this.#queue.length === 0) this.finish()
        else this.#current?.gone?.()
      },
      onClose: () => this.#closed(),
    }
    this.#wait()
  }

  finish(): void {
    this.#process.clock.cancel(this.#idle)
    if (this.#connection.state !== 'CLOSED') this.#connection.end()
    this.#gone()
  }

  closeIfIdle(): void {
    if (this.#http2) return this.#http2.close()
    if (!this.#answering && this.#queue.length === 0 && this.#parser.idle) this.finish()
    else this.#ended = true
  }

  #closed(): void {
    this.#process.clock.cancel(this.#idle)
    this.#http2?.closed()
    this.#queue = []
    this.#ended = true
    this.#current?.gone?.()
    this.#gone()
  }

  #onData(data: Uint8Array): void {
    // after a refusal the rest of what was no HTTP may still come
    if (this.#refused) return
    this.#process.clock.cancel(this.#idle)
    if (this.#first) this.#http2 = this.#speaksHttp2(data) ? new Http2ServerConnection(this.#process.clock, this.#connection, this.#options, this.#number, this.#announced) : undefined
    this.#first = false
    if (this.#http2) {
      this.#http2.receive(data)
      if (!this.#http2.busy) this.#wait()
      return
    }
    try {
      this.#parser.push(data)
    } catch (error) {
      if (!(error instanceof HttpSyntaxError)) throw error
      this.#refused = true
      const { remoteAddress: address, remotePort: port } = this.#connection
      const response = this.#options.refuse(error.status, { address, port }, data)
      this.#connection.send(writeResponse(response.status, response.reason ?? reasonOf(response.status), response.headers, response.body))
      this.finish()
    }
  }

  #speaksHttp2(data: Uint8Array): boolean {
    const connection = this.#connection
    return connection instanceof TlsServer ? connection.info?.alpn === 'h2' : this.#options.h2c === true && beginsHttp2(data)
  }

  #onHead(head: RequestHead): void {
    this.#head = head
    this.#body = []
    if (this.#options.early?.(this.#request(head))) {
      // what still comes of the body is read and forgotten
      this.#refused = true
      this.#queue.push({ ...this.#request(head), keepAlive: false })
      return this.#next()
    }
    if (head.headers.some(([n, v]) => n.toLowerCase() === 'expect' && v.toLowerCase() === '100-continue')) {
      this.#connection.send(writeResponse(100, 'Continue', []))
    }
  }

  #onRequest(): void {
    if (this.#refused) return
    this.#queue.push(this.#request(this.#head!))
    this.#next()
  }

  #request(head: RequestHead): HttpRequest {
    const c = this.#connection
    return {
      method: head.method,
      target: head.target,
      version: head.version,
      headers: head.headers,
      body: concatBytes(this.#body),
      keepAlive: keepsAlive(head),
      remoteAddress: c.remoteAddress,
      remotePort: c.remotePort,
      localAddress: c.localAddress,
      localPort: c.localPort,
      connection: this.#number,
      ...(c instanceof TlsServer && c.info ? { tls: c.info } : {}),
      ...(this.#announced && { announced: this.#announced }),
    }
  }

  #next(): void {
    if (this.#answering) return
    const request = this.#queue.shift()
    if (!request) return this.#ended ? this.finish() : this.#wait()
    this.#answering = true
    this.#current = request
    let answered = false
    this.#options.handle(request, (response) => {
      if (answered) return
      answered = true
      if (response.pace && response.body && request.method !== 'HEAD' && this.#connection.state !== 'CLOSED') return this.#sendSlowly(response, response.pace, request.keepAlive)
      this.#answering = false
      this.#current = undefined
      if (response.silent) {
        this.#queue = []
        return this.finish()
      }
      const gone = this.#connection.state === 'CLOSED'
      const body = request.method === 'HEAD' ? undefined : response.body
      if (!gone) this.#connection.send(writeResponse(response.status, response.reason ?? reasonOf(response.status), response.headers, body))
      if (response.stream && !gone) {
        this.#gone()
        response.stream(chunkedBody(this.#connection))
      } else if (response.upgrade && !gone) {
        this.#gone()
        response.upgrade(this.#connection)
      } else if (response.close || !request.keepAlive) {
        this.#queue = []
        this.finish()
      } else this.#next()
    })
  }

  /** Requests behind it wait until it is through. */
  #sendSlowly(response: HttpResponse, pace: Pace, keepAlive: boolean): void {
    const connection = this.#connection
    const bytes = writeResponse(response.status, response.reason ?? reasonOf(response.status), response.headers, response.body)
    const send = (part: Uint8Array): boolean => {
      if (connection.state !== 'CLOSED') connection.send(part)
      return connection.state !== 'CLOSED'
    }
    sendPaced(this.#process.clock, bytes, pace, send, () => {
      this.#answering = false
      this.#current = undefined
      if (!response.close && keepAlive) return this.#next()
      this.#queue = []
      this.finish()
    })
  }

  #wait(): void {
    const { keepAliveTimeout } = this.#options
    if (keepAliveTimeout === undefined) return
    this.#process.clock.cancel(this.#idle)
    this.#idle = this.#process.clock.schedule(keepAliveTimeout, () => (this.#http2 ? this.#http2.close() : this.finish()), { background: true })
  }
}

/** In chunks (RFC 9112, 7.1); the connection ends with it. */
function chunkedBody(connection: TcpConnection): AnswerBody {
  const body: AnswerBody = {
    onGone: undefined,
    send: (bytes) => connection.send(concatBytes([encodeUtf8(`${bytes.length.toString(16)}\r\n`), bytes, encodeUtf8('\r\n')])),
    end: () => {
      connection.send(encodeUtf8('0\r\n\r\n'))
      connection.end()
    },
    cut: () => connection.end(),
  }
  connection.handlers = { onClose: () => body.onGone?.(), onEnd: () => connection.end() }
  return body
}
