import { parseBody } from '../http/body.ts'
import { encodeProtobuf } from '../http/protobuf-encode.ts'
import { compareStrings, isObject } from '../json.ts'
import { apiVersionOf, type Kind, storeKey } from '../kinds/kind.ts'
import { decodeBody } from '../object-body.ts'
import { StatusError } from '../client.ts'
import type { KubeObject } from '../types.ts'
import { encodeUtf8 } from '../../text.ts'
import { registryKey, registryPrefix } from './keys.ts'

/** The resourceVersion is not kept: it is etcd's own revision. Custom resources are JSON, as Go writes maps. */
export function encodeValue(object: KubeObject): Uint8Array {
  const { resourceVersion: _, ...metadata } = object.metadata
  const stored = { ...object, metadata }
  return encodeProtobuf(stored) ?? encodeUtf8(`${JSON.stringify(sorted(stored))}\n`)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => compareStrings(a, b)).map(([name, each]) => [name, sorted(each)]))
}

/**
 * What the API server would read there: the object of a key, undefined for a key that it never looks at, or the name of the
 * resource of which it could not (then its lists of all of it fail, which is not simulated).
 */
export function decodeValue(kinds: Iterable<Kind>, key: string, value: Uint8Array): { resource: string; object: KubeObject } | string | undefined {
  const served = [...kinds].filter(({ resource: { verbs } }) => verbs.includes('watch'))
  const resource = [...new Set(served.map(storeKey))].filter((each) => key.startsWith(registryPrefix(each))).sort((a, b) => b.length - a.length)[0]
  if (resource === undefined) return undefined
  try {
    // the storage's codec recognises protobuf, JSON and YAML
    const body = parseBody(value, value[0] === 0x7b ? 'application/json' : 'application/yaml')
    if (!isObject(body)) return resource
    const kind = served.find((each) => storeKey(each) === resource && body['kind'] === each.resource.kind && body['apiVersion'] === apiVersionOf(each.resource))
    if (!kind) return resource
    const object = decodeBody(kind, body, undefined, { fieldValidation: 'Ignore' })
    kind.setDefaults?.(object)
    return kind.resource.namespaced === (object.metadata.namespace !== undefined) && registryKey(resource, object) === key ? { resource, object } : resource
  } catch (error) {
    if (error instanceof StatusError) return resource
    throw error
  }
}
