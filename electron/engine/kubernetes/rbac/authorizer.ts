import type { KubernetesClient, StatusError } from '../client.ts'
import { quote } from '../json.ts'
import { failure, forbidden } from '../status.ts'
import type { Store } from '../store.ts'
import type { Pod, Role, RoleBinding } from '../types.ts'
import { authorizeNode } from './node-authorizer.ts'

/** Who asks: authentication.k8s.io/v1 UserInfo. */
export interface User {
  name: string
  groups: readonly string[]
  uid?: string
  extra?: Readonly<Record<string, readonly string[]>>
}

/** Whoever reaches the API with kubeadm's admin.conf: kubectl of the laptop. */
export const ADMIN: User = { name: 'kubernetes-admin', groups: ['kubeadm:cluster-admins', 'system:authenticated'] }

/** Who one is with Impersonate-User and Impersonate-Group: k8s.io/apiserver/pkg/endpoints/filters/impersonation.go. */
export function impersonated(name: string, groups: readonly string[] = [], uid?: string): User {
  const [, namespace] = /^system:serviceaccount:([^:]+):[^:]+$/.exec(name) ?? []
  const own = groups.length === 0 && namespace !== undefined ? ['system:serviceaccounts', `system:serviceaccounts:${namespace}`] : groups
  const isAnonymous = name === 'system:anonymous'
  const kind = isAnonymous ? 'system:unauthenticated' : 'system:authenticated'
  const isKnown = own.includes(kind) || own.includes('system:unauthenticated')
  return { name, groups: isKnown ? own : [...own, kind], ...(uid ? { uid } : {}) }
}

/** What is asked: authorizer.Attributes of k8s.io/apiserver. */
export type Attributes =
  | { verb: string; path: string; resource?: undefined }
  | { verb: string; group: string; resource: string; subresource: string | undefined; namespace: string | undefined; name: string | undefined; /** Of a list or watch: its field selector. */ selector?: string | undefined }

type Rule = NonNullable<Role['rules']>[number]

/** Where bindings and roles are read, and the Pods of which the Node authorizer wants to know: of one namespace, or those of the cluster. */
export type Rbac = (resource: 'clusterrolebindings' | 'rolebindings' | 'clusterroles' | 'roles' | 'pods', namespace?: string) => readonly unknown[]

/** For what runs in the API server. */
export const rbacIn = (store: Store): Rbac => (resource, namespace = '') => store.list(resource, namespace)

export function rbacOf(client: KubernetesClient): Rbac {
  return (resource, namespace) => client.list(resource, namespace === undefined ? {} : { namespace }).items
}

type Binding = Pick<RoleBinding, 'metadata' | 'roleRef' | 'subjects'>
type Subject = NonNullable<RoleBinding['subjects']>[number]

/** One of the roles that are bound to a user, or the word that it is not there. */
interface Grant { binding: Binding; subject: Subject; rules: readonly Rule[] | undefined }

export interface Decision {
  allowed: boolean
  /** `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to User "z"`; of a refusal what is amiss with the bindings, if anything is. */
  reason: string
}

/** Whether the Node authorizer, or a role that is bound to the user, allows it: --authorization-mode=Node,RBAC, plugin/pkg/auth/authorizer/rbac of Kubernetes v1.33. */
export function authorize(rbac: Rbac, user: User, asked: Attributes): Decision {
  if (user.groups.includes('system:masters')) return { allowed: true, reason: '' }
  const ofNode = authorizeNode(user, asked, () => (asked.resource === undefined || asked.namespace === undefined ? [] : (rbac('pods', asked.namespace) as readonly Pod[])))
  if (ofNode?.allowed) return ofNode
  const missing: string[] = []
  for (const { binding, subject, rules } of grants(rbac, user, asked.resource === undefined ? undefined : asked.namespace)) {
    const { roleRef } = binding
    if (!rules) missing.push(`${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${quote(roleRef.name)} not found`)
    else if (allows(rules, asked)) return { allowed: true, reason: `RBAC: allowed by ${described(binding)} of ${roleRef.kind} ${quote(roleRef.name)} to ${nameOf(subject, binding.metadata.namespace)}` }
  }
  const amiss = missing.length === 0 ? '' : `RBAC: ${missing.length === 1 ? missing[0]! : `[${[...new Set(missing)].join(', ')}]`}`
  return { allowed: false, reason: [ofNode?.reason, amiss].filter(Boolean).join('\n') }
}

/** What a user may do in a namespace, or without one in the cluster. */
export function rulesFor(rbac: Rbac, user: User, namespace: string | undefined): Rule[] {
  return [...grants(rbac, user, namespace)].flatMap(({ rules }) => rules ?? [])
}

function* grants(rbac: Rbac, user: User, namespace: string | undefined): Generator<Grant> {
  for (const home of namespace ? [undefined, namespace] : [undefined]) {
    for (const binding of rbac(home === undefined ? 'clusterrolebindings' : 'rolebindings', home) as readonly Binding[]) {
      const subject = binding.subjects?.find((each) => isHim(each, user, home))
      if (subject) yield { binding, subject, rules: rulesOf(rbac, binding.roleRef, home) }
    }
  }
}

function isHim(subject: Subject, user: User, namespace: string | undefined): boolean {
  if (subject.kind === 'User') return subject.name === user.name
  if (subject.kind === 'Group') return user.groups.includes(subject.name)
  return user.name === `system:serviceaccount:${subject.namespace ?? namespace ?? ''}:${subject.name}`
}

/** A binding to a role that is not there gives nothing. */
function rulesOf(rbac: Rbac, { kind, name }: RoleBinding['roleRef'], namespace: string | undefined): readonly Rule[] | undefined {
  const roles = (kind === 'ClusterRole' ? rbac('clusterroles') : rbac('roles', namespace)) as readonly Pick<Role, 'metadata' | 'rules'>[]
  const role = roles.find(({ metadata }) => metadata.name === name)
  return role && ((role.rules as Rule[] | null | undefined) ?? [])
}

function described({ metadata: { name, namespace } }: Binding): string {
  return namespace === undefined ? `ClusterRoleBinding ${quote(name)}` : `RoleBinding ${quote(`${name}/${namespace}`)}`
}

function nameOf({ kind, name, namespace }: Subject, home: string | undefined): string {
  return `${kind} ${quote(kind === 'ServiceAccount' ? `${name}/${namespace ?? home ?? ''}` : name)}`
}

function allows(rules: readonly Rule[], asked: Attributes): boolean {
  return rules.some((rule) => {
    if (!has(rule.verbs, asked.verb)) return false
    if (asked.resource === undefined) return (rule.nonResourceURLs ?? []).some((url) => (url.endsWith('*') ? asked.path.startsWith(url.slice(0, -1)) : asked.path === url))
    const { group, resource, subresource, name } = asked
    const full = subresource === undefined ? resource : `${resource}/${subresource}`
    const isNamed = (rule.resourceNames ?? []).length === 0 || (name !== undefined && rule.resourceNames!.includes(name))
    return isNamed && has(rule.apiGroups, group) && (has(rule.resources, full) || (subresource !== undefined && (rule.resources ?? []).includes(`*/${subresource}`)))
  })
}

function has(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(value))
}

/** `User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"` (responsewriters.forbiddenMessage). */
export function refusal(user: User, asked: Attributes, reason = ''): StatusError {
  const after = reason ? `: ${reason}` : ''
  if (asked.resource === undefined) return failure(403, 'Forbidden', `forbidden: User "${user.name}" cannot ${asked.verb} path "${asked.path}"${after}`, {})
  const { group, resource, subresource, namespace, name } = asked
  const where = namespace === undefined ? ' at the cluster scope' : ` in the namespace "${namespace}"`
  const what = `resource "${subresource === undefined ? resource : `${resource}/${subresource}`}" in API group "${group}"${where}`
  return forbidden({ name: resource, group }, name ?? '', `User "${user.name}" cannot ${asked.verb} ${what}${after}`)
}
