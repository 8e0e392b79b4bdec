import type { Cluster } from '../../engine/cluster.ts'
import { crictl } from './crictl/index.ts'

/** Registers what an administrator uses on a node besides the network tools. */
export function registerNodeTools(cluster: Cluster): void {
  cluster.programs.register('crictl', crictl(cluster))
}
