import type { Clock } from '../clock.ts'
import { SystemError } from './errors.ts'
import { CountedFile, Throttle } from './files.ts'
import { Signal, type Task } from './task.ts'
import type { OpenFile } from './types.ts'

/** pipe(7): since Linux 2.6.11. */
const PIPE_CAPACITY = 65_536

class PipeBuffer {
  chunks: Uint8Array[] = []
  size = 0
  readerOpen = true
  writerOpen = true
  readonly readable = new Signal()
  readonly writable = new Signal()
}

class PipeReader extends CountedFile implements OpenFile {
  readonly kind = 'pipe'
  readonly #buffer: PipeBuffer

  constructor(buffer: PipeBuffer) {
    super()
    this.#buffer = buffer
  }

  get ready(): boolean {
    return this.#buffer.size > 0 || !this.#buffer.writerOpen
  }

  *read(max = PIPE_CAPACITY): Task<Uint8Array | null> {
    const buffer = this.#buffer
    while (buffer.size === 0) {
      if (!buffer.writerOpen) return null
      yield buffer.readable.wait
    }
    const first = buffer.chunks[0]!
    let bytes = first
    if (first.length > max) {
      bytes = first.subarray(0, max)
      buffer.chunks[0] = first.subarray(max)
    } else buffer.chunks.shift()
    buffer.size -= bytes.length
    buffer.writable.notify()
    return bytes
  }

   
  *write(): Task<void> {
    throw new SystemError('EBADF')
  }

  protected override closed(): void {
    this.#buffer.readerOpen = false
    this.#buffer.chunks = []
    this.#buffer.size = 0
    this.#buffer.writable.notify()
  }
}

class PipeWriter extends CountedFile implements OpenFile {
  readonly kind = 'pipe'
  readonly #buffer: PipeBuffer
  readonly #throttle: Throttle

  constructor(clock: Clock, buffer: PipeBuffer) {
    super()
    this.#buffer = buffer
    this.#throttle = new Throttle(clock)
  }

   
  *read(): Task<Uint8Array | null> {
    throw new SystemError('EBADF')
  }

  *write(bytes: Uint8Array): Task<void> {
    const buffer = this.#buffer
    let at = 0
    while (at < bytes.length) {
      if (!buffer.readerOpen) throw new SystemError('EPIPE')
      const room = PIPE_CAPACITY - buffer.size
      if (room === 0) {
        yield buffer.writable.wait
        continue
      }
      const part = bytes.slice(at, at + room)
      at += part.length
      buffer.chunks.push(part)
      buffer.size += part.length
      buffer.readable.notify()
      yield* this.#throttle.spend(part.length)
    }
  }

  protected override closed(): void {
    this.#buffer.writerOpen = false
    this.#buffer.readable.notify()
  }
}

/** pipe(2): two ends, one reference each. */
export function createPipe(clock: Clock): { reader: OpenFile; writer: OpenFile } {
  const buffer = new PipeBuffer()
  return { reader: new PipeReader(buffer), writer: new PipeWriter(clock, buffer) }
}
