import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { EventRecorder } from '../../kubernetes/controllers/events.ts'
import { ifReached } from '../../kubernetes/controllers/reach.ts'
import { asManager } from '../../kubernetes/managed-fields/as-manager.ts'
import type { KubeObject, Service } from '../../kubernetes/types.ts'
import { ipVersion } from '../../network/address.ts'
import type { Clock } from '../../clock.ts'
import type { Ip } from '../../network/types.ts'
import { SyncLoop } from '../../cni/sync-loop.ts'
import { Allocator, quoted } from './allocator.ts'
import { ADDRESS_POOLS, poolsFor, serves, type AddressPool, type Pool } from './pools.ts'

/** MetalLB's controller: LoadBalancers get addresses (controller/service.go of metallb/metallb v0.15). */
const POOL_ANNOTATION = 'metallb.io/ip-allocated-from-pool'
const DELAY = 5

export type MetalLog = (level: 'info' | 'warn' | 'error', caller: string, fields: Readonly<Record<string, unknown>>) => void

export class MetalController {
  readonly #client: KubernetesClient
  readonly #log: MetalLog
  readonly #events: EventRecorder
  readonly #lbClass: string
  /** Where MetalLB's own objects are read. */
  readonly #namespace: string | undefined
  readonly #allocator = new Allocator()
  readonly #services = new Map<string, Service>()
  readonly #objects = new Map<string, AddressPool>()
  readonly #stops: (() => void)[] = []
  readonly #loop: SyncLoop
  /** Of a Service that got none: said once for each version of it and of the pools. */
  readonly #failed = new Map<string, string>()
  #config = 0

  constructor(client: KubernetesClient, clock: Clock, { lbClass, namespace, log }: { lbClass: string; namespace?: string; log: MetalLog }) {
    this.#client = asManager(client, 'controller')
    this.#log = log
    this.#lbClass = lbClass
    this.#namespace = namespace
    this.#events = new EventRecorder(client, clock, 'metallb-controller')
    this.#loop = new SyncLoop(clock, DELAY, () => ifReached(() => this.#sync()))
    this.#watch<AddressPool>(ADDRESS_POOLS, (pool, gone) => {
      const before = this.#objects.get(pool.metadata.name)
      if (gone) this.#objects.delete(pool.metadata.name)
      else this.#objects.set(pool.metadata.name, pool)
      if (!gone && before && JSON.stringify(before.spec) === JSON.stringify(pool.spec)) return
      this.#config++
      this.#readPools()
    })
    this.#watch<Service>('services', (service, gone) => {
      const key = `${service.metadata.namespace}/${service.metadata.name}`
      if (!gone) this.#services.set(key, service)
      else {
        this.#services.delete(key)
        this.#allocator.release(key)
        this.#failed.clear()
      }
    })
  }

  get pools(): readonly Pool[] {
    return this.#allocator.pools
  }

  /** Prometheus' text, as far as addresses are concerned. */
  metrics(): string {
    const rows = this.pools.map((pool) => ({ name: pool.name, counts: this.#allocator.counts(pool) }))
    const metric = (name: string, help: string, value: (c: ReturnType<Allocator['counts']>) => number): string =>
      rows.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${rows.map((r) => `${name}{pool="${r.name}"} ${value(r.counts)}\n`).join('')}`
    return `${metric('metallb_allocator_addresses_in_use_total', 'Number of IP addresses in use, per pool', (c) => c.assignedIPv4 + c.assignedIPv6)}${metric('metallb_allocator_addresses_total', 'Number of usable IP addresses, per pool', (c) => c.assignedIPv4 + c.assignedIPv6 + c.availableIPv4 + c.availableIPv6)}`
  }

  stop(): void {
    this.#loop.stop()
    for (const stop of this.#stops) stop()
  }

  #watch<T extends KubeObject>(resource: string, seen: (object: T, gone: boolean) => void): void {
    this.#stops.push(this.#client.watch<T>(resource, this.#namespace !== undefined && resource.endsWith('.metallb.io') ? { namespace: this.#namespace } : {}, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      seen(event.object, event.type === 'DELETED')
      this.#loop.request()
    }))
  }

  #readPools(): void {
    try {
      this.#allocator.pools = poolsFor([...this.#objects.values()])
    } catch (error) {
      // the configuration before stays
      this.#log('error', 'pool_controller.go:104', { controller: 'PoolReconciler', error: (error as Error).message, message: 'failed to parse the configuration', level: 'error' })
    }
  }

  #sync(): void {
    const keys = [...this.#services.keys()].sort((a, b) => {
      const [x, y] = [this.#services.get(a)!.metadata.creationTimestamp ?? '', this.#services.get(b)!.metadata.creationTimestamp ?? '']
      return x < y ? -1 : x > y ? 1 : a < b ? -1 : 1
    })
    const held = keys.filter((key) => (this.#services.get(key)!.status.loadBalancer?.ingress?.length ?? 0) > 0)
    // those that have an address keep it, whoever else would like it
    for (const key of [...held, ...keys.filter((k) => !held.includes(k))]) this.#converge(key, this.#services.get(key)!)
    for (const pool of this.pools) this.#count(pool)
  }

  #converge(key: string, service: Service): void {
    const { spec, status, metadata } = service
    if ((spec.loadBalancerClass ?? '') !== this.#lbClass) return
    const present = (status.loadBalancer?.ingress ?? []).flatMap((i) => (i.ip === undefined ? [] : [i.ip]))
    if (spec.type !== 'LoadBalancer' || this.pools.length === 0) {
      const had = this.#allocator.get(key) !== undefined || metadata.annotations?.[POOL_ANNOTATION] !== undefined
      this.#allocator.release(key)
      if (had) this.#write(service, [], undefined)
      return
    }
    let ips: readonly Ip[] = present
    const fits = (pool: Pool): boolean => serves(pool, service, this.#client)
    try {
      const wanted = desired(service)
      if (ips.length > 0) {
        try {
          this.#allocator.assign(key, service, ips, fits)
        } catch (error) {
          this.#events.event(service, 'Normal', 'ClearAssignment', `current IP for "${key}" not allowed by config, will attempt for new IP assignment: ${(error as Error).message}`)
          ips = []
        }
        const pool = annotation(service, 'address-pool')
        if (pool !== '' && ips.length > 0 && this.#allocator.get(key)?.pool !== pool) ips = []
        if (wanted.length > 0 && [...wanted].sort().join() !== [...ips].sort().join()) ips = []
        if (ips.length === 0) this.#allocator.release(key)
      }
      if (ips.length === 0) {
        ips = this.#allocate(key, service, wanted, fits)
        this.#log('info', 'service.go:166', { event: 'ipAllocated', ip: ips, msg: 'IP address assigned by controller' })
        this.#events.event(service, 'Normal', 'IPAllocated', `Assigned IP ${quoted(ips)}`)
      }
      this.#failed.delete(key)
      this.#write(service, ips, this.#allocator.get(key)!.pool)
    } catch (error) {
      if (error instanceof StatusError) return
      const why = (error as Error).message
      const said = `${this.#config} ${metadata.generation ?? ''} ${JSON.stringify(spec)} ${JSON.stringify(metadata.annotations ?? {})} ${why}`
      if (this.#failed.get(key) !== said) {
        this.#failed.set(key, said)
        this.#log('error', 'service.go:160', { error: why, msg: 'IP allocation failed', op: 'allocateIPs' })
        this.#events.event(service, 'Warning', 'AllocationFailed', `Failed to allocate IP for "${key}": ${why}`)
      }
      this.#allocator.release(key)
      this.#write(service, [], undefined)
    }
  }

  #allocate(key: string, service: Service, wanted: readonly Ip[], fits: (pool: Pool) => boolean): readonly Ip[] {
    const families = (service.spec.ipFamilies ?? ['IPv4']).map((f): 4 | 6 => (f === 'IPv6' ? 6 : 4)).slice(0, service.spec.ipFamilyPolicy === 'SingleStack' ? 1 : 2)
    const poolName = annotation(service, 'address-pool')
    if (wanted.length > 0) {
      if (wanted.some((ip) => !families.includes(ipVersion(ip)!)) || wanted.length < families.length) throw new Error(`requested loadBalancer IP(s) ${quoted(wanted)} does not match the ipFamily of the service`)
      this.#allocator.assign(key, service, wanted, fits)
      if (poolName !== '' && this.#allocator.get(key)!.pool !== poolName) {
        this.#allocator.release(key)
        throw new Error(`requested loadBalancer IP(s) ${quoted(wanted)} is not compatible with requested address pool ${poolName}`)
      }
      return wanted
    }
    const named = this.pools.find((p) => p.name === poolName)
    if (poolName !== '' && !named) throw new Error(`unknown pool "${poolName}"`)
    const priority = ({ object }: Pool): number => object.spec.serviceAllocation?.priority || Infinity
    const pinned = this.pools.filter((p) => p.object.spec.autoAssign !== false && p.object.spec.serviceAllocation && fits(p)).sort((a, b) => (priority(a) === priority(b) ? 0 : priority(a) < priority(b) ? -1 : 1))
    const pools = named ? [named] : [...pinned, ...this.pools.filter((p) => p.object.spec.autoAssign !== false && !p.object.spec.serviceAllocation)]
    const few = service.spec.ipFamilyPolicy === 'PreferDualStack' ? [families, families.slice(0, 1), families.slice(1)] : [families]
    for (const versions of few.filter((v) => v.length > 0)) {
      for (const pool of pools) {
        const ips = versions.map((version) => this.#allocator.free(key, service, pool, version))
        if (!ips.every((ip) => ip !== undefined)) continue
        this.#allocator.assign(key, service, ips, fits)
        return ips
      }
    }
    throw new Error(named ? `no available IPs in pool "${poolName}" for ${families.length > 1 ? 'dual' : families[0] === 6 ? 'ipv6' : 'ipv4'} IPFamily` : 'no available IPs')
  }

  #write(service: Service, ips: readonly Ip[], pool: string | undefined): void {
    const { namespace, name, annotations } = service.metadata
    const present = (service.status.loadBalancer?.ingress ?? []).map((i) => i.ip)
    if (annotations?.[POOL_ANNOTATION] === pool && present.join() === ips.join()) return
    // one update of the status, which may change annotations, too: the account may do no more
    const { [POOL_ANNOTATION]: _, ...others } = annotations ?? {}
    const kept = pool === undefined ? others : { ...others, [POOL_ANNOTATION]: pool }
    try {
      const status = { ...service.status, loadBalancer: ips.length > 0 ? { ingress: ips.map((ip) => ({ ip })) } : {} }
      this.#client.update('services', namespace, name, { ...service, metadata: { ...service.metadata, annotations: kept }, status }, { subresource: 'status' })
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      // it has changed since: the next round sees it
      return
    }
    if (present.join() === ips.join()) return
    this.#log('info', 'main.go:136', { event: 'serviceUpdated', msg: 'updated service object' })
  }

  #count(pool: Pool): void {
    const object = this.#objects.get(pool.name)
    const status = this.#allocator.counts(pool)
    if (!object || JSON.stringify(object.status) === JSON.stringify(status)) return
    try {
      this.#client.update(ADDRESS_POOLS, object.metadata.namespace, pool.name, { ...object, status }, { subresource: 'status' })
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
    }
  }
}

/** "metallb.io/…", or by its former name. */
function annotation({ metadata }: Service, name: string): string {
  return metadata.annotations?.[`metallb.io/${name}`] ?? metadata.annotations?.[`metallb.universe.tf/${name}`] ?? ''
}

/** The addresses that are asked for. Throws an Error with MetalLB's text. */
function desired(service: Service): Ip[] {
  const asked = annotation(service, 'loadBalancerIPs')
  const { loadBalancerIP = '' } = service.spec
  if (asked !== '' && loadBalancerIP !== '') throw new Error('service can not have both metallb.io/loadBalancerIPs and svc.Spec.LoadBalancerIP')
  const ips = asked === '' ? (loadBalancerIP === '' ? [] : [loadBalancerIP]) : asked.split(',').map((ip) => ip.trim())
  if (ips.some((ip) => ipVersion(ip) === undefined)) throw new Error(asked === '' ? `invalid spec.loadBalancerIP "${loadBalancerIP}"` : `invalid metallb.io/loadBalancerIPs: "${asked}"`)
  return ips
}
