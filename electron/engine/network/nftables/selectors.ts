import { ipv4Number, ipv6Number } from '../address.ts'
import { payloadProtocol } from '../netfilter/names.ts'
import type { TrackedConnection } from '../netfilter/conntrack/connection.ts'
import { ipLength, ported } from '../packets.ts'
import type { ConntrackTuple, Ip, TcpFlags } from '../types.ts'
import * as types from './data-types.ts'
import type { DataType, Value } from './data-types.ts'
import type { Evaluation } from './evaluate.ts'
import type { PrintOptions, RuleState } from './model.ts'

/** What of a packet is looked at. */
export interface Selector {
  text(options: PrintOptions): string
  readonly type: DataType
  /** Undefined: this packet has no such thing, so the rule does not fit. */
  get(evaluation: Evaluation, state?: RuleState): Value | undefined
  /** The protocol that the packet must have for it, and that nft asks for by itself. */
  readonly needs?: { layer: 3 | 4; protocol: string }
  /** It asks which protocol the packet has: "meta l4proto", "ip protocol", "meta nfproto". */
  readonly asks?: 3 | 4
  readonly tracks?: boolean
  /** Keeps a state ("numgen inc"): its next number. */
  readonly turns?: { mode: 'random' | 'inc'; modulus: number; offset: number }
}

type Get = Selector['get']

function simple(text: string, type: DataType, get: Get, more: Partial<Selector> = {}): Selector {
  return { text: () => text, type, get, ...more }
}

const protocolOf = ({ packet }: Evaluation): number => (packet.version === 6 && packet.payload.kind === 'icmp' ? 58 : payloadProtocol(packet.payload.kind))

function ip(name: string, type: DataType, get: Get): [string, Selector] {
  const v6 = name.startsWith('ip6')
  return [name, simple(name, type, (e) => (e.packet.version === (v6 ? 6 : 4) ? get(e) : undefined), { needs: { layer: 3, protocol: v6 ? 'ip6' : 'ip' } })]
}

function transport(protocol: string, field: string, type: DataType, get: Get): [string, Selector] {
  return [`${protocol} ${field}`, simple(`${protocol} ${field}`, type, get, { needs: { layer: 4, protocol } })]
}

const FLAG_BITS: readonly [keyof TcpFlags, number][] = [['fin', 1], ['syn', 2], ['rst', 4], ['psh', 8], ['ack', 16], ['urg', 32]]

const ports = (protocol: 'tcp' | 'udp' | 'sctp'): [string, Selector][] => [
  transport(protocol, 'sport', types.SERVICE, ({ packet: { payload } }) => (payload.kind === protocol ? payload.sourcePort : undefined)),
  transport(protocol, 'dport', types.SERVICE, ({ packet: { payload } }) => (payload.kind === protocol ? payload.destinationPort : undefined)),
]

const icmp = (protocol: 'icmp' | 'icmpv6', version: 4 | 6): [string, Selector][] => [
  transport(protocol, 'type', version === 4 ? types.ICMP_TYPE : types.ICMPV6_TYPE, ({ packet }) => (packet.version === version && packet.payload.kind === 'icmp' ? packet.payload.type : undefined)),
  transport(protocol, 'code', version === 4 ? types.ICMP_CODE : types.ICMPV6_CODE, ({ packet }) => (packet.version === version && packet.payload.kind === 'icmp' ? packet.payload.code : undefined)),
]

/** Payload fields, by the words that name them. */
export const PAYLOAD: ReadonlyMap<string, Selector> = new Map([
  ip('ip saddr', types.IPV4, ({ packet }) => ipv4Number(packet.source)),
  ip('ip daddr', types.IPV4, ({ packet }) => ipv4Number(packet.destination)),
  ip('ip ttl', types.INTEGER8, ({ packet }) => packet.ttl),
  ip('ip length', types.INTEGER16, ({ packet }) => ipLength(packet)),
  ip('ip id', types.INTEGER16, ({ packet }) => packet.identification),
  ip('ip version', types.INTEGER8, () => 4),
  ip('ip dscp', types.DSCP, ({ packet }) => packet.tos >> 2),
  ip('ip frag-off', types.INTEGER16, ({ packet }) => (packet.dontFragment ? 0x4000 : 0) | (packet.fragment ? (packet.fragment.more ? 0x2000 : 0) | (packet.fragment.offset >> 3) : 0)),
  ['ip protocol', simple('ip protocol', types.PROTOCOL, (e) => (e.packet.version === 4 ? protocolOf(e) : undefined), { needs: { layer: 3, protocol: 'ip' }, asks: 4 })],
  ip('ip6 saddr', types.IPV6, ({ packet }) => ipv6Number(packet.source)),
  ip('ip6 daddr', types.IPV6, ({ packet }) => ipv6Number(packet.destination)),
  ip('ip6 hoplimit', types.INTEGER8, ({ packet }) => packet.ttl),
  ['ip6 nexthdr', simple('ip6 nexthdr', types.PROTOCOL, (e) => (e.packet.version === 6 ? protocolOf(e) : undefined), { needs: { layer: 3, protocol: 'ip6' }, asks: 4 })],
  ...ports('tcp'), ...ports('udp'), ...ports('sctp'),
  transport('tcp', 'flags', types.TCP_FLAGS, ({ packet: { payload } }) => (payload.kind === 'tcp' ? FLAG_BITS.reduce((sum, [flag, bit]) => sum + (payload.flags[flag] ? bit : 0), 0) : undefined)),
  ...icmp('icmp', 4), ...icmp('icmpv6', 6),
  ['th sport', simple('th sport', types.SERVICE, ({ packet }) => ported(packet.payload)?.sourcePort)],
  ['th dport', simple('th dport', types.SERVICE, ({ packet }) => ported(packet.payload)?.destinationPort)],
])

export const PAYLOAD_PROTOCOLS: ReadonlySet<string> = new Set([...PAYLOAD.keys()].map((key) => key.split(' ')[0]!))

const multicast = (address: Ip): boolean => /^(22[4-9]|23\d)\./.test(address) || address.startsWith('ff')

export const META: ReadonlyMap<string, Selector> = new Map<string, Selector>([
  ['mark', simple('meta mark', types.MARK, ({ packet }) => packet.meta.mark >>> 0)],
  ['l4proto', { text: () => 'meta l4proto', type: types.PROTOCOL, get: protocolOf, asks: 4 }],
  ['nfproto', simple('meta nfproto', types.NFPROTO, ({ packet }) => (packet.version === 4 ? 2 : 10), { asks: 3 })],
  ['iifname', simple('iifname', types.IFNAME, ({ inLink }) => inLink?.name ?? '')],
  ['oifname', simple('oifname', types.IFNAME, ({ outLink }) => outLink?.name ?? '')],
  ['iif', simple('iif', types.IFNAME, ({ inLink }) => inLink?.name)],
  ['oif', simple('oif', types.IFNAME, ({ outLink }) => outLink?.name)],
  ['length', simple('meta length', types.INTEGER32, ({ packet }) => ipLength(packet))],
  ['pkttype', simple('meta pkttype', types.PACKET_TYPE, ({ packet }) => (packet.destination === '255.255.255.255' ? 1 : multicast(packet.destination) ? 2 : 0))],
])

/** Those that may be written without "meta" before them. */
export const BARE_META: ReadonlySet<string> = new Set(['mark', 'iif', 'oif', 'iifname', 'oifname'])

const connectionOf = ({ packet }: Evaluation): TrackedConnection | undefined => packet.meta.connection as TrackedConnection | undefined

const STATES = { INVALID: 1, ESTABLISHED: 2, RELATED: 4, NEW: 8, UNTRACKED: 64 } as const

const ct = (name: string, type: DataType, get: (connection: TrackedConnection, e: Evaluation) => Value | undefined): [string, Selector] => [
  name,
  simple(`ct ${name}`, type, (e) => {
    const connection = connectionOf(e)
    return connection && get(connection, e)
  }, { tracks: true }),
]

const PROTOCOL_NUMBERS = { icmp: 1, tcp: 6, udp: 17, sctp: 132 } as const

function tuples(direction: 'original' | 'reply'): [string, Selector][] {
  const of = (c: TrackedConnection): ConntrackTuple => c[direction]
  const d = direction
  return [
    ct(`${d} ip saddr`, types.IPV4, (c) => nan(ipv4Number(of(c).source))),
    ct(`${d} ip daddr`, types.IPV4, (c) => nan(ipv4Number(of(c).destination))),
    ct(`${d} ip6 saddr`, types.IPV6, (c) => ipv6Number(of(c).source)),
    ct(`${d} ip6 daddr`, types.IPV6, (c) => ipv6Number(of(c).destination)),
  ]
}

function nan(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value
}

export const CT: ReadonlyMap<string, Selector> = new Map<string, Selector>([
  ['state', simple('ct state', types.CT_STATE, ({ packet }) => STATES[packet.meta.state ?? 'INVALID'], { tracks: true })],
  ct('status', types.CT_STATUS, (c) => (c.seenReply ? 2 : 0) | (c.assured ? 4 : 0) | (c.confirmed ? 8 : 0) | (c.sourceNat ? 16 : 0) | (c.destinationNat ? 32 : 0)),
  ct('direction', types.CT_DIRECTION, (_, { packet }) => (packet.meta.direction === 'reply' ? 1 : 0)),
  ct('mark', types.MARK, (c) => c.mark >>> 0),
  ct('l3proto', types.NFPROTO, (c) => (c.original.source.includes(':') ? 10 : 2)),
  ct('protocol', types.PROTOCOL, (c) => PROTOCOL_NUMBERS[c.original.protocol as keyof typeof PROTOCOL_NUMBERS]),
  ...tuples('original'), ...tuples('reply'),
])

const ROUTE_TYPES: Readonly<Record<string, number>> = { unicast: 1, local: 2, broadcast: 3, blackhole: 6, unreachable: 7, prohibit: 8 }

/** "fib daddr type", "fib saddr . iif oif": a look into the routing tables. */
export function fib(flags: readonly string[], result: 'type' | 'oif' | 'oifname', present: boolean): Selector {
  const text = `fib ${flags.join(' . ')} ${result}`
  const address = ({ packet }: Evaluation): Ip => (flags.includes('saddr') ? packet.source : packet.destination)
  const link = (e: Evaluation): string | undefined => (flags.includes('iif') ? e.inLink?.name : flags.includes('oif') ? e.outLink?.name : undefined)
  const find = (e: Evaluation): { type: number; device: string | undefined } => {
    const ip = address(e)
    const { namespace } = e.host
    if (multicast(ip)) return { type: 5, device: undefined }
    if (ip === '255.255.255.255') return { type: 3, device: undefined }
    const only = link(e)
    if (only !== undefined && result === 'type') {
      // Local to that interface: its own addresses only.
      const own = namespace.links.get(only)?.addresses.some((a) => a.address === ip)
      if (namespace.isLocal(ip)) return { type: own ? 2 : 1, device: only }
    }
    const route = namespace.routes.lookup(ip)
    const device = route?.device
    if (route && only !== undefined && device !== only && route.type !== 'local') return { type: 0, device: undefined }
    return { type: route ? ROUTE_TYPES[route.type ?? 'unicast'] ?? 1 : 0, device: route?.type === 'local' ? 'lo' : device }
  }
  if (result === 'type') return { text: () => text, type: types.ADDRESS_TYPE, get: (e) => find(e).type }
  if (present) return { text: () => text, type: types.BOOLEAN, get: (e) => (find(e).device === undefined ? 0 : 1) }
  return { text: () => text, type: types.IFNAME, get: (e) => find(e).device ?? '' }
}

/** "numgen random mod 3": which of several. */
export function numgen(mode: 'random' | 'inc', modulus: number, offset: number): Selector {
  const text = `numgen ${mode} mod ${modulus}${offset > 0 ? ` offset ${offset}` : ''}`
  return {
    text: () => text, type: types.INTEGER32, turns: { mode, modulus, offset },
    get: ({ host }, state) => offset + (mode === 'random' || !state ? host.random.below(modulus) : state.value++ % modulus),
  }
}
