import type { Process } from '../../machine/types.ts'
import { goLogTime } from '../http-echo.ts'
import { Output } from '../output.ts'

/** Go's package log, to stderr. */
export class GoLog {
  readonly #process: Process
  readonly out: Output

  constructor(process: Process) {
    this.#process = process
    this.out = new Output(process, 2)
  }

  print(text: string): void {
    this.out.write(`${goLogTime(this.#process.clock.wall())} ${text}\n`)
  }
}
