import type { Pod } from '../types.ts'
import { keyOf } from '../controllers/informer.ts'
import type { NodeInfo } from './node-info.ts'
import type { LabelGroup } from './pod-index.ts'
import { demandOf, type Demand } from './resources.ts'

/** A Pod that is on a node, or assumed to be. */
export interface PodAccount {
  readonly key: string
  pod: Pod
  readonly demand: Demand
  readonly info: NodeInfo
  group: LabelGroup
  /** Not being deleted. */
  live: boolean
}

export function accountOf(pod: Pod, info: NodeInfo, group: LabelGroup): PodAccount {
  return { key: keyOf(pod), pod, demand: demandOf(pod), info, group, live: !pod.metadata.deletionTimestamp }
}

export function priorityOf(pod: Pod): number {
  return pod.spec.priority ?? 0
}
