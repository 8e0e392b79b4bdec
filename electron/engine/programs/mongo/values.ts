import { Binary, Double, encodeDocument, ObjectId, type Bson, type Document } from './bson.ts'

/** How MongoDB orders and compares values ("Comparison/Sort Order" in its manual). */
export function isDocument(value: unknown): value is Document {
  return value instanceof Map
}

export function toNumber(value: Bson | undefined): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  return value instanceof Double ? value.value : undefined
}

/** bsontypes.h's canonical order. */
function rank(value: Bson): number {
  if (value === null) return 5
  if (toNumber(value) !== undefined) return 10
  if (typeof value === 'string') return 15
  if (isDocument(value)) return 20
  if (Array.isArray(value)) return 25
  if (value instanceof Binary) return 30
  if (value instanceof ObjectId) return 35
  if (typeof value === 'boolean') return 40
  return value instanceof Date ? 45 : 50
}

/** The alias that $type and error messages use. */
export function typeName(value: Bson): string {
  switch (rank(value)) {
    case 5: return 'null'
    case 10: return typeof value === 'bigint' ? 'long' : typeof value === 'number' && Number.isInteger(value) ? 'int' : 'double'
    case 15: return 'string'
    case 20: return 'object'
    case 25: return 'array'
    case 30: return 'binData'
    case 35: return 'objectId'
    case 40: return 'bool'
    case 45: return 'date'
    default: return 'regex'
  }
}

export function sameType(a: Bson, b: Bson): boolean {
  return rank(a) === rank(b)
}

export function compare(a: Bson, b: Bson): number {
  const ranks = rank(a) - rank(b)
  if (ranks !== 0) return ranks
  const x = scalar(a)
  const y = scalar(b)
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : 0
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a.map((v) => ['', v]), b.map((v) => ['', v]))
  if (isDocument(a) && isDocument(b)) return compareLists([...a], [...b])
  return 0
}

function scalar(value: Bson): number | string | undefined {
  if (value instanceof Date) return value.getTime()
  if (value instanceof ObjectId) return value.hex
  if (value instanceof RegExp) return String(value)
  if (value instanceof Binary) return [...value.bytes].map((b) => String.fromCharCode(b)).join('')
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'string' ? value : toNumber(value)
}

function compareLists(a: readonly (readonly [string, Bson])[], b: readonly (readonly [string, Bson])[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const types = rank(a[i]![1]) - rank(b[i]![1])
    if (types !== 0) return types
    if (a[i]![0] !== b[i]![0]) return a[i]![0] < b[i]![0] ? -1 : 1
    const values = compare(a[i]![1], b[i]![1])
    if (values !== 0) return values
  }
  return a.length - b.length
}

/** Equal keys for equal values, for _id and $group. */
export function keyOf(value: Bson): string {
  const number = toNumber(value)
  if (number !== undefined) return `n${number}`
  if (typeof value === 'string') return `s${value}`
  if (value instanceof ObjectId) return `o${value.hex}`
  return `b${String.fromCharCode(...encodeDocument(new Map([['', value]])).slice(0, 4096))}`
}

/** Everything that a dotted path leads to; arrays on the way are gone through. */
export function valuesAt(value: Bson, path: readonly string[]): Bson[] {
  if (path.length === 0) return [value]
  const [name = '', ...rest] = path
  if (isDocument(value)) return value.has(name) ? valuesAt(value.get(name)!, rest) : []
  if (!Array.isArray(value)) return []
  const own = /^\d+$/.test(name) && value[Number(name)] !== undefined ? valuesAt(value[Number(name)]!, rest) : []
  return [...own, ...value.filter(isDocument).flatMap((item) => valuesAt(item, path))]
}
