import type { Frame } from '../types.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'
import { decodeLinkLayer, encodeLinkLayer, LINK_TYPES, linkTypeNamed, type Cooked, type LinkType } from './link-layer.ts'
import { decodePcapng, isPcapng } from './pcapng.ts'

/** The classic capture file format with microseconds (draft-ietf-opsawg-pcap). */
const MAGIC = 0xa1b2c3d4
const SNAP_LENGTH = 262_144

export interface PcapFrame {
  /** Wall-clock ms since 1970, fractions allowed: `clock.epoch + captured.at`. */
  at: number
  frame: Frame
  /** Of link type sll2 only. */
  cooked?: Cooked
}

export function encodePcapHeader(type: LinkType = 'ethernet'): Uint8Array {
  return new ByteWriter().u32(MAGIC).u16(2).u16(4).u32(0).u32(0).u32(SNAP_LENGTH).u32(LINK_TYPES[type]).done()
}

export function encodePcapFrame({ at, frame, cooked }: PcapFrame, type: LinkType = 'ethernet'): Uint8Array {
  const bytes = encodeLinkLayer(frame, type, cooked)
  const micros = Math.round(at * 1000)
  return new ByteWriter()
    .u32(Math.floor(micros / 1_000_000)).u32(micros % 1_000_000).u32(bytes.length).u32(bytes.length).put(bytes).done()
}

export function encodePcap(frames: Iterable<PcapFrame>, type: LinkType = 'ethernet'): Uint8Array {
  const out = new ByteWriter().put(encodePcapHeader(type))
  for (const frame of frames) out.put(encodePcapFrame(frame, type))
  return out.done()
}

export interface CaptureFile {
  linkType: LinkType
  frames: PcapFrame[]
}

/**
 * Reads a file of either byte order, and a pcapng file whose interfaces are all of one link type. Throws a
 * {@link WireError}, in libpcap's words, for what it cannot read.
 */
export function decodeCapture(bytes: Uint8Array): CaptureFile {
  if (isPcapng(bytes)) {
    const { interfaces, packets } = decodePcapng(bytes)
    const linkType = interfaces[0]?.linkType ?? 'ethernet'
    const other = interfaces.find((i) => i.linkType !== linkType)
    if (other) throw new WireError(`an interface has a type ${LINK_TYPES[other.linkType]} different from the type of the first interface`)
    return { linkType, frames: packets.map(({ at, frame, cooked }) => ({ at, frame, ...(cooked && { cooked }) })) }
  }
  if (bytes.length < 24) throw new WireError('truncated dump file; tried to read 24 file header bytes')
  const first = new ByteReader(bytes).u32()
  const swapped = first === 0xd4c3b2a1
  if (!swapped && first !== MAGIC) throw new WireError('unknown file format')
  const u32 = (at: number): number => {
    const b = bytes.subarray(at, at + 4)
    const [w, x, y, z] = swapped ? [b[3]!, b[2]!, b[1]!, b[0]!] : [b[0]!, b[1]!, b[2]!, b[3]!]
    return w * 0x1000000 + ((x << 16) | (y << 8) | z)
  }
  const linkType = linkTypeNamed(u32(20) & 0xffff)
  const frames: PcapFrame[] = []
  for (let at = 24; at < bytes.length;) {
    if (at + 16 > bytes.length) throw new WireError('truncated dump file')
    const length = u32(at + 8)
    if (at + 16 + length > bytes.length) throw new WireError('truncated dump file')
    frames.push({ at: u32(at) * 1000 + u32(at + 4) / 1000, ...decodeLinkLayer(bytes.slice(at + 16, at + 16 + length), linkType) })
    at += 16 + length
  }
  return { linkType, frames }
}

export const decodePcap = (bytes: Uint8Array): PcapFrame[] => decodeCapture(bytes).frames
