import type * as rbac from 'kubernetes-types/rbac/v1'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { deepEqual, quote } from '../json.ts'
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../types.ts'
import { dns1123Subdomain, pathSegment } from './names.ts'

/** Roles and their bindings: pkg/apis/rbac/validation (v1.33). */
export const RBAC_GROUP = 'rbac.authorization.k8s.io'

export function validateRole({ rules }: Role, errors: FieldErrors): void {
  rules?.forEach((rule, i) => validateRule(rule, true, `rules[${i}]`, errors))
}

export function validateClusterRole({ rules }: ClusterRole, errors: FieldErrors): void {
  rules?.forEach((rule, i) => validateRule(rule, false, `rules[${i}]`, errors))
}

function validateRule(rule: rbac.PolicyRule, namespaced: boolean, path: string, errors: FieldErrors): void {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  if (verbs.length === 0) errors.required(`${path}.verbs`, 'verbs must contain at least one value')
  if (nonResourceURLs.length > 0) {
    const at = `${path}.nonResourceURLs`
    if (namespaced) errors.invalid(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs')
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      errors.invalid(at, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs')
    }
    return
  }
  if (apiGroups.length === 0) errors.required(`${path}.apiGroups`, 'resource rules must supply at least one api group')
  if (resources.length === 0) errors.required(`${path}.resources`, 'resource rules must supply at least one resource')
  if (resourceNames.length > 0 && resources.length > 1) errors.required(`${path}.resourceNames`, 'resource names cannot apply to multiple resources')
}

type Binding = RoleBinding | ClusterRoleBinding

export function validateRoleBinding(binding: RoleBinding, errors: FieldErrors): void {
  validateBinding(binding, true, errors)
}

export function validateClusterRoleBinding(binding: ClusterRoleBinding, errors: FieldErrors): void {
  validateBinding(binding, false, errors)
}

function validateBinding({ roleRef, subjects = [] }: Binding, namespaced: boolean, errors: FieldErrors): void {
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole']
  if (roleRef.apiGroup !== RBAC_GROUP) errors.notSupported('roleRef.apiGroup', roleRef.apiGroup, [RBAC_GROUP])
  if (!kinds.includes(roleRef.kind)) errors.notSupported('roleRef.kind', roleRef.kind, kinds)
  if (!roleRef.name) errors.required('roleRef.name')
  else errors.invalidEach('roleRef.name', roleRef.name, pathSegment(roleRef.name))
  subjects.forEach((subject, i) => validateSubject(subject, namespaced, `subjects[${i}]`, errors))
}

function validateSubject({ kind, name, namespace, apiGroup = '' }: rbac.Subject, namespaced: boolean, path: string, errors: FieldErrors): void {
  if (!name) errors.required(`${path}.name`)
  if (kind === 'ServiceAccount') {
    if (name) errors.invalidEach(`${path}.name`, name, dns1123Subdomain(name))
    if (apiGroup) errors.notSupported(`${path}.apiGroup`, apiGroup, [''])
    if (!namespaced && !namespace) errors.required(`${path}.namespace`)
  } else if (kind === 'User' || kind === 'Group') {
    if (!name) errors.invalid(`${path}.name`, name, `${kind.toLowerCase()} name cannot be empty`)
    if (apiGroup !== RBAC_GROUP) errors.notSupported(`${path}.apiGroup`, apiGroup, [RBAC_GROUP])
  } else errors.notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group'])
}

/** Whom a role is given to may change, which role it is may not. */
export function validateRoleRefUpdate({ roleRef }: Binding, old: Binding, errors: FieldErrors): void {
  if (deepEqual(roleRef, old.roleRef)) return
  const shown = `rbac.RoleRef{APIGroup:${quote(roleRef.apiGroup)}, Kind:${quote(roleRef.kind)}, Name:${quote(roleRef.name)}}`
  errors.invalid('roleRef', new GoValue(shown), 'cannot change roleRef')
}
