import type { ArpPacket, Frame, IpPacket, IpPayload, Mac, PacketMeta, SctpChunk, SctpPacket, TcpSegment, UdpDatagram } from './types.ts'

/** Lengths and copies of packets that are kept as structures. */

export const BROADCAST_MAC: Mac = 'ff:ff:ff:ff:ff:ff'
export const ZERO_MAC: Mac = '00:00:00:00:00:00'
export const ETHERNET_HEADER = 14
export const NO_DATA = new Uint8Array(0)

/** A fragment's payload is kept whole; this says how much of it the fragment carries. */
export function transportLength(payload: IpPayload): number {
  switch (payload.kind) {
    case 'tcp':
      return tcpHeaderLength(payload) + payload.data.length
    case 'udp':
      return 8 + datagramLength(payload)
    case 'sctp':
      return payload.chunks.reduce((sum, chunk) => sum + paddedChunk(chunk), 12)
    case 'ipip':
      return ipLength(payload.packet)
    case 'icmp':
      // RFC 1812 4.3.2.3: an error carries as much of the packet as fits into 576 bytes.
      // RFC 4443 2.4 (c): 1280 bytes in IPv6.
      if (payload.about) return 8 + Math.min(ipLength(payload.about), payload.about.version === 4 ? 548 : 1232)
      return 8 + (payload.nd ? 16 + (payload.nd.mac === undefined ? 0 : 8) : payload.data.length)
  }
}

/** With its options as Linux lays them out (tcp_options_write): each padded to four bytes, SACK-permitted beside the timestamps. */
export function tcpHeaderLength(segment: TcpSegment): number {
  const length = segment.timestamp === undefined ? 20 : 32
  if (segment.flags.syn !== true) return segment.sack === undefined ? length : length + 4 + 8 * segment.sack.length
  return length + (segment.mss === undefined ? 0 : 4) + (segment.sackPermitted && length === 20 ? 4 : 0) + (segment.windowScale === undefined ? 0 : 4)
}

/** Whether an option of this number is among them, the padding too (xt_tcpudp's --tcp-option). */
export function hasTcpOption({ flags, mss, timestamp, sackPermitted, windowScale, sack }: TcpSegment, number: number): boolean {
  const opens = flags.syn === true
  switch (number) {
    case 1: return opens ? windowScale !== undefined || (timestamp !== undefined) !== (sackPermitted === true) : timestamp !== undefined || sack !== undefined
    case 2: return opens && mss !== undefined
    case 3: return opens && windowScale !== undefined
    case 4: return opens && sackPermitted === true
    case 5: return !opens && sack !== undefined
    case 8: return timestamp !== undefined
    default: return false
  }
}

/** Whether a tunnel's frame or message is in it, in the place of data: to look for fields that are not there takes V8 long. */
export function tunnels(datagram: UdpDatagram): boolean {
  return datagram.data.length === 0 && (datagram.vxlan ?? datagram.geneve ?? datagram.wireguard) !== undefined
}

function datagramLength(payload: UdpDatagram): number {
  if (!tunnels(payload)) return payload.data.length
  if (payload.vxlan) return 8 + frameLength(payload.vxlan.frame)
  if (payload.geneve) return 8 + (payload.geneve.options?.length ?? 0) + frameLength(payload.geneve.frame)
  return payload.wireguard ? wireguardLength(payload.wireguard) : payload.data.length
}

/** Data is padded to a multiple of 16 and carries a tag of 16 bytes. */
function wireguardLength(message: NonNullable<UdpDatagram['wireguard']>): number {
  if (message.type === 'initiation') return 148
  if (message.type === 'response') return 92
  return 32 + (message.packet ? (ipLength(message.packet) + 15) & ~15 : 0)
}

/** RFC 9260 3.2 and 3.3: the chunk's own length, which does not count its padding. */
function chunkLength(chunk: SctpChunk): number {
  switch (chunk.type) {
    case 'init':
    case 'init-ack': return 20 + (chunk.cookie ? 4 + chunk.cookie.length : 0)
    case 'cookie-echo': return 4 + chunk.cookie.length
    case 'data': return 16 + chunk.data.length
    case 'sack': return 16
    case 'heartbeat':
    case 'heartbeat-ack': return 8 + chunk.info.length
    case 'shutdown': return 8
    default: return 4
  }
}

const paddedChunk = (chunk: SctpChunk): number => (chunkLength(chunk) + 3) & ~3

/** The payload where it has ports. */
export function ported(payload: IpPayload): TcpSegment | UdpDatagram | SctpPacket | undefined {
  return payload.kind === 'icmp' || payload.kind === 'ipip' ? undefined : payload
}

/** Length of the IP packet, header included: what an MTU is compared with. */
export function ipLength(packet: IpPacket): number {
  const header = packet.version === 4 ? 20 : packet.fragment ? 48 : 40
  return header + (packet.fragment?.length ?? transportLength(packet.payload))
}

export function frameLength(frame: Frame): number {
  return ETHERNET_HEADER + (frame.tags === undefined ? 0 : 4 * frame.tags.length) + payloadLength(frame)
}

/** What an MTU is compared with: the header and its tags do not count. */
export function payloadLength({ payload }: Frame): number {
  return payload.kind === 'arp' ? 28 : ipLength(payload)
}

/** Bytes of the application in it, for journeys. */
export function dataLength(packet: IpPacket): number {
  const { payload } = packet
  switch (payload.kind) {
    case 'ipip': return 0
    case 'sctp': return payload.chunks.reduce((sum, chunk) => sum + (chunk.type === 'data' ? chunk.data.length : 0), 0)
    default: return payload.data.length
  }
}

/** A copy that NAT and forwarding may change without the original seeing it; data bytes are shared. */
export function copyPacket(packet: IpPacket): IpPacket {
  return { ...packet, payload: copyPayload(packet.payload), meta: { ...packet.meta } }
}

function copyPayload(payload: IpPayload): IpPayload {
  if (payload.kind === 'udp' && tunnels(payload)) return copyTunnel(payload)
  if (payload.kind === 'ipip') return { ...payload, packet: copyPacket(payload.packet) }
  if (payload.kind === 'icmp' && payload.about) return { ...payload, about: copyPacket(payload.about) }
  return { ...payload }
}

function copyTunnel(payload: UdpDatagram): UdpDatagram {
  if (payload.vxlan) return { ...payload, vxlan: { vni: payload.vxlan.vni, frame: copyFrame(payload.vxlan.frame) } }
  if (payload.geneve) return { ...payload, geneve: { ...payload.geneve, frame: copyFrame(payload.geneve.frame) } }
  if (payload.wireguard?.type === 'data' && payload.wireguard.packet) return { ...payload, wireguard: { ...payload.wireguard, packet: copyPacket(payload.wireguard.packet) } }
  return { ...payload }
}

export function copyFrame(frame: Frame): Frame {
  const payload: ArpPacket | IpPacket = frame.payload.kind === 'arp' ? { ...frame.payload } : copyPacket(frame.payload)
  return frame.tags === undefined ? { source: frame.source, destination: frame.destination, payload } : { source: frame.source, destination: frame.destination, payload, tags: frame.tags }
}

/** What a packet may carry into another network namespace (skb_scrub_packet in net/core/skbuff.c). */
export function scrubbed(meta: PacketMeta): PacketMeta {
  return metaOf(0, meta.trail)
}

/** Written out field by field: every stage of every packet's way looks at it, which is quickest when all have the same layout in memory. */
export function metaOf(mark = 0, trail?: PacketMeta['trail'], owner?: PacketMeta['owner']): PacketMeta {
  return {
    mark, trail, owner, connection: undefined, state: undefined, direction: undefined, inInterface: undefined, sourceMac: undefined, physIn: undefined, physOut: undefined,
    nextHop: undefined, tunnel: undefined, boundTo: undefined, ipvs: undefined, largestFragment: undefined,
  }
}

/** The group bit of the first octet: broadcast and multicast. */
export function isGroupMac(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1
}
