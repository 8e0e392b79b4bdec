import type { ApiSession, ApiSessionEnd } from '../../lab/api.ts'
import type { KubeApi, RemoteSession } from '../session/api-calls.ts'
import type { RemoteRequest } from './remote-request.ts'

/** A client's ends of exec and attach, whatever carries them. */
export interface ExecStreams {
  /** A WebSocket: the API server speaks SPDY with the kubelet then, and a refused upgrade is an error of its own. */
  readonly translated?: boolean
  output(descriptor: 1 | 2, data: Uint8Array): void
  /** The last word, as metav1.Status, before everything closes. */
  status(status: object): void
}

/** PodExecOptions and PodAttachOptions of the query: at least one stream is on. */
export function sessionOf({ kind, namespace, pod, query }: RemoteRequest): ApiSession {
  const container = query.get('container')
  return {
    namespace,
    pod,
    ...(container ? { container } : {}),
    ...(kind === 'exec' ? { command: query.all('command') } : {}),
    stdin: query.flag('stdin'),
    stdout: query.flag('stdout'),
    stderr: query.flag('stderr'),
    tty: query.flag('tty'),
  }
}

/** What is wrong with the options, as the API server says it; undefined: nothing. */
export function sessionProblem(session: ApiSession): string | undefined {
  if (session.command?.length === 0) return 'you must specify at least one command for the container'
  if (!session.stdin && !session.stdout && !session.stderr) return 'you must specify at least one of stdin, stdout, stderr'
  return undefined
}

export function beginSession(api: KubeApi, session: ApiSession, streams: ExecStreams): RemoteSession {
  return api.session(session, {
    output: (descriptor, data) => streams.output(descriptor, data),
    end: (end) => streams.status(statusOf(session, end, streams.translated)),
  })
}

/** The error stream's document: k8s.io/kubelet/pkg/cri/streaming/remotecommand, v4WriteStatusFunc. */
export function statusOf(session: ApiSession, end: ApiSessionEnd, translated = false): object {
  if ('status' in end) return end.status
  if ('error' in end || 'unreachable' in end) {
    const why = 'error' in end ? end.error : end.unreachable
    // a kubelet without the container refuses the upgrade; everything later is its internal error
    const message = !translated && why.startsWith('unable to upgrade connection') ? why : `Internal error occurred: ${why}`
    return { metadata: {}, status: 'Failure', message, reason: 'InternalError', details: { causes: [{ message: why }] }, code: 500 }
  }
  // who attaches only looks on: how the container ended is in the Pod's status
  if (end.code === 0 || !session.command) return { metadata: {}, status: 'Success' }
  const command = session.command.join(' ')
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: error executing command [${command}], exit code ${end.code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(end.code) }] },
  }
}

/** TerminalSize: {"Width": columns, "Height": rows}. */
export function parseSize(text: string): { columns: number; rows: number } | undefined {
  try {
    const { Width, Height } = JSON.parse(text) as { Width?: unknown; Height?: unknown }
    if (typeof Width !== 'number' || typeof Height !== 'number' || !(Width > 0) || !(Height > 0)) return undefined
    return { columns: Math.min(65535, Math.trunc(Width)), rows: Math.min(65535, Math.trunc(Height)) }
  } catch {
    return undefined
  }
}
