import { addressCount, canonicalIp, cidrContains, nthAddress } from '../network/address.ts'
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

/** The cluster's record of addresses that are taken, and of the ranges that they are taken from. */
export interface AddressBook {
  has(ip: string): boolean
  /** ServiceCIDRs that are ready, in the order in which they are tried; the same list as long as nothing changed. */
  ranges(): readonly string[]
  /** Writes down whom an address was given to. */
  enter(ip: string, parent: ServiceName): void
  remove(ip: string): void
}

export interface ServiceName {
  namespace: string
  name: string
}

class AddressRange {
  readonly cidr: string
  readonly family: IpFamily
  /** Usable addresses are first … first+size-1, counted from the network's address. */
  #size: number
  #band: number

  constructor(cidr: string) {
    this.cidr = cidr
    this.family = cidr.includes(':') ? 'IPv6' : 'IPv4'
    const count = Math.min(addressCount(cidr), 2 ** 32)
    this.#size = this.family === 'IPv4' ? count - 2 : count - 1
    this.#band = band(count, 16, 256, 16)
  }

  /** Not the network's own address, nor its broadcast address. */
  usable(ip: string): boolean {
    return ip !== nthAddress(this.cidr, 0) && !(this.family === 'IPv4' && ip === nthAddress(this.cidr, this.#size + 1))
  }

  next(random: Random, isTaken: (ip: string) => boolean): string | undefined {
    const offset = nextFree(this.#size, this.#band, random, (n) => isTaken(nthAddress(this.cidr, n + 1)))
    return offset === undefined ? undefined : nthAddress(this.cidr, offset + 1)
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
  #service: { readonly name: string; readonly namespace?: string }
  #ips: string[] = []
  #ports: number[] = []
  #releasedIps: string[] = []
  #releasedPorts: number[] = []

  constructor(owner: ServiceAllocator, service: { readonly name: string; readonly namespace?: string }) {
    this.#owner = owner
    this.#service = service
  }
  takeIp(family: IpFamily, wanted: string | undefined): string {
    const ip = this.#owner.takeIp(family, wanted)
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
    const parent = { namespace: this.#service.namespace ?? '', name: this.#service.name }
    for (const ip of this.#ips) this.#owner.enterIp(ip, parent)
    for (const ip of this.#releasedIps) this.#owner.releaseIp(ip)
    for (const port of this.#releasedPorts) this.#owner.releasePort(port)
  }
  revert(): void {
    for (const ip of this.#ips) this.#owner.abandonIp(ip)
    for (const port of this.#ports) this.#owner.releasePort(port)
  }
}

export class ServiceAllocator {
  /** What the cluster was set up with, the first one first. */
  readonly families: readonly IpFamily[]
  #book: AddressBook
  #known: { cidrs: readonly string[]; ranges: readonly AddressRange[] } = { cidrs: [], ranges: [] }
  /** Taken by a request that is not finished. */
  #pending = new Set<string>()
  #ports = new Set<number>()
  #portRange: { from: number; to: number }
  #random: Random

  constructor(ranges: ServiceRanges, random: Random, book: AddressBook) {
    this.#random = random
    this.#book = book
    this.#portRange = ranges.nodePortRange
    this.families = [...new Set(ranges.serviceCIDR.map((cidr): IpFamily => (cidr.includes(':') ? 'IPv6' : 'IPv4')))]
  }

  /** For a Service that is still worked on: its name is asked for at the end. */
  begin(service: { readonly name: string; readonly namespace?: string }): Allocation {
    return new Allocation(this, service)
  }

  has(family: string): family is IpFamily {
    return this.families.includes(family as IpFamily)
  }

  #ranges(family: IpFamily): readonly AddressRange[] {
    const cidrs = this.#book.ranges()
    if (cidrs !== this.#known.cidrs) this.#known = { cidrs, ranges: cidrs.map((cidr) => new AddressRange(cidr)) }
    return this.#known.ranges.filter((range) => range.family === family)
  }

  #isTaken = (ip: string): boolean => this.#pending.has(ip) || this.#book.has(ip)

  takeIp(family: IpFamily, wanted: string | undefined): string {
    const ranges = this.#ranges(family)
    if (wanted === undefined || wanted === '') {
      for (const range of ranges) {
        const ip = range.next(this.#random, this.#isTaken)
        if (ip === undefined) continue
        this.#pending.add(ip)
        return ip
      }
      throw new AllocationError('range is full')
    }
    const ip = canonicalIp(wanted) ?? wanted
    const range = ranges.find(({ cidr }) => cidrContains(cidr, ip))
    if (!range) throw new AllocationError('the provided network does not match the current range')
    if (!range.usable(ip)) throw new AllocationError(`the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${range.cidr}`)
    if (this.#isTaken(ip)) throw new AllocationError('provided IP is already allocated')
    this.#pending.add(ip)
    return ip
  }

  enterIp(ip: string, parent: ServiceName): void {
    this.#pending.delete(ip)
    this.#book.enter(ip, parent)
  }

  abandonIp(ip: string): void {
    this.#pending.delete(ip)
  }

  releaseIp(ip: string): void {
    this.#book.remove(canonicalIp(ip) ?? ip)
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

  /** Another etcd has other Services: these are the ports that they hold. */
  holdPorts(ports: Iterable<number>): void {
    this.#ports = new Set(ports)
  }
}
