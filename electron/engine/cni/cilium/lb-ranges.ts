import { broadcastOf, formatIp, ipNumber, networkOf, tryParseCidr } from '../../network/address.ts'
import type { Cidr, Ip } from '../../network/types.ts'

/** A run of addresses that a pool gives away, and who has which (operator/pkg/lbipam/lbrange.go, pkg/ipalloc of cilium/cilium v1.17). */
export interface Block { cidr?: Cidr; start?: Ip; stop?: Ip }

export class LbRange {
  readonly pool: string
  readonly version: 4 | 6
  readonly first: bigint
  readonly last: bigint
  readonly #users = new Map<bigint, Set<string>>()

  /** `keepEnds`: the first and the last address of a network are not given away (allowFirstLastIPs: "No"). */
  constructor(pool: string, first: Ip, last: Ip, keepEnds: boolean) {
    this.pool = pool
    this.version = first.includes(':') ? 6 : 4
    this.first = ipNumber(first)
    this.last = ipNumber(last)
    if (keepEnds && this.last - this.first > 1n) for (const end of [this.first, this.last]) this.#users.set(end, new Set())
  }

  contains(ip: Ip): boolean {
    return (ip.includes(':') ? 6 : 4) === this.version && ipNumber(ip) >= this.first && ipNumber(ip) <= this.last
  }

  overlaps(other: LbRange): boolean {
    return this.version === other.version && this.first <= other.last && other.first <= this.last
  }

  /** Who has it; undefined: it is free. An end that is kept has nobody. */
  usersOf(ip: Ip): ReadonlySet<string> | undefined {
    return this.#users.get(ipNumber(ip))
  }

  take(ip: Ip, user: string): void {
    const number = ipNumber(ip)
    this.#users.set(number, (this.#users.get(number) ?? new Set()).add(user))
  }

  release(ip: Ip, user: string): void {
    const users = this.#users.get(ipNumber(ip))
    if (users?.delete(user) && users.size === 0) this.#users.delete(ipNumber(ip))
  }

  /** The first address of the smallest gap; undefined: all are taken. */
  free(): Ip | undefined {
    let from = this.first
    let best: { from: bigint; size: bigint } | undefined
    const taken = [...this.#users.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    for (const end of [...taken, this.last + 1n]) {
      const size = end - from
      if (size > 0n && (best === undefined || size < best.size)) best = { from, size }
      from = end + 1n
    }
    return best && formatIp(best.from, this.version)
  }

  get total(): bigint {
    return this.last - this.first + 1n
  }

  get used(): bigint {
    return BigInt(this.#users.size)
  }

  /** "10.0.0.0 - 10.0.0.255" */
  get text(): string {
    return `${formatIp(this.first, this.version)} - ${formatIp(this.last, this.version)}`
  }
}

/** Undefined: the block says nothing that can be understood. */
export function rangeOf(pool: string, { cidr, start, stop }: Block, keepEnds: boolean): LbRange | undefined {
  if (cidr !== undefined) return tryParseCidr(cidr) ? new LbRange(pool, networkOf(cidr).split('/')[0]!, broadcastOf(cidr), keepEnds) : undefined
  if (start === undefined) return undefined
  const range = new LbRange(pool, start, stop ?? start, false)
  return range.last < range.first ? undefined : range
}
