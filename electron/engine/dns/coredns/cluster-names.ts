import type { Clock } from '../../clock.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { EndpointSlice, KubeObject, Namespace, Pod, Service } from '../../kubernetes/types.ts'
import { Reflector } from './reflector.ts'

/** What the kubernetes plugin knows of the cluster: its own cache of watches (plugin/kubernetes/controller.go). */
export interface ServiceEntry {
  name: string
  namespace: string
  clusterIPs: readonly string[]
  headless: boolean
  externalName: string | undefined
  /** externalIPs and what a load balancer is reached at: addresses and names. */
  externalIPs: readonly string[]
  ports: readonly { name: string; protocol: string; port: number }[]
}

export interface EndpointEntry {
  ip: string
  /** The label in front of the Service's name. */
  hostname: string
  /** That label is the endpoint's own, not made of its address or its Pod's name. */
  named: boolean
  service: string
  namespace: string
  ports: readonly { name: string; protocol: string; port: number }[]
}

const SERVICE_LABEL = 'kubernetes.io/service-name'
/** What a Service or slice without ports has instead, so that it has addresses (but no SRV records). */
const NO_PORTS = [{ name: '', protocol: '', port: -1 }]

export class ClusterNames {
  readonly #services = new Map<string, ServiceEntry>()
  readonly #serviceByIp = new Map<string, ServiceEntry[]>()
  readonly #slices = new Map<string, Map<string, EndpointEntry[]>>()
  readonly #endpointsByIp = new Map<string, EndpointEntry[]>()
  /** Slices that changed since somebody asked for endpoints, by their last change: most change many times before. */
  readonly #changed = new Map<string, { slice: EndpointSlice; gone: boolean }>()
  readonly #namespaces = new Set<string>()
  readonly #podIps = new Map<string, { ip: string; namespace: string; name: string; labels: Readonly<Record<string, string>> | undefined }>()
  readonly #usePodNames: boolean
  readonly #reflectors: { readonly synced: boolean; stop(): void }[] = []
  /** Unix seconds of the last change: the SOA's serial. */
  modified: number

  constructor(client: () => KubernetesClient, options: { clock: Clock; seed: string; server: string; log: (line: string) => void; pods: boolean; endpointPodNames: boolean; endpoints?: boolean; labels?: string; namespaceLabels?: string }) {
    const { clock, server, log } = options
    const wall = (): number => Math.floor(clock.wall() / 1000)
    this.#usePodNames = options.endpointPodNames
    this.modified = wall()
    const changed = (): void => void (this.modified = wall())
    const follow = <T extends KubeObject>(resource: string, kind: string, set: (object: T, gone: boolean) => void, labelSelector?: string): void => {
      const path = resource === 'endpointslices' ? `/apis/discovery.k8s.io/v1/${resource}` : `/api/v1/${resource}`
      this.#reflectors.push(new Reflector<T>({ clock, client, seed: options.seed, resource, type: `*v1.${kind}`, path, labelSelector, server, log, set, changed }))
    }
    follow<Service>('services', 'Service', (object, gone) => this.#setService(object, gone), options.labels)
    if (options.endpoints !== false) follow<EndpointSlice>('endpointslices', 'EndpointSlice', (object, gone) => this.#noteSlice(object, gone), options.labels)
    if (options.pods) follow<Pod>('pods', 'Pod', (object, gone) => this.#setPod(object, gone))
    follow<Namespace>('namespaces', 'Namespace', (object, gone) => void (gone ? this.#namespaces.delete(object.metadata.name) : this.#namespaces.add(object.metadata.name)), options.namespaceLabels)
  }

  /** Everything has been listed once. */
  get synced(): boolean {
    return this.#reflectors.every((reflector) => reflector.synced)
  }

  stop(): void {
    for (const reflector of this.#reflectors) reflector.stop()
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name)
  }

  service(namespace: string, name: string): ServiceEntry | undefined {
    return this.#services.get(`${namespace}/${name}`)
  }

  /** All, by their names. */
  services(): ServiceEntry[] {
    return [...this.#services.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.namespace < b.namespace ? -1 : 1))
  }

  /** The endpoints of a Service, slice by slice. */
  slices(namespace: string, service: string): readonly EndpointEntry[][] {
    this.#readChanged()
    return [...(this.#slices.get(`${namespace}/${service}`)?.values() ?? [])]
  }

  endpoints(namespace: string, service: string): EndpointEntry[] {
    this.#readChanged()
    return [...(this.#slices.get(`${namespace}/${service}`)?.values() ?? [])].flat()
  }

  serviceByIp(ip: string): ServiceEntry | undefined {
    return this.#serviceByIp.get(ip)?.[0]
  }

  servicesByExternalIp(ip: string): ServiceEntry[] {
    return [...this.#services.values()].filter((s) => s.externalIPs.includes(ip))
  }

  endpointsByIp(ip: string): readonly EndpointEntry[] {
    this.#readChanged()
    return this.#endpointsByIp.get(ip) ?? []
  }

  /** Of the Pod with this address, where Pods are watched. */
  namespaceOfPod(ip: string): string | undefined {
    return this.podAt(ip)?.namespace
  }

  podAt(ip: string): { namespace: string; name: string; labels: Readonly<Record<string, string>> | undefined } | undefined {
    for (const pod of this.#podIps.values()) if (pod.ip === ip) return pod
    return undefined
  }

  hasPod(namespace: string, ip: string): boolean {
    for (const pod of this.#podIps.values()) if (pod.ip === ip && pod.namespace === namespace) return true
    return false
  }

  #setService(object: Service, gone: boolean): void {
    const { name, namespace } = object.metadata
    const key = `${namespace}/${name}`
    const known = this.#services.get(key)
    if (known) for (const ip of known.clusterIPs) drop(this.#serviceByIp, ip, known)
    this.#services.delete(key)
    if (gone) return
    const { spec } = object
    const headless = spec.clusterIP === 'None'
    const entry: ServiceEntry = {
      name,
      namespace,
      headless,
      externalIPs: [...(spec.externalIPs ?? []), ...(object.status.loadBalancer?.ingress ?? []).flatMap((i) => i.ip || i.hostname || [])],
      externalName: spec.type === 'ExternalName' ? spec.externalName : undefined,
      clusterIPs: headless || spec.type === 'ExternalName' ? [] : (spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])),
      ports: spec.ports?.length ? spec.ports.map((p) => ({ name: p.name ?? '', protocol: p.protocol ?? 'TCP', port: p.port })) : NO_PORTS,
    }
    this.#services.set(key, entry)
    for (const ip of entry.clusterIPs) add(this.#serviceByIp, ip, entry)
  }

  #noteSlice(slice: EndpointSlice, gone: boolean): void {
    const key = `${slice.metadata.namespace}/${slice.metadata.name}`
    this.#changed.delete(key)
    this.#changed.set(key, { slice, gone })
  }

  #readChanged(): void {
    if (this.#changed.size === 0) return
    for (const { slice, gone } of this.#changed.values()) this.#setSlice(slice, gone)
    this.#changed.clear()
  }

  #setSlice(slice: EndpointSlice, gone: boolean): void {
    const service = slice.metadata.labels?.[SERVICE_LABEL]
    if (service === undefined) return
    const { namespace, name } = slice.metadata
    const key = `${namespace}/${service}`
    let slices = this.#slices.get(key)
    if (!slices) this.#slices.set(key, (slices = new Map()))
    for (const entry of slices.get(name) ?? []) drop(this.#endpointsByIp, entry.ip, entry)
    slices.delete(name)
    if (gone) return
    const ports = slice.ports?.length ? slice.ports.map((p) => ({ name: p.name ?? '', protocol: p.protocol ?? 'TCP', port: p.port ?? -1 })) : NO_PORTS
    const entries: EndpointEntry[] = []
    for (const endpoint of slice.endpoints) {
      if (endpoint.conditions?.ready === false) continue
      // a name that is too long for a label is none
      const target = this.#usePodNames ? endpoint.targetRef?.name : undefined
      const podName = target !== undefined && target.length < 64 ? target : undefined
      for (const ip of endpoint.addresses) {
        entries.push({ ip, service, namespace, ports, hostname: endpoint.hostname || podName || ip.replaceAll(/[.:]/g, '-'), named: !!endpoint.hostname })
      }
    }
    slices.set(name, entries)
    for (const entry of entries) add(this.#endpointsByIp, entry.ip, entry)
  }

  #setPod(pod: Pod, gone: boolean): void {
    const ip = pod.status.podIP
    const over = pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed' || pod.status.phase === 'Unknown'
    if (gone || !ip || over) this.#podIps.delete(pod.metadata.uid)
    else this.#podIps.set(pod.metadata.uid, { ip, namespace: pod.metadata.namespace, name: pod.metadata.name, labels: pod.metadata.labels })
  }
}

function add<T>(index: Map<string, T[]>, key: string, value: T): void {
  const list = index.get(key)
  if (list) list.push(value)
  else index.set(key, [value])
}

function drop<T>(index: Map<string, T[]>, key: string, value: T): void {
  const list = index.get(key)
  if (!list) return
  const at = list.indexOf(value)
  if (at >= 0) list.splice(at, 1)
  if (list.length === 0) index.delete(key)
}
