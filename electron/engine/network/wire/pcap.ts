import type { Frame } from '../types.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'
import { ZERO_MAC } from '../packets.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import { decodeIp } from './ip.ts'

/** The classic capture file format with microseconds (draft-ietf-opsawg-pcap), link type Ethernet. */
const MAGIC = 0xa1b2c3d4
const LINKTYPE_ETHERNET = 1
/** IP packets without a link header, of tunnels such as tunl0. */
const LINKTYPE_RAW = 101
const ETHERNET_HEADER = 14
const SNAP_LENGTH = 262_144

export interface PcapFrame {
  /** Wall-clock ms since 1970, fractions allowed: `clock.epoch + captured.at`. */
  at: number
  frame: Frame
}

export function encodePcapHeader(raw = false): Uint8Array {
  return new ByteWriter().u32(MAGIC).u16(2).u16(4).u32(0).u32(0).u32(SNAP_LENGTH).u32(raw ? LINKTYPE_RAW : LINKTYPE_ETHERNET).done()
}

export function encodePcapFrame({ at, frame }: PcapFrame, raw = false): Uint8Array {
  const bytes = raw ? encodeFrame(frame).subarray(ETHERNET_HEADER) : encodeFrame(frame)
  const micros = Math.round(at * 1000)
  return new ByteWriter()
    .u32(Math.floor(micros / 1_000_000)).u32(micros % 1_000_000).u32(bytes.length).u32(bytes.length).put(bytes).done()
}

export function encodePcap(frames: Iterable<PcapFrame>): Uint8Array {
  const out = new ByteWriter().put(encodePcapHeader())
  for (const frame of frames) out.put(encodePcapFrame(frame))
  return out.done()
}

/** Reads a file of either byte order. Throws a {@link WireError} for what is no capture of Ethernet frames. */
export function decodePcap(bytes: Uint8Array): PcapFrame[] {
  if (bytes.length < 24) throw new WireError('truncated dump file; tried to read 24 file header bytes')
  const first = new ByteReader(bytes).u32()
  const swapped = first === 0xd4c3b2a1
  if (!swapped && first !== MAGIC) throw new WireError('unknown file format')
  const u32 = (at: number): number => {
    const b = bytes.subarray(at, at + 4)
    const [w, x, y, z] = swapped ? [b[3]!, b[2]!, b[1]!, b[0]!] : [b[0]!, b[1]!, b[2]!, b[3]!]
    return w * 0x1000000 + ((x << 16) | (y << 8) | z)
  }
  const raw = (u32(20) & 0xffff) === LINKTYPE_RAW
  if (!raw && (u32(20) & 0xffff) !== LINKTYPE_ETHERNET) throw new WireError(`link type ${u32(20)} is not simulated`)
  const frames: PcapFrame[] = []
  for (let at = 24; at < bytes.length;) {
    if (at + 16 > bytes.length) throw new WireError('truncated dump file')
    const length = u32(at + 8)
    if (at + 16 + length > bytes.length) throw new WireError('truncated dump file')
    frames.push({ at: u32(at) * 1000 + u32(at + 4) / 1000, frame: raw ? rawFrame(bytes.slice(at + 16, at + 16 + length)) : decodeFrame(bytes.slice(at + 16, at + 16 + length)) })
    at += 16 + length
  }
  return frames
}

function rawFrame(bytes: Uint8Array): Frame {
  return { source: ZERO_MAC, destination: ZERO_MAC, payload: decodeIp(bytes) }
}

/** Whether a capture file's link type is that of IP packets without a link header. */
export function isRawPcap(bytes: Uint8Array): boolean {
  return bytes.length >= 24 && (bytes[20] === LINKTYPE_RAW || bytes[23] === LINKTYPE_RAW)
}
