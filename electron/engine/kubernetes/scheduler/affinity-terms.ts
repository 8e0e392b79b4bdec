import type * as core from 'kubernetes-types/core/v1'
import { compileLabelSelector, Selector } from '../selectors.ts'
import type { Pod } from '../types.ts'
import type { NodeInfo } from './node-info.ts'

/** Terms of inter-pod affinity, of the Pod that is scheduled and of Pods that are already placed. */
type Labels = { readonly [key: string]: string } | undefined
export type TermKind = 'requiredAffinity' | 'requiredAntiAffinity' | 'preferredAffinity' | 'preferredAntiAffinity'

/** pkg/scheduler/framework AffinityTerm. */
export interface AffinityTerm {
  topologyKey: string
  /** Absent: selects nothing. */
  selector: Selector | undefined
  namespaces: ReadonlySet<string>
  namespaceSelector: Selector | undefined
  /** 1 for a required term. */
  weight: number
}

function compile(pod: Pod, term: core.PodAffinityTerm, weight: number): AffinityTerm {
  const selector = compileLabelSelector(term.labelSelector)
  const namespaceSelector = compileLabelSelector(term.namespaceSelector)
  const own = !term.namespaces?.length && !term.namespaceSelector
  return {
    topologyKey: term.topologyKey,
    selector: selector instanceof Selector ? selector : undefined,
    namespaces: new Set(own ? [pod.metadata.namespace] : term.namespaces),
    namespaceSelector: namespaceSelector instanceof Selector ? namespaceSelector : undefined,
    weight,
  }
}

const NONE: readonly AffinityTerm[] = []

export function termsOf(pod: Pod, kind: TermKind): readonly AffinityTerm[] {
  const { affinity } = pod.spec
  const own = kind.endsWith('AntiAffinity') ? affinity?.podAntiAffinity : affinity?.podAffinity
  if (!own) return NONE
  if (kind.startsWith('required')) return own.requiredDuringSchedulingIgnoredDuringExecution?.map((t) => compile(pod, t, 1)) ?? NONE
  return own.preferredDuringSchedulingIgnoredDuringExecution?.map((t) => compile(pod, t.podAffinityTerm, t.weight)) ?? NONE
}

/** Whether a term selects a Pod with these labels, in a namespace with those. */
export function termMatches(term: AffinityTerm, namespace: string, namespaceLabels: Labels, labels: Labels): boolean {
  if (!term.namespaces.has(namespace) && !term.namespaceSelector?.matches(namespaceLabels)) return false
  return term.selector?.matches(labels) ?? false
}

/** One term that placed Pods have, and how many of them on which node. */
export interface PlacedTerm {
  readonly kind: TermKind
  readonly term: AffinityTerm
  readonly nodes: Map<NodeInfo, number>
}

const KINDS: readonly TermKind[] = ['requiredAffinity', 'requiredAntiAffinity', 'preferredAffinity', 'preferredAntiAffinity']

/** The terms of all placed Pods; Pods of one template share theirs. */
export class PlacedTerms {
  readonly #terms = new Map<string, PlacedTerm>()
  #repelling = 0

  /** `sign` 1: a Pod came; -1: it went. */
  count(pod: Pod, info: NodeInfo, sign: 1 | -1): void {
    const { affinity } = pod.spec
    if (!affinity?.podAffinity && !affinity?.podAntiAffinity) return
    for (const kind of KINDS) {
      for (const term of termsOf(pod, kind)) {
        const key = JSON.stringify([kind, term.topologyKey, term.selector?.toString(), [...term.namespaces], term.namespaceSelector?.toString(), term.weight])
        let placed = this.#terms.get(key)
        if (!placed) {
          this.#terms.set(key, (placed = { kind, term, nodes: new Map() }))
          if (kind === 'requiredAntiAffinity') this.#repelling++
        }
        const n = (placed.nodes.get(info) ?? 0) + sign
        if (n > 0) placed.nodes.set(info, n)
        else placed.nodes.delete(info)
        if (placed.nodes.size > 0) continue
        this.#terms.delete(key)
        if (kind === 'requiredAntiAffinity') this.#repelling--
      }
    }
  }

  /** Whether some placed Pod requires that others stay away: nothing else of theirs keeps a Pod off a node. */
  get repel(): boolean {
    return this.#repelling > 0
  }

  values(): IterableIterator<PlacedTerm> {
    return this.#terms.values()
  }
}
