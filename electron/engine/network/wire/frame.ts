import type { ArpPacket, Frame, IpPacket } from '../types.ts'
import { ipBytes, ipText, macBytes, macText } from './address-bytes.ts'
import { ByteReader, ByteWriter, WireError } from './bytes.ts'
import { decodeIp, encodeIp } from './ip.ts'

const ARP = 0x0806
const IPV4 = 0x0800
const IPV6 = 0x86dd

/** Ethernet II frames, without padding and frame check sequence, as a packet socket sees them. */
export function encodeFrame(frame: Frame): Uint8Array {
  const out = new ByteWriter()
  out.put(macBytes(frame.destination)).put(macBytes(frame.source))
  if (frame.payload.kind === 'arp') return out.u16(ARP).put(encodeArp(frame.payload)).done()
  return out.u16(frame.payload.version === 4 ? IPV4 : IPV6).put(encodeIp(frame.payload)).done()
}

/** Throws a {@link WireError} for what Podhop has no structure for. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const input = new ByteReader(bytes)
  const destination = macText(input.take(6))
  const source = macText(input.take(6))
  const type = input.u16()
  let payload: ArpPacket | IpPacket
  if (type === ARP) payload = decodeArp(input)
  else if (type === IPV4 || type === IPV6) payload = decodeIp(input.rest())
  else throw new WireError(`EtherType 0x${type.toString(16)} is not simulated`)
  return { source, destination, payload }
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
