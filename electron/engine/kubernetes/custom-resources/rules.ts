import type { ParseResult } from '@marcbachmann/cel-js'
import { own, put } from '../../own.ts'
import type { FieldErrors } from '../field-errors.ts'
import { deepEqual, isObject, type JsonObject } from '../json.ts'
import { KubernetesCel } from '../cel.ts'
import { additional, eachSchema, type JsonSchema, property } from './schema.ts'

/**
 * x-kubernetes-validations: rules in CEL, checked as apiextensions-apiserver's pkg/apiserver/schema/cel does. A rule that needs
 * a library that is not there is not checked, and that is said when its definition is applied.
 */
export interface Rule { rule?: string; message?: string; messageExpression?: string; reason?: string; fieldPath?: string; optionalOldSelf?: boolean }

/** Made when the first rule is read: few clusters have any. */
let language: KubernetesCel | undefined
const compiled = new Map<string, ParseResult | string>()

/** A rule ready to run, or why it is none. */
function compile(text: string): ParseResult | string {
  const known = compiled.get(text)
  if (known !== undefined) return known
  let result: ParseResult | string
  try {
    const parsed = (language ??= new KubernetesCel(['self', 'oldSelf'], { open: true })).parse(text)
    const check = parsed.check()
    result = check.valid ? parsed : (check.error?.message ?? 'unknown').split('\n')[0]!
  } catch (error) {
    result = (error as Error).message.split('\n')[0]!
  }
  if (compiled.size > 5_000) compiled.clear()
  compiled.set(text, result)
  return result
}

/** The rules of a schema that are written in a part of CEL that is not simulated. */
export function unsimulatedRules(schema: JsonSchema): string[] {
  const out: string[] = []
  for (const each of eachSchema(schema)) {
    for (const { rule = '' } of each['x-kubernetes-validations'] ?? []) if (rule.trim() && typeof compile(rule) === 'string') out.push(rule.trim())
  }
  return out
}

export function hasRules(schema: JsonSchema): boolean {
  for (const each of eachSchema(schema)) if (each['x-kubernetes-validations']) return true
  return false
}

const BLOCKING = new Set(['FieldValueNotSupported', 'FieldValueRequired', 'FieldValueTooLong', 'FieldValueTooMany', 'FieldValueTypeInvalid'])

/** Rules are only checked on what its schema allows otherwise. */
export function validateRules(value: unknown, old: unknown, schema: JsonSchema, path: string, errors: FieldErrors): void {
  if (errors.list.some(({ reason }) => BLOCKING.has(reason))) {
    errors.invalid('<nil>', null, 'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation')
  } else walk(value, old, schema, path, errors)
}

function walk(value: unknown, old: unknown, schema: JsonSchema, path: string, errors: FieldErrors): void {
  if (value === null || value === undefined || (old !== undefined && deepEqual(value, old))) return
  const rules: readonly Rule[] = schema['x-kubernetes-validations'] ?? []
  if (rules.length > 0) {
    const self = toCel(value, schema)
    const oldSelf = old === undefined || old === null ? undefined : toCel(old, schema)
    for (const rule of rules) check(rule, self, oldSelf, schema, path, errors)
  }
  if (isObject(value)) {
    const before = isObject(old) ? old : undefined
    const values = additional(schema)
    for (const key of Object.keys(value)) {
      const child = property(schema, key)
      if (child) walk(value[key], own(before, key), child, path ? `${path}.${key}` : key, errors)
      else if (values) walk(value[key], own(before, key), values, `${path}[${key}]`, errors)
    }
  } else if (Array.isArray(value) && schema.items) {
    const keys = schema['x-kubernetes-list-type'] === 'map' && Array.isArray(old) ? (schema['x-kubernetes-list-map-keys'] ?? []) : undefined
    const same = (a: unknown, b: unknown): boolean => isObject(a) && isObject(b) && keys!.every((key) => deepEqual(own(a, key), own(b, key)))
    value.forEach((item, i) => walk(item, keys ? (old as unknown[]).find((each) => same(each, item)) : undefined, schema.items!, `${path}[${i}]`, errors))
  }
}

function check(rule: Rule, self: unknown, oldSelf: unknown, schema: JsonSchema, path: string, errors: FieldErrors): void {
  const text = rule.rule ?? ''
  const program = compile(text)
  if (typeof program === 'string') return
  if (/\boldSelf\b/.test(text) && oldSelf === undefined) return
  const context = { self, ...(oldSelf === undefined ? {} : { oldSelf }) }
  const field = path || '<nil>'
  const type = schema.type ?? ''
  let result: unknown
  try {
    result = program(context)
  } catch (error) {
    const why = (error as Error).message.split('\n')[0]!.replace(/^No such key/, 'no such key')
    if (/no matching overload/.test(why)) return
    return errors.invalid(field, type, `${why} evaluating rule: ${rule.message?.trim() || text.trim()}`)
  }
  if (result === true) return
  const detail = messageOf(rule, context)
  const at = rule.fieldPath ? `${path}${rule.fieldPath}`.replace(/^\./, '') : field
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return errors.forbidden(at, detail)
    case 'FieldValueRequired':
      return errors.required(at, detail)
    case 'FieldValueDuplicate':
      return errors.duplicate(at, type)
    default:
      return errors.invalid(at, type, detail)
  }
}

function messageOf(rule: Rule, context: Record<string, unknown>): string {
  const fallback = rule.message?.trim() || `failed rule: ${(rule.rule ?? '').trim()}`
  const program = rule.messageExpression ? compile(rule.messageExpression) : undefined
  if (program === undefined || typeof program === 'string') return fallback
  try {
    const text = program(context) as unknown
    return typeof text === 'string' && text.trim() !== '' && !/\n/.test(text) ? text : fallback
  } catch {
    return fallback
  }
}

/** JSON as CEL has it by its schema: integers are int, the names of fields are escaped. */
function toCel(value: unknown, schema: JsonSchema | undefined): unknown {
  if (typeof value === 'number') return Number.isInteger(value) && schema?.type !== 'number' ? BigInt(value) : value
  if (Array.isArray(value)) return value.map((item) => toCel(item, schema?.items))
  if (!isObject(value)) {
    const isTime = typeof value === 'string' && (schema?.format === 'date-time' || schema?.format === 'date')
    return isTime ? new Date(value) : value
  }
  const out: JsonObject = {}
  const values = additional(schema)
  for (const key of Object.keys(value)) {
    const child = property(schema, key)
    if (value[key] !== undefined && value[key] !== null) put(out, child ? escaped(key) : key, toCel(value[key], child ?? values))
  }
  return out
}

const RESERVED = new Set(['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while'])

/** How a field is called in CEL: apiserver/pkg/cel Escape. */
function escaped(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`
  return name.replaceAll('__', '__underscores__').replaceAll('.', '__dot__').replaceAll('-', '__dash__').replaceAll('/', '__slash__')
}
