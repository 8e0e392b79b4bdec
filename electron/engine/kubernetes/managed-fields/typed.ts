import { own, put } from '../../own.ts'
import { compareStrings, goFormat, isObject, type JsonObject } from '../json.ts'
import type { ScalarKind } from '../schema/notation.ts'
import { fieldShape, itemShape, type Shape, walkOf } from './compare.ts'
import { ElementError, formatElement, itemElement } from './elements.ts'
import { below, type FieldSet, fieldSet, hasElement, isEmpty, LEAF, withSelf } from './field-set.ts'

/** What a configuration is to server-side apply: checked, its fields, merged into a live object, taken out of one. */

/** The errors of typed.AsTyped, each with its path: what a configuration has that the schema does not. */
export function typedErrors(value: unknown, shape: Shape): string[] {
  const errors: string[] = []
  check(value, shape, '', errors)
  return errors
}

/** As ValidationErrors prints itself. */
export function joinErrors(errors: readonly string[]): string {
  return errors.length === 1 ? errors[0]! : ['errors:', ...errors.map((e) => `  ${e}`)].join('\n')
}

function check(value: unknown, shape: Shape, path: string, errors: string[]): void {
  const { type } = shape
  if (value === null || value === undefined || !type) return
  const fail = (message: string): number => errors.push(path === '' ? message : `${path}: ${message}`)
  switch (type.kind) {
    case 'struct':
    case 'map': {
      if (!isObject(value)) return void fail(`expected map, got &{${goFormat(value)}}`)
      for (const key of Object.keys(value).sort(compareStrings)) {
        if (type.kind === 'struct' && !type.fields.has(key)) {
          if (path === '' && (key === 'apiVersion' || key === 'kind')) continue
          errors.push(`${path}.${key}: field not declared in schema`)
          return
        }
        check(value[key], fieldShape(shape, key), `${path}.${key}`, errors)
      }
      return
    }
    case 'list': {
      if (!Array.isArray(value)) return void fail(`expected list, got &{${goFormat(value)}}`)
      const seen = new Set<string>()
      const item = itemShape(shape)
      for (const [i, one] of value.entries()) {
        let element = `i:${i}`
        if (shape.ownership === 'set' || shape.ownership === 'keys') {
          try {
            element = itemElement(shape, one)
          } catch (error) {
            if (!(error instanceof ElementError)) throw error
            return void fail(`element ${i}: ${error.message}`)
          }
          if (seen.has(element)) fail(`duplicate entries for key ${formatElement(element)}`)
          seen.add(element)
        }
        check(one, item, path + formatElement(element), errors)
      }
      return
    }
    default: {
      const wrong = scalarError(value, type.kind)
      if (wrong) fail(wrong)
    }
  }
}

function scalarError(value: unknown, kind: ScalarKind): string | undefined {
  const is = typeof value
  switch (kind) {
    case 'any':
      return undefined
    case 'int32':
    case 'int64':
      return is === 'number' ? undefined : `expected numeric (int or float), got ${goType(value)}`
    case 'bool':
      return is === 'boolean' ? undefined : `expected boolean, got &{${goFormat(value)}}`
    case 'string':
    case 'bytes':
      return is === 'string' ? undefined : `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`
    default:
      return is === 'object' ? `expected any scalar, got &{${goFormat(value)}}` : undefined
  }
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'object') return 'map[string]interface {}'
  return typeof value === 'boolean' ? 'bool' : typeof value === 'number' ? (Number.isInteger(value) ? 'int64' : 'float64') : 'string'
}

/** Go's %#v of an unstructured value. */
function goSyntax(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (isObject(value)) {
    const keys = Object.keys(value).sort(compareStrings)
    return `map[string]interface {}{${keys.map((key) => `${JSON.stringify(key)}:${goSyntax(value[key])}`).join(', ')}}`
  }
  return value === null || value === undefined ? 'interface {}(nil)' : JSON.stringify(value)
}

/** The fields that a configuration has: its leaves, the items of its lists and the keys of its free maps. */
export function fieldsOf(value: unknown, shape: Shape): FieldSet {
  const walk = walkOf(value, shape)
  if (walk === 'map' && isObject(value)) {
    const elements: string[] = []
    const children: FieldSet[] = []
    const declared = shape.type?.kind === 'struct' ? shape.type.fields : undefined
    for (const key of Object.keys(value)) {
      const child = value[key]
      if (child === undefined) continue
      const inner = fieldShape(shape, key)
      const isLeaf = walkOf(child, inner) === 'leaf'
      let set = isLeaf ? LEAF : fieldsOf(child, inner)
      if (!isLeaf) {
        const nothing = child === null || (isObject(child) && Object.keys(child).length === 0)
        if (nothing || !declared?.has(key)) set = withSelf(set)
        else if (isEmpty(set)) continue
      }
      elements.push(`f:${key}`)
      children.push(set)
    }
    return fieldSet(elements, children)
  }
  if (walk === 'list' && Array.isArray(value)) {
    const children = new Map<string, FieldSet>()
    const inner = itemShape(shape)
    for (const item of value) {
      const element = itemElement(shape, item)
      const double = children.has(element) || walkOf(item, inner) === 'leaf'
      children.set(element, double ? LEAF : withSelf(fieldsOf(item, inner)))
    }
    return fieldSet([...children.keys()], [...children.values()])
  }
  return LEAF
}

/** Structs' own fields count as members as soon as something below them does (Set.EnsureNamedFieldsAreMembers). */
export function withNamedFields(set: FieldSet, shape: Shape): FieldSet {
  const elements: string[] = []
  const children: FieldSet[] = []
  for (const element in set) {
    const child = set[element]!
    elements.push(element)
    if (isEmpty(child)) {
      children.push(LEAF)
      continue
    }
    const named = element.startsWith('f:')
    const inner = named ? fieldShape(shape, element.slice(2)) : itemShape(shape)
    const below = withNamedFields(child, inner)
    children.push(named && shape.type?.kind === 'struct' && shape.type.fields.has(element.slice(2)) ? withSelf(below) : below)
  }
  return fieldSet(elements, children)
}

/** The live object with a configuration laid over it: typed.Merge. What the configuration does not touch is shared. */
export function merge(live: unknown, config: unknown, shape: Shape): unknown {
  if (config === undefined) return live
  if (live === undefined || live === config) return config
  const walk = walkOf(config ?? live, shape)
  if (walk === 'map' && (isObject(live) || isObject(config))) return mergeMaps(live, config, shape)
  if (walk === 'list' && (Array.isArray(live) || Array.isArray(config))) {
    const out = mergeLists(Array.isArray(live) ? live : [], Array.isArray(config) ? config : [], shape)
    return out.length > 0 ? out : config
  }
  return config
}

function mergeMaps(live: unknown, config: unknown, shape: Shape): unknown {
  const a = isObject(live) ? live : {}
  const b = isObject(config) ? config : {}
  const out: JsonObject = {}
  for (const key of Object.keys(a)) if (a[key] !== undefined) put(out, key, merge(a[key], own(b, key), fieldShape(shape, key)))
  for (const key of Object.keys(b)) if (own(a, key) === undefined && b[key] !== undefined) put(out, key, b[key])
  return Object.keys(out).length > 0 ? out : config
}

/** Items of the live list keep their place as far as the order of the configuration allows. */
function mergeLists(live: readonly unknown[], config: readonly unknown[], shape: Shape): unknown[] {
  const item = itemShape(shape)
  const liveElements = live.map((one) => itemElement(shape, one))
  const elements = config.map((one) => itemElement(shape, one))
  const inLive = new Map<string, unknown>()
  // An item that stands there twice is not merged with: the new one replaces both.
  for (const [i, element] of liveElements.entries()) inLive.set(element, inLive.has(element) ? undefined : live[i])
  const inConfig = new Map(elements.map((element, i) => [element, config[i]]))
  const shared = elements.filter((element) => inLive.has(element))
  let nextShared = shared.shift()
  const merged = new Set<string>()
  const out: unknown[] = []
  let l = 0
  let r = 0
  const take = (element: string): void => {
    merged.add(element)
    out.push(merge(inLive.get(element), inConfig.get(element), item))
    r++
  }
  while (l < live.length || r < config.length) {
    if (l < live.length && r < config.length) {
      if (liveElements[l] === elements[r]) {
        take(elements[r]!)
        l++
        nextShared = shared.shift()
        continue
      }
      if (inConfig.has(liveElements[l]!) && nextShared !== undefined && nextShared !== liveElements[l]) {
        l++
        continue
      }
    }
    if (l < live.length) {
      if (!inConfig.has(liveElements[l]!)) {
        out.push(live[l++])
        continue
      }
      if (merged.has(liveElements[l]!)) l++
    }
    if (r < config.length) {
      const element = elements[r]!
      take(element)
      if (nextShared === element) nextShared = shared.shift()
    }
  }
  return out
}

/** The object without the fields of the set: typed.RemoveItems. A map or list of which nothing is left is null. */
export function removeFields(value: unknown, set: FieldSet, shape: Shape): unknown {
  const walk = walkOf(value, shape)
  if (walk === 'map' && isObject(value)) {
    const out: JsonObject = {}
    let left = false
    for (const key of Object.keys(value)) {
      if (value[key] === undefined) continue
      const element = `f:${key}`
      if (hasElement(set, element)) continue
      const inner = below(set, element)
      put(out, key, isEmpty(inner) ? value[key] : removeFields(value[key], inner, fieldShape(shape, key)))
      left = true
    }
    return left ? out : null
  }
  if (walk === 'list' && Array.isArray(value)) {
    const item = itemShape(shape)
    const out: unknown[] = []
    for (const one of value) {
      const element = itemElement(shape, one)
      if (hasElement(set, element)) continue
      const inner = below(set, element)
      out.push(isEmpty(inner) ? one : removeFields(one, inner, item))
    }
    return out.length > 0 ? out : null
  }
  // A leaf that is owned as one goes as one, when something below it is to go; a scalar stays.
  return typeof value === 'object' ? null : value
}
