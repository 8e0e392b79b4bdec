import type { ListOptions, WatchEvent } from '../../engine/kubernetes/client.ts'
import { anyOf, Signal, sleep, type Task } from '../../engine/machine/task.ts'
import type { Kubectl } from './command.ts'
import { Interrupts } from './interrupts.ts'

/** A watch as a queue that a task reads from. Close it in `finally`. */
export class Watch {
  readonly #events: WatchEvent[] = []
  readonly #signal = new Signal()
  readonly #k: Kubectl
  readonly #stop: () => void
  readonly #interrupts: Interrupts

  constructor(k: Kubectl, resource: string, options: ListOptions & { resourceVersion?: string }) {
    this.#k = k
    this.#interrupts = new Interrupts(k.process)
    this.#stop = k.client.watch(resource, options, (event) => {
      this.#events.push(event)
      this.#signal.notify()
    })
  }

  /** The next event; undefined when `deadline` (virtual ms) passes first. */
  *next(deadline = Infinity): Task<WatchEvent | undefined> {
    while (this.#events.length === 0) {
      const { clock } = this.#k.process
      if (clock.now >= deadline) return undefined
      yield* this.#interrupts.wait(deadline === Infinity ? this.#signal.wait : anyOf(this.#signal.wait, sleep(clock, deadline - clock.now)))
    }
    return this.#events.shift()
  }

  close(): void {
    this.#interrupts.close()
    this.#stop()
  }
}
