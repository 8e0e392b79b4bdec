import { ipVersion } from '../../network/address.ts'
import { deepEqual } from '../json.ts'
import type { Endpoints } from '../kinds/endpoints.ts'
import type { EndpointSlice, Service } from '../types.ts'
import { AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { CHANGE_TRIGGER } from './endpoint.ts'
import { keyOf, type Informer } from './informer.ts'
import { ignoringGone, ownerReference } from './ownership.ts'
import { WorkQueue } from './workqueue.ts'

/**
 * Endpoints that people write for Services without a selector, as EndpointSlices: pkg/controller/endpointslicemirroring.
 * What reads EndpointSlices alone, kube-proxy and CoreDNS, learns of them so.
 */
const SERVICE_NAME = 'kubernetes.io/service-name'
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
const CONTROLLER = 'endpointslicemirroring-controller.k8s.io'
const SKIP = 'endpointslice.kubernetes.io/skip-mirror'
const LEADER = 'control-plane.alpha.kubernetes.io/leader'
const NOT_COPIED = ['kubectl.kubernetes.io/last-applied-configuration', CHANGE_TRIGGER]
const BY_SERVICE = 'mirrored service'
/** --mirroring-max-endpoints-per-subset */
const MAX_ENDPOINTS = 1000

type Subset = NonNullable<Endpoints['subsets']>[number]
type Mirror = Pick<EndpointSlice, 'addressType' | 'endpoints'> & { ports: object[] }

export class EndpointSliceMirroringController implements Controller {
  readonly #context: ControllerContext
  readonly #endpoints: Informer<Endpoints>
  readonly #services: Informer<Service>
  readonly #slices: Informer<EndpointSlice>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key))
    this.#endpoints = context.informers.of<Endpoints>('endpoints')
    this.#services = context.informers.of<Service>('services')
    this.#slices = context.informers.of<EndpointSlice>('endpointslices')
    this.#slices.index(BY_SERVICE, (slice) => (isOurs(slice) ? [serviceKey(slice)] : []))
    const onEndpoints = (endpoints: Endpoints): void => this.#queue.add(keyOf(endpoints))
    this.#endpoints.on({ onAdd: onEndpoints, onUpdate: onEndpoints, onDelete: onEndpoints })
    const onService = (service: Service): void => {
      if (!service.spec.selector || this.#slices.indexed(BY_SERVICE, keyOf(service)).length > 0) this.#queue.add(keyOf(service))
    }
    this.#services.on({ onAdd: onService, onUpdate: onService, onDelete: onService })
    const onSlice = (slice: EndpointSlice): void => {
      if (isOurs(slice)) this.#queue.add(serviceKey(slice))
    }
    this.#slices.on({ onUpdate: onSlice, onDelete: onSlice })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(key: string): void {
    const endpoints = this.#endpoints.byKey(key)
    const service = this.#services.byKey(key)
    const present = this.#slices.indexed(BY_SERVICE, key)
    const wanted = endpoints && service && !service.spec.selector && !service.metadata.deletionTimestamp && isMirrored(endpoints) ? mirrorsOf(endpoints) : []
    const free = [...present]
    const { client } = this.#context
    const left: Mirror[] = []
    for (const mirror of wanted) {
      const at = free.findIndex((s) => s.addressType === mirror.addressType && deepEqual((s as { ports?: object[] }).ports ?? [], mirror.ports))
      if (at < 0) left.push(mirror)
      else this.#update(endpoints!, free.splice(at, 1)[0]!, mirror)
    }
    for (const mirror of left) {
      const { name, namespace } = endpoints!.metadata
      client.create('endpointslices', namespace, { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { generateName: `${name}-`, namespace, ...metaOf(endpoints!) }, ...mirror }, AGENT_WRITE)
    }
    for (const slice of free) ignoringGone(() => client.delete('endpointslices', slice.metadata.namespace, slice.metadata.name))
  }

  #update(endpoints: Endpoints, slice: EndpointSlice, mirror: Mirror): void {
    const { labels, annotations, ownerReferences } = metaOf(endpoints)
    const { metadata } = slice
    if (deepEqual(slice.endpoints, mirror.endpoints) && deepEqual(metadata.labels, labels) && deepEqual(metadata.annotations ?? {}, annotations ?? {})) return
    this.#context.client.update('endpointslices', metadata.namespace, metadata.name, { ...slice, metadata: { ...metadata, labels, annotations, ownerReferences }, endpoints: mirror.endpoints }, AGENT_WRITE)
  }
}

function isOurs({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[MANAGED_BY] === CONTROLLER
}

function serviceKey({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME] ?? ''}`
}

function isMirrored({ metadata }: Endpoints): boolean {
  return metadata.labels?.[SKIP] !== 'true' && metadata.annotations?.[LEADER] === undefined && metadata.deletionTimestamp === undefined
}

function metaOf(endpoints: Endpoints): { labels: Record<string, string>; annotations?: Record<string, string>; ownerReferences: object[] } {
  const { labels, annotations, name } = endpoints.metadata
  const copied = Object.entries(annotations ?? {}).filter(([key]) => !NOT_COPIED.includes(key))
  return {
    labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: CONTROLLER },
    ...(copied.length > 0 ? { annotations: Object.fromEntries(copied) } : {}),
    ownerReferences: [ownerReference({ ...endpoints, apiVersion: 'v1', kind: 'Endpoints' })],
  }
}

/** One slice for each set of ports and address family; subsets with the same ports are put together. */
function mirrorsOf({ subsets }: Endpoints): Mirror[] {
  const out = new Map<string, Mirror>()
  for (const subset of subsets ?? []) {
    const ports = portsOf(subset)
    let room = MAX_ENDPOINTS
    for (const [addresses, ready] of [[subset.addresses ?? [], true], [subset.notReadyAddresses ?? [], false]] as const) {
      for (const { ip, hostname, nodeName, targetRef } of addresses) {
        if (room-- <= 0) break
        const addressType = ipVersion(ip) === 6 ? 'IPv6' : 'IPv4'
        const key = JSON.stringify([addressType, ports])
        if (!out.has(key)) out.set(key, { addressType, endpoints: [], ports })
        const endpoint = { addresses: [ip], conditions: { ready }, ...(hostname ? { hostname } : {}), ...(targetRef ? { targetRef } : {}), ...(nodeName ? { nodeName } : {}) }
        const { endpoints } = out.get(key)!
        if (!endpoints.some((e) => e.addresses[0] === ip)) endpoints.push(endpoint)
      }
    }
  }
  return [...out.values()]
}

function portsOf({ ports }: Subset): object[] {
  return (ports ?? []).map((p) => ({ name: p.name ?? '', port: p.port, protocol: p.protocol ?? 'TCP', ...(p.appProtocol ? { appProtocol: p.appProtocol } : {}) }))
}
