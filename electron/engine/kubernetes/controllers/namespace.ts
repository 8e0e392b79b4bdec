import { StatusError } from '../client.ts'
import { timestamp } from '../human-duration.ts'
import { isPreferred, resourceKey } from '../kinds/kind.ts'
import type { Namespace } from '../types.ts'
import { type Controller, type ControllerContext } from './context.ts'
import { type Informer } from './informer.ts'
import { WorkQueue } from './workqueue.ts'

/** Between two looks at what is still in a namespace that goes. */
const RECHECK = 1_000

type Condition = NonNullable<Namespace['status']['conditions']>[number]

/** Empties a namespace that is being deleted, then lets it go: pkg/controller/namespace. */
export class NamespaceController implements Controller {
  readonly #context: ControllerContext
  readonly #namespaces: Informer<Namespace>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key))
    this.#namespaces = context.informers.of<Namespace>('namespaces')
    const add = (namespace: Namespace): void => {
      if (namespace.metadata.deletionTimestamp) this.#queue.add(namespace.metadata.name)
    }
    this.#namespaces.on({ onAdd: add, onUpdate: add })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(name: string): void {
    const { client } = this.#context
    const namespace = this.#namespaces.get(undefined, name)
    if (!namespace?.metadata.deletionTimestamp || !namespace.spec.finalizers?.includes('kubernetes')) return
    const remaining = this.#empty(name)
    if (remaining.length > 0) {
      this.#report(namespace, remaining)
      this.#queue.addAfter(name, RECHECK, { background: false })
      return
    }
    const finalizers = namespace.spec.finalizers.filter((f) => f !== 'kubernetes')
    client.update('namespaces', undefined, name, { ...namespace, spec: { ...namespace.spec, finalizers } }, { subresource: 'finalize', fieldValidation: 'Ignore' })
  }

  /** Deletes everything, and says what still waits ("pods. has 2 resource instances"). */
  #empty(namespace: string): { resource: string; count: number; finalizers: string[] }[] {
    const { client } = this.#context
    const out: { resource: string; count: number; finalizers: string[] }[] = []
    for (const resource of client.resources()) {
      if (!isPreferred(resource) || !resource.namespaced || !resource.verbs.includes('delete') || !resource.verbs.includes('list')) continue
      let items = client.list(resourceKey(resource), { namespace }).items
      if (items.length === 0) continue
      for (const item of items) {
        if (item.metadata.deletionTimestamp) continue
        try {
          client.delete(resourceKey(resource), namespace, item.metadata.name, { propagationPolicy: 'Background' })
        } catch (error) {
          if (!(error instanceof StatusError) || error.status.code !== 404) throw error
        }
      }
      items = client.list(resourceKey(resource), { namespace }).items
      const name = `${resource.name}.${resource.group}`
      if (items.length > 0) out.push({ resource: name, count: items.length, finalizers: items.flatMap((i) => i.metadata.finalizers ?? []) })
    }
    return out
  }

  #report(namespace: Namespace, remaining: readonly { resource: string; count: number; finalizers: string[] }[]): void {
    const { client, clock } = this.#context
    const content = remaining.map((r) => `${r.resource} has ${r.count} resource instances`).join(', ')
    const finalizers = new Map<string, number>()
    for (const f of remaining.flatMap((r) => r.finalizers)) finalizers.set(f, (finalizers.get(f) ?? 0) + 1)
    const waiting = [...finalizers].map(([f, n]) => `${f} in ${n} resource instances`).join(', ')
    const rows: [string, 'True' | 'False', string, string][] = [
      ['NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered', 'All resources successfully discovered'],
      ['NamespaceDeletionGroupVersionParsingFailure', 'False', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
      ['NamespaceDeletionContentFailure', 'False', 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
      ['NamespaceContentRemaining', 'True', 'SomeResourcesRemain', `Some resources are remaining: ${content}`],
      waiting
        ? ['NamespaceFinalizersRemaining', 'True', 'SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${waiting}`]
        : ['NamespaceFinalizersRemaining', 'False', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
    ]
    const conditions: Condition[] = rows.map(([type, status, reason, message]) => {
      const former = namespace.status.conditions?.find((c) => c.type === type)
      return { type, status, lastTransitionTime: former?.status === status ? former.lastTransitionTime : timestamp(clock.wall()), reason, message } as Condition
    })
    if (JSON.stringify(conditions) === JSON.stringify(namespace.status.conditions)) return
    client.patch('namespaces', undefined, namespace.metadata.name, 'application/merge-patch+json', { status: { conditions } }, { subresource: 'status' })
  }
}
