import { Signal, type Task } from '../machine/task.ts'
import type { Process } from '../machine/types.ts'

/** Lines that callbacks of a server write to its stdout or stderr: kept in order while a pipe is full. */
export class Output {
  readonly #process: Process
  readonly #fd: 1 | 2
  #queue: string[] = []
  #draining = false
  readonly #drained = new Signal()

  constructor(process: Process, fd: 1 | 2) {
    this.#process = process
    this.#fd = fd
  }

  write(text: string): void {
    this.#queue.push(text)
    if (this.#draining || this.#process.status) return
    this.#draining = true
    this.#process.spawnThread(this.#drain())
  }

  /** Waits until everything is written; before a program returns. */
  *flush(): Task {
    while (this.#draining) yield this.#drained.wait
  }

  *#drain(): Task {
    try {
      while (this.#queue.length > 0) {
        const text = this.#queue.join('')
        this.#queue = []
        yield* this.#fd === 1 ? this.#process.print(text) : this.#process.printError(text)
      }
    } finally {
      this.#draining = false
      this.#drained.notify()
    }
  }
}

/** Waits for a signal that ends a server; which one it was. */
export function* untilSignal<S extends 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGWINCH'>(process: Process, signals: readonly S[]): Task<S> {
  const signal = new Signal()
  let got: S | undefined
  for (const name of signals) {
    process.onSignal(name, () => {
      got = name
      signal.notify()
    })
  }
  while (got === undefined) yield signal.wait
  return got
}
