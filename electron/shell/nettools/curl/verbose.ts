import { encodeUtf8, type Process, type Task } from '../../../engine/cluster.ts'
import type { CurlOptions } from './options.ts'
import { dump } from './trace.ts'

/**
 * What -v writes to stderr (src/tool_cb_dbg.c): texts, headers, and one line for the first of several pieces of data; or,
 * with --trace and --trace-ascii, all of it to a file.
 */
export class Verbose {
  readonly on: boolean
  readonly #process: Process
  readonly #data: boolean
  readonly #options: Pick<CurlOptions, 'verbose' | 'trace' | 'traceTime'>
  readonly #write: (text: string) => Task
  #traced = false
  #text = ''

  constructor(process: Process, options: Pick<CurlOptions, 'verbose' | 'trace' | 'traceTime'>, write: (text: string) => Task = (text) => process.printError(text)) {
    this.on = options.verbose || options.trace !== undefined
    this.#process = process
    this.#options = options
    this.#write = write
    // on a terminal the data themselves are to be seen
    this.#data = process.terminalOf(1) === undefined
  }

  /** For who tells of nothing. */
  static silent(process: Process): Verbose {
    return new Verbose(process, { verbose: false, trace: undefined, traceTime: false })
  }

  /** "* text", at the next {@link flush}. */
  add(text: string): void {
    this.#add(this.#options.trace ? `${this.#stamp()}== Info: ${text}\n` : `${this.#stamp()}* ${text}\n`)
  }

  /** Data that went out, or came in. */
  data(out: boolean, length: number, bytes?: Uint8Array): void {
    if (!this.on) return
    if (this.#options.trace) return this.#block(`${out ? '=> Send' : '<= Recv'} data`, bytes ?? new Uint8Array(length))
    if (!this.#data || this.#traced) return
    this.#text += `${this.#stamp()}${out ? '}' : '{'} [${length} bytes data]\n`
    this.#traced = true
  }

  *note(text: string): Task {
    this.add(text)
    yield* this.flush()
  }

  /** Header lines, their "> " or "< " included. */
  *lines(text: string): Task {
    const lines = text.split('\n').slice(0, -1)
    if (!this.#options.trace) this.#add(lines.map((line) => `${this.#stamp()}${line}\n`).join(''))
    else if (text.startsWith('>')) this.#block('=> Send header', encodeUtf8(lines.map((line) => `${line.slice(2)}\r\n`).join('')))
    else for (const line of lines) this.#block('<= Recv header', encodeUtf8(`${line.slice(2)}\r\n`))
    yield* this.flush()
  }

  *flush(): Task {
    const text = this.#text
    this.#text = ''
    if (text !== '') yield* this.#write(text)
  }

  #block(head: string, bytes: Uint8Array): void {
    if (this.on) this.#text += `${this.#stamp()}${head}, ${bytes.length} bytes (0x${bytes.length.toString(16)})\n${dump(bytes, this.#options.trace!.kind)}`
  }

  #add(text: string): void {
    if (!this.on) return
    this.#text += text
    this.#traced = false
  }

  /** --trace-time */
  #stamp(): string {
    if (!this.#options.traceTime) return ''
    const at = this.#process.clock.epoch + this.#process.clock.now
    return `${new Date(Math.floor(at)).toISOString().slice(11, 19)}.${String(Math.floor((at % 1000) * 1000)).padStart(6, '0')} `
  }
}
