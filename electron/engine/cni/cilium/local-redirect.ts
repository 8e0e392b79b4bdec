import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { ConfigMap, KubeObject, LabelSelector, Pod, Service } from '../../kubernetes/types.ts'
import { ipVersion } from '../../network/address.ts'
import type { Ip } from '../../network/types.ts'
import { SyncLoop } from '../sync-loop.ts'
import type { NodeContext } from '../types.ts'
import type { LbMap, LbProtocol, Redirect } from './lb-map.ts'

/** Local redirect policies: what is meant for an address or a Service goes to a Pod of the own node, if there is one (pkg/redirectpolicy of cilium/cilium v1.17). */
export const REDIRECT_POLICIES = 'ciliumlocalredirectpolicies.cilium.io'
const DELAY = 10

interface PortSpec { port: string; protocol: string; name?: string }
export interface RedirectPolicy extends KubeObject {
  spec?: {
    redirectFrontend?: { addressMatcher?: { ip: Ip; toPorts: PortSpec[] }; serviceMatcher?: { serviceName: string; namespace: string; toPorts?: PortSpec[] } }
    redirectBackend?: { localEndpointSelector?: LabelSelector; toPorts?: PortSpec[] }
  }
}

/** enable-local-redirect-policy of cilium-config. */
export function localRedirectEnabled(client: Pick<KubernetesClient, 'get'>): boolean {
  try {
    return client.get<ConfigMap>('configmaps', 'kube-system', 'cilium-config').data?.['enable-local-redirect-policy'] === 'true'
  } catch (error) {
    if (error instanceof StatusError) return false
    throw error
  }
}

interface Wanted { ip: Ip; port: number; protocol: LbProtocol; name: string | undefined }

export class LocalRedirects {
  readonly #lb: LbMap
  readonly #policies = new Map<string, RedirectPolicy>()
  readonly #pods = new Map<string, Pod>()
  readonly #services = new Map<string, Service>()
  readonly #loop: SyncLoop
  readonly #stops: (() => void)[] = []

  constructor(context: NodeContext, client: KubernetesClient, lb: LbMap) {
    this.#lb = lb
    this.#loop = new SyncLoop(context.clock, DELAY, () => this.#sync())
    this.#watch<RedirectPolicy>(client, REDIRECT_POLICIES, this.#policies)
    this.#watch<Pod>(client, 'pods', this.#pods, `spec.nodeName=${context.name}`)
    this.#watch<Service>(client, 'services', this.#services)
  }

  /** The maps stay. */
  stop(): void {
    this.#loop.stop()
    for (const stop of this.#stops) stop()
  }

  #watch<T extends KubeObject>(client: KubernetesClient, resource: string, into: Map<string, T>, fieldSelector?: string): void {
    this.#stops.push(client.watch<T>(resource, fieldSelector === undefined ? {} : { fieldSelector }, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      const key = `${event.object.metadata.namespace}/${event.object.metadata.name}`
      if (event.type === 'DELETED') into.delete(key)
      else into.set(key, event.object)
      if (this.#policies.size > 0 || resource === REDIRECT_POLICIES) this.#loop.request()
    }))
  }

  #sync(): void {
    this.#lb.setRedirects([...this.#policies.values()].flatMap((policy) => this.#redirectsOf(policy)))
  }

  #redirectsOf({ metadata: { namespace, name }, spec }: RedirectPolicy): Redirect[] {
    const { localEndpointSelector, toPorts = [] } = spec?.redirectBackend ?? {}
    const selector = compileLabelSelector(localEndpointSelector)
    const pods = [...this.#pods.values()].filter((pod) => pod.metadata.namespace === namespace && !pod.spec.hostNetwork && isReady(pod) && selector.matches(pod.metadata.labels ?? {}))
    return this.#frontends(spec?.redirectFrontend).flatMap((frontend): Redirect[] => {
      // one port on each side needs no names
      const target = toPorts.length === 1 ? toPorts[0] : toPorts.find((p) => p.name?.toLowerCase() === frontend.name?.toLowerCase() && p.protocol.toLowerCase() === frontend.protocol)
      if (!target) return []
      const backends = pods.flatMap((pod) => (pod.status.podIPs ?? []).flatMap(({ ip }) => (ip !== undefined && ipVersion(ip) === ipVersion(frontend.ip) ? [{ ip, port: Number(target.port) }] : [])))
      return backends.length > 0 ? [{ ip: frontend.ip, port: frontend.port, protocol: frontend.protocol, policy: `${namespace!}/${name}`, backends }] : []
    })
  }

  #frontends(frontend: NonNullable<RedirectPolicy['spec']>['redirectFrontend']): Wanted[] {
    const { addressMatcher, serviceMatcher } = frontend ?? {}
    const protocol = (text: string): LbProtocol => text.toLowerCase() as LbProtocol
    if (addressMatcher) return addressMatcher.toPorts.map((p) => ({ ip: addressMatcher.ip, port: Number(p.port), protocol: protocol(p.protocol), name: p.name }))
    const service = serviceMatcher && this.#services.get(`${serviceMatcher.namespace}/${serviceMatcher.serviceName}`)
    if (!service || (service.spec.type ?? 'ClusterIP') !== 'ClusterIP') return []
    const ips = (service.spec.clusterIPs ?? []).filter((ip) => ip !== 'None')
    const only = serviceMatcher.toPorts ?? []
    const ports = (service.spec.ports ?? []).filter((p) => only.length === 0 || only.some((o) => Number(o.port) === p.port && protocol(o.protocol) === protocol(p.protocol ?? 'TCP')))
    return ips.flatMap((ip) => ports.map((p) => ({ ip, port: p.port, protocol: protocol(p.protocol ?? 'TCP'), name: p.name })))
  }
}

function isReady({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && (status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false)
}
