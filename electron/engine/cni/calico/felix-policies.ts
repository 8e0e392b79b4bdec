import { isLinkLocalIp6, networkOf } from '../../network/address.ts'
import type { PolicyExplainer } from '../../journey/types.ts'
import { policyExplainer } from '../../policy/explainer.ts'
import type { PolicyView } from '../../policy/types.ts'
import type { Netfilter } from '../../network/types.ts'
import type { NodeContext } from '../types.ts'
import type { CalicoPolicies } from './calico-policies.ts'
import type { IpPool } from './datastore.ts'
import type { Endpoint } from './felix.ts'
import type { Chain } from './felix-chains.ts'
import { dispatchChains, endpointChain, endpointChains, markChains, policyChain, profileChains, profilesOf, type EndpointPolicies, type Side } from './felix-endpoints.ts'
import { policyRules, type PolicyRule } from './felix-rules.ts'
import { ensureSets, removeSets, type WantedSet } from './felix-sets.ts'
import { ALL_HOSTS, ALL_POOLS, ALL_VXLAN, MASQ_POOLS, setName, staticChains, THIS_HOST, type TableChains, type TableName } from './felix-static.ts'
import { FelixTable } from './felix-tables.ts'
import { isVersion, type Version } from './names.ts'
import { KUBERNETES_ORDER, kubernetesPolicyName, kubernetesRules } from './kubernetes-policies.ts'
import type { Tunnels } from './tunnels.ts'

/** Felix's iptables and IP sets of one node and one family: works out what they should be and writes what differs. */
const TABLES: readonly TableName[] = ['raw', 'mangle', 'filter', 'nat']
const SIDES: readonly Side[] = ['ingress', 'egress']
const POLICY_CHAIN = /^cali-(tw|fw|pi|po)-/
/** Where the tiers of the datastore are not known yet. */
const DEFAULT_TIER = { order: 1_000_000, pass: false }

interface Candidate { name: string; tier: string; order: number; own: boolean; rules(): PolicyRule[] }

export class FelixPolicies {
  readonly #node: NodeContext
  readonly #version: Version
  readonly #netfilter: Netfilter
  readonly #view: PolicyView
  readonly #tunnels: Tunnels
  readonly #calico: CalicoPolicies
  readonly #tables: Record<TableName, FelixTable>
  #static: { key: string; tables: Record<TableName, TableChains> } | undefined
  /** Chains by what they are made of: what did not change is not written again. */
  #chains = new Map<string, Chain[]>()
  /** Chain → whose it is, for the words of a drop. */
  readonly #owners = new Map<string, { endpoint?: string; policies: readonly string[]; ofCalico: boolean }>()
  #generation = -1

  constructor(node: NodeContext, view: PolicyView, calico: CalicoPolicies, tunnels: Tunnels) {
    this.#node = node
    this.#calico = calico
    this.#view = view
    this.#tunnels = tunnels
    this.#version = tunnels.version
    const netfilter = (this.#netfilter = tunnels.version === 4 ? node.network.netfilter : node.network.netfilter6)
    this.#tables = Object.fromEntries(TABLES.map((name) => [name, new FelixTable(netfilter, name)])) as Record<TableName, FelixTable>
  }

  /** Finds out what others have changed, so that the next apply mends it. */
  verify(): void {
    const { generation } = this.#netfilter
    if (generation === this.#generation) return
    this.#generation = generation
    for (const name of TABLES) this.#tables[name].verify()
  }

  apply(endpoints: readonly Endpoint[]): void {
    const netfilter = this.#netfilter
    const untouched = netfilter.generation === this.#generation
    const sets = this.#poolSets()
    const chains = this.#endpointChains(endpoints, sets)
    const tables = this.#staticTables()
    ensureSets(netfilter.sets, this.#version, sets)
    for (const name of TABLES) {
      const own = tables[name]
      this.#tables[name].apply(name === 'filter' ? { ...own, chains: [...chains, ...own.chains] } : own)
    }
    removeSets(netfilter.sets, this.#version, sets)
    if (untouched) this.#generation = netfilter.generation
  }

  #staticTables(): Record<TableName, TableChains> {
    const options = { version: this.#version, ipip: this.#tunnels.ipipEnabled, vxlan: this.#tunnels.vxlanEnabled, natOutgoing: this.#pools.some((p) => p.natOutgoing), ipvs: this.#ipvs }
    const key = JSON.stringify(options)
    if (this.#static?.key !== key) this.#static = { key, tables: staticChains(options) }
    return this.#static.tables
  }

  /** Where kube-proxy uses IPVS (Felix looks for its device kube-ipvs0). */
  get #ipvs(): { from: number; to: number } | undefined {
    const { proxyMode, nodePortRange } = this.#node.config
    return proxyMode === 'ipvs' ? nodePortRange : undefined
  }

  #hostAddresses(): string[] {
    const links = [...this.#node.network.links.values()].filter((l) => l.name !== 'kube-ipvs0')
    return links.flatMap((l) => l.addresses.map((a) => a.address)).filter((ip) => isVersion(this.#version)(ip) && !isLinkLocalIp6(ip))
  }

  get #pools(): IpPool['spec'][] {
    return [...this.#tunnels.pools.values()].filter((p) => isVersion(this.#version)(p.cidr))
  }

  #set(name: string): string {
    return setName(this.#version, name)
  }

  #poolSets(): Map<string, WantedSet> {
    const pools = this.#pools
    const hosts = [...this.#tunnels.hosts.entries()]
    const sets = new Map<string, WantedSet>([
      [this.#set(ALL_POOLS), { type: 'hash:net', members: pools.map((p) => networkOf(p.cidr)) }],
      [this.#set(MASQ_POOLS), { type: 'hash:net', members: pools.filter((p) => p.natOutgoing).map((p) => networkOf(p.cidr)) }],
    ])
    if (this.#ipvs) sets.set(this.#set(THIS_HOST), { type: 'hash:ip', members: this.#hostAddresses() })
    if (this.#tunnels.ipipEnabled) sets.set(this.#set(ALL_HOSTS), { type: 'hash:net', members: hosts.map(([, h]) => h.ip) })
    if (this.#tunnels.vxlanEnabled) sets.set(this.#set(ALL_VXLAN), { type: 'hash:net', members: hosts.filter(([name]) => name !== this.#node.name).map(([, h]) => h.ip) })
    return sets
  }

  #endpointChains(endpoints: readonly Endpoint[], sets: Map<string, WantedSet>): Chain[] {
    const before = this.#chains
    const after = new Map<string, Chain[]>()
    const keep = (key: string, make: () => Chain[]): void => {
      if (!after.has(key)) after.set(key, before.get(key) ?? make())
    }
    /** Policies of this round, which several endpoints share. */
    const seen = new Set<string>()
    for (const endpoint of endpoints) {
      const policies = this.#policiesOf(endpoint, keep, sets, seen)
      for (const profile of profilesOf(endpoint)) keep(`profile ${profile}`, () => profileChains(profile))
      keep(`endpoint ${JSON.stringify(policies)}`, () => endpointChains(policies))
    }
    const interfaces = endpoints.map((e) => e.interface).sort()
    keep(`dispatch ${interfaces.join()}`, () => [...dispatchChains(interfaces), ...(this.#ipvs ? markChains(interfaces) : [])])
    this.#chains = after
    return [...after.values()].flat()
  }

  #policiesOf(endpoint: Endpoint, keep: (key: string, make: () => Chain[]) => void, sets: Map<string, WantedSet>, seen: Set<string>): EndpointPolicies {
    const tiers = new Map<string, { name: string; pass: boolean; order: number; ingress: string[]; egress: string[] }>()
    for (const side of SIDES) {
      const found = this.#candidates(endpoint, side, sets)
      for (const candidate of found) {
        const { name, tier } = candidate
        const { order, pass } = this.#calico.tiers.get(tier) ?? DEFAULT_TIER
        if (!tiers.has(tier)) tiers.set(tier, { name: tier, order, pass, ingress: [], egress: [] })
        tiers.get(tier)![side].push(name)
        if (seen.has(`${side} ${tier} ${name}`)) continue
        seen.add(`${side} ${tier} ${name}`)
        const rules = candidate.rules()
        keep(`policy ${side} ${tier} ${name} ${JSON.stringify(rules)}`, () => [policyRules(this.#version, tier, name, side, rules)])
        this.#owners.set(policyChain(side, tier, name), { policies: [name], ofCalico: candidate.own })
      }
      this.#owners.set(endpointChain(side, endpoint.interface), { endpoint: endpoint.key, policies: found.map((c) => c.name), ofCalico: found.some((c) => c.own) })
    }
    const { namespace, serviceAccount, interface: device } = endpoint
    const ordered = [...tiers.values()].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1))
    return { interface: device, namespace, serviceAccount, tiers: ordered.map(({ name, pass, ingress, egress }) => ({ name, pass, ingress, egress })) }
  }

  /** Lower orders first, then by name. */
  #candidates(endpoint: Endpoint, side: Side, sets: Map<string, WantedSet>): Candidate[] {
    const pod = this.#view.pods.get(endpoint.key)
    const kubernetes = (pod ? this.#view.selecting(pod, side) : []).map((policy): Candidate => ({
      name: kubernetesPolicyName(policy), tier: 'default', order: KUBERNETES_ORDER, own: false, rules: () => kubernetesRules(this.#view, policy, side, this.#version, sets),
    }))
    const calico = this.#calico.selecting(endpoint.namespace, endpoint.name, side).map((policy): Candidate => ({
      name: policy.name, tier: policy.tier, order: policy.order, own: true, rules: () => this.#calico.rules(policy, side, this.#version, sets),
    }))
    return [...kubernetes, ...calico].sort((a, b) => (a.order === b.order ? (a.name < b.name ? -1 : 1) : a.order - b.order))
  }

  /** Says which policies stand behind a drop in one of the policies' chains. */
  explainer(nodeAt: (ip: string) => string | undefined): PolicyExplainer {
    const isPolicyDrop = ({ decidedBy }: { decidedBy?: { chain?: string } }): boolean => decidedBy?.chain !== undefined && POLICY_CHAIN.test(decidedBy.chain)
    const kubernetes = policyExplainer(this.#view, { node: this.#node.name, isPolicyDrop, nodeAt })
    return (packet, hop) => {
      const owner = isPolicyDrop(hop) ? this.#owners.get(hop.decidedBy!.chain!) : undefined
      if (!owner?.ofCalico) return kubernetes(packet, hop)
      const { endpoint, policies } = owner
      const names = policies.join(', ')
      const text = endpoint === undefined ? `A rule of the policy ${names} denies it.` : `${names} ${policies.length === 1 ? 'selects' : 'select'} ${endpoint}, and no rule of ${policies.length === 1 ? 'it' : 'them'} allows the packet.`
      return { text, policies }
    }
  }
}
