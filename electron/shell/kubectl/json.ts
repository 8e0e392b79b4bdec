import { byBytes, isObject } from './objects.ts'

/** JSON as Go's encoding/json writes it: <, > and & escaped, numbers in Go's form. Keys as they are, or in order. */

function jsonString(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).replace(/\\b/g, '\\b')
}

export function goJson(value: unknown, indent = ''): string {
  return write(value, indent, '', false)
}
/** As Go writes maps: keys in order (also those that look like numbers, which JavaScript puts first). */
export function sortedGoJson(value: unknown, indent = ''): string {
  return write(value, indent, '', true)
}

function write(value: unknown, indent: string, now: string, sorted: boolean): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'string') return jsonString(value)
  // what JavaScript rounds when it writes it
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) > Number.MAX_SAFE_INTEGER && Math.abs(value) < 1e21 ? BigInt(value).toString() : String(value)
  if (typeof value === 'boolean') return String(value)
  const next = now + indent
  const open = indent ? `\n${next}` : ''
  const close = indent ? `\n${now}` : ''
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    return `[${open}${value.map((v) => write(v, indent, next, sorted)).join(`,${open}`)}${close}]`
  }
  if (!isObject(value)) return 'null'
  const entries = Object.entries(value).filter(([, v]) => v !== undefined)
  if (entries.length === 0) return '{}'
  if (sorted) entries.sort(([a], [b]) => byBytes(a, b))
  return `{${open}${entries.map(([k, v]) => `${jsonString(k)}:${indent ? ' ' : ''}${write(v, indent, next, sorted)}`).join(`,${open}`)}${close}}`
}
