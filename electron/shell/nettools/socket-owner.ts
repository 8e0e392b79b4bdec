import type { Process, SocketInfo } from '../../engine/cluster.ts'
import { commandName } from '../../engine/machine/proc-process.ts'

/**
 * Whose socket it is, under the number that its process has where somebody looks: on a node, and from there in a Pod's network
 * namespace, the programs of Pods have other numbers than in their containers.
 */
export function socketOwner(process: Process | undefined, { owner }: SocketInfo): SocketInfo['owner'] {
  if (!owner || !process || process.machine.kind === 'container') return owner
  const name = commandName({ argv: [owner.program] })
  for (const entry of process.machine.pids.table().values()) {
    if (entry.network === process.network && entry.process?.pid === owner.pid && commandName(entry) === name) return { ...owner, pid: entry.pid }
  }
  return owner
}
