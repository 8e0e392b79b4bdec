import type { Clock } from '../../clock.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import type { Container, Probe } from '../types.ts'
import type { ContainerRun } from './container.ts'
import { dial, dialError } from './dial.ts'
import { probeGrpc } from './grpc-probe.ts'
import { get, targetOf, type HttpGet } from './http-probe.ts'
import { runInContainer } from './run-command.ts'

/**
 * What a probe found: ok (perhaps with a text that follows "Readiness probe warning: "), not ok with the text that
 * follows "Readiness probe failed: ", or that it could not be asked, which counts for nothing.
 */
export type ProbeResult = { kind: 'success'; warning?: string } | { kind: 'failure'; message: string } | { kind: 'error'; message: string }
export type ProbeAnswer = (result: ProbeResult) => void
type Handler = Pick<Probe, 'httpGet' | 'tcpSocket' | 'exec' | 'grpc'>

const NOTHING = (): void => undefined

/**
 * Asks once, over the node's own sockets, as pkg/kubelet/prober does; answers exactly once unless it is undone first.
 * Returns what undoes it.
 */
export function probeOnce(clock: Clock, network: NetworkNamespace, podIp: string, container: Container, run: ContainerRun, handler: Handler, timeoutMs: number, answer: ProbeAnswer): () => void {
  if (handler.exec) return probeExec(clock, run, handler.exec.command ?? [], timeoutMs, answer)
  if (handler.httpGet) return probeHttp(clock, network, podIp, container, handler.httpGet, timeoutMs, answer)
  if (handler.tcpSocket) return probeTcp(clock, network, podIp, container, handler.tcpSocket, timeoutMs, answer)
  if (handler.grpc) return probeGrpc(clock, network, podIp, handler.grpc, timeoutMs, answer)
  answer({ kind: 'error', message: `missing probe handler for ${container.name}` })
  return NOTHING
}

/** The port's number, or Go's complaint (pkg/probe ResolveContainerPort). */
function portOf(container: Container, port: number | string): number | { error: string } {
  const number = typeof port === 'number' ? port : (container.ports?.find((p) => p.name === port)?.containerPort ?? (/^\d+$/.test(port) ? Number(port) : undefined))
  if (number === undefined) return { error: `strconv.Atoi: parsing ${JSON.stringify(port)}: invalid syntax` }
  return number > 0 && number < 65536 ? number : { error: `invalid port number: ${number}` }
}

function probeTcp(clock: Clock, network: NetworkNamespace, podIp: string, container: Container, action: { host?: string; port: number | string }, timeoutMs: number, answer: ProbeAnswer): () => void {
  const host = action.host || podIp
  const port = portOf(container, action.port)
  if (typeof port === 'object') {
    answer({ kind: 'error', message: port.error })
    return NOTHING
  }
  const undo = dial(clock, network, host, port, timeoutMs, {
    onOpen: () => {
      undo()
      answer({ kind: 'success' })
    },
    onFailure: (_, reason) => answer({ kind: 'failure', message: dialError(host, port, reason) }),
  })
  return undo
}

function probeHttp(clock: Clock, network: NetworkNamespace, podIp: string, container: Container, action: HttpGet, timeoutMs: number, answer: ProbeAnswer): () => void {
  const port = portOf(container, action.port)
  if (typeof port === 'object') {
    answer({ kind: 'error', message: port.error })
    return NOTHING
  }
  return get(clock, network, action, targetOf(action, action.host || podIp, port), timeoutMs, (result) => {
    if ('error' in result) answer({ kind: 'failure', message: result.error })
    else if (result.status < 200 || result.status >= 400) answer({ kind: 'failure', message: `HTTP probe failed with statuscode: ${result.status}` })
    else answer(result.status < 300 ? { kind: 'success' } : { kind: 'success', warning: `Probe terminated redirects, Response body: ${result.body}` })
  })
}

/** How long a hook's request may take: the kubelet sets no limit, the Pod's grace period does. */
const HOOK_TIMEOUT = 3_600_000

/** httpGet of a lifecycle hook: whatever is answered is well. Tells Go's error, or undefined. */
export function sendHook(clock: Clock, network: NetworkNamespace, podIp: string, container: Container, action: HttpGet, done: (error: string | undefined) => void): () => void {
  // a named port that there is not is not looked at further: pkg/kubelet/lifecycle resolvePort
  const port = action.port === undefined || action.port === '' ? 80 : portOf(container, action.port)
  if (typeof port === 'object') {
    done(`couldn't find port: ${action.port} in container ${container.name}`)
    return NOTHING
  }
  return get(clock, network, action, targetOf(action, action.host || podIp, port), HOOK_TIMEOUT, (result) => done('error' in result ? result.error : undefined))
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
    done({ kind: 'failure', message: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s` })
  }, { background: true })
  const undo = runInContainer(clock, run, command, (result) => {
    if ('error' in result) done({ kind: 'error', message: result.error })
    else done(result.code === 0 ? { kind: 'success' } : { kind: 'failure', message: result.output })
  })
  return () => {
    over = true
    clock.cancel(timer)
    undo()
  }
}
