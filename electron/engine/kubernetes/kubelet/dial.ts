import { joinHostPort } from '../../network/address.ts'
import type { Clock } from '../../clock.ts'
import type { NetworkNamespace, TcpConnection } from '../../network/types.ts'
import { TlsClient, type TlsFailure } from '../../programs/tls/socket.ts'
import { decodeUtf8 } from '../../text.ts'

/** Connections that the kubelet itself makes: probes and hooks, over the node's own sockets. */
const OWNER = { pid: 1, program: 'kubelet' }

export interface DialHandlers {
  onOpen(send: (bytes: Uint8Array) => void): void
  onData?(data: Uint8Array): void
  /** 'dial': it never stood; 'late': it ended before it was finished; 'tls': no TLS came of it. The reason is Go's text, "timeout" or "EOF". */
  onFailure(kind: 'dial' | 'late' | 'tls', reason: string): void
}

/** One connection, for at most `timeoutMs`; what is returned ends it whatever its state, and nothing is told any more. */
export function dial(clock: Clock, network: NetworkNamespace, host: string, port: number, timeoutMs: number, handlers: DialHandlers, tls = false): () => void {
  let over = false
  let open = false
  const finish = (): void => {
    over = true
    clock.cancel(timer)
    connection.abort()
  }
  const fail = (reason: string, kind?: 'tls'): void => {
    if (over) return
    finish()
    handlers.onFailure(kind ?? (open ? 'late' : 'dial'), reason)
  }
  const timer = clock.schedule(timeoutMs, () => fail('timeout'), { background: true })
  const listening = {
    onData: (data: Uint8Array): void => {
      if (!over) handlers.onData?.(data)
    },
    onEnd: (): void => fail('EOF'),
    onClose: (error?: Error & { code: string }): void => fail(error ? reasonOf(error.code) : 'EOF'),
  }
  let connection: TcpConnection = network.sockets.connect({ address: host, port, owner: OWNER }, {
    ...listening,
    onConnect: () => {
      if (over) return
      open = true
      const ready = (): void => handlers.onOpen((bytes) => connection.send(bytes))
      if (!tls) return ready()
      // whoever it is: the kubelet does not look at the certificate
      const secure = new TlsClient(connection, { random: clock.random.fork(`kubelet tls ${clock.now}`), blind: true, onSecure: ready, onFailure: (failure) => fail(tlsReason(failure), 'tls') })
      secure.handlers = listening
      connection = secure
    },
  })
  return finish
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused', EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable', ECONNRESET: 'connection reset by peer', ETIMEDOUT: 'connection timed out',
}

/** crypto/tls' words. */
export function tlsReason(failure: TlsFailure): string {
  if (failure.kind === 'alert') return `remote error: tls: ${failure.alert === 112 ? 'unrecognized name' : failure.alert === 40 ? 'handshake failure' : failure.alert === 120 ? 'no application protocol' : `alert(${failure.alert})`}`
  if (failure.kind === 'not-tls') return decodeUtf8(failure.data).startsWith('HTTP/') ? 'http: server gave HTTP response to HTTPS client' : 'tls: first record does not look like a TLS handshake'
  return failure.kind === 'eof' ? 'EOF' : `read tcp: ${reasonOf(failure.code)}`
}

/** Go's words for an errno. */
export function reasonOf(code: string): string {
  return REASONS[code] ?? code
}

/** What Go's net.Dialer says. */
export function dialError(host: string, port: number, reason: string): string {
  return reason === 'timeout' ? `dial tcp ${joinHostPort(host, port)}: i/o timeout` : `dial tcp ${joinHostPort(host, port)}: connect: ${reason}`
}
