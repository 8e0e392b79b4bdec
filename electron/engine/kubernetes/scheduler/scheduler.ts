import type { Clock, Timer } from '../../clock.ts'
import { ConnectionError, StatusError, type KubernetesClient } from '../client.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller } from '../controllers/context.ts'
import { EventRecorder } from '../controllers/events.ts'
import { Informer, keyOf } from '../controllers/informer.ts'
import { ignoringGone } from '../controllers/ownership.ts'
import { isTerminal, podCondition } from '../controllers/pods.ts'
import { timestamp } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import { SELECTED_NODE } from '../kinds/storage.ts'
import type { Node, Pod, PodCondition } from '../types.ts'
import { Attempt } from './attempt.ts'
import { ClusterState } from './cluster-state.ts'
import { InformerListers } from './listers.ts'
import type { NodeInfo } from './node-info.ts'
import { priorityOf } from './pod-account.ts'
import { findPreemption, type Candidate } from './preemption.ts'
import { SchedulingQueue, type QueuedPod } from './queue.ts'
import type { SchedulerMetrics } from './metrics.ts'
import { fitError, preemptionError, type Diagnosis, type Refusal } from './refusal.ts'
import { scoreNodes } from './scores.ts'
import { BIND_TIMEOUT, podClaims } from './volume-binding.ts'

const NAME = 'default-scheduler'
const BINDING_WRITE = { ...AGENT_WRITE, subresource: 'binding' }
/** An event's note has at most so many characters. */
const NOTE = 1024
/** Plugins that a Pod's leaving can change the mind of, and that a Pod's arrival can. */
const ON_LEAVING = ['NodeResourcesFit', 'NodePorts', 'PodTopologySpread', 'InterPodAffinity']
const ON_ARRIVAL = ['PodTopologySpread', 'InterPodAffinity']

interface Failure { message: string; plugins: ReadonlySet<string>; nominated?: string; reason?: 'Unschedulable' | 'SchedulerError' }

/** kube-scheduler v1.33 with its default profile: filters, scores, binds, preempts. */
export class Scheduler implements Controller {
  readonly #clock: Clock
  readonly #client: KubernetesClient
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #listers: InformerListers
  readonly #events: EventRecorder
  readonly #queue: SchedulingQueue
  readonly #state: ClusterState
  readonly #metrics: SchedulerMetrics | undefined
  /** Where the search for nodes goes on: large clusters are not searched whole. */
  #start = 0
  #turn = 0
  /** Pods that have a node and wait for their volumes. */
  readonly #binding = new Map<string, { entry: QueuedPod; node: string; timer: Timer }>()

  constructor(clock: Clock, client: KubernetesClient, host: string, metrics?: SchedulerMetrics) {
    this.#metrics = metrics
    this.#clock = clock
    this.#client = client
    this.#events = new EventRecorder(client, clock, NAME, host)
    this.#queue = new SchedulingQueue(clock, (entry) => this.#schedule(entry))
    this.#nodes = new Informer<Node>(client, 'nodes')
    this.#listers = new InformerListers(client, () => this.#onStorage())
    this.#pods = new Informer<Pod>(client, 'pods')
    this.#state = new ClusterState(this.#listers)
    this.#nodes.on({
      onAdd: (node) => this.#onNode(node),
      onUpdate: (node) => this.#onNode(node),
      onDelete: (node) => this.#state.removeNode(node.metadata.name),
    })
    this.#pods.on({ onAdd: (pod) => this.#onPod(pod), onUpdate: (pod, old) => this.#onPod(pod, old), onDelete: (pod) => this.#onGone(pod) })
  }

  stop(): void {
    this.#queue.stop()
    for (const { timer } of this.#binding.values()) this.#clock.cancel(timer)
    this.#binding.clear()
    this.#pods.stop()
    this.#nodes.stop()
    this.#listers.stop()
  }

  /** What its queue holds; Pods that are gated are in none. */
  get pending(): { queues: Record<string, number>; refused: ReadonlyMap<string, number> } {
    const gated = [...this.#pods.values()].filter(({ spec, metadata }) => spec.schedulingGates?.length && !metadata.deletionTimestamp).length
    return { queues: { ...this.#queue.sizes, gated }, refused: this.#queue.refused }
  }

  // ---- what happens in the cluster -----------------------------------------------------------------------------

  #onNode(node: Node): void {
    const before = this.#state.generation
    this.#state.setNode(node)
    if (this.#state.generation === before || this.#queue.waiting === 0) return
    const info = this.#state.info(node.metadata.name)
    this.#queue.move(({ key, plugins }) => {
      const pod = this.#pods.byKey(key)
      return plugins.size === 0 || (pod !== undefined && !new Attempt(this.#state, pod).filterNode(info))
    })
  }

  #onPod(pod: Pod, old?: Pod): void {
    const key = keyOf(pod)
    if (isTerminal(pod)) return this.#onGone(pod)
    if (pod.spec.nodeName) {
      this.#queue.delete(key)
      this.#state.denominate(pod)
      const isNew = this.#state.placed(key) === undefined || !old?.spec.nodeName
      this.#state.place(pod, pod.spec.nodeName)
      if (isNew && this.#queue.waiting > 0) this.#moveFor(ON_ARRIVAL)
      return
    }
    if (pod.metadata.deletionTimestamp || pod.spec.schedulingGates?.length) return this.#queue.delete(key)
    if ((pod.spec.schedulerName ?? NAME) !== NAME || this.#state.placed(key)) return
    if (pod.status.nominatedNodeName) this.#state.nominate(pod, pod.status.nominatedNodeName)
    if (!this.#queue.has(key)) this.#queue.add(key, priorityOf(pod))
    else if (old && (!deepEqual(pod.spec, old.spec) || !deepEqual(pod.metadata.labels, old.metadata.labels))) this.#queue.changed(key)
  }

  #onGone(pod: Pod): void {
    const key = keyOf(pod)
    this.#queue.delete(key)
    this.#clock.cancel(this.#binding.get(key)?.timer)
    this.#binding.delete(key)
    this.#state.denominate(pod)
    const account = this.#state.placed(key)
    if (!account) return
    this.#state.unplace(account)
    if (this.#queue.waiting > 0) this.#moveFor(ON_LEAVING)
  }

  #moveFor(plugins: readonly string[]): void {
    this.#queue.move((entry) => entry.plugins.size === 0 || plugins.some((p) => entry.plugins.has(p)))
  }

  // ---- one Pod ---------------------------------------------------------------------------------------------------

  #schedule(entry: QueuedPod): void {
    const pod = this.#pods.byKey(entry.key)
    if (!pod || pod.spec.nodeName || pod.metadata.deletionTimestamp || this.#state.placed(entry.key)) return
    try {
      const found = this.#find(pod)
      if ('message' in found) this.#fail(entry, pod, found)
      else if (!this.#awaitsVolumes(entry, pod, found.name)) this.#bind(entry, pod, found.name)
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      this.#queue.retry(entry)
    }
  }

  #find(pod: Pod): NodeInfo | Failure {
    const nodes = this.#state.nodes()
    if (nodes.length === 0) return { message: 'no nodes available to schedule pods', plugins: new Set() }
    const attempt = new Attempt(this.#state, pod)
    const only = attempt.preFilter()
    if (only && 'refused' in only) {
      return this.#refuse(pod, { refusals: new Map(), preFilter: only.refused }, [only.plugin])
    }
    const refusals = new Map<string, Refusal>()
    const nominated = pod.status.nominatedNodeName ? this.#state.node(pod.status.nominatedNodeName) : undefined
    if (nominated && (!only || only.only.has(nominated.name)) && !attempt.filter(nominated)) return nominated
    const feasible = only
      ? [...only.only].flatMap((name) => this.#state.node(name) ?? []).filter((info) => this.#accepts(attempt, info, refusals))
      : this.#search(attempt, nodes, refusals)
    if (feasible.length === 0) {
      return this.#refuse(pod, { refusals, ...(only ? { absent: `node(s) didn't satisfy plugin(s) [${only.plugin}]` } : {}) }, only ? [only.plugin] : [])
    }
    return feasible.length === 1 ? feasible[0]! : this.#choose(pod, feasible)
  }

  #accepts(attempt: Attempt, info: NodeInfo, refusals: Map<string, Refusal>): boolean {
    const refused = attempt.filter(info)
    if (refused) refusals.set(info.name, refused)
    return !refused
  }

  /** As many feasible nodes as are enough; the next Pod's search begins where this one ends. */
  #search(attempt: Attempt, nodes: readonly NodeInfo[], refusals: Map<string, Refusal>): NodeInfo[] {
    const enough = numFeasibleNodesToFind(nodes.length)
    const feasible: NodeInfo[] = []
    let asked = 0
    while (asked < nodes.length && feasible.length < enough) {
      const info = nodes[(this.#start + asked++) % nodes.length]!
      if (this.#accepts(attempt, info, refusals)) feasible.push(info)
    }
    this.#start = (this.#start + asked) % nodes.length
    return feasible
  }

  /** The best score; among equals the turn goes round. */
  #choose(pod: Pod, feasible: readonly NodeInfo[]): NodeInfo {
    const scores = scoreNodes(this.#state, pod, feasible)
    let best = -Infinity
    for (const score of scores) if (score > best) best = score
    const equals: NodeInfo[] = []
    for (let i = 0; i < feasible.length; i++) if (scores[i] === best) equals.push(feasible[i]!)
    return equals[this.#turn++ % equals.length]!
  }

  #refuse(pod: Pod, diagnosis: Diagnosis, prefilters: readonly string[]): Failure {
    const total = this.#state.nodes().length
    const plugins = new Set([...prefilters, ...[...diagnosis.refusals.values()].map((r) => r.plugin)])
    if (diagnosis.preFilter !== undefined && pod.spec.preemptionPolicy !== 'Never') {
      return { message: fitError(total, diagnosis, preemptionError(total, diagnosis.refusals)), plugins }
    }
    const preemption = findPreemption(this.#state, pod, diagnosis.refusals)
    if ('message' in preemption) return { message: fitError(total, diagnosis, preemption.message), plugins }
    this.#preempt(pod, preemption.candidate)
    return { message: fitError(total, diagnosis), plugins, nominated: preemption.candidate.info.name }
  }

  /** Reserve and PreBind of VolumeBinding: the Pod keeps its place on the node until its claims are bound, or it has been too long. */
  #awaitsVolumes(entry: QueuedPod, pod: Pod, node: string): boolean {
    if (!pod.spec.volumes) return false
    const claims = podClaims(this.#listers, pod)
    if (typeof claims === 'string' || claims.length === 0) return false
    this.#state.place(pod, node)
    for (const { claim: { metadata } } of claims) {
      if (metadata.annotations?.[SELECTED_NODE] === node) continue
      ignoringGone(() => this.#client.patch('persistentvolumeclaims', metadata.namespace, metadata.name, 'application/merge-patch+json', { metadata: { annotations: { [SELECTED_NODE]: node } } }, AGENT_WRITE))
    }
    const timer = this.#clock.schedule(BIND_TIMEOUT, () => this.#volumesTooLate(entry), { background: true })
    this.#binding.set(entry.key, { entry, node, timer })
    return true
  }

  #volumesTooLate(entry: QueuedPod): void {
    this.#binding.delete(entry.key)
    const pod = this.#pods.byKey(entry.key)
    const account = this.#state.placed(entry.key)
    if (!pod || !account || pod.spec.nodeName) return
    this.#state.unplace(account)
    this.#fail(entry, pod, { message: 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded', plugins: new Set(['VolumeBinding']), reason: 'SchedulerError' })
    this.#queue.move((other) => other === entry)
  }

  /** A claim or a class is another than before. */
  #onStorage(): void {
    this.#queue.move((e) => e.plugins.has('VolumeBinding'))
    for (const [key, { entry, node, timer }] of this.#binding) {
      const pod = this.#pods.byKey(key)
      const claims = pod ? podClaims(this.#listers, pod) : []
      if (typeof claims === 'string' || claims.length > 0) continue
      this.#clock.cancel(timer)
      this.#binding.delete(key)
      if (pod && this.#state.placed(key)) this.#bind(entry, pod, node)
    }
  }

  #bind(entry: QueuedPod, pod: Pod, node: string): void {
    const { namespace, name, uid } = pod.metadata
    this.#state.place(pod, node)
    try {
      this.#client.update('pods', namespace, name, { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target: { kind: 'Node', name: node } }, BINDING_WRITE)
    } catch (error) {
      this.#state.unplace(this.#state.placed(entry.key)!)
      if (error instanceof StatusError && (error.status.code === 404 || error.status.code === 409)) return
      throw error
    }
    this.#state.denominate(pod)
    this.#metrics?.scheduled(entry.attempts, (this.#clock.now - entry.came) / 1000)
    this.#events.note(pod, 'Normal', 'Scheduled', 'Binding', `Successfully assigned ${namespace}/${name} to ${node}`)
  }

  // ---- Pods that found no node -----------------------------------------------------------------------------------

  #fail(entry: QueuedPod, pod: Pod, { message, plugins, nominated, reason = 'Unschedulable' }: Failure): void {
    this.#queue.failed(entry, plugins)
    this.#metrics?.failed(reason === 'Unschedulable' ? 'unschedulable' : 'error')
    this.#events.note(pod, 'Warning', 'FailedScheduling', 'Scheduling', message.length > NOTE ? `${message.slice(0, NOTE - 4)} ...` : message)
    if (nominated) this.#state.nominate(pod, nominated)
    const former = podCondition(pod, 'PodScheduled')
    const same = former?.status === 'False' && former.reason === reason && former.message === message
    if (same && (!nominated || pod.status.nominatedNodeName === nominated)) return
    const condition: PodCondition = { type: 'PodScheduled', status: 'False', lastProbeTime: null as never, lastTransitionTime: former?.status === 'False' ? former.lastTransitionTime! : timestamp(this.#clock.wall()), reason, message }
    this.#setStatus(pod, condition, nominated ? { nominatedNodeName: nominated } : {})
  }

  #setStatus(pod: Pod, condition: PodCondition | undefined, more: object): void {
    const { namespace, name, uid } = pod.metadata
    ignoringGone(() => {
      const present = this.#client.get<Pod>('pods', namespace, name)
      if (present.metadata.uid !== uid) return
      const conditions = condition ? [...(present.status.conditions ?? []).filter((c) => c.type !== condition.type), condition] : present.status.conditions
      this.#client.update('pods', namespace, name, { ...present, status: { ...present.status, conditions, ...more } }, AGENT_STATUS)
    })
  }

  #preempt(pod: Pod, { info, victims }: Candidate): void {
    this.#metrics?.preempted(victims.length)
    for (const { pod: victim } of victims) {
      const now = timestamp(this.#clock.wall())
      this.#setStatus(victim, {
        type: 'DisruptionTarget', status: 'True', lastProbeTime: null as never, lastTransitionTime: now, reason: 'PreemptionByScheduler', message: `${NAME}: preempting to accommodate a higher priority pod`,
      }, {})
      ignoringGone(() => this.#client.delete('pods', victim.metadata.namespace, victim.metadata.name, { preconditions: { uid: victim.metadata.uid } }))
      this.#events.note(victim, 'Normal', 'Preempted', 'Preempting', `Preempted by pod ${pod.metadata.uid} on node ${info.name}`, pod)
    }
    // those who hoped for this node look elsewhere
    for (const rival of [...this.#state.nominated(info.name)]) {
      if (priorityOf(rival) >= priorityOf(pod) || rival.metadata.uid === pod.metadata.uid) continue
      this.#state.denominate(rival)
      this.#setStatus(rival, undefined, { nominatedNodeName: undefined })
      this.#queue.changed(keyOf(rival))
    }
  }
}

/** pkg/scheduler schedule_one.go: all of 100 nodes, of 5,000 every tenth. */
function numFeasibleNodesToFind(nodes: number): number {
  const part = Math.max(5, 50 - Math.trunc(nodes / 125))
  return nodes < 100 ? nodes : Math.max(100, Math.trunc((nodes * part) / 100))
}
