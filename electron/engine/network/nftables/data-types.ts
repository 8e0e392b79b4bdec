import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../address.ts'

/** IPv6 addresses are bigints, names of interfaces are strings, all else is a number. */
export type Value = number | bigint | string

export interface DataType {
  readonly name: string
  readonly bits: number
  /** Elements of a named set that stand on one line of a listing (calculate_delim of nft's src/expression.c). */
  readonly perLine: number
  readonly prefixes?: boolean
  /** Values are sets of bits: "established,related" is one value, and matches when one of them is there. */
  readonly flags?: boolean
  /** Throws an Error with nft's message. */
  parse(text: string): Value
  print(value: Value, numeric?: boolean): string
}

type Names = readonly (readonly [string, number])[]

function number(text: string): number | undefined {
  return /^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text) ? Number(text) : undefined
}

interface Symbols { names: Names; bits: number; error: string; perLine?: number; flags?: boolean; print?: (value: number) => string }

function bitsOf(value: number): number[] {
  const bits: number[] = []
  for (let bit = 1; bit <= value; bit *= 2) if ((value & bit) !== 0) bits.push(bit)
  return bits
}

function symbolic(name: string, { names, bits, error, perLine = 1, flags, print }: Symbols): DataType {
  const byName = new Map(names)
  const byNumber = new Map(names.map(([n, v]) => [v, n]).reverse() as [number, string][])
  const out = print ?? String
  return {
    name, bits, perLine, flags,
    parse: (text) => {
      const value = byName.get(text) ?? number(text)
      if (value === undefined) throw new Error(error)
      if (value >= 2 ** bits) throw new Error(`Value ${value} exceeds valid range 0-${2 ** bits - 1}`)
      return value
    },
    print: (value, numeric) => {
      if (numeric && names.length > 0) return flags ? bitsOf(value as number).map((bit) => `0x${bit.toString(16)}`).join(',') : out(value as number)
      const exact = byNumber.get(value as number)
      if (exact !== undefined) return exact
      if (!flags) return out(value as number)
      if (value === 0) return '0x0'
      const parts = names.filter(([, bit]) => ((value as number) & bit) !== 0).map(([n]) => n)
      return parts.join(',')
    },
  }
}

function integer(name: string, bits: number, error: string, perLine = 5, print: (value: number) => string = String): DataType {
  return symbolic(name, { names: [], bits, error, perLine, print })
}

export const IPV4: DataType = {
  name: 'ipv4_addr', bits: 32, perLine: 2, prefixes: true,
  parse: (text) => {
    const value = parseIpv4(text) ?? (number(text) !== undefined && number(text)! < 2 ** 32 ? number(text) : undefined)
    if (value === undefined) throw new Error('Could not resolve hostname: Name or service not known')
    return value
  },
  print: (value) => formatIpv4(value as number),
}

export const IPV6: DataType = {
  name: 'ipv6_addr', bits: 128, perLine: 1, prefixes: true,
  parse: (text) => {
    const value = parseIpv6(text)
    if (value === undefined) throw new Error('Could not resolve hostname: Name or service not known')
    return value
  },
  print: (value) => formatIpv6(value as bigint),
}

/** The names of /etc/services that rules commonly use. */
const SERVICES: ReadonlyMap<string, number> = new Map([
  ['ftp', 21], ['ssh', 22], ['telnet', 23], ['smtp', 25], ['domain', 53], ['bootps', 67], ['bootpc', 68], ['tftp', 69], ['http', 80], ['kerberos', 88],
  ['pop3', 110], ['ntp', 123], ['imap2', 143], ['snmp', 161], ['bgp', 179], ['ldap', 389], ['https', 443], ['syslog', 514], ['ldaps', 636], ['mysql', 3306],
  ['postgresql', 5432], ['http-alt', 8080],
])

export const SERVICE: DataType = {
  name: 'inet_service', bits: 16, perLine: 5,
  parse: (text) => {
    const value = number(text) ?? SERVICES.get(text)
    if (value === undefined) throw new Error('Could not resolve service: Servname not supported for ai_socktype')
    if (value > 65_535) throw new Error('Service out of range')
    return value
  },
  print: (value) => String(value),
}

export const PROTOCOL = symbolic('inet_proto', {
  bits: 8, perLine: 5, error: 'Could not resolve protocol name',
  names: [['ip', 0], ['icmp', 1], ['igmp', 2], ['ipencap', 4], ['tcp', 6], ['udp', 17], ['dccp', 33], ['ipv6', 41], ['gre', 47], ['esp', 50], ['ah', 51], ['ipv6-icmp', 58], ['icmpv6', 58], ['sctp', 132], ['udplite', 136]],
})

export const MARK = integer('mark', 32, 'Could not parse packet mark', 5, (v) => `0x${v.toString(16).padStart(8, '0')}`)
export const INTEGER8 = integer('integer', 8, 'Could not parse integer')
export const INTEGER16 = integer('integer', 16, 'Could not parse integer')
export const INTEGER32 = integer('integer', 32, 'Could not parse integer')
export const UID = integer('uid', 32, 'User does not exist')

export const IFNAME: DataType = { name: 'ifname', bits: 128, perLine: 1, parse: (text) => text, print: (value) => `"${value as string}"` }

export const CT_STATE = symbolic('ct_state', {
  bits: 32, flags: true, error: 'Could not parse conntrack state',
  names: [['invalid', 1], ['established', 2], ['related', 4], ['new', 8], ['untracked', 64]],
})
export const CT_STATUS = symbolic('ct_status', {
  bits: 32, flags: true, error: 'Could not parse conntrack status',
  names: [['expected', 1], ['seen-reply', 2], ['assured', 4], ['confirmed', 8], ['snat', 16], ['dnat', 32], ['dying', 512]],
})
export const CT_DIRECTION = symbolic('ct_dir', { bits: 8, perLine: 5, error: 'Could not parse conntrack direction', names: [['original', 0], ['reply', 1]] })
export const NFPROTO = symbolic('nf_proto', { bits: 8, perLine: 5, error: 'Could not parse netfilter protocol', names: [['ipv4', 2], ['ipv6', 10]] })
export const ICMP_TYPE = symbolic('icmp_type', {
  bits: 8, error: 'Could not parse ICMP type',
  names: [['echo-reply', 0], ['destination-unreachable', 3], ['source-quench', 4], ['redirect', 5], ['echo-request', 8], ['router-advertisement', 9], ['router-solicitation', 10], ['time-exceeded', 11], ['parameter-problem', 12], ['timestamp-request', 13], ['timestamp-reply', 14], ['info-request', 15], ['info-reply', 16], ['address-mask-request', 17], ['address-mask-reply', 18]],
})
export const ICMP_CODE = symbolic('icmp_code', {
  bits: 8, error: 'Could not parse ICMP code',
  names: [['net-unreachable', 0], ['host-unreachable', 1], ['prot-unreachable', 2], ['port-unreachable', 3], ['frag-needed', 4], ['net-prohibited', 9], ['host-prohibited', 10], ['admin-prohibited', 13]],
})
export const ICMPV6_TYPE = symbolic('icmpv6_type', {
  bits: 8, error: 'Could not parse ICMPv6 type',
  names: [['destination-unreachable', 1], ['packet-too-big', 2], ['time-exceeded', 3], ['parameter-problem', 4], ['echo-request', 128], ['echo-reply', 129], ['mld-listener-query', 130], ['mld-listener-report', 131], ['mld-listener-done', 132], ['nd-router-solicit', 133], ['nd-router-advert', 134], ['nd-neighbor-solicit', 135], ['nd-neighbor-advert', 136], ['nd-redirect', 137]],
})
export const ICMPV6_CODE = symbolic('icmpv6_code', {
  bits: 8, error: 'Could not parse ICMPv6 code', names: [['no-route', 0], ['admin-prohibited', 1], ['addr-unreachable', 3], ['port-unreachable', 4], ['policy-fail', 5], ['reject-route', 6]],
})
export const TCP_FLAGS = symbolic('tcp_flag', {
  bits: 8, flags: true, perLine: 5, error: 'Could not parse TCP flag', print: (v) => `0x${v.toString(16)}`,
  names: [['fin', 1], ['syn', 2], ['rst', 4], ['psh', 8], ['ack', 16], ['urg', 32], ['ecn', 64], ['cwr', 128]],
})
export const ADDRESS_TYPE = symbolic('fib_addrtype', {
  bits: 32, error: 'Could not parse address type',
  names: [['unspec', 0], ['unicast', 1], ['local', 2], ['broadcast', 3], ['anycast', 4], ['multicast', 5], ['blackhole', 6], ['unreachable', 7], ['prohibit', 8]],
})
export const PACKET_TYPE = symbolic('pkt_type', {
  bits: 8, error: 'Could not parse packet type', names: [['host', 0], ['unicast', 0], ['broadcast', 1], ['multicast', 2], ['other', 3]],
})
export const DSCP = symbolic('dscp', {
  bits: 6, error: 'Could not parse DSCP', print: (v) => `0x${v.toString(16).padStart(2, '0')}`,
  names: [['cs0', 0], ['cs1', 8], ['cs2', 16], ['cs3', 24], ['cs4', 32], ['cs5', 40], ['cs6', 48], ['cs7', 56], ['ef', 46]],
})
export const BOOLEAN = symbolic('boolean', { bits: 1, error: 'Could not parse boolean', names: [['exists', 1], ['missing', 0]] })

/** What a set may be declared with ("type ipv4_addr . inet_service"). */
export const DATA_TYPES: ReadonlyMap<string, DataType> = new Map(
  [IPV4, IPV6, SERVICE, PROTOCOL, MARK, IFNAME, CT_STATE, CT_STATUS, CT_DIRECTION, NFPROTO, ICMP_TYPE, ICMP_CODE, ICMPV6_TYPE, ICMPV6_CODE, TCP_FLAGS, ADDRESS_TYPE, DSCP, UID].map((t) => [t.name, t]),
)

const BYTES: ReadonlyMap<string, number> = new Map([['ipv4_addr', 4], ['ipv6_addr', 16], ['inet_service', 2]])

/**
 * The order of keys with several parts: nft 1.0.6 takes all their bytes for one little-endian number, so the last part
 * counts first, and of addresses and ports the last byte.
 */
export function compareConcatenated(types: readonly DataType[], a: readonly Value[], b: readonly Value[]): number {
  for (let i = types.length - 1; i >= 0; i--) {
    const size = BYTES.get(types[i]!.name)
    const order = compareValues(size === undefined ? a[i]! : reversed(a[i]!, size), size === undefined ? b[i]! : reversed(b[i]!, size))
    if (order !== 0) return order
  }
  return 0
}

function reversed(value: Value, size: number): bigint {
  let rest = BigInt(value)
  let out = 0n
  for (let i = 0; i < size; i++) {
    out = (out << 8n) | (rest & 255n)
    rest >>= 8n
  }
  return out
}

/** The order of a listing: by number; names of interfaces as the number that their bytes make on a little-endian machine. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') {
    if (a.length !== b.length) return a.length - b.length
    for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return a.charCodeAt(i) - b.charCodeAt(i)
    return 0
  }
  return a < b ? -1 : a > b ? 1 : 0
}
