import type { IcmpMessage } from '../types.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { checksum } from './checksum.ts'
import { decodeIp, encodeIp } from './ip.ts'

/** An error quotes as much of the packet as fits into 576 bytes (RFC 1812 section 4.3.2.3). */
const QUOTE = 576 - 20 - 8

/** RFC 792: echo, and the errors that quote a packet. Others keep the four bytes after the checksum as zero. */
export function encodeIcmp(message: IcmpMessage): Uint8Array {
  const out = new ByteWriter().u8(message.type).u8(message.code).u16(0)
  if (message.type === 0 || message.type === 8) out.u16(message.id ?? 0).u16(message.sequence ?? 0)
  else out.u16(0).u16(message.mtu ?? 0)
  out.put(message.about ? encodeIp(message.about).subarray(0, QUOTE) : message.data)
  out.patch16(2, checksum(out.done()))
  return out.done()
}

export function decodeIcmp(bytes: Uint8Array, cut: boolean): IcmpMessage {
  const input = new ByteReader(bytes)
  const type = input.u8()
  const code = input.u8()
  input.u16()
  if (cut && input.left < 4) return { kind: 'icmp', type, code, data: new Uint8Array(0) }
  const [first, second] = [input.u16(), input.u16()]
  if (type === 0 || type === 8) return { kind: 'icmp', type, code, id: first, sequence: second, data: input.rest() }
  const mtu = type === 3 && code === 4 ? { mtu: second } : {}
  if ([3, 4, 5, 11, 12].includes(type)) {
    return { kind: 'icmp', type, code, data: new Uint8Array(0), about: decodeIp(input.rest(), true), ...mtu }
  }
  return { kind: 'icmp', type, code, data: input.rest() }
}
