import type { Clock } from '../../clock.ts'
import type { NodeContext } from '../../cni/types.ts'
import { HARDWARE } from '../../machine/hardware.ts'
import { KERNEL } from '../../machine/kernel.ts'
import { ConnectionError, StatusError, Undecided, type KubernetesClient } from '../client.ts'
import { AGENT_STATUS, AGENT_WRITE } from '../controllers/context.ts'
import type { EventRecorder } from '../controllers/events.ts'
import { NODE_LEASES } from '../controllers/node-lifecycle.ts'
import { microTimestamp, timestamp } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import type { Node, NodeCondition } from '../types.ts'
import type { KubeletLog } from '../../node/kubelet-log.ts'
import type { NodeImage } from './image-manager.ts'
import type { MachineIdentity } from './machine-identity.ts'

/** nodeStatusReportFrequency and a quarter of the lease's 40 s: pkg/kubelet/kubelet_node_status.go, nodelease. */
const REPORT = 300_000
const UPDATE = 10_000
const LEASE = { seconds: 40, renew: 10_000 }
/** The longest step of registerWithAPIServer. */
const REGISTER_RETRY = 7_000

export interface NodeFacts {
  context: NodeContext
  role: 'control-plane' | 'worker'
  ips: readonly string[]
  cpu: number
  memory: number
  images(): readonly NodeImage[]
  identity: MachineIdentity
  log?: KubeletLog | undefined
}

const DISK = HARDWARE.disk * 1024
/** evictionHard memory.available */
export const EVICTION_MEMORY = 100 * 1024 * 1024
/** What containerd 2 says of itself (KEP-3857, KEP-3619). */
const HANDLER = { recursiveReadOnlyMounts: true, userNamespaces: true }
const RUNTIME_HANDLERS = [{ features: HANDLER, name: '' }, { features: HANDLER, name: 'runc' }]
const FEATURES = { supplementalGroupsPolicy: true }

/** The Node object, its conditions and its lease. */
export class NodeStatus {
  readonly #facts: NodeFacts
  readonly #clock: Clock
  readonly #client: KubernetesClient
  readonly #events: EventRecorder
  readonly #problem: () => string | undefined
  readonly #runtimeProblems: () => readonly string[]
  #stopped = false
  #cutOff = false
  #timers: ReturnType<Clock['schedule']>[] = []

  /** `problem` says why the node's network is not ready, `runtimeProblems` what is wrong with containerd. */
  constructor(facts: NodeFacts, events: EventRecorder, problem: () => string | undefined, runtimeProblems: () => readonly string[] = () => []) {
    this.#facts = facts
    this.#clock = facts.context.clock
    this.#client = facts.context.client
    this.#events = events
    this.#problem = problem
    this.#runtimeProblems = runtimeProblems
    this.#begin()
    this.#renewLeaseLater(0)
    this.#reportLater()
  }

  /** Registers, as soon as the API server is reached. */
  #begin(): void {
    if (this.#stopped || this.#reach(() => this.#register(), 'register')) return
    this.#timers[2] = this.#clock.schedule(REGISTER_RETRY, () => this.#begin(), { background: true })
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) this.#clock.cancel(timer)
  }

  /** False: the API server cannot be reached, or refuses, and the log says so. What webhooks are asked about is written when they have answered: then `later` is told whether it was. */
  #reach(act: () => void, what?: 'register' | 'lease', later?: (done: boolean) => void): boolean | undefined {
    try {
      act()
      return true
    } catch (error) {
      if (error instanceof Undecided && later) {
        error.settle(() => {
          const done = this.#stopped ? undefined : this.#reach(act, what, later)
          if (done !== undefined) later(done)
        })
        return undefined
      }
      if (later && error instanceof StatusError && error.status.code === 409) return false
      if (what === 'lease' && error instanceof StatusError && error.status.code === 404) {
        // the Lease is gone, and its namespace, too
        this.#facts.log?.line('E', 'controller.go:145', () => `"Failed to ensure lease exists, will retry" err=${JSON.stringify(error.message)} interval="200ms"`)
        return false
      }
      if (!(error instanceof ConnectionError)) throw error
      if (what) this.#logBreak(error, what)
      return false
    }
  }

  /** kubelet_node_status.go, component-helpers' lease controller. */
  #logBreak({ message: problem, server = '' }: ConnectionError, what: 'register' | 'lease'): void {
    const { log, context } = this.#facts
    const { name } = context
    const failed = (verb: string, path: string): string => `${verb} ${JSON.stringify(`https://${server}${path}`)}: ${problem}`
    if (what === 'register') return log?.line('E', 'kubelet_node_status.go:107', () => `"Unable to register node with API server" err=${JSON.stringify(failed('Post', '/api/v1/nodes'))} node=${JSON.stringify(name)}`)
    // a refusal is the server's own word
    if (/denied|failed calling webhook|forbidden/.test(problem)) return log?.line('E', 'controller.go:195', () => `"Failed to update lease" err=${JSON.stringify(problem)}`)
    log?.line('E', 'controller.go:195', () => `"Failed to update lease" err=${JSON.stringify(failed('Put', `/apis/coordination.k8s.io/v1/namespaces/${NODE_LEASES}/leases/${name}?timeout=10s`))}`)
    log?.line('E', 'kubelet_node_status.go:548', () => `"Error updating node status, will retry" err=${JSON.stringify(`error getting node ${JSON.stringify(name)}: ${failed('Get', `/api/v1/nodes/${name}?timeout=10s`)}`)}`)
    log?.line('E', 'kubelet_node_status.go:535', () => '"Unable to update node status" err="update node status exceeds retry count"')
  }

  /** Something that shows in the status without haste (nodeStatusUpdateFrequency). */
  reportSoon(): void {
    this.#timers[2] ??= this.#clock.schedule(UPDATE, () => {
      delete this.#timers[2]
      this.report()
    }, { background: true })
  }

  /** Brings the conditions up to date; with `force` also when only the heartbeat is new. */
  report(force = false): void {
    if (!this.#stopped) this.#reach(() => this.#report(force))
  }

  #report(force: boolean): void {
    const { name } = this.#facts.context
    let node: Node
    try {
      node = this.#client.get<Node>('nodes', undefined, name)
    } catch (error) {
      // somebody deleted the Node: a kubelet registers when it starts, and only then
      if (error instanceof StatusError && error.status.code === 404) return
      throw error
    }
    const before = node.status.conditions?.find((c) => c.type === 'Ready')
    const conditions = this.#conditions(node.status.conditions ?? [], force)
    const images = this.#facts.images() as Node['status']['images']
    const bootID = this.#facts.identity.boot
    const isRebooted = node.status.nodeInfo !== undefined && node.status.nodeInfo.bootID !== bootID
    if (deepEqual(conditions, node.status.conditions) && deepEqual(images, node.status.images) && !isRebooted) return
    const nodeInfo = isRebooted ? { nodeInfo: { ...node.status.nodeInfo!, bootID } } : {}
    const body = { ...node, status: { ...node.status, conditions, images, ...nodeInfo } }
    const write = (): void => {
      this.#client.update('nodes', undefined, name, body, AGENT_STATUS)
      if (isRebooted) this.#events.event(this.#reference(), 'Warning', 'Rebooted', `Node ${name} has been rebooted, boot id: ${bootID}`)
      const after = conditions.find((c) => c.type === 'Ready')!
      if (before?.status !== after.status) this.#event(after.status === 'True' ? 'NodeReady' : 'NodeNotReady')
    }
    // what has changed since is found by the next look
    if (this.#reach(write, undefined, (done) => void (done || this.reportSoon())) === false) this.reportSoon()
  }

  #event(status: string): void {
    const { name } = this.#facts.context
    this.#events.event(this.#reference(), 'Normal', status, `Node ${name} status is now: ${status}`)
  }

  /** The kubelet names itself by its node's name, also where the uid stands. */
  #reference(): { apiVersion: 'v1'; kind: 'Node'; name: string; uid: string } {
    const { name } = this.#facts.context
    return { apiVersion: 'v1', kind: 'Node', name, uid: name }
  }

  #register(): void {
    const { context, role, ips, cpu, memory, identity } = this.#facts
    const { name } = context
    this.#events.event(this.#reference(), 'Normal', 'Starting', 'Starting kubelet.')
    const capacity = { cpu: String(cpu), 'ephemeral-storage': `${DISK / 1024}Ki`, 'hugepages-2Mi': '0', memory: `${Math.floor(memory / 1024)}Ki`, pods: '110' }
    // what is left above the thresholds of eviction: 10 % of the disk (a float32), 100 MiB of memory
    const allocatable = { ...capacity, 'ephemeral-storage': String(DISK - Math.floor(DISK * Math.fround(0.1))), memory: `${Math.floor(memory / 1024) - EVICTION_MEMORY / 1024}Ki` }
    const master = role === 'control-plane'
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        labels: {
          'beta.kubernetes.io/arch': 'amd64', 'beta.kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64', 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux',
          ...(master ? { 'node-role.kubernetes.io/control-plane': '', 'node.kubernetes.io/exclude-from-external-load-balancers': '' } : {}),
        },
        annotations: { 'kubeadm.alpha.kubernetes.io/cri-socket': 'unix:///run/containerd/containerd.sock', 'node.alpha.kubernetes.io/ttl': '0', 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
      },
      spec: master ? { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] } : {},
      status: {
        addresses: [...ips.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: name }],
        allocatable,
        capacity,
        conditions: this.#conditions([], true),
        daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
        features: FEATURES,
        images: this.#facts.images(),
        nodeInfo: {
          architecture: 'amd64', bootID: identity.boot, containerRuntimeVersion: 'containerd://2.0.5', kernelVersion: KERNEL.release, kubeProxyVersion: '',
          kubeletVersion: 'v1.33.1', machineID: identity.machine, operatingSystem: 'linux', osImage: 'Debian GNU/Linux 12 (bookworm)', systemUUID: identity.system,
        },
        runtimeHandlers: RUNTIME_HANDLERS,
      },
    }
    let isKnown = false
    try {
      this.#client.create('nodes', undefined, node, AGENT_WRITE)
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error
      isKnown = true
    }
    for (const status of ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID']) this.#event(status)
    this.#events.event(this.#reference(), 'Normal', 'NodeAllocatableEnforced', 'Updated Node Allocatable limit across pods')
    if (isKnown) this.report(true)
  }

  #conditions(former: readonly NodeCondition[], force: boolean): NodeCondition[] {
    const now = timestamp(this.#clock.wall())
    const network = this.#problem()
    const problems = [...this.#runtimeProblems(), ...(network === undefined ? [] : [`container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: ${network}`])]
    const rows: [string, 'True' | 'False', string, string][] = [
      ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
      ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
      ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
      problems.length > 0
        ? ['Ready', 'False', 'KubeletNotReady', problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`]
        : ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
    ]
    const own = new Set(rows.map(([type]) => type))
    const conditions = rows.map(([type, status, reason, message]): NodeCondition => {
      const old = former.find((c) => c.type === type)
      const same = old?.status === status && old.reason === reason
      return { type, status, lastHeartbeatTime: same && !force ? old.lastHeartbeatTime : now, lastTransitionTime: old?.status === status ? old.lastTransitionTime : now, reason, message }
    })
    return [...former.filter((c) => !own.has(c.type)), ...conditions]
  }

  #renewLease(): () => void {
    const { name } = this.#facts.context
    const spec = { holderIdentity: name, leaseDurationSeconds: LEASE.seconds, renewTime: microTimestamp(this.#clock.wall()) }
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace: NODE_LEASES }, spec }
    return () => void this.#client.update('leases', NODE_LEASES, name, lease, AGENT_WRITE)
  }

  #renewLeaseLater(delay: number): void {
    const renew = (): void => {
      if (this.#stopped) return
      const learn = (renewed: boolean): void => {
        const wasCutOff = this.#cutOff
        this.#cutOff = !renewed
        // meanwhile the node controller may have called the node silent
        if (wasCutOff && !this.#cutOff) this.report(true)
      }
      const renewed = this.#reach(this.#renewLease(), 'lease', learn)
      if (renewed !== undefined) learn(renewed)
      this.#renewLeaseLater(LEASE.renew)
    }
    if (delay === 0) renew()
    else this.#timers[0] = this.#clock.schedule(delay, renew, { background: true })
  }

  #reportLater(): void {
    this.#timers[1] = this.#clock.schedule(REPORT, () => {
      this.report(true)
      this.#reportLater()
    }, { background: true })
  }
}
