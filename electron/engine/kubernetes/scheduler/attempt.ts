import { matchesNodeSelection, untolerated } from '../controllers/node-fit.ts'
import type { Node, Pod } from '../types.ts'
import type { ClusterState } from './cluster-state.ts'
import { AffinityFilter } from './interpod-affinity.ts'
import type { NodeInfo } from './node-info.ts'
import { refusal, type Refusal } from './refusal.ts'
import { demandOf, type Demand } from './resources.ts'
import { NO_PROVISIONER, podClaims } from './volume-binding.ts'
import { SpreadFilter } from './topology-spread.ts'

/** The filter plugins of v1.33's default profile, in its order; the first that refuses is the reason. */
const UNSCHEDULABLE = refusal('NodeUnschedulable', 'node(s) were unschedulable', false)
const OTHER_NAME = refusal('NodeName', "node(s) didn't match the requested node name", false)
const NOT_SELECTED = refusal('NodeAffinity', "node(s) didn't match Pod's node affinity/selector", false)
const PORTS = refusal('NodePorts', "node(s) didn't have free ports for the requested pod ports", true)
const NO_VOLUME = refusal('VolumeBinding', "node(s) didn't find available persistent volumes to bind", false)
const CORDON = [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }]

/** What a PreFilter plugin says about all nodes: nobody can take it, or only these can. */
export type PreFilter = { refused: string; plugin: string } | { only: ReadonlySet<string>; plugin: string }

/** One Pod that looks for a node. What it needs to know about all nodes is found out when it is first asked for. */
export class Attempt {
  readonly pod: Pod
  readonly demand: Demand
  readonly #state: ClusterState
  #spread: SpreadFilter | undefined
  #affinity: AffinityFilter | undefined
  /** Asks for no node and for none of a kind. */
  readonly #takesAny: boolean
  /** A claim waits for a volume that nobody will make. */
  #noVolume = false

  constructor(state: ClusterState, pod: Pod) {
    this.#state = state
    this.pod = pod
    this.demand = demandOf(pod)
    const { nodeName, nodeSelector, affinity } = pod.spec
    this.#takesAny = !nodeName && !nodeSelector && !affinity?.nodeAffinity
  }

  preFilter(): PreFilter | undefined {
    return namedNodes(this.pod) ?? this.#claims()
  }

  /** Pods were placed or taken away since. */
  refresh(): void {
    this.#spread = undefined
    this.#affinity = undefined
  }

  /** Also when the Pods that are nominated for the node and go first are on it. */
  filter(info: NodeInfo): Refusal | undefined {
    const rivals = this.#state.rivals(this.pod, info.name)
    if (rivals.length > 0) {
      const placed = rivals.filter((p) => !this.#state.placed(`${p.metadata.namespace}/${p.metadata.name}`))
      for (const rival of placed) this.#state.place(rival, info.name)
      this.refresh()
      const refused = this.#filterOnce(info)
      for (const rival of placed) this.#state.unplace(this.#state.placed(`${rival.metadata.namespace}/${rival.metadata.name}`)!)
      this.refresh()
      if (refused) return refused
    }
    return this.#filterOnce(info)
  }

  /** What does not depend on other Pods. */
  filterNode(info: NodeInfo): Refusal | undefined {
    if (info.open && this.#takesAny) return undefined
    const node = info.node!
    const { spec } = this.pod
    if (node.spec.unschedulable && untolerated(spec, { ...node, spec: { taints: CORDON } } as Node, ['NoSchedule'])) return UNSCHEDULABLE
    if (spec.nodeName && spec.nodeName !== node.metadata.name) return OTHER_NAME
    const taint = node.spec.taints && untolerated(spec, node, ['NoSchedule', 'NoExecute'])
    if (taint) return refusal('TaintToleration', `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`, false)
    return matchesNodeSelection(spec, node) ? undefined : NOT_SELECTED
  }

  #filterOnce(info: NodeInfo): Refusal | undefined {
    const refused = this.filterNode(info)
    if (refused) return refused
    const { ports } = this.demand
    if (ports.length > 0 && info.occupies(ports)) return PORTS
    if (!info.fits(this.demand)) return lacks(this.demand, info)
    if (this.#noVolume) return NO_VOLUME
    if (this.pod.spec.topologySpreadConstraints) {
      this.#spread ??= new SpreadFilter(this.#state, this.pod)
      const skewed = this.#spread.filter(info)
      if (skewed) return skewed
    }
    if (!this.#affinity) {
      const { affinity } = this.pod.spec
      if (!affinity?.podAffinity && !affinity?.podAntiAffinity && !this.#state.terms.repel) return undefined
      this.#affinity = new AffinityFilter(this.#state, this.pod)
    }
    return this.#affinity.idle ? undefined : this.#affinity.filter(info)
  }

  #claims(): PreFilter | undefined {
    const found = podClaims(this.#state.listers, this.pod)
    if (typeof found === 'string') return { refused: found, plugin: 'VolumeBinding' }
    this.#noVolume = found.some(({ provisioner }) => provisioner === '' || provisioner === NO_PROVISIONER)
    return undefined
  }
}

/** plugins/nodeaffinity PreFilter: terms that name nodes, as DaemonSet Pods have them, spare the others. */
function namedNodes(pod: Pod): PreFilter | undefined {
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  if (!terms?.length) return undefined
  const all = new Set<string>()
  for (const { matchFields = [] } of terms) {
    let names: Set<string> | undefined
    for (const { key, operator, values = [] } of matchFields) {
      if (key !== 'metadata.name' || operator !== 'In') continue
      names = new Set(values.filter((v) => !names || names.has(v)))
    }
    if (!names) return undefined
    for (const name of names) all.add(name)
  }
  return all.size === 0 ? { refused: 'pod affinity terms conflict', plugin: 'NodeAffinity' } : { only: all, plugin: 'NodeAffinity' }
}

/** plugins/noderesources Fit: why a node has no room. */
function lacks({ requests }: Demand, info: NodeInfo): Refusal | undefined {
  const { allocatable, requested } = info
  const { cpu, memory, storage, other } = requests
  let reasons: string[] | undefined
  let resolvable = true
  const check = (name: string, wanted: number, used: number, limit: number): void => {
    if (wanted === 0 || wanted <= limit - used) return
    ;(reasons ??= []).push(`Insufficient ${name}`)
    if (wanted > limit) resolvable = false
  }
  if (info.pods.size + 1 > allocatable.pods) reasons = ['Too many pods']
  check('cpu', cpu, requested.cpu, allocatable.cpu)
  check('memory', memory, requested.memory, allocatable.memory)
  check('ephemeral-storage', storage, requested.storage, allocatable.storage)
  for (const [name, n] of other) check(name, n, info.requestedOther.get(name) ?? 0, allocatable.other.get(name) ?? 0)
  return reasons && { plugin: 'NodeResourcesFit', reasons, resolvable }
}
