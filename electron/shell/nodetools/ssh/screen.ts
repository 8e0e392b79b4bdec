import { Thread, type Clock, type OpenFile, type Task } from '../../../engine/cluster.ts'

/** What is to be written here, in order, however long its reader takes; when there is none any more, it says so once. */
export class Screen {
  readonly #clock: Clock
  readonly #file: OpenFile | undefined
  readonly #onLost: () => void
  #queue: Uint8Array[] = []
  #thread: Thread<void> | undefined
  #lost = false
  #whenEmpty: (() => void)[] = []

  constructor(clock: Clock, file: OpenFile | undefined, onLost: () => void) {
    this.#clock = clock
    this.#file = file?.retain()
    this.#onLost = onLost
  }

  push(bytes: Uint8Array): void {
    if (!this.#file || this.#lost) return
    this.#queue.push(bytes)
    if (this.#thread) return
    let over = false
    const thread = new Thread<void>(this.#clock, this.#drain(this.#file), () => {
      over = true
      this.#thread = undefined
      for (const call of this.#whenEmpty.splice(0)) call()
    })
    if (!over) this.#thread = thread
  }

  /** Calls when all is written. */
  flush(done: () => void): void {
    if (this.#thread) this.#whenEmpty.push(done)
    else done()
  }

  close(): void {
    this.#lost = true
    this.#thread?.kill()
    this.#file?.release()
  }

  *#drain(file: OpenFile): Task<void> {
    try {
      while (this.#queue.length > 0) yield* file.write(this.#queue.shift()!)
    } catch {
      this.#queue = []
      this.#lost = true
      this.#onLost()
    }
  }
}
