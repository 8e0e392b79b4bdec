import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { concatBytes } from '../../text.ts'
import { TlsClient, type TlsClientOptions, type TlsFailure } from '../tls/socket.ts'
import { HttpSyntaxError, ResponseParser, type ResponseHead } from './message.ts'

/** One request to one server on a connection of its own, for programs that pass requests on. Times in ms. */
export interface UpstreamRequest {
  address: string
  port: number
  /** As `ss -p` shows it. */
  program: string
  method: string
  bytes: Uint8Array
  connectTimeout: number
  readTimeout: number
  /** HTTPS; without `verify` nobody looks at the certificate. */
  tls?: Pick<TlsClientOptions, 'serverName' | 'verify'>
}

export type UpstreamOutcome =
  | { head: ResponseHead; body: Uint8Array }
  /** 101 Switching Protocols: the connection is the caller's now. */
  | { head: ResponseHead; tunnel: TcpConnection }
  /** An errno's name, "EOF", "SYNTAX" or "TLS". */
  | { error: string; phase: 'connect' | 'tls' | 'read'; tls?: TlsFailure }

/** Calls `done` once. What is returned gives up, and `done` is not called any more. */
export function askUpstream(process: Process, request: UpstreamRequest, done: (outcome: UpstreamOutcome) => void): () => void {
  const { clock, network, pid } = process
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
  const parser = new ResponseParser({
    onHead: (h) => (head = h),
    onBody: (data) => body.push(data.slice()),
    onComplete: () => {
      if (head!.status === 101) finish({ head: head!, tunnel: connection })
      // 100 Continue and its like come before the answer
      else if (head!.status >= 200) finish({ head: head!, body: concatBytes(body) })
    },
  })
  parser.withoutBody = request.method === 'HEAD'
  const handlers = {
    onData: (data: Uint8Array): void => {
      if (over) return
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
    timer = clock.schedule(request.readTimeout, timeOut, { background: true })
    connection.send(request.bytes)
  }
  let connection: TcpConnection = network.sockets.connect({ address: request.address, port: request.port, owner: { pid, program: request.program } }, {
    ...handlers,
    onConnect: () => {
      if (over) return
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
