import { ipv6Number, parseCidr, parseIpv4 } from '../../../network/address.ts'
import { ported } from '../../../network/packets.ts'
import type { Frame, Ip, Mac } from '../../../network/types.ts'
import { byName } from '../../../own.ts'

/** Fields of ovs-fields(7), as far as Antrea's flows match them. Addresses are numbers, MACs and tunnel ends text. */
export type Value = number | bigint | string

/** What the switch knows of a frame on its way through the tables: struct flow of Open vSwitch. */
export interface FlowKey {
  readonly frame: Frame
  inPort: number
  /** reg0 to reg15; the last four are xxreg3. */
  readonly registers: Uint32Array
  ctState: number
  ctMark: number
  /** The upper and the lower 32 bits of ct_label's lower half. */
  ctLabelHigh: number
  ctLabelLow: number
  conjunction: number
  tunnelDestination: Ip
}

/** ct_state's flags, in the order in which they are printed. */
export const CT = byName({ new: 1, est: 2, rel: 4, rpl: 8, inv: 16, trk: 32, snat: 64, dnat: 128 } as const)

const PROTOCOLS = { icmp: 1, ipip: 4, tcp: 6, udp: 17, sctp: 132 } as const

type Read = (key: FlowKey) => Value | undefined

/** undefined: the frame has no such field, so nothing that asks for it matches. */
const READERS: Record<string, Read> = byName({
  in_port: (k) => k.inPort,
  eth_type: ({ frame: { payload } }) => (payload.kind === 'arp' ? 0x806 : payload.version === 4 ? 0x800 : 0x86dd),
  nw_proto: ({ frame: { payload } }) => (payload.kind === 'arp' ? undefined : payload.version === 6 && payload.payload.kind === 'icmp' ? 58 : PROTOCOLS[payload.payload.kind]),
  dl_src: (k) => k.frame.source,
  dl_dst: (k) => k.frame.destination,
  arp_op: ({ frame: { payload } }) => (payload.kind === 'arp' ? (payload.operation === 'request' ? 1 : 2) : undefined),
  arp_spa: ({ frame: { payload } }) => (payload.kind === 'arp' ? parseIpv4(payload.senderIp) : undefined),
  arp_tpa: ({ frame: { payload } }) => (payload.kind === 'arp' ? parseIpv4(payload.targetIp) : undefined),
  arp_sha: ({ frame: { payload } }) => (payload.kind === 'arp' ? payload.senderMac : undefined),
  ipv6_src: ({ frame: { payload } }) => (payload.kind === 'ip' && payload.version === 6 ? ipv6Number(payload.source) : undefined),
  ipv6_dst: ({ frame: { payload } }) => (payload.kind === 'ip' && payload.version === 6 ? ipv6Number(payload.destination) : undefined),
  xxreg3: ({ registers }) => wideRegister(registers),
  nw_src: ({ frame: { payload } }) => (payload.kind === 'ip' ? parseIpv4(payload.source) : undefined),
  nw_dst: ({ frame: { payload } }) => (payload.kind === 'ip' ? parseIpv4(payload.destination) : undefined),
  tp_src: ({ frame: { payload } }) => (payload.kind === 'ip' ? ported(payload.payload)?.sourcePort : undefined),
  tp_dst: ({ frame: { payload } }) => (payload.kind === 'ip' ? ported(payload.payload)?.destinationPort : undefined),
  icmp_type: ({ frame: { payload } }) => (payload.kind === 'ip' && payload.payload.kind === 'icmp' ? payload.payload.type : undefined),
  icmp_code: ({ frame: { payload } }) => (payload.kind === 'ip' && payload.payload.kind === 'icmp' ? payload.payload.code : undefined),
  pkt_mark: ({ frame: { payload } }) => (payload.kind === 'ip' ? payload.meta.mark >>> 0 : 0),
  ct_state: (k) => k.ctState,
  ct_mark: (k) => k.ctMark,
  ct_label_high: (k) => k.ctLabelHigh,
  ct_label_low: (k) => k.ctLabelLow,
  conj_id: (k) => k.conjunction,
  tun_dst: (k) => k.tunnelDestination,
  tun_ipv6_dst: (k) => k.tunnelDestination,
})
for (let i = 0; i < 16; i++) READERS[`reg${i}`] = (k) => k.registers[i]

export interface Term {
  readonly field: string
  readonly read: Read
  readonly value: Value
  /** Bits that count; undefined: all of them. */
  readonly mask: number | bigint | undefined
}

/** The protocols' short names, and what they ask for. */
const SHORT: Readonly<Record<string, readonly [number, number?]>> = byName({ arp: [0x806], ip: [0x800], icmp: [0x800, 1], tcp: [0x800, 6], udp: [0x800, 17], sctp: [0x800, 132], ipv6: [0x86dd], icmp6: [0x86dd, 58], tcp6: [0x86dd, 6], udp6: [0x86dd, 17], sctp6: [0x86dd, 132] })

/** xxreg3: the value of its four parts, the highest first. */
export function wideRegister(registers: Uint32Array): bigint {
  let value = 0n
  for (let i = 12; i < 16; i++) value = (value << 32n) | BigInt(registers[i]!)
  return value
}

export function setWideRegister(registers: Uint32Array, value: bigint): void {
  for (let i = 15, rest = value; i >= 12; i--, rest >>= 32n) registers[i] = Number(rest & 0xffffffffn)
}

function term(field: string, value: Value, mask?: number | bigint): Term {
  const read = READERS[field]
  if (!read) throw new Error(`podhop: not simulated: matching on ${field}`)
  return { field, read, value: masked(value, mask), mask }
}

export function masked(value: Value, mask: number | bigint | undefined): Value {
  if (mask === undefined || typeof value === 'string') return value
  return typeof value === 'bigint' ? value & (mask as bigint) : (value & (mask as number)) >>> 0
}

function number(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value)) throw new Error(`${text}: invalid number`)
  return value >>> 0
}

/** One part of a match as ovs-ofctl takes it ("tcp", "reg0=0x1/0xf", "nw_src=10.0.0.0/8"); `ports` knows ports by name. */
export function parseTerms(part: string, ports: (name: string) => number | undefined): Term[] {
  const short = SHORT[part]
  if (short) return [term('eth_type', short[0]), ...(short[1] === undefined ? [] : [term('nw_proto', short[1])])]
  const at = part.indexOf('=')
  if (at < 0) throw new Error(`unknown keyword ${part}`)
  const [name, text] = [part.slice(0, at), part.slice(at + 1)]
  switch (name) {
    case 'in_port': {
      const port = /^\d+$/.test(text) ? Number(text) : ports(text.replace(/^"|"$/g, ''))
      if (port === undefined) throw new Error(`${text}: unknown or invalid port name or number`)
      return [term(name, port)]
    }
    case 'ct_state': return [ctState(text)]
    case 'ct_label': return ctLabel(text)
    case 'nw_src':
    case 'nw_dst':
    case 'arp_spa':
    case 'arp_tpa': {
      const { base, length } = parseCidr(text.includes('/') ? text : `${text}/32`)
      return length === 0 ? [] : [term(name, base, length === 32 ? undefined : (0xffffffff << (32 - length)) >>> 0)]
    }
    case 'ipv6_src':
    case 'ipv6_dst': {
      const { base6, mask6, length } = parseCidr(text)
      return length === 0 ? [] : [term(name, base6, length === 128 ? undefined : mask6)]
    }
    case 'xxreg3': return [term(name, BigInt(text))]
    case 'dl_src':
    case 'dl_dst':
    case 'arp_sha':
    case 'tun_dst':
    case 'tun_ipv6_dst': return [term(name, text)]
  }
  const [value, mask] = text.split('/')
  return [term(name, number(value!), mask === undefined ? undefined : number(mask))]
}

function ctState(text: string): Term {
  let [value, mask] = [0, 0]
  for (const [, sign, flag] of text.matchAll(/([+-])(\w+)/g)) {
    const bit = CT[flag as keyof typeof CT]
    if (bit === undefined) throw new Error(`${flag}: unknown ct_state flag`)
    mask |= bit
    if (sign === '+') value |= bit
  }
  return term('ct_state', value, mask)
}

/** "+new+trk" */
export function formatCtState(state: number): string {
  return Object.entries(CT).flatMap(([name, bit]) => (state & bit ? [name] : [])).join('|')
}

/** A value of up to 64 bits in its upper and its lower half. */
export function halves(text: string): { high: number; low: number } {
  const value = BigInt(text)
  return { high: Number((value >> 32n) & 0xffffffffn), low: Number(value & 0xffffffffn) }
}

function ctLabel(text: string): Term[] {
  const [value, mask] = text.split('/').map(halves) as [{ high: number; low: number }, { high: number; low: number } | undefined]
  const out: Term[] = []
  if (!mask || mask.high !== 0) out.push(term('ct_label_high', value.high, mask?.high))
  if (!mask || mask.low !== 0) out.push(term('ct_label_low', value.low, mask?.low))
  return out
}

export type { Mac }

export interface Subfield { field: string; from: number; to: number }

/** "NXM_NX_REG4[16..18]" */
export function subfield(text: string): Subfield {
  const found = /^(\w+)\[(?:(\d+)(?:\.\.(\d+))?)?\]$/.exec(text)
  if (!found) throw new Error(`${text}: syntax error`)
  const [, field, from, to] = found
  return { field: field!, from: Number(from ?? 0), to: Number(to ?? from ?? 31) }
}
