import { encodeUtf8 } from '../text.ts'
import { Thread } from './task.ts'
import type { Process } from './types.ts'

/** A mistake of Podhop's own in a program: its stderr says so, and the rest of the world goes on. */
export function reportInternalError(process: Process, error: unknown): void {
  const stderr = process.files.get(2)?.retain()
  if (!stderr) return
  const name = (process.argv[0] ?? '').split('/').pop()
  const message = error instanceof Error ? error.message : String(error)
  new Thread(process.clock, stderr.write(encodeUtf8(`podhop: internal error in ${name}: ${message}\n`)), () => stderr.release())
}
