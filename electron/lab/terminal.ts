import { Utf8Decoder, createTerminal, type Cluster, type Process, type Terminal } from '../engine/cluster.ts'
import { openLoginShell } from '../shell/index.ts'

/** A lab terminal: a login shell on the laptop behind a pseudo-terminal. The app's tabs and replays both use it. */
export class LabTerminal {
  readonly terminal: Terminal
  readonly shell: Process
  #decoder = new Utf8Decoder()

  constructor(cluster: Cluster, columns: number, rows: number, onOutput: (text: string) => void, onExit?: () => void) {
    this.terminal = createTerminal(cluster.clock, { columns, rows })
    this.terminal.onOutput((bytes) => {
      const text = this.#decoder.push(bytes)
      if (text) onOutput(text)
    })
    this.shell = openLoginShell(cluster.laptop, this.terminal)
    if (onExit) this.shell.onExit(onExit)
  }

  input(text: string): void {
    this.terminal.input(text)
  }

  close(): void {
    this.terminal.hangup()
  }
}
