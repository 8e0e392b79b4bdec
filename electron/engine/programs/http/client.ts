import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { ownerOf } from '../stream.ts'
import { concatBytes } from '../../text.ts'
import { TlsClient, type TlsClientOptions, type TlsFailure } from '../tls/socket.ts'
import { Http2Client, type Http2Request } from '../http2/client.ts'
import { FRAME } from '../http2/frames.ts'
import { HttpSyntaxError, ResponseParser, type Headers, type ResponseHead } from './message.ts'

/** One request to one server on a connection of its own, for programs that pass requests on. Times in ms. */
export interface UpstreamRequest {
  address: string
  port: number
  /** As `ss -p` shows it. */
  program: string
  method: string
  bytes: Uint8Array
  /** Goes before everything else, TLS included: the PROXY protocol. */
  preface?: Uint8Array
  /** This instead of `bytes`, by HTTP/2: with prior knowledge, or agreed on by TLS. */
  http2?: Omit<Http2Request, 'scheme' | 'method'>
  connectTimeout: number
  /** Infinity: it may take as long as it likes. */
  readTimeout: number
  /** An answer that comes bit by bit is told so; then the outcome has no body. */
  onBody?(data: Uint8Array): void
  /** HTTPS; without `verify` nobody looks at the certificate. */
  tls?: Pick<TlsClientOptions, 'serverName' | 'verify' | 'alpn' | 'certificates'>
}

export type UpstreamOutcome =
  | { head: ResponseHead; body: Uint8Array; trailers?: Headers }
  /** 101 Switching Protocols: the connection is the caller's now. */
  | { head: ResponseHead; tunnel: TcpConnection }
  /** An errno's name, "EOF", "SYNTAX" or "TLS". */
  | { error: string; phase: 'connect' | 'tls' | 'read'; tls?: TlsFailure }

/** Calls `done` once. What is returned gives up, and `done` is not called any more. */
export function askUpstream(process: Pick<Process, 'clock' | 'network' | 'pid' | 'user'>, request: UpstreamRequest, done: (outcome: UpstreamOutcome) => void): () => void {
  const { clock, network } = process
  const body: Uint8Array[] = []
  let head: ResponseHead | undefined
  let phase: 'connect' | 'tls' | 'read' = 'connect'
  let over = false
  const finish = (outcome: UpstreamOutcome): void => {
    if (over) return
    over = true
    clock.cancel(timer)
    if (!('tunnel' in outcome) && connection.state !== 'CLOSED') connection.end()
    done(outcome)
  }
  const fail = (error: string, tls?: TlsFailure): void => finish({ error, phase, ...(tls ? { tls } : {}) })
  const timeOut = (): void => {
    if (!over) connection.abort()
    fail('ETIMEDOUT')
  }
  let timer = clock.schedule(request.connectTimeout, timeOut, { background: true })
  let http2: Http2Client | undefined
  let trailers: Headers | undefined
  const answers = {
    onHead: (h: ResponseHead): void => void (head = h),
    onBody: (data: Uint8Array): void => (request.onBody ? request.onBody(data.slice()) : void body.push(data.slice())),
    onTrailers: (t: Headers): void => void (trailers = t),
    onReset: (): void => fail('EOF'),
    onComplete: (): void => {
      if (head!.status === 101) finish({ head: head!, tunnel: connection })
      // 100 Continue and its like come before the answer
      else if (head!.status >= 200) finish({ head: head!, body: concatBytes(body), ...(trailers ? { trailers } : {}) })
    },
  }
  const parser = new ResponseParser(answers)
  parser.withoutBody = request.method === 'HEAD'
  const handlers = {
    onData: (data: Uint8Array): void => {
      if (over) return
      if (http2) {
        // no SETTINGS: this is another protocol
        if (http2.session.fresh && data[3] !== FRAME.settings) return fail('SYNTAX')
        return http2.push(data)
      }
      try {
        parser.push(data)
      } catch (error) {
        if (!(error instanceof HttpSyntaxError)) throw error
        fail('SYNTAX')
      }
    },
    onEnd: (): void => {
      if (!over) parser.end()
      fail('EOF')
    },
    onClose: (error?: Error & { code: string }): void => fail(error?.code ?? 'EOF'),
  }
  const ask = (): void => {
    phase = 'read'
    clock.cancel(timer)
    if (request.readTimeout < Infinity) timer = clock.schedule(request.readTimeout, timeOut, { background: true })
    if (request.http2) {
      http2 = new Http2Client((bytes) => connection.send(bytes))
      http2.request({ ...request.http2, method: request.method, scheme: request.tls ? 'https' : 'http' }, answers)
    } else connection.send(request.bytes)
  }
  let connection: TcpConnection = network.sockets.connect({ address: request.address, port: request.port, owner: ownerOf(process, request.program) }, {
    ...handlers,
    onConnect: () => {
      if (over) return
      if (request.preface) connection.send(request.preface)
      if (!request.tls) return ask()
      phase = 'tls'
      const tls = new TlsClient(connection, { ...request.tls, random: clock.random, onSecure: () => ask(), onFailure: (failure) => fail('TLS', failure) })
      tls.handlers = handlers
      connection = tls
    },
  })
  return () => {
    if (over) return
    over = true
    clock.cancel(timer)
    connection.abort()
  }
}

/** What comes in on one goes out on the other, until both have ended. `onOver` tells how much went to `a`. */
export function joinConnections(a: TcpConnection, b: TcpConnection, onOver?: (bytesToA: number) => void): void {
  let bytes = 0
  let open = 2
  const over = (): void => {
    if (--open === 0) onOver?.(bytes)
  }
  a.handlers = { onData: (data) => b.send(data), onEnd: () => b.end(), onClose: () => (b.state === 'CLOSED' ? undefined : b.end(), over()) }
  b.handlers = {
    onData: (data) => {
      bytes += data.length
      a.send(data)
    },
    onEnd: () => a.end(),
    onClose: () => (a.state === 'CLOSED' ? undefined : a.end(), over()),
  }
}
