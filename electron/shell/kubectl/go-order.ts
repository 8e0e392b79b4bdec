import { schemaOf } from '../../engine/kubernetes/schema/index.ts'
import type { Type } from '../../engine/kubernetes/schema/notation.ts'
import { isObject, type JsonObject, sortKeys, text } from './objects.ts'

/** An object with its fields in the order of its Go type: what kubectl prints as JSON where it has decoded the object. */
export function inGoOrder(object: JsonObject): JsonObject {
  const { kind, apiVersion, ...rest } = object
  return { kind, apiVersion, ...(ordered(rest, schemaOf(text(kind))) as JsonObject) }
}

function ordered(value: unknown, type: Type): unknown {
  if (Array.isArray(value)) return type.kind === 'list' ? value.map((item) => ordered(item, type.of)) : value
  if (!isObject(value)) return value
  if (type.kind === 'map') return Object.fromEntries(Object.entries(sortKeys(value) as JsonObject).map(([key, item]) => [key, ordered(item, type.of)]))
  if (type.kind !== 'struct') return value
  return Object.fromEntries([...type.fields.values()].filter(({ name }) => value[name] !== undefined).map(({ name, type: inner }) => [name, ordered(value[name], inner)]))
}
