import { joinHostPort } from '../../network/address.ts'
import type { Clock } from '../../clock.ts'
import type { NetworkNamespace } from '../../network/types.ts'

/** Connections that the kubelet itself makes: probes and hooks, over the node's own sockets. */
const OWNER = { pid: 1, program: 'kubelet' }

export interface DialHandlers {
  onOpen(send: (bytes: Uint8Array) => void): void
  onData?(data: Uint8Array): void
  /** 'dial': it never stood; 'late': it ended before it was finished. The reason is Go's text, "timeout" or "EOF". */
  onFailure(kind: 'dial' | 'late', reason: string): void
}

/** One connection, for at most `timeoutMs`; what is returned ends it whatever its state, and nothing is told any more. */
export function dial(clock: Clock, network: NetworkNamespace, host: string, port: number, timeoutMs: number, handlers: DialHandlers): () => void {
  let over = false
  let open = false
  const finish = (): void => {
    over = true
    clock.cancel(timer)
    connection.abort()
  }
  const fail = (reason: string): void => {
    if (over) return
    finish()
    handlers.onFailure(open ? 'late' : 'dial', reason)
  }
  const timer = clock.schedule(timeoutMs, () => fail('timeout'), { background: true })
  const connection = network.sockets.connect({ address: host, port, owner: OWNER }, {
    onConnect: () => {
      if (over) return
      open = true
      handlers.onOpen((bytes) => connection.send(bytes))
    },
    onData: (data) => {
      if (!over) handlers.onData?.(data)
    },
    onEnd: () => fail('EOF'),
    onClose: (error) => fail(error ? reasonOf(error.code) : 'EOF'),
  })
  return finish
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused', EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable', ECONNRESET: 'connection reset by peer', ETIMEDOUT: 'connection timed out',
}

function reasonOf(code: string): string {
  return REASONS[code] ?? code
}

/** What Go's net.Dialer says. */
export function dialError(host: string, port: number, reason: string): string {
  return reason === 'timeout' ? `dial tcp ${joinHostPort(host, port)}: i/o timeout` : `dial tcp ${joinHostPort(host, port)}: connect: ${reason}`
}
