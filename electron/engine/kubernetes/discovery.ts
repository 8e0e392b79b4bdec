import type { ApiResource } from './client.ts'
import { apiResource } from './kinds/kind.ts'

/** What kubectl may call a resource, and what it finds: RESTMapper and the short names of discovery. */
export function findByWord(resources: readonly ApiResource[], word: string): ApiResource | undefined {
  const [first, ...rest] = word.split('.')
  const name = first!.toLowerCase()
  const group = rest.join('.').toLowerCase()
  const inGroup = (r: ApiResource): boolean => {
    if (!group || group === r.group) return true
    // a version is one only before a group, be that the empty one: "pods.v1."
    return group === `${r.version}.${r.group}`
  }
  // a group may be cut short
  const exact = resources.filter(inGroup)
  const candidates = exact.length > 0 ? exact : resources.filter((r) => r.group.startsWith(group))
  return (
    candidates.find((r) => r.name === name) ??
    candidates.find((r) => r.singular === name || r.kind.toLowerCase() === name) ??
    candidates.find((r) => r.shortNames.includes(first!)) ??
    // a short name is looked up without its version: "deploy.v2.apps"
    (rest.length > 1 ? resources.find((r) => r.shortNames.includes(first!) && r.group.startsWith(rest.slice(1).join('.'))) : undefined)
  )
}

/**
 * Resources that a real v1.33 cluster serves and Podhop does not (yet). A request for one is answered "not simulated",
 * which is another thing than a kind that does not exist.
 */
export const NOT_SIMULATED: readonly ApiResource[] = [
  apiResource('LimitRange', 'limitranges', { shortNames: ['limits'] }),
  apiResource('PersistentVolume', 'persistentvolumes', { shortNames: ['pv'], namespaced: false }),
  apiResource('PodTemplate', 'podtemplates'),
  apiResource('ResourceQuota', 'resourcequotas', { shortNames: ['quota'] }),
  apiResource('HorizontalPodAutoscaler', 'horizontalpodautoscalers', { group: 'autoscaling', version: 'v2', shortNames: ['hpa'], categories: ['all'] }),
  apiResource('FlowSchema', 'flowschemas', { group: 'flowcontrol.apiserver.k8s.io', namespaced: false }),
  apiResource('PriorityLevelConfiguration', 'prioritylevelconfigurations', { group: 'flowcontrol.apiserver.k8s.io', namespaced: false }),
  apiResource('RuntimeClass', 'runtimeclasses', { group: 'node.k8s.io', namespaced: false }),
  apiResource('CSIDriver', 'csidrivers', { group: 'storage.k8s.io', namespaced: false }),
  apiResource('CSINode', 'csinodes', { group: 'storage.k8s.io', namespaced: false }),
  apiResource('CSIStorageCapacity', 'csistoragecapacities', { group: 'storage.k8s.io' }),
  apiResource('VolumeAttachment', 'volumeattachments', { group: 'storage.k8s.io', namespaced: false }),
]

/** A resource of Kubernetes that Podhop does not simulate, by any of its names. */
export function findNotSimulated(word: string): ApiResource | undefined {
  return findByWord(NOT_SIMULATED, word)
}
