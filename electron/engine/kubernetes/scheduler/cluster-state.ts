import type { Namespace, Node, PersistentVolumeClaim, Pod, PodDisruptionBudget, StorageClass } from '../types.ts'
import { keyOf } from '../controllers/informer.ts'
import { Selector } from '../selectors.ts'
import { PlacedTerms, type AffinityTerm } from './affinity-terms.ts'
import { NodeInfo } from './node-info.ts'
import { accountOf, priorityOf, type PodAccount } from './pod-account.ts'
import { PodIndex, type LabelGroup, type SelectorCount } from './pod-index.ts'

/** What the scheduler asks of objects beside Pods and nodes. */
export interface Listers {
  namespaces(): Iterable<Namespace>
  namespace(name: string): Namespace | undefined
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined
  storageClass(name: string): StorageClass | undefined
  budgets(): Iterable<PodDisruptionBudget>
  /** Whether the API has PersistentVolumeClaims at all. */
  readonly hasClaims: boolean
  /** What spreads a Pod by default: the labels that its Services and its controller select by; undefined: nothing does. */
  defaultSelector(pod: Pod): Selector | undefined
}

/** The scheduler's picture of the cluster: pkg/scheduler/backend/cache. */
export class ClusterState {
  readonly index = new PodIndex()
  readonly terms = new PlacedTerms()
  readonly listers: Listers
  readonly #infos = new Map<string, NodeInfo>()
  readonly #accounts = new Map<string, PodAccount>()
  /** Node → Pods that are nominated for it. */
  readonly #nominated = new Map<string, Map<string, Pod>>()
  readonly #images = new Map<string, { size: number; nodes: number }>()
  #order: NodeInfo[] | undefined
  readonly #labels = new Map<string, boolean>()
  /** Changes whenever a node comes, goes or is another than before. */
  generation = 0

  constructor(listers: Listers) {
    this.listers = listers
  }

  info(name: string): NodeInfo {
    let info = this.#infos.get(name)
    if (!info) this.#infos.set(name, (info = new NodeInfo(name)))
    return info
  }

  /** A node that exists. */
  node(name: string): NodeInfo | undefined {
    const info = this.#infos.get(name)
    return info?.node && info
  }

  /** Nodes that exist, one zone after the other in turn (pkg/scheduler/backend/cache nodeTree). */
  nodes(): readonly NodeInfo[] {
    if (this.#order) return this.#order
    const zones = new Map<string, NodeInfo[]>()
    for (const info of this.#infos.values()) {
      if (!info.node) continue
      const zone = `${info.label('topology.kubernetes.io/region') ?? ''}\n${info.label('topology.kubernetes.io/zone') ?? ''}`
      const list = zones.get(zone)
      if (list) list.push(info)
      else zones.set(zone, [info])
    }
    const lists = [...zones.values()]
    if (lists.length <= 1) return (this.#order = lists[0] ?? [])
    const order: NodeInfo[] = []
    for (let i = 0; lists.some((l) => i < l.length); i++) for (const list of lists) if (i < list.length) order.push(list[i]!)
    return (this.#order = order)
  }

  setNode(node: Node): void {
    const info = this.info(node.metadata.name)
    const old = info.node
    this.#countImages(old, node)
    info.setNode(node)
    if (old && old.metadata.labels === node.metadata.labels && old.spec === node.spec && old.status.allocatable === node.status.allocatable) return
    this.generation++
    if (old && old.metadata.labels === node.metadata.labels) return
    this.#order = undefined
    this.#labels.clear()
    this.index.forgetDomains()
  }

  removeNode(name: string): void {
    const info = this.#infos.get(name)
    if (!info) return
    this.#countImages(info.node, undefined)
    info.node = undefined
    if (info.pods.size === 0) this.#infos.delete(name)
    this.#order = undefined
    this.#labels.clear()
    this.generation++
    this.index.forgetDomains()
  }

  placed(key: string): PodAccount | undefined {
    return this.#accounts.get(key)
  }

  /** Whether any node has a label. */
  hasLabel(key: string): boolean {
    let has = this.#labels.get(key)
    if (has === undefined) this.#labels.set(key, (has = this.nodes().some((info) => info.label(key) !== undefined)))
    return has
  }

  place(pod: Pod, node: string): void {
    const key = keyOf(pod)
    const former = this.#accounts.get(key)
    if (former && (former.info.name !== node || former.pod.metadata.labels !== pod.metadata.labels || former.pod.metadata.uid !== pod.metadata.uid)) this.unplace(former)
    else if (former) {
      if (former.live && pod.metadata.deletionTimestamp) {
        former.live = false
        this.index.dying(former.group, former.info)
      }
      former.pod = pod
      return
    }
    const info = this.info(node)
    this.#count(accountOf(pod, info, this.#group(pod, info)))
  }

  /** Takes an {@link unplace} back. */
  restore(account: PodAccount): void {
    account.group = this.#group(account.pod, account.info)
    this.#count(account)
  }

  #group(pod: Pod, info: NodeInfo): LabelGroup {
    return this.index.add(pod.metadata.namespace, pod.metadata.labels ?? {}, info, !pod.metadata.deletionTimestamp)
  }

  #count(account: PodAccount): void {
    this.#accounts.set(account.key, account)
    account.info.add(account)
    this.terms.count(account.pod, account.info, 1)
  }

  unplace(account: PodAccount): void {
    this.#accounts.delete(account.key)
    account.info.remove(account)
    this.terms.count(account.pod, account.info, -1)
    this.index.remove(account.group, account.info, account.live)
    if (!account.info.node && account.info.pods.size === 0) this.#infos.delete(account.info.name)
  }

  // ---- nominations -------------------------------------------------------------------------------------------

  nominate(pod: Pod, node: string): void {
    this.denominate(pod)
    const pods = this.#nominated.get(node)
    if (pods) pods.set(keyOf(pod), pod)
    else this.#nominated.set(node, new Map([[keyOf(pod), pod]]))
  }

  denominate(pod: Pod): void {
    for (const [node, pods] of this.#nominated) if (pods.delete(keyOf(pod)) && pods.size === 0) this.#nominated.delete(node)
  }

  nominated(node: string): Iterable<Pod> {
    return this.#nominated.get(node)?.values() ?? []
  }

  /** Pods nominated for a node that go before this one. */
  rivals(pod: Pod, node: string): Pod[] {
    if (this.#nominated.size === 0) return []
    return [...this.nominated(node)].filter((p) => p.metadata.uid !== pod.metadata.uid && priorityOf(p) >= priorityOf(pod))
  }

  // ---- images ------------------------------------------------------------------------------------------------

  image(name: string): { size: number; nodes: number } | undefined {
    return this.#images.get(name)
  }

  #countImages(old: Node | undefined, node: Node | undefined): void {
    if (old?.status.images === node?.status.images) return
    for (const [images, sign] of [[old?.status.images, -1], [node?.status.images, 1]] as const) {
      for (const { names, sizeBytes = 0 } of images ?? []) {
        for (const name of names ?? []) {
          const entry = this.#images.get(name) ?? { size: sizeBytes, nodes: 0 }
          this.#images.set(name, { size: sizeBytes, nodes: entry.nodes + sign })
        }
      }
    }
  }

  // ---- affinity terms ----------------------------------------------------------------------------------------

  /** The Pods that a term selects; undefined: none, ever. */
  selected(term: AffinityTerm): SelectorCount | undefined {
    return term.selector && this.index.counts(this.namespacesOf(term), term.selector)
  }

  /** Undefined: all of them. */
  namespacesOf(term: AffinityTerm): ReadonlySet<string> | undefined {
    if (!term.namespaceSelector) return term.namespaces
    if (term.namespaceSelector.empty) return undefined
    const all = new Set(term.namespaces)
    for (const namespace of this.listers.namespaces()) if (term.namespaceSelector.matches(namespace.metadata.labels)) all.add(namespace.metadata.name)
    return all
  }
}
