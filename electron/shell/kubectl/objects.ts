import { compareStrings as byBytes, deepEqual as equal } from '../../engine/kubernetes/json.ts'
import { put as define } from '../../engine/own.ts'

export { byBytes, define, equal }

/** Plain JSON, as manifests and the API server have it. */
export type JsonObject = Record<string, unknown>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at a path of keys, or undefined. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  for (const key of path) {
    if (Array.isArray(value) && typeof key === 'number') value = value[key]
    else if (isObject(value) && Object.hasOwn(value, key)) value = value[key]
    else return undefined
  }
  return value
}
export function text(value: unknown): string {
  return value === undefined || value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
}
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : []
}
export function map(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

/** A copy that may be changed. */
export function clone<T>(value: T): T {
  if (Array.isArray(value)) return value.map(clone) as T
  if (!isObject(value)) return value
  const out: JsonObject = {}
  for (const [k, v] of Object.entries(value)) define(out, k, clone(v))
  return out as T
}

/** The same with all keys in order: what Go makes of a map. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (!isObject(value)) return value
  const out: JsonObject = {}
  for (const key of Object.keys(value).sort(byBytes)) if (value[key] !== undefined) define(out, key, sortKeys(value[key]))
  return out
}

export interface GroupVersion { group: string; version: string }

export function groupVersion(apiVersion: string): GroupVersion {
  const at = apiVersion.indexOf('/')
  return at < 0 ? { group: '', version: apiVersion } : { group: apiVersion.slice(0, at), version: apiVersion.slice(at + 1) }
}

export function nameOf(object: unknown): string {
  return text(at(object, 'metadata', 'name'))
}
export function namespaceOf(object: unknown): string {
  return text(at(object, 'metadata', 'namespace'))
}
export function isList(object: unknown): boolean {
  return isObject(object) && Array.isArray(object['items']) && typeof object['kind'] === 'string'
}
/** With metadata.namespace as given. */
export function withNamespace(object: JsonObject, namespace: string): JsonObject {
  if (object['metadata'] === null) return object
  const metadata = { ...map(object['metadata']) }
  if (namespace) metadata['namespace'] = namespace
  else delete metadata['namespace']
  return { ...object, metadata }
}
/** "deployment.apps/web": kind.group/name, in small letters. */
export function objectName(object: unknown): string {
  const { group } = groupVersion(text(at(object, 'apiVersion')))
  const kind = text(at(object, 'kind')).toLowerCase()
  return `${group ? `${kind}.${group}` : kind}/${nameOf(object) || '<unknown>'}`
}

/** RFC 3339 with "Z" (or an offset) to ms since 1970; undefined when it is none. */
export function parseTime(text: string): number | undefined {
  const m = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/.exec(text)
  if (!m) return undefined
  const [, y, mo, d, h, mi, s, fraction, sign, oh, om] = m
  const utc = Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s)) + (fraction ? Number(fraction) * 1000 : 0)
  return sign ? utc - (sign === '-' ? -1 : 1) * (Number(oh) * 60 + Number(om)) * 60_000 : utc
}
