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

/** Whether two templates make the same Pods: EqualIgnoreHash. What is empty is nothing. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined, label = HASH_LABEL): boolean {
  if (a?.spec === b?.spec && a?.metadata === b?.metadata) return true
  const [x, y] = [withoutHash(a?.metadata, label), withoutHash(b?.metadata, label)]
  return deepEqual(x, y) && deepEqual(a?.spec, b?.spec)
}

type Metadata = NonNullable<PodTemplateSpec['metadata']>

function withoutHash(metadata: PodTemplateSpec['metadata'], label: string): Metadata {
  const { labels, annotations, creationTimestamp, ...rest } = metadata ?? {}
  const kept = Object.entries(labels ?? {}).filter(([key]) => key !== label)
  return {
    ...rest,
    ...(kept.length > 0 ? { labels: Object.fromEntries(kept) } : {}),
    ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...(creationTimestamp ? { creationTimestamp } : {}),
  }
}
