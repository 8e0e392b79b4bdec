import type { ListOptions, ObjectList } from './client.ts'
import { decodeContinue, encodeContinue } from './continue.ts'
import { FieldErrors } from './field-errors.ts'
import { compareStrings, quote } from './json.ts'
import { asServed, type Kind, storeKey } from './kinds/kind.ts'
import { META_FIELDS, parseFieldSelector, parseSelector, SelectorError, type FieldReader } from './selectors.ts'
import { badRequest, expired, inconsistentContinue, invalid, noSuchMethod, serverError, tooLargeVersion } from './status.ts'
import type { Store, WatchFilter } from './store.ts'
import type { KubeObject } from './types.ts'

/** Lists and watches with their selectors, compiled once a request. */
interface Selection {
  matches: ((object: KubeObject) => boolean) | undefined
  /** Values that fields must have. */
  equal: Map<string, string>
}

/** What the selectors of a request let through. */
export function selection(kind: Kind, options: ListOptions): Selection {
  const tests: ((object: KubeObject) => boolean)[] = []
  const equal = new Map<string, string>()
  try {
    const labels = options.labelSelector ? parseSelector(options.labelSelector) : undefined
    if (labels && !labels.empty) tests.push((object) => labels.matches(object.metadata.labels))
    for (const { field, equal: isEqual, value } of options.fieldSelector ? parseFieldSelector(options.fieldSelector) : []) {
      const read: FieldReader<KubeObject> | undefined = readerOf(kind, field)
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

function readerOf(kind: Kind, field: string): FieldReader<KubeObject> | undefined {
  // Kinds with fields of their own name them all, and those without a namespace leave it out.
  if (field === 'metadata.namespace' && kind.fields && !kind.resource.namespaced) return undefined
  return Object.hasOwn(META_FIELDS, field) ? META_FIELDS[field] : kind.fields && Object.hasOwn(kind.fields, field) ? kind.fields[field] : undefined
}

/** Kinds with fields of their own word it otherwise than those without (runtime.DefaultMetaV1FieldSelectorConversion). */
function unknownField(kind: Kind, field: string): string {
  if (kind.unknownField) return kind.unknownField(field)
  if (kind.fields) return `field label not supported: ${field}`
  return `${quote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
}

export function watchFilter(kind: Kind, options: ListOptions): WatchFilter {
  const { matches, equal } = selection(kind, options)
  const namespace = kind.resource.namespaced ? (options.namespace ?? equal.get('metadata.namespace')) : undefined
  return { namespace, matches, name: equal.get('metadata.name'), indexed: kind.resource.name === 'pods' ? equal.get('spec.nodeName') : undefined }
}

/** A page of a list, in the order of etcd's keys: storage/etcd3 GetList and storage/cacher GetList. */
export function listObjects(store: Store, kind: Kind, options: ListOptions): ObjectList {
  if (!kind.resource.verbs.includes('list')) throw noSuchMethod()
  if (options.resourceVersionMatch) validateMatch(options)
  const { matches, equal } = selection(kind, options)
  const namespace = kind.resource.namespaced ? options.namespace : ''
  const position = positionOf(store, options)
  const version = String(position.version)
  const all = candidates(store, kind, namespace, equal, position.exact)
  if (!all) {
    throw options.continue ? inconsistentContinue(encodeContinue(-1, position.start)) : expired('The resourceVersion for the provided list is too old.')
  }
  const limit = options.resourceVersion === '0' ? 0 : (options.limit ?? 0)
  if (limit <= 0 && position.start === '') return { resourceVersion: version, items: served(kind, matches ? all.filter(matches) : all) }
  const whole = namespace === undefined
  const first = position.start === '' ? 0 : firstNotBefore(all, position.start, whole)
  const items: KubeObject[] = []
  for (let i = first; i < all.length; i++) {
    if (!matches || matches(all[i]!)) items.push(all[i]!)
    if (limit <= 0 || items.length < limit || i === all.length - 1) continue
    const list: ObjectList = { resourceVersion: version, items: served(kind, items), continue: encodeContinue(position.version, `${keyOf(all[i]!, whole)}\0`) }
    // With a selector the server does not know how many would still match.
    if (!options.labelSelector && !options.fieldSelector) list.remainingItemCount = all.length - i - 1
    return list
  }
  return { resourceVersion: version, items: served(kind, items) }
}

function served(kind: Kind, items: readonly KubeObject[]): readonly KubeObject[] {
  return kind.storedVersion === undefined ? items : items.map((object) => asServed(kind, object))
}

/** A version in a request; `for` a watch the error is another. Upstream: storage.ParseResourceVersion. */
export function parseVersion(text: string | undefined, use: 'list' | 'watch'): number {
  if (text === undefined || text === '') return 0
  const why = !/^\d+$/.test(text) ? 'invalid syntax' : BigInt(text) > 0xffff_ffff_ffff_ffffn ? 'value out of range' : ''
  if (!why) return Number(text)
  const message = `resourceVersion: Invalid value: ${quote(text)}: strconv.ParseUint: parsing ${quote(text)}: ${why}`
  throw use === 'list' ? badRequest(`invalid resource version: ${message}`) : serverError(message)
}

interface Position {
  /** The version that the list says it is of. */
  version: number
  /** The version that is asked for, when it must be that one. */
  exact: number | undefined
  /** The first key. */
  start: string
}

function positionOf(store: Store, options: ListOptions): Position {
  const now = store.version
  if (options.continue) {
    const token = decodeContinue(options.continue)
    if (options.resourceVersion && options.resourceVersion !== '0') throw badRequest('specifying resource version is not allowed when using continue')
    if (token.version < 0) return { version: now, exact: undefined, start: token.start }
    if (token.version > now) throw serverError('etcdserver: mvcc: required revision is a future revision')
    return { version: token.version, exact: token.version, start: token.start }
  }
  const wanted = parseVersion(options.resourceVersion, 'list')
  const exact = wanted > 0 && (options.resourceVersionMatch === 'Exact' || (!options.resourceVersionMatch && (options.limit ?? 0) > 0))
  if (exact && wanted > now) throw serverError('etcdserver: mvcc: required revision is a future revision')
  if (exact) return { version: wanted, exact: wanted, start: '' }
  if (wanted > now) throw tooLargeVersion(wanted, now)
  return { version: now, exact: undefined, start: '' }
}

/** apis/meta/internalversion/validation: ValidateListOptions. */
function validateMatch({ resourceVersion = '', resourceVersionMatch: match, continue: token }: ListOptions): void {
  const errors = new FieldErrors()
  const field = 'resourceVersionMatch'
  if (resourceVersion === '') errors.forbidden(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided')
  if (token) errors.forbidden(field, 'resourceVersionMatch is forbidden when continue is provided')
  if (match !== 'Exact' && match !== 'NotOlderThan') errors.notSupported(field, match, ['Exact', 'NotOlderThan', ''])
  if (match === 'Exact' && resourceVersion === '0') errors.forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
  if (!errors.empty) throw invalid({ kind: 'ListOptions', group: 'meta.k8s.io' }, '', errors)
}

function candidates(store: Store, kind: Kind, namespace: string | undefined, equal: ReadonlyMap<string, string>, exact: number | undefined): readonly KubeObject[] | undefined {
  const resource = storeKey(kind)
  if (exact !== undefined) return store.listAt(resource, namespace, exact)
  const name = equal.get('metadata.name')
  const home = namespace ?? equal.get('metadata.namespace')
  if (name === undefined || home === undefined) return store.list(resource, home)
  const object = store.get(resource, home, name)
  return object ? [object] : []
}

function keyOf({ metadata }: KubeObject, whole: boolean): string {
  return whole && metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name
}

/** The index of the first object whose key is not before `start`, in a list that is in the order of keys. */
function firstNotBefore(all: readonly KubeObject[], start: string, whole: boolean): number {
  let low = 0
  let high = all.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareStrings(keyOf(all[middle]!, whole), start) < 0) low = middle + 1
    else high = middle
  }
  return low
}
