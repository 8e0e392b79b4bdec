import type * as core from 'kubernetes-types/core/v1'
import { byName } from '../../own.ts'
import { quote } from '../json.ts'
import type { Kind } from '../kinds/kind.ts'
import type { KubeObject, Pod } from '../types.ts'
import { APPARMOR_DEPRECATED, APPARMOR_PREFIX } from './apparmor.ts'
import { ipWarnings } from '../validation/networking.ts'
import { templatePath } from './pod-templates.ts'
import { volumeWarnings } from './volume-warnings.ts'

const DEPRECATED_LABELS: Readonly<Record<string, string>> = byName({
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
})
const DEPRECATED_ANNOTATIONS = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
] as const
const SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead'
const NO_POD = 'a null labelSelector results in matching no pod'

/** What the server warns of in a Pod, or in the template of one: pkg/api/pod/warnings.go (v1.33). An update is looked at where its generation is new, a Pod's never. */
export function podWarnings({ resource }: Kind, object: KubeObject, old: KubeObject | undefined): string[] {
  const path = templatePath(resource)
  if (!path) return resource.name === 'pods' && resource.group === '' && !old ? warningsOf((object as Pod).spec, object.metadata.annotations ?? {}, '') : []
  if (old && old.metadata.generation === object.metadata.generation) return []
  const { metadata, spec } = (path.reduce((at: unknown, key) => (at as Record<string, unknown> | undefined)?.[key], object) ?? {}) as core.PodTemplateSpec
  return spec ? warningsOf(spec, metadata?.annotations ?? {}, `${path.join('.')}.`) : []
}

function warningsOf(spec: core.PodSpec, annotations: Readonly<Record<string, string>>, before: string): string[] {
  const at = `${before}spec`
  const out: string[] = []
  for (const key of Object.keys(spec.nodeSelector ?? {})) if (DEPRECATED_LABELS[key]) out.push(`${at}.nodeSelector[${key}]: ${DEPRECATED_LABELS[key]}`)
  const { requiredDuringSchedulingIgnoredDuringExecution: required, preferredDuringSchedulingIgnoredDuringExecution: preferred } = spec.affinity?.nodeAffinity ?? {}
  const affinity = `${at}.affinity.nodeAffinity`
  required?.nodeSelectorTerms.forEach((term, i) => deprecatedKeys(term, `${affinity}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${i}]`, out))
  preferred?.forEach(({ preference }, i) => deprecatedKeys(preference, `${affinity}.preferredDuringSchedulingIgnoredDuringExecution[${i}].preference`, out))
  spec.topologySpreadConstraints?.forEach(({ topologyKey, labelSelector }, i) => {
    if (DEPRECATED_LABELS[topologyKey]) out.push(`${at}.topologySpreadConstraints[${i}].topologyKey: ${topologyKey} is ${DEPRECATED_LABELS[topologyKey]}`)
    if (!labelSelector) out.push(`${at}.topologySpreadConstraints[${i}].labelSelector: ${NO_POD}`)
  })
  const annotated = (key: string): string => `${before}metadata.annotations[${key}]`
  for (const [key, text] of DEPRECATED_ANNOTATIONS) if (annotations[key] !== undefined) out.push(`${annotated(key)}: ${text}`)
  out.push(...volumeWarnings(spec.volumes, `${at}.volumes`))
  repeated(spec.hostAliases, ({ ip }) => ip, (i, ip) => out.push(`${at}.hostAliases[${i}].ip: duplicate ip ${quote(ip)}`))
  repeated(spec.imagePullSecrets, ({ name }) => name, (i, name) => out.push(`${at}.imagePullSecrets[${i}].name: duplicate name ${quote(name)}`))
  spec.imagePullSecrets?.forEach(({ name = '' }, i) => name === '' && out.push(`${at}.imagePullSecrets[${i}].name: invalid empty name ""`))
  type Profiled = { seccompProfile?: unknown; appArmorProfile?: unknown }
  const ofPod = spec.securityContext as Profiled | undefined
  const podKey = 'seccomp.security.alpha.kubernetes.io/pod'
  if (!ofPod?.seccompProfile && annotations[podKey] !== undefined) out.push(`${annotated(podKey)}: ${SECCOMP}`)
  const containers = [...pathsOf(spec.initContainers, `${at}.initContainers`), ...pathsOf(spec.containers, `${at}.containers`)]
  for (const [container, path] of containers) {
    const own = container.securityContext as Profiled | undefined
    const [seccomp, apparmor] = [`container.seccomp.security.alpha.kubernetes.io/${container.name}`, APPARMOR_PREFIX + container.name]
    if (!own?.seccompProfile && annotations[seccomp] !== undefined) out.push(`${annotated(seccomp)}: ${SECCOMP}`)
    // of a Pod it is told when annotation and field are made to say the same
    if (before && !ofPod?.appArmorProfile && !own?.appArmorProfile && annotations[apparmor] !== undefined) out.push(`${annotated(apparmor)}: ${APPARMOR_DEPRECATED}`)
    for (const resource of ['memory', 'ephemeral-storage']) for (const list of ['limits', 'requests'] as const) fractional(container.resources?.[list]?.[resource], `${path}.resources.${list}[${resource}]`, out)
    hiddenVariables(container, path, out)
  }
  clashingPorts(containers, out)
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) out.push(`${at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`)
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const { requiredDuringSchedulingIgnoredDuringExecution: required, preferredDuringSchedulingIgnoredDuringExecution: preferred } = spec.affinity?.[kind] ?? {}
    required?.forEach((term, i) => !term.labelSelector && out.push(`${at}.affinity.${kind}.requiredDuringSchedulingIgnoredDuringExecution[${i}].labelSelector: ${NO_POD}`))
    preferred?.forEach((term, i) => !term.podAffinityTerm.labelSelector && out.push(`${at}.affinity.${kind}.preferredDuringSchedulingIgnoredDuringExecution[${i}].podAffinityTerm.labelSelector: ${NO_POD}`))
  }
  spec.dnsConfig?.nameservers?.forEach((ip, i) => out.push(...ipWarnings(ip, `${at}.dnsConfig.nameservers[${i}]`)))
  spec.hostAliases?.forEach(({ ip }, i) => out.push(...ipWarnings(ip ?? '', `${at}.hostAliases[${i}].ip`)))
  return out
}

function deprecatedKeys({ matchExpressions = [] }: core.NodeSelectorTerm, path: string, out: string[]): void {
  matchExpressions.forEach(({ key }, i) => DEPRECATED_LABELS[key] && out.push(`${path}.matchExpressions[${i}].key: ${key} is ${DEPRECATED_LABELS[key]}`))
}

function pathsOf(list: readonly core.Container[] | undefined, path: string): (readonly [core.Container, string])[] {
  return (list ?? []).map((container, i) => [container, `${path}[${i}]`])
}

function repeated<T>(list: readonly T[] | undefined, key: (item: T) => string | undefined, tell: (i: number, key: string) => void): void {
  const seen = new Set<string>()
  list?.forEach((item, i) => {
    const name = key(item) ?? ''
    if (seen.has(name)) tell(i, name)
    else seen.add(name)
  })
}

/** Quantities are canonical here: only what is no whole number ends with m, u or n. */
function fractional(value: string | undefined, path: string, out: string[]): void {
  if (value !== undefined && /[mun]$/.test(value)) out.push(`${path}: fractional byte value ${quote(value)} is invalid, must be an integer`)
}

/** A variable that comes twice is right where the second makes something of the first. */
function hiddenVariables({ env = [] }: core.Container, path: string, out: string[]): void {
  repeated(env, ({ name }) => name, (i, name) => {
    const { value = '', valueFrom } = env[i]!
    const reference = `$(${name})`
    if (valueFrom || value === reference || !value.includes(reference)) out.push(`${path}.env[${i}]: hides previous definition of ${quote(name)}, which may be dropped when using apply`)
  })
}

function clashingPorts(containers: readonly (readonly [core.Container, string])[], out: string[]): void {
  const seen = new Map<string, { path: string; hostIP: string; hostPort: number }[]>()
  for (const [{ ports = [] }, container] of containers) {
    ports.forEach(({ name = '', containerPort, protocol = 'TCP', hostIP = '', hostPort = 0 }, i) => {
      const path = `${container}.ports[${i}]`
      if (hostIP && !hostPort) out.push(`${path}: hostIP set without hostPort: {Name:${name} HostPort:0 ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`)
      const others = seen.get(`${containerPort}/${protocol}`) ?? []
      for (const other of others) {
        const is = hostIP === other.hostIP && hostPort === other.hostPort ? 'duplicate'
          : hostPort === 0 || other.hostPort === 0 ? 'overlapping' : hostPort === other.hostPort && (hostIP === '') !== (other.hostIP === '') ? 'dangerously ambiguous' : undefined
        if (is) out.push(`${path}: ${is} port definition with ${other.path}`)
      }
      seen.set(`${containerPort}/${protocol}`, [...others, { path, hostIP, hostPort }])
    })
  }
}
