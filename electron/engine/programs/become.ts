import type { Task } from '../machine/task.ts'
import type { Process } from '../machine/types.ts'

/** `exec "$@"` at the end of an entrypoint: the command in place of the script, with its process number. */
export function* become(process: Process, command: readonly string[]): Task<number> {
  if (command.length === 0) return 0
  let next: Task<number>
  try {
    next = process.exec({ argv: [...command] })
  } catch (error) {
    return yield* cannotRun(process, command[0]!, error)
  }
  return yield* next
}

/** dumb-init: the command as a child whose signals and end are ours. */
export function* supervise(process: Process, command: readonly string[]): Task<number> {
  if (command.length === 0) return 0
  let child: Process
  try {
    child = process.spawn({ argv: [...command], files: process.files })
  } catch (error) {
    return yield* cannotRun(process, command[0]!, error)
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const) process.onSignal(signal, () => child.signal(signal))
  return (yield* process.wait(child)).code
}

function* cannotRun(process: Process, command: string, error: unknown): Task<number> {
  const notFound = (error as { code?: string }).code === 'ENOENT'
  yield* process.printError(`${process.argv[0]}: exec: ${command}: ${notFound ? 'not found' : 'Permission denied'}\n`)
  return notFound ? 127 : 126
}
