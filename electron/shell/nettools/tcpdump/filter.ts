import { canonicalIp, cidrContains, formatIpv4, ipv4Number, isIpv4, isValidIp, maskOf, ported, tryParseCidr, type ArpPacket, type IpPacket } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'
import { servicePorts } from '../services.ts'
import { FilterError, numberOf, parseFilter, type Arithmetic, type Direction, type Expression, type Qualifiers } from './filter-parser.ts'
import { behindTags, NUMBERS, OutOfPacket, read, type FilterView } from './filter-view.ts'

export type { FilterView } from './filter-view.ts'
export type Filter = (view: FilterView) => boolean
/** Addresses of the names in an expression. */
export type HostTable = ReadonlyMap<string, readonly string[]>

/**
 * A predicate for an expression of pcap-filter(7). Throws {@link FilterError}. Host names must be in `hosts`; which ones
 * there are says {@link hostNames}.
 */
export function compileFilter(text: string, hosts: HostTable = new Map()): Filter {
  const expression = parseFilter(text)
  if (!expression) return () => true
  const test = compile(expression, hosts, 0)
  return (view) => {
    try {
      return test(view)
    } catch (error) {
      if (error instanceof OutOfPacket) return false
      throw error
    }
  }
}

/** Names in an expression that DNS must turn into addresses. */
export function hostNames(text: string): string[] {
  const out = new Set<string>()
  const walk = (e: Expression): void => {
    if (e.kind === 'and' || e.kind === 'or') [e.left, e.right].forEach(walk)
    else if (e.kind === 'not' || e.kind === 'behind') walk(e.of)
    else if (e.kind === 'primitive' && (e.qualifiers.type ?? 'host') === 'host' && e.qualifiers.protocol !== 'ether' && !/^[\d.]+$/.test(e.id) && !isValidIp(e.id)) out.add(e.id)
  }
  const expression = parseFilter(text)
  if (expression) walk(expression)
  return [...out]
}

function compile(e: Expression, hosts: HostTable, tags: number): Filter {
  switch (e.kind) {
    case 'and': {
      const [left, right] = [compile(e.left, hosts, tags), compile(e.right, hosts, tags)]
      return (v) => left(v) && right(v)
    }
    case 'or': {
      const [left, right] = [compile(e.left, hosts, tags), compile(e.right, hosts, tags)]
      return (v) => left(v) || right(v)
    }
    case 'not': {
      const of = compile(e.of, hosts, tags)
      return (v) => !of(v)
    }
    case 'behind': return compile(e.of, hosts, e.tags)
    case 'vlan': return ({ frame }) => frame.tags?.[e.behind] !== undefined && (e.id === undefined || frame.tags[e.behind]!.id === e.id)
    default: {
      const test = compilePrimitive(e, hosts)
      if (readsLinkLayer(e)) return test
      return (v) => {
        if (v.frame.tags === undefined && tags === 0) return test(v)
        const behind = behindTags(v, tags)
        return behind !== undefined && test(behind)
      }
    }
  }
}

/** What stands before the tags. */
function readsLinkLayer(e: Expression): boolean {
  switch (e.kind) {
    case 'length': case 'direction': return true
    case 'cast': return e.protocol === 'ether'
    case 'primitive': return e.qualifiers.protocol === 'ether' && e.qualifiers.type !== 'proto'
    case 'compare': return [...protocolsOf(e.left), ...protocolsOf(e.right)].every((p) => p === 'ether')
    default: return false
  }
}

function compilePrimitive(e: Exclude<Expression, { kind: 'and' | 'or' | 'not' | 'behind' | 'vlan' }>, hosts: HostTable): Filter {
  switch (e.kind) {
    case 'protocol': return protocol(e.protocol)
    case 'primitive': return primitive(e.qualifiers, e.id, hosts)
    case 'length': return (v) => (e.most === undefined || v.length() <= e.most) && (e.least === undefined || v.length() >= e.least)
    case 'direction': return (v) => (v.direction === 'in') === e.inbound
    case 'cast': return cast(e.protocol, e.cast)
    case 'compare': return comparison(e.operator, e.left, e.right)
  }
}

// ---- protocols ---------------------------------------------------------------------------------------------------------

const ETHER_TYPES: Readonly<Record<string, number>> = byName({ ip: 0x0800, arp: 0x0806, rarp: 0x8035, ip6: 0x86dd })

function ipOf(view: FilterView): IpPacket | undefined {
  return view.frame.payload.kind === 'ip' ? view.frame.payload : undefined
}

function arpOf(view: FilterView): ArpPacket | undefined {
  return view.frame.payload.kind === 'arp' ? view.frame.payload : undefined
}

const etherType = (view: FilterView): number => (view.frame.payload.kind === 'arp' ? ETHER_TYPES.arp! : view.frame.payload.version === 6 ? ETHER_TYPES.ip6! : ETHER_TYPES.ip!)
function ipProtocol(view: FilterView): number | undefined {
  const ip = ipOf(view)
  // libpcap looks at the next header only: a fragment of IPv6 is of protocol 44, but for tcp, udp and icmp6 it looks behind that.
  return ip && (ip.version === 6 && ip.payload.kind === 'icmp' ? NUMBERS.icmp6 : NUMBERS[ip.payload.kind])
}

function protocol(name: string): Filter {
  if (name === 'ether') throw new FilterError("can't parse filter expression: syntax error")
  if (Object.hasOwn(ETHER_TYPES, name)) return (v) => etherType(v) === ETHER_TYPES[name]
  const version = name === 'icmp' || name === 'igmp' || name === 'vrrp' ? 4 : name === 'icmp6' ? 6 : undefined
  return (v) => ipProtocol(v) === NUMBERS[name] && (version === undefined || ipOf(v)!.version === version)
}

function cast(name: string, kind: 'broadcast' | 'multicast'): Filter {
  if (name === 'ether') return (v) => (kind === 'broadcast' ? v.frame.destination === 'ff:ff:ff:ff:ff:ff' : (Number.parseInt(v.frame.destination.slice(0, 2), 16) & 1) === 1)
  if (name === 'ip' && kind === 'multicast') return (v) => ipOf(v)?.version === 4 && ipv4Number(ipOf(v)!.destination) >= 0xe0000000
  if (name === 'ip6' && kind === 'multicast') return (v) => ipOf(v)?.version === 6 && ipOf(v)!.destination.startsWith('ff')
  if (name === 'ip') throw new FilterError('the filter primitive "ip broadcast" (use ether broadcast)', true)
  throw new FilterError(kind === 'broadcast' ? 'not a broadcast link' : "link-layer multicast filters supported only on ethernet/FDDI/token ring/ARCNET/802.11/ATM LANE/Fibre Channel")
}

// ---- primitives --------------------------------------------------------------------------------------------------------

function primitive(q: Qualifiers, id: string, hosts: HostTable): Filter {
  switch (q.type) {
    case 'port': return ports(q, portOf(id, q), undefined)
    case 'portrange': {
      const [low, high] = /^(.+?)-(.+)$/.exec(id)?.slice(1) ?? [id, id]
      return ports(q, portOf(low!, q), portOf(high!, q))
    }
    case 'proto': return protocolNumber(q, id)
    case 'net': return network(q, id)
    default: return host(q, id, hosts)
  }
}

function onEither<T>(direction: Direction | undefined, test: (value: T) => boolean): (source: T, destination: T) => boolean {
  switch (direction) {
    case 'src': return (s) => test(s)
    case 'dst': return (_, d) => test(d)
    case 'both': return (s, d) => test(s) && test(d)
    default: return (s, d) => test(s) || test(d)
  }
}

function host(q: Qualifiers, id: string, hosts: HostTable): Filter {
  if (q.protocol === 'ether') {
    const mac = id.toLowerCase().replace(/-/g, ':').split(':').map((part) => part.padStart(2, '0')).join(':')
    if (!/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) throw new FilterError(/^\d/.test(id) ? 'illegal link layer address' : `unknown ether host '${id}'`)
    const match = onEither(q.direction, (m: string) => m === mac)
    return (v) => match(v.frame.source, v.frame.destination)
  }
  if (/^[\d.]+$/.test(id)) return addresses(q, shortened(id))
  const found = isValidIp(id) ? [id] : hosts.get(id)
  if (!found || found.length === 0) throw new FilterError(`unknown host '${id}'`)
  const tests = found.map((a) => (isIpv4(a) ? addresses(q, { value: ipv4Number(a), mask: 0xffffffff }) : exactly(q, a)))
  return (v) => tests.some((t) => t(v))
}

function network(q: Qualifiers, id: string): Filter {
  if (id.includes(':')) return network6(q, id)
  const [, text, length, maskText] = /^([^ /]+)(?:\/(.+)| mask (.+))?$/.exec(id) ?? []
  if (text === undefined || !/^[\d.]+$/.test(text)) throw new FilterError(`unknown network '${id}'`)
  const short = shortened(text)
  let mask = short.mask
  if (length !== undefined) {
    const bits = numberOf(length)
    if (bits === undefined || bits > 32) throw new FilterError('mask length must be <= 32')
    mask = maskOf(bits)
    if ((short.value & ~mask) !== 0) throw new FilterError(`non-network bits set in "${text}/${length}"`)
  } else if (maskText !== undefined) {
    mask = shortened(maskText).value
    if ((short.value & ~mask) !== 0) throw new FilterError(`non-network bits set in "${text} mask ${maskText}"`)
  }
  return addresses(q, { value: short.value, mask })
}

function network6(q: Qualifiers, id: string): Filter {
  const prefix = tryParseCidr(id)
  if (!prefix) throw new FilterError(`unknown network '${id}'`)
  if (prefix.address !== prefix.network) throw new FilterError(`non-network bits set in "${id}"`)
  checkAddressProtocol(q)
  const match = onEither(q.direction, (a: string) => cidrContains(id, a))
  return (v) => ipOf(v)?.version === 6 && (q.protocol === undefined || q.protocol === 'ip6') && match(ipOf(v)!.source, ipOf(v)!.destination)
}

/** "10.1" is the network 10.1.0.0/16, for hosts, too. */
function shortened(text: string): { value: number; mask: number } {
  const parts = text.split('.').map(Number)
  if (parts.length > 4 || parts.some((n) => !(n <= 255)) || text.endsWith('.')) throw new FilterError(`invalid IPv4 address '${text}'`)
  const value = ipv4Number([...parts, 0, 0, 0].slice(0, 4).join('.'))
  return { value, mask: maskOf(parts.length * 8) }
}

function checkAddressProtocol(q: Qualifiers): void {
  if (q.protocol !== undefined && !['ip', 'ip6', 'arp', 'rarp'].includes(q.protocol)) throw new FilterError(`'${q.protocol}' modifier applied to ${q.type === 'net' ? 'net' : 'host'}`)
}

function addresses(q: Qualifiers, { value, mask }: { value: number; mask: number }): Filter {
  checkAddressProtocol(q)
  if (q.protocol === 'ip6') throw new FilterError(`'ip6' modifier applied to ip host ${formatIpv4(value)}`)
  const match = onEither(q.direction, (address: string) => ((ipv4Number(address) & mask) >>> 0) === ((value & mask) >>> 0))
  return (v) => {
    const arp = arpOf(v)
    if (arp) return q.protocol !== 'ip' && q.protocol !== 'rarp' && match(arp.senderIp, arp.targetIp)
    const ip = ipOf(v)!
    return ip.version === 4 && (q.protocol === undefined || q.protocol === 'ip') && match(ip.source, ip.destination)
  }
}

function exactly(q: Qualifiers, address: string): Filter {
  checkAddressProtocol(q)
  const canonical = canonicalIp(address)
  const match = onEither(q.direction, (a: string) => a === canonical)
  return (v) => ipOf(v)?.version === 6 && (q.protocol === undefined || q.protocol === 'ip6') && match(ipOf(v)!.source, ipOf(v)!.destination)
}

interface Port { tcp?: number; udp?: number }

function portOf(id: string, q: Qualifiers): Port {
  if (q.protocol !== undefined && !['tcp', 'udp', 'sctp'].includes(q.protocol)) throw new FilterError(`illegal qualifier of '${q.type}'`)
  const number = numberOf(id)
  if (number !== undefined && number > 65535) throw new FilterError(`illegal port number ${number} > 65535`)
  const port: Port = number === undefined ? servicePorts(id) : { tcp: number, udp: number }
  if (q.protocol === 'sctp') return {}
  if (q.protocol === 'tcp') delete port.udp
  if (q.protocol === 'udp') delete port.tcp
  if (port.tcp === undefined && port.udp === undefined) throw new FilterError(`unknown port '${id}'`)
  return port
}

/** Only what begins with a transport header: no later fragments. */
function ports(q: Qualifiers, low: Port, high: Port | undefined): Filter {
  const within = (from: number | undefined, to: number | undefined): ((s: number, d: number) => boolean) | undefined => {
    if (from === undefined || to === undefined) return undefined
    const [a, b] = [Math.min(from, to), Math.max(from, to)]
    return onEither(q.direction, (p: number) => p >= a && p <= b)
  }
  const tests = { tcp: within(low.tcp, (high ?? low).tcp), udp: within(low.udp, (high ?? low).udp) }
  return (v) => {
    const ip = ipOf(v)
    const ports = ip && ported(ip.payload)
    if (!ip || !ports || (ip.fragment && ip.fragment.offset > 0)) return false
    return tests[ports.kind as 'tcp' | 'udp']?.(ports.sourcePort, ports.destinationPort) ?? false
  }
}

function protocolNumber(q: Qualifiers, id: string): Filter {
  if (q.protocol === 'ether' || (q.protocol === undefined && Object.hasOwn(ETHER_TYPES, id))) {
    const type = numberOf(id) ?? ETHER_TYPES[id]
    if (type === undefined) throw new FilterError(`unknown ether proto '${id}'`)
    return (v) => etherType(v) === type
  }
  const number = numberOf(id) ?? NUMBERS[id]
  if (number === undefined) throw new FilterError(`unknown ${q.protocol ?? 'ip'} proto '${id}'`)
  const version = q.protocol === 'ip' ? 4 : q.protocol === 'ip6' ? 6 : undefined
  return (v) => ipProtocol(v) === number && (version === undefined || ipOf(v)!.version === version)
}

// ---- comparisons of bytes ----------------------------------------------------------------------------------------------

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = byName({
  '=': (a, b) => a === b, '!=': (a, b) => a !== b, '>': (a, b) => a > b, '<': (a, b) => a < b, '>=': (a, b) => a >= b, '<=': (a, b) => a <= b,
})

const COMPUTE: Readonly<Record<string, (a: number, b: number) => number>> = {
  '|': (a, b) => a | b, '^': (a, b) => a ^ b, '&': (a, b) => a & b, '<<': (a, b) => a << b, '>>': (a, b) => a >>> b,
  '+': (a, b) => a + b, '-': (a, b) => a - b, '*': (a, b) => Math.imul(a, b), '/': (a, b) => Math.trunc(a / b), '%': (a, b) => a % b,
}

/** A comparison is true only of packets that have the headers it looks into. */
function comparison(operator: string, left: Arithmetic, right: Arithmetic): Filter {
  const compare = COMPARE[operator]!
  const headers = [...protocolsOf(left), ...protocolsOf(right)].filter((p) => p !== 'ether').map((p) => header(p))
  return (v) => headers.every((has) => has(v)) && compare(evaluate(left, v), evaluate(right, v))
}

function header(name: string): Filter {
  const is = protocol(name)
  if (Object.hasOwn(ETHER_TYPES, name)) return is
  return (v) => is(v) && ipOf(v)!.version === 4 && !((ipOf(v)!.fragment?.offset ?? 0) > 0)
}

function protocolsOf(a: Arithmetic): string[] {
  switch (a.kind) {
    case 'load': return [...protocolsOf(a.offset), a.protocol]
    case 'binary': return [...protocolsOf(a.left), ...protocolsOf(a.right)]
    case 'negate': return protocolsOf(a.of)
    default: return []
  }
}

function evaluate(a: Arithmetic, view: FilterView): number {
  switch (a.kind) {
    case 'number': return a.value >>> 0
    case 'length': return view.length()
    case 'negate': return -evaluate(a.of, view) >>> 0
    case 'binary': {
      const [left, right] = [evaluate(a.left, view), evaluate(a.right, view)]
      if ((a.operator === '/' || a.operator === '%') && right === 0) throw new OutOfPacket()
      return COMPUTE[a.operator]!(left, right) >>> 0
    }
    case 'load': {
      const bytes = view.bytes()
      const network = 14 + 4 * Math.max(0, (view.frame.tags?.length ?? 0) - (view.live ? 1 : 0))
      const base = a.protocol === 'ether' ? 0 : Object.hasOwn(ETHER_TYPES, a.protocol) ? network : network + (bytes[network]! & 15) * 4
      return read(bytes, base + evaluate(a.offset, view), a.size)
    }
  }
}
