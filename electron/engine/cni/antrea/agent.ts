import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { asManager } from '../../kubernetes/managed-fields/as-manager.ts'
import type { KubeObject, Node } from '../../kubernetes/types.ts'
import { networkOf, nthAddress } from '../../network/address.ts'
import type { SocketOwner } from '../../network/types.ts'
import { internalIp, podSubnets } from '../bridge-link.ts'
import { HostLocal } from '../host-local.ts'
import type { Agent, NodeContext, Sandbox } from '../types.ts'
import type { AgentLog } from './agent-log.ts'
import { distinct } from './control-plane.ts'
import { ensureDatapath, type Datapath, type Peer, type PeerFamily, type PodPort } from './datapath.ts'
import { AGENT_INFOS } from './crds.ts'
import { EgressController } from './egress.ts'
import { VERSION } from './manifests.ts'
import { AuditLog } from './audit-log.ts'
import { NodePortLocal } from './node-port-local.ts'
import { answerPacketIn } from './packet-in.ts'
import { cookie, nodeFlows, versionOf, VIRTUAL_MAC, type FamilyFacts } from './pipeline.ts'
import { PolicyFlows } from './policy.ts'
import { AntreaProxy, GroupNumbers } from './proxy.ts'
import { syncIptables, syncPodSet, syncSysctls } from './rules.ts'
import type { AntreaSettings } from './settings.ts'
import { TraceflowAgent } from './traceflow.ts'

/** antrea-agent v2.4 (pkg/agent of antrea-io/antrea): it writes the bridge's flows, the node's routes and rules; packets go on without it. */
export const SOCKET = '/var/run/antrea/cni.sock'
/** route_linux.go: rules are looked after once a minute. */
const RESYNC = 60_000
/** After so long everything has been told that was there when it came (flowRestoreComplete and the removal of stale flows). */
const RECONCILED = 1_000

const agents = new WeakMap<object, AntreaAgent>()

export function agentOf(network: object): AntreaAgent | undefined {
  return agents.get(network)
}

/** A Node's addresses and ranges, in the cluster's order. */
function familiesOf(node: Node): PeerFamily[] {
  return podSubnets(node).flatMap((cidr) => {
    const podCidr = networkOf(cidr)
    const ip = internalIp(node, versionOf(podCidr))
    return ip === undefined ? [] : [{ ip, podCidr, gateway: nthAddress(podCidr, 1) }]
  })
}

export class AntreaAgent implements Agent {
  readonly context: NodeContext
  readonly #client: KubernetesClient
  readonly #log: AgentLog
  readonly #stopWatch: () => void
  readonly #pod: { name: string; namespace: string }
  datapath: Datapath | undefined
  policies: PolicyFlows | undefined
  egress: EgressController | undefined
  #traceflow: TraceflowAgent | undefined
  #audit: AuditLog | undefined
  #marks = ''
  readonly #settings: AntreaSettings
  readonly #process: { env: ReadonlyMap<string, string>; owner?: SocketOwner }
  #nodePortLocal: NodePortLocal | undefined
  /** One a family. */
  proxies: readonly AntreaProxy[] = []
  readonly #waiting = new Map<string, Node>()
  readonly #timers = new Set<ReturnType<NodeContext['clock']['schedule']>>()
  #generation = ''
  #stopped = false

  constructor(context: NodeContext, log: AgentLog, pod: { name: string; namespace: string }, settings: AntreaSettings, process: { env: ReadonlyMap<string, string>; owner?: SocketOwner }) {
    this.#settings = settings
    this.#process = process
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
    this.egress?.stop()
    this.#traceflow?.stop()
    this.#audit?.stop()
    this.#nodePortLocal?.stop()
    for (const proxy of this.proxies) proxy.stop()
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
    if (this.datapath) return
    const { network, machine, config } = this.context
    const families = familiesOf(node).map(({ ip, podCidr, gateway }, i): FamilyFacts => ({ version: versionOf(ip), nodeIp: ip, podCidr, gatewayIp: gateway, serviceCidr: config.serviceCIDR[i]! }))
    if (families.length < config.ipFamilies.length) return
    const dp = ensureDatapath(this.context, families)
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
    const groups = new GroupNumbers()
    for (const group of [...dp.bridge.groups.values()]) if (group.type === 'select') dp.bridge.groups.delete(group.id)
    this.proxies = dp.families.map((family) => new AntreaProxy(dp, family, groups, this.#client, () => this.policies?.servicesChanged()))
    const policies = (this.policies = new PolicyFlows(dp, this.#client, { log: this.#log, env: this.#process.env, owner: this.#process.owner, groupsOf: (service) => this.proxies.flatMap((proxy) => proxy.groupsOf(service)) }))
    dp.policyOf = (conjunction) => policies.sourceOf(conjunction)
    const log = (this.#audit = new AuditLog(this.context, dp, (conjunction) => policies.loggedRule(conjunction)))
    dp.log = (x, flow) => log.packet(x, flow)
    this.egress = new EgressController(dp, this.#client, (source, message) => this.#log(source, message), () => this.#egressRules())
    this.#traceflow = new TraceflowAgent(dp, this.#client)
    const { nodePortLocal } = this.#settings
    if (nodePortLocal) this.#nodePortLocal = new NodePortLocal(this.context, this.#client, this.#log, nodePortLocal, this.#process.owner)
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
    const families = familiesOf(node)
    const known = dp.peers.get(node.metadata.name)
    if (families.length < dp.families.length || JSON.stringify(known?.families) === JSON.stringify(families)) return
    if (known) this.#nodeGone(node.metadata.name)
    const end = families.find((f) => versionOf(f.ip) === 4) ?? families[0]!
    const peer: Peer = { name: node.metadata.name, end: end.ip, families }
    dp.peers.set(peer.name, peer)
    dp.add(nodeFlows(dp.facts, peer))
    this.#route(peer)
    syncPodSet(dp)
    this.#log('node_route_controller.go:641', `"Adding routes and flows to Node" Node="${peer.name}" podCIDRs=${JSON.stringify(families.map((f) => f.podCidr))} addresses=${JSON.stringify(families.map((f) => ({ type: 'InternalIP', address: f.ip })))}`)
  }

  /** Through the tunnel the other gateway is taken for a neighbour (onlink); else the node is the gateway. */
  #route(peer: Peer): void {
    const dp = this.datapath!
    const { routes, neighbours } = this.context.network
    for (const { ip, gateway, podCidr } of peer.families) {
      if (dp.encapsulation === 'none') routes.add({ destination: podCidr, via: ip, device: dp.device.name }, { replace: true })
      else routes.add({ destination: podCidr, via: gateway, device: dp.gateway.name, onlink: true }, { replace: true })
      // no flow answers Neighbour Discovery for it
      if (dp.encapsulation !== 'none' && versionOf(ip) === 6) neighbours.set({ ip: gateway, device: dp.gateway.name, mac: VIRTUAL_MAC, state: 'PERMANENT' })
    }
  }

  #nodeGone(name: string): void {
    this.#waiting.delete(name)
    const dp = this.datapath
    const peer = dp?.peers.get(name)
    if (!dp || !peer) return
    dp.peers.delete(name)
    dp.drop(nodeFlows(dp.facts, peer))
    for (const { podCidr } of peer.families) {
      try {
        this.context.network.routes.remove({ destination: podCidr })
      } catch {
        // Somebody was faster.
      }
    }
    syncPodSet(dp)
    this.#log('node_route_controller.go:502', `"Deleting Node Route for ${name}"`)
  }

  #egressRules(): void {
    const marks = JSON.stringify(this.datapath!.families.map((f) => this.egress?.marks(f.version) ?? []))
    if (marks === this.#marks) return
    this.#marks = marks
    syncIptables(this.datapath!, (version) => this.egress?.marks(version) ?? [])
  }

  #syncRules(): void {
    const { network } = this.context
    const generation = (): string => this.datapath!.families.map((f) => (f.version === 4 ? network.netfilter : network.netfilter6).generation).join()
    if (generation() !== this.#generation) {
      syncIptables(this.datapath!, (version) => this.egress?.marks(version) ?? [])
      this.#generation = generation()
    }
    const there = new Set(([4, 6] as const).flatMap((version) => network.routes.list('main', version)).map((r) => r.destination))
    for (const peer of this.datapath!.peers.values()) if (peer.families.some((f) => !there.has(f.podCidr))) this.#route(peer)
    this.#after(RESYNC, () => this.#syncRules())
  }

  // ---- Pods ------------------------------------------------------------------------------------------------------

  /** CmdAdd of the CNI server. Throws an Error with the plugin's text. */
  addPod(sandbox: Sandbox): PodPort {
    const dp = this.datapath!
    const pod = dp.plug(sandbox, this.#ipam().map((range) => range.allocate(sandbox.id, 'eth0')))
    this.policies?.podPlugged()
    this.egress?.sync()
    this.#log('server.go:593', `"CmdAdd for container succeeded" container="${sandbox.id}" interface="eth0" Pod="${sandbox.podNamespace}/${sandbox.podName}"`)
    return pod
  }

  removePod(sandbox: Sandbox): void {
    const dp = this.datapath!
    this.#ipam()[0]!.release(sandbox.id)
    const pod = dp.pods.get(sandbox.id)
    if (pod) dp.unplug(pod)
    this.policies?.podPlugged()
    this.egress?.sync()
    this.#log('server.go:638', `"CmdDel for container succeeded" container="${sandbox.id}"`)
  }

  /** "kube-system/antrea-agent-x7k2p" */
  get podKey(): string {
    return `${this.#pod.namespace}/${this.#pod.name}`
  }

  /** How many policies, groups of peers and groups of selected Pods the agent has to do with. */
  policyNumbers(): [number, number, number] {
    const own = this.policies?.controlPlane() ?? []
    return [own.length, distinct(own.flatMap((p) => p.peers)).length, distinct(own.flatMap((p) => p.appliedTo)).length]
  }

  #ipam(): HostLocal[] {
    return this.datapath!.families.map(({ podCidr }, i) => new HostLocal(this.context.machine.fs, 'antrea', podCidr, i))
  }

  // ---- AntreaAgentInfo -------------------------------------------------------------------------------------------

  #publish(): void {
    const { name } = this.context
    const content = this.info()
    try {
      this.#client.create(AGENT_INFOS, undefined, { apiVersion: 'crd.antrea.io/v1beta1', kind: 'AntreaAgentInfo', metadata: { name }, ...content } as unknown as KubeObject)
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') return
      this.#client.patch(AGENT_INFOS, undefined, name, 'application/merge-patch+json', content)
    }
  }

  /** What it tells of itself. */
  info(): object {
    const dp = this.datapath!
    const { name, clock } = this.context
    const now = `${new Date(Math.floor(clock.wall() / 1000) * 1000).toISOString().slice(0, 19)}Z`
    const flowTable: Record<string, number> = {}
    for (const table of dp.bridge.tables.values()) flowTable[String(table.id)] = table.size
    return {
      version: VERSION,
      podRef: { kind: 'Pod', namespace: this.#pod.namespace, name: this.#pod.name },
      nodeRef: { kind: 'Node', name },
      nodeSubnets: dp.families.map((f) => f.podCidr),
      ovsInfo: { version: '3.5.0', bridgeName: 'br-int', flowTable },
      networkPolicyControllerInfo: {},
      localPodNum: dp.pods.size,
      agentConditions: ['AgentHealthy', 'ControllerConnectionUp', 'OVSDBConnectionUp', 'OpenflowConnectionUp'].map((type) => ({ type, status: 'True', lastHeartbeatTime: now })),
      apiPort: 10_350,
    }
  }
}
