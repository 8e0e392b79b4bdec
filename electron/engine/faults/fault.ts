import type { Clock } from '../clock.ts'
import type { ClusterConfig } from '../config.ts'
import type { Kubelet } from '../kubernetes/kubelet/kubelet.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import type { Machine } from '../machine/types.ts'
import type { Namespace } from '../network/namespace.ts'
import type { Nic, Switch } from '../network/switch.ts'

/** Contract of the faults (design 5.4): something broken on purpose, in the real thing and never in an answer about it. */

/** What is wrong with a wish, as a sentence that says what is allowed. The state is what it was. */
export class FaultError extends Error {
  override name = 'FaultError'
}

/** A machine of the cluster, as far as faults take it in hand. */
export interface FaultNode {
  readonly name: string
  readonly role: 'control-plane' | 'worker'
  readonly machine: Machine
  readonly network: Namespace
  readonly nic: Nic
  readonly kubelet: Kubelet
  readonly on: boolean
  powerOff(): void
  powerOn(): void
  /** The plugin's agent where it is a part of the node and has no Pod. */
  stopAgent(): void
  startAgent(): void
}

export interface FaultWorld {
  readonly clock: Clock
  readonly config: ClusterConfig
  /** The objects themselves, whether or not anybody reaches the API server. */
  readonly client: KubernetesClient
  readonly nodes: ReadonlyMap<string, FaultNode>
  /** The wire of the nodes, and the router's port on it. */
  readonly underlay: Switch
  readonly router: Nic
  /** The program of the network plugin's Pods; undefined where its agent is a part of the node. */
  readonly agentProgram: string | undefined
  /** Breaks ways to the API server, those of the named nodes or all, until the same cause is unblocked. */
  blockApi(cause: string, error: ApiTrouble, nodes?: readonly string[]): void
  /** `fresh`: the node whose programs have just been started. */
  unblockApi(cause: string, nodes?: readonly string[], fresh?: string): void
}

export type ApiTrouble = 'connect: connection refused' | 'connect: no route to host' | 'i/o timeout'

/** What stands on the command line after the fault's name, checked for its form. */
export interface FaultArguments {
  readonly places: readonly string[]
  /** Every option that the fault has, given or by default. */
  readonly options: Readonly<Record<string, string>>
}

/** A fault in effect. */
export interface FaultEffect {
  /** A sentence without its full stop: "worker-1 is switched off". */
  readonly text: string
  /** Nodes that it shows at. */
  readonly nodes: readonly string[]
  /** The wire that it shows at, by its machines; `cut`: nothing passes. `word` is what stands at it: "cut", "20% loss". */
  readonly wire?: { readonly a: string; readonly b: string; readonly cut: boolean; readonly word: string }
  /** Whether the thing is still broken: somebody may have mended it by hand. */
  broken(): boolean
  /** Mends what was broken, and nothing else. */
  clear(): void
}

export interface FaultKind {
  readonly name: string
  /** The placeholders of its arguments: NODE, A, B, CIDR. */
  readonly places: readonly Place[]
  readonly options: readonly { readonly name: string; readonly value: string; readonly preset: string; readonly about: string }[]
  /** One line for the list. */
  readonly summary: string
  /** What it breaks and what would mend it in a real cluster, for --help; lines of at most 100 characters. */
  readonly help: readonly string[]
  /** Where two of a pair are alike, their order does not matter. */
  readonly symmetric?: boolean
  /** Throws {@link FaultError}. `done`: the fault is over by itself. */
  apply(world: FaultWorld, given: FaultArguments, done: () => void): FaultEffect
}

/** NODE: a node. MACHINE: a node, or "outside" (the router). CIDR: a prefix. */
export type Place = 'NODE' | 'MACHINE' | 'CIDR'

/** The router's name where a machine may be meant. */
export const OUTSIDE = 'outside'

export function nodeOf(world: FaultWorld, name: string): FaultNode {
  return world.nodes.get(name)!
}

/** A node that runs; a switched-off machine has nothing to break. */
export function runningNode(world: FaultWorld, name: string): FaultNode {
  const node = nodeOf(world, name)
  if (!node.on) throw new FaultError(`${name} is switched off, so there is nothing on it to break: clear node-down/${name} first`)
  return node
}

export function controlPlaneOf(world: FaultWorld): FaultNode {
  return [...world.nodes.values()].find((n) => n.role === 'control-plane')!
}
