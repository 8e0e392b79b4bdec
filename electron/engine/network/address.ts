import type { Cidr, Ip } from './types.ts'

/**
 * IP addresses as canonical text (RFC 5952 for IPv6) and as numbers. An IPv4 address is one unsigned 32-bit number;
 * an IPv6 address is a bigint. Parsed forms are memoised, for the packet path asks for the same ones again and again.
 */
export interface Prefix {
  version: 4 | 6
  /** The network's address (host bits zero), canonical. */
  network: Ip
  /** The address as written, canonical, host bits kept. */
  address: Ip
  length: number
  /** IPv4 only: network and mask as unsigned 32-bit numbers. */
  base: number
  mask: number
  /** IPv6 only. */
  base6: bigint
  mask6: bigint
}

const MEMO_LIMIT = 65_536

function memo<K, V>(compute: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>()
  return (key) => {
    let value = known.get(key)
    if (value === undefined && !known.has(key)) {
      if (known.size >= MEMO_LIMIT) known.clear()
      value = compute(key)
      known.set(key, value)
    }
    return value as V
  }
}

/** Strict dotted quad, as inet_pton(3): four decimal parts without leading zeros. Undefined for anything else. */
export function parseIpv4(text: string): number | undefined {
  let value = 0
  let part = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c >= 48 && c <= 57) {
      if (part === 0) return undefined
      part = part < 0 ? c - 48 : part * 10 + c - 48
      if (part > 255) return undefined
    } else if (c === 46) {
      if (part < 0 || ++dots > 3) return undefined
      value = value * 256 + part
      part = -1
    } else return undefined
  }
  return dots === 3 && part >= 0 ? value * 256 + part : undefined
}

export function formatIpv4(value: number): Ip {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

/** RFC 4291 2.2 text forms, embedded IPv4 included; no zone. */
export function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const groups = (half: string, last: boolean): number[] | undefined => {
    if (half === '') return []
    const out: number[] = []
    const parts = half.split(':')
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!
      if (last && i === parts.length - 1 && part.includes('.')) {
        const v4 = parseIpv4(part)
        if (v4 === undefined) return undefined
        out.push(v4 >>> 16, v4 & 0xffff)
      } else {
        if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined
        out.push(Number.parseInt(part, 16))
      }
    }
    return out
  }
  const head = groups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groups(halves[1]!, true) : []
  if (!head || !tail) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  let value = 0n
  for (const group of [...head, ...Array<number>(missing).fill(0), ...tail]) value = (value << 16n) | BigInt(group)
  return value
}

/** RFC 5952: lower case, no leading zeros, the longest run of at least two zero groups (the first of equals) as "::". */
export function formatIpv6(value: bigint): Ip {
  const groups: number[] = []
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn))
  if (value >> 32n === 0xffffn) return `::ffff:${formatIpv4(Number(value & 0xffffffffn))}`
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (i + n < 8 && groups[i + n] === 0) n++
    if (n > length) {
      start = i
      length = n
    }
    if (n > 0) i += n - 1
  }
  const hex = (part: readonly number[]): string => part.map((g) => g.toString(16)).join(':')
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}

/** The IPv4 address as an unsigned number; NaN when it is none. Reading it takes less time than finding what was read before. */
export function ipv4Number(ip: Ip): number {
  return parseIpv4(ip) ?? Number.NaN
}

/** The IPv6 address as a number; undefined when it is none. Memoised. */
export const ipv6Number: (ip: Ip) => bigint | undefined = memo(parseIpv6)

export function isIpv4(text: string): boolean {
  return !Number.isNaN(ipv4Number(text))
}

export function isIpv6(text: string): boolean {
  return text.includes(':') && ipv6Number(text) !== undefined
}

export function isValidIp(text: string): boolean {
  return isIpv4(text) || isIpv6(text)
}

/** 4, 6, or undefined when it is no address. */
export function ipVersion(text: string): 4 | 6 | undefined {
  return isIpv4(text) ? 4 : isIpv6(text) ? 6 : undefined
}

/** The canonical text of an address, or undefined when it is none. */
export function canonicalIp(text: string): Ip | undefined {
  if (isIpv4(text)) return text
  const value = text.includes(':') ? ipv6Number(text) : undefined
  return value === undefined ? undefined : formatIpv6(value)
}

const parsePrefix: (text: string) => Prefix | undefined = memo((text) => {
  const slash = text.indexOf('/')
  const host = slash < 0 ? text : text.slice(0, slash)
  const version = ipVersion(host)
  if (!version) return undefined
  const bits = version === 4 ? 32 : 128
  const lengthText = slash < 0 ? String(bits) : text.slice(slash + 1)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined
  const length = Number(lengthText)
  if (length > bits) return undefined
  if (version === 4) {
    const mask = maskOf(length)
    const base = (ipv4Number(host) & mask) >>> 0
    return { version, network: formatIpv4(base), address: host, length, base, mask, base6: 0n, mask6: 0n }
  }
  const mask6 = ((1n << BigInt(length)) - 1n) << BigInt(128 - length)
  const address = ipv6Number(host)!
  const base6 = address & mask6
  return { version, network: formatIpv6(base6), address: formatIpv6(address), length, base: 0, mask: 0, base6, mask6 }
})

/** The unsigned mask of an IPv4 prefix length. */
export function maskOf(length: number): number {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0
}

/** "10.244.1.7/24", or a plain address as /32 or /128. Undefined for anything else. */
export function tryParseCidr(text: string): Prefix | undefined {
  return parsePrefix(text)
}

/** As {@link tryParseCidr}, for text that is known to be good; throws an Error otherwise. */
export function parseCidr(text: Cidr): Prefix {
  const prefix = parsePrefix(text)
  if (!prefix) throw new Error(`invalid CIDR address: ${text}`)
  return prefix
}

export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  return prefixContains(parseCidr(cidr), ip)
}

export function prefixContains(prefix: Prefix, ip: Ip): boolean {
  if (prefix.version === 4) return ((ipv4Number(ip) & prefix.mask) >>> 0) === prefix.base && isIpv4(ip)
  const value = ipv6Number(ip)
  return value !== undefined && (value & prefix.mask6) === prefix.base6
}

export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, parseCidr(b).network) || cidrContains(b, parseCidr(a).network)
}

/** "10.244.1.7/24" → "10.244.1.0/24". */
export function networkOf(cidr: Cidr): Cidr {
  const prefix = parseCidr(cidr)
  return `${prefix.network}/${prefix.length}`
}

export function prefixLength(cidr: Cidr): number {
  return parseCidr(cidr).length
}

/** The network's address plus n: nthAddress("10.96.0.0/12", 10) is "10.96.0.10". Throws a RangeError past its end. */
export function nthAddress(cidr: Cidr, n: number): Ip {
  const prefix = parseCidr(cidr)
  const bits = (prefix.version === 4 ? 32 : 128) - prefix.length
  if (n < 0 || (bits < 53 && n >= 2 ** bits)) throw new RangeError(`${cidr} has no address number ${n}`)
  return prefix.version === 4 ? formatIpv4(prefix.base + n) : formatIpv6(prefix.base6 + BigInt(n))
}

/** The n-th prefix of this length inside: nthPrefix("10.244.0.0/16", 24, 3) is "10.244.3.0/24". */
export function nthPrefix(cidr: Cidr, length: number, n: number): Cidr {
  const { version, base, base6 } = parseCidr(cidr)
  const ip = version === 4 ? formatIpv4(base + n * 2 ** (32 - length)) : formatIpv6(base6 + (BigInt(n) << BigInt(128 - length)))
  return `${ip}/${length}`
}

/** How many addresses the prefix holds (Infinity above 2^53). */
export function addressCount(cidr: Cidr): number {
  const prefix = parseCidr(cidr)
  const bits = (prefix.version === 4 ? 32 : 128) - prefix.length
  return bits > 53 ? Infinity : 2 ** bits
}

/** The IPv4 broadcast address; for /31, /32 and IPv6, which have none, the last address. */
export function broadcastOf(cidr: Cidr): Ip {
  const prefix = parseCidr(cidr)
  if (prefix.version === 4) return formatIpv4((prefix.base | ~prefix.mask) >>> 0)
  return formatIpv6(prefix.base6 | (((1n << 128n) - 1n) ^ prefix.mask6))
}

/**
 * The broadcast address that whoever configures a machine gives with an IPv4 address of a network: Docker, CNI plugins and
 * agents by their netlink library (vishvananda/netlink, addr_linux.go), Debian's ifupdown by `ip`. The kernel alone sets none.
 */
export function broadcastOption(cidr: Cidr): { broadcast?: Ip } {
  const { version, length } = parseCidr(cidr)
  return version === 4 && length < 31 ? { broadcast: broadcastOf(cidr) } : {}
}

/** Orders addresses by number, IPv4 before IPv6; text that is no address comes last. */
export function compareIp(a: Ip, b: Ip): number {
  const va = ipVersion(a) ?? 9
  const vb = ipVersion(b) ?? 9
  if (va !== vb) return va - vb
  if (va === 4) return ipv4Number(a) - ipv4Number(b)
  if (va === 9) return a < b ? -1 : a > b ? 1 : 0
  const x = ipv6Number(a)!
  const y = ipv6Number(b)!
  return x < y ? -1 : x > y ? 1 : 0
}

/** An address of either family as a number; 0 for text that is none. */
export function ipNumber(ip: Ip): bigint {
  return ip.includes(':') ? (ipv6Number(ip) ?? 0n) : BigInt(ipv4Number(ip) || 0)
}

export function formatIp(value: bigint, version: 4 | 6): Ip {
  return version === 4 ? formatIpv4(Number(value)) : formatIpv6(value)
}

/** fe80::/10 */
export function isLinkLocalIp6(ip: Ip): boolean {
  return /^fe[89ab][0-9a-f]:/.test(ip)
}

/** The address that an interface makes of its MAC address (RFC 4291 appendix A): "fe80::5054:ff:fe12:3456". */
export function linkLocalOf(mac: string): Ip {
  const [a, b, c, d, e, f] = mac.split(':').map((part) => Number.parseInt(part, 16)) as [number, number, number, number, number, number]
  let value = 0xfe80n << 48n
  for (const group of [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f]) value = (value << 16n) | BigInt(group)
  return formatIpv6(value)
}

/** The multicast group that Neighbour Discovery asks an address through (RFC 4291 2.7.1). */
export function solicitedNode(ip: Ip): Ip {
  return formatIpv6((0xff02_0000_0000_0000_0000_0001_ff00_0000n) | ((ipv6Number(ip) ?? 0n) & 0xff_ffffn))
}

/** "10.244.1.5:80", "[fd00::5]:80": as Go's net.JoinHostPort writes them. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** 127.0.0.0/8 or ::1. */
export function isLoopbackIp(ip: Ip): boolean {
  return ip.startsWith('127.') || ip === '::1'
}

/** 224.0.0.0/4 or ff00::/8. */
export function isMulticastIp(ip: Ip): boolean {
  const v4 = ipv4Number(ip)
  return Number.isNaN(v4) ? ip.startsWith('ff') && ip.includes(':') : v4 >= 0xe0000000 && v4 < 0xf0000000
}
