import { BridgeClient } from '../../electron/bridge/client.ts'
import type { Patch } from '../../electron/bridge/patch.ts'
import type { Events, RequestArgument, RequestName, RequestResults } from '../../electron/bridge/protocol.ts'
import type { ViewModel } from '../../electron/bridge/view.ts'
import type { Connect } from '../connection/transport.ts'
import { TerminalOutput } from './output.ts'
import { receive, type Held } from './patches.ts'

export interface Notice {
  id: number
  level: Events['notice']['level']
  text: string
}

/** A person notices a wait from here on; before, no busy sign flashes up. */
const NOTICEABLE = 300
const RETRY = [300, 1000, 2000, 3000]

/** The window's end of the bridge: the view model as the host last told it, and the way to ask for things. */
class Session {
  view: ViewModel | null = $state.raw(null)
  connection: 'connecting' | 'open' | 'lost' = $state('connecting')
  /** Counts sessions opened; terminals attach anew when it changes. */
  epoch = $state(0)
  notices: Notice[] = $state([])
  /** performance.now() when the cluster clock was last told. */
  clockToldAt = $state(0)
  readonly output = new TerminalOutput()
  #waits: { id: number; words: string }[] = $state([])
  readonly waitingFor = $derived(this.view?.app.busy ? this.view.app.busy : this.#waits[0] ? { text: this.#waits[0].words, done: null } : null)

  #client: BridgeClient | null = null
  #held: Held | null = null
  #opening = false
  #ids = 0

  /** Connects, and connects again whenever the host is lost. Never returns. */
  async run(connect: Connect): Promise<never> {
    for (let failures = 0; ; ) {
      try {
        const transport = await connect()
        const closed = new Promise<void>((resolve) => transport.onClose(resolve))
        this.#listen(new BridgeClient(transport))
        await this.#open()
        this.connection = 'open'
        this.epoch++
        failures = 0
        await closed
      } catch {
        failures++
      }
      this.#client = null
      this.connection = 'lost'
      await new Promise((resolve) => setTimeout(resolve, RETRY[Math.min(failures, RETRY.length - 1)]))
    }
  }

  /** A request whose refusal is told to the person, or to `refused`; null then. With `words`, a long wait is shown. */
  async ask<N extends RequestName>(name: N, argument: RequestArgument<N>, words?: string, refused: (text: string) => void = (text) => this.notify('error', text)): Promise<RequestResults[N] | null> {
    if (!this.#client) {
      refused('Podhop is not connected, so nothing was done. Wait for the connection and try again.')
      return null
    }
    const id = ++this.#ids
    const timer = words ? setTimeout(() => this.#waits.push({ id, words }), NOTICEABLE) : undefined
    try {
      return await this.#client.request(name, argument)
    } catch (error) {
      refused(error instanceof Error ? error.message : String(error))
      return null
    } finally {
      clearTimeout(timer)
      this.#waits = this.#waits.filter((w) => w.id !== id)
    }
  }

  /** Keystrokes and sizes: lost with the connection, which has its own banner. */
  tell<N extends RequestName>(name: N, argument: RequestArgument<N>): void {
    this.#client?.request(name, argument).catch(() => {})
  }

  notify(level: Notice['level'], text: string): void {
    if (this.notices.some((n) => n.level === level && n.text === text)) return
    const id = ++this.#ids
    this.notices.push({ id, level, text })
    if (level !== 'error') setTimeout(() => this.dismiss(id), level === 'info' ? 6000 : 12_000)
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((n) => n.id !== id)
  }

  #listen(client: BridgeClient): void {
    this.#client = client
    client.on('view.patch', ({ version, patches }) => this.#patch(version, patches))
    client.on('terminal.output', ({ id, data }) => this.output.write(id, data))
    client.on('notice', ({ level, text }) => this.notify(level, text))
  }

  async #open(): Promise<void> {
    if (this.#opening || !this.#client) return
    this.#opening = true
    try {
      this.#hold(await this.#client.request('session.open', {}))
    } finally {
      this.#opening = false
    }
  }

  #patch(version: number, patches: readonly Patch[]): void {
    if (!this.#held) return
    const next = receive(this.#held, version, patches)
    if (next === 'gap') void this.#open().catch(() => {})
    else this.#hold(next)
  }

  #hold(held: Held): void {
    if (held.view.cluster.clock !== this.#held?.view.cluster.clock) this.clockToldAt = performance.now()
    this.#held = held
    this.view = held.view
    if (held.view.app.test) window.podhopTest = { view: () => this.#held?.view ?? null }
  }
}

declare global {
  interface Window {
    /** For QA, only where the host was started with --test. */
    podhopTest?: { view(): ViewModel | null }
  }
}

export const session = new Session()
