import { homedir, userInfo } from 'node:os'
import type { IPty } from 'node-pty'
import type { Printed } from '../../bridge/view.ts'
import { Scrollback } from '../scrollback.ts'

/** What of node-pty is used: an optional package, which needs a compiler on Linux. */
interface PtyModule { spawn(file: string, args: string[], options: object): IPty }

export interface HostTerminalEvents {
  output(id: string, text: string): void
  closed(id: string): void
}

/**
 * Terminals with the student's own shell, on the real machine: outside the simulation, of no log, and gone with the
 * app. Opened only when the person asks for one.
 */
export class HostTerminals {
  readonly #events: HostTerminalEvents
  readonly #open = new Map<string, { pty: IPty; scrollback: Scrollback; columns: number; rows: number }>()
  #next = 1
  #module: Promise<PtyModule | string> | undefined

  constructor(events: HostTerminalEvents) {
    this.#events = events
  }

  get ids(): string[] {
    return [...this.#open.keys()]
  }

  has(id: string): boolean {
    return this.#open.has(id)
  }

  size(id: string): { columns: number; rows: number } {
    const { columns = 80, rows = 24 } = this.#open.get(id) ?? {}
    return { columns, rows }
  }

  printed(id: string): readonly Printed[] {
    return this.#open.get(id)?.scrollback.parts ?? []
  }

  /** Why there is none on this machine; undefined: there is. */
  async missing(): Promise<string | undefined> {
    const found = await (this.#module ??= load())
    return typeof found === 'string' ? found : undefined
  }

  /** The person's shell, which finds the simulated cluster in KUBECONFIG. Throws when there is none to be had. */
  async open(columns: number, rows: number, kubeconfig: string): Promise<string> {
    const found = await (this.#module ??= load())
    if (typeof found === 'string') throw new Error(found)
    const { file, args } = shell()
    const env = { ...process.env, KUBECONFIG: kubeconfig, TERM: 'xterm-256color', PODHOP: '1' }
    const pty = found.spawn(file, args, { name: 'xterm-256color', cols: columns, rows, cwd: homedir(), env })
    const id = `h${this.#next++}`
    const terminal = { pty, scrollback: new Scrollback(), columns, rows }
    this.#open.set(id, terminal)
    pty.onData((text) => {
      terminal.scrollback.add(text, terminal)
      this.#events.output(id, text)
    })
    pty.onExit(() => {
      if (this.#open.delete(id)) this.#events.closed(id)
    })
    return id
  }

  input(id: string, data: string): void {
    this.#open.get(id)?.pty.write(data)
  }

  resize(id: string, columns: number, rows: number): void {
    const terminal = this.#open.get(id)
    if (!terminal) return
    Object.assign(terminal, { columns, rows })
    terminal.pty.resize(columns, rows)
  }

  close(id: string): void {
    const terminal = this.#open.get(id)
    if (!this.#open.delete(id)) return
    terminal!.pty.kill()
    this.#events.closed(id)
  }

  closeAll(): void {
    for (const id of this.ids) this.close(id)
  }
}

async function load(): Promise<PtyModule | string> {
  try {
    return (await import('node-pty')) as PtyModule
  } catch (error) {
    const compile = process.platform === 'linux' ? ' Install a C++ compiler, make and Python (Debian: apt install build-essential python3), then run npm ci again.' : ' Run npm ci again.'
    return `The package node-pty, which makes terminals of the real machine, is not here.${compile} (${(error as Error).message.split('\n')[0]})`
  }
}

/** The login shell of the person; on Windows PowerShell, over ConPTY. */
function shell(): { file: string; args: string[] } {
  if (process.platform === 'win32') return { file: process.env['PODHOP_SHELL'] ?? 'powershell.exe', args: [] }
  return { file: process.env['SHELL'] || userInfo().shell || '/bin/sh', args: process.platform === 'darwin' ? ['-l'] : [] }
}
