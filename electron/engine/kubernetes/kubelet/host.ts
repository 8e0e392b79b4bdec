import type { CniPlugin, NodeContext } from '../../cni/types.ts'
import type { MemoryFilesystem } from '../../machine/filesystem.ts'
import type { Random } from '../../random.ts'
import type { EventRecorder } from '../controllers/events.ts'
import type { Pod } from '../types.ts'
import type { HostFacts, Sources } from './environment.ts'
import type { ImageManager } from './image-manager.ts'
import type { ReservedNetwork } from './sandbox.ts'

/** What the kubelet gives to its Pods' workers. */
export interface PodHost extends Sources {
  readonly context: NodeContext
  readonly fs: MemoryFilesystem
  readonly plugin: CniPlugin
  /** The place of a Pod's network namespace. */
  reserveSandboxNetwork(name: string): ReservedNetwork
  /** The kubelet does not run: what happens is not acted on. */
  readonly stopped: boolean
  /** Since when containerd does not answer, in virtual ms. */
  readonly runtimeDown: number | undefined
  /** Either: nothing is done with containers. */
  readonly idle: boolean
  readonly random: Random
  readonly formerSandboxes: Map<string, string>
  readonly images: ImageManager
  readonly events: EventRecorder
  readonly clusterDns: readonly string[]
  /** The node's addresses, the primary family's first. */
  readonly nodeIps: readonly string[]
  readonly capacity: { cpu: number; memory: number }
  /** What of the Pod's requests is more than the whole node has. */
  tooLarge(pod: Pod): string | undefined
  /** A Pod's status has to be written. */
  changed(worker: object): void
  /** Its containers have ended for good; what it had is free. */
  ended(worker: object): void
  /** Nothing is left of the Pod on this node. */
  finished(worker: object): void
}

export function factsFor(host: PodHost, ips: readonly string[]): HostFacts {
  return { nodeName: host.context.name, hostIPs: host.nodeIps, podIPs: ips, ...host.capacity }
}

export function podText(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`
}
