import { formatIpv4, maskOf, parseIpv4 } from '../../network/address.ts'
import type { Cidr, Ip } from '../../network/types.ts'

/** BGP-4 messages (RFC 4271) as far as one autonomous system with IPv4 routes needs them, with four-octet AS numbers (RFC 6793) and graceful restart (RFC 4724). */
export type BgpMessage =
  | { type: 'open'; as: number; holdTime: number; routerId: Ip; restartTime?: number }
  | { type: 'update'; withdrawn: readonly Cidr[]; announced: readonly Cidr[]; nextHop?: Ip }
  | { type: 'notification'; code: number; subcode: number }
  | { type: 'keepalive' }

const TYPES = ['', 'open', 'update', 'notification', 'keepalive'] as const
const HEADER = 19
const MOST = 4096
/** AS_TRANS stands for a number that does not fit into two octets. */
const AS_TRANS = 23456

function uint16(value: number): number[] {
  return [(value >> 8) & 255, value & 255]
}

function uint32(value: number): number[] {
  return [...uint16(value >>> 16), ...uint16(value & 0xffff)]
}

function prefix(cidr: Cidr): number[] {
  const [ip, length] = cidr.split('/') as [string, string]
  return [Number(length), ...uint32(parseIpv4(ip)!).slice(0, Math.ceil(Number(length) / 8))]
}

export function encodeBgp(message: BgpMessage): Uint8Array {
  const body = bodyOf(message)
  return Uint8Array.from([...Array<number>(16).fill(255), ...uint16(HEADER + body.length), TYPES.indexOf(message.type), ...body])
}

function bodyOf(message: BgpMessage): number[] {
  switch (message.type) {
    case 'open': {
      const capabilities = [
        [1, 4, ...uint16(1), 0, 1],
        [2, 0],
        [65, 4, ...uint32(message.as)],
        ...(message.restartTime === undefined ? [] : [[64, 6, ...uint16(message.restartTime & 0xfff), ...uint16(1), 1, 0]]),
      ].flat()
      return [4, ...uint16(message.as > 0xffff ? AS_TRANS : message.as), ...uint16(message.holdTime), ...uint32(parseIpv4(message.routerId)!), capabilities.length + 2, 2, capabilities.length, ...capabilities]
    }
    case 'update': {
      const withdrawn = message.withdrawn.flatMap(prefix)
      // ORIGIN IGP, an empty AS_PATH, NEXT_HOP, LOCAL_PREF 100
      const attributes = message.announced.length === 0 ? [] : [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, ...uint32(parseIpv4(message.nextHop!)!), 0x40, 5, 4, ...uint32(100)]
      return [...uint16(withdrawn.length), ...withdrawn, ...uint16(attributes.length), ...attributes, ...message.announced.flatMap(prefix)]
    }
    case 'notification':
      return [message.code, message.subcode]
    case 'keepalive':
      return []
  }
}

/** UPDATEs within the longest message (RFC 4271 4). */
export function updatesFor(withdrawn: readonly Cidr[], announced: readonly Cidr[], nextHop: Ip): BgpMessage[] {
  const each = Math.floor((MOST - 64) / 5)
  const out: BgpMessage[] = []
  for (let i = 0; i < withdrawn.length; i += each) out.push({ type: 'update', withdrawn: withdrawn.slice(i, i + each), announced: [] })
  for (let i = 0; i < announced.length; i += each) out.push({ type: 'update', withdrawn: [], announced: announced.slice(i, i + each), nextHop })
  return out
}

/** Takes messages out of a TCP stream. Throws an Error on what is no BGP. */
export class BgpReader {
  #bytes: number[] = []

  push(data: Uint8Array): BgpMessage[] {
    for (const byte of data) this.#bytes.push(byte)
    const out: BgpMessage[] = []
    for (;;) {
      if (this.#bytes.length < HEADER) return out
      const length = (this.#bytes[16]! << 8) | this.#bytes[17]!
      if (length < HEADER || length > MOST || this.#bytes.slice(0, 16).some((b) => b !== 255)) throw new Error('Connection not synchronized')
      if (this.#bytes.length < length) return out
      out.push(decode(this.#bytes.splice(0, length)))
    }
  }
}

function decode(bytes: readonly number[]): BgpMessage {
  const at16 = (i: number): number => (bytes[i]! << 8) | bytes[i + 1]!
  const at32 = (i: number): number => ((at16(i) << 16) | at16(i + 2)) >>> 0
  switch (TYPES[bytes[18]!]) {
    case 'open': {
      let as = at16(HEADER + 1)
      let restartTime: number | undefined
      // optional parameters, and capabilities within them
      for (let p = HEADER + 10; p < bytes.length; p += 2 + bytes[p + 1]!) {
        if (bytes[p] !== 2) continue
        for (let c = p + 2; c < p + 2 + bytes[p + 1]!; c += 2 + bytes[c + 1]!) {
          if (bytes[c] === 65) as = at32(c + 2)
          else if (bytes[c] === 64) restartTime = at16(c + 2) & 0xfff
        }
      }
      return { type: 'open', as, holdTime: at16(HEADER + 3), routerId: formatIpv4(at32(HEADER + 5)), ...(restartTime === undefined ? {} : { restartTime }) }
    }
    case 'update': {
      const withdrawnEnd = HEADER + 2 + at16(HEADER)
      const attributesEnd = withdrawnEnd + 2 + at16(withdrawnEnd)
      let nextHop: Ip | undefined
      for (let i = withdrawnEnd + 2; i < attributesEnd;) {
        const extended = (bytes[i]! & 0x10) !== 0
        const length = extended ? at16(i + 2) : bytes[i + 2]!
        const value = i + (extended ? 4 : 3)
        if (bytes[i + 1] === 3) nextHop = formatIpv4(at32(value))
        i = value + length
      }
      return { type: 'update', withdrawn: prefixes(bytes, HEADER + 2, withdrawnEnd), announced: prefixes(bytes, attributesEnd, bytes.length), ...(nextHop === undefined ? {} : { nextHop }) }
    }
    case 'notification':
      return { type: 'notification', code: bytes[HEADER]!, subcode: bytes[HEADER + 1]! }
    case 'keepalive':
      return { type: 'keepalive' }
    default:
      throw new Error('Bad message type')
  }
}

function prefixes(bytes: readonly number[], from: number, to: number): Cidr[] {
  const out: Cidr[] = []
  for (let i = from; i < to;) {
    const length = bytes[i]!
    const octets = Math.ceil(length / 8)
    let value = 0
    for (let k = 0; k < 4; k++) value = (value << 8) | (k < octets ? bytes[i + 1 + k]! : 0)
    out.push(`${formatIpv4((value & maskOf(length)) >>> 0)}/${length}`)
    i += 1 + octets
  }
  return out
}
