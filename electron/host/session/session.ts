import { createHash } from 'node:crypto'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Printed } from '../../bridge/view.ts'
import { EPOCH, parseClusterConfig, type Cluster } from '../../engine/cluster.ts'
import type { LabProgress, LabRun } from '../../lab/run.ts'
import type { Input } from '../../lab/world.ts'
import type { FoundLab } from '../labs.ts'
import type { ProgressStore } from '../progress.ts'
import type { KubeApi } from './api-calls.ts'
import type { KeptJourneys } from './kept-journeys.ts'
import { LiveWorld, type LiveWorldEvents } from './live-world.ts'
import { SessionLog, type LogHeader } from './log.ts'

export type SessionEvents = LiveWorldEvents

export interface SessionOptions {
  /** Where sessions are kept; undefined: nowhere. */
  folder: string | undefined
  /** Version of the app and of its code: a session of another one is not continued. */
  build: string
  labs: readonly FoundLab[]
  progress: ProgressStore
  /** The cluster without a lab, as a cluster file says it, until another one is made; and manifests for it. */
  freeCluster?: object
  manifests: readonly string[]
  /** The wall clock of a cluster that is born now, in ms since 1970; by default all are born at one moment. */
  epoch?: () => number | undefined
  /** How long a log may grow by what real programs send, in bytes. */
  logLimit?: number
}

/** How often the log learns how far time went without inputs, in ms. With the log's own delay less than two seconds. */
const TICK = 1000
/** The size of a terminal before a window has said its own. */
const SIZE = { columns: 100, rows: 24 }

type Source = ConstructorParameters<typeof LiveWorld>[0]

/** The student's session: a world that runs with the wall clock, is logged, and goes on after a restart. */
export class Session {
  busy: { text: string; done: number | null } | null = null
  labId: string | null = null
  /** How many worlds there have been: another number is another cluster. */
  worlds = 0
  #freeCluster: object
  #options: SessionOptions
  #events: SessionEvents
  /** What the window sees; while it is being made again it takes no inputs. */
  #live: LiveWorld | undefined
  #ticker: NodeJS.Timeout
  #opening: Promise<void> = Promise.resolve()
  /** Openings that wait or are under way: a later one stops an earlier one's replay. */
  #waiting = 0

  constructor(options: SessionOptions, events: SessionEvents) {
    this.#options = options
    this.#events = events
    this.#freeCluster = options.freeCluster ?? {}
    this.#ticker = setInterval(() => this.#tick(), TICK)
  }

  get cluster(): Cluster | undefined {
    return this.#live?.world.cluster
  }

  get journeys(): KeptJourneys | undefined {
    return this.#live?.journeys
  }

  get run(): LabRun | null {
    return this.#live?.world.run ?? null
  }

  get time(): { paused: boolean; speed: number } {
    return { paused: this.#live?.paused ?? true, speed: this.#live?.world.time.speed ?? 1 }
  }

  /** None while their world is being made: what they print would reach nobody. */
  get terminalIds(): string[] {
    return this.busy ? [] : (this.#live?.terminalIds ?? [])
  }

  terminalSize(id: string): { columns: number; rows: number } {
    return this.#live?.size(id) ?? { columns: 80, rows: 24 }
  }

  /** Ports of the real machine that lead into the world. */
  get realPorts(): readonly number[] {
    return this.#live?.ports.open ?? []
  }

  /** The world's API server for real clients; undefined while there is no world. */
  get kubeApi(): KubeApi | undefined {
    return this.busy ? undefined : this.#live?.calls
  }

  printed(id: string): readonly Printed[] {
    return this.#live?.printed(id) ?? []
  }

  /** Brings the world to this moment of the wall clock, before somebody looks. */
  sync(): void {
    this.#live?.sync()
  }

  /** While a world is being made, inputs have nowhere to go. */
  input(input: Input): void {
    if (!this.busy) this.#live?.input(input)
  }

  async openTerminal(columns: number, rows: number): Promise<string> {
    await this.#opening
    if (!this.#live) throw new Error('There is no cluster.')
    return this.#live.openTerminal(columns, rows)
  }

  /** Continues where the log ends, or begins anew; one opening at a time. */
  open(labId: string | null): Promise<void> {
    return this.#sequence(() => this.#open(labId, false))
  }

  /** A new cluster for the same lab. `forget`: nothing has passed any more. */
  reset(forget: boolean): Promise<void> {
    return this.#sequence(async () => {
      const { labId } = this
      this.#leave()
      if (labId !== null && forget) this.#options.progress.forget(labId)
      await this.#open(labId, true)
    })
  }

  /** A new cluster without a lab. Throws ClusterConfigError, and nothing has changed. */
  create(cluster: object): Promise<void> {
    parseClusterConfig(cluster)
    return this.#sequence(() => {
      this.#freeCluster = cluster
      return this.#open(null, true)
    })
  }

  close(): void {
    clearInterval(this.#ticker)
    this.#leave()
  }

  #sequence(work: () => Promise<void>): Promise<void> {
    this.#waiting++
    const next = this.#opening.then(work).finally(() => {
      this.#waiting--
    })
    this.#opening = next.catch(() => undefined)
    return next
  }

  async #open(labId: string | null, anew: boolean): Promise<void> {
    const { source, fingerprint } = this.#source(labId)
    this.#leave()
    this.labId = labId
    this.#options.progress.setOpen(labId)
    try {
      await this.#work(labId === null ? 'Starting the cluster' : 'Preparing the lab', null)
      const header: LogHeader = { app: this.#options.build, world: fingerprint, epoch: this.#options.epoch?.() ?? EPOCH }
      const path = this.#options.folder === undefined ? undefined : join(this.#options.folder, 'sessions', `${labId ?? 'free'}.jsonl`)
      const continued = path && !anew ? await this.#continue(path, header, source) : 'none'
      if (continued === 'left') return
      if (continued === 'none') this.#begin(path, header, source, anew)
    } finally {
      this.busy = null
      this.#events.changed()
    }
    this.run?.onChange(() => this.#saveProgress())
    this.#saveProgress()
    if (this.terminalIds.length === 0) this.#live?.openTerminal(SIZE.columns, SIZE.rows)
  }

  #source(labId: string | null): { source: (progress: LabProgress | undefined) => Source; fingerprint: string } {
    if (labId === null) {
      const { manifests } = this.#options
      const config = parseClusterConfig(this.#freeCluster, 'cluster')
      return { source: () => ({ config, manifests }), fingerprint: createHash('sha256').update(JSON.stringify([config, manifests])).digest('hex').slice(0, 16) }
    }
    const found = this.#options.labs.find((l) => l.id === labId)
    if (!found || !('lab' in found)) throw new Error(`There is no usable lab "${labId}".`)
    const { lab, fingerprint } = found
    return { source: (progress) => ({ lab, ...(progress ? { progress: structuredClone(progress) } : {}) }), fingerprint }
  }

  /** Makes the world of a log again. 'none': there is none, or it did not become the same. 'left': something else is to be opened. */
  async #continue(path: string, header: LogHeader, source: (progress: LabProgress | undefined) => Source): Promise<'continued' | 'none' | 'left'> {
    const resumed = this.#oldLog(path, header)
    if (!resumed) return 'none'
    const { log, entries, header: { progress, epoch } } = resumed
    const live = (this.#live = this.#newWorld({ ...source(progress), epoch }))
    const arrived = await live.replay(entries, (done) => this.#work('Continuing where you were', done), () => this.#waiting > 1 || this.#live !== live)
    if (arrived === 'there') {
      live.start(log)
      return 'continued'
    }
    live.close()
    this.#live = undefined
    log.close()
    if (arrived === 'stopped') return 'left'
    // kept for whoever looks for the reason
    renameSync(path, `${path}.lost`)
    return 'none'
  }

  #oldLog(path: string, header: LogHeader): ReturnType<typeof SessionLog.resume> {
    try {
      return SessionLog.resume(path, header, (error) => this.#cannotKeep(error))
    } catch {
      return undefined
    }
  }

  #begin(path: string | undefined, header: LogHeader, source: (progress: LabProgress | undefined) => Source, anew: boolean): void {
    const kept = this.labId === null ? undefined : this.#options.progress.lab(this.labId)?.progress
    this.#live = this.#newWorld({ ...source(kept), epoch: header.epoch })
    this.#live.start(path === undefined ? undefined : this.#newLog(path, { ...header, ...(kept ? { progress: kept } : {}) }))
    if (kept && !anew) this.#events.notice('info', 'This lab begins on a new cluster. What you have passed stays passed.')
  }

  #newWorld(source: Source): LiveWorld {
    this.worlds++
    const live = new LiveWorld(source, this.#events)
    live.logLimit = this.#options.logLimit ?? live.logLimit
    return live
  }

  #newLog(path: string, header: LogHeader): SessionLog | undefined {
    try {
      return SessionLog.create(path, header, (error) => this.#cannotKeep(error))
    } catch (error) {
      this.#cannotKeep(error as Error)
      return undefined
    }
  }

  #cannotKeep(error: Error): void {
    this.#events.notice('warning', `The session cannot be kept for a restart: ${error.message}`)
  }

  #leave(): void {
    this.#saveProgress()
    this.#live?.close()
    this.#live = undefined
  }

  #saveProgress(): void {
    const { run, labId } = this
    if (!run || labId === null || this.busy) return
    this.#options.progress.setLab(labId, Math.min(run.active - 1, run.steps.length), run.finished, structuredClone(run.progress))
    this.#events.changed()
  }

  #tick(): void {
    if (this.busy) return
    this.#live?.tick()
    if (this.labId !== null && !this.time.paused) this.#options.progress.spend(this.labId, TICK / 1000)
  }

  async #work(text: string, done: number | null): Promise<void> {
    this.busy = { text, done }
    this.#events.changed()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
