import { deepEqual } from '../json.ts'
import type { IpFamily } from '../service-allocator.ts'
import type { EndpointSlice, Node, Pod, Service } from '../types.ts'
import { CANONICAL_WRITE, type Controller, type ControllerContext } from './context.ts'
import { addressOf, CHANGE_TRIGGER, endpointOf, familiesOf, isHeadless, LOOK, portsOf, type Endpoint, type EndpointPort } from './endpoint.ts'
import { EndpointMemory, withAnnotations, withTrigger } from './endpoint-memory.ts'
import { EventRecorder } from './events.ts'
import type { Informer } from './informer.ts'
import { ignoringGone, ownerReference } from './ownership.ts'
import { portsKey, slicePorts } from './port-order.ts'
import { ServiceWatch } from './service-watch.ts'
import { TopologyCache, wantsHints, type HintedEndpoint } from './topology-hints.ts'
import { WorkQueue } from './workqueue.ts'

const SERVICE_NAME = 'kubernetes.io/service-name'
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
const CONTROLLER = 'endpointslice-controller.k8s.io'
const HEADLESS = 'service.kubernetes.io/headless'
const ZONE = 'topology.kubernetes.io/zone'
const BY_SERVICE = 'service'
const FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6']
/** defaultSyncBackOff, maxSyncBackOff (ms) and maxRetries of pkg/controller/endpointslice. */
const BACK_OFF = 1_000
const MAX_BACK_OFF = 1_000_000
const MAX_RETRIES = 15
/** --max-endpoints-per-slice */
const MAX_ENDPOINTS = 100

/** A Service's ready and not ready Pods as EndpointSlices: pkg/controller/endpointslice and staging endpointslice. */
export class EndpointSliceController implements Controller {
  readonly #context: ControllerContext
  readonly #slices: Informer<EndpointSlice>
  readonly #nodes: Informer<Node>
  readonly #events: EventRecorder
  readonly #topology: TopologyCache
  readonly #memory = new EndpointMemory<Endpoint>()
  readonly #watch: ServiceWatch
  readonly #queue: WorkQueue
  /** Service → what could not be done, how often it was tried again, and when it is next (virtual ms). */
  readonly #retries = new Map<string, { text: string; times: number; next: number }>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#events = new EventRecorder(context.client, context.clock, 'endpoint-slice-controller')
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('endpoint_slice'))
    this.#slices = context.informers.of<EndpointSlice>('endpointslices')
    this.#slices.index(BY_SERVICE, (slice) => (isOurs(slice) ? [serviceKey(slice)] : []))
    this.#watch = new ServiceWatch(context, this.#queue)
    this.#nodes = context.informers.of<Node>('nodes')
    this.#topology = new TopologyCache(() => this.#nodes.values())
    this.#nodes.on({
      onAdd: () => this.#onZones(),
      // a zone that a node gets later is written when the Service's or a Pod's next change writes the slice, no sooner
      onUpdate: (node, old) => {
        if (node.metadata.labels?.[ZONE] !== old.metadata.labels?.[ZONE] || isNodeReady(node) !== isNodeReady(old)) this.#onZones()
      },
      // the Pods of a node that is gone stay in the slices until something else of their Service changes
      onDelete: () => this.#onZones(),
    })
    // Somebody who makes, changes or deletes a slice by hand sees it mended.
    const onSlice = (slice: EndpointSlice): void => {
      if (isOurs(slice)) this.#queue.add(serviceKey(slice))
    }
    this.#slices.on({
      onAdd: (slice) => slice.metadata.ownerReferences?.[0]?.kind !== 'Service' && onSlice(slice),
      onUpdate: (slice, old) => {
        onSlice(slice)
        if (slice.metadata.labels !== old.metadata.labels) onSlice(old)
      },
      onDelete: onSlice,
    })
  }

  stop(): void {
    this.#queue.stop()
  }

  #onZones(): void {
    for (const key of this.#topology.nodesChanged()) this.#queue.add(key)
  }

  #sync(key: string): number {
    const service = this.#watch.services.byKey(key)
    if (!service) {
      // its slices are the garbage collector's, or stay where they were orphaned
      for (const family of FAMILIES) this.#memory.forget(key + family)
      this.#retries.delete(key)
      return 0
    }
    if (service.spec.type === 'ExternalName' || !service.spec.selector) return 0
    const pods = this.#watch.podsOf(service)
    const families = familiesOf(service)
    const present = this.#slices.indexed(BY_SERVICE, key)
    for (const slice of present) {
      if (families.includes(slice.addressType as IpFamily)) continue
      this.#topology.removeHints(key, slice.addressType)
      this.#delete(slice)
    }
    const skipped = new Set<Pod>()
    for (const family of families) this.#syncFamily(service, family, pods, present.filter((s) => s.addressType === family), skipped)
    this.#tellSkipped(service, skipped)
    return pods.length * LOOK
  }

  /** Pods whose node is not there are left out: reconcileByAddressType; it is tried again, after longer each time. */
  #tellSkipped(service: Service, skipped: ReadonlySet<Pod>): void {
    const { namespace, name } = service.metadata
    const key = `${namespace}/${name}`
    if (skipped.size === 0) return void this.#retries.delete(key)
    const texts = [...skipped].map((pod) => `skipping Pod ${pod.metadata.name} for Service ${key}: Node ${pod.spec.nodeName ?? ''} Not Found`)
    const text = texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`
    const { now } = this.#context.clock
    const last = this.#retries.get(key)
    // its own writes, which upstream's tracker of slices knows, bring nothing new
    if (last?.text === text && now < last.next) return
    this.#events.event(service, 'Warning', 'FailedToUpdateEndpointSlices', `Error updating Endpoint Slices for Service ${key}: ${text}`)
    const times = last?.times ?? 0
    const wait = times < MAX_RETRIES ? Math.min(MAX_BACK_OFF, BACK_OFF * 2 ** times) : Infinity
    this.#retries.set(key, { text, times: times + 1, next: now + wait })
    if (wait < Infinity) this.#context.clock.schedule(wait, () => this.#queue.add(key), { background: true })
  }

  #syncFamily(service: Service, family: IpFamily, pods: readonly Pod[], all: readonly EndpointSlice[], skipped: Set<Pod>): void {
    const groups = new Map<string, { ports: EndpointPort[]; wanted: Map<string, Endpoint> }>()
    // only ports by name may be another's with each Pod
    const named = service.spec.ports?.some((p) => typeof p.targetPort === 'string') ?? false
    let common: { ports: EndpointPort[]; group: string } | undefined
    const round = this.#memory.round(`${service.metadata.namespace}/${service.metadata.name}${family}`, service)
    for (const pod of pods) {
      const node = pod.spec.nodeName === undefined ? undefined : this.#nodes.get(undefined, pod.spec.nodeName)
      // who wants addresses that are not ready has them nevertheless
      if (!node && !service.spec.publishNotReadyAddresses) {
        skipped.add(pod)
        continue
      }
      const address = addressOf(pod, family)
      if (address === undefined) continue
      if (named || !common) {
        const ports = portsOf(service, pod)
        common = { ports, group: portsKey(ports) }
      }
      const { ports, group } = common
      if (!groups.has(group)) groups.set(group, { ports, wanted: new Map() })
      const zone = node?.metadata.labels?.[ZONE]
      groups.get(group)!.wanted.set(pod.metadata.uid, round.endpoint(pod, zone, () => endpointOf(service, pod, address, zone)))
    }
    const present = new Map<string, EndpointSlice[]>()
    const changes: Changes = { create: [], update: [], remove: [], unchanged: [] }
    for (const slice of all) {
      // an earlier Service's of the name, or somebody's
      if (!isOwned(slice, service)) {
        changes.remove.push(slice)
        continue
      }
      const group = portsKey((slice as { ports?: EndpointPort[] }).ports ?? [])
      present.set(group, [...(present.get(group) ?? []), slice])
    }
    for (const [group, { ports, wanted }] of groups) {
      this.#reconcile(service, ports, wanted, present.get(group) ?? [], changes)
      present.delete(group)
    }
    changes.remove.push(...[...present.values()].flat())
    // A Service without endpoints keeps one empty slice.
    if (changes.remove.length === all.length && changes.create.length === 0) {
      const [only] = changes.remove
      const isEmpty = changes.remove.length === 1 && isOwned(only!, service) && only!.endpoints.length === 0 && !(only as { ports?: EndpointPort[] }).ports?.length && deepEqual(only!.metadata.labels, this.#meta(service).labels)
      if (isEmpty) changes.remove = []
      else changes.create.push({ ports: [], endpoints: [] })
    }
    this.#setHints(service, family, changes)
    this.#finish(service, family, changes, round.trigger())
  }

  /**
   * What becomes of the slices of one set of ports, as upstream packs them: endpoints stay in the slices that they are in;
   * new ones fill the slices that change anyway, the fullest first; what is left goes into one unchanged slice that has
   * room for all of it, or into new ones.
   */
  #reconcile(service: Service, ports: EndpointPort[], wanted: Map<string, Endpoint>, slices: readonly EndpointSlice[], changes: Changes): void {
    const { labels } = this.#meta(service)
    const updated: Change[] = []
    const unchanged: EndpointSlice[] = []
    for (const slice of slices) {
      const kept: Endpoint[] = []
      let changed = false
      for (const endpoint of slice.endpoints) {
        const uid = endpoint.targetRef?.uid ?? ''
        const next = wanted.get(uid)
        if (!next) continue
        wanted.delete(uid)
        const same = equalBeyondHints(next, endpoint)
        changed ||= !same
        kept.push(same ? endpoint : next)
      }
      const removed = kept.length !== slice.endpoints.length
      if (kept.length === 0 && removed) changes.remove.push(slice)
      else if (changed || removed || !sameLabels(labels, slice.metadata.labels)) updated.push({ slice, endpoints: kept })
      else unchanged.push(slice)
    }
    const rest = [...wanted.values()]
    for (const change of [...updated].sort((a, b) => b.endpoints.length - a.endpoints.length)) change.endpoints.push(...rest.splice(0, MAX_ENDPOINTS - change.endpoints.length))
    while (rest.length > 0) {
      const room = rest.length < MAX_ENDPOINTS ? fullestWithRoom(unchanged, rest.length) : undefined
      if (!room) {
        changes.create.push({ ports: slicePorts(ports), endpoints: rest.splice(0, MAX_ENDPOINTS) })
        continue
      }
      unchanged.splice(unchanged.indexOf(room), 1)
      updated.push({ slice: room, endpoints: [...room.endpoints, ...rest.splice(0)] })
    }
    changes.update.push(...updated)
    changes.unchanged.push(...unchanged)
  }

  /** trafficDistribution PreferClose (KEP-4444): each ready endpoint is for its own zone. Without it hints go. */
  #setHints(service: Service, family: IpFamily, changes: Changes): void {
    const topology = this.#topologyHints(service, family, changes)
    const close = !topology && (service.spec as { trafficDistribution?: string }).trafficDistribution === 'PreferClose'
    const hinted = (endpoint: HintedEndpoint): Endpoint => {
      const { hints, ...plain } = endpoint
      const zone = topology ? topology.get(endpoint) : close && endpoint.conditions?.ready ? plain.zone : undefined
      const wanted = zone ? { forZones: [{ name: zone }] } : undefined
      if (deepEqual(hints, wanted)) return endpoint
      return (wanted ? { ...plain, hints: wanted } : plain) as Endpoint
    }
    for (const change of [...changes.create, ...changes.update]) change.endpoints = change.endpoints.map(hinted)
    for (const slice of changes.unchanged) {
      // an unready endpoint's hint is no reason to write
      const endpoints = slice.endpoints.map((e) => (close && !e.conditions?.ready ? e : hinted(e)))
      if (endpoints.some((e, i) => e !== slice.endpoints[i])) changes.update.push({ slice, endpoints })
    }
  }

  /** What topology-mode: Auto says; undefined where nobody asks for it. */
  #topologyHints(service: Service, family: IpFamily, { create, update, unchanged }: Changes): ReadonlyMap<HintedEndpoint, string> | undefined {
    const key = `${service.metadata.namespace}/${service.metadata.name}`
    const tell = (type: 'Normal' | 'Warning', reason: string, text: string): void => this.#events.event(service, type, reason, `${text}, addressType: ${family}`)
    if (!wantsHints(service.metadata.annotations)) {
      if (this.#topology.hasHints(key)) tell('Warning', 'TopologyAwareHintsDisabled', 'Topology Aware Hints has been disabled')
      this.#topology.removeHints(key, family)
      return undefined
    }
    const { hints, event } = this.#topology.addHints(key, family, [...create, ...update].map((c) => c.endpoints), unchanged.map((s) => s.endpoints))
    if (event) tell(event.type, event.reason, event.message)
    return hints
  }

  /** A slice that would go is used again for one that would be made. */
  #finish(service: Service, family: IpFamily, { create, update, remove }: Changes, trigger: string | undefined): void {
    for (const slice of [...remove]) {
      if (create.length === 0) break
      if (!isOwned(slice, service)) continue
      update.push({ slice, ...create.pop()! })
      remove.splice(remove.indexOf(slice), 1)
    }
    // not against the garbage collector, which waits for the slices of a Service that is being deleted to go
    if (!service.metadata.deletionTimestamp) for (const { ports, endpoints } of create) this.#create(service, family, ports, endpoints, trigger)
    for (const change of update) this.#update(service, change, trigger)
    for (const slice of remove) this.#delete(slice)
  }

  #meta(service: Service): { labels: Record<string, string>; ownerReferences: object[] } {
    const labels: Record<string, string> = { ...service.metadata.labels, [SERVICE_NAME]: service.metadata.name, [MANAGED_BY]: CONTROLLER }
    if (isHeadless(service)) labels[HEADLESS] = ''
    else delete labels[HEADLESS]
    return { labels, ownerReferences: [ownerReference({ ...service, apiVersion: 'v1', kind: 'Service' })] }
  }

  #create(service: Service, addressType: IpFamily, ports: EndpointPort[], endpoints: Endpoint[], trigger: string | undefined): void {
    const { name, namespace } = service.metadata
    this.#context.client.create('endpointslices', namespace, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { generateName: `${name}-`, namespace, ...this.#meta(service), ...(trigger === undefined ? {} : { annotations: { [CHANGE_TRIGGER]: trigger } }) },
      addressType,
      endpoints,
      ports,
    }, CANONICAL_WRITE)
  }

  #update(service: Service, { slice, endpoints, ports }: Change, trigger: string | undefined): void {
    const { labels } = this.#meta(service)
    const metadata = withAnnotations({ ...slice.metadata, labels }, withTrigger(slice.metadata.annotations, trigger))
    this.#context.client.update('endpointslices', slice.metadata.namespace, slice.metadata.name, { ...slice, metadata, endpoints, ...(ports ? { ports } : {}) }, CANONICAL_WRITE)
  }

  #delete(slice: EndpointSlice): void {
    ignoringGone(() => this.#context.client.delete('endpointslices', slice.metadata.namespace, slice.metadata.name))
  }
}

/** A slice that gets other endpoints, and other ports where it is used anew. */
interface Change { slice: EndpointSlice; endpoints: Endpoint[]; ports?: EndpointPort[] }

interface Changes {
  create: { ports: EndpointPort[]; endpoints: Endpoint[] }[]
  update: Change[]
  remove: EndpointSlice[]
  unchanged: EndpointSlice[]
}

/** Hints are decided on afterwards. */
function equalBeyondHints(next: Endpoint, present: Endpoint): boolean {
  if (!('hints' in present)) return deepEqual(next, present)
  const { hints: _, ...plain } = present as Endpoint & { hints?: object }
  return deepEqual(next, plain)
}

/** Of the slices that have room for so many, the one that is then the fullest. */
function fullestWithRoom(slices: readonly EndpointSlice[], count: number): EndpointSlice | undefined {
  const fitting = slices.filter((s) => s.endpoints.length + count <= MAX_ENDPOINTS)
  return fitting.length === 0 ? undefined : fitting.reduce((best, s) => (s.endpoints.length > best.endpoints.length ? s : best))
}

/** What the Service's own labels are; those that the controller keeps are not compared: setEndpointSliceLabels. */
function sameLabels(wanted: Record<string, string>, present: Record<string, string> = {}): boolean {
  const own = (labels: Record<string, string>): object => Object.fromEntries(Object.entries(labels).filter(([key]) => key !== SERVICE_NAME && key !== MANAGED_BY && key !== HEADLESS))
  return deepEqual(wanted, present) || deepEqual(own(wanted), own(present))
}

function isOwned({ metadata }: EndpointSlice, service: Service): boolean {
  return metadata.ownerReferences?.some((o) => o.uid === service.metadata.uid && o.kind === 'Service' && o.apiVersion === 'v1') ?? false
}

function isNodeReady({ status }: Node): boolean {
  return status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
}

function isOurs(slice: EndpointSlice): boolean {
  return slice.metadata.labels?.[MANAGED_BY] === CONTROLLER
}

function serviceKey(slice: EndpointSlice): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME] ?? ''}`
}

