import type { Clock, Timer } from '../../clock.ts'
import { ConnectionError, StatusError, type KubernetesClient, type WatchEvent } from '../../kubernetes/client.ts'
import { ConnectionWatch } from '../../kubernetes/connection-watch.ts'
import { Rights } from '../../kubernetes/rbac/rights.ts'
import { endOfWatch } from '../../kubernetes/rbac/watch-term.ts'
import type { KubeObject } from '../../kubernetes/types.ts'

/** client-go's reflector of one resource, as CoreDNS has it: a list, then a watch from there; what fails is tried again. */
export interface ReflectorOptions<T extends KubeObject> {
  readonly clock: Clock
  /** The API as the Pod's ServiceAccount may use it; throws as its requests do. */
  readonly client: () => KubernetesClient
  /** Of how long its watches last: its container's name. */
  readonly seed: string
  readonly resource: string
  /** "*v1.Service", and where its list is: "/api/v1/services". */
  readonly type: string
  readonly path: string
  readonly labelSelector: string | undefined
  /** "https://10.96.0.1:443" */
  readonly server: string
  log(line: string): void
  set(object: T, gone: boolean): void
  changed(): void
}

/** tools/cache NewReflector's back-off without its jitter, in ms. */
const FIRST = 800
const MOST = 30_000
/** Where client-go v0.31.2's reflectors say that they are. */
const PLACE = 'pkg/mod/k8s.io/client-go@v0.31.2/tools/cache/reflector.go:243'

export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>
  #watch: ConnectionWatch | undefined
  #stopRights: (() => void) | undefined
  /** The next try, or the end of the watch that is not allowed any more. */
  #timer: Timer | undefined
  #since = 0
  #wait = FIRST
  synced = false

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
    this.#try()
  }

  stop(): void {
    this.#watch?.stop()
    this.#stopRights?.()
    this.#options.clock.cancel(this.#timer)
  }

  #try(): void {
    this.#timer = undefined
    const { clock, resource, labelSelector, set, changed } = this.#options
    const selected = labelSelector === undefined ? {} : { labelSelector }
    try {
      const client = this.#options.client()
      const list = client.list<T>(resource, selected)
      this.#since = clock.now
      this.#wait = FIRST
      // what it watched before goes on with what happened meanwhile
      if (this.#watch) return this.#watch.resume()
      for (const item of list.items) set(item, false)
      this.synced = true
      this.#watch = new ConnectionWatch(client, resource, { resourceVersion: list.resourceVersion, ...selected }, (event) => {
        if (event.type === 'BOOKMARK' || event.type === 'ERROR') return
        set((event as Extract<WatchEvent<T>, { object: T }>).object, event.type === 'DELETED')
        changed()
      }, false)
      this.#stopRights = Rights.of(client.way?.server ?? client, clock).onLoss(() => this.#check())
    } catch (error) {
      this.#tell(error)
      this.#later()
    }
  }

  #later(): void {
    this.#timer = this.#options.clock.schedule(this.#wait, () => this.#try(), { background: true })
    this.#wait = Math.min(MOST, 2 * this.#wait)
  }

  /** A right may have gone: the watch that stands lasts its time. */
  #check(): void {
    if (this.#timer || this.#mayList()) return
    const { clock, type, seed } = this.#options
    this.#timer = clock.schedule(endOfWatch(clock, this.#since, `${seed} ${type}`) - clock.now, () => {
      this.#timer = undefined
      if (this.#mayList()) return
      this.#watch!.silence()
      this.#options.log(`[ERROR] plugin/kubernetes: Unhandled Error`)
      this.#later()
    }, { background: true })
  }

  #mayList(): boolean {
    try {
      this.#options.client().list(this.#options.resource, { limit: 1 })
      return true
    } catch (error) {
      if (!(error instanceof StatusError || error instanceof ConnectionError)) throw error
      return error instanceof ConnectionError
    }
  }

  /** klog's lines as CoreDNS' logger prints them: warnings are information, and of errors only the head is left (plugin/kubernetes/logger.go). */
  #tell(error: unknown): void {
    const { type, path, server, log } = this.#options
    if (!(error instanceof StatusError || error instanceof ConnectionError)) throw error
    const why = error instanceof StatusError ? error.message : `Get "${server}${path}?limit=500&resourceVersion=0": ${error.message}`
    log(`[INFO] plugin/kubernetes: ${PLACE}: failed to list ${type}: ${why}`)
    log('[ERROR] plugin/kubernetes: Unhandled Error')
  }
}
