import { transportLength } from '../packets.ts'
import type { IcmpMessage, Ip, IpPacket } from '../types.ts'
import { neighbourFlags, neighbourOptions } from './summary-verbose.ts'

/** ICMPv6 messages as print-icmp6.c of tcpdump 4.99.3 prints them. */

const TYPES: Readonly<Record<number, string>> = {
  1: 'destination unreachable', 2: 'packet too big', 3: 'time exceeded in-transit', 4: 'parameter problem', 128: 'echo request', 129: 'echo reply',
  130: 'multicast listener query', 131: 'multicast listener report', 132: 'multicast listener done', 133: 'router solicitation',
  134: 'router advertisement', 135: 'neighbor solicitation', 136: 'neighbor advertisement', 137: 'redirect', 143: 'multicast listener report v2',
}

const UNREACHABLE = ['unreachable route', ' unreachable prohibited', 'beyond scope', 'unreachable address', 'unreachable port']

export function icmp6(packet: IpPacket, message: IcmpMessage, port: (port: number, protocol: 'tcp' | 'udp') => string, host: (address: Ip) => string, verbose: number): string {
  const { type, nd } = message
  const length = `, length ${transportLength(packet.payload)}`
  let text = `${verbose > 0 && !packet.fragment ? '[icmp6 sum ok] ' : ''}ICMP6, ${TYPES[type] ?? `unknown icmp6 type (${type})`}`
  if (verbose > 0 && type >= 133 && type <= 137) text += length
  if (type === 128 || type === 129) text += `, id ${message.id ?? 0}, seq ${message.sequence ?? 0}`
  else if (type === 1 && message.about) text += `, ${unreachable(message.code, message.about, port, host)}`
  else if (type === 2) text += `, mtu ${message.mtu ?? 0}`
  else if (type === 3 && message.about) text += message.code === 0 ? ` for ${host(message.about.destination)}` : ' (reassembly)'
  else if (type === 135 && nd) text += `, who has ${host(nd.target)}`
  else if (type === 136 && nd) text += `, tgt is ${host(nd.target)}`
  if (verbose === 0) return text + length
  if (!nd) return text
  return `${text}${type === 136 ? `, Flags [${neighbourFlags(nd)}]` : ''}${neighbourOptions(nd, type === 135, verbose)}`
}

function unreachable(code: number, about: IpPacket, port: (port: number, protocol: 'tcp' | 'udp') => string, host: (address: Ip) => string): string {
  const { payload } = about
  const [source, destination] = [host(about.source), host(about.destination)]
  const text = UNREACHABLE[code] ?? `unknown unreach code (${code})`
  if (code === 0 || code === 1 || code === 3) return `${text} ${destination}`
  if (code === 2) return `${text} ${destination}, source address ${source}`
  if (code !== 4) return text
  if (payload.kind === 'tcp' || payload.kind === 'udp') return `${text}, ${destination} ${payload.kind} port ${port(payload.destinationPort, payload.kind)}`
  return `${text}, ${destination} protocol 58 port ${payload.kind === 'icmp' ? (payload.id ?? 0) : 0} unreachable`
}
