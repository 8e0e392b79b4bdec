import { isObject } from './objects.ts'

/** JSON as Go's encoding/json writes it: <, > and & escaped, numbers in Go's form. Keys as they are. */

function jsonString(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).replace(/\\b/g, '\\b')
}

/** Go: exponents have two digits except negative ones below 10. */
export function jsonNumber(n: number): string {
  return String(n)
}

export function goJson(value: unknown, indent = '', now = ''): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'string') return jsonString(value)
  if (typeof value === 'number') return jsonNumber(value)
  if (typeof value === 'boolean') return String(value)
  const next = now + indent
  const open = indent ? `\n${next}` : ''
  const close = indent ? `\n${now}` : ''
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    return `[${open}${value.map((v) => goJson(v, indent, next)).join(`,${open}`)}${close}]`
  }
  if (!isObject(value)) return 'null'
  const entries = Object.entries(value).filter(([, v]) => v !== undefined)
  if (entries.length === 0) return '{}'
  return `{${open}${entries.map(([k, v]) => `${jsonString(k)}:${indent ? ' ' : ''}${goJson(v, indent, next)}`).join(`,${open}`)}${close}}`
}
