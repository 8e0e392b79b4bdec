import type * as core from 'kubernetes-types/core/v1'
import { matchesNodeSelection, untolerated } from '../controllers/node-fit.ts'
import { compileLabelSelector, Selector } from '../selectors.ts'
import type { Pod } from '../types.ts'
import type { ClusterState } from './cluster-state.ts'
import type { NodeInfo } from './node-info.ts'
import type { SelectorCount } from './pod-index.ts'
import { refusal, type Refusal } from './refusal.ts'

/** pkg/scheduler/framework/plugins/podtopologyspread (v1.33). */
const SKEWED = refusal('PodTopologySpread', "node(s) didn't match pod topology spread constraints", true)
const NO_LABEL = refusal('PodTopologySpread', "node(s) didn't match pod topology spread constraints (missing required label)", false)
const HOSTNAME = 'kubernetes.io/hostname'
/** What Pods of a Service or a controller have that say nothing themselves. */
const DEFAULTS = [{ topologyKey: HOSTNAME, maxSkew: 3 }, { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 }]

interface Constraint {
  topologyKey: string
  maxSkew: number
  minDomains: number
  selector: Selector | undefined
  honorAffinity: boolean
  honorTaints: boolean
}

function compile(pod: Pod, c: core.TopologySpreadConstraint): Constraint {
  const compiled = compileLabelSelector(c.labelSelector)
  let selector = compiled instanceof Selector ? compiled : undefined
  const labels = pod.metadata.labels ?? {}
  const keys = c.matchLabelKeys?.filter((key) => Object.hasOwn(labels, key)) ?? []
  if (selector && keys.length > 0) selector = new Selector([...selector.requirements, ...keys.map((key) => ({ key, operator: 'in' as const, values: [labels[key]!] }))])
  return {
    topologyKey: c.topologyKey,
    maxSkew: c.maxSkew,
    minDomains: c.minDomains ?? 1,
    selector,
    honorAffinity: (c.nodeAffinityPolicy ?? 'Honor') === 'Honor',
    honorTaints: c.nodeTaintsPolicy === 'Honor',
  }
}

function constraintsOf(pod: Pod, when: string): Constraint[] {
  return pod.spec.topologySpreadConstraints?.filter((c) => c.whenUnsatisfiable === when).map((c) => compile(pod, c)) ?? []
}

/** Whether a node counts as one of the constraint's: nodeAffinityPolicy and nodeTaintsPolicy. */
function includes(c: Constraint, pod: Pod, info: NodeInfo): boolean {
  if (c.honorAffinity && !matchesNodeSelection(pod.spec, info.node!)) return false
  return !c.honorTaints || !untolerated(pod.spec, info.node!, ['NoSchedule', 'NoExecute'])
}

/** An empty selector, although it matches the Pod itself, counts nobody: countPodsMatchSelector. */
function countsFor(state: ClusterState, pod: Pod, c: Constraint): SelectorCount | undefined {
  return c.selector?.requirements.length ? state.index.counts(new Set([pod.metadata.namespace]), c.selector) : undefined
}

interface Skew {
  constraint: Constraint
  domains: Map<string, number>
  least: number
  own: number
}

/** The constraints with DoNotSchedule. */
export class SpreadFilter {
  readonly #skews: readonly Skew[]

  constructor(state: ClusterState, pod: Pod) {
    const constraints = constraintsOf(pod, 'DoNotSchedule')
    this.#skews = constraints.map((constraint) => {
      const domains = new Map<string, number>()
      const selected = countsFor(state, pod, constraint)
      for (const info of state.nodes()) {
        if (constraints.some((c) => info.label(c.topologyKey) === undefined) || !includes(constraint, pod, info)) continue
        const value = info.label(constraint.topologyKey)!
        domains.set(value, (domains.get(value) ?? 0) + (selected?.live(info) ?? 0))
      }
      let least = Infinity
      for (const n of domains.values()) least = Math.min(least, n)
      if (domains.size < constraint.minDomains) least = 0
      return { constraint, domains, least, own: constraint.selector?.matches(pod.metadata.labels) ? 1 : 0 }
    })
  }

  get idle(): boolean {
    return this.#skews.length === 0
  }

  filter(info: NodeInfo): Refusal | undefined {
    for (const { constraint, domains, least, own } of this.#skews) {
      const value = info.label(constraint.topologyKey)
      if (value === undefined) return NO_LABEL
      if ((domains.get(value) ?? 0) + own - least > constraint.maxSkew) return SKEWED
    }
    return undefined
  }
}

/** 0 to 100 for each node: constraints with ScheduleAnyway, or the cluster's defaults; undefined: there are none. */
export function spreadScores(state: ClusterState, pod: Pod, feasible: readonly NodeInfo[]): number[] | undefined {
  let constraints = constraintsOf(pod, 'ScheduleAnyway')
  const defaults = !pod.spec.topologySpreadConstraints?.length
  if (defaults) {
    const selector = state.listers.defaultSelector(pod)
    if (!selector) return undefined
    constraints = DEFAULTS.map(({ topologyKey, maxSkew }) => ({ topologyKey, maxSkew, minDomains: 1, selector, honorAffinity: true, honorTaints: false }))
  }
  if (constraints.length === 0) return undefined
  const ignored = defaults ? undefined : feasible.map((info) => constraints.some((c) => info.label(c.topologyKey) === undefined))
  const raw = new Array<number>(feasible.length).fill(0)
  for (const constraint of constraints) addPoints(state, pod, constraint, { feasible, ignored, defaults, constraints }, raw)
  let least = Infinity
  let most = 0
  for (let i = 0; i < raw.length; i++) {
    if (ignored?.[i]) continue
    const value = (raw[i] = Math.round(raw[i]!))
    if (value < least) least = value
    if (value > most) most = value
  }
  for (let i = 0; i < raw.length; i++) raw[i] = ignored?.[i] ? 0 : most === 0 ? 100 : Math.trunc((100 * (most + least - raw[i]!)) / most)
  return raw
}

interface Scope { feasible: readonly NodeInfo[]; ignored: readonly boolean[] | undefined; defaults: boolean; constraints: readonly Constraint[] }

function addPoints(state: ClusterState, pod: Pod, c: Constraint, scope: Scope, raw: number[]): void {
  const { feasible, ignored } = scope
  const selected = countsFor(state, pod, c)
  if (c.topologyKey === HOSTNAME) {
    const weight = Math.log(feasible.length - (ignored?.filter(Boolean).length ?? 0) + 2)
    for (let i = 0; i < feasible.length; i++) {
      if (ignored?.[i] || feasible[i]!.hostname === undefined) continue
      raw[i]! += (selected?.live(feasible[i]!) ?? 0) * weight + (c.maxSkew - 1)
    }
    return
  }
  if (!state.hasLabel(c.topologyKey)) return
  const domains = domainsOf(pod, c, scope, selected)
  const weight = Math.log(new Set(feasible.filter((_, i) => !ignored?.[i]).map((info) => info.label(c.topologyKey))).size + 2)
  feasible.forEach((info, i) => {
    const value = info.label(c.topologyKey)
    if (value !== undefined && !ignored?.[i]) raw[i]! += (domains.get(value) ?? 0) * weight + (c.maxSkew - 1)
  })
}

/** Live Pods by domain; without a say of the Pod's about nodes the index has them ready. */
function domainsOf(pod: Pod, c: Constraint, { defaults, constraints }: Scope, selected: SelectorCount | undefined): ReadonlyMap<string, number> {
  const { nodeSelector, affinity } = pod.spec
  if (defaults && selected && !nodeSelector && !affinity?.nodeAffinity) return selected.domains(c.topologyKey)
  const domains = new Map<string, number>()
  for (const [info, { live }] of selected?.nodes ?? []) {
    if (!info.node || (!defaults && constraints.some((each) => info.label(each.topologyKey) === undefined)) || !includes(c, pod, info)) continue
    const value = info.label(c.topologyKey)
    if (value !== undefined) domains.set(value, (domains.get(value) ?? 0) + live)
  }
  return domains
}
