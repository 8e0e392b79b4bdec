import { own, put } from '../../own.ts'
import { goFormat, isObject, type Json, type JsonObject } from '../json.ts'
import type { Field, StructType, Type } from '../schema/notation.ts'
import { orderElements } from './element-order.ts'

/** Strategic merge patch: k8s.io/apimachinery/pkg/util/strategicpatch, with the merge keys of the schema tables. */
export class StrategicPatchError extends Error {
  override name = 'StrategicPatchError'
}

const DIRECTIVE = '$patch'
const RETAIN_KEYS = '$retainKeys'
const DELETE_PREFIX = '$deleteFromPrimitiveList/'
const ORDER_PREFIX = '$setElementOrder/'

/** Applies `patch` to `target`. Nothing is changed in place; what the patch does not touch is shared. */
export function applyStrategicMergePatch(target: JsonObject, patch: JsonObject, schema: StructType): JsonObject {
  return mergeMap(target, patch, schema)
}

/** What is below a map's key: the field of a struct, nothing known of a free map's values. */
function fieldOf(type: Type | undefined, key: string): Field | undefined {
  return type?.kind === 'struct' ? type.fields.get(key) : undefined
}

function mergeMap(target: JsonObject, patch: JsonObject, type: Type | undefined): JsonObject {
  const directive = patch[DIRECTIVE]
  if (directive !== undefined) {
    const { [DIRECTIVE]: _, ...rest } = patch
    if (directive === 'replace') return rest
    if (directive === 'delete') return {}
    if (directive !== 'merge') throw new StrategicPatchError(`unknown patch type found: ${String(directive)}`)
    return mergeMap(target, rest, type)
  }
  const out: JsonObject = retain(target, patch)
  for (const key of Object.keys(patch)) {
    if (key === RETAIN_KEYS) continue
    const value = patch[key]
    if (key.startsWith(DELETE_PREFIX)) {
      const name = key.slice(DELETE_PREFIX.length)
      if (own(patch, name) === undefined) mergeField(out, name, undefined, patch, fieldOf(type, name))
    } else if (key.startsWith(ORDER_PREFIX)) {
      const name = key.slice(ORDER_PREFIX.length)
      if (own(patch, name) === undefined && patch[DELETE_PREFIX + name] === undefined) mergeField(out, name, undefined, patch, fieldOf(type, name))
    } else if (value === null) delete out[key]
    else if (value !== undefined) mergeField(out, key, value, patch, fieldOf(type, key))
  }
  return out
}

function retain(target: JsonObject, patch: JsonObject): JsonObject {
  const keys = patch[RETAIN_KEYS]
  if (keys === undefined) return { ...target }
  if (!Array.isArray(keys)) throw new StrategicPatchError('retainKeys must be a list')
  const extra = Object.keys(patch).find((k) => !k.startsWith('$') && patch[k] !== null && !keys.includes(k))
  if (extra !== undefined) throw new StrategicPatchError('the retainKeys directive does not match the patch')
  const out: JsonObject = {}
  for (const key of Object.keys(target)) if (keys.includes(key)) put(out, key, target[key])
  return out
}

function mergeField(out: JsonObject, key: string, value: JsonObject[string], patch: JsonObject, field: Field | undefined): void {
  const current = own(out, key)
  const order = patch[ORDER_PREFIX + key]
  const deletions = patch[DELETE_PREFIX + key]
  if (Array.isArray(value) || (value === undefined && Array.isArray(current))) {
    const list = Array.isArray(current) ? current : []
    if (field?.merge !== 'merge' || field.type.kind !== 'list') {
      if (value !== undefined) put(out, key, value)
      return
    }
    put(out, key, mergeList(list, (value as Json[] | undefined) ?? [], field, {
      order: Array.isArray(order) ? order : undefined,
      deletions: Array.isArray(deletions) ? deletions : [],
    }))
    return
  }
  if (value === undefined) return
  if (!isObject(value)) put(out, key, value)
  else if (field?.replace) put(out, key, mergeMap({}, value, field.type))
  else put(out, key, mergeMap(isObject(current) ? current : {}, value, field?.type))
}

type Item = Json

function mergeList(current: readonly Item[], patch: readonly Item[], field: Field, extra: { order: readonly Item[] | undefined; deletions: readonly Item[] }): Item[] {
  const of = field.type.kind === 'list' ? field.type.of : undefined
  if (of?.kind !== 'struct') {
    const kept = current.filter((item) => !extra.deletions.includes(item))
    const merged = [...new Set([...kept, ...patch])]
    return orderElements(merged, (item) => item, extra.order ?? patch, current)
  }
  const key = field.mergeKey
  const keyOf = (item: Item): unknown => {
    const value = isObject(item) ? item[key] : undefined
    if (value === undefined) throw new StrategicPatchError(`map: ${goFormat(item)} does not contain declared merge key: ${key}`)
    return value
  }
  let merged: Item[] = [...current]
  const added: Item[] = []
  let replaced = false
  for (const item of patch) {
    const directive = isObject(item) ? item[DIRECTIVE] : undefined
    if (directive === 'replace') replaced = true
    else if (directive === 'delete') merged = merged.filter((m) => keyOf(m) !== keyOf(item))
    else if (directive !== undefined && directive !== 'merge') throw new StrategicPatchError(`unknown patch type found: ${String(directive)}`)
    else added.push(item)
  }
  if (replaced) return added
  for (const item of added) {
    const wanted = keyOf(item)
    const at = merged.findIndex((m) => keyOf(m) === wanted)
    if (at < 0) merged.push(mergeMap({}, item as JsonObject, of))
    else merged[at] = mergeMap(merged[at] as JsonObject, item as JsonObject, of)
  }
  const order = extra.order ? extra.order.map(keyOf) : added.map(keyOf)
  return orderElements(merged, keyOf, order, current.map(keyOf))
}
