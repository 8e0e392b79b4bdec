import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/**
 * Messages of protocol buffers, seen as their JSON mapping shows them (protobuf.dev/programming-guides/proto3, json): enums by name, 64-bit numbers and
 * times as text, wrappers as what they wrap. What is not there has the default and is not written.
 *
 * A message's fields are `name=number:type`, in the order of the .proto file:
 *   s i b l d         string, (u)int32, bool, (u)int64, double
 *   time              google.protobuf.Timestamp
 *   i? b?             google.protobuf.UInt32Value, BoolValue
 *   [T] Name          list, message or enum of the same table
 */
export interface ProtoTable { readonly messages: Readonly<Record<string, string>>; readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>> }

interface Field { name: string; number: number; type: string; list: boolean }
type Plain = Readonly<Record<string, unknown>>

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5
const EMPTY = new Uint8Array(0)
const PACKED = new Set(['i', 'b', 'l'])

export class Proto {
  readonly #messages: ReadonlyMap<string, readonly Field[]>
  readonly #enums: ReadonlyMap<string, ReadonlyMap<string, number>>

  constructor({ messages, enums }: ProtoTable) {
    this.#messages = new Map(Object.entries(messages).map(([name, fields]) => [name, fields.split(/\s+/).filter((f) => f !== '').map(readField)]))
    this.#enums = new Map(Object.entries(enums).map(([name, values]) => [name, new Map(Object.entries(values))]))
  }

  hasEnumValue(type: string, name: string): boolean {
    return this.#enums.get(type)?.has(name) ?? false
  }

  encode(message: string, value: object): Uint8Array {
    const parts: Uint8Array[] = []
    for (const field of [...this.#fields(message)].sort((a, b) => a.number - b.number)) {
      const given = (value as Plain)[field.name]
      if (given === undefined || given === null) continue
      if (!field.list) parts.push(this.#encodeField(field, given, false))
      else if (PACKED.has(field.type) || this.#enums.has(field.type)) {
        const packed = concatBytes((given as unknown[]).map((each) => varint(this.#number(field.type, each))))
        if (packed.length > 0) parts.push(bytes(field.number, packed))
      } else for (const each of given as unknown[]) parts.push(this.#encodeField(field, each, true))
    }
    return concatBytes(parts)
  }

  /** Throws RangeError for bytes that are no message. Fields that the table does not have are passed over. */
  decode(message: string, data: Uint8Array): Record<string, unknown> {
    const fields = this.#fields(message)
    const found = new Map<string, unknown>()
    const reader = new ProtoReader(data)
    while (!reader.done) {
      const tag = Number(reader.varint())
      const wire = tag & 7
      const content = wire === VARINT ? reader.varint() : wire === FIXED64 ? reader.take(8) : wire === BYTES ? reader.take(Number(reader.varint())) : wire === FIXED32 ? reader.take(4) : undefined
      if (content === undefined) throw new RangeError('cannot parse invalid wire-format data')
      const field = fields.find((f) => f.number === tag >> 3)
      // as one that is unknown
      if (!field || !this.#fits(field, wire)) continue
      if (!field.list) found.set(field.name, this.#decodeValue(field.type, content))
      else {
        const all = (found.get(field.name) ?? []) as unknown[]
        if (typeof content !== 'bigint' && (PACKED.has(field.type) || this.#enums.has(field.type))) for (const packed = new ProtoReader(content); !packed.done;) all.push(this.#decodeValue(field.type, packed.varint()))
        else all.push(this.#decodeValue(field.type, content))
        found.set(field.name, all)
      }
    }
    return Object.fromEntries(fields.flatMap(({ name }) => (found.has(name) ? [[name, found.get(name)] as const] : [])))
  }

  #fits({ type, list }: Field, wire: number): boolean {
    if (type === 'd') return wire === FIXED64
    return PACKED.has(type) || this.#enums.has(type) ? wire === VARINT || (list && wire === BYTES) : wire === BYTES
  }

  #fields(message: string): readonly Field[] {
    const fields = this.#messages.get(message)
    if (!fields) throw new Error(`no message ${message}`)
    return fields
  }

  #number(type: string, value: unknown): bigint {
    if (type === 'b') return value === true ? 1n : 0n
    return BigInt(typeof value === 'string' ? (this.#enums.get(type)?.get(value) ?? value) : (value as number))
  }

  #encodeField({ number, type }: Field, value: unknown, always: boolean): Uint8Array {
    if (type === 's') return !always && value === '' ? EMPTY : bytes(number, encodeUtf8(value as string))
    if (type === 'time') return bytes(number, encodeTime(value as string))
    if (type === 'd') return value === 0 ? EMPTY : fixed64(number, value as number)
    if (type.endsWith('?')) return bytes(number, scalar(1, this.#number(type[0]!, value)))
    if (this.#messages.has(type)) return bytes(number, this.encode(type, value as object))
    return scalar(number, this.#number(type, value))
  }

  #decodeValue(type: string, content: bigint | Uint8Array): unknown {
    if (typeof content === 'bigint') {
      if (type === 'b') return content !== 0n
      if (type === 'l') return String(content)
      const names = this.#enums.get(type)
      return names ? ([...names].find(([, number]) => BigInt(number) === content)?.[0] ?? Number(content)) : Number(content)
    }
    if (type === 's') return decodeUtf8(content)
    if (type === 'time') return decodeTime(content)
    if (type === 'd') return new DataView(content.slice().buffer).getFloat64(0, true)
    if (type.endsWith('?')) {
      const reader = new ProtoReader(content)
      let value = 0n
      while (!reader.done) {
        reader.varint()
        value = reader.varint()
      }
      return type === 'b?' ? value !== 0n : Number(value)
    }
    return this.decode(type, content)
  }
}

function readField(text: string): Field {
  const [, name, number, open, type] = /^(\w+)=(\d+):(\[?)([\w.?]+)\]?$/.exec(text)!
  return { name: name!, number: Number(number), type: type!, list: open === '[' }
}

class ProtoReader {
  readonly #data: Uint8Array
  #at = 0

  constructor(data: Uint8Array) {
    this.#data = data
  }

  get done(): boolean {
    return this.#at >= this.#data.length
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#data[this.#at++]
      if (byte === undefined || shift > 63n) throw new RangeError('unexpected EOF')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }

  take(length: number): Uint8Array {
    if (this.#at + length > this.#data.length) throw new RangeError('unexpected EOF')
    return this.#data.subarray(this.#at, (this.#at += length))
  }
}

function varint(value: bigint): Uint8Array {
  const out: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
  return Uint8Array.of(...out, Number(rest))
}

const bytes = (field: number, data: Uint8Array): Uint8Array => concatBytes([varint(BigInt(field * 8 + BYTES)), varint(BigInt(data.length)), data])
const scalar = (field: number, value: bigint): Uint8Array => (value === 0n ? EMPTY : concatBytes([varint(BigInt(field * 8 + VARINT)), varint(value)]))

function fixed64(field: number, value: number): Uint8Array {
  const data = new Uint8Array(8)
  new DataView(data.buffer).setFloat64(0, value, true)
  return concatBytes([varint(BigInt(field * 8 + FIXED64)), data])
}

/** RFC 3339 with up to nine digits of a second. */
function encodeTime(text: string): Uint8Array {
  const [, whole = '', fraction = ''] = /^([^.Z]+)(?:\.(\d+))?Z$/.exec(text) ?? []
  return concatBytes([scalar(1, BigInt(Date.parse(`${whole}Z`) / 1000)), scalar(2, BigInt(fraction.padEnd(9, '0') || '0'))])
}

function decodeTime(data: Uint8Array): string {
  const reader = new ProtoReader(data)
  let [seconds, nanos] = [0n, 0n]
  while (!reader.done) {
    if (reader.varint() >> 3n === 1n) seconds = reader.varint()
    else nanos = reader.varint()
  }
  const fraction = String(nanos).padStart(9, '0').replace(/0+$/, '')
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z`
}
