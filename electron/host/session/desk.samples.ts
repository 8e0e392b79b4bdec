import { cpSync, mkdtempSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readLabs, type FoundLab } from '../labs.ts'
import { ProgressStore } from '../progress.ts'
import { Session, type SessionOptions } from './session.ts'

let labs: FoundLab[] | undefined

/** A student's desk: a session on a folder of its own, as the app opens it. */
export class Desk {
  readonly folder: string
  readonly notices: string[] = []
  readonly progress: ProgressStore
  readonly session: Session
  output = ''
  changes = 0

  constructor(options: Partial<SessionOptions> & { folder?: string } = {}) {
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), 'podhop-desk-'))
    this.progress = new ProgressStore(this.folder, { readOnly: false, onTrouble: (text) => this.notices.push(text) })
    labs ??= readLabs('labs')
    this.session = new Session(
      { build: 'build-1', labs, progress: this.progress, freeCluster: { nodes: 2 }, manifests: [], ...options, folder: this.folder },
      {
        changed: () => void this.changes++,
        terminalOutput: (_id, text) => void (this.output += text),
        terminalClosed: () => undefined,
        explain: () => undefined,
        notice: (_level, text) => void this.notices.push(text),
      },
    )
  }

  /** Types a line into the first terminal, and waits until `sign` has been printed. */
  async type(line: string, sign: RegExp): Promise<void> {
    const from = this.output.length
    this.session.input({ kind: 'terminal-input', id: this.session.terminalIds[0]!, data: `${line}\r` })
    await this.printed(sign, from)
  }

  /** Time hurries until the terminals have printed it. */
  async printed(sign: RegExp, from = 0): Promise<void> {
    await eventually(() => sign.test(this.output.slice(from)), () => {
      this.session.input({ kind: 'time', advance: 200 })
      return `/${sign.source}/ in ${JSON.stringify(this.output.slice(from).slice(-2000))}`
    })
  }

  /** A web server in a Pod, forwarded to a port of this machine. */
  async forward(pod = 'web', remote = 80): Promise<number> {
    await this.type(`kubectl wait --for=condition=Ready pod/${pod}`, /condition met/)
    await this.type(`kubectl port-forward ${pod} :${remote}`, /Forwarding from 127\.0\.0\.1:\d+ -> /)
    const port = Number(/Forwarding from 127\.0\.0\.1:(\d+)/.exec(this.output.slice(this.output.lastIndexOf('Forwarding from 127')))![1])
    await eventually(() => this.session.realPorts.includes(port))
    return port
  }

  /** What is on the disk now, as after a kill: the process that wrote it goes on, on another folder. */
  killed(): string {
    const copy = mkdtempSync(join(tmpdir(), 'podhop-killed-'))
    cpSync(this.folder, copy, { recursive: true })
    return copy
  }

  close(): void {
    this.session.close()
    this.progress.flush()
  }
}

export async function eventually(holds: () => boolean, meanwhile?: () => string, limit = 90_000): Promise<void> {
  const end = Date.now() + limit
  for (let words = ''; !holds(); words = meanwhile?.() ?? '') {
    if (Date.now() > end) throw new Error(`waited in vain${words ? ` for ${words}` : ''}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Takes a port of the machine. */
export function occupy(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
