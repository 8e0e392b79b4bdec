import { BROADCAST_MAC, ZERO_MAC } from '../packets.ts'
import type { Frame, LinkKind, Mac } from '../types.ts'
import { macBytes, macText } from './address-bytes.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'
import { decodeFrame, decodeFramePayload, encodeFrame, etherType } from './frame.ts'
import { decodeIp } from './ip.ts'

/** What stands before the network layer in a capture file (the LINKTYPE_ values of https://www.tcpdump.org/linktypes.html). */
export type LinkType = 'ethernet' | 'raw' | 'sll2'

export const LINK_TYPES: Readonly<Record<LinkType, number>> = { ethernet: 1, raw: 101, sll2: 276 }

/** Of packets from several interfaces (LINKTYPE_LINUX_SLL2): where and how one was seen. */
export interface Cooked {
  /** ifindex */
  index: number
  /** ARPHRD_ of the interface. */
  hardware: number
  /** PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST, PACKET_OUTGOING (packet(7)). */
  kind: 0 | 1 | 2 | 3 | 4
}

const ETHERNET_HEADER = 14

/** Tunnels that carry IP packets without a link header, and so have no addresses of that layer. */
export function linkTypeOf(kind: LinkKind | undefined): 'ethernet' | 'raw' {
  return kind === 'ipip' || kind === 'wireguard' ? 'raw' : 'ethernet'
}

/** How the packet socket of "any" sees a frame on a link (if_arp.h, packet(7)). */
export function cookedOf(link: { index: number; kind: LinkKind; mac: Mac; name: string }, frame: Frame, direction: 'in' | 'out'): Cooked {
  const hardware = link.kind === 'loopback' ? 772 : link.kind === 'ipip' ? 768 : link.kind === 'wireguard' ? 0xfffe : 1
  const to = frame.destination
  const kind = direction === 'out' ? 4
    : to === BROADCAST_MAC ? 1
    : isGroup(to) ? 2
    : hardware !== 1 || to === link.mac ? 0 : 3
  return { index: link.index, hardware, kind }
}

export const isGroup = (mac: Mac): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1

export function encodeLinkLayer(frame: Frame, type: LinkType, cooked?: Cooked): Uint8Array {
  const bytes = encodeFrame(frame)
  if (type === 'ethernet') return bytes
  if (type === 'raw') return bytes.subarray(ETHERNET_HEADER)
  // libpcap has no place for tags here
  const header = ETHERNET_HEADER + 4 * (frame.tags?.length ?? 0)
  const { index, hardware, kind } = cooked ?? { index: 0, hardware: 1, kind: 0 }
  const out = new ByteWriter().u16(etherType(frame.payload)).u16(0).u32(index).u16(hardware).u8(kind)
  const has = hardware === 1 || hardware === 772
  return out.u8(has ? 6 : 0).put(has ? macBytes(frame.source) : new Uint8Array(6)).u16(0).put(bytes.subarray(header)).done()
}

/** Throws a {@link WireError} for what Podhop has no structure for. */
export function decodeLinkLayer(bytes: Uint8Array, type: LinkType): { frame: Frame; cooked?: Cooked } {
  if (type === 'ethernet') return { frame: decodeFrame(bytes) }
  if (type === 'raw') return { frame: { source: ZERO_MAC, destination: ZERO_MAC, payload: decodeIp(bytes) } }
  const input = new ByteReader(bytes)
  const protocol = input.u16()
  input.u16()
  const index = input.u32()
  const hardware = input.u16()
  const kind = input.u8()
  if (kind > 4) throw new WireError(`packet type ${kind} is not simulated`)
  input.u8()
  const source = macText(input.take(6))
  input.u16()
  const frame: Frame = { source, destination: kind === 1 ? BROADCAST_MAC : ZERO_MAC, payload: decodeFramePayload(protocol, input) }
  return { frame, cooked: { index, hardware, kind: kind as Cooked['kind'] } }
}

export function linkTypeNamed(value: number): LinkType {
  for (const [name, number] of Object.entries(LINK_TYPES)) if (number === value) return name as LinkType
  throw new WireError(`link type ${value} is not simulated`)
}
