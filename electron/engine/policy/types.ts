import type { NetworkPolicy } from '../kubernetes/types.ts'
import type { Cidr, Ip } from '../network/types.ts'

/**
 * What NetworkPolicies (networking.k8s.io/v1) mean, worked out once for all plugins: which policies select a Pod and
 * which addresses and ports their rules name. How a plugin enforces it (chains, sets, maps, flows) is its own affair.
 */
export type Direction = 'ingress' | 'egress'
export type PolicyProtocol = 'TCP' | 'UDP' | 'SCTP'
export const DIRECTIONS: readonly Direction[] = ['ingress', 'egress']

/** What policies look at in a Pod. Equal Pods keep the same object, so `===` tells whether anything here changed. */
export interface PolicyPod {
  /** "namespace/name" */
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  /** The Node's name; undefined until it is bound. */
  readonly node: string | undefined
  /** status.podIPs in the cluster's order; of a Pod with hostNetwork its node's. Empty until the kubelet has told them. */
  readonly ips: readonly Ip[]
  /** Policies neither select it nor count it as a peer: its packets are its node's. */
  readonly hostNetwork: boolean
  /** Phase Succeeded or Failed: its addresses are free for others. */
  readonly finished: boolean
  /** Container ports by "TCP/http". Of two of one name the first counts. */
  readonly namedPorts: ReadonlyMap<string, number>
}

/** The Pods that one pair of selectors means; rules with the same pair share it. */
export interface PodSet {
  /** The same selectors give the same id, whichever policy has them: "default|app=frontend", "{team=a}|". */
  readonly id: string
  /** As sentences name them: "pods app=frontend", "pods app=web in namespaces team=a", "all pods". */
  readonly text: string
  /** The one namespace that is meant; undefined when a namespaceSelector chooses. */
  readonly namespace: string | undefined
  selectsNamespace(name: string, labels: Readonly<Record<string, string>> | undefined): boolean
  selectsPod(labels: Readonly<Record<string, string>> | undefined): boolean
}

export type PolicyPeer =
  | { readonly kind: 'pods'; readonly set: PodSet }
  /** Matches addresses, those of Pods too. */
  | { readonly kind: 'cidr'; readonly cidr: Cidr; readonly except: readonly Cidr[]; readonly text: string }

/** Numbers from `port` to `endPort`; a `name` stands for each target Pod's own number; neither: every port. */
export interface PolicyPort {
  readonly protocol: PolicyProtocol
  readonly port?: number
  readonly endPort?: number
  readonly name?: string
  /** "80/TCP", "32000-32768/TCP", "http/TCP", "any port/UDP" */
  readonly text: string
}

export interface PolicyRule {
  /** Undefined: everybody (absent or empty `from` or `to`). */
  readonly peers: readonly PolicyPeer[] | undefined
  /** Undefined: every port of every protocol. */
  readonly ports: readonly PolicyPort[] | undefined
}

export interface Policy {
  /** "namespace/name" */
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly object: NetworkPolicy
  /** Whether policyTypes names the direction: then the Pods that it selects are isolated in it. */
  readonly isolates: Readonly<Record<Direction, boolean>>
  /** In the order of the spec; empty for a direction that it does not isolate. */
  readonly rules: Readonly<Record<Direction, readonly PolicyRule[]>>
  selectsPod(labels: Readonly<Record<string, string>> | undefined): boolean
}

/** What one event changed. All are keys: of policies, of Pods ("namespace/name"), and ids of {@link PodSet}s. */
export interface PolicyChange {
  /** Came, went, or has another spec. */
  readonly policies: ReadonlySet<string>
  /** Policies that select other Pods than before (or the same Pod with other addresses). */
  readonly selections: ReadonlySet<string>
  /** Pods that other policies select than before, that came or went, or whose address, node, labels or named ports changed. */
  readonly pods: ReadonlySet<string>
  /** Sets with other members than before (or the same with other addresses or named ports), and new and forgotten ones. */
  readonly sets: ReadonlySet<string>
}

/** The read side of the model. All lists are in the order of their keys; nothing that is returned may be changed. */
export interface PolicyView {
  readonly policies: ReadonlyMap<string, Policy>
  readonly pods: ReadonlyMap<string, PolicyPod>
  readonly sets: ReadonlyMap<string, PodSet>
  /** The Pod that has the address now (no hostNetwork, not finished). */
  podAt(ip: Ip): PolicyPod | undefined
  /** The policies that select the Pod and isolate it in the direction; none: it is not isolated. */
  selecting(pod: PolicyPod, direction: Direction): readonly Policy[]
  /** The Pods that a policy selects (no hostNetwork, not finished; those without an address yet too). */
  selected(policy: string): readonly PolicyPod[]
  /** The Pods of a set that have an address (no hostNetwork, not finished). */
  members(set: string): readonly PolicyPod[]
  isMember(set: string, pod: PolicyPod): boolean
  /** The members' addresses of one family. */
  addresses(set: string, family: 4 | 6): readonly Ip[]
}
