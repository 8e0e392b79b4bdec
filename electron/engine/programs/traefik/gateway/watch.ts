import type { Clock, Timer } from '../../../clock.ts'
import { StatusError, type KubernetesClient } from '../../../kubernetes/client.ts'
import { AGENT_STATUS } from '../../../kubernetes/controllers/context.ts'
import type { InformerFactory } from '../../../kubernetes/controllers/informer.ts'
import { ignoringGone } from '../../../kubernetes/controllers/ownership.ts'
import { ifReached } from '../../../kubernetes/controllers/reach.ts'
import { timestamp } from '../../../kubernetes/human-duration.ts'
import { deepEqual } from '../../../kubernetes/json.ts'
import type { KubeObject, Namespace } from '../../../kubernetes/types.ts'
import { GROUP, type BackendTlsPolicy, type Gateway, type GatewayClass, type GrpcRoute, type HttpRoute, type ReferenceGrant, type TlsRoute } from '../../nginx-gateway/types.ts'
import { field, type Problem } from '../model.ts'
import type { GatewayPicture, TcpRouteObject } from './picture.ts'
import { EXPERIMENTAL_RESOURCES, GATEWAY_RESOURCES, type Statement } from './provide.ts'

/** A reflector's back-off, in ms. */
const FIRST = 800
const MOST = 30_000
const FLAG = 'providers.kubernetesgateway'

/** What a reflector lists, and what it calls that. */
const TYPES: Readonly<Record<string, string>> = { gatewayclasses: 'v1.GatewayClass', gateways: 'v1.Gateway', httproutes: 'v1.HTTPRoute', grpcroutes: 'v1.GRPCRoute', referencegrants: 'v1beta1.ReferenceGrant', tcproutes: 'v1alpha2.TCPRoute', tlsroutes: 'v1alpha2.TLSRoute', backendtlspolicies: 'v1alpha3.BackendTLSPolicy' }
const TITLES: Readonly<Record<string, [kind: string, field?: string]>> = { gatewayclasses: ['GatewayClass', 'gateway_class'], gateways: ['Gateway', 'gateway'], httproutes: ['HTTPRoute', 'http_route'], grpcroutes: ['GRPCRoute', 'grpc_route'], tcproutes: ['TCPRoute', 'tcp_route'], tlsroutes: ['TLSRoute', 'tls_route'] }

export interface GatewayWatchOptions {
  clock: Clock
  client: KubernetesClient
  informers: InformerFactory
  flags: ReadonlyMap<string, string>
  /** Something has changed. */
  look(): void
  /** A kind's definition is missing: as client-go's reflectors tell of it. */
  missing(type: string, message: string): void
  log(level: Problem['level'], text: string): void
}

/** Reads the objects of the Gateway API, and writes their statuses (client.go). */
export class GatewayWatch {
  readonly #options: GatewayWatchOptions
  readonly #resources: readonly string[]
  #timer: Timer | undefined
  #wait = FIRST
  #ready = false

  constructor(options: GatewayWatchOptions) {
    this.#options = options
    this.#resources = [...GATEWAY_RESOURCES, ...(this.#experimental ? EXPERIMENTAL_RESOURCES : [])]
    this.#try()
  }

  stop(): void {
    if (this.#timer) this.#options.clock.cancel(this.#timer)
  }

  get #experimental(): boolean {
    return this.#options.flags.get(`${FLAG}.experimentalchannel`) === 'true'
  }

  /** Nothing is provided before all of its kinds are there. */
  #try(): void {
    const { client, informers, clock, look, missing } = this.#options
    const lacking = this.#resources.filter((resource) => !client.findResource(resource))
    if (lacking.length > 0) {
      for (const resource of lacking) missing(`*${TYPES[resource.split('.')[0]!]}`, `the server could not find the requested resource (get ${resource})`)
      this.#timer = clock.schedule(this.#wait, () => this.#try(), { background: true })
      this.#wait = Math.min(MOST, this.#wait * 2)
      return
    }
    this.#ready = true
    for (const resource of ['namespaces', ...(this.#experimental ? ['configmaps'] : []), ...this.#resources]) informers.of<KubeObject>(resource).on({ onAdd: look, onUpdate: look, onDelete: look })
    look()
  }

  /** Undefined: its kinds are not all there yet. */
  picture(rest: Pick<GatewayPicture, 'entryPoints' | 'custom' | 'service' | 'slices' | 'secret'>): GatewayPicture | undefined {
    if (!this.#ready) return undefined
    const { informers, flags } = this.#options
    const of = <T extends KubeObject>(name: string): T[] => [...informers.of<T>(`${name}.${GROUP}`).values()]
    const more = <T extends KubeObject>(name: string): T[] => (this.#experimental ? of<T>(name) : [])
    return {
      ...rest,
      experimental: this.#experimental, nativeLb: flags.get(`${FLAG}.nativelbbydefault`) === 'true',
      classes: of<GatewayClass>('gatewayclasses'), gateways: of<Gateway>('gateways'), httpRoutes: of<HttpRoute>('httproutes'), grpcRoutes: of<GrpcRoute>('grpcroutes'), grants: of<ReferenceGrant>('referencegrants'),
      tcpRoutes: more<TcpRouteObject>('tcproutes'), tlsRoutes: more<TlsRoute>('tlsroutes'), policies: more<BackendTlsPolicy>('backendtlspolicies'),
      namespace: (name) => informers.of<Namespace>('namespaces').get(undefined, name),
      configMap: (namespace, name) => (this.#experimental ? (informers.of<KubeObject>('configmaps').get(namespace, name) as ReturnType<GatewayPicture['configMap']>) : undefined),
    }
  }

  /** providers.kubernetesGateway.statusAddress; a text says why there is none, undefined that nobody has asked. */
  addresses(service: GatewayPicture['service']): { type: string; value: string }[] | string | undefined {
    const of = (key: string): string => this.#options.flags.get(`${FLAG}.statusaddress.${key}`) ?? ''
    if (![...this.#options.flags.keys()].some((f) => f.startsWith(`${FLAG}.statusaddress`))) return undefined
    if (of('ip') !== '') return [{ type: 'IPAddress', value: of('ip') }]
    if (of('hostname') !== '') return [{ type: 'Hostname', value: of('hostname') }]
    const [name, namespace] = [of('service.name'), of('service.namespace')]
    if (name === '' || namespace === '') return 'empty Gateway status address configuration'
    const found = service(namespace, name)
    if (!found) return `could not find a service with name ${name} in namespace ${namespace}`
    return (found.status.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => (ip ? { type: 'IPAddress', value: ip } : { type: 'Hostname', value: hostname ?? '' }))
  }

  write(statements: readonly Statement[]): void {
    const { clock, client, log } = this.#options
    const now = timestamp(clock.wall())
    for (const { resource, object, status: made } of statements) {
      const status = made(now)
      const told = (object as { status?: { conditions?: unknown } }).status
      // the standard channel's GatewayClass has no place for features: of a class, conditions alone are compared
      if (resource === 'gatewayclasses' ? deepEqual(withoutTimes(told?.conditions), withoutTimes((status as typeof told)?.conditions)) : deepEqual(withoutTimes(told), withoutTimes(status))) continue
      const { namespace, name } = object.metadata
      const key = `${resource}.${GROUP}`
      try {
        ifReached(() => ignoringGone(() => {
          const current = client.get<KubeObject>(key, namespace, name)
          if (current.metadata.generation === object.metadata.generation) client.update(key, namespace, name, { ...current, status } as KubeObject, AGENT_STATUS)
        }))
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
        const [kind, title] = TITLES[resource]!
        log('WRN', `Unable to update ${kind} status ${field('error', `failed to update ${kind} ${namespace ? `${namespace}/` : ''}${name} status: ${error.message}`)} ${title}=${name}${namespace ? ` namespace=${namespace}` : ''} providerName=kubernetesgateway`)
      }
    }
  }
}

/** When nothing but the time of a condition would change, nothing is written. */
function withoutTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTimes)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'lastTransitionTime').map(([key, each]) => [key, withoutTimes(each)]))
}
