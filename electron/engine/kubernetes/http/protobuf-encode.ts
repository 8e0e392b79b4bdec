import { concatBytes, encodeUtf8 } from '../../text.ts'
import { decodeBase64 } from '../base64.ts'
import { type Field, type Message, messageNamed, messageOf } from './protobuf.ts'

/** An object as kube-apiserver stores it in etcd: "k8s\0" and a runtime.Unknown around its message. Fields without a value are left out. */
export function encodeProtobuf(object: Readonly<Record<string, unknown>>): Uint8Array | undefined {
  const { apiVersion = '', kind = '' } = object as { apiVersion?: string; kind?: string }
  const message = messageOf(kind, apiVersion.includes('/') ? apiVersion.split('/')[0]! : '')
  if (!message) return undefined
  const type = concatBytes([text(1, apiVersion), text(2, kind)])
  return concatBytes([Uint8Array.of(0x6b, 0x38, 0x73, 0), bytes(1, type), bytes(2, encodeMessage(message, object)), bytes(3, EMPTY), bytes(4, EMPTY)])
}

const EMPTY = new Uint8Array(0)

function varint(value: number): Uint8Array {
  const out: number[] = []
  let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)))
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
  return Uint8Array.of(...out, Number(rest))
}

const bytes = (field: number, data: Uint8Array): Uint8Array => concatBytes([varint(field * 8 + 2), varint(data.length), data])
const text = (field: number, value: string): Uint8Array => bytes(field, encodeUtf8(value))
const integer = (field: number, value: number): Uint8Array => concatBytes([varint(field * 8), varint(value)])

function encodeMessage(message: Message, object: Readonly<Record<string, unknown>>): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [number, field] of [...message].sort(([a], [b]) => a - b)) {
    const value = field.name === '+' ? object : object[field.name]
    if (value === undefined || value === null) continue
    if (field.map) for (const [key, each] of Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1))) parts.push(bytes(number, concatBytes([text(1, key), encodeValue(2, field.type, each)])))
    else if (field.list) for (const each of value as unknown[]) parts.push(encodeValue(number, field.type, each))
    else parts.push(encodeField(number, field, value))
  }
  return concatBytes(parts)
}

function encodeField(number: number, { name, type }: Field, value: unknown): Uint8Array {
  if (name !== '+') return encodeValue(number, type, value)
  const inner = encodeMessage(messageNamed(type)!, value as Record<string, unknown>)
  return inner.length === 0 ? EMPTY : bytes(number, inner)
}

function encodeValue(number: number, type: string, value: unknown): Uint8Array {
  switch (type) {
    case 's': return text(number, String(value))
    case 'i': return integer(number, Number(value))
    case 'b': return integer(number, value ? 1 : 0)
    case 'x': {
      const data = decodeBase64(String(value))
      return bytes(number, typeof data === 'number' ? EMPTY : data)
    }
    case 'd': {
      const data = new Uint8Array(8)
      new DataView(data.buffer).setFloat64(0, Number(value), true)
      return concatBytes([varint(number * 8 + 1), data])
    }
    case 'quantity': return bytes(number, text(1, String(value)))
    case 'intstr': return bytes(number, typeof value === 'number' ? concatBytes([integer(1, 0), integer(2, value), text(3, '')]) : concatBytes([integer(1, 1), integer(2, 0), text(3, String(value))]))
    case 'time':
    case 'micro': {
      const at = Date.parse(String(value))
      const fraction = type === 'micro' ? Number(/\.(\d{1,6})/.exec(String(value))?.[1]?.padEnd(6, '0') ?? 0) * 1000 : 0
      return bytes(number, concatBytes([integer(1, Math.floor(at / 1000)), integer(2, fraction)]))
    }
    case 'raw':
    case 'fields': return bytes(number, text(1, JSON.stringify(value)))
    default: {
      const message = messageNamed(type)
      return bytes(number, message ? encodeMessage(message, value as Record<string, unknown>) : EMPTY)
    }
  }
}
