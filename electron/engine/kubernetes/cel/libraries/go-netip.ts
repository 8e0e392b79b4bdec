import { formatIp, ipNumber, ipVersion } from '../../../network/address.ts'

/** Go's net/netip, as far as CEL needs it: what is an address or a prefix, and in which words the rest is refused. */
export interface Address { readonly version: 4 | 6; readonly value: bigint }
export interface Prefix { readonly address: Address; readonly bits: number }

/** Throws an Error with the words of netip.ParseAddr. A zone is part of the address there; here nothing takes one. */
export function parseAddress(text: string): Address {
  const [address = '', ...zone] = text.split('%')
  const why = zone.length > 0 && !address.includes(':') ? 'missing IPv6 address' : (wrongAddress(address) ?? (zone.length > 0 && zone.join('%') === '' ? 'zone must be a non-empty string' : undefined))
  if (why !== undefined) throw new Error(`ParseAddr(${JSON.stringify(text)}): ${why}`)
  return { version: ipVersion(address)!, value: ipNumber(address) }
}

export function parsePrefix(text: string): Prefix {
  const wrong = (why: string): Error => new Error(`netip.ParsePrefix(${JSON.stringify(text)}): ${why}`)
  const slash = text.lastIndexOf('/')
  if (slash < 0) throw wrong("no '/'")
  let address: Address
  try {
    address = parseAddress(text.slice(0, slash))
  } catch (error) {
    throw wrong((error as Error).message)
  }
  if (text.slice(0, slash).includes('%')) throw wrong('IPv6 zones cannot be present in a prefix')
  const bits = text.slice(slash + 1)
  if (!/^(0|[1-9]\d*)$/.test(bits)) throw wrong(`bad bits after slash: ${JSON.stringify(bits)}`)
  if (Number(bits) > widthOf(address)) throw wrong('prefix length out of range')
  return { address, bits: Number(bits) }
}

export const widthOf = ({ version }: Address): number => (version === 4 ? 32 : 128)
export const addressText = ({ value, version }: Address): string => formatIp(value, version)
/** ::ffff:0:0/96 */
export const isMapped = ({ version, value }: Address): boolean => version === 6 && value >> 32n === 0xffffn

/** The address with all but its first bits zero. */
export function masked(address: Address, bits: number): Address {
  const rest = BigInt(widthOf(address) - bits)
  return { version: address.version, value: (address.value >> rest) << rest }
}

function wrongAddress(text: string): string | undefined {
  const first = /[.:]/.exec(text)?.[0]
  if (first === '.') return wrongV4(text)
  return first === ':' ? wrongV6(text) : 'unable to parse IP'
}

function wrongV4(text: string): string | undefined {
  let [value, digits, dots] = [0, 0, 0]
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c >= '0' && c <= '9') {
      if (digits === 1 && value === 0) return 'IPv4 field has octet with leading zero'
      value = value * 10 + Number(c)
      digits++
      if (value > 255) return 'IPv4 field has value >255'
    } else if (c === '.') {
      if (i === 0 || i === text.length - 1 || text[i - 1] === '.') return `IPv4 field must have at least one digit (at ${JSON.stringify(text.slice(i))})`
      if (dots === 3) return 'IPv4 address too long'
      dots++
      value = digits = 0
    } else return `unexpected character (at ${JSON.stringify(text.slice(i))})`
  }
  return dots < 3 ? 'IPv4 address too short' : undefined
}

function wrongV6(text: string): string | undefined {
  let rest = text
  let ellipsis = -1
  const at = (why: string): string => `${why} (at ${JSON.stringify(rest)})`
  if (rest.startsWith('::')) {
    ellipsis = 0
    rest = rest.slice(2)
    if (rest === '') return undefined
  }
  let bytes = 0
  while (bytes < 16) {
    const digits = /^[0-9a-f]*/i.exec(rest)![0]
    if (digits.length > 4) return at('each group must have 4 or fewer digits')
    if (digits === '') return at('each colon-separated field must have at least one digit')
    if (rest[digits.length] === '.') {
      if (ellipsis < 0 && bytes !== 12) return at('embedded IPv4 address must replace the final 2 fields of the address')
      if (bytes + 4 > 16) return at('too many hex fields to fit an embedded IPv4 at the end of the address')
      const why = wrongV4(rest)
      if (why !== undefined) return why
      rest = ''
      bytes += 4
      break
    }
    bytes += 2
    rest = rest.slice(digits.length)
    if (rest === '') break
    if (rest[0] !== ':') return at('unexpected character, want colon')
    if (rest.length === 1) return at('colon must be followed by more characters')
    rest = rest.slice(1)
    if (rest[0] !== ':') continue
    if (ellipsis >= 0) return at('multiple :: in address')
    ellipsis = bytes
    rest = rest.slice(1)
    if (rest === '') break
  }
  if (rest !== '') return at('trailing garbage after address')
  if (bytes < 16) return ellipsis < 0 ? 'address string too short' : undefined
  return ellipsis >= 0 ? 'the :: must expand to at least one field of zeros' : undefined
}
