import { define, isObject, type JsonObject } from '../objects.ts'
import type { FieldSpec } from './field-specs.ts'
import type { Resource } from './resource.ts'

/** What a field becomes; undefined: it stays. `current` is undefined for one that is made. */
type Change = (current: unknown) => unknown

/** Changes the field of a resource that a specification names, through lists to each of their elements; nothing in place. */
export function changeField(resource: Resource, spec: FieldSpec, change: Change): void {
  if (resource.isSelected(spec)) resource.object = changed(resource.object, partsOf(spec.path), spec.create === true, change) as JsonObject
}

/** "a/b\\/c" → a, b/c */
function partsOf(path: string): string[] {
  return path.split(/(?<!\\)\//).map((part) => part.replaceAll('\\/', '/'))
}

function changed(value: unknown, parts: readonly string[], create: boolean, change: Change): unknown {
  if (parts.length === 0) return change(value) ?? value
  if (Array.isArray(value)) return value.map((item) => changed(item, parts, create, change))
  if (!isObject(value)) return value
  const [key, ...rest] = parts
  const has = Object.hasOwn(value, key!) && value[key!] !== null && value[key!] !== undefined
  if (!has && !create) return value
  const out = { ...value }
  define(out, key!, changed(has ? value[key!] : rest.length > 0 ? {} : undefined, rest, create, change))
  return out
}
