import type { IcmpMessage, Mac } from '../types.ts'
import { ipBytes, ipText, macBytes, macText } from './address-bytes.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { checksum, pseudoHeader } from './checksum.ts'
import { decodeIp, encodeIp } from './ip.ts'

/** An error quotes as much of the packet as fits into the smallest MTU (RFC 4443 2.4 c). */
const QUOTE = 1280 - 40 - 8
const NONE = new Uint8Array(0)

/** RFC 4443: echo, and the errors that quote a packet; RFC 4861: neighbour solicitation and advertisement. */
export function encodeIcmp6(message: IcmpMessage, source: Uint8Array, destination: Uint8Array): Uint8Array {
  const { type, nd } = message
  const out = new ByteWriter().u8(type).u8(message.code).u16(0)
  if (type === 128 || type === 129) out.u16(message.id ?? 0).u16(message.sequence ?? 0)
  else if (nd) out.u32((nd.router ? 0x8000_0000 : 0) + (nd.solicited ? 0x4000_0000 : 0) + (nd.override ? 0x2000_0000 : 0))
  else out.u32(type === 2 ? (message.mtu ?? 0) : 0)
  if (nd) {
    out.put(ipBytes(nd.target))
    if (nd.mac !== undefined) out.u8(type === 135 ? 1 : 2).u8(1).put(macBytes(nd.mac))
  } else out.put(message.about ? encodeIp(message.about).subarray(0, QUOTE) : message.data)
  out.patch16(2, checksum(out.done(), pseudoHeader(source, destination, 58, out.length)))
  return out.done()
}

export function decodeIcmp6(bytes: Uint8Array, cut: boolean): IcmpMessage {
  const input = new ByteReader(bytes)
  const type = input.u8()
  const code = input.u8()
  input.u16()
  if (cut && input.left < 4) return { kind: 'icmp', type, code, data: NONE }
  if (type === 128 || type === 129) return { kind: 'icmp', type, code, id: input.u16(), sequence: input.u16(), data: input.rest() }
  const word = input.u32()
  if (type >= 1 && type <= 4) return { kind: 'icmp', type, code, data: NONE, about: decodeIp(input.rest(), true), ...(type === 2 && { mtu: word }) }
  if ((type !== 135 && type !== 136) || cut) return { kind: 'icmp', type, code, data: input.rest() }
  const target = ipText(input.take(16))
  const mac = linkLayerAddress(input, type === 135 ? 1 : 2)
  const flags = type === 136 ? { router: word >= 0x8000_0000, solicited: (word & 0x4000_0000) !== 0, override: (word & 0x2000_0000) !== 0 } : {}
  return { kind: 'icmp', type, code, data: NONE, nd: { target, ...(mac !== undefined && { mac }), ...flags } }
}

/** Options are of eight-byte units (RFC 4861 4.6). */
function linkLayerAddress(input: ByteReader, wanted: number): Mac | undefined {
  while (input.left >= 8) {
    const kind = input.u8()
    const length = input.u8() * 8 - 2
    if (length < 0 || length > input.left) return undefined
    const value = input.take(length)
    if (kind === wanted && length === 6) return macText(value)
  }
  return undefined
}
