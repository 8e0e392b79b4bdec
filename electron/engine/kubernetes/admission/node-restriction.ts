import { quote } from '../json.ts'
import { type Kind } from '../kinds/kind.ts'
import { nodeOf } from '../rbac/node-authorizer.ts'
import type { User } from '../rbac/authorizer.ts'
import { forbidden } from '../status.ts'
import type { Store } from '../store.ts'
import type { KubeObject, Node, Pod } from '../types.ts'

/** Admission plugin NodeRestriction: what a kubelet may write is its own (plugin/pkg/admission/noderestriction). */
export interface NodeWrite {
  operation: 'CREATE' | 'UPDATE' | 'DELETE'
  subresource?: string | undefined
  name: string
  object?: KubeObject | undefined
  old?: KubeObject | undefined
}

/** Throws StatusError 403. */
export function restrictNode(store: Store, { resource }: Kind, user: User | undefined, write: NodeWrite): void {
  const node = user && nodeOf(user)
  if (node === undefined || resource.custom) return
  const no = refusal(store, resource.name, node, write)
  if (no !== undefined) throw forbidden(resource, write.name, no)
}

function refusal(store: Store, resource: string, node: string, { operation, subresource, name, object, old }: NodeWrite): string | undefined {
  const who = `node ${quote(node)}`
  switch (resource) {
    case 'pods': {
      if (subresource === 'status') {
        if ((old as Pod).spec.nodeName !== node) return `${who} can only update pod status for pods with spec.nodeName set to itself`
        return sameLabels(object!, old!) ? undefined : `${who} cannot update labels through pod status`
      }
      if (subresource === 'eviction') return (old as Pod).spec.nodeName === node ? undefined : `node ${node} can only evict pods with spec.nodeName set to itself`
      if (subresource !== undefined) return `unexpected pod subresource ${quote(subresource)}, only 'status' and 'eviction' are allowed`
      if (operation === 'DELETE') return (old as Pod).spec.nodeName === node ? undefined : `${who} can only delete pods with spec.nodeName set to itself`
      return operation === 'CREATE' ? ofMirror(store, node, object as Pod) : `unexpected operation ${quote(operation)}, ${who} can only create and delete mirror pods`
    }
    case 'nodes': {
      if (name !== node) return `${who} is not allowed to modify node ${quote(name)}`
      const [next, before] = [object as Node | undefined, old as Node | undefined]
      if (operation === 'UPDATE' && JSON.stringify(next!.spec.taints ?? []) !== JSON.stringify(before!.spec.taints ?? [])) return `${who} is not allowed to modify taints`
      const labels = operation === 'DELETE' ? [] : forbiddenLabels(next!.metadata.labels ?? {}, before?.metadata.labels ?? {})
      if (labels.length === 0) return undefined
      return operation === 'CREATE' ? `${who} is not allowed to set the following labels: ${labels.join(', ')}` : `is not allowed to modify labels: ${labels.join(', ')}`
    }
    case 'leases': {
      const home = object?.metadata.namespace ?? old?.metadata.namespace
      if (home !== 'kube-node-lease') return 'can only access leases in the "kube-node-lease" system namespace'
      return name === node ? undefined : 'can only access node lease with the same name as the requesting node'
    }
    case 'persistentvolumeclaims': return subresource === 'status' ? undefined : 'may only update PVC status'
    default: return undefined
  }
}

function ofMirror(store: Store, node: string, { metadata, spec }: Pod): string | undefined {
  const who = `node ${quote(node)}`
  if (metadata.annotations?.['kubernetes.io/config.mirror'] === undefined) return `pod does not have "kubernetes.io/config.mirror" annotation, ${who} can only create mirror pods`
  if (spec.nodeName !== node) return `${who} can only create pods with spec.nodeName set to itself`
  const [owner, ...more] = metadata.ownerReferences ?? []
  if (more.length > 0) return `${who} can only create pods with a single owner reference set to itself`
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) return `${who} can only create pods with an owner reference set to itself`
  if (owner.controller !== true) return `${who} can only create pods with a controller owner reference set to itself`
  if (owner.blockOwnerDeletion) return `${who} must not set blockOwnerDeletion on an owner reference`
  const uid = store.get('nodes', '', node)?.metadata.uid
  return owner.uid === uid ? undefined : `node ${node} UID mismatch: expected ${owner.uid} got ${uid ?? ''}`
}

function sameLabels(a: KubeObject, b: KubeObject): boolean {
  return changed(a.metadata.labels ?? {}, b.metadata.labels ?? {}).length === 0
}

function changed(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => a[key] !== b[key]).sort()
}

/** k8s.io/kubelet/pkg/apis: labels and namespaces of labels that a kubelet sets. */
const OWN = new Set(['kubernetes.io/hostname', 'kubernetes.io/os', 'kubernetes.io/arch', 'topology.kubernetes.io/zone', 'topology.kubernetes.io/region', 'node.kubernetes.io/instance-type', 'failure-domain.beta.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/region', 'beta.kubernetes.io/instance-type', 'beta.kubernetes.io/os', 'beta.kubernetes.io/arch'])
const OWN_NAMESPACES = ['kubelet.kubernetes.io', 'node.kubernetes.io']

function forbiddenLabels(next: Readonly<Record<string, string>>, before: Readonly<Record<string, string>>): string[] {
  const isIn = (namespace: string, domain: string): boolean => namespace === domain || namespace.endsWith(`.${domain}`)
  return changed(next, before).filter((key) => {
    const namespace = key.includes('/') ? key.slice(0, key.indexOf('/')) : ''
    if (isIn(namespace, 'node-restriction.kubernetes.io')) return true
    const isKubernetes = isIn(namespace, 'kubernetes.io') || isIn(namespace, 'k8s.io')
    return isKubernetes && !OWN.has(key) && !OWN_NAMESPACES.some((own) => isIn(namespace, own))
  })
}
