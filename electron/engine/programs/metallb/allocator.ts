import type { Service } from '../../kubernetes/types.ts'
import { formatIp } from '../../network/address.ts'
import type { Ip } from '../../network/types.ts'
import { isBuggy, poolOf, type Pool } from './pools.ts'

/** Who has which address (internal/allocator of metallb/metallb v0.15). */
interface Allocation { pool: string; ips: readonly Ip[]; ports: readonly string[]; sharing: string; backend: string }

export class Allocator {
  pools: readonly Pool[] = []
  readonly #allocated = new Map<string, Allocation>()

  get(key: string): Allocation | undefined {
    return this.#allocated.get(key)
  }

  release(key: string): void {
    this.#allocated.delete(key)
  }

  /** Throws an Error with the reason why the Service may not have these addresses. */
  assign(key: string, service: Service, ips: readonly Ip[], fits: (pool: Pool) => boolean): void {
    const pool = poolOf(this.pools, ips)
    if (!pool) throw new Error(`${quoted(ips)} is not allowed in config`)
    if (!fits(pool)) throw new Error(`pool ${pool.name} not compatible for ip assignment`)
    if (ips.length > 2) throw new Error(`more than two addresses ${quoted(ips)}`)
    if (ips.length === 2 && ips[0]!.includes(':') === ips[1]!.includes(':')) throw new Error(`"${ips[0]}" "${ips[1]}" has the same family`)
    const wanted = wishes(service)
    for (const ip of ips) {
      const why = this.#conflict(key, ip, wanted)
      if (why !== undefined) throw new Error(why)
    }
    this.#allocated.set(key, { pool: pool.name, ips: [...ips], ...wanted })
  }

  #conflict(key: string, ip: Ip, { ports, sharing, backend }: Omit<Allocation, 'pool' | 'ips'>): string | undefined {
    const others = [...this.#allocated].filter(([other, a]) => other !== key && a.ips.includes(ip))
    if (others.length === 0) return undefined
    if (sharing === '' || others.some(([, a]) => a.sharing !== sharing || a.backend !== backend)) return `can't change sharing key for "${key}", address also in use by ${others.map(([other]) => other).join(',')}`
    const taken = ports.find((port) => others.some(([, a]) => a.ports.includes(port)))
    return taken === undefined ? undefined : `port ${taken} is already in use on "${ip}"`
  }

  /** The first address of a family that the Service can have; undefined: there is none. */
  free(key: string, service: Service, pool: Pool, version: 4 | 6): Ip | undefined {
    const wanted = wishes(service)
    for (const range of pool.ranges) {
      if (range.version !== version) continue
      for (let n = range.first; n <= range.last; n++) {
        const ip = formatIp(n, version)
        if (!isBuggy(pool, ip) && this.#conflict(key, ip, wanted) === undefined) return ip
      }
    }
    return undefined
  }

  /** Addresses in use and free ones, as IPAddressPool.status counts them. */
  counts(pool: Pool): { assignedIPv4: number; assignedIPv6: number; availableIPv4: number; availableIPv6: number } {
    const used = (version: 4 | 6): number => new Set([...this.#allocated.values()].filter((a) => a.pool === pool.name).flatMap((a) => a.ips.filter((ip) => ip.includes(':') === (version === 6)))).size
    const total = (version: 4 | 6): bigint => pool.ranges.filter((r) => r.version === version).reduce((sum, r) => sum + r.last - r.first + 1n - buggy(pool, r.first, r.last, version), 0n)
    const free = (version: 4 | 6): number => Number(total(version)) - used(version)
    return { assignedIPv4: used(4), assignedIPv6: used(6), availableIPv4: free(4), availableIPv6: free(6) }
  }
}

function buggy({ object }: Pool, first: bigint, last: bigint, version: 4 | 6): bigint {
  if (object.spec.avoidBuggyIPs !== true || version === 6) return 0n
  const upTo = (n: bigint, rest: bigint): bigint => (n < rest ? 0n : (n - rest) / 256n + 1n)
  return [0n, 255n].reduce((sum, rest) => sum + upTo(last, rest) - (first === 0n ? 0n : upTo(first - 1n, rest)), 0n)
}

function wishes({ spec, metadata }: Service): Omit<Allocation, 'pool' | 'ips'> {
  return {
    ports: (spec.ports ?? []).map((p) => `${p.protocol ?? 'TCP'}/${p.port}`),
    sharing: metadata.annotations?.['metallb.io/allow-shared-ip'] ?? metadata.annotations?.['metallb.universe.tf/allow-shared-ip'] ?? '',
    backend: spec.externalTrafficPolicy === 'Local' ? Object.entries(spec.selector ?? {}).sort().map(([k, v]) => `${k}=${v}`).join(',') : '',
  }
}

/** Go's %q of a list. */
export function quoted(ips: readonly Ip[]): string {
  return `[${ips.map((ip) => `"${ip}"`).join(' ')}]`
}
