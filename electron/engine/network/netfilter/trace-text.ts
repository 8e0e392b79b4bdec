import type { IcmpMessage, IpPacket, TcpFlags } from '../types.ts'
import { ipLength } from '../packets.ts'
import { encodeIp } from '../wire/ip.ts'
import type { TraceStep } from './tracing.ts'

/** A step of a packet's way as `nft monitor trace` of 1.0.6 prints it (src/netlink.c, trace_print_*), with a line for the packet where it is told. */
export function nftTraceText(step: TraceStep, ruleText: string | undefined): string {
  const { family, table, chain, packet, first, verdict, to } = step
  const head = `trace id ${hex8(step.id)} ${family} ${table} ${chain} `
  const mark = packet.meta.mark === 0 ? '' : `meta mark 0x${hex8(packet.meta.mark)} `
  const packetLine = first ? `${head}packet: ${packetText(step)}\n` : ''
  return packetLine + (step.rule ? `${head}rule ${ruleText ?? step.rule.text()} (verdict ${verdict}${to === undefined ? '' : ` ${to}`})\n` : `${head}policy ${verdict} ${mark}\n`)
}

/** As `xtables-monitor --trace` of iptables 1.8.9 prints it (iptables/xtables-monitor.c). */
export function xtablesTraceText(step: TraceStep): string {
  const { packet, table, chain, verdict, to, rule, first } = step
  const family = packet.version === 4 ? 2 : 10
  const id = hex8(step.id)
  // RETURN has no word there
  const word = verdict === 'return' ? '0xfffffffb' : verdict.toUpperCase() + (to === undefined ? '' : `:${to}`)
  const how = rule ? `rule:0x${rule.handle.toString(16)}:${word}  -${packet.version} -t ${table} ${rule.text()}` : `policy:${verdict.toUpperCase()} `
  return `${first ? `PACKET: ${family} ${id} ${xtablesPacket(step)}\n` : ''} TRACE: ${family} ${id} ${table}:${chain}:${how}\n`
}

const hex8 = (value: number): string => (value >>> 0).toString(16).padStart(8, '0')

const isLoopback = ({ inLink }: TraceStep): boolean => inLink?.name === 'lo'

function macs({ packet, inLink }: TraceStep): { source: string; destination: string } | undefined {
  const { sourceMac } = packet.meta
  return inLink && sourceMac !== undefined ? { source: sourceMac, destination: inLink.mac } : undefined
}

function packetText(step: TraceStep): string {
  const { packet, inLink, outLink, family } = step
  const mac = macs(step)
  const out: string[] = []
  if (inLink) out.push(`iif "${inLink.name}"`)
  if (outLink) out.push(`oif "${outLink.name}"`)
  if (isLoopback(step)) out.push(packet.version === 4 ? '@ll,0,112 0x800' : '@ll,0,112 0x86dd')
  else if (mac) out.push(`ether saddr ${mac.source} ether daddr ${mac.destination}`)
  const ip = packet.version === 4 ? 'ip' : 'ip6'
  const dscp = packet.tos >> 2
  out.push(`${ip} saddr ${packet.source} ${ip} daddr ${packet.destination} ${ip} dscp ${DSCP.get(dscp) ?? `0x${dscp.toString(16).padStart(2, '0')}`} ${ip} ecn ${ECN[packet.tos & 3]!}`)
  // an inet table cannot tell the protocol from its family
  const protocol = family === 'inet' ? ` ${packet.version === 4 ? 'ip protocol' : 'ip6 nexthdr'} ${protocolName(packet)}` : ''
  if (packet.version === 4) out.push(`ip ttl ${packet.ttl} ip id ${packet.identification}${protocol} ip length ${ipLength(packet)}`)
  else out.push(`ip6 hoplimit ${packet.ttl} ip6 flowlabel 0${protocol} ip6 length ${ipLength(packet) - 40}`)
  return `${out.join(' ')} ${transportText(packet)}`
}

const DSCP: ReadonlyMap<number, string> = new Map([[0, 'cs0'], ...Array.from({ length: 7 }, (_, i): [number, string] => [(i + 1) * 8, `cs${i + 1}`]), ...[1, 2, 3, 4].flatMap((c) => [1, 2, 3].map((d): [number, string] => [c * 8 + d * 2, `af${c}${d}`])), [46, 'ef']])
const ECN = ['not-ect', 'ect1', 'ect0', 'ce'] as const

function protocolName({ payload, version }: IpPacket): string {
  return payload.kind === 'icmp' ? (version === 4 ? 'icmp' : 'ipv6-icmp') : payload.kind
}

function transportText(packet: IpPacket): string {
  const { payload } = packet
  switch (payload.kind) {
    case 'tcp':
      return `tcp sport ${payload.sourcePort} tcp dport ${payload.destinationPort} tcp flags == ${flagsText(payload.flags)} tcp window ${payload.window} `
    case 'udp':
      return `udp sport ${payload.sourcePort} udp dport ${payload.destinationPort} udp length ${8 + bytesBehind(packet, 8).total} ${raw(packet, 8)}`
    case 'sctp':
      return `sctp sport ${payload.sourcePort} sctp dport ${payload.destinationPort} sctp vtag ${payload.verificationTag} `
    case 'icmp':
      return icmpText(packet, payload)
    default:
      return ''
  }
}

const FLAG_BITS = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const

/** One flag has its name, several are a number. */
function flagsText(flags: TcpFlags): string {
  const set = (Object.keys(FLAG_BITS) as (keyof typeof FLAG_BITS)[]).filter((name) => flags[name])
  return set.length === 1 ? set[0]! : `0x${set.reduce((n, name) => n | FLAG_BITS[name], 0).toString(16)}`
}

const ICMP_TYPES: ReadonlyMap<number, string> = new Map([[0, 'echo-reply'], [3, 'destination-unreachable'], [4, 'source-quench'], [5, 'redirect'], [8, 'echo-request'], [11, 'time-exceeded'], [12, 'parameter-problem']])
const ICMP6_TYPES: ReadonlyMap<number, string> = new Map([[1, 'destination-unreachable'], [2, 'packet-too-big'], [3, 'time-exceeded'], [4, 'parameter-problem'], [128, 'echo-request'], [129, 'echo-reply'], [133, 'nd-router-solicit'], [134, 'nd-router-advert'], [135, 'nd-neighbor-solicit'], [136, 'nd-neighbor-advert']])
const ICMP_CODES = ['net-unreachable', 'host-unreachable', 'prot-unreachable', 'port-unreachable', 'frag-needed'] as const
const ICMP6_CODES = ['no-route', 'admin-prohibited', '2', 'addr-unreachable', 'port-unreachable'] as const

function icmpText(packet: IpPacket, { type, code }: IcmpMessage): string {
  const bytes = encodeTransport(packet)
  const word = (at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  if (packet.version === 6) {
    const problem = (word(4) * 65_536 + word(6)) >>> 0
    return `icmpv6 type ${ICMP6_TYPES.get(type) ?? type} icmpv6 code ${ICMP6_CODES[code] ?? code} icmpv6 parameter-problem ${problem} ${raw(packet, 8)}`
  }
  return `icmp type ${ICMP_TYPES.get(type) ?? type} icmp code ${ICMP_CODES[code] ?? code} icmp id ${word(4)} icmp sequence ${word(6)} ${raw(packet, 8)}`
}

const encodeTransport = (packet: IpPacket): Uint8Array => encodeIp(packet).slice(packet.version === 4 ? 20 : 40)

/** Of what is behind a header the kernel copies what fits into twenty bytes with it. */
const COPIED = 20

function bytesBehind(packet: IpPacket, header: number): { total: number; shown: Uint8Array } {
  const bytes = encodeTransport(packet)
  return { total: bytes.length - header, shown: bytes.slice(header, COPIED) }
}

function raw(packet: IpPacket, header: number): string {
  const { shown } = bytesBehind(packet, header)
  if (shown.length === 0) return ''
  const digits = Array.from(shown, (b) => b.toString(16).padStart(2, '0')).join('').replace(/^0+(?=.)/, '')
  return `@th,${header * 8},${shown.length * 8} 0x${digits} `
}

function xtablesPacket(step: TraceStep): string {
  const { packet, inLink, outLink } = step
  const mac = macs(step)
  const bare = (text: string): string => text.split(':').map((part) => parseInt(part, 16).toString(16)).join(':')
  const out: string[] = []
  if (inLink) out.push(`IN=${inLink.name}`)
  if (outLink) out.push(`OUT=${outLink.name}`)
  if (isLoopback(step)) out.push('LOOPBACK')
  else if (mac) out.push(`MACSRC=${bare(mac.source)} MACDST=${bare(mac.destination)} MACPROTO=${packet.version === 4 ? '0800' : '86dd'}`)
  out.push(`SRC=${packet.source} DST=${packet.destination}`)
  if (packet.version === 4) out.push(`LEN=${ipLength(packet)} TOS=0x${packet.tos.toString(16)} TTL=${packet.ttl} ID=${packet.identification}${packet.dontFragment ? ' DF' : ''}`)
  else out.push(`LEN=${ipLength(packet) - 40 + 20} TC=${packet.tos} HOPLIMIT=${packet.ttl} FLOWLBL=0`)
  const { payload } = packet
  if (payload.kind === 'tcp') out.push([`SPORT=${payload.sourcePort} DPORT=${payload.destinationPort}`, ...(['syn', 'ack', 'fin', 'rst', 'psh', 'urg'] as const).filter((f) => payload.flags[f]).map((f) => f.toUpperCase())].join(' '))
  else if (payload.kind === 'udp') out.push(`SPORT=${payload.sourcePort} DPORT=${payload.destinationPort}`)
  return `${out.join(' ')} `
}
