import { cidrContains, ipVersion, parseCidr } from '../../network/address.ts'
import { isReady } from '../address-book.ts'
import { timestamp } from '../human-duration.ts'
import { allocatedLabels, isAllocated } from '../kinds/service-cidr.ts'
import type { IPAddress, Service, ServiceCIDR } from '../types.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import { type Informer, splitKey } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { since } from './time.ts'
import { WorkQueue } from './workqueue.ts'

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer'
/** Until every allocator has heard that a range goes. */
const DELETION_GRACE = 10_000

/** Makes ranges of Services ready, and keeps one that is deleted until no address needs it: pkg/controller/servicecidrs. */
export class ServiceCidrController implements Controller {
  readonly #context: ControllerContext
  readonly #ranges: Informer<ServiceCIDR>
  readonly #addresses: Informer<IPAddress>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, (name) => this.#sync(name))
    this.#ranges = context.informers.of<ServiceCIDR>('servicecidrs')
    this.#addresses = context.informers.of<IPAddress>('ipaddresses')
    const all = (range: ServiceCIDR): void => {
      this.#queue.add(range.metadata.name)
      for (const other of this.#ranges.values()) if (other.metadata.deletionTimestamp) this.#queue.add(other.metadata.name)
    }
    this.#ranges.on({ onAdd: all, onUpdate: all, onDelete: all })
    this.#addresses.on({
      onDelete: ({ metadata }) => {
        for (const range of this.#ranges.values()) if (range.metadata.deletionTimestamp && contains(range, metadata.name)) this.#queue.add(range.metadata.name)
      },
    })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(name: string): void {
    const range = this.#ranges.get(undefined, name)
    if (!range) return
    const { deletionTimestamp, finalizers = [] } = range.metadata
    const { client, clock } = this.#context
    if (deletionTimestamp) {
      if (!finalizers.includes(FINALIZER)) return
      if (this.#isNeeded(range)) {
        return this.#setReady(range, 'False', 'Terminating', 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR')
      }
      const left = DELETION_GRACE - since(clock, deletionTimestamp)
      if (left > 0) return this.#queue.addAfter(name, left)
      const others = finalizers.filter((f) => f !== FINALIZER)
      ignoringGone(() => client.patch('servicecidrs', undefined, name, 'application/merge-patch+json', { metadata: { finalizers: others } }))
      return
    }
    if (!finalizers.includes(FINALIZER)) {
      ignoringGone(() => client.patch('servicecidrs', undefined, name, 'application/merge-patch+json', { metadata: { finalizers: [...finalizers, FINALIZER] } }))
    }
    if (!isReady(range)) this.#setReady(range, 'True', '', 'Kubernetes Service CIDR is ready')
  }

  #setReady({ metadata, status: before }: ServiceCIDR, status: string, reason: string, message: string): void {
    if (before.conditions?.some((c) => c.type === 'Ready' && c.status === status && c.reason === reason)) return
    const condition = { lastTransitionTime: timestamp(this.#context.clock.wall()), message, reason, status, type: 'Ready' }
    const conditions = [...(before.conditions ?? []).filter((c) => c.type !== 'Ready'), condition]
    ignoringGone(() => this.#context.client.patch('servicecidrs', undefined, metadata.name, 'application/merge-patch+json', { status: { conditions } }, AGENT_STATUS))
  }

  /** Whether addresses of Services would be in no range without this one. */
  #isNeeded(range: ServiceCIDR): boolean {
    const others = [...this.#ranges.values()].filter((r) => r.metadata.name !== range.metadata.name)
    const covered = (range.spec.cidrs ?? []).every((cidr) => others.some((r) => r.spec.cidrs?.some((c) => covers(c, cidr))))
    if (covered) return false
    for (const address of this.#addresses.values()) {
      const ip = address.metadata.name
      if (isAllocated(address) && contains(range, ip) && !others.some((r) => contains(r, ip))) return true
    }
    return false
  }
}

function contains({ spec }: ServiceCIDR, ip: string): boolean {
  return spec.cidrs?.some((cidr) => cidrContains(cidr, ip)) ?? false
}

function covers(outer: string, inner: string): boolean {
  const [a, b] = [parseCidr(outer), parseCidr(inner)]
  return a.version === b.version && a.length <= b.length && cidrContains(outer, b.network)
}

/** For so long an address may be there before its Service. */
const LEAK_GRACE = 60_000

/** Makes IPAddresses again that Services need, and takes away what no Service has (ipallocator/controller/repairip.go). */
export class IpAddressRepairController implements Controller {
  readonly #context: ControllerContext
  readonly #services: Informer<Service>
  readonly #addresses: Informer<IPAddress>
  readonly #ranges: Informer<ServiceCIDR>
  readonly #events: EventRecorder
  readonly #queue: WorkQueue
  /** Address → the Service that had it. */
  readonly #lost = new Map<string, string>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#events = new EventRecorder(context.client, context.clock, 'ipallocator-repair-controller')
    this.#queue = new WorkQueue(context.clock, (ip) => this.#sync(ip))
    this.#services = context.informers.of<Service>('services')
    this.#addresses = context.informers.of<IPAddress>('ipaddresses')
    this.#ranges = context.informers.of<ServiceCIDR>('servicecidrs')
    const look = (address: IPAddress): void => {
      if (isAllocated(address)) this.#queue.add(address.metadata.name)
    }
    this.#addresses.on({
      onAdd: look,
      onUpdate: look,
      onDelete: ({ metadata, spec: { parentRef } }) => {
        // Most go with their Service, of which the watch tells a moment later.
        if (parentRef?.resource !== 'services') return
        this.#lost.set(metadata.name, `${parentRef.namespace}/${parentRef.name}`)
        this.#queue.add(metadata.name)
      },
    })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(ip: string): void {
    const present = this.#addresses.get(undefined, ip)
    if (present) this.#check(present)
    else this.#repair(ip)
  }

  /** syncIPAddress. */
  #check(address: IPAddress): void {
    const { metadata: { name: ip, creationTimestamp }, spec: { parentRef } } = address
    if (!isAllocated(address)) return
    if (!parentRef || parentRef.group || parentRef.resource !== 'services') {
      const shown = parentRef ? `&{${parentRef.group ?? ''} ${parentRef.resource ?? ''} ${parentRef.namespace ?? ''} ${parentRef.name ?? ''}}` : '<nil>'
      return this.#cleanUp(address, 'IPAddressNotAllocated', `IPAddress ${ip} appears to have been modified, not referencing a Service ${shown}: cleaning up`)
    }
    const { namespace = '', name = '' } = parentRef
    const service = this.#services.get(namespace, name)
    if (!service) {
      const left = LEAK_GRACE - since(this.#context.clock, creationTimestamp)
      if (left >= 0) return this.#queue.addAfter(ip, left + 1, { background: true })
      return this.#cleanUp(address, 'IPAddressNotAllocated', `IPAddress: ${ip} for Service ${namespace}/${name} appears to have leaked: cleaning up`)
    }
    if (!service.spec.clusterIPs?.includes(ip)) this.#cleanUp(address, 'IPAddressWrongReference', `IPAddress: ${ip} for Service ${namespace}/${name} has a wrong reference; cleaning up`)
  }

  #cleanUp(address: IPAddress, reason: string, message: string): void {
    this.#events.note(address, 'Warning', reason, 'IPAddressAllocation', message)
    ignoringGone(() => this.#context.client.delete('ipaddresses', undefined, address.metadata.name))
  }

  #repair(ip: string): void {
    const { namespace, name } = splitKey(this.#lost.get(ip) ?? '')
    this.#lost.delete(ip)
    const service = this.#services.get(namespace, name)
    if (!service?.spec.clusterIPs?.includes(ip)) return
    const family = ipVersion(ip) === 6 ? 'IPv6' : 'IPv4'
    if (![...this.#ranges.values()].some((r) => contains(r, ip))) {
      const message = `Cluster IP [${family}]: ${ip} is not within any configured Service CIDR; please recreate service`
      return this.#events.note(service, 'Warning', 'ClusterIPOutOfRange', 'ClusterIPAllocation', message)
    }
    this.#events.note(service, 'Warning', 'ClusterIPNotAllocated', 'ClusterIPAllocation', `Cluster IP [${family}]: ${ip} is not allocated; repairing`)
    const spec = { parentRef: { resource: 'services', namespace, name } }
    ignoringGone(() => this.#context.client.create('ipaddresses', undefined, { metadata: { name: ip, labels: allocatedLabels(ip) }, spec }, AGENT_WRITE))
  }
}
