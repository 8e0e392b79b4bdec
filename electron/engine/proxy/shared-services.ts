import type { KubernetesClient } from '../kubernetes/client.ts'
import type { EndpointSlice, Service } from '../kubernetes/types.ts'
import type { Ip } from '../network/types.ts'
import { endpointsByPort, sameEndpoints, type EndpointInfo } from './endpoints.ts'
import { sameServicePorts, servicePorts, type ServicePortInfo } from './service-ports.ts'

const SERVICE_LABEL = 'kubernetes.io/service-name'
const HEADLESS_LABEL = 'service.kubernetes.io/headless'

const NO_ENDPOINTS: readonly EndpointInfo[] = []
const NO_PORTS: readonly ServicePortInfo[] = []
/** Changes that are remembered before it is asked who still needs them. */
const LOG = 4096

type Ports = readonly ServicePortInfo[]
type Endpoints = ReadonlyMap<string, readonly EndpointInfo[]>

/** Services and their endpoints as they were at one moment. */
export interface ServiceState {
  /** "ns/name" → its ports. */
  readonly services: ReadonlyMap<string, Ports>
  /** Of all ports of all Services. */
  readonly totalEndpoints: number
  /** Services with a healthCheckNodePort. */
  readonly healthChecks: number
  endpointsOf(port: ServicePortInfo): readonly EndpointInfo[]
}

/** A moment of what a reader knows: how many changes it has seen of Services, and how many of their endpoints. Who loses one of the two goes on with the other. */
export interface Version { readonly ports: number; readonly endpoints: number }

/** What a Service was before a change. */
interface Change { service: string; ports: Ports | undefined; endpoints: Endpoints | undefined }

/** One agent's reading of what is shared. */
export interface Reader {
  /** The oldest change after which it may still ask for something. */
  readonly needs: number
  /** Something is newer than what it took last. */
  tell(): void
}

/**
 * What every node's kube-proxy makes of Services and EndpointSlices: read once for all of them. Changes are
 * counted; each reader is at its own {@link Version}, and can look at any since the oldest that somebody needs.
 */
export class SharedServices implements ServiceState {
  readonly services = new Map<string, Ports>()
  totalEndpoints = 0
  healthChecks = 0
  /** All that Services have, or ever had. */
  readonly #addresses = new Set<Ip>()
  readonly #nodePorts = new Set<number>()
  readonly #endpoints = new Map<string, Endpoints>()
  readonly #slices = new Map<string, Map<string, EndpointSlice>>()
  /** Services whose slices changed: what that makes of their endpoints is found out once for all changes. */
  readonly #touched = new Set<string>()
  readonly #family: 4 | 6
  readonly #readers = new Set<Reader>()
  /** Those who have not been told since they last took. */
  readonly #untold = new Set<Reader>()
  readonly #stops: (() => void)[] = []
  /** Something changed since they were told. */
  #news = false
  #log: Change[] = []
  /** Changes before the log's first. */
  #base = 0
  #version: Version = { ports: 0, endpoints: 0 }
  #trimAt = LOG
  #former: { version: Version; state: ServiceState } | undefined
  #between: { from: Version; to: Version; services: ReadonlySet<string> } | undefined

  private constructor(server: KubernetesClient, family: 4 | 6, onEmpty: () => void) {
    this.#family = family
    this.#onEmpty = onEmpty
    const services = server.list<Service>('services')
    for (const service of services.items) this.#setService(service)
    const slices = server.list<EndpointSlice>('endpointslices')
    for (const slice of slices.items) this.#setSlice(slice, false)
    this.#merge()
    this.#stops.push(
      server.watch<Service>('services', { resourceVersion: services.resourceVersion }, (event) => {
        if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#setService(event.object)
        else if (event.type === 'DELETED') this.#change(keyOf(event.object), undefined, this.#endpoints.get(keyOf(event.object)))
        this.#tell()
      }),
      server.watch<EndpointSlice>('endpointslices', { resourceVersion: slices.resourceVersion }, (event) => {
        if (event.type === 'BOOKMARK' || event.type === 'ERROR') return
        this.#setSlice(event.object, event.type === 'DELETED')
        this.#tell()
      }),
    )
  }

  readonly #onEmpty: () => void

  /** The one of an API server and a family, as long as somebody reads it. */
  static of(server: KubernetesClient, family: 4 | 6): SharedServices {
    let known = all[family].get(server)
    if (!known) all[family].set(server, (known = new SharedServices(server, family, () => all[family].delete(server))))
    return known
  }

  /** The newest. */
  get version(): Version {
    const changes = this.#base + this.#log.length
    if (this.#version.ports !== changes) this.#version = { ports: changes, endpoints: changes }
    return this.#version
  }

  add(reader: Reader): void {
    this.#readers.add(reader)
    this.#untold.add(reader)
  }

  remove(reader: Reader): void {
    this.#readers.delete(reader)
    this.#untold.delete(reader)
    if (this.#readers.size > 0) return
    for (const stop of this.#stops) stop()
    this.#onEmpty()
  }

  /** The reader knows the newest, whose version is returned, and is told of what comes after it. */
  take(reader: Reader): Version {
    this.#merge()
    this.#untold.add(reader)
    return this.version
  }

  endpointsOf(port: ServicePortInfo): readonly EndpointInfo[] {
    return this.#endpoints.get(port.service)?.get(port.endpointsKey) ?? NO_ENDPOINTS
  }

  /** The Services that are not the same at two versions. */
  changedBetween(from: Version, to: Version): ReadonlySet<string> {
    if (this.#between && isSame(this.#between.from, from) && isSame(this.#between.to, to)) return this.#between.services
    const services = new Set<string>()
    const [before, after] = [this.#undo(from), this.#undo(to)]
    for (const service of before.keys()) {
      const now = { ports: this.services.get(service), endpoints: this.#endpoints.get(service) }
      if (!same(before.get(service)!, after.get(service) ?? now)) services.add(service)
    }
    this.#between = { from, to, services }
    return services
  }

  /** As it was. */
  at(version: Version): ServiceState {
    if (isSame(version, this.version)) return this
    if (this.#former && isSame(this.#former.version, version)) return this.#former.state
    const services = new Map(this.services)
    const undo = this.#undo(version)
    let { totalEndpoints, healthChecks } = this
    for (const [service, { ports, endpoints }] of undo) {
      totalEndpoints += count(ports, endpoints) - count(this.services.get(service), this.#endpoints.get(service))
      healthChecks += isChecked(ports) - isChecked(this.services.get(service))
      if (ports) services.set(service, ports)
      else services.delete(service)
    }
    const endpointsAt = new Map(this.#endpoints)
    for (const [service, { endpoints }] of undo) {
      if (endpoints) endpointsAt.set(service, endpoints)
      else endpointsAt.delete(service)
    }
    const state: ServiceState = { services, totalEndpoints, healthChecks, endpointsOf: (port) => endpointsAt.get(port.service)?.get(port.endpointsKey) ?? NO_ENDPOINTS }
    this.#former = { version, state }
    return state
  }

  /** Whether the address may be a Service's. */
  hasAddress(address: Ip): boolean {
    return this.#addresses.has(address)
  }

  /** Whether the port may be one that nodes answer at for a Service. */
  hasNodePort(port: number): boolean {
    return this.#nodePorts.has(port)
  }

  // ---- what the watches bring ----------------------------------------------------------------------------------

  #tell(): void {
    if (!this.#news) return
    this.#news = false
    const untold = [...this.#untold]
    this.#untold.clear()
    for (const reader of untold) reader.tell()
  }

  #setService(service: Service): void {
    const key = keyOf(service)
    const ports = servicePorts(service, this.#family)
    if (sameServicePorts(this.services.get(key) ?? NO_PORTS, ports)) return
    this.#change(key, ports.length === 0 ? undefined : ports, this.#endpoints.get(key))
  }

  #setSlice(slice: EndpointSlice, gone: boolean): void {
    const { namespace, name, labels } = slice.metadata
    const service = labels?.[SERVICE_LABEL]
    if (service === undefined || labels?.[HEADLESS_LABEL] !== undefined) return
    const key = `${namespace}/${service}`
    let slices = this.#slices.get(key)
    if (!slices) this.#slices.set(key, (slices = new Map()))
    const former = slices.get(name)
    if (gone) slices.delete(name)
    else slices.set(name, slice)
    if (slices.size === 0) this.#slices.delete(key)
    // Labels and annotations alone change nothing here.
    if (!gone && former && former.endpoints === slice.endpoints && former.ports === slice.ports) return
    this.#touched.add(key)
    this.#news = true
  }

  #merge(): void {
    if (this.#touched.size === 0) return
    for (const key of this.#touched) {
      const slices = [...(this.#slices.get(key)?.values() ?? [])]
      const endpoints = endpointsByPort(slices.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)), this.#family)
      const known = this.#endpoints.get(key)
      if (known && sameEndpoints(known, endpoints)) continue
      this.#change(key, this.services.get(key), endpoints.size === 0 ? undefined : endpoints)
    }
    this.#touched.clear()
  }

  #change(service: string, ports: Ports | undefined, endpoints: Endpoints | undefined): void {
    const before = { service, ports: this.services.get(service), endpoints: this.#endpoints.get(service) }
    if (before.ports === ports && before.endpoints === endpoints) return
    this.totalEndpoints += count(ports, endpoints) - count(before.ports, before.endpoints)
    this.healthChecks += isChecked(ports) - isChecked(before.ports)
    if (ports) {
      this.services.set(service, ports)
      for (const port of ports) this.#remember(port)
    } else this.services.delete(service)
    if (endpoints) this.#endpoints.set(service, endpoints)
    else this.#endpoints.delete(service)
    this.#news = true
    this.#log.push(before)
    if (this.#log.length >= this.#trimAt) this.#trim()
  }

  #remember({ clusterIP, externalIPs, loadBalancerIPs, nodePort, healthCheckNodePort }: ServicePortInfo): void {
    this.#addresses.add(clusterIP)
    for (const address of externalIPs) this.#addresses.add(address)
    for (const address of loadBalancerIPs) this.#addresses.add(address)
    if (nodePort !== 0) this.#nodePorts.add(nodePort)
    if (healthCheckNodePort !== 0) this.#nodePorts.add(healthCheckNodePort)
  }

  #trim(): void {
    const now = this.#base + this.#log.length
    let oldest = now
    for (const { needs } of this.#readers) oldest = Math.min(oldest, needs)
    this.#log = this.#log.slice(oldest - this.#base)
    this.#base = oldest
    this.#trimAt = Math.max(LOG, 2 * this.#log.length)
  }

  /** What is to be put back to come from now to a version: each Service as its first change after it found it, ports and endpoints for themselves. */
  #undo({ ports, endpoints }: Version): Map<string, Omit<Change, 'service'>> {
    const [first, both] = [Math.min(ports, endpoints), Math.max(ports, endpoints)]
    const undo = new Map<string, Omit<Change, 'service'>>()
    const halves = new Set<string>()
    for (let i = first - this.#base; i < this.#log.length; i++) {
      const change = this.#log[i]!
      const { service } = change
      const known = undo.get(service)
      if (i + this.#base >= both) {
        if (!known) undo.set(service, change)
        else if (halves.delete(service)) undo.set(service, ports < endpoints ? { ports: known.ports, endpoints: change.endpoints } : { ports: change.ports, endpoints: known.endpoints })
      } else if (!known) {
        halves.add(service)
        const [nowPorts, nowEndpoints] = [this.services.get(service), this.#endpoints.get(service)]
        undo.set(service, ports < endpoints ? { ports: change.ports, endpoints: nowEndpoints } : { ports: nowPorts, endpoints: change.endpoints })
      }
    }
    return undo
  }
}

function isSame(a: Version, b: Version): boolean {
  return a.ports === b.ports && a.endpoints === b.endpoints
}

const all = { 4: new WeakMap<KubernetesClient, SharedServices>(), 6: new WeakMap<KubernetesClient, SharedServices>() }

function keyOf({ metadata }: Service): string {
  return `${metadata.namespace}/${metadata.name}`
}

function count(ports: Ports | undefined, endpoints: Endpoints | undefined): number {
  let total = 0
  if (endpoints) for (const { endpointsKey } of ports ?? NO_PORTS) total += endpoints.get(endpointsKey)?.length ?? 0
  return total
}

function isChecked(ports: Ports | undefined): number {
  return ports?.some((p) => p.healthCheckNodePort !== 0) ? 1 : 0
}

function same(a: Omit<Change, 'service'>, b: Omit<Change, 'service'>): boolean {
  if (a.ports !== b.ports && !(a.ports && b.ports && sameServicePorts(a.ports, b.ports))) return false
  return a.endpoints === b.endpoints || (a.endpoints !== undefined && b.endpoints !== undefined && sameEndpoints(a.endpoints, b.endpoints))
}
