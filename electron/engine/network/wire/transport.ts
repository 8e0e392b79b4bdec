import type { TcpFlags, TcpSegment, UdpDatagram } from '../types.ts'
import { tcpHeaderLength } from '../packets.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'
import { checksum, pseudoHeader } from './checksum.ts'
import { decodeTunnel, encodeTunnel } from './tunnels.ts'

const FLAGS: readonly (keyof TcpFlags)[] = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg']

/** RFC 9293 section 3.1; options in Linux's order (net/ipv4/tcp_output.c tcp_options_write). */
export function encodeTcp(segment: TcpSegment, source: Uint8Array, destination: Uint8Array): Uint8Array {
  const header = tcpHeaderLength(segment)
  let bits = 0
  FLAGS.forEach((flag, i) => {
    if (segment.flags[flag]) bits |= 1 << i
  })
  const out = new ByteWriter()
    .u16(segment.sourcePort).u16(segment.destinationPort).u32(segment.sequence).u32(segment.acknowledgement)
    .u8((header / 4) << 4).u8(bits).u16(segment.window).u16(0).u16(0)
  encodeOptions(segment, out)
  out.put(segment.data)
  out.patch16(16, checksum(out.done(), pseudoHeader(source, destination, 6, out.length)))
  return out.done()
}

function encodeOptions({ flags, mss, timestamp, echo, sackPermitted, windowScale, sack }: TcpSegment, out: ByteWriter): void {
  const opens = flags.syn === true
  if (opens && mss !== undefined) out.u8(2).u8(4).u16(mss)
  if (opens && sackPermitted) (timestamp === undefined ? out.u8(1).u8(1) : out).u8(4).u8(2)
  else if (timestamp !== undefined) out.u8(1).u8(1)
  if (timestamp !== undefined) out.u8(8).u8(10).u32(timestamp).u32(echo ?? 0)
  if (opens && windowScale !== undefined) out.u8(1).u8(3).u8(3).u8(windowScale)
  if (opens || sack === undefined) return
  out.u8(1).u8(1).u8(5).u8(2 + 8 * sack.length)
  for (const [from, to] of sack) out.u32(from).u32(to)
}

function decodeOption(kind: number, value: Uint8Array, segment: TcpSegment): void {
  const field = new ByteReader(value)
  if (kind === 8 && value.length === 8) {
    segment.timestamp = field.u32()
    segment.echo = field.u32()
  } else if (segment.flags.syn) {
    if (kind === 2 && value.length === 2) segment.mss = field.u16()
    if (kind === 3 && value.length === 1) segment.windowScale = field.u8()
    if (kind === 4 && value.length === 0) segment.sackPermitted = true
  } else if (kind === 5 && value.length > 0 && value.length % 8 === 0) {
    segment.sack = Array.from({ length: value.length / 8 }, () => [field.u32(), field.u32()] as const)
  }
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
    decodeOption(kind, options.take(length - 2), segment)
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
