import { cidrContains } from '../../network/address.ts'
import type { Namespace } from '../../network/namespace.ts'
import type { LinkProgram, LinkVerdict } from '../../network/programs.ts'
import type { Frame, Ip, IpPacket, Link, NetworkNamespace } from '../../network/types.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { Node } from '../../kubernetes/types.ts'
import { policyEnforcement } from '../../policy/enforcement.ts'
import { policyExplainer } from '../../policy/explainer.ts'
import { PolicyModel } from '../../policy/policy-model.ts'
import { internalIp } from '../bridge-link.ts'
import type { NodeContext } from '../types.ts'
import { hostVethName } from './host-network.ts'
import { POLICY_ENDPOINTS, type EndpointInfo, type PolicyEndpoint } from './policy-endpoints.ts'

/**
 * aws-network-policy-agent of one node: for each of its Pods that a policy selects two programs on the node's end of
 * the Pod's veth pair, with maps of what may pass (pkg/ebpf). In the standard mode a Pod without programs is open.
 * Programs and maps stay when the agent stops.
 */
export const PROGRAMS = { ingress: 'handle_ingress', egress: 'handle_egress' } as const
/** Entries of aws_conntrack_map that nobody has used for so long go (--conntrack-cache-cleanup-period). */
const CONNTRACK_AGE = 300_000

interface PodPolicies {
  ip: Ip
  namespace: string
  name: string
  /** Undefined: not isolated in the direction. */
  ingress: readonly EndpointInfo[] | undefined
  egress: readonly EndpointInfo[] | undefined
}

/** aws_conntrack_map: flows that were let through, by the Pod that asked. */
class FlowMap {
  readonly #flows = new Map<string, number>()

  knows(key: string, now: number): boolean {
    const seen = this.#flows.get(key)
    if (seen === undefined || now - seen > CONNTRACK_AGE) return false
    this.#flows.set(key, now)
    return true
  }

  add(key: string, now: number): void {
    this.#flows.set(key, now)
    if (this.#flows.size > 4_096) for (const [old, seen] of this.#flows) if (now - seen > CONNTRACK_AGE) this.#flows.delete(old)
  }

  forgetPod(ip: Ip): void {
    for (const key of this.#flows.keys()) if (key.startsWith(`${ip} `)) this.#flows.delete(key)
  }
}

const flowMaps = new WeakMap<NetworkNamespace, FlowMap>()

export class NodeAgent {
  readonly #context: NodeContext
  readonly #log: (message: string) => void
  readonly #nodeIp: Ip
  readonly #flows: FlowMap
  readonly #objects = new Map<string, PolicyEndpoint>()
  readonly #attached = new Map<string, PodPolicies>()
  readonly #model: PolicyModel
  readonly #stopWatch: () => void
  #stopped = false

  /** Throws what the API server says. `words`: where policies are read of which the agent itself knows nothing. */
  constructor(context: NodeContext, words: KubernetesClient, log: (message: string) => void) {
    this.#context = context
    this.#log = log
    const { network, client, name } = context
    this.#nodeIp = internalIp(client.get<Node>('nodes', undefined, name)) ?? ''
    this.#flows = flowMaps.get(network) ?? new FlowMap()
    flowMaps.set(network, this.#flows)
    // for the words alone: what decides is in the maps
    this.#model = new PolicyModel(words, () => undefined)
    network.policyExplainer = policyExplainer(this.#model.view, { ...policyEnforcement('aws-vpc'), node: name, isPolicyDrop: ({ explanation }) => explanation === 'drop-policy' })
    this.#stopWatch = client.watch<PolicyEndpoint>(POLICY_ENDPOINTS, {}, (event) => {
      if (this.#stopped || (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED')) return
      const { uid } = event.object.metadata
      if (event.type === 'DELETED') this.#objects.delete(uid!)
      else this.#objects.set(uid!, event.object)
      this.#sync()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#stopWatch()
    this.#model.stop()
  }

  #sync(): void {
    const wanted = new Map<string, PodPolicies>()
    for (const { spec } of this.#objects.values()) {
      for (const { hostIP, podIP, name, namespace } of spec.podSelectorEndpoints ?? []) {
        if (hostIP !== this.#nodeIp) continue
        const key = `${namespace}/${name}`
        const pod = wanted.get(key) ?? { ip: podIP, namespace, name, ingress: undefined, egress: undefined }
        if (spec.podIsolation?.includes('Ingress')) pod.ingress = [...(pod.ingress ?? []), ...(spec.ingress ?? [])]
        if (spec.podIsolation?.includes('Egress')) pod.egress = [...(pod.egress ?? []), ...(spec.egress ?? [])]
        wanted.set(key, pod)
      }
    }
    for (const [key, pod] of this.#attached) {
      if (wanted.has(key)) continue
      this.#attached.delete(key)
      this.#flows.forgetPod(pod.ip)
      const link = this.#linkOf(pod)
      if (link) link.ingress = link.egress = undefined
    }
    for (const [key, pod] of wanted) {
      const link = this.#linkOf(pod)
      if (!link) continue
      if (!this.#attached.has(key)) this.#log(`Successfully attached ${PROGRAMS.ingress} and ${PROGRAMS.egress} to ${link.name} of ${key}`)
      this.#attached.set(key, pod)
      // the node's end: what a Pod sends comes in there
      link.ingress = this.#program(PROGRAMS.egress, pod, 'egress', pod.egress)
      link.egress = this.#program(PROGRAMS.ingress, pod, 'ingress', pod.ingress)
    }
  }

  #linkOf({ namespace, name }: Pick<PodPolicies, 'namespace' | 'name'>): Link | undefined {
    return this.#context.network.links.get(hostVethName({ podNamespace: namespace, podName: name }))
  }

  #program(name: string, pod: PodPolicies, direction: 'ingress' | 'egress', rules: readonly EndpointInfo[] | undefined): LinkProgram {
    const { network, clock } = this.#context
    const [flows, nodeIp] = [this.#flows, this.#nodeIp]
    return {
      name,
      run(frame, link) {
        const packet = frame.payload
        if (packet.kind !== 'ip' || packet.version !== 4) return 'pass'
        const flow = flowOf(packet)
        if (!flow) return 'pass'
        const { now } = clock
        if (flows.knows(`${pod.ip} ${flow.forward}`, now) || flows.knows(`${pod.ip} ${flow.reverse}`, now)) return 'pass'
        const peer = direction === 'ingress' ? packet.source : packet.destination
        // the node reaches its own Pods whatever the policies say: the kubelet's probes
        const allowed = !rules || (direction === 'ingress' && peer === nodeIp) || rules.some((rule) => matches(rule, peer, flow.port, flow.protocol))
        if (!allowed) return drop(network, frame, packet, link, name, pod, peer)
        flows.add(`${pod.ip} ${flow.forward}`, now)
        return 'pass'
      },
    }
  }
}

function drop(network: NetworkNamespace, frame: Frame, packet: IpPacket, link: Link, program: string, pod: PodPolicies, peer: Ip): LinkVerdict {
  const { recorder } = network as Namespace
  recorder.fail(network as Namespace, packet, 'dropped', 'drop-policy', {
    stage: 'drop', interface: link.name, text: `The program ${program} on ${link.name} finds ${peer} in no entry of the maps of ${pod.namespace}/${pod.name} and drops the packet.`,
    decidedBy: { kind: 'map', table: `${program === PROGRAMS.ingress ? 'ingress' : 'egress'}_map`, text: `no entry for ${peer}` }, before: recorder.header(packet, frame), explanation: 'drop-policy',
  })
  return 'stolen'
}

function matches({ cidr, except, ports }: EndpointInfo, peer: Ip, port: number, protocol: string): boolean {
  const contains = (c: string): boolean => (c.includes(':') ? false : cidrContains(c.includes('/') ? c : `${c}/32`, peer))
  if (!contains(cidr) || except?.some(contains)) return false
  return !ports || ports.some((p) => p.protocol === protocol && (p.port === undefined || (port >= p.port && port <= (p.endPort ?? p.port))))
}

function flowOf({ source, destination, payload }: IpPacket): { forward: string; reverse: string; port: number; protocol: string } | undefined {
  switch (payload.kind) {
    case 'tcp':
    case 'udp':
    case 'sctp': {
      const { sourcePort, destinationPort } = payload
      return { forward: `${payload.kind} ${source} ${sourcePort} ${destination} ${destinationPort}`, reverse: `${payload.kind} ${destination} ${destinationPort} ${source} ${sourcePort}`, port: destinationPort, protocol: payload.kind.toUpperCase() }
    }
    case 'icmp':
      // errors belong to what they speak of
      if (payload.about) return undefined
      return { forward: `icmp ${source} ${destination}`, reverse: `icmp ${destination} ${source}`, port: 0, protocol: 'ICMP' }
    default:
      return undefined
  }
}
