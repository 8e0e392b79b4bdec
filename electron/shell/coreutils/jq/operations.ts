import { own, put } from '../../../engine/own.ts'
import type { Json } from './ast.ts'
import { JqError, compare, isObject, shortText, typeOf } from './values.ts'

export type Path = (string | number | { start: Json; end: Json })[]

/** What sort_by and its kin do with items and their keys. */
export const BY: Readonly<Record<string, (items: { item: Json; key: Json }[]) => Json>> = {
  sort_by: (items) => items.toSorted((a, b) => compare(a.key, b.key)).map((i) => i.item),
  group_by: (items) => groups(items).map((g) => g.map((i) => i.item)),
  unique_by: (items) => groups(items).map((g) => g[0]!.item),
  min_by: (items) => items.reduce<{ item: Json; key: Json } | undefined>((m, i) => (!m || compare(i.key, m.key) < 0 ? i : m), undefined)?.item ?? null,
  max_by: (items) => items.reduce<{ item: Json; key: Json } | undefined>((m, i) => (!m || compare(i.key, m.key) >= 0 ? i : m), undefined)?.item ?? null,
}

function groups(items: { item: Json; key: Json }[]): { item: Json; key: Json }[][] {
  const out: { item: Json; key: Json }[][] = []
  for (const item of items.toSorted((a, b) => compare(a.key, b.key))) {
    const last = out.at(-1)
    if (last && compare(last[0]!.key, item.key) === 0) last.push(item)
    else out.push([item])
  }
  return out
}

export function truthy(value: Json): boolean {
  return value !== null && value !== false
}

export function getField(value: Json, name: Json): Json {
  if (typeof name === 'string' && (value === null || isObject(value))) return value !== null && Object.hasOwn(value, name) ? value[name]! : null
  if (typeof name === 'number' && (value === null || Array.isArray(value))) return value?.at(Math.floor(name)) ?? null
  if (isObject(name) && 'start' in name) return slice(value, name.start!, name.end!)
  if (Array.isArray(value) && Array.isArray(name)) return value.flatMap((_, i) => (name.every((n, k) => compare(value[i + k] ?? null, n) === 0) ? [i] : []))
  throw new JqError(`Cannot index ${typeOf(value)} with ${typeof name === 'string' ? (isObject(value) || value === null ? `"${name}"` : `string "${name}"`) : typeOf(name)}`)
}

export function slice(value: Json, from: Json, to: Json): Json {
  if (value === null) return null
  if (typeof value !== 'string' && !Array.isArray(value)) throw new JqError(`Cannot index ${typeOf(value)} with object`)
  const [a, b] = [from === null ? undefined : Math.floor(Number(from)), to === null ? undefined : Math.ceil(Number(to))]
  return typeof value === 'string' ? [...value].slice(a, b).join('') : value.slice(a, b)
}

export function getPath(value: Json, path: Path): Json {
  let at = value
  for (const step of path) {
    if (at === null) return null
    at = getField(at, step as Json)
  }
  return at
}

export function setPath(value: Json, path: Path, next: Json): Json {
  const [step, ...rest] = path
  if (step === undefined) return next
  if (typeof step === 'string') {
    if (value !== null && !isObject(value)) throw new JqError(`Cannot index ${typeOf(value)} with "${step}"`)
    return { ...value, [step]: setPath(own(value, step) ?? null, rest, next) }
  }
  if (value !== null && !Array.isArray(value)) throw new JqError(`Cannot index ${typeOf(value)} with ${typeof step === 'number' ? 'number' : 'object'}`)
  const out = [...(value ?? [])]
  if (typeof step === 'number') {
    const at = step < 0 ? out.length + step : step
    if (at < 0) throw new JqError('Out of bounds negative array index')
    if (at > 1_000_000) throw new JqError('Array index too large')
    while (out.length < at) out.push(null)
    out[at] = setPath(out[at] ?? null, rest, next)
    return out
  }
  const part = setPath(slice(out, step.start, step.end), rest, next)
  const from = step.start === null ? 0 : Number(step.start)
  const count = (slice(out, step.start, step.end) as Json[]).length
  out.splice(from, count, ...(part as Json[]))
  return out
}

export function deletePaths(value: Json, paths: readonly Path[]): Json {
  let out = value
  for (const path of paths.toSorted((a, b) => compare(b as Json, a as Json))) out = deletePath(out, path)
  return out
}

function deletePath(value: Json, path: Path): Json {
  const [step, ...rest] = path
  if (step === undefined) return null
  if (value === null) return null
  if (rest.length > 0) {
    const inner = getField(value, step as Json)
    return inner === null ? value : setPath(value, [step], deletePath(inner, rest))
  }
  if (typeof step === 'string') {
    if (!isObject(value)) throw new JqError(`Cannot delete field at object index of ${typeOf(value)}`)
    return Object.fromEntries(Object.entries(value).filter(([k]) => k !== step))
  }
  if (!Array.isArray(value)) throw new JqError(`Cannot delete field at array index of ${typeOf(value)}`)
  if (typeof step !== 'number') return setPath(value, [step], [])
  return value.filter((_, i) => i !== (step < 0 ? value.length + step : step))
}

export function operate(operator: string, a: Json, b: Json): Json {
  switch (operator) {
    case '==':
      return compare(a, b) === 0
    case '!=':
      return compare(a, b) !== 0
    case '<':
      return compare(a, b) < 0
    case '<=':
      return compare(a, b) <= 0
    case '>':
      return compare(a, b) > 0
    case '>=':
      return compare(a, b) >= 0
  }
  if (typeof a === 'number' && typeof b === 'number') {
    switch (operator) {
      case '+':
        return a + b
      case '-':
        return a - b
      case '*':
        return a * b
      case '/':
        if (b === 0) throw new JqError(`number (${shortText(a)}) and number (${shortText(b)}) cannot be divided because the divisor is zero`)
        return a / b
      default:
        if (Math.trunc(b) === 0) throw new JqError(`number (${shortText(a)}) and number (${shortText(b)}) cannot be divided because the divisor is zero`)
        return Math.trunc(a) % Math.trunc(b)
    }
  }
  if (operator === '+') {
    if (a === null) return b
    if (b === null) return a
    if (typeof a === 'string' && typeof b === 'string') return a + b
    if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b]
    if (isObject(a) && isObject(b)) return { ...a, ...b }
  }
  if (operator === '-' && Array.isArray(a) && Array.isArray(b)) return a.filter((x) => !b.some((y) => compare(x, y) === 0))
  if (operator === '*') {
    if (isObject(a) && isObject(b)) return merge(a, b)
    if (typeof a === 'string' && typeof b === 'number') return b <= 0 ? null : a.repeat(Math.min(Math.ceil(b), 1_000_000))
  }
  if (operator === '/' && typeof a === 'string' && typeof b === 'string') return a === '' ? [] : a.split(b)
  const verb = { '+': 'added', '-': 'subtracted', '*': 'multiplied', '/': 'divided', '%': 'divided' }[operator]!
  throw new JqError(`${typeOf(a)} (${shortText(a)}) and ${typeOf(b)} (${shortText(b)}) cannot be ${verb}`)
}

function merge(a: { [key: string]: Json }, b: { [key: string]: Json }): Json {
  const out = { ...a }
  for (const [key, value] of Object.entries(b)) {
    const before = own(out, key)
    put(out, key, before !== undefined && isObject(before) && isObject(value) ? merge(before, value) : value)
  }
  return out
}
