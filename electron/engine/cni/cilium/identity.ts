import { cidrContains, parseCidr } from '../../network/address.ts'
import type { Cidr } from '../../network/types.ts'

/**
 * Security identities: what Cilium's policies and maps know instead of addresses. A Pod's follows from its labels
 * (pkg/identity, pkg/labelsfilter and Documentation/internals/security-identities.rst of cilium/cilium v1.17).
 */
export const HOST = 1
export const WORLD = 2
export const UNMANAGED = 3
export const HEALTH = 4
export const INIT = 5
export const REMOTE_NODE = 6
export const KUBE_APISERVER = 7
export const INGRESS = 8
/** Of clusters with both families, where the world is one per family. */
export const WORLD_IPV4 = 9
export const WORLD_IPV6 = 10

export const RESERVED: ReadonlyMap<number, string> = new Map([
  [HOST, 'host'], [WORLD, 'world'], [UNMANAGED, 'unmanaged'], [HEALTH, 'health'], [INIT, 'init'], [REMOTE_NODE, 'remote-node'], [KUBE_APISERVER, 'kube-apiserver'], [INGRESS, 'ingress'],
  [WORLD_IPV4, 'world-ipv4'], [WORLD_IPV6, 'world-ipv6'],
])

/** Identities of Pods: cluster-wide ones begin here; those of prefixes are a node's own and have bit 24 set. */
export const FIRST_ALLOCATED = 256
export const LAST_ALLOCATED = 65_535
export const LOCAL_SCOPE = 1 << 24

export const CLUSTER_NAME = 'default'
const POD_NAMESPACE = 'k8s:io.kubernetes.pod.namespace'
const NAMESPACE_LABELS = 'k8s:io.cilium.k8s.namespace.labels.'
const CLUSTER_LABEL = 'k8s:io.cilium.k8s.policy.cluster'
const ACCOUNT_LABEL = 'k8s:io.cilium.k8s.policy.serviceaccount'

/** Labels as "source:key" → value. */
export type SecurityLabels = Readonly<Record<string, string>>

export interface Identity {
  readonly id: number
  readonly labels: SecurityLabels
  /** Of Pods. */
  readonly namespace?: string
  readonly podLabels: Readonly<Record<string, string>>
  readonly namespaceLabels: Readonly<Record<string, string>>
  /** Of prefixes outside the cluster. */
  readonly cidr?: Cidr
}

/** The default label filter: `app.kubernetes.io` counts, labels that begin with Kubernetes' own domains do not; of others only these (pkg/labelsfilter/filter.go). */
const IGNORED = [
  /^io\.kubernetes/, /^kubernetes\.io/, /^statefulset\.kubernetes\.io\/pod-name/, /^apps\.kubernetes\.io\/pod-index/, /^batch\.kubernetes\.io\/job-completion-index/, /^.*beta\.kubernetes\.io/, /^k8s\.io/,
  /^pod-template-generation/, /^pod-template-hash/, /^controller-revision-hash/, /^annotation/, /^controller-uid/, /^batch\.kubernetes\.io\/controller-uid/, /^etcd_node/,
]

export function isSecurityLabel(key: string): boolean {
  return /^app\.kubernetes\.io/.test(key) || !IGNORED.some((pattern) => pattern.test(key))
}

export interface PodFacts {
  namespace: string
  labels: Readonly<Record<string, string>> | undefined
  serviceAccount: string
  namespaceLabels: Readonly<Record<string, string>> | undefined
}

export function labelsOfPod({ namespace, labels, serviceAccount, namespaceLabels }: PodFacts): SecurityLabels {
  const out: Record<string, string> = {}
  for (const [key, value] of Object.entries(labels ?? {})) if (isSecurityLabel(key)) out[`k8s:${key}`] = value
  for (const [key, value] of Object.entries(namespaceLabels ?? {})) out[`${NAMESPACE_LABELS}${key}`] = value
  out[CLUSTER_LABEL] = CLUSTER_NAME
  out[ACCOUNT_LABEL] = serviceAccount
  out[POD_NAMESPACE] = namespace
  return Object.fromEntries(Object.entries(out).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** One text for equal labels. */
export function labelKey(labels: SecurityLabels): string {
  return Object.entries(labels).map(([key, value]) => `${key}=${value};`).sort().join('')
}

export function labelLines(labels: SecurityLabels): string[] {
  return Object.entries(labels).map(([key, value]) => (value === '' ? key : `${key}=${value}`)).sort()
}

export function identityOf(id: number, labels: SecurityLabels): Identity {
  const podLabels: Record<string, string> = {}
  const namespaceLabels: Record<string, string> = {}
  for (const [key, value] of Object.entries(labels)) {
    if (key.startsWith(NAMESPACE_LABELS)) namespaceLabels[key.slice(NAMESPACE_LABELS.length)] = value
    else if (key.startsWith('k8s:')) podLabels[key.slice(4)] = value
  }
  const namespace = labels[POD_NAMESPACE]
  return { id, labels, podLabels, namespaceLabels, ...(namespace === undefined ? {} : { namespace }) }
}

export function reservedIdentity(id: number, extra: readonly string[] = []): Identity {
  return identityOf(id, Object.fromEntries([RESERVED.get(id) ?? 'unknown', ...extra].map((name) => [`reserved:${name}`, ''])))
}

/** A prefix's identity: `cidr:`, unless only a group has it, the groups' labels ("cidrgroup:key=value"), and the world that it is a part of. */
export function cidrIdentity(id: number, cidr: Cidr, world: number, groups: readonly string[] = [], inRules = true): Identity {
  const labels = [...(inRules ? [`cidr:${cidr}`] : []), ...groups, `reserved:${RESERVED.get(world)!}`].map((label): [string, string] => {
    const at = label.startsWith('cidrgroup:') ? label.indexOf('=') : -1
    return at < 0 ? [label, ''] : [label.slice(0, at), label.slice(at + 1)]
  })
  return { ...identityOf(id, Object.fromEntries(labels)), cidr }
}

/** Of addresses that DNS gave a name which rules mean; `cidr`: another rule's prefix around them. */
export function fqdnIdentity(id: number, names: readonly string[], cidr: Cidr | undefined, world: number): Identity {
  const labels = Object.fromEntries([...(cidr === undefined ? [] : [`cidr:${cidr}`]), ...names.map((name) => `fqdn:${name}`), `reserved:${RESERVED.get(world)!}`].map((label) => [label, '']))
  return { ...identityOf(id, labels), ...(cidr === undefined ? {} : { cidr }) }
}

export function isWorld(id: number): boolean {
  return id === WORLD || id === WORLD_IPV4 || id === WORLD_IPV6
}

export function isReserved(identity: Identity, name: string): boolean {
  return identity.labels[`reserved:${name}`] !== undefined
}

/** Whether the identity is a prefix that lies inside of `cidr`. */
export function liesIn(identity: Identity, cidr: Cidr): boolean {
  const own = identity.cidr
  if (own === undefined) return cidr.endsWith('/0') && (isReserved(identity, 'world') || isReserved(identity, cidr.includes(':') ? 'world-ipv6' : 'world-ipv4'))
  const [inner, outer] = [parseCidr(own), parseCidr(cidr)]
  return inner.length >= outer.length && cidrContains(cidr, inner.network)
}
