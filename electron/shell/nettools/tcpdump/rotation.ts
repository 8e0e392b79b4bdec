import { isSystemError, type OpenFile, type Process } from '../../../engine/cluster.ts'
import { formatTime } from '../../coreutils/strftime.ts'
import type { TcpdumpOptions } from './options.ts'

/** What a packet means for the file: it goes into this one, a new one is begun before it, or there may be no more. */
export type Turn = 'stay' | 'next' | 'full'

/**
 * The files of `-w` with -C, -G and -W (tcpdump(1)): the name goes through strftime(3) with -G and has a number behind it with -C. Time
 * and size are looked at when a packet comes, and only then.
 */
export class Rotation {
  readonly #process: Process
  readonly #name: string
  readonly #rotate: TcpdumpOptions['rotate']
  #begun: number
  /** Files since the start, by time; and the number behind the name, by size. */
  #turns = 0
  #count = 0
  #written = 0

  constructor(process: Process, name: string, rotate: TcpdumpOptions['rotate']) {
    this.#process = process
    this.#name = name
    this.#rotate = rotate
    this.#begun = this.#seconds
  }

  get #seconds(): number {
    return Math.floor(this.#process.clock.wall() / 1000)
  }

  get fileName(): string {
    const { bytes, seconds, files } = this.#rotate
    const base = seconds > 0 ? formatTime(this.#begun * 1000, this.#name) : this.#name
    if (bytes === 0) return base
    if (files === 0) return this.#count === 0 ? base : `${base}${this.#count}`
    return `${base}${String(this.#count).padStart(String(files - 1).length, '0')}`
  }

  /** Throws the message that the file cannot be opened with. */
  open(): OpenFile {
    try {
      return this.#process.open(this.fileName, 'write')
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new Error(`${this.fileName}: ${error.message}`, { cause: error })
    }
  }

  wrote(bytes: number): void {
    this.#written += bytes
  }

  turn(): Turn {
    const { bytes, seconds, files } = this.#rotate
    if (seconds > 0 && this.#seconds - this.#begun >= seconds) {
      this.#begun = this.#seconds
      this.#turns++
      this.#count = 0
      this.#written = 0
      return bytes === 0 && files > 0 && this.#turns >= files ? 'full' : 'next'
    }
    if (bytes > 0 && this.#written > bytes) {
      this.#count = files > 0 && this.#count + 1 >= files ? 0 : this.#count + 1
      this.#written = 0
      return 'next'
    }
    return 'stay'
  }

  get limit(): number {
    return this.#rotate.files
  }
}
