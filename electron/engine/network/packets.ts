import type { ArpPacket, Frame, IcmpMessage, IpPacket, Mac, PacketMeta, TcpSegment, UdpDatagram } from './types.ts'

/** Lengths and copies of packets that are kept as structures. */

export const BROADCAST_MAC: Mac = 'ff:ff:ff:ff:ff:ff'
export const ZERO_MAC: Mac = '00:00:00:00:00:00'
export const ETHERNET_HEADER = 14
export const NO_DATA = new Uint8Array(0)

/** A fragment's payload is kept whole; this says how much of it the fragment carries. */
export function transportLength(payload: TcpSegment | UdpDatagram | IcmpMessage): number {
  switch (payload.kind) {
    case 'tcp':
      return 20 + (payload.mss === undefined ? 0 : 4) + payload.data.length
    case 'udp':
      return 8 + (payload.vxlan ? 8 + frameLength(payload.vxlan.frame) : payload.data.length)
    case 'icmp':
      // RFC 1812 4.3.2.3: an error carries as much of the packet as fits into 576 bytes.
      return 8 + (payload.about ? Math.min(ipLength(payload.about), 548) : payload.data.length)
  }
}

/** Length of the IP packet, header included: what an MTU is compared with. */
export function ipLength(packet: IpPacket): number {
  const header = packet.version === 4 ? 20 : 40
  return header + (packet.fragment?.length ?? transportLength(packet.payload))
}

export function frameLength(frame: Frame): number {
  return ETHERNET_HEADER + (frame.payload.kind === 'arp' ? 28 : ipLength(frame.payload))
}

/** Bytes of the application in it, for journeys. */
export function dataLength(packet: IpPacket): number {
  return packet.payload.kind === 'udp' && packet.payload.vxlan ? 0 : packet.payload.data.length
}

/** A copy that NAT and forwarding may change without the original seeing it; data bytes are shared. */
export function copyPacket(packet: IpPacket): IpPacket {
  return { ...packet, payload: copyPayload(packet.payload), meta: { ...packet.meta } }
}

function copyPayload<T extends IpPacket['payload']>(payload: T): T {
  if (payload.kind === 'udp' && payload.vxlan) {
    return { ...payload, vxlan: { vni: payload.vxlan.vni, frame: copyFrame(payload.vxlan.frame) } }
  }
  if (payload.kind === 'icmp' && payload.about) return { ...payload, about: copyPacket(payload.about) }
  return { ...payload }
}

export function copyFrame(frame: Frame): Frame {
  const payload: ArpPacket | IpPacket = frame.payload.kind === 'arp' ? { ...frame.payload } : copyPacket(frame.payload)
  return { source: frame.source, destination: frame.destination, payload }
}

/** What a packet may carry into another network namespace (skb_scrub_packet in net/core/skbuff.c). */
export function scrubbed(meta: PacketMeta): PacketMeta {
  return { mark: 0, trail: meta.trail }
}

/** The group bit of the first octet: broadcast and multicast. */
export function isGroupMac(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1
}
