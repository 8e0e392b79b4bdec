import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { KubeObject, NetworkPolicy } from '../../kubernetes/types.ts'
import { own } from '../../own.ts'
import type { Datapath } from './datapath.ts'
import { CidrGroups } from './cidr-groups.ts'
import { cidrIdentity, HOST, labelKey, LOCAL_SCOPE, type Identity } from './identity.ts'
import type { Endpoint } from './maps.ts'
import { EndpointPolicy, type CompiledRule, type Direction, type PortRange, type ProxyPorts } from './policy-map.ts'
import { refusalsOf } from './policy-validation.ts'
import { modelOfNetworkPolicy, modelsOfCiliumPolicy, usesGroups, usesServices, type CiliumNetworkPolicy, type PolicyModel, type PortSpec } from './policy-rules.ts'
import { PolicyServices } from './policy-services.ts'

/** All policies of the cluster as an agent knows them (pkg/policy/repository.go), and the identities of their prefixes. */
export class PolicyRepository {
  readonly #dp: Datapath
  readonly #changed: () => void
  readonly #models = new Map<string, readonly PolicyModel[]>()
  readonly #objects = new Map<string, KubeObject>()
  readonly #cidrs = new Map<string, number>()
  readonly #stops: (() => void)[] = []
  readonly #proxyPorts: ProxyPorts
  readonly #services: PolicyServices
  readonly #groups: CidrGroups
  #reading = false
  /** As `cilium-dbg policy get` tells it. */
  revision = 1
  /** "http" → numbers: what Pods call their ports. */
  namedPorts: (name: string) => readonly number[] = () => []

  constructor(dp: Datapath, client: KubernetesClient, proxyPorts: ProxyPorts, changed: () => void) {
    this.#dp = dp
    this.#changed = changed
    this.#proxyPorts = proxyPorts
    for (const [id, identity] of dp.identities) {
      if (identity.cidr === undefined) continue
      this.#cidrs.set(identity.cidr, id)
    }
    this.#services = new PolicyServices(client, () => this.#onServices())
    this.#groups = new CidrGroups(client, () => this.#again(usesGroups))
    const read = (object: CiliumNetworkPolicy): readonly PolicyModel[] => {
      if (usesServices(object)) this.#listen()
      return this.#read(object)
    }
    const refused = (object: CiliumNetworkPolicy): boolean => refusalsOf(object).length > 0
    this.#watch<NetworkPolicy>(client, 'networkpolicies', 'knp', (object) => [modelOfNetworkPolicy(object)])
    this.#watch<CiliumNetworkPolicy>(client, 'ciliumnetworkpolicies.cilium.io', 'cnp', read, refused)
    this.#watch<CiliumNetworkPolicy>(client, 'ciliumclusterwidenetworkpolicies.cilium.io', 'ccnp', read, refused)
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#services.stop()
    this.#groups.stop()
  }

  #read(object: CiliumNetworkPolicy): readonly PolicyModel[] {
    return modelsOfCiliumPolicy(object, { services: (services) => this.#services.peersOf(services), groups: (reference) => this.#groups.meant(reference) })
  }

  #listen(): void {
    this.#reading = true
    this.#services.listen()
    this.#reading = false
  }

  /** Policies with toServices mean others now. */
  #onServices(): void {
    if (!this.#reading) this.#again(usesServices)
  }

  /** Policies that name what has changed are read anew. */
  #again(names: (object: CiliumNetworkPolicy) => boolean): void {
    for (const [key, object] of this.#objects) if (!key.startsWith('knp ') && names(object as CiliumNetworkPolicy)) this.#models.set(key, this.#read(object as CiliumNetworkPolicy))
    this.#changedModels()
  }

  #changedModels(): void {
    this.revision++
    this.#prefixes()
    this.#dp.names.select([...this.#models.values()].flat().flatMap((m) => m.fqdns))
    this.#changed()
  }

  /** The objects themselves, for `cilium-dbg policy get`. */
  objects(): KubeObject[] {
    return [...this.#objects.values()]
  }

  #watch<T extends KubeObject>(client: KubernetesClient, resource: string, kind: string, read: (object: T) => readonly PolicyModel[], refused: (object: T) => boolean = () => false): void {
    let known = new Map<string, unknown>()
    this.#stops.push(client.watch<T>(resource, {}, (event) => {
      if (event.type === 'BOOKMARK' || event.type === 'ERROR') return
      const { namespace, name } = event.object.metadata
      const key = `${kind} ${namespace ?? ''}/${name}`
      if (event.type === 'DELETED') {
        this.#models.delete(key)
        this.#objects.delete(key)
        known = new Map([...known].filter(([k]) => k !== key))
      } else {
        // status and labels alone change nothing
        const spec = JSON.stringify([(event.object as { spec?: unknown }).spec, (event.object as { specs?: unknown }).specs])
        if (known.get(key) === spec) return
        known.set(key, spec)
        // what was valid before stays in force (onUpsert of pkg/policy/k8s)
        if (refused(event.object)) return
        this.#models.set(key, read(event.object))
        this.#objects.set(key, event.object)
      }
      this.#changedModels()
    }))
  }

  /** Each prefix of a rule and of a CIDR group is an identity of this node's own, and a row of ipcache. */
  #prefixes(): void {
    const dp = this.#dp
    const inRules = new Set([...this.#models.values()].flat().flatMap((m) => m.cidrs))
    const grouped = this.#groups.prefixes()
    const wanted = new Set([...inRules, ...grouped].filter((cidr) => !cidr.endsWith('/0')))
    const identity = (cidr: string, id: number): Identity => cidrIdentity(id, cidr, dp.worldOf(cidr), grouped.length > 0 ? this.#groups.labelsOf(cidr) : [], inRules.has(cidr))
    // other labels are another identity
    for (const [cidr, id] of this.#cidrs) if (!wanted.has(cidr) || labelKey(dp.identities.get(id)?.labels ?? {}) !== labelKey(identity(cidr, id).labels)) this.#forget(cidr, id)
    for (const cidr of wanted) {
      if (this.#cidrs.has(cidr) || !dp.family(cidr)) continue
      const id = (dp.lastLocal = Math.max(LOCAL_SCOPE, dp.lastLocal) + 1)
      this.#cidrs.set(cidr, id)
      dp.identities.set(id, identity(cidr, id))
      // what an address is known as (a Pod, a node) comes before a prefix
      if (!dp.ipcache.has(cidr)) dp.ipcache.set(cidr, { identity: id })
    }
  }

  #forget(cidr: string, id: number): void {
    this.#cidrs.delete(cidr)
    this.#dp.identities.delete(id)
    if (this.#dp.ipcache.lookup(cidr.split('/')[0]!)?.entry.identity === id) this.#dp.ipcache.delete(cidr)
  }

  policyFor(endpoint: Endpoint, identity: Identity): EndpointPolicy {
    const mine = [...this.#models.values()].flat().filter((model) => (model.host ?? false) === (identity.id === HOST) && model.selects(identity))
    const rulesOf = (direction: Direction): CompiledRule[] => mine.flatMap((model) => model.rules[direction].map((rule): CompiledRule => ({
      policy: model.name, deny: rule.deny, peers: rule.peers, http: rule.http, dns: rule.dns, text: rule.text,
      ports: rule.ports?.flatMap((port) => this.#numbers(port, direction, endpoint)),
    })))
    const selecting = (direction: Direction): string[] => [...new Set(mine.filter((m) => m.isolates[direction]).map((m) => m.name))].sort()
    return new EndpointPolicy({ ingress: rulesOf('ingress'), egress: rulesOf('egress') }, { ingress: selecting('ingress'), egress: selecting('egress') }, this.#proxyPorts, this.revision)
  }

  #numbers({ protocol, from, to, name, icmpType }: PortSpec, direction: Direction, endpoint: Endpoint): PortRange[] {
    if (name === undefined) return [{ protocol, from, to, ...(icmpType === undefined ? {} : { icmpType }) }]
    const named = own(endpoint.namedPorts, name)
    const numbers = direction === 'ingress' ? (named ? [named.port] : []) : this.namedPorts(name)
    return numbers.map((port) => ({ protocol, from: port, to: port }))
  }
}
