import type { KubernetesClient } from '../kubernetes/client.ts'
import type { EndpointSlice, Service } from '../kubernetes/types.ts'
import { endpointsByPort, type EndpointInfo } from './endpoints.ts'
import { servicePorts, type ServicePortInfo } from './service-ports.ts'

const SERVICE_LABEL = 'kubernetes.io/service-name'

/** kube-proxy's own picture of Services and EndpointSlices, kept by watches; it outlives nothing but itself. */
export class ServiceCache {
  /** "ns/name" → its ports. */
  readonly services = new Map<string, ServicePortInfo[]>()
  readonly #endpoints = new Map<string, Map<string, EndpointInfo[]>>()
  readonly #slices = new Map<string, Map<string, EndpointSlice>>()
  readonly #family: 4 | 6
  readonly #onChange: () => void
  readonly #stops: (() => void)[] = []
  /** Services that changed since the last {@link takeChanged}. */
  #changed = new Set<string>()

  constructor(client: KubernetesClient, family: 4 | 6, onChange: () => void) {
    this.#family = family
    this.#onChange = onChange
    const services = client.list<Service>('services')
    for (const service of services.items) this.#setService(service)
    const slices = client.list<EndpointSlice>('endpointslices')
    for (const slice of slices.items) this.#setSlice(slice, false)
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

  endpointsOf(info: ServicePortInfo): readonly EndpointInfo[] {
    return this.#endpoints.get(info.service)?.get(`${info.portName}/${info.protocol}`) ?? []
  }

  takeChanged(): Set<string> {
    const changed = this.#changed
    this.#changed = new Set()
    return changed
  }

  #notify(): void {
    if (this.#changed.size > 0) this.#onChange()
  }

  #setService(service: Service): void {
    const key = `${service.metadata.namespace}/${service.metadata.name}`
    const ports = servicePorts(service, this.#family)
    const known = this.services.get(key)
    if (JSON.stringify(known ?? []) === JSON.stringify(ports)) return
    if (ports.length === 0) this.services.delete(key)
    else this.services.set(key, ports)
    this.#changed.add(key)
  }

  #deleteService(service: Service): void {
    const key = `${service.metadata.namespace}/${service.metadata.name}`
    if (this.services.delete(key)) this.#changed.add(key)
  }

  #setSlice(slice: EndpointSlice, gone: boolean): void {
    const name = slice.metadata.labels?.[SERVICE_LABEL]
    if (name === undefined || slice.metadata.labels?.['service.kubernetes.io/headless'] !== undefined) return
    const key = `${slice.metadata.namespace}/${name}`
    let slices = this.#slices.get(key)
    if (!slices) this.#slices.set(key, (slices = new Map()))
    if (gone) slices.delete(slice.metadata.name)
    else slices.set(slice.metadata.name, slice)
    if (slices.size === 0) this.#slices.delete(key)
    const endpoints = endpointsByPort([...slices.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)), this.#family)
    const known = this.#endpoints.get(key)
    if (known && sameEndpoints(known, endpoints)) return
    if (endpoints.size === 0) this.#endpoints.delete(key)
    else this.#endpoints.set(key, endpoints)
    this.#changed.add(key)
  }
}

function sameEndpoints(a: Map<string, EndpointInfo[]>, b: Map<string, EndpointInfo[]>): boolean {
  return a.size === b.size && JSON.stringify([...a]) === JSON.stringify([...b])
}
