import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { Frame, Ip, Mac } from '../types.ts'
import { ipBytes, ipText, macBytes, macText } from './address-bytes.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'
import { decodeLinkLayer, encodeLinkLayer, LINK_TYPES, linkTypeNamed, type Cooked, type LinkType } from './link-layer.ts'

/** The capture file format of many interfaces with comments (draft-ietf-opsawg-pcapng): one section, big-endian. */
const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE_DESCRIPTION = 1
const ENHANCED_PACKET = 6
const BYTE_ORDER = 0x1a2b3c4d
const SNAP_LENGTH = 262_144

const OPTION = { end: 0, comment: 1, hardware: 2, os: 3, application: 4, name: 2, description: 3, ipv4: 4, ipv6: 5, mac: 6, resolution: 9, flags: 2 } as const
/** 10^-9 s */
const NANOSECONDS = 9

export interface CaptureInterface {
  /** "worker-1/eth0" */
  name: string
  description?: string
  linkType: LinkType
  mac?: Mac
  addresses?: readonly { address: Ip; prefixLength: number }[]
}

export interface CapturePacket {
  /** Place in the list of interfaces. */
  interface: number
  /** Wall-clock ms since 1970. */
  at: number
  frame: Frame
  cooked?: Cooked
  direction?: 'in' | 'out'
  comments: readonly string[]
}

export interface CaptureSection {
  hardware?: string
  os?: string
  application?: string
  interfaces: readonly CaptureInterface[]
  packets: readonly CapturePacket[]
}

export function isPcapng(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new ByteReader(bytes).u32() === SECTION_HEADER
}

// ---- writing -----------------------------------------------------------------------------------------------------------

export function encodePcapng(section: CaptureSection): Uint8Array {
  const out = new ByteWriter()
  const head = new ByteWriter().u32(BYTE_ORDER).u16(1).u16(0).u32(0xffffffff).u32(0xffffffff)
  text(head, OPTION.hardware, section.hardware)
  text(head, OPTION.os, section.os)
  text(head, OPTION.application, section.application)
  block(out, SECTION_HEADER, head)
  for (const link of section.interfaces) block(out, INTERFACE_DESCRIPTION, interfaceBlock(link))
  for (const packet of section.packets) block(out, ENHANCED_PACKET, packetBlock(packet, section.interfaces[packet.interface]!.linkType))
  return out.done()
}

function interfaceBlock(link: CaptureInterface): ByteWriter {
  const body = new ByteWriter().u16(LINK_TYPES[link.linkType]).u16(0).u32(SNAP_LENGTH)
  text(body, OPTION.name, link.name)
  text(body, OPTION.description, link.description)
  for (const { address, prefixLength } of link.addresses ?? []) {
    if (address.includes(':')) option(body, OPTION.ipv6, new ByteWriter().put(ipBytes(address)).u8(prefixLength).done())
    else option(body, OPTION.ipv4, new ByteWriter().put(ipBytes(address)).u32(prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0).done())
  }
  if (link.mac !== undefined) option(body, OPTION.mac, macBytes(link.mac))
  option(body, OPTION.resolution, Uint8Array.of(NANOSECONDS))
  return body
}

function packetBlock(packet: CapturePacket, linkType: LinkType): ByteWriter {
  const bytes = encodeLinkLayer(packet.frame, linkType, packet.cooked)
  // whole ms and their fraction apart: nanoseconds since 1970 do not fit a double
  const whole = Math.floor(packet.at)
  const nanos = BigInt(whole) * 1_000_000n + BigInt(Math.round((packet.at - whole) * 1_000_000))
  const body = new ByteWriter().u32(packet.interface).u32(Number(nanos >> 32n)).u32(Number(nanos & 0xffffffffn)).u32(bytes.length).u32(bytes.length)
  padded(body, bytes)
  for (const comment of packet.comments) text(body, OPTION.comment, comment)
  if (packet.direction) option(body, OPTION.flags, Uint8Array.of(0, 0, 0, packet.direction === 'in' ? 1 : 2))
  return body
}

/** Type, length, body, the end of its options, length again; a multiple of four. */
function block(out: ByteWriter, type: number, body: ByteWriter): void {
  option(body, OPTION.end, new Uint8Array(0))
  const bytes = body.done()
  out.u32(type).u32(bytes.length + 12).put(bytes).u32(bytes.length + 12)
}

function text(out: ByteWriter, code: number, value: string | undefined): void {
  if (value !== undefined) option(out, code, encodeUtf8(value).subarray(0, 0xffff))
}

function option(out: ByteWriter, code: number, value: Uint8Array): void {
  padded(out.u16(code).u16(value.length), value)
}

function padded(out: ByteWriter, bytes: Uint8Array): void {
  out.put(bytes)
  for (let i = bytes.length; i % 4 !== 0; i++) out.u8(0)
}

// ---- reading -----------------------------------------------------------------------------------------------------------

/** Reads what {@link encodePcapng} writes. Throws a {@link WireError} for other byte orders and broken blocks. */
export function decodePcapng(bytes: Uint8Array): CaptureSection {
  const input = new ByteReader(bytes)
  const interfaces: CaptureInterface[] = []
  const packets: CapturePacket[] = []
  const section: { hardware?: string; os?: string; application?: string } = {}
  while (input.left > 0) {
    const type = input.u32()
    const length = input.u32()
    if (length % 4 !== 0 || length < 12) throw new WireError(`block length ${length} is no multiple of four`)
    const body = new ByteReader(input.take(length - 12))
    if (input.u32() !== length) throw new WireError('a block ends with another length than it begins with')
    if (type === SECTION_HEADER) {
      if (body.u32() !== BYTE_ORDER) throw new WireError('pcapng files of little-endian machines are not simulated')
      body.take(12)
      for (const { code, value } of options(body)) {
        if (code === OPTION.hardware) section.hardware = decodeUtf8(value)
        if (code === OPTION.os) section.os = decodeUtf8(value)
        if (code === OPTION.application) section.application = decodeUtf8(value)
      }
    } else if (type === INTERFACE_DESCRIPTION) interfaces.push(readInterface(body))
    else if (type === ENHANCED_PACKET) packets.push(readPacket(body, interfaces))
  }
  return { ...section, interfaces, packets }
}

function readInterface(body: ByteReader): CaptureInterface {
  const linkType = linkTypeNamed(body.u16())
  body.take(6)
  const link: CaptureInterface & { addresses: { address: Ip; prefixLength: number }[] } = { name: '', linkType, addresses: [] }
  for (const { code, value } of options(body)) {
    if (code === OPTION.name) link.name = decodeUtf8(value)
    if (code === OPTION.description) link.description = decodeUtf8(value)
    if (code === OPTION.mac) link.mac = macText(value)
    if (code === OPTION.ipv4) link.addresses.push({ address: ipText(value.slice(0, 4)), prefixLength: 32 - trailingZeros(new ByteReader(value, 4).u32()) })
    if (code === OPTION.ipv6) link.addresses.push({ address: ipText(value.slice(0, 16)), prefixLength: value[16]! })
  }
  return link
}

function trailingZeros(mask: number): number {
  let zeros = 0
  while (zeros < 32 && (mask & (1 << zeros)) === 0) zeros++
  return zeros
}

function readPacket(body: ByteReader, interfaces: readonly CaptureInterface[]): CapturePacket {
  const index = body.u32()
  const link = interfaces[index]
  if (!link) throw new WireError(`a packet of interface ${index}, of which there is no description`)
  const nanos = (BigInt(body.u32()) << 32n) | BigInt(body.u32())
  const length = body.u32()
  body.u32()
  const bytes = body.take(length)
  body.take((4 - (length % 4)) % 4)
  const comments: string[] = []
  let direction: 'in' | 'out' | undefined
  for (const { code, value } of options(body)) {
    if (code === OPTION.comment) comments.push(decodeUtf8(value))
    if (code === OPTION.flags) direction = ([undefined, 'in', 'out'] as const)[value[3]! & 3]
  }
  const at = Number(nanos / 1_000_000n) + Number(nanos % 1_000_000n) / 1_000_000
  return { interface: index, at, ...decodeLinkLayer(bytes, link.linkType), ...(direction && { direction }), comments }
}

function* options(body: ByteReader): Iterable<{ code: number; value: Uint8Array }> {
  while (body.left >= 4) {
    const code = body.u16()
    const length = body.u16()
    if (code === OPTION.end) return
    const value = body.take(length)
    body.take((4 - (length % 4)) % 4)
    yield { code, value }
  }
}
