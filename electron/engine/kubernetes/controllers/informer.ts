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
  readonly #objects = new Map<string, T>()
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
    return this.#objects.get(namespace ? `${namespace}/${name}` : name)
  }

  byKey(key: string): T | undefined {
    return this.#objects.get(key)
  }

  get size(): number {
    return this.#objects.size
  }

  values(): IterableIterator<T> {
    return this.#objects.values()
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
    if (found) for (const object of found.values()) out.push(object)
    return out
  }

  stop(): void {
    this.#stop()
  }

  #put(object: T): void {
    const key = keyOf(object)
    const old = this.#objects.get(key)
    this.#objects.set(key, object)
    for (const index of this.#indexes.values()) {
      const unchanged = old !== undefined && index.from !== undefined && index.from(old) === index.from(object)
      const values = index.values(object)
      const before = unchanged ? values : old ? index.values(old) : NONE
      const same = unchanged || (before.length === values.length && before.every((value, i) => value === values[i]))
      if (!same) unindex(index.entries, key, before)
      for (const value of values) {
        let entries = index.entries.get(value)
        if (!entries) index.entries.set(value, (entries = new Map()))
        // the one that changed last is the last one
        else if (same && index.ordered) entries.delete(key)
        entries.set(key, object)
      }
    }
    if (old) for (const h of this.#handlers) h.onUpdate?.(object, old)
    else for (const h of this.#handlers) h.onAdd?.(object)
  }

  #remove(object: T): void {
    const key = keyOf(object)
    const old = this.#objects.get(key)
    if (!old) return
    this.#objects.delete(key)
    for (const index of this.#indexes.values()) unindex(index.entries, key, index.values(old))
    for (const h of this.#handlers) h.onDelete?.(object)
  }
}

interface Index<T> {
  values: (object: T) => readonly string[]
  from: ((object: T) => unknown) | undefined
  /** Value → the objects that have it, by their keys. */
  entries: Map<string, Map<string, T>>
  ordered: boolean
}

const NONE: readonly string[] = []

function unindex<T>(index: Map<string, Map<string, T>>, key: string, values: readonly string[]): void {
  for (const value of values) {
    const entries = index.get(value)
    entries?.delete(key)
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
