import type { ScalarTag } from 'yaml'
import { readJsonValue } from '../../engine/kubernetes/json-syntax.ts'
import { KubectlError, messageOf } from './errors.ts'
import { goJson } from './json.ts'
import { sortKeys } from './objects.ts'
import { yamlToJson } from './yaml-to-json.ts'

/** A value of a stream: the JSON text that it is, or became, and what that means. */
export interface StreamValue { raw: string; value: unknown; /** Why no value could be made of it. */ unreadable?: string }

/**
 * The values of a stream that is JSON or YAML: YAMLOrJSONDecoder of apimachinery's util/yaml v0.33. What begins with a
 * brace is read as JSON; after nothing or one value YAML may follow where JSON ends. Throws what is wrong, and then is at an end.
 */
export function* decodeStream(content: string, tags?: readonly ScalarTag[]): Generator<StreamValue> {
  let at = 0
  if (/^\s*\{/.test(content)) {
    let problem: string | undefined
    for (let count = 0; ; count++) {
      const read = readJsonValue(content, at)
      if (read === undefined) return
      if ('end' in read) {
        yield jsonValue(content.slice(at, read.end).trim())
        at = read.end
        continue
      }
      problem = read.offset === undefined ? read.problem : `json: offset ${read.offset}: ${read.problem}`
      if (count > 1) throw new KubectlError(read.problem)
      break
    }
    // up to and with the first new line
    at += /^[^\S\n]*\n?/.exec(content.slice(at))![0].length
    if (content.slice(at).trim() === '') throw new KubectlError(problem)
    let begun = false
    try {
      for (const value of yamlValues(content.slice(at), tags)) {
        begun = true
        yield value
      }
    } catch (error) {
      throw begun ? error : new KubectlError(problem)
    }
    return
  }
  yield* yamlValues(content, tags)
}

function jsonValue(raw: string): StreamValue {
  const huge = (value: unknown): boolean => (typeof value === 'number' ? !Number.isFinite(value) : typeof value === 'object' && value !== null && Object.values(value).some(huge))
  const value: unknown = JSON.parse(raw)
  if (!huge(value)) return { raw, value }
  const number = raw.match(/-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g)!.find((text) => !Number.isFinite(Number(text)))!
  return { raw, value, unreadable: `json: cannot unmarshal number ${number} into Go value of type float64` }
}

function* yamlValues(content: string, tags?: readonly ScalarTag[]): Generator<StreamValue> {
  for (const part of yamlDocuments(content)) {
    const value = sortKeys(parseYaml(part, tags))
    yield { raw: value === undefined ? '' : goJson(value), value }
  }
}

/** One YAML document as JSON, in sigs.k8s.io/yaml's words where it is none. */
export function parseYaml(part: string, tags?: readonly ScalarTag[]): unknown {
  try {
    return yamlToJson(part, tags)
  } catch (error) {
    throw error instanceof KubectlError ? new KubectlError(`error converting YAML to JSON: ${messageOf(error)}`) : error
  }
}

/** YAMLReader: a line that begins with "---" ends a document, and has nothing but a comment after it. */
function* yamlDocuments(content: string): Generator<string> {
  let current = ''
  const lines = content.split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (const ended of lines) {
    const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended
    if (line.startsWith('---')) {
      const rest = line.slice(3).trim()
      if (rest !== '' && !rest.startsWith('#')) throw new KubectlError(`invalid Yaml document separator: ${rest}`)
      if (current !== '') {
        yield current
        current = ''
        continue
      }
    }
    current += `${line}\n`
  }
  if (current !== '') yield current
}
