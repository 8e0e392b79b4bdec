import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/** BSON (bsonspec.org, version 1.1): the types that a shell and a server need to tell apart. A document keeps its order. */
export type Document = Map<string, Bson>
export type Bson = number | bigint | string | boolean | null | Date | RegExp | ObjectId | Double | Binary | Bson[] | Document

export class ObjectId {
  /** 24 hexadecimal digits. */
  readonly hex: string

  constructor(hex: string) {
    this.hex = hex.toLowerCase()
  }
}

/** A number that is a double although it is whole: `ok: 1.0` of every reply. Decoded doubles are plain numbers. */
export class Double {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

export class Binary {
  readonly bytes: Uint8Array
  readonly subtype: number

  constructor(bytes: Uint8Array, subtype = 0) {
    this.bytes = bytes
    this.subtype = subtype
  }
}

export class BsonError extends Error {}

/** A document from pairs, in their order. */
export function doc(...pairs: readonly (readonly [string, Bson])[]): Document {
  return new Map(pairs)
}

const LARGEST = 16_793_600
/** BSONObj's limit of nesting. */
const DEEPEST = 180

function int32(n: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setInt32(0, n, true)
  return out
}

function eight(set: (view: DataView) => void): Uint8Array {
  const out = new Uint8Array(8)
  set(new DataView(out.buffer))
  return out
}

const cstring = (text: string): Uint8Array => encodeUtf8(`${text}\0`)

export function encodeDocument(value: Document): Uint8Array {
  return frame([...value].map(([name, item]) => element(name, item)))
}

function frame(elements: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(elements)
  return concatBytes([int32(body.length + 5), body, Uint8Array.of(0)])
}

function element(name: string, value: Bson): Uint8Array {
  const [type, bytes] = encodeValue(value)
  return concatBytes([Uint8Array.of(type), cstring(name), bytes])
}

function encodeValue(value: Bson): [number, Uint8Array] {
  if (value === null) return [0x0a, new Uint8Array(0)]
  if (typeof value === 'boolean') return [0x08, Uint8Array.of(value ? 1 : 0)]
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < 0x8000_0000 && !Object.is(value, -0) ? [0x10, int32(value)] : double(value)
  if (typeof value === 'bigint') return [0x12, eight((v) => v.setBigInt64(0, value, true))]
  if (typeof value === 'string') {
    const text = cstring(value)
    return [0x02, concatBytes([int32(text.length), text])]
  }
  if (value instanceof Double) return double(value.value)
  if (value instanceof ObjectId) return [0x07, Uint8Array.from({ length: 12 }, (_, i) => parseInt(value.hex.slice(i * 2, i * 2 + 2), 16))]
  if (value instanceof Date) return [0x09, eight((v) => v.setBigInt64(0, BigInt(Math.trunc(value.getTime()) || 0), true))]
  if (value instanceof RegExp) return [0x0b, concatBytes([cstring(value.source), cstring([...value.flags].filter((f) => 'imsx'.includes(f)).sort().join(''))])]
  if (value instanceof Binary) return [0x05, concatBytes([int32(value.bytes.length), Uint8Array.of(value.subtype), value.bytes])]
  if (Array.isArray(value)) return [0x04, frame(value.map((item, i) => element(String(i), item)))]
  return [0x03, encodeDocument(value)]
}

function double(value: number): [number, Uint8Array] {
  return [0x01, eight((v) => v.setFloat64(0, value, true))]
}

/** The document at `at`, and where it ends. Throws {@link BsonError} on anything else than BSON. */
export function decodeDocument(bytes: Uint8Array, at = 0): { value: Document; end: number } {
  return new Decoder(bytes, at).document(0)
}

class Decoder {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = at
  }

  document(depth: number): { value: Document; end: number } {
    const start = this.#at
    const length = this.#int32()
    if (length < 5 || length > LARGEST || start + length > this.#bytes.length || depth > DEEPEST) throw new BsonError(`Invalid BSON length: ${length}`)
    const end = start + length
    const value: Document = new Map()
    for (;;) {
      const type = this.#take(1)[0]!
      if (type === 0) break
      const name = this.#cstring(end)
      value.set(name, this.#value(type, depth))
    }
    if (this.#at !== end) throw new BsonError('Invalid BSON: a document ends before its length')
    return { value, end }
  }

  #value(type: number, depth: number): Bson {
    switch (type) {
      case 0x01: return this.#eight((v, at) => v.getFloat64(at, true))
      case 0x02: {
        const length = this.#int32()
        return decodeUtf8(this.#take(length).subarray(0, -1))
      }
      case 0x03: return this.document(depth + 1).value
      case 0x04: return [...this.document(depth + 1).value.values()]
      case 0x05: {
        const length = this.#int32()
        const subtype = this.#take(1)[0]!
        return new Binary(this.#take(length).slice(), subtype)
      }
      case 0x07: return new ObjectId([...this.#take(12)].map((b) => b.toString(16).padStart(2, '0')).join(''))
      case 0x08: return this.#take(1)[0] === 1
      case 0x09: return new Date(Number(this.#eight((v, at) => v.getBigInt64(at, true))))
      case 0x06: case 0x0a: return null
      case 0x0b: {
        const source = this.#cstring(this.#bytes.length)
        const flags = this.#cstring(this.#bytes.length).replace(/[^ims]/g, '')
        try {
          return new RegExp(source, flags)
        } catch {
          throw new BsonError(`Regular expression is invalid: ${source}`)
        }
      }
      case 0x10: return this.#int32()
      case 0x12: return this.#eight((v, at) => v.getBigInt64(at, true))
      default: throw new BsonError(`podhop: not simulated: BSON of type ${type}`)
    }
  }

  #take(length: number): Uint8Array {
    if (length < 0 || this.#at + length > this.#bytes.length) throw new BsonError('Invalid BSON: it ends too early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #int32(): number {
    this.#take(4)
    return this.#view.getInt32(this.#at - 4, true)
  }

  #eight<T>(read: (view: DataView, at: number) => T): T {
    this.#take(8)
    return read(this.#view, this.#at - 8)
  }

  #cstring(end: number): string {
    let stop = this.#at
    while (stop < end && this.#bytes[stop] !== 0) stop++
    const text = decodeUtf8(this.#take(stop - this.#at))
    this.#take(1)
    return text
  }
}
