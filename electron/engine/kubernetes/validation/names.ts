import type { FieldErrors } from '../field-errors.ts'

/**
 * The name rules of Kubernetes: k8s.io/apimachinery/pkg/util/validation (v1.33). Each returns the texts of what is
 * wrong, none when the value is right.
 */
export type Rule = (value: string) => string[]

const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const LABEL_VALUE = `(${QUALIFIED})?`
const LABEL_1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const SUBDOMAIN_1123 = `${LABEL_1123}(\\.${LABEL_1123})*`
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
const CONFIG_KEY = '[-._a-zA-Z0-9]+'
const HTTP_HEADER = '[-A-Za-z0-9]+'
const PERCENT = '[0-9]+%'

/** Keys of labels and tolerations come again with every Pod: some that were right are remembered. */
const REMEMBERED = 500
const compiled = new Map<string, { regexp: RegExp; right: Set<string> }>()
function matches(pattern: string, value: string): boolean {
  let rule = compiled.get(pattern)
  if (!rule) compiled.set(pattern, (rule = { regexp: new RegExp(`^(?:${pattern})$`), right: new Set() }))
  if (rule.right.has(value)) return true
  if (!rule.regexp.test(value)) return false
  if (rule.right.size < REMEMBERED) rule.right.add(value)
  return true
}

/** The explanation of a failed pattern. */
function patternError(message: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`
  return `${message} (e.g. ${examples.map((e) => `'${e}', `).join(' or ')}regex used for validation is '${pattern}')`
}
function maximumError(length: number): string {
  return `must be no more than ${length} characters`
}
export function rangeError(low: number, high: number): string {
  return `must be between ${low} and ${high}, inclusive`
}

function rule(pattern: string, maximum: number, message: string, ...examples: string[]): Rule {
  const text = patternError(message, pattern, ...examples)
  return (value) => {
    const errors: string[] = []
    if (value.length > maximum) errors.push(maximumError(maximum))
    if (!matches(pattern, value)) errors.push(text)
    return errors
  }
}

export const dns1123Subdomain = rule(
  SUBDOMAIN_1123,
  253,
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  'example.com',
)
export const dns1123Label = rule(
  LABEL_1123,
  63,
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  'my-name',
  '123-abc',
)
export const dns1035Label = rule(
  LABEL_1035,
  63,
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  'my-name',
  'abc-123',
)
export const labelValue = rule(
  LABEL_VALUE,
  63,
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  'MyValue',
  'my_value',
  '12345',
)
export const httpHeaderName = rule(
  HTTP_HEADER,
  Infinity,
  "a valid HTTP header must consist of alphanumeric characters or '-'",
  'X-Header-Name',
)
export const percent = rule(PERCENT, Infinity, "a valid percent string must be a numeric string followed by an ending '%'", '1%', '93%')

const configKeyBase = rule(
  CONFIG_KEY,
  253,
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  'key.name',
  'KEY_NAME',
  'key-name',
)
export function configKey(value: string): string[] {
  const errors = configKeyBase(value)
  if (value === '.') errors.push("must not be '.'")
  else if (value === '..') errors.push("must not be '..'")
  else if (value.startsWith('..')) errors.push("must not start with '..'")
  return errors
}

const QUALIFIED_TEXT = patternError(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  QUALIFIED,
  'MyName',
  'my.name',
  '123-abc',
)

/** A label or annotation key, a condition type, a finalizer. */
export function qualifiedName(value: string): string[] {
  const parts = value.split('/')
  if (parts.length > 2) return [`a qualified name ${QUALIFIED_TEXT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  const errors: string[] = []
  const name = parts[parts.length - 1]!
  if (parts.length === 2) {
    if (parts[0] === '') errors.push('prefix part must be non-empty')
    else errors.push(...dns1123Subdomain(parts[0]!).map((e) => `prefix part ${e}`))
  }
  if (name === '') errors.push('name part must be non-empty')
  else if (name.length > 63) errors.push(`name part ${maximumError(63)}`)
  if (!matches(QUALIFIED, name)) errors.push(`name part ${QUALIFIED_TEXT}`)
  return errors
}

/** v1.33 allows any printable ASCII but "=" (RelaxedEnvironmentVariableValidation). */
export function envVarName(value: string): string[] {
  if (value === '') return ['environment variable name must be non-empty']
  return /^[ -<>-~]*$/.test(value) ? [] : ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
}

/** metadata.name of kinds that may be called almost anything: k8s.io/apimachinery/pkg/api/validation/path. */
export function pathSegment(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`]
  return ['/', '%'].filter((c) => value.includes(c)).map((c) => `may not contain '${c}'`)
}

/** "*.example.com" */
export const wildcardSubdomain = rule(
  `\\*\\.${SUBDOMAIN_1123}`,
  253,
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  '*.example.com',
)

const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"

/** "k8s.io/ingress-nginx" */
export function domainPrefixedPath(value: string, path: string, errors: FieldErrors): void {
  const slash = value.indexOf('/')
  const host = value.slice(0, Math.max(slash, 0))
  const rest = slash < 0 ? '' : value.slice(slash + 1)
  if (!host || !rest) return errors.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
  errors.invalidEach(path, host, dns1123Subdomain(host))
  if (!matches(HTTP_PATH, rest)) errors.invalid(path, rest, patternError('Invalid path', HTTP_PATH))
}

export function portNumber(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : [rangeError(1, 65535)]
}

/** IANA service name: k8s.io/apimachinery IsValidPortName. */
export function portName(value: string): string[] {
  const errors: string[] = []
  if (value.length > 15) errors.push(maximumError(15))
  if (!/^[-a-z0-9]+$/.test(value)) errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)')
  if (value.includes('--')) errors.push('must not contain consecutive hyphens')
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen')
  return errors
}
