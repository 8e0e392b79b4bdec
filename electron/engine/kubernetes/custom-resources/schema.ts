import { byName, put } from '../../own.ts'
import { isObject } from '../json.ts'

/** JSONSchemaProps of apiextensions.k8s.io/v1, as they stand in a CustomResourceDefinition. */
export interface JsonSchema {
  $ref?: string
  type?: string
  description?: string
  title?: string
  format?: string
  default?: unknown
  nullable?: boolean
  enum?: unknown[]
  maximum?: number
  minimum?: number
  exclusiveMaximum?: boolean
  exclusiveMinimum?: boolean
  multipleOf?: number
  maxLength?: number
  minLength?: number
  pattern?: string
  maxItems?: number
  minItems?: number
  uniqueItems?: boolean
  maxProperties?: number
  minProperties?: number
  required?: string[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  additionalProperties?: JsonSchema | boolean
  patternProperties?: Record<string, JsonSchema>
  definitions?: Record<string, JsonSchema>
  dependencies?: Record<string, unknown>
  additionalItems?: unknown
  id?: string
  allOf?: JsonSchema[]
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  not?: JsonSchema
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-embedded-resource'?: boolean
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-list-type'?: string
  'x-kubernetes-list-map-keys'?: string[]
  'x-kubernetes-map-type'?: string
  'x-kubernetes-validations'?: { rule?: string; message?: string; messageExpression?: string; reason?: string; fieldPath?: string; optionalOldSelf?: boolean }[]
}

type Shape = 'string' | 'number' | 'boolean' | 'any' | 'strings' | 'anys' | 'schema' | 'schemas' | 'schemaMap' | 'schemaOrBool' | 'object' | 'rules'

const KEYWORDS: Readonly<Record<string, Shape>> = byName({
  $ref: 'string', $schema: 'string', id: 'string', type: 'string', description: 'string', title: 'string', format: 'string', pattern: 'string',
  default: 'any', example: 'any', nullable: 'boolean', uniqueItems: 'boolean', exclusiveMaximum: 'boolean', exclusiveMinimum: 'boolean',
  maximum: 'number', minimum: 'number', multipleOf: 'number', maxLength: 'number', minLength: 'number', maxItems: 'number', minItems: 'number',
  maxProperties: 'number', minProperties: 'number', enum: 'anys', required: 'strings', items: 'schema', not: 'schema',
  allOf: 'schemas', anyOf: 'schemas', oneOf: 'schemas', properties: 'schemaMap', patternProperties: 'schemaMap', definitions: 'schemaMap',
  dependencies: 'object', additionalItems: 'schemaOrBool', additionalProperties: 'schemaOrBool', externalDocs: 'object',
  'x-kubernetes-preserve-unknown-fields': 'boolean', 'x-kubernetes-embedded-resource': 'boolean', 'x-kubernetes-int-or-string': 'boolean',
  'x-kubernetes-list-type': 'string', 'x-kubernetes-list-map-keys': 'strings', 'x-kubernetes-map-type': 'string', 'x-kubernetes-validations': 'rules',
})

const GO_TYPES: Record<Shape, string> = {
  string: 'string', number: 'float64', boolean: 'bool', any: 'v1.JSON', strings: '[]string', anys: '[]v1.JSON', schema: 'v1.JSONSchemaProps', schemas: '[]v1.JSONSchemaProps',
  schemaMap: 'map[string]v1.JSONSchemaProps', schemaOrBool: 'v1.JSONSchemaPropsOrBool', object: 'map[string]v1.JSONSchemaPropsOrStringArray', rules: '[]v1.ValidationRule',
}

/** Numbers whose Go type is *int64. */
const INTEGERS = /^(max|min)(Length|Items|Properties)$/

/**
 * Reads JSONSchemaProps as Go's decoder and encoder together do: what is empty and has omitempty goes, keywords that
 * do not exist are noted with their path, a wrong type is an error.
 */
export class SchemaReader {
  readonly unknown: string[] = []
  error: string | undefined

  read(value: unknown, path: string): JsonSchema {
    if (!isObject(value)) {
      this.#fail(value, path, 'v1.JSONSchemaProps')
      return {}
    }
    const out: Record<string, unknown> = {}
    for (const key of Object.keys(value).sort()) {
      const given = value[key]
      if (given === undefined || given === null) continue
      const shape = KEYWORDS[key]
      const at = `${path}.${key}`
      if (!shape) {
        this.unknown.push(`unknown field ${JSON.stringify(at)}`)
        continue
      }
      const read = this.#value(given, shape, at, key)
      if (read !== undefined) out[key] = read
    }
    return out as JsonSchema
  }

  #value(given: unknown, shape: Shape, at: string, key: string): unknown {
    switch (shape) {
      case 'any':
      case 'object':
        return given
      case 'string':
        return typeof given === 'string' ? given || undefined : this.#fail(given, at, 'string')
      case 'boolean':
        if (typeof given !== 'boolean') return this.#fail(given, at, 'bool')
        return given || (key === 'x-kubernetes-preserve-unknown-fields' ? false : undefined)
      case 'number':
        if (typeof given !== 'number') return this.#fail(given, at, INTEGERS.test(key) ? 'int64' : 'float64')
        return INTEGERS.test(key) && !Number.isInteger(given) ? this.#fail(given, at, 'int64', `number ${given}`) : given
      case 'strings':
      case 'anys':
      case 'rules': {
        if (!Array.isArray(given)) return this.#fail(given, at, GO_TYPES[shape])
        const wrong = shape === 'strings' ? given.find((each) => typeof each !== 'string') : undefined
        if (wrong !== undefined) return this.#fail(wrong, at, 'string')
        return given.length > 0 ? given : undefined
      }
      case 'schema':
        // items may be a list of schemas, which validation refuses
        return Array.isArray(given) ? given : this.read(given, at)
      case 'schemaOrBool':
        return typeof given === 'boolean' ? given : this.read(given, at)
      case 'schemas':
        if (!Array.isArray(given)) return this.#fail(given, at, GO_TYPES[shape])
        return given.length > 0 ? given.map((each, i) => this.read(each, `${at}[${i}]`)) : undefined
      case 'schemaMap': {
        if (!isObject(given)) return this.#fail(given, at, GO_TYPES[shape])
        const out: Record<string, JsonSchema> = {}
        for (const name of Object.keys(given)) put(out, name, this.read(given[name], `${at}.${name}`))
        return Object.keys(out).length > 0 ? out : undefined
      }
    }
  }

  #fail(value: unknown, path: string, type: string, described?: string): undefined {
    const what = described ?? (Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : value === null ? 'null' : typeof value)
    const place = path.replace(/\[\d+\]/g, '')
    this.error ??= `json: cannot unmarshal ${what} into Go struct field JSONSchemaProps.${place} of type ${type}`
    return undefined
  }
}

export function additional(schema: JsonSchema | undefined): JsonSchema | undefined {
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined
}
export function property(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  return schema?.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined
}

/** Every schema in a schema, itself first. */
export function* eachSchema(schema: JsonSchema): Generator<JsonSchema> {
  yield schema
  for (const part of [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...Object.values(schema.properties ?? {})]) yield* eachSchema(part)
  for (const part of [schema.items, schema.not, additional(schema)]) if (part) yield* eachSchema(part)
}
