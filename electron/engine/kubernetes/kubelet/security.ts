import type { Image } from '../../programs/types.ts'
import type { Credentials } from '../../machine/types.ts'
import type { Container, Pod } from '../types.ts'
import { ConfigError } from './environment.ts'
import { podText } from './host.ts'
import type { ContainerUser } from './record.ts'

/** Whom a container runs as: its security context, its Pod's, its image (pkg/securitycontext). */
export function identityOf(pod: Pod, container: Container, image: Image): Credentials {
  const uid = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser
  const gid = container.securityContext?.runAsGroup ?? pod.spec.securityContext?.runAsGroup
  const { fsGroup, supplementalGroups = [] } = pod.spec.securityContext ?? {}
  // the kernel keeps them sorted
  const others = [...new Set([...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups])].sort((a, b) => a - b)
  const groups = others.length > 0 ? { groups: others } : undefined
  if (uid === undefined) return gid === undefined && !groups ? image.user : { ...image.user, ...(gid === undefined ? {} : { gid }), ...groups }
  return { uid, gid: gid ?? 0, name: uid === 0 ? 'root' : String(uid), ...groups }
}

/** pkg/kubelet/kuberuntime verifyRunAsNonRoot. Throws {@link ConfigError}. */
export function verifyNonRoot(pod: Pod, container: Container, image: Image): void {
  const own = container.securityContext
  const shared = pod.spec.securityContext
  if (!(own?.runAsNonRoot ?? shared?.runAsNonRoot)) return
  const where = `(pod: "${podText(pod)}", container: ${container.name})`
  const uid = own?.runAsUser ?? shared?.runAsUser
  if (uid === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`)
  if (uid !== undefined) return
  if (image.user.uid === 0) throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`)
  if (!/^\d+$/.test(image.user.name)) throw new ConfigError(`container has runAsNonRoot and image has non-numeric user (${image.user.name}), cannot verify user is non-root ${where}`)
}

const users = new Map<string, ContainerUser>()

/** For the container's status; those that are alike are one object. */
export function containerUser(pod: Pod, user: { uid: number; gid: number }): ContainerUser {
  const { fsGroup, supplementalGroups = [] } = pod.spec.securityContext ?? {}
  const groups = [...new Set([user.gid, ...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups])]
  const key = `${user.uid} ${user.gid} ${groups.join(' ')}`
  let found = users.get(key)
  if (!found) users.set(key, (found = { linux: { gid: user.gid, supplementalGroups: groups, uid: user.uid } }))
  return found
}

/** What a Pod may set without a word to the kubelet (pkg/kubelet/sysctl safe_sysctls.go, kernel 6.1). */
const SAFE_SYSCTLS = new Set([
  'kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports', 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem',
])

export function sysctlName(name: string): string {
  return name.replaceAll('/', '.')
}

/** The first that this node does not allow. */
export function forbiddenSysctl(pod: Pod): string | undefined {
  return pod.spec.securityContext?.sysctls?.map((s) => sysctlName(s.name)).find((name) => !SAFE_SYSCTLS.has(name))
}
