import type { KubernetesClient } from '../kubernetes/client.ts'
import type { KubeObject } from '../kubernetes/types.ts'

/** Keeps what a watch tells of, by "namespace/name", and says that it changed. Returns what stops it. */
export function mirror<T extends KubeObject>(client: KubernetesClient, resource: string, into: Map<string, T>, changed: () => void): () => void {
  return client.watch<T>(resource, {}, (event) => {
    if (!('object' in event)) return
    const key = `${event.object.metadata.namespace}/${event.object.metadata.name}`
    if (event.type === 'DELETED') into.delete(key)
    else into.set(key, event.object)
    changed()
  })
}
