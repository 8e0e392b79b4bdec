import type { Task } from '../machine/task.ts'
import type { Process } from '../machine/types.ts'

/** What `exec "$@"` comes to: the command in a child whose signals and end are ours. */
export function* become(process: Process, command: readonly string[]): Task<number> {
  if (command.length === 0) return 0
  let child: Process
  try {
    child = process.spawn({ argv: [...command], files: process.files })
  } catch (error) {
    const notFound = (error as { code?: string }).code === 'ENOENT'
    yield* process.printError(`${process.argv[0]}: exec: ${command[0]}: ${notFound ? 'not found' : 'Permission denied'}\n`)
    return notFound ? 127 : 126
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const) process.onSignal(signal, () => child.signal(signal))
  return (yield* process.wait(child)).code
}
