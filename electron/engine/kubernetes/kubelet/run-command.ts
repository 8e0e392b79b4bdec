import type { Clock } from '../../clock.ts'
import { CallbackFile, NullFile } from '../../machine/files.ts'
import type { OpenFile, Process } from '../../machine/types.ts'
import { concatBytes, decodeUtf8 } from '../../text.ts'
import { execError, type ContainerRun } from './container.ts'

/** Output of a probe or a hook that is kept (pkg/probe maxReadLength). */
const MAX_OUTPUT = 10_240

/** Runs a command in a container and collects what it says: for exec probes and lifecycle hooks. Returns what kills it. */
export function runInContainer(clock: Clock, run: ContainerRun, command: readonly string[], answer: (result: { code: number; output: string } | { error: string }) => void): () => void {
  const chunks: Uint8Array[] = []
  let size = 0
  const sink = (): OpenFile => new CallbackFile(clock, (bytes) => {
    if (size < MAX_OUTPUT) chunks.push(bytes)
    size += bytes.length
  })
  const files = new Map<number, OpenFile>([[0, new NullFile(clock)], [1, sink()], [2, sink()]])
  let process: Process
  try {
    process = run.machine.start({ argv: [...command], files, group: 'new', cwd: run.process.cwd })
  } catch (error) {
    answer({ error: ociExecError(execError(error, command[0] ?? '')) })
    return () => undefined
  } finally {
    for (const file of files.values()) file.release()
  }
  process.onExit(() => {
    const { code } = process.status!
    clock.schedule(0, () => answer({ code, output: decodeUtf8(concatBytes(chunks)).slice(0, MAX_OUTPUT) }))
  })
  return () => process.signal('SIGKILL')
}

/** What containerd and runc say of an exec that has nothing to run. */
export function ociExecError(problem: string): string {
  return `OCI runtime exec failed: exec failed: unable to start container process: ${problem}: unknown`
}
