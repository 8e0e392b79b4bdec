import { cidrContains, ipVersion } from '../network/address.ts'
import type { Ip } from '../network/types.ts'
import type { Direction, Policy, PolicyPeer, PolicyPod, PolicyPort, PolicyProtocol, PolicyRule, PolicyView } from './types.ts'

/** One end of a connection, as the other end's policies see it (before any translation of addresses). */
export interface PolicyEndpoint {
  /** The address that it has in this connection. */
  readonly ip: Ip
  /** The Pod that has it; none: a node, or something outside. */
  readonly pod?: PolicyPod
  /** The Node that has the address (of a Pod with hostNetwork: its node). */
  readonly node?: string
}

/** What the policies of one end say. */
export interface Side {
  readonly direction: Direction
  readonly allowed: boolean
  /** The policies that isolate the Pod in this direction; empty: it is not isolated. */
  readonly policies: readonly Policy[]
  /** The policy and the place of its rule that lets the connection through. */
  readonly by?: { readonly policy: Policy; readonly rule: number }
  /** Why nobody is asked although the Pod is isolated: NetworkPolicy never denies these. */
  readonly exempt?: 'itself' | 'own node'
}

export interface Decision {
  readonly allowed: boolean
  readonly egress: Side
  readonly ingress: Side
}

export interface DecideOptions {
  /** Whether an ipBlock means the addresses of Pods, too. The API leaves it open; Cilium's does not. Default: it does. */
  readonly cidrMatchesPods?: boolean
  /** Whether an ipBlock means the addresses of nodes, too; not where those have an identity of their own (Cilium). Default: it does. */
  readonly cidrMatchesNodes?: boolean
  /**
   * As kube-router has it: one chain for both directions of a policy that isolates in both, which a Pod's packets run through
   * whole. So between two Pods that it selects, what its rules of one direction allow passes in the other, too.
   */
  readonly sharedChain?: boolean
  /** Whether named ports are known. Weave Net rejects a policy that has one, and it isolates nobody. Default: they are. */
  readonly namedPorts?: boolean
  /** Whether endPort is known. Weave Net takes the first port alone. Default: it is. */
  readonly endPorts?: boolean
  /** Whether an egress rule's named ports mean something for peers that are no Pods. The VPC CNI resolves them for Pods alone. Default: they do. */
  readonly namedPortsAnywhere?: boolean
}

/** A Pod as an end: its address of the family, or the first. */
export function endpointOf(pod: PolicyPod, family?: 4 | 6): PolicyEndpoint {
  const ip = pod.ips.find((address) => family === undefined || ipVersion(address) === family) ?? pod.ips[0] ?? ''
  return pod.node !== undefined && pod.hostNetwork ? { ip, pod, node: pod.node } : { ip, pod }
}

/**
 * Whether a new connection from one end to a port of the other is allowed by both ends' NetworkPolicies, as the API
 * reference says it. Of ICMP only rules without ports speak (the API leaves it to the plugin). Replies are part of their connection and never asked about. `explainDecision` gives the words.
 */
export function decide(view: PolicyView, from: PolicyEndpoint, to: PolicyEndpoint, port: number, protocol: PolicyProtocol | 'ICMP', options: DecideOptions = {}): Decision {
  const egress = decideSide(view, 'egress', from, to, port, protocol, options)
  const ingress = decideSide(view, 'ingress', to, from, port, protocol, options)
  return { allowed: egress.allowed && ingress.allowed, egress, ingress }
}

/** One end's own policies: `self` is the Pod that they select, `peer` the other end. `port` is the destination's. */
export function decideSide(
  view: PolicyView, direction: Direction, self: PolicyEndpoint, peer: PolicyEndpoint, port: number, protocol: PolicyProtocol | 'ICMP', options: DecideOptions = {},
): Side {
  const { pod } = self
  const selecting = pod && !pod.hostNetwork ? view.selecting(pod, direction) : []
  const policies = options.namedPorts === false ? selecting.filter((policy) => !hasNamedPorts(policy)) : selecting
  if (policies.length === 0) return { direction, allowed: true, policies }
  if (peer.pod?.key === pod!.key) return { direction, allowed: true, policies, exempt: 'itself' }
  if (direction === 'ingress' && peer.node !== undefined && peer.node === pod!.node) return { direction, allowed: true, policies, exempt: 'own node' }
  const target = direction === 'ingress' ? pod : peer.pod
  for (const policy of policies) {
    const rules = policy.rules[direction]
    for (let rule = 0; rule < rules.length; rule++) {
      if (matchesRule(view, rules[rule]!, direction, peer, target, port, protocol, options)) {
        return { direction, allowed: true, policies, by: { policy, rule } }
      }
    }
    if (options.sharedChain && passesOther(view, policy, direction, self, peer, port, protocol, options)) return { direction, allowed: true, policies }
  }
  return { direction, allowed: false, policies }
}

/** The rules of the policy's other direction, between two Pods that it selects. */
function passesOther(
  view: PolicyView, policy: Policy, direction: Direction, self: PolicyEndpoint, peer: PolicyEndpoint, port: number, protocol: PolicyProtocol | 'ICMP', options: DecideOptions,
): boolean {
  const other = direction === 'ingress' ? 'egress' : 'ingress'
  if (!peer.pod || !view.selecting(peer.pod, other).includes(policy)) return false
  const target = direction === 'ingress' ? self.pod : peer.pod
  return policy.rules[other].some((rule) => matchesPeers(view, rule, self, options) && matchesPorts(rule, target, port, protocol))
}

function matchesRule(
  view: PolicyView, rule: PolicyRule, direction: Direction, peer: PolicyEndpoint, target: PolicyPod | undefined, port: number, protocol: PolicyProtocol | 'ICMP', options: DecideOptions,
): boolean {
  const matches = (r: PolicyRule): boolean => matchesPeers(view, r, peer, options) && matchesPorts(r, target, port, protocol, options)
  if (options.namedPortsAnywhere !== false || direction === 'ingress' || !rule.ports?.some((p) => p.name !== undefined)) return matches(rule)
  const ports = rule.ports.filter((p) => p.name === undefined)
  if (!rule.peers) return matches({ ...rule, ports })
  const [pods, blocks] = [rule.peers.filter((p) => p.kind === 'pods'), rule.peers.filter((p) => p.kind === 'cidr')]
  return matches({ ...rule, peers: pods }) || matches({ peers: blocks, ports })
}

export function matchesPeers(view: PolicyView, rule: PolicyRule, peer: PolicyEndpoint, options: DecideOptions = {}): boolean {
  return rule.peers === undefined || rule.peers.some((p) => matchesPeer(view, p, peer, options))
}

function matchesPeer(view: PolicyView, peer: PolicyPeer, end: PolicyEndpoint, { cidrMatchesPods = true, cidrMatchesNodes = true }: DecideOptions): boolean {
  if (peer.kind === 'pods') return end.pod !== undefined && !end.pod.hostNetwork && view.isMember(peer.set.id, end.pod)
  if (end.pod && !end.pod.hostNetwork && !cidrMatchesPods) return false
  if (end.node !== undefined && !cidrMatchesNodes) return false
  return cidrContains(peer.cidr, end.ip) && !peer.except.some((cidr) => cidrContains(cidr, end.ip))
}

/** `target` is the Pod that has the port: named ports are its own. */
function matchesPorts(rule: PolicyRule, target: PolicyPod | undefined, port: number, protocol: PolicyProtocol | 'ICMP', options: DecideOptions = {}): boolean {
  return rule.ports === undefined || rule.ports.some((p) => matchesPort(p, target, port, protocol, options))
}

export function hasNamedPorts({ rules }: Policy): boolean {
  return [...rules.ingress, ...rules.egress].some((rule) => rule.ports?.some((p) => p.name !== undefined))
}

function matchesPort(p: PolicyPort, target: PolicyPod | undefined, port: number, protocol: PolicyProtocol | 'ICMP', { endPorts = true }: DecideOptions): boolean {
  if (p.protocol !== protocol) return false
  if (p.name !== undefined) return target?.namedPorts.get(`${protocol}/${p.name}`) === port
  if (p.port === undefined) return true
  return port >= p.port && port <= ((endPorts ? p.endPort : undefined) ?? p.port)
}
