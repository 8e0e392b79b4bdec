import { KubectlError } from './errors.ts'
import { clone, list, type JsonObject } from './objects.ts'

/** What --profile changes of a debugging container and its Pod: kubectl's pkg/cmd/debug/profiles.go (v1.33). */
export const PROFILES = ['legacy', 'general', 'baseline', 'netadmin', 'restricted', 'sysadmin']

export type DebugStyle = 'ephemeral' | 'copy' | 'node'

/** The --keep-… flags: what a copy has of its original. */
export interface Keep { labels: boolean; annotations: boolean; liveness: boolean; readiness: boolean; startup: boolean; initContainers: boolean }

/** Changes the Pod in place. */
export function applyProfile(profile: string, style: DebugStyle, pod: JsonObject, container: JsonObject, keep: Keep): void {
  const spec = pod['spec'] as JsonObject
  if (profile === 'legacy') {
    if (style === 'copy') delete (pod['metadata'] as JsonObject)['labels']
  } else if (style === 'copy') {
    removeUnkept(pod, keep)
    spec['shareProcessNamespace'] ??= true
  }
  switch (profile) {
    case 'legacy':
      break
    case 'general':
      if (style === 'node') delete container['securityContext']
      else addCapabilities(container, ['SYS_PTRACE'])
      break
    case 'baseline':
      delete container['securityContext']
      break
    case 'restricted':
      container['securityContext'] = { capabilities: { drop: ['ALL'] }, runAsNonRoot: true, allowPrivilegeEscalation: false, seccompProfile: { type: 'RuntimeDefault' } }
      break
    case 'netadmin':
      addCapabilities(container, ['NET_ADMIN', 'NET_RAW'])
      break
    case 'sysadmin':
      container['securityContext'] = { ...(container['securityContext'] as JsonObject | undefined), privileged: true }
      break
    default:
      throw new KubectlError(`unknown profile: ${profile}`)
  }
  if (style === 'node') enterNode(profile, spec, container)
}

/** The node's namespaces, and its filesystem at /host. */
function enterNode(profile: string, spec: JsonObject, container: JsonObject): void {
  if (['legacy', 'general', 'sysadmin'].includes(profile)) {
    spec['volumes'] = [...list(spec['volumes']), { name: 'host-root', hostPath: { path: '/' } }]
    container['volumeMounts'] = [...list(container['volumeMounts']), { name: 'host-root', mountPath: '/host' }]
  }
  if (['legacy', 'general', 'netadmin', 'sysadmin'].includes(profile)) Object.assign(spec, { hostNetwork: true, hostPID: true, hostIPC: true })
}

function removeUnkept(pod: JsonObject, keep: Keep): void {
  const metadata = pod['metadata'] as JsonObject
  const spec = pod['spec'] as JsonObject
  if (!keep.labels) delete metadata['labels']
  if (!keep.annotations) delete metadata['annotations']
  if (!keep.initContainers) delete spec['initContainers']
  spec['containers'] = list(spec['containers']).map((each) => {
    const container = each as JsonObject
    if (!keep.liveness) delete container['livenessProbe']
    if (!keep.readiness) delete container['readinessProbe']
    if (!keep.startup) delete container['startupProbe']
    return container
  })
}

function addCapabilities(container: JsonObject, names: readonly string[]): void {
  const context = clone((container['securityContext'] ?? {}) as JsonObject)
  const capabilities = (context['capabilities'] ?? {}) as JsonObject
  context['capabilities'] = { ...capabilities, add: [...list(capabilities['add']), ...names] }
  container['securityContext'] = context
}
