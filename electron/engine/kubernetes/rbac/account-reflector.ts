import type { Clock, Timer } from '../../clock.ts'
import type { KubernetesClient, StatusError } from '../client.ts'
import { resourceKey } from '../kinds/kind.ts'
import { endOfWatch } from './watch-term.ts'

/** tools/cache NewReflector's back-off without its jitter, in ms. */
const FIRST = 800
const MOST = 30_000
/** What api/errors, NewGenericServerResponse, makes of a 401 whose body a watch cannot read. */
const ASKED = 'the server has asked for the client to provide credentials'
const NOBODY: readonly (() => void)[] = []

export interface ReflectorFailure {
  /** "*v1.Service" */
  type: string
  /** What ListAndWatch returns: "failed to list *v1.Service: services is forbidden: …", or of a watch "unknown (get services)". */
  error: string
  /** The list's own error, which reflectors before v0.33 tell of besides. */
  list: string | undefined
}

export interface AccountReflectorOptions {
  clock: Clock
  client: KubernetesClient
  resource: string
  /** Seeds how long its watches last. */
  name: string
  refusal(verb: 'list' | 'watch'): StatusError | undefined
  onFailure(failure: ReflectorFailure): void
}

/** One reflector of an agent, as far as rights are concerned: open while what it watches reaches it. */
export class AccountReflector {
  readonly #options: AccountReflectorOptions
  /** Of a handful of them each node has a few: an array takes a tenth of a set. */
  #silenced: readonly (() => void)[] = NOBODY
  #resumed: readonly (() => void)[] = NOBODY
  #wait = FIRST
  /** The next try, or the end of the watch that is not allowed any more. */
  #timer: Timer | undefined
  /** When its watching began: virtual ms. */
  #since = 0
  #open = false

  constructor(options: AccountReflectorOptions) {
    this.#options = options
    this.#try()
  }

  get open(): boolean {
    return this.#open
  }

  onSilence(listener: () => void): () => void {
    this.#silenced = [...this.#silenced, listener]
    return () => void (this.#silenced = this.#silenced.filter((one) => one !== listener))
  }

  onResume(listener: () => void): () => void {
    this.#resumed = [...this.#resumed, listener]
    return () => void (this.#resumed = this.#resumed.filter((one) => one !== listener))
  }

  /** A right may have gone. */
  check(): void {
    if (!this.#open || this.#timer || !this.#refused()) return
    const { clock, name } = this.#options
    this.#timer = clock.schedule(endOfWatch(clock, this.#since, name) - clock.now, () => this.#expire(), { background: true })
  }

  stop(): void {
    this.#options.clock.cancel(this.#timer)
  }

  #refused(): StatusError | undefined {
    return this.#options.refusal('list') ?? this.#options.refusal('watch')
  }

  /** What it watched is over, and it asks for more of it. */
  #expire(): void {
    this.#timer = undefined
    const refused = this.#refused()
    if (!refused) return
    this.#open = false
    const { resource, client } = this.#options
    const { group, name } = client.resources().find((each) => resourceKey(each) === resource) ?? { group: '', name: resource }
    this.#tell(`${refused.status.code === 401 ? ASKED : 'unknown'} (get ${group ? `${name}.${group}` : name})`)
    this.#later()
    for (const listener of this.#silenced) listener()
  }

  #try(): void {
    this.#timer = undefined
    const list = this.#options.refusal('list')
    const refused = list ?? this.#options.refusal('watch')
    if (refused) {
      // who does not reach the server is told of that, elsewhere
      if (!this.#options.client.way?.silent) this.#tell(list ? `failed to list ${this.#type()}: ${list.message}` : refused.message, list?.message)
      return this.#later()
    }
    this.#open = true
    this.#wait = FIRST
    this.#since = this.#options.clock.now
    for (const listener of this.#resumed) listener()
  }

  #later(): void {
    this.#timer = this.#options.clock.schedule(this.#wait, () => this.#try(), { background: true })
    this.#wait = Math.min(MOST, 2 * this.#wait)
  }

  #tell(error: string, list?: string): void {
    this.#options.onFailure({ type: this.#type(), error, list })
  }

  #type(): string {
    const { client, resource } = this.#options
    const found = client.resources().find((each) => resourceKey(each) === resource)
    return found ? `*${found.version}.${found.kind}` : resource
  }
}
