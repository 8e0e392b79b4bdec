import { networkOf } from '../../network/address.ts'
import type { PolicyView } from '../../policy/types.ts'
import type { NodeContext } from '../types.ts'
import type { Endpoint } from './felix.ts'
import type { Chain } from './felix-chains.ts'
import { dispatchChains, endpointChains, profileChains, profilesOf, type EndpointPolicies, type Side } from './felix-endpoints.ts'
import { policyRules } from './felix-rules.ts'
import { ensureSets, removeSets, type WantedSet } from './felix-sets.ts'
import { ALL_HOSTS, ALL_POOLS, ALL_VXLAN, MASQ_POOLS, staticChains, type TableChains, type TableName } from './felix-static.ts'
import { FelixTable } from './felix-tables.ts'
import { kubernetesPolicyName, kubernetesRules } from './kubernetes-policies.ts'
import type { Tunnels } from './tunnels.ts'

/** Felix's iptables and IP sets of one node: works out what they should be and writes what differs. */
const TABLES: readonly TableName[] = ['raw', 'mangle', 'filter', 'nat']
const SIDES: readonly Side[] = ['ingress', 'egress']

export class FelixPolicies {
  readonly #node: NodeContext
  readonly #view: PolicyView
  readonly #tunnels: Tunnels
  readonly #tables: Record<TableName, FelixTable>
  #static: { key: string; tables: Record<TableName, TableChains> } | undefined
  /** Chains by what they are made of: what did not change is not written again. */
  #chains = new Map<string, Chain[]>()
  #generation = -1

  constructor(node: NodeContext, view: PolicyView, tunnels: Tunnels) {
    this.#node = node
    this.#view = view
    this.#tunnels = tunnels
    const { netfilter } = node.network
    this.#tables = Object.fromEntries(TABLES.map((name) => [name, new FelixTable(netfilter, name)])) as Record<TableName, FelixTable>
  }

  /** Finds out what others have changed, so that the next apply mends it. */
  verify(): void {
    const { generation } = this.#node.network.netfilter
    if (generation === this.#generation) return
    this.#generation = generation
    for (const name of TABLES) this.#tables[name].verify()
  }

  apply(endpoints: readonly Endpoint[]): void {
    const { netfilter } = this.#node.network
    const untouched = netfilter.generation === this.#generation
    const sets = this.#poolSets()
    const chains = this.#endpointChains(endpoints, sets)
    const tables = this.#staticTables()
    ensureSets(netfilter.sets, sets)
    for (const name of TABLES) {
      const own = tables[name]
      this.#tables[name].apply(name === 'filter' ? { ...own, chains: [...chains, ...own.chains] } : own)
    }
    removeSets(netfilter.sets, sets)
    if (untouched) this.#generation = netfilter.generation
  }

  #staticTables(): Record<TableName, TableChains> {
    const options = { ipip: this.#tunnels.ipipEnabled, vxlan: this.#tunnels.vxlanEnabled, natOutgoing: [...this.#tunnels.pools.values()].some((p) => p.natOutgoing) }
    const key = JSON.stringify(options)
    if (this.#static?.key !== key) this.#static = { key, tables: staticChains(options) }
    return this.#static.tables
  }

  #poolSets(): Map<string, WantedSet> {
    const pools = [...this.#tunnels.pools.values()]
    const hosts = [...this.#tunnels.hosts.entries()]
    const sets = new Map<string, WantedSet>([
      [ALL_POOLS, { type: 'hash:net', members: pools.map((p) => networkOf(p.cidr)) }],
      [MASQ_POOLS, { type: 'hash:net', members: pools.filter((p) => p.natOutgoing).map((p) => networkOf(p.cidr)) }],
    ])
    if (this.#tunnels.ipipEnabled) sets.set(ALL_HOSTS, { type: 'hash:net', members: hosts.map(([, h]) => h.ip) })
    if (this.#tunnels.vxlanEnabled) sets.set(ALL_VXLAN, { type: 'hash:net', members: hosts.filter(([name]) => name !== this.#node.name).map(([, h]) => h.ip) })
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
    keep(`dispatch ${interfaces.join()}`, () => dispatchChains(interfaces))
    this.#chains = after
    return [...after.values()].flat()
  }

  #policiesOf(endpoint: Endpoint, keep: (key: string, make: () => Chain[]) => void, sets: Map<string, WantedSet>, seen: Set<string>): EndpointPolicies {
    const names: Record<Side, string[]> = { ingress: [], egress: [] }
    const pod = this.#view.pods.get(endpoint.key)
    for (const side of pod ? SIDES : []) {
      for (const policy of this.#view.selecting(pod!, side)) {
        const name = kubernetesPolicyName(policy)
        names[side].push(name)
        if (seen.has(`${side} ${name}`)) continue
        seen.add(`${side} ${name}`)
        const rules = kubernetesRules(this.#view, policy, side, sets)
        keep(`policy ${side} ${name} ${JSON.stringify(rules)}`, () => [policyRules('default', name, side, rules)])
      }
    }
    const { namespace, serviceAccount, interface: device } = endpoint
    return { interface: device, namespace, serviceAccount, tiers: [{ name: 'default', pass: false, ...names }] }
  }
}
