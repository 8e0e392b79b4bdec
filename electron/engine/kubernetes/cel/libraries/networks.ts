import type { Environment } from '@marcbachmann/cel-js'
import { type Address, addressText, isMapped, masked, parseAddress, parsePrefix } from './go-netip.ts'

/** Kubernetes' libraries of addresses and prefixes (apiserver/pkg/cel/library/ip.go, cidr.go). */

class IP {
  readonly address: Address
  constructor(address: Address) {
    this.address = address
  }

  get text(): string {
    return addressText(this.address)
  }
}

class CIDR {
  readonly address: Address
  readonly bits: number
  constructor(address: Address, bits: number) {
    this.address = address
    this.bits = bits
  }

  get text(): string {
    return `${addressText(this.address)}/${this.bits}`
  }

  contains(address: Address): boolean {
    return address.version === this.address.version && masked(address, this.bits).value === masked(this.address, this.bits).value
  }
}

/** What stands before ".isCanonical". */
class IpNamespace {}

function ip(text: string): IP {
  let address: Address
  try {
    address = parseAddress(text)
  } catch (error) {
    throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string: ${(error as Error).message}`)
  }
  if (text.includes('%')) throw new Error(`IP address ${JSON.stringify(text)} with zone value is not allowed`)
  if (isMapped(address)) throw new Error(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`)
  return new IP(address)
}

function cidr(text: string): CIDR {
  const why = (words: string): Error => new Error(`network address parse error during conversion from string: ${words}`)
  try {
    const { address, bits } = parsePrefix(text)
    if (!isMapped(address)) return new CIDR(address, bits)
  } catch (error) {
    // twice, as it is told
    throw why(why((error as Error).message).message)
  }
  throw why(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`)
}

function isGood(read: (text: string) => unknown): (text: string) => boolean {
  return (text) => {
    try {
      read(text)
      return true
    } catch {
      return false
    }
  }
}

/** Whether an address is in one of the prefixes. */
const within = (...prefixes: readonly string[]): ((of: IP) => boolean) => {
  const all = prefixes.map(cidr)
  return ({ address }) => all.some((prefix) => prefix.contains(address))
}
const isUnspecified = within('0.0.0.0/32', '::/128')
const isLoopback = within('127.0.0.0/8', '::1/128')
const isLinkLocalMulticast = within('224.0.0.0/24', 'ff02::/16')
const isLinkLocalUnicast = within('169.254.0.0/16', 'fe80::/10')
const isNoGlobalUnicast = within('0.0.0.0/32', '255.255.255.255/32', '127.0.0.0/8', '224.0.0.0/4', '169.254.0.0/16', '::/128', '::1/128', 'ff00::/8', 'fe80::/10')

export function withNetworks(environment: Environment): Environment {
  const containsCidr = (outer: CIDR, inner: CIDR): boolean => outer.bits <= inner.bits && outer.contains(inner.address)
  return environment
    .registerType('net.IP', IP)
    .registerType('net.CIDR', CIDR)
    .registerType('kubernetes.IpNamespace', IpNamespace)
    .registerConstant('ip', 'kubernetes.IpNamespace', new IpNamespace())
    .registerFunction('ip(string): net.IP', ip)
    .registerFunction('isIP(string): bool', isGood(ip))
    .registerFunction('kubernetes.IpNamespace.isCanonical(string): bool', (_: IpNamespace, text: string) => ip(text).text === text)
    .registerFunction('string(net.IP): string', ({ text }: IP) => text)
    .registerOperator('net.IP == net.IP', (a: IP, b: IP) => a.text === b.text)
    .registerFunction('net.IP.family(): int', ({ address }: IP) => BigInt(address.version))
    .registerFunction('net.IP.isUnspecified(): bool', isUnspecified)
    .registerFunction('net.IP.isLoopback(): bool', isLoopback)
    .registerFunction('net.IP.isLinkLocalMulticast(): bool', isLinkLocalMulticast)
    .registerFunction('net.IP.isLinkLocalUnicast(): bool', isLinkLocalUnicast)
    .registerFunction('net.IP.isGlobalUnicast(): bool', (of: IP) => !isNoGlobalUnicast(of))
    .registerFunction('cidr(string): net.CIDR', cidr)
    .registerFunction('isCIDR(string): bool', isGood(cidr))
    .registerFunction('string(net.CIDR): string', ({ text }: CIDR) => text)
    .registerOperator('net.CIDR == net.CIDR', (a: CIDR, b: CIDR) => a.text === b.text)
    .registerFunction('net.CIDR.containsIP(string): bool', (prefix: CIDR, text: string) => prefix.contains(ip(text).address))
    .registerFunction('net.CIDR.containsIP(net.IP): bool', (prefix: CIDR, { address }: IP) => prefix.contains(address))
    .registerFunction('net.CIDR.containsCIDR(string): bool', (outer: CIDR, text: string) => containsCidr(outer, cidr(text)))
    .registerFunction('net.CIDR.containsCIDR(net.CIDR): bool', containsCidr)
    .registerFunction('net.CIDR.ip(): net.IP', ({ address }: CIDR) => new IP(address))
    .registerFunction('net.CIDR.masked(): net.CIDR', ({ address, bits }: CIDR) => new CIDR(masked(address, bits), bits))
    .registerFunction('net.CIDR.prefixLength(): int', ({ bits }: CIDR) => BigInt(bits))
}
