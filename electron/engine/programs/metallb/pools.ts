import type { KubernetesClient } from '../../kubernetes/client.ts'
import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { KubeObject, LabelSelector, Namespace, Service } from '../../kubernetes/types.ts'
import { addressCount, formatIp, ipNumber, ipVersion, networkOf, tryParseCidr } from '../../network/address.ts'
import type { Ip } from '../../network/types.ts'

/** MetalLB's configuration (metallb.io/v1beta1; internal/config and internal/allocator of metallb/metallb v0.15). */
export const ADDRESS_POOLS = 'ipaddresspools.metallb.io'
export const L2_ADVERTISEMENTS = 'l2advertisements.metallb.io'
export const SERVICE_L2_STATUSES = 'servicel2statuses.metallb.io'

export interface AddressPool extends KubeObject {
  spec: {
    addresses: string[]
    autoAssign?: boolean
    avoidBuggyIPs?: boolean
    serviceAllocation?: { priority?: number; namespaces?: string[]; namespaceSelectors?: LabelSelector[]; serviceSelectors?: LabelSelector[] }
  }
  status?: { assignedIPv4: number; assignedIPv6: number; availableIPv4: number; availableIPv6: number }
}
export interface L2Advertisement extends KubeObject {
  spec?: { ipAddressPools?: string[]; ipAddressPoolSelectors?: LabelSelector[]; nodeSelectors?: LabelSelector[]; interfaces?: string[] }
}

export interface Range { first: bigint; last: bigint; version: 4 | 6 }
export interface Pool { name: string; object: AddressPool; ranges: readonly Range[] }

/** "172.18.255.200-172.18.255.250" or "10.0.0.0/24". Throws an Error with config.ParseCIDR's text. */
export function parseRange(text: string): Range {
  if (!text.includes('-')) {
    const prefix = text.includes('/') ? tryParseCidr(text) : undefined
    if (!prefix) throw new Error(`invalid CIDR "${text}"`)
    const first = ipNumber(networkOf(text).split('/')[0]!)
    return { first, last: first + (prefix.version === 4 ? BigInt(addressCount(text)) : 1n << BigInt(128 - prefix.length)) - 1n, version: prefix.version }
  }
  const at = text.indexOf('-')
  const [start, end] = [text.slice(0, at), text.slice(at + 1)]
  const [a, b] = [ipVersion(start.trim()), ipVersion(end.trim())]
  if (a === undefined) throw new Error(`invalid IP range "${text}": invalid start IP "${start}"`)
  if (b === undefined) throw new Error(`invalid IP range "${text}": invalid end IP "${end}"`)
  const range: Range = { first: ipNumber(start.trim()), last: ipNumber(end.trim()), version: a }
  if (a !== b || range.first > range.last) throw new Error(`invalid IP range "${text}": start IP "${start.trim()}" is after the end IP "${end.trim()}"`)
  return range
}

/** The networks that a range is made of: what messages speak of. */
export function networksOf({ first, last, version }: Range): string[] {
  const bits = version === 4 ? 32 : 128
  const out: string[] = []
  for (let from = first; from <= last;) {
    let length = bits
    while (length > 0 && from % (1n << BigInt(bits - length + 1)) === 0n && from + (1n << BigInt(bits - length + 1)) - 1n <= last) length--
    out.push(`${formatIp(from, version)}/${length}`)
    from += 1n << BigInt(bits - length)
  }
  return out
}

/** All pools, or why MetalLB takes none of them. Throws an Error with its text. */
export function poolsFor(objects: readonly AddressPool[]): Pool[] {
  const all: { text: string; range: Range }[] = []
  return [...objects].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)).map((object): Pool => {
    const { name } = object.metadata
    const addresses = object.spec.addresses ?? []
    if (addresses.length === 0) throw new Error(`parsing address pool ${name}: pool has no prefixes defined`)
    const ranges = addresses.map((text) => {
      try {
        return parseRange(text)
      } catch (error) {
        throw new Error(`parsing address pool ${name}: invalid CIDR "${text}" in pool "${name}": ${(error as Error).message}`, { cause: error })
      }
    })
    for (const range of ranges) {
      for (const text of networksOf(range)) {
        const own = parseRange(text)
        const other = all.find((o) => o.range.version === own.version && o.range.first <= own.last && own.first <= o.range.last)
        if (other) throw new Error(`CIDR "${text}" in pool "${name}" overlaps with already defined CIDR "${other.text}"`)
        all.push({ text, range: own })
      }
    }
    return { name, object, ranges }
  })
}

export function poolOf(pools: readonly Pool[], ips: readonly Ip[]): Pool | undefined {
  return pools.find((pool) => ips.length > 0 && ips.every((ip) => pool.ranges.some((r) => r.version === ipVersion(ip) && ipNumber(ip) >= r.first && ipNumber(ip) <= r.last && !isBuggy(pool, ip))))
}

/** avoidBuggyIPs: some machines take .0 and .255 for networks and broadcasts. */
export function isBuggy({ object }: Pool, ip: Ip): boolean {
  return object.spec.avoidBuggyIPs === true && !ip.includes(':') && /\.(0|255)$/.test(ip)
}

/** Whether a pool's serviceAllocation names the Service; true without one. */
export function serves({ object: { spec: { serviceAllocation } } }: Pool, { metadata }: Service, client: Pick<KubernetesClient, 'get'>): boolean {
  const { namespaces = [], namespaceSelectors = [], serviceSelectors = [] } = serviceAllocation ?? {}
  if (namespaces.length > 0 || namespaceSelectors.length > 0) {
    const labels = (): Readonly<Record<string, string>> => client.get<Namespace>('namespaces', undefined, metadata.namespace).metadata.labels ?? {}
    if (!namespaces.includes(metadata.namespace) && !namespaceSelectors.some((s) => compileLabelSelector(s).matches(labels()))) return false
  }
  return serviceSelectors.length === 0 || serviceSelectors.some((s) => compileLabelSelector(s).matches(metadata.labels ?? {}))
}

/** The L2Advertisements of a pool: those that name it, select it, or name none. */
export function advertisementsOf({ object }: Pool, all: readonly L2Advertisement[]): L2Advertisement[] {
  return all.filter(({ spec }) => selectsPool(object, spec ?? {}))
}

export function selectsPool({ metadata }: Pick<KubeObject, 'metadata'>, { ipAddressPools = [], ipAddressPoolSelectors = [] }: { ipAddressPools?: readonly string[]; ipAddressPoolSelectors?: readonly LabelSelector[] }): boolean {
  if (ipAddressPools.length === 0 && ipAddressPoolSelectors.length === 0) return true
  return ipAddressPools.includes(metadata.name) || ipAddressPoolSelectors.some((s) => compileLabelSelector(s).matches(metadata.labels ?? {}))
}
