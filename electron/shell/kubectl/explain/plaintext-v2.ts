import type { OpenApiDocument, OpenApiSchema } from '../../../engine/kubernetes/openapi/types.ts'
import { KubectlError, quote } from '../errors.ts'
import { byBytes } from '../objects.ts'

/** The layout that explain had before v1.27, still there as -o plaintext-openapiv2 (kubectl's pkg/explain). */
const FIELDS = 3
const DESCRIPTION = 5

interface Target { name: string; kind: string; apiVersion: string }

export class PlaintextV2Writer {
  readonly #schemas: Readonly<Record<string, OpenApiSchema>>
  readonly #recursive: boolean

  constructor(document: OpenApiDocument, recursive: boolean) {
    this.#schemas = document.components.schemas
    this.#recursive = recursive
  }

  output(schema: OpenApiSchema, path: readonly string[], target: Omit<Target, 'name'>): string {
    return this.#model(this.#lookup(schema, [...path]), { ...target, name: path.at(-1) ?? '' })
  }

  #lookup(schema: OpenApiSchema, path: string[]): OpenApiSchema {
    let here = schema
    for (;;) {
      const inner = this.#inner(here)
      const open = this.#open(here)
      if (open !== here || inner) {
        if (path.length === 0) return here
        here = inner ?? open
        continue
      }
      if (!here.properties) return here
      if (path.length === 0) return here
      const name = path.shift()!
      if (!Object.hasOwn(here.properties, name)) throw new KubectlError(`field ${quote(name)} does not exist`)
      here = here.properties[name]!
    }
  }

  #model(schema: OpenApiSchema, { name, kind, apiVersion }: Target): string {
    const descriptions: string[] = []
    let type = ''
    let here = schema
    for (;;) {
      const inner = this.#inner(here)
      const open = this.#open(here)
      if (inner) type ||= this.#type(here)
      if (!inner && open === here) break
      descriptions.push(here.description ?? '')
      here = inner ?? open
    }
    let out = `KIND:     ${kind}\nVERSION:  ${apiVersion}\n\n`
    const isKind = here.properties !== undefined
    const arbitrary = !isKind && (here.type === undefined || here.type === 'object') && !here.oneOf
    type ||= this.#type(here)
    if (isKind && name) out += `RESOURCE: ${name} <${type}>\n\n`
    if (!isKind && !arbitrary) out += `FIELD:    ${name} <${type}>\n\n`
    out += this.#descriptions([...descriptions, here.description ?? ''])
    if (isKind) out += `\nFIELDS:\n${this.#recursive ? this.#names(here, FIELDS, new Set()) : this.#fields(here)}`
    return out
  }

  #descriptions(all: readonly string[]): string {
    let out = 'DESCRIPTION:\n'
    let empty = true
    for (const [i, text] of all.entries()) {
      if (text === '') continue
      empty = false
      if (i !== 0) out += '\n'
      out += wrapped(text, DESCRIPTION)
    }
    return empty ? `${out}${wrapped('<empty>', DESCRIPTION)}` : out
  }

  #fields(schema: OpenApiSchema): string {
    let out = ''
    for (const name of Object.keys(schema.properties!).sort(byBytes)) {
      const property = schema.properties![name]!
      out += `${' '.repeat(FIELDS)}${name}\t<${this.#type(property)}>${schema.required?.includes(name) ? ' -required-' : ''}\n`
      out += `${wrapped(property.description ?? '', FIELDS + 2)}\n`
    }
    return out
  }

  #names(schema: OpenApiSchema, amount: number, open: ReadonlySet<string>): string {
    const reference = schema.$ref ?? schema.allOf?.[0]?.$ref
    if (reference !== undefined && open.has(reference)) return ''
    const below = reference === undefined ? open : new Set([...open, reference])
    const inner = this.#inner(schema)
    if (inner) return this.#names(inner, amount, below)
    const resolved = this.#open(schema)
    if (resolved !== schema) return this.#names(resolved, amount, below)
    let out = ''
    for (const name of Object.keys(schema.properties ?? {}).sort(byBytes)) {
      const property = schema.properties![name]!
      out += `${' '.repeat(amount)}${name}\t<${this.#type(property)}>\n${this.#names(property, amount + 3, below)}`
    }
    return out
  }

  /** What a list or a map is of. */
  #inner(schema: OpenApiSchema): OpenApiSchema | undefined {
    return schema.items ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined)
  }

  /** What a reference stands for, else the schema itself. */
  #open(schema: OpenApiSchema): OpenApiSchema {
    const reference = schema.$ref ?? (schema.properties ? undefined : schema.allOf?.[0]?.$ref)
    return (reference === undefined ? undefined : this.#schemas[reference.replace('#/components/schemas/', '')]) ?? schema
  }

  #type(schema: OpenApiSchema): string {
    if (schema.items) return `[]${this.#type(schema.items)}`
    if (typeof schema.additionalProperties === 'object') return `map[string]${this.#type(schema.additionalProperties)}`
    const open = this.#open(schema)
    if (open !== schema) return this.#type(open)
    if (schema.oneOf) return 'string'
    return schema.properties || schema.type === 'object' ? (schema.properties ? 'Object' : 'map[string]') : (schema.type ?? '')
  }
}

const WIDTH = 80

/** Formatter.WriteWrapped: joins lines of prose, keeps lists, code and empty lines. */
function wrapped(text: string, amount: number): string {
  const limit = WIDTH - amount
  const lines: string[] = []
  let words: string[] = []
  let last = ''
  const flush = (): void => {
    if (words.length === 0) return
    last = ''
    lines.push(words.join(' '))
    words = []
  }
  for (const line of text.split('\n')) {
    if (line.startsWith('    ')) {
      flush()
      lines.push(line)
      continue
    }
    const trimmed = line.trim()
    if (lines.length > 0 && trimmed === '') {
      flush()
      lines.push('')
      continue
    }
    if (last.endsWith(':') || trimmed === '' || /^(\d+\.?|-|\*)\s/.test(trimmed)) flush()
    for (const word of trimmed.split(/\s+/).filter((w) => w !== '')) {
      last = word
      if (words.length > 0 && [...words, word].join(' ').length > limit) flush()
      words.push(word)
    }
  }
  flush()
  return lines.map((line) => (line === '' ? '\n' : `${' '.repeat(amount)}${line}\n`)).join('')
}
