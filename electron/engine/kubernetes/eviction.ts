import type { DeleteOptions, WriteOptions } from './client.ts'
import { isReady } from './controllers/pods.ts'
import { deleteObject } from './deletion.ts'
import { timestamp } from './human-duration.ts'
import type { Kind } from './kinds/kind.ts'
import { compileLabelSelector } from './selectors.ts'
import { badRequest, forbidden, notFound, serverError, tooManyRequests } from './status.ts'
import { decodeSubresource } from './subresource-body.ts'
import type { KubeObject, Pod, PodDisruptionBudget, Status } from './types.ts'
import { applyUpdate } from './writes.ts'
import type { Server } from './server.ts'

/** POST pods/eviction: pkg/registry/core/pod/storage/eviction.go (v1.33). */
interface Eviction {
  metadata: { name?: string }
  deleteOptions?: Omit<DeleteOptions, 'dryRun'> & { dryRun?: string[] }
}

const TOO_SOON = "Cannot evict pod as it would violate the pod's disruption budget."
const MAX_DISRUPTED = 2000

export function evictPod(server: Server, kind: Kind, namespace: string, name: string, body: unknown, options: WriteOptions): Status {
  const eviction = decodeSubresource<Eviction>(body, 'Eviction', 'policy/v1', options)
  if (eviction.metadata.name !== name) throw badRequest('name in URL does not match name in Eviction object')
  const { dryRun, ...wanted } = eviction.deleteOptions ?? {}
  const deletion: DeleteOptions = { ...wanted, dryRun: options.dryRun === true || (dryRun?.length ?? 0) > 0 }
  const pod = server.store.get('pods', namespace, name) as Pod | undefined
  if (!pod) throw notFound(kind.resource, name)
  if (isOver(pod)) return evict(server, kind, pod, deletion)
  const budgets = budgetsOf(server, pod)
  if (budgets.length > 1) throw serverError('This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.')
  const budget = budgets[0]
  if (!budget) return evict(server, kind, pod, deletion)
  if (isReady(pod) || !mayGoUnready(budget)) take(server, budget, name, deletion.dryRun === true)
  return evict(server, kind, pod, deletion)
}

/** What is no Pod that serves anybody goes without asking its budget. */
function isOver({ status, metadata }: Pod): boolean {
  return status.phase === 'Succeeded' || status.phase === 'Failed' || status.phase === 'Pending' || metadata.deletionTimestamp !== undefined
}

function mayGoUnready({ spec, status }: PodDisruptionBudget): boolean {
  return spec.unhealthyPodEvictionPolicy === 'AlwaysAllow' || (status.desiredHealthy > 0 && status.currentHealthy >= status.desiredHealthy)
}

function budgetsOf(server: Server, pod: Pod): PodDisruptionBudget[] {
  // a Pod without labels is nobody's, not even of a budget that selects everything
  if (Object.keys(pod.metadata.labels ?? {}).length === 0) return []
  const budgets = server.store.list('poddisruptionbudgets', pod.metadata.namespace) as readonly PodDisruptionBudget[]
  return budgets.filter(({ spec }) => compileLabelSelector(spec.selector).matches(pod.metadata.labels))
}

/** One disruption less; throws 429 when none is left. */
function take(server: Server, budget: PodDisruptionBudget, pod: string, dryRun: boolean): void {
  const { metadata, status } = budget
  const cause = (message: string): { reason: string; message: string }[] => [{ reason: 'DisruptionBudget', message }]
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
    throw tooManyRequests(TOO_SOON, 10, cause(`The disruption budget ${metadata.name} is still being processed by the server.`))
  }
  if (status.disruptionsAllowed < 0) throw forbidden({ name: 'poddisruptionbudget', group: 'policy' }, metadata.name, 'pdb disruptions allowed is negative')
  if (Object.keys(status.disruptedPods ?? {}).length > MAX_DISRUPTED) {
    throw forbidden({ name: 'poddisruptionbudget', group: 'policy' }, metadata.name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller')
  }
  if (status.disruptionsAllowed === 0) {
    const failed = status.conditions?.find((c) => c.type === 'DisruptionAllowed' && c.reason === 'SyncFailed')
    const why = failed
      ? `The disruption budget ${metadata.name} does not allow evicting pods currently because it failed sync: ${failed.message}`
      : `The disruption budget ${metadata.name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`
    throw tooManyRequests(TOO_SOON, 0, cause(why))
  }
  if (dryRun) return
  const now = timestamp(server.clock.wall())
  const disruptionsAllowed = status.disruptionsAllowed - 1
  const next = { ...status, disruptionsAllowed, disruptedPods: { ...status.disruptedPods, [pod]: now } }
  const conditions = disruptionsAllowed === 0 ? withDisruptionCondition(next, metadata.generation, now) : next.conditions
  const changed = { ...budget, metadata: { ...metadata }, status: { ...next, ...(conditions ? { conditions } : {}) } } as KubeObject
  applyUpdate(server, server.kind('poddisruptionbudgets'), budget, changed, { subresource: 'status' }, undefined, true)
}

type BudgetStatus = PodDisruptionBudget['status']

/** component-helpers/apps/poddisruptionbudget UpdateDisruptionAllowedCondition. */
export function withDisruptionCondition(status: BudgetStatus, generation: number | undefined, now: string): NonNullable<BudgetStatus['conditions']> {
  const allowed = status.disruptionsAllowed > 0
  const [value, reason] = allowed ? ['True', 'SufficientPods'] : ['False', 'InsufficientPods']
  const former = status.conditions?.find((c) => c.type === 'DisruptionAllowed')
  const condition = {
    type: 'DisruptionAllowed',
    status: value!,
    ...(generation ? { observedGeneration: generation } : {}),
    lastTransitionTime: former?.status === value ? former!.lastTransitionTime : now,
    reason: reason!,
    message: '',
  }
  return [...(status.conditions ?? []).filter((c) => c.type !== 'DisruptionAllowed'), condition]
}

/** addConditionAndDeletePod. */
function evict(server: Server, kind: Kind, pod: Pod, options: DeleteOptions): Status {
  if (!options.dryRun && !pod.metadata.deletionTimestamp && options.preconditions?.resourceVersion === undefined) {
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      lastProbeTime: null as unknown as string,
      lastTransitionTime: timestamp(server.clock.wall()),
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    }
    const conditions = [...(pod.status.conditions ?? []).filter((c) => c.type !== 'DisruptionTarget'), condition]
    applyUpdate(server, kind, pod, { ...pod, metadata: { ...pod.metadata }, status: { ...pod.status, conditions } } as KubeObject, { subresource: 'status' }, undefined, true)
  }
  deleteObject(server, kind, pod.metadata.namespace, pod.metadata.name, options)
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', message: '', reason: '', code: 201 }
}
