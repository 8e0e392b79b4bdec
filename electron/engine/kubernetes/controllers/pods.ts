import type { Clock } from '../../clock.ts'
import type { Pod, PodCondition } from '../types.ts'
import { since } from './time.ts'

/** Questions about Pods that several agents ask: k8s.io/kubernetes/pkg/api/v1/pod and pkg/controller. */
export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  for (const condition of pod.status.conditions ?? []) if (condition.type === type) return condition
  return undefined
}

export function isReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True'
}

export function isTerminal(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed'
}

export function isActive(pod: Pod): boolean {
  return !isTerminal(pod) && !pod.metadata.deletionTimestamp
}

/** Ready for as long as minReadySeconds asks. */
export function isAvailable(pod: Pod, minReadySeconds: number, clock: Clock): boolean {
  if (!isReady(pod)) return false
  if (minReadySeconds === 0) return true
  return since(clock, podCondition(pod, 'Ready')?.lastTransitionTime) >= minReadySeconds * 1000
}

/** The index of Pods (and ReplicaSets) by the uid of the controller that owns them. */
export const BY_OWNER = 'owner'
export function ownerUid(object: { metadata: Pod['metadata'] }): string[] {
  const owner = object.metadata.ownerReferences?.find((o) => o.controller)
  return owner ? [owner.uid] : []
}

/** Index of objects without a controller, by namespace: who may be adopted. */
export const ORPHANS = 'orphans'
export function orphanNamespace(object: { metadata: Pod['metadata'] }): string[] {
  return object.metadata.ownerReferences?.some((o) => o.controller) ? [] : [object.metadata.namespace!]
}

/** What the two are made of. */
export const OF_OWNERS = { from: (object: { metadata: Pod['metadata'] }): unknown => object.metadata.ownerReferences }

export const BY_NAMESPACE = 'namespace'
export function namespaceOf(object: { metadata: { namespace?: string } }): string[] {
  return [object.metadata.namespace ?? '']
}

export const BY_NODE = 'node'
export const OF_NODE = { from: (pod: Pod): unknown => pod.spec.nodeName }
export function nodeNameOf(pod: Pod): string[] {
  return pod.spec.nodeName ? [pod.spec.nodeName] : []
}
