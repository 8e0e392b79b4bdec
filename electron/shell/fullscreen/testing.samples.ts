import xterm from '@xterm/headless'
import { createTerminal } from '../../engine/machine/terminal.ts'
import { openLoginShell } from '../index.ts'
import { laptop } from '../testing.samples.ts'

/** A person at a terminal of the laptop: types keys, looks at the screen and at files. */
export function sitDown({ columns = 60, rows = 10 }: { columns?: number; rows?: number } = {}) {
  const { clock, machine } = laptop()
  machine.fs.writeFile('/home/student/.bashrc', "PS1='$ '\n")
  for (const name of ['vi', 'nano']) machine.fs.installProgram(`/usr/bin/${name}`, name)
  const terminal = createTerminal(clock, { columns, rows })
  const screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
  const chunks: Uint8Array[] = []
  terminal.onOutput((bytes) => chunks.push(bytes))
  screen.onData((data) => terminal.input(data))
  openLoginShell(machine, terminal)
  clock.runFor(100)
  const settle = async (): Promise<void> => {
    clock.runFor(100)
    for (const chunk of chunks.splice(0)) await new Promise<void>((done) => screen.write(chunk, done))
  }
  return {
    machine,
    async type(...keys: string[]) {
      for (const key of keys) {
        terminal.input(key)
        await settle()
      }
    },
    async resize(c: number, r: number) {
      screen.resize(c, r)
      terminal.resize(c, r)
      await settle()
    },
    lines: (): string[] => Array.from({ length: screen.rows }, (_, i) => screen.buffer.active.getLine(screen.buffer.active.viewportY + i)!.translateToString(true).trimEnd()),
    bottom(): string {
      return this.lines().at(-1)!
    },
    cursor: (): [number, number] => [screen.buffer.active.cursorX, screen.buffer.active.cursorY],
    write(name: string, text: string) {
      machine.fs.writeFile(`/home/student/${name}`, text)
      machine.fs.chown(`/home/student/${name}`, 1000, 1000)
    },
    read: (name: string) => machine.fs.readText(`/home/student/${name}`),
  }
}
