import { ownerOf } from '../stream.ts'
import type { ConfigMap, Secret } from 'kubernetes-types/core/v1'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import { AGENT_STATUS } from '../../kubernetes/controllers/context.ts'
import { InformerFactory, keyOf, type Informer } from '../../kubernetes/controllers/informer.ts'
import { ignoringGone } from '../../kubernetes/controllers/ownership.ts'
import { ifReached } from '../../kubernetes/controllers/reach.ts'
import { WorkQueue } from '../../kubernetes/controllers/workqueue.ts'
import { timestamp } from '../../kubernetes/human-duration.ts'
import { deepEqual } from '../../kubernetes/json.ts'
import { LeaderElection } from '../../kubernetes/leader-election.ts'
import type { EndpointSlice, KubeObject, Namespace, Pod, Service } from '../../kubernetes/types.ts'
import type { Process } from '../../machine/types.ts'
import type { TcpConnection } from '../../network/types.ts'
import { encodeUtf8, Utf8Decoder } from '../../text.ts'
import { judge, type Picture, type Verdict } from './graph.ts'
import { nginxObjects, Provisioner, resourceNameOf, unsimulated } from './provision.ts'
import { GROUP, type BackendTlsPolicy, type Gateway, type GatewayClass, type GrpcRoute, type HttpRoute, type NginxProxy, type ReferenceGrant, type TlsRoute } from './types.ts'

export interface ControlPlaneOptions {
  controller: string
  gatewayClass: string
  service: string
  lease: string
  namespace: string
  pod: string
  instance: string
  image: string
  /** --gateway-api-experimental-features: BackendTLSPolicies and TLSRoutes. */
  experimental: boolean
  log(level: 'info' | 'error', logger: string | undefined, msg: string, more?: object): void
}

/** The target port of the Service `nginx-gateway`. */
const AGENT_PORT = 8443
/** Changes of a moment are one (internal/framework/events). */
const BATCH = 100
const SERVICE_LABEL = 'kubernetes.io/service-name'

/** Watches, judges, writes statuses, keeps the nginx Pods there, and tells them what to do (internal/controller/handler.go). */
export class ControlPlane {
  readonly #process: Process
  readonly #client: KubernetesClient
  readonly #options: ControlPlaneOptions
  readonly #informers: InformerFactory
  readonly #queue: WorkQueue
  readonly #provisioner: Provisioner
  readonly #agents = new Map<TcpConnection, { pod: string; told: string }>()
  readonly #told = new Set<string>()
  /** "namespace/name" of a Gateway → its configuration, as it travels. */
  #configurations = new Map<string, string>()
  #provisioned = new Map<string, { namespace: string; resourceName: string }>()
  #election: LeaderElection | undefined
  #leading = false
  ready = false

  constructor(process: Process, client: KubernetesClient, options: ControlPlaneOptions) {
    this.#process = process
    this.#client = client
    this.#options = options
    this.#informers = new InformerFactory(client)
    this.#provisioner = new Provisioner(client)
    this.#queue = new WorkQueue(process.clock, () => this.#sync())
  }

  start(): void {
    const { clock } = this.#process
    const look = (): void => this.#queue.add('sync')
    const resources = ['namespaces', 'services', 'endpointslices', 'secrets', 'pods', ...['gatewayclasses', 'gateways', 'httproutes', 'referencegrants'].map((r) => `${r}.${GROUP}`)]
    if (this.#hasGrpc) resources.push(`grpcroutes.${GROUP}`)
    if (this.#options.experimental) resources.push('configmaps', `tlsroutes.${GROUP}`, `backendtlspolicies.${GROUP}`)
    if (this.#client.findResource('nginxproxies.gateway.nginx.org')) resources.push('nginxproxies.gateway.nginx.org')
    this.#slices.index('service', ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[SERVICE_LABEL] ?? ''}`])
    // Pods are only looked up when an agent says who it is
    for (const resource of resources) this.#informers.of(resource).on(resource === 'pods' ? {} : { onAdd: look, onUpdate: look, onDelete: look })
    this.#process.network.sockets.listen({ port: AGENT_PORT, owner: ownerOf(this.#process, 'gateway') }, (connection) => this.#accept(connection))
    this.#election = new LeaderElection(clock, this.#client, {
      lease: this.#options.lease, namespace: this.#options.namespace, identity: this.#options.pod, component: 'gateway', release: true,
      onLeading: () => {
        this.#leading = true
        this.#options.log('info', 'leader-election', `successfully acquired lease ${this.#options.namespace}/${this.#options.lease}`)
        look()
      },
      onLost: () => (this.#leading = false),
    })
    look()
  }

  stop(): void {
    this.#queue.stop()
    this.#election?.stop()
    this.#informers.stop()
    for (const connection of this.#agents.keys()) connection.end()
    this.#agents.clear()
  }

  get #slices(): Informer<EndpointSlice> {
    return this.#informers.of<EndpointSlice>('endpointslices')
  }

  /** Its definition is one of its own, and may be missing. */
  get #hasGrpc(): boolean {
    return this.#client.findResource(`grpcroutes.${GROUP}`) !== undefined
  }

  #picture(): Picture {
    const of = <T extends KubeObject>(name: string): T[] => [...this.#informers.of<T>(`${name}.${GROUP}`).values()]
    return {
      controller: this.#options.controller,
      gatewayClass: this.#options.gatewayClass,
      classes: of<GatewayClass>('gatewayclasses'),
      gateways: of<Gateway>('gateways'),
      routes: of<HttpRoute>('httproutes'),
      grpcRoutes: this.#hasGrpc ? of<GrpcRoute>('grpcroutes') : [],
      tlsRoutes: this.#options.experimental ? of<TlsRoute>('tlsroutes') : [],
      policies: this.#options.experimental ? of<BackendTlsPolicy>('backendtlspolicies') : [],
      grants: of<ReferenceGrant>('referencegrants'),
      service: (namespace, name) => this.#informers.of<Service>('services').get(namespace, name),
      slices: (namespace, name) => this.#slices.indexed('service', `${namespace}/${name}`),
      namespace: (name) => this.#informers.of<Namespace>('namespaces').get(undefined, name),
      secret: (namespace, name) => this.#informers.of<KubeObject>('secrets').get(namespace, name) as unknown as Secret | undefined,
      configMap: (namespace, name) => (this.#options.experimental ? (this.#informers.of<KubeObject>('configmaps').get(namespace, name) as unknown as ConfigMap | undefined) : undefined),
      nginxProxy: (namespace, name) => this.#informers.of<NginxProxy>('nginxproxies.gateway.nginx.org').get(namespace, name),
    }
  }

  #sync(): number {
    const verdict = judge(this.#picture())
    this.ready = true
    this.#configurations = new Map(verdict.gateways.flatMap(({ source, configuration }) => (configuration ? [[keyOf(source), `${JSON.stringify(configuration)}\n`] as const] : [])))
    for (const connection of this.#agents.keys()) this.#tell(connection)
    if (this.#leading) {
      this.#provision(verdict)
      this.#writeStatuses(verdict)
    }
    return BATCH
  }

  #provision(verdict: Verdict): void {
    const { log } = this.#options
    const present = new Map<string, { namespace: string; resourceName: string }>()
    for (const { source, valid, proxy } of verdict.gateways) {
      if (!valid) continue
      if (proxy) for (const path of unsimulated(proxy)) this.#tellOnce(`podhop: not simulated: ${path} of NginxProxy ${keyOf(proxy)} (it makes no difference)`)
      const resourceName = resourceNameOf(source)
      present.set(keyOf(source), { namespace: source.metadata.namespace, resourceName })
      const objects = nginxObjects(source, proxy, this.#options)
      if (this.#provisioner.ensure(objects)) log('info', 'provisioner', 'Creating/Updating nginx resources', { namespace: source.metadata.namespace, 'nginx resource name': resourceName, 'resource names': objects.map(([, o]) => o.metadata.name) })
    }
    for (const [key, { namespace, resourceName }] of this.#provisioned) {
      if (present.has(key)) continue
      log('info', 'provisioner', 'Removing nginx resources for Gateway', { name: key.slice(key.indexOf('/') + 1), namespace })
      this.#provisioner.remove(namespace, resourceName)
    }
    this.#provisioned = present
  }

  #writeStatuses(verdict: Verdict): void {
    const now = timestamp(this.#process.clock.wall())
    for (const { resource, object, status } of verdict.statuses(now)) {
      if (deepEqual(withoutTimes((object as { status?: unknown }).status), withoutTimes(status))) continue
      const { namespace, name } = object.metadata
      ifReached(() => {
        ignoringGone(() => {
          const current = this.#client.get<KubeObject & { status?: unknown }>(`${resource}.${GROUP}`, namespace, name)
          if (current.metadata.generation !== object.metadata.generation) return
          this.#client.update(`${resource}.${GROUP}`, namespace, name, { ...current, status } as KubeObject, AGENT_STATUS)
        })
      })
    }
  }

  // ---- The agents of the nginx Pods ------------------------------------------------------------------------------

  #accept(connection: TcpConnection): void {
    const decoder = new Utf8Decoder()
    let text = ''
    connection.handlers = {
      onData: (data) => {
        text += decoder.push(data)
        const end = text.indexOf('\n')
        if (end < 0 || this.#agents.has(connection)) return
        const pod = podOf(text.slice(0, end))
        if (pod === undefined) return connection.abort()
        this.#agents.set(connection, { pod, told: '' })
        this.#options.log('info', 'nginxUpdater.commandService', 'Successfully connected to nginx agent', { podName: pod })
        this.#tell(connection)
      },
      onEnd: () => connection.end(),
      onClose: () => this.#agents.delete(connection),
    }
  }

  #tell(connection: TcpConnection): void {
    const agent = this.#agents.get(connection)!
    const pod = [...this.#informers.of<Pod>('pods').values()].find((p) => p.metadata.name === agent.pod && p.status.podIPs?.some((i) => i.ip === connection.remoteAddress))
    const name = pod?.metadata.labels?.[`${GROUP}/gateway-name`]
    // a Pod whose address the API does not show yet is told when it does
    if (!pod || name === undefined) return void this.#process.clock.schedule(BATCH, () => this.#agents.has(connection) && this.#tell(connection), { background: true })
    const configuration = this.#configurations.get(`${pod.metadata.namespace}/${name}`)
    if (configuration === undefined || configuration === agent.told) return
    agent.told = configuration
    connection.send(encodeUtf8(configuration))
    this.#options.log('info', 'nginxUpdater', 'Sent nginx configuration to agent', { podName: agent.pod })
  }

  #tellOnce(text: string): void {
    if (this.#told.has(text)) return
    this.#told.add(text)
    this.#options.log('info', undefined, text)
  }
}

function podOf(line: string): string | undefined {
  try {
    const { pod } = JSON.parse(line) as { pod?: unknown }
    return typeof pod === 'string' ? pod : undefined
  } catch {
    return undefined
  }
}

/** When nothing but the time of a condition would change, nothing is written. */
function withoutTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTimes)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'lastTransitionTime').map(([key, each]) => [key, withoutTimes(each)]))
}
