import { tunnels } from '../network/packets.ts'
import type { Frame, IcmpMessage, IpPacket, TcpFlags, UdpDatagram } from '../network/types.ts'
import type { Header } from './types.ts'

const FLAG_NAMES: readonly (readonly [keyof TcpFlags, string])[] = [
  ['syn', 'SYN'], ['fin', 'FIN'], ['rst', 'RST'], ['psh', 'PSH'], ['ack', 'ACK'], ['urg', 'URG'],
]

const UNREACHABLE = ['net', 'host', 'protocol', 'port', 'fragmentation-needed', 'source-route-failed']

const flagTexts: string[] = []

export function tcpFlags(flags: TcpFlags): string {
  const { syn, fin, rst, psh, ack, urg } = flags
  const bits = (syn ? 1 : 0) | (fin ? 2 : 0) | (rst ? 4 : 0) | (psh ? 8 : 0) | (ack ? 16 : 0) | (urg ? 32 : 0)
  return (flagTexts[bits] ??= FLAG_NAMES.filter(([flag]) => flags[flag]).map(([, name]) => name).join(','))
}

/** In the words of iptables' icmp types. */
export function icmpName(message: IcmpMessage): string {
  switch (message.type) {
    case 0: return `echo-reply id ${message.id ?? 0} seq ${message.sequence ?? 0}`
    case 8: return `echo-request id ${message.id ?? 0} seq ${message.sequence ?? 0}`
    case 3: {
      const what = message.code === 13 ? 'communication-prohibited' : message.code === 10 ? 'host-prohibited' : message.code === 9 ? 'network-prohibited' : UNREACHABLE[message.code]
      return `destination-unreachable ${what ?? message.code}${message.mtu ? ` (mtu ${message.mtu})` : ''}`
    }
    case 11: return message.code === 0 ? 'time-exceeded ttl' : 'time-exceeded reassembly'
    default: return `type ${message.type} code ${message.code}`
  }
}

const UNREACHABLE6 = ['no-route', 'communication-prohibited', 'beyond-scope', 'address-unreachable', 'port-unreachable', 'failed-policy', 'reject-route']

/** In the words of ip6tables' icmpv6 types. */
export function icmp6Name(message: IcmpMessage): string {
  const { type, code, nd } = message
  switch (type) {
    case 1: return `destination-unreachable ${UNREACHABLE6[code] ?? code}`
    case 2: return `packet-too-big (mtu ${message.mtu ?? 0})`
    case 3: return code === 0 ? 'time-exceeded hop limit' : 'time-exceeded reassembly'
    case 4: return `parameter-problem ${code}`
    case 128: return `echo-request id ${message.id ?? 0} seq ${message.sequence ?? 0}`
    case 129: return `echo-reply id ${message.id ?? 0} seq ${message.sequence ?? 0}`
    case 135: return `neighbour-solicitation who has ${nd?.target ?? ''}`
    case 136: return `neighbour-advertisement ${nd?.target ?? ''} is at ${nd?.mac ?? ''}`
    default: return `type ${type} code ${code}`
  }
}

/** What a hop shows of a packet. */
export function headerOf(packet: IpPacket, frame?: Frame): Header {
  const { source, destination, ttl, payload } = packet
  const protocol = payload.kind
  // Nearly all packets, and each of them many times: the object is made with all its fields at once.
  if (payload.kind === 'tcp' || payload.kind === 'udp') {
    const { sourcePort, destinationPort } = payload
    const detail = payload.kind === 'tcp' ? tcpFlags(payload.flags) : tunnels(payload) ? tunnelName(payload) : undefined
    if (frame) {
      const { source: sourceMac, destination: destinationMac } = frame
      if (detail === undefined) return { source, destination, protocol, ttl, sourceMac, destinationMac, sourcePort, destinationPort }
      return { source, destination, protocol, ttl, sourceMac, destinationMac, sourcePort, destinationPort, detail }
    }
    if (detail === undefined) return { source, destination, protocol, ttl, sourcePort, destinationPort }
    return { source, destination, protocol, ttl, sourcePort, destinationPort, detail }
  }
  const header: Header = { source, destination, protocol, ttl }
  if (frame) {
    header.sourceMac = frame.source
    header.destinationMac = frame.destination
  }
  if (payload.kind === 'icmp') header.detail = packet.version === 4 ? icmpName(payload) : icmp6Name(payload)
  else if (payload.kind === 'ipip') header.detail = `IP in IP: ${payload.packet.source} > ${payload.packet.destination}`
  else {
    header.sourcePort = payload.sourcePort
    header.destinationPort = payload.destinationPort
    header.detail = payload.chunks.map((c) => c.type.toUpperCase().replace('-', '_')).join(',')
  }
  return header
}

/** What of a tunnel a datagram carries. */
function tunnelName({ vxlan, geneve, wireguard }: UdpDatagram): string | undefined {
  if (vxlan) return `VXLAN vni ${vxlan.vni}`
  if (geneve) return `Geneve vni ${geneve.vni}`
  return wireguard && `WireGuard ${wireguard.type}`
}

/** "10.0.0.1:80", "[fd00::1]:80", or the address alone. */
export function endpoint(address: string, port: number | undefined): string {
  if (port === undefined) return address
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
