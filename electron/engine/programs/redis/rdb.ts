import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { SortedSet, type RedisStore, type Value } from './store.ts'

/** The dump that a replica begins with (rdb.c, version 11): plain encodings, no checksum. */
const TYPES = { string: 0, list: 1, set: 2, hash: 4, sorted: 5 } as const
const EXPIRES = 0xfc
const DATABASE = 0xfe
const END = 0xff

function lengthBytes(length: number): Uint8Array {
  if (length < 64) return Uint8Array.of(length)
  if (length < 16_384) return Uint8Array.of(0x40 | (length >> 8), length & 0xff)
  return Uint8Array.of(0x80, (length >>> 24) & 0xff, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff)
}

function eight(write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(8)
  write(new DataView(bytes.buffer))
  return bytes
}

const textBytes = (text: string): Uint8Array => {
  const bytes = encodeUtf8(text)
  return concatBytes([lengthBytes(bytes.length), bytes])
}

function valueBytes(value: Value): { type: number; parts: Uint8Array[] } {
  if (typeof value === 'string') return { type: TYPES.string, parts: [textBytes(value)] }
  if (Array.isArray(value)) return { type: TYPES.list, parts: [lengthBytes(value.length), ...value.map(textBytes)] }
  if (value instanceof SortedSet) return { type: TYPES.sorted, parts: [lengthBytes(value.scores.size), ...[...value.scores].flatMap(([member, score]) => [textBytes(member), eight((v) => v.setFloat64(0, score, true))])] }
  if (value instanceof Set) return { type: TYPES.set, parts: [lengthBytes(value.size), ...[...value].map(textBytes)] }
  return { type: TYPES.hash, parts: [lengthBytes(value.size), ...[...value].flat().map(textBytes)] }
}

/** `ahead`: Unix ms less virtual ms. */
export function writeRdb(store: RedisStore, ahead: number): Uint8Array {
  const keys = store.keys()
  const parts: Uint8Array[] = [encodeUtf8('REDIS0011'), ...(keys.length > 0 ? [Uint8Array.of(DATABASE, 0)] : [])]
  for (const key of keys) {
    const until = store.until(key)!
    if (until !== Infinity) parts.push(Uint8Array.of(EXPIRES), eight((v) => v.setBigUint64(0, BigInt(Math.round(until + ahead)), true)))
    const { type, parts: value } = valueBytes(store.get(key)!)
    parts.push(Uint8Array.of(type), textBytes(key), ...value)
  }
  return concatBytes([...parts, Uint8Array.of(END), new Uint8Array(8)])
}

export function readRdb(bytes: Uint8Array, store: RedisStore, ahead: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 9
  const length = (): number => {
    const first = bytes[at++]!
    if (first < 0x40) return first
    if (first < 0x80) return ((first & 0x3f) << 8) | bytes[at++]!
    at += 4
    return view.getUint32(at - 4)
  }
  const text = (): string => {
    const size = length()
    at += size
    return decodeUtf8(bytes.subarray(at - size, at))
  }
  const many = <T>(read: () => T): T[] => Array.from({ length: length() }, read)
  const value = (type: number): Value => {
    switch (type) {
      case TYPES.list: return many(text)
      case TYPES.set: return new Set(many(text))
      case TYPES.hash: return new Map(many((): [string, string] => [text(), text()]))
      case TYPES.sorted: {
        const set = new SortedSet()
        many(() => {
          const member = text()
          set.scores.set(member, view.getFloat64(at, true))
          at += 8
        })
        return set
      }
      default: return text()
    }
  }
  store.clear()
  let until = Infinity
  while (at < bytes.length && bytes[at] !== END) {
    const mark = bytes[at++]!
    if (mark === DATABASE) length()
    else if (mark === EXPIRES) {
      until = Number(view.getBigUint64(at, true)) - ahead
      at += 8
    } else {
      const key = text()
      store.set(key, value(mark), until)
      until = Infinity
    }
  }
}
