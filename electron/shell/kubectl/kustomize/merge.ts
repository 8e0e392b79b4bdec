import type { Field, Type } from '../../../engine/kubernetes/schema/notation.ts'
import { byBytes, define, isObject, type JsonObject, text } from '../objects.ts'

/**
 * Strategic merge as kyaml's merge2 does it: not as the API server. What the patch names comes first in a list that is
 * merged by keys, and lists of kinds that are not Kubernetes' own are replaced.
 */
export function mergePatch(target: JsonObject, patch: JsonObject, type: Type | undefined): JsonObject | undefined {
  const directive = patch['$patch']
  if (directive === 'delete') return undefined
  const given = withoutDirective(patch)
  if (directive === 'replace') return given
  const out = { ...target }
  for (const key of Object.keys(given)) {
    const value = given[key]
    if (value === null) {
      delete out[key]
      continue
    }
    const made = mergeValue(Object.hasOwn(out, key) ? out[key] : undefined, value, type?.kind === 'struct' ? type.fields.get(key) : undefined, mapValue(type))
    if (made === undefined) delete out[key]
    else define(out, key, made)
  }
  return out
}

const mapValue = (type: Type | undefined): Type | undefined => (type?.kind === 'map' ? type.of : undefined)

function withoutDirective(patch: JsonObject): JsonObject {
  const { $patch: _, ...rest } = patch
  return rest
}

function mergeValue(current: unknown, value: unknown, field: Field | undefined, below: Type | undefined): unknown {
  if (isObject(value)) {
    if (isObject(current)) return mergePatch(current, value, field?.type ?? below)
    return value['$patch'] === 'delete' ? undefined : cleared(value)
  }
  if (Array.isArray(value) && field?.merge === 'merge' && field.type.kind === 'list') {
    const own = value.filter((item) => !isListDirective(item))
    const directive = value.find(isListDirective) as JsonObject | undefined
    if (directive?.['$patch'] === 'delete') return undefined
    if (directive?.['$patch'] === 'replace' || !Array.isArray(current)) return own.filter((item) => !isObject(item) || item['$patch'] !== 'delete').map((item) => (isObject(item) ? cleared(item) : item))
    return mergeList(current, own, field, field.type.of)
  }
  return value
}

/** An element that speaks of the whole list. */
const isListDirective = (item: unknown): boolean => isObject(item) && Object.keys(item).length === 1 && (item['$patch'] === 'replace' || (item['$patch'] === 'delete' && Object.keys(item).length === 1))

/** What is added has no nulls. */
function cleared(value: JsonObject): JsonObject {
  const out: JsonObject = {}
  for (const [key, item] of Object.entries(withoutDirective(value))) if (item !== null) define(out, key, isObject(item) ? cleared(item) : item)
  return out
}

function mergeList(current: readonly unknown[], patch: readonly unknown[], field: Field, of: Type): unknown[] {
  if (field.mergeKey === '') return [...patch, ...current.filter((item) => !patch.includes(item))]
  const declared = field.listKeys.length > 0 ? field.listKeys.map((key) => key.name) : [field.mergeKey]
  // only the keys that somebody has count
  const has = (key: string): boolean => [...patch, ...current].some((item) => isObject(item) && item[key] !== undefined && item[key] !== '')
  const keys = declared.filter(has).sort(byBytes)
  const isSame = (a: unknown, b: unknown): boolean =>
    isObject(a) && isObject(b) && keys.some((key) => a[key] !== undefined && a[key] === b[key]) && keys.every((key) => a[key] === b[key] || a[key] === undefined || b[key] === undefined)
  const taken = new Map<unknown, unknown>()
  const out: unknown[] = []
  for (const item of patch) {
    if (!isObject(item)) continue
    const same = current.find((other) => !taken.has(other) && isSame(other, item))
    const made = text(item['$patch']) === 'delete' ? undefined : same === undefined ? cleared(item) : mergePatch(same as JsonObject, item, of)
    if (same !== undefined) taken.set(same, made)
    // where two keys tell elements apart, known ones stay where they were
    if (made !== undefined && (same === undefined || keys.length < 2)) out.push(made)
  }
  const rest = current.map((item) => (taken.has(item) ? (keys.length < 2 ? undefined : taken.get(item)) : item))
  return [...out, ...rest.filter((item) => item !== undefined)]
}
