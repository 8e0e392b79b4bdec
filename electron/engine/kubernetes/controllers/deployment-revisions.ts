import type { Deployment, ReplicaSet } from '../types.ts'
import { DESIRED_REPLICAS, MAX_REPLICAS, REVISION, REVISION_HISTORY, byAge, maxSurge, replicasOf, revisionOf } from './deployment-math.ts'
import { ownerReference } from './ownership.ts'
import { HASH_LABEL, sameTemplate, templateHash } from './template.ts'

/** ReplicaSets as the revisions of a Deployment: pkg/controller/deployment/util. */
const NOT_COPIED = new Set(['kubectl.kubernetes.io/last-applied-configuration', REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, 'deprecated.deployment.rollback.to'])

/** The oldest ReplicaSet that makes the Pods that the Deployment now wants. */
export function findNewSet(d: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return [...sets].sort(byAge).find((set) => sameTemplate(set.spec.template, d.spec.template))
}

type Annotations = Record<string, string>

/** The annotations that a new ReplicaSet is to have; undefined when it has them. */
export function revisedAnnotations(d: Deployment, set: ReplicaSet | undefined, newRevision: number): Annotations | undefined {
  const present = set?.metadata.annotations ?? {}
  const next: Annotations = { ...present }
  let changed = false
  if (set) {
    for (const [key, value] of Object.entries(d.metadata.annotations ?? {})) {
      if (NOT_COPIED.has(key) || next[key] === value) continue
      next[key] = value
      changed = true
    }
  }
  const old = present[REVISION]
  if (old === undefined || Number(old) < newRevision) {
    next[REVISION] = String(newRevision)
    changed = true
    if (old !== undefined) {
      const history = present[REVISION_HISTORY]
      next[REVISION_HISTORY] = history ? `${history},${old}` : old
    }
  }
  return (setSizes(next, d) || changed) ? next : undefined
}

/** Whether the annotations of sizes changed. */
export function setSizes(annotations: Annotations, d: Deployment): boolean {
  const desired = String(replicasOf(d))
  const most = String(replicasOf(d) + maxSurge(d))
  if (annotations[DESIRED_REPLICAS] === desired && annotations[MAX_REPLICAS] === most) return false
  annotations[DESIRED_REPLICAS] = desired
  annotations[MAX_REPLICAS] = most
  return true
}

/** The ReplicaSet of a template that was not seen before. */
export function makeNewSet(d: Deployment, revision: number, replicas: number): object {
  const hash = templateHash(d.spec.template, d.status.collisionCount)
  const labels = { ...d.spec.template?.metadata?.labels, [HASH_LABEL]: hash }
  const annotations: Annotations = {}
  for (const [key, value] of Object.entries(d.metadata.annotations ?? {})) if (!NOT_COPIED.has(key)) annotations[key] = value
  annotations[REVISION] = String(revision)
  setSizes(annotations, d)
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: `${d.metadata.name}-${hash}`, namespace: d.metadata.namespace, labels, annotations, ownerReferences: [ownerReference(d)] },
    spec: {
      replicas,
      ...(d.spec.minReadySeconds ? { minReadySeconds: d.spec.minReadySeconds } : {}),
      selector: { ...d.spec.selector, matchLabels: { ...d.spec.selector?.matchLabels, [HASH_LABEL]: hash } },
      template: { ...d.spec.template, metadata: { ...d.spec.template?.metadata, labels } },
    },
  }
}

/** Old ReplicaSets without Pods, beyond those that the history keeps: oldest revisions first. */
export function surplusSets(d: Deployment, old: readonly ReplicaSet[]): ReplicaSet[] {
  const limit = d.spec.revisionHistoryLimit ?? 10
  const cleanable = old.filter((s) => !s.metadata.deletionTimestamp).sort((a, b) => revisionOf(a) - revisionOf(b))
  const surplus = cleanable.slice(0, Math.max(0, cleanable.length - limit))
  return surplus.filter((s) => s.status.replicas === 0 && replicasOf(s) === 0 && (s.metadata.generation ?? 0) <= (s.status.observedGeneration ?? 0))
}
