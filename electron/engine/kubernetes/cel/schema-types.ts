import { own } from '../../own.ts'
import type { OpenApiSchema } from '../openapi/types.ts'
import { BOOL, BYTES, type CelType, DOUBLE, DURATION, DYN, INT, listOf, mapOf, STRING, structOf, TIMESTAMP } from './types.ts'

export type ResolveSchema = (reference: string) => OpenApiSchema | undefined

const META: OpenApiSchema = { type: 'object', properties: { name: { type: 'string' }, generateName: { type: 'string' } } }

/**
 * What CEL knows of an object by its schema: SchemaDeclType of apiserver/pkg/cel/common. Undefined: a schema without a type, as a
 * Quantity's, is not exposed, nor is a list or map of them. Structs are named by the way to them: "Deployment1.spec.template".
 * `root`: whether it is a whole object's.
 */
export function schemaType(schema: OpenApiSchema, name: string, resolve: ResolveSchema, root = true): CelType | undefined {
  const whole = dereferenced(schema, resolve)
  return typeOfSchema(root ? withMeta(whole) : embedded(whole), name, resolve)
}

function typeOfSchema(given: OpenApiSchema, name: string, resolve: ResolveSchema): CelType | undefined {
  const schema = dereferenced(given, resolve)
  if (schema.format === 'int-or-string' || schema['x-kubernetes-int-or-string'] === true) return DYN
  switch (schema.type) {
    case 'array': {
      const element = schema.items && typeOfSchema(schema.items, `${name}.@idx`, resolve)
      return element && listOf(element)
    }
    case 'object': {
      const { additionalProperties: values } = schema
      if (typeof values !== 'object') return struct(schema, name, resolve)
      const value = typeOfSchema(values, `${name}.@elem`, resolve)
      return value && mapOf(STRING, value)
    }
    case 'string':
      return own(FORMATS, schema.format ?? '') ?? STRING
    case 'boolean':
      return BOOL
    case 'number':
      return DOUBLE
    case 'integer':
      return INT
    default:
      return undefined
  }
}

const FORMATS: Readonly<Record<string, CelType>> = { byte: BYTES, duration: DURATION, date: TIMESTAMP, 'date-time': TIMESTAMP }

/** Fields are looked at when somebody names them: schemas may hold themselves. */
function struct(schema: OpenApiSchema, name: string, resolve: ResolveSchema): CelType {
  const known = new Map<string, CelType | undefined>()
  return structOf(name, (field) => {
    if (!known.has(field)) {
      // a reserved word may stand as it is, too (since v1.31)
      const property = own(schema.properties, unescaped(field))
      known.set(field, property && (RESERVED.has(field) || escaped(unescaped(field)) === field) ? typeOfSchema(embedded(dereferenced(property, resolve)), `${name}.${field}`, resolve) : undefined)
    }
    return known.get(field)
  })
}

function dereferenced(schema: OpenApiSchema, resolve: ResolveSchema): OpenApiSchema {
  const reference = schema.$ref ?? schema.allOf?.find((part) => part.$ref)?.$ref
  const found = reference === undefined ? undefined : resolve(reference)
  return found ? dereferenced(found, resolve) : schema
}

function embedded(schema: OpenApiSchema): OpenApiSchema {
  return schema['x-kubernetes-embedded-resource'] === true ? withMeta(schema) : schema
}

/** An object's kind and name are always there. */
function withMeta(schema: OpenApiSchema): OpenApiSchema {
  const { kind, apiVersion, metadata, ...rest } = schema.properties ?? {}
  if (kind && apiVersion && metadata && (metadata.allOf ?? metadata.$ref)) return schema
  return { ...schema, properties: { ...rest, kind: { type: 'string' }, apiVersion: { type: 'string' }, metadata: META } }
}

const RESERVED = new Set(['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while'])
const ESCAPES: readonly (readonly [string, string])[] = [['__underscores__', '__'], ['__dot__', '.'], ['__dash__', '-'], ['__slash__', '/']]

/** Names of properties as CEL has them: "x-prop" is x__dash__prop, "namespace" __namespace__ (apiserver/pkg/cel/escaping.go). */
function escaped(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`
  return name.replace(/__|\.|-|\//g, (found) => ESCAPES.find(([, plain]) => plain === found)![0])
}

function unescaped(name: string): string {
  const reserved = /^__([a-z]+)__$/.exec(name)?.[1]
  if (reserved !== undefined && RESERVED.has(reserved)) return reserved
  return name.replace(/__(?:underscores|dot|dash|slash)__/g, (found) => ESCAPES.find(([written]) => written === found)![1])
}
