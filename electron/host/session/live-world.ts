import type { Printed } from '../../bridge/view.ts'
import { World, type Input } from '../../lab/world.ts'
import { Scrollback } from '../scrollback.ts'
import { ApiCalls } from './api-calls.ts'
import { Driver } from './driver.ts'
import { KeptJourneys } from './kept-journeys.ts'
import type { LogEntry, SessionLog } from './log.ts'
import { RealPorts } from './ports.ts'

export interface LiveWorldEvents {
  /** Something that the window shows may have changed. */
  changed(): void
  terminalOutput(id: string, text: string): void
  terminalClosed(id: string): void
  notice(level: 'info' | 'warning' | 'error', text: string): void
  /** The page behind a hop, for `hop explain`. */
  explain(id: string): string | undefined
}

/** How long a replay may hold the process before it gives others their turn, in ms. */
const SLICE = 8

/**
 * A world on its way: with its terminals' output, its ports of the real machine and the log of its inputs. Until `start`
 * it is silent, and can be replayed.
 */
export class LiveWorld {
  readonly world: World
  readonly ports: RealPorts
  /** The ways of real API clients. */
  readonly calls: ApiCalls
  readonly journeys: KeptJourneys
  /** How long the log may grow by what real programs send, in bytes. */
  logLimit = 64 * 1024 * 1024
  #events: LiveWorldEvents
  #driver: Driver | undefined
  #log: SessionLog | undefined
  #scrollback = new Map<string, Scrollback>()
  #nextTerminal = 1
  #tickedAt = -1
  #full = false
  #troubles = 0

  constructor(source: ConstructorParameters<typeof World>[0], events: LiveWorldEvents) {
    this.#events = events
    this.ports = new RealPorts({ input: (input) => this.input(input), unsent: (connection) => this.world.unsent(connection) })
    this.calls = new ApiCalls({
      input: (input) => this.input(input),
      sync: () => this.sync(),
      world: () => this.world,
      nextConnection: () => this.ports.next++,
    })
    this.world = new World(source, {
      terminalOutput: (id, text) => this.#printed(id, text),
      terminalClosed: (id) => {
        this.#scrollback.delete(id)
        if (this.#driver) this.#events.terminalClosed(id)
      },
      portWanted: (request, port) => {
        if (this.#driver) this.ports.listen(request, port)
        this.#changed()
      },
      portReleased: (port) => {
        this.ports.close(port)
        this.#changed()
      },
      outsideData: (connection, data) => void (this.calls.forwardData(connection, data) || this.ports.data(connection, data)),
      outsideEnd: (connection) => void (this.calls.forwardEnd(connection) || this.ports.end(connection)),
      outsideClose: (connection, error) => void (this.calls.forwardClosed(connection, error) || this.ports.closed(connection)),
      apiHead: (call, status, headers) => this.calls.head(call, status, headers),
      apiData: (call, chunk) => this.calls.data(call, chunk),
      apiEnd: (call, unreachable) => this.calls.end(call, unreachable),
      apiOutput: (call, descriptor, data) => this.calls.output(call, descriptor, data),
      apiSessionEnd: (call, end) => this.calls.sessionEnd(call, end),
      apiForwardOpen: (call) => this.calls.forwardOpen(call),
      apiForwardEnd: (call, refused) => this.calls.forwardEnded(call, refused),
      timeChanged: () => {
        this.#driver?.wake()
        this.#changed()
      },
      refused: (text) => {
        if (this.#driver) this.#events.notice('warning', text)
      },
      trouble: (error) => this.#trouble(error),
    })
    this.journeys = new KeptJourneys(this.world.cluster.journeys)
    this.world.cluster.explain = (id) => events.explain(id)
  }

  get paused(): boolean {
    return this.world.time.paused || (this.#driver?.asleep ?? true)
  }

  get terminalIds(): string[] {
    return [...this.world.terminals.keys()]
  }

  size(id: string): { columns: number; rows: number } {
    const { columns = 80, rows = 24 } = this.world.terminals.get(id)?.terminal ?? {}
    return { columns, rows }
  }

  printed(id: string): readonly Printed[] {
    return this.#scrollback.get(id)?.parts ?? []
  }

  /** Brings the world to this moment of the wall clock. */
  sync(): void {
    this.#driver?.sync()
  }

  /** Every input goes this way: into the world, and with its moment into the log. */
  input(wanted: Input): void {
    if (!this.#driver) return
    this.#driver.sync()
    const input = this.#fitting(wanted)
    const { clock } = this.world.cluster
    this.#log?.append({ at: clock.now, executed: clock.executed, input })
    this.world.apply(input)
    this.#driver.wake()
    this.#events.changed()
  }

  openTerminal(columns: number, rows: number): string {
    const id = `t${this.#nextTerminal++}`
    this.input({ kind: 'terminal-open', id, columns, rows })
    return id
  }

  /** Makes the world what it was. 'stopped' as soon as `stop` says so; 'lost' when it does not become the same world. */
  async replay(entries: readonly LogEntry[], pause: (done: number) => Promise<void>, stop: () => boolean): Promise<'there' | 'stopped' | 'lost'> {
    let turn = performance.now()
    const late = (): boolean => performance.now() - turn > SLICE
    for (const [index, entry] of entries.entries()) {
      for (;;) {
        const arrived = this.world.advanceTo(entry.at, entry.executed, late)
        if (arrived === 'lost') return 'lost'
        if (late()) {
          await pause(index / entries.length)
          if (stop()) return 'stopped'
          turn = performance.now()
        }
        if (arrived === 'there') break
      }
      if (entry.input) this.#repeat(entry.input)
    }
    return 'there'
  }

  /** From here on time runs, inputs are taken, and the outside is real. */
  start(log: SessionLog | undefined): void {
    this.#log = log
    this.#driver = new Driver(this.world, () => this.#afterSlice())
    const { cluster } = this.world
    const changed = (): void => this.#events.changed()
    cluster.onChange(changed)
    cluster.journeys.onChange(changed)
    this.world.run?.onChange(changed)
    this.#returnToReality()
  }

  /** Lets the log know how far time went. */
  tick(): void {
    const { now, executed } = this.world.cluster.clock
    if (now === this.#tickedAt) return
    this.#tickedAt = now
    this.#log?.append({ at: now, executed })
  }

  close(): void {
    this.#driver?.stop()
    this.ports.closeAll()
    this.calls.closeAll()
    if (this.#driver) this.tick()
    this.#log?.close()
    this.#log = undefined
    this.#driver = undefined
    this.world.stop()
  }

  #repeat(input: Input): void {
    this.world.apply(input)
    if (input.kind === 'terminal-open') this.#nextTerminal = Math.max(this.#nextTerminal, Number(input.id.slice(1)) + 1)
    if (input.kind === 'api-request' || input.kind === 'api-session' || input.kind === 'api-forward-open') this.calls.next = Math.max(this.calls.next, input.call + 1)
    if (input.kind === 'outside-connect' || input.kind === 'api-forward') this.ports.next = Math.max(this.ports.next, input.connection + 1)
  }

  /** Browsers that were connected are gone; listeners come back, and who waits for one gets it. */
  #returnToReality(): void {
    const { world } = this
    for (const call of world.api.open) this.input({ kind: 'api-abort', call })
    for (const connection of world.connections) this.input({ kind: 'outside-abort', connection })
    for (const { request, port } of world.portRequests) this.ports.listen(request, port)
    for (const port of world.openPorts) void this.#reopen(port)
  }

  async #reopen(port: number): Promise<void> {
    const error = await this.ports.reopen(port)
    if (error) this.#events.notice('warning', `Port ${port} of your machine is taken now (${error}). Stop the port-forward and start it on another port.`)
    this.#events.changed()
  }

  #afterSlice(): void {
    this.ports.moved()
    if (!this.#driver?.asleep) return
    this.#events.notice('info', 'Nothing has happened for an hour: the time of the cluster stands still until you go on.')
    this.#events.changed()
  }

  /** What real programs send is kept like every input, but not without end. */
  #fitting(input: Input): Input {
    if (input.kind !== 'outside-data' || (this.#log?.size ?? 0) < this.logLimit) return input
    if (!this.#full) this.#events.notice('warning', `More than ${this.logLimit / 1024 / 1024} MB were sent into the cluster through forwarded ports. It takes no more: start with a new cluster.`)
    this.#full = true
    return { kind: 'outside-abort', connection: input.connection }
  }

  #printed(id: string, text: string): void {
    let scrollback = this.#scrollback.get(id)
    if (!scrollback) this.#scrollback.set(id, (scrollback = new Scrollback()))
    scrollback.add(text, this.size(id))
    if (this.#driver) this.#events.terminalOutput(id, text)
  }

  #changed(): void {
    if (this.#driver) this.#events.changed()
  }

  #trouble(error: unknown): void {
    if (this.#troubles++ >= 3) return
    process.stderr.write(`podhop: a fault of Podhop itself: ${error instanceof Error ? error.stack : String(error)}\n`)
    if (this.#driver) this.#events.notice('error', `Podhop itself has made a mistake: ${(error as Error).message}. What you see may be wrong from here on; a new cluster is right again.`)
  }
}
