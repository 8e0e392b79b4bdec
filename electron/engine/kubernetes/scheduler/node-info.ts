import { own } from '../../own.ts'
import { portsCollide } from '../controllers/node-fit.ts'
import type { Node } from '../types.ts'
import type { PodAccount } from './pod-account.ts'
import { allocatableOf, type Allocatable, type Amounts, type Demand, type HostPort } from './resources.ts'

/** A node with the Pods that are on it or on their way to it: pkg/scheduler/framework NodeInfo. */
export class NodeInfo {
  readonly name: string
  /** Absent: Pods stand on a node that does not exist (any more). */
  node: Node | undefined
  allocatable: Allocatable = { cpu: 0, memory: 0, storage: 0, pods: 0, other: new Map() }
  readonly requested = { cpu: 0, memory: 0, storage: 0 }
  readonly requestedOther = new Map<string, number>()
  readonly scored = { cpu: 0, memory: 0 }
  readonly pods = new Map<string, PodAccount>()
  /** Its label kubernetes.io/hostname. */
  hostname: string | undefined
  /** Neither cordoned nor tainted. */
  open = false
  #ports: HostPort[] | undefined
  /**
   * The demand that was asked about last, which the Pods of a moment share, and the answers: thousands of nodes are asked
   * again for each Pod, and only that of the last one has changed.
   */
  #asked: Demand | undefined
  #fits: boolean | undefined
  #score: number | undefined

  constructor(name: string) {
    this.name = name
  }

  setNode(node: Node): void {
    if (node.status.allocatable !== this.node?.status.allocatable) this.allocatable = allocatableOf(node)
    this.node = node
    this.hostname = this.label('kubernetes.io/hostname')
    this.open = !node.spec.unschedulable && !node.spec.taints?.length
    this.#asked = undefined
  }

  /** Whether what a Pod takes is free here; why not is not said. */
  fits(demand: Demand): boolean {
    if (this.#asked !== demand) this.#forget(demand)
    return (this.#fits ??= this.#hasRoom(demand.requests))
  }

  /** The score of a demand, which depends on nothing but this node's allocatable and {@link scored}. */
  score(demand: Demand, make: (demand: Demand, info: NodeInfo) => number): number {
    if (this.#asked !== demand) this.#forget(demand)
    return (this.#score ??= make(demand, this))
  }

  #forget(demand: Demand): void {
    this.#asked = demand
    this.#fits = undefined
    this.#score = undefined
  }

  #hasRoom({ cpu, memory, storage, other }: Amounts): boolean {
    const { allocatable, requested, requestedOther } = this
    const has = (wanted: number, limit: number, used: number): boolean => wanted === 0 || wanted <= limit - used
    if (this.pods.size >= allocatable.pods || !has(cpu, allocatable.cpu, requested.cpu) || !has(memory, allocatable.memory, requested.memory) || !has(storage, allocatable.storage, requested.storage)) return false
    for (const [name, n] of other) if (!has(n, allocatable.other.get(name) ?? 0, requestedOther.get(name) ?? 0)) return false
    return true
  }

  label(key: string): string | undefined {
    return own(this.node?.metadata.labels, key)
  }

  add(pod: PodAccount): void {
    this.pods.set(pod.key, pod)
    this.#count(pod.demand, 1)
  }

  remove(pod: PodAccount): void {
    if (this.pods.delete(pod.key)) this.#count(pod.demand, -1)
  }

  /** Whether a Pod of this node has one of the ports. */
  occupies(wanted: readonly HostPort[]): boolean {
    this.#ports ??= [...this.pods.values()].flatMap((p) => p.demand.ports)
    return this.#ports.length > 0 && portsCollide([...wanted], this.#ports)
  }

  #count({ requests, scored, ports }: Demand, sign: 1 | -1): void {
    this.#asked = undefined
    this.requested.cpu += sign * requests.cpu
    this.requested.memory += sign * requests.memory
    this.requested.storage += sign * requests.storage
    for (const [name, n] of requests.other) this.requestedOther.set(name, (this.requestedOther.get(name) ?? 0) + sign * n)
    this.scored.cpu += sign * scored.cpu
    this.scored.memory += sign * scored.memory
    if (ports.length > 0) this.#ports = undefined
  }
}
