import { addressCount, canonicalIp, cidrContains, ipVersion, nthAddress } from '../network/address.ts'
import type { Random } from '../random.ts'

/**
 * Addresses and node ports of Services: pkg/registry/core/service/{ipallocator,portallocator} of v1.33. Free ones are
 * taken from the upper band of a range first (KEP-3070, KEP-3668), so that what people ask for by hand rarely collides.
 */
export type IpFamily = 'IPv4' | 'IPv6'

/** What an allocation refuses; the texts are upstream's. */
export class AllocationError extends Error {
  override name = 'AllocationError'
}

export interface ServiceRanges {
  serviceCIDR: readonly string[]
  nodePortRange: { from: number; to: number }
}

class AddressRange {
  readonly cidr: string
  readonly family: IpFamily
  readonly taken = new Set<string>()
  /** Usable addresses are first … first+size-1, counted from the network's address. */
  #size: number
  #band: number
  #random: Random

  constructor(cidr: string, random: Random) {
    this.cidr = cidr
    this.family = cidr.includes(':') ? 'IPv6' : 'IPv4'
    this.#random = random
    const count = Math.min(addressCount(cidr), 2 ** 32)
    this.#size = this.family === 'IPv4' ? count - 2 : count - 1
    this.#band = band(count, 16, 256, 16)
  }

  take(ip: string): void {
    if (!cidrContains(this.cidr, ip)) throw new AllocationError('the provided network does not match the current range')
    if (ip === nthAddress(this.cidr, 0) || (this.family === 'IPv4' && ip === nthAddress(this.cidr, this.#size + 1))) {
      throw new AllocationError(`the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${this.cidr}`)
    }
    if (this.taken.has(ip)) throw new AllocationError('provided IP is already allocated')
    this.taken.add(ip)
  }

  takeNext(): string {
    const offset = nextFree(this.#size, this.#band, this.#random, (n) => this.taken.has(nthAddress(this.cidr, n + 1)))
    if (offset === undefined) throw new AllocationError('range is full')
    const ip = nthAddress(this.cidr, offset + 1)
    this.taken.add(ip)
    return ip
  }
}

/** How many places at the start are kept for those who ask for one: min(max(least, size/step), most). */
function band(size: number, least: number, most: number, step: number): number {
  if (size <= least) return 0
  return Math.min(Math.max(least, Math.floor(size / step)), most)
}

/** A free place, from a random one of the upper band on; the lower band only when that is full. */
function nextFree(size: number, lower: number, random: Random, isTaken: (n: number) => boolean): number | undefined {
  const upper = size - lower
  if (upper > 0) {
    const start = random.below(upper)
    for (let i = 0; i < upper; i++) {
      const n = lower + ((start + i) % upper)
      if (!isTaken(n)) return n
    }
  }
  for (let n = 0; n < lower; n++) if (!isTaken(n)) return n
  return undefined
}

/** What one request took and gives back; nothing is final before `commit`. */
export class Allocation {
  #owner: ServiceAllocator
  #ips: string[] = []
  #ports: number[] = []
  #releasedIps: string[] = []
  #releasedPorts: number[] = []

  constructor(owner: ServiceAllocator) {
    this.#owner = owner
  }
  takeIp(family: IpFamily, wanted: string | undefined): string {
    const range = this.#owner.range(family)
    const ip = wanted ? (canonicalIp(wanted) ?? wanted) : range.takeNext()
    if (wanted) range.take(ip)
    this.#ips.push(ip)
    return wanted ?? ip
  }
  takePort(wanted?: number): number {
    const port = this.#owner.takePort(wanted)
    this.#ports.push(port)
    return port
  }
  releaseIp(ip: string): void {
    this.#releasedIps.push(ip)
  }
  releasePort(port: number): void {
    this.#releasedPorts.push(port)
  }
  commit(): void {
    for (const ip of this.#releasedIps) this.#owner.releaseIp(ip)
    for (const port of this.#releasedPorts) this.#owner.releasePort(port)
  }
  revert(): void {
    for (const ip of this.#ips) this.#owner.releaseIp(ip)
    for (const port of this.#ports) this.#owner.releasePort(port)
  }
}

export class ServiceAllocator {
  readonly families: readonly IpFamily[]
  #ranges = new Map<IpFamily, AddressRange>()
  #ports = new Set<number>()
  #portRange: { from: number; to: number }
  #random: Random

  constructor(ranges: ServiceRanges, random: Random) {
    this.#random = random
    this.#portRange = ranges.nodePortRange
    for (const cidr of ranges.serviceCIDR) {
      const range = new AddressRange(cidr, random)
      this.#ranges.set(range.family, range)
    }
    this.families = [...this.#ranges.keys()]
  }

  begin(): Allocation {
    return new Allocation(this)
  }

  has(family: string): family is IpFamily {
    return this.#ranges.has(family as IpFamily)
  }

  range(family: IpFamily): { take(ip: string): void; takeNext(): string } {
    return this.#ranges.get(family)!
  }

  releaseIp(ip: string): void {
    const family = ipVersion(ip) === 6 ? 'IPv6' : 'IPv4'
    this.#ranges.get(family)?.taken.delete(canonicalIp(ip) ?? ip)
  }

  takePort(wanted?: number): number {
    const { from, to } = this.#portRange
    if (wanted === undefined) {
      const size = to - from + 1
      const n = nextFree(size, band(size, 16, 128, 32), this.#random, (i) => this.#ports.has(from + i))
      if (n === undefined) throw new AllocationError('range is full')
      this.#ports.add(from + n)
      return from + n
    }
    if (wanted < from || wanted > to) throw new AllocationError(`provided port is not in the valid range. The range of valid ports is ${from}-${to}`)
    if (this.#ports.has(wanted)) throw new AllocationError('provided port is already allocated')
    this.#ports.add(wanted)
    return wanted
  }

  releasePort(port: number): void {
    this.#ports.delete(port)
  }
}
