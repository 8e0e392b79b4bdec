import type { ToolsView } from '../../bridge/view.ts'
import { serveKubeApi, type KubeApiServer } from '../kube-api/server.ts'
import type { KubeApi } from '../session/api-calls.ts'
import { HostTerminals, type HostTerminalEvents } from './host-terminals.ts'

export interface ToolsOptions {
  api(): KubeApi | undefined
  /** Where the kubeconfig is kept. */
  folder: string
  /** A trainer's build may do without terminals of the real machine; so does an app that is served to browsers. */
  hostTerminal: boolean
  changed(): void
}

/** The person's own tools: real kubectl and its like by the HTTP API, and terminals of the real machine. */
export class Tools {
  readonly terminals: HostTerminals
  readonly #options: ToolsOptions
  #server: Promise<KubeApiServer> | undefined
  #served: KubeApiServer | undefined
  #missing: string | undefined

  constructor(options: ToolsOptions, events: HostTerminalEvents) {
    this.#options = options
    this.terminals = new HostTerminals(events)
  }

  get connected(): boolean {
    return this.#server !== undefined
  }

  /** Serves the simulated cluster's API; resolves to the path of a kubeconfig. */
  async connect(): Promise<string> {
    this.#server ??= serveKubeApi({ api: () => this.#options.api(), folder: this.#options.folder })
    try {
      this.#served = await this.#server
    } catch (error) {
      this.#server = undefined
      throw error
    }
    this.#served.follow()
    this.#options.changed()
    return this.#served.kubeconfig
  }

  /** The world may have changed. */
  follow(): void {
    this.#served?.follow()
  }

  async disconnect(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.#served = undefined
    this.terminals.closeAll()
    await (await server)?.close()
    this.#options.changed()
  }

  async openTerminal(columns: number, rows: number): Promise<string> {
    if (!this.#options.hostTerminal) throw new Error('This Podhop has no terminals of the real machine.')
    this.#missing = await this.terminals.missing()
    if (this.#missing !== undefined) {
      this.#options.changed()
      throw new Error(this.#missing)
    }
    return this.terminals.open(columns, rows, await this.connect())
  }

  /** Finds out whether there can be terminals, before somebody looks. */
  async prepare(): Promise<void> {
    if (!this.#options.hostTerminal) return
    this.#missing = await this.terminals.missing()
    this.#options.changed()
  }

  view(): ToolsView {
    return {
      api: this.#served ? { url: this.#served.url, kubeconfig: this.#served.kubeconfig } : null,
      hostTerminal: this.#options.hostTerminal,
      hostTerminalMissing: this.#missing ?? null,
    }
  }
}
