import { StatusError } from '../client.ts'
import { withDisruptionCondition } from '../eviction.ts'
import { timestamp } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import type { KubeObject, Pod, PodDisruptionBudget } from '../types.ts'
import { AGENT_STATUS, type Controller, type ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import { keyOf, type Informer } from './informer.ts'
import { controllerOf, selectorOf } from './ownership.ts'
import { BY_NAMESPACE, isReady, isTerminal, namespaceOf, podCondition } from './pods.ts'
import { since } from './time.ts'
import { WorkQueue } from './workqueue.ts'

/** How long an eviction may take to delete its Pod before it no longer counts (ms). */
const DELETION_TIMEOUT = 120_000
/** After that a DisruptionTarget condition of a Pod that is still there is taken back (ms). */
const STALE_CONDITION = 120_000
const STALE = 'pod '

type Status = PodDisruptionBudget['status']
interface Scalable extends KubeObject {
  spec: { replicas?: number }
}

/** Keeps the status of PodDisruptionBudgets, by which evictions are granted: pkg/controller/disruption. */
export class DisruptionController implements Controller {
  readonly #context: ControllerContext
  readonly #events: EventRecorder
  readonly #budgets: Informer<PodDisruptionBudget>
  readonly #pods: Informer<Pod>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#context = context
    this.#events = new EventRecorder(context.client, context.clock, 'controllermanager')
    this.#queue = new WorkQueue(context.clock, (key) => (key.startsWith(STALE) ? this.#cleanUp(key.slice(STALE.length)) : this.#sync(key)), context.counts?.('disruption'))
    this.#budgets = context.informers.of<PodDisruptionBudget>('poddisruptionbudgets')
    this.#pods = context.informers.of<Pod>('pods')
    this.#budgets.index(BY_NAMESPACE, namespaceOf)
    this.#pods.index(BY_NAMESPACE, namespaceOf, { ordered: false, from: ({ metadata }) => metadata.namespace })
    const enqueue = (budget: PodDisruptionBudget): void => this.#queue.add(keyOf(budget))
    this.#budgets.on({ onAdd: enqueue, onUpdate: enqueue })
    this.#pods.on({ onAdd: (pod) => this.#look(pod), onUpdate: (pod) => this.#look(pod), onDelete: (pod) => this.#enqueueBudgetOf(pod) })
  }

  stop(): void {
    this.#queue.stop()
  }

  #look(pod: Pod): void {
    this.#enqueueBudgetOf(pod)
    const left = this.#staleIn(pod)
    if (left !== undefined) this.#queue.addAfter(STALE + keyOf(pod), left, { background: true })
  }

  #enqueueBudgetOf(pod: Pod): void {
    if (this.#budgets.size === 0) return
    const matching = this.#budgets.indexed(BY_NAMESPACE, pod.metadata.namespace).filter((b) => selects(b, pod))
    const [first] = matching
    if (!first) return
    if (matching.length > 1) {
      const message = `Pod "${pod.metadata.namespace}"/"${pod.metadata.name}" matches multiple PodDisruptionBudgets.  Chose "${first.metadata.name}" arbitrarily.`
      this.#events.event(pod, 'Warning', 'MultiplePodDisruptionBudgets', message)
    }
    this.#queue.add(keyOf(first))
  }

  #sync(key: string): void {
    const budget = this.#budgets.byKey(key)
    if (!budget) return
    try {
      this.#keepStatus(budget)
    } catch (error) {
      if (!(error instanceof CountError)) throw error
      this.#failSafe(budget, error.message)
    }
  }

  #keepStatus(budget: PodDisruptionBudget): void {
    const pods = this.#pods.indexed(BY_NAMESPACE, budget.metadata.namespace).filter((p) => selects(budget, p))
    if (pods.length === 0) this.#events.event(budget, 'Normal', 'NoPods', 'No matching pods found')
    const { expected, desired, unmanaged } = this.#expectation(budget, pods)
    if (unmanaged) {
      const message =
        `Pods selected by this PodDisruptionBudget (selector: ${goSelector(budget)}) were found to be unmanaged. As a result, the status of the PDB cannot be ` +
        'calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
      this.#events.event(budget, 'Warning', 'UnmanagedPods', message)
    }
    const { clock } = this.#context
    const disrupted = this.#stillDisrupted(budget, pods)
    const healthy = pods.filter((p) => !p.metadata.deletionTimestamp && disrupted[p.metadata.name] === undefined && isReady(p)).length
    this.#write(budget, healthy, desired, expected, disrupted)
    const waits = Object.values(disrupted).map((at) => DELETION_TIMEOUT - since(clock, at))
    if (waits.length > 0) this.#queue.addAfter(keyOf(budget), Math.max(1, Math.min(...waits)), { background: true })
  }

  #expectation(budget: PodDisruptionBudget, pods: readonly Pod[]): { expected: number; desired: number; unmanaged: boolean } {
    const { maxUnavailable, minAvailable } = budget.spec
    if (maxUnavailable !== undefined) {
      const { expected, unmanaged } = this.#scale(budget, pods)
      return { expected, desired: Math.max(0, expected - scaled(maxUnavailable, expected)), unmanaged }
    }
    if (typeof minAvailable !== 'string') return { expected: minAvailable === undefined ? 0 : pods.length, desired: minAvailable ?? 0, unmanaged: false }
    const { expected, unmanaged } = this.#scale(budget, pods)
    return { expected, desired: scaled(minAvailable, expected), unmanaged }
  }

  /** How many Pods all controllers of these Pods want together. */
  #scale(budget: PodDisruptionBudget, pods: readonly Pod[]): { expected: number; unmanaged: boolean } {
    const wanted = new Map<string, number>()
    let unmanaged = false
    for (const pod of pods) {
      const owner = controllerOf(pod)
      if (!owner) unmanaged = true
      else if (!wanted.has(owner.uid)) this.#scaleOf(budget, pod, wanted)
    }
    return { expected: [...wanted.values()].reduce((sum, n) => sum + n, 0), unmanaged }
  }

  /** A ReplicaSet that a Deployment made counts as the Deployment. */
  #scaleOf(budget: PodDisruptionBudget, pod: Pod, wanted: Map<string, number>): void {
    const { client } = this.#context
    const find = (object: KubeObject): Scalable | undefined => {
      const owner = controllerOf(object)!
      const group = owner.apiVersion.includes('/') ? owner.apiVersion.split('/')[0]! : ''
      const resource = client.resources().find((r) => r.kind === owner.kind && r.group === group)
      if (!resource?.subresources.includes('scale')) {
        const word = resource ? `${resource.name}${group ? `.${group}` : ''}` : owner.kind.toLowerCase()
        this.#cannotCount(budget, resource ? `${word} does not implement the scale subresource` : `no matches for kind "${owner.kind}" in version "${owner.apiVersion}"`)
      }
      try {
        const found = client.get<Scalable>(resource!.name, object.metadata.namespace, owner.name)
        return found.metadata.uid === owner.uid ? found : undefined
      } catch (error) {
        if (error instanceof StatusError && error.status.code === 404) return undefined
        throw error
      }
    }
    const controller = find(pod)
    if (!controller) this.#cannotCount(budget, `found no controllers for pod "${pod.metadata.name}"`)
    const parent = controllerOf(controller!)?.kind === 'Deployment' ? find(controller!) : undefined
    const counted = parent ?? controller!
    wanted.set(counted.metadata.uid, counted.spec.replicas ?? 1)
    if (parent) wanted.set(controller!.metadata.uid, 0)
  }

  #cannotCount(budget: PodDisruptionBudget, why: string): never {
    this.#events.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', `Failed to calculate the number of expected pods: ${why}`)
    throw new CountError(why)
  }

  /** Evictions that were granted and whose Pods are still to be deleted. */
  #stillDisrupted(budget: PodDisruptionBudget, pods: readonly Pod[]): { [pod: string]: string } {
    const granted = (budget.status.disruptedPods ?? {}) as { [pod: string]: string }
    const out: { [pod: string]: string } = {}
    for (const pod of pods) {
      const at = granted[pod.metadata.name]
      if (at === undefined || pod.metadata.deletionTimestamp) continue
      if (since(this.#context.clock, at) <= DELETION_TIMEOUT) out[pod.metadata.name] = at
      else {
        const { namespace } = budget.metadata
        this.#events.event(pod, 'Warning', 'NotDeleted', `Pod was expected by PDB ${namespace}/${namespace} to be deleted but it wasn't`)
      }
    }
    return out
  }

  #write(budget: PodDisruptionBudget, currentHealthy: number, desiredHealthy: number, expectedPods: number, disrupted: { [pod: string]: string }): void {
    const { generation } = budget.metadata
    const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy)
    const status = { ...budget.status, currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed } as Status
    if (generation !== undefined) status.observedGeneration = generation
    if (Object.keys(disrupted).length > 0) status.disruptedPods = disrupted
    else delete status.disruptedPods
    status.conditions = withDisruptionCondition(status, generation, timestamp(this.#context.clock.wall()))
    if (!deepEqual(status, budget.status)) this.#update(budget, status)
  }

  /** What cannot be counted allows no disruption. */
  #failSafe(budget: PodDisruptionBudget, message: string): void {
    const former = budget.status.conditions?.find((c) => c.type === 'DisruptionAllowed')
    const now = timestamp(this.#context.clock.wall())
    const { observedGeneration } = budget.status
    const condition = {
      type: 'DisruptionAllowed', status: 'False', ...(observedGeneration ? { observedGeneration } : {}),
      lastTransitionTime: former?.status === 'False' ? former.lastTransitionTime : now, reason: 'SyncFailed', message,
    }
    const status = { ...budget.status, disruptionsAllowed: 0, conditions: [...(budget.status.conditions ?? []).filter((c) => c !== former), condition] } as Status
    if (!deepEqual(status, budget.status)) this.#update(budget, status)
  }

  #update(budget: PodDisruptionBudget, status: Status): void {
    const { namespace, name } = budget.metadata
    this.#context.client.update('poddisruptionbudgets', namespace, name, { ...budget, status }, AGENT_STATUS)
  }

  /** ms until a Pod that was to be disrupted, and was not, is taken off the list. */
  #staleIn(pod: Pod): number | undefined {
    const condition = podCondition(pod, 'DisruptionTarget')
    if (condition?.status !== 'True' || condition.reason === 'TerminationByKubelet' || pod.metadata.deletionTimestamp || isTerminal(pod)) return undefined
    return Math.max(0, STALE_CONDITION - since(this.#context.clock, condition.lastTransitionTime))
  }

  #cleanUp(pod: string): void {
    const object = this.#pods.byKey(pod)
    const left = object && this.#staleIn(object)
    if (!object || left === undefined) return
    if (left > 0) return this.#queue.addAfter(STALE + pod, left, { background: true })
    const conditions = (object.status.conditions ?? []).map((c) =>
      c.type !== 'DisruptionTarget' ? c : { type: c.type, status: 'False', lastProbeTime: null as unknown as string, lastTransitionTime: timestamp(this.#context.clock.wall()) },
    )
    this.#context.client.update('pods', object.metadata.namespace, object.metadata.name, { ...object, status: { ...object.status, conditions } }, AGENT_STATUS)
  }
}

/** What the budget's Pods should be cannot be said. */
class CountError extends Error {
  override name = 'CountError'
}

function selects(budget: PodDisruptionBudget, pod: Pod): boolean {
  return budget.spec.selector !== undefined && selectorOf(budget).matches(pod.metadata.labels)
}

/** A number, or a part of `total` rounded up. */
function scaled(value: number | string, total: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * total) / 100)
}

/** Go's %v of a *metav1.LabelSelector: its generated String(). */
function goSelector({ spec }: PodDisruptionBudget): string {
  const labels = Object.entries(spec.selector?.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const expressions = (spec.selector?.matchExpressions ?? []).map((e) => `LabelSelectorRequirement{Key:${e.key},Operator:${e.operator},Values:[${(e.values ?? []).join(' ')}],},`)
  return `&LabelSelector{MatchLabels:map[string]string{${labels.map(([k, v]) => `${k}: ${v},`).join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`
}
