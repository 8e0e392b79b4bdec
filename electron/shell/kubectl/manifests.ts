import { type Document, parseAllDocuments } from 'yaml'
import type { Task } from '../../engine/machine/task.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { decode as decodeObject } from '../../engine/kubernetes/schema/decode.ts'
import { schemaOf } from '../../engine/kubernetes/schema/index.ts'
import type { StructType } from '../../engine/kubernetes/schema/notation.ts'
import type { Process } from '../../engine/machine/types.ts'
import { AggregateError, KubectlError, NotSimulatedError, quote } from './errors.ts'
import { expandGlob } from '../language/glob.ts'
import { sortedGoJson } from './json.ts'
import { define, isObject, type JsonObject, text } from './objects.ts'
import { GO_TAGS } from './yaml-scalars.ts'
import { yamlError } from './yaml-syntax.ts'

/** Reading -f: files, directories, patterns and stdin, several YAML documents each, as cli-runtime's builder does. */

const EXTENSIONS = ['.json', '.yaml', '.yml']

/** An object of a file, or what is wrong with it. After a syntax error the rest of that file is not read. */
export type Entry = { source: string; value?: unknown } & ({ object: JsonObject } | { error: unknown })

export interface Files { entries: Entry[]; /** One file that is no directory and no stream. */ single: boolean }

export function* readManifests(process: Process, names: readonly string[], recursive: boolean): Task<Files> {
  const paths: string[] = []
  const errors: unknown[] = []
  let single = false
  let stdin = false
  for (const name of names) {
    if (name === '-') {
      if (stdin) errors.push(new KubectlError('standard input cannot be used for multiple arguments'))
      stdin = true
      paths.push('-')
    } else if (/^https?:\/\//.test(name)) {
      throw new NotSimulatedError(`-f ${name}`, 'there is no internet here; use a file')
    } else {
      const matches = expand(process, name)
      if (matches.length === 0) {
        errors.push(new KubectlError(`the path ${quote(name)} does not exist`))
        continue
      }
      if (!recursive && matches.length === 1) single = true
      for (const match of matches) {
        const found = walk(process, match, match, recursive)
        if (found.length > 1) single = false
        paths.push(...found)
      }
      if (paths.length === 0 && errors.length === 0) errors.push(new KubectlError(`error reading [${matches.join(' ')}]: recognized file extensions are [${EXTENSIONS.join(' ')}]`))
    }
  }
  if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors)
  const entries: Entry[] = []
  for (const path of paths) {
    if (path === '-') {
      entries.push(...documents(decodeUtf8(yield* process.readAll(0)), 'STDIN'))
      continue
    }
    let content: string
    try {
      content = process.fs.readText(process.resolve(path))
    } catch (error) {
      entries.push({ source: path, error: new KubectlError(`open ${path}: ${(error as Error).message.toLowerCase()}`) })
      continue
    }
    entries.push(...documents(content.replace(/^\ufeff/, ''), path))
  }
  return { entries, single: single && paths.length === 1 && !stdin }
}

/** The name itself, or what it matches as a pattern. */
function expand(process: Process, name: string): string[] {
  if (process.fs.exists(process.resolve(name))) return [name]
  if (/\[[^\]]*$|\\$/.test(name)) throw new KubectlError(`pattern ${quote(name)} is not valid: syntax error in pattern`)
  return expandGlob(process.fs, process.resolve('.'), name, { dots: true })
}

/** filepath.Join: "." and "./x" lose their beginning. */
function joined(path: string, child: string): string {
  return `${path}/${child}`.replace(/\/+/g, '/').replace(/^(\.\/)+/, '')
}

function walk(process: Process, root: string, path: string, recursive: boolean): string[] {
  const real = process.resolve(path)
  if (process.fs.stat(real).type === 'directory') {
    if (path !== root && !recursive) return []
    return process.fs.readDirectory(real).flatMap((child) => walk(process, root, joined(path, child), recursive))
  }
  return path === root || EXTENSIONS.some((e) => path.endsWith(e)) ? [path] : []
}

/** The objects of one stream. */
export function documents(content: string, source: string): Entry[] {
  const entries: Entry[] = []
  const parts = /^\s*\{/.test(content) ? jsonParts(content) : splitYaml(content)
  for (const part of parts) {
    let value: unknown
    try {
      value = parseManifest(part)
    } catch (error) {
      entries.push({ source, error: new KubectlError(`error parsing ${source}: ${(error as Error).message}`) })
      break
    }
    if (value === null || value === undefined) continue
    try {
      entries.push({ source, value, object: decode(value) })
    } catch (error) {
      entries.push({ source, value, error: new KubectlError(`unable to decode ${quote(source)}: ${(error as Error).message}`) })
    }
  }
  return entries
}

/** At every line that is only "---" (and blanks). */
function splitYaml(content: string): string[] {
  const parts: string[] = []
  let current: string[] = []
  for (const line of content.split('\n')) {
    if (/^---\s*$/.test(line)) {
      if (current.some((l) => l !== '')) parts.push(current.join('\n'))
      current = []
    } else if (line.startsWith('--- ')) {
      if (current.length > 0) parts.push(current.join('\n'))
      current = [line]
    } else current.push(line)
  }
  parts.push(current.join('\n'))
  return parts.map((p) => (p.endsWith('\n') || p === '' ? p : `${p}\n`)).filter((p) => p.trim() !== '')
}

/** JSON values one after the other; what is no JSON is given to YAML whole. */
function jsonParts(content: string): string[] {
  const parts: string[] = []
  let depth = 0
  let quoted = false
  let from = 0
  for (let i = 0; i < content.length; i++) {
    const c = content[i]!
    if (quoted) {
      if (c === '\\') i++
      else if (c === '"') quoted = false
    } else if (c === '"') quoted = true
    else if (c === '{' || c === '[') depth++
    else if (c === '}' || c === ']') {
      depth--
      if (depth === 0) {
        parts.push(content.slice(from, i + 1).trim())
        from = i + 1
      }
    }
  }
  const rest = content.slice(from)
  if (depth > 0) return [content]
  if (parts.every(isJson) && rest.trim() === '') return parts
  return splitYaml(content)
}

function isJson(part: string): boolean {
  try {
    JSON.parse(part)
    return true
  } catch {
    return false
  }
}

/** One document as the Go decoder reads it: YAML 1.1, made JSON. */
export function parseManifest(part: string): unknown {
  if (/^\s*\{/.test(part)) {
    try {
      return JSON.parse(part)
    } catch (error) {
      if (/end of JSON input|Unterminated|Expected property name|after property value in JSON|after array element/.test((error as Error).message) && unclosed(part)) throw new KubectlError('unexpected EOF')
    }
  }
  const wrong = yamlError(part)
  if (wrong !== undefined) throw new KubectlError(`error converting YAML to JSON: yaml: ${wrong}`)
  const parsed = parseAllDocuments(part, { version: '1.1', schema: 'failsafe', customTags: ['merge', 'binary', ...GO_TAGS], uniqueKeys: false, logLevel: 'silent' })
  const document = (Array.isArray(parsed) ? parsed[0] : undefined) as Document.Parsed | undefined
  if (!document) return undefined
  const error = document.errors[0]
  if (error) throw new KubectlError(`error converting YAML to JSON: yaml: line ${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0]!.replace(/ at line .*$/, '')}`)
  return toJson(document.toJS({ mapAsMap: true, maxAliasCount: 1000 }))
}

function unclosed(part: string): boolean {
  let depth = 0
  for (const c of part.replace(/"(?:[^"\\]|\\.)*"/g, '')) depth += c === '{' || c === '[' ? 1 : c === '}' || c === ']' ? -1 : 0
  return depth > 0
}

/** Keys of any type made text. */
function toJson(value: unknown): unknown {
  if (value instanceof Map) {
    const out: JsonObject = {}
    for (const [key, v] of value) define(out, key === null ? 'null' : String(key), toJson(v))
    return out
  }
  if (Array.isArray(value)) return value.map(toJson)
  if (value instanceof Uint8Array) return decodeUtf8(value)
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new KubectlError(`error converting YAML to JSON: json: unsupported value: ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`)
  }
  return value
}

/** What cli-runtime's metadataValidatingDecoder reads of an object without a Go type. */
const METADATA_ONLY: StructType = {
  kind: 'struct', name: 'metadataOnlyObject', go: 'resource.metadataOnlyObject', atomic: false, always: [],
  fields: new Map([['metadata', schemaOf('Pod').fields.get('metadata')!]]),
}

/** The checks that a decoder makes before it knows the kind. */
export function decode(value: unknown): JsonObject {
  const kindOf = (v: unknown): string => (typeof v === 'string' ? 'string' : typeof v === 'number' ? 'number' : typeof v === 'boolean' ? 'bool' : Array.isArray(v) ? 'array' : 'object')
  if (!isObject(value)) throw new KubectlError(`json: cannot unmarshal ${kindOf(value)} into Go value of type unstructured.detector`)
  for (const [key, path] of [['apiVersion', 'apiVersion'], ['kind', 'kind']] as const) {
    const v = value[key]
    if (v !== undefined && v !== null && typeof v !== 'string') throw new KubectlError(`json: cannot unmarshal ${kindOf(v)} into Go struct field ${Array.isArray(value['items']) ? 'detector' : 'metadataOnlyObject'}.${path} of type string`)
  }
  if (!text(value['kind'])) throw new KubectlError(`Object 'Kind' is missing in '${sortedGoJson(value)}'`)
  const { error } = decodeObject({ metadata: value['metadata'] }, METADATA_ONLY)
  if (error !== undefined) throw new KubectlError(error)
  return value
}
