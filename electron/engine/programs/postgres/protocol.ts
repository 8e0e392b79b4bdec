import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'

/** The frontend/backend protocol 3.0 of PostgreSQL (its manual, chapter "Frontend/Backend Protocol"). */
export const CODE = { protocol: 196_608, ssl: 80_877_103, gss: 80_877_104, cancel: 80_877_102 } as const

export interface Message { type: string; body: Uint8Array }

export function int32(n: number): Uint8Array {
  return Uint8Array.of((n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255)
}

function int16(n: number): Uint8Array {
  return Uint8Array.of((n >> 8) & 255, n & 255)
}

export function message(type: string, ...parts: (Uint8Array | string)[]): Uint8Array {
  const body = concatBytes(parts.map((p) => (typeof p === 'string' ? encodeUtf8(p) : p)))
  return concatBytes([encodeUtf8(type), int32(body.length + 4), body])
}

/** The first packet, which has no type: parameters, or a request for TLS. */
export function startup(parameters: Readonly<Record<string, string>>): Uint8Array {
  const text = encodeUtf8(`${Object.entries(parameters).map(([k, v]) => `${k}\0${v}\0`).join('')}\0`)
  return concatBytes([int32(text.length + 8), int32(CODE.protocol), text])
}

export function at32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getInt32(at)
}

function at16(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getInt16(at)
}

/** Collects bytes and gives whole messages; `first()` takes what has no type. */
export class MessageReader {
  #rest: Uint8Array = new Uint8Array(0)

  add(data: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? data.slice() : concatBytes([this.#rest, data])
  }

  /** The body of a packet without a type; null when its length cannot be. */
  first(): Uint8Array | undefined | null {
    if (this.#rest.length < 4) return undefined
    const length = at32(this.#rest, 0)
    if (length < 8 || length > 10_000) return null
    if (this.#rest.length < length) return undefined
    const body = this.#rest.slice(4, length)
    this.#rest = this.#rest.subarray(length)
    return body
  }

  next(): Message | undefined {
    if (this.#rest.length < 5) return undefined
    const length = at32(this.#rest, 1)
    if (length < 4 || this.#rest.length < length + 1) return undefined
    const out = { type: String.fromCharCode(this.#rest[0]!), body: this.#rest.slice(5, length + 1) }
    this.#rest = this.#rest.subarray(length + 1)
    return out
  }
}

/** `position`: in characters of the query, from 1. */
export function errorMessage(severity: 'ERROR' | 'FATAL', state: string, text: string, { detail, position }: { detail?: string; position?: number } = {}): Uint8Array {
  return message('E', `S${severity}\0V${severity}\0C${state}\0M${text}\0${detail === undefined ? '' : `D${detail}\0`}${position === undefined ? '' : `P${position}\0`}\0`)
}

/** Fields of an error by their letter. */
export function readFields(body: Uint8Array): Map<string, string> {
  return new Map(decodeUtf8(body).split('\0').filter((f) => f !== '').map((f) => [f[0]!, f.slice(1)]))
}

export function parametersOf(body: Uint8Array): Map<string, string> {
  const words = decodeUtf8(body.subarray(4)).split('\0')
  const out = new Map<string, string>()
  for (let i = 0; i + 1 < words.length && words[i] !== ''; i += 2) out.set(words[i]!, words[i + 1]!)
  return out
}

const OID = { number: 23, text: 25 }

export function rowDescription(columns: readonly { name: string; numeric: boolean }[]): Uint8Array {
  return message('T', int16(columns.length), ...columns.flatMap(({ name, numeric }) => [`${name}\0`, int32(0), int16(0), int32(numeric ? OID.number : OID.text), int16(numeric ? 4 : -1), int32(-1), int16(0)]))
}

export function readRowDescription(body: Uint8Array): { name: string; numeric: boolean }[] {
  let at = 2
  return Array.from({ length: at16(body, 0) }, () => {
    const end = body.indexOf(0, at)
    const name = decodeUtf8(body.subarray(at, end))
    const oid = at32(body, end + 7)
    at = end + 19
    return { name, numeric: oid === OID.number || oid === 20 }
  })
}

export function dataRow(values: readonly (string | null)[]): Uint8Array {
  return message('D', int16(values.length), ...values.flatMap((v) => (v === null ? [int32(-1)] : [int32(encodeUtf8(v).length), v])))
}

export function readDataRow(body: Uint8Array): (string | null)[] {
  let at = 2
  return Array.from({ length: at16(body, 0) }, () => {
    const length = at32(body, at)
    at += 4
    if (length < 0) return null
    at += length
    return decodeUtf8(body.subarray(at - length, at))
  })
}
