import type { Process, Task } from '../../../engine/cluster.ts'

/** What -v writes to stderr (src/tool_cb_dbg.c): texts, headers, and one line for the first of several pieces of data. */
export class Verbose {
  readonly on: boolean
  readonly #process: Process
  readonly #data: boolean
  #traced = false
  #text = ''

  constructor(process: Process, on: boolean) {
    this.on = on
    this.#process = process
    // on a terminal the data themselves are to be seen
    this.#data = process.terminalOf(1) === undefined
  }

  /** "* text", at the next {@link flush}. */
  add(text: string): void {
    this.#write(`* ${text}\n`)
  }

  /** Data that went out, or came in. */
  data(out: boolean, length: number): void {
    if (!this.on || !this.#data || this.#traced) return
    this.#text += `${out ? '}' : '{'} [${length} bytes data]\n`
    this.#traced = true
  }

  *note(text: string): Task {
    this.add(text)
    yield* this.flush()
  }

  /** Header lines, their "> " or "< " included. */
  *lines(text: string): Task {
    this.#write(text)
    yield* this.flush()
  }

  *flush(): Task {
    const text = this.#text
    this.#text = ''
    if (text !== '') yield* this.#process.printError(text)
  }

  #write(text: string): void {
    if (!this.on) return
    this.#text += text
    this.#traced = false
  }
}
