import type { OpenApiDocument, OpenApiSchema } from '../../../engine/kubernetes/openapi/types.ts'
import { goFormat } from '../../../engine/kubernetes/json.ts'
import { byBytes } from '../objects.ts'
import { indent, wordWrap } from './word-wrap.ts'

/**
 * The layout of kubectl v1.33's explain (pkg/explain/v2, template "plaintext"), walking one OpenAPI v3 document.
 * Lists, maps and allOf are looked through; a field of a type that stands above itself is not opened again.
 */
export class PlaintextWriter {
  readonly #schemas: Readonly<Record<string, OpenApiSchema>>
  readonly #recursive: boolean

  constructor(document: OpenApiDocument, recursive: boolean) {
    this.#schemas = document.components.schemas
    this.#recursive = recursive
  }

  /** What there is about a field below a schema; empty when there is no such field. */
  output(schema: OpenApiSchema, path: readonly string[], history: ReadonlySet<string> = new Set()): string {
    const resolved = this.#resolve(schema)
    if (path.length === 0) return this.#details(resolved)
    const below = schema.$ref === undefined ? history : new Set([...history, schema.$ref])
    if (schema.$ref !== undefined && history.has(schema.$ref)) return ''
    const name = path[0]!
    const property = Object.hasOwn(resolved.properties ?? {}, name) ? resolved.properties![name]! : undefined
    if (property) {
      const head = path.length === 1 ? `FIELD: ${name} <${this.#type(property)}>\n${values(property)}\n\n` : ''
      return head + this.output(property, path.slice(1))
    }
    if (resolved.items) return this.output(resolved.items, path, below)
    if (typeof resolved.additionalProperties === 'object') return this.output(resolved.additionalProperties, path, below)
    for (const part of resolved.allOf ?? []) {
      const found = this.output(part, path, below)
      if (found !== '') return found
    }
    return ''
  }

  #details(schema: OpenApiSchema): string {
    const fields = this.#fields(schema, 1, new Set())
    return `DESCRIPTION:\n${indent(wordWrap(this.#description(schema) || '<empty>', 76), 4)}\n${fields === '' ? '' : `FIELDS:\n${fields}`}`
  }

  #description(schema: OpenApiSchema): string {
    const resolved = this.#resolve(schema)
    let out = resolved.description ? `${resolved.description}\n` : ''
    for (const part of resolved.allOf ?? []) out += this.#description(part)
    if (resolved.items) out += this.#description(resolved.items)
    if (typeof resolved.additionalProperties === 'object') out += this.#description(resolved.additionalProperties)
    return out
  }

  #fields(schema: OpenApiSchema, level: number, history: ReadonlySet<string>): string {
    if (schema.$ref !== undefined && history.has(schema.$ref)) return ''
    const below = schema.$ref === undefined ? history : new Set([...history, schema.$ref])
    const resolved = this.#resolve(schema)
    let out = ''
    for (const name of Object.keys(resolved.properties ?? {}).sort(byBytes)) {
      const property = resolved.properties![name]!
      out += this.#field(name, property, resolved.required?.includes(name) === true, level)
      if (this.#recursive) out += this.#fields(property, level + 1, below)
    }
    for (const part of resolved.allOf ?? []) out += this.#fields(part, level, below)
    if (resolved.items) out += this.#fields(resolved.items, level, below)
    if (typeof resolved.additionalProperties === 'object') out += this.#fields(resolved.additionalProperties, level, below)
    return out
  }

  #field(name: string, schema: OpenApiSchema, required: boolean, level: number): string {
    const amount = level * 2
    let out = `${indent(name, amount)}\t<${this.#type(schema)}>${required ? ' -required-' : ''}`
    if (schema.enum && schema.enum.length > 0) {
      const shown = schema.enum.slice(0, 4).map(value)
      out += `\n${' '.repeat(amount)}enum: ${shown.join(', ')}${schema.enum.length > 4 ? ', ....' : ''}`
    }
    out += '\n'
    if (!this.#recursive) out += `${indent(wordWrap(schema.description || '<no description>', 78 - amount), amount + 2)}\n\n`
    return out
  }

  #type(schema: OpenApiSchema): string {
    if (schema.items) return `[]${this.#type(schema.items)}`
    if (typeof schema.additionalProperties === 'object') return `map[string]${this.#type(schema.additionalProperties)}`
    if (schema.allOf?.length === 1 && !schema.properties) return this.#type(schema.allOf[0]!)
    if (schema.$ref !== undefined) {
      const target = this.#target(schema.$ref)
      if (target?.type && target.type !== 'object') return target.type
      return schema.$ref.split('/').at(-1)!.split('.').at(-1) || 'Object'
    }
    return schema.type === undefined || schema.type === '' || schema.type === 'object' ? 'Object' : schema.type
  }

  #target(reference: string): OpenApiSchema | undefined {
    const name = reference.replace('#/components/schemas/', '')
    return Object.hasOwn(this.#schemas, name) ? this.#schemas[name] : undefined
  }

  #resolve(schema: OpenApiSchema): OpenApiSchema {
    return (schema.$ref === undefined ? undefined : this.#target(schema.$ref)) ?? schema
  }
}

/** The long view: every value on a line of its own. */
function values(schema: OpenApiSchema): string {
  return schema.enum && schema.enum.length > 0 ? `ENUM:${schema.enum.map((v) => `\n    ${value(v)}`).join('')}` : ''
}

function value(v: unknown): string {
  return v === '' ? '""' : goFormat(v)
}
