import { own } from '../../own.ts'
import type { Field, StructType, Type } from '../schema/notation.ts'
import { schemaOf } from '../schema/index.ts'
import { additional, type JsonSchema } from './schema.ts'

/**
 * What server-side apply needs of a structural schema, in the types of schema/: which lists are sets or maps and by
 * which keys, which objects nobody owns a part of. What a schema does not say (x-kubernetes-preserve-unknown-fields) is
 * missing, and so is what its values are.
 */
export function mergeType(schema: JsonSchema, kind: string): StructType {
  const root = structType(schema, kind)
  const fields = new Map(root.fields)
  for (const [name, field] of schemaOf('CustomResource').fields) fields.set(name, field)
  return { ...root, fields, always: schemaOf('CustomResource').always }
}

function structType(schema: JsonSchema, name: string): StructType {
  const fields = new Map<string, Field>()
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const field = fieldOf(key, child)
    if (field) fields.set(key, field)
  }
  return { kind: 'struct', name, go: 'map[string]interface {}', fields, atomic: schema['x-kubernetes-map-type'] === 'atomic', always: [] }
}

function fieldOf(name: string, schema: JsonSchema): Field | undefined {
  const type = typeOf(schema)
  if (!type) return undefined
  const listType = schema['x-kubernetes-list-type']
  const keys = [...(schema['x-kubernetes-list-map-keys'] ?? [])].sort()
  const ownership = type.kind === 'list' ? (listType === 'map' ? 'keys' : listType === 'set' ? 'set' : 'atomic') : schema['x-kubernetes-map-type'] === 'atomic' ? 'atomic' : 'granular'
  const listKeys = ownership === 'keys' ? keys.map((key) => ({ name: key, default: textOf(own(schema.items?.properties, key)?.default) })) : []
  return { name, type, pointer: true, keepZero: true, merge: 'atomic', mergeKey: '', retainKeys: false, replace: false, ownership, listKeys }
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value as string)
}

function typeOf(schema: JsonSchema): Type | undefined {
  const go = 'interface {}'
  if (schema.type === 'array') {
    const of = schema.items && typeOf(schema.items)
    return { kind: 'list', of: of ?? { kind: 'any', go }, go }
  }
  if (schema.type === 'object') {
    if (schema.properties) return structType(schema, '')
    const values = additional(schema)
    const of = values && typeOf(values)
    return of ? { kind: 'map', of, go } : undefined
  }
  return schema.type || schema['x-kubernetes-int-or-string'] ? { kind: 'any', go } : undefined
}
