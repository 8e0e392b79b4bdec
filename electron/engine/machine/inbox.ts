import { SystemError } from './errors.ts'
import { CountedFile } from './files.ts'
import { Signal, type Task } from './task.ts'
import type { OpenFile } from './types.ts'

const BLOCK = 64 * 1024

/** A file to read that somebody outside the machine fills: the standard input of a client over the network. */
export class InboxFile extends CountedFile implements OpenFile {
  readonly kind = 'pipe'
  readonly #arrived = new Signal()
  #chunks: Uint8Array[] = []
  #ended = false
  /** Bytes that nobody has read yet. */
  size = 0

  push(bytes: Uint8Array): void {
    if (this.#ended || bytes.length === 0 || !this.isOpen) return
    this.#chunks.push(bytes)
    this.size += bytes.length
    this.#arrived.notify()
  }

  /** What has come can still be read; then comes the end of the file. */
  end(): void {
    this.#ended = true
    this.#arrived.notify()
  }

  *read(max = BLOCK): Task<Uint8Array | null> {
    while (this.#chunks.length === 0) {
      if (this.#ended) return null
      yield this.#arrived.wait
    }
    const first = this.#chunks[0]!
    const bytes = first.subarray(0, max)
    if (first.length > max) this.#chunks[0] = first.subarray(max)
    else this.#chunks.shift()
    this.size -= bytes.length
    return bytes
  }

  *write(): Task<void> {
    throw new SystemError('EBADF')
  }

  protected override closed(): void {
    this.#chunks = []
    this.size = 0
  }
}
