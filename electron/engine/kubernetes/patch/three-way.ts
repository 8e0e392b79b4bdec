import { own, put } from '../../own.ts'
import { deepEqual, isObject, type Json, type JsonObject } from '../json.ts'
import type { Field, StructType, Type } from '../schema/notation.ts'

/**
 * The patch of kubectl's client-side apply: deletions are what the last applied manifest had and this one has not,
 * additions and changes are what this one has and the live object has otherwise.
 * k8s.io/apimachinery/pkg/util/strategicpatch CreateThreeWayMergePatch.
 */
export function createThreeWayStrategicMergePatch(original: JsonObject | undefined, modified: JsonObject, current: JsonObject, schema: StructType): JsonObject {
  return diffMap(original, modified, current, schema, false)
}

/** The same for what has no schema: RFC 7386. k8s.io/apimachinery/pkg/util/jsonmergepatch. */
export function createThreeWayMergePatch(original: JsonObject | undefined, modified: JsonObject, current: JsonObject): JsonObject {
  return diffMap(original, modified, current, undefined, false)
}

/** The two-way patch from one object to another. */
export function createStrategicMergePatch(from: JsonObject, to: JsonObject, schema: StructType): JsonObject {
  return diffMap(from, to, from, schema, false)
}

type Item = Json

function fieldOf(type: Type | undefined, key: string): Field | undefined {
  return type?.kind === 'struct' ? type.fields.get(key) : undefined
}

function diffMap(original: JsonObject | undefined, modified: JsonObject, current: JsonObject | undefined, type: Type | undefined, retainKeys: boolean): JsonObject {
  const patch: JsonObject = {}
  for (const key of Object.keys(original ?? {})) if (original![key] !== undefined && !has(modified, key)) put(patch, key, null)
  for (const key of Object.keys(modified)) {
    if (!has(modified, key)) continue
    diffField(patch, key, own(original, key), modified[key], own(current, key), fieldOf(type, key))
  }
  if (retainKeys && Object.keys(patch).length > 0) patch['$retainKeys'] = Object.keys(modified).filter((k) => has(modified, k)).sort()
  return patch
}

function has(map: JsonObject, key: string): boolean {
  return Object.hasOwn(map, key) && map[key] !== undefined && map[key] !== null
}

function diffField(patch: JsonObject, key: string, before: Item | undefined, wanted: Item | undefined, live: Item | undefined, field: Field | undefined): void {
  if (isObject(wanted)) {
    if (field?.replace) {
      if (!deepEqual(wanted, live)) put(patch, key, { ...wanted, $patch: 'replace' })
      return
    }
    if (!isObject(live)) {
      put(patch, key, wanted)
      return
    }
    const nested = diffMap(isObject(before) ? before : undefined, wanted, live, field?.type, field?.retainKeys ?? false)
    if (Object.keys(nested).length > 0) put(patch, key, nested)
    return
  }
  if (!Array.isArray(wanted) || !Array.isArray(live) || field?.merge !== 'merge' || field.type.kind !== 'list') {
    if (!deepEqual(wanted, live)) put(patch, key, wanted)
    return
  }
  const last = Array.isArray(before) ? before : []
  if (field.type.of.kind === 'struct') diffObjects(patch, key, last, wanted, live, field, field.type.of)
  else diffScalars(patch, key, last, wanted, live)
}

function diffScalars(patch: JsonObject, key: string, before: readonly Item[], wanted: readonly Item[], live: readonly Item[]): void {
  const added = wanted.filter((item) => !live.includes(item))
  const gone = before.filter((item) => !wanted.includes(item))
  if (added.length > 0) put(patch, key, added)
  if (gone.length > 0) patch[`$deleteFromPrimitiveList/${key}`] = gone
  if (added.length > 0 || gone.length > 0 || !sameOrder(wanted, live)) patch[`$setElementOrder/${key}`] = [...wanted]
}

function diffObjects(patch: JsonObject, key: string, before: readonly Item[], wanted: readonly Item[], live: readonly Item[], field: Field, type: StructType): void {
  const { mergeKey, retainKeys } = field
  const keyOf = (item: Item): Item => (isObject(item) ? (item[mergeKey] ?? null) : null)
  const find = (list: readonly Item[], wantedKey: Item): JsonObject | undefined => list.find((item) => keyOf(item) === wantedKey) as JsonObject | undefined
  const items: Item[] = []
  const paired = new Set<Item>()
  for (const item of wanted) {
    const name = keyOf(item)
    // a second one of the same key is new
    const old = paired.has(name) ? undefined : find(live, name)
    paired.add(name)
    if (!old) {
      items.push(item)
      continue
    }
    const nested = diffMap(find(before, name), item as JsonObject, old, type, retainKeys)
    if (Object.keys(nested).length > 0) items.push({ ...nested, [mergeKey]: name })
  }
  for (const item of before) if (!find(wanted, keyOf(item))) items.push({ $patch: 'delete', [mergeKey]: keyOf(item) })
  const keys = wanted.map(keyOf)
  if (items.length > 0) put(patch, key, items)
  if (items.length > 0 || !sameOrder(keys, live.map(keyOf))) patch[`$setElementOrder/${key}`] = keys.map((name) => ({ [mergeKey]: name }))
}

/** Whether what both lists have stands in the same order. */
function sameOrder(wanted: readonly Item[], live: readonly Item[]): boolean {
  return deepEqual(
    wanted.filter((item) => live.includes(item)),
    live.filter((item) => wanted.includes(item)),
  )
}
