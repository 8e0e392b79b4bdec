import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { ConfigMap, KubeObject, LabelSelector, Node } from '../../kubernetes/types.ts'
import { cidrContains, networkOf, prefixLength } from '../../network/address.ts'
import type { Cidr, Ip } from '../../network/types.ts'
import { internalIp } from '../bridge-link.ts'
import { SyncLoop } from '../sync-loop.ts'
import type { NodeContext } from '../types.ts'
import { CILIUM_ENDPOINTS, type CiliumEndpoint } from './objects.ts'

/**
 * Egress gateways: what selected Pods send to destinations outside leaves through one node, with an address of it
 * (pkg/egressgateway of cilium/cilium v1.17, bpf/lib/egress_gateway.h; IPv4 only there too).
 */
export const EGRESS_POLICIES = 'ciliumegressgatewaypolicies.cilium.io'
const DELAY = 10
/** No node is chosen; the destination is excluded; no address is there. */
export const NO_GATEWAY: Ip = '0.0.0.0'
export const EXCLUDED: Ip = '0.0.0.1'
export const NO_EGRESS_IP: Ip = '0.0.0.0'

export interface EgressPolicy extends KubeObject {
  spec?: {
    selectors?: { podSelector?: LabelSelector; namespaceSelector?: LabelSelector }[]
    destinationCIDRs?: Cidr[]
    excludedCIDRs?: Cidr[]
    egressGateway?: { nodeSelector?: LabelSelector; interface?: string; egressIP?: Ip }
  }
}

export interface EgressEntry { readonly source: Ip; readonly destination: Cidr; readonly egressIp: Ip; readonly gateway: Ip; readonly policy: string }

/** cilium_egress_gw_policy_v4: source and destination → gateway and address. */
export class EgressMap {
  #bySource = new Map<Ip, EgressEntry[]>()

  set(entries: readonly EgressEntry[]): void {
    this.#bySource = new Map()
    for (const entry of entries) {
      const list = this.#bySource.get(entry.source)
      if (list) list.push(entry)
      else this.#bySource.set(entry.source, [entry])
    }
  }

  list(): EgressEntry[] {
    return [...this.#bySource.values()].flat()
  }

  /** The longest prefix. */
  find(source: Ip, destination: Ip): EgressEntry | undefined {
    let best: EgressEntry | undefined
    for (const entry of this.#bySource.get(source) ?? []) if (cidrContains(entry.destination, destination) && (!best || prefixLength(entry.destination) > prefixLength(best.destination))) best = entry
    return best
  }
}

/** As `cilium-dbg bpf egress list` has it. */
export function egressText({ source, destination, egressIp, gateway }: EgressEntry): string {
  return [source, destination, egressIp, gatewayText(gateway)].join('   ')
}

export function gatewayText(gateway: Ip): string {
  return gateway === NO_GATEWAY ? 'Not Found' : gateway === EXCLUDED ? 'Excluded CIDR' : gateway
}

/** enable-ipv4-egress-gateway of cilium-config (enable-egress-gateway since v1.18). */
export function egressGatewayEnabled(client: Pick<KubernetesClient, 'get'>): boolean {
  try {
    return client.get<ConfigMap>('configmaps', 'kube-system', 'cilium-config').data?.['enable-ipv4-egress-gateway'] === 'true'
  } catch (error) {
    if (error instanceof StatusError) return false
    throw error
  }
}

interface Source { ips: readonly Ip[]; labels: Readonly<Record<string, string>>; namespaceLabels: Readonly<Record<string, string>> }

const NAMESPACE = 'k8s:io.kubernetes.pod.namespace='
const NAMESPACE_LABELS = 'k8s:io.cilium.k8s.namespace.labels.'

export class EgressGateway {
  readonly #context: NodeContext
  readonly #map: EgressMap
  readonly #policies = new Map<string, EgressPolicy>()
  readonly #sources = new Map<string, Source>()
  readonly #nodes = new Map<string, Node>()
  readonly #loop: SyncLoop
  readonly #stops: (() => void)[] = []

  constructor(context: NodeContext, client: KubernetesClient, map: EgressMap) {
    this.#context = context
    this.#map = map
    this.#loop = new SyncLoop(context.clock, DELAY, () => this.#sync())
    this.#watch<EgressPolicy>(client, EGRESS_POLICIES, this.#policies, (policy) => policy)
    this.#watch<CiliumEndpoint, Source>(client, CILIUM_ENDPOINTS, this.#sources, sourceOf)
    this.#watch<Node>(client, 'nodes', this.#nodes, (node) => node, (before, now) => JSON.stringify([before.metadata.labels, before.status.addresses]) !== JSON.stringify([now.metadata.labels, now.status.addresses]))
  }

  /** The map stays. */
  stop(): void {
    this.#loop.stop()
    for (const stop of this.#stops) stop()
  }

  #watch<T extends KubeObject, V = T>(client: KubernetesClient, resource: string, into: Map<string, V>, read: (object: T) => V, matters: (before: V, now: V) => boolean = () => true): void {
    this.#stops.push(client.watch<T>(resource, {}, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      const { namespace, name } = event.object.metadata
      const key = `${namespace ?? ''}/${name}`
      const before = into.get(key)
      const now = read(event.object)
      if (event.type === 'DELETED') into.delete(key)
      else into.set(key, now)
      if (event.type === 'DELETED' || before === undefined || matters(before, now)) this.#loop.request()
    }))
  }

  #sync(): void {
    const entries = new Map<string, EgressEntry>()
    for (const [, policy] of [...this.#policies].sort(([a], [b]) => (a < b ? -1 : 1))) for (const entry of this.#entriesOf(policy)) entries.set(`${entry.source} ${entry.destination}`, entry)
    this.#map.set([...entries.values()])
  }

  #entriesOf({ metadata, spec }: EgressPolicy): EgressEntry[] {
    const { nodeSelector, interface: device, egressIP } = spec?.egressGateway ?? {}
    const gateway = [...this.#nodes.values()].filter((n) => compileLabelSelector(nodeSelector).matches(n.metadata.labels ?? {})).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))[0]
    const here = gateway?.metadata.name === this.#context.name
    const gatewayIp = (gateway && internalIp(gateway, 4)) ?? NO_GATEWAY
    const egressIp = here ? this.#egressIp(device, egressIP) : NO_EGRESS_IP
    const sources = [...this.#sources.values()].filter((source) => (spec?.selectors ?? []).some(({ podSelector, namespaceSelector }) =>
      (podSelector !== undefined || namespaceSelector !== undefined) && (!podSelector || compileLabelSelector(podSelector).matches(source.labels)) && (!namespaceSelector || compileLabelSelector(namespaceSelector).matches(source.namespaceLabels))))
    return sources.flatMap(({ ips }) => ips.filter((ip) => !ip.includes(':')).flatMap((source) => [
      ...(spec?.destinationCIDRs ?? []).filter((c) => !c.includes(':')).map((cidr): EgressEntry => ({ source, destination: networkOf(cidr), egressIp, gateway: gatewayIp, policy: metadata.name })),
      ...(spec?.excludedCIDRs ?? []).filter((c) => !c.includes(':')).map((cidr): EgressEntry => ({ source, destination: networkOf(cidr), egressIp: NO_EGRESS_IP, gateway: EXCLUDED, policy: metadata.name })),
    ]))
  }

  /** On the gateway: the address that is asked for, the interface's first one, or that of the default route's. */
  #egressIp(device: string | undefined, wanted: Ip | undefined): Ip {
    const { network } = this.#context
    const links = [...network.links.values()]
    const ipv4 = (name: string): Ip | undefined => network.links.get(name)?.addresses.find((a) => !a.address.includes(':'))?.address
    if (device) return ipv4(device) ?? NO_EGRESS_IP
    if (wanted) return links.some((l) => l.addresses.some((a) => a.address === wanted)) ? wanted : NO_EGRESS_IP
    const route = network.routes.list('main', 4).find((r) => r.destination === '0.0.0.0/0')
    return (route?.device === undefined ? undefined : ipv4(route.device)) ?? NO_EGRESS_IP
  }
}

function sourceOf({ status }: CiliumEndpoint): Source {
  const labels: Record<string, string> = {}
  const namespaceLabels: Record<string, string> = {}
  for (const line of status?.identity?.labels ?? []) {
    const at = line.indexOf('=')
    const [name, value] = at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
    if (line.startsWith(NAMESPACE)) labels['io.kubernetes.pod.namespace'] = value
    else if (name.startsWith(NAMESPACE_LABELS)) namespaceLabels[name.slice(NAMESPACE_LABELS.length)] = value
    else if (name.startsWith('k8s:')) labels[name.slice('k8s:'.length)] = value
  }
  return { ips: (status?.networking?.addressing ?? []).flatMap(({ ipv4 }) => (ipv4 === undefined ? [] : [ipv4])), labels, namespaceLabels }
}
