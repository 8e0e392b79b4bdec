import { byName, copied, own } from '../own.ts'
import type { WriteOptions } from './client.ts'
import { isFinished, removeObject } from './deletion.ts'
import { evictPod } from './eviction.ts'
import { FieldErrors } from './field-errors.ts'
import { timestamp } from './human-duration.ts'
import type { Kind } from './kinds/kind.ts'
import { formatScaleSelector } from './selectors.ts'
import { requestToken } from './service-account-token.ts'
import { conflict, invalid, modified, noSuchMethod, notFound, notSimulated } from './status.ts'
import { ownersAfter } from './managed-fields/record.ts'
import { decodeSubresource } from './subresource-body.ts'
import type { KubeObject, LabelSelector, Namespace, Pod, Status } from './types.ts'
import { requestOf } from './admission/request.ts'
import { applyUpdate } from './writes.ts'
import type { Server } from './server.ts'
import { reviewed } from './admission/webhooks/review.ts'

/** Subresources that are not simply a part of the object: pods/binding, namespaces/finalize, scale, and what is only created. */

/** POST to a subresource: answers with a Status, or with what was asked for (a TokenRequest). */
export function createSubresource(
  server: Server, kind: Kind, namespace: string | undefined, name: string, subresource: string, body: unknown, options: WriteOptions,
): KubeObject | Status {
  const { resource } = kind
  const home = resource.namespaced ? (namespace ?? 'default') : ''
  if (!resource.subresources.includes(subresource)) throw notFound(resource, name)
  const shownAs = own(POSTED, subresource)
  if (!shownAs) throw unserved(resource, subresource)
  const request = { ...requestOf(kind, 'CREATE', namespace, name, { ...options, subresource }), shownAs }
  const review = server.admission?.about(request, body as KubeObject)
  return reviewed(review, () => {
    const warn = (text: string): void => options.onWarning?.(text)
    const posted = review ? review.mutate(body as KubeObject, undefined, (patched) => patched as KubeObject, warn) : body
    review?.validate(posted as KubeObject, undefined, warn)
    // what follows of it is nobody's request
    const admitted = server.admission?.any ? withoutAdmission(server) : server
    if (subresource === 'eviction') return evictPod(admitted, kind, home, name, posted, options)
    if (subresource === 'token') return requestToken(admitted, kind, home, name, posted, options)
    bindPod(admitted, kind, home, name, posted, options)
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', message: '', reason: '', code: 201 }
  })
}

/** What is posted to a subresource. */
const POSTED: Readonly<Record<string, { group: string; version: string; kind: string }>> = byName({
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction' },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  binding: { group: '', version: 'v1', kind: 'Binding' },
})

/** A subresource that Podhop does not have, or that has not this method. */
export function unserved(resource: { name: string }, subresource: string): Error {
  if (subresource === 'proxy') return notSimulated(`${resource.name}/proxy (kubectl port-forward, or curl from a Pod)`)
  return noSuchMethod()
}

interface Binding {
  metadata: { name?: string; annotations?: { [key: string]: string }; labels?: { [key: string]: string } }
  target: { kind?: string; name?: string }
}

/** pkg/registry/core/pod BindingREST: the one way in which a Pod gets its node. */
export function bindPod(server: Server, kind: Kind, namespace: string, name: string, body: unknown, options: WriteOptions): KubeObject {
  const value = decodeSubresource<Binding>(body, 'Binding', 'v1', options)
  const errors = new FieldErrors()
  if (value.target.kind && value.target.kind !== 'Node') errors.notSupported('target.kind', value.target.kind, ['Node', '<empty>'])
  if (!value.target.name) errors.required('target.name')
  if (!errors.empty) throw invalid({ kind: 'Binding', group: '' }, name, errors)
  const old = server.store.get('pods', namespace, name) as Pod | undefined
  if (!old) throw notFound(kind.resource, name)
  const podBinding = { name: 'pods/binding', group: '' }
  if (old.metadata.deletionTimestamp) throw conflict(podBinding, name, `pod ${name} is being deleted, cannot be assigned to a host`)
  if (old.spec.nodeName) throw conflict(podBinding, name, `pod ${name} is already assigned to node ${quoted(old.spec.nodeName)}`)
  if (old.spec.schedulingGates?.length) throw conflict(podBinding, name, `pod ${name} has non-empty .spec.schedulingGates`)
  const condition = { type: 'PodScheduled', status: 'True', lastProbeTime: null as unknown as string, lastTransitionTime: timestamp(server.clock.wall()) }
  const conditions = (old.status.conditions ?? []).filter((c) => c.type !== 'PodScheduled').concat(condition).slice()
  const next: Pod = {
    ...old,
    metadata: { ...old.metadata },
    spec: copied(old.spec),
    status: copied(old.status),
  }
  next.spec.nodeName = value.target.name!
  next.status.conditions = conditions
  if (value.metadata.annotations) next.metadata.annotations = { ...next.metadata.annotations, ...value.metadata.annotations }
  return options.dryRun ? next : server.commit(kind, next)
}

function quoted(text: string): string {
  return `"${text}"`
}

/** The namespace controller's last word: without spec.finalizers a namespace that is being deleted goes. */
export function finalizeNamespace(server: Server, kind: Kind, old: KubeObject, submitted: KubeObject, options: WriteOptions): KubeObject {
  const { resourceVersion } = submitted.metadata
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) throw modified(kind.resource, old.metadata.name)
  const next = { ...old, metadata: { ...old.metadata }, spec: (submitted as Namespace).spec } as Namespace
  if (options.dryRun) return next
  if (!isFinished(kind, next)) return server.commit(kind, next)
  removeObject(server, kind, next)
  return next
}

interface Scalable extends KubeObject {
  spec: { replicas?: number; selector?: LabelSelector | { [key: string]: string } }
  status: { replicas?: number }
}

export interface Scale extends KubeObject {
  apiVersion: 'autoscaling/v1'
  kind: 'Scale'
  spec: { replicas?: number }
  status: { replicas: number; selector?: string }
}

export function scaleOf(object: KubeObject, { scale }: Pick<Kind, 'scale'>): Scale {
  const { spec, status } = object as Scalable
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const replicas = scale ? scale.replicas(object) : spec.replicas
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: replicas ? { replicas } : {},
    status: scale ? { replicas: scale.statusReplicas(object), ...(scale.selector(object) ? { selector: scale.selector(object) } : {}) } : { replicas: status.replicas ?? 0, selector: formatScaleSelector(object.kind === 'ReplicationController' ? { matchLabels: spec.selector as { [key: string]: string } } : (spec.selector as LabelSelector)) },
  }
}

export function updateScale(server: Server, kind: Kind, old: KubeObject, body: unknown, options: WriteOptions): KubeObject {
  const value = decodeSubresource<Scale>(body, 'Scale', 'autoscaling/v1', options)
  const replicas = value.spec.replicas ?? 0
  const errors = new FieldErrors()
  if (replicas < 0) errors.invalid('spec.replicas', replicas, 'must be greater than or equal to 0')
  if (!errors.empty) throw invalid({ kind: 'Scale', group: 'autoscaling' }, old.metadata.name, errors)
  const { spec } = old as Scalable
  const metadata = { ...old.metadata }
  if (value.metadata?.resourceVersion) metadata.resourceVersion = value.metadata.resourceVersion
  const next = kind.scale ? kind.scale.withReplicas({ ...old, metadata }, replicas) : ({ ...old, metadata, spec: { ...spec, replicas } } as KubeObject)
  const { subresource: _, ...rest } = options as WriteOptions & { subresource?: string }
  const owners = server.recordsOwners ? ownersAfter(server.clock, kind, old, next, undefined, { ...rest, subresource: 'scale' }) : []
  const write = (): KubeObject => scaleOf(applyUpdate(server, kind, old, next, rest, owners, true), kind)
  const request = { ...requestOf(kind, 'UPDATE', old.metadata.namespace, old.metadata.name, { ...rest, subresource: 'scale' }), shownAs: { group: 'autoscaling', version: 'v1', kind: 'Scale' } }
  const review = server.admission?.about(request, next)
  if (!review) return write()
  return reviewed(review, () => {
    const [was, wanted] = [scaleOf(old, kind), { ...scaleOf(old, kind), spec: replicas ? { replicas } : {} }]
    const warn = (text: string): void => options.onWarning?.(text)
    const changed = review.mutate(wanted, was, (patched) => patched as KubeObject, warn) as Scale
    if ((changed.spec.replicas ?? 0) !== replicas) return updateScale(withoutAdmission(server), kind, old, changed, options)
    review.validate(changed, was, warn)
    return write()
  })
}

/** The server as those see it who have been admitted. */
function withoutAdmission(server: Server): Server {
  return Object.create(server, { admission: { value: undefined } }) as Server
}
