import { FaultError, type Cluster, type ClusterConfig, type HostPorts, type ForwardedConnection, type TcpConnection, type TcpHandlers } from '../engine/cluster.ts'
import { WorldApi, type ApiInput, type ApiListener } from './api.ts'
import type { Lab } from './model.ts'
import { LabRun, newProgress, type LabProgress } from './run.ts'
import { bearCluster, bearLabCluster, beginStep } from './start.ts'
import { LabTerminal } from './terminal.ts'
import { WorldTime } from './time.ts'

/**
 * Everything that reaches a student's world from outside. Together with the seed it makes the world: the same inputs
 * at the same moments make the same world again, which is how a session is continued after a restart.
 */
export type Input =
  | ApiInput
  /** A connection into a Pod, for a real client's port-forward; with data, end and abort as below. */
  | { kind: 'api-forward'; connection: number; call: number; port: number }
  | { kind: 'terminal-open'; id: string; columns: number; rows: number }
  | { kind: 'terminal-input'; id: string; data: string }
  | { kind: 'terminal-resize'; id: string; columns: number; rows: number }
  | { kind: 'terminal-close'; id: string }
  | { kind: 'hint'; check: string }
  | { kind: 'answer'; check: string; answer: string }
  /** The real machine's answer to a port-forward's wish for a port. */
  | { kind: 'port-answer'; request: number; result: { port: number } | { error: string } }
  | { kind: 'time'; paused?: boolean; speed?: number; advance?: number }
  /** From the window's fault menu; the terminal's `hop fault` is input to the terminal. */
  | { kind: 'fault'; apply: string[] }
  | { kind: 'fault'; clear: string }
  /** A connection of a real program (a browser) to a forwarded port. */
  | { kind: 'outside-connect'; connection: number; port: number }
  | { kind: 'outside-data'; connection: number; data: Uint8Array }
  | { kind: 'outside-end'; connection: number }
  | { kind: 'outside-abort'; connection: number }

export interface WorldListener extends ApiListener {
  terminalOutput(id: string, text: string): void
  terminalClosed(id: string): void
  /** kubectl port-forward wants a port of the real machine; answer with 'port-answer'. */
  portWanted(request: number, port: number): void
  portReleased(port: number): void
  outsideData(connection: number, data: Uint8Array): void
  outsideEnd(connection: number): void
  /** `error`: why there was no connection at all. */
  outsideClose(connection: number, error?: string): void
  /** The student has paused, sped up or moved on time. */
  timeChanged(): void
  /** What the student asked for cannot be. */
  refused(text: string): void
  /** An event of the world threw, which none should. The world goes on: its replay throws at the same place. */
  trouble(error: unknown): void
}

export type PortResult = { port: number } | { error: string }

interface PortRequest { port: number; answer: (result: PortResult) => void }

/** A cluster, its lab and its terminals: one student's world. */
export class World {
  readonly cluster: Cluster
  readonly run: LabRun | null
  readonly terminals = new Map<string, LabTerminal>()
  readonly time: WorldTime
  /** What real clients of the Kubernetes API have under way. */
  readonly api: WorldApi
  /** Ports of the real machine that lead here. */
  readonly openPorts = new Set<number>()
  #listener: WorldListener
  #requests = new Map<number, PortRequest>()
  #nextRequest = 1
  #outside = new Map<number, TcpConnection | ForwardedConnection>()

  /** With `progress` what passed before stays passed on a new cluster. `epoch`: the wall clock of its birth, in ms since 1970. */
  constructor(source: ({ lab: Lab; progress?: LabProgress } | { config: ClusterConfig; manifests: readonly string[] }) & { epoch?: number }, listener: WorldListener) {
    this.#listener = listener
    if ('lab' in source) {
      this.cluster = bearLabCluster(source.lab, source.epoch)
      this.time = this.#takeOver()
      const progress = source.progress ?? newProgress()
      this.run = new LabRun(source.lab, this.cluster, progress, (step) => beginStep(this.cluster, source.lab, step))
    } else {
      this.cluster = bearCluster(source.config, source.manifests, source.epoch)
      this.time = this.#takeOver()
      this.run = null
    }
    this.api = new WorldApi(this.cluster, listener)
  }

  get progress(): LabProgress | undefined {
    return this.run?.progress
  }

  /** Wishes for ports that nobody has answered yet. */
  get portRequests(): { request: number; port: number }[] {
    return [...this.#requests].map(([request, { port }]) => ({ request, port }))
  }

  /** Connections of real programs that are open in the world. */
  get connections(): number[] {
    return [...this.#outside.keys()]
  }

  /** Bytes of a real program that are still on their way into the world. */
  unsent(connection: number): number {
    return this.#outside.get(connection)?.unsent ?? 0
  }

  /** Unknown terminals and connections are ignored: they may have closed a moment ago. */
  apply(input: Input): void {
    try {
      this.#apply(input)
    } catch (error) {
      this.#listener.trouble(error)
    }
  }

  /** As the clock's own; what an event throws does not stop the world. */
  runUntil(time: number, stop?: () => boolean): boolean {
    for (;;) {
      try {
        return this.cluster.clock.runUntil(time, stop)
      } catch (error) {
        this.#listener.trouble(error)
        if (stop?.()) return false
      }
    }
  }

  /** Brings the world to the exact moment of a log entry. 'lost': it cannot be the same world. */
  advanceTo(at: number, executed: number, stop?: () => boolean): 'there' | 'stopped' | 'lost' {
    const { clock } = this.cluster
    const there = (): boolean => clock.executed >= executed || (stop?.() ?? false)
    if (clock.executed < executed && clock.now <= at && !this.runUntil(at, there) && clock.executed < executed) return 'stopped'
    if (clock.executed !== executed || clock.now > at) return 'lost'
    clock.now = at
    return 'there'
  }

  stop(): void {
    this.run?.stop()
  }

  #apply(input: Input): void {
    switch (input.kind) {
      case 'terminal-open': return this.#openTerminal(input.id, input.columns, input.rows)
      case 'terminal-input': return this.terminals.get(input.id)?.input(input.data)
      case 'terminal-resize': return this.terminals.get(input.id)?.terminal.resize(input.columns, input.rows)
      case 'terminal-close': return this.#closeTerminal(input.id)
      case 'hint': return void this.run?.hint(input.check)
      case 'answer': return void this.run?.answer(input.check, input.answer)
      case 'port-answer': return this.#answerPort(input.request, input.result)
      case 'time':
        this.time.set(input)
        if (input.advance !== undefined) this.time.advance(input.advance)
        return
      case 'api-forward': return this.#forward(input)
      case 'fault': return this.#fault(input)
      case 'outside-connect': return this.#connect(input.connection, input.port)
      case 'outside-data': return this.#send(input.connection, input.data)
      case 'outside-end': return this.#outside.get(input.connection)?.end()
      case 'outside-abort': return this.#outside.get(input.connection)?.abort()
      default: return this.api.apply(input)
    }
  }

  #fault(input: Extract<Input, { kind: 'fault' }>): void {
    try {
      if ('apply' in input) this.cluster.faults.apply(input.apply)
      else this.cluster.faults.clear([input.clear])
    } catch (error) {
      if (!(error instanceof FaultError)) throw error
      this.#listener.refused(`Not broken: ${error.message}.`)
    }
  }

  #openTerminal(id: string, columns: number, rows: number): void {
    const onOutput = (text: string): void => this.#listener.terminalOutput(id, text)
    const onExit = (): void => {
      if (this.terminals.delete(id)) this.#listener.terminalClosed(id)
    }
    this.terminals.set(id, new LabTerminal(this.cluster, columns, rows, onOutput, onExit))
  }

  #closeTerminal(id: string): void {
    const terminal = this.terminals.get(id)
    if (!this.terminals.delete(id)) return
    terminal?.close()
    this.#listener.terminalClosed(id)
  }

  /** The world's own ways to the outside, in place of those of a cluster by itself. */
  #takeOver(): WorldTime {
    const time = new WorldTime(this.cluster.clock, () => this.#listener.timeChanged())
    this.cluster.time = time
    this.cluster.ports = this.#hostPorts()
    return time
  }

  #hostPorts(): HostPorts {
    return {
      open: (port, answer) => {
        const request = this.#nextRequest++
        this.#requests.set(request, { port, answer })
        this.#listener.portWanted(request, port)
      },
      close: (port) => {
        if (this.openPorts.delete(port)) this.#listener.portReleased(port)
      },
    }
  }

  #answerPort(request: number, result: PortResult): void {
    const wish = this.#requests.get(request)
    if (!this.#requests.delete(request)) return
    if ('port' in result) this.openPorts.add(result.port)
    wish!.answer(result)
  }

  /** The student's own browser is a program of the laptop: its connection begins there. */
  #connect(connection: number, port: number): void {
    const { sockets } = this.cluster.laptop.network
    this.#outside.set(connection, sockets.connect({ address: '127.0.0.1', port, owner: { pid: 1, program: 'browser' } }, this.#handlers(connection)))
  }

  #forward({ connection, call, port }: Input & { kind: 'api-forward' }): void {
    const opened = this.api.connect(call, port, this.#handlers(connection))
    if (opened) this.#outside.set(connection, opened)
    else this.#listener.outsideClose(connection, 'lost connection to pod')
  }

  #handlers(connection: number): TcpHandlers {
    return {
      onData: (data) => this.#listener.outsideData(connection, data),
      onEnd: () => this.#listener.outsideEnd(connection),
      onClose: (error) => {
        this.#outside.delete(connection)
        this.#listener.outsideClose(connection, error?.message)
      },
    }
  }

  #send(connection: number, data: Uint8Array): void {
    const tcp = this.#outside.get(connection)
    // reset by the other side a moment ago: nobody has been told yet
    if (!tcp || ('state' in tcp && (tcp.state === 'CLOSED' || tcp.state === 'TIME-WAIT'))) return
    tcp.send(data)
  }
}
