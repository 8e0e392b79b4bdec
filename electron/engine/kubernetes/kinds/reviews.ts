import type { PolicyRule, Subject } from 'kubernetes-types/rbac/v1'
import { FieldErrors, GoValue } from '../field-errors.ts'
import { badRequest, invalid } from '../status.ts'
import type { Store } from '../store.ts'
import type { ClusterRole, ClusterRoleBinding, KubeObject, Role, RoleBinding } from '../types.ts'
import { apiResource, type Kind } from './kind.ts'

/**
 * Reviews are questions: they are answered and not kept. Whoever asks is the kubernetes-admin of kubeadm, and everything
 * is granted; what the rules say is read from the bindings there are.
 */
const USER = 'kubernetes-admin'
const GROUPS = ['kubeadm:cluster-admins', 'system:authenticated']

type Review<Spec, Status> = KubeObject & { spec: Spec; status: Status }

const review = (kind: string, name: string, group: string): Pick<Kind, 'resource' | 'type' | 'validName' | 'columns'> & { validate(): void } => ({
  resource: apiResource(kind, name, { group, namespaced: false, verbs: ['create'] }),
  type: kind,
  validName: () => [],
  validate() {},
  columns: [],
})

interface AccessSpec {
  resourceAttributes?: object
  nonResourceAttributes?: object
}

export const selfSubjectAccessReview: Kind<Review<AccessSpec, object>> = {
  ...review('SelfSubjectAccessReview', 'selfsubjectaccessreviews', 'authorization.k8s.io'),
  answer(object) {
    const { resourceAttributes, nonResourceAttributes } = object.spec
    if ((resourceAttributes === undefined) === (nonResourceAttributes === undefined)) {
      const errors = new FieldErrors()
      const why = resourceAttributes ? 'cannot be specified in combination with resourceAttributes' : 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
      errors.invalid(resourceAttributes ? 'spec.nonResourceAttributes' : 'spec.resourceAttributes', resourceAttributes ? new GoValue('null') : null, why)
      throw invalid({ kind: 'SelfSubjectAccessReview', group: 'authorization.k8s.io' }, '', errors)
    }
    object.status = { allowed: true, reason: `RBAC: allowed by ClusterRoleBinding "${GROUPS[0]}" of ClusterRole "cluster-admin" to Group "${GROUPS[0]}"` }
    return object
  },
}

interface RulesStatus {
  resourceRules: PolicyRule[]
  nonResourceRules: PolicyRule[]
  incomplete: boolean
}

export const selfSubjectRulesReview: Kind<Review<{ namespace?: string }, RulesStatus>> = {
  ...review('SelfSubjectRulesReview', 'selfsubjectrulesreviews', 'authorization.k8s.io'),
  answer(object, { store }) {
    const { namespace } = object.spec
    if (!namespace) throw badRequest('no namespace on request')
    const rules = grantedRules(store, namespace)
    object.status = {
      resourceRules: rules.filter((r) => r.resources),
      nonResourceRules: rules.filter((r) => r.nonResourceURLs),
      incomplete: false,
    }
    return object
  },
}

function grantedRules(store: Store, namespace: string): PolicyRule[] {
  const isMine = ({ kind, name }: Subject): boolean => (kind === 'User' ? name === USER : kind === 'Group' && GROUPS.includes(name))
  const bindings = [...store.list('clusterrolebindings', ''), ...store.list('rolebindings', namespace)] as unknown as readonly (ClusterRoleBinding | RoleBinding)[]
  return bindings.flatMap(({ subjects, roleRef }) => {
    if (!subjects?.some(isMine)) return []
    const role = roleRef.kind === 'Role' ? store.get('roles', namespace, roleRef.name) : store.get('clusterroles', '', roleRef.name)
    return (role as Role | ClusterRole | undefined)?.rules ?? []
  })
}

export const selfSubjectReview: Kind<KubeObject & { status: object }> = {
  ...review('SelfSubjectReview', 'selfsubjectreviews', 'authentication.k8s.io'),
  answer(object, { store }) {
    const extra = { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${certificateHash(store)}`] }
    object.status = { userInfo: { username: USER, groups: GROUPS, extra } }
    return object
  },
}

/** There is no certificate to hash; 64 digits that are each cluster's own. */
function certificateHash(store: Store): string {
  return ['kube-system', 'kube-public'].map((name) => (store.get('namespaces', '', name)?.metadata.uid ?? '').replaceAll('-', '')).join('')
}
