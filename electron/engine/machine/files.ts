import type { Clock } from '../clock.ts'
import type { MemoryFilesystem } from './filesystem.ts'
import { contentOf, type FileNode } from './inode.ts'
import { SystemError } from './errors.ts'
import { sleep, type Task } from './task.ts'
import type { LateOutput, OpenFile } from './types.ts'

const BLOCK = 64 * 1024

/** Much takes (virtual) time, so that `yes > /dev/null` or a search in a large file passes time like everything else instead of stopping it. */
export class Throttle {
  #clock: Clock
  #written = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  *spend(bytes: number, background = true): Task<void> {
    this.#written += bytes
    if (this.#written < BLOCK) return
    this.#written = 0
    yield sleep(this.#clock, 1, { background })
  }
}

/** Counts the descriptors that refer to an open file; the last one to go closes it. */
export abstract class CountedFile {
  #references = 1

  retain(): this {
    this.#references++
    return this
  }

  release(): void {
    if (this.#references === 0) return
    this.#references--
    if (this.#references === 0) this.closed()
  }

  protected get isOpen(): boolean {
    return this.#references > 0
  }

  protected closed(): void {}
}

/** A regular file: one offset, shared by all descriptors that refer to it. */
export class DiskFile extends CountedFile implements OpenFile {
  readonly kind = 'file'
  readonly node: FileNode
  readonly #fs: MemoryFilesystem
  readonly path: string
  readonly #mode: 'read' | 'write' | 'append' | 'both'
  readonly #throttle: Throttle
  #position = 0

  constructor(clock: Clock, fs: MemoryFilesystem, path: string, node: FileNode, mode: 'read' | 'write' | 'append' | 'both') {
    super()
    this.node = node
    this.#fs = fs
    this.path = path
    this.#mode = mode
    this.#throttle = new Throttle(clock)
  }

   
  *read(max = BLOCK): Task<Uint8Array | null> {
    if (this.#mode === 'write' || this.#mode === 'append') throw new SystemError('EBADF')
    const content = contentOf(this.node)
    if (this.#position >= content.length) return null
    const bytes = content.slice(this.#position, this.#position + max)
    this.#position += bytes.length
    yield* this.#throttle.spend(bytes.length)
    return bytes
  }

  *write(bytes: Uint8Array): Task<void> {
    if (this.#mode === 'read') throw new SystemError('EBADF')
    if (this.#mode === 'append') this.#position = this.node.size
    this.#fs.writeTo(this.node, this.path, this.#position, bytes)
    this.#position += bytes.length
    yield* this.#throttle.spend(bytes.length)
  }
}

/** Bytes that are already there: here-documents, dynamic files, /dev/zero by the block. */
export class BytesFile extends CountedFile implements OpenFile {
  readonly kind = 'file'
  readonly #bytes: Uint8Array
  #position = 0

  constructor(bytes: Uint8Array) {
    super()
    this.#bytes = bytes
  }

   
  *read(max = BLOCK): Task<Uint8Array | null> {
    if (this.#position >= this.#bytes.length) return null
    const bytes = this.#bytes.slice(this.#position, this.#position + max)
    this.#position += bytes.length
    return bytes
  }

   
  *write(): Task<void> {
    throw new SystemError('EBADF')
  }
}

/** /dev/null, and (with `source`) the devices that give bytes for ever. */
export class NullFile extends CountedFile implements OpenFile {
  readonly kind = 'null'
  readonly #throttle: Throttle
  readonly #source: ((max: number) => Uint8Array) | undefined
  readonly #full: boolean

  constructor(clock: Clock, options: { source?: (max: number) => Uint8Array; full?: boolean } = {}) {
    super()
    this.#throttle = new Throttle(clock)
    this.#source = options.source
    this.#full = options.full ?? false
  }

  *read(max = 4096): Task<Uint8Array | null> {
    if (!this.#source) return null
    const bytes = this.#source(Math.min(max, BLOCK))
    yield* this.#throttle.spend(bytes.length)
    return bytes
  }

  *write(bytes: Uint8Array): Task<void> {
    if (this.#full) throw new SystemError('ENOSPC')
    yield* this.#throttle.spend(bytes.length)
  }
}

/** Output that goes to a function: a container's log, a test's buffer. Reading finds the end at once. */
export class CallbackFile extends CountedFile implements OpenFile {
  readonly kind = 'callback'
  readonly #throttle: Throttle
  readonly #onWrite: (bytes: Uint8Array) => void
  readonly #onClose: (() => void) | undefined
  readonly #late: (() => LateOutput) | undefined

  constructor(clock: Clock, onWrite: (bytes: Uint8Array) => void, onClose?: () => void, late?: () => LateOutput) {
    super()
    this.#late = late
    this.#throttle = new Throttle(clock)
    this.#onWrite = onWrite
    this.#onClose = onClose
  }

   
  *read(): Task<Uint8Array | null> {
    return null
  }

  get late(): LateOutput | undefined {
    return this.#late?.()
  }

  *write(bytes: Uint8Array): Task<void> {
    this.#onWrite(bytes)
    yield* this.#throttle.spend(bytes.length)
  }

  protected override closed(): void {
    this.#onClose?.()
  }
}

/** A file whose every write is handed over whole (/proc/sys/…). */
export class DynamicSink extends CountedFile implements OpenFile {
  readonly kind = 'file'
  readonly #write: (text: Uint8Array) => void

  constructor(write: (text: Uint8Array) => void) {
    super()
    this.#write = write
  }

   
  *read(): Task<Uint8Array | null> {
    throw new SystemError('EBADF')
  }

   
  *write(bytes: Uint8Array): Task<void> {
    this.#write(bytes)
  }
}
