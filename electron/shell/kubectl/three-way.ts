import { schemaOf } from '../../engine/kubernetes/schema/index.ts'
import type { Field, Type } from '../../engine/kubernetes/schema/notation.ts'
import { own } from '../../engine/own.ts'
import { define, equal, isObject, type JsonObject, list } from './objects.ts'

/**
 * The patch that `kubectl apply` sends: what the manifest changed against the live object, and what it no longer has
 * against the last applied one (strategicpatch.CreateThreeWayMergePatch; SIG API Machinery's strategic merge patch).
 */
export function threeWayPatch(kind: string | undefined, original: JsonObject, modified: JsonObject, current: JsonObject): JsonObject {
  const type = typeOf(kind)
  return merge(
    diff(current, modified, type, { deletions: false }),
    diff(original, modified, type, { additions: false }),
  )
}

/** What `kubectl edit` sends (strategicpatch.CreateTwoWayMergePatch); without a kind, a JSON merge patch. */
export function twoWayPatch(kind: string | undefined, original: JsonObject, modified: JsonObject): JsonObject {
  return diff(original, modified, typeOf(kind), { order: true })
}

function typeOf(kind: string | undefined): Type | undefined {
  try {
    return kind === undefined ? undefined : schemaOf(kind)
  } catch {
    return undefined
  }
}

/** `order`: lists of the same elements in another order differ too. */
interface Mode { additions?: boolean; deletions?: boolean; order?: boolean }

function fieldOf(type: Type | undefined, key: string): { type: Type | undefined; field?: Field } {
  if (type?.kind === 'struct') {
    const field = type.fields.get(key)
    return { type: field?.type, field }
  }
  if (type?.kind === 'map') return { type: type.of }
  return { type: undefined }
}

/** What turns `from` into `to`, one way or both. */
function diff(from: JsonObject, to: JsonObject, type: Type | undefined, mode: Mode): JsonObject {
  const patch: JsonObject = {}
  const additions = mode.additions ?? true
  const deletions = mode.deletions ?? true
  for (const key of Object.keys(to)) {
    const was = Object.hasOwn(from, key) ? from[key] : undefined
    const is = to[key]
    if (was === undefined || was === null) {
      if (additions && is !== undefined && is !== null) define(patch, key, is)
      continue
    }
    const { type: inner, field } = fieldOf(type, key)
    if (isObject(was) && isObject(is)) {
      if (field?.replace) {
        if (additions && !equal(was, is)) define(patch, key, { $patch: 'replace', ...is })
        continue
      }
      const below = diff(was, is, inner, mode)
      if (Object.keys(below).length > 0) {
        if (field?.retainKeys) define(below, '$retainKeys', Object.keys(is).sort())
        define(patch, key, below)
      } else if (field?.retainKeys && additions && !equal(Object.keys(was).sort(), Object.keys(is).sort())) {
        define(patch, key, { $retainKeys: Object.keys(is).sort() })
      }
      continue
    }
    if (Array.isArray(was) && Array.isArray(is) && field?.merge === 'merge' && field.type.kind === 'list') {
      if (field.mergeKey) mergedList(patch, key, was, is, field, mode)
      else mergedSet(patch, key, was, is, mode)
      continue
    }
    if (additions && !equal(was, is)) define(patch, key, is)
  }
  if (deletions) for (const key of Object.keys(from)) if (from[key] !== undefined && !Object.hasOwn(to, key)) define(patch, key, null)
  return patch
}

/** Lists merged by a key (containers by name, ports by port). */
function mergedList(patch: JsonObject, key: string, was: readonly unknown[], is: readonly unknown[], field: Field, mode: Mode): void {
  const by = field.mergeKey
  const of = field.type.kind === 'list' ? field.type.of : undefined
  const items: JsonObject[] = []
  const find = (all: readonly unknown[], value: unknown): JsonObject | undefined => all.find((x) => isObject(x) && equal(x[by], value)) as JsonObject | undefined
  for (const item of is) {
    if (!isObject(item)) continue
    const former = find(was, item[by])
    if (!former) {
      if (mode.additions ?? true) items.push(item)
      continue
    }
    const below = diff(former, item, of, mode)
    if (Object.keys(below).length > 0) items.push({ ...below, [by]: item[by] })
  }
  if (mode.deletions ?? true) {
    for (const item of was) if (isObject(item) && !find(is, item[by])) items.push({ $patch: 'delete', [by]: item[by] })
  }
  const moved = mode.order && !equal(was.filter(isObject).map((item) => item[by]), is.filter(isObject).map((item) => item[by]))
  if (items.length === 0 && !moved) return
  if (items.length > 0) define(patch, key, items)
  if (mode.additions ?? true) define(patch, `$setElementOrder/${key}`, is.filter(isObject).map((item) => ({ [by]: item[by] })))
}

function mergedSet(patch: JsonObject, key: string, was: readonly unknown[], is: readonly unknown[], mode: Mode): void {
  const has = (all: readonly unknown[], value: unknown): boolean => all.some((x) => equal(x, value))
  const added = (mode.additions ?? true) ? is.filter((x) => !has(was, x)) : []
  const gone = (mode.deletions ?? true) ? was.filter((x) => !has(is, x)) : []
  if (added.length > 0) {
    define(patch, key, added)
    define(patch, `$setElementOrder/${key}`, is)
  }
  if (gone.length > 0) define(patch, `$deleteFromPrimitiveList/${key}`, gone)
}

/** Two patches for one object made one. */
function merge(a: JsonObject, b: JsonObject): JsonObject {
  const out: JsonObject = { ...a }
  for (const [key, value] of Object.entries(b)) {
    const former = own(out, key)
    if (isObject(former) && isObject(value)) define(out, key, merge(former, value))
    else if (Array.isArray(former) && Array.isArray(value) && value.every(isObject) && !key.startsWith('$')) define(out, key, mergeItems(former, value))
    else if (former === undefined) define(out, key, value)
  }
  return out
}

function mergeItems(a: readonly unknown[], b: readonly unknown[]): unknown[] {
  const out = [...a]
  for (const item of list(b)) {
    if (!isObject(item)) continue
    const keys = Object.keys(item).filter((k) => typeof item[k] !== 'object' && k !== '$patch')
    const at = out.findIndex((x) => isObject(x) && keys.length > 0 && keys.some((k) => equal(x[k], item[k])) && !('$patch' in item))
    if (at >= 0) out[at] = merge(out[at] as JsonObject, item)
    else out.push(item)
  }
  return out
}
