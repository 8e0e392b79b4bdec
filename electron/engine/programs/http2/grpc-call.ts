import type { Random } from '../../random.ts'
import type { NetworkNamespace, SocketOwner, TcpConnection } from '../../network/types.ts'
import { concatBytes } from '../../text.ts'
import { headerOf, type Headers } from '../http/message.ts'
import { TlsClient, type TlsClientOptions } from '../tls/socket.ts'
import { Http2Client } from './client.ts'
import { encodeMessage } from './grpc.ts'
import { Http2Session, type Http2Stream } from './session.ts'

/** Calls of gRPC, both sides: one message is asked, any number answer (grpc/grpc, doc/PROTOCOL-HTTP2.md). */
export const GRPC = { ok: 0, canceled: 1, unknown: 2, unimplemented: 12, internal: 13, unavailable: 14 } as const
const NAMES = ['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable', 'DataLoss', 'Unauthenticated']

/** google.golang.org/grpc/codes. */
export function grpcCodeName(code: number): string {
  return NAMES[code] ?? `Code(${code})`
}

/** A server's side of a call. */
export interface GrpcAnswer {
  send(message: Uint8Array): void
  /** Nothing follows; `code` of {@link GRPC}. */
  end(code?: number, message?: string): void
  /** The other side does not want it any more, or is gone. */
  onCancel: (() => void) | undefined
}

/** "/observer.Observer/GetFlows" → what answers it. */
export type GrpcService = ReadonlyMap<string, (request: Uint8Array, answer: GrpcAnswer) => void>

/** Messages come in pieces of any length. */
class MessageReader {
  #data: Uint8Array = new Uint8Array(0)

  push(data: Uint8Array): Uint8Array[] {
    this.#data = this.#data.length === 0 ? data : concatBytes([this.#data, data])
    const messages: Uint8Array[] = []
    for (;;) {
      if (this.#data.length < 5) return messages
      const length = new DataView(this.#data.buffer, this.#data.byteOffset).getUint32(1)
      if (this.#data.length < 5 + length) return messages
      messages.push(this.#data.subarray(5, 5 + length))
      this.#data = this.#data.subarray(5 + length)
    }
  }
}

/** A server's connection; with TLS it is that of a TlsServer. */
export function serveGrpc(connection: TcpConnection, services: GrpcService): void {
  const session = new Http2Session({
    client: false,
    send: (bytes) => connection.send(bytes),
    onGoAway: (_, sent) => {
      if (sent) connection.abort()
    },
    onStream: (stream) => serveCall(stream, services),
  })
  connection.handlers = {
    onData: (bytes) => session.receive(bytes),
    onEnd: () => {
      session.close()
      connection.end()
    },
    onClose: () => session.close(),
  }
}

function serveCall(stream: Http2Stream, services: GrpcService): void {
  const reader = new MessageReader()
  let path = ''
  let request: Uint8Array = new Uint8Array(0)
  let [begun, over] = [false, false]
  const answer: GrpcAnswer = {
    onCancel: undefined,
    send: (message) => {
      if (over) return
      if (!begun) stream.headers([[':status', '200'], ['content-type', 'application/grpc']], false)
      begun = true
      stream.data(encodeMessage(message), false)
    },
    end: (code = GRPC.ok, message = '') => {
      if (over) return
      over = true
      stream.headers([...(begun ? [] : [[':status', '200'], ['content-type', 'application/grpc']] as Headers), ['grpc-status', String(code)], ['grpc-message', message]], true)
    },
  }
  const asked = (): void => {
    const handler = services.get(path)
    if (handler) return handler(request, answer)
    const [, service = '', method = ''] = path.split('/')
    answer.end(GRPC.unimplemented, [...services.keys()].some((known) => known.startsWith(`/${service}/`)) ? `unknown method ${method} for service ${service}` : `unknown service ${service}`)
  }
  stream.handlers = {
    onHeaders: (headers, last) => {
      path = headerOf(headers, ':path') ?? path
      if (last) asked()
    },
    onData: (data, last) => {
      request = reader.push(data)[0] ?? request
      if (last) asked()
    },
    onReset: () => {
      over = true
      answer.onCancel?.()
    },
  }
}

export interface GrpcAnswers {
  onMessage(message: Uint8Array): void
  /** `code`: of {@link GRPC}; unavailable when the connection goes. */
  onEnd(code: number, message: string): void
}

export interface GrpcDial {
  network: NetworkNamespace
  address: string
  port: number
  owner: SocketOwner
  authority: string
  userAgent: string
  tls?: Omit<TlsClientOptions, 'onSecure' | 'onFailure' | 'random' | 'alpn'> & { random: Random }
}

const ERRNO: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused', EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable', ECONNRESET: 'connection reset by peer', ETIMEDOUT: 'connection timed out',
}

/** A client's connection, and calls over it. */
export class GrpcChannel {
  /** 'failed' and 'closed' are for good: who wants another dials again. */
  state: 'connecting' | 'ready' | 'failed' | 'closed' = 'connecting'
  /** Go's words for why it does not stand. */
  error: string | undefined
  readonly #dial: GrpcDial
  readonly #connection: TcpConnection
  readonly #calls = new Set<GrpcAnswers>()
  #secured: TcpConnection | undefined
  #http2: Http2Client | undefined
  #waiting: (() => void)[] = []

  constructor(dial: GrpcDial, onState: (channel: GrpcChannel) => void = () => undefined) {
    this.#dial = dial
    const { network, address, port, owner, tls } = dial
    const over = (error: string, wasReady = this.state === 'ready'): void => {
      if (this.state === 'failed' || this.state === 'closed') return
      this.state = wasReady ? 'closed' : 'failed'
      this.error = error
      for (const call of [...this.#calls]) this.#ended(call, GRPC.unavailable, wasReady ? error : `connection error: desc = ${JSON.stringify(error)}`)
      onState(this)
    }
    const ready = (connection: TcpConnection): void => {
      this.#secured = connection
      this.#http2 = new Http2Client((bytes) => connection.send(bytes), { onGoAway: () => over('closing transport due to: connection error: desc = "received goaway"') })
      this.state = 'ready'
      for (const begin of this.#waiting.splice(0)) begin()
      onState(this)
    }
    const listening = {
      onData: (data: Uint8Array): void => this.#http2?.push(data),
      onEnd: (): void => {
        over('error reading from server: EOF')
        this.#connection.abort()
      },
      onClose: (error?: Error & { code: string }): void => over(this.state === 'ready' ? `error reading from server: ${error ? `read: ${ERRNO[error.code] ?? error.code}` : 'EOF'}` : `transport: Error while dialing: dial tcp ${address.includes(':') ? `[${address}]` : address}:${port}: connect: ${ERRNO[error?.code ?? ''] ?? 'connection refused'}`),
    }
    this.#connection = network.sockets.connect({ address, port, owner }, {
      ...listening,
      onConnect: () => {
        if (!tls) return ready(this.#connection)
        const secure: TcpConnection = new TlsClient(this.#connection, {
          ...tls, alpn: ['h2'], onSecure: () => ready(secure),
          onFailure: (failure) => over(failure.kind === 'alert' ? `transport: authentication handshake failed: ${failure.sent ? 'tls: failed to verify certificate: x509: certificate signed by unknown authority' : 'remote error: tls: bad certificate'}` : 'transport: authentication handshake failed: EOF'),
        })
        secure.handlers = listening
      },
    })
  }

  /** What is returned cancels it: then nothing is told any more. */
  call(path: string, request: Uint8Array, answers: GrpcAnswers): () => void {
    let stream: Http2Stream | undefined
    this.#calls.add(answers)
    if (this.state === 'failed' || this.state === 'closed') this.#ended(answers, GRPC.unavailable, `connection error: desc = ${JSON.stringify(this.error ?? '')}`)
    const begin = (): void => {
      if (this.#calls.has(answers)) stream = this.#begin(path, request, answers)
    }
    if (this.state === 'ready') begin()
    else this.#waiting.push(begin)
    return () => {
      if (!this.#calls.delete(answers)) return
      if (this.state === 'ready') stream?.reset()
    }
  }

  close(): void {
    this.#calls.clear()
    if (this.state === 'ready') this.#secured?.end()
    else this.#connection.abort()
    this.state = 'closed'
  }

  #ended(answers: GrpcAnswers, code: number, message: string): void {
    if (this.#calls.delete(answers)) answers.onEnd(code, message)
  }

  #begin(path: string, request: Uint8Array, answers: GrpcAnswers): Http2Stream {
    const reader = new MessageReader()
    const { authority, tls, userAgent } = this.#dial
    let status: [code: number, message: string] | undefined
    const told = (headers: Headers): void => {
      const code = headerOf(headers, 'grpc-status')
      if (code !== undefined) status = [Number(code), headerOf(headers, 'grpc-message') ?? '']
    }
    return this.#http2!.request({
      method: 'POST', scheme: tls ? 'https' : 'http', target: path, body: encodeMessage(request),
      headers: [['host', authority], ['content-type', 'application/grpc'], ['user-agent', userAgent], ['te', 'trailers']],
    }, {
      onHead: ({ headers }) => told(headers),
      onTrailers: told,
      onBody: (data) => {
        for (const message of reader.push(data)) if (this.#calls.has(answers)) answers.onMessage(message)
      },
      onReset: () => this.#ended(answers, GRPC.internal, 'stream terminated by RST_STREAM'),
      onComplete: () => this.#ended(answers, ...(status ?? [GRPC.unknown, 'server closed the stream without sending trailers'] as const)),
    })
  }
}
