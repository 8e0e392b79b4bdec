import { hostPortsOf, requestsOf, type Requests } from '../controllers/node-fit.ts'
import { milliValue } from '../schema/quantity.ts'
import type { Node, Pod, PodSpec } from '../types.ts'

/** What Pods without requests count as when nodes are scored: pkg/scheduler/util GetNonzeroRequests. */
const DEFAULT_CPU = 100
const DEFAULT_MEMORY = 200 * 1024 * 1024

interface Account { requests: Requests; score: Requests; ports: ReturnType<typeof hostPortsOf>; owner: string }

/** A node with the Pods that are on it or on their way to it: pkg/scheduler/framework NodeInfo. */
export class NodeInfo {
  node: Node | undefined
  readonly requested: Requests = { cpu: 0, memory: 0 }
  readonly scored: Requests = { cpu: 0, memory: 0 }
  readonly #pods = new Map<string, Account>()
  readonly #owners = new Map<string, number>()

  get podCount(): number {
    return this.#pods.size
  }

  get ports(): ReturnType<typeof hostPortsOf> {
    return [...this.#pods.values()].flatMap((a) => a.ports)
  }

  allocatable(name: 'cpu' | 'memory' | 'pods'): number {
    const text = this.node?.status.allocatable?.[name]
    if (text === undefined) return 0
    return name === 'cpu' ? milliValue(String(text)) : milliValue(String(text)) / 1000
  }

  /** Pods of one owner on this node. */
  siblings(owner: string): number {
    return this.#owners.get(owner) ?? 0
  }

  add(key: string, pod: Pod): void {
    if (this.#pods.has(key)) return
    const account: Account = { requests: requestsOf(pod.spec), score: scoreRequests(pod.spec), ports: hostPortsOf(pod), owner: ownerKey(pod) }
    this.#pods.set(key, account)
    this.#count(account, 1)
  }

  remove(key: string): void {
    const account = this.#pods.get(key)
    if (!account) return
    this.#pods.delete(key)
    this.#count(account, -1)
  }

  #count(account: Account, sign: 1 | -1): void {
    this.requested.cpu += sign * account.requests.cpu
    this.requested.memory += sign * account.requests.memory
    this.scored.cpu += sign * account.score.cpu
    this.scored.memory += sign * account.score.memory
    this.#owners.set(account.owner, (this.#owners.get(account.owner) ?? 0) + sign)
  }
}

export function scoreRequests(spec: PodSpec): Requests {
  const { cpu, memory } = requestsOf(spec)
  return { cpu: cpu || DEFAULT_CPU * spec.containers.length, memory: memory || DEFAULT_MEMORY * spec.containers.length }
}

/** Pods are spread by who made them; lone Pods by their labels. */
export function ownerKey(pod: Pod): string {
  const owner = pod.metadata.ownerReferences?.find((o) => o.controller)
  return owner ? owner.uid : `${pod.metadata.namespace}/${JSON.stringify(pod.metadata.labels ?? {})}`
}
