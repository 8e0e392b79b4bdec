import type { IpPacket, IpPayload } from '../types.ts'
import { ipBytes, ipText } from './address-bytes.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'
import { checksum } from './checksum.ts'
import { decodeIcmp, encodeIcmp } from './icmp.ts'
import { decodeIcmp6, encodeIcmp6 } from './icmp6.ts'
import { decodeSctp, encodeSctp } from './sctp.ts'
import { decodeTcp, decodeUdp, encodeTcp, encodeUdp } from './transport.ts'

const PROTOCOLS = { icmp: 1, ipip: 4, tcp: 6, udp: 17, sctp: 132 } as const

/** Next header of a fragment (RFC 8200 4.5). */
const FRAGMENT = 44
const ICMPV6 = 58

/** RFC 791 without options; RFC 8200 with no extension header but that of fragments. */
export function encodeIp(packet: IpPacket): Uint8Array {
  const source = ipBytes(packet.source)
  const destination = ipBytes(packet.destination)
  const protocol = packet.version === 6 && packet.payload.kind === 'icmp' ? ICMPV6 : PROTOCOLS[packet.payload.kind]
  let body = encodeTransport(packet.payload, source, destination)
  // Every fragment keeps the whole payload; its bytes are cut out of that.
  const fragment = packet.fragment
  if (fragment) body = body.slice(fragment.offset, fragment.length === undefined ? undefined : fragment.offset + fragment.length)
  if (packet.version === 6) {
    const out = new ByteWriter().u32(0x60000000 + (packet.tos << 20)).u16(body.length + (fragment ? 8 : 0)).u8(fragment ? FRAGMENT : protocol).u8(packet.ttl).put(source).put(destination)
    if (fragment) out.u8(protocol).u8(0).u16(fragment.offset | (fragment.more ? 1 : 0)).u32(packet.identification)
    return out.put(body).done()
  }
  const flags = (packet.dontFragment ? 0x4000 : 0) | (fragment?.more ? 0x2000 : 0) | ((fragment?.offset ?? 0) >> 3)
  const out = new ByteWriter()
    .u8(0x45).u8(packet.tos).u16(20 + body.length).u16(packet.identification).u16(flags).u8(packet.ttl).u8(protocol).u16(0)
    .put(source).put(destination)
  out.patch16(10, checksum(out.done()))
  return out.put(body).done()
}

function encodeTransport(payload: IpPayload, source: Uint8Array, destination: Uint8Array): Uint8Array {
  if (payload.kind === 'tcp') return encodeTcp(payload, source, destination)
  if (payload.kind === 'sctp') return encodeSctp(payload)
  if (payload.kind === 'ipip') return encodeIp(payload.packet)
  return payload.kind === 'udp' ? encodeUdp(payload, source, destination) : source.length === 4 ? encodeIcmp(payload) : encodeIcmp6(payload, source, destination)
}

/** `cut`: the packet is quoted in an ICMP error and may end early. Fragments keep their bytes as a datagram's data. */
export function decodeIp(bytes: Uint8Array, cut = false): IpPacket {
  const input = new ByteReader(bytes)
  const version = (bytes[0] ?? 0) >> 4
  if (version === 6) return decodeIpv6(input, cut)
  if (version !== 4) throw new WireError(`IP version ${version}`)
  const header = (input.u8() & 15) * 4
  const tos = input.u8()
  const length = input.u16()
  const identification = input.u16()
  const flags = input.u16()
  const ttl = input.u8()
  const protocol = input.u8()
  input.u16()
  const source = input.take(4)
  const destination = input.take(4)
  if (header < 20 || length < header || (!cut && length > bytes.length)) throw new WireError('bad IPv4 length')
  if (!cut && checksum(bytes.subarray(0, header)) !== 0) throw new WireError('bad IPv4 checksum')
  input.take(header - 20)
  const body = input.take(Math.min(length - header, input.left))
  const offset = (flags & 0x1fff) * 8
  const more = (flags & 0x2000) !== 0
  const fragment = offset > 0 || more ? { offset, more, length: body.length } : undefined
  const payload = fragment ? rawFragment(protocol, body) : decodeTransport(protocol, body, cut)
  return {
    kind: 'ip', version: 4, source: ipText(source), destination: ipText(destination), ttl, tos, identification,
    dontFragment: (flags & 0x4000) !== 0, ...(fragment && { fragment }), payload, meta: { mark: 0 },
  }
}

function decodeIpv6(input: ByteReader, cut: boolean): IpPacket {
  const first = input.u32()
  const length = input.u16()
  const protocol = input.u8()
  const ttl = input.u8()
  const source = ipText(input.take(16))
  const destination = ipText(input.take(16))
  const body = input.take(cut ? Math.min(length, input.left) : length)
  const common = { kind: 'ip', version: 6, source, destination, ttl, tos: (first >>> 20) & 255, meta: { mark: 0 } } as const
  if (protocol !== FRAGMENT) {
    const payload = protocol === ICMPV6 ? decodeIcmp6(body, cut) : decodeTransport(protocol, body, cut)
    return { ...common, identification: 0, dontFragment: true, payload }
  }
  const inner = new ByteReader(body)
  const next = inner.u8()
  inner.u8()
  const offset = inner.u16()
  const identification = inner.u32()
  const rest = inner.rest()
  return {
    ...common, identification, dontFragment: false, fragment: { offset: offset & 0xfff8, more: (offset & 1) === 1, length: rest.length },
    payload: rawFragment(next === ICMPV6 ? 1 : next, rest),
  }
}

function decodeTransport(protocol: number, body: Uint8Array, cut: boolean): IpPacket['payload'] {
  if (protocol === 6) return decodeTcp(body, cut)
  if (protocol === 17) return decodeUdp(body, cut)
  if (protocol === 1) return decodeIcmp(body, cut)
  if (protocol === 132) return decodeSctp(body, cut)
  if (protocol === 4) return { kind: 'ipip', packet: decodeIp(body, cut) }
  throw new WireError(`IP protocol ${protocol} is not simulated`)
}

/** A fragment read from a file: ports of the first one, and its bytes. */
function rawFragment(protocol: number, body: Uint8Array): IpPacket['payload'] {
  if (protocol === 1) return { kind: 'icmp', type: body[0] ?? 0, code: body[1] ?? 0, data: body.slice(4) }
  const port = (at: number): number => ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0)
  return { kind: 'udp', sourcePort: port(0), destinationPort: port(2), data: body.slice(8) }
}
