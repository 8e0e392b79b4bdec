import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { parseClusterConfig, type Cluster } from '../../engine/cluster.ts'
import type { LabRun, LabProgress } from '../../lab/run.ts'
import { World, type Input, type WorldListener } from '../../lab/world.ts'
import type { FoundLab } from '../labs.ts'
import type { ProgressStore } from '../progress.ts'
import { Driver } from './driver.ts'
import { SessionLog, type LogEntry } from './log.ts'
import { RealPorts } from './ports.ts'

export interface SessionOptions {
  /** Where sessions and progress are kept. */
  folder: string
  /** Version of the app and of its code: a session of another one is not continued. */
  build: string
  labs: readonly FoundLab[]
  progress: ProgressStore
  /** The cluster without a lab, as a cluster file says it; and manifests for it. */
  freeCluster?: object
  manifests: readonly string[]
}

export interface SessionEvents {
  /** Something that the window shows may have changed. */
  changed(): void
  terminalOutput(id: string, text: string): void
  terminalClosed(id: string): void
  notice(level: 'info' | 'warning' | 'error', text: string): void
}

/** How much of a terminal's output is kept for a window that comes back, in characters. */
const SCROLLBACK = 400_000
/** How often the log learns how far time went without inputs, in ms. */
const TICK = 1500
/** How long a replay may hold the process before it gives others their turn, in ms. */
const SLICE = 30

/** The student's session: a world that runs with the wall clock, is logged, and goes on after a restart. */
export class Session {
  busy: { text: string; done: number | null } | null = null
  labId: string | null = null
  #options: SessionOptions
  #events: SessionEvents
  #world: World | undefined
  #driver: Driver | undefined
  #log: SessionLog | undefined
  #ports: RealPorts
  #scrollback = new Map<string, string>()
  #nextTerminal = 1
  #replaying = false
  #ticker: NodeJS.Timeout
  #lastTick = 0
  #opening: Promise<void> = Promise.resolve()

  constructor(options: SessionOptions, events: SessionEvents) {
    this.#options = options
    this.#events = events
    this.#ports = new RealPorts((input) => this.input(input))
    this.#ticker = setInterval(() => this.#tick(), TICK)
  }

  get cluster(): Cluster | undefined {
    return this.#world?.cluster
  }

  get run(): LabRun | null {
    return this.#world?.run ?? null
  }

  get driver(): Driver | undefined {
    return this.#driver
  }

  get terminalIds(): string[] {
    return [...(this.#world?.terminals.keys() ?? [])]
  }

  terminalSize(id: string): { columns: number; rows: number } {
    const terminal = this.#world?.terminals.get(id)?.terminal
    return { columns: terminal?.columns ?? 80, rows: terminal?.rows ?? 24 }
  }

  /** Ports of the real machine that lead into the world. */
  get realPorts(): readonly number[] {
    return this.#ports.open
  }

  scrollback(id: string): string {
    return this.#scrollback.get(id) ?? ''
  }

  /** Every input goes this way: into the world, and with its moment into the log. */
  input(input: Input): void {
    const world = this.#world
    if (!world || this.#replaying) return
    const { clock } = world.cluster
    this.#log?.append({ at: clock.now, executed: clock.executed, input })
    world.apply(input)
    this.#driver?.wake()
    this.#events.changed()
  }

  openTerminal(columns: number, rows: number): string {
    const id = `t${this.#nextTerminal++}`
    this.input({ kind: 'terminal-open', id, columns, rows })
    return id
  }

  /** Continues where the log ends, or begins anew; one opening at a time. */
  open(labId: string | null): Promise<void> {
    return this.#sequence(() => this.#open(labId, false))
  }

  /** A new cluster for the same lab. `forget`: nothing has passed any more. */
  reset(forget: boolean): Promise<void> {
    return this.#sequence(async () => {
      if (this.labId && forget) this.#options.progress.forget(this.labId)
      await this.#open(this.labId, true)
    })
  }

  close(): void {
    clearInterval(this.#ticker)
    this.#tick()
    this.#leave()
  }

  #sequence(work: () => Promise<void>): Promise<void> {
    const next = this.#opening.then(work)
    this.#opening = next.catch(() => undefined)
    return next
  }

  async #open(labId: string | null, anew: boolean): Promise<void> {
    const found = labId === null ? undefined : this.#options.labs.find((l) => l.id === labId)
    if (labId !== null && !(found && 'lab' in found)) throw new Error(`There is no usable lab "${labId}".`)
    this.#leave()
    this.labId = labId
    this.#options.progress.setOpen(labId)
    await this.#work(labId === null ? 'Starting the cluster' : 'Preparing the lab', null)
    const config = parseClusterConfig(this.#options.freeCluster ?? {}, 'cluster')
    const header = { app: this.#options.build, world: found?.fingerprint ?? createHash('sha256').update(JSON.stringify([config, this.#options.manifests])).digest('hex').slice(0, 16) }
    const path = join(this.#options.folder, 'sessions', `${labId ?? 'free'}.jsonl`)
    const make = (progress?: LabProgress): World =>
      new World(found && 'lab' in found ? { lab: found.lab, ...(progress ? { progress: structuredClone(progress) } : {}) } : { config, manifests: this.#options.manifests }, this.#listener())
    const resumed = anew ? undefined : SessionLog.resume(path, header)
    if (resumed && (await this.#replay(make(resumed.header.progress), resumed.entries))) this.#log = resumed.log
    else {
      resumed?.log.close()
      const kept = labId === null ? undefined : this.#options.progress.lab(labId)?.progress
      this.#scrollback.clear()
      this.#world = make(kept)
      this.#log = SessionLog.create(path, { ...header, ...(kept ? { progress: kept } : {}) })
      this.#nextTerminal = 1
      this.#ports.next = 1
      if (kept && !anew) this.#events.notice('info', 'This lab begins on a new cluster. What you have passed stays passed.')
    }
    this.#start()
    if (this.terminalIds.length === 0) this.openTerminal(100, 24)
  }

  /** Makes the world again from its inputs. False when it does not become the same world. */
  async #replay(world: World, entries: readonly LogEntry[]): Promise<boolean> {
    this.#replaying = true
    this.#world = world
    try {
      let turn = performance.now()
      for (const [index, entry] of entries.entries()) {
        if (!world.advanceTo(entry.at, entry.executed)) return false
        if (entry.input) {
          world.apply(entry.input)
          if (entry.input.kind === 'terminal-open') this.#nextTerminal = Math.max(this.#nextTerminal, Number(entry.input.id.slice(1)) + 1)
          if (entry.input.kind === 'outside-connect') this.#ports.next = Math.max(this.#ports.next, entry.input.connection + 1)
        }
        if (performance.now() - turn > SLICE) {
          await this.#work('Continuing where you were', index / entries.length)
          turn = performance.now()
        }
      }
      return true
    } finally {
      this.#replaying = false
    }
  }

  #start(): void {
    const world = this.#world!
    this.#driver = new Driver(world.cluster.clock, () => this.#events.changed())
    world.cluster.time = this.#driver
    world.run?.onChange(() => this.#saveProgress())
    world.cluster.onChange(() => this.#events.changed())
    this.#saveProgress()
    void this.#reopenPorts(world)
    this.busy = null
    this.#events.changed()
  }

  /** Browsers that were connected are gone; the listeners come back. */
  async #reopenPorts(world: World): Promise<void> {
    const wanted = new Set(world.cluster.laptop.network.sockets.list().filter((s) => s.state === 'LISTEN' && s.owner?.program === 'kubectl').map((s) => s.localPort))
    for (const port of wanted) {
      if (this.#ports.open.includes(port)) continue
      const error = await this.#ports.reopen(port)
      if (error) this.#events.notice('warning', `Port ${port} of your machine is taken now (${error}). Stop the port-forward and start it on another port.`)
    }
  }

  #leave(): void {
    this.#saveProgress()
    this.#driver?.stop()
    this.#driver = undefined
    this.#ports.closeAll()
    this.#world?.stop()
    this.#world = undefined
    this.#log?.close()
    this.#log = undefined
    this.#scrollback.clear()
  }

  #saveProgress(): void {
    const run = this.run
    if (!run || this.labId === null || this.#replaying) return
    this.#options.progress.setLab(this.labId, Math.min(run.active - 1, run.steps.length), run.finished, structuredClone(run.progress))
    this.#events.changed()
  }

  #tick(): void {
    const clock = this.#world?.cluster.clock
    if (!clock || this.#replaying || clock.executed === this.#lastTick) return
    this.#lastTick = clock.executed
    this.#log?.append({ at: clock.now, executed: clock.executed })
  }

  async #work(text: string, done: number | null): Promise<void> {
    this.busy = { text, done }
    this.#events.changed()
    await new Promise((resolve) => setImmediate(resolve))
  }

  #listener(): WorldListener {
    return {
      terminalOutput: (id, text) => {
        const kept = (this.#scrollback.get(id) ?? '') + text
        this.#scrollback.set(id, kept.length > SCROLLBACK ? kept.slice(-SCROLLBACK / 2) : kept)
        if (!this.#replaying) this.#events.terminalOutput(id, text)
      },
      terminalClosed: (id) => {
        this.#scrollback.delete(id)
        if (!this.#replaying) this.#events.terminalClosed(id)
      },
      portWanted: (request, port) => {
        if (!this.#replaying) this.#ports.listen(request, port)
      },
      portReleased: (port) => {
        if (!this.#replaying) this.#ports.close(port)
      },
      outsideData: (connection, data) => this.#ports.data(connection, data),
      outsideEnd: (connection) => this.#ports.end(connection),
      outsideClose: (connection) => this.#ports.closed(connection),
    }
  }
}
