import { decodeUtf8, encodeUtf8, headerOf, type Headers, type OpenFile, type Process, type Task } from '../../../engine/cluster.ts'
import type { CurlOptions } from './options.ts'
import type { CurlError } from './transfer.ts'
import type { Warn } from './warnings.ts'

/** Where a transfer's headers (-i) and body go. What cannot be written ends the transfer with exit code 23. */
export interface Sink {
  /** All headers are known: -J names the file by them. */
  named(headers: Headers): Task<CurlError | undefined>
  head(text: string): Task<CurlError | undefined>
  body(data: Uint8Array): Task<CurlError | undefined>
}

/** -O */
export const remoteName = (url: string): string => url.replace(/[?#].*$/, '').replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '').split('/').at(-1) ?? ''

const FAILED: CurlError = { code: 23, text: 'Failure writing output to destination' }

export class Output implements Sink {
  readonly #process: Process
  readonly #options: CurlOptions
  readonly #warn: Warn
  readonly #byHeader: boolean
  #name: string | undefined
  #file: OpenFile | undefined
  /** Bytes in the file. */
  written = 0

  /** `output`: -o's, null for -O, undefined for stdout. */
  constructor(process: Process, options: CurlOptions, warn: Warn, url: string, output: string | null | undefined) {
    this.#process = process
    this.#options = options
    this.#warn = warn
    const name = output === '-' ? undefined : output === null ? remoteName(url) : output
    this.#name = name === undefined || name === '' || options.outputDir === undefined || name === '/dev/null' ? name : `${options.outputDir.replace(/\/$/, '')}/${name}`
    this.#byHeader = output === null && options.nameByHeader
  }

  get name(): string | undefined {
    return this.#name
  }

  *named(headers: Headers): Task<CurlError | undefined> {
    const disposition = this.#byHeader ? headerOf(headers, 'content-disposition') : undefined
    const given = disposition === undefined ? undefined : /;\s*filename\s*=\s*(?:"((?:\\.|[^"])*)"|'([^']*)'|([^;\s]*))/i.exec(`;${disposition}`)
    if (!given) return undefined
    const base = (given[1]?.replace(/\\(.)/g, '$1') ?? given[2] ?? given[3]!).split(/[/\\]/).at(-1)!
    if (base === '') return undefined
    this.#name = base
    if (this.#process.fs.exists(this.#process.resolve(base))) {
      yield* this.#warn(`Failed to open the file ${base}: File exists`)
      return { code: 23, text: 'Failed writing header' }
    }
    return (yield* this.#open()) ? undefined : { code: 23, text: 'Failed writing header' }
  }

  *head(text: string): Task<CurlError | undefined> {
    return yield* this.body(encodeUtf8(text))
  }

  *body(data: Uint8Array): Task<CurlError | undefined> {
    if (this.#name === undefined) {
      yield* this.#process.print(data)
      return undefined
    }
    if (this.#name === '/dev/null') return undefined
    if (!(yield* this.#open())) return FAILED
    yield* this.#file!.write(data)
    this.written += data.length
    return undefined
  }

  /** A file of nothing is one, too; --remove-on-error takes away what there is of a file. */
  *close(good: boolean): Task<CurlError | undefined> {
    if (this.#name === undefined || this.#name === '/dev/null') return undefined
    if (good && !this.#file && !(yield* this.#open())) return { code: 23, text: 'Failed writing received data to disk/application' }
    this.#file?.release()
    this.#file = undefined
    const path = this.#process.resolve(this.#name)
    if (!good && this.#options.removeOnError && this.written > 0 && this.#process.fs.exists(path)) this.#process.fs.remove(path)
    return undefined
  }

  /** Before another try: what was written goes. */
  *again(): Task<number> {
    const { written } = this
    yield* this.close(false)
    this.written = 0
    return written
  }

  *#open(): Task<boolean> {
    if (this.#file) return true
    const name = this.#name!
    try {
      if (this.#options.createDirs && name.includes('/')) {
        const directory = this.#process.resolve(name.slice(0, name.lastIndexOf('/')) || '/')
        if (!this.#process.fs.exists(directory)) this.#process.fs.makeDirectory(directory, { parents: true, mode: 0o750 })
      }
      this.#file = this.#process.open(this.#process.resolve(name), this.#options.resumeFrom > 0 ? 'append' : 'write')
      return true
    } catch (error) {
      yield* this.#warn(`Failed to open the file ${name}: ${(error as Error).message}`)
      return false
    }
  }
}

/** A whole file, or stdin; undefined where there is none. */
export function* readInput(process: Process, name: string): Task<Uint8Array | undefined> {
  if (name === '-') return yield* process.readAll()
  const path = process.resolve(name)
  try {
    return process.fs.exists(path) && process.fs.stat(path).type !== 'directory' ? process.fs.readFile(path) : undefined
  } catch {
    return undefined
  }
}

export function* readInputText(process: Process, name: string): Task<string | undefined> {
  const bytes = yield* readInput(process, name)
  return bytes && decodeUtf8(bytes)
}
