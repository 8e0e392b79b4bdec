import type { ArpPacket, Frame, IpPacket, VlanTag } from '../types.ts'
import { ipBytes, ipText, macBytes, macText } from './address-bytes.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'
import { decodeIp, encodeIp } from './ip.ts'

const ARP = 0x0806
const IPV4 = 0x0800
const IPV6 = 0x86dd
/** IEEE 802.1Q: the tag protocol identifiers of a VLAN, and of the outer one of two. */
const TAG_TYPES = { '802.1Q': 0x8100, '802.1ad': 0x88a8 } as const

/** Ethernet II frames, without padding and frame check sequence, as a packet socket sees them. */
export function encodeFrame(frame: Frame): Uint8Array {
  const out = new ByteWriter()
  out.put(macBytes(frame.destination)).put(macBytes(frame.source))
  for (const { id, priority, protocol } of frame.tags ?? []) out.u16(TAG_TYPES[protocol ?? '802.1Q']).u16(((priority ?? 0) << 13) | id)
  out.u16(etherType(frame.payload))
  return out.put(frame.payload.kind === 'arp' ? encodeArp(frame.payload) : encodeIp(frame.payload)).done()
}

export function etherType(payload: Frame['payload']): number {
  return payload.kind === 'arp' ? ARP : payload.version === 4 ? IPV4 : IPV6
}

/** Throws a {@link WireError} for what Podhop has no structure for. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const input = new ByteReader(bytes)
  const destination = macText(input.take(6))
  const source = macText(input.take(6))
  const tags: VlanTag[] = []
  let type = input.u16()
  while (type === TAG_TYPES['802.1Q'] || type === TAG_TYPES['802.1ad']) {
    const tci = input.u16()
    tags.push({ id: tci & 0xfff, ...(tci >> 13 ? { priority: tci >> 13 } : {}), ...(type === TAG_TYPES['802.1ad'] ? { protocol: '802.1ad' } : {}) })
    type = input.u16()
  }
  const payload = decodeFramePayload(type, input)
  return tags.length > 0 ? { source, destination, payload, tags } : { source, destination, payload }
}

export function decodeFramePayload(type: number, input: ByteReader): ArpPacket | IpPacket {
  if (type === ARP) return decodeArp(input)
  if (type === IPV4 || type === IPV6) return decodeIp(input.rest())
  throw new WireError(`EtherType 0x${type.toString(16)} is not simulated`)
}

/** RFC 826, for Ethernet and IPv4. */
function encodeArp(packet: ArpPacket): Uint8Array {
  return new ByteWriter()
    .u16(1).u16(IPV4).u8(6).u8(4).u16(packet.operation === 'request' ? 1 : 2)
    .put(macBytes(packet.senderMac)).put(ipBytes(packet.senderIp)).put(macBytes(packet.targetMac)).put(ipBytes(packet.targetIp))
    .done()
}

function decodeArp(input: ByteReader): ArpPacket {
  if (input.u16() !== 1 || input.u16() !== IPV4 || input.u8() !== 6 || input.u8() !== 4) throw new WireError('not ARP for Ethernet and IPv4')
  const operation = input.u16()
  if (operation !== 1 && operation !== 2) throw new WireError(`ARP operation ${operation} is not simulated`)
  return {
    kind: 'arp', operation: operation === 1 ? 'request' : 'reply', senderMac: macText(input.take(6)), senderIp: ipText(input.take(4)),
    targetMac: macText(input.take(6)), targetIp: ipText(input.take(4)),
  }
}
