import type { Cluster } from '../engine/cluster.ts'
import { registerHop } from './hop/index.ts'
import { registerShell } from './index.ts'
import { registerKubectl } from './kubectl/index.ts'
import { registerNettools } from './nettools/index.ts'
import { registerNodeTools } from './nodetools/index.ts'

/** Every program of this room, for all machines of a cluster. */
export function registerPrograms(cluster: Cluster): void {
  registerShell(cluster.programs)
  registerNettools(cluster.programs)
  registerKubectl(cluster)
  registerHop(cluster)
  registerNodeTools(cluster)
}
