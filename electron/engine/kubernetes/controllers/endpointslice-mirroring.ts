import { ipVersion } from '../../network/address.ts'
import { deepEqual } from '../json.ts'
import type { Endpoints } from '../kinds/endpoints.ts'
import type { EndpointSlice, Service } from '../types.ts'
import { AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { CHANGE_TRIGGER, type EndpointPort } from './endpoint.ts'
import { repackSubsets, type Subset } from './endpoint-subsets.ts'
import { EventRecorder } from './events.ts'
import { keyOf, type Informer } from './informer.ts'
import { ignoringGone, ownerReference } from './ownership.ts'
import { portsKey, slicePorts } from './port-order.ts'
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

type Mirror = Pick<EndpointSlice, 'addressType' | 'endpoints'> & { ports: EndpointPort[] }

export class EndpointSliceMirroringController implements Controller {
  readonly #context: ControllerContext
  readonly #endpoints: Informer<Endpoints>
  readonly #services: Informer<Service>
  readonly #slices: Informer<EndpointSlice>
  readonly #events: EventRecorder
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#context = context
    this.#events = new EventRecorder(context.client, context.clock, 'endpoint-slice-mirroring-controller')
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('endpoint_slice_mirroring'))
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
    const mirrored = endpoints && service && !service.spec.selector && !service.metadata.deletionTimestamp && isMirrored(endpoints)
    const { mirrors, skipped } = mirrored ? mirrorsOf(endpoints) : { mirrors: [], skipped: 0 }
    if (skipped > 0) this.#events.event(endpoints!, 'Warning', 'TooManyAddressesToMirror', `A max of ${MAX_ENDPOINTS} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`)
    const free = [...present]
    const { client } = this.#context
    const left: Mirror[] = []
    const take = (mirror: Mirror, fits: (slice: EndpointSlice) => boolean): boolean => {
      const at = free.findIndex((s) => s.addressType === mirror.addressType && fits(s))
      if (at >= 0) this.#update(endpoints!, free.splice(at, 1)[0]!, mirror)
      return at >= 0
    }
    for (const mirror of mirrors) if (!take(mirror, (s) => portsKey((s as { ports?: EndpointPort[] }).ports ?? []) === portsKey(mirror.ports))) left.push(mirror)
    for (const mirror of left) {
      // a slice that would go is used again: recycleSlices
      if (take(mirror, (s) => isOwned(s, endpoints!))) continue
      const { name, namespace } = endpoints!.metadata
      client.create('endpointslices', namespace, { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { generateName: `${name}-`, namespace, ...metaOf(endpoints!) }, ...mirror }, AGENT_WRITE)
    }
    for (const slice of free) ignoringGone(() => client.delete('endpointslices', slice.metadata.namespace, slice.metadata.name))
  }

  #update(endpoints: Endpoints, slice: EndpointSlice, mirror: Mirror): void {
    const { labels, annotations, ownerReferences } = metaOf(endpoints)
    const { metadata } = slice
    const { ports = [] } = slice as { ports?: EndpointPort[] }
    const samePorts = portsKey(ports) === portsKey(mirror.ports)
    if (samePorts && isOwned(slice, endpoints) && deepEqual(slice.endpoints, mirror.endpoints) && deepEqual(metadata.labels, labels) && deepEqual(metadata.annotations ?? {}, annotations ?? {})) return
    this.#context.client.update('endpointslices', metadata.namespace, metadata.name, { ...slice, metadata: { ...metadata, labels, annotations, ownerReferences }, endpoints: mirror.endpoints, ports: samePorts ? ports : mirror.ports } as object, AGENT_WRITE)
  }
}

function isOurs({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[MANAGED_BY] === CONTROLLER
}

function serviceKey({ metadata }: EndpointSlice): string {
  return `${metadata.namespace}/${metadata.labels?.[SERVICE_NAME] ?? ''}`
}

function isOwned({ metadata }: EndpointSlice, { metadata: { name, uid } }: Endpoints): boolean {
  return metadata.ownerReferences?.some((o) => o.uid === uid && o.name === name && o.kind === 'Endpoints') ?? false
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

/** One slice for each repacked subset and address family. `skipped`: too many. */
function mirrorsOf({ subsets }: Endpoints): { mirrors: Mirror[]; skipped: number } {
  const out = new Map<string, Mirror & { of: Map<string, EndpointSlice['endpoints'][number]> }>()
  let skipped = 0
  for (const subset of repackSubsets(subsets ?? [])) {
    const ports = portsOf(subset)
    let room = MAX_ENDPOINTS
    for (const [addresses, ready] of [[subset.addresses ?? [], true], [subset.notReadyAddresses ?? [], false]] as const) {
      for (const { ip, hostname, nodeName, targetRef } of addresses) {
        if (room-- <= 0) {
          skipped++
          continue
        }
        const addressType = ipVersion(ip) === 6 ? 'IPv6' : 'IPv4'
        const key = `${addressType} ${portsKey(ports)}`
        if (!out.has(key)) out.set(key, { addressType, endpoints: [], ports: slicePorts(ports), of: new Map() })
        const endpoint = { addresses: [ip], conditions: { ready }, ...(hostname ? { hostname } : {}), ...(targetRef ? { targetRef } : {}), ...(nodeName ? { nodeName } : {}) }
        // of those that are the same but for being ready, the last
        out.get(key)!.of.set(JSON.stringify([ip, hostname, targetRef?.namespace, targetRef?.name]), endpoint)
      }
    }
  }
  return { mirrors: [...out.values()].map(({ of, ...mirror }) => ({ ...mirror, endpoints: [...of.values()] })), skipped }
}

function portsOf({ ports }: Subset): EndpointPort[] {
  return (ports ?? []).map((p) => ({ name: p.name ?? '', port: p.port, protocol: p.protocol ?? 'TCP', ...(p.appProtocol ? { appProtocol: p.appProtocol } : {}) }))
}
