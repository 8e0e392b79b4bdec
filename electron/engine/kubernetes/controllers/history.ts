import { encodeUtf8 } from '../../text.ts'
import type { KubernetesClient } from '../client.ts'
import { deepEqual, isObject, type JsonObject, sortedJson } from '../json.ts'
import type { ControllerRevision, KubeObject, PodTemplateSpec } from '../types.ts'
import { AGENT_WRITE } from './context.ts'
import { FNV_OFFSET, fnv1, safeEncode } from './hash.ts'
import { ownerReference } from './ownership.ts'

/** The templates that DaemonSets and StatefulSets had, kept as ControllerRevisions: pkg/controller/history. */
export const REVISION_HASH = 'controller-revision-hash'

type Owner = KubeObject & { metadata: { namespace: string }; spec: { template: PodTemplateSpec; revisionHistoryLimit?: number } }

/** The strategic merge patch that brings an owner back to this template; in the order of Go's maps, as kubectl compares bytes. */
export function templatePatch(template: PodTemplateSpec): JsonObject {
  return JSON.parse(sortedJson({ spec: { template: { $patch: 'replace', ...(template as JsonObject) } } })) as JsonObject
}

/** The name of a StatefulSet's revision: FNV-1 of the patch as Go writes it and of the count of collisions (HashControllerRevision). */
export function revisionHash(patch: JsonObject, collisions: number): string {
  return safeEncode(fnv1(FNV_OFFSET, encodeUtf8(marshalled(patch) + String(collisions))))
}

/** Go's json.Marshal writes what HTML would read as a tag as an escape. */
function marshalled(patch: JsonObject): string {
  return sortedJson(patch).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The template in a revision; undefined when somebody put something else into it. */
export function templateOf(revision: Pick<ControllerRevision, 'data'>): PodTemplateSpec | undefined {
  const spec = isObject(revision.data) ? revision.data['spec'] : undefined
  const template = isObject(spec) ? spec['template'] : undefined
  if (!isObject(template)) return undefined
  const { $patch: _, ...rest } = template
  return rest as PodTemplateSpec
}

/** Reading `data` of the same object again costs nothing: a revision never changes. */
const known = new WeakMap<object, PodTemplateSpec | undefined>()

export function hasTemplate(revision: ControllerRevision, template: PodTemplateSpec): boolean {
  const key = revision.data as object
  if (!known.has(key)) known.set(key, templateOf(revision))
  return deepEqual(known.get(key), template)
}

export const byRevision = (a: ControllerRevision, b: ControllerRevision): number =>
  a.revision - b.revision || (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : a.metadata.creationTimestamp > b.metadata.creationTimestamp ? 1 : a.metadata.name < b.metadata.name ? -1 : 1)

export function createRevision(client: KubernetesClient, owner: Owner, name: string, labels: Record<string, string>, revision: number): ControllerRevision {
  return client.create<ControllerRevision>('controllerrevisions', owner.metadata.namespace, {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name,
      namespace: owner.metadata.namespace,
      labels,
      ...(owner.metadata.annotations ? { annotations: owner.metadata.annotations } : {}),
      ownerReferences: [ownerReference(owner)],
    },
    data: templatePatch(owner.spec.template),
    revision,
  }, AGENT_WRITE)
}

/** An earlier template that is wanted again becomes the newest. */
export function renumber(client: KubernetesClient, revision: ControllerRevision, number: number): ControllerRevision {
  if (revision.revision === number) return revision
  return client.update<ControllerRevision>('controllerrevisions', revision.metadata.namespace, revision.metadata.name, { ...revision, revision: number }, AGENT_WRITE)
}

/** Deletes the oldest revisions beyond the limit of those that nothing uses. */
export function truncateHistory(client: KubernetesClient, owner: Owner, revisions: readonly ControllerRevision[], isLive: (revision: ControllerRevision) => boolean): void {
  const idle = revisions.filter((r) => !isLive(r)).sort(byRevision)
  for (const revision of idle.slice(0, Math.max(0, idle.length - (owner.spec.revisionHistoryLimit ?? 10)))) {
    client.delete('controllerrevisions', revision.metadata.namespace, revision.metadata.name)
  }
}
