import { hostPortsOf } from '../controllers/node-fit.ts'
import { milliValue } from '../schema/quantity.ts'
import type { Node, Pod, PodSpec } from '../types.ts'

/** CPU in thousandths, memory and ephemeral storage in bytes, everything else ("nvidia.com/gpu") in pieces. */
export interface Amounts {
  cpu: number
  memory: number
  storage: number
  other: ReadonlyMap<string, number>
}

/** What a Pod takes of a node; Pods that ask for the same share one. */
export interface Demand {
  readonly requests: Amounts
  /** What counts when nodes are scored: a container that asks for nothing is taken to use a little. */
  readonly scored: { cpu: number; memory: number }
  readonly ports: readonly HostPort[]
}
export type HostPort = ReturnType<typeof hostPortsOf>[number]

/** pkg/scheduler/util GetNonzeroRequests, for each container. */
const DEFAULT_CPU = 100
const DEFAULT_MEMORY = 200 * 1024 * 1024
const NO_OTHERS: ReadonlyMap<string, number> = new Map()

interface ContainerLike { resources?: { requests?: { [name: string]: string } }; restartPolicy?: string }

function amount(name: string, quantity: unknown): number {
  return milliValue(String(quantity)) / (name === 'cpu' ? 1 : 1000)
}

/**
 * k8s.io/component-helpers/resource PodRequests of one resource: the containers and sidecars together, or the largest
 * init container with the sidecars that were started before it, and the runtime's overhead.
 */
function sumOf(spec: PodSpec, name: string, missing: number): number {
  const of = (c: ContainerLike): number => (c.resources?.requests?.[name] === undefined ? missing : amount(name, c.resources.requests[name]))
  let total = 0
  for (const c of spec.containers as ContainerLike[]) total += of(c)
  let sidecars = 0
  let peak = 0
  for (const c of (spec.initContainers ?? []) as ContainerLike[]) {
    if (c.restartPolicy === 'Always') {
      sidecars += of(c)
      peak = Math.max(peak, sidecars)
    } else peak = Math.max(peak, sidecars + of(c))
  }
  const overhead = spec.overhead?.[name]
  return Math.max(total + sidecars, peak) + (overhead === undefined ? 0 : amount(name, overhead))
}

const interned = new Map<string, Demand>()
const MOST_INTERNED = 10_000

export function demandOf(pod: Pod): Demand {
  const { spec } = pod
  const containers = [...spec.containers, ...(spec.initContainers ?? [])] as ContainerLike[]
  const key = JSON.stringify([containers.map((c) => [c.resources?.requests, c.restartPolicy]), spec.overhead, spec.containers.length, hostPortsOf(pod)])
  let demand = interned.get(key)
  if (demand) return demand
  const names = new Set(containers.flatMap((c) => Object.keys(c.resources?.requests ?? {})))
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) names.delete(name)
  demand = {
    requests: {
      cpu: sumOf(spec, 'cpu', 0),
      memory: sumOf(spec, 'memory', 0),
      storage: sumOf(spec, 'ephemeral-storage', 0),
      other: names.size === 0 ? NO_OTHERS : new Map([...names].sort().map((name) => [name, sumOf(spec, name, 0)])),
    },
    scored: { cpu: sumOf(spec, 'cpu', DEFAULT_CPU), memory: sumOf(spec, 'memory', DEFAULT_MEMORY) },
    ports: hostPortsOf(pod),
  }
  // what it holds can be found out again
  if (interned.size >= MOST_INTERNED) interned.clear()
  interned.set(key, demand)
  return demand
}

export interface Allocatable extends Amounts { pods: number }

export function allocatableOf(node: Node): Allocatable {
  const all = node.status.allocatable ?? {}
  const of = (name: string): number => (all[name] === undefined ? 0 : amount(name, all[name]))
  const others = Object.keys(all).filter((name) => !['cpu', 'memory', 'ephemeral-storage', 'pods'].includes(name))
  return { cpu: of('cpu'), memory: of('memory'), storage: of('ephemeral-storage'), pods: of('pods'), other: new Map(others.map((name) => [name, of(name)])) }
}
