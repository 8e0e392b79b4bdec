import { claimClass } from '../kinds/storage.ts'
import type { PersistentVolumeClaim, Pod } from '../types.ts'
import type { Listers } from './cluster-state.ts'

/** plugins/volumebinding of v1.33 in a cluster without volumes. */
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner'
/** --bind-timeout: how long PreBind waits for the volumes of a Pod that has its node. */
export const BIND_TIMEOUT = 600_000

/** A claim whose class waits for its first consumer. */
export interface LateClaim {
  claim: PersistentVolumeClaim
  provisioner: string
}

const NONE: readonly LateClaim[] = []

/** PreFilter: the claims that wait for their Pod to have a node, or what is wrong with the others. */
export function podClaims(listers: Listers, { metadata: { name: pod, namespace }, spec }: Pod): readonly LateClaim[] | string {
  if (!listers.hasClaims) return NONE
  const late: LateClaim[] = []
  let unbound = false
  for (const volume of spec.volumes ?? []) {
    const name = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral ? `${pod}-${volume.name}` : undefined)
    if (name === undefined) continue
    const claim = listers.claim(namespace, name)
    if (!claim) return volume.ephemeral ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"` : `persistentvolumeclaim "${name}" not found`
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`
    if (claim.status.phase === 'Bound') continue
    const storage = listers.storageClass(claimClass(claim))
    // What names its volume does not wait for a Pod.
    if (storage?.volumeBindingMode === 'WaitForFirstConsumer' && !claim.spec.volumeName) late.push({ claim, provisioner: storage.provisioner })
    else unbound = true
  }
  return unbound ? 'pod has unbound immediate PersistentVolumeClaims' : late
}
