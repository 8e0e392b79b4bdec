import type { Clock } from '../../clock.ts'
import { StatusError, type KubernetesClient } from '../client.ts'
import { timestamp } from '../human-duration.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller } from '../controllers/context.ts'
import { EventRecorder } from '../controllers/events.ts'
import { Informer, keyOf } from '../controllers/informer.ts'
import { matchesTerm } from '../controllers/node-fit.ts'
import { ignoringGone } from '../controllers/ownership.ts'
import { isTerminal, podCondition } from '../controllers/pods.ts'
import { WorkQueue } from '../controllers/workqueue.ts'
import type { Node, Pod } from '../types.ts'
import { explain, refuses, type Refusal } from './filter.ts'
import { NodeInfo, ownerKey, scoreRequests } from './node-info.ts'

const NAME = 'default-scheduler'
/** Pods that found no node are tried again at least this often (pkg/scheduler/internal/queue). */
const FLUSH = 300_000

/** kube-scheduler with its default profile, as far as labs need it: filters, scores, binds. */
export class Scheduler implements Controller {
  readonly #clock: Clock
  readonly #client: KubernetesClient
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #events: EventRecorder
  readonly #queue: WorkQueue
  readonly #infos = new Map<string, NodeInfo>()
  /** Pod → the node that it is counted on. */
  readonly #placed = new Map<string, string>()
  readonly #unschedulable = new Set<string>()
  #turn = 0
  #flush: ReturnType<Clock['schedule']> | undefined

  constructor(clock: Clock, client: KubernetesClient, host: string) {
    this.#clock = clock
    this.#client = client
    this.#events = new EventRecorder(client, clock, NAME, host)
    this.#queue = new WorkQueue(clock, (key) => this.#schedule(key))
    this.#nodes = new Informer<Node>(client, 'nodes')
    this.#pods = new Informer<Pod>(client, 'pods')
    this.#nodes.on({
      onAdd: (node) => this.#onNode(node),
      onUpdate: (node, old) => this.#onNode(node, old),
      onDelete: (node) => {
        const info = this.#infos.get(node.metadata.name)
        if (info) info.node = undefined
      },
    })
    this.#pods.on({ onAdd: (pod) => this.#onPod(pod), onUpdate: (pod) => this.#onPod(pod), onDelete: (pod) => this.#onGone(pod) })
  }

  stop(): void {
    this.#queue.stop()
    this.#clock.cancel(this.#flush)
    this.#pods.stop()
    this.#nodes.stop()
  }

  #info(node: string): NodeInfo {
    let info = this.#infos.get(node)
    if (!info) this.#infos.set(node, (info = new NodeInfo()))
    return info
  }

  #onNode(node: Node, old?: Node): void {
    this.#info(node.metadata.name).node = node
    if (!old || node.spec !== old.spec || node.metadata.labels !== old.metadata.labels || node.status.allocatable !== old.status.allocatable) this.#retryAll()
  }

  #onPod(pod: Pod): void {
    const key = keyOf(pod)
    if (isTerminal(pod)) return this.#onGone(pod)
    if (pod.spec.nodeName) {
      this.#unschedulable.delete(key)
      this.#place(key, pod, pod.spec.nodeName)
    } else if ((pod.spec.schedulerName ?? NAME) === NAME && !pod.metadata.deletionTimestamp && !this.#unschedulable.has(key) && !this.#placed.has(key)) this.#queue.add(key)
  }

  #onGone(pod: Pod): void {
    const key = keyOf(pod)
    this.#unschedulable.delete(key)
    const node = this.#placed.get(key)
    if (node === undefined) return
    this.#placed.delete(key)
    this.#info(node).remove(key)
    this.#retryAll()
  }

  #place(key: string, pod: Pod, node: string): void {
    const former = this.#placed.get(key)
    if (former === node) return
    if (former !== undefined) this.#info(former).remove(key)
    this.#placed.set(key, node)
    this.#info(node).add(key, pod)
  }

  #retryAll(): void {
    for (const key of this.#unschedulable) this.#queue.add(key)
    this.#unschedulable.clear()
  }

  #schedule(key: string): void {
    const pod = this.#pods.byKey(key)
    if (!pod || pod.spec.nodeName || pod.metadata.deletionTimestamp || this.#placed.has(key) || pod.spec.schedulingGates?.length) return
    const missing = notSimulated(pod)
    if (missing) return this.#fail(key, pod, missing)
    const infos = [...this.#infos.values()].filter((i) => i.node)
    const refusals: Refusal[] = []
    const feasible: NodeInfo[] = []
    for (const info of infos) {
      const refusal = refuses(pod, info)
      if (refusal) refusals.push(refusal)
      else feasible.push(info)
    }
    if (feasible.length === 0) return this.#fail(key, pod, explain(infos.length, refusals))
    this.#bind(key, pod, this.#choose(pod, feasible).node!.metadata.name)
  }

  /** The best score; among equals the turn goes round, so that lone Pods spread too. */
  #choose(pod: Pod, feasible: readonly NodeInfo[]): NodeInfo {
    const owner = ownerKey(pod)
    const most = Math.max(1, ...feasible.map((i) => i.siblings(owner)))
    const scores = feasible.map((info) => leastAllocated(pod, info) + 2 * 100 * (1 - info.siblings(owner) / most) + 2 * preference(pod, info.node!))
    const best = Math.max(...scores)
    const equals = feasible.filter((_, i) => best - scores[i]! < 1e-9)
    return equals[this.#turn++ % equals.length]!
  }

  #bind(key: string, pod: Pod, node: string): void {
    const { namespace, name, uid } = pod.metadata
    this.#place(key, pod, node)
    try {
      this.#client.update('pods', namespace, name, { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target: { kind: 'Node', name: node } }, { ...AGENT_WRITE, subresource: 'binding' })
    } catch (error) {
      this.#placed.delete(key)
      this.#info(node).remove(key)
      if (error instanceof StatusError && (error.status.code === 404 || error.status.code === 409)) return
      throw error
    }
    this.#events.note(pod, 'Normal', 'Scheduled', 'Binding', `Successfully assigned ${namespace}/${name} to ${node}`)
  }

  #fail(key: string, pod: Pod, message: string): void {
    this.#unschedulable.add(key)
    this.#flush ??= this.#clock.schedule(FLUSH, () => {
      this.#flush = undefined
      this.#retryAll()
    }, { background: true })
    this.#events.note(pod, 'Warning', 'FailedScheduling', 'Scheduling', message)
    const former = podCondition(pod, 'PodScheduled')
    if (former?.status === 'False' && former.message === message) return
    const condition = { type: 'PodScheduled', status: 'False', lastProbeTime: null, lastTransitionTime: former?.status === 'False' ? former.lastTransitionTime : timestamp(this.#clock.wall()), reason: 'Unschedulable', message }
    const conditions = [...(pod.status.conditions ?? []).filter((c) => c.type !== 'PodScheduled'), condition]
    ignoringGone(() => this.#client.update('pods', pod.metadata.namespace, pod.metadata.name, { ...pod, status: { ...pod.status, conditions } }, AGENT_STATUS))
  }
}

/** plugins/noderesources LeastAllocated: the freer, the better (0 to 100). */
function leastAllocated(pod: Pod, info: NodeInfo): number {
  const wanted = scoreRequests(pod.spec)
  const free = (name: 'cpu' | 'memory'): number => {
    const capacity = info.allocatable(name)
    return capacity === 0 ? 0 : Math.max(0, ((capacity - info.scored[name] - wanted[name]) * 100) / capacity)
  }
  return Math.floor((free('cpu') + free('memory')) / 2)
}

/** Preferred node affinity, 0 to 100. */
function preference(pod: Pod, node: Node): number {
  const terms = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  const all = terms.reduce((n, t) => n + t.weight, 0)
  if (all === 0) return 0
  return (100 * terms.reduce((n, t) => n + (matchesTerm(t.preference, node) ? t.weight : 0), 0)) / all
}

/** What a Pod may ask of the real scheduler and not of this one. */
function notSimulated({ spec }: Pod): string | undefined {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {}
  if (podAffinity || podAntiAffinity) return 'podhop: not simulated: inter-pod affinity (use nodeSelector or node affinity)'
  if (spec.topologySpreadConstraints?.some((c) => c.whenUnsatisfiable === 'DoNotSchedule')) return 'podhop: not simulated: topologySpreadConstraints with DoNotSchedule (use ScheduleAnyway)'
  return undefined
}
