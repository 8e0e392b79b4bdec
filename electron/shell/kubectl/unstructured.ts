import { decode as decodeObject } from '../../engine/kubernetes/schema/decode.ts'
import { schemaOf } from '../../engine/kubernetes/schema/index.ts'
import type { StructType } from '../../engine/kubernetes/schema/notation.ts'
import { KubectlError } from './errors.ts'
import { isObject, type JsonObject, text } from './objects.ts'

/** What cli-runtime's metadataValidatingDecoder reads of an object without a Go type. */
const METADATA_ONLY: StructType = {
  kind: 'struct', name: 'metadataOnlyObject', go: 'resource.metadataOnlyObject', atomic: false, always: [],
  fields: new Map([['metadata', schemaOf('Pod').fields.get('metadata')!]]),
}

export function jsonKind(v: unknown): string {
  return typeof v === 'string' ? 'string' : typeof v === 'number' ? 'number' : typeof v === 'boolean' ? 'bool' : Array.isArray(v) ? 'array' : 'object'
}

/** UnstructuredJSONScheme's decode of apimachinery: what must be right before anybody knows the kind. `raw`: the JSON text. */
export function decode(value: unknown, raw: string): JsonObject {
  if (!isObject(value)) throw new KubectlError(`json: cannot unmarshal ${jsonKind(value)} into Go value of type unstructured.detector`)
  const { items } = value
  if (items !== undefined && items !== null) {
    if (!Array.isArray(items)) throw new KubectlError(`json: cannot unmarshal ${jsonKind(items)} into Go struct field decodeList.items of type []json.RawMessage`)
    for (const item of items) if (item !== null && !isObject(item)) throw new KubectlError(`json: cannot unmarshal ${jsonKind(item)} into Go value of type map[string]interface {}`)
  }
  const { kind, apiVersion } = value
  if (typeof kind !== 'string' || kind === '' || (typeof apiVersion === 'string' && apiVersion.split('/').length > 2)) throw new KubectlError(`Object 'Kind' is missing in '${raw}'`)
  if (apiVersion !== undefined && apiVersion !== null && typeof apiVersion !== 'string') throw new KubectlError(`json: cannot unmarshal ${jsonKind(apiVersion)} into Go struct field metadataOnlyObject.apiVersion of type string`)
  // the first that is wrong as it was written
  const metadata = value['metadata']
  for (const part of isObject(metadata) ? Object.entries(metadata).map(([key, v]) => ({ [key]: v })) : [metadata]) {
    const { error } = decodeObject({ metadata: part }, METADATA_ONLY)
    if (error !== undefined) throw new KubectlError(error)
  }
  return value
}

/** The objects of a list, or the object alone. An item that says nothing of its kind has that of the list. */
export function flatten(object: JsonObject): { objects: JsonObject[]; isList: boolean } {
  if (!('items' in object)) return { objects: [object], isList: false }
  const kind = text(object['kind']).replace(/List$/, '')
  const objects = (Array.isArray(object['items']) ? object['items'] : []).map((item: unknown): JsonObject => {
    const found = isObject(item) ? item : {}
    if (Array.isArray(found['items'])) throw new KubectlError('*unstructured.Unstructured is not a list: no Items field in this object')
    return text(found['kind']) === '' && text(found['apiVersion']) === '' ? { ...found, kind, apiVersion: text(object['apiVersion']) } : found
  })
  return { objects, isList: true }
}
