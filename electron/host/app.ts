import { join } from 'node:path'
import { diff } from '../bridge/patch.ts'
import { requestMessage, requestSchemas, type EventName, type Events, type Message, type RequestArgument, type RequestName, type RequestResults, type Transport } from '../bridge/protocol.ts'
import type { AppView, ViewModel } from '../bridge/view.ts'
import { parseClusterConfig, type Cluster } from '../engine/cluster.ts'
import { explanation } from './explanations.ts'
import { lockFolder } from './files.ts'
import type { FoundLab } from './labs.ts'
import { LabShelf } from './packs/shelf.ts'
import { ProgressStore } from './progress.ts'
import { collectResults } from './results/file.ts'
import { Session } from './session/session.ts'
import { Tools } from './tools/tools.ts'
import { inspect } from './view/inspect.ts'
import { laptopFile, laptopFiles } from './view/laptop-files.ts'
import { offerView } from './view/lab.ts'
import { buildView } from './view/view.ts'

export interface AppOptions {
  /** The student's data: progress and sessions. */
  dataFolder: string
  labsFolder: string
  /** Imported packs. */
  packsFolder: string
  explanationsFolder: string
  version: string
  /** Fingerprint of the code: a session made by other code is not continued. */
  build: string
  host: AppView['host']
  test: boolean
  /** Whether terminals of the real machine are offered. */
  hostTerminal: boolean
  freeCluster?: object
  manifests?: readonly string[]
}

/** The window hears of a change within this time, in ms. */
const FLUSH = 40

/** The app behind the window, whatever carries the bridge. Several windows may look at one session. */
export class App {
  readonly session: Session
  readonly #shelf: LabShelf
  readonly #progress: ProgressStore
  readonly #options: AppOptions
  readonly #windows = new Set<Transport>()
  readonly #unlock: (() => void) | undefined
  #view: ViewModel | undefined
  #version = 0
  #timer: NodeJS.Timeout | undefined
  readonly tools: Tools
  /** Output since the last turn: many small writes of a program become one message. */
  #output = new Map<string, string>()

  constructor(options: AppOptions) {
    this.#options = options
    this.#unlock = lockFolder(options.dataFolder)
    const shelf = (this.#shelf = new LabShelf(options.labsFolder, options.packsFolder))
    this.#progress = new ProgressStore(options.dataFolder, { readOnly: !this.#unlock, onTrouble: (text) => this.#event('notice', { level: 'warning', text }) })
    this.tools = new Tools(
      { api: () => this.session.kubeApi, folder: options.dataFolder, hostTerminal: options.hostTerminal, changed: () => this.#changed() },
      { output: (id, text) => this.#print(id, text), closed: (id) => this.#terminalClosed(id) },
    )
    const cluster = options.freeCluster ?? this.#kept()
    this.session = new Session(
      { folder: this.#unlock ? options.dataFolder : undefined, build: options.build, progress: this.#progress,
        // packs come and go
        get labs() {
          return shelf.labs
        },
        ...(cluster ? { freeCluster: cluster } : {}), manifests: options.manifests ?? [],
        // real clients reckon ages by the real clock
        epoch: () => (this.tools.connected ? Math.floor(Date.now() / 1000) * 1000 : undefined),
      },
      {
        changed: () => {
          this.tools.follow()
          this.#changed()
        },
        terminalOutput: (id, text) => this.#print(id, text),
        terminalClosed: (id) => this.#terminalClosed(id),
        notice: (level, text) => this.#event('notice', { level, text }),
        explain: (id) => explanation(options.explanationsFolder, id)?.markdown,
      },
    )
  }

  /** The cluster that somebody made at the window before, if this version still makes such ones. */
  #kept(): object | undefined {
    const { cluster } = this.#progress
    try {
      if (cluster) parseClusterConfig(cluster)
      return cluster
    } catch {
      return undefined
    }
  }

  /** Opens what was open when Podhop ended. */
  async start(): Promise<void> {
    void this.tools.prepare()
    const last = this.#progress.open
    const usable = this.#shelf.labs.some((l) => l.id === last && 'lab' in l)
    await this.#open(usable ? last : null)
    if (this.#progress.trouble) this.#event('notice', { level: 'warning', text: this.#progress.trouble })
    this.#shelf.watch((before) => void this.#packsChanged(before))
    if (!this.#unlock) this.#event('notice', { level: 'warning', text: 'Another Podhop is running. What you do here works, but is not kept.' })
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#shelf.stopWatching()
    void this.tools.disconnect()
    this.session.close()
    this.#progress.flush()
    this.#unlock?.()
  }

  /** A lab that cannot be made leaves the person in the cluster without a lab. */
  async #open(labId: string | null): Promise<void> {
    try {
      await this.session.open(labId)
    } catch (error) {
      if (labId === null) throw error
      await this.session.open(null)
      this.#event('notice', { level: 'error', text: `The lab "${labId}" could not be opened: ${(error as Error).message}` })
    }
  }

  /** `change` says which pack it took or removed: a lab of it that is open is left. */
  async #changePacks(change: () => string | undefined): Promise<void> {
    const open = this.#shelf.labs.find((lab) => lab.id === this.session.labId)?.pack?.id
    const changed = change()
    if (changed !== undefined && changed === open) await this.#open(null)
    this.#changed()
  }

  /** Somebody else took or removed packs. A lab that is open and not what it was is left, with what was done in it. */
  async #packsChanged(before: readonly FoundLab[]): Promise<void> {
    const open = (lab: FoundLab): boolean => lab.id === this.session.labId
    const [was, is] = [before.find(open), this.#shelf.labs.find(open)]
    if (was?.pack && was.fingerprint !== is?.fingerprint) {
      await this.#open(null)
      this.#event('notice', { level: 'warning', text: is ? `The pack "${was.pack.title}" was replaced, and the open lab with it: open it again to start the new one.` : `The pack "${was.pack.title}" was removed, and the open lab with it.` })
    }
    this.#changed()
  }

  connect(window: Transport): void {
    this.#windows.add(window)
    window.onClose(() => this.#windows.delete(window))
    window.onMessage((raw) => void this.#receive(window, raw))
  }

  async #receive(window: Transport, raw: unknown): Promise<void> {
    const message = requestMessage.safeParse(raw)
    if (!message.success) return
    const { id, name, argument } = message.data
    try {
      if (!Object.hasOwn(requestSchemas, name)) throw new Error(`Unknown request "${name}".`)
      const parsed = requestSchemas[name as RequestName].safeParse(argument)
      if (!parsed.success) throw new Error(`${name}: ${parsed.error.issues.map((i) => `${i.path.join('.') || 'argument'}: ${i.message}`).join('; ')}`)
      const result = await this.#answer(name as RequestName, parsed.data as never)
      window.send({ type: 'result', id, result })
    } catch (error) {
      window.send({ type: 'failure', id, error: (error as Error).message })
    }
  }

  async #answer<N extends RequestName>(name: N, argument: RequestArgument<N>): Promise<RequestResults[N]> {
    const hosts = this.tools.terminals
    const handlers: { [K in RequestName]: (a: RequestArgument<K>) => RequestResults[K] | Promise<RequestResults[K]> } = {
      'session.open': () => {
        this.#flush()
        return { version: this.#version, view: this.#view! }
      },
      'lab.start': async ({ id }) => (await this.#open(id), null),
      'lab.leave': async () => (await this.#open(null), null),
      'lab.reset': async ({ progress }) => (await this.session.reset(progress), null),
      'cluster.create': async ({ cluster }) => {
        await this.session.create(cluster)
        this.#progress.setCluster(cluster)
        return null
      },
      'pack.offer': ({ data }) => offerView(this.#shelf.offer(Buffer.from(data, 'base64'))),
      'pack.take': async ({ data, replace }) => (await this.#changePacks(() => this.#shelf.take(Buffer.from(data, 'base64'), replace).id), null),
      'pack.remove': async ({ id }) => (await this.#changePacks(() => this.#shelf.remove(id) ? id : undefined), null),
      'results.export': ({ student, typed }) => {
        const results = collectResults({ student, version: this.#options.version, labs: this.#shelf.labs, progress: this.#progress, sessionsFolder: typed ? join(this.#options.dataFolder, 'sessions') : undefined, now: Date.now() })
        return { name: `podhop-${fileWord(student)}.json`, text: `${JSON.stringify(results, null, 1)}\n` }
      },
      'lab.hint': ({ check }) => (this.session.input({ kind: 'hint', check }), null),
      'lab.answer': ({ check, answer }) => (this.session.input({ kind: 'answer', check, answer }), null),
      'terminal.open': async ({ columns, rows, kind }) => ({ id: await (kind === 'host' ? this.tools.openTerminal(columns, rows) : this.session.openTerminal(columns, rows)) }),
      'terminal.attach': ({ id }) => {
        this.#sendOutput()
        return { printed: hosts.has(id) ? hosts.printed(id) : this.session.printed(id) }
      },
      'terminal.input': ({ id, data }) => {
        if (hosts.has(id)) hosts.input(id, data)
        else this.session.input({ kind: 'terminal-input', id, data })
        return null
      },
      'terminal.resize': ({ id, columns, rows }) => {
        const size = hosts.has(id) ? hosts.size(id) : this.session.terminalSize(id)
        if (size.columns === columns && size.rows === rows) return null
        if (hosts.has(id)) hosts.resize(id, columns, rows)
        else this.session.input({ kind: 'terminal-resize', id, columns, rows })
        return null
      },
      'terminal.close': ({ id }) => {
        if (hosts.has(id)) hosts.close(id)
        else this.session.input({ kind: 'terminal-close', id })
        return null
      },
      'laptop.files': () => ({ files: laptopFiles(this.#cluster()) }),
      'laptop.file': ({ path }) => laptopFile(this.#cluster(), path),
      'tools.connect': async ({ on }) => {
        if (on) await this.tools.connect()
        else await this.tools.disconnect()
        return null
      },
      'clock.pause': ({ paused }) => (this.session.input({ kind: 'time', paused }), null),
      'clock.speed': ({ speed }) => (this.session.input({ kind: 'time', speed }), null),
      'clock.step': ({ ms }) => (this.session.input({ kind: 'time', advance: ms }), null),
      'fault.apply': ({ words }) => (this.session.input({ kind: 'fault', apply: words }), null),
      'fault.clear': ({ id }) => (this.session.input({ kind: 'fault', clear: id }), null),
      'journey.get': ({ id }) => this.session.journeys?.get(id) ?? null,
      'topology.inspect': ({ kind, id }) => {
        this.session.sync()
        return this.session.cluster ? inspect(this.session.cluster, kind, id) : null
      },
      'explanation.get': ({ id }) => explanation(this.#options.explanationsFolder, id),
    }
    return handlers[name](argument)
  }

  /** As it is at this moment. */
  #cluster(): Cluster {
    this.session.sync()
    const { cluster } = this.session
    if (!cluster) throw new Error('There is no cluster.')
    return cluster
  }

  #changed(): void {
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH)
  }

  #flush(): void {
    // what changes now is in the view already
    this.session.sync()
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { version, host, test } = this.#options
    const view = buildView(this.session, this.#shelf, this.#progress, this.tools, { version, host, ...(test ? { test } : {}) })
    // the window counts the time on by itself: a tick alone is no change
    const patches = this.#view ? diff(settled(this.#view), settled(view)) : []
    if (this.#view && patches.length === 0) return
    if (patches.length > 0) patches.push({ path: ['cluster', 'clock'], value: view.cluster.clock })
    this.#view = view
    this.#version++
    if (patches.length > 0) this.#event('view.patch', { version: this.#version, patches })
  }

  #print(id: string, text: string): void {
    if (this.#output.size === 0) setImmediate(() => this.#sendOutput())
    this.#output.set(id, (this.#output.get(id) ?? '') + text)
  }

  #terminalClosed(id: string): void {
    this.#sendOutput()
    this.#event('terminal.closed', { id })
    this.#changed()
  }

  #sendOutput(): void {
    for (const [id, data] of this.#output) this.#event('terminal.output', { id, data })
    this.#output.clear()
  }

  #event<N extends EventName>(name: N, payload: Events[N]): void {
    const message: Message = { type: 'event', name, payload }
    for (const window of this.#windows) window.send(message)
  }
}

/** A name as part of a file's name, on every system. */
function fileWord(text: string): string {
  return text.normalize('NFC').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 60) || 'results'
}

function settled(view: ViewModel): ViewModel {
  return { ...view, cluster: { ...view.cluster, clock: { ...view.cluster.clock, now: 0 } } }
}
