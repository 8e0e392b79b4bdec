import { streamStatus } from '../../engine/cluster.ts'
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

export function beginSession(api: KubeApi, session: ApiSession, streams: ExecStreams): RemoteSession {
  return api.session(session, {
    output: (descriptor, data) => streams.output(descriptor, data),
    end: (end) => streams.status(statusOf(session, end, streams.translated)),
  })
}

/** The error stream's document. */
function statusOf({ command }: ApiSession, end: ApiSessionEnd, translated = false): object {
  if ('status' in end) return end.status
  return streamStatus(command, 'unreachable' in end ? { error: end.unreachable } : end, translated)
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
