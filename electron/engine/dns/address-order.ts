import { cidrContains, isIpv4 } from '../network/address.ts'
import type { Ip, NetworkNamespace } from '../network/types.ts'

/**
 * In which order getaddrinfo(3) gives addresses (RFC 3484 and RFC 6724 section 6, as far as it decides between families):
 * those that have a route first, then those whose label is their source's, then by precedence. glibc's own table (its
 * gai.conf) has no precedence for unique local addresses, so that they go before IPv4; musl's (lookup_name.c) has 3.
 */
interface Policy { prefix: string; precedence: number; label: number }

const GLIBC: readonly Policy[] = [
  { prefix: '::1/128', precedence: 50, label: 0 },
  { prefix: '2002::/16', precedence: 30, label: 2 },
  { prefix: '2001::/32', precedence: 40, label: 7 },
  { prefix: 'fec0::/10', precedence: 40, label: 5 },
  { prefix: 'fc00::/7', precedence: 40, label: 6 },
  { prefix: '::/0', precedence: 40, label: 1 },
]
const MUSL: readonly Policy[] = [
  { prefix: '::1/128', precedence: 50, label: 0 },
  { prefix: '2002::/16', precedence: 30, label: 2 },
  { prefix: '2001::/32', precedence: 5, label: 5 },
  { prefix: 'fc00::/7', precedence: 3, label: 13 },
  { prefix: '::/0', precedence: 40, label: 1 },
]
/** ::ffff:0:0/96 */
const IPV4 = { glibc: { precedence: 10, label: 4 }, musl: { precedence: 35, label: 4 } } as const

function policyOf(address: Ip, libc: 'glibc' | 'musl'): { precedence: number; label: number } {
  if (isIpv4(address)) return IPV4[libc]
  return (libc === 'glibc' ? GLIBC : MUSL).find((p) => cidrContains(p.prefix, address))!
}

export function inOrder(network: NetworkNamespace, addresses: readonly Ip[], libc: 'glibc' | 'musl'): Ip[] {
  if (addresses.length < 2 || addresses.every((a) => isIpv4(a))) return [...addresses]
  const facts = new Map(addresses.map((address) => {
    const source = network.sourceFor(address)
    const { precedence, label } = policyOf(address, libc)
    return [address, { reachable: source !== undefined, matches: source !== undefined && policyOf(source, libc).label === label, precedence }]
  }))
  return [...addresses].sort((a, b) => {
    const [x, y] = [facts.get(a)!, facts.get(b)!]
    return Number(y.reachable) - Number(x.reachable) || Number(y.matches) - Number(x.matches) || y.precedence - x.precedence
  })
}
