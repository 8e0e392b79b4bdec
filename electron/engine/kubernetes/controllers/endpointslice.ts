import { deepEqual } from '../json.ts'
import type { EndpointSlice, Service } from '../types.ts'
import { AGENT_WRITE, type Controller, type ControllerContext } from './context.ts'
import { CHANGE_TRIGGER, changeTrigger, endpointOf, isHeadless, LOOK, portsOf, type Endpoint, type EndpointPort } from './endpoint.ts'
import type { Informer } from './informer.ts'
import { ignoringGone, ownerReference } from './ownership.ts'
import { ServiceWatch } from './service-watch.ts'
import { WorkQueue } from './workqueue.ts'

const SERVICE_NAME = 'kubernetes.io/service-name'
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
const CONTROLLER = 'endpointslice-controller.k8s.io'
const BY_SERVICE = 'service'
/** --max-endpoints-per-slice */
const MAX_ENDPOINTS = 100

/** A Service's ready and not ready Pods as EndpointSlices: pkg/controller/endpointslice and staging endpointslice. */
export class EndpointSliceController implements Controller {
  readonly #context: ControllerContext
  readonly #slices: Informer<EndpointSlice>
  readonly #watch: ServiceWatch
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key))
    this.#slices = context.informers.of<EndpointSlice>('endpointslices')
    this.#slices.index(BY_SERVICE, (slice) => (isOurs(slice) ? [serviceKey(slice)] : []))
    this.#watch = new ServiceWatch(context, this.#queue)
    // Somebody who changes or deletes a slice by hand sees it mended.
    const onSlice = (slice: EndpointSlice): void => {
      if (isOurs(slice)) this.#queue.add(serviceKey(slice))
    }
    this.#slices.on({ onUpdate: onSlice, onDelete: onSlice })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(key: string): number {
    const service = this.#watch.services.byKey(key)
    if (!service || service.metadata.deletionTimestamp) {
      for (const slice of this.#slices.indexed(BY_SERVICE, key)) this.#delete(slice)
      return 0
    }
    if (service.spec.type === 'ExternalName' || !service.spec.selector) return 0
    const pods = this.#watch.podsOf(service)
    const groups = new Map<string, { ports: EndpointPort[]; wanted: Map<string, Endpoint> }>()
    for (const pod of pods) {
      const ports = portsOf(service, pod)
      const group = JSON.stringify(ports)
      if (!groups.has(group)) groups.set(group, { ports, wanted: new Map() })
      groups.get(group)!.wanted.set(pod.metadata.uid, endpointOf(service, pod))
    }
    const present = new Map<string, EndpointSlice[]>()
    for (const slice of this.#slices.indexed(BY_SERVICE, key)) {
      const group = JSON.stringify((slice as { ports?: EndpointPort[] }).ports ?? [])
      present.set(group, [...(present.get(group) ?? []), slice])
    }
    // A Service without endpoints keeps one empty slice.
    if (groups.size === 0) groups.set('[]', { ports: [], wanted: new Map() })
    const trigger = changeTrigger(this.#context.clock, pods)
    for (const [group, { ports, wanted }] of groups) {
      this.#reconcile(service, ports, wanted, present.get(group) ?? [], trigger)
      present.delete(group)
    }
    for (const slice of [...present.values()].flat()) this.#delete(slice)
    return pods.length * LOOK
  }

  /** Keeps endpoints in the slices that they are in, fills gaps, and opens new slices only for what is left. */
  #reconcile(service: Service, ports: EndpointPort[], wanted: Map<string, Endpoint>, slices: readonly EndpointSlice[], trigger: string): void {
    const kept = slices.map((slice) => {
      const endpoints: Endpoint[] = []
      for (const endpoint of slice.endpoints ?? []) {
        const uid = endpoint.targetRef?.uid ?? ''
        const next = wanted.get(uid)
        if (!next) continue
        wanted.delete(uid)
        endpoints.push(deepEqual(next, endpoint) ? endpoint : next)
      }
      return { slice, endpoints }
    })
    const rest = [...wanted.values()]
    for (const entry of [...kept].sort((a, b) => b.endpoints.length - a.endpoints.length)) {
      const room = MAX_ENDPOINTS - entry.endpoints.length
      if (rest.length > 0 && room > 0) entry.endpoints.push(...rest.splice(0, room))
    }
    let left = kept.filter((k) => k.endpoints.length > 0).length
    for (const { slice, endpoints } of kept) {
      if (endpoints.length === 0 && (left > 0 || rest.length > 0 || ports.length > 0)) this.#delete(slice)
      else {
        this.#update(service, slice, endpoints, trigger)
        if (endpoints.length === 0) left++
      }
    }
    while (rest.length > 0) {
      this.#create(service, ports, rest.splice(0, MAX_ENDPOINTS), trigger)
      left++
    }
    if (left === 0) this.#create(service, ports, [], trigger)
  }

  #meta(service: Service): { labels: Record<string, string>; ownerReferences: object[] } {
    const labels: Record<string, string> = { ...service.metadata.labels, [SERVICE_NAME]: service.metadata.name, [MANAGED_BY]: CONTROLLER }
    if (isHeadless(service)) labels['service.kubernetes.io/headless'] = ''
    return { labels, ownerReferences: [ownerReference({ ...service, apiVersion: 'v1', kind: 'Service' })] }
  }

  #create(service: Service, ports: EndpointPort[], endpoints: Endpoint[], trigger: string): void {
    const { name, namespace } = service.metadata
    this.#context.client.create('endpointslices', namespace, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { generateName: `${name}-`, namespace, ...this.#meta(service), annotations: { [CHANGE_TRIGGER]: trigger } },
      addressType: 'IPv4',
      endpoints,
      ports,
    }, AGENT_WRITE)
  }

  #update(service: Service, slice: EndpointSlice, endpoints: Endpoint[], trigger: string): void {
    const { labels } = this.#meta(service)
    if (deepEqual(endpoints, slice.endpoints ?? []) && deepEqual(labels, slice.metadata.labels)) return
    const metadata = { ...slice.metadata, labels, annotations: { ...slice.metadata.annotations, [CHANGE_TRIGGER]: trigger } }
    this.#context.client.update('endpointslices', slice.metadata.namespace, slice.metadata.name, { ...slice, metadata, endpoints }, AGENT_WRITE)
  }

  #delete(slice: EndpointSlice): void {
    ignoringGone(() => this.#context.client.delete('endpointslices', slice.metadata.namespace, slice.metadata.name))
  }
}

function isOurs(slice: EndpointSlice): boolean {
  return slice.metadata.labels?.[MANAGED_BY] === CONTROLLER
}

function serviceKey(slice: EndpointSlice): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME] ?? ''}`
}

