import type { Clock } from '../clock.ts'
import type { WatchEvent } from './client.ts'
import { compareStrings } from './json.ts'
import { type Change, firstAfter, type Index, keyOf, type LateWrite, type Life, lifeIn, listOf, selects, Table, type WatchFilter, type Watcher } from './store-table.ts'
import type { KubeObject } from './types.ts'

export type { Change, Life, WatchFilter } from './store-table.ts'

export type ChangeListener = (resource: string, change: Change) => void

/** As kube-apiserver's watch cache: eventFreshDuration, and its lower bound. */
const FRESH = 75_000
const MOST_STALE = 100
/** kube-apiserver's --etcd-compaction-interval: then history goes that is older than the interval before. */
const COMPACTION = 300_000

/** A watch that is under way. */
export interface Watching {
  stop(): void
  /** Puts something between the events that are under way, in order (bookmarks). */
  push(event: WatchEvent): void
}

/**
 * What etcd and the watch cache are together: objects by resource, namespace and name; one counter of versions; a
 * window of history; watches. Objects are never changed once they are in. Lists share their arrays: nobody may
 * change those either.
 */
export class Store {
  #clock: Clock
  #version = 0
  #removals = 0
  #tables = new Map<string, Table>()
  #window: number
  /** Compactions so far; and the versions at the last one and at the one before. */
  #compactions = { count: 0, last: 0, previous: 0 }
  /** Where somebody asked etcd for a compaction. */
  #compactedByHand = 0
  readonly #listeners = new Set<ChangeListener>()

  constructor(clock: Clock, options: { window?: number } = {}) {
    this.#clock = clock
    this.#window = options.window ?? 10_000
  }

  /** How many objects were removed so far. */
  get removals(): number {
    return this.#removals
  }

  get version(): number {
    return this.#version
  }

  /** Versions up to this one are gone from etcd: neither lists nor continue tokens go back to them. */
  get compacted(): number {
    const { count, last, previous } = this.#compactions
    const due = Math.floor(this.#clock.now / COMPACTION) - count
    return Math.max(this.#compactedByHand, due === 0 ? previous : due === 1 ? last : this.#version)
  }

  /** Forgets what was before a version; watches go on from their cache. */
  compact(version: number): void {
    this.#compactedByHand = Math.max(this.#compactedByHand, version)
  }

  /** Tells of every change, of whatever resource, at once and in order, until what is returned is called. */
  observe(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    for (const table of [...this.#tables.values()]) this.#makeLate(table)
    return () => void this.#listeners.delete(listener)
  }

  /** The changes after a version that are still known, oldest first; those of one resource. */
  changesSince(resource: string, version: number): readonly Change[] {
    const table = this.#known(resource)
    return table ? table.history.slice(firstAfter(table.history, version)) : []
  }

  /** All resources that have, or had, objects. */
  resources(): string[] {
    return [...this.#tables.keys()].sort(compareStrings)
  }

  /** Of what is there now. */
  lifeOf(resource: string, { metadata: { namespace, name, resourceVersion } }: KubeObject): Life {
    return this.#known(resource)?.buckets.get(namespace ?? '')?.lives.get(name) ?? { created: Number(resourceVersion), writes: 1 }
  }

  /** Counts a version for what is no object: a key of etcd's that is nobody's here. */
  advance(options?: { removes: boolean }): number {
    if (options?.removes) this.#removals++
    return this.#nextVersion()
  }

  /** The last version that watches of a resource cannot go on from any more. */
  forgotten(resource: string): number {
    return this.#known(resource)?.forgotten ?? 0
  }

  /** Lets watches that select one value of this find their changes without asking each watch. */
  setIndex(resource: string, index: Index): void {
    this.#table(resource).index = index
  }

  get(resource: string, namespace: string, name: string): KubeObject | undefined {
    return this.#known(resource)?.buckets.get(namespace)?.byName.get(name)
  }

  count(resource: string): number {
    return this.#known(resource)?.count ?? 0
  }

  /** In the order of etcd's keys ("a-b/x" is before "a/x"). Undefined: all namespaces. */
  list(resource: string, namespace: string | undefined): readonly KubeObject[] {
    const table = this.#known(resource)
    if (!table) return []
    if (namespace !== undefined) {
      const bucket = table.buckets.get(namespace)
      return bucket ? listOf(bucket) : []
    }
    if (table.all) return table.all
    const namespaces = [...table.buckets.keys()].sort((a, b) => compareStrings(`${a}/`, `${b}/`))
    if (namespaces.length === 1) return (table.all = listOf(table.buckets.get(namespaces[0]!)!))
    const all: KubeObject[] = []
    for (const n of namespaces) for (const object of listOf(table.buckets.get(n)!)) all.push(object)
    return (table.all = all)
  }

  /** What `list` said when the store was at a version; undefined when that is no longer known. */
  listAt(resource: string, namespace: string | undefined, version: number): readonly KubeObject[] | undefined {
    if (version >= this.#version) return this.list(resource, namespace)
    const table = this.#known(resource)
    if (version < this.compacted || (table && version < table.forgotten)) return undefined
    const now = this.list(resource, namespace)
    const since = table ? firstAfter(table.history, version) : 0
    if (!table || since === table.history.length) return now
    const objects = new Map(now.map((object) => [keyOf(object), object]))
    for (let i = table.history.length - 1; i >= since; i--) {
      const { object, previous } = table.history[i]!
      const { metadata } = (previous ?? object)!
      if (namespace !== undefined && namespace !== (metadata.namespace ?? '')) continue
      if (previous) objects.set(keyOf(previous), previous)
      else objects.delete(keyOf(object!))
    }
    return [...objects].sort(([a], [b]) => compareStrings(a, b)).map(([, object]) => object)
  }

  /** Adds an object or replaces the one of its name. The store gives it its resourceVersion; it must be new. */
  put(resource: string, object: KubeObject): KubeObject {
    return this.#put(this.#table(resource), object, this.#nextVersion(), this.#clock.now)
  }

  /** Adds an object, or a new version, that `make` puts together when somebody looks at its resource, or watches it already. */
  putLate<T extends LateWrite>(resource: string, write: T, make: (write: T) => KubeObject, onMade?: (object: KubeObject) => void): void {
    const table = this.#table(resource, true)
    write.version = this.#nextVersion()
    table.late.push(write)
    table.made ??= (late) => {
      const object = this.#put(table, make(late as T), late.version, late.at)
      onMade?.(object)
    }
    if (this.#listeners.size > 0 || table.watchers.size > 0 || table.namedWatchers.size > 0 || table.indexedWatchers.size > 0) this.#makeLate(table)
  }

  #put(table: Table, object: KubeObject, version: number, at: number): KubeObject {
    const namespace = object.metadata.namespace ?? ''
    let bucket = table.buckets.get(namespace)
    if (!bucket) table.buckets.set(namespace, (bucket = { byName: new Map(), lives: new Map(), names: [], list: undefined }))
    const previous = bucket.byName.get(object.metadata.name)
    const before = previous && lifeIn(bucket, previous)
    const life = before ? { created: before.created, writes: before.writes + 1 } : { created: version, writes: 1 }
    bucket.lives.set(object.metadata.name, life)
    object.metadata.resourceVersion = String(version)
    bucket.byName.set(object.metadata.name, object)
    if (!previous) {
      bucket.names = undefined
      table.count++
    }
    bucket.list = undefined
    table.all = undefined
    this.#record(table, { version, at, object, previous, life })
    return object
  }

  /** Puts in what was there before history begins: no version is counted, no watch hears of it. For an empty resource. */
  seed(resource: string, objects: readonly KubeObject[]): void {
    const table = this.#table(resource)
    for (const object of objects) {
      const namespace = object.metadata.namespace ?? ''
      let bucket = table.buckets.get(namespace)
      if (!bucket) table.buckets.set(namespace, (bucket = { byName: new Map(), lives: new Map(), names: undefined, list: undefined }))
      bucket.byName.set(object.metadata.name, object)
    }
    table.count += objects.length
  }

  /** Everything, by resource; resources without objects are left out. */
  contents(): Map<string, readonly KubeObject[]> {
    const all = [...this.#tables.keys()].sort(compareStrings).map((resource) => [resource, this.list(resource, undefined)] as const)
    return new Map(all.filter(([, objects]) => objects.length > 0))
  }

  /** Puts an object back as it once was: it keeps its old resourceVersion, though versions go on. */
  putBack(resource: string, object: KubeObject, life?: Life): void {
    const { name, namespace, resourceVersion } = object.metadata
    const table = this.#table(resource)
    this.#put(table, object, this.#nextVersion(), this.#clock.now)
    object.metadata.resourceVersion = resourceVersion
    if (life) table.buckets.get(namespace ?? '')!.lives.set(name, life)
  }

  remove(resource: string, namespace: string, name: string): void {
    const table = this.#table(resource)
    const bucket = table.buckets.get(namespace)
    const previous = bucket?.byName.get(name)
    if (!bucket || !previous) return
    this.#nextVersion()
    this.#removals++
    const life = lifeIn(bucket, previous)
    bucket.byName.delete(name)
    bucket.lives.delete(name)
    if (bucket.byName.size === 0) table.buckets.delete(namespace)
    bucket.names = undefined
    bucket.list = undefined
    table.all = undefined
    table.count--
    this.#record(table, { version: this.#version, at: this.#clock.now, object: undefined, previous, life })
  }

  /**
   * Calls `listener` with the changes after `since`; without it, first with an ADDED for everything there is.
   * Returns undefined when `since` has left the window.
   */
  watch(resource: string, filter: WatchFilter, since: number | undefined, listener: (event: WatchEvent) => void): Watching | undefined {
    const table = this.#table(resource)
    if (since !== undefined && since < table.forgotten) return undefined
    const watcher: Watcher = { filter, listener, initial: [], queue: [], timer: undefined, stopped: false }
    if (since === undefined) {
      watcher.initial = this.#selected(resource, filter)
    } else {
      for (let i = firstAfter(table.history, since); i < table.history.length; i++) this.#offer(watcher, table.history[i]!)
    }
    if (watcher.initial.length > 0 || watcher.queue.length > 0) this.#wake(watcher)
    const { indexed, name } = filter
    const [homes, key] = indexed !== undefined && table.index ? [table.indexedWatchers, indexed] : [table.namedWatchers, name]
    const home = key === undefined ? table.watchers : (homes.get(key) ?? new Set())
    if (key !== undefined) homes.set(key, home)
    home.add(watcher)
    return {
      push: (event) => {
        watcher.queue.push(event)
        this.#wake(watcher)
      },
      stop: () => {
        home.delete(watcher)
        if (key !== undefined && home.size === 0 && homes.get(key) === home) homes.delete(key)
        this.#clock.cancel(watcher.timer)
        watcher.stopped = true
        watcher.timer = undefined
        watcher.initial = []
        watcher.queue = []
      },
    }
  }

  #selected(resource: string, filter: WatchFilter): readonly KubeObject[] {
    const { matches, name, namespace } = filter
    if (name !== undefined) {
      const buckets = this.#table(resource).buckets
      const found = [...(namespace === undefined ? buckets.keys() : [namespace])].sort((a, b) => compareStrings(`${a}/`, `${b}/`)).map((n) => buckets.get(n)?.byName.get(name))
      return found.filter((o) => o !== undefined && selects(filter, o)) as KubeObject[]
    }
    const list = this.list(resource, namespace)
    return matches ? list.filter((o) => selects(filter, o)) : list
  }

  #nextVersion(): number {
    const due = Math.floor(this.#clock.now / COMPACTION) - this.#compactions.count
    if (due > 0) this.#compactions = { count: this.#compactions.count + due, last: this.#version, previous: due === 1 ? this.#compactions.last : this.#version }
    return ++this.#version
  }

  #known(resource: string): Table | undefined {
    const table = this.#tables.get(resource)
    if (table && table.late.length > 0) this.#makeLate(table)
    return table
  }

  #table(resource: string, unseen = false): Table {
    let table = unseen ? this.#tables.get(resource) : this.#known(resource)
    if (!table) this.#tables.set(resource, (table = new Table(resource)))
    return table
  }

  #makeLate(table: Table): void {
    const { late } = table
    table.late = []
    for (const write of late) table.made!(write)
  }

  #record(table: Table, change: Change): void {
    table.history.push(change)
    this.#forgetOld(table, change.at)
    if (this.#listeners.size > 0) for (const listener of this.#listeners) listener(table.resource, change)
    for (const watcher of table.watchers) this.#offer(watcher, change)
    if (table.namedWatchers.size > 0) for (const watcher of table.namedWatchers.get((change.object ?? change.previous)!.metadata.name) ?? []) this.#offer(watcher, change)
    if (!table.index || table.indexedWatchers.size === 0) return
    const after = change.object && table.index(change.object)
    const before = change.previous && table.index(change.previous)
    const keys = before === after ? [after] : [before, after]
    for (const key of keys) for (const watcher of (key !== undefined && table.indexedWatchers.get(key)) || []) this.#offer(watcher, change)
  }

  /** Keeps so many changes, and of those that are no longer fresh only a few; cut in blocks. */
  #forgetOld(table: Table, now: number): void {
    const { history } = table
    const middle = history.length >> 1
    const full = history.length >= 2 * this.#window
    if (!full && !(middle >= MOST_STALE && history[middle]!.at < now - FRESH)) return
    const from = full ? history.length - this.#window : middle
    table.forgotten = history[from - 1]!.version
    table.history = history.slice(from)
  }

  /** What the change is to one watch: an object that enters or leaves its selection is added or deleted. */
  #offer(watcher: Watcher, { object, previous, version }: Change): void {
    const isIn = object !== undefined && selects(watcher.filter, object)
    const wasIn = previous !== undefined && selects(watcher.filter, previous)
    if (isIn) watcher.queue.push({ type: wasIn ? 'MODIFIED' : 'ADDED', object })
    else if (wasIn) watcher.queue.push({ type: 'DELETED', object: { ...previous, metadata: { ...previous.metadata, resourceVersion: String(version) } } })
    else return
    this.#wake(watcher)
  }

  #wake(watcher: Watcher): void {
    if (watcher.stopped) return
    watcher.timer ??= this.#clock.schedule(0, () => {
      watcher.timer = undefined
      const { initial, queue } = watcher
      watcher.initial = []
      watcher.queue = []
      for (const object of initial) if (!watcher.stopped) watcher.listener({ type: 'ADDED', object })
      for (const event of queue) if (!watcher.stopped) watcher.listener(event)
    })
  }
}
