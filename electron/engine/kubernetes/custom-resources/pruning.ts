import { own, put } from '../../own.ts'
import { isObject, type JsonObject } from '../json.ts'
import { additional, type JsonSchema, property } from './schema.ts'

/** Defaulting and pruning of custom resources: pkg/apiserver/schema/defaulting and /pruning. Values that are given may be changed in place. */

const META = new Set(['apiVersion', 'kind', 'metadata'])

/** A copy that may be changed. */
export function copyOf<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copyOf) as T
  if (!isObject(value)) return value
  const out: JsonObject = {}
  for (const key of Object.keys(value)) if (value[key] !== undefined) put(out, key, copyOf(value[key]))
  return out as T
}

/** Takes away nulls where none may be and there is no default, then sets what has a default and was not given. */
export function setDefaults(value: unknown, schema: JsonSchema | undefined): void {
  if (!schema) return
  if (isObject(value)) {
    const values = additional(schema)
    for (const key of Object.keys(value)) {
      const child = property(schema, key) ?? values
      if (value[key] === null && child && !child.nullable && child.default === undefined) delete value[key]
    }
    for (const [key, child] of Object.entries(schema.properties ?? {})) {
      if (child.default === undefined) continue
      const present = own(value, key)
      if (present === undefined || (present === null && !child.nullable)) put(value, key, copyOf(child.default))
    }
    for (const key of Object.keys(value)) {
      const child = property(schema, key)
      if (!child && values && value[key] === null && !values.nullable && values.default !== undefined) put(value, key, copyOf(values.default))
      setDefaults(value[key], child ?? values)
    }
  } else if (Array.isArray(value)) {
    const { items } = schema
    const list = value as unknown[]
    for (let i = 0; i < list.length; i++) {
      if (list[i] === null && items && !items.nullable && items.default !== undefined) list[i] = copyOf(items.default)
      setDefaults(list[i], items)
    }
  }
}

/** Removes what the schema does not declare; returns the paths that went, sorted. */
export function prune(value: unknown, schema: JsonSchema, root = true): string[] {
  const gone: string[] = []
  pruneValue(value, root && !schema['x-kubernetes-embedded-resource'] ? { ...schema, 'x-kubernetes-embedded-resource': true } : schema, '', gone)
  return gone.sort()
}

function pruneValue(value: unknown, schema: JsonSchema | undefined, path: string, gone: string[]): void {
  const keeps = schema?.['x-kubernetes-preserve-unknown-fields'] === true
  if (isObject(value)) {
    for (const key of Object.keys(value)) {
      if (schema?.['x-kubernetes-embedded-resource'] && META.has(key)) continue
      const at = path ? `${path}.${key}` : key
      const child = property(schema, key)
      const allowsAny = schema?.additionalProperties !== undefined && schema.additionalProperties !== false
      if (child) pruneValue(value[key], child, at, gone)
      else if (allowsAny) pruneValue(value[key], additional(schema), at, gone)
      else if (!keeps) {
        gone.push(at)
        delete value[key]
      }
    }
  } else if (Array.isArray(value)) {
    value.forEach((item, i) => pruneValue(item, keeps && schema?.items === undefined ? schema : schema?.items, `${path}[${i}]`, gone))
  }
}
