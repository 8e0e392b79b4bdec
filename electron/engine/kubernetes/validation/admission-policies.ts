import type { MatchResources, ParamRef, Policy, PolicyBinding } from '../admission/registration.ts'
import { compiledType, unsimulated } from '../admission/policies/expressions.ts'
import { variableType } from '../cel/admission-scope.ts'
import { BOOL, type CelType, DYN, NULL, STRING } from '../cel/types.ts'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { quote } from '../json.ts'
import { dns1035Label, dns1123Subdomain, pathSegment, qualifiedName } from './names.ts'
import { validateLabelSelector } from './object-meta.ts'
import { validateMatchConditions, validateNamedRule } from './admission-webhooks.ts'

/** Policies and their bindings: pkg/apis/admissionregistration/validation (v1.33). */
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge']
const ACTIONS = ['Audit', 'Deny', 'Warn']
const BOTH = 'validations or auditAnnotations must contain at least one item'
const MOST_ANNOTATIONS = 20

export function validatePolicy(object: Policy, errors: FieldErrors): void {
  check(object, errors, new Set())
}

export function validatePolicyUpdate(object: Policy, old: Policy, errors: FieldErrors): void {
  check(object, errors, new Set(expressionsOf(old).map(([, expression]) => expression)))
}

function check({ metadata, spec }: Policy, errors: FieldErrors, known: ReadonlySet<string>): void {
  const { failurePolicy, paramKind, matchConstraints, validations = [], auditAnnotations = [], variables = [] } = spec
  const declared = new Map<string, CelType>()
  const outside = { object: DYN, requestResource: true, ...(paramKind ? { params: DYN } : {}) }
  const names = { ...outside, variables: declared }
  const compile = (expression: string, path: string, ...results: CelType[]): CelType => {
    const { type, wrong } = compiledType(expression, names, results)
    if (wrong !== undefined) errors.invalid(path, expression, wrong)
    return type
  }
  if (failurePolicy !== undefined && !['Fail', 'Ignore'].includes(failurePolicy)) errors.notSupported('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore'])
  if (paramKind) validateParamKind(paramKind, errors)
  if (!matchConstraints) errors.required('spec.matchConstraints')
  else {
    validateMatchResources(matchConstraints, 'spec.matchConstraints', errors)
    if (!matchConstraints.resourceRules?.length) errors.required('spec.matchConstraints.resourceRules')
  }
  validateMatchConditions(spec.matchConditions, 'spec.matchConditions', errors, known, outside)
  variables.forEach(({ name = '', expression = '' }, i) => {
    const path = `spec.variables[${i}]`
    if (name.trim() === '') errors.required(`${path}.name`, 'name is not specified')
    else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name)) errors.invalid(`${path}.name`, name, 'name is not a valid CEL identifier')
    if (expression.trim() === '') errors.required(`${path}.expression`, 'expression is not specified')
    else declared.set(name, variableType(compile(expression, `${path}.expression`)))
  })
  if (validations.length === 0 && auditAnnotations.length === 0) {
    errors.required('spec.validations', BOTH)
    errors.required('spec.auditAnnotations', BOTH)
  }
  validations.forEach(({ expression = '', message = '', messageExpression = '', reason }, i) => {
    const path = `spec.validations[${i}]`
    if (expression.trim() === '') errors.required(`${path}.expression`, 'expression is not specified')
    else compile(expression, `${path}.expression`, BOOL)
    if (messageExpression !== '' && messageExpression.trim() === '') errors.invalid(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified')
    else if (messageExpression !== '') compile(messageExpression, `${path}.messageExpression`, STRING)
    if (message !== '' && message.trim() === '') errors.invalid(`${path}.message`, message, 'message must be non-empty if specified')
    else if (/[\n\r]/.test(message.trim())) errors.invalid(`${path}.message`, message, 'message must not contain line breaks')
    if (reason !== undefined && !REASONS.includes(reason)) errors.notSupported(`${path}.reason`, reason, REASONS)
  })
  if (auditAnnotations.length > MOST_ANNOTATIONS) errors.invalid('spec.auditAnnotations', new GoValue('[]admissionregistration.AuditAnnotation{...}'), `must not have more than ${MOST_ANNOTATIONS} auditAnnotations`)
  const keys = new Set<string>()
  auditAnnotations.forEach(({ key, valueExpression = '' }, i) => {
    const path = `spec.auditAnnotations[${i}]`
    errors.invalidEach(`${path}.key`, `${metadata.name}/${key}`, qualifiedName(`${metadata.name}/${key}`))
    if (valueExpression.trim() === '') errors.required(`${path}.valueExpression`, 'valueExpression is not specified')
    else compile(valueExpression, `${path}.valueExpression`, STRING, NULL)
    if (keys.has(key)) errors.duplicate(`${path}.key`, key)
    keys.add(key)
  })
}

function validateParamKind({ apiVersion = '', kind = '' }: NonNullable<Policy['spec']['paramKind']>, errors: FieldErrors): void {
  const parts = apiVersion.split('/')
  if (apiVersion === '') errors.required('spec.paramKind.apiVersion')
  else if (parts.length > 2) errors.invalid('spec.paramKind.apiVersion', apiVersion, `unexpected GroupVersion string: ${apiVersion}`)
  else {
    const [group, version] = parts.length === 2 ? [parts[0]!, parts[1]!] : ['', parts[0]!]
    if (group !== '' && dns1123Subdomain(group).length > 0) errors.invalid('spec.paramKind.apiVersion', group, dns1123Subdomain(group).join(','))
    if (version === '') errors.invalid('spec.paramKind.apiVersion', apiVersion, 'version must be specified')
    else if (dns1035Label(version).length > 0) errors.invalid('spec.paramKind.apiVersion', version, dns1035Label(version).join(','))
  }
  if (kind === '') errors.required('spec.paramKind.kind')
  else if (dns1035Label(kind.toLowerCase()).length > 0) errors.invalid('spec.paramKind.kind', kind, `may have mixed case, but should otherwise match: ${dns1035Label(kind.toLowerCase()).join(',')}`)
}

function validateMatchResources(match: MatchResources | undefined, path: string, errors: FieldErrors): void {
  if (!match) return
  const { matchPolicy } = match
  if (matchPolicy !== undefined && !['Equivalent', 'Exact'].includes(matchPolicy)) errors.notSupported(`${path}.matchPolicy`, matchPolicy, ['Equivalent', 'Exact'])
  validateLabelSelector(match.namespaceSelector, `${path}.namespaceSelector`, errors)
  validateLabelSelector(match.objectSelector, `${path}.objectSelector`, errors)
  match.resourceRules?.forEach((rule, i) => validateNamedRule(rule, `${path}.resourceRules[${i}]`, errors))
  match.excludeResourceRules?.forEach((rule, i) => validateNamedRule(rule, `${path}.excludeResourceRules[${i}]`, errors))
}

export function validatePolicyBinding({ spec }: PolicyBinding, errors: FieldErrors): void {
  const { policyName = '', paramRef, matchResources, validationActions = [] } = spec
  if (policyName === '') errors.required('spec.policyName')
  else errors.invalidEach('spec.policyName', policyName, dns1123Subdomain(policyName))
  if (paramRef) validateParamRef(paramRef, errors)
  // upstream's own spelling of the path
  validateMatchResources(matchResources, 'spec.matchResouces', errors)
  const path = 'spec.validationActions'
  const seen = new Set<string>()
  validationActions.forEach((action, i) => {
    if (!ACTIONS.includes(action)) errors.notSupported(`${path}[${i}]`, action, ACTIONS)
    if (seen.has(action)) errors.duplicate(`${path}[${i}]`, action)
    seen.add(action)
  })
  if (seen.has('Deny') && seen.has('Warn')) {
    errors.invalid(path, new GoValue(`[]admissionregistration.ValidationAction{${validationActions.map(quote).join(', ')}}`), 'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)')
  }
  if (seen.size === 0) errors.required(path, 'at least one validation action is required')
}

function validateParamRef({ name = '', selector, parameterNotFoundAction: action = '' }: ParamRef, errors: FieldErrors): void {
  const path = 'spec.paramRef'
  const exclusive = 'name and selector are mutually exclusive'
  if (name !== '') {
    errors.invalidEach(`${path}.name`, name, pathSegment(name))
    if (selector) errors.forbidden(`${path}.name`, exclusive)
  }
  if (selector) {
    validateLabelSelector(selector, `${path}.selector`, errors)
    if (name !== '') errors.forbidden(`${path}.selector`, exclusive)
  }
  if (name === '' && !selector) errors.required(path, 'one of name or selector must be specified')
  if (action === '') errors.required(`${path}.parameterNotFoundAction`)
  else if (!['Allow', 'Deny'].includes(action)) errors.notSupported(`${path}.parameterNotFoundAction`, action, ['Deny', 'Allow'])
}

/** Every expression of a policy, with what the field is called. */
function expressionsOf({ spec }: Policy): [string, string][] {
  return [
    ...(spec.matchConditions ?? []).map((c, i): [string, string] => [`matchConditions[${i}]`, c.expression]),
    ...(spec.variables ?? []).map((v, i): [string, string] => [`variables[${i}]`, v.expression]),
    ...(spec.validations ?? []).flatMap((v, i): [string, string][] => [[`validations[${i}]`, v.expression], ...(v.messageExpression ? [[`validations[${i}].messageExpression`, v.messageExpression] as [string, string]] : [])]),
    ...(spec.auditAnnotations ?? []).map((a, i): [string, string] => [`auditAnnotations[${i}]`, a.valueExpression]),
  ]
}

export function policyWarnings(object: Policy): string[] {
  return expressionsOf(object).filter(([, expression]) => unsimulated(expression)).map(([field]) =>
    `podhop: not simulated: the CEL of ${field} of ${object.metadata.name} (it holds for everything)`)
}
