import type { Process, Task } from '../../engine/cluster.ts'

const read = new WeakMap<Process, Map<number, Uint8Array>>()

/** All that comes from an open file. A command that begins again, because it had to wait for its server, finds what it has read. */
export function* readPipe(process: Process, descriptor: number): Task<Uint8Array> {
  const known = read.get(process) ?? new Map<number, Uint8Array>()
  read.set(process, known)
  const before = known.get(descriptor)
  if (before && before.length > 0) return before
  const bytes = yield* process.readAll(descriptor)
  known.set(descriptor, bytes)
  return bytes
}
