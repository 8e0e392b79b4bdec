import { CallbackFile, NullFile } from '../../machine/files.ts'
import type { Task } from '../../machine/task.ts'
import type { OpenFile, Process } from '../../machine/types.ts'
import { decodeUtf8 } from '../../text.ts'

/** exec.Command("/bin/sh", "-c", command).CombinedOutput(). */
export function* runShell(process: Process, command: string): Task<{ output: string; error?: string }> {
  let output = ''
  const sink = new CallbackFile(process.clock, (bytes) => (output += decodeUtf8(bytes)))
  let child: Process
  try {
    child = process.spawn({ argv: ['/bin/sh', '-c', command], files: new Map<number, OpenFile>([[0, new NullFile(process.clock)], [1, sink], [2, sink]]) })
  } catch {
    return { output: '', error: 'fork/exec /bin/sh: no such file or directory' }
  }
  const { code, signal } = yield* process.wait(child)
  if (signal) return { output, error: `signal: ${signal === 'SIGKILL' ? 'killed' : signal === 'SIGTERM' ? 'terminated' : signal}` }
  return code === 0 ? { output } : { output, error: `exit status ${code}` }
}
