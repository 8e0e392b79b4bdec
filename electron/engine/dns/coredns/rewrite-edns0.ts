import { ipNumber, networkOf } from '../../network/address.ts'
import { typeCode, type DnsEdns, type DnsEdnsOption } from '../../network/wire/dns.ts'
import { encodeUtf8 } from '../../text.ts'
import type { DnsRequest } from './chain.ts'

/** `rewrite edns0 {local,nsid,subnet} {set,append,replace} …` (plugin/rewrite/edns0.go): options are put into the question, and with `revert` out of the answer. */
export type EdnsRule = (request: DnsRequest) => { edns: DnsEdns; revert?: (options: readonly DnsEdnsOption[]) => DnsEdnsOption[] } | undefined

/** What a rule may ask of a query besides what it says itself. */
export interface EdnsSurroundings {
  serverPort: number
  metadata(request: DnsRequest, label: string): string | undefined
  /** Options of this code may stand in answers from now on. */
  supports(code: number): void
}

const NSID = 3
const SUBNET = 8
const VARIABLES = new Set(['{qname}', '{qtype}', '{client_ip}', '{client_port}', '{protocol}', '{server_ip}', '{server_port}'])

/** Throws an Error with CoreDNS' words, without the plugin's name. */
export function ednsRule(given: readonly string[], surroundings: EdnsSurroundings): EdnsRule {
  if (given.length < 2) throw new Error('too few arguments for an EDNS0 rule')
  const [type, action] = [given[0]!.toLowerCase(), given[1]!.toLowerCase()]
  if (action !== 'append' && action !== 'replace' && action !== 'set') throw new Error(`invalid action: ${JSON.stringify(action)}`)
  const revert = given.at(-1) === 'revert'
  const args = revert ? given.slice(0, -1) : given
  switch (type) {
    case 'local': {
      if (args.length !== 4) throw new Error('EDNS0 local rules require three or four args')
      const code = unsigned(args[2]!)
      const data = dataOf(args[3]!, surroundings)
      surroundings.supports(code)
      return rule(action, code, revert, data, args[3]!.startsWith('{') && args[3]!.endsWith('}'))
    }
    case 'nsid':
      if (args.length !== 2) throw new Error('EDNS0 NSID rules can accept no more than one arg')
      return rule(action, NSID, revert, () => new Uint8Array(0))
    case 'subnet': {
      if (args.length !== 4) throw new Error('EDNS0 subnet rules require three or four args')
      const [v4, v6] = [unsigned(args[2]!), unsigned(args[3]!)]
      if (v4 > 32) throw new Error(`invalid IPv4 bit mask length ${v4}`)
      if (v6 > 128) throw new Error(`invalid IPv6 bit mask length ${v6}`)
      return rule(action, SUBNET, revert, ({ client }) => subnet(client.address, client.address.includes(':') ? v6 : v4), true)
    }
    default:
      throw new Error(`invalid rule type ${JSON.stringify(type)}`)
  }
}

/** `once`: not beside one that is there. */
function rule(action: 'append' | 'replace' | 'set', code: number, revert: boolean, data: (request: DnsRequest) => Uint8Array | undefined, once = false): EdnsRule {
  return (request) => {
    const value = data(request)
    if (value === undefined) return undefined
    const edns = request.query.edns ?? { udpSize: 4096, version: 0, dnssecOk: false, options: [] }
    const old = edns.options.find((o) => o.code === code)
    if (old && action !== 'append') {
      const options = edns.options.map((o) => (o === old ? { code, data: value } : o))
      return { edns: { ...edns, options }, ...(revert ? { revert: (answered) => answered.map((o) => (o.code === code ? old : o)) } : {}) }
    }
    if (action === 'replace' || (old && once)) return undefined
    return { edns: { ...edns, options: [...edns.options, { code, data: value }] }, ...(revert ? { revert: (answered) => answered.filter((o) => o.code !== code) } : {}) }
  }
}

/** strconv.ParseUint(text, 0, 16). */
function unsigned(text: string): number {
  const problem = (what: string): Error => new Error(`strconv.ParseUint: parsing ${JSON.stringify(text)}: ${what}`)
  if (!/^(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[1-9]\d*|0)$/.test(text)) throw problem('invalid syntax')
  const value = /^0[0-7]+$/.test(text) ? parseInt(text, 8) : Number(text)
  if (value > 0xffff) throw problem('value out of range')
  return value
}

function dataOf(text: string, { serverPort, metadata }: EdnsSurroundings): (request: DnsRequest) => Uint8Array | undefined {
  if (text.startsWith('{') && text.endsWith('}')) {
    const label = text.slice(1, -1)
    const slash = label.indexOf('/')
    if (!VARIABLES.has(text) && (slash <= 0 || slash >= label.length - 1)) throw new Error(`unsupported variable name ${JSON.stringify(text)}`)
    return (request) => variable(text, request, serverPort) ?? (metadata(request, label) ? encodeUtf8(metadata(request, label)!) : undefined)
  }
  const bytes = text.startsWith('0x') ? hexadecimal(text.slice(2)) : encodeUtf8(text)
  return () => bytes
}

/** hex.DecodeString. */
function hexadecimal(text: string): Uint8Array {
  const odd = /[^0-9a-fA-F]/.exec(text)?.[0]
  if (odd !== undefined) throw new Error(`encoding/hex: invalid byte: U+${odd.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} '${odd}'`)
  if (text.length % 2 === 1) throw new Error('encoding/hex: odd length hex string')
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16))
}

function variable(name: string, { client, query, name: asked, type }: DnsRequest, serverPort: number): Uint8Array | undefined {
  const two = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 255)
  switch (name) {
    case '{qname}': return encodeUtf8(query.questions[0]?.name ?? asked)
    case '{qtype}': return two(typeCode(type))
    case '{client_ip}': return addressBytes(client.address)
    case '{server_ip}': return addressBytes(client.at)
    case '{client_port}': return two(client.port)
    case '{server_port}': return two(serverPort)
    case '{protocol}': return encodeUtf8(client.protocol)
    default: return undefined
  }
}

function addressBytes(address: string): Uint8Array {
  const length = address.includes(':') ? 16 : 4
  const value = ipNumber(address)
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 255n))
}

/** RFC 7871 6: family, prefix lengths, and as many octets of the network as its length asks for. */
function subnet(address: string, bits: number): Uint8Array {
  const network = networkOf(`${address}/${bits}`).split('/')[0]!
  return Uint8Array.of(0, address.includes(':') ? 2 : 1, bits, 0, ...addressBytes(network).slice(0, Math.ceil(bits / 8)))
}
