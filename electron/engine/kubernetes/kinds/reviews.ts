import type { PolicyRule } from 'kubernetes-types/rbac/v1'
import { readCertificates } from '../../programs/tls/x509.ts'
import { FieldErrors, GoValue } from '../field-errors.ts'
import { credentialOf, holderOf } from '../rbac/authenticate.ts'
import { ADMIN, authorize, rbacIn, rulesFor, type Attributes, type User } from '../rbac/authorizer.ts'
import { badRequest, invalid } from '../status.ts'
import type { Store } from '../store.ts'
import type { KubeObject } from '../types.ts'
import { apiResource, type Kind } from './kind.ts'

/** Reviews are questions: they are answered from the roles and bindings there are, and not kept. */
type Review<Spec, Status> = KubeObject & { spec: Spec; status: Status }

const review = (kind: string, name: string, group: string): Pick<Kind, 'resource' | 'type' | 'validName' | 'columns'> & { validate(): void } => ({
  resource: apiResource(kind, name, { group, namespaced: false, verbs: ['create'] }),
  type: kind,
  validName: () => [],
  validate() {},
  columns: [],
})

interface AccessSpec {
  resourceAttributes?: { namespace?: string; verb?: string; group?: string; resource?: string; subresource?: string; name?: string }
  nonResourceAttributes?: { path?: string; verb?: string }
}
interface SubjectAccessSpec extends AccessSpec { user?: string; groups?: string[]; uid?: string }

/** The question of a review, checked: pkg/apis/authorization/validation. */
function askedIn({ resourceAttributes, nonResourceAttributes }: AccessSpec, kind: string, errors: FieldErrors): Attributes {
  if ((resourceAttributes === undefined) === (nonResourceAttributes === undefined)) {
    const why = resourceAttributes ? 'cannot be specified in combination with resourceAttributes' : 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
    errors.invalid(resourceAttributes ? 'spec.nonResourceAttributes' : 'spec.resourceAttributes', resourceAttributes ? new GoValue('null') : null, why)
  }
  if (!errors.empty) throw invalid({ kind, group: 'authorization.k8s.io' }, '', errors)
  if (nonResourceAttributes) return { verb: nonResourceAttributes.verb ?? '', path: nonResourceAttributes.path ?? '' }
  const { verb = '', group = '', resource = '', subresource, namespace, name } = resourceAttributes!
  return { verb, group, resource, subresource: subresource || undefined, namespace: namespace || undefined, name: name || undefined }
}

function decide(store: Store, user: User, asked: Attributes): object {
  const { allowed, reason } = authorize(rbacIn(store), user, asked)
  return { allowed, ...(reason ? { reason } : {}) }
}

export const selfSubjectAccessReview: Kind<Review<AccessSpec, object>> = {
  ...review('SelfSubjectAccessReview', 'selfsubjectaccessreviews', 'authorization.k8s.io'),
  answer(object, { store }, user) {
    object.status = decide(store, user, askedIn(object.spec, 'SelfSubjectAccessReview', new FieldErrors()))
    return object
  },
}

function decideFor(object: Review<SubjectAccessSpec, object>, store: Store, kind: string): Review<SubjectAccessSpec, object> {
  const { user = '', groups = [], uid } = object.spec
  const errors = new FieldErrors()
  if (!user && groups.length === 0) errors.invalid('spec.user', user, 'at least one of user or group must be specified')
  const asked = askedIn(object.spec, kind, errors)
  object.status = decide(store, { name: user, groups, ...(uid ? { uid } : {}) }, asked)
  return object
}

export const subjectAccessReview: Kind<Review<SubjectAccessSpec, object>> = {
  ...review('SubjectAccessReview', 'subjectaccessreviews', 'authorization.k8s.io'),
  answer: (object, { store }) => decideFor(object, store, 'SubjectAccessReview'),
}

export const localSubjectAccessReview: Kind<Review<SubjectAccessSpec, object>> = {
  ...review('LocalSubjectAccessReview', 'localsubjectaccessreviews', 'authorization.k8s.io'),
  resource: apiResource('LocalSubjectAccessReview', 'localsubjectaccessreviews', { group: 'authorization.k8s.io', verbs: ['create'] }),
  answer(object, { store }) {
    const { namespace } = object.metadata
    const given = object.spec.resourceAttributes?.namespace
    if (given !== namespace) throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace ?? ''}`)
    return decideFor(object, store, 'LocalSubjectAccessReview')
  },
}

interface RulesStatus {
  resourceRules: PolicyRule[]
  nonResourceRules: PolicyRule[]
  incomplete: boolean
}

export const selfSubjectRulesReview: Kind<Review<{ namespace?: string }, RulesStatus>> = {
  ...review('SelfSubjectRulesReview', 'selfsubjectrulesreviews', 'authorization.k8s.io'),
  answer(object, { store }, user) {
    const { namespace } = object.spec
    if (!namespace) throw badRequest('no namespace on request')
    const rules = rulesFor(rbacIn(store), user, namespace)
    object.status = {
      resourceRules: rules.filter((r) => r.resources),
      nonResourceRules: rules.filter((r) => r.nonResourceURLs),
      incomplete: false,
    }
    return object
  },
}

export const selfSubjectReview: Kind<KubeObject & { status: object }> = {
  ...review('SelfSubjectReview', 'selfsubjectreviews', 'authentication.k8s.io'),
  answer(object, { administrator }, user) {
    // who is let in as the administrator without a certificate (by the token of podhop serve) is who has his kubeconfig
    const certificate = user === ADMIN && !user.extra ? administrator?.() : undefined
    const extra = user.extra ?? (certificate === undefined ? undefined : credentialOf(readCertificates(certificate)[0]!))
    object.status = { userInfo: userInfo({ ...user, ...(extra ? { extra } : {}) }) }
    return object
  },
}

const userInfo = ({ name: username, uid, groups, extra }: User): object => ({ username, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) })

/** Whose a token is: pkg/registry/authentication/tokenreview. */
export const tokenReview: Kind<Review<{ token?: string; audiences?: string[] }, object>> = {
  ...review('TokenReview', 'tokenreviews', 'authentication.k8s.io'),
  answer(object, { store, clock }) {
    const { token = '', audiences = [] } = object.spec
    if (token === '') throw badRequest('token is required for TokenReview in authentication')
    const holder = holderOf((resource, namespace, name) => store.get(resource, namespace, name), token, clock.wall(), audiences.length > 0 ? audiences : undefined)
    object.status = holder ? { authenticated: true, user: userInfo(holder.user), audiences: holder.audiences } : { user: {}, error: 'invalid bearer token' }
    return object
  },
}
