import { deepEqual } from '../json.ts'
import type { KubeObject, Pod, Service } from '../types.ts'
import { CANONICAL_WRITE, type Controller, type ControllerContext } from './context.ts'
import { addressOf, familiesOf, isHeadless, LOOK, portsOf, type EndpointPort } from './endpoint.ts'
import { EndpointMemory, withAnnotations, withTrigger, type Round } from './endpoint-memory.ts'
import { keyOf, type Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { isReady } from './pods.ts'
import { subsetPorts } from './port-order.ts'
import { ServiceWatch } from './service-watch.ts'
import { WorkQueue } from './workqueue.ts'

interface Address { ip: string; nodeName?: string; hostname?: string; targetRef: object }
interface Found { ready: Address[]; notReady: Address[] }
interface Subset { addresses?: Address[]; notReadyAddresses?: Address[]; ports?: EndpointPort[] }
type Endpoints = KubeObject & { subsets?: Subset[] }

const CAPACITY = 1000
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'

/** The older Endpoints object of each Service, one for all its Pods: pkg/controller/endpoint. */
export class EndpointsController implements Controller {
  readonly #context: ControllerContext
  readonly #endpoints: Informer<Endpoints>
  readonly #memory = new EndpointMemory<Address>()
  readonly #watch: ServiceWatch
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('endpoint'))
    this.#endpoints = context.informers.of<Endpoints>('endpoints')
    this.#watch = new ServiceWatch(context, this.#queue)
    this.#endpoints.on({ onDelete: (e) => this.#queue.add(`${e.metadata.namespace}/${e.metadata.name}`) })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(key: string): number {
    const { client } = this.#context
    const service = this.#watch.services.byKey(key)
    const present = this.#endpoints.byKey(key)
    if (!service) {
      this.#memory.forget(key)
      if (present) ignoringGone(() => client.delete('endpoints', present.metadata.namespace, present.metadata.name))
      return 0
    }
    if (service.spec.type === 'ExternalName' || !service.spec.selector) return 0
    const pods = this.#watch.podsOf(service).filter((p) => !p.metadata.deletionTimestamp || service.spec.publishNotReadyAddresses)
    this.#write(service, present, pods)
    return pods.length * LOOK
  }

  #write(service: Service, present: Endpoints | undefined, pods: readonly Pod[]): void {
    const { client } = this.#context
    const round = this.#memory.round(keyOf(service), service)
    const all = subsetsOf(service, pods, round)
    const subsets = truncated(all)
    const over = subsets !== all
    const labels: Record<string, string> = { ...service.metadata.labels, 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' }
    if (isHeadless(service)) labels['service.kubernetes.io/headless'] = ''
    else delete labels['service.kubernetes.io/headless']
    if (present && deepEqual(present.subsets ?? [], subsets) && deepEqual(present.metadata.labels, labels) && (OVER_CAPACITY in (present.metadata.annotations ?? {})) === over) return
    const { name, namespace } = service.metadata
    const { [OVER_CAPACITY]: _, ...kept } = present?.metadata.annotations ?? {}
    const annotations = withTrigger(over ? { ...kept, [OVER_CAPACITY]: 'truncated' } : kept, round.trigger())
    const metadata = withAnnotations(present ? { ...present.metadata, labels } : { name, namespace, labels }, annotations)
    const object: Omit<Endpoints, 'metadata'> & { metadata: object } = { apiVersion: 'v1', kind: 'Endpoints', metadata }
    if (subsets.length > 0) object.subsets = subsets
    if (present) client.update('endpoints', namespace, name, object, CANONICAL_WRITE)
    else client.create('endpoints', namespace, object, CANONICAL_WRITE)
  }
}

/** A thousand addresses at most, of each subset its part, and of those not ready only what is left: truncateEndpoints. */
function truncated(subsets: Subset[]): Subset[] {
  const count = (of: 'addresses' | 'notReadyAddresses'): number => subsets.reduce((sum, subset) => sum + (subset[of]?.length ?? 0), 0)
  const [ready, notReady] = [count('addresses'), count('notReadyAddresses')]
  if (ready + notReady <= CAPACITY) return subsets
  const [cut, total, room] = ready > CAPACITY ? ['addresses' as const, ready, CAPACITY] : ['notReadyAddresses' as const, notReady, CAPACITY - ready]
  let left = room
  return subsets.map(({ addresses, notReadyAddresses, ports }) => {
    const part = (cut === 'addresses' ? addresses : notReadyAddresses) ?? []
    const some = part.slice(0, Math.min(left, Math.ceil((part.length / total) * room)))
    left -= some.length
    return subset(cut === 'addresses' ? some : (addresses ?? []), cut === 'addresses' ? [] : some, ports)
  })
}

function subset(addresses: Address[], notReadyAddresses: Address[], ports: EndpointPort[] | undefined): Subset {
  return { ...(addresses.length > 0 ? { addresses } : {}), ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}), ...(ports?.length ? { ports } : {}) }
}

/** Without what is empty, as it is stored. */
function portsByKey(service: Service, pod: Pod): EndpointPort[] {
  return portsOf(service, pod).map(({ name, port, protocol, appProtocol }) => Object.assign({}, name ? { name } : undefined, { port: port!, protocol: protocol! }, appProtocol ? { appProtocol } : undefined))
}

function addressObject(service: Service, { metadata: { namespace, name, uid }, spec: { hostname, subdomain, nodeName } }: Pod, ip: string): Address {
  return {
    ip,
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  }
}

/**
 * Ports that the very same Pods have, as ready or not, share a subset; those of a named port that differs between Pods, or
 * that some do not have, stand apart: pkg/api/v1/endpoints RepackSubsets. (Upstream puts several subsets in an order by
 * hashes of uids; here they stand in the order of the Service's ports.)
 */
function subsetsOf(service: Service, pods: readonly Pod[], round: Round<Address>): Subset[] {
  const [family] = familiesOf(service)
  const found: Found = { ready: [], notReady: [] }
  // only ports by name may be another's with each Pod
  const ports = service.spec.ports?.some((p) => typeof p.targetPort === 'string') ? new Map<Address, readonly EndpointPort[]>() : undefined
  let common: EndpointPort[] = []
  for (const pod of pods) {
    const ip = addressOf(pod, family!)
    if (ip === undefined) continue
    if (ports || common.length === 0) common = portsByKey(service, pod)
    if (common.length === 0 && !(isHeadless(service) && !service.spec.ports?.length)) continue
    const address = round.endpoint(pod, undefined, () => addressObject(service, pod, ip))
    ports?.set(address, common)
    if (service.spec.publishNotReadyAddresses || isReady(pod)) found.ready.push(address)
    else found.notReady.push(address)
  }
  const byIp = (a: Address, b: Address): number => (a.ip < b.ip ? -1 : 1)
  found.ready.sort(byIp)
  found.notReady.sort(byIp)
  if (found.ready.length + found.notReady.length === 0) return []
  if (!ports) return [subset(found.ready, found.notReady, subsetPorts(common))]
  const groups = portsByPods([...found.ready, ...found.notReady].map((address) => ports.get(address)!))
  return groups.map((group) => {
    const key = JSON.stringify(group[0])
    const has = (address: Address): boolean => ports.get(address)!.some((port) => JSON.stringify(port) === key)
    return subset(found.ready.filter(has), found.notReady.filter(has), subsetPorts(group))
  })
}

/** The ports, those together that the same Pods have. */
function portsByPods(all: readonly (readonly EndpointPort[])[]): EndpointPort[][] {
  const pods = new Map<string, { port: EndpointPort; of: number[] }>()
  all.forEach((ports, i) => {
    for (const port of ports) {
      const key = JSON.stringify(port)
      if (!pods.has(key)) pods.set(key, { port, of: [] })
      pods.get(key)!.of.push(i)
    }
  })
  const groups = new Map<string, EndpointPort[]>()
  for (const { port, of } of pods.values()) groups.set(of.join(), [...(groups.get(of.join()) ?? []), port])
  return [...groups.values()]
}
