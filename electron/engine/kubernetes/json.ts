import { put } from '../own.ts'

/** JSON values, and how Go prints them in the API server's messages. */
export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json | undefined
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Structural equality; a field that is undefined counts as absent. Shared subtrees cost nothing. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  // a key __proto__ that the other has not
  if (b === Object.prototype) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) if (!deepEqual(a[i], b[i])) return false
    return true
  }
  if (Array.isArray(b)) return false
  const x = a as JsonObject
  const y = b as JsonObject
  let count = 0
  for (const key in x) {
    if (x[key] === undefined) continue
    count++
    if (!deepEqual(x[key], y[key])) return false
  }
  for (const key in y) if (y[key] !== undefined) count--
  return count === 0
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const key in value) deepFreeze(value[key])
  }
  return value
}

/** Go's %q of a string. */
export function quote(text: string): string {
  let out = '"'
  for (const char of text) {
    const code = char.codePointAt(0)!
    if (char === '"' || char === '\\') out += '\\' + char
    else if (char === '\n') out += '\\n'
    else if (char === '\t') out += '\\t'
    else if (char === '\r') out += '\\r'
    else if (code === 7) out += '\\a'
    else if (code === 8) out += '\\b'
    else if (code === 11) out += '\\v'
    else if (code === 12) out += '\\f'
    else if (code < 32 || code === 127) out += '\\x' + code.toString(16).padStart(2, '0')
    else if (code >= 0x80 && code < 0xa1) out += '\\u' + code.toString(16).padStart(4, '0')
    else out += char
  }
  return out + '"'
}

/** Go's %v of a value that was unmarshalled into interface{}: maps with sorted keys. */
export function goFormat(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goFormat).join(' ')}]`
  if (isObject(value)) {
    const keys = Object.keys(value).filter((key) => value[key] !== undefined).sort(compareStrings)
    return `map[${keys.map((key) => `${key}:${goFormat(value[key])}`).join(' ')}]`
  }
  return String(value)
}

/** JSON with sorted keys, as Go marshals maps. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(sorted(value))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  const out: Record<string, unknown> = {}
  for (const key of Object.keys(value).sort(compareStrings)) put(out, key, sorted(value[key]))
  return out
}

/** Order by code units, which for the names of Kubernetes is the order of bytes. */
export function compareStrings(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
