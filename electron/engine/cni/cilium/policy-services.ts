import type { KubernetesClient } from '../../kubernetes/client.ts'
import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { EndpointSlice, LabelSelector, Service } from '../../kubernetes/types.ts'

/** One of a rule's toServices. */
export interface ToServices { k8sService?: { serviceName?: string; namespace?: string }; k8sServiceSelector?: { selector: LabelSelector; namespace?: string } }

/** Whom toServices means: the Pods that a Service selects, or, of one without a selector, the addresses of its endpoints (pkg/policy/k8s/service.go of cilium/cilium v1.17). */
export interface ServicePeers { selectors: LabelSelector[]; cidrs: string[] }

export class PolicyServices {
  readonly #client: KubernetesClient
  readonly #changed: () => void
  readonly #services = new Map<string, Service>()
  readonly #slices = new Map<string, EndpointSlice>()
  #stops: (() => void)[] = []

  constructor(client: KubernetesClient, changed: () => void) {
    this.#client = client
    this.#changed = changed
  }

  /** Only policies with toServices make it worth listening. */
  listen(): void {
    if (this.#stops.length > 0) return
    this.#stops = [
      this.#client.watch<Service>('services', {}, (event) => {
        if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
        const { metadata, spec } = event.object
        const key = `${metadata.namespace}/${metadata.name}`
        const before = this.#services.get(key)
        if (event.type === 'DELETED') this.#services.delete(key)
        else this.#services.set(key, event.object)
        if (event.type === 'DELETED' || JSON.stringify([before?.spec.selector, before?.metadata.labels]) !== JSON.stringify([spec.selector, metadata.labels]) || !before) this.#changed()
      }),
      this.#client.watch<EndpointSlice>('endpointslices', {}, (event) => {
        if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
        const { metadata } = event.object
        const key = `${metadata.namespace}/${metadata.name}`
        if (event.type === 'DELETED') this.#slices.delete(key)
        else this.#slices.set(key, event.object)
        const service = this.#services.get(`${metadata.namespace}/${serviceOf(event.object)}`)
        if (service && !hasSelector(service)) this.#changed()
      }),
    ]
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  peersOf({ k8sService, k8sServiceSelector }: ToServices): ServicePeers {
    const out: ServicePeers = { selectors: [], cidrs: [] }
    for (const service of this.#services.values()) {
      const { namespace, name, labels } = service.metadata
      const byName = k8sService !== undefined && k8sService.serviceName === name && (k8sService.namespace ?? namespace) === namespace
      const byLabels = k8sServiceSelector !== undefined && (k8sServiceSelector.namespace ?? namespace) === namespace && compileLabelSelector(k8sServiceSelector.selector).matches(labels ?? {})
      if (!byName && !byLabels) continue
      if (hasSelector(service)) out.selectors.push({ matchLabels: { ...service.spec.selector, 'k8s:io.kubernetes.pod.namespace': namespace } })
      else for (const slice of this.#slices.values()) if (slice.metadata.namespace === namespace && serviceOf(slice) === name) out.cidrs.push(...slice.endpoints.flatMap((e) => e.addresses).map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`))
    }
    return out
  }
}

function hasSelector({ spec }: Service): boolean {
  return Object.keys(spec.selector ?? {}).length > 0
}

function serviceOf({ metadata }: EndpointSlice): string {
  return metadata.labels?.['kubernetes.io/service-name'] ?? ''
}
