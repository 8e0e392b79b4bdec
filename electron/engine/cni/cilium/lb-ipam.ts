import type { Clock } from '../../clock.ts'
import { ConnectionError, StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { timestamp } from '../../kubernetes/human-duration.ts'
import { asManager } from '../../kubernetes/managed-fields/as-manager.ts'
import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { KubeObject, LabelSelector, Service } from '../../kubernetes/types.ts'
import { ipVersion } from '../../network/address.ts'
import type { Ip } from '../../network/types.ts'
import { LbRange, rangeOf, type Block } from './lb-ranges.ts'

/** LB IPAM: Services of type LoadBalancer get addresses out of CiliumLoadBalancerIPPools (operator/pkg/lbipam of cilium/cilium v1.17). It sleeps while there is no pool. */
export const LB_POOLS = 'ciliumloadbalancerippools.cilium.io'
/** loadBalancerClass of those that are Cilium's, besides those without one. */
export const L2_CLASS = 'io.cilium/l2-announcer'
const BGP_CLASS = 'io.cilium/bgp-control-plane'
const SATISFIED = 'cilium.io/IPAMRequestSatisfied'
const CONFLICT = 'cilium.io/PoolConflict'

interface Condition { type: string; status: string; reason: string; message: string; lastTransitionTime?: string; observedGeneration?: number }
export interface LbPool extends KubeObject {
  spec: { blocks?: Block[]; serviceSelector?: LabelSelector; allowFirstLastIPs?: 'Yes' | 'No'; disabled?: boolean }
  status?: { conditions?: Condition[] }
}
interface Pool { object: LbPool; ranges: LbRange[]; conflict: string | undefined; conditions: Condition[] }
interface Held { ip: Ip; range: LbRange }

/** What selectors of pools and policies see of a Service. */
export function labelsOfService({ metadata }: Service): Record<string, string> {
  return { ...metadata.labels, 'io.kubernetes.service.namespace': metadata.namespace, 'io.kubernetes.service.name': metadata.name }
}

export class LbIpam {
  readonly #client: KubernetesClient
  readonly #clock: Clock
  readonly #log: (level: 'info' | 'warning', message: string) => void
  readonly #families: readonly (4 | 6)[]
  readonly #pools = new Map<string, Pool>()
  readonly #services = new Map<string, Service>()
  readonly #held = new Map<string, Held[]>()
  readonly #stops: (() => void)[] = []
  #stopServices: (() => void) | undefined
  #due = false
  #stopped = false

  constructor(client: KubernetesClient, clock: Clock, families: readonly (4 | 6)[], log: (level: 'info' | 'warning', message: string) => void) {
    this.#client = asManager(client, 'cilium-operator-lb-ipam')
    this.#clock = clock
    this.#families = families
    this.#log = log
    log('info', 'LB-IPAM initializing')
    this.#stops.push(this.#client.watch<LbPool>(LB_POOLS, {}, (event) => {
      if (event.type === 'DELETED') this.#poolGone(event.object.metadata.name)
      else if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#onPool(event.object)
      else return
      this.#request()
    }))
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
    this.#stopServices?.()
  }

  #request(): void {
    if (this.#due || this.#stopped) return
    this.#due = true
    this.#clock.schedule(1, () => {
      this.#due = false
      if (!this.#stopped) this.#sync()
    })
  }

  // ---- pools -----------------------------------------------------------------------------------------------------

  #onPool(object: LbPool): void {
    const { name } = object.metadata
    const known = this.#pools.get(name)
    if (known && JSON.stringify(known.object.spec) === JSON.stringify(object.spec)) {
      known.object = object
      return
    }
    const wanted = (object.spec.blocks ?? []).flatMap((block) => rangeOf(name, block, object.spec.allowFirstLastIPs === 'No') ?? [])
    const same = (a: LbRange, b: LbRange): boolean => a.text === b.text
    const keepsEnds = known?.object.spec.allowFirstLastIPs === object.spec.allowFirstLastIPs
    const ranges = wanted.map((range) => (keepsEnds ? known?.ranges.find((r) => same(r, range)) : undefined) ?? range)
    // those of a range that stays, but is counted anew
    for (const range of known?.ranges ?? []) if (!ranges.includes(range)) this.#move(range, ranges.find((r) => same(r, range)))
    this.#pools.set(name, { object, ranges, conflict: undefined, conditions: object.status?.conditions ?? known?.conditions ?? [] })
    if (this.#stopServices) return
    this.#stopServices = this.#client.watch<Service>('services', {}, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      const key = `${event.object.metadata.namespace}/${event.object.metadata.name}`
      const gone = event.type === 'DELETED'
      if (gone) this.#services.delete(key)
      else this.#services.set(key, event.object)
      if (gone) this.#release(key)
      if (event.object.spec.type === 'LoadBalancer' || this.#held.has(key)) this.#request()
    })
    this.#log('info', 'LB-IPAM done initializing')
  }

  #poolGone(name: string): void {
    for (const range of this.#pools.get(name)?.ranges ?? []) this.#move(range, undefined)
    this.#pools.delete(name)
  }

  #move(from: LbRange, to: LbRange | undefined): void {
    for (const [key, held] of this.#held) {
      const others = held.filter((h) => h.range !== from)
      const moved = to ? held.filter((h) => h.range === from).map(({ ip }) => ({ ip, range: to })) : []
      for (const { ip, range } of moved) range.take(ip, key)
      this.#held.set(key, [...others, ...moved])
    }
  }

  /** Of two pools that overlap the younger one gives no more addresses. */
  #settleConflicts(): void {
    const pools = [...this.#pools.values()].sort((a, b) => (age(a) < age(b) ? -1 : age(a) > age(b) ? 1 : a.object.metadata.name < b.object.metadata.name ? -1 : 1))
    for (const [i, pool] of pools.entries()) {
      const before = pool.conflict
      pool.conflict = undefined
      for (const other of [pool, ...pools.slice(0, i).filter((p) => p.conflict === undefined)]) {
        const pair = pool.ranges.flatMap((a, n) => (other === pool ? pool.ranges.slice(n + 1) : other.ranges).map((b) => [a, b] as const)).find(([a, b]) => a.overlaps(b))
        if (!pair) continue
        pool.conflict = `range '${pair[0].text}' overlaps range '${pair[1].text}' from IP Pool '${other.object.metadata.name}'`
        if (before === undefined) this.#log('warning', `Pool '${pool.object.metadata.name}' conflicts since ${pool.conflict}`)
        break
      }
    }
  }

  #writePools(): void {
    for (const pool of this.#pools.values()) {
      const total = pool.ranges.reduce((sum, r) => sum + r.total, 0n)
      const used = pool.ranges.reduce((sum, r) => sum + r.used, 0n)
      const observedGeneration = pool.object.metadata.generation ?? 1
      const wanted: Condition[] = [
        { type: CONFLICT, status: pool.conflict === undefined ? 'False' : 'True', reason: pool.conflict === undefined ? 'resolved' : 'cidr_overlap', message: pool.conflict === undefined ? '' : `Pool conflicts since ${pool.conflict}`, observedGeneration },
        ...([['IPsTotal', total], ['IPsAvailable', total - used], ['IPsUsed', used]] as const).map(([type, n]) => ({ type: `cilium.io/${type}`, status: 'Unknown', reason: 'noreason', message: String(n), observedGeneration })),
      ]
      const conditions = wanted.reduce((list, condition) => this.#setCondition(list, condition), pool.conditions)
      if (conditions === pool.conditions) continue
      pool.conditions = conditions
      this.#patch(LB_POOLS, undefined, pool.object.metadata.name, { status: { conditions } })
    }
  }

  // ---- Services --------------------------------------------------------------------------------------------------

  #sync(): void {
    this.#settleConflicts()
    for (const [key, service] of this.#services) if (!isOurs(service) && this.#held.has(key)) this.#giveBack(key, service)
    const ours = [...this.#services].filter(([, service]) => isOurs(service))
    // those that have all that they want keep it, whoever else would like it
    const unsatisfied = ours.filter(([key, service]) => !this.#revalidate(key, service))
    const conditions = new Map(unsatisfied.map(([key, service]) => [key, this.#satisfy(key, service)] as const))
    for (const [key, service] of ours) this.#write(key, service, conditions.get(key))
    this.#writePools()
    if (this.#pools.size > 0) return
    this.#stopServices?.()
    this.#stopServices = undefined
    this.#services.clear()
    this.#held.clear()
    this.#log('info', 'Restarting LB IPAM')
  }

  #release(key: string): void {
    for (const { ip, range } of this.#held.get(key) ?? []) range.release(ip, key)
    this.#held.delete(key)
  }

  /** Another type or class: somebody else may have it now. */
  #giveBack(key: string, service: Service): void {
    this.#release(key)
    const conditions = conditionsOf(service).filter((c) => c.type !== SATISFIED)
    this.#patch('services', service.metadata.namespace, service.metadata.name, { status: { loadBalancer: null, conditions: conditions.length > 0 ? conditions : null } })
  }

  /** Takes away what the Service may not have any more, and takes over what its status says. True: it has all that it wants. */
  #revalidate(key: string, service: Service): boolean {
    const wanted = requestedIps(service)
    const families = familiesOf(service, this.#families)
    const fits = (ip: Ip): boolean => (wanted.length > 0 ? wanted.includes(ip) : families.includes(ip.includes(':') ? 6 : 4))
    const kept = (this.#held.get(key) ?? []).filter(({ ip, range }) => {
      const ok = fits(ip) && this.#selects(range, service) && [...(range.usersOf(ip) ?? [])].every((other) => other === key || this.#compatible(service, other))
      if (!ok) range.release(ip, key)
      return ok
    })
    for (const { ip } of service.status.loadBalancer?.ingress ?? []) {
      if (ip === undefined || kept.some((h) => h.ip === ip) || !fits(ip)) continue
      const range = this.#rangeOf(ip, service).range
      if (!range || range.usersOf(ip)) continue
      range.take(ip, key)
      kept.push({ ip, range })
    }
    this.#held.set(key, kept)
    return wanted.length > 0 ? wanted.every((ip) => kept.some((h) => h.ip === ip)) : families.every((v) => kept.some((h) => h.range.version === v))
  }

  #selects(range: LbRange, service: Service): boolean {
    const pool = this.#pools.get(range.pool)
    return pool !== undefined && (pool.object.spec.serviceSelector === undefined || compileLabelSelector(pool.object.spec.serviceSelector).matches(labelsOfService(service)))
  }

  /** Ranges that may be given from, in the order in which they came. */
  #ranges(): LbRange[] {
    return [...this.#pools.values()].filter((p) => p.conflict === undefined && !p.object.spec.disabled).flatMap((p) => p.ranges)
  }

  #rangeOf(ip: Ip, service: Service): { range: LbRange | undefined; pool: boolean } {
    const around = this.#ranges().filter((r) => r.contains(ip))
    return { range: around.find((r) => this.#selects(r, service)), pool: around.length > 0 }
  }

  /** What could not be had; undefined: nothing is missing. */
  #satisfy(key: string, service: Service): Omit<Condition, 'type' | 'status'> | undefined {
    const held = this.#held.get(key)!
    const take = (ip: Ip, range: LbRange): void => {
      range.take(ip, key)
      held.push({ ip, range })
    }
    let missing: Omit<Condition, 'type' | 'status'> | undefined
    const wanted = requestedIps(service)
    for (const ip of wanted) {
      if (held.some((h) => h.ip === ip)) continue
      const { range, pool } = this.#rangeOf(ip, service)
      const users = range?.usersOf(ip)
      if (!range) missing = pool ? { reason: 'pool_selector_mismatch', message: `The pool with the CIDR containing '${ip}', doesn't select this service` } : { reason: 'no_pool', message: `No pool exists with a CIDR containing '${ip}'` }
      else if (users && sharingKey(service) === '') missing = { reason: 'already_allocated', message: `The IP '${ip}' is already allocated to another service` }
      else if (users && ![...users].every((other) => this.#compatible(service, other))) missing = { reason: 'already_allocated_incompatible_service', message: `The IP '${ip}' is already allocated to an incompatible service` }
      else take(ip, range)
    }
    if (wanted.length > 0) return missing
    for (const version of familiesOf(service, this.#families)) {
      if (held.some((h) => h.range.version === version)) continue
      const shared = this.#shared(service, version)
      if (shared) {
        take(shared.ip, shared.range)
        continue
      }
      const ranges = this.#ranges().filter((r) => r.version === version && this.#selects(r, service))
      const range = ranges.find((r) => r.free() !== undefined)
      if (range) take(range.free()!, range)
      else if (ranges.length > 0) missing = { reason: 'out_of_ips', message: 'All enabled CiliumLoadBalancerIPPools that match this service ran out of allocatable IPs' }
      else missing = { reason: 'no_pool', message: 'There are no enabled CiliumLoadBalancerIPPools that match this service' }
    }
    return missing
  }

  /** An address of others with the same lbipam.cilium.io/sharing-key. */
  #shared(service: Service, version: 4 | 6): Held | undefined {
    if (sharingKey(service) === '') return undefined
    for (const held of this.#held.values()) {
      const fitting = held.find(({ ip, range }) => range.version === version && [...(range.usersOf(ip) ?? [])].every((other) => this.#compatible(service, other)))
      if (fitting) return fitting
    }
    return undefined
  }

  #compatible(service: Service, key: string): boolean {
    const other = this.#services.get(key)
    if (!other) return false
    const [a, b] = [service, other]
    const across = (s: Service): string[] => (s.metadata.annotations?.['lbipam.cilium.io/sharing-cross-namespace'] ?? '').split(',')
    const visits = (from: Service, to: Service): boolean => across(from).some((n) => n === '*' || n === to.metadata.namespace)
    if (sharingKey(a) === '' || sharingKey(a) !== sharingKey(b)) return false
    if (a.metadata.namespace !== b.metadata.namespace && !(visits(a, b) && visits(b, a))) return false
    if ((a.spec.ports ?? []).some((p) => (b.spec.ports ?? []).some((q) => p.port === q.port && (p.protocol ?? 'TCP') === (q.protocol ?? 'TCP')))) return false
    if (a.spec.externalTrafficPolicy !== b.spec.externalTrafficPolicy) return false
    return a.spec.externalTrafficPolicy !== 'Local' || (Object.keys(a.spec.selector ?? {}).length > 0 && sorted(a.spec.selector) === sorted(b.spec.selector))
  }

  #write(key: string, service: Service, missing: Omit<Condition, 'type' | 'status'> | undefined): void {
    const held = this.#held.get(key)!
    const present = service.status.loadBalancer?.ingress ?? []
    const ingress = [...present.filter((i) => held.some((h) => h.ip === i.ip)), ...held.filter((h) => !present.some((i) => i.ip === h.ip)).map(({ ip }) => ({ ip }))]
    const before = conditionsOf(service)
    const conditions = this.#setCondition(before, { type: SATISFIED, status: missing ? 'False' : 'True', ...(missing ?? { reason: 'satisfied', message: '' }) })
    if (conditions === before && ingress.length === present.length && ingress.every((i, n) => i.ip === present[n]!.ip)) return
    this.#patch('services', service.metadata.namespace, service.metadata.name, { status: { conditions, loadBalancer: ingress.length > 0 ? { ingress } : null } })
  }

  /** meta.SetStatusCondition: the time is that of the last change of the status. The same list: nothing has changed. */
  #setCondition(list: Condition[], condition: Condition): Condition[] {
    const known = list.find((c) => c.type === condition.type)
    if (known && known.status === condition.status && known.reason === condition.reason && known.message === condition.message && known.observedGeneration === condition.observedGeneration) return list
    const lastTransitionTime = known?.status === condition.status ? known.lastTransitionTime! : timestamp(this.#clock.wall())
    const made = { ...condition, lastTransitionTime }
    return known ? list.map((c) => (c === known ? made : c)) : [...list, made]
  }

  #patch(resource: string, namespace: string | undefined, name: string, change: object): void {
    try {
      this.#client.patch(resource, namespace, name, 'application/merge-patch+json', change, { subresource: 'status' })
    } catch (error) {
      // It went, or the API server cannot be reached: the next change looks again.
      if (!(error instanceof StatusError) && !(error instanceof ConnectionError)) throw error
    }
  }
}

function age({ object }: Pool): string {
  return object.metadata.creationTimestamp ?? ''
}

function isOurs({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer' && (spec.loadBalancerClass === undefined || spec.loadBalancerClass === L2_CLASS || spec.loadBalancerClass === BGP_CLASS)
}

function conditionsOf({ status }: Service): Condition[] {
  return (status.conditions ?? []) as Condition[]
}

function requestedIps({ spec, metadata }: Service): Ip[] {
  const asked = metadata.annotations?.['lbipam.cilium.io/ips'] ?? metadata.annotations?.['io.cilium/lb-ipam-ips'] ?? ''
  const all = [...(spec.loadBalancerIP ? [spec.loadBalancerIP] : []), ...asked.split(',').map((ip) => ip.trim())]
  return [...new Set(all.filter((ip) => ipVersion(ip) !== undefined))]
}

function sharingKey({ metadata }: Service): string {
  return metadata.annotations?.['lbipam.cilium.io/sharing-key'] ?? metadata.annotations?.['io.cilium/lb-ipam-sharing-key'] ?? ''
}

function familiesOf({ spec }: Service, cluster: readonly (4 | 6)[]): (4 | 6)[] {
  const versions = (spec.ipFamilies ?? []).map((f): 4 | 6 => (f === 'IPv6' ? 6 : 4))
  if (spec.ipFamilyPolicy === 'RequireDualStack') return [...cluster]
  if (spec.ipFamilyPolicy === 'PreferDualStack') return (versions.length > 0 ? versions : [...cluster]).filter((v) => cluster.includes(v))
  return [versions[0] ?? cluster[0] ?? 4]
}

function sorted(map: Readonly<Record<string, string>> | undefined): string {
  return JSON.stringify(Object.entries(map ?? {}).sort())
}
