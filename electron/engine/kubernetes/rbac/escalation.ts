import type { PolicyRule } from 'kubernetes-types/rbac/v1'
import { compareStrings, deepEqual, quote } from '../json.ts'
import type { Kind } from '../kinds/kind.ts'
import { forbidden, notFound } from '../status.ts'
import type { Store } from '../store.ts'
import type { KubeObject, RoleBinding } from '../types.ts'
import { authorize, rbacIn, rulesFor, type Attributes, type User } from './authorizer.ts'

const GROUP = 'rbac.authorization.k8s.io'

/**
 * Nobody gives what he has not got: who writes a role or a binding must hold all it grants, or may `escalate` or `bind`. pkg/registry/rbac/…/policybased and
 * validation.ConfirmNoEscalation of Kubernetes v1.33. Throws what it refuses.
 */
export function confirmNoEscalation({ resource }: Kind, object: KubeObject, old: KubeObject | undefined, user: User | undefined, store: Store): void {
  if (resource.group !== GROUP || !user || user.groups.includes('system:masters')) return
  const isBinding = resource.name === 'rolebindings' || resource.name === 'clusterrolebindings'
  if (!isBinding && resource.name !== 'roles' && resource.name !== 'clusterroles') return
  if (old && onlyForCollection(object, old)) return
  const { name, namespace } = object.metadata
  const rbac = rbacIn(store)
  const may = (asked: Omit<Extract<Attributes, { resource: string }>, 'group' | 'subresource' | 'namespace'>): boolean => authorize(rbac, user, { ...asked, group: GROUP, subresource: undefined, namespace }).allowed
  let rules: readonly PolicyRule[]
  if (isBinding) {
    const { kind, name: role } = (object as RoleBinding).roleRef
    const roles = kind === 'ClusterRole' ? 'clusterroles' : 'roles'
    if ((kind === 'ClusterRole' || kind === 'Role') && may({ verb: 'bind', resource: roles, name: role })) return
    const found = store.get(roles, kind === 'ClusterRole' ? '' : (namespace ?? ''), role)
    if (!found) throw notFound({ name: roles, group: GROUP }, role)
    rules = rulesOf(found)
  } else {
    // the name is that of the request, which a create does not have
    if (may({ verb: 'escalate', resource: resource.name, name: old ? name : undefined })) return
    rules = rulesOf(object)
  }
  const missing = uncovered(rulesFor(rbac, user, namespace), rules)
  if (missing.length === 0) return
  const groups = user.groups.map(quote).join(' ')
  throw forbidden(resource, name, `user ${quote(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${told(missing)}`)
}

/** Only what lets the garbage collector take it away changes. */
function onlyForCollection(object: KubeObject, old: KubeObject): boolean {
  const rest = ({ metadata, ...more }: KubeObject): unknown => ({ ...more, metadata: { ...metadata, ownerReferences: undefined, finalizers: undefined, managedFields: undefined } })
  return deepEqual(rest(object), rest(old))
}

const rulesOf = (role: KubeObject): readonly PolicyRule[] => (role as { rules?: readonly PolicyRule[] | null }).rules ?? []

/** The smallest rules of `wanted` that none of `held` covers: component-helpers/auth/rbac/validation. */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(broken).filter((rule) => !held.some((own) => covers(own, rule)))
}

function broken({ apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [], verbs }: PolicyRule): PolicyRule[] {
  const named = resourceNames.length > 0 ? resourceNames.map((name) => ({ resourceNames: [name] })) : [{}]
  const ofResources = apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.flatMap((verb) => named.map((more) => ({ apiGroups: [group], resources: [resource], ...more, verbs: [verb] })))))
  return [...ofResources, ...nonResourceURLs.flatMap((url) => verbs.map((verb) => ({ nonResourceURLs: [url], verbs: [verb] })))]
}

function covers(own: PolicyRule, { verbs, apiGroups: [group] = [], resources: [resource] = [], resourceNames: [name] = [], nonResourceURLs: [url] = [] }: PolicyRule): boolean {
  const holds = (list: readonly string[] | undefined, value: string | undefined): boolean => value === undefined || (list ?? []).includes(value) || (list ?? []).includes('*')
  const slash = resource?.indexOf('/') ?? -1
  const part = slash < 0 ? undefined : `*${resource!.slice(slash)}`
  const isNamed = (own.resourceNames ?? []).length === 0 || (name !== undefined && own.resourceNames!.includes(name))
  const isReached = url === undefined || (own.nonResourceURLs ?? []).some((path) => path === url || (path.endsWith('*') && url.startsWith(path.replace(/\*+$/, ''))))
  return holds(own.verbs, verbs[0]) && holds(own.apiGroups, group) && (holds(own.resources, resource) || (part !== undefined && own.resources?.includes(part) === true)) && isNamed && isReached
}

/** A line a rule; those of one resource without names together (validation.CompactRules, CompactString). */
function told(rules: readonly PolicyRule[]): string {
  const compact = new Map<string, PolicyRule>()
  for (const rule of rules) {
    const { apiGroups, resources, resourceNames, nonResourceURLs } = rule
    const key = JSON.stringify(resourceNames || nonResourceURLs ? rule : [apiGroups, resources])
    const known = compact.get(key)
    compact.set(key, known ? { ...known, verbs: [...known.verbs, ...rule.verbs] } : rule)
  }
  const list = (label: string, values: readonly string[] | undefined): string[] => (values?.length ? [`${label}:[${values.map(quote).join(' ')}]`] : [])
  const lines = [...compact.values()].map(({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }) => {
    const parts = [...list('APIGroups', apiGroups), ...list('Resources', resources), ...list('NonResourceURLs', nonResourceURLs), ...list('ResourceNames', resourceNames), ...list('Verbs', verbs)]
    return `{${parts.join(', ')}}`
  })
  return [...new Set(lines)].sort(compareStrings).join('\n')
}
