import type { Machine, Process } from './types.ts'

/** capabilities(7), those that something here asks for. */
export type Capability = 'NET_ADMIN' | 'NET_RAW' | 'NET_BIND_SERVICE' | 'SYS_ADMIN' | 'SYS_CHROOT'

const ALL: readonly Capability[] = ['NET_ADMIN', 'NET_RAW', 'NET_BIND_SERVICE', 'SYS_ADMIN', 'SYS_CHROOT']
/** Of containerd's default set (pkg/oci/spec.go defaultUnixCaps). */
const CONTAINER_DEFAULT: readonly Capability[] = ['NET_RAW', 'NET_BIND_SERVICE', 'SYS_CHROOT']

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
  const kept = new Set<Capability>(drop.includes('ALL') ? [] : CONTAINER_DEFAULT.filter((c) => !drop.includes(c)))
  for (const c of ALL) if (add.includes('ALL') ? !drop.includes(c) : add.includes(c)) kept.add(c)
  return kept
}

/** Numbers of capabilities(7) among {@link ALL}. */
const BITS: readonly (readonly [Capability, bigint])[] = [['NET_BIND_SERVICE', 10n], ['NET_ADMIN', 12n], ['NET_RAW', 13n], ['SYS_CHROOT', 18n], ['SYS_ADMIN', 21n]]
const EVERYTHING = 0x1ffffffffffn
/** What containerd leaves a container. */
const DEFAULT_MASK = 0xa80425fbn

/** The mask as /proc/PID/status has it. A container without any of the default ones that are known here has dropped all. */
export function capabilityMask(kept: ReadonlySet<string> | undefined): string {
  let mask = kept === undefined ? EVERYTHING : CONTAINER_DEFAULT.some((c) => kept.has(c)) ? DEFAULT_MASK : 0n
  if (kept) for (const [name, bit] of BITS) mask = kept.has(name) ? mask | (1n << bit) : mask & ~(1n << bit)
  return mask.toString(16).padStart(16, '0')
}
