import { concatBytes } from '../text.ts'
import { SystemError } from './errors.ts'
import type { Task } from './task.ts'
import type { OpenFile, Process } from './types.ts'

/** What one program may hold of its input, in bytes: endless input must not eat the student's memory. */
export const MOST_IN_MEMORY = 32 * 1024 * 1024

/** What a reader of lines has read too far, by open file. */
export class ReadAhead {
  readonly #bytes = new WeakMap<OpenFile, Uint8Array>()

  /** At most `max` bytes of it; undefined: nothing is left. */
  take(file: OpenFile, max: number | undefined): Uint8Array | undefined {
    const ahead = this.#bytes.get(file)
    if (!ahead) return undefined
    const bytes = max === undefined ? ahead : ahead.subarray(0, max)
    if (bytes.length < ahead.length) this.#bytes.set(file, ahead.subarray(bytes.length))
    else this.#bytes.delete(file)
    return bytes
  }

  keep(file: OpenFile, bytes: Uint8Array): void {
    this.#bytes.set(file, bytes)
  }
}

/** All of an input. Throws SystemError ENOMEM when it is more than {@link MOST_IN_MEMORY}. */
export function* readAll(process: Pick<Process, 'read'>, fd: number): Task<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const bytes = yield* process.read(fd)
    if (bytes === null) return concatBytes(chunks)
    chunks.push(bytes)
    size += bytes.length
    if (size > MOST_IN_MEMORY) throw new SystemError('ENOMEM')
  }
}
