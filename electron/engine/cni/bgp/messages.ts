import { formatIpv4, formatIpv6, parseCidr, parseIpv4, parseIpv6 } from '../../network/address.ts'
import type { Cidr, Ip } from '../../network/types.ts'

/** The bytes of BGP-4: RFC 4271 4, with capabilities (RFC 5492), multiprotocol (4760), route reflection (4456), 4-octet ASNs (6793), graceful restart (4724). */
export const BGP_PORT = 179

/** Whose unicast prefixes a session carries (RFC 4760 8). */
export type Family = 4 | 6

/** `families`: those whose prefixes it wants to exchange. */
export interface OpenMessage { type: 'open'; asn: number; holdTime: number; id: Ip; families: readonly Family[]; gracefulRestart?: number }
export interface UpdateMessage {
  type: 'update'
  withdrawn: readonly Cidr[]
  announced: readonly Cidr[]
  nextHop?: Ip
  /** RFC 2545 3: the next hop's address on the wire that both are on, beside the global one. */
  linkLocal?: Ip
  asPath: readonly number[]
  localPreference?: number
  /** RFC 4456: who told a route reflector first, and the reflectors that it went through. */
  originator?: Ip
  clusters?: readonly Ip[]
  /** RFC 1997: "64512:100". */
  communities?: readonly string[]
}
export interface NotificationMessage { type: 'notification'; code: number; subcode: number }
export type BgpMessage = OpenMessage | UpdateMessage | NotificationMessage | { type: 'keepalive' }

/** NOTIFICATION codes (4.5) that are used. */
export const NOTIFY = { openBadPeerAs: [2, 2], holdTimerExpired: [4, 0], ceaseShutdown: [6, 2], ceaseDeconfigured: [6, 3], ceaseReset: [6, 4], ceaseChanged: [6, 6], ceaseCollision: [6, 7], header: [1, 1] } as const

const TYPES = { open: 1, update: 2, notification: 3, keepalive: 4 } as const
const AS_TRANS = 23_456
const HEADER = 19

const u16 = (n: number): number[] => [(n >>> 8) & 255, n & 255]
const u32 = (n: number): number[] => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]

function addressBytes(ip: Ip): number[] {
  const v4 = parseIpv4(ip)
  if (v4 !== undefined) return u32(v4)
  const v6 = parseIpv6(ip)!
  return Array.from({ length: 16 }, (_, i) => Number((v6 >> BigInt(120 - 8 * i)) & 0xffn))
}

function addressOf(bytes: Uint8Array): Ip {
  if (bytes.length === 4) return formatIpv4(((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0)
  return formatIpv6(bytes.reduce((n, b) => (n << 8n) | BigInt(b), 0n))
}

function prefixBytes(cidr: Cidr): number[] {
  const { network, length } = parseCidr(cidr)
  return [length, ...addressBytes(network).slice(0, Math.ceil(length / 8))]
}

function* prefixesOf(bytes: Uint8Array, size: 4 | 16): Iterable<Cidr> {
  for (let at = 0; at < bytes.length;) {
    const length = bytes[at]!
    const used = Math.ceil(length / 8)
    const address = new Uint8Array(size)
    address.set(bytes.subarray(at + 1, at + 1 + used))
    yield `${addressOf(address)}/${length}`
    at += 1 + used
  }
}

function attribute(flags: number, type: number, value: readonly number[]): number[] {
  return value.length > 255 ? [flags | 0x10, type, ...u16(value.length), ...value] : [flags, type, value.length, ...value]
}

function openBody({ asn, holdTime, id, families: wanted, gracefulRestart }: OpenMessage): number[] {
  const capability = (code: number, value: readonly number[]): number[] => [code, value.length, ...value]
  const families = wanted.map((family) => [0, family === 4 ? 1 : 2])
  const capabilities = [
    ...families.flatMap((afi) => capability(1, [...afi, 0, 1])),
    ...capability(65, u32(asn)),
    ...(gracefulRestart === undefined ? [] : capability(64, [...u16(gracefulRestart & 0xfff), ...families.flatMap((afi) => [...afi, 1, 0x80])])),
  ]
  const parameters = [2, capabilities.length, ...capabilities]
  return [4, ...u16(asn > 65_535 ? AS_TRANS : asn), ...u16(holdTime), ...addressBytes(id), parameters.length, ...parameters]
}

function updateBody({ withdrawn, announced, nextHop, linkLocal, asPath, localPreference, originator, clusters = [], communities = [] }: UpdateMessage): number[] {
  const isIpv6 = (cidr: Cidr): boolean => cidr.includes(':')
  const withdrawn6 = withdrawn.filter(isIpv6).flatMap(prefixBytes)
  const announced6 = announced.filter(isIpv6).flatMap(prefixBytes)
  const withdrawn4 = withdrawn.filter((c) => !isIpv6(c)).flatMap(prefixBytes)
  const announced4 = announced.filter((c) => !isIpv6(c)).flatMap(prefixBytes)
  const attributes: number[] = []
  if (announced.length > 0) {
    attributes.push(...attribute(0x40, 1, [0]), ...attribute(0x40, 2, asPath.length > 0 ? [2, asPath.length, ...asPath.flatMap(u32)] : []))
    if (announced4.length > 0) attributes.push(...attribute(0x40, 3, addressBytes(nextHop!)))
    if (localPreference !== undefined) attributes.push(...attribute(0x40, 5, u32(localPreference)))
    if (communities.length > 0) attributes.push(...attribute(0xc0, 8, communities.flatMap((c) => c.split(':').flatMap((n) => u16(Number(n))))))
    if (originator !== undefined) attributes.push(...attribute(0x80, 9, addressBytes(originator)))
    if (clusters.length > 0) attributes.push(...attribute(0x80, 10, clusters.flatMap(addressBytes)))
    if (announced6.length > 0) attributes.push(...attribute(0x80, 14, [0, 2, 1, linkLocal === undefined ? 16 : 32, ...addressBytes(nextHop!), ...(linkLocal === undefined ? [] : addressBytes(linkLocal)), 0, ...announced6]))
  }
  if (withdrawn6.length > 0) attributes.push(...attribute(0x80, 15, [0, 2, 1, ...withdrawn6]))
  return [...u16(withdrawn4.length), ...withdrawn4, ...u16(attributes.length), ...attributes, ...announced4]
}

/** An update speaks of one next hop, so of one family's announcements at a time. */
export function encodeBgp(message: BgpMessage): Uint8Array {
  const body = message.type === 'open' ? openBody(message)
    : message.type === 'update' ? updateBody(message)
      : message.type === 'notification' ? [message.code, message.subcode] : []
  return Uint8Array.from([...new Array<number>(16).fill(0xff), ...u16(HEADER + body.length), TYPES[message.type], ...body])
}

/** A stream of messages. Throws an Error for what is no BGP. */
export class BgpDecoder {
  #rest = new Uint8Array(0)

  push(bytes: Uint8Array): BgpMessage[] {
    const input = new Uint8Array(this.#rest.length + bytes.length)
    input.set(this.#rest)
    input.set(bytes, this.#rest.length)
    const out: BgpMessage[] = []
    let at = 0
    while (input.length - at >= HEADER) {
      const length = (input[at + 16]! << 8) | input[at + 17]!
      if (length < HEADER || input.subarray(at, at + 16).some((b) => b !== 0xff)) throw new Error('connection not synchronized')
      if (input.length - at < length) break
      out.push(decode(input[at + 18]!, input.subarray(at + HEADER, at + length)))
      at += length
    }
    this.#rest = input.slice(at)
    return out
  }
}

function decode(type: number, body: Uint8Array): BgpMessage {
  if (type === TYPES.keepalive) return { type: 'keepalive' }
  if (type === TYPES.notification) return { type: 'notification', code: body[0]!, subcode: body[1]! }
  if (type === TYPES.open) return decodeOpen(body)
  if (type === TYPES.update) return decodeUpdate(body)
  throw new Error(`bad message type ${type}`)
}

const word = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!
const long = (bytes: Uint8Array, at: number): number => ((word(bytes, at) << 16) | word(bytes, at + 2)) >>> 0

function decodeOpen(body: Uint8Array): OpenMessage {
  const families: Family[] = []
  const message: OpenMessage = { type: 'open', asn: word(body, 1), holdTime: word(body, 3), id: addressOf(body.subarray(5, 9)), families }
  for (let at = 10; at < body.length;) {
    const [kind, length] = [body[at]!, body[at + 1]!]
    at += 2
    for (let c = at; kind === 2 && c < at + length; c += 2 + body[c + 1]!) {
      const code = body[c]
      if (code === 1 && body[c + 5] === 1) families.push(word(body, c + 2) === 2 ? 6 : 4)
      if (code === 65) message.asn = long(body, c + 2)
      if (code === 64) message.gracefulRestart = word(body, c + 2) & 0xfff
    }
    at += length
  }
  // who says nothing of families has IPv4 only
  if (families.length === 0) families.push(4)
  return message
}

function decodeUpdate(body: Uint8Array): UpdateMessage {
  const withdrawnLength = word(body, 0)
  const withdrawn = [...prefixesOf(body.subarray(2, 2 + withdrawnLength), 4)]
  const attributesAt = 4 + withdrawnLength
  const end = attributesAt + word(body, 2 + withdrawnLength)
  const announced = [...prefixesOf(body.subarray(end), 4)]
  const message: UpdateMessage = { type: 'update', withdrawn, announced, asPath: [] }
  for (let at = attributesAt; at < end;) {
    const extended = (body[at]! & 0x10) !== 0
    const type = body[at + 1]!
    const length = extended ? word(body, at + 2) : body[at + 2]!
    at += extended ? 4 : 3
    const value = body.subarray(at, at + length)
    at += length
    if (type === 2 && value.length > 2) message.asPath = Array.from({ length: value[1]! }, (_, i) => long(value, 2 + 4 * i))
    else if (type === 3) message.nextHop = addressOf(value)
    else if (type === 5) message.localPreference = long(value, 0)
    else if (type === 8) message.communities = Array.from({ length: value.length / 4 }, (_, i) => `${word(value, 4 * i)}:${word(value, 4 * i + 2)}`)
    else if (type === 9) message.originator = addressOf(value)
    else if (type === 10) message.clusters = Array.from({ length: value.length / 4 }, (_, i) => addressOf(value.subarray(4 * i, 4 * i + 4)))
    else if (type === 14) {
      const hop = value[3]!
      message.nextHop = addressOf(value.subarray(4, 4 + Math.min(hop, 16)))
      if (hop === 32) message.linkLocal = addressOf(value.subarray(20, 36))
      announced.push(...prefixesOf(value.subarray(5 + hop), 16))
    } else if (type === 15) withdrawn.push(...prefixesOf(value.subarray(3), 16))
  }
  return message
}
