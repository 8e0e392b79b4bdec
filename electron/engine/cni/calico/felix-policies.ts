import { isLinkLocalIp6, networkOf } from '../../network/address.ts'
import type { PolicyExplainer } from '../../journey/types.ts'
import { policyExplainer } from '../../policy/explainer.ts'
import type { PolicyView } from '../../policy/types.ts'
import type { Netfilter } from '../../network/types.ts'
import type { NodeContext } from '../types.ts'
import type { ActivePolicy, CalicoPolicies } from './calico-policies.ts'
import type { IpPool } from './datastore.ts'
import type { Endpoint } from './felix.ts'
import type { Chain } from './felix-chains.ts'
import { dispatchChains, endpointChain, endpointChains, markChains, policyChain, profileChains, profilesOf, type EndpointPolicies, type Side, type TierPolicies } from './felix-endpoints.ts'
import type { FelixSettings } from './felix-config.ts'
import { ANY_INTERFACE, governing, hostChains, TURNS, type HostEndpoint, type HostPolicies } from './felix-hosts.ts'
import { policyRules, type PolicyRule } from './felix-rules.ts'
import { ensureSets, removeSets, type WantedSet } from './felix-sets.ts'
import { ALL_HOSTS, ALL_POOLS, ALL_VXLAN, MASQ_POOLS, setName, staticChains, THIS_HOST, type TableChains, type TableName } from './felix-static.ts'
import { FelixTable } from './felix-tables.ts'
import { isVersion, limitedName, type Version } from './names.ts'
import { KUBERNETES_ORDER, kubernetesPolicyName, kubernetesRules } from './kubernetes-policies.ts'
import type { Tunnels } from './tunnels.ts'

/** Felix's iptables and IP sets of one node and one family: works out what they should be and writes what differs. */
const TABLES: readonly TableName[] = ['raw', 'mangle', 'filter', 'nat']
const SIDES: readonly Side[] = ['ingress', 'egress']
const POLICY_CHAIN = /^cali-(tw|fw|pi|po|th|fh|thfw|fhfw)-/
/** Where the tiers of the datastore are not known yet. */
const DEFAULT_TIER = { order: 1_000_000, pass: false }

interface Candidate { name: string; tier: string; order: number; own: boolean; rules(): PolicyRule[] }

/** Chain → whose it is, for the words of a drop. */
interface Owner { endpoint?: string; policies: readonly string[]; ofCalico: boolean }

/** Lower orders first, then by name. */
const byOrder = (a: Candidate, b: Candidate): number => (a.order === b.order ? (a.name < b.name ? -1 : 1) : a.order - b.order)

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
  readonly #owners = new Map<string, Owner>()
  readonly #settings: () => FelixSettings
  #generation = -1

  constructor(node: NodeContext, view: PolicyView, calico: CalicoPolicies, tunnels: Tunnels, settings: () => FelixSettings) {
    this.#node = node
    this.#settings = settings
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
    const governed = governing([...this.#calico.hostEndpoints.values()].filter((e) => e.spec.node === this.#node.name), this.#node.network.links.values())
    const chains = this.#endpointChains(endpoints, sets, [...governed.keys()].filter((name) => name !== ANY_INTERFACE))
    const hosts = this.#hostChains(governed, sets)
    const tables = this.#staticTables()
    ensureSets(netfilter.sets, this.#version, sets)
    for (const name of TABLES) {
      const own = tables[name]
      const more = name === 'nat' ? [] : hosts[name]
      this.#tables[name].apply({ ...own, chains: [...(name === 'filter' ? chains : []), ...own.chains, ...more] })
    }
    removeSets(netfilter.sets, this.#version, sets)
    if (untouched) this.#generation = netfilter.generation
  }

  #staticTables(): Record<TableName, TableChains> {
    const options = { version: this.#version, ipip: this.#tunnels.ipipEnabled, vxlan: this.#tunnels.vxlanEnabled, wireguard: this.#version === 4 ? this.#settings().wireguard?.port : undefined, natOutgoing: this.#pools.some((p) => p.natOutgoing), ipvs: this.#ipvs, endpointToHost: this.#settings().endpointToHost }
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

  #endpointChains(endpoints: readonly Endpoint[], sets: Map<string, WantedSet>, hosts: readonly string[]): Chain[] {
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
    keep(`dispatch ${interfaces.join()}${this.#ipvs ? ` ${hosts.join()}` : ''}`, () => [...dispatchChains(interfaces), ...(this.#ipvs ? markChains(interfaces, hosts) : [])])
    this.#chains = after
    return [...after.values()].flat()
  }

  #policiesOf(endpoint: Endpoint, keep: (key: string, make: () => Chain[]) => void, sets: Map<string, WantedSet>, seen: Set<string>): EndpointPolicies {
    const tiers = this.#tiersOf((side) => this.#candidates(endpoint, side, sets), (side) => ({ chain: endpointChain(side, endpoint.interface), endpoint: endpoint.key }), ({ name, tier, rules }, side) => {
      if (seen.has(`${side} ${tier} ${name}`)) return
      seen.add(`${side} ${tier} ${name}`)
      const made = rules()
      keep(`policy ${side} ${tier} ${name} ${this.#settings().logPrefix} ${JSON.stringify(made)}`, () => [policyRules(this.#version, tier, name, side, made, this.#settings().logPrefix)])
    })
    const { namespace, serviceAccount, interface: device } = endpoint
    return { interface: device, namespace, serviceAccount, tiers }
  }

  /** The tiers in order, each with its policies; `use` is told of every policy, and the owners of chains are noted. */
  #tiersOf(candidates: (side: Side) => Candidate[], owner: (side: Side) => { chain: string; endpoint: string } | undefined, use: (candidate: Candidate, side: Side) => void): TierPolicies[] {
    const tiers = new Map<string, { name: string; pass: boolean; order: number; ingress: string[]; egress: string[] }>()
    for (const side of SIDES) {
      const found = candidates(side)
      for (const candidate of found) {
        const { name, tier } = candidate
        const { order, pass } = this.#calico.tiers.get(tier) ?? DEFAULT_TIER
        if (!tiers.has(tier)) tiers.set(tier, { name: tier, order, pass, ingress: [], egress: [] })
        tiers.get(tier)![side].push(name)
        use(candidate, side)
        this.#owners.set(policyChain(side, tier, name), { policies: [name], ofCalico: candidate.own })
      }
      const whose = owner(side)
      if (whose) this.#owners.set(whose.chain, { endpoint: whose.endpoint, policies: found.map((c) => c.name), ofCalico: found.some((c) => c.own) })
    }
    const ordered = [...tiers.values()].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1))
    return ordered.map(({ name, pass, ingress, egress }) => ({ name, pass, ingress, egress }))
  }

  /** The chains of the node's own interfaces, and those of their policies in each table that asks them. */
  #hostChains(governed: ReadonlyMap<string, HostEndpoint>, sets: Map<string, WantedSet>): Record<Exclude<TableName, 'nat'>, Chain[]> {
    const policies = new Map<string, Chain>()
    const hosts = new Map<string, HostPolicies>()
    const { failsafes, logPrefix } = this.#settings()
    for (const [device, endpoint] of governed) {
      const { profiles = [] } = endpoint.spec
      const tiers = Object.fromEntries(TURNS.map((turn) => [turn, this.#tiersOf(
        (side) => (turn === 'preDNAT' && side === 'egress' ? [] : this.#calico.selectingHost(endpoint, side, turn)).map((policy) => this.#own(policy, side, sets)).sort(byOrder),
        (side) => (turn === 'untracked' || turn === 'preDNAT' ? undefined : { chain: limitedName(`cali-${side === 'ingress' ? 'fh' : 'th'}${turn === 'forward' ? 'fw' : ''}-`, device), endpoint: `the HostEndpoint ${endpoint.metadata.name}` }),
        ({ name, tier, rules }, side) => {
          const chain = policyChain(side, tier, name)
          if (!policies.has(chain)) policies.set(chain, policyRules(this.#version, tier, name, side, rules(), logPrefix))
        },
      )])) as unknown as HostPolicies['tiers']
      for (const profile of profiles) for (const chain of profileChains(profile)) policies.set(chain.name, chain)
      hosts.set(device, { endpoint, profiles, tiers })
    }
    const chains = hostChains(hosts, failsafes, this.#version)
    const asked = (own: readonly Chain[]): Chain[] => [...new Set(own.flatMap((c) => c.rules.flatMap((r) => /^--jump (cali-p\S+)/.exec(r.action ?? '')?.[1] ?? [])))].flatMap((name) => policies.get(name) ?? [])
    return { filter: [...asked(chains.filter), ...chains.filter], mangle: [...asked(chains.mangle), ...chains.mangle], raw: [...asked(chains.raw), ...chains.raw] }
  }

  #own(policy: ActivePolicy, side: Side, sets: Map<string, WantedSet>): Candidate {
    return { name: policy.name, tier: policy.tier, order: policy.order, own: true, rules: () => this.#calico.rules(policy, side, this.#version, sets) }
  }

  #candidates(endpoint: Endpoint, side: Side, sets: Map<string, WantedSet>): Candidate[] {
    const pod = this.#view.pods.get(endpoint.key)
    const kubernetes = (pod ? this.#view.selecting(pod, side) : []).map((policy): Candidate => ({
      name: kubernetesPolicyName(policy), tier: 'default', order: KUBERNETES_ORDER, own: false, rules: () => kubernetesRules(this.#view, policy, side, this.#version, sets),
    }))
    const calico = this.#calico.selecting(endpoint.namespace, endpoint.name, side).map((policy) => this.#own(policy, side, sets))
    return [...kubernetes, ...calico].sort(byOrder)
  }

  /** Says which policies stand behind a drop in one of the policies' chains. */
  explainer(nodeAt: (ip: string) => string | undefined): PolicyExplainer {
    const isPolicyDrop = ({ decidedBy }: { decidedBy?: { chain?: string } }): boolean => decidedBy?.chain !== undefined && POLICY_CHAIN.test(decidedBy.chain)
    const kubernetes = policyExplainer(this.#view, { node: this.#node.name, isPolicyDrop, nodeAt })
    return (packet, hop) => {
      const owner = isPolicyDrop(hop) ? this.#owners.get(hop.decidedBy!.chain!) : undefined
      if (owner?.endpoint?.startsWith('the HostEndpoint ') && owner.policies.length === 0) return { text: `No policy selects ${owner.endpoint}, and it has no profile that allows the packet.`, policies: [] }
      if (!owner?.ofCalico) return kubernetes(packet, hop)
      const { endpoint, policies } = owner
      const names = policies.join(', ')
      const text = endpoint === undefined ? `A rule of the policy ${names} denies it.` : `${names} ${policies.length === 1 ? 'selects' : 'select'} ${endpoint}, and no rule of ${policies.length === 1 ? 'it' : 'them'} allows the packet.`
      return { text, policies }
    }
  }
}
