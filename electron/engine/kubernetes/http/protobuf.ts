import { put } from '../../own.ts'
import { decodeUtf8 } from '../../text.ts'
import { encodeBase64 } from '../base64.ts'
import { badRequest, notSimulated } from '../status.ts'
import { CORE } from './protobuf-core.ts'
import { GROUPS } from './protobuf-groups.ts'

/**
 * Bodies in application/vnd.kubernetes.protobuf, as kubectl sends them for some verbs: the four bytes "k8s\0", then
 * runtime.Unknown with the type and the object (k8s.io/apimachinery/pkg/runtime/serializer/protobuf). Written only as etcd keeps them (protobuf-encode.ts).
 *
 * Tables have a message a line (continued by indented lines), fields as `name=number:type`:
 *   s i b x d                    string, integer, bool, bytes, double
 *   quantity intstr time micro   messages that are one value in JSON
 *   raw fields                   JSON inside
 *   [T] {T} Name group.Name      list, map of strings, message of this group or another
 *   +=number:Name                embedded: its fields are the outer object's
 */
const MAGIC = [0x6b, 0x38, 0x73, 0x00]

export interface Field { name: string; type: string; list: boolean; map: boolean }
export type Message = ReadonlyMap<number, Field>

const messages = new Map<string, Message>()

function load(group: string, table: string): void {
  for (const line of table.replace(/\n +/g, ' ').trim().split('\n')) {
    const [name, ...fields] = line.trim().split(' ')
    const message = new Map<number, Field>()
    for (const text of fields) {
      const [, field, number, open, type] = /^(.+)=(\d+):([[{]?)([\w.]+)[\]}]?$/.exec(text)!
      const named = /^[A-Z]/.test(type!) ? `${group}.${type!}` : type!
      message.set(Number(number), { name: field!, type: named, list: open === '[', map: open === '{' })
    }
    messages.set(`${group}.${name!}`, message)
  }
}

/** The message of a kind; kinds of one name are in one group only. */
export function messageOf(kind: string, group: string): Message | undefined {
  if (messages.size === 0) {
    load('core', CORE)
    for (const [name, table] of Object.entries(GROUPS)) load(name, table)
  }
  if (kind === 'DeleteOptions') return messages.get('meta.DeleteOptions')
  return messages.get(`${group === '' ? 'core' : group.split('.')[0]!}.${kind}`)
}

/** As a field's type names it, once a kind was looked up. */
export function messageNamed(name: string): Message | undefined {
  return messages.get(name)
}

export function isProtobuf(body: Uint8Array): boolean {
  return MAGIC.every((byte, i) => body[i] === byte)
}

/** The object as JSON would have it. Throws StatusError 400 for bytes that are none. */
export function decodeProtobuf(body: Uint8Array): unknown {
  if (!isProtobuf(body)) throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  try {
    return decodeUnknown(new Reader(body, 4, body.length))
  } catch (error) {
    if (error instanceof RangeError) throw badRequest(`proto: ${error.message}`)
    throw error
  }
}

function decodeUnknown(reader: Reader): unknown {
  let apiVersion = ''
  let kind = ''
  let raw = new Reader(new Uint8Array(0), 0, 0)
  let contentType = ''
  while (!reader.done) {
    const { field, wire } = reader.tag()
    if (field === 1) {
      const meta = reader.nested()
      while (!meta.done) {
        const inner = meta.tag()
        if (inner.field === 1) apiVersion = meta.text()
        else if (inner.field === 2) kind = meta.text()
        else meta.skip(inner.wire)
      }
    } else if (field === 2) raw = reader.nested()
    else if (field === 4) contentType = reader.text()
    else reader.skip(wire)
  }
  if (contentType === 'application/json') return JSON.parse(raw.rest()) as unknown
  const message = messageOf(kind, apiVersion.includes('/') ? apiVersion.split('/')[0]! : '')
  if (!message) throw notSimulated(`${apiVersion} ${kind} as protobuf (send it as JSON)`)
  return { kind, apiVersion, ...decodeMessage(message, raw) }
}

type Json = Record<string, unknown>

function decodeMessage(message: Message, reader: Reader): Json {
  const object: Json = {}
  while (!reader.done) {
    const { field: number, wire } = reader.tag()
    const field = message.get(number)
    if (!field) {
      reader.skip(wire)
      continue
    }
    if (field.map) {
      const entry = reader.nested()
      let key = ''
      let value: unknown = EMPTY[field.type]
      while (!entry.done) {
        const inner = entry.tag()
        if (inner.field === 1) key = entry.text()
        else if (inner.field === 2) value = decodeValue(field.type, entry)
        else entry.skip(inner.wire)
      }
      const map = (object[field.name] ??= {}) as Json
      put(map, key, value)
    } else if (field.list) {
      const list = (object[field.name] ??= []) as unknown[]
      list.push(decodeValue(field.type, reader))
    } else if (field.name === '+') Object.assign(object, decodeValue(field.type, reader))
    else {
      // what Go writes although it is empty falls away when the object is decoded by its schema
      const value = decodeValue(field.type, reader)
      if (value !== undefined) object[field.name] = value
    }
  }
  return object
}

const EMPTY: Readonly<Record<string, unknown>> = { s: '', i: 0, b: false, x: '', quantity: '0' }

function decodeValue(type: string, reader: Reader): unknown {
  switch (type) {
    case 's': return reader.text()
    case 'i': return reader.integer()
    case 'b': return reader.integer() !== 0
    case 'x': return encodeBase64(reader.bytes())
    case 'd': return reader.double()
    case 'quantity': return scalarMessage(reader)[1] ?? '0'
    case 'intstr': {
      const fields = scalarMessage(reader)
      return fields[1] === 1 ? (fields[3] ?? '') : (fields[2] ?? 0)
    }
    case 'time':
    case 'micro': return time(reader, type === 'micro')
    case 'raw':
    case 'fields': {
      const text = scalarMessage(reader)[1]
      return typeof text === 'string' && text !== '' ? (JSON.parse(text) as unknown) : undefined
    }
    default: {
      const message = messages.get(type)
      const nested = reader.nested()
      return message ? decodeMessage(message, nested) : {}
    }
  }
}

/** A small message of strings and integers, by field number. */
function scalarMessage(reader: Reader): Record<number, string | number> {
  const nested = reader.nested()
  const fields: Record<number, string | number> = {}
  while (!nested.done) {
    const { field, wire } = nested.tag()
    if (wire === 0) fields[field] = nested.integer()
    else if (wire === 2) fields[field] = nested.text()
    else nested.skip(wire)
  }
  return fields
}

/** Seconds and nanoseconds since 1970; none is the zero time, which JSON has as null. */
function time(reader: Reader, micro: boolean): string | undefined {
  const { 1: seconds, 2: nanos = 0 } = scalarMessage(reader) as Record<number, number>
  if (seconds === undefined || seconds < -62135596799) return undefined
  const text = new Date(seconds * 1000).toISOString()
  return micro ? `${text.slice(0, 19)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${text.slice(0, 19)}Z`
}

/** The wire format: https://protobuf.dev/programming-guides/encoding/ */
class Reader {
  readonly #bytes: Uint8Array
  #at: number
  readonly #end: number

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.#bytes = bytes
    this.#at = from
    this.#end = to
  }

  get done(): boolean {
    return this.#at >= this.#end
  }

  tag(): { field: number; wire: number } {
    const tag = this.integer()
    return { field: Math.floor(tag / 8), wire: tag % 8 }
  }

  /** A varint as int64: two's complement in at most ten bytes. */
  integer(): number {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.#at >= this.#end) throw new RangeError('unexpected EOF')
      const byte = this.#bytes[this.#at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(BigInt.asIntN(64, value))
    }
    throw new RangeError('integer overflow')
  }

  bytes(): Uint8Array {
    const length = this.integer()
    const from = this.#at
    if (length < 0 || from + length > this.#end) throw new RangeError('unexpected EOF')
    this.#at += length
    return this.#bytes.subarray(from, from + length)
  }

  text(): string {
    return decodeUtf8(this.bytes())
  }

  nested(): Reader {
    const bytes = this.bytes()
    return new Reader(bytes, 0, bytes.length)
  }

  rest(): string {
    return decodeUtf8(this.#bytes.subarray(this.#at, this.#end))
  }

  double(): number {
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, 8)
    this.#at += 8
    return view.getFloat64(0, true)
  }

  skip(wire: number): void {
    if (wire === 0) this.integer()
    else if (wire === 1) this.#at += 8
    else if (wire === 2) this.bytes()
    else if (wire === 5) this.#at += 4
    else throw new RangeError(`illegal wireType ${wire}`)
    if (this.#at > this.#end) throw new RangeError('unexpected EOF')
  }
}
