import type { KubernetesClient, ListOptions, WatchEvent } from './client.ts'
import type { KubeObject } from './types.ts'

/** metav1.CauseType of a watch whose stream ended unexpectedly. */
export const WATCH_BROKE = 'ClientWatchDecoding'

export type WatchListener = (event: WatchEvent) => void

/**
 * A watch that can be silenced. What changed meanwhile is told afterwards as a new list would show it: each object
 * once, as it is then.
 */
export class ConnectionWatch {
  readonly #server: KubernetesClient
  readonly #resource: string
  readonly #options: ListOptions & { resourceVersion?: string }
  readonly #listener: WatchListener
  #stop: (() => void) | undefined
  #missed: Map<string, Missed> | undefined

  constructor(server: KubernetesClient, resource: string, options: ListOptions & { resourceVersion?: string }, listener: WatchListener, silent: boolean) {
    this.#server = server
    this.#resource = resource
    this.#options = options
    this.#listener = listener
    if (!silent) this.#start()
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
    this.#missed = undefined
  }

  tellBreak(): void {
    this.#listener({ type: 'ERROR', status: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: WATCH_BROKE, code: 500, message: 'unable to decode an event from the watch stream: unexpected EOF' } })
  }

  silence(): void {
    if (this.#stop) this.#missed ??= new Map()
  }

  resume(): void {
    if (!this.#stop) return this.#start()
    const missed = this.#missed
    this.#missed = undefined
    for (const { gone, now, known } of missed?.values() ?? []) {
      if (gone) this.#listener({ type: 'DELETED', object: gone })
      if (now) this.#listener({ type: known ? 'MODIFIED' : 'ADDED', object: now })
    }
  }

  #start(options = this.#options): void {
    this.#stop = this.#server.watch(this.#resource, options, (event) => {
      if (event.type === 'ERROR' && event.status.code === 410 && options.resourceVersion !== undefined) {
        const { resourceVersion: _, ...fresh } = options
        this.#stop?.()
        this.#start(fresh)
      } else if (this.#missed && 'object' in event) this.#hold(this.#missed, event)
      else this.#listener(event)
    })
  }

  #hold(missed: Map<string, Missed>, event: Extract<WatchEvent, { object: KubeObject }>): void {
    const { object, type } = event
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`
    const entry = missed.get(key)
    if (type !== 'DELETED') {
      if (entry) entry.now = object
      else missed.set(key, { now: object, known: type === 'MODIFIED' })
    } else if (!entry) missed.set(key, { gone: object, known: false })
    else if (entry.known) missed.set(key, { gone: object, known: false })
    else if (entry.gone) delete entry.now
    else missed.delete(key)
  }
}

interface Missed {
  /** Known before, deleted since. */
  gone?: KubeObject
  /** What there is now. */
  now?: KubeObject
  /** `now` is a newer version of what was known. */
  known: boolean
}
