import type { Clock } from '../../clock.ts'
import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { timestamp } from '../../kubernetes/human-duration.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { addressCount, formatIp, ipNumber, networkOf } from '../../network/address.ts'
import type { Ip } from '../../network/types.ts'
import { EGRESSES, EXTERNAL_IP_POOLS } from './crds.ts'
import type { Egress, ExternalIPPool } from './egress.ts'
import { versionOf } from './pipeline.ts'

/** antrea-controller's part of Egress: addresses out of ExternalIPPools (pkg/controller/egress, pkg/controller/externalippool of Antrea v2.4). */
interface Range { first: bigint; last: bigint; version: 4 | 6 }

export class EgressIps {
  readonly #client: KubernetesClient
  readonly #clock: Clock
  readonly #egresses = new Map<string, Egress>()
  readonly #pools = new Map<string, ExternalIPPool>()
  readonly #stops: (() => void)[] = []
  #due = false
  #stopped = false

  constructor(client: KubernetesClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
    this.#watch<ExternalIPPool>(EXTERNAL_IP_POOLS, this.#pools)
    this.#watch<Egress>(EGRESSES, this.#egresses)
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
  }

  #watch<T extends KubeObject>(resource: string, into: Map<string, T>): void {
    this.#stops.push(this.#client.watch<T>(resource, {}, (event) => {
      if (event.type === 'DELETED') into.delete(event.object.metadata.name)
      else if (event.type === 'ADDED' || event.type === 'MODIFIED') into.set(event.object.metadata.name, event.object)
      else return
      if (this.#due) return
      this.#due = true
      this.#clock.schedule(1, () => {
        this.#due = false
        if (!this.#stopped) this.#sync()
      })
    }))
  }

  #sync(): void {
    const used = new Map<string, Set<Ip>>()
    for (const { spec } of this.#egresses.values()) {
      if (spec.externalIPPool === undefined || spec.egressIP === undefined) continue
      const ips = used.get(spec.externalIPPool) ?? new Set()
      used.set(spec.externalIPPool, ips.add(spec.egressIP))
    }
    for (const egress of [...this.#egresses.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) this.#allocate(egress, used)
    for (const pool of this.#pools.values()) this.#count(pool, used.get(pool.metadata.name)?.size ?? 0)
  }

  #allocate({ metadata: { name }, spec, status }: Egress, used: Map<string, Set<Ip>>): void {
    const { externalIPPool: poolName, egressIP } = spec
    if (poolName === undefined) return
    const pool = this.#pools.get(poolName)
    const taken = used.get(poolName) ?? new Set<Ip>()
    const free = egressIP ?? (pool && firstFree(pool, taken))
    if (free !== undefined && egressIP === undefined) {
      used.set(poolName, taken.add(free))
      this.#patch(EGRESSES, name, { spec: { egressIP: free } })
    }
    const reason = pool ? 'No available IP' : `the ExternalIPPool ${poolName} does not exist`
    const ok = pool !== undefined && free !== undefined
    const known = status?.conditions?.find((c) => c.type === 'IPAllocated')
    if (known?.status === (ok ? 'True' : 'False')) return
    const condition = { type: 'IPAllocated', status: ok ? 'True' : 'False', reason: ok ? 'Allocated' : 'AllocationError', message: ok ? 'EgressIP is successfully allocated' : `Cannot allocate EgressIP from ExternalIPPool: ${reason}`, lastTransitionTime: timestamp(this.#clock.wall()) }
    this.#patch(EGRESSES, name, { status: { conditions: [...(status?.conditions ?? []).filter((c) => c.type !== 'IPAllocated'), condition] } }, 'status')
  }

  #count(pool: ExternalIPPool, used: number): void {
    const total = Number(rangesOf(pool).reduce((sum, { first, last }) => sum + (last >= first ? last - first + 1n : 0n), 0n))
    if (pool.status?.usage?.total === total && (pool.status.usage.used ?? 0) === used) return
    this.#patch(EXTERNAL_IP_POOLS, pool.metadata.name, { status: { usage: { total, used } } }, 'status')
  }

  #patch(resource: string, name: string, change: object, subresource?: 'status'): void {
    try {
      this.#client.patch(resource, undefined, name, 'application/merge-patch+json', change, subresource ? { subresource } : {})
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
    }
  }
}

/** Of an IPv4 network neither the first nor the last address is given away. */
function rangesOf({ spec }: ExternalIPPool): Range[] {
  return spec.ipRanges.flatMap(({ cidr, start, end }): Range[] => {
    if (cidr !== undefined) {
      const version = versionOf(cidr)
      const first = ipNumber(networkOf(cidr).split('/')[0]!)
      const count = BigInt(addressCount(cidr))
      const edge = version === 4 && count > 2n
      return [{ version, first: edge ? first + 1n : first, last: first + count - (edge ? 2n : 1n) }]
    }
    return start === undefined || end === undefined ? [] : [{ version: versionOf(start), first: ipNumber(start), last: ipNumber(end) }]
  })
}

function firstFree(pool: ExternalIPPool, taken: ReadonlySet<Ip>): Ip | undefined {
  for (const { first, last, version } of rangesOf(pool)) {
    for (let n = first; n <= last; n++) {
      const ip = formatIp(n, version)
      if (!taken.has(ip)) return ip
    }
  }
  return undefined
}
