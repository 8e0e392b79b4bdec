import type { Program } from '../machine/types.ts'
import { untilSignal } from './output.ts'

/** registry.k8s.io/pause: waits, and says which signal ended it (build/pause/linux/pause.c). */
export const pause: Program = function* (process) {
  const signal = yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  yield* process.printError(`Shutting down, got signal: ${signal === 'SIGINT' ? 'Interrupt' : 'Terminated'}\n`)
  return 0
}
