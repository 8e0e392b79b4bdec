import { own } from '../../own.ts'
import type { FieldErrors } from '../field-errors.ts'
import { FieldErrors as Errors, GoValue } from '../field-errors.ts'
import { compareStrings, deepEqual } from '../json.ts'
import { additional, type JsonSchema } from './schema.ts'

/** Structural schemas: apiextensions-apiserver pkg/apiserver/schema/validation.go, and the rules of pkg/apis/apiextensions/validation. */
type Level = 'root' | 'item' | 'field'

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string']

export function validateStructural(schema: JsonSchema, path: string, errors: FieldErrors): void {
  const found = new Errors()
  invariants(schema, 'root', path, found)
  completeness(schema, schema, path, path, found)
  const text = (e: { field: string; body: string }): string => `${e.field}: ${e.body}`
  for (const error of [...found.list].sort((a, b) => compareStrings(text(a), text(b)))) errors.list.push(error)
  openApiRules(schema, path, errors, { root: true, inMeta: false, defaults: '' })
}

function invariants(schema: JsonSchema, level: Level, path: string, errors: FieldErrors): void {
  if (schema.type === 'array' && !schema.items) errors.required(`${path}.items`, 'must be specified')
  if (schema.items) invariants(schema.items, 'item', `${path}.items`, errors)
  for (const [name, child] of Object.entries(schema.properties ?? {})) invariants(child, 'field', `${path}.properties[${name}]`, errors)
  if (schema.additionalProperties !== undefined) {
    if (level === 'root') errors.forbidden(`${path}.additionalProperties`, 'must not be used at the root')
    const values = additional(schema)
    if (values) invariants(values, 'field', `${path}.additionalProperties`, errors)
  }
  const intOrString = schema['x-kubernetes-int-or-string']
  const preserves = schema['x-kubernetes-preserve-unknown-fields']
  const embedded = schema['x-kubernetes-embedded-resource']
  if (intOrString && preserves) errors.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, true, 'must be false if x-kubernetes-int-or-string is true')
  if (intOrString && embedded) errors.invalid(`${path}.x-kubernetes-embedded-resource`, true, 'must be false if x-kubernetes-int-or-string is true')
  const anyOf = isIntOrString(schema.anyOf)
  const allOf = isIntOrString(schema.allOf?.[0]?.anyOf)
  valueRules(schema, path, errors, anyOf, allOf)
  if (embedded && schema.type !== 'object') {
    if (!schema.type) errors.required(`${path}.type`, 'must be object if x-kubernetes-embedded-resource is true')
    else errors.invalid(`${path}.type`, schema.type, 'must be object if x-kubernetes-embedded-resource is true')
  } else if (!schema.type && !intOrString && !preserves) {
    const where = { root: 'at the root', item: 'for specified array items', field: 'for specified object fields' }[level]
    errors.required(`${path}.type`, `must not be empty ${where}`)
  }
  if (embedded && schema.additionalProperties !== undefined) errors.forbidden(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set')
  if (level === 'root' && schema.type && schema.type !== 'object') errors.invalid(`${path}.type`, schema.type, 'must be object at the root')
  metaRules(schema, level, path, errors)
  if (embedded && !preserves && Object.keys(schema.properties ?? {}).length === 0) {
    errors.required(`${path}.properties`, 'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields')
  }
}

function metaRules(schema: JsonSchema, level: Level, path: string, errors: FieldErrors): void {
  const checked = level === 'root' || schema['x-kubernetes-embedded-resource'] === true
  const { kind, apiVersion, metadata } = schema.properties ?? {}
  if (checked && kind && kind.type !== 'string') errors.invalid(`${path}.properties[kind].type`, kind.type ?? '', 'must be string')
  if (checked && apiVersion && apiVersion.type !== 'string') errors.invalid(`${path}.properties[apiVersion].type`, apiVersion.type ?? '', 'must be string')
  if (!metadata) return
  if (checked && metadata.type !== 'object') errors.invalid(`${path}.properties[metadata].type`, metadata.type ?? '', 'must be object')
  if (level !== 'root') return
  const { type: _type, default: _default, properties = {}, ...rest } = metadata
  const others = Object.keys(properties).filter((name) => name !== 'name' && name !== 'generateName')
  if (others.length > 0 || Object.keys(rest).length > 0) {
    errors.forbidden(`${path}.properties[metadata]`, 'must not specify anything other than name and generateName, but metadata is implicitly specified')
  }
}

function isIntOrString(anyOf: readonly JsonSchema[] | undefined): boolean {
  return deepEqual(anyOf, [{ type: 'integer' }, { type: 'string' }])
}

function valueRules(schema: JsonSchema, path: string, errors: FieldErrors, skipAnyOf: boolean, skipFirst: boolean): void {
  if (!skipAnyOf) schema.anyOf?.forEach((part, i) => nested(part, `${path}.anyOf[${i}]`, errors, false))
  schema.allOf?.forEach((part, i) => nested(part, `${path}.allOf[${i}]`, errors, skipFirst && i === 0))
  schema.oneOf?.forEach((part, i) => nested(part, `${path}.oneOf[${i}]`, errors, false))
  if (schema.not) nested(schema.not, `${path}.not`, errors, false)
  if (schema.pattern) {
    try {
      goPattern(schema.pattern)
    } catch (error) {
      errors.invalid(`${path}.pattern`, schema.pattern, `must be a valid regular expression, but isn't: error parsing regexp: ${(error as Error).message.replace(/^Invalid regular expression: /, '')}`)
    }
  }
}

/** Below allOf, anyOf, oneOf and not values may be restricted, nothing may be declared. */
function nested(schema: JsonSchema, path: string, errors: FieldErrors, skipAnyOf: boolean): void {
  valueRules(schema, path, errors, skipAnyOf, false)
  if (schema.items) nested(schema.items, `${path}.items`, errors, false)
  for (const [name, child] of Object.entries(schema.properties ?? {})) nested(child, `${path}.properties[${name}]`, errors, false)
  if (schema.type) errors.forbidden(`${path}.type`, 'must be empty to be structural')
  if (schema.additionalProperties !== undefined) errors.forbidden(`${path}.additionalProperties`, 'must be undefined to be structural')
  if (schema.default !== undefined) errors.forbidden(`${path}.default`, 'must be undefined to be structural')
  if (schema.title) errors.forbidden(`${path}.title`, 'must be empty to be structural')
  if (schema.description) errors.forbidden(`${path}.description`, 'must be empty to be structural')
  if (schema.nullable) errors.forbidden(`${path}.nullable`, 'must be false to be structural')
  for (const key of ['preserve-unknown-fields', 'embedded-resource', 'int-or-string'] as const) {
    if (schema[`x-kubernetes-${key}`]) errors.forbidden(`${path}.x-kubernetes-${key}`, 'must be false to be structural')
  }
  if (schema['x-kubernetes-list-map-keys']) errors.forbidden(`${path}.x-kubernetes-list-map-keys`, 'must be empty to be structural')
  if (schema['x-kubernetes-list-type']) errors.forbidden(`${path}.x-kubernetes-list-type`, 'must be undefined to be structural')
  if (schema['x-kubernetes-map-type']) errors.forbidden(`${path}.x-kubernetes-map-type`, 'must be undefined to be structural')
  if (schema['x-kubernetes-validations']) errors.forbidden(`${path}.x-kubernetes-validations`, 'must be empty to be structural')
  if (schema.properties?.['metadata']) errors.forbidden(`${path}.properties[metadata]`, 'must not be specified in a nested context')
}

/** What is named in a restriction must be declared outside of it. */
function completeness(part: JsonSchema, base: JsonSchema, at: string, path: string, errors: FieldErrors): void {
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const) part[key]?.forEach((each, i) => declared(each, base, `${at}.${key}[${i}]`, path, errors))
  if (part.not) declared(part.not, base, `${at}.not`, path, errors)
}

function declared(part: JsonSchema, base: JsonSchema, at: string, path: string, errors: FieldErrors): void {
  completeness(part, base, at, path, errors)
  if (part.items) {
    if (base.items) declared(part.items, base.items, `${at}.items`, `${path}.items`, errors)
    else errors.required(`${path}.items`, `because it is defined in ${at}.items`)
  }
  for (const [name, child] of Object.entries(part.properties ?? {})) {
    const target = own(base.properties, name)
    if (target) declared(child, target, `${at}.properties[${name}]`, `${path}.properties[${name}]`, errors)
    else errors.required(`${path}.properties[${name}]`, `because it is defined in ${at}.properties[${name}]`)
  }
}

interface Place { root: boolean; inMeta: boolean; defaults: string }

/** ValidateCustomResourceDefinitionOpenAPISchema. */
function openApiRules(schema: JsonSchema, path: string, errors: FieldErrors, place: Place): void {
  if (schema.type && !TYPES.includes(schema.type) && schema.type !== 'null') errors.notSupported(`${path}.type`, schema.type, TYPES)
  if (schema.default !== undefined && place.defaults) errors.forbidden(`${path}.default`, `must not be set ${place.defaults}`)
  if (schema.id) errors.forbidden(`${path}.id`, 'id is not supported')
  for (const key of ['additionalItems', 'patternProperties', 'definitions', 'dependencies'] as const) if (schema[key] !== undefined) errors.forbidden(`${path}.${key}`, `${key} is not supported`)
  if (schema.$ref !== undefined) errors.forbidden(`${path}.$ref`, '$ref is not supported')
  if (schema.type === 'null') errors.forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative')
  if (Array.isArray(schema.items)) errors.forbidden(`${path}.items`, 'items must be a schema object and not an array')
  if (place.inMeta && schema['x-kubernetes-embedded-resource']) errors.forbidden(`${path}.x-kubernetes-embedded-resource`, 'must not be used inside of resource meta')
  if (schema.uniqueItems) errors.forbidden(`${path}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic')
  const values = schema.additionalProperties
  if (values !== undefined && Object.keys(schema.properties ?? {}).length > 0 && values !== true) {
    errors.forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive')
  }
  const below: Place = { ...place, root: false }
  if (typeof values === 'object') {
    openApiRules(values, `${path}.additionalProperties`, errors, place.inMeta ? { ...below, defaults: 'inside additionalProperties applying to object metadata' } : below)
  }
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const meta = (place.root || schema['x-kubernetes-embedded-resource'] === true) && ['metadata', 'kind', 'apiVersion'].includes(name)
    openApiRules(child, `${path}.properties[${name}]`, errors, { root: false, inMeta: place.inMeta || meta, defaults: meta && place.root ? `in top-level ${name}` : place.defaults })
  }
  if (schema.not) openApiRules(schema.not, `${path}.not`, errors, below)
  for (const key of ['allOf', 'oneOf', 'anyOf'] as const) schema[key]?.forEach((part, i) => openApiRules(part, `${path}.${key}[${i}]`, errors, below))
  if (schema.items && !Array.isArray(schema.items)) openApiRules(schema.items, `${path}.items`, errors, below)
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) errors.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined')
  listAndMapTypes(schema, path, errors)
}

function listAndMapTypes(schema: JsonSchema, path: string, errors: FieldErrors): void {
  const mapType = schema['x-kubernetes-map-type']
  const listType = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const { type = '' } = schema
  const needs = (wanted: string, why: string): void => {
    if (type === wanted) return
    if (type === '') errors.required(`${path}.type`, why)
    else errors.invalid(`${path}.type`, type, why)
  }
  if (mapType !== undefined) {
    needs('object', 'must be object if x-kubernetes-map-type is specified')
    if (mapType !== 'atomic' && mapType !== 'granular') errors.notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular'])
  }
  if (listType !== undefined) {
    needs('array', 'must be array if x-kubernetes-list-type is specified')
    if (!['atomic', 'set', 'map'].includes(listType)) errors.notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map'])
  }
  const items = schema.items
  const itemType = items?.type
  if (type === 'array' && listType === 'set' && (itemType === 'array' || itemType === 'object')) {
    const key = itemType === 'array' ? 'x-kubernetes-list-type' : 'x-kubernetes-map-type'
    const own = items![key]
    // upstream shows the list type in both cases
    if (itemType === 'array' ? own !== undefined && own !== 'atomic' : own !== 'atomic') errors.invalid(`${path}.items.${key}`, items!['x-kubernetes-list-type'], 'must be atomic as item of a list with x-kubernetes-list-type=set')
  }
  if (keys.length > 0) {
    if (listType === undefined) errors.required(`${path}.x-kubernetes-list-type`, 'must be map if x-kubernetes-list-map-keys is non-empty')
    else if (listType !== 'map') errors.invalid(`${path}.x-kubernetes-list-type`, listType, 'must be map if x-kubernetes-list-map-keys is non-empty')
  }
  if (listType === 'map') {
    if (keys.length === 0) errors.required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map')
    if (!items) errors.required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map')
    else if (items.type !== 'object') errors.invalid(`${path}.items.type`, items.type ?? '', "must be object if parent array's x-kubernetes-list-type is map")
    else mapKeys(items, keys, path, errors)
  }
  if ((listType === 'map' || listType === 'set') && items?.nullable) errors.forbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`)
}

function mapKeys(items: JsonSchema, keys: readonly string[], path: string, errors: FieldErrors): void {
  const shown = (): GoValue => new GoValue(`[]string{${keys.map((k) => JSON.stringify(k)).join(', ')}}`)
  const seen = new Set<string>()
  for (const key of keys) {
    const child = own(items.properties, key)
    if (!child) errors.invalid(`${path}.x-kubernetes-list-map-keys`, shown(), 'entries must all be names of item properties')
    else if (child.type === 'array' || child.type === 'object') errors.invalid(`${path}.items.properties[${key}].type`, 'object', "must be a scalar type if parent array's x-kubernetes-list-type is map")
    if (seen.has(key)) errors.invalid(`${path}.x-kubernetes-list-map-keys`, shown(), 'must not contain duplicate entries')
    seen.add(key)
  }
  for (const key of keys) {
    const child = own(items.properties, key)
    if (child && !items.required?.includes(key) && child.default === undefined) {
      errors.required(`${path}.items.properties[${key}].default`, 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property')
    }
    if (child?.nullable) errors.forbidden(`${path}.items.properties[${key}].nullable`, 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable')
  }
}

/** Go's RE2 in JavaScript's syntax, for what the patterns of CustomResourceDefinitions use. */
export function goPattern(pattern: string): RegExp {
  const inline = /^(\^?)\(\?([ims]+)\)/.exec(pattern)
  const body = (inline ? inline[1]! + pattern.slice(inline[0].length) : pattern).replace(/\(\?P</g, '(?<').replace(/\\z/g, '$').replace(/\\A/g, '^')
    .replace(/\[\[:(\w+):\]\]/g, (all, name: string) => CLASSES[name] ?? all)
  const flags = inline ? inline[2]! : ''
  try {
    return new RegExp(body, `${flags}u`)
  } catch {
    return new RegExp(body, flags)
  }
}

const CLASSES: Record<string, string> = { alnum: '[0-9A-Za-z]', alpha: '[A-Za-z]', digit: '[0-9]', lower: '[a-z]', upper: '[A-Z]', space: '[\\t\\n\\v\\f\\r ]', xdigit: '[0-9A-Fa-f]' }
