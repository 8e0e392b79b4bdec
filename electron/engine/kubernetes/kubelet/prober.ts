import type { Clock } from '../../clock.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { Container, Pod, Probe } from '../types.ts'
import type { ContainerRun } from './container.ts'
import { runInContainer } from './run-command.ts'

/** What a probe found: ok, or the text that follows "Readiness probe failed: ". */
export type ProbeAnswer = (result: { ok: true } | { ok: false; message: string }) => void
type Handler = Pick<Probe, 'httpGet' | 'tcpSocket' | 'exec'> & { grpc?: object }

const OWNER = { pid: 1, program: 'kubelet' }

/**
 * Asks once, over the node's own sockets, as pkg/kubelet/prober does; answers exactly once unless it is undone first.
 * Returns what undoes it.
 */
export function probeOnce(clock: Clock, network: NetworkNamespace, pod: Pod, container: Container, run: ContainerRun, handler: Handler, timeoutMs: number, answer: ProbeAnswer): () => void {
  if (handler.exec) return probeExec(clock, run, handler.exec.command ?? [], timeoutMs, answer)
  if (handler.httpGet) return probeHttp(clock, network, pod, container, handler.httpGet, timeoutMs, answer)
  if (handler.tcpSocket) return probeTcp(clock, network, pod, container, handler.tcpSocket, timeoutMs, answer)
  answer({ ok: false, message: 'podhop: not simulated: gRPC probes (use httpGet, tcpSocket or exec)' })
  return () => undefined
}

function portOf(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port
  const named = container.ports?.find((p) => p.name === port)?.containerPort
  return named ?? (/^\d+$/.test(port) ? Number(port) : undefined)
}

/** One connection: `onOpen` when it stands; `finish` ends it whatever its state. */
function dial(
  clock: Clock, network: NetworkNamespace, host: string, port: number, timeoutMs: number,
  handlers: { onOpen(send: (text: string) => void): void; onData?(text: string): void; onFailure(kind: 'dial' | 'late', reason: string): void },
): () => void {
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
      handlers.onOpen((text) => connection.send(encodeUtf8(text)))
    },
    onData: (data) => {
      if (!over) handlers.onData?.(decodeUtf8(data))
    },
    onEnd: () => fail('EOF'),
    onClose: (error) => fail(error ? reasonOf(error.code) : 'EOF'),
  })
  return finish
}

function reasonOf(code: string): string {
  const texts: Record<string, string> = { ECONNREFUSED: 'connection refused', EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable', ECONNRESET: 'connection reset by peer', ETIMEDOUT: 'connection timed out' }
  return texts[code] ?? code
}

function dialError(host: string, port: number, reason: string): string {
  return reason === 'timeout' ? `dial tcp ${host}:${port}: i/o timeout` : `dial tcp ${host}:${port}: connect: ${reason}`
}

function probeTcp(clock: Clock, network: NetworkNamespace, pod: Pod, container: Container, action: { host?: string; port: number | string }, timeoutMs: number, answer: ProbeAnswer): () => void {
  const host = action.host || pod.status.podIP || ''
  const port = portOf(container, action.port)
  if (port === undefined) {
    answer({ ok: false, message: `couldn't find port: ${action.port}` })
    return () => undefined
  }
  const undo = dial(clock, network, host, port, timeoutMs, {
    onOpen: () => {
      undo()
      answer({ ok: true })
    },
    onFailure: (_, reason) => answer({ ok: false, message: dialError(host, port, reason) }),
  })
  return undo
}

type HttpGet = NonNullable<Probe['httpGet']>

function probeHttp(clock: Clock, network: NetworkNamespace, pod: Pod, container: Container, action: HttpGet, timeoutMs: number, answer: ProbeAnswer): () => void {
  const nothing = (): void => undefined
  if (action.scheme === 'HTTPS') {
    answer({ ok: false, message: 'podhop: not simulated: probes over HTTPS (use scheme HTTP)' })
    return nothing
  }
  const host = action.host || pod.status.podIP || ''
  const port = portOf(container, action.port)
  if (port === undefined) {
    answer({ ok: false, message: `couldn't find port: ${action.port}` })
    return nothing
  }
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`
  const url = `http://${host}:${port}${path}`
  const headers = new Map<string, string>([['Host', `${host}:${port}`], ['User-Agent', 'kube-probe/1.33'], ['Accept', '*/*']])
  for (const { name, value } of action.httpHeaders ?? []) headers.set(name, value)
  let head = ''
  const undo = dial(clock, network, host, port, timeoutMs, {
    onOpen: (send) => send(`GET ${path} HTTP/1.1\r\n${[...headers].map(([k, v]) => `${k}: ${v}\r\n`).join('')}Connection: close\r\n\r\n`),
    onData: (text) => {
      head += text
      const status = /^HTTP\/1\.[01] (\d{3})[^\n]*\n/.exec(head)?.[1]
      if (status === undefined) return
      undo()
      const code = Number(status)
      answer(code >= 200 && code < 400 ? { ok: true } : { ok: false, message: `HTTP probe failed with statuscode: ${code}` })
    },
    onFailure: (kind, reason) => {
      const late = reason === 'timeout' ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)' : reason === 'EOF' ? 'EOF' : `read tcp: ${reason}`
      const early = `${dialError(host, port, reason)}${reason === 'timeout' ? ' (Client.Timeout exceeded while awaiting headers)' : ''}`
      answer({ ok: false, message: `Get "${url}": ${kind === 'dial' ? early : late}` })
    },
  })
  return undo
}

function probeExec(clock: Clock, run: ContainerRun, command: readonly string[], timeoutMs: number, answer: ProbeAnswer): () => void {
  let over = false
  const done = (result: Parameters<ProbeAnswer>[0]): void => {
    if (over) return
    over = true
    clock.cancel(timer)
    answer(result)
  }
  const timer = clock.schedule(timeoutMs, () => {
    undo()
    done({ ok: false, message: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s` })
  }, { background: true })
  const undo = runInContainer(clock, run, command, (result) => {
    if ('error' in result) done({ ok: false, message: result.error })
    else done(result.code === 0 ? { ok: true } : { ok: false, message: result.output })
  })
  return () => {
    over = true
    clock.cancel(timer)
    undo()
  }
}
