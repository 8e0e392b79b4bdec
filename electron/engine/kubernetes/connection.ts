import type { Clock, Timer } from '../clock.ts'
import { sleep, type Task } from '../machine/task.ts'
import {
  ConnectionError,
  type ApiResource,
  type DeleteOptions,
  type ExecOptions,
  type ForwardCall,
  type ForwardSession,
  type KubernetesClient,
  type ListOptions,
  type LogOptions,
  type LogSink,
  type ObjectList,
  type PatchType,
  type RemoteCommand,
  type WatchEvent,
  type Way,
  type WriteOptions,
} from './client.ts'
import { ConnectionWatch, type WatchListener } from './connection-watch.ts'
import type { OpenApiDocument } from './openapi/types.ts'
import type { ProxyAnswer, ProxyRequest } from './proxy-location.ts'
import type { KubeObject, Status, Table } from './types.ts'

/** client-go's reflectors: tools/cache NewReflector's backoff, without its jitter (ms). */
const RECONNECT = { first: 800, most: 30_000 }

export interface ConnectionOptions {
  /** "172.18.0.2:6443", as it stands in errors. */
  address: string
  /**
   * Watches outlive a break: an agent keeps what it knows, connects again and learns what changed (client-go's
   * reflectors). A user's command is told of it besides (an ERROR with the reason WATCH_BROKE).
   */
  kind: 'agent' | 'user'
}

/** Who keeps a connection by packets under it. */
export interface Attendant {
  /** Somebody has asked something. */
  asked(): void
  /** A cause that blocked it is gone; others may block it still. */
  freed(cause: string): void
}

/**
 * One client's way to the API server. It works unless something blocks it: no API server that listens (all
 * connections), or a broken way (one node's). While it is blocked every request throws {@link ConnectionError} and
 * watches are silent.
 */
export class ApiConnection implements KubernetesClient {
  readonly address: string
  readonly #clock: Clock
  readonly #server: KubernetesClient
  readonly #kind: ConnectionOptions['kind']
  /** Cause → what a request ends with, whole, in Go's words. */
  readonly #blocks = new Map<string, string>()
  readonly #watches = new Set<ConnectionWatch>()
  /** Streams (logs, exec, …) that a break ends. */
  readonly #streams = new Set<() => void>()
  readonly #silenced = new Set<() => void>()
  readonly #resumed = new Set<() => void>()
  readonly way: Way
  #attendant: Attendant | undefined
  #blockedAt = 0
  /** Watches are not fed: blocked, or not yet connected again. */
  #silent = false
  #reconnect: Timer | undefined

  constructor(clock: Clock, server: KubernetesClient, options: ConnectionOptions) {
    this.#clock = clock
    this.#server = server
    this.#kind = options.kind
    this.address = options.address
    const isSilent = (): boolean => this.#silent
    this.way = {
      server: server.way?.server ?? server,
      get silent() {
        return isSilent()
      },
      onSilence: (listener) => {
        this.#silenced.add(listener)
        return () => void this.#silenced.delete(listener)
      },
      onResume: (listener) => {
        this.#resumed.add(listener)
        return () => void this.#resumed.delete(listener)
      },
    }
  }

  get requests(): KubernetesClient['requests'] {
    return this.#server.requests
  }

  get reachable(): boolean {
    return this.#blocks.size === 0
  }

  attend(attendant: Attendant): void {
    this.#attendant = attendant
  }

  /** Breaks the connection for a cause of its own name, until {@link unblock}; `error` is net.Dial's ("i/o timeout" where packets are lost) unless the connection had stood. */
  block(cause: string, error = 'connect: connection refused', { dialling = true } = {}): void {
    const wasReachable = this.reachable
    this.#blocks.set(cause, dialling ? `dial tcp ${this.address}: ${error}` : error)
    if (!wasReachable) return
    this.#blockedAt = this.#clock.now
    this.#silent = true
    this.#clock.cancel(this.#reconnect)
    for (const listener of [...this.#silenced]) listener()
    for (const end of [...this.#streams]) end()
    for (const watch of [...this.#watches]) {
      watch.silence()
      if (this.#kind === 'user') watch.tellBreak()
    }
  }

  /** Ends a cause. `fresh`: who asks has just been started, and does not wait for the next of its tries. */
  unblock(cause: string, options?: { fresh?: boolean }): void {
    if (!this.#blocks.delete(cause)) return
    this.#attendant?.freed(cause)
    if (!this.reachable) return
    this.#reconnect = this.#clock.schedule(options?.fresh ? 0 : this.#untilNextTry(), () => {
      this.#silent = false
      for (const watch of [...this.#watches]) watch.resume()
      for (const listener of [...this.#resumed]) listener()
    })
  }

  resources(): readonly ApiResource[] {
    return this.#server.resources()
  }

  /** Like kubectl's and the agents' discovery, answered from what was learned before. */
  findResource(word: string): ApiResource | undefined {
    return this.#server.findResource(word)
  }

  serverVersion(): ReturnType<KubernetesClient['serverVersion']> {
    return this.#reach().serverVersion()
  }

  openApiPaths(): readonly string[] {
    return this.#reach().openApiPaths()
  }

  openApi(path: string): OpenApiDocument | undefined {
    return this.#reach().openApi(path)
  }

  document(verb: string, path: string): KubernetesClient {
    return this.#reach().document(verb, path)
  }

  get<T extends KubeObject>(resource: string, namespace: string | undefined, name: string): T {
    return this.#reach().get<T>(resource, namespace, name)
  }

  list<T extends KubeObject>(resource: string, options?: ListOptions): ObjectList<T> {
    return this.#reach().list<T>(resource, options)
  }

  table(resource: string, options?: ListOptions & { name?: string }): Table {
    return this.#reach().table(resource, options)
  }

  inquire(resource: string, done: () => void): () => void {
    return this.#reach().inquire(resource, done)
  }

  tableOf(resource: string, objects: readonly KubeObject[]): Table {
    return this.#server.tableOf(resource, objects)
  }

  create<T extends KubeObject>(resource: string, namespace: string | undefined, object: unknown, options?: WriteOptions): T {
    return this.#reach().create<T>(resource, namespace, object, options)
  }

  update<T extends KubeObject>(resource: string, namespace: string | undefined, name: string, object: unknown, options?: WriteOptions & { subresource?: string }): T {
    return this.#reach().update<T>(resource, namespace, name, object, options)
  }

  patch<T extends KubeObject>(
    resource: string, namespace: string | undefined, name: string, type: PatchType, patch: unknown, options?: WriteOptions & { subresource?: string },
  ): T {
    return this.#reach().patch<T>(resource, namespace, name, type, patch, options)
  }

  createSubresource<T extends KubeObject | Status>(resource: string, namespace: string | undefined, name: string, subresource: string, object: unknown, options?: WriteOptions): T {
    return this.#reach().createSubresource<T>(resource, namespace, name, subresource, object, options)
  }

  scale<T extends KubeObject>(resource: string, namespace: string | undefined, name: string): T {
    return this.#reach().scale<T>(resource, namespace, name)
  }

  delete(resource: string, namespace: string | undefined, name: string, options?: DeleteOptions): KubeObject | Status {
    return this.#reach().delete(resource, namespace, name, options)
  }

  deleteCollection(resource: string, list: ListOptions, options?: DeleteOptions): void {
    this.#reach().deleteCollection(resource, list, options)
  }

  watch<T extends KubeObject>(resource: string, options: ListOptions & { resourceVersion?: string }, listener: (event: WatchEvent<T>) => void): () => void {
    if (this.#kind === 'user') this.#reach()
    const watch = new ConnectionWatch(this.#server, resource, options, listener as WatchListener, this.#silent)
    this.#watches.add(watch)
    return () => {
      this.#watches.delete(watch)
      watch.stop()
    }
  }

  logs(namespace: string, pod: string, options: LogOptions, sink: LogSink): () => void {
    let over = false
    let stop: () => void = () => undefined
    const finish = (): boolean => !over && (over = true) && this.#streams.delete(cut)
    const cut = (): void => {
      finish()
      stop()
      sink.onEnd('unexpected EOF')
    }
    this.#streams.add(cut)
    try {
      stop = this.#reach().logs(namespace, pod, options, {
        onOpen: () => void (over || sink.onOpen?.()),
        ...(sink.onRefused ? { onRefused: (error) => void (finish() && sink.onRefused!(error)) } : {}),
        onLine: (line) => void (over || sink.onLine(line)),
        onEnd: (error) => void (finish() && sink.onEnd(error)),
      })
    } catch (error) {
      finish()
      throw error
    }
    return () => {
      finish()
      stop()
    }
  }

  exec(namespace: string, pod: string, options: ExecOptions): RemoteCommand {
    return this.#remote(this.#reach().exec(namespace, pod, options))
  }

  attach(namespace: string, pod: string, options: Omit<ExecOptions, 'command'>): RemoteCommand {
    return this.#remote(this.#reach().attach(namespace, pod, options))
  }

  openForward(namespace: string, pod: string, session: ForwardSession): ForwardCall {
    return this.#reach().openForward(namespace, pod, session)
  }

  proxy(resource: string, namespace: string | undefined, id: string, request: ProxyRequest, done: (answer: ProxyAnswer) => void): () => void {
    return this.#reach().proxy(resource, namespace, id, request, done)
  }

  #reach(): KubernetesClient {
    for (const error of this.#blocks.values()) throw new ConnectionError(error, this.address)
    this.#attendant?.asked()
    return this.#server
  }

  #remote(command: RemoteCommand): RemoteCommand {
    let over = false
    let listener: Parameters<RemoteCommand['onExit']>[0] | undefined
    const cut = (): void => {
      this.#streams.delete(cut)
      if (over) return
      over = true
      command.close()
      listener?.({ error: 'next reader: websocket: close 1006 (abnormal closure): unexpected EOF', broke: true })
    }
    this.#streams.add(cut)
    return {
      resize: (columns, rows) => command.resize(columns, rows),
      close: () => {
        this.#streams.delete(cut)
        command.close()
      },
      onExit: (each) => {
        listener = each
        command.onExit((result) => {
          this.#streams.delete(cut)
          if (over) return
          over = true
          each(result)
        })
      },
    }
  }

  /** When the next of a reflector's tries, each after twice the time, falls. */
  #untilNextTry(): number {
    let wait: number = RECONNECT.first
    let at = this.#blockedAt + wait
    while (at <= this.#clock.now) {
      wait = Math.min(RECONNECT.most, wait * 2)
      at += wait
    }
    return at - this.#clock.now
  }
}

/** Runs what asks the API until it is reached, once a second; `onFailure` gets each failure. */
export function* untilReached<T>(clock: Clock, ask: () => T, onFailure: (error: ConnectionError) => void = () => undefined): Task<T> {
  for (;;) {
    try {
      return ask()
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      onFailure(error)
    }
    yield sleep(clock, 1000)
  }
}
