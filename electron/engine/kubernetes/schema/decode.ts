import { copied, put } from '../../own.ts'
import { decodeBase64 } from '../base64.ts'
import { compareStrings, isObject, quote } from '../json.ts'
import { parseGoTime } from './go-time.ts'
import type { Field, ListType, MapType, StructType, Type } from './notation.ts'
import { canonicalQuantity, QUANTITY_ERROR } from './quantity.ts'

/**
 * Decodes a JSON value into the form in which objects are stored, as Go's decoder and encoder would together:
 * nulls and empty omitempty fields vanish, structs are always there, quantities and times are canonical. It never
 * changes its input; where a subtree is the very same value as in `old` that is taken as it is, so that an update
 * costs what it changes. Error texts: sigs.k8s.io/json, and pkg/runtime/converter.go for patches.
 */
export interface Decoded<T> {
  value: T
  /** The first type error; the object is refused. */
  error: string | undefined
  /** `unknown field "spec.foo"`, in order. */
  unknown: string[]
}

/** Whose words a type error is told in: the JSON decoder's, or the converter's that ends a strategic merge patch. */
export type Wording = 'json' | 'converter'

export function decode<T>(input: unknown, type: StructType, old?: unknown, wording: Wording = 'json'): Decoded<T> {
  const fast = new Decoder(false, wording)
  const value = fast.struct(input, type, old) as T
  if (!fast.failed) return { value, error: undefined, unknown: [] }
  // Something is wrong with it: go again in the order of sorted keys, in which kubectl sends objects, for the messages.
  const careful = new Decoder(true, wording)
  careful.struct(input, type, undefined)
  return { value, error: careful.error, unknown: careful.unknown }
}

/** What texts and numbers of types of their own are read as. */
const STRING: Type = { kind: 'string', go: 'string' }
const INT32: Type = { kind: 'int32', go: 'int32' }

const PLAIN_TIME = '0000-00-00T00:00:00Z'
const ZERO = 0x30

class Decoder {
  readonly unknown: string[] = []
  error: string | undefined
  failed = false
  #sorted: boolean
  #wording: Wording
  #path: (string | number)[] = []
  #owner: StructType | undefined

  constructor(sorted: boolean, wording: Wording) {
    this.#sorted = sorted
    this.#wording = wording
  }

  struct(input: unknown, type: StructType, old: unknown): object {
    if (!isObject(input)) {
      this.#mismatch(input, type)
      return {}
    }
    const before = isObject(old) ? old : undefined
    // A copy in the input's own shape: quicker than one field after another, and smaller. Nearly always all of it stays.
    let out: Record<string, unknown> = this.#sorted ? {} : copied(input)
    let whole = !this.#sorted
    let done = 0
    for (const key in this.#sorted ? sortedKeys(input) : input) {
      const value = input[key]
      const decoded = value === undefined || value === null ? undefined : this.#field(key, value, type, before)
      if (decoded === undefined && whole) {
        out = firstOf(out, done)
        whole = false
      }
      if (decoded !== undefined && (!whole || decoded !== value)) put(out, key, decoded)
      done++
    }
    for (const field of type.always) if (out[field.name] === undefined) out[field.name] = zeroOf(field.type)
    return out
  }

  /** One field of a struct; undefined when it is not to be there. */
  #field(key: string, value: unknown, type: StructType, before: Record<string, unknown> | undefined): unknown {
    const field = type.fields.get(key)
    if (!field) {
      if (this.#path.length === 0 && (key === 'apiVersion' || key === 'kind')) return value
      this.#unknownField(key)
      return undefined
    }
    const previous = before?.[key]
    if (value === previous) return value
    const owner = this.#owner
    this.#owner = type
    this.#path.push(key)
    const decoded = this.#value(value, field.type, previous)
    this.#path.pop()
    this.#owner = owner
    return decoded !== undefined && (field.keepZero || !isZero(decoded, field)) ? decoded : undefined
  }

  #value(input: unknown, type: Type, old: unknown): unknown {
    switch (type.kind) {
      case 'struct':
        return this.struct(input, type, old)
      case 'list':
        return this.#list(input, type, old)
      case 'map':
        return this.#map(input, type, old)
      case 'string':
        return typeof input === 'string' ? input : this.#mismatch(input, type)
      case 'bool':
        return typeof input === 'boolean' ? input : this.#mismatch(input, type)
      case 'int32':
        return this.#integer(input, type, 2 ** 31)
      case 'int64':
        return this.#integer(input, type, 2 ** 63)
      case 'any':
        return input
      case 'intstr':
        if (typeof input === 'string' || (typeof input === 'number' && Number.isInteger(input))) return input
        return this.#mismatch(input, INT32, typeof input === 'number' ? `number ${input}` : describe(input))
      case 'quantity':
        return this.#quantity(input)
      case 'time':
      case 'micro':
        return this.#time(input, type.kind)
      case 'bytes':
        return this.#bytes(input, type)
    }
  }

  #list(input: unknown, type: ListType, old: unknown): unknown {
    if (!Array.isArray(input)) return this.#mismatch(input, type)
    const before: unknown[] = Array.isArray(old) ? old : []
    // Not pushed one by one: that keeps room for more than will ever come.
    return input.map((value: unknown, i) => {
      if (value === null || value === undefined) return zeroOf(type.of)
      if (value === before[i]) return value
      this.#path.push(i)
      const decoded = this.#value(value, type.of, before[i])
      this.#path.pop()
      return decoded
    })
  }

  #map(input: unknown, type: MapType, old: unknown): unknown {
    if (!isObject(input)) return this.#mismatch(input, type)
    const before = isObject(old) ? old : undefined
    const out: Record<string, unknown> = {}
    const keys = this.#sorted ? Object.keys(input).sort(compareStrings) : Object.keys(input)
    for (const key of keys) {
      const value = input[key]
      if (value === undefined) continue
      put(out, key, value === null ? zeroOf(type.of) : this.#value(value, type.of, before?.[key]))
    }
    return out
  }

  #integer(input: unknown, type: Type, limit: number): unknown {
    if (typeof input !== 'number') return this.#mismatch(input, type)
    if (Number.isInteger(input) && input >= -limit && input < limit) return input
    return this.#mismatch(input, type, `number ${Number.isInteger(input) && Math.abs(input) < 1e21 ? BigInt(input) : input}`)
  }

  #quantity(input: unknown): unknown {
    if (typeof input !== 'string' && typeof input !== 'number') return this.#fail(QUANTITY_ERROR)
    return canonicalQuantity(String(input)) ?? this.#fail(QUANTITY_ERROR)
  }

  #time(input: unknown, kind: 'time' | 'micro'): unknown {
    if (typeof input !== 'string') return this.#mismatch(input, STRING)
    if (kind === 'time' && input.length === 20 && isPlainTime(input) && inRange(input)) return input
    const parsed = parseGoTime(input, kind)
    if ('error' in parsed) return this.#fail(parsed.error)
    return kind === 'time' ? `${parsed.utc}Z` : `${parsed.utc}.${parsed.fraction.slice(0, 6).padEnd(6, '0')}Z`
  }

  #bytes(input: unknown, type: Type): unknown {
    if (typeof input !== 'string') return this.#mismatch(input, type)
    const bytes = decodeBase64(input)
    return typeof bytes === 'number' ? this.#fail(`illegal base64 data at input byte ${bytes}`) : input
  }

  #mismatch(input: unknown, type: Type, described = describe(input)): undefined {
    if (this.#wording === 'converter') return this.#fail(convertError(input, type))
    const place = this.#path.filter((part) => typeof part === 'string').join('.')
    const where = this.#owner ? `Go struct field ${this.#owner.name}.${place}` : 'Go value'
    return this.#fail(`json: cannot unmarshal ${described} into ${where} of type ${type.go}`)
  }

  #fail(message: string): undefined {
    this.failed = true
    this.error ??= message
    return undefined
  }

  #unknownField(key: string): void {
    this.failed = true
    let place = ''
    for (const part of this.#path) place += typeof part === 'number' ? `[${part}]` : place ? `.${part}` : part
    this.unknown.push(`unknown field ${quote(place ? `${place}.${key}` : key)}`)
  }
}

/** Whether a text of 20 characters is a time as it is stored: what agents send nearly always is. */
function isPlainTime(text: string): boolean {
  for (let i = 0; i < 20; i++) {
    const code = text.charCodeAt(i)
    const pattern = PLAIN_TIME.charCodeAt(i)
    if (pattern === ZERO ? code < ZERO || code > ZERO + 9 : code !== pattern) return false
  }
  return true
}

/** Whether a plain time's numbers are those of any month; the last days of one are looked at closely. */
function inRange(text: string): boolean {
  const at = (i: number): number => (text.charCodeAt(i) - ZERO) * 10 + text.charCodeAt(i + 1) - ZERO
  const [month, day] = [at(5), at(8)]
  return month >= 1 && month <= 12 && day >= 1 && day <= 28 && at(11) < 24 && at(14) < 60 && at(17) < 60
}

/** An object with the same keys in the order of the alphabet. */
function sortedKeys(input: object): object {
  return Object.fromEntries(Object.keys(input).sort(compareStrings).map((key) => [key, true]))
}

/** The first so many fields of an object. */
function firstOf(object: Record<string, unknown>, count: number): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const key in object) {
    if (count-- === 0) break
    out[key] = object[key]
  }
  return out
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}

/** pkg/runtime/converter.go fromUnstructured. */
function convertError(input: unknown, type: Type): string {
  const source = Array.isArray(input) ? 'slice' : typeof input === 'object' ? 'map' : typeof input === 'boolean' ? 'bool' : typeof input
  const go = source === 'number' ? (Number.isInteger(input) ? 'int64' : 'float64') : source
  if (type.kind === 'struct') return `cannot restore struct from: ${go}`
  if (type.kind === 'list' || type.kind === 'bytes') return `cannot restore slice from ${go}`
  if (type.kind === 'map') return `cannot restore map from ${go}`
  if (source === 'number' && type.kind !== 'bool') return `cannot convert ${go} to ${type.go}`
  return `unrecognized type: ${type.kind}`
}

function isZero(value: unknown, field: Field): boolean {
  if (value === '' || value === 0 || value === false) return true
  if (Array.isArray(value)) return value.length === 0
  if (field.type.kind !== 'map') return false
  for (const key in value as object) return (value as Record<string, unknown>)[key] === undefined
  return true
}

/** What a value is that was not given, where Go writes it all the same. */
export function zeroOf(type: Type): unknown {
  switch (type.kind) {
    case 'struct': {
      const out: Record<string, unknown> = {}
      for (const field of type.always) out[field.name] = zeroOf(field.type)
      return out
    }
    case 'list':
      return []
    case 'map':
      return {}
    case 'string':
    case 'bytes':
      return ''
    case 'bool':
      return false
    case 'int32':
    case 'int64':
    case 'intstr':
      return 0
    case 'quantity':
      return '0'
    case 'time':
    case 'micro':
    case 'any':
      return null
  }
}
