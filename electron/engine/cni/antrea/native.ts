import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { KubeObject, Namespace, NetworkPolicy, Pod } from '../../kubernetes/types.ts'
import type { Ip } from '../../network/types.ts'
import { byName } from '../../own.ts'
import { PolicyIndex } from '../../policy/policy-index.ts'
import type { Direction, PodSet, PolicyPod, PolicyRule, PolicyView } from '../../policy/types.ts'
import { ADMIN_POLICIES, BASELINE_POLICIES, type AdminPolicy } from '../admin-policy-api.ts'
import { ADMIN_TIERS, nativeOf, type AdminGate } from './admin.ts'
import { CLUSTER_POLICIES, NATIVE_POLICIES, TIERS } from './crds.ts'
import type { ServicePort } from './conjunctions.ts'
import { ACCOUNT_LABEL, NOBODY, PolicyGroups, type Peer } from './groups.ts'
import { isNamespaced, ruleParts, type RulePart } from './namespaced-rules.ts'
import type { Action, NativePolicy, Rule } from './native-policy.ts'

interface Tier extends KubeObject { spec: { priority: number } }

/** pkg/controller/networkpolicy/tier.go */
export const SYSTEM_TIERS: Readonly<Record<string, number>> = byName({ emergency: 50, securityops: 100, networkops: 150, platform: 200, application: 250, baseline: 253 })
export const BASELINE = 253
/** Whose rules stand in the tables of defaults: the baseline tier's, and the one below it. */
export const isBaseline = (tier: number): boolean => tier >= BASELINE

/** What a rule fits; with Services among its peers it is for what was sent to one of them ("namespace/name"), whichever endpoint was chosen. */
export interface NativeMatch { readonly peers: PolicyRule['peers']; readonly ports: readonly ServicePort[] | undefined; readonly services?: readonly string[] }

export interface NativeRule {
  readonly key: string
  /** As antctl names sources: "AntreaClusterNetworkPolicy:deny-all", "AntreaNetworkPolicy:default/web". */
  readonly source: string
  readonly direction: Direction
  readonly action: Action
  readonly tier: number
  readonly priority: number
  /** Its place among the policy's rules of the direction. */
  readonly order: number
  readonly rule: NativeMatch
  /** The Pods that it is for. */
  readonly targets: readonly PolicyPod[]
  /** Names are among its peers. */
  readonly named?: boolean
  /** enableLogging: what np.log calls it. */
  readonly log?: { readonly name: string; readonly label: string } | undefined
}

export class NativePolicies {
  readonly #client: KubernetesClient
  readonly #index: PolicyIndex
  readonly #onChange: () => void
  readonly #policies = new Map<string, { object: NativePolicy; rules: readonly RulePart[] }>()
  readonly #namespaces = new Map<string, Readonly<Record<string, string>> | undefined>()
  readonly #tiers = new Map<string, number>()
  readonly #groups: PolicyGroups
  readonly #stops: (() => void)[] = []
  #watching = false
  readonly #gate: AdminGate
  readonly #addresses: (fqdn: string) => readonly Ip[]
  #watchesAdmin = false
  #stopped = false

  /** `addresses`: of names in rules, as the node knows them. */
  constructor(client: KubernetesClient, gate: AdminGate, onChange: () => void, addresses: (fqdn: string) => readonly Ip[] = () => []) {
    this.#addresses = addresses
    this.#gate = gate
    this.#client = client
    this.#onChange = onChange
    this.#index = new PolicyIndex(() => this.#changed())
    this.#groups = new PolicyGroups(client, () => {
      for (const { object } of [...this.#policies.values()]) if (/"(group|nodeSelector)":/.test(JSON.stringify(object.spec))) this.#put(object)
      this.#changed()
    })
    this.#watch<Tier>(TIERS, ({ metadata, spec }) => this.#tiers.set(metadata.name, spec.priority), ({ metadata }) => this.#tiers.delete(metadata.name))
    for (const resource of [CLUSTER_POLICIES, NATIVE_POLICIES]) this.#watch<NativePolicy>(resource, (o) => this.#put(o), (o) => this.#remove(o))
    this.#stops.push(gate.onChange(() => {
      this.#watchAdmin()
      this.#changed()
    }))
    this.#watchAdmin()
  }

  /** Without their definitions there is nothing to hear of. */
  #watchAdmin(): void {
    if (!this.#gate.isOpen || this.#watchesAdmin) return
    try {
      for (const resource of [ADMIN_POLICIES, BASELINE_POLICIES]) this.#watch<AdminPolicy>(resource, (o) => this.#put(nativeOf(o)), (o) => this.#remove(nativeOf(o)))
      this.#watchesAdmin = true
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
    }
  }

  /** Of a tier that is not there: undefined; such a policy says nothing. */
  #tierOf({ kind, spec: { tier = 'application' } }: NativePolicy): number | undefined {
    const admin = ADMIN_TIERS.get(kind ?? '')
    if (admin !== undefined) return this.#gate.isOpen ? admin : undefined
    const name = tier.toLowerCase()
    return this.#tiers.get(name) ?? SYSTEM_TIERS[name]
  }

  stop(): void {
    this.#stopped = true
    this.#groups.stop()
    for (const stop of this.#stops) stop()
  }

  get view(): PolicyView {
    return this.#index
  }

  /** Names have other addresses now. */
  namesChanged(): void {
    for (const { object } of [...this.#policies.values()]) if (namesOf(object).length > 0) this.#put(object)
  }

  /** Whether a rule means Services. */
  get hasServices(): boolean {
    return [...this.#policies.values()].some(({ rules }) => rules.some(({ rule }) => rule.toServices))
  }

  /** All names and patterns in rules. */
  names(): Set<string> {
    return new Set([...this.#policies.values()].flatMap(({ object }) => namesOf(object)))
  }

  #changed(): void {
    if (!this.#stopped) this.#onChange()
  }

  #watch<T extends KubeObject>(resource: string, put: (object: T) => void, gone: (object: T) => void): void {
    this.#stops.push(this.#client.watch<T>(resource, {}, (event) => {
      if (this.#stopped) return
      if (event.type === 'ADDED' || event.type === 'MODIFIED') put(event.object)
      else if (event.type === 'DELETED') gone(event.object)
      this.#changed()
    }))
  }

  #put(object: NativePolicy): void {
    if (!this.#watching) {
      this.#watching = true
      this.#watch<Namespace>('namespaces', (n) => {
        this.#index.setNamespace(n)
        this.#onNamespace(n.metadata.name, n.metadata.labels ?? {})
      }, (n) => {
        this.#index.deleteNamespace(n.metadata.name)
        this.#onNamespace(n.metadata.name, undefined)
      })
      this.#watch<Pod>('pods', (p) => this.#index.setPod(withAccount(p)), (p) => this.#index.deletePod(`${p.metadata.namespace}/${p.metadata.name}`))
    }
    const { namespace } = object.metadata
    const rules = ruleParts(object, this.#namespaces, (given) => this.#groups.resolve(given, namespace, this.#addresses))
    this.#policies.set(sourceOf(object), { object, rules })
    const peers = (list: readonly Peer[]): Peer[] => this.#groups.resolve(list, namespace, this.#addresses).map((peer) => (peer.ipBlock || namespace !== undefined || peer.namespaceSelector ? peer : { ...peer, namespaceSelector: {} }))
    // one rule for whom it is for (the model's own meaning of a policy is not wanted here, its selectors are) and one for what it says, each
    const ingress = rules.flatMap(({ rule, appliedTo, peers: others }) => [{ from: peers(appliedTo) }, { from: peers(others), ports: rule.ports }])
    this.#index.setPolicy({
      apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: sourceOf(object), namespace: namespace ?? 'kube-system' }, spec: { podSelector: NOBODY, policyTypes: ['Ingress'], ingress },
    } as unknown as NetworkPolicy)
  }

  #onNamespace(name: string, labels: Readonly<Record<string, string>> | undefined): void {
    const before = JSON.stringify(this.#namespaces.get(name))
    if (labels) this.#namespaces.set(name, labels)
    else this.#namespaces.delete(name)
    if (before === JSON.stringify(labels)) return
    for (const { object } of [...this.#policies.values()]) if (isNamespaced(object)) this.#put(object)
  }

  #remove(object: NativePolicy): void {
    this.#policies.delete(sourceOf(object))
    this.#index.deletePolicy(`${object.metadata.namespace ?? 'kube-system'}/${sourceOf(object)}`)
  }

  /** All rules, the first to be asked first. A policy of a tier that is not there says nothing. */
  rules(): NativeRule[] {
    const out: NativeRule[] = []
    for (const [source, { object, rules }] of this.#policies) {
      const tier = this.#tierOf(object)
      const compiled = this.#index.policies.get(`${object.metadata.namespace ?? 'kube-system'}/${source}`)
      if (tier === undefined || !compiled) continue
      rules.forEach(({ direction, rule, order, part }, i) => {
        const applied = compiled.rules.ingress[2 * i]!.peers ?? []
        const targets = [...new Set(applied.flatMap((p) => (p.kind === 'pods' ? this.#index.members(p.set.id) : [])))]
        const said = compiled.rules.ingress[2 * i + 1]!
        out.push({ key: `${source} ${direction} ${order}${part && ` ${part}`}`, source, direction, action: rule.action, tier, priority: object.spec.priority, order, rule: { peers: said.peers, ports: portsOf(rule, said.ports), ...(rule.toServices ? { services: servicesOf(object, rule) } : {}) }, targets, ...(hasNames(rule) ? { named: true } : {}), log: rule.enableLogging ? { name: rule.name ?? '', label: rule.logLabel ?? '' } : undefined })
      })
    }
    return out.sort((a, b) => a.tier - b.tier || a.priority - b.priority || a.order - b.order || (a.key < b.key ? -1 : 1))
  }

  /** Each policy with the Pods that it is for and what its rules say of peers. */
  policies(): { object: NativePolicy; tier: number; rules: number; applied: readonly PodSet[]; peers: readonly PodSet[] }[] {
    return [...this.#policies].flatMap(([source, { object, rules }]) => {
      const tier = this.#tierOf(object)
      const compiled = this.#index.policies.get(`${object.metadata.namespace ?? 'kube-system'}/${source}`)
      if (tier === undefined || !compiled) return []
      const sets = (odd: number): PodSet[] => compiled.rules.ingress.flatMap(({ peers }, i) => (i % 2 === odd ? (peers ?? []).flatMap((p) => (p.kind === 'pods' ? [p.set] : [])) : []))
      return [{ object, tier, rules: rules.length, applied: sets(0), peers: sets(1) }]
    })
  }
}

/** Ports with where they are asked from, and what is no port. */
function portsOf({ ports, protocols }: Rule, compiled: PolicyRule['ports']): readonly ServicePort[] | undefined {
  const icmp = (protocols ?? []).flatMap(({ icmp: of }): ServicePort[] => (of ? [{ protocol: 'ICMP', icmpType: of.icmpType, icmpCode: of.icmpCode }] : []))
  if (icmp.length === 0 && !ports?.some(({ sourcePort }) => sourcePort !== undefined)) return compiled
  return [...(compiled ?? []).map((port, i) => ({ ...port, sourcePort: ports![i]!.sourcePort, sourceEndPort: ports![i]!.sourceEndPort })), ...icmp]
}

/** svcRefToPeerForCRD: "namespace/name". */
function servicesOf({ metadata }: NativePolicy, { toServices = [] }: Rule): string[] {
  return toServices.map(({ name, namespace }) => `${namespace ?? metadata.namespace ?? ''}/${name}`)
}

/** All agents get the same objects: they share what is made of them, too. */
const labelled = new WeakMap<Pod, Pod>()

function withAccount(pod: Pod): Pod {
  let known = labelled.get(pod)
  if (!known) labelled.set(pod, (known = { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, [ACCOUNT_LABEL]: pod.spec.serviceAccountName ?? '' } } }))
  return known
}

function hasNames({ to }: Rule): boolean {
  return to?.some(({ fqdn }) => fqdn !== undefined) === true
}

function namesOf({ spec }: NativePolicy): string[] {
  return (spec.egress ?? []).flatMap(({ to }) => (to ?? []).flatMap(({ fqdn }) => fqdn ?? []))
}

function sourceOf({ kind, metadata }: KubeObject): string {
  if (ADMIN_TIERS.has(kind ?? '')) return `${kind!}:${metadata.name}`
  return kind === 'ClusterNetworkPolicy' ? `AntreaClusterNetworkPolicy:${metadata.name}` : `AntreaNetworkPolicy:${metadata.namespace}/${metadata.name}`
}

/**
 * OpenFlow priorities of rules in the order of their weight (pkg/agent/controller/networkpolicy/priority.go): what tier and
 * priority come to at first, moved down where another rule has the number already, and up again where that ends below the
 * table's last. The baseline tiers have a table of their own.
 */
export function flowPriorities(rules: readonly NativeRule[]): Map<string, number> {
  const out = new Map<string, number>()
  const given = { normal: [] as { keys: string[]; at: number }[], baseline: [] as { keys: string[]; at: number }[] }
  let previous = ''
  for (const { key, tier, priority, order } of rules) {
    const weight = `${tier} ${priority} ${order}`
    const kind = isBaseline(tier) ? 'baseline' : 'normal'
    const list = given[kind]
    if (weight !== previous) {
      const first = kind === 'baseline' ? 180 - 10 * priority - order : 65_000 - 200 * tier - (tier === 250 ? 100 : 20) * priority - order
      list.push({ keys: [], at: Math.min(Math.max(Math.floor(first), LEAST[kind]), (list.at(-1)?.at ?? Infinity) - 1) })
      previous = weight
    }
    list.at(-1)!.keys.push(key)
  }
  for (const kind of ['normal', 'baseline'] as const) {
    let least = LEAST[kind]
    for (const { keys, at } of given[kind].reverse()) {
      const final = Math.max(at, least)
      for (const key of keys) out.set(key, final)
      least = final + 1
    }
  }
  return new Map(rules.map(({ key }) => [key, out.get(key)!]))
}

/** policyBottomPriority, baselinePolicyBottomPriority. */
const LEAST = { normal: 100, baseline: 10 } as const
