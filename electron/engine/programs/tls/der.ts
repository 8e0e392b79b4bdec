import { concatBytes, encodeUtf8 } from '../../text.ts'

/** DER (X.690), as far as certificates and keys need it. */
export interface DerElement {
  tag: number
  content: Uint8Array
  /** With its tag and length. */
  raw: Uint8Array
}

export class DerError extends Error {}

export const TAG = { boolean: 1, integer: 2, bits: 3, octets: 4, nothing: 5, oid: 6, utf8: 12, sequence: 0x30, set: 0x31, printable: 19, ia5: 22, utcTime: 23, generalizedTime: 24 } as const

/** All elements that stand in `bytes` one after the other. Throws DerError. */
export function readDer(bytes: Uint8Array): DerElement[] {
  const out: DerElement[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = at
    const tag = bytes[at++]!
    let length = bytes[at++]
    if (length === undefined || (tag & 31) === 31) throw new DerError('malformed DER')
    if (length >= 0x80) {
      let count = length & 0x7f
      if (count === 0 || count > 3) throw new DerError('malformed DER length')
      for (length = 0; count > 0; count--) length = length * 256 + (bytes[at++] ?? 0)
    }
    if (at + length > bytes.length) throw new DerError('DER data are cut off')
    out.push({ tag, content: bytes.subarray(at, at + length), raw: bytes.subarray(start, at + length) })
    at += length
  }
  return out
}

export function readOne(bytes: Uint8Array, tag: number): DerElement {
  const [first] = readDer(bytes)
  if (first?.tag !== tag) throw new DerError('unexpected DER tag')
  return first
}

export function oidText(content: Uint8Array): string {
  const out: number[] = []
  let n = 0
  for (const b of content) {
    n = n * 128 + (b & 127)
    if (b & 128) continue
    if (out.length === 0) out.push(Math.min(2, Math.floor(n / 40)), n - 40 * Math.min(2, Math.floor(n / 40)))
    else out.push(n)
    n = 0
  }
  return out.join('.')
}

export function toBigInt(bytes: Uint8Array): bigint {
  let text = ''
  for (const b of bytes) text += b.toString(16).padStart(2, '0')
  return text === '' ? 0n : BigInt(`0x${text}`)
}

// ---- writing ---------------------------------------------------------------------------------------------------

export function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(content)
  const n = body.length
  const length = n < 128 ? [n] : n < 256 ? [0x81, n] : n < 65_536 ? [0x82, n >> 8, n & 255] : [0x83, n >> 16, (n >> 8) & 255, n & 255]
  return concatBytes([Uint8Array.of(tag, ...length), body])
}

export function derOid(text: string): Uint8Array {
  const [a = 0, b = 0, ...rest] = text.split('.').map(Number)
  const out = [a * 40 + b]
  for (const n of rest) {
    const digits = [n & 127]
    for (let left = Math.floor(n / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left & 127) | 128)
    out.push(...digits)
  }
  return der(TAG.oid, Uint8Array.from(out))
}

/** Big-endian, `length` bytes, or as few as it takes. */
export function bigBytes(value: bigint, length?: number): Uint8Array {
  let text = value.toString(16)
  text = text.padStart(length === undefined ? text.length + (text.length % 2) : length * 2, '0')
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(i * 2, i * 2 + 2), 16))
}

export function derInteger(value: bigint | number): Uint8Array {
  const bytes = bigBytes(BigInt(value))
  return der(TAG.integer, bytes[0]! >= 128 ? concatBytes([Uint8Array.of(0), bytes]) : bytes)
}

export function derBits(bytes: Uint8Array): Uint8Array {
  return der(TAG.bits, Uint8Array.of(0), bytes)
}

export function derText(tag: number, text: string): Uint8Array {
  return der(tag, encodeUtf8(text))
}

/** UTCTime until 2049, as RFC 5280 4.1.2.5 has it. `wall`: ms since 1970. */
export function derTime(wall: number): Uint8Array {
  const digits = new Date(wall).toISOString().replace(/\.\d+Z$/, '').replace(/[-:T]/g, '')
  return Number(digits.slice(0, 4)) < 2050 ? derText(TAG.utcTime, `${digits.slice(2)}Z`) : derText(TAG.generalizedTime, `${digits}Z`)
}

/** ms since 1970. */
export function readTime({ tag, content }: DerElement): number {
  const text = String.fromCharCode(...content)
  const full = tag === TAG.utcTime ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?Z$/.exec(full)
  if (!match) throw new DerError('malformed time')
  const [, y, mo, d, h, mi, s] = match.map(Number)
  return Date.UTC(y!, mo! - 1, d!, h!, mi!, s || 0)
}
