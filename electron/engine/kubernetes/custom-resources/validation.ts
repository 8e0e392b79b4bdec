import { own } from '../../own.ts'
import { FieldErrors, GoValue } from '../field-errors.ts'
import { deepEqual, isObject, quote } from '../json.ts'
import { dns1035Label, dns1123Subdomain } from '../validation/names.ts'
import { type CustomResourceDefinition, type DefinitionNames, type DefinitionSpec, type DefinitionVersion, isTrue, type PrinterColumn } from './definition.ts'
import { copyOf, prune } from './pruning.ts'
import { wrongRule } from './rule-types.ts'
import type { JsonSchema } from './schema.ts'
import { validateStructural } from './structural.ts'
import { validateValue } from './values.ts'

/** apiextensions-apiserver pkg/apis/apiextensions/validation: what a CustomResourceDefinition must be. */

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string']
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']

export function validateDefinition(object: CustomResourceDefinition, errors: FieldErrors): void {
  const { spec, metadata } = object
  if (metadata.name && metadata.name !== `${spec.names.plural}.${spec.group}`) errors.invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group')
  validateSpec(spec, errors)
  validateStored(object, errors)
  validateApproval(object, errors)
}

export function validateDefinitionUpdate(object: CustomResourceDefinition, old: CustomResourceDefinition, errors: FieldErrors): void {
  validateSpec(object.spec, errors)
  if (isTrue(old, 'Established')) {
    immutable('spec.scope', object.spec.scope, old.spec.scope, errors)
    immutable('spec.names.kind', object.spec.names.kind, old.spec.names.kind, errors)
  }
  immutable('spec.group', object.spec.group, old.spec.group, errors)
  immutable('spec.names.plural', object.spec.names.plural, old.spec.names.plural, errors)
  validateStored(object, errors)
  validateApproval(object, errors)
}

export function validateDefinitionStatus(object: CustomResourceDefinition, _old: CustomResourceDefinition, errors: FieldErrors): void {
  if (object.status.acceptedNames) validateNames(object.status.acceptedNames, 'status.acceptedNames', errors)
}

function immutable(path: string, value: string, old: string, errors: FieldErrors): void {
  if (value !== old) errors.invalid(path, value, 'field is immutable')
}

function validateSpec(spec: DefinitionSpec, errors: FieldErrors): void {
  if (!spec.group) errors.required('spec.group')
  else if (dns1123Subdomain(spec.group).length > 0) errors.invalid('spec.group', spec.group, dns1123Subdomain(spec.group).join(','))
  else if (!spec.group.includes('.')) errors.invalid('spec.group', spec.group, 'should be a domain with at least one dot')
  if (!spec.scope) errors.required('spec.scope')
  else if (!['Cluster', 'Namespaced'].includes(spec.scope)) errors.notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced'])
  const { versions = [] } = spec
  versions.forEach((version, i) => {
    if (!version.schema?.openAPIV3Schema) errors.required(`spec.versions[${i}].schema.openAPIV3Schema`, 'schemas are required')
  })
  // What all versions have alike is looked at once, above them.
  const sameSchema = same(versions, ({ schema }) => schema)
  const sameParts = same(versions, ({ subresources }) => subresources)
  const sameColumns = same(versions, ({ additionalPrinterColumns }) => additionalPrinterColumns)
  if (spec.preserveUnknownFields) errors.invalid('spec.preserveUnknownFields', true, 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead')
  versions.forEach((version, i) => {
    const path = `spec.versions[${i}]`
    const wrong = dns1035Label(version.name ?? '')
    if (wrong.length > 0) errors.invalid(`${path}.name`, version.name ?? '', wrong.join(','))
    validateVersion(version, path, errors)
    if (!sameSchema) validateSchema(version.schema?.openAPIV3Schema, `${path}.schema.openAPIV3Schema`, version, errors)
    if (!sameParts) validateSubresources(version, `${path}.subresources`, errors)
    if (!sameColumns) validateColumns(version.additionalPrinterColumns, `${path}.additionalPrinterColumns`, errors)
  })
  const all = (): GoValue => new GoValue(`[]apiextensions.CustomResourceDefinitionVersion{${versions.map((v) => `apiextensions.CustomResourceDefinitionVersion{Name:${quote(v.name)}, Served:${v.served}, Storage:${v.storage}}`).join(', ')}}`)
  if (new Set(versions.map((v) => v.name)).size < versions.length) errors.invalid('spec.versions', all(), 'must contain unique version names')
  if (versions.filter((v) => v.storage).length !== 1) errors.invalid('spec.versions', all(), 'must have exactly one version marked as storage version')
  for (const key of ['plural', 'singular', 'kind', 'listKind'] as const) if (!spec.names[key]) errors.required(`spec.names.${key}`)
  validateNames(spec.names, 'spec.names', errors)
  const first = versions[0]
  if (first && sameSchema) validateSchema(first.schema?.openAPIV3Schema, 'spec.validation.openAPIV3Schema', first, errors)
  if (first && sameParts) validateSubresources(first, 'spec.subresources', errors)
  if (first && sameColumns) validateColumns(first.additionalPrinterColumns, 'spec.additionalPrinterColumns', errors)
  validateConversion(spec, errors)
}

function same<T>(versions: readonly DefinitionVersion[], part: (version: DefinitionVersion) => T): boolean {
  return versions.length > 0 && versions.every((version) => deepEqual(part(version), part(versions[0]!)))
}

function validateVersion(version: DefinitionVersion, path: string, errors: FieldErrors): void {
  const { deprecated, deprecationWarning } = version
  if (deprecationWarning !== undefined) {
    if (!deprecated) errors.invalid(`${path}.deprecationWarning`, deprecationWarning, 'can only be set for deprecated versions')
    if (deprecationWarning.length > 256) errors.invalid(`${path}.deprecationWarning`, deprecationWarning, 'must be <= 256 characters long')
    if (deprecationWarning === '') errors.invalid(`${path}.deprecationWarning`, deprecationWarning, 'must not be an empty string')
  }
  const seen = new Set<string>()
  ;(version.selectableFields ?? []).forEach(({ jsonPath }, i) => {
    const at = `${path}.selectableFields[${i}].jsonPath`
    if (!jsonPath) return errors.required(at)
    const names = jsonPath.split('.').slice(1)
    let schema: JsonSchema | undefined = version.schema?.openAPIV3Schema
    for (const name of names) schema = own(schema?.properties, name)
    if (!jsonPath.startsWith('.') || !schema) return errors.invalid(at, jsonPath, `is an invalid path: does not refer to a valid field`)
    if (names[0] === 'metadata') errors.invalid(at, jsonPath, 'must not point to fields in metadata')
    if (!['string', 'boolean', 'integer'].includes(schema.type ?? '')) errors.invalid(at, jsonPath, 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.')
    if (seen.has(jsonPath)) errors.duplicate(at, jsonPath)
    seen.add(jsonPath)
  })
  if (seen.size > 8) errors.tooMany(`${path}.selectableFields`, seen.size, 8)
}

function validateSchema(schema: JsonSchema | undefined, path: string, version: DefinitionVersion, errors: FieldErrors): void {
  if (!schema) return
  if (version.subresources?.status && schema.type !== undefined && schema.type !== 'object') {
    errors.invalid(`${path}.type`, schema.type, 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled')
  }
  if (schema.nullable) errors.forbidden(`${path}.nullable`, 'nullable cannot be true at the root')
  const found = new FieldErrors()
  validateStructural(schema, path, found)
  if (found.empty) validateDefaults(schema, path, found)
  for (const error of found.list) errors.list.push(error)
  validateRuleTexts(schema, path, errors)
}

function validateRuleTexts(schema: JsonSchema, path: string, errors: FieldErrors, root = true): void {
  ;(schema['x-kubernetes-validations'] ?? []).forEach((each, i) => {
    const { rule = '', message = '' } = each
    const at = `${path}.x-kubernetes-validations[${i}]`
    if (!rule.trim()) return errors.required(`${at}.rule`, 'rule is not specified')
    if (message && !message.trim()) errors.invalid(`${at}.message`, message, 'message must be non-empty if specified')
    else if (/[\n\r]/.test(message.trim())) errors.invalid(`${at}.message`, message, 'message must not contain line breaks')
    else if (/[\n\r]/.test(rule.trim()) && !message.trim()) errors.required(`${at}.message`, 'message must be specified if rule contains line breaks')
    const wrong = wrongRule(each, schema, root)
    if (wrong !== undefined) errors.invalid(`${at}.rule`, new GoValue(`apiextensions.ValidationRule{Rule:${quote(rule)}, Message:${quote(message)}, MessageExpression:"", Reason:(*apiextensions.FieldValueErrorReason)(nil), FieldPath:"", OptionalOldSelf:(*bool)(nil)}`), wrong)
  })
  for (const [name, child] of Object.entries(schema.properties ?? {})) validateRuleTexts(child, `${path}.properties[${name}]`, errors, false)
  if (schema.items && !Array.isArray(schema.items)) validateRuleTexts(schema.items, `${path}.items`, errors, false)
  if (typeof schema.additionalProperties === 'object') validateRuleTexts(schema.additionalProperties, `${path}.additionalProperties`, errors, false)
}

/** Defaults must be what the schema allows, and nothing that it does not know. */
function validateDefaults(schema: JsonSchema, path: string, errors: FieldErrors): void {
  if (schema.default !== undefined) {
    const value = copyOf(schema.default)
    const gone = prune(isObject(value) ? value : { value }, isObject(value) ? schema : { type: 'object', properties: { value: schema } }, false)
    if (gone.length > 0) errors.invalid(`${path}.default`, shown(schema.default), 'must not have unknown fields')
    const found = new FieldErrors()
    validateValue(schema.default, undefined, schema, `${path}.default`, found)
    for (const error of found.list) errors.list.push(error)
  }
  for (const [name, child] of Object.entries(schema.properties ?? {})) validateDefaults(child, `${path}.properties[${name}]`, errors)
  if (schema.items) validateDefaults(schema.items, `${path}.items`, errors)
  if (typeof schema.additionalProperties === 'object') validateDefaults(schema.additionalProperties, `${path}.additionalProperties`, errors)
}

function shown(value: unknown): GoValue {
  return new GoValue(JSON.stringify(value))
}

function validateSubresources(version: DefinitionVersion, path: string, errors: FieldErrors): void {
  const scale = version.subresources?.scale
  if (!scale) return
  const under = (at: string, value: string | undefined, roots: readonly string[], where: string, required: boolean): void => {
    if (!value) return required ? errors.required(at) : undefined
    if (!value.startsWith('.')) errors.invalid(at, value, 'must be a simple json path starting with .')
    else if (!roots.some((root) => value.startsWith(root))) errors.invalid(at, value, `should be a json path under ${where}`)
  }
  under(`${path}.scale.specReplicasPath`, scale.specReplicasPath, ['.spec.'], '.spec', true)
  under(`${path}.scale.statusReplicasPath`, scale.statusReplicasPath, ['.status.'], '.status', true)
  under(`${path}.scale.labelSelectorPath`, scale.labelSelectorPath, ['.spec.', '.status.'], 'either .spec or .status', false)
}

function validateColumns(columns: readonly PrinterColumn[] | undefined, path: string, errors: FieldErrors): void {
  ;(columns ?? []).forEach((column, i) => {
    const at = `${path}[${i}]`
    if (!column.name) errors.required(`${at}.name`)
    if (!column.type) errors.required(`${at}.type`, `must be one of ${COLUMN_TYPES.join(',')}`)
    else if (!COLUMN_TYPES.includes(column.type)) errors.invalid(`${at}.type`, column.type, `must be one of ${COLUMN_TYPES.join(',')}`)
    if (column.format && !COLUMN_FORMATS.includes(column.format)) errors.invalid(`${at}.format`, column.format, `must be one of ${COLUMN_FORMATS.join(',')}`)
    if (!column.jsonPath) errors.required(`${at}.JSONPath`)
    else if (!column.jsonPath.startsWith('.')) errors.invalid(`${at}.JSONPath`, column.jsonPath, 'must be a simple json path starting with .')
  })
}

function validateNames(names: DefinitionNames, path: string, errors: FieldErrors): void {
  const check = (at: string, value: string | undefined, prefix = ''): void => {
    const wrong = value ? dns1035Label(prefix ? value.toLowerCase() : value) : []
    if (wrong.length > 0) errors.invalid(at, value, prefix + wrong.join(','))
  }
  const MIXED = 'may have mixed case, but should otherwise match: '
  check(`${path}.plural`, names.plural)
  check(`${path}.singular`, names.singular)
  check(`${path}.kind`, names.kind, MIXED)
  check(`${path}.listKind`, names.listKind, MIXED)
  names.shortNames?.forEach((name, i) => check(`${path}.shortNames[${i}]`, name))
  if (names.kind && names.kind === names.listKind) errors.invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same')
  names.categories?.forEach((name, i) => check(`${path}.categories[${i}]`, name))
}

function validateConversion({ conversion }: DefinitionSpec, errors: FieldErrors): void {
  if (!conversion) return
  if (!conversion.strategy) errors.required('spec.conversion.strategy')
  else if (!['None', 'Webhook'].includes(conversion.strategy)) errors.notSupported('spec.conversion.strategy', conversion.strategy, ['None', 'Webhook'])
  if (conversion.strategy === 'None' && conversion.webhook) errors.forbidden('spec.conversion.webhookClientConfig', 'should not be set when strategy is not set to Webhook')
  if (conversion.strategy === 'Webhook' && !conversion.webhook) errors.required('spec.conversion.webhookClientConfig', 'required when strategy is set to Webhook')
}

function validateStored({ spec, status }: CustomResourceDefinition, errors: FieldErrors): void {
  const stored = status?.storedVersions ?? []
  const text = (): GoValue => new GoValue(`[]string{${stored.map(quote).join(', ')}}`)
  if (stored.length === 0) return errors.invalid('status.storedVersions', text(), 'must have at least one stored version')
  const names = new Set(spec.versions.map((v) => v.name))
  for (const { name, storage } of spec.versions) if (storage && !stored.includes(name)) errors.invalid('status.storedVersions', text(), `must have the storage version ${name}`)
  stored.forEach((version, i) => {
    if (names.has(version)) return
    const why = `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`
    errors.invalid(`status.storedVersions[${i}]`, version, why)
  })
}

export function isProtected(group: string): boolean {
  return /(^|\.)(k8s|kubernetes)\.io$/.test(group)
}

/** Groups of the community want an approval: KEP-1111. */
function validateApproval({ spec, metadata }: CustomResourceDefinition, errors: FieldErrors): void {
  const group = spec.group ?? ''
  if (!isProtected(group)) return
  const KEY = 'api-approved.kubernetes.io'
  const approval = metadata.annotations?.[KEY]
  if (approval === undefined || approval === '') errors.required(`metadata.annotations[${KEY}]`, 'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111')
  else if (!approval.startsWith('unapproved') && !/^\w+:\/\/[^/\s]+/.test(approval)) {
    errors.invalid(`metadata.annotations[${KEY}]`, approval, 'protected groups must have approval annotation "api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111')
  }
}
