import type { DeleteOptions, WriteOptions } from '../client.ts'
import { apiVersionOf, type Kind } from '../kinds/kind.ts'
import { ADMIN, type User } from '../rbac/authorizer.ts'
import type { Store } from '../store.ts'
import type { KubeObject } from '../types.ts'
import type { MatchResources, Rule, Webhook } from './registration.ts'
import { GROUP } from './registration.ts'
import { compileLabelSelector } from '../selectors.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

/** What admission is told of a write: admission.Attributes of k8s.io/apiserver. */
export interface Request {
  kind: Kind
  operation: Operation
  namespace: string
  /** Empty where the server makes the name. */
  name: string
  subresource: string
  user: User
  dryRun: boolean
  options: object
  /** Of a subresource that is an object of another kind: a Scale. */
  shownAs?: { group: string; version: string; kind: string }
}

export function requestOf(kind: Kind, operation: Operation, namespace: string | undefined, name: string, options: (WriteOptions | DeleteOptions) & { subresource?: string; user?: User }): Request {
  return {
    kind, operation, name, subresource: options.subresource ?? '', user: options.user ?? ADMIN, dryRun: options.dryRun ?? false,
    namespace: kind.resource.namespaced ? (namespace ?? 'default') : kind.resource.name === 'namespaces' ? name : '',
    options: sentOptions(operation, options),
  }
}

/** metav1.CreateOptions and its like. */
function sentOptions(operation: Operation, options: WriteOptions & DeleteOptions): object {
  const { dryRun, fieldManager, fieldValidation, gracePeriodSeconds, propagationPolicy, preconditions } = options
  if (operation === 'CONNECT') return {}
  const dry = dryRun ? { dryRun: ['All'] } : {}
  const head = { kind: `${operation[0]}${operation.slice(1).toLowerCase()}Options`, apiVersion: 'meta.k8s.io/v1' }
  if (operation === 'DELETE') return { ...head, ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }), ...(preconditions ? { preconditions } : {}), ...(propagationPolicy ? { propagationPolicy } : {}), ...dry }
  return Object.assign(head, dry, fieldManager && { fieldManager }, fieldValidation && { fieldValidation })
}

/** rules.IsExemptAdmissionConfigurationResource: else nobody could mend them. */
export function isExempt({ resource }: Kind): boolean {
  return resource.group === GROUP
}

function matchesResource(text: string, resource: string, subresource: string): boolean {
  const at = text.indexOf('/')
  const [wanted, part] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
  return (wanted === '*' || wanted === resource) && (part === '*' || part === subresource)
}

/** rules.Matcher, without the scope of the namespace: whether a rule can be meant at all. */
export function matchesRule(rule: Rule, kind: Kind, operation: Operation, subresource: string): boolean {
  const { resource } = kind
  const has = (list: readonly string[] | undefined, value: string): boolean => list?.some((each) => each === '*' || each === value) === true
  if (!has(rule.operations, operation) || !has(rule.apiGroups, resource.group) || !has(rule.apiVersions, resource.version)) return false
  if (rule.scope === 'Namespaced' && !resource.namespaced) return false
  if (rule.scope === 'Cluster' && resource.namespaced) return false
  return rule.resources?.some((each) => matchesResource(each, resource.name, subresource)) === true
}

type Labels = { readonly [key: string]: string } | undefined

/** predicates/namespace and predicates/object: of a Namespace its own labels count. */
export function matchesSelectors({ namespaceSelector, objectSelector }: Pick<Webhook & MatchResources, 'namespaceSelector' | 'objectSelector'>, { kind, namespace }: Request, object: KubeObject | undefined, old: KubeObject | undefined, store: Store): boolean {
  const isNamespace = kind.resource.name === 'namespaces' && kind.resource.group === ''
  // the options of a stream have no metadata
  const labelsOf = (one: Partial<KubeObject> | undefined): Labels => one?.metadata?.labels
  if (kind.resource.namespaced || isNamespace) {
    const labels = isNamespace ? labelsOf(object ?? old) : labelsOf(store.get('namespaces', '', namespace))
    if (!compileLabelSelector(namespaceSelector ?? {}).matches(labels ?? {})) return false
  }
  const selector = compileLabelSelector(objectSelector ?? {})
  return [object, old].some((one) => one !== undefined && selector.matches(labelsOf(one) ?? {}))
}

/** admission/v1 AdmissionRequest, as webhooks get it and as CEL's `request` is. */
export function admissionRequest(request: Request, uid: string): { [key: string]: unknown } {
  const { kind: { resource }, operation, namespace, name, subresource, user, dryRun, options } = request
  const { group, version } = resource
  const of = request.shownAs ?? { group, version, kind: resource.kind }
  const at = { group, version, resource: resource.name }
  return {
    uid, kind: of, resource: at, ...(subresource ? { subResource: subresource } : {}), requestKind: of, requestResource: at, ...(subresource ? { requestSubResource: subresource } : {}),
    ...(name ? { name } : {}), ...(namespace ? { namespace } : {}), operation,
    userInfo: { username: user.name, ...(user.uid ? { uid: user.uid } : {}), ...(user.groups.length > 0 ? { groups: user.groups } : {}), ...(user.extra ? { extra: user.extra } : {}) },
    dryRun, options: operation === 'CONNECT' ? null : options,
  }
}

/** An object as its version has it: what is stored of another one is shown so. */
export function shown(kind: Kind, object: KubeObject | undefined): KubeObject | null {
  if (!object) return null
  const apiVersion = apiVersionOf(kind.resource)
  if (object.apiVersion === apiVersion || object.kind !== kind.resource.kind) return object
  return kind.serve?.(object) ?? { ...object, apiVersion }
}

