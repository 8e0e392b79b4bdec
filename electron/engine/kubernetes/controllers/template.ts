import { deepEqual, sortedJson } from '../json.ts'
import type { KubeObject, PodTemplateSpec } from '../types.ts'
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
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/**
 * The value of pod-template-hash: FNV-1a of the template as decimal digits, each written as a letter that makes no
 * bad words (k8s.io/apimachinery/pkg/util/rand SafeEncodeString). The text hashed is not Go's, so values differ from
 * upstream's for the same template, but are as stable.
 */
export function templateHash(template: PodTemplateSpec | undefined, collisionCount: number | undefined): string {
  return safeHash(sortedJson(template ?? {}) + (collisionCount === undefined ? '' : `/${collisionCount}`))
}

export function safeHash(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  let out = ''
  for (const digit of String(hash >>> 0)) out += ALPHABET[digit.charCodeAt(0) % ALPHABET.length]
  return out
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
