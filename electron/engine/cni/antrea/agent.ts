import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { asManager } from '../../kubernetes/managed-fields/as-manager.ts'
import type { KubeObject, Node } from '../../kubernetes/types.ts'
import { networkOf, nthAddress, prefixLength } from '../../network/address.ts'
import type { Ip } from '../../network/types.ts'
import { internalIp } from '../bridge-link.ts'
import { HostLocal } from '../host-local.ts'
import type { Agent, NodeContext, Sandbox } from '../types.ts'
import { ensureDatapath, type Datapath, type Peer, type PodPort } from './datapath.ts'
import { AGENT_INFOS } from './crds.ts'
import { VERSION } from './manifests.ts'
import { answerPacketIn } from './packet-in.ts'
import { nodeFlows, cookie } from './pipeline.ts'
import { PolicyFlows } from './policy.ts'
import { AntreaProxy } from './proxy.ts'
import { syncIptables, syncPodSet, syncSysctls } from './rules.ts'

/** antrea-agent v2.4 (pkg/agent of antrea-io/antrea): it writes the bridge's flows, the node's routes and rules; packets go on without it. */
export const SOCKET = '/var/run/antrea/cni.sock'
/** route_linux.go: rules are looked after once a minute. */
const RESYNC = 60_000
/** After so long everything has been told that was there when it came (flowRestoreComplete and the removal of stale flows). */
const RECONCILED = 1_000

/** source is "file.go:line", as klog prints it. */
export type AgentLog = (source: string, message: string, severity?: 'I' | 'W' | 'E' | 'F') => void

const agents = new WeakMap<object, AntreaAgent>()

export function agentOf(network: object): AntreaAgent | undefined {
  return agents.get(network)
}

export class AntreaAgent implements Agent {
  readonly context: NodeContext
  readonly #client: KubernetesClient
  readonly #log: AgentLog
  readonly #stopWatch: () => void
  readonly #pod: { name: string; namespace: string }
  datapath: Datapath | undefined
  policies: PolicyFlows | undefined
  proxy: AntreaProxy | undefined
  readonly #waiting = new Map<string, Node>()
  readonly #timers = new Set<ReturnType<NodeContext['clock']['schedule']>>()
  #generation = -1
  #stopped = false

  constructor(context: NodeContext, log: AgentLog, pod: { name: string; namespace: string }) {
    this.context = context
    this.#client = asManager(context.client, 'antrea-agent')
    this.#log = log
    this.#pod = pod
    agents.set(context.network, this)
    this.#stopWatch = this.#client.watch<Node>('nodes', {}, (event) => {
      if (this.#stopped) return
      if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#onNode(event.object)
      else if (event.type === 'DELETED') this.#nodeGone(event.object.metadata.name)
    })
  }

  stop(): void {
    this.#stopped = true
    this.#stopWatch()
    this.policies?.stop()
    this.proxy?.stop()
    for (const timer of this.#timers) this.context.clock.cancel(timer)
    if (this.datapath) this.datapath.bridge.onPacketIn = undefined
    if (agents.get(this.context.network) === this) agents.delete(this.context.network)
  }

  #after(ms: number, work: () => void, background = true): void {
    const timer = this.context.clock.schedule(ms, () => {
      this.#timers.delete(timer)
      work()
    }, { background })
    this.#timers.add(timer)
  }

  // ---- nodes -----------------------------------------------------------------------------------------------------

  #onNode(node: Node): void {
    if (node.metadata.name === this.context.name) return this.#onOwnNode(node)
    if (!this.datapath) this.#waiting.set(node.metadata.name, node)
    else this.#onPeer(node)
  }

  #onOwnNode(node: Node): void {
    const { podCIDR } = node.spec
    const ip = internalIp(node, 4)
    if (this.datapath || podCIDR === undefined || ip === undefined) return
    const { network, machine } = this.context
    const dp = ensureDatapath(this.context, networkOf(podCIDR), ip)
    if (!dp) return
    this.datapath = dp
    for (const pod of [...dp.pods.values()]) if (!network.links.has(pod.name)) dp.unplug(pod)
    dp.beginRound()
    this.#log('agent.go:1066', `"Setting Node MTU" MTU=${dp.mtu}`)
    this.#log('ovs_client.go:138', `"Bridge exists" bridge="br-int"`)
    this.#log('agent.go:417', `"Using round number" roundNum=${dp.round}`)
    syncSysctls(this.context)
    syncPodSet(dp)
    this.#syncRules()
    dp.bridge.onPacketIn = (x, userdata, flow) => answerPacketIn(dp, x, userdata, flow)
    for (const other of this.#waiting.values()) this.#onPeer(other)
    this.#waiting.clear()
    this.proxy = new AntreaProxy(dp, this.#client)
    const policies = (this.policies = new PolicyFlows(dp, this.#client))
    dp.policyOf = (conjunction) => policies.sourceOf(conjunction)
    this.#publish()
    machine.fs.makeDirectory('/var/run/antrea', { parents: true })
    if (!machine.fs.exists(SOCKET)) machine.fs.writeFile(SOCKET, '')
    this.#log('server.go:758', '"Starting CNI server"')
    this.#after(RECONCILED, () => this.#removeStale(), false)
  }

  #removeStale(): void {
    const dp = this.datapath!
    const current = cookie(dp.round, 'Default').slice(0, -12)
    let stale = 0
    for (const { flow } of [...dp.bridge.dump()]) {
      if (flow.cookie.slice(0, -12) === current) continue
      dp.bridge.removeFlow(flow)
      stale++
    }
    if (stale > 0) this.#log('agent.go:521', `"Deleting stale flows from previous round if any" count=${stale}`)
  }

  #onPeer(node: Node): void {
    const dp = this.datapath!
    const { podCIDR } = node.spec
    const ip = internalIp(node, 4)
    const known = dp.peers.get(node.metadata.name)
    if (podCIDR === undefined || ip === undefined) return
    const cidr = networkOf(podCIDR)
    if (known && known.ip === ip && known.podCidr === cidr) return
    if (known) this.#nodeGone(node.metadata.name)
    const peer: Peer = { name: node.metadata.name, ip, podCidr: cidr, gateway: nthAddress(cidr, 1) }
    dp.peers.set(peer.name, peer)
    dp.add(nodeFlows(dp.facts, peer))
    this.#route(peer)
    syncPodSet(dp)
    this.#log('node_route_controller.go:641', `"Adding routes and flows to Node" Node="${peer.name}" podCIDRs=["${podCIDR}"] addresses=[{"type":"InternalIP","address":"${ip}"}]`)
  }

  /** Through the tunnel the other gateway is taken for a neighbour (onlink); else the node is the gateway. */
  #route(peer: Peer): void {
    const dp = this.datapath!
    const { routes } = this.context.network
    if (dp.encapsulation === 'none') routes.add({ destination: peer.podCidr, via: peer.ip, device: dp.device.name }, { replace: true })
    else routes.add({ destination: peer.podCidr, via: peer.gateway, device: dp.gateway.name, onlink: true }, { replace: true })
  }

  #nodeGone(name: string): void {
    this.#waiting.delete(name)
    const dp = this.datapath
    const peer = dp?.peers.get(name)
    if (!dp || !peer) return
    dp.peers.delete(name)
    dp.drop(nodeFlows(dp.facts, peer))
    try {
      this.context.network.routes.remove({ destination: peer.podCidr })
    } catch {
      // Somebody was faster.
    }
    syncPodSet(dp)
    this.#log('node_route_controller.go:502', `"Deleting Node Route for ${name}"`)
  }

  #syncRules(): void {
    const { netfilter } = this.context.network
    if (netfilter.generation !== this.#generation) {
      syncIptables(this.datapath!)
      this.#generation = netfilter.generation
    }
    const there = new Set(this.context.network.routes.list('main', 4).map((r) => r.destination))
    for (const peer of this.datapath!.peers.values()) if (!there.has(peer.podCidr)) this.#route(peer)
    this.#after(RESYNC, () => this.#syncRules())
  }

  // ---- Pods ------------------------------------------------------------------------------------------------------

  /** CmdAdd of the CNI server. Throws an Error with the plugin's text. */
  addPod(sandbox: Sandbox): PodPort {
    const dp = this.datapath!
    const ip: Ip = this.#ipam().allocate(sandbox.id, 'eth0')
    const pod = dp.plug(sandbox, ip)
    this.policies?.podPlugged()
    this.#log('server.go:593', `"CmdAdd for container succeeded" container="${sandbox.id}" interface="eth0" Pod="${sandbox.podNamespace}/${sandbox.podName}"`)
    return pod
  }

  removePod(sandbox: Sandbox): void {
    const dp = this.datapath!
    this.#ipam().release(sandbox.id)
    const pod = dp.pods.get(sandbox.id)
    if (pod) dp.unplug(pod)
    this.policies?.podPlugged()
    this.#log('server.go:638', `"CmdDel for container succeeded" container="${sandbox.id}"`)
  }

  /** "kube-system/antrea-agent-x7k2p" */
  get podKey(): string {
    return `${this.#pod.namespace}/${this.#pod.name}`
  }

  /** How many policies, groups of peers and groups of selected Pods the agent has to do with. */
  policyNumbers(): [number, number, number] {
    const own = [...(this.policies?.view.policies.values() ?? [])].filter((p) => this.policies!.isOnNode(p))
    const peers = new Set(own.flatMap((p) => [...p.rules.ingress, ...p.rules.egress]).flatMap((r) => r.peers ?? []).flatMap((p) => (p.kind === 'pods' ? [p.set.id] : [])))
    return [own.length, peers.size, own.length]
  }

  #ipam(): HostLocal {
    return new HostLocal(this.context.machine.fs, 'antrea', this.datapath!.podCidr)
  }

  // ---- AntreaAgentInfo -------------------------------------------------------------------------------------------

  #publish(): void {
    const dp = this.datapath!
    const { name, clock } = this.context
    const now = `${new Date(Math.floor(clock.wall() / 1000) * 1000).toISOString().slice(0, 19)}Z`
    const flowTable: Record<string, number> = {}
    for (const table of dp.bridge.tables.values()) flowTable[String(table.id)] = table.size
    const content = {
      version: VERSION,
      podRef: { kind: 'Pod', namespace: this.#pod.namespace, name: this.#pod.name },
      nodeRef: { kind: 'Node', name },
      nodeSubnets: [`${nthAddress(dp.podCidr, 0)}/${prefixLength(dp.podCidr)}`],
      ovsInfo: { version: '3.5.0', bridgeName: 'br-int', flowTable },
      networkPolicyControllerInfo: {},
      localPodNum: dp.pods.size,
      agentConditions: ['AgentHealthy', 'ControllerConnectionUp', 'OVSDBConnectionUp', 'OpenflowConnectionUp'].map((type) => ({ type, status: 'True', lastHeartbeatTime: now })),
      apiPort: 10_350,
    }
    try {
      this.#client.create(AGENT_INFOS, undefined, { apiVersion: 'crd.antrea.io/v1beta1', kind: 'AntreaAgentInfo', metadata: { name }, ...content } as unknown as KubeObject)
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') return
      this.#client.patch(AGENT_INFOS, undefined, name, 'application/merge-patch+json', content)
    }
  }
}
