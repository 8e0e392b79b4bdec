import type { NetworkNamespace } from '../network/types.ts'
import type { ProcessEntry } from './types.ts'

/** Inodes of the namespaces that a kernel of Debian 12 is born with (/proc/1/ns). */
const INITIAL = { cgroup: 4026531835, ipc: 4026531839, mnt: 4026531841, net: 4026531840, pid: 4026531836, time: 4026531834, user: 4026531837, uts: 4026531838 } as const
/** Where the numbers of containers' other namespaces begin; that of a network namespace is its own. */
const LATER = 4030000000

/** The inode of a network namespace as its machine's kernel shows it: every machine is born with one of the same number. */
export function networkInode(network: NetworkNamespace): number {
  return network.kind === 'pod' ? network.id : INITIAL.net
}

/** What the links in /proc/PID/ns point to: "net:[4026532261]" (namespaces(7)). */
export function namespaceLinks({ machine, network }: ProcessEntry): Record<string, string> {
  const first = machine.kind === 'container' ? LATER + 8 * numberOf(machine.name) : undefined
  const inode = (kind: keyof typeof INITIAL, offset?: number): string => `${kind}:[${first === undefined || offset === undefined ? INITIAL[kind] : first + offset}]`
  return {
    cgroup: inode('cgroup', 4), ipc: inode('ipc', 2), mnt: inode('mnt', 0), net: `net:[${networkInode(network)}]`, pid: inode('pid', 3), pid_for_children: inode('pid', 3),
    time: inode('time'), time_for_children: inode('time'), user: inode('user'), uts: inode('uts', 1),
  }
}

/** The same for the same name: below 2^24. */
function numberOf(name: string): number {
  let sum = 7
  for (let i = 0; i < name.length; i++) sum = (sum * 31 + name.charCodeAt(i)) % 16_777_216
  return sum
}
