import { ipv6Number, isLinkLocalIp6, isMulticastIp, tryParseCidr } from './address.ts'
import type { Ip, Link, LinkAddress } from './types.ts'

/** Scopes of RFC 4291 2.7 and RFC 6724 3.1; unique local addresses are global. */
function scopeOf(ip: Ip): number {
  if (isMulticastIp(ip)) return Number.parseInt(ip[3] ?? '0', 16)
  return ip === '::1' || isLinkLocalIp6(ip) ? 2 : 14
}

/** The policy table of RFC 6724 2.1, its labels as Linux has them (net/ipv6/addrlabel.c). */
const LABELS = ([['::1/128', 0], ['::ffff:0:0/96', 4], ['::/96', 3], ['2001:10::/28', 7], ['2001::/32', 6], ['2002::/16', 2], ['fc00::/7', 5], ['::/0', 1]] as const)
  .map(([cidr, label]) => ({ prefix: tryParseCidr(cidr)!, label }))

function labelOf(value: bigint): number {
  return LABELS.find(({ prefix }) => (value & prefix.mask6) === prefix.base6)!.label
}

/** How many bits two addresses have in common, at most the length of the source's prefix. */
function commonBits(a: bigint, b: bigint, most: number): number {
  const differing = (a ^ b).toString(2)
  return Math.min(most, a === b ? 128 : 128 - differing.length)
}

/**
 * The source of a packet to `destination` that leaves by `out`: RFC 6724's rules 1 (same address), 2 (scope), 3 (not deprecated), 5 (outgoing
 * interface), 6 (label) and 8 (longest prefix), as ipv6_dev_get_saddr in net/ipv6/addrconf.c. To link-local and multicast
 * addresses only those of the interface itself come in question.
 */
export function selectSource(links: Iterable<Link>, destination: Ip, out: Link | undefined): Ip | undefined {
  const to = ipv6Number(destination)
  if (to === undefined) return undefined
  const scope = scopeOf(destination)
  const onlyOut = out !== undefined && (scope <= 2 || isMulticastIp(destination))
  let best: { address: LinkAddress; score: readonly number[] } | undefined
  for (const link of onlyOut ? [out] : links) {
    if (!link.up) continue
    for (const address of link.addresses) {
      if (!address.address.includes(':')) continue
      const value = ipv6Number(address.address)!
      const own = scopeOf(address.address)
      // Rule 2: the smallest scope that reaches; those that do not reach come last, the largest first.
      const score = [value === to ? 1 : 0, own >= scope ? 64 - own : own, isDeprecated(address, link.namespace.clock.now) ? 0 : 1, link === out ? 1 : 0, labelOf(value) === labelOf(to) ? 1 : 0, commonBits(value, to, address.prefixLength)]
      if (!best || isGreater(score, best.score)) best = { address, score }
    }
  }
  return best?.address.address
}

export const isDeprecated = ({ validUntil, preferredUntil }: LinkAddress, now: number): boolean => preferredUntil !== undefined && preferredUntil <= (validUntil === undefined ? 0 : now)

function isGreater(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! > b[i]!
  return false
}
