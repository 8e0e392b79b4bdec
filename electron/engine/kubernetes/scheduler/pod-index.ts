import { Selector } from '../selectors.ts'
import type { NodeInfo } from './node-info.ts'

/**
 * How many Pods of which labels are on which node. Pods with the same namespace and labels are one group; a selector
 * that is in use keeps its own count a node, brought up to date with each Pod that comes or goes. So what a selector
 * asks costs nothing for Pods that it does not select.
 */
type Labels = { readonly [key: string]: string }

export interface Counts {
  /** All Pods that are on the node. */
  all: number
  /** Those that are not being deleted. */
  live: number
}

export class LabelGroup {
  readonly key: string
  readonly namespace: string
  readonly labels: Labels
  readonly nodes = new Map<NodeInfo, Counts>()
  readonly matching: SelectorCount[] = []

  constructor(key: string, namespace: string, labels: Labels) {
    this.key = key
    this.namespace = namespace
    this.labels = labels
  }
}

/** The Pods of some namespaces (undefined: of all) that a selector selects, counted by node. */
export class SelectorCount {
  readonly namespaces: ReadonlySet<string> | undefined
  readonly selector: Selector
  readonly nodes = new Map<NodeInfo, Counts>()
  /** Topology key → value → live Pods; kept for keys that were asked for. */
  readonly #domains = new Map<string, Map<string, number>>()

  constructor(namespaces: ReadonlySet<string> | undefined, selector: Selector) {
    this.namespaces = namespaces
    this.selector = selector
  }

  selects(namespace: string, labels: Labels): boolean {
    return (!this.namespaces || this.namespaces.has(namespace)) && this.selector.matches(labels)
  }

  live(info: NodeInfo): number {
    return this.nodes.get(info)?.live ?? 0
  }

  /** Live Pods by the value of a node label, over all nodes. */
  domains(key: string): ReadonlyMap<string, number> {
    let domains = this.#domains.get(key)
    if (domains) return domains
    this.#domains.set(key, (domains = new Map()))
    for (const [info, { live }] of this.nodes) addTo(domains, info.label(key), live)
    return domains
  }

  count(info: NodeInfo, all: number, live: number): void {
    count(this.nodes, info, all, live)
    for (const [key, domains] of this.#domains) addTo(domains, info.label(key), live)
  }

  forgetDomains(): void {
    this.#domains.clear()
  }
}

function addTo(domains: Map<string, number>, value: string | undefined, n: number): void {
  if (value !== undefined && n !== 0) domains.set(value, (domains.get(value) ?? 0) + n)
}

function count(nodes: Map<NodeInfo, Counts>, info: NodeInfo, all: number, live: number): void {
  const entry = nodes.get(info)
  if (!entry) nodes.set(info, { all, live })
  else {
    entry.all += all
    entry.live += live
    if (entry.all === 0) nodes.delete(info)
  }
}

export class PodIndex {
  readonly #groups = new Map<string, LabelGroup>()
  /** "key=value" → groups with that label. */
  readonly #groupsByPair = new Map<string, Set<LabelGroup>>()
  readonly #selectors = new Map<string, SelectorCount>()
  /** "key=value" → selectors that ask for it; those that ask for no single value are under "". */
  readonly #selectorsByPair = new Map<string, Set<SelectorCount>>()
  #sweepAt = 4096

  add(namespace: string, labels: Labels, info: NodeInfo, live: boolean): LabelGroup {
    const group = this.#group(namespace, labels)
    this.#count(group, info, 1, live ? 1 : 0)
    return group
  }

  remove(group: LabelGroup, info: NodeInfo, live: boolean): void {
    this.#count(group, info, -1, live ? -1 : 0)
    if (group.nodes.size > 0) return
    this.#groups.delete(group.key)
    for (const pair of pairs(group.labels)) {
      const groups = this.#groupsByPair.get(pair)
      groups?.delete(group)
      if (groups?.size === 0) this.#groupsByPair.delete(pair)
    }
  }

  /** A Pod that is being deleted does not count as live any more. */
  dying(group: LabelGroup, info: NodeInfo): void {
    this.#count(group, info, 0, -1)
  }

  counts(namespaces: ReadonlySet<string> | undefined, selector: Selector): SelectorCount {
    const key = `${namespaces ? [...namespaces].sort().join(',') : '*'}\n${selector.toString()}`
    let found = this.#selectors.get(key)
    if (found) return found
    this.#sweep()
    this.#selectors.set(key, (found = new SelectorCount(namespaces, selector)))
    const pair = pairOf(selector)
    put(this.#selectorsByPair, pair, found)
    for (const group of (pair === '' ? this.#groups.values() : this.#groupsByPair.get(pair)) ?? []) {
      if (!found.selects(group.namespace, group.labels)) continue
      group.matching.push(found)
      for (const [info, { all, live }] of group.nodes) found.count(info, all, live)
    }
    return found
  }

  /** Labels of a node changed, or nodes came or went. */
  forgetDomains(): void {
    for (const selector of this.#selectors.values()) selector.forgetDomains()
  }

  #group(namespace: string, labels: Labels): LabelGroup {
    let key = namespace
    for (const name in labels) key += `\n${name}=${labels[name]}`
    let group = this.#groups.get(key)
    if (group) return group
    this.#groups.set(key, (group = new LabelGroup(key, namespace, labels)))
    const candidates = [this.#selectorsByPair.get('')]
    for (const pair of pairs(labels)) {
      put(this.#groupsByPair, pair, group)
      candidates.push(this.#selectorsByPair.get(pair))
    }
    for (const selectors of candidates) for (const s of selectors ?? []) if (s.selects(namespace, labels)) group.matching.push(s)
    return group
  }

  #count(group: LabelGroup, info: NodeInfo, all: number, live: number): void {
    count(group.nodes, info, all, live)
    for (const selector of group.matching) selector.count(info, all, live)
  }

  /** Selectors of workloads that are long gone select nothing: they are dropped now and then. */
  #sweep(): void {
    if (this.#selectors.size < this.#sweepAt) return
    for (const [key, selector] of this.#selectors) {
      if (selector.nodes.size > 0) continue
      this.#selectors.delete(key)
      this.#selectorsByPair.get(pairOf(selector.selector))?.delete(selector)
    }
    for (const group of this.#groups.values()) {
      const kept = group.matching.filter((s) => s.nodes.size > 0)
      if (kept.length < group.matching.length) group.matching.splice(0, Infinity, ...kept)
    }
    this.#sweepAt = Math.max(4096, 2 * this.#selectors.size)
  }
}

function pairs(labels: Labels): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`)
}

/** A label that all of a selector's Pods have; of several the one that says most. */
export function pairOf(selector: Selector): string {
  const single = selector.requirements.filter((r) => (r.operator === '=' || r.operator === '==' || r.operator === 'in') && r.values.length === 1)
  const best = single.find((r) => r.key === 'pod-template-hash') ?? single[0]
  return best ? `${best.key}=${best.values[0]}` : ''
}

function put<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key)
  if (set) set.add(value)
  else map.set(key, new Set([value]))
}
