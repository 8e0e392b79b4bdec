import { at, groupVersion, type JsonObject, map, nameOf, namespaceOf, text } from '../objects.ts'
import type { FieldSpec } from './field-specs.ts'

/** Kinds of Kubernetes that belong to no namespace; others that are not known belong to one. */
const CLUSTER_SCOPED = new Set([
  'APIService', 'CSIDriver', 'CSINode', 'CertificateSigningRequest', 'ClusterRole', 'ClusterRoleBinding', 'ComponentStatus', 'CustomResourceDefinition', 'FlowSchema',
  'IPAddress', 'IngressClass', 'MutatingWebhookConfiguration', 'Namespace', 'Node', 'PersistentVolume', 'PodSecurityPolicy', 'PriorityClass', 'PriorityLevelConfiguration', 'RuntimeClass',
  'SelfSubjectAccessReview', 'SelfSubjectRulesReview', 'ServiceCIDR', 'StorageClass', 'SubjectAccessReview', 'TokenReview', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration', 'VolumeAttachment',
])

export interface Id { group: string; version: string; kind: string; name: string; namespace: string }

export const isClusterScoped = ({ kind }: { kind: string }): boolean => CLUSTER_SCOPED.has(kind)

/** kyaml's resid.ResId: "Deployment.v1.apps/web.[noNs]". */
export function idText({ group, version, kind, name, namespace }: Id): string {
  return `${gvkText({ group, version, kind })}/${name || '[noName]'}.${namespace || '[noNs]'}`
}

export function gvkText({ group, version, kind }: Pick<Id, 'group' | 'version' | 'kind'>): string {
  return `${kind || '[noKind]'}.${version || '[noVer]'}.${group || '[noGrp]'}`
}

/** No namespace is "default", where there are some. */
export const namespaceOfId = (id: Id): string => (isClusterScoped(id) ? '' : id.namespace || 'default')

export function sameId(a: Id, b: Id): boolean {
  return a.kind === b.kind && a.group === b.group && a.version === b.version && a.name === b.name && namespaceOfId(a) === namespaceOfId(b)
}

/** What a kustomization collects: an object, and what it was called before. */
export class Resource {
  object: JsonObject
  /** What it was before each change of its name or namespace, the first first. */
  readonly previous: Id[] = []
  readonly prefixes: string[] = []
  readonly suffixes: string[] = []
  /** Of generated ones. */
  behavior: 'create' | 'merge' | 'replace' | undefined
  needsHash = false

  constructor(object: JsonObject) {
    this.object = object
  }

  get id(): Id {
    const { group, version } = groupVersion(text(this.object['apiVersion']))
    return { group, version, kind: text(this.object['kind']), name: nameOf(this.object), namespace: namespaceOf(this.object) }
  }

  get original(): Id {
    return this.previous[0] ?? this.id
  }

  get ids(): readonly Id[] {
    return [...this.previous, this.id]
  }

  /** Something of metadata that is part of its id. */
  rename(change: { name?: string; namespace?: string }): void {
    this.previous.push(this.id)
    this.object = { ...this.object, metadata: { ...map(this.object['metadata']), ...change } }
  }

  isSelected({ kind, group, version }: Pick<FieldSpec, 'kind' | 'group' | 'version'>): boolean {
    const { id } = this
    return (kind === undefined || kind === id.kind) && (group === undefined || group === id.group) && (version === undefined || version === id.version)
  }

  strings(field: 'labels' | 'annotations'): JsonObject {
    return map(at(this.object, 'metadata', field))
  }
}
