import type { Json } from './ast.ts'

export class JqError extends Error {
  readonly value: Json
  constructor(value: Json) {
    super(typeof value === 'string' ? value : `${toText(value)} (not a string)`)
    this.value = value
  }
}

export function typeOf(value: Json): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

const ORDER = ['null', 'false', 'true', 'number', 'string', 'array', 'object']

function rank(value: Json): number {
  return ORDER.indexOf(typeof value === 'boolean' ? String(value) : typeOf(value))
}

/** jq's total order of all values. */
export function compare(a: Json, b: Json): number {
  const [ra, rb] = [rank(a), rank(b)]
  if (ra !== rb) return ra - rb
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = compare(a[i]!, b[i]!)
      if (order !== 0) return order
    }
    return a.length - b.length
  }
  if (isObject(a) && isObject(b)) {
    const [ka, kb] = [Object.keys(a).sort(), Object.keys(b).sort()]
    const keys = compare(ka, kb)
    if (keys !== 0) return keys
    for (const key of ka) {
      const order = compare(a[key]!, b[key]!)
      if (order !== 0) return order
    }
  }
  return 0
}

export function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function toText(value: Json): string {
  if (typeof value === 'number') return numberText(value)
  if (Array.isArray(value)) return `[${value.map(toText).join(',')}]`
  if (isObject(value)) return `{${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${toText(v)}`).join(',')}}`
  return JSON.stringify(value)
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'null'
  if (!Number.isFinite(value)) return value > 0 ? '1.7976931348623157e+308' : '-1.7976931348623157e+308'
  return JSON.stringify(value)
}

export function pretty(value: Json, options: { indent: string; sort: boolean }, depth = 0): string {
  const pad = '\n' + options.indent.repeat(depth + 1)
  const end = '\n' + options.indent.repeat(depth)
  if (options.indent === '') return toText(options.sort ? sorted(value) : value)
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${value.map((v) => pad + pretty(v, options, depth + 1)).join(',')}${end}]`
  if (isObject(value)) {
    const keys = options.sort ? Object.keys(value).sort() : Object.keys(value)
    return keys.length === 0 ? '{}' : `{${keys.map((k) => `${pad}${JSON.stringify(k)}: ${pretty(value[k]!, options, depth + 1)}`).join(',')}${end}}`
  }
  return toText(value)
}

export function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (isObject(value)) return Object.fromEntries(Object.keys(value).sort().map((k) => [k, sorted(value[k]!)]))
  return value
}

/** A value in an error message, cut as jq cuts it. */
export function shortText(value: Json): string {
  const text = toText(value)
  return text.length > 11 ? `${text.slice(0, 10)}...` : text
}
