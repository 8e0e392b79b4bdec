import { Selector } from '../selectors.ts'
import type { Pod } from '../types.ts'
import { termMatches, termsOf, type AffinityTerm } from './affinity-terms.ts'
import type { ClusterState } from './cluster-state.ts'
import type { NodeInfo } from './node-info.ts'
import { refusal, type Refusal } from './refusal.ts'

/** pkg/scheduler/framework/plugins/interpodaffinity (v1.33). */
const AFFINITY = refusal('InterPodAffinity', "node(s) didn't match pod affinity rules", false)
const ANTI_AFFINITY = refusal('InterPodAffinity', "node(s) didn't match pod anti-affinity rules", true)
const EXISTING = refusal('InterPodAffinity', "node(s) didn't satisfy existing pods anti-affinity rules", true)
/** hardPodAffinityWeight. */
const HARD_WEIGHT = 1

/** Topology key → value → Pods, or points. */
type Domains = Map<string, Map<string, number>>

function add(domains: Domains, key: string, info: NodeInfo, n: number): void {
  const value = info.label(key)
  if (value === undefined) return
  let values = domains.get(key)
  if (!values) domains.set(key, (values = new Map()))
  values.set(value, (values.get(value) ?? 0) + n)
}

/** What the required terms of a Pod, and of the Pods that are there, say of nodes. */
export class AffinityFilter {
  readonly #state: ClusterState
  readonly #pod: Pod
  readonly #affinity: readonly AffinityTerm[]
  readonly #antiAffinity: readonly AffinityTerm[]
  readonly #wanted: Domains = new Map()
  readonly #unwanted: Domains[] = []
  readonly #repelled: Domains = new Map()
  readonly #firstOfItsKind: boolean

  constructor(state: ClusterState, pod: Pod) {
    this.#state = state
    this.#pod = pod
    this.#affinity = termsOf(pod, 'requiredAffinity')
    this.#antiAffinity = termsOf(pod, 'requiredAntiAffinity')
    this.#countWanted()
    for (const term of this.#antiAffinity) {
      const domains: Domains = new Map()
      for (const [info, { all }] of state.selected(term)?.nodes ?? []) add(domains, term.topologyKey, info, all)
      this.#unwanted.push(domains)
    }
    for (const { kind, term, nodes } of state.terms.values()) {
      if (kind !== 'requiredAntiAffinity' || !this.#selectsPod(term)) continue
      for (const [info, n] of nodes) add(this.#repelled, term.topologyKey, info, n)
    }
    // the first of Pods that want to be together may be anywhere
    this.#firstOfItsKind = this.#wanted.size === 0 && this.#affinity.every((term) => this.#selectsPod(term))
  }

  get idle(): boolean {
    return this.#affinity.length === 0 && this.#antiAffinity.length === 0 && this.#repelled.size === 0
  }

  filter(info: NodeInfo): Refusal | undefined {
    if (!this.#attracts(info)) return AFFINITY
    const unwanted = this.#unwanted.some((domains, i) => has(domains, this.#antiAffinity[i]!.topologyKey, info))
    if (unwanted) return ANTI_AFFINITY
    for (const key of this.#repelled.keys()) if (has(this.#repelled, key, info)) return EXISTING
    return undefined
  }

  #attracts(info: NodeInfo): boolean {
    if (this.#affinity.some((t) => info.label(t.topologyKey) === undefined)) return false
    return this.#firstOfItsKind || this.#affinity.every((t) => has(this.#wanted, t.topologyKey, info))
  }

  /** Only Pods that all terms select count. */
  #countWanted(): void {
    if (this.#affinity.length === 0 || this.#affinity.some((t) => !t.selector)) return
    const all = new Selector(this.#affinity.flatMap((t) => t.selector!.requirements))
    let namespaces: ReadonlySet<string> | undefined
    for (const term of this.#affinity) {
      const own = this.#state.namespacesOf(term)
      namespaces = own && namespaces ? new Set([...own].filter((n) => namespaces!.has(n))) : (own ?? namespaces)
    }
    const { nodes } = this.#state.index.counts(namespaces, all)
    for (const [info, counts] of nodes) for (const term of this.#affinity) add(this.#wanted, term.topologyKey, info, counts.all)
  }

  #selectsPod(term: AffinityTerm): boolean {
    const { namespace, labels } = this.#pod.metadata
    return termMatches(term, namespace, this.#state.listers.namespace(namespace)?.metadata.labels, labels)
  }
}

function has(domains: Domains, key: string, info: NodeInfo): boolean {
  const value = info.label(key)
  return value !== undefined && (domains.get(key)?.get(value) ?? 0) > 0
}

/** Points from preferred terms, both ways; undefined: nothing is preferred anywhere. */
export function affinityPoints(state: ClusterState, pod: Pod): ((info: NodeInfo) => number) | undefined {
  const points: Domains = new Map()
  for (const [kind, sign] of [['preferredAffinity', 1], ['preferredAntiAffinity', -1]] as const) {
    for (const term of termsOf(pod, kind)) {
      for (const [info, { all }] of state.selected(term)?.nodes ?? []) add(points, term.topologyKey, info, sign * term.weight * all)
    }
  }
  const { namespace, labels } = pod.metadata
  for (const { kind, term, nodes } of state.terms.values()) {
    if (kind === 'requiredAntiAffinity') continue
    if (!termMatches(term, namespace, state.listers.namespace(namespace)?.metadata.labels, labels)) continue
    const weight = kind === 'requiredAffinity' ? HARD_WEIGHT : kind === 'preferredAffinity' ? term.weight : -term.weight
    for (const [info, n] of nodes) add(points, term.topologyKey, info, weight * n)
  }
  if (points.size === 0) return undefined
  return (info) => {
    let sum = 0
    for (const [key, values] of points) {
      const value = info.label(key)
      if (value !== undefined) sum += values.get(value) ?? 0
    }
    return sum
  }
}
