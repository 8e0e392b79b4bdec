import { ConnectionError, StatusError } from '../../kubernetes/client.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'

/** What Calico's programs have in common. */
const RETRY = 1_000

/** "2026-01-05 08:00:00.000 [INFO][9] startup/startup.go 93: text" */
export function calicoLine(wall: number, pid: number, source: string, message: string, severity = 'INFO'): string {
  return `${new Date(wall).toISOString().slice(0, 23).replace('T', ' ')} [${severity}][${pid}] ${source}: ${message}\n`
}

/** Tries again while the API server, or Calico's definitions in it, are not there. */
export function* untilDone<T>(process: Process, attempt: () => T, failed: (message: string) => void): Task<T> {
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (!(error instanceof StatusError || error instanceof ConnectionError)) throw error
      failed(error.message)
    }
    yield* process.sleep(RETRY, { background: false })
  }
}
