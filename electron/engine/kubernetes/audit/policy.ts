import { parse, YAMLParseError } from 'yaml'
import { FieldErrors } from '../field-errors.ts'
import { isObject, sortedJson } from '../json.ts'
import type { Attributes, User } from '../rbac/authorizer.ts'
import { dns1123Subdomain } from '../validation/names.ts'

/** audit.k8s.io/v1 Policy: which requests the API server writes down, and how much of them (apiserver/pkg/apis/audit/v1 of v1.33). */
export type Level = 'None' | 'Metadata' | 'Request' | 'RequestResponse'
export type Stage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic'

interface Rule {
  level?: string
  users?: readonly string[]
  userGroups?: readonly string[]
  verbs?: readonly string[]
  resources?: readonly { group?: string; resources?: readonly string[]; resourceNames?: readonly string[] }[]
  namespaces?: readonly string[]
  nonResourceURLs?: readonly string[]
  omitStages?: readonly string[]
  omitManagedFields?: boolean
}

export interface Policy { rules: readonly Rule[]; omitStages: readonly string[]; omitManagedFields: boolean }

/** What a policy says of a request. */
export interface Verdict { level: Level; omitStages: readonly string[]; omitManagedFields: boolean }

const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse']
const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic']

/** Lists of words, of objects, and what is neither: by the fields of a rule. */
const STRING_LISTS = ['users', 'userGroups', 'verbs', 'namespaces', 'nonResourceURLs', 'omitStages']

/**
 * Reads a policy; a text is why it is none (audit/policy/reader.go, LoadPolicyFromBytes). `warn` hears of fields that there are not: they are
 * ignored.
 */
export function readPolicy(text: string, warn: (why: string) => void): Policy | string {
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error
    return `failed decoding: yaml: line ${error.linePos?.[0].line ?? 1}: ${SLIPS[error.code] ?? "could not find expected ':'"}`
  }
  if (!isObject(value)) return value === null ? `failed decoding: Object 'Kind' is missing in 'null'` : `failed decoding: couldn't get version/kind; json parse error: json: cannot unmarshal ${kindOf(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`
  const { apiVersion, kind } = value
  const as = sortedJson(value)
  if (typeof kind !== 'string' || kind === '') return `failed decoding: Object 'Kind' is missing in '${as}'`
  if (typeof apiVersion !== 'string' || apiVersion === '') return `failed decoding: Object 'apiVersion' is missing in '${as}'`
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy') {
    return /^audit\.k8s\.io\/v1$/.test(apiVersion) && ['Event', 'EventList', 'PolicyList'].includes(kind) ? `failed decoding: unable to decode ${apiVersion}, Kind=${kind} into *audit.Policy` : `failed decoding: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/audit/scheme.go:30"`
  }
  const mistyped = typeProblem(value)
  if (mistyped !== undefined) return `failed decoding: ${mistyped}`
  const unknown = unknownFields(value)
  if (unknown.length > 0) warn(`Audit policy contains errors, falling back to lenient decoding: strict decoding error: ${unknown.map((field) => `unknown field ${JSON.stringify(field)}`).join(', ')}`)
  const rules = (value['rules'] ?? []) as Rule[]
  const errors = new FieldErrors()
  rules.forEach((rule, i) => checkRule(rule, `rules[${i}]`, errors))
  if (!errors.empty) return errors.text()
  if (rules.length === 0) return 'loaded illegal policy with 0 rules'
  return { rules, omitStages: (value['omitStages'] ?? []) as string[], omitManagedFields: value['omitManagedFields'] === true }
}

const SLIPS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'found character that cannot start any token', BLOCK_AS_IMPLICIT_KEY: 'mapping values are not allowed in this context', BAD_INDENT: 'did not find expected key',
}

/** audit/validation/validation.go; omitStages are looked at where the list begins. */
function checkRule(rule: Rule, path: string, errors: FieldErrors): void {
  const { level = '', nonResourceURLs = [], resources = [], omitStages = [], namespaces = [] } = rule
  if (level === '') errors.required(`${path}.level`)
  else if (!LEVELS.includes(level)) errors.notSupported(`${path}.level`, level, LEVELS)
  nonResourceURLs.forEach((url, i) => {
    if (url === '*') return
    if (!url.startsWith('/')) errors.invalid(`${path}.nonResourceURLs[${i}]`, url, "non-resource URL rules must begin with a '/' character")
    if (url.slice(0, -1).includes('*')) errors.invalid(`${path}.nonResourceURLs[${i}]`, url, "non-resource URL wildcards '*' must be the final character of the rule")
  })
  for (const { group = '', resources: names = [], resourceNames = [] } of resources) {
    const wrong = group === '' ? [] : dns1123Subdomain(group)
    if (wrong.length > 0) errors.invalid(`${path}.resources.group`, group, wrong.join(','))
    if (resourceNames.length > 0 && names.length === 0) errors.invalid(`${path}.resources.resourceNames`, resourceNames, 'using resourceNames requires at least one resource')
  }
  omitStages.forEach((stage, i) => {
    if (!STAGES.includes(stage)) errors.invalid(`${path}.omitStages[${i}]`, stage, `allowed stages are ${STAGES.join(',')}`)
  })
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0)) errors.invalid(`${path}.nonResourceURLs`, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs')
}

/** encoding/json's word for the first value of another type. */
function typeProblem(policy: { [key: string]: unknown }): string | undefined {
  const { rules, omitStages } = policy
  const wrong = (value: unknown, field: string, type: string): string => `json: cannot unmarshal ${kindOf(value)} into Go struct field Policy.${field} of type ${type}`
  const strings = (value: unknown, field: string, type: string): string | undefined => {
    if (value === undefined || value === null) return undefined
    if (!Array.isArray(value)) return wrong(value, field, `[]${type}`)
    const bad: unknown = value.find((each) => typeof each !== 'string')
    return bad === undefined ? undefined : wrong(bad, field, type)
  }
  if (rules !== undefined && rules !== null && !Array.isArray(rules)) return wrong(rules, 'rules', '[]v1.PolicyRule')
  for (const rule of (rules ?? []) as unknown[]) {
    if (!isObject(rule)) return wrong(rule, 'rules', 'v1.PolicyRule')
    if (rule['level'] !== undefined && rule['level'] !== null && typeof rule['level'] !== 'string') return wrong(rule['level'], 'rules.level', 'v1.Level')
    for (const field of STRING_LISTS) {
      const found = strings(rule[field], `rules.${field}`, field === 'omitStages' ? 'v1.Stage' : 'string')
      if (found !== undefined) return found
    }
    const { resources } = rule
    if (resources !== undefined && resources !== null && !Array.isArray(resources)) return wrong(resources, 'rules.resources', '[]v1.GroupResources')
    for (const each of (resources ?? []) as unknown[]) {
      if (!isObject(each)) return wrong(each, 'rules.resources', 'v1.GroupResources')
      if (each['group'] !== undefined && each['group'] !== null && typeof each['group'] !== 'string') return wrong(each['group'], 'rules.resources.group', 'string')
      const found = strings(each['resources'], 'rules.resources.resources', 'string') ?? strings(each['resourceNames'], 'rules.resources.resourceNames', 'string')
      if (found !== undefined) return found
    }
  }
  return strings(omitStages, 'omitStages', 'v1.Stage')
}

const FIELDS = {
  policy: ['apiVersion', 'kind', 'metadata', 'rules', 'omitStages', 'omitManagedFields'],
  rule: ['level', ...STRING_LISTS, 'resources', 'omitManagedFields'],
  resources: ['group', 'resources', 'resourceNames'],
}

function unknownFields(policy: { [key: string]: unknown }): string[] {
  const of = (object: object, known: readonly string[], path: string): string[] => Object.keys(object).filter((key) => !known.includes(key)).map((key) => path + key)
  const rules = (policy['rules'] ?? []) as { resources?: object[] }[]
  return [
    ...of(policy, FIELDS.policy, ''),
    ...rules.flatMap((rule, i) => [...of(rule, FIELDS.rule, `rules[${i}].`), ...(rule.resources ?? []).flatMap((each, j) => of(each, FIELDS.resources, `rules[${i}].resources[${j}].`))]),
  ]
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
}

/** The first rule that matches; nothing is written of what none matches (audit/policy/checker.go). */
export function judge({ rules, omitStages, omitManagedFields }: Policy, user: User | undefined, asked: Attributes): Verdict {
  const rule = rules.find((each) => matches(each, user, asked))
  return { level: (rule?.level ?? 'None') as Level, omitStages: [...omitStages, ...(rule?.omitStages ?? [])], omitManagedFields: rule?.omitManagedFields ?? omitManagedFields }
}

function matches({ users = [], userGroups = [], verbs = [], namespaces = [], resources = [], nonResourceURLs = [] }: Rule, user: User | undefined, asked: Attributes): boolean {
  if (users.length > 0 && (!user || !users.includes(user.name))) return false
  if (userGroups.length > 0 && !user?.groups.some((group) => userGroups.includes(group))) return false
  if (verbs.length > 0 && !verbs.includes(asked.verb)) return false
  if (namespaces.length > 0 || resources.length > 0) {
    if (asked.resource === undefined || (namespaces.length > 0 && !namespaces.includes(asked.namespace ?? ''))) return false
    const { group, resource, subresource, name = '' } = asked
    const full = subresource === undefined ? resource : `${resource}/${subresource}`
    const names = (each: string): boolean => each === full || each === '*' || (subresource !== undefined && each === `*/${subresource}`) || each === `${resource}/*`
    return resources.length === 0 || resources.some((each) => (each.group ?? '') === group && ((each.resources ?? []).length === 0 || (((each.resourceNames ?? []).length === 0 || each.resourceNames!.includes(name)) && each.resources!.some(names))))
  }
  if (nonResourceURLs.length > 0) return asked.resource === undefined && nonResourceURLs.some((url) => url === '*' || url === asked.path || (url.endsWith('*') && asked.path.startsWith(url.replace(/\*+$/, ''))))
  return true
}
