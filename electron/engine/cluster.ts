import { SimulatedCluster } from './assembly/simulated-cluster.ts'
import type { ClusterConfig } from './config.ts'
import type { Cluster } from './facade.ts'

export * from './exports.ts'
export type { Cluster, HostPorts, TimeControl } from './facade.ts'

/** A new cluster, its system Pods on their way: `settle` brings them up. `epoch`: its wall clock, in ms since 1970; by default always the same. */
export function createCluster(config: ClusterConfig, epoch?: number): Cluster {
  return new SimulatedCluster(config, epoch)
}
