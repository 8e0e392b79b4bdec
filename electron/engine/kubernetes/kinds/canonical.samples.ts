import { expect } from 'vitest'
import type { KubernetesClient } from '../client.ts'
import type { KubeObject } from '../types.ts'
import { decodeObject } from './decoding.ts'
import { KINDS } from './index.ts'

/** The server takes agents' word for it that what they write is in the form in which it is stored (WriteOptions.canonical): here nobody does. */
export function confirmCanonical(client: KubernetesClient, ...resources: string[]): void {
  for (const resource of resources) {
    const kind = KINDS.find((one) => one.resource.name === resource)!
    client.watch(resource, {}, (event) => {
      if (event.type === 'ERROR' || event.type === 'BOOKMARK') return
      const { metadata: _, ...stored } = decodeObject(kind, event.object, undefined).value
      const { metadata, ...written } = event.object as KubeObject
      expect(stored, `${resource}/${metadata.name}`).toEqual(written)
    })
  }
}
