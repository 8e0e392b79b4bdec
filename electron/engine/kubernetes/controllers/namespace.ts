import { type ApiResource, StatusError } from '../client.ts'
import { timestamp } from '../human-duration.ts'
import { isPreferred, resourceKey } from '../kinds/kind.ts'
import type { Namespace, Pod } from '../types.ts'
import { type Controller, type ControllerContext } from './context.ts'
import { type Informer } from './informer.ts'
import { WorkQueue } from './workqueue.ts'

/** What happened last in a namespace is to be seen everywhere before anything is removed; ms (namespaceDeletionGracePeriod). */
const GRACE = 5_000
/** How long a finalizer is taken to need; s. */
const FINALIZER_ESTIMATE = 15
/** Between tries after an error; ms (nsControllerRateLimiter). */
const RETRY = { first: 5, most: 60_000 }

type Condition = NonNullable<Namespace['status']['conditions']>[number]

/** What of a resource is still there. */
interface Remaining { resource: string; count: number; finalizers: readonly string[] }
/** `estimate`: seconds that what remains may need; 0: nothing remains, or an error says why. */
interface Round { remaining: readonly Remaining[]; estimate: number; errors: readonly string[] }

/**
 * Empties a namespace that is being deleted, Pods before all else (OrderedNamespaceDeletion), then lets it go:
 * pkg/controller/namespace and its deletion/namespaced_resources_deleter.go.
 */
export class NamespaceController implements Controller {
  readonly #context: ControllerContext
  readonly #namespaces: Informer<Namespace>
  readonly #queue: WorkQueue
  readonly #failures = new Map<string, number>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('namespace'))
    this.#namespaces = context.informers.of<Namespace>('namespaces')
    const add = ({ metadata: { name, deletionTimestamp }, spec }: Namespace): void => {
      if (deletionTimestamp && spec.finalizers?.length) this.#queue.addAfter(name, GRACE, { background: false })
    }
    this.#namespaces.on({ onAdd: add, onUpdate: add, onDelete: ({ metadata }) => void this.#failures.delete(metadata.name) })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(name: string): void {
    const { client } = this.#context
    const namespace = this.#namespaces.get(undefined, name)
    if (!namespace?.metadata.deletionTimestamp || !namespace.spec.finalizers?.includes('kubernetes')) return
    const round = this.#empty(namespace)
    const { errors, estimate } = round
    const current = this.#report(namespace, round)
    if (errors.length > 0) {
      const failures = this.#failures.get(name) ?? 0
      this.#failures.set(name, failures + 1)
      return this.#queue.addAfter(name, Math.min(RETRY.most, RETRY.first * 2 ** failures), { background: true })
    }
    this.#failures.delete(name)
    // who waits for somebody's finalizer waits in the background
    if (estimate > 0) return this.#queue.addAfter(name, (Math.floor(estimate / 2) + 1) * 1000, { background: round.remaining.some(({ finalizers }) => finalizers.length > 0) })
    const finalizers = current.spec.finalizers!.filter((f) => f !== 'kubernetes')
    client.update('namespaces', undefined, name, { ...current, spec: { ...current.spec, finalizers } }, { subresource: 'finalize', fieldValidation: 'Ignore' })
  }

  /** Pods first; everything else when they are gone. */
  #empty(namespace: Namespace): Round {
    const resources = this.#context.client.resources().filter((r) => isPreferred(r) && r.namespaced && r.verbs.includes('delete') && r.verbs.includes('list'))
    const remaining: Remaining[] = []
    const errors: string[] = []
    let estimate = 0
    const empty = (resource: ApiResource): void => {
      const grace = resource.name === 'pods' && resource.group === '' ? this.#graceOfPods(namespace) : 0
      const left = this.#emptyOf(resource, namespace.metadata.name)
      if (!left) return
      remaining.push(left)
      if (grace > 0) estimate = Math.max(estimate, grace)
      else if (left.finalizers.length > 0) estimate = Math.max(estimate, FINALIZER_ESTIMATE)
      else errors.push(`unexpected items still remain in namespace: ${namespace.metadata.name} for gvr: ${resource.group}/${resource.version}, Resource=${resource.name}`)
    }
    const pods = resources.find(({ name, group }) => name === 'pods' && group === '')!
    empty(pods)
    // as long as there are Pods it tells of no totals
    if (remaining.length > 0) return { remaining: [], estimate, errors }
    for (const resource of resources) if (resource !== pods) empty(resource)
    return { remaining, estimate, errors }
  }

  /** Deletes everything of a resource, and says what still waits. */
  #emptyOf(resource: ApiResource, namespace: string): Remaining | undefined {
    const { client } = this.#context
    const key = resourceKey(resource)
    let { items } = client.list(key, { namespace })
    if (items.length === 0) return undefined
    for (const item of items) {
      if (item.metadata.deletionTimestamp) continue
      try {
        client.delete(key, namespace, item.metadata.name, { propagationPolicy: 'Background' })
      } catch (error) {
        if (!(error instanceof StatusError) || error.status.code !== 404) throw error
      }
    }
    items = client.list(key, { namespace }).items
    return items.length === 0 ? undefined : { resource: `${resource.name}.${resource.group}`, count: items.length, finalizers: items.flatMap((i) => i.metadata.finalizers ?? []) }
  }

  /** The longest grace period of Pods that have not ended, while it may still be running; s. */
  #graceOfPods({ metadata: { name, deletionTimestamp } }: Namespace): number {
    const { client, clock } = this.#context
    let grace = 0
    for (const { status: { phase }, spec } of client.list<Pod>('pods', { namespace: name }).items) {
      if (phase !== 'Succeeded' && phase !== 'Failed') grace = Math.max(grace, spec.terminationGracePeriodSeconds ?? 0)
    }
    return clock.wall() - Date.parse(deletionTimestamp!) >= grace * 1000 ? 0 : grace
  }

  /** Tells in the status what was found. Returns the namespace as it is then. */
  #report(namespace: Namespace, { remaining, errors }: Round): Namespace {
    const { client, clock } = this.#context
    const content = remaining.map((r) => `${r.resource} has ${r.count} resource instances`).sort().join(', ')
    const finalizers = new Map<string, number>()
    for (const f of remaining.flatMap((r) => r.finalizers)) finalizers.set(f, (finalizers.get(f) ?? 0) + 1)
    const waiting = [...finalizers].map(([f, n]) => `${f} in ${n} resource instances`).sort().join(', ')
    const rows: [string, 'True' | 'False', string, string][] = [
      ['NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered', 'All resources successfully discovered'],
      ['NamespaceDeletionGroupVersionParsingFailure', 'False', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
      errors.length > 0
        ? ['NamespaceDeletionContentFailure', 'True', 'ContentDeletionFailed', `Failed to delete all resource types, ${errors.length} remaining: ${[...errors].sort().join(', ')}`]
        : ['NamespaceDeletionContentFailure', 'False', 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
      content
        ? ['NamespaceContentRemaining', 'True', 'SomeResourcesRemain', `Some resources are remaining: ${content}`]
        : ['NamespaceContentRemaining', 'False', 'ContentRemoved', 'All content successfully removed'],
      waiting
        ? ['NamespaceFinalizersRemaining', 'True', 'SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${waiting}`]
        : ['NamespaceFinalizersRemaining', 'False', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
    ]
    const conditions: Condition[] = rows.map(([type, status, reason, message]) => {
      const former = namespace.status.conditions?.find((c) => c.type === type)
      return { type, status, lastTransitionTime: former?.status === status ? former.lastTransitionTime : timestamp(clock.wall()), reason, message } as Condition
    })
    if (JSON.stringify(conditions) === JSON.stringify(namespace.status.conditions)) return namespace
    return client.patch<Namespace>('namespaces', undefined, namespace.metadata.name, 'application/merge-patch+json', { status: { conditions } }, { subresource: 'status' })
  }
}
