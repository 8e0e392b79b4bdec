import type { KubernetesClient, ListOptions } from '../client.ts'
import type { KubeObject } from '../types.ts'

export interface InformerHandlers<T> {
  onAdd?(object: T): void
  onUpdate?(object: T, old: T): void
  onDelete?(object: T): void
}

export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata
  return namespace ? `${namespace}/${name}` : name
}

export function splitKey(key: string): { namespace: string | undefined; name: string } {
  const at = key.indexOf('/')
  return at < 0 ? { namespace: undefined, name: key } : { namespace: key.slice(0, at), name: key.slice(at + 1) }
}

/**
 * An agent's own picture of a resource, fed by a watch (client-go's SharedIndexInformer). It is as old as the last
 * event that reached it: a stopped agent's picture stays as it was.
 */
export class Informer<T extends KubeObject> {
  readonly #objects = new Map<string, Entry<T>>()
  /** Nearly every event is about an object that is known: a uid is found without making a key of two names. */
  readonly #byUid = new Map<string, Entry<T>>()
  readonly #handlers: InformerHandlers<T>[] = []
  readonly #indexes = new Map<string, Index<T>>()
  readonly #stop: () => void

  constructor(client: KubernetesClient, resource: string, options: ListOptions = {}) {
    this.#stop = client.watch<T>(resource, options, (event) => {
      if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#put(event.object)
      else if (event.type === 'DELETED') this.#remove(event.object)
    })
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(namespace ? `${namespace}/${name}` : name)?.object
  }

  byKey(key: string): T | undefined {
    return this.#objects.get(key)?.object
  }

  get size(): number {
    return this.#objects.size
  }

  *values(): IterableIterator<T> {
    for (const { object } of this.#objects.values()) yield object
  }

  /** To be called before the first event arrives. */
  on(handlers: InformerHandlers<T>): void {
    this.#handlers.push(handlers)
  }

  /**
   * Finds objects by a value that each has, for example its owner's uid: those that changed last at the end, unless
   * nobody asks for an order. A second index of one name is the first. `from`: the part of an object that the values are
   * made of; while it is the same they are.
   */
  index(name: string, values: (object: T) => readonly string[], { ordered = true, from }: { ordered?: boolean; from?: (object: T) => unknown } = {}): void {
    if (!this.#indexes.has(name)) this.#indexes.set(name, { values, from, entries: new Map(), ordered })
  }

  /** The values under which an index has objects. */
  indexValues(name: string): Iterable<string> {
    return this.#indexes.get(name)?.entries.keys() ?? []
  }

  indexed(name: string, value: string): T[] {
    const out: T[] = []
    const found = this.#indexes.get(name)?.entries.get(value)
    if (found) for (const { object } of found) out.push(object)
    return out
  }

  stop(): void {
    this.#stop()
  }

  #put(object: T): void {
    const entry = this.#find(object)
    if (!entry) return this.#add(object)
    const old = entry.object
    entry.object = object
    if (old.metadata.uid !== object.metadata.uid) {
      this.#byUid.delete(old.metadata.uid)
      this.#byUid.set(object.metadata.uid, entry)
    }
    for (const index of this.#indexes.values()) {
      const unchanged = index.from !== undefined && index.from(old) === index.from(object)
      if (unchanged && !index.ordered) continue
      const values = index.values(object)
      const before = unchanged ? values : index.values(old)
      if (!unchanged && (before.length !== values.length || before.some((value, i) => value !== values[i]))) {
        unindex(index.entries, entry, before)
        for (const value of values) enter(index.entries, entry, value)
      } else if (index.ordered) for (const value of values) moveToEnd(index.entries.get(value)!, entry)
    }
    for (const h of this.#handlers) h.onUpdate?.(object, old)
  }

  #find(object: T): Entry<T> | undefined {
    const { uid, name, namespace } = object.metadata
    const found = this.#byUid.get(uid)
    return found?.object.metadata.name === name && found.object.metadata.namespace === namespace ? found : this.#objects.get(keyOf(object))
  }

  #add(object: T): void {
    const entry = { object }
    this.#objects.set(keyOf(object), entry)
    this.#byUid.set(object.metadata.uid, entry)
    for (const { values, entries } of this.#indexes.values()) for (const value of values(object)) enter(entries, entry, value)
    for (const h of this.#handlers) h.onAdd?.(object)
  }

  #remove(object: T): void {
    const key = keyOf(object)
    const entry = this.#objects.get(key)
    if (!entry) return
    this.#objects.delete(key)
    this.#byUid.delete(entry.object.metadata.uid)
    for (const { values, entries } of this.#indexes.values()) unindex(entries, entry, values(entry.object))
    for (const h of this.#handlers) h.onDelete?.(object)
  }
}

/** The place of an object; its versions follow each other in it. */
interface Entry<T> { object: T }

interface Index<T> {
  values: (object: T) => readonly string[]
  from: ((object: T) => unknown) | undefined
  /** Value → the objects that have it. */
  entries: Map<string, Set<Entry<T>>>
  ordered: boolean
}

function enter<T>(index: Map<string, Set<Entry<T>>>, entry: Entry<T>, value: string): void {
  const entries = index.get(value)
  if (entries) entries.add(entry)
  else index.set(value, new Set([entry]))
}

function moveToEnd<T>(entries: Set<Entry<T>>, entry: Entry<T>): void {
  entries.delete(entry)
  entries.add(entry)
}

function unindex<T>(index: Map<string, Set<Entry<T>>>, entry: Entry<T>, values: readonly string[]): void {
  for (const value of values) {
    const entries = index.get(value)
    entries?.delete(entry)
    if (entries?.size === 0) index.delete(value)
  }
}

/** One informer a resource, shared by the controllers of one process (client-go's SharedInformerFactory). */
export class InformerFactory {
  readonly #client: KubernetesClient
  readonly #informers = new Map<string, Informer<KubeObject>>()

  constructor(client: KubernetesClient) {
    this.#client = client
  }

  of<T extends KubeObject>(resource: string): Informer<T> {
    let informer = this.#informers.get(resource)
    if (!informer) this.#informers.set(resource, (informer = new Informer<KubeObject>(this.#client, resource)))
    return informer as unknown as Informer<T>
  }

  /** Forgets a resource that is no longer served. */
  drop(resource: string): void {
    this.#informers.get(resource)?.stop()
    this.#informers.delete(resource)
  }

  stop(): void {
    for (const informer of this.#informers.values()) informer.stop()
  }
}
