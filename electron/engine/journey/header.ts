import type { Frame, IcmpMessage, IpPacket, TcpFlags } from '../network/types.ts'
import type { Header } from './types.ts'

const FLAG_NAMES: readonly (readonly [keyof TcpFlags, string])[] = [
  ['syn', 'SYN'], ['fin', 'FIN'], ['rst', 'RST'], ['psh', 'PSH'], ['ack', 'ACK'], ['urg', 'URG'],
]

const UNREACHABLE = ['net', 'host', 'protocol', 'port', 'fragmentation-needed', 'source-route-failed']

export function tcpFlags(flags: TcpFlags): string {
  let text = ''
  for (const [flag, name] of FLAG_NAMES) if (flags[flag]) text += text ? `,${name}` : name
  return text
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
  const payload = packet.payload
  const header: Header = {
    source: packet.source,
    destination: packet.destination,
    protocol: payload.kind,
    ttl: packet.ttl,
  }
  if (frame) {
    header.sourceMac = frame.source
    header.destinationMac = frame.destination
  }
  if (payload.kind === 'icmp') header.detail = packet.version === 4 ? icmpName(payload) : icmp6Name(payload)
  else if (payload.kind === 'ipip') header.detail = `IP in IP: ${payload.packet.source} > ${payload.packet.destination}`
  else {
    header.sourcePort = payload.sourcePort
    header.destinationPort = payload.destinationPort
    if (payload.kind === 'tcp') header.detail = tcpFlags(payload.flags)
    else if (payload.kind === 'sctp') header.detail = payload.chunks.map((c) => c.type.toUpperCase().replace('-', '_')).join(',')
    else if (payload.vxlan) header.detail = `VXLAN vni ${payload.vxlan.vni}`
    else if (payload.geneve) header.detail = `Geneve vni ${payload.geneve.vni}`
    else if (payload.wireguard) header.detail = `WireGuard ${payload.wireguard.type}`
  }
  return header
}

/** "10.0.0.1:80", "[fd00::1]:80", or the address alone. */
export function endpoint(address: string, port: number | undefined): string {
  if (port === undefined) return address
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
