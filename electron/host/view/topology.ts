import type { ActiveFault, Cluster, EndpointSlice, KubeObject, Link, NetworkNamespace, Node, Pod, Service } from '../../engine/cluster.ts'
import type { ContainerView, InterfaceView, LinkView, NodeView, OutsideNode, PodView, ServiceView, TopologyView } from '../../bridge/view.ts'

/** Namespaces whose Pods belong to the cluster itself. */
const SYSTEM = new Set(['kube-system', 'kube-flannel', 'kube-public', 'kube-node-lease'])

const key = (object: KubeObject): string => `${object.metadata.namespace}/${object.metadata.name}`

/** The picture of the cluster, from its objects and its links. */
export function topologyView(cluster: Cluster): TopologyView {
  const pods = cluster.client.list<Pod>('pods').items
  const nodes = cluster.client.list<Node>('nodes').items
  const services = cluster.client.list<Service>('services').items
  const slices = cluster.client.list<EndpointSlice>('endpointslices').items
  const status = statusColumn(cluster, pods)
  return {
    outside: outsideView(cluster),
    nodes: record(nodes, (n) => n.metadata.name, (n) => nodeView(n, cluster.nodes.get(n.metadata.name)?.network, cluster.faults.active)),
    pods: record(pods, key, (p, i) => podView(p, status[i] ?? '', cluster)),
    services: record(services, key, (s) => serviceView(s, slices)),
    links: linkViews(cluster),
  }
}

function record<T, V>(items: readonly T[], keyOf: (item: T) => string, make: (item: T, index: number) => V): Record<string, V> {
  return Object.fromEntries(items.map((item, index) => [keyOf(item), make(item, index)]))
}

/** kubectl's STATUS column is the server's: there is one way to word it. */
function statusColumn(cluster: Cluster, pods: readonly Pod[]): string[] {
  if (pods.length === 0) return []
  const table = cluster.client.tableOf('pods', pods)
  const column = table.columnDefinitions.findIndex((c) => c.name === 'Status')
  return table.rows.map((row) => String(row.cells[column] ?? ''))
}

function outsideView(cluster: Cluster): Record<string, OutsideNode> {
  const addressOf = (network: NetworkNamespace): string | undefined => [...network.links.values()].filter((l) => l.kind !== 'loopback').flatMap((l) => l.addresses)[0]?.address
  const named = (name: string): NetworkNamespace => cluster.networks().find((n) => n.name === name)!
  const [outside, internet] = [named('outside'), named('internet')]
  const out: Record<string, OutsideNode> = {
    outside: { id: 'outside', kind: 'network', label: 'outside network', address: addressOf(outside) },
    internet: { id: 'internet', kind: 'client', label: 'internet', address: addressOf(internet) },
    external: { id: 'external', kind: 'client', label: 'client outside', address: addressOf(cluster.external.network) },
    ...(cluster.loadBalancer ? { 'load-balancer': balancerView(cluster.loadBalancer, addressOf) } : {}),
    laptop: { id: 'laptop', kind: 'laptop', label: 'your laptop', address: addressOf(cluster.laptop.network) },
  }
  return out
}

/** Its name says whom it serves: "load balancer: 203.0.113.1 default/web". */
function balancerView(balancer: NonNullable<Cluster['loadBalancer']>, addressOf: (network: NetworkNamespace) => string | undefined): OutsideNode {
  const served = balancer.frontends().map((f) => `${f.ip} ${f.key}`)
  return { id: 'load-balancer', kind: 'load-balancer', label: served.length > 0 ? `load balancer: ${served.join(', ')}` : 'load balancer', address: addressOf(balancer.network) }
}

function nodeView(node: Node, network: NetworkNamespace | undefined, faults: readonly ActiveFault[]): NodeView {
  const labels = node.metadata.labels ?? {}
  return {
    name: node.metadata.name,
    role: 'node-role.kubernetes.io/control-plane' in labels ? 'control-plane' : 'worker',
    ready: node.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
    down: network?.off ?? false,
    faults: faults.filter((f) => f.nodes.includes(node.metadata.name)).map((f) => f.text),
    address: node.status.addresses?.find((a) => a.type === 'InternalIP')?.address ?? '',
    podCIDR: node.spec.podCIDR ?? '',
    interfaces: network ? interfaceViews(network) : {},
  }
}

function interfaceViews(network: NetworkNamespace): Record<string, InterfaceView> {
  const shown = [...network.links.values()].filter((l) => l.kind !== 'veth' && l.kind !== 'loopback')
  return record(shown, (l) => l.name, (l) => ({
    name: l.name,
    kind: l.kind,
    // every link has one of its own (fe80::…), which says nothing of the cluster: the inspector has them all
    addresses: l.addresses.filter((a) => !a.address.startsWith('fe80:')).map((a) => `${a.address}/${a.prefixLength}`),
    mac: l.mac,
    mtu: l.mtu,
    // a bridge without ports has no carrier, and nothing is wrong with it
    up: l.up && (l.carrier || l.kind === 'bridge'),
  }))
}

function podView(pod: Pod, status: string, cluster: Cluster): PodView {
  const { namespace, name } = pod.metadata
  const host = pod.spec.hostNetwork ? undefined : hostEnd(cluster.podNetwork(namespace, name))
  return {
    namespace,
    name,
    node: pod.spec.nodeName ?? null,
    ip: pod.status.podIP ?? null,
    status,
    ready: pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
    terminating: pod.metadata.deletionTimestamp !== undefined,
    system: SYSTEM.has(namespace),
    labels: pod.metadata.labels ?? {},
    hostNetwork: pod.spec.hostNetwork ?? false,
    down: cluster.nodes.get(pod.spec.nodeName ?? '')?.network.off ?? false,
    hostInterface: host?.name ?? null,
    bridge: host?.master?.name ?? null,
    containers: record(pod.spec.containers, (c) => c.name, (c) => containerView(pod, c.name, c.image ?? '', c.ports?.map((p) => p.containerPort) ?? [])),
  }
}

function hostEnd(network: NetworkNamespace | undefined): Link | undefined {
  return network?.links.get('eth0')?.peer
}

function containerView(pod: Pod, name: string, image: string, ports: number[]): ContainerView {
  const found = pod.status.containerStatuses?.find((s) => s.name === name)
  const state = found?.state
  return {
    name,
    image,
    state: state?.running ? 'running' : state?.terminated ? 'terminated' : 'waiting',
    reason: state?.waiting?.reason ?? state?.terminated?.reason ?? null,
    ready: found?.ready ?? false,
    restarts: found?.restartCount ?? 0,
    ports,
  }
}

function serviceView(service: Service, slices: readonly EndpointSlice[]): ServiceView {
  const { namespace, name } = service.metadata
  const own = slices.filter((s) => s.metadata.namespace === namespace && s.metadata.labels?.['kubernetes.io/service-name'] === name)
  return {
    namespace,
    name,
    type: service.spec.type ?? 'ClusterIP',
    clusterIP: service.spec.clusterIP ?? '',
    ports: (service.spec.ports ?? []).map((p) => ({
      name: p.name ?? null,
      port: p.port,
      targetPort: String(p.targetPort ?? p.port),
      nodePort: p.nodePort ?? null,
      protocol: p.protocol ?? 'TCP',
    })),
    selector: service.spec.selector ?? {},
    endpoints: own.flatMap((slice) =>
      slice.endpoints.map((e) => ({
        pod: e.targetRef?.kind === 'Pod' ? `${e.targetRef.namespace ?? namespace}/${e.targetRef.name ?? ''}` : '',
        ip: e.addresses[0] ?? '',
        ready: e.conditions?.ready ?? true,
      })),
    ),
    system: SYSTEM.has(namespace) || (namespace === 'default' && name === 'kubernetes'),
  }
}

function linkViews(cluster: Cluster): Record<string, LinkView> {
  const out: Record<string, LinkView> = {}
  const add = (link: Omit<LinkView, 'id'>): void => {
    const id = `${link.from.machine}:${link.from.interface}-${link.to.machine}:${link.to.interface}`
    out[id] = { id, ...link }
  }
  const laptopLink = [...cluster.laptop.network.links.values()].find((l) => l.kind === 'nic')
  if (laptopLink) add({ from: { machine: 'laptop', interface: laptopLink.name }, to: { machine: 'outside', interface: 'eth1' }, kind: 'wire', up: laptopLink.up && laptopLink.carrier })
  for (const network of cluster.networks()) {
    const nic = network.kind === 'node' ? [...network.links.values()].find((l) => l.kind === 'nic') : undefined
    if (nic) add({ from: { machine: network.machine, interface: nic.name }, to: { machine: 'outside', interface: 'eth0' }, kind: 'wire', up: nic.up && nic.carrier })
    const peer = network.kind === 'pod' ? hostEnd(network) : undefined
    if (peer) add({ from: { machine: network.machine, interface: 'eth0' }, to: { machine: peer.namespace.machine, interface: peer.name }, kind: 'veth', up: peer.up && peer.carrier })
  }
  for (const { wire } of cluster.faults.active) {
    if (!wire) continue
    const { a, b, cut, word } = wire
    const id = `fault:${a}-${b}`
    const words = out[id]?.word
    out[id] = { id, from: { machine: a, interface: 'eth0' }, to: { machine: b, interface: 'eth0' }, kind: 'fault', up: !cut && (out[id]?.up ?? true), word: words ? `${words}, ${word}` : word }
  }
  return out
}
