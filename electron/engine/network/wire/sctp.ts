import { NO_DATA } from '../packets.ts'
import type { SctpChunk, SctpPacket } from '../types.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'

/** Chunk types of RFC 9260 section 3.2 that are simulated. */
const TYPES: Readonly<Record<SctpChunk['type'], number>> = {
  'data': 0, 'init': 1, 'init-ack': 2, 'sack': 3, 'heartbeat': 4, 'heartbeat-ack': 5, 'abort': 6, 'shutdown': 7, 'shutdown-ack': 8,
  'cookie-echo': 10, 'cookie-ack': 11, 'shutdown-complete': 14,
}
const NAMES = new Map(Object.entries(TYPES).map(([name, type]) => [type, name as SctpChunk['type']]))

/** DATA is never cut in pieces: first and last fragment at once. */
const WHOLE = 3
const STATE_COOKIE = 7

/** RFC 9260 section 3, with the checksum of its appendix A. */
export function encodeSctp(packet: SctpPacket): Uint8Array {
  const out = new ByteWriter().u16(packet.sourcePort).u16(packet.destinationPort).u32(packet.verificationTag).u32(0)
  for (const chunk of packet.chunks) {
    const { flags, value } = encodeChunk(chunk)
    out.u8(TYPES[chunk.type]).u8(flags).u16(4 + value.length).put(value)
    for (let pad = value.length & 3; pad > 0 && pad < 4; pad++) out.u8(0)
  }
  const sum = crc32c(out.done())
  // The least significant byte goes first.
  out.patch16(8, ((sum & 0xff) << 8) | ((sum >>> 8) & 0xff))
  out.patch16(10, ((sum >>> 8) & 0xff00) | (sum >>> 24))
  return out.done()
}

function encodeChunk(chunk: SctpChunk): { flags: number; value: Uint8Array } {
  const out = new ByteWriter()
  switch (chunk.type) {
    case 'init':
    case 'init-ack':
      out.u32(chunk.tag).u32(chunk.window).u16(chunk.outbound).u16(chunk.inbound).u32(chunk.tsn)
      if (chunk.cookie) out.u16(STATE_COOKIE).u16(4 + chunk.cookie.length).put(chunk.cookie)
      break
    case 'cookie-echo':
      out.put(chunk.cookie)
      break
    case 'data':
      return { flags: WHOLE, value: out.u32(chunk.tsn).u16(chunk.stream).u16(chunk.sequence).u32(chunk.payloadProtocol).put(chunk.data).done() }
    case 'sack':
      out.u32(chunk.tsn).u32(chunk.window).u16(0).u16(0)
      break
    case 'heartbeat':
    case 'heartbeat-ack':
      out.u16(1).u16(4 + chunk.info.length).put(chunk.info)
      break
    case 'shutdown':
      out.u32(chunk.tsn)
      break
    case 'abort':
    case 'shutdown-complete':
      return { flags: chunk.reflected ? 1 : 0, value: NO_DATA }
  }
  return { flags: 0, value: out.done() }
}

/** `cut`: quoted in an ICMP error, which promises the first eight bytes only. */
export function decodeSctp(bytes: Uint8Array, cut: boolean): SctpPacket {
  const input = new ByteReader(bytes)
  const [sourcePort, destinationPort, verificationTag] = [input.u16(), input.u16(), input.u32()]
  const chunks: SctpChunk[] = []
  const packet: SctpPacket = { kind: 'sctp', sourcePort, destinationPort, verificationTag, chunks }
  if (cut && input.left < 4) return packet
  input.u32()
  while (input.left >= 4) {
    const [type, flags, length] = [input.u8(), input.u8(), input.u16()]
    if (length < 4) throw new WireError('bad SCTP chunk length')
    if (cut && input.left < length - 4) break
    const value = new ByteReader(input.take(length - 4))
    input.take(Math.min(input.left, (4 - (length & 3)) & 3))
    chunks.push(decodeChunk(type, flags, value))
  }
  return packet
}

function decodeChunk(number: number, flags: number, value: ByteReader): SctpChunk {
  const type = NAMES.get(number)
  switch (type) {
    case 'init':
    case 'init-ack': {
      const chunk = { type, tag: value.u32(), window: value.u32(), outbound: value.u16(), inbound: value.u16(), tsn: value.u32() }
      while (value.left >= 4) {
        const [parameter, length] = [value.u16(), value.u16()]
        const body = value.take(Math.min(value.left, length - 4))
        value.take(Math.min(value.left, (4 - (length & 3)) & 3))
        if (parameter === STATE_COOKIE) return { ...chunk, cookie: body }
      }
      return chunk
    }
    case 'cookie-echo': return { type, cookie: value.rest() }
    case 'data': return { type, tsn: value.u32(), stream: value.u16(), sequence: value.u16(), payloadProtocol: value.u32(), data: value.rest() }
    case 'sack': return { type, tsn: value.u32(), window: value.u32() }
    case 'heartbeat':
    case 'heartbeat-ack':
      value.u32()
      return { type, info: value.rest() }
    case 'shutdown': return { type, tsn: value.u32() }
    case 'abort':
    case 'shutdown-complete': return flags & 1 ? { type, reflected: true } : { type }
    case 'cookie-ack':
    case 'shutdown-ack': return { type }
    case undefined: throw new WireError(`SCTP chunk type ${number} is not simulated`)
  }
}

let table: Uint32Array | undefined

/** CRC32c (RFC 9260 appendix A; the reflected polynomial 0x82f63b78). */
export function crc32c(bytes: Uint8Array): number {
  if (!table) {
    table = new Uint32Array(256)
    for (let n = 0; n < 256; n++) {
      let value = n
      for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
      table[n] = value >>> 0
    }
  }
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!
  return (crc ^ 0xffffffff) >>> 0
}
