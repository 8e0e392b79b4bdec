import type { KubernetesClient } from '../kubernetes/client.ts'
import type { EndpointSlice, Service } from '../kubernetes/types.ts'
import { endpointsByPort, sameEndpoints, type EndpointInfo } from './endpoints.ts'
import { sameServicePorts, servicePorts, type ServicePortInfo } from './service-ports.ts'

const SERVICE_LABEL = 'kubernetes.io/service-name'
const HEADLESS_LABEL = 'service.kubernetes.io/headless'

const NONE: readonly EndpointInfo[] = []

type Endpoints = ReadonlyMap<string, readonly EndpointInfo[]>

/** kube-proxy's own picture of Services and EndpointSlices, kept by watches; it outlives nothing but itself. */
export class ServiceCache {
  /** "ns/name" → its ports. */
  readonly services = new Map<string, readonly ServicePortInfo[]>()
  readonly #endpoints = new Map<string, Endpoints>()
  readonly #slices = new Map<string, Map<string, EndpointSlice>>()
  readonly #family: 4 | 6
  readonly #onChange: () => void
  readonly #stops: (() => void)[] = []
  /** Services that changed since the last {@link takeChanged}. */
  #changed = new Set<string>()
  /** Services whose slices changed since then: what it makes of their endpoints is found out once for all changes. */
  readonly #touched = new Set<string>()

  constructor(client: KubernetesClient, family: 4 | 6, onChange: () => void) {
    this.#family = family
    this.#onChange = onChange
    const services = client.list<Service>('services')
    for (const service of services.items) this.#setService(service)
    const slices = client.list<EndpointSlice>('endpointslices')
    for (const slice of slices.items) this.#setSlice(slice, false)
    this.#mergeTouched()
    this.#stops.push(
      client.watch<Service>('services', { resourceVersion: services.resourceVersion }, (event) => {
        if (event.type === 'ADDED' || event.type === 'MODIFIED') this.#setService(event.object)
        else if (event.type === 'DELETED') this.#deleteService(event.object)
        else return
        this.#notify()
      }),
      client.watch<EndpointSlice>('endpointslices', { resourceVersion: slices.resourceVersion }, (event) => {
        if (event.type === 'BOOKMARK' || event.type === 'ERROR') return
        this.#setSlice(event.object, event.type === 'DELETED')
        this.#notify()
      }),
    )
  }

  stop(): void {
    for (const stop of this.#stops) stop()
  }

  /** As of the last {@link takeChanged}. */
  endpointsOf(info: ServicePortInfo): readonly EndpointInfo[] {
    return this.#endpoints.get(info.service)?.get(info.endpointsKey) ?? NONE
  }

  takeChanged(): Set<string> {
    this.#mergeTouched()
    const changed = this.#changed
    this.#changed = new Set()
    return changed
  }

  #notify(): void {
    if (this.#changed.size > 0 || this.#touched.size > 0) this.#onChange()
  }

  #setService(service: Service): void {
    const key = `${service.metadata.namespace}/${service.metadata.name}`
    const ports = servicePorts(service, this.#family)
    if (sameServicePorts(this.services.get(key) ?? [], ports)) return
    if (ports.length === 0) this.services.delete(key)
    else this.services.set(key, ports)
    this.#changed.add(key)
  }

  #deleteService(service: Service): void {
    const key = `${service.metadata.namespace}/${service.metadata.name}`
    if (this.services.delete(key)) this.#changed.add(key)
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
  }

  #mergeTouched(): void {
    for (const key of this.#touched) {
      const slices = [...(this.#slices.get(key)?.values() ?? [])]
      const endpoints = endpointsByPort(slices.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)), this.#family)
      const known = this.#endpoints.get(key)
      if (known && sameEndpoints(known, endpoints)) continue
      if (endpoints.size === 0) this.#endpoints.delete(key)
      else this.#endpoints.set(key, endpoints)
      this.#changed.add(key)
    }
    this.#touched.clear()
  }
}
