import { type Cluster, type ClusterConfig, type HostPorts, type TcpConnection } from '../engine/cluster.ts'
import type { Lab } from './model.ts'
import { LabRun, newProgress, type LabProgress } from './run.ts'
import { bearCluster, bearLabCluster, beginStep } from './start.ts'
import { LabTerminal } from './terminal.ts'

/**
 * Everything that reaches a student's world from outside. Together with the seed it makes the world: the same inputs
 * at the same moments make the same world again, which is how a session is continued after a restart.
 */
export type Input =
  | { kind: 'terminal-open'; id: string; columns: number; rows: number }
  | { kind: 'terminal-input'; id: string; data: string }
  | { kind: 'terminal-resize'; id: string; columns: number; rows: number }
  | { kind: 'terminal-close'; id: string }
  | { kind: 'hint'; check: string }
  | { kind: 'answer'; check: string; answer: string }
  /** The real machine's answer to a port-forward's wish for a port. */
  | { kind: 'port-answer'; request: number; result: { port: number } | { error: string } }
  /** A connection of a real program (a browser) to a forwarded port. Data is base64. */
  | { kind: 'outside-connect'; connection: number; port: number }
  | { kind: 'outside-data'; connection: number; data: Uint8Array }
  | { kind: 'outside-end'; connection: number }
  | { kind: 'outside-abort'; connection: number }

export interface WorldListener {
  terminalOutput(id: string, text: string): void
  terminalClosed(id: string): void
  /** kubectl port-forward wants a port of the real machine; answer with 'port-answer'. */
  portWanted(request: number, port: number): void
  portReleased(port: number): void
  outsideData(connection: number, data: Uint8Array): void
  outsideEnd(connection: number): void
  outsideClose(connection: number): void
}

/** A cluster, its lab and its terminals: one student's world. */
export class World {
  readonly cluster: Cluster
  readonly run: LabRun | null
  readonly terminals = new Map<string, LabTerminal>()
  #listener: WorldListener
  #ports = new Map<number, (result: { port: number } | { error: string }) => void>()
  #nextPort = 1
  #outside = new Map<number, TcpConnection>()

  /** With `progress` what passed before stays passed on a new cluster. */
  constructor(source: { lab: Lab; progress?: LabProgress } | { config: ClusterConfig; manifests: readonly string[] }, listener: WorldListener) {
    this.#listener = listener
    if ('lab' in source) {
      this.cluster = bearLabCluster(source.lab)
      this.cluster.ports = this.#hostPorts()
      const progress = source.progress ?? newProgress()
      this.run = new LabRun(source.lab, this.cluster, progress, (step) => beginStep(this.cluster, source.lab, step))
    } else {
      this.cluster = bearCluster(source.config, source.manifests)
      this.cluster.ports = this.#hostPorts()
      this.run = null
    }
  }

  get progress(): LabProgress | undefined {
    return this.run?.progress
  }

  /** Unknown terminals and connections are ignored: they may have closed a moment ago. */
  apply(input: Input): void {
    switch (input.kind) {
      case 'terminal-open': {
        const { id } = input
        this.terminals.set(id, new LabTerminal(this.cluster, input.columns, input.rows, (text) => this.#listener.terminalOutput(id, text), () => {
          if (this.terminals.delete(id)) this.#listener.terminalClosed(id)
        }))
        break
      }
      case 'terminal-input': return this.terminals.get(input.id)?.input(input.data)
      case 'terminal-resize': return this.terminals.get(input.id)?.terminal.resize(input.columns, input.rows)
      case 'terminal-close': {
        const terminal = this.terminals.get(input.id)
        this.terminals.delete(input.id)
        terminal?.close()
        this.#listener.terminalClosed(input.id)
        break
      }
      case 'hint': return void this.run?.hint(input.check)
      case 'answer': return void this.run?.answer(input.check, input.answer)
      case 'port-answer': {
        const answer = this.#ports.get(input.request)
        this.#ports.delete(input.request)
        return answer?.(input.result)
      }
      case 'outside-connect': return this.#connect(input.connection, input.port)
      case 'outside-data': return this.#outside.get(input.connection)?.send(input.data)
      case 'outside-end': return this.#outside.get(input.connection)?.end()
      case 'outside-abort': return this.#outside.get(input.connection)?.abort()
    }
  }

  /** Brings the world to the exact moment of a log entry; false when it cannot be the same world. */
  advanceTo(at: number, executed: number): boolean {
    const { clock } = this.cluster
    while (clock.executed < executed) if (!clock.step(at)) return false
    if (clock.executed !== executed) return false
    if (clock.now < at) clock.now = at
    return clock.now === at
  }

  stop(): void {
    this.run?.stop()
  }

  #hostPorts(): HostPorts {
    return {
      open: (port, answer) => {
        const request = this.#nextPort++
        this.#ports.set(request, answer)
        this.#listener.portWanted(request, port)
      },
      close: (port) => this.#listener.portReleased(port),
    }
  }

  /** The student's own browser is a program of the laptop: its connection begins there. */
  #connect(connection: number, port: number): void {
    const tcp = this.cluster.laptop.network.sockets.connect(
      { address: '127.0.0.1', port, owner: { pid: 1, program: 'browser' } },
      {
        onData: (data) => this.#listener.outsideData(connection, data),
        onEnd: () => this.#listener.outsideEnd(connection),
        onClose: () => {
          this.#outside.delete(connection)
          this.#listener.outsideClose(connection)
        },
      },
    )
    this.#outside.set(connection, tcp)
  }
}
