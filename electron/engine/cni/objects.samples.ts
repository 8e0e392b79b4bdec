import type { Clock } from '../clock.ts'
import type { KubernetesClient, ListOptions, WatchEvent } from '../kubernetes/client.ts'
import type { KubeObject } from '../kubernetes/types.ts'

/** Objects in memory with list, watch and merge patch: what agents need of the API server, for their tests. */
export class ObjectStore {
  readonly clock: Clock
  #objects = new Map<string, Map<string, KubeObject>>()
  #watchers = new Set<{ resource: string; listener: (event: WatchEvent<never>) => void }>()
  #version = 1

  constructor(clock: Clock) {
    this.clock = clock
  }

  get client(): KubernetesClient {
    return this as unknown as KubernetesClient
  }

  put(resource: string, object: object): void {
    const given = object as KubeObject & { metadata: { namespace?: string } }
    const metadata = { ...{ uid: `uid-${this.#version}`, creationTimestamp: '2026-01-05T08:00:00Z' }, ...given.metadata, resourceVersion: String(++this.#version) }
    const stored = { status: {}, ...given, metadata } as KubeObject
    const key = `${given.metadata.namespace ?? ''}/${given.metadata.name}`
    const objects = this.#of(resource)
    const type = objects.has(key) ? 'MODIFIED' : 'ADDED'
    objects.set(key, stored)
    this.#emit(resource, type, stored)
  }

  remove(resource: string, namespace: string | undefined, name: string): void {
    const key = `${namespace ?? ''}/${name}`
    const object = this.#of(resource).get(key)
    if (!object) return
    this.#of(resource).delete(key)
    this.#emit(resource, 'DELETED', object)
  }

  get(resource: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#of(resource).get(`${namespace ?? ''}/${name}`)
  }

  list(resource: string): { resourceVersion: string; items: KubeObject[] } {
    return { resourceVersion: String(this.#version), items: [...this.#of(resource).values()] }
  }

  watch(resource: string, options: ListOptions, listener: (event: WatchEvent<never>) => void): () => void {
    const watcher = { resource, listener }
    this.#watchers.add(watcher)
    if (options.resourceVersion === undefined) {
      for (const object of this.#of(resource).values()) this.clock.schedule(0, () => this.#watchers.has(watcher) && listener({ type: 'ADDED', object: object as never }))
    }
    return () => this.#watchers.delete(watcher)
  }

  patch(resource: string, namespace: string | undefined, name: string, _type: string, patch: unknown): KubeObject {
    const object = this.get(resource, namespace, name)!
    this.put(resource, merge(object, patch) as object)
    return this.get(resource, namespace, name)!
  }

  #of(resource: string): Map<string, KubeObject> {
    let objects = this.#objects.get(resource)
    if (!objects) this.#objects.set(resource, (objects = new Map()))
    return objects
  }

  #emit(resource: string, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    for (const watcher of this.#watchers) {
      if (watcher.resource === resource) this.clock.schedule(0, () => this.#watchers.has(watcher) && watcher.listener({ type, object: object as never }))
    }
  }
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const out: Record<string, unknown> = { ...(target as Record<string, unknown>) }
  for (const [key, value] of Object.entries(patch)) out[key] = merge(out[key], value)
  return out
}
