import { own } from '../../own.ts'
import { portsCollide } from '../controllers/node-fit.ts'
import type { Node } from '../types.ts'
import type { PodAccount } from './pod-account.ts'
import { allocatableOf, type Allocatable, type Demand, type HostPort } from './resources.ts'

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
  #ports: HostPort[] | undefined

  constructor(name: string) {
    this.name = name
  }

  setNode(node: Node): void {
    if (node.status.allocatable !== this.node?.status.allocatable) this.allocatable = allocatableOf(node)
    this.node = node
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
    this.requested.cpu += sign * requests.cpu
    this.requested.memory += sign * requests.memory
    this.requested.storage += sign * requests.storage
    for (const [name, n] of requests.other) this.requestedOther.set(name, (this.requestedOther.get(name) ?? 0) + sign * n)
    this.scored.cpu += sign * scored.cpu
    this.scored.memory += sign * scored.memory
    if (ports.length > 0) this.#ports = undefined
  }
}
