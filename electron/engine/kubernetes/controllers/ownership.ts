import { AdmissionRefusal, StatusError, type KubernetesClient } from '../client.ts'
import { compileLabelSelector } from '../selectors.ts'
import type { KubeObject, LabelSelector, OwnerReference, StoredMeta } from '../types.ts'
import type { Informer } from './informer.ts'
import { BY_OWNER, ORPHANS } from './pods.ts'

export function controllerOf(object: { metadata: StoredMeta }): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((o) => o.controller)
}

export function ownerReference(owner: KubeObject): OwnerReference {
  return { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true }
}

type Owned = KubeObject & { metadata: { namespace: string } }
type Owner = Owned & { spec: { selector?: LabelSelector | { [key: string]: string } } }

const compiled = new WeakMap<object, ReturnType<typeof compileLabelSelector>>()
/** What an owner selects; a ReplicationController's selector is a plain set of labels. */
export function selectorOf(owner: { kind?: string; spec: { selector?: LabelSelector | { [key: string]: string } } }): ReturnType<typeof compileLabelSelector> {
  const key = owner.spec.selector ?? owner.spec
  let selector = compiled.get(key)
  if (!selector) {
    const labels = owner.kind === 'ReplicationController' ? { matchLabels: (owner.spec.selector ?? {}) as { [key: string]: string } } : (owner.spec.selector as LabelSelector | undefined)
    compiled.set(key, (selector = compileLabelSelector(labels)))
  }
  return selector
}

/**
 * The objects that an owner controls, after it adopted matching orphans and released those that do not match any more
 * (pkg/controller ControllerRefManager). `belongs`: what they must be besides the selector; `finalizer`: what those have that are
 * the owner's, and only they.
 */
export function claim<T extends Owned>(client: KubernetesClient, resource: string, owner: Owner, informer: Informer<T>, { belongs = () => true, finalizer }: { belongs?: (object: T) => boolean; finalizer?: string } = {}): T[] {
  const selector = selectorOf(owner)
  const { uid, namespace, deletionTimestamp } = owner.metadata
  const out: T[] = []
  for (const object of informer.indexed(BY_OWNER, uid)) {
    if (selector.matches(object.metadata.labels) && belongs(object)) out.push(object)
    else if (!deletionTimestamp) release(client, resource, owner, object, finalizer)
  }
  if (deletionTimestamp) return out
  for (const object of informer.indexed(ORPHANS, namespace)) {
    if (object.metadata.deletionTimestamp || !selector.matches(object.metadata.labels) || !belongs(object)) continue
    const adopted = adopt<T>(client, resource, owner, object, finalizer)
    if (adopted) out.push(adopted)
  }
  return out
}

function adopt<T extends Owned>(client: KubernetesClient, resource: string, owner: Owner, object: T, finalizer: string | undefined): T | undefined {
  const { namespace, name, uid, finalizers = [] } = object.metadata
  const more = finalizer === undefined || finalizers.includes(finalizer) ? {} : { finalizers: [...finalizers, finalizer] }
  const patch = { metadata: { ownerReferences: [...(object.metadata.ownerReferences ?? []), ownerReference(owner)], ...more, uid } }
  return ignoringGone(() => client.patch<T>(resource, namespace, name, 'application/merge-patch+json', patch))
}

function release(client: KubernetesClient, resource: string, owner: Owner, object: Owned, finalizer: string | undefined): void {
  const { namespace, name, uid, finalizers } = object.metadata
  const left = (object.metadata.ownerReferences ?? []).filter((o) => o.uid !== owner.metadata.uid)
  const fewer = finalizer === undefined || !finalizers ? {} : { finalizers: finalizers.filter((f) => f !== finalizer) }
  ignoringGone(() => client.patch(resource, namespace, name, 'application/merge-patch+json', { metadata: { ownerReferences: left.length > 0 ? left : null, ...fewer, uid } }))
}

export function ignoringGone<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    if (error instanceof StatusError && !(error instanceof AdmissionRefusal) && (error.status.code === 404 || error.status.code === 422)) return undefined
    throw error
  }
}
