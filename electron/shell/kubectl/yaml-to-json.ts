import { type Document, isScalar, parseAllDocuments, type ScalarTag, visit } from 'yaml'
import { decodeUtf8 } from '../../engine/text.ts'
import { KubectlError, messageOf, quote } from './errors.ts'
import { define, type JsonObject } from './objects.ts'
import { GO_TAGS } from './yaml-scalars.ts'
import { yamlError } from './yaml-syntax.ts'

/** A YAML document as sigs.k8s.io/yaml makes JSON of it, by way of go-yaml v2; undefined where nothing is written. */
export function yamlToJson(part: string, tags: readonly ScalarTag[] = GO_TAGS): unknown {
  const wrong = yamlError(part)
  if (wrong !== undefined) throw new KubectlError(`yaml: ${wrong}`)
  const parsed = parseAllDocuments(part, { version: '1.1', schema: 'failsafe', customTags: ['merge', 'binary', ...tags], uniqueKeys: false, logLevel: 'silent' })
  const document = (Array.isArray(parsed) ? parsed[0] : undefined) as Document.Parsed | undefined
  if (!document) return undefined
  const error = document.errors[0]
  if (error) throw new KubectlError(`yaml: line ${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0]!.replace(/ at line .*$/, '')}`)
  checkTags(document)
  let value: unknown
  try {
    value = document.toJS({ mapAsMap: true, maxAliasCount: 1000 })
  } catch (failure) {
    if (/^Merge sources must be maps/.test(messageOf(failure))) throw new KubectlError('yaml: map merge requires map or sequence of maps as the value')
    if (/^Excessive alias count/.test(messageOf(failure))) throw new KubectlError('yaml: document contains excessive aliasing')
    throw failure
  }
  checkKeys(value)
  return toJson(value)
}

const SHORT_TAGS = ['null', 'bool', 'int', 'float'].map((name) => [`tag:yaml.org,2002:${name}`, `!!${name}`] as const)

/** What says that it is a number, or the like, is one. */
function checkTags(document: Document.Parsed): void {
  visit(document, {
    Scalar(_, node) {
      const wanted = SHORT_TAGS.find(([tag]) => tag === node.tag)?.[1]
      if (wanted === undefined || !isScalar(node) || typeof node.source !== 'string') return
      const found = GO_TAGS.find((tag) => tag.test?.test(node.source!))
      const is = found ? `!!${found.tag.slice(found.tag.lastIndexOf(':') + 1)}` : '!!str'
      if (is !== wanted && !(wanted === '!!float' && is === '!!int')) throw new KubectlError(`yaml: cannot decode ${is} \`${node.source}\` as a ${wanted}`)
    },
  })
}

function checkKeys(value: unknown): void {
  if (Array.isArray(value)) return value.forEach(checkKeys)
  if (!(value instanceof Map)) return
  for (const [key, v] of value) {
    if (key instanceof Map || Array.isArray(key)) throw new KubectlError(`yaml: invalid map key: ${goSyntax(key)}`)
    checkKeys(v)
  }
}

/** %#v of what go-yaml makes of a document. */
function goSyntax(value: unknown): string {
  if (value === null) return 'interface {}(nil)'
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (value instanceof Map) return `map[interface {}]interface {}{${[...value].map(([key, v]) => `${goSyntax(key)}:${goSyntax(v)}`).join(', ')}}`
  return typeof value === 'string' ? quote(value) : String(value)
}

/** Keys of any type made text. */
function toJson(value: unknown): unknown {
  if (value instanceof Map) {
    const out: JsonObject = {}
    for (const [key, v] of value) {
      if (key === null) throw new KubectlError(`unsupported map key of type: %!s(<nil>), key: <nil>, value: ${v === null ? '<nil>' : goSyntax(v)}`)
      define(out, String(key), toJson(v))
    }
    return out
  }
  if (Array.isArray(value)) return value.map(toJson)
  if (value instanceof Uint8Array) return decodeUtf8(value)
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new KubectlError(`json: unsupported value: ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`)
  }
  return value
}
