import { StatusError } from '../client.ts'
import { timestamp } from '../human-duration.ts'
import type { KubeObject, Node, NodeCondition, Pod } from '../types.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import { type Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { ifReached } from './reach.ts'
import { BY_NODE, OF_NODE, isReady, nodeNameOf } from './pods.ts'
import { zoneOf, Zones } from './node-zones.ts'
import { WorkQueue } from './workqueue.ts'

/** --node-monitor-period, and --node-monitor-grace-period when the command line has none (ms). */
const MONITOR_PERIOD = 5_000
const DEFAULT_GRACE = 50_000
/** --node-startup-grace-period: for a node whose kubelet never said a word (ms). */
const STARTUP_GRACE = 60_000
/** What nobody but a kubelet can say; NetworkUnavailable is the plugin's. */
const OF_KUBELET = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']
export const NODE_LEASES = 'kube-node-lease'

const NOT_READY = 'node.kubernetes.io/not-ready'
const UNREACHABLE = 'node.kubernetes.io/unreachable'
const PRESSURES = [['MemoryPressure', 'memory-pressure'], ['DiskPressure', 'disk-pressure'], ['PIDPressure', 'pid-pressure'], ['NetworkUnavailable', 'network-unavailable']] as const
type Lease = KubeObject & { spec: { renewTime?: string } }
type Taint = NonNullable<Node['spec']['taints']>[number]

/** Notices nodes that are silent, and marks them with taints: pkg/controller/nodelifecycle. */
export class NodeLifecycleController implements Controller {
  readonly #context: ControllerContext
  readonly #nodes: Informer<Node>
  readonly #leases: Informer<Lease>
  readonly #pods: Informer<Pod>
  readonly #events: EventRecorder
  readonly #queue: WorkQueue
  /** Node → when a sign of life was last seen. */
  readonly #seen = new Map<string, number>()
  readonly #zones = new Zones()
  readonly #grace: number
  #cutOff = false
  #stopped = false

  constructor(context: ControllerContext) {
    this.#context = context
    this.#grace = context.options?.nodeMonitorGracePeriod ?? DEFAULT_GRACE
    this.#events = new EventRecorder(context.client, context.clock, 'node-controller')
    this.#queue = new WorkQueue(context.clock, (name) => this.#sync(name), context.counts?.('node_lifecycle_controller'))
    this.#nodes = context.informers.of<Node>('nodes')
    this.#pods = context.informers.of<Pod>('pods')
    this.#pods.index(BY_NODE, nodeNameOf, OF_NODE)
    this.#leases = context.informers.of<Lease>('leases')
    const alive = (name: string): void => void this.#seen.set(name, context.clock.now)
    const onLease = (lease: Lease, old?: Lease): void => {
      if (lease.metadata.namespace === NODE_LEASES && lease.spec.renewTime !== old?.spec.renewTime) alive(lease.metadata.name)
    }
    this.#leases.on({ onAdd: onLease, onUpdate: onLease })
    this.#nodes.on({
      onAdd: (node) => {
        alive(node.metadata.name)
        this.#events.event(nodeReference(node), 'Normal', 'RegisteredNode', `Node ${node.metadata.name} event: Registered Node ${node.metadata.name} in Controller`)
        this.#queue.add(node.metadata.name)
      },
      onUpdate: (node, old) => {
        // a kubelet that reports lives, also when its Lease is as it was
        if (heartbeat(node) !== heartbeat(old)) alive(node.metadata.name)
        this.#queue.add(node.metadata.name)
      },
      onDelete: (node) => {
        this.#seen.delete(node.metadata.name)
        this.#zones.forget(node.metadata.name)
        this.#events.event(nodeReference(node), 'Normal', 'RemovingNode', `Node ${node.metadata.name} event: Removing Node ${node.metadata.name} from Controller`)
      },
    })
    this.#monitorLater()
  }

  stop(): void {
    this.#stopped = true
    this.#queue.stop()
  }

  #monitorLater(): void {
    this.#context.clock.schedule(MONITOR_PERIOD, () => {
      if (this.#stopped) return
      ifReached(() => this.#monitor())
      this.#monitorLater()
    }, { background: true })
  }

  #monitor(): void {
    const { client, clock } = this.#context
    // without an API server nobody could give a sign of life: afterwards everybody gets the whole time
    const wasCutOff = this.#cutOff
    this.#cutOff = true
    client.serverVersion()
    this.#cutOff = false
    if (wasCutOff) this.#startAnew()
    for (const node of this.#nodes.values()) {
      const seen = this.#seen.get(node.metadata.name) ?? 0
      if (clock.now - seen > (readyOf(node) === undefined ? STARTUP_GRACE : this.#grace)) this.#markSilent(node)
    }
    this.#taintForExecution()
  }

  #startAnew(): void {
    for (const name of this.#seen.keys()) this.#seen.set(name, this.#context.clock.now)
  }

  /** Pods leave nodes that are not ready: one node of a zone in ten seconds, slower or not at all when much is down. */
  #taintForExecution(): void {
    const { now } = this.#context.clock
    const nodes = [...this.#nodes.values()]
    const { wasDown, isDown } = this.#zones.observe(nodes, (node) => readyOf(node) === 'True', now)
    const { metrics } = this.#context
    if (metrics) metrics.zones = this.#zones.counts
    if (wasDown && !isDown) this.#startAnew()
    for (const node of nodes) {
      const ready = readyOf(node)
      if (ready === undefined) continue
      const has = node.spec.taints?.find((t) => t.effect === 'NoExecute' && (t.key === NOT_READY || t.key === UNREACHABLE))
      const key = ready === 'True' || isDown ? undefined : ready === 'False' ? NOT_READY : UNREACHABLE
      if (key === has?.key) continue
      // a node that is tainted already only changes its taint
      if (key !== undefined && !has && !this.#zones.mayTaint(node, now)) continue
      const wanted = noScheduleTaints(node)
      if (key !== undefined) wanted.push([key, 'NoExecute'])
      ifUnchanged(() => this.#setTaints(node, wanted))
      if (key !== undefined && !has) metrics?.evicted(zoneOf(node))
    }
  }

  #markSilent(node: Node): void {
    const now = timestamp(this.#context.clock.wall())
    const ready = node.status.conditions?.find((c) => c.type === 'Ready')
    if (ready?.status === 'Unknown') return
    const conditions = (node.status.conditions ?? []).map((c): NodeCondition => (!OF_KUBELET.includes(c.type) || c.status === 'Unknown' ? c : { ...c, status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.', lastTransitionTime: now }))
    for (const type of OF_KUBELET) {
      if (conditions.some((c) => c.type === type)) continue
      conditions.push({ type, status: 'Unknown', lastHeartbeatTime: node.metadata.creationTimestamp, lastTransitionTime: now, reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' })
    }
    ifUnchanged(() => this.#context.client.update('nodes', undefined, node.metadata.name, { ...node, status: { ...node.status, conditions } }, AGENT_STATUS))
    if (ready?.status !== 'True') return
    this.#events.event(nodeReference(node), 'Normal', 'NodeNotReady', `Node ${node.metadata.name} status is now: NodeNotReady`)
    // who says nothing has no ready Pods; a kubelet that says it is not ready speaks for its Pods itself
    for (const pod of this.#pods.indexed(BY_NODE, node.metadata.name)) if (isReady(pod)) this.#markNotReady(pod)
  }

  /** Conditions become taints at once, as far as they only keep new Pods away. */
  #sync(name: string): void {
    const node = this.#nodes.get(undefined, name)
    if (!node) return
    const executing = (node.spec.taints ?? []).filter((t) => t.effect === 'NoExecute').map((t): [string, string] => [t.key, t.effect])
    this.#setTaints(node, [...noScheduleTaints(node), ...executing])
  }

  #setTaints(node: Node, wanted: readonly [string, string][]): void {
    const managed = (t: Taint): boolean => /^node\.kubernetes\.io\/(not-ready|unreachable|unschedulable|memory-pressure|disk-pressure|pid-pressure|network-unavailable)$/.test(t.key)
    const present = node.spec.taints ?? []
    const kept = present.filter((t) => !managed(t) || wanted.some(([key, effect]) => t.key === key && t.effect === effect))
    const added = wanted.filter(([key, effect]) => !kept.some((t) => t.key === key && t.effect === effect)).map(([key, effect]): Taint => ({ key, effect, timeAdded: timestamp(this.#context.clock.wall()) }) as Taint)
    if (added.length === 0 && kept.length === present.length) return
    const taints = [...kept, ...added]
    this.#context.client.update('nodes', undefined, node.metadata.name, { ...node, spec: { ...node.spec, taints: taints.length > 0 ? taints : undefined } }, AGENT_WRITE)
  }

  #markNotReady(pod: Pod): void {
    const conditions = pod.status.conditions!.map((c) => (c.type === 'Ready' ? { ...c, status: 'False' as const, lastTransitionTime: timestamp(this.#context.clock.wall()) } : c))
    ifUnchanged(() => this.#context.client.update('pods', pod.metadata.namespace, pod.metadata.name, { ...pod, status: { ...pod.status, conditions } }, AGENT_STATUS))
    this.#events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
  }
}

function noScheduleTaints(node: Node): [string, string][] {
  const ready = readyOf(node)
  const wanted: [string, string][] = []
  if (ready !== undefined && ready !== 'True') wanted.push([ready === 'False' ? NOT_READY : UNREACHABLE, 'NoSchedule'])
  if (node.spec.unschedulable) wanted.push(['node.kubernetes.io/unschedulable', 'NoSchedule'])
  for (const [condition, taint] of PRESSURES) if (node.status.conditions?.some((c) => c.type === condition && c.status === 'True')) wanted.push([`node.kubernetes.io/${taint}`, 'NoSchedule'])
  return wanted
}

/** Who finds that somebody else was faster looks again the next time: nothing here is done once only. */
function ifUnchanged(act: () => unknown): void {
  try {
    ignoringGone(act)
  } catch (error) {
    if (!(error instanceof StatusError) || error.status.code !== 409) throw error
  }
}

function heartbeat(node: Node): string | undefined {
  return node.status.conditions?.find((c) => c.type === 'Ready')?.lastHeartbeatTime
}

/** Undefined: nobody ever said. */
function readyOf(node: Node): string | undefined {
  return node.status.conditions?.find((c) => c.type === 'Ready')?.status
}

/** Events about nodes carry the node's uid as upstream's controller has it, and no resourceVersion. */
export function nodeReference(node: Node): { kind: 'Node'; apiVersion: 'v1'; name: string; uid: string } {
  return { kind: 'Node', apiVersion: 'v1', name: node.metadata.name, uid: node.metadata.uid }
}
