import type * as core from 'kubernetes-types/core/v1'
import type { Clock } from '../../clock.ts'
import type { ControllerRevision, Pod, PodTemplateSpec, StatefulSet } from '../types.ts'
import { REVISION_HASH, templateOf } from './history.ts'
import { ownerReference } from './ownership.ts'
import { isAvailable, isReady } from './pods.ts'
import { podFromTemplate } from './template.ts'

/** Names and states of a StatefulSet's Pods: pkg/controller/statefulset/stateful_set_utils.go. */
const POD_NAME = 'statefulset.kubernetes.io/pod-name'
const POD_INDEX = 'apps.kubernetes.io/pod-index'

export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`
}

/** The number of a Pod in this set; -1 when its name is none of the set's. */
export function ordinalOf(set: StatefulSet, pod: Pod): number {
  const match = /^(.*)-(0|[1-9]\d*)$/.exec(pod.metadata.name)
  return match?.[1] === set.metadata.name ? Number(match[2]) : -1
}

export const firstOrdinal = (set: StatefulSet): number => set.spec.ordinals?.start ?? 0
export const replicasOf = (set: StatefulSet): number => set.spec.replicas ?? 1
export const revisionOf = (pod: Pod): string => pod.metadata.labels?.[REVISION_HASH] ?? ''

export const isTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined
export const isRunningAndReady = (pod: Pod): boolean => pod.status.phase === 'Running' && isReady(pod)
export function isRunningAndAvailable(pod: Pod, set: StatefulSet, clock: Clock): boolean {
  return isRunningAndReady(pod) && isAvailable(pod, set.spec.minReadySeconds ?? 0, clock)
}
export const isHealthy = (pod: Pod): boolean => isRunningAndReady(pod) && !isTerminating(pod)

function claimName(set: StatefulSet, template: core.PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata?.name ?? ''}-${set.metadata.name}-${ordinal}`
}

/** Ordinals below the partition keep the template of the current revision. */
export function revisionFor(set: StatefulSet, ordinal: number, current: ControllerRevision, update: ControllerRevision): ControllerRevision {
  if (set.spec.updateStrategy?.type !== 'RollingUpdate') return update
  const { rollingUpdate } = set.spec.updateStrategy
  const kept = rollingUpdate ? (rollingUpdate.partition ?? 0) : (set.status.currentReplicas ?? 0)
  return ordinal < firstOrdinal(set) + kept ? current : update
}

/** The Pod of an ordinal, with its name, its host name and its claims. */
export function makePod(set: StatefulSet, ordinal: number, revision: ControllerRevision): object {
  const template: PodTemplateSpec = templateOf(revision) ?? set.spec.template
  const pod = podFromTemplate(template, set) as { metadata: { name?: string; labels?: Record<string, string> }; spec: core.PodSpec }
  const name = podName(set, ordinal)
  const claims = set.spec.volumeClaimTemplates ?? []
  const volumes = [
    ...claims.map((c): core.Volume => ({ name: c.metadata?.name ?? '', persistentVolumeClaim: { claimName: claimName(set, c, ordinal) } })),
    ...(pod.spec.volumes ?? []).filter((v) => !claims.some((c) => c.metadata?.name === v.name)),
  ]
  const subdomain = set.spec.serviceName
  return {
    ...pod,
    metadata: { ...pod.metadata, name, labels: { ...pod.metadata.labels, [POD_INDEX]: String(ordinal), [REVISION_HASH]: revision.metadata.name, [POD_NAME]: name } },
    spec: { ...pod.spec, hostname: name, ...(subdomain ? { subdomain } : {}), ...(volumes.length > 0 ? { volumes } : {}) },
  }
}

/** The claims of an ordinal as they are to be created. */
export function makeClaims(set: StatefulSet, ordinal: number): (core.PersistentVolumeClaim & { metadata: { name: string } })[] {
  const { whenDeleted } = set.spec.persistentVolumeClaimRetentionPolicy ?? {}
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...template.metadata,
      name: claimName(set, template, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata?.labels, ...set.spec.selector.matchLabels },
      ...(whenDeleted === 'Delete' ? { ownerReferences: [ownerReference(set)] } : {}),
    },
    spec: template.spec,
  }) as core.PersistentVolumeClaim & { metadata: { name: string } })
}
