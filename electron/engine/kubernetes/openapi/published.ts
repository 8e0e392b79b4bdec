// eslint-disable-next-line @typescript-eslint/triple-slash-reference -- the other rooms compile this file, too
/// <reference path="./published.d.ts" />
import text from 'virtual:kubernetes-openapi'
import { own } from '../../own.ts'
import { schemaOf } from '../schema/index.ts'
import type { StructType } from '../schema/notation.ts'
import type { OpenApiSchema, PublishedType } from './types.ts'

/** The schemas of the built-in kinds. They are parsed when somebody first asks; a cluster that nobody explains does not pay. */
const PREFIX = '#/components/schemas/'

let types: Record<string, PublishedType> | undefined
const schemas = new Map<string, OpenApiSchema>()
let byKind: Map<string, string> | undefined

export function publishedTypes(): Record<string, PublishedType> {
  return (types ??= JSON.parse(text) as Record<string, PublishedType>)
}

/** The name of a kind's schema: "io.k8s.api.core.v1.Pod". */
export function publishedName(group: string, version: string, kind: string): string | undefined {
  if (!byKind) {
    byKind = new Map()
    for (const [name, { k }] of Object.entries(publishedTypes())) if (k) byKind.set(k.join('/'), name)
  }
  return byKind.get(`${group}/${version}/${kind}`)
}

/** What the field of a kind's metadata, spec or status says of itself: for the columns of tables. */
export function publishedDescription(name: string, ...path: string[]): string {
  let type = own(publishedTypes(), name)
  let description = type?.d ?? ''
  for (const field of path) {
    const found = type?.p?.[field]
    if (!found) return ''
    description = found[1]
    type = publishedTypes()[found[0].replace(/^[[{]*#|[\]}]*$/g, '')]
  }
  return description
}

/** One schema by its name, with what OpenAPI v3 has and strategic merge patches need. */
export function publishedSchema(name: string): OpenApiSchema | undefined {
  const known = schemas.get(name)
  if (known) return known
  const type = own(publishedTypes(), name)
  if (!type) return undefined
  const schema = type.s ? scalar(type) : struct(name, type)
  schemas.set(name, schema)
  return schema
}

function scalar({ d, s }: PublishedType): OpenApiSchema {
  const description = d === '' ? {} : { description: d }
  switch (s) {
    case 'quantity':
      return { ...description, oneOf: [{ type: 'string' }, { type: 'number' }] }
    case 'intstr':
      return { ...description, format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
    case 'time':
      return { ...description, format: 'date-time', type: 'string' }
    case 'object':
      return { ...description, type: 'object' }
    default:
      return description
  }
}

function struct(name: string, type: PublishedType): OpenApiSchema {
  const schema: OpenApiSchema = { ...(type.d === '' ? {} : { description: type.d }), properties: {}, ...(type.r ? { required: type.r } : {}), type: 'object' }
  const merges = findSchema(notationName(name))
  for (const [field, [written, description, values]] of Object.entries(type.p ?? {})) {
    const property = fieldSchema(written, values)
    if (description !== '') property.description = description
    const merge = merges?.fields.get(field)
    if (merge?.merge === 'merge') {
      if (merge.mergeKey) property['x-kubernetes-patch-merge-key'] = merge.mergeKey
      property['x-kubernetes-patch-strategy'] = merge.retainKeys ? 'merge,retainKeys' : 'merge'
    } else if (merge?.retainKeys) property['x-kubernetes-patch-strategy'] = 'retainKeys'
    schema.properties![field] = property
  }
  if (type.k) {
    const [group, version, kind] = type.k
    schema['x-kubernetes-group-version-kind'] = [{ group, kind, version }]
  }
  return schema
}

function findSchema(name: string): StructType | undefined {
  try {
    return schemaOf(name)
  } catch {
    return undefined
  }
}

/** What schema/ calls a type of the documents. */
export function notationName(name: string): string {
  const short = name.slice(name.lastIndexOf('.') + 1)
  const group = /^io\.k8s\.(?:api|kube-aggregator\.pkg\.apis)\.(\w+)\./.exec(name)?.[1]
  return group && findSchema(`${group}.${short}`) ? `${group}.${short}` : short
}

function fieldSchema(written: string, values: string[] | undefined): OpenApiSchema {
  if (written.startsWith('[')) return { items: inner(written.slice(1, -1), values), type: 'array' }
  if (written.startsWith('{')) return { additionalProperties: inner(written.slice(1, -1), values), type: 'object' }
  if (written.startsWith('#')) {
    const ref = { $ref: PREFIX + written.slice(1) }
    return { allOf: [ref] }
  }
  const schema = plain(written)
  if (values) schema.enum = values
  return schema
}

/** An item of a list or a map: what a Go value that is no pointer defaults to stands there. */
function inner(written: string, values: string[] | undefined): OpenApiSchema {
  if (written.startsWith('#')) {
    const ref = { $ref: PREFIX + written.slice(1) }
    return publishedTypes()[written.slice(1)]?.s ? ref : { allOf: [ref], default: {} }
  }
  if (/^[[{]/.test(written)) return fieldSchema(written, values)
  const schema = plain(written)
  schema.default = schema.type === 'string' ? '' : schema.type === 'boolean' ? false : 0
  if (values) schema.enum = values
  return schema
}

function plain(written: string): OpenApiSchema {
  switch (written) {
    case 'int32':
    case 'int64':
      return { format: written, type: 'integer' }
    case 'integer':
      return { type: 'integer' }
    case 'double':
      return { format: 'double', type: 'number' }
    default:
      return { type: written }
  }
}

/** The schemas that are reached from some, by name. */
export function reachedFrom(roots: readonly OpenApiSchema[]): Record<string, OpenApiSchema> {
  const found = new Map<string, OpenApiSchema>()
  const visit = (schema: OpenApiSchema): void => {
    if (schema.$ref?.startsWith(PREFIX)) {
      const name = schema.$ref.slice(PREFIX.length)
      const target = found.has(name) ? undefined : publishedSchema(name)
      if (target) {
        found.set(name, target)
        visit(target)
      }
    }
    for (const part of schema.allOf ?? []) visit(part)
    if (schema.items) visit(schema.items)
    if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties)
    for (const property of Object.values(schema.properties ?? {})) visit(property)
  }
  for (const root of roots) visit(root)
  return Object.fromEntries(found)
}

export function referenceTo(name: string): OpenApiSchema {
  return { $ref: PREFIX + name }
}
