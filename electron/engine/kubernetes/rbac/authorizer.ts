import type { KubernetesClient } from '../client.ts'
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../types.ts'

/** Who asks: authentication.k8s.io/v1 UserInfo. */
export interface User {
  name: string
  groups: readonly string[]
}

/** What is asked: authorizer.Attributes of k8s.io/apiserver. */
export type Attributes =
  | { verb: string; path: string; resource?: undefined }
  | { verb: string; group: string; resource: string; subresource: string | undefined; namespace: string | undefined; name: string | undefined }

type Rule = NonNullable<Role['rules']>[number]
type Subjects = RoleBinding['subjects']

/** Whether a role that is bound to the user allows it: plugin/pkg/auth/authorizer/rbac of Kubernetes v1.33. */
export function isAllowed(client: KubernetesClient, user: User, asked: Attributes): boolean {
  if (user.groups.includes('system:masters')) return true
  for (const binding of client.list<ClusterRoleBinding>('clusterrolebindings').items) {
    if (isBound(binding.subjects, user, undefined) && allows(rulesOf(client, binding.roleRef, undefined), asked)) return true
  }
  const namespace = asked.resource === undefined ? undefined : asked.namespace
  if (namespace === undefined) return false
  for (const binding of client.list<RoleBinding>('rolebindings', { namespace }).items) {
    if (isBound(binding.subjects, user, namespace) && allows(rulesOf(client, binding.roleRef, namespace), asked)) return true
  }
  return false
}

function isBound(subjects: Subjects, user: User, namespace: string | undefined): boolean {
  return (subjects ?? []).some((subject) => {
    if (subject.kind === 'User') return subject.name === user.name
    if (subject.kind === 'Group') return user.groups.includes(subject.name)
    return user.name === `system:serviceaccount:${subject.namespace ?? namespace ?? ''}:${subject.name}`
  })
}

/** A binding to a role that is not there gives nothing. */
function rulesOf(client: KubernetesClient, role: RoleBinding['roleRef'], namespace: string | undefined): readonly Rule[] {
  const list = role.kind === 'ClusterRole'
    ? client.list<ClusterRole>('clusterroles', { fieldSelector: `metadata.name=${role.name}` })
    : client.list<Role>('roles', { fieldSelector: `metadata.name=${role.name}`, ...(namespace === undefined ? {} : { namespace }) })
  return (list.items[0] as { rules?: Rule[] | null } | undefined)?.rules ?? []
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
export function refusal(user: User, asked: Attributes): string {
  if (asked.resource === undefined) return `User "${user.name}" cannot ${asked.verb} path "${asked.path}"`
  const { group, resource, subresource, namespace } = asked
  const where = namespace === undefined ? ' at the cluster scope' : ` in the namespace "${namespace}"`
  return `User "${user.name}" cannot ${asked.verb} resource "${subresource === undefined ? resource : `${resource}/${subresource}`}" in API group "${group}"${where}`
}
