import { broadcastOption, prefixLength } from '../../network/address.ts'
import type { BaseLink } from '../../network/link.ts'
import type { Namespace } from '../../network/namespace.ts'
import type { Cidr, Ip, IpPacket, Link } from '../../network/types.ts'
import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { NodeContext, Sandbox } from '../types.ts'
import { OvsBridge, type FlowSpec } from './ovs/bridge.ts'
import type { Execution } from './ovs/execution.ts'
import type { Flow } from './ovs/flow.ts'
import { GATEWAY, GATEWAY_PORT, initialFlows, nodeFlows, podFlows, tablesFor, TUNNEL, TUNNEL_PORT, versionOf, type FamilyFacts, type PipelineFacts } from './pipeline.ts'
import { describeFlows } from './words.ts'

/** One node's bridge br-int with what the agent knows of it; it stays when the agent stops. */
export const BRIDGE = 'br-int'
export const POD_INTERFACE = 'eth0'
/** Outer IPv4, UDP, Geneve or VXLAN, and inner Ethernet. */
const OVERHEAD = { 4: 50, 6: 70 } as const

export type Encapsulation = 'geneve' | 'vxlan' | 'none'

export interface PodPort { port: number; name: string; ip: Ip; ips: readonly Ip[]; mac: string; podName: string; podNamespace: string; containerId: string }
export interface PeerFamily { ip: Ip; gateway: Ip; podCidr: Cidr }
/** `end`: the tunnel's; IPv4 where there is IPv4. */
export interface Peer { name: string; end: Ip; families: readonly PeerFamily[] }

export class Datapath {
  readonly context: NodeContext
  readonly bridge: OvsBridge
  readonly encapsulation: Encapsulation
  /** In the cluster's order. */
  readonly families: readonly FamilyFacts[]
  readonly device: Link
  readonly gateway: Link
  readonly mtu: number
  readonly pods = new Map<string, PodPort>()
  readonly peers = new Map<string, Peer>()
  /** The policy whose conjunction has this number; the agent says. */
  policyOf: (conjunction: number) => string | undefined = () => undefined
  /** The agent's audit log. */
  log: ((x: Execution, flow: Flow) => void) | undefined
  /** The agent reads an answer of DNS, which then goes on. */
  dns: ((packet: IpPacket) => void) | undefined
  /** Grows with each start of the agent: all flows get new cookies (pkg/agent/agent.go, "roundNumber"). */
  round = 0

  constructor(context: NodeContext, options: { families: readonly FamilyFacts[]; device: Link; encapsulation: Encapsulation }) {
    const { network, fabric, clock } = context
    this.context = context
    this.families = options.families
    this.device = options.device
    this.encapsulation = options.encapsulation
    const ipv4 = options.families.some((f) => f.version === 4)
    this.mtu = options.device.mtu - (options.encapsulation === 'none' ? 0 : OVERHEAD[ipv4 ? 4 : 6])
    this.bridge = new OvsBridge(BRIDGE, network as Namespace, clock, tablesFor(options.families.some((f) => f.version === 6)))
    fabric.createOvsInternal(network, 'ovs-system')
    if (options.encapsulation !== 'none') {
      const link = options.encapsulation === 'geneve'
        ? fabric.createGeneve(network, 'genev_sys_6081', { external: true })
        : fabric.createVxlan(network, 'vxlan_sys_4789', { vni: 0, port: 4789, local: ipv4 ? '0.0.0.0' : '::', underlay: options.device.name, mtu: 65_000, external: true })
      network.setUp(link.name, true)
      this.bridge.addPort({ number: TUNNEL_PORT, name: TUNNEL, link: link as Link as BaseLink, type: options.encapsulation, externalIds: { 'antrea-type': 'tunnel' } })
    }
    const gateway = fabric.createOvsInternal(network, GATEWAY, { mtu: this.mtu })
    gateway.toBridge = (frame) => this.bridge.receive(GATEWAY_PORT, frame)
    this.gateway = gateway
    this.bridge.addPort({ number: GATEWAY_PORT, name: GATEWAY, link: gateway, type: 'internal', externalIds: { 'antrea-type': 'gateway' } })
    network.setUp(GATEWAY, true)
    for (const { gatewayIp, podCidr } of options.families) network.addAddress(GATEWAY, `${gatewayIp}/${prefixLength(podCidr)}`, broadcastOption(podCidr))
    this.bridge.observer = describeFlows(this)
  }

  get facts(): PipelineFacts {
    return { round: this.round, gatewayMac: this.gateway.mac, tunnel: this.encapsulation !== 'none', families: this.families }
  }

  /** The agent has come (again): its flows under new cookies; those that are left with old ones go when it has told all. */
  beginRound(): void {
    this.round++
    this.add(initialFlows(this.facts))
    for (const pod of this.pods.values()) this.add(podFlows(this.facts, pod))
    for (const peer of this.peers.values()) this.add(nodeFlows(this.facts, peer))
  }

  add(flows: readonly FlowSpec[]): void {
    for (const flow of flows) this.bridge.addFlow(flow)
  }

  drop(flows: readonly FlowSpec[]): void {
    for (const flow of flows) this.bridge.removeFlow(flow)
  }

  // ---- Pods ----------------------------------------------------------------------------------------------------

  plug(sandbox: Sandbox, ips: readonly Ip[]): PodPort {
    const { network, fabric } = this.context
    const name = interfaceName(sandbox)
    const [inner, link] = fabric.createVeth({ network: sandbox.network, name: POD_INTERFACE, mtu: this.mtu }, { network, name, mtu: this.mtu })
    network.setUp(name, true)
    if (sandbox.network.links.has('lo')) sandbox.network.setUp('lo', true)
    sandbox.network.setUp(POD_INTERFACE, true)
    for (const ip of ips) {
      const { version, gatewayIp, podCidr } = this.families.find((f) => f.version === versionOf(ip))!
      sandbox.network.addAddress(POD_INTERFACE, `${ip}/${prefixLength(podCidr)}`, broadcastOption(podCidr))
      sandbox.network.routes.add({ destination: version === 4 ? '0.0.0.0/0' : '::/0', via: gatewayIp, device: POD_INTERFACE })
    }
    const pod: PodPort = { port: this.#freePort(), name, ip: ips[0]!, ips, mac: inner.mac, podName: sandbox.podName, podNamespace: sandbox.podNamespace, containerId: sandbox.id }
    const externalIds = { 'attached-mac': pod.mac, 'container-id': pod.containerId, 'if-dev': POD_INTERFACE, 'ip-address': ips.join(), 'pod-name': pod.podName, 'pod-namespace': pod.podNamespace }
    this.bridge.addPort({ number: pod.port, name, link: link as BaseLink, type: 'system', externalIds })
    this.pods.set(sandbox.id, pod)
    this.add(podFlows(this.facts, pod))
    return pod
  }

  flowsOfPod(pod: PodPort): FlowSpec[] {
    return podFlows(this.facts, pod)
  }

  #freePort(): number {
    for (let port = 1; ; port++) if (!this.bridge.ports.has(port)) return port
  }

  unplug(pod: PodPort): void {
    this.drop(podFlows(this.facts, pod))
    this.bridge.removePort(pod.port)
    this.pods.delete(pod.containerId)
    this.bridge.conntrack.remove(({ original, reply }) => pod.ips.includes(original.source) || pod.ips.includes(reply.source))
  }

  readonly podAt = (ip: Ip): PodPort | undefined => {
    for (const pod of this.pods.values()) if (pod.ips.includes(ip)) return pod
    return undefined
  }
}

/** util.GenerateContainerInterfaceName: eight characters of the Pod's name and six of a hash. */
function interfaceName({ podName, podNamespace, id }: Sandbox): string {
  return `${podName.slice(0, 8)}-${hex(sha256(encodeUtf8(`${podName}-${podNamespace}-${id}`))).slice(0, 6)}`
}

const datapaths = new WeakMap<object, Datapath>()

/** The bridge of a node, as long as its devices are there. */
export function datapathOf(network: { links: ReadonlyMap<string, unknown> }): Datapath | undefined {
  const known = datapaths.get(network)
  return known && network.links.get(GATEWAY) === known.gateway ? known : undefined
}

export function ensureDatapath(context: NodeContext, families: readonly FamilyFacts[]): Datapath | undefined {
  const known = datapathOf(context.network)
  if (known) return known
  const device = [...context.network.links.values()].find((l) => l.addresses.some((a) => a.address === families[0]!.nodeIp))
  if (!device) return undefined
  const made = new Datapath(context, { families, device, encapsulation: (context.config.cniOptions['encapsulation'] ?? 'geneve') as Encapsulation })
  datapaths.set(context.network, made)
  return made
}
