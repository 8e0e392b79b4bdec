import { claimClass } from '../kinds/storage.ts'
import type { PersistentVolumeClaim, Pod, StorageClass } from '../types.ts'

/** What the scheduler knows of storage. */
export interface ClaimLookup {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined
  storageClass(name: string): StorageClass | undefined
}

/**
 * Why no node at all can run a Pod with these claims (plugins/volumebinding PreFilter): the text after
 * "0/3 nodes are available: ". Undefined when its volumes are no hindrance.
 */
export function claimHindrance(pod: Pod, lookup: ClaimLookup): string | undefined {
  let unbound = false
  for (const volume of pod.spec.volumes ?? []) {
    const name = volume.persistentVolumeClaim?.claimName
    if (name === undefined) continue
    const claim = lookup.claim(pod.metadata.namespace, name)
    if (!claim) return `persistentvolumeclaim "${name}" not found`
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`
    if (claim.spec.volumeName) continue
    if (lookup.storageClass(claimClass(claim))?.volumeBindingMode !== 'WaitForFirstConsumer') unbound = true
  }
  return unbound ? 'pod has unbound immediate PersistentVolumeClaims' : undefined
}
