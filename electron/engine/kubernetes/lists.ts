import { decodeUtf8, encodeUtf8 } from '../text.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import type { ListOptions, ObjectList } from './client.ts'
import { compareStrings, isObject, quote } from './json.ts'
import type { Kind } from './kinds/kind.ts'
import { META_FIELDS, parseFieldSelector, parseSelector, SelectorError, type FieldReader } from './selectors.ts'
import { badRequest } from './status.ts'
import type { Store, WatchFilter } from './store.ts'
import type { KubeObject } from './types.ts'

/** Lists and watches with their selectors, compiled once a request. */
interface Selection {
  matches: ((object: KubeObject) => boolean) | undefined
  /** Values that fields must have. */
  equal: Map<string, string>
}

function compile(kind: Kind, options: ListOptions): Selection {
  const tests: ((object: KubeObject) => boolean)[] = []
  const equal = new Map<string, string>()
  try {
    const labels = options.labelSelector ? parseSelector(options.labelSelector) : undefined
    if (labels && !labels.empty) tests.push((object) => labels.matches(object.metadata.labels))
    for (const { field, equal: isEqual, value } of options.fieldSelector ? parseFieldSelector(options.fieldSelector) : []) {
      const read: FieldReader<KubeObject> | undefined = META_FIELDS[field] ?? kind.fields?.[field]
      if (!read) throw badRequest(unknownField(kind, field))
      if (isEqual) equal.set(field, value)
      tests.push((object) => (read(object) === value) === isEqual)
    }
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(error.message)
    throw error
  }
  if (tests.length === 0) return { matches: undefined, equal }
  return { matches: tests.length === 1 ? tests[0] : (object) => tests.every((test) => test(object)), equal }
}

/** Kinds with fields of their own word it otherwise than those without (runtime.DefaultMetaV1FieldSelectorConversion). */
function unknownField(kind: Kind, field: string): string {
  if (kind.fields) return `field label not supported: ${field}`
  return `${quote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
}

export function watchFilter(kind: Kind, options: ListOptions): WatchFilter {
  const { matches, equal } = compile(kind, options)
  const namespace = kind.resource.namespaced ? options.namespace : undefined
  return { namespace, matches, name: equal.get('metadata.name'), indexed: kind.resource.name === 'pods' ? equal.get('spec.nodeName') : undefined }
}

export function listObjects(store: Store, kind: Kind, options: ListOptions): ObjectList {
  const { matches, equal } = compile(kind, options)
  const namespace = kind.resource.namespaced ? options.namespace : undefined
  let items = candidates(store, kind, namespace, equal)
  if (matches) items = items.filter(matches)
  let resourceVersion = String(store.version)
  if (options.continue) {
    const token = decodeContinue(options.continue)
    resourceVersion = token.version
    items = items.filter((object) => compareStrings(keyOf(object), token.start) >= 0)
  }
  const { limit } = options
  if (!limit || items.length <= limit) return { resourceVersion, items }
  const list: ObjectList = { resourceVersion, items: items.slice(0, limit), continue: encodeContinue(resourceVersion, keyOf(items[limit]!)) }
  // With a selector the server does not know how many would still match.
  if (!matches) list.remainingItemCount = items.length - limit
  return list
}

function candidates(store: Store, kind: Kind, namespace: string | undefined, equal: ReadonlyMap<string, string>): readonly KubeObject[] {
  const name = equal.get('metadata.name')
  const home = kind.resource.namespaced ? (namespace ?? equal.get('metadata.namespace')) : ''
  if (name === undefined || home === undefined) return store.list(kind.resource.name, home)
  const object = store.get(kind.resource.name, home, name)
  return object ? [object] : []
}

function keyOf(object: KubeObject): string {
  return object.metadata.namespace ? `${object.metadata.namespace}/${object.metadata.name}` : object.metadata.name
}

function encodeContinue(version: string, start: string): string {
  return encodeBase64(encodeUtf8(JSON.stringify({ v: 'meta.k8s.io/v1', rv: Number(version), start }))).replace(/=+$/, '')
}

function decodeContinue(token: string): { version: string; start: string } {
  const bytes = decodeBase64(token.padEnd(Math.ceil(token.length / 4) * 4, '='))
  if (typeof bytes !== 'number') {
    try {
      const value: unknown = JSON.parse(decodeUtf8(bytes))
      if (isObject(value) && typeof value['rv'] === 'number' && typeof value['start'] === 'string') return { version: String(value['rv']), start: value['start'] }
    } catch {
      // Not JSON: the same refusal as below.
    }
  }
  throw badRequest('continue key is not valid: illegal base64 data at input byte 0')
}
