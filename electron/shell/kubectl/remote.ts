import type { RemoteCommand } from '../../engine/kubernetes/client.ts'
import type { Pod } from '../../engine/kubernetes/types.ts'
import { Signal, type Task } from '../../engine/machine/task.ts'
import type { OpenFile } from '../../engine/machine/types.ts'
import type { Kubectl } from './command.ts'
import { ExitError, KubectlError, StreamError } from './errors.ts'

export interface Session {
  pod: Pod
  container: string
  stdin: boolean
  tty: boolean
  quiet: boolean
  /** Absent: attach to what runs. */
  command?: readonly string[]
}

/** What the terminal can do for -i and -t: SetupTTY of kubectl's pkg/cmd/exec. */
export function* settleTty(k: Kubectl, wanted: { stdin: boolean; tty: boolean; quiet: boolean }): Task<boolean> {
  if (!wanted.stdin || !wanted.tty) return false
  if (k.process.terminalOf(0)) return true
  if (!wanted.quiet) yield* k.err('Unable to use a TTY - input is not a terminal or the right kind of file\n')
  return false
}

/**
 * How long a stream to the kubelet and a process in the container take to begin, in virtual ms; a real cluster needs about
 * twice as long. A policy applied by the command before is in force by then.
 */
const STREAM_UP = 50

/**
 * Joins this process's ends to a container's, the terminal in raw mode meanwhile and its size passed on; the terminal
 * is as before whatever happens. Throws what the exit code means.
 */
export function* joinRemote(k: Kubectl, session: Session): Task<void> {
  const { process } = k
  const terminal = session.tty ? process.terminalOf(0) : undefined
  const saved = terminal && { canonical: terminal.canonical, echo: terminal.echo, signals: terminal.signals, postprocess: terminal.postprocess }
  const file = (fd: number): OpenFile | undefined => process.files.get(fd)
  const options = {
    container: session.container,
    tty: session.tty,
    stdin: session.stdin ? file(0) : undefined,
    stdout: file(1),
    stderr: session.tty ? undefined : file(2),
    columns: terminal?.columns,
    rows: terminal?.rows,
  }
  const { namespace, name } = session.pod.metadata
  let remote: RemoteCommand | undefined
  if (session.command) yield* process.sleep(STREAM_UP, { background: false })
  try {
    if (terminal) {
      terminal.canonical = false
      terminal.echo = false
      terminal.signals = false
      terminal.postprocess = false
    }
    remote = yield* k.decided(() => session.command
      ? k.client.exec(namespace, name, { ...options, command: session.command })
      : k.client.attach(namespace, name, options))
    if (terminal) process.onSignal('SIGWINCH', () => remote?.resize(terminal.columns, terminal.rows))
    const ended = new Signal()
    let result: Parameters<Parameters<RemoteCommand['onExit']>[0]>[0] | undefined
    remote.onExit((outcome) => {
      result = outcome
      ended.notify()
    })
    while (!result) yield ended.wait
    if ('error' in result && result.broke) {
      // one line for each stream that was being read: remotecommand's v2.go
      for (const place of session.tty ? ['v2.go:150'] : ['v2.go:150', 'v2.go:167']) yield* k.err(`${k.logHead('E')} ${place}] "Unhandled Error" err="${result.error}"\n`)
      throw new KubectlError(`error reading from error stream: ${result.error}`)
    }
    if ('error' in result) throw new StreamError(result.error)
    // who attaches only looks on: how the container ended is in the Pod's status
    if (session.command && result.code !== 0) throw new ExitError(result.code, `command terminated with exit code ${result.code}`)
  } finally {
    remote?.close()
    if (terminal && saved) {
      terminal.canonical = saved.canonical
      terminal.echo = saved.echo
      terminal.signals = saved.signals
      terminal.postprocess = saved.postprocess
      process.onSignal('SIGWINCH', undefined)
    }
  }
}

