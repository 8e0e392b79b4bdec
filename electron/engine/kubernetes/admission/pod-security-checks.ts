import type * as core from 'kubernetes-types/core/v1'
import { quote } from '../json.ts'

/** What a check has against a Pod: the reason in a word, and in brackets what it found. */
export interface Violation { reason: string; detail: string }

type Spec = core.PodSpec
type Annotations = Readonly<Record<string, string>>
type Container = Pick<core.Container, 'name' | 'securityContext' | 'ports'>

interface Check {
  level: 'baseline' | 'restricted'
  /** From this version on a stricter one replaces it at the level restricted. */
  overriddenSince?: number
  /** The first version v1.N of the policy that has it. */
  since: number
  run(spec: Spec, version: number, annotations: Annotations): Violation | undefined
}

/** Containers in the order of upstream's visitContainers. */
const containersOf = ({ initContainers = [], containers, ephemeralContainers = [] }: Spec): readonly Container[] => [...initContainers, ...containers, ...ephemeralContainers]
/** In quotes, nothing escaped: joinQuote of upstream's helpers.go. */
const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')
const sorted = (values: Iterable<string>): string[] => [...new Set(values)].sort()
const named = (names: readonly string[]): string => `${names.length === 1 ? 'container' : 'containers'} ${quoted(names)}`
const isWindows = (spec: Spec): boolean => (spec as { os?: { name?: string } }).os?.name === 'windows'

function bad(spec: Spec, is: (container: Container) => boolean | undefined): string[] {
  return containersOf(spec).filter(is).map(({ name }) => name)
}

/** Those that set a field of the securityContext to what they must not: "pod and containers "a", "b"", and the values. */
function setters<T>(spec: Spec, read: (context: NonNullable<Container['securityContext']>) => T | undefined, isBad: (value: T) => boolean): { who: string; values: T[] } {
  const values: T[] = []
  const sets = (context: unknown): boolean => {
    const value = context ? read(context as NonNullable<Container['securityContext']>) : undefined
    if (value === undefined || value === null || !isBad(value)) return false
    values.push(value)
    return true
  }
  const pod = sets(spec.securityContext) ? ['pod'] : []
  const names = bad(spec, (c) => sets(c.securityContext))
  return { who: [...pod, ...(names.length > 0 ? [named(names)] : [])].join(' and '), values }
}

const DEFAULT_CAPABILITIES = new Set(['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'])
const SAFE_SYSCTLS: readonly (readonly [since: number, names: readonly string[]])[] = [
  [0, ['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start']],
  [27, ['net.ipv4.ip_local_reserved_ports']],
  [29, ['net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes']],
  [32, ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']],
]
const RESTRICTED_VOLUMES = new Set(['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'])
/** In this order one is named where a volume has more than one; others are "unknown". */
const VOLUME_TYPES = [
  'hostPath', 'gcePersistentDisk', 'awsElasticBlockStore', 'gitRepo', 'nfs', 'iscsi', 'glusterfs', 'rbd', 'flexVolume', 'cinder', 'cephfs', 'flocker', 'fc', 'azureFile', 'vsphereVolume', 'quobyte', 'azureDisk',
  'photonPersistentDisk', 'portworxVolume', 'scaleIO', 'storageos',
]
const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t']
const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/'
const SECCOMP_ANNOTATION = 'seccomp.security.alpha.kubernetes.io/pod'
const CONTAINER_SECCOMP_ANNOTATION = 'container.seccomp.security.alpha.kubernetes.io/'

const goodProfile = (type: string | undefined): boolean => type === 'RuntimeDefault' || type === 'Localhost'

function seccompSet(spec: Spec): Violation | undefined {
  const { who, values } = setters(spec, (c) => c.seccompProfile?.type as string | undefined, (type) => !goodProfile(type))
  return who ? { reason: 'seccompProfile', detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(sorted(values))}` } : undefined
}

/** Before v1.19 the profiles were annotations. */
function seccompAnnotated(spec: Spec, annotations: Annotations): Violation | undefined {
  const keys = [SECCOMP_ANNOTATION, ...containersOf(spec).map(({ name }) => `${CONTAINER_SECCOMP_ANNOTATION}${name}`)]
  const isGood = (value: string): boolean => value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/')
  const found = sorted(keys.filter((key) => annotations[key] !== undefined && !isGood(annotations[key])).map((key) => `${key}=${quote(annotations[key]!)}`))
  return found.length > 0 ? { reason: 'seccompProfile', detail: `forbidden annotation${found.length === 1 ? '' : 's'} ${found.join(', ')}` } : undefined
}

function adding(spec: Spec, allowed: (capability: string) => boolean): string | undefined {
  const found: string[] = []
  const names = bad(spec, ({ securityContext }) => {
    const added = (securityContext?.capabilities?.add ?? []).filter((c) => !allowed(c))
    found.push(...added)
    return added.length > 0
  })
  return names.length > 0 ? `${named(names)} must not include ${quoted(sorted(found))} in securityContext.capabilities.add` : undefined
}

/** In the order in which they are told: that of upstream's files. k8s.io/pod-security-admission/policy (v1.33), the Pod Security Standards. */
const CHECKS: readonly Check[] = [
  { level: 'restricted', since: 8, run(spec, version) {
    if (version >= 25 && isWindows(spec)) return undefined
    const names = bad(spec, (c) => c.securityContext?.allowPrivilegeEscalation !== false)
    return names.length > 0 ? { reason: 'allowPrivilegeEscalation != false', detail: `${named(names)} must set securityContext.allowPrivilegeEscalation=false` } : undefined
  } },
  { level: 'baseline', since: 0, run(spec, _version, annotations) {
    const { who, values } = setters(spec, (c) => (c as { appArmorProfile?: { type?: string } }).appArmorProfile?.type, (type) => !goodProfile(type))
    const written = Object.entries(annotations).filter(([key, value]) => key.startsWith(APPARMOR_ANNOTATION) && value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/'))
    const found = [...sorted(values), ...sorted(written.map(([key, value]) => `${key}=${quote(value)}`))]
    const setting = [who, written.length === 0 ? '' : written.length === 1 ? 'annotation' : 'annotations'].filter(Boolean).join(' and ')
    return setting ? { reason: `forbidden AppArmor profile${found.length === 1 ? '' : 's'}`, detail: `${setting} must not set AppArmor profile type to ${quoted(found)}` } : undefined
  } },
  { level: 'baseline', overriddenSince: 22, since: 0, run(spec) {
    const detail = adding(spec, (c) => DEFAULT_CAPABILITIES.has(c))
    return detail === undefined ? undefined : { reason: 'non-default capabilities', detail }
  } },
  { level: 'restricted', since: 22, run(spec, version) {
    if (version >= 25 && isWindows(spec)) return undefined
    const keeping = bad(spec, (c) => !c.securityContext?.capabilities?.drop?.includes('ALL'))
    const details = [keeping.length > 0 ? `${named(keeping)} must set securityContext.capabilities.drop=["ALL"]` : undefined, adding(spec, (c) => c === 'NET_BIND_SERVICE')].filter((d) => d !== undefined)
    return details.length > 0 ? { reason: 'unrestricted capabilities', detail: details.join('; ') } : undefined
  } },
  { level: 'baseline', since: 0, run(spec) {
    const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field])
    return shared.length > 0 ? { reason: 'host namespaces', detail: shared.map((field) => `${field}=true`).join(', ') } : undefined
  } },
  { level: 'baseline', overriddenSince: 0, since: 0, run({ volumes = [] }) {
    const names = volumes.filter((v) => v.hostPath).map(({ name }) => name)
    return names.length > 0 ? { reason: 'hostPath volumes', detail: `volume${names.length === 1 ? '' : 's'} ${quoted(names)}` } : undefined
  } },
  { level: 'baseline', since: 0, run(spec) {
    const ports: string[] = []
    const names = bad(spec, (c) => {
      const own = (c.ports ?? []).filter((p) => p.hostPort).map((p) => String(p.hostPort))
      ports.push(...own)
      return own.length > 0
    })
    const all = sorted(ports)
    return names.length > 0 ? { reason: 'hostPort', detail: `${named(names)} ${names.length === 1 ? 'uses' : 'use'} ${all.length === 1 ? 'hostPort' : 'hostPorts'} ${all.join(', ')}` } : undefined
  } },
  { level: 'baseline', since: 0, run(spec) {
    const names = bad(spec, (c) => c.securityContext?.privileged)
    return names.length > 0 ? { reason: 'privileged', detail: `${named(names)} must not set securityContext.privileged=true` } : undefined
  } },
  { level: 'baseline', since: 0, run(spec) {
    const found: string[] = []
    const names = bad(spec, ({ securityContext }) => {
      const type = securityContext?.procMount as string | undefined
      if (type === undefined || type === 'Default') return false
      found.push(type)
      return true
    })
    return names.length > 0 ? { reason: 'procMount', detail: `${named(names)} must not set securityContext.procMount to ${quoted(sorted(found))}` } : undefined
  } },
  { level: 'restricted', since: 0, run({ volumes = [] }) {
    const kindOf = (volume: core.Volume): string => VOLUME_TYPES.find((type) => Object.hasOwn(volume, type)) ?? 'unknown'
    const found = volumes.filter((v) => !Object.keys(v).some((key) => RESTRICTED_VOLUMES.has(key)))
    const types = sorted(found.map(kindOf))
    const detail = `volume${found.length === 1 ? '' : 's'} ${quoted(found.map(({ name }) => name))} ${found.length === 1 ? 'uses' : 'use'} restricted volume type${types.length === 1 ? '' : 's'} ${quoted(types)}`
    return found.length > 0 ? { reason: 'restricted volume types', detail } : undefined
  } },
  { level: 'restricted', since: 0, run(spec) {
    const { who } = setters(spec, (c) => c.runAsNonRoot, (value) => !value)
    if (who) return { reason: 'runAsNonRoot != true', detail: `${who} must not set securityContext.runAsNonRoot=false` }
    const silent = spec.securityContext?.runAsNonRoot ? [] : bad(spec, (c) => (c.securityContext?.runAsNonRoot ?? null) === null)
    return silent.length > 0 ? { reason: 'runAsNonRoot != true', detail: `pod or ${named(silent)} must set securityContext.runAsNonRoot=true` } : undefined
  } },
  { level: 'restricted', since: 23, run(spec) {
    const { who } = setters(spec, (c) => c.runAsUser, (user) => user === 0)
    return who ? { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` } : undefined
  } },
  { level: 'baseline', since: 0, run(spec, version) {
    const allowed = version >= 31 ? [...SELINUX_TYPES, 'container_engine_t'] : SELINUX_TYPES
    const { who, values } = setters(spec, (c) => c.seLinuxOptions, ({ type = '', user, role }) => !allowed.includes(type) || !!user || !!role)
    if (!who) return undefined
    const types = sorted(values.map(({ type = '' }) => type).filter((type) => !allowed.includes(type)))
    // upstream tells of user and role only after a type
    const details = types.length === 0 ? [] : [
      `type${types.length === 1 ? '' : 's'} ${quoted(types)}`, values.some((v) => v.user) ? 'user may not be set' : '', values.some((v) => v.role) ? 'role may not be set' : '',
    ]
    return { reason: 'seLinuxOptions', detail: `${who} set forbidden securityContext.seLinuxOptions: ${details.filter(Boolean).join('; ')}` }
  } },
  { level: 'baseline', overriddenSince: 19, since: 0, run: (spec, version, annotations) => (version < 19 ? seccompAnnotated(spec, annotations) : seccompSet(spec)) },
  { level: 'restricted', since: 19, run(spec, version) {
    if (version >= 25 && isWindows(spec)) return undefined
    const set = seccompSet(spec)
    if (set) return set
    const silent = spec.securityContext?.seccompProfile ? [] : bad(spec, (c) => !c.securityContext?.seccompProfile)
    return silent.length > 0 ? { reason: 'seccompProfile', detail: `pod or ${named(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"` } : undefined
  } },
  { level: 'baseline', since: 0, run(spec, version) {
    const safe = new Set(SAFE_SYSCTLS.flatMap(([since, names]) => (version >= since ? names : [])))
    const found = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !safe.has(name))
    return found.length > 0 ? { reason: 'forbidden sysctls', detail: found.join(', ') } : undefined
  } },
  { level: 'baseline', since: 0, run(spec) {
    const { who } = setters(spec, (c) => (c.windowsOptions as { hostProcess?: boolean } | undefined)?.hostProcess, Boolean)
    return who ? { reason: 'hostProcess', detail: `${who} must not set securityContext.windowsOptions.hostProcess=true` } : undefined
  } },
]

/** What a Pod has that a level does not allow; `version`: N of v1.N. The checks of baseline come first. */
export function violations(level: 'privileged' | 'baseline' | 'restricted', version: number, spec: Spec, annotations: Annotations = {}): Violation[] {
  if (level === 'privileged') return []
  const isRestricted = level === 'restricted'
  const holds = (c: Check): boolean => c.since <= version && !(isRestricted && c.overriddenSince !== undefined && c.overriddenSince <= version)
  const of = (own: Check['level']): readonly Check[] => CHECKS.filter((c) => c.level === own && holds(c))
  return [...of('baseline'), ...(isRestricted ? of('restricted') : [])].flatMap((check) => check.run(spec, version, annotations) ?? [])
}
