import type * as rbac from 'kubernetes-types/rbac/v1'
import type { ClusterRole, ClusterRoleBinding, KubeObject, Role, RoleBinding } from '../types.ts'
import { pathSegment } from '../validation/names.ts'
import { RBAC_GROUP, validateClusterRole, validateClusterRoleBinding, validateRole, validateRoleBinding, validateRoleRefUpdate } from '../validation/rbac.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Column, type Kind } from './kind.ts'

/** rbac.authorization.k8s.io/v1: pkg/apis/rbac/v1/defaults.go, pkg/registry/rbac. They hold for who comes over the network (programs/kube-apiserver); the laptop is cluster-admin. */

const CREATED: Column<KubeObject> = { name: 'Created At', cell: (o) => o.metadata.creationTimestamp }

/** Without rules it is written as Go's nil. */
function emptyIsNull(object: Role | ClusterRole): void {
  if (object.rules?.length === 0) object.rules = null
}

export const role: Kind<Role> = {
  resource: apiResource('Role', 'roles', { group: RBAC_GROUP }),
  type: 'Role',
  validName: pathSegment,
  createOnUpdate: true,
  prepareForCreate: emptyIsNull,
  prepareForUpdate: emptyIsNull,
  validate: validateRole,
  columns: [NAME, CREATED],
}

export const clusterRole: Kind<ClusterRole> = {
  resource: apiResource('ClusterRole', 'clusterroles', { group: RBAC_GROUP, namespaced: false }),
  type: 'ClusterRole',
  validName: pathSegment,
  createOnUpdate: true,
  prepareForCreate: emptyIsNull,
  prepareForUpdate: emptyIsNull,
  validate: validateClusterRole,
  columns: [NAME, CREATED],
}

type Binding = RoleBinding | ClusterRoleBinding

/** The API groups that may be left out. */
function setBindingDefaults(binding: Binding): void {
  if (!binding.roleRef.apiGroup) binding.roleRef = { ...binding.roleRef, apiGroup: RBAC_GROUP }
  const incomplete = (s: rbac.Subject): boolean => !s.apiGroup && (s.kind === 'User' || s.kind === 'Group')
  if (binding.subjects?.some(incomplete)) binding.subjects = binding.subjects.map((s) => (incomplete(s) ? { ...s, apiGroup: RBAC_GROUP } : s))
}

const names = (binding: Binding, kind: string): string =>
  (binding.subjects ?? [])
    .filter((s) => s.kind === kind)
    .map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name))
    .join(', ')

const BINDING_COLUMNS: readonly Column<Binding>[] = [
  NAME,
  { name: 'Role', cell: ({ roleRef }) => `${roleRef.kind}/${roleRef.name}` },
  AGE,
  { name: 'Users', priority: 1, cell: (o) => names(o, 'User') },
  { name: 'Groups', priority: 1, cell: (o) => names(o, 'Group') },
  { name: 'ServiceAccounts', priority: 1, cell: (o) => names(o, 'ServiceAccount') },
]

export const roleBinding: Kind<RoleBinding> = {
  resource: apiResource('RoleBinding', 'rolebindings', { group: RBAC_GROUP }),
  type: 'RoleBinding',
  validName: pathSegment,
  createOnUpdate: true,
  setDefaults: setBindingDefaults,
  validate: validateRoleBinding,
  validateUpdate(object, old, errors) {
    validateRoleBinding(object, errors)
    validateRoleRefUpdate(object, old, errors)
  },
  columns: BINDING_COLUMNS,
}

export const clusterRoleBinding: Kind<ClusterRoleBinding> = {
  resource: apiResource('ClusterRoleBinding', 'clusterrolebindings', { group: RBAC_GROUP, namespaced: false }),
  type: 'ClusterRoleBinding',
  validName: pathSegment,
  createOnUpdate: true,
  setDefaults: setBindingDefaults,
  validate: validateClusterRoleBinding,
  validateUpdate(object, old, errors) {
    validateClusterRoleBinding(object, errors)
    validateRoleRefUpdate(object, old, errors)
  },
  columns: BINDING_COLUMNS,
}
