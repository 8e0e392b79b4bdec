import type { NamedRule, Rule, Webhook, WebhookConfiguration } from '../admission/registration.ts'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { quote } from '../json.ts'
import type { AdmissionNames } from '../cel/admission-scope.ts'
import { BOOL, DYN } from '../cel/types.ts'
import { compiledType, unsimulated } from '../admission/policies/expressions.ts'
import { dns1035Label, dns1123Subdomain, pathSegment, portNumber, qualifiedName } from './names.ts'
import { validateLabelSelector } from './object-meta.ts'

/** pkg/apis/admissionregistration/validation and apiserver/pkg/util/webhook (v1.33): rules, webhooks and whom they name. */
const REVIEW_VERSIONS = ['v1', 'v1beta1']
const FAILURE_POLICIES = ['Fail', 'Ignore']
const MATCH_POLICIES = ['Equivalent', 'Exact']
const SIDE_EFFECTS = ['None', 'NoneOnDryRun']
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const SCOPES = ['*', 'Cluster', 'Namespaced']

/** A Go slice of a string type as %#v prints it. */
function slice(type: string, values: readonly string[]): GoValue {
  return new GoValue(`[]${type}{${values.map(quote).join(', ')}}`)
}

export function validateWebhooks({ webhooks = [] }: WebhookConfiguration, mutating: boolean, errors: FieldErrors, known: ReadonlySet<string> = new Set()): void {
  const names = new Set<string>()
  webhooks.forEach((webhook, i) => {
    const path = `webhooks[${i}]`
    validateWebhook(webhook, mutating, path, errors, known)
    validateReviewVersions(webhook.admissionReviewVersions ?? [], `${path}.admissionReviewVersions`, errors)
    if (!webhook.name) return
    if (names.has(webhook.name)) errors.duplicate(`${path}.name`, webhook.name)
    names.add(webhook.name)
  })
}

export function validateWebhooksUpdate(object: WebhookConfiguration, old: WebhookConfiguration, mutating: boolean, errors: FieldErrors): void {
  validateWebhooks(object, mutating, errors, new Set((old.webhooks ?? []).flatMap((w) => (w.matchConditions ?? []).map((c) => c.expression))))
}

function validateWebhook(webhook: Webhook, mutating: boolean, path: string, errors: FieldErrors, known: ReadonlySet<string>): void {
  fullyQualified(webhook.name ?? '', `${path}.name`, errors)
  webhook.rules?.forEach((rule, i) => validateRule(rule, `${path}.rules[${i}]`, errors))
  oneOf(webhook.failurePolicy, FAILURE_POLICIES, `${path}.failurePolicy`, errors)
  oneOf(webhook.matchPolicy, MATCH_POLICIES, `${path}.matchPolicy`, errors)
  if (webhook.sideEffects === undefined) errors.required(`${path}.sideEffects`, `must specify one of ${SIDE_EFFECTS.join(', ')}`)
  else oneOf(webhook.sideEffects, SIDE_EFFECTS, `${path}.sideEffects`, errors)
  const { timeoutSeconds } = webhook
  if (timeoutSeconds !== undefined && (timeoutSeconds > 30 || timeoutSeconds < 1)) errors.invalid(`${path}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds')
  validateLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`, errors)
  validateLabelSelector(webhook.objectSelector, `${path}.objectSelector`, errors)
  if (mutating) oneOf(webhook.reinvocationPolicy, ['IfNeeded', 'Never'], `${path}.reinvocationPolicy`, errors)
  const { url, service } = webhook.clientConfig ?? {}
  if ((url === undefined) === (service === undefined)) errors.required(`${path}.clientConfig`, 'exactly one of url or service is required')
  else if (url !== undefined) validateUrl(url, `${path}.clientConfig.url`, errors)
  else if (service) {
    const at = `${path}.clientConfig.service`
    if (!service.name) errors.required(`${at}.name`, 'service name is required')
    if (!service.namespace) errors.required(`${at}.namespace`, 'service namespace is required')
    if (service.port !== undefined && portNumber(service.port).length > 0) errors.invalid(`${at}.port`, service.port, `port is not valid: ${portNumber(service.port).join(',')}`)
    if (service.path !== undefined) validatePath(service.path, `${at}.path`, errors)
  }
  validateMatchConditions(webhook.matchConditions, `${path}.matchConditions`, errors, known)
}

function oneOf(value: string | undefined, supported: readonly string[], path: string, errors: FieldErrors): void {
  if (value !== undefined && !supported.includes(value)) errors.notSupported(path, value, supported)
}

/** apimachinery/pkg/util/validation IsFullyQualifiedName. */
function fullyQualified(name: string, path: string, errors: FieldErrors): void {
  if (name === '') return errors.required(path)
  const wrong = dns1123Subdomain(name)
  if (wrong.length > 0) return errors.invalid(path, name, wrong.join(','))
  if (name.split('.').length < 3) errors.invalid(path, name, 'should be a domain with at least three segments separated by dots')
}

function validateReviewVersions(versions: readonly string[], path: string, errors: FieldErrors): void {
  if (versions.length === 0) return errors.required(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)
  const seen = new Set<string>()
  versions.forEach((version, i) => {
    if (seen.has(version)) return errors.invalid(`${path}[${i}]`, version, 'duplicate version')
    seen.add(version)
    errors.invalidEach(`${path}[${i}]`, version, dns1035Label(version))
  })
  if (!versions.some((version) => REVIEW_VERSIONS.includes(version))) errors.invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`)
}

export function validateRule(rule: Rule, path: string, errors: FieldErrors): void {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule
  if (operations.length === 0) errors.required(`${path}.operations`)
  if (operations.length > 1 && operations.includes('*')) errors.invalid(`${path}.operations`, slice('admissionregistration.OperationType', operations), "if '*' is present, must not specify other operations")
  operations.forEach((operation, i) => oneOf(operation, OPERATIONS, `${path}.operations[${i}]`, errors))
  if (apiGroups.length === 0) errors.required(`${path}.apiGroups`)
  if (apiGroups.length > 1 && apiGroups.includes('*')) errors.invalid(`${path}.apiGroups`, apiGroups, "if '*' is present, must not specify other API groups")
  if (apiVersions.length === 0) errors.required(`${path}.apiVersions`)
  if (apiVersions.length > 1 && apiVersions.includes('*')) errors.invalid(`${path}.apiVersions`, apiVersions, "if '*' is present, must not specify other API versions")
  apiVersions.forEach((version, i) => void (version === '' && errors.required(`${path}.apiVersions[${i}]`)))
  validateResources(resources, `${path}.resources`, errors)
  oneOf(scope, SCOPES, `${path}.scope`, errors)
}

function validateResources(resources: readonly string[], path: string, errors: FieldErrors): void {
  if (resources.length === 0) errors.required(path)
  const whole = new Set<string>()
  const everywhere = new Set<string>()
  let plain = false
  resources.forEach((text, i) => {
    if (text === '') return errors.required(`${path}[${i}]`)
    const at = text.indexOf('/')
    if (at < 0) {
      plain = text !== '*'
      return
    }
    const [resource, subresource] = [text.slice(0, at), text.slice(at + 1)]
    if (whole.has(resource)) errors.invalid(`${path}[${i}]`, text, `if '${resource}/*' is present, must not specify ${text}`)
    if (everywhere.has(subresource)) errors.invalid(`${path}[${i}]`, text, `if '*/${subresource}' is present, must not specify ${text}`)
    if (subresource === '*') whole.add(resource)
    if (resource === '*') everywhere.add(subresource)
  })
  if (resources.length > 1 && resources.includes('*/*')) errors.invalid(path, resources, "if '*/*' is present, must not specify other resources")
  if (resources.includes('*') && plain) errors.invalid(path, resources, "if '*' is present, must not specify other resources without subresources")
}

export function validateNamedRule(rule: NamedRule, path: string, errors: FieldErrors): void {
  const names = new Set<string>()
  rule.resourceNames?.forEach((name, i) => {
    errors.invalidEach(`${path}.resourceNames[${i}]`, name, pathSegment(name))
    if (names.has(name)) errors.duplicate(`${path}.resourceNames[${i}]`, name)
    names.add(name)
  })
  validateRule(rule, path, errors)
}

const OF_WEBHOOKS: AdmissionNames = { object: DYN, requestResource: true }

/** Expressions that were there before are not compiled again. */
export function validateMatchConditions(conditions: Webhook['matchConditions'], path: string, errors: FieldErrors, known: ReadonlySet<string>, declared: AdmissionNames = OF_WEBHOOKS): void {
  if (!conditions) return
  if (conditions.length > 64) errors.tooMany(path, conditions.length, 64)
  const names = new Set<string>()
  conditions.forEach(({ name, expression }, i) => {
    const at = `${path}[${i}]`
    const text = (expression ?? '').trim()
    if (text === '') errors.required(`${at}.expression`)
    else if (!known.has(expression)) {
      const { wrong } = compiledType(text, declared, [BOOL])
      if (wrong !== undefined) errors.invalid(`${at}.expression`, text, wrong)
    }
    if (!name) return errors.required(`${at}.name`)
    errors.invalidEach(`${at}.name`, name, qualifiedName(name))
    if (names.has(name)) errors.duplicate(`${at}.name`, name)
    names.add(name)
  })
}

const FORM = 'url must be a valid URL'

/** ValidateWebhookURL. */
function validateUrl(url: string, path: string, errors: FieldErrors): void {
  const example = 'https://host[:port]/path'
  const [, scheme = '', host = '', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?(.*)$/i.exec(url) ?? []
  if (/\s/.test(host)) return errors.required(path, `${FORM}: parse ${quote(url)}: invalid character " " in host name; desired format: ${example}`)
  if (scheme !== 'https') errors.invalid(path, scheme, `'https' is the only allowed URL scheme; desired format: ${example}`)
  const at = host.lastIndexOf('@')
  if (host.slice(at + 1) === '') errors.invalid(path, host.slice(at + 1), `host must be specified; desired format: ${example}`)
  if (at >= 0) errors.invalid(path, host.slice(0, at), 'user information is not permitted in the URL')
  if (rest.includes('#')) errors.invalid(path, rest.slice(rest.indexOf('#') + 1), 'fragments are not permitted in the URL')
  if (rest.includes('?')) errors.invalid(path, rest.slice(rest.indexOf('?') + 1), 'query parameters are not permitted in the URL')
}

/** The path of ValidateWebhookService. */
function validatePath(text: string, path: string, errors: FieldErrors): void {
  if (!text.startsWith('/')) errors.invalid(path, text, "must start with a '/'")
  const rest = text.slice(1).replace(/\/$/, '')
  if (text === '/') return
  rest.split('/').forEach((step, i) => {
    if (step === '') return errors.invalid(path, text, `segment[${i}] may not be empty`)
    for (const why of dns1123Subdomain(step)) errors.invalid(path, text, `segment[${i}]: ${why}`)
  })
}

export function webhookWarnings({ metadata, webhooks = [] }: WebhookConfiguration): string[] {
  const unread = webhooks.flatMap(({ matchConditions = [] }) => matchConditions.filter(({ expression }) => unsimulated(expression)))
  return unread.map(({ name }) => `podhop: not simulated: the CEL of the match condition ${name} of ${metadata.name} (without it the webhook is asked)`)
}
