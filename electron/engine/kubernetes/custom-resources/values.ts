import { own } from '../../own.ts'
import { type FieldErrors, GoValue } from '../field-errors.ts'
import { compareStrings, deepEqual, isObject, quote, type JsonObject } from '../json.ts'
import { hasFormat, isKnownFormat } from './formats.ts'
import { additional, type JsonSchema, property } from './schema.ts'
import { goPattern } from './structural.ts'

/**
 * Values against a schema, in the order and the words of kube-openapi's pkg/validation, which speaks of every field
 * as "in body". What an update left as it was is not looked at again (CRDValidationRatcheting).
 */
type Add = (errors: FieldErrors, prefix: string) => void

class Result {
  readonly errors: Add[] = []
  /** How much was right: anyOf and oneOf tell the errors of the best alternative. */
  matches = 0

  merge(other: Result): void {
    for (const add of other.errors) this.errors.push(add)
    this.matches += other.matches
  }
}

/** `path` is where the value stands ("" the whole object, "status"). */
export function validateValue(value: unknown, old: unknown, schema: JsonSchema, prefix: string, errors: FieldErrors): void {
  for (const add of validate(value, old, schema, '').errors) add(errors, prefix)
}

function place(prefix: string, path: string): string {
  const own = path.replace(/^\./, '')
  return prefix && own ? `${prefix}.${own}` : prefix || own || '<nil>'
}

function validate(value: unknown, old: unknown, schema: JsonSchema, path: string): Result {
  const result = new Result()
  if (old !== undefined && deepEqual(value, old)) return result
  const typed = checkType(value, schema, path, result)
  if (typed) result.matches++
  if (value === null) {
    checkEnum(value, schema, path, result)
    return result
  }
  result.matches++
  combined(value, schema, path, result)
  if (typeof value === 'string') checkString(value, schema, path, result)
  else if (typeof value === 'number') checkNumber(value, schema, path, result)
  else if (Array.isArray(value)) checkList(value, old, schema, path, result)
  checkEnum(value, schema, path, result)
  if (isObject(value)) checkObject(value, isObject(old) ? old : undefined, schema, path, result)
  result.matches++
  return result
}

function typesOf(schema: JsonSchema): readonly string[] {
  if (schema['x-kubernetes-int-or-string']) return ['integer', 'string']
  return schema.type ? [schema.type] : []
}

function checkType(value: unknown, schema: JsonSchema, path: string, result: Result): boolean {
  const types = typesOf(schema)
  const format = isKnownFormat(schema.format) ? schema.format : ''
  if (types.length === 0 && format === '') return true
  const wrong = (expected: string, found: string): false => {
    const message = `${path} in body must be of type ${expected}: ${quote(found)}`
    result.errors.push((errors, prefix) => errors.list.push({ reason: 'FieldValueTypeInvalid', field: place(prefix, path), body: `Invalid value: ${quote(found)}: ${message}` }))
    return false
  }
  if (value === null || value === undefined) return types.length === 0 || schema.nullable === true ? true : wrong(types.join(','), 'null')
  const found = jsonType(value)
  const fits = types.includes(found) || (found === 'integer' && types.includes('number'))
  const textual = typeof value === 'string' || Array.isArray(value)
  if (format !== '' && !textual && !fits) return wrong(format, typeof value === 'number' ? (found === 'integer' ? 'int64' : 'float64') : '')
  if (format !== '' && textual && !types.includes('number') && !types.includes('integer')) return true
  return fits ? true : wrong(types.join(','), found)
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

/** One of what Go calls an invalid value. */
function invalid(result: Result, path: string, value: string | number, message: string): void {
  result.errors.push((errors, prefix) => errors.invalid(place(prefix, path), value, message))
}

function combined(value: unknown, schema: JsonSchema, path: string, result: Result): void {
  const general = (message: string): void => void result.errors.push((errors, prefix) => errors.invalid(prefix || '<nil>', '', message))
  const tries = (schemas: readonly JsonSchema[]): Result[] => schemas.map((each) => validate(value, undefined, each, path))
  const best = (results: readonly Result[]): Result => results.reduce((a, b) => (b.matches > a.matches ? b : a))
  if (schema.anyOf) {
    const results = tries(schema.anyOf)
    const good = results.find((r) => r.errors.length === 0)
    if (!good) general(`${quote(path)} must validate at least one schema (anyOf)`)
    result.merge(good ?? best(results))
  }
  if (schema.oneOf) {
    const results = tries(schema.oneOf)
    const good = results.filter((r) => r.errors.length === 0)
    if (good.length === 1) result.merge(good[0]!)
    else {
      general(`${quote(path)} must validate one and only one schema (oneOf). ${good.length === 0 ? 'Found none valid' : `Found ${good.length} valid alternatives`}`)
      if (good.length === 0) result.merge(best(results))
    }
  }
  if (schema.allOf) {
    const results = tries(schema.allOf)
    for (const each of results) result.merge(each)
    const good = results.filter((r) => r.errors.length === 0).length
    if (good < results.length) general(`${quote(path)} must validate all the schemas (allOf)${good === 0 ? '. None validated' : ''}`)
  }
  if (schema.not && validate(value, undefined, schema.not, path).errors.length === 0) general(`${quote(path)} must not validate the schema (not)`)
  result.matches++
}

function checkString(value: string, schema: JsonSchema, path: string, result: Result): void {
  const { maxLength, minLength, pattern, format } = schema
  const length = [...value].length
  if (maxLength !== undefined && length > maxLength) result.errors.push((errors, prefix) => errors.tooLong(place(prefix, path), maxLength))
  else if (minLength !== undefined && length < minLength) invalid(result, path, value, `${path} in body should be at least ${minLength} chars long`)
  else if (pattern && !goPattern(pattern).test(value)) invalid(result, path, value, `${path} in body should match '${pattern}'`)
  if (format !== undefined && hasFormat(format, value) === false) {
    const message = `${path} in body must be of type ${format}: ${quote(value)}`
    result.errors.push((errors, prefix) => errors.list.push({ reason: 'FieldValueTypeInvalid', field: place(prefix, path), body: `Invalid value: ${quote(value)}: ${message}` }))
  }
}

function checkNumber(value: number, schema: JsonSchema, path: string, result: Result): void {
  const { multipleOf, maximum, minimum } = schema
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) invalid(result, path, value, `${path} in body should be a multiple of ${multipleOf}`)
  if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) {
    invalid(result, path, value, `${path} in body should be less than ${schema.exclusiveMaximum ? '' : 'or equal to '}${maximum}`)
  }
  if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) {
    invalid(result, path, value, `${path} in body should be greater than ${schema.exclusiveMinimum ? '' : 'or equal to '}${minimum}`)
  }
}

function isMultiple(value: number, of: number): boolean {
  const times = value / of
  return Math.abs(times - Math.round(times)) < 1e-9
}

function checkList(value: readonly unknown[], old: unknown, schema: JsonSchema, path: string, result: Result): void {
  const { items, minItems, maxItems } = schema
  const before = items && schema['x-kubernetes-list-type'] === 'map' && Array.isArray(old) ? byKeys(old, schema['x-kubernetes-list-map-keys'] ?? []) : undefined
  if (items) value.forEach((item, i) => result.merge(validate(item, before?.get(keyText(item, schema['x-kubernetes-list-map-keys'] ?? [])), items, `${path}[${i}]`)))
  if (minItems !== undefined && value.length < minItems) invalid(result, path, value.length, `${path} in body should have at least ${minItems} items`)
  if (maxItems !== undefined && value.length > maxItems) result.errors.push((errors, prefix) => errors.tooMany(place(prefix, path), value.length, maxItems))
  result.matches++
}

function byKeys(list: readonly unknown[], keys: readonly string[]): Map<string, unknown> {
  return new Map(list.map((item) => [keyText(item, keys), item]))
}
function keyText(item: unknown, keys: readonly string[]): string {
  return JSON.stringify(keys.map((key) => (isObject(item) ? (own(item, key) ?? null) : null)))
}

function checkEnum(value: unknown, schema: JsonSchema, path: string, result: Result): void {
  const allowed = schema.enum
  if (!allowed || allowed.some((each) => deepEqual(each, value))) return
  const texts = allowed.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)))
  result.errors.push((errors, prefix) => errors.notSupported(place(prefix, path), goValue(value), texts))
}

function checkObject(value: JsonObject, old: JsonObject | undefined, schema: JsonSchema, path: string, result: Result): void {
  const keys = Object.keys(value).filter((key) => value[key] !== undefined)
  const { minProperties, maxProperties } = schema
  if (minProperties !== undefined && keys.length < minProperties) invalid(result, path, keys.length, `${path} in body should have at least ${minProperties} properties`)
  if (maxProperties !== undefined && keys.length > maxProperties) result.errors.push((errors, prefix) => errors.tooMany(place(prefix, path), keys.length, maxProperties))
  const values = additional(schema)
  for (const key of keys) {
    if (property(schema, key)) continue
    if (values) result.merge(validate(value[key], own(old, key), values, `${path}.${key}`))
    else if (schema.additionalProperties === false) invalid(result, path, '', `${path}.${key} in body is a forbidden property`)
  }
  for (const name of Object.keys(schema.properties ?? {}).sort(compareStrings)) {
    if (own(value, name) !== undefined) result.merge(validate(value[name], own(old, name), schema.properties![name]!, path ? `${path}.${name}` : name))
  }
  for (const name of schema.required ?? []) {
    if (own(value, name) === undefined) result.errors.push((errors, prefix) => errors.required(place(prefix, `${path}.${name}`)))
  }
}

/** Go's %#v of a JSON value, where ErrorBody does not print it plainly. */
function goValue(value: unknown): GoValue | string | number | boolean | null {
  if (typeof value === 'object' && value !== null) return new GoValue(goSyntax(value))
  return value as string | number | boolean | null
}

function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return 'interface {}(nil)'
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (isObject(value)) return `map[string]interface {}{${Object.keys(value).sort(compareStrings).map((key) => `${quote(key)}:${goSyntax(value[key])}`).join(', ')}}`
  return typeof value === 'string' ? quote(value) : String(value)
}

/** Sets and maps that stand as lists have each item once: pkg/apiserver/schema/listtype. */
export function validateLists(value: unknown, schema: JsonSchema, path: string, errors: FieldErrors): void {
  if (Array.isArray(value)) {
    const type = schema['x-kubernetes-list-type']
    const keys = schema['x-kubernetes-list-map-keys'] ?? []
    if (type === 'set') for (const i of repeated(value)) errors.duplicate(`${path}[${i}]`, goValue(value[i]))
    if (type === 'map') {
      const wrong = value.findIndex((item) => item !== null && !isObject(item))
      if (wrong >= 0) errors.invalid(`${path}[${wrong}]`, goValue(value[wrong]), 'must be an object for an array of list-type map')
      else {
        const ids = value.map((item) => Object.fromEntries(keys.filter((key) => isObject(item) && own(item, key) !== undefined).map((key) => [key, (item as JsonObject)[key]])))
        for (const i of repeated(ids)) errors.duplicate(`${path}[${i}]`, goValue(ids[i]))
      }
    }
    if (schema.items) value.forEach((item, i) => validateLists(item, schema.items!, `${path}[${i}]`, errors))
  } else if (isObject(value)) {
    const values = additional(schema)
    for (const key of Object.keys(value)) {
      const child = property(schema, key)
      if (child) validateLists(value[key], child, path ? `${path}.${key}` : key, errors)
      else if (values) validateLists(value[key], values, `${path}[${key}]`, errors)
    }
  }
}

/** Where a value is there for the second time. */
function repeated(list: readonly unknown[]): number[] {
  const times = new Map<string, number>()
  const out: number[] = []
  list.forEach((item, i) => {
    const text = JSON.stringify(sorted(item))
    const before = times.get(text) ?? 0
    if (before === 1) out.push(i)
    times.set(text, before + 1)
  })
  return out
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.keys(value).sort(compareStrings).map((key) => [key, sorted(value[key])]))
}

/** Resources inside resources say what they are: pkg/apiserver/schema/objectmeta. */
export function validateEmbedded(value: unknown, schema: JsonSchema, path: string, errors: FieldErrors, root = true): void {
  if (isObject(value)) {
    if (!root && schema['x-kubernetes-embedded-resource']) {
      for (const key of ['apiVersion', 'kind'] as const) if (typeof value[key] !== 'string' || value[key] === '') errors.required(`${path}.${key}`, 'must not be empty')
    }
    const values = additional(schema)
    for (const key of Object.keys(value)) {
      const child = property(schema, key)
      if (child) validateEmbedded(value[key], child, path ? `${path}.${key}` : key, errors, false)
      else if (values) validateEmbedded(value[key], values, `${path}[${key}]`, errors, false)
    }
  } else if (Array.isArray(value) && schema.items) value.forEach((item, i) => validateEmbedded(item, schema.items!, `${path}[${i}]`, errors, false))
}
