import type { TcpFlags, TcpSegment, UdpDatagram } from '../types.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'
import { checksum, pseudoHeader } from './checksum.ts'
import { decodeTunnel, encodeTunnel } from './tunnels.ts'

const FLAGS: readonly (keyof TcpFlags)[] = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg']

/** RFC 9293 section 3.1; of the options only MSS. */
export function encodeTcp(segment: TcpSegment, source: Uint8Array, destination: Uint8Array): Uint8Array {
  const header = segment.mss === undefined ? 20 : 24
  let bits = 0
  FLAGS.forEach((flag, i) => {
    if (segment.flags[flag]) bits |= 1 << i
  })
  const out = new ByteWriter()
    .u16(segment.sourcePort).u16(segment.destinationPort).u32(segment.sequence).u32(segment.acknowledgement)
    .u8((header / 4) << 4).u8(bits).u16(segment.window).u16(0).u16(0)
  if (segment.mss !== undefined) out.u8(2).u8(4).u16(segment.mss)
  out.put(segment.data)
  out.patch16(16, checksum(out.done(), pseudoHeader(source, destination, 6, out.length)))
  return out.done()
}

export function decodeTcp(bytes: Uint8Array, cut: boolean): TcpSegment {
  const input = new ByteReader(bytes)
  const sourcePort = input.u16()
  const destinationPort = input.u16()
  const sequence = input.u32()
  const segment: TcpSegment = {
    kind: 'tcp', sourcePort, destinationPort, sequence, acknowledgement: 0, flags: {}, window: 0, data: new Uint8Array(0),
  }
  // RFC 792 promises eight bytes of a quoted packet, no more.
  if (cut && input.left < 12) return segment
  segment.acknowledgement = input.u32()
  const header = (input.u8() >> 4) * 4
  const bits = input.u8()
  FLAGS.forEach((flag, i) => {
    if (bits & (1 << i)) segment.flags[flag] = true
  })
  segment.window = input.u16()
  input.u32()
  if (header < 20 || (!cut && header > bytes.length)) throw new WireError('bad TCP header length')
  const options = new ByteReader(input.take(Math.min(header - 20, input.left)))
  while (options.left > 0) {
    const kind = options.u8()
    if (kind === 0) break
    if (kind === 1) continue
    if (options.left < 1) break
    const length = options.u8()
    if (length < 2 || options.left < length - 2) throw new WireError('bad TCP option')
    const value = options.take(length - 2)
    if (kind === 2 && value.length === 2) segment.mss = (value[0]! << 8) | value[1]!
  }
  segment.data = input.rest()
  return segment
}

/** RFC 768; what a tunnel carries becomes bytes. VXLAN and Geneve over IPv4 go without a checksum; IPv6 must have one. */
export function encodeUdp(datagram: UdpDatagram, source: Uint8Array, destination: Uint8Array): Uint8Array {
  const data = encodeTunnel(datagram) ?? datagram.data
  const out = new ByteWriter().u16(datagram.sourcePort).u16(datagram.destinationPort).u16(8 + data.length).u16(0).put(data)
  if ((!datagram.vxlan && !datagram.geneve) || source.length === 16) {
    const sum = checksum(out.done(), pseudoHeader(source, destination, 17, out.length))
    out.patch16(6, sum === 0 ? 0xffff : sum)
  }
  return out.done()
}

export function decodeUdp(bytes: Uint8Array, cut: boolean): UdpDatagram {
  const input = new ByteReader(bytes)
  const sourcePort = input.u16()
  const destinationPort = input.u16()
  const length = input.u16()
  input.u16()
  if (length < 8 || (!cut && length > bytes.length)) throw new WireError('bad UDP length')
  const data = input.take(Math.min(length - 8, input.left))
  const tunnel = cut ? undefined : decodeTunnel(destinationPort, data)
  return { kind: 'udp', sourcePort, destinationPort, data: tunnel ? new Uint8Array(0) : data, ...tunnel }
}
