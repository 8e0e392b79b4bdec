import type { UdpDatagram, WireguardMessage } from '../types.ts'
import { ByteWriter, WireError } from './bytes.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import { encodeIp } from './ip.ts'

/** The port that Linux's VXLAN devices of flannel use, and IANA's (RFC 7348). */
const VXLAN_PORTS: ReadonlySet<number> = new Set([8472, 4789])
const GENEVE_PORT = 6081
/** Geneve's protocol type of Ethernet frames ("Trans Ether Bridging"). */
const ETHERNET = 0x6558

/** What tunnels carry in UDP, as bytes; undefined for a plain datagram. */
export function encodeTunnel({ vxlan, geneve, wireguard }: UdpDatagram): Uint8Array | undefined {
  if (vxlan) return new ByteWriter().u32(0x08000000).u32(vxlan.vni * 256).put(encodeFrame(vxlan.frame)).done()
  if (geneve) {
    const options = geneve.options ?? new Uint8Array(0)
    return new ByteWriter().u8(options.length / 4).u8(0).u16(ETHERNET).u32(geneve.vni * 256).put(options).put(encodeFrame(geneve.frame)).done()
  }
  return wireguard && encodeWireguard(wireguard)
}

/** Reads VXLAN and Geneve, each on its ports; a WireGuard message stays the bytes that it is to everybody on the way. */
export function decodeTunnel(port: number, data: Uint8Array): Pick<UdpDatagram, 'vxlan' | 'geneve'> | undefined {
  try {
    if (VXLAN_PORTS.has(port)) {
      if (data.length < 8 + 14 || data[0] !== 8) return undefined
      return { vxlan: { vni: vniOf(data), frame: decodeFrame(data.slice(8)) } }
    }
    if (port !== GENEVE_PORT) return undefined
    const header = 8 + (data[0]! & 0x3f) * 4
    if (data.length < header + 14 || data[0]! >> 6 !== 0 || ((data[2]! << 8) | data[3]!) !== ETHERNET) return undefined
    const options = data.slice(8, header)
    return { geneve: { vni: vniOf(data), ...(options.length > 0 && { options }), frame: decodeFrame(data.slice(header)) } }
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}

function vniOf(data: Uint8Array): number {
  return (data[4]! << 16) | (data[5]! << 8) | data[6]!
}

/** Header fields that are not secret stand where they must; everything else is noise in place of cryptography. */
function encodeWireguard(message: WireguardMessage): Uint8Array {
  const out = new ByteWriter()
  switch (message.type) {
    case 'initiation':
      return out.u32(0x01000000).put(little32(message.sender)).put(noise(message.sender, 124)).put(new Uint8Array(16)).done()
    case 'response':
      return out.u32(0x02000000).put(little32(message.sender)).put(little32(message.receiver)).put(noise(message.sender, 64)).put(new Uint8Array(16)).done()
    case 'data': {
      const length = message.packet ? (encodeIp(message.packet).length + 15) & ~15 : 0
      return out.u32(0x04000000).put(little32(message.receiver)).put(little32(message.counter)).u32(0)
        .put(noise(message.receiver ^ Math.imul(message.counter + 1, 0x9e3779b1), length + 16)).done()
    }
  }
}

/** Bytes that look like ciphertext; the same ones for the same message. */
function noise(seed: number, length: number): Uint8Array {
  const out = new Uint8Array(length)
  let state = (seed ^ 0x2545f491) >>> 0 || 1
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    out[i] = state >>> 8
  }
  return out
}

function little32(value: number): Uint8Array {
  return Uint8Array.of(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24)
}
