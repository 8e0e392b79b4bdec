import type { ApiResource } from '../client.ts'
import { compareStrings } from '../json.ts'

/**
 * What clients ask first: which groups, versions and resources there are, aggregated (KEP-3352) and one by one.
 */
interface SubresourceKind { group?: string; version?: string; kind: string; verbs: readonly string[] }

const READ_WRITE = ['get', 'patch', 'update'] as const
const STREAM = ['create', 'get'] as const

/** Their kinds where they are not the resource's own (pkg/registry/core/rest/storage_core.go and its neighbours). */
const SUBRESOURCES: Record<string, SubresourceKind> = {
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: READ_WRITE },
  binding: { kind: 'Binding', verbs: ['create'] },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] },
  exec: { kind: 'PodExecOptions', verbs: STREAM },
  attach: { kind: 'PodAttachOptions', verbs: STREAM },
  portforward: { kind: 'PodPortForwardOptions', verbs: STREAM },
}
const OWN_VERBS: Record<string, readonly string[]> = { log: ['get'], finalize: ['update'] }

/** The order in which kube-apiserver and its aggregator name the groups; those of CustomResourceDefinitions come last. */
const ORDER = [
  '', 'apiregistration.k8s.io', 'apps', 'events.k8s.io', 'authentication.k8s.io', 'authorization.k8s.io', 'autoscaling', 'batch',
  'certificates.k8s.io', 'networking.k8s.io', 'policy', 'rbac.authorization.k8s.io', 'storage.k8s.io', 'admissionregistration.k8s.io',
  'apiextensions.k8s.io', 'scheduling.k8s.io', 'coordination.k8s.io', 'node.k8s.io', 'discovery.k8s.io', 'flowcontrol.apiserver.k8s.io',
]

export interface GroupVersions {
  group: string
  /** The preferred first. */
  versions: { version: string; resources: ApiResource[] }[]
}

export function groupsOf(resources: readonly ApiResource[]): GroupVersions[] {
  const groups = new Map<string, Map<string, ApiResource[]>>()
  for (const resource of resources) {
    let versions = groups.get(resource.group)
    if (!versions) groups.set(resource.group, (versions = new Map()))
    const list = versions.get(resource.version)
    if (list) list.push(resource)
    else versions.set(resource.version, [resource])
  }
  const rank = (group: string): number => (ORDER.includes(group) ? ORDER.indexOf(group) : ORDER.length)
  return [...groups]
    .map(([group, versions]) => ({
      group,
      versions: [...versions].map(([version, list]) => ({ version, resources: list })).sort((a, b) => compareVersions(a.version, b.version)),
    }))
    .sort((a, b) => rank(a.group) - rank(b.group) || compareStrings(a.group, b.group))
}

/** v2 before v1 before v1beta1 before v1alpha1 before other words: apimachinery/pkg/version CompareKubeAwareVersionStrings. */
export function compareVersions(a: string, b: string): number {
  const parse = (text: string): readonly number[] | undefined => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text)
    if (!match) return undefined
    return [match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1, Number(match[1]), Number(match[3] ?? 0)]
  }
  const [x, y] = [parse(a), parse(b)]
  if (!x || !y) return x ? -1 : y ? 1 : compareStrings(a, b)
  for (let i = 0; i < 3; i++) if (x[i] !== y[i]) return y[i]! - x[i]!
  return 0
}

export function aggregatedDiscovery(groups: readonly GroupVersions[], version: 'v2' | 'v2beta1'): object {
  const items = groups.map(({ group, versions }) => ({
    metadata: group ? { name: group, creationTimestamp: null } : { creationTimestamp: null },
    versions: versions.map((v) => ({ version: v.version, resources: v.resources.map(resourceDiscovery), freshness: 'Current' })),
  }))
  return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items }
}

function resourceDiscovery(r: ApiResource): object {
  const own = { group: r.group, version: r.version, kind: r.kind }
  return {
    resource: r.name,
    responseKind: own,
    scope: r.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: r.singular,
    verbs: r.verbs,
    ...(r.shortNames.length > 0 ? { shortNames: r.shortNames } : {}),
    ...(r.categories.length > 0 ? { categories: r.categories } : {}),
    ...(r.subresources.length > 0
      ? {
          subresources: sorted(r.subresources).map((subresource) => {
            const { group, version, kind, verbs } = subresourceKind(r, subresource)
            return { subresource, responseKind: { group: group ?? r.group, version: version ?? r.version, kind }, verbs }
          }),
        }
      : {}),
  }
}

export function resourceList(groupVersion: string, resources: readonly ApiResource[]): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.flatMap((r) => [
      {
        name: r.name,
        singularName: r.singular,
        namespaced: r.namespaced,
        kind: r.kind,
        verbs: r.verbs,
        ...(r.shortNames.length > 0 ? { shortNames: r.shortNames } : {}),
        ...(r.categories.length > 0 ? { categories: r.categories } : {}),
      },
      ...sorted(r.subresources).map((subresource) => {
        const { group, version, kind, verbs } = subresourceKind(r, subresource)
        return { name: `${r.name}/${subresource}`, singularName: '', namespaced: r.namespaced, ...(group !== undefined ? { group, version } : {}), kind, verbs }
      }),
    ]),
  }
}

export function groupDocument({ group, versions }: GroupVersions): object {
  const list = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }))
  return { name: group, versions: list, preferredVersion: list[0] }
}

function subresourceKind(r: ApiResource, subresource: string): SubresourceKind {
  return SUBRESOURCES[subresource] ?? { kind: r.kind, verbs: OWN_VERBS[subresource] ?? READ_WRITE }
}

function sorted(names: readonly string[]): string[] {
  return [...names].sort(compareStrings)
}
