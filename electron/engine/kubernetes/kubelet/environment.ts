import { Environment } from '../../machine/environment.ts'
import { own } from '../../own.ts'
import type { Image } from '../../programs/types.ts'
import { decodeUtf8 } from '../../text.ts'
import { decodeBase64 } from '../base64.ts'
import { milliValue } from '../schema/quantity.ts'
import type { ConfigMap, Container, KubeObject, Pod, Service } from '../types.ts'
import { expand } from './expansion.ts'
import { serviceEnvironment, visibleServices } from './service-environment.ts'

export type Secret = KubeObject & { data?: Record<string, string> }

/** What the kubelet knows of the API when it starts a container. */
export interface Sources {
  services(namespace: string): readonly Service[]
  configMap(namespace: string, name: string): ConfigMap | undefined
  /** A token of the Pod's ServiceAccount; `issued` in seconds since 1970. */
  token(pod: Pod, audiences: readonly string[] | undefined, issued: number, seconds: number): string
  secret(namespace: string, name: string): Secret | undefined
}

/** Makes CreateContainerConfigError: the container waits until the object is there. */
export class ConfigError extends Error {}

export interface HostFacts { nodeName: string; hostIPs: readonly string[]; podIPs: readonly string[]; cpu: number; memory: number }

/** A container's environment in the order in which it shows: the image's, then the kubelet's (pkg/kubelet makeEnvironmentVariables). */
export function environmentOf(pod: Pod, container: Container, image: Image, hostname: string, facts: HostFacts, sources: Sources): Environment {
  const own = containerEnvironment(pod, container, facts, sources)
  const out = new Environment([])
  const { PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...rest } = image.environment
  out.set('PATH', PATH)
  out.set('HOSTNAME', hostname)
  if (container.tty) out.set('TERM', 'xterm')
  for (const [name, value] of Object.entries(rest)) out.set(name, value)
  for (const [name, value] of own) out.set(name, value)
  if (!out.has('HOME')) out.set('HOME', (container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser ?? image.user.uid) === 0 ? '/root' : '/')
  return out
}

function containerEnvironment(pod: Pod, container: Container, facts: HostFacts, sources: Sources): Map<string, string> {
  const { namespace } = pod.metadata
  const services = new Map(serviceEnvironment(visibleServices(sources, namespace, pod.spec.enableServiceLinks ?? true)))
  const out = new Map<string, string>()
  for (const from of container.envFrom ?? []) {
    const prefix = from.prefix ?? ''
    if (from.configMapRef) {
      const map = sources.configMap(namespace, from.configMapRef.name ?? '')
      if (!map && !from.configMapRef.optional) throw new ConfigError(`configmap "${from.configMapRef.name}" not found`)
      for (const [key, value] of Object.entries(map?.data ?? {})) out.set(prefix + key, value)
    }
    if (from.secretRef) {
      const secret = sources.secret(namespace, from.secretRef.name ?? '')
      if (!secret && !from.secretRef.optional) throw new ConfigError(`secret "${from.secretRef.name}" not found`)
      for (const [key, value] of Object.entries(secret?.data ?? {})) out.set(prefix + key, decoded(value))
    }
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const given = valueFrom ? fromSource(valueFrom, pod, container, facts, sources) : expand(value ?? '', (v) => out.get(v) ?? services.get(v))
    if (given !== undefined) out.set(name, given)
  }
  for (const [name, value] of services) if (!out.has(name)) out.set(name, value)
  return out
}

type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>

function fromSource(from: ValueFrom, pod: Pod, container: Container, facts: HostFacts, sources: Sources): string | undefined {
  const { namespace } = pod.metadata
  if (from.fieldRef) return fieldOf(pod, from.fieldRef.fieldPath, facts)
  if (from.resourceFieldRef) return resourceOf(pod, container, from.resourceFieldRef, facts)
  const keyed = (kind: string, ref: { name?: string; key: string; optional?: boolean }, data: Record<string, string> | undefined): string | undefined => {
    const value = own(data, ref.key)
    if (value !== undefined || ref.optional) return value
    if (!data) throw new ConfigError(`${kind.toLowerCase()} "${ref.name}" not found`)
    throw new ConfigError(`couldn't find key ${ref.key} in ${kind} ${namespace}/${ref.name}`)
  }
  if (from.configMapKeyRef) {
    const map = sources.configMap(namespace, from.configMapKeyRef.name ?? '')
    return keyed('ConfigMap', from.configMapKeyRef, map && (map.data ?? {}))
  }
  if (from.secretKeyRef) {
    const secret = sources.secret(namespace, from.secretKeyRef.name ?? '')
    const value = keyed('Secret', from.secretKeyRef, secret && (secret.data ?? {}))
    return value === undefined ? undefined : decoded(value)
  }
  return undefined
}

/** The downward API: pkg/fieldpath and pkg/kubelet podFieldSelectorRuntimeValue. */
export function fieldOf(pod: Pod, path: string, facts: HostFacts): string {
  const { metadata, spec } = pod
  const subscript = /^metadata\.(labels|annotations)(?:\['([^']*)'\])?$/.exec(path)
  if (subscript) {
    const map = metadata[subscript[1] as 'labels'] ?? {}
    if (subscript[2] !== undefined) return own(map, subscript[2]) ?? ''
    return Object.entries(map).sort().map(([k, v]) => `${k}=${JSON.stringify(v)}`).join('\n')
  }
  switch (path) {
    case 'metadata.name': return metadata.name
    case 'metadata.namespace': return metadata.namespace
    case 'metadata.uid': return metadata.uid
    case 'spec.nodeName': return facts.nodeName
    case 'spec.serviceAccountName': return spec.serviceAccountName ?? ''
    case 'status.hostIP': return facts.hostIPs[0] ?? ''
    case 'status.hostIPs': return facts.hostIPs.join(',')
    case 'status.podIP': return facts.podIPs[0] ?? ''
    case 'status.podIPs': return facts.podIPs.join(',')
    default: throw new ConfigError(`unsupported fieldPath: ${path}`)
  }
}

/** A container's limit or request, in units of the divisor, rounded up; without a limit what the node has. */
export function resourceOf(pod: Pod, container: Container, ref: { containerName?: string; resource: string; divisor?: string }, facts: HostFacts): string {
  const target = ref.containerName ? (pod.spec.containers.find((c) => c.name === ref.containerName) ?? container) : container
  const [which, name] = ref.resource.split('.') as ['requests' | 'limits', string]
  const text = target.resources?.[which]?.[name] ?? (which === 'limits' ? target.resources?.limits?.[name] : undefined)
  const milli = text !== undefined ? milliValue(String(text)) : which === 'limits' ? (name === 'cpu' ? facts.cpu * 1000 : facts.memory * 1000) : 0
  const divisor = ref.divisor && ref.divisor !== '0' ? milliValue(String(ref.divisor)) : 1000
  return String(Math.ceil(milli / divisor))
}

function decoded(base64: string): string {
  const bytes = decodeBase64(base64)
  return typeof bytes === 'number' ? '' : decodeUtf8(bytes)
}
