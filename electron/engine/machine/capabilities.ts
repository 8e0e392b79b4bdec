import type { Machine, Process } from './types.ts'

/** By their numbers in capabilities(7). */
const NAMES = [
  'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER', 'SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE',
  'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF', 'CHECKPOINT_RESTORE',
] as const
export type Capability = (typeof NAMES)[number]

/** Of containerd (pkg/oci/spec.go defaultUnixCaps). */
const CONTAINER_DEFAULT: ReadonlySet<Capability> = new Set(['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP', 'SETPCAP', 'NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'])

/** Whether the kernel lets a process do what needs this: root may, as far as its container may. */
export function capable(process: Process, capability: Capability): boolean {
  return process.user.uid === 0 && (process.capabilities?.has(capability) ?? true)
}

/** What a container gets; undefined: everything. */
export function containerCapabilities(context: { privileged?: boolean; capabilities?: { add?: readonly string[]; drop?: readonly string[] } } | undefined): Machine['capabilities'] {
  if (context?.privileged) return undefined
  const listed = (names: readonly string[] = []): readonly string[] => names.map((n) => n.toUpperCase().replace(/^CAP_/, ''))
  const drop = listed(context?.capabilities?.drop)
  const add = listed(context?.capabilities?.add)
  // most containers say nothing, and share one set
  if (add.length + drop.length === 0) return CONTAINER_DEFAULT
  const kept = new Set<Capability>(drop.includes('ALL') ? [] : [...CONTAINER_DEFAULT].filter((c) => !drop.includes(c)))
  for (const c of NAMES) if (add.includes('ALL') ? !drop.includes(c) : add.includes(c)) kept.add(c)
  return kept
}

/** The mask as /proc/PID/status has it. */
export function capabilityMask(kept: ReadonlySet<string> | undefined): string {
  return NAMES.reduce((mask, name, bit) => (kept?.has(name) ?? true ? mask | (1n << BigInt(bit)) : mask), 0n).toString(16).padStart(16, '0')
}
