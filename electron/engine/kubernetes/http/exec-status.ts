import type { Status } from '../types.ts'

/** What of PodExecOptions and PodAttachOptions is on. */
export interface StreamOptions {
  /** Of exec alone. */
  command?: readonly string[]
  stdin: boolean
  stdout: boolean
  stderr: boolean
  tty: boolean
}

/** What is wrong with the options, as the API server says it; undefined: nothing. */
export function streamProblem({ command, stdin, stdout, stderr }: StreamOptions): string | undefined {
  if (command?.length === 0) return 'you must specify at least one command for the container'
  if (!stdin && !stdout && !stderr) return 'you must specify at least one of stdin, stdout, stderr'
  return undefined
}

/**
 * The error stream's document: k8s.io/kubelet/pkg/cri/streaming/remotecommand, v4WriteStatusFunc. `translated`: over WebSocket, where
 * the API server speaks SPDY with the kubelet and a refused upgrade is an error of its own.
 */
export function streamStatus(command: readonly string[] | undefined, end: { code: number } | { error: string }, translated: boolean): Partial<Status> {
  if ('error' in end) {
    const why = end.error
    // a kubelet without the container refuses the upgrade; everything later is its internal error
    const message = !translated && why.startsWith('unable to upgrade connection') ? why : `Internal error occurred: ${why}`
    return { metadata: {}, status: 'Failure', message, reason: 'InternalError', details: { causes: [{ message: why }] }, code: 500 }
  }
  // who attaches only looks on: how the container ended is in the Pod's status
  if (end.code === 0 || !command) return { metadata: {}, status: 'Success' }
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: error executing command [${command.join(' ')}], exit code ${end.code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(end.code) }] },
  }
}
