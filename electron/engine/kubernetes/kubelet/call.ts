import type { Clock } from '../../clock.ts'
import { joinHostPort } from '../../network/address.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { KUBELET_PORT } from './server.ts'
import { dialError, reasonOf } from './dial.ts'

/** Whose connections they are: the API server's process on its machine. */
export interface Caller {
  readonly clock: Clock
  readonly network: NetworkNamespace
  readonly pid: number
}

export interface CallHandlers {
  onOpen(): void
  /** It never stood; Go's net.Dialer says why: "dial tcp 172.18.0.3:10250: connect: connection refused". */
  onFailure(reason: string): void
  /** The kubelet has let go of it. */
  onLost(): void
}

/** net.Dialer's Timeout of the transport to the kubelets (pkg/kubelet/client), in ms. */
const DIAL = 30_000

/**
 * The API server's connection to a kubelet, for as long as a log is read or a stream lasts. What is said on it is not simulated;
 * whether there is one, the packets decide. Nothing is told any more once what is returned has hung up.
 */
export function callKubelet({ clock, network, pid }: Caller, address: string, handlers: CallHandlers): () => void {
  let open = false
  let over = false
  const end = (tell: () => void): void => {
    if (over) return
    over = true
    clock.cancel(timer)
    tell()
  }
  const lost = (): void => end(() => {
    connection.end()
    handlers.onLost()
  })
  const fail = (reason: string): void => end(() => handlers.onFailure(dialError(address, KUBELET_PORT, reason)))
  const timer = clock.schedule(DIAL, () => {
    if (!over) connection.abort()
    fail('timeout')
  }, { background: true })
  const connection = network.sockets.connect({ address, port: KUBELET_PORT, owner: { pid, program: 'kube-apiserver' } }, {
    onConnect: () => {
      clock.cancel(timer)
      if (over) return
      open = true
      handlers.onOpen()
    },
    onEnd: lost,
    onClose: (error) => (open ? lost() : fail(reasonOf(error?.code ?? 'ECONNRESET'))),
  })
  return () => {
    if (over) return
    over = true
    clock.cancel(timer)
    if (open) connection.end()
    else connection.abort()
  }
}

/** "https://172.18.0.3:10250/exec/default/web/nginx?command=sh&output=1": url.Values' order. */
export function kubeletUrl(address: string, path: string, query: readonly (readonly [name: string, value: string])[] = []): string {
  const escape = (text: string): string => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`).replaceAll('%20', '+')
  const encoded = [...query].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([name, value]) => `${name}=${escape(value)}`).join('&')
  return `https://${joinHostPort(address, KUBELET_PORT)}/${path}${encoded === '' ? '' : `?${encoded}`}`
}
