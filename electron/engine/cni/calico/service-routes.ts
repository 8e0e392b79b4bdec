import type { KubeObject, Node, Service } from '../../kubernetes/types.ts'
import { cidrContains, ipVersion, networkOf, prefixLength, tryParseCidr } from '../../network/address.ts'
import type { Cidr, Ip } from '../../network/types.ts'
import { mirror } from '../mirror.ts'
import type { NodeContext } from '../types.ts'

/**
 * Service addresses that a node's BIRD announces (confd/pkg/backends/calico/routes.go, "Advertise Kubernetes service IP addresses"): every node
 * the whole ranges, nodes with an endpoint the addresses of Services whose externalTrafficPolicy is Local. No node puts such routes into its kernel.
 */
export interface ServiceCidrs { clusterIps: readonly Cidr[]; externalIps: readonly Cidr[]; loadBalancerIps: readonly Cidr[] }

/** As far as it is read here. */
export interface Endpoints extends KubeObject { subsets?: { addresses?: { ip: string; nodeName?: string }[] }[] }

const NO_SERVICES: ServiceCidrs = { clusterIps: [], externalIps: [], loadBalancerIps: [] }
const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers'

/** What a BGPConfiguration says; what is no range is left out. */
export function serviceCidrs(spec: { serviceClusterIPs?: { cidr?: string }[]; serviceExternalIPs?: { cidr?: string }[]; serviceLoadBalancerIPs?: { cidr?: string }[] } | undefined): ServiceCidrs {
  const ranges = (list: { cidr?: string }[] | undefined): Cidr[] => (list ?? []).flatMap(({ cidr = '' }) => (cidr.includes('/') && tryParseCidr(cidr) ? [networkOf(cidr)] : []))
  return { clusterIps: ranges(spec?.serviceClusterIPs), externalIps: ranges(spec?.serviceExternalIPs), loadBalancerIps: ranges(spec?.serviceLoadBalancerIPs) }
}

export class ServiceRoutes {
  readonly #node: NodeContext
  readonly #changed: () => void
  readonly #services = new Map<string, Service>()
  readonly #endpoints = new Map<string, Endpoints>()
  #stops: (() => void)[] = []
  #cidrs: ServiceCidrs = NO_SERVICES
  #excluded = false

  constructor(node: NodeContext, changed: () => void) {
    this.#node = node
    this.#changed = changed
  }

  /** Watches nothing as long as nothing is to be announced. */
  configure(cidrs: ServiceCidrs): void {
    this.#cidrs = cidrs
    const wanted = this.ranges.length > 0
    if (!wanted) return this.stop()
    if (this.#stops.length > 0) return
    const { client, name } = this.#node
    this.#stops.push(mirror(client, 'services', this.#services, this.#changed), mirror(client, 'endpoints', this.#endpoints, this.#changed))
    this.#stops.push(client.watch<Node>('nodes', { fieldSelector: `metadata.name=${name}` }, (event) => {
      if (!('object' in event)) return
      const excluded = event.object.metadata.labels?.[EXCLUDED] !== undefined
      if (excluded === this.#excluded) return
      this.#excluded = excluded
      this.#changed()
    }))
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops = []
    this.#services.clear()
    this.#endpoints.clear()
  }

  /** "rejectcidrs": what is in them is no kernel's affair. */
  get ranges(): readonly Cidr[] {
    return [...this.#cidrs.clusterIps, ...this.#cidrs.externalIps, ...this.#cidrs.loadBalancerIps]
  }

  /** "staticroutes" */
  announced(version: 4 | 6): readonly Cidr[] {
    if (this.#excluded || this.ranges.length === 0) return []
    const out = new Set(this.ranges.filter((cidr) => !isSingle(cidr)))
    for (const [key, service] of this.#services) if (this.#announces(key, service)) for (const ip of this.#addresses(service)) out.add(`${ip}/${ip.includes(':') ? 128 : 32}`)
    return [...out].filter((cidr) => ipVersion(cidr.split('/')[0]!) === version)
  }

  #addresses({ spec, status }: Service): Ip[] {
    const { clusterIps, externalIps, loadBalancerIps } = this.#cidrs
    const within = (ranges: readonly Cidr[]) => (ip: Ip): boolean => ranges.some((cidr) => ipVersion(cidr.split('/')[0]!) === ipVersion(ip) && cidrContains(cidr, ip))
    return [
      ...(clusterIps.length > 0 ? [spec.clusterIP!] : []),
      ...(spec.externalIPs ?? []).filter(within(externalIps)),
      ...(status.loadBalancer?.ingress ?? []).flatMap((i) => i.ip ?? []).filter(within(loadBalancerIps)),
    ]
  }

  #announces(key: string, { spec, status }: Service): boolean {
    const { externalIps, loadBalancerIps } = this.#cidrs
    if (spec.type === 'ExternalName' || !spec.clusterIP || spec.clusterIP === 'None') return false
    const single = (ranges: readonly Cidr[], ip: Ip): boolean => ranges.some((cidr) => isSingle(cidr) && cidr.split('/')[0] === ip)
    if (spec.externalTrafficPolicy === 'Cluster') {
      if (spec.type === 'LoadBalancer' && (status.loadBalancer?.ingress ?? []).some((i) => i.ip !== undefined && single(loadBalancerIps, i.ip))) return true
      if ((spec.externalIPs ?? []).some((ip) => single(externalIps, ip))) return true
    }
    if (spec.externalTrafficPolicy !== 'Local') return false
    const addresses = (this.#endpoints.get(key)?.subsets ?? []).flatMap((s) => s.addresses ?? [])
    return addresses.some((a) => a.nodeName === this.#node.name && ipVersion(a.ip) === ipVersion(spec.clusterIP!))
  }
}

function isSingle(cidr: Cidr): boolean {
  return prefixLength(cidr) === (cidr.includes(':') ? 128 : 32)
}
