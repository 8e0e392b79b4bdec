import type { Pod, PodSpec } from '../types.ts'
import type { Attributes, Decision, User } from './authorizer.ts'

/**
 * What kubelets may do (--authorization-mode=Node): plugin/pkg/auth/authorizer/node of v1.33, whose feature gate
 * AuthorizeNodeWithSelectors is on. A node reads what is its own: its Node, its Pods, and the Secrets, ConfigMaps and
 * claims that they name. Everything else goes by fixed rules (bootstrappolicy.NodeRules).
 */
type Asked = Extract<Attributes, { resource: string }>
const OPEN: readonly (readonly [verbs: string, group: string, resources: string])[] = [
  ['create', 'authentication.k8s.io', 'tokenreviews'],
  ['create', 'authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews'],
  ['get list watch', '', 'services'],
  ['create update patch', '', 'events'],
  ['create update patch', 'events.k8s.io', 'events'],
  ['get', '', 'endpoints'],
  ['create get list watch', 'certificates.k8s.io', 'certificatesigningrequests'],
  ['get list watch', 'storage.k8s.io', 'csidrivers'],
  ['get list watch', 'node.k8s.io', 'runtimeclasses'],
]

/** user.DefaultInfo as nodeidentifier reads it: the name of the node; '' for one of the group with another name. */
export function nodeOf({ name, groups }: User): string | undefined {
  if (!name.startsWith('system:node:') || !groups.includes('system:nodes')) return undefined
  return name.slice('system:node:'.length)
}

/** Undefined: not a node's. `pods`: those that there are; `selector`: what a list or watch selects by fields. */
export function authorizeNode(user: User, asked: Attributes, pods: () => readonly Pod[]): Decision | undefined {
  const node = nodeOf(user)
  if (node === undefined) return undefined
  if (asked.resource === undefined) return { allowed: false, reason: '' }
  if (node === '') return refused(`unknown node for user ${JSON.stringify(user.name)}`)
  const { group, resource, verb, subresource, namespace, name } = asked
  const related = (find: (spec: PodSpec, pod: Pod) => boolean): Decision => {
    if (name === undefined || name === '') return refused('No Object name found')
    const found = pods().some((pod) => pod.spec.nodeName === node && pod.metadata.namespace === namespace && !isMirror(pod) && find(pod.spec, pod))
    return found ? ALLOWED : refused(`no relationship found between node '${node}' and this object`)
  }
  const single = (find: (spec: PodSpec, pod: Pod) => boolean): Decision => {
    if (verb !== 'get') return refused('can only get individual resources of this type')
    return subresource === undefined ? related(find) : refused('cannot get subresource')
  }
  const read = (find: (spec: PodSpec) => boolean): Decision => {
    if (!['get', 'list', 'watch'].includes(verb)) return refused('can only read resources of this type')
    if (subresource !== undefined) return refused('cannot read subresource')
    return namespace === undefined ? refused('can only read namespaced object of this type') : related(find)
  }
  switch (group === '' ? resource : `${resource}.${group}`) {
    case 'secrets': return read((spec) => namesIn(spec, 'secret').has(name!))
    case 'configmaps': return read((spec) => namesIn(spec, 'configMap').has(name!))
    case 'persistentvolumeclaims': return subresource === 'status' ? (['update', 'patch'].includes(verb) ? related((spec) => claims(spec, name!)) : refused('can only get/update/patch this type')) : single((spec) => claims(spec, name!))
    case 'persistentvolumes':
    case 'volumeattachments.storage.k8s.io':
    case 'resourceclaims.resource.k8s.io': return single(() => false)
    case 'serviceaccounts': {
      if (verb !== 'create' || name === undefined) return refused('can only create tokens for individual service accounts')
      return subresource === 'token' ? related((spec) => spec.serviceAccountName === name) : refused('can only create token subresource of serviceaccount')
    }
    case 'leases.coordination.k8s.io': {
      if (!['get', 'create', 'update', 'patch', 'delete'].includes(verb)) return refused('can only get, create, update, patch, or delete a node lease')
      if (namespace !== 'kube-node-lease') return refused('can only access leases in the "kube-node-lease" system namespace')
      return verb === 'create' || name === node ? ALLOWED : refused('can only access node lease with the same name as the requesting node')
    }
    case 'csinodes.storage.k8s.io': {
      if (!['get', 'create', 'update', 'patch', 'delete'].includes(verb)) return refused('can only get, create, update, patch, or delete a CSINode')
      return verb === 'create' || name === node ? ALLOWED : refused('can only access CSINode with the same name as the requesting node')
    }
    case 'nodes': return ofNode(asked, node)
    case 'pods': return ofPod(asked, node, () => related((_, pod) => pod.metadata.name === name), () => single((_, pod) => pod.metadata.name === name))
    default: return { allowed: subresource === undefined && OPEN.some(([verbs, home, resources]) => home === group && verbs.split(' ').includes(verb) && resources.split(' ').includes(resource)), reason: '' }
  }
}

const ALLOWED: Decision = { allowed: true, reason: '' }

function refused(reason: string): Decision {
  return { allowed: false, reason }
}

function ofNode({ verb, subresource, name }: Asked, node: string): Decision {
  if (subresource === 'status' && ['update', 'patch'].includes(verb)) return ALLOWED
  if (subresource !== undefined) return refused('')
  if (['create', 'update', 'patch'].includes(verb)) return ALLOWED
  if (!['get', 'list', 'watch'].includes(verb)) return refused('')
  if (name === node) return ALLOWED
  return refused(name === undefined || name === '' ? `node '${node}' cannot read all nodes, only its own Node object` : `node '${node}' cannot read '${name}', only its own Node object`)
}

function ofPod({ verb, subresource, name, selector }: Asked, node: string, related: () => Decision, single: () => Decision): Decision {
  if (subresource === 'status') return ['update', 'patch'].includes(verb) ? ALLOWED : refused('')
  if (subresource === 'eviction') return verb === 'create' ? ALLOWED : refused('')
  if (subresource !== undefined) return refused('')
  if (verb === 'create' || verb === 'delete') return ALLOWED
  if (verb === 'get') return single()
  if (verb !== 'list' && verb !== 'watch') return refused('')
  if (new RegExp(`(^|,)spec\\.nodeName==?${node.replaceAll('.', '\\.')}(,|$)`).test(selector ?? '')) return ALLOWED
  return name === undefined ? refused('can only list/watch pods with spec.nodeName field selector') : related()
}

/** The graph leaves mirror Pods out: a node that made one could read what it names. */
function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined
}

function claims({ volumes }: PodSpec, name: string): boolean {
  return (volumes ?? []).some((volume) => volume.persistentVolumeClaim?.claimName === name)
}

/** podutil.VisitPodSecretNames and VisitPodConfigmapNames. */
function namesIn(spec: PodSpec, kind: 'secret' | 'configMap'): Set<string> {
  const found = new Set<string>()
  const take = (name: unknown): void => {
    if (typeof name === 'string' && name !== '') found.add(name)
  }
  for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]) {
    for (const { valueFrom } of container.env ?? []) take(kind === 'secret' ? valueFrom?.secretKeyRef?.name : valueFrom?.configMapKeyRef?.name)
    for (const from of container.envFrom ?? []) take(kind === 'secret' ? from.secretRef?.name : from.configMapRef?.name)
  }
  if (kind === 'secret') for (const each of spec.imagePullSecrets ?? []) take(each.name)
  for (const volume of spec.volumes ?? []) {
    take(kind === 'secret' ? volume.secret?.secretName : volume.configMap?.name)
    for (const source of volume.projected?.sources ?? []) take(source[kind]?.name)
  }
  return found
}
