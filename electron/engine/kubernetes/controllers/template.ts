import { encodeUtf8 } from '../../text.ts'
import { deepEqual } from '../json.ts'
import type { KubeObject, PodTemplateSpec } from '../types.ts'
import { dumpPodTemplate } from './go-dump.ts'
import { FNV_OFFSET, fnv1a, safeEncode } from './hash.ts'
import { ownerReference } from './ownership.ts'

/** Pod templates: pkg/controller GetPodFromTemplate and ComputeHash. */
export function podFromTemplate(template: PodTemplateSpec | undefined, owner: KubeObject): object {
  const meta = template?.metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace,
      ...(meta.labels ? { labels: meta.labels } : {}),
      ...(meta.annotations ? { annotations: meta.annotations } : {}),
      ...(meta.finalizers ? { finalizers: meta.finalizers } : {}),
      ownerReferences: [ownerReference(owner)],
    },
    spec: template?.spec ?? {},
  }
}

export const HASH_LABEL = 'pod-template-hash'

/**
 * The name of a template, pod-template-hash and a DaemonSet's controller-revision-hash: FNV-1a of Go's dump of the
 * struct, and of the count of collisions as eight bytes when there is one (pkg/controller ComputeHash).
 */
export function templateHash(template: PodTemplateSpec | undefined, collisionCount: number | undefined): string {
  let hash = fnv1a(FNV_OFFSET, encodeUtf8(dumpPodTemplate(template ?? {})))
  if (collisionCount !== undefined) {
    const count = new Uint8Array(8)
    new DataView(count.buffer).setUint32(0, collisionCount, true)
    hash = fnv1a(hash, count)
  }
  return safeEncode(hash)
}

function withoutHash(template: PodTemplateSpec | undefined, label: string): PodTemplateSpec {
  const labels = { ...template?.metadata?.labels }
  delete labels[label]
  return { ...template, metadata: { ...template?.metadata, labels } }
}

/** Whether two templates make the same Pods. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined, label = HASH_LABEL): boolean {
  if (a?.spec === b?.spec && a?.metadata === b?.metadata) return true
  const [x, y] = [withoutHash(a, label), withoutHash(b, label)]
  return deepEqual(dropEmpty(x), dropEmpty(y))
}

function dropEmpty(template: PodTemplateSpec): PodTemplateSpec {
  const metadata = { ...template.metadata }
  for (const key of ['labels', 'annotations', 'creationTimestamp'] as const) {
    const value = metadata[key]
    if (value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)) delete metadata[key]
  }
  return { ...template, metadata }
}
