import { deepEqual } from '../json.ts'
import type { KubeObject, Pod, Service } from '../types.ts'
import { CANONICAL_WRITE, type Controller, type ControllerContext } from './context.ts'
import { addressOf, CHANGE_TRIGGER, changeTrigger, familiesOf, isHeadless, LOOK, portsOf, type EndpointPort } from './endpoint.ts'
import { EndpointMemory } from './endpoint-memory.ts'
import { keyOf, type Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { isReady } from './pods.ts'
import { ServiceWatch } from './service-watch.ts'
import { WorkQueue } from './workqueue.ts'

interface Address { ip: string; nodeName?: string; hostname?: string; targetRef: object }
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
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key))
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
    const { client, clock } = this.#context
    const over = pods.length > CAPACITY
    const remembered = this.#memory.round(keyOf(service), service)
    const subsets = subsetsOf(service, over ? firstOf(service, pods) : pods, remembered)
    const labels: Record<string, string> = { ...service.metadata.labels, 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' }
    if (isHeadless(service)) labels['service.kubernetes.io/headless'] = ''
    else delete labels['service.kubernetes.io/headless']
    if (present && deepEqual(present.subsets ?? [], subsets) && deepEqual(present.metadata.labels, labels) && (OVER_CAPACITY in (present.metadata.annotations ?? {})) === over) return
    const { name, namespace } = service.metadata
    const annotations: Record<string, string> = { ...present?.metadata.annotations, [CHANGE_TRIGGER]: changeTrigger(clock, pods) }
    if (over) annotations[OVER_CAPACITY] = 'truncated'
    else delete annotations[OVER_CAPACITY]
    const metadata = present ? { ...present.metadata, labels, annotations } : { name, namespace, labels, annotations }
    const object: Omit<Endpoints, 'metadata'> & { metadata: object } = { apiVersion: 'v1', kind: 'Endpoints', metadata }
    if (subsets.length > 0) object.subsets = subsets
    if (present) client.update('endpoints', namespace, name, object, CANONICAL_WRITE)
    else client.create('endpoints', namespace, object, CANONICAL_WRITE)
  }
}

/** As many as fit, the ready ones first: truncateEndpoints. */
function firstOf(service: Service, pods: readonly Pod[]): Pod[] {
  const ready = (pod: Pod): boolean => !!service.spec.publishNotReadyAddresses || isReady(pod)
  return [...pods.filter(ready), ...pods.filter((p) => !ready(p))].slice(0, CAPACITY)
}

function portsByKey(service: Service, pod: Pod): { ports: EndpointPort[]; key: string } {
  const ports = portsOf(service, pod).map(({ name, port, protocol, appProtocol }) => Object.assign({}, name ? { name } : undefined, { port: port!, protocol: protocol! }, appProtocol ? { appProtocol } : undefined))
  return { ports, key: JSON.stringify(ports) }
}

function addressObject(service: Service, { metadata: { namespace, name, uid }, spec: { hostname, subdomain, nodeName } }: Pod, ip: string): Address {
  return {
    ip,
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  }
}

/** Addresses of the same ports share a subset: pkg/api/v1/endpoints RepackSubsets. */
function subsetsOf(service: Service, pods: readonly Pod[], remembered: ReturnType<EndpointMemory<Address>['round']>): Subset[] {
  const byPorts = new Map<string, { ports: EndpointPort[]; ready: Address[]; notReady: Address[] }>()
  // only ports by name may be another's with each Pod
  const named = service.spec.ports?.some((p) => typeof p.targetPort === 'string') ?? false
  let common: { ports: EndpointPort[]; key: string } | undefined
  const [family] = familiesOf(service)
  for (const pod of pods) {
    const ip = addressOf(pod, family!)
    if (ip === undefined) continue
    if (named || !common) common = portsByKey(service, pod)
    const { ports, key } = common
    if (ports.length === 0 && !isHeadless(service)) continue
    let subset = byPorts.get(key)
    if (!subset) byPorts.set(key, (subset = { ports, ready: [], notReady: [] }))
    const address = remembered(pod, undefined, () => addressObject(service, pod, ip))
    if (service.spec.publishNotReadyAddresses || isReady(pod)) subset.ready.push(address)
    else subset.notReady.push(address)
  }
  const byIp = (a: Address, b: Address): number => (a.ip < b.ip ? -1 : 1)
  return [...byPorts.values()].map(({ ports, ready, notReady }) => {
    const subset: Subset = {}
    if (ready.length > 0) subset.addresses = ready.sort(byIp)
    if (notReady.length > 0) subset.notReadyAddresses = notReady.sort(byIp)
    if (ports.length > 0) subset.ports = ports
    return subset
  })
}
