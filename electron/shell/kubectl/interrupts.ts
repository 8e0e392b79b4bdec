import { anyOf, Signal, type Suspension, type Task } from '../../engine/machine/task.ts'
import type { Process, SignalName } from '../../engine/machine/types.ts'
import { ExitError } from './errors.ts'

const SIGNALS: readonly SignalName[] = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT']

/** kubectl's pkg/util/interrupt: while it waits for the server, a signal ends it with exit code 1, not by the signal. */
export class Interrupts {
  readonly #process: Process
  readonly #signal = new Signal()
  #caught = false

  constructor(process: Process) {
    this.#process = process
    for (const name of SIGNALS) {
      process.onSignal(name, () => {
        this.#caught = true
        this.#signal.notify()
      })
    }
  }

  *wait(suspension: Suspension): Task {
    if (!this.#caught) yield anyOf(suspension, this.#signal.wait)
    if (this.#caught) throw new ExitError(1)
  }

  close(): void {
    for (const name of SIGNALS) this.#process.onSignal(name, undefined)
  }
}
