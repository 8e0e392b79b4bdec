import type { Clock } from '../clock.ts'
import { internalIp } from '../cni/bridge-link.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import { AGENT_STATUS, AGENT_WRITE, type Controller } from '../kubernetes/controllers/context.ts'
import { familiesOf } from '../kubernetes/controllers/endpoint.ts'
import { EventRecorder } from '../kubernetes/controllers/events.ts'
import { InformerFactory, keyOf, type Informer } from '../kubernetes/controllers/informer.ts'
import { ignoringGone } from '../kubernetes/controllers/ownership.ts'
import { WorkQueue } from '../kubernetes/controllers/workqueue.ts'
import { deepEqual } from '../kubernetes/json.ts'
import type { Node, Service } from '../kubernetes/types.ts'
import { LoadBalancerError, type Backend, type CloudLoadBalancer, type FrontendSpec } from './load-balancer.ts'

/** The cloud-controller-manager's service controller: staging cloud-provider controllers/service of v1.33. */
const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup'
const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers'
/** kube-proxy's own health, where a Service has no check of its own. */
const PROXY_HEALTH = { port: 10_256, path: '/healthz' }

export class ServiceController implements Controller {
  readonly #client: KubernetesClient
  readonly #balancer: CloudLoadBalancer
  readonly #events: EventRecorder
  readonly #informers: InformerFactory
  readonly #services: Informer<Service>
  readonly #nodes: Informer<Node>
  readonly #queue: WorkQueue
  readonly #nodeQueue: WorkQueue
  #hosts = ''

  constructor(clock: Clock, client: KubernetesClient, balancer: CloudLoadBalancer) {
    this.#client = client
    this.#balancer = balancer
    this.#events = new EventRecorder(client, clock, 'service-controller')
    this.#informers = new InformerFactory(client)
    this.#queue = new WorkQueue(clock, (key) => this.#sync(key))
    this.#nodeQueue = new WorkQueue(clock, () => this.#syncNodes())
    this.#services = this.#informers.of<Service>('services')
    this.#nodes = this.#informers.of<Node>('nodes')
    this.#services.on({
      onAdd: (service) => {
        if (wantsBalancer(service) || needsCleanup(service)) this.#queue.add(keyOf(service))
      },
      onUpdate: (service, old) => {
        if (this.#needsUpdate(old, service) || needsCleanup(service)) this.#queue.add(keyOf(service))
      },
    })
    const onNode = (): void => this.#nodeQueue.add('nodes')
    this.#nodes.on({ onAdd: onNode, onDelete: onNode, onUpdate: (node, old) => node.metadata.labels !== old.metadata.labels && onNode() })
  }

  stop(): void {
    this.#queue.stop()
    this.#nodeQueue.stop()
    this.#informers.stop()
  }

  #sync(key: string): void {
    const service = this.#services.byKey(key)
    if (!service) return FAMILIES.forEach((family) => this.#balancer.remove(frontend(key, family)))
    try {
      if (!wantsBalancer(service) || needsCleanup(service)) this.#delete(key, service)
      else this.#ensure(key, service)
    } catch (error) {
      if (error instanceof LoadBalancerError) {
        this.#events.event(service, 'Warning', 'SyncLoadBalancerFailed', `Error syncing load balancer: failed to ensure load balancer: ${error.message}`)
        return this.#queue.addAfter(key, RETRY, { background: true })
      }
      throw error
    }
  }

  #delete(key: string, service: Service): void {
    const present = FAMILIES.map((family) => frontend(key, family)).filter((name) => this.#balancer.has(name))
    if (present.length > 0) this.#events.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer')
    for (const name of present) this.#balancer.remove(name)
    const finalizers = service.metadata.finalizers ?? []
    if (!finalizers.includes(FINALIZER)) return
    this.#writeStatus(service, {})
    this.#setFinalizers(service, finalizers.filter((f) => f !== FINALIZER))
    this.#events.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer')
  }

  #ensure(key: string, service: Service): void {
    this.#events.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer')
    const finalizers = service.metadata.finalizers ?? []
    if (!finalizers.includes(FINALIZER)) this.#setFinalizers(service, [...finalizers, FINALIZER])
    if (this.#backends(4).length === 0) this.#events.event(service, 'Warning', 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer')
    const families = familiesOf(service).map((family) => (family === 'IPv6' ? 6 : 4))
    const ingress = families.map((family) => ({ ip: this.#balancer.ensure(frontend(key, family), specOf(service, family, this.#backends(family))), ipMode: 'VIP' }))
    for (const family of FAMILIES) if (!families.includes(family)) this.#balancer.remove(frontend(key, family))
    this.#events.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer')
    this.#writeStatus(service, { ingress })
  }

  /** A cluster's nodes changed: every balancer gets the new ones. Whether they are well is the health check's affair. */
  #syncNodes(): void {
    const backends = this.#backends(4)
    const hosts = backends.map((b) => b.name).join(' ')
    if (hosts === this.#hosts) return
    this.#hosts = hosts
    for (const service of this.#services.values()) {
      const key = keyOf(service)
      const served = FAMILIES.filter((family) => this.#balancer.has(frontend(key, family)))
      if (!wantsBalancer(service) || served.length === 0) continue
      for (const family of served) this.#balancer.update(frontend(key, family), this.#backends(family))
      if (backends.length > 0) this.#events.event(service, 'Normal', 'UpdatedLoadBalancer', 'Updated load balancer with new hosts')
      else this.#events.event(service, 'Warning', 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer')
    }
  }

  #backends(family: 4 | 6): Backend[] {
    const nodes = [...this.#nodes.values()].filter((n) => !n.metadata.deletionTimestamp && n.metadata.labels?.[EXCLUDED] === undefined)
    const addressed = nodes.map((n) => ({ name: n.metadata.name, ip: internalIp(n, family) ?? '' }))
    return addressed.filter((b) => b.ip !== '').sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #setFinalizers(service: Service, finalizers: readonly string[]): void {
    const { name, namespace } = service.metadata
    ignoringGone(() => this.#client.patch('services', namespace, name, 'application/merge-patch+json', { metadata: { finalizers: finalizers.length > 0 ? finalizers : null } }, AGENT_WRITE))
  }

  #writeStatus(service: Service, loadBalancer: object): void {
    if (deepEqual(service.status.loadBalancer ?? {}, loadBalancer)) return
    const { name, namespace } = service.metadata
    ignoringGone(() => this.#client.patch('services', namespace, name, 'application/merge-patch+json', { status: { loadBalancer: Object.keys(loadBalancer).length > 0 ? loadBalancer : null } }, AGENT_STATUS))
  }

  /** What of a Service matters to its balancer; the change itself is told in an event. */
  #needsUpdate(old: Service, service: Service): boolean {
    const [a, b] = [old.spec, service.spec]
    if (!wantsBalancer(old) && !wantsBalancer(service)) return false
    const tell = (reason: string, text: string): true => {
      this.#events.event(service, 'Normal', reason, text)
      return true
    }
    if (wantsBalancer(old) !== wantsBalancer(service)) return tell('Type', `${a.type} -> ${b.type}`)
    if (!deepEqual(a.loadBalancerSourceRanges ?? [], b.loadBalancerSourceRanges ?? [])) return tell('LoadBalancerSourceRanges', `[${(a.loadBalancerSourceRanges ?? []).join(' ')}] -> [${(b.loadBalancerSourceRanges ?? []).join(' ')}]`)
    if (!deepEqual(a.ports, b.ports) || a.sessionAffinity !== b.sessionAffinity || !deepEqual(a.ipFamilies, b.ipFamilies) || !deepEqual(a.sessionAffinityConfig, b.sessionAffinityConfig)) return true
    if ((a.loadBalancerIP ?? '') !== (b.loadBalancerIP ?? '')) return tell('LoadbalancerIP', `${a.loadBalancerIP ?? ''} -> ${b.loadBalancerIP ?? ''}`)
    const [before, after] = [a.externalIPs ?? [], b.externalIPs ?? []]
    if (before.length !== after.length) return tell('ExternalIP', `Count: ${before.length} -> ${after.length}`)
    const added = after.find((ip, i) => before[i] !== ip)
    if (added !== undefined) return tell('ExternalIP', `Added: ${added}`)
    if (!deepEqual(old.metadata.annotations ?? {}, service.metadata.annotations ?? {})) return true
    if (old.metadata.uid !== service.metadata.uid) return tell('UID', `${old.metadata.uid} -> ${service.metadata.uid}`)
    if (a.externalTrafficPolicy !== b.externalTrafficPolicy) return tell('ExternalTrafficPolicy', `${a.externalTrafficPolicy} -> ${b.externalTrafficPolicy}`)
    if ((a.healthCheckNodePort ?? 0) !== (b.healthCheckNodePort ?? 0)) return tell('HealthCheckNodePort', `${a.healthCheckNodePort ?? 0} -> ${b.healthCheckNodePort ?? 0}`)
    return false
  }
}

const FAMILIES = [4, 6] as const

/** The balancer serves each family by itself. */
function frontend(key: string, family: 4 | 6): string {
  return family === 4 ? key : `${key} (IPv6)`
}

/** minRetryDelay. */
const RETRY = 5_000

/** A Service with a class is another controller's. */
function wantsBalancer({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer' && spec.loadBalancerClass === undefined
}

function needsCleanup({ metadata, spec }: Service): boolean {
  return (metadata.finalizers?.includes(FINALIZER) ?? false) && (metadata.deletionTimestamp !== undefined || spec.type !== 'LoadBalancer')
}

function specOf({ spec }: Service, family: 4 | 6, backends: readonly Backend[]): FrontendSpec {
  const local = spec.externalTrafficPolicy === 'Local' && spec.healthCheckNodePort
  return {
    family,
    ports: (spec.ports ?? []).map((p) => ({ protocol: (p.protocol ?? 'TCP').toLowerCase() as 'tcp', port: p.port })),
    byClient: spec.sessionAffinity === 'ClientIP',
    backends,
    check: local ? { port: spec.healthCheckNodePort!, path: '/healthz' } : PROXY_HEALTH,
    ...(spec.loadBalancerIP && spec.loadBalancerIP.includes(':') === (family === 6) ? { wanted: spec.loadBalancerIP } : {}),
  }
}
