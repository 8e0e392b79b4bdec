import { AdmissionRefusal } from '../../client.ts'
import { type Kind, storeKey } from '../../kinds/kind.ts'
import { compileLabelSelector } from '../../selectors.ts'
import { forbidden } from '../../status.ts'
import type { Store } from '../../store.ts'
import type { KubeObject } from '../../types.ts'
import { BINDINGS, POLICIES, type MatchResources, type NamedRule, type Policy, type PolicyBinding } from '../registration.ts'
import { admissionRequest, matchesRule, matchesSelectors, type Request, shown } from '../request.ts'
import { evaluate, toCel, type Variables } from './expressions.ts'

/** ValidatingAdmissionPolicy: apiserver/pkg/admission/plugin/policy (v1.33). There is no audit log for what Audit writes. */
export interface PolicyMatch {
  policy: Policy
  bindings: readonly PolicyBinding[]
}

interface Host {
  readonly store: Store
  readonly kinds: Iterable<Kind>
}

interface Refusal { policy: Policy; binding: PolicyBinding | undefined; message: string; reason: string }

const CODES: Readonly<Record<string, number>> = { Forbidden: 403, RequestEntityTooLarge: 413, Invalid: 422 }
/** celconfig.MaxEvaluatedMessageExpressionSizeBytes. */
const LONGEST_MESSAGE = 5 * 1024

export class PolicyCheck {
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  /** The policies whose rules a request can be meant by, with all that bind them. */
  matching(request: Request): PolicyMatch[] {
    const { store } = this.#host
    const policies = store.list(POLICIES, '') as readonly Policy[]
    if (policies.length === 0) return []
    const bindings = store.list(BINDINGS, '') as readonly PolicyBinding[]
    return policies.flatMap((policy) => {
      if (!matchesRules(policy.spec.matchConstraints, request)) return []
      const own = bindings.filter(({ spec }) => spec.policyName === policy.metadata.name)
      return own.length > 0 ? [{ policy, bindings: own }] : []
    })
  }

  /** Throws the first refusal; `warn` gets what bindings with Warn say. */
  check(request: Request, all: readonly PolicyMatch[], object: KubeObject | undefined, old: KubeObject | undefined, warn: (text: string) => void): void {
    const refusals: Refusal[] = []
    for (const { policy, bindings } of all) {
      if (!matchesSelectors(policy.spec.matchConstraints ?? {}, request, object, old, this.#host.store)) continue
      const paramKind = policy.spec.paramKind && this.#paramKind(policy)
      if (policy.spec.paramKind && !paramKind) {
        const { apiVersion = '', kind = '' } = policy.spec.paramKind
        const named = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`
        if (policy.spec.failurePolicy !== 'Ignore') refusals.push({ policy, binding: undefined, reason: '', message: `failed to configure policy: failed to find resource referenced by paramKind: '${named}, Kind=${kind}'` })
        continue
      }
      for (const binding of bindings) {
        const { matchResources } = binding.spec
        if (matchResources && ((matchResources.resourceRules?.length && !matchesRules(matchResources, request)) || isExcluded(matchResources, request) || !matchesSelectors(matchResources, request, object, old, this.#host.store))) continue
        const params = this.#params(binding, paramKind, request.namespace)
        if (typeof params === 'string') {
          if (policy.spec.failurePolicy !== 'Ignore') refusals.push({ policy, binding, reason: '', message: `failed to configure binding: ${params}` })
          continue
        }
        for (const param of params) this.#decide(request, policy, binding, param, object, old, warn, refusals)
      }
    }
    if (refusals.length > 0) throw refused(request, refusals[0]!, object ?? old)
  }

  #paramKind({ spec }: Policy): Kind | undefined {
    const { apiVersion = '', kind } = spec.paramKind!
    const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion]
    for (const each of this.#host.kinds) if (each.resource.group === group && each.resource.version === version && each.resource.kind === kind) return each
    return undefined
  }

  /** generic.CollectParams. */
  #params({ spec: { paramRef } }: PolicyBinding, kind: Kind | undefined, namespace: string): readonly (KubeObject | undefined)[] | string {
    if (!kind || !paramRef) return [undefined]
    const { store } = this.#host
    if (paramRef.namespace && !kind.resource.namespaced) return 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`'
    const home = kind.resource.namespaced ? paramRef.namespace || namespace : ''
    if (kind.resource.namespaced && home === '') return 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources'
    let found: readonly KubeObject[]
    if (paramRef.name) {
      const one = store.get(storeKey(kind), home, paramRef.name)
      found = one ? [one] : []
    } else {
      const selector = compileLabelSelector(paramRef.selector)
      found = store.list(storeKey(kind), home).filter(({ metadata }) => selector.matches(metadata.labels ?? {}))
    }
    if (found.length === 0 && paramRef.parameterNotFoundAction === 'Deny') return 'no params found for policy binding with `Deny` parameterNotFoundAction'
    return found.map((one) => shown(kind, one)!)
  }

  /** validator.Validate and what the binding makes of it. */
  #decide(request: Request, policy: Policy, binding: PolicyBinding, param: KubeObject | undefined, object: KubeObject | undefined, old: KubeObject | undefined, warn: (text: string) => void, refusals: Refusal[]): void {
    const { spec } = policy
    const deny = (message: string, reason: string): void => {
      for (const action of binding.spec.validationActions ?? []) {
        if (action === 'Deny') refusals.push({ policy, binding, message, reason })
        else if (action === 'Warn') warn(`Validation failed for ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}': ${message}`)
      }
    }
    const fail = (message: string): void => void (spec.failurePolicy !== 'Ignore' && deny(message, ''))
    const scope = this.#variables(request, policy, param, object, old)
    const conditions = (spec.matchConditions ?? []).map(({ expression }) => evaluate(expression, scope))
    if (conditions.some((result) => result && 'value' in result && result.value !== true)) return
    const broken = conditions.find((result) => result && 'error' in result)
    if (broken) return fail((broken as { error: string }).error)
    for (const { expression, message = '', messageExpression, reason = 'Invalid' } of spec.validations ?? []) {
      const result = evaluate(expression, scope)
      if (!result || ('value' in result && result.value === true)) continue
      if ('error' in result) {
        fail(result.error)
        continue
      }
      deny(computed(messageExpression, scope) || message.trim() || `failed expression: ${expression.trim()}`, reason)
    }
    for (const { valueExpression } of spec.auditAnnotations ?? []) {
      const result = evaluate(valueExpression, scope)
      if (!result || spec.failurePolicy === 'Ignore') continue
      const wrong = 'error' in result ? result.error : typeof result.value === 'string' || result.value === null ? undefined
        : `valueExpression '${valueExpression}' resulted in unsupported return type: ${typeName(result.value)}. Return type must be either string or null.`
      if (wrong !== undefined) refusals.push({ policy, binding, message: wrong, reason: '' })
    }
  }

  #variables(request: Request, { spec }: Policy, param: KubeObject | undefined, object: KubeObject | undefined, old: KubeObject | undefined): Variables {
    const { kind, namespace } = request
    const home = kind.resource.namespaced ? this.#host.store.get('namespaces', '', namespace) : undefined
    const as = (one: KubeObject | undefined): unknown => toCel(request.shownAs ? one : shown(kind, one))
    const variables = {}
    const scope: Variables = { object: as(object), oldObject: as(old), request: toCel(admissionRequest(request, '')), params: toCel(param), namespaceObject: toCel(home && visible(home)), variables, authorizer: null }
    for (const { name, expression } of spec.variables ?? []) {
      let known: { value: unknown } | undefined
      // computed when it is first asked for
      Object.defineProperty(variables, name, {
        enumerable: true,
        get: () => {
          if (known) return known.value
          const result = evaluate(expression, scope)
          if (result && 'error' in result) throw new Error(`composited variable "${name}" fails to evaluate: ${result.error}`)
          return (known = { value: result?.value ?? null }).value
        },
      })
    }
    return scope
  }
}

/** cel.CreateNamespaceObject: what expressions may see of a namespace. */
function visible({ metadata, ...rest }: KubeObject): object {
  const { name, generateName, namespace, labels, annotations, uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, finalizers, resourceVersion, generation } = metadata
  return { metadata: { name, generateName, namespace, labels, annotations, uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, finalizers, resourceVersion, generation }, spec: (rest as { spec?: unknown }).spec, status: (rest as { status?: unknown }).status }
}

function computed(expression: string | undefined, scope: Variables): string {
  const result = expression ? evaluate(expression, scope) : undefined
  if (!result || !('value' in result) || typeof result.value !== 'string') return ''
  const text = result.value.trim()
  return text.length > LONGEST_MESSAGE || text.includes('\n') ? '' : text
}

function typeName(value: unknown): string {
  if (typeof value === 'bigint') return 'int'
  return typeof value === 'boolean' ? 'bool' : typeof value === 'number' ? 'double' : Array.isArray(value) ? 'list' : 'map'
}

function named(rule: NamedRule, name: string): boolean {
  return !rule.resourceNames?.length || rule.resourceNames.includes(name)
}

function meant(rules: readonly NamedRule[] | undefined, { kind, operation, subresource, name }: Request): boolean {
  return rules?.some((rule) => matchesRule(rule, kind, operation, subresource) && named(rule, name)) === true
}

function isExcluded(match: MatchResources, request: Request): boolean {
  return meant(match.excludeResourceRules, request)
}

function matchesRules(match: MatchResources | undefined, request: Request): boolean {
  return !!match && !isExcluded(match, request) && meant(match.resourceRules, request)
}

function refused({ kind: { resource }, name }: Request, { policy, binding, message, reason }: Refusal, object: KubeObject | undefined): AdmissionRefusal {
  const by = `ValidatingAdmissionPolicy '${policy.metadata.name}'${binding ? ` with binding '${binding.metadata.name}'` : ''}`
  const text = `${by} denied request: ${message}`
  const { status } = forbidden(resource, name || (object?.metadata.name ?? ''), text)
  const why = reason || 'Invalid'
  return new AdmissionRefusal({ ...status, reason: why, code: CODES[why] ?? 422, details: { ...status.details, causes: [{ message: text }] } })
}
