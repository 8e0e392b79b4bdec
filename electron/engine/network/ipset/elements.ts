import { byName } from '../../own.ts'
import { canonicalIp, formatIpv4, ipv4Number, isIpv4, isIpv6, maskOf, tryParseCidr } from '../address.ts'
import { protocolName, protocolNumber, servicePort } from '../netfilter/names.ts'
import { BAD_CIDR, IpSetError, NULL_ELEMENT, OUT_OF_RANGE, syntax } from './errors.ts'
import type { Family, Part, SetOptions, SetType } from './set-types.ts'

/**
 * Elements of sets as text, in the one form that ipset(8) prints and that they are found by: "10.0.0.1,tcp:80",
 * "10.0.0.0/8" (a whole address without its length), "10.0.0.0/24,physdev:eth0".
 */

/** All elements that a written one stands for: ranges and, where addresses are wanted, networks make many. */
export function* expand(type: SetType, options: SetOptions, text: string): Iterable<string> {
  if (type.name === 'bitmap:ip') return yield* bitmapAddresses(options, text)
  if (type.kind === 'bitmap') return yield* bitmapPorts(options, text)
  const words = splitParts(type.parts, text)
  // The everyday case, without generators of generators.
  if (words.length === 1 && type.parts[0] === 'ip' && options.netmask === undefined && options.family === 'inet' && isIpv4(text)) return yield notNull(text)
  yield* combine(type, options, words, 0, '')
}

function* combine(type: SetType, options: SetOptions, words: readonly string[], at: number, head: string): Iterable<string> {
  for (const value of parsePart(type.parts[at]!, words[at]!, options, type, at)) {
    const text = at === 0 ? value : `${head},${value}`
    if (at + 1 === words.length) yield text
    else yield* combine(type, options, words, at + 1, text)
  }
}

function splitParts(parts: readonly Part[], text: string): readonly string[] {
  if (parts.length === 1) return [text]
  const words = text.split(',')
  if (words.length < 2) syntax(`Second element is missing from ${text}.`)
  if (words.length < parts.length) syntax(`Third element is missing from ${text}.`)
  if (words.length > parts.length) syntax(`Elem separator in ${words.slice(parts.length - 1).join(',')}, but settype ${nameOf(parts)} supports only ${parts.length === 2 ? 'two' : 'three'} parts`)
  return words
}

const nameOf = (parts: readonly Part[]): string => `hash:${parts.join(',')}`

function parsePart(part: Part, text: string, options: SetOptions, type: SetType, at: number): Iterable<string> {
  switch (part) {
    case 'ip': return addresses(text, options, at > 0)
    case 'net': return networks(text, options.family, type.name === 'hash:net,iface')
    case 'port': return ports(text)
    default: return [interfaceName(text)]
  }
}

// ---- addresses -----------------------------------------------------------------------------------------------

function unresolved(text: string, family: Family): never {
  return syntax(`cannot parse ${text}: resolving to ${family === 'inet' ? 'IPv4' : 'IPv6'} address failed`)
}

function address(text: string, family: Family): string {
  const known = text === 'localhost' ? (family === 'inet' ? '127.0.0.1' : '::1') : text
  if (family === 'inet' ? !isIpv4(known) : !isIpv6(known)) unresolved(text, family)
  return canonicalIp(known)!
}

function prefixLength(text: string, limit: number): number {
  if (!/^\d+$/.test(text)) syntax(`'${text}' is invalid as number`)
  const value = Number(text)
  if (value > limit) syntax(`'${text}' is out of range 0-${limit}`)
  return value
}

function notNull(ip: string): string {
  if (ip === '0.0.0.0' || ip === '::') throw new IpSetError(NULL_ELEMENT)
  return ip
}

function* addresses(text: string, options: SetOptions, single: boolean): Iterable<string> {
  const { family, netmask } = options
  const [host, length] = text.split('/', 2) as [string, string | undefined]
  if (family === 'inet6') {
    const ip = address(host, family)
    if (length !== undefined && prefixLength(length, 128) !== 128) throw new IpSetError(BAD_CIDR)
    return yield notNull(netmask === undefined ? ip : tryParseCidr(`${ip}/${netmask}`)!.network)
  }
  let [from, to] = range(host, length)
  if (single && from !== to) throw new IpSetError(BAD_CIDR)
  const step = netmask === undefined ? 1 : 2 ** (32 - netmask)
  if (netmask !== undefined) {
    from = (from & maskOf(netmask)) >>> 0
    to = (to & maskOf(netmask)) >>> 0
  }
  if (from === to) return yield notNull(formatIpv4(from))
  for (let value = from; value <= to; value += step) yield formatIpv4(value)
}

/** "a", "a-b" or "a" with a prefix length: its first and last address. */
function range(host: string, length: string | undefined): [number, number] {
  const dash = host.indexOf('-')
  if (dash >= 0) {
    const a = ipv4Number(address(host.slice(0, dash), 'inet'))
    const b = ipv4Number(address(host.slice(dash + 1), 'inet'))
    return a <= b ? [a, b] : [b, a]
  }
  const ip = ipv4Number(address(host, 'inet'))
  if (length === undefined) return [ip, ip]
  const bits = prefixLength(length, 32)
  const base = (ip & maskOf(bits)) >>> 0
  return [base, base + 2 ** (32 - bits) - 1]
}

function* networks(text: string, family: Family, zeroAllowed: boolean): Iterable<string> {
  const slash = text.indexOf('/')
  const host = slash < 0 ? text : text.slice(0, slash)
  const limit = family === 'inet' ? 32 : 128
  if (family === 'inet' && host.includes('-')) {
    const [from, to] = range(host, undefined)
    return yield* blocks(from, to)
  }
  const ip = address(host, family)
  const bits = slash < 0 ? limit : prefixLength(text.slice(slash + 1), limit)
  if (bits === 0 && !zeroAllowed) throw new IpSetError(BAD_CIDR)
  yield networkText(ip, bits)
}

/** The fewest networks that make up a range, lowest first. */
function* blocks(from: number, to: number): Iterable<string> {
  while (from <= to) {
    let bits = 32
    while (bits > 1) {
      const size = 2 ** (33 - bits)
      if (from % size !== 0 || from + size - 1 > to) break
      bits--
    }
    yield networkText(formatIpv4(from), bits)
    from += 2 ** (32 - bits)
  }
}

/** How a network is written: the network's address, its length unless it is a whole address. */
export function networkText(ip: string, bits: number): string {
  if (isIpv4(ip)) return bits === 32 ? ip : `${formatIpv4((ipv4Number(ip) & maskOf(bits)) >>> 0)}/${bits}`
  return bits === 128 ? ip : `${tryParseCidr(`${ip}/${bits}`)!.network}/${bits}`
}

/** The prefix length in an element's network. */
export function lengthOf(text: string, family: Family): number {
  const slash = text.indexOf('/')
  return slash < 0 ? (family === 'inet' ? 32 : 128) : Number(text.slice(slash + 1))
}

// ---- ports ---------------------------------------------------------------------------------------------------

function portNumber(text: string, protocol: string): number {
  if (/^\d+$/.test(text) && Number(text) <= 65535) return Number(text)
  const named = servicePort(text)
  if (named !== undefined) return named
  const why = /^\d+$/.test(text) ? `'${text}' is out of range 0-65535` : `'${text}' is invalid as number`
  return syntax(`${why}\nSyntax error: '${protocol}' is invalid as number\ncannot parse '${text}' as a ${protocol} port`)
}

function portRange(text: string, protocol: string): [number, number] {
  const dash = text.indexOf('-', 1)
  if (dash < 0 || servicePort(text) !== undefined) {
    const port = portNumber(text, protocol)
    return [port, port]
  }
  const a = portNumber(text.slice(0, dash), protocol)
  const b = portNumber(text.slice(dash + 1), protocol)
  return a <= b ? [a, b] : [b, a]
}

/** libipset's names of ICMP types and codes: the first name of a number is the one that is printed. */
const ICMP: Readonly<Record<string, number>> = byName({
  'echo-reply': 0, pong: 0, 'network-unreachable': 0x300, 'host-unreachable': 0x301, 'protocol-unreachable': 0x302, 'port-unreachable': 0x303,
  'fragmentation-needed': 0x304, 'source-route-failed': 0x305, 'network-unknown': 0x306, 'host-unknown': 0x307, 'network-prohibited': 0x309,
  'host-prohibited': 0x30a, 'TOS-network-unreachable': 0x30b, 'TOS-host-unreachable': 0x30c, 'communication-prohibited': 0x30d,
  'host-precedence-violation': 0x30e, 'precedence-cutoff': 0x30f, 'source-quench': 0x400, 'network-redirect': 0x500, 'host-redirect': 0x501,
  'TOS-network-redirect': 0x502, 'TOS-host-redirect': 0x503, 'echo-request': 0x800, ping: 0x800, 'router-advertisement': 0x900,
  'router-solicitation': 0xa00, 'ttl-zero-during-transit': 0xb00, 'ttl-zero-during-reassembly': 0xb01, 'ip-header-bad': 0xc00,
  'required-option-missing': 0xc01, 'timestamp-request': 0xd00, 'timestamp-reply': 0xe00, 'address-mask-request': 0x1100,
  'address-mask-reply': 0x1200,
})
const ICMPV6: Readonly<Record<string, number>> = byName({
  'no-route': 0x100, 'communication-prohibited': 0x101, 'address-unreachable': 0x103, 'port-unreachable': 0x104, 'packet-too-big': 0x200,
  'ttl-zero-during-transit': 0x300, 'ttl-zero-during-reassembly': 0x301, 'bad-header': 0x400, 'unknown-header-type': 0x401,
  'unknown-option': 0x402, 'echo-request': 0x8000, ping: 0x8000, 'echo-reply': 0x8100, pong: 0x8100, 'router-solicitation': 0x8500,
  'router-advertisement': 0x8600, 'neighbour-solicitation': 0x8700, 'neigbour-solicitation': 0x8700, 'neighbour-advertisement': 0x8800,
  'neigbour-advertisement': 0x8800, redirect: 0x8900,
})
const firstNames = (names: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(names).reverse().map(([name, value]) => [value, name]))
const ICMP_NAMES = firstNames(ICMP)
const ICMPV6_NAMES = firstNames(ICMPV6)

function icmpValue(text: string, protocol: string): number {
  const known = (protocol === 'icmp' ? ICMP : ICMPV6)[text]
  if (known !== undefined) return known
  const parts = /^(\d+)\/(\d+)$/.exec(text)
  if (!parts) return syntax(`cannot parse ${text} as an ${protocol === 'icmp' ? 'ICMP' : 'ICMPv6'} type`)
  const out = parts.slice(1).find((n) => Number(n) > 255)
  if (out !== undefined) syntax(`'${out}' is out of range 0-255`)
  return Number(parts[1]) * 256 + Number(parts[2])
}

/** Protocol and port as an element has them; for ICMP the port is type * 256 + code. */
export function portText(protocol: number, port: number): string {
  if (protocol === 1) return `icmp:${ICMP_NAMES.get(port) ?? `${port >> 8}/${port & 255}`}`
  if (protocol === 58) return `ipv6-icmp:${ICMPV6_NAMES.get(port) ?? `${port >> 8}/${port & 255}`}`
  return `${protocolName(protocol)}:${port}`
}

function* ports(text: string): Iterable<string> {
  const colon = text.indexOf(':')
  const written = colon < 0 ? 'tcp' : text.slice(0, colon)
  const rest = colon < 0 ? text : text.slice(colon + 1)
  const number = /^\d+$/.test(written) ? Number(written) : protocolNumber(written.toLowerCase())
  if (!(number >= 0 && number <= 255)) syntax(`cannot parse '${written}' as a protocol`)
  if (number === 1 || number === 58) return yield portText(number, icmpValue(rest, number === 1 ? 'icmp' : 'icmpv6'))
  if (number !== 6 && number !== 17 && number !== 132 && number !== 136) {
    if (rest !== '0') syntax(`Protocol ${written} can be used with pseudo port value 0 only.`)
    return yield portText(number, 0)
  }
  const name = protocolName(number)
  const [from, to] = portRange(rest, name)
  for (let port = from; port <= to; port++) yield `${name}:${port}`
}

function* bitmapPorts(options: SetOptions, text: string): Iterable<string> {
  const [from, to] = plainPorts(text)
  if (from < options.range[0] || to > options.range[1]) throw new IpSetError(OUT_OF_RANGE)
  for (let port = from; port <= to; port++) yield String(port)
}

function* bitmapAddresses(options: SetOptions, text: string): Iterable<string> {
  if (text.includes(',')) syntax(`Elem separator in ${text}, but settype bitmap:ip supports none.`)
  const [host, length] = text.split('/', 2) as [string, string?]
  const [from, to] = range(host, length)
  if (from < options.range[0] || to > options.range[1]) throw new IpSetError(OUT_OF_RANGE)
  const mask = maskOf(options.netmask ?? 32)
  const step = 2 ** (32 - (options.netmask ?? 32))
  for (let value = (from & mask) >>> 0; value <= to; value += step) yield formatIpv4(value)
}

/** "10.0.0.0/24", "10.0.0.1-10.0.0.9": the first and the last address of a bitmap, whole networks of a netmask. */
export function addressRange(text: string, netmask = 32): [number, number] {
  const [host, length] = text.split('/', 2) as [string, string?]
  if (!host.includes('-') && length === undefined) syntax(`IP/cidr or IP-IP range must be specified: ${text}`)
  const [from, to] = range(host, length)
  const mask = maskOf(netmask)
  return [(from & mask) >>> 0, (to | ~mask) >>> 0]
}

/** How many networks of a netmask a bitmap of addresses has room for: as many as the smallest network around its range (bitmap_ip_create). */
export function bitmapSize([from, to]: readonly [number, number], netmask: number | undefined): number {
  if (netmask === undefined) return to - from + 1
  let bits = 32
  while (bits > 0 && (((from ^ to) & maskOf(bits)) >>> 0) !== 0) bits--
  return 2 ** Math.max(0, netmask - bits)
}

/** "80", "80-90", "tcp:80-90": the protocol only says whose names to look up. */
export function plainPorts(text: string): [number, number] {
  const colon = text.indexOf(':')
  return portRange(colon < 0 ? text : text.slice(colon + 1), colon < 0 ? 'tcp' : text.slice(0, colon))
}

function interfaceName(text: string): string {
  const name = text.startsWith('physdev:') ? text.slice(8) : text
  if (name.length > 15) syntax(`interface name '${name}' is longer than 15 characters`)
  if (name === '') syntax(`Missing interface name in '${text}'`)
  return text
}

/** For sorting as ipset -sorted does: by number where there are numbers. */
export function sortKey(element: string): string {
  return element.replace(/\d+/g, (n) => n.padStart(5, '0'))
}

