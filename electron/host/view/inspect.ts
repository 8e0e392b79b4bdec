import type { Inspection } from '../../bridge/view.ts'
import { ipvsadmCommand, replacesKubeProxy, type Cluster, type KubeObject, type NetworkNamespace, type Service } from '../../engine/cluster.ts'
import { withoutManagedFields } from '../../shell/kubectl/printers/index.ts'
import type { JsonObject } from '../../shell/kubectl/objects.ts'
import { toYaml } from '../../shell/kubectl/yaml.ts'
import { printFdb } from '../../shell/nettools/bridge.ts'
import { printConntrack } from '../../shell/nettools/conntrack-print.ts'
import { printAddressesBrief, printNeighbours, printRoutes } from '../../shell/nettools/ip/print.ts'
import { printSockets } from '../../shell/nettools/ss.ts'
import { SocketSelection } from '../../shell/nettools/ss-selection.ts'

/** What the inspector shows: the object, and what the tools on the machine itself print. */
export function inspect(cluster: Cluster, kind: 'node' | 'pod' | 'service' | 'outside', id: string): Inspection | null {
  if (kind === 'outside' && id === 'load-balancer' && cluster.loadBalancer) {
    const { network } = cluster.loadBalancer
    const served = cluster.loadBalancer.frontends().flatMap(({ key, ip, ports, backends }) => [
      `${key}: ${ports.map((p) => `${ip}:${p.port}/${p.protocol.toUpperCase()}`).join(', ')}`,
      ...backends.map((b) => `  ${b.healthy ? '●' : '✕'} ${b.name} ${b.ip} ${b.healthy ? 'passes the health check' : `fails the health check: ${b.problem ?? ''}`}`),
    ])
    return { kind, title: 'Load balancer', facts: [], yaml: null, sections: [{ title: 'Services and their nodes', command: '', text: `${served.join('\n') || 'none'}\n` }, ...sections(network, [ADDRESSES, ROUTES])] }
  }
  if (kind === 'outside') {
    if (id === 'external') return { kind, title: 'A client outside the cluster (hop trace external …)', facts: [], yaml: null, sections: sections(cluster.external.network, [ADDRESSES, ROUTES, SOCKETS]) }
    return id === 'laptop' ? { kind, title: 'Your laptop', facts: [], yaml: null, sections: sections(cluster.laptop.network, [ADDRESSES, ROUTES, SOCKETS]) } : null
  }
  const object = find(cluster, kind, id)
  if (!object) return null
  return {
    kind,
    title: id,
    facts: facts(cluster, kind, object),
    yaml: toYaml(withoutManagedFields(object as unknown as JsonObject)),
    sections: kind === 'service' ? serviceSections(cluster, object as Service) : machineSections(cluster, kind, id),
  }
}

type Section = [title: string, command: string, print: (network: NetworkNamespace) => string]

/** The tools' own printers, which change nothing in the simulated world. */
const ADDRESSES: Section = ['Addresses', 'ip -br addr', (n) => printAddressesBrief(n)]
const ROUTES: Section = ['Routes', 'ip route', (n) => printRoutes(n)]
const SOCKETS: Section = ['Listening sockets', 'ss -tuln', (n) => printSockets(n, { selection: SocketSelection.of('tul'), processes: false })]
const NAT: Section = ['NAT rules', 'iptables-save -t nat', (n) => n.netfilter.save('nat')]
const SECTIONS: Record<'node' | 'pod', Section[]> = {
  node: [
    ADDRESSES,
    ROUTES,
    ['Neighbours', 'ip neigh', (n) => printNeighbours(n)],
    ['Bridge forwarding', 'bridge fdb show', (n) => printFdb(n)],
    NAT,
    ['Connections', 'conntrack -L', (n) => printConntrack(n)],
  ],
  pod: [ADDRESSES, ROUTES, SOCKETS],
}

const none = (): undefined => undefined

/** Where kube-proxy's rules are not among those of iptables-save. */
const RULES: Readonly<Partial<Record<Cluster['config']['proxyMode'], Section>>> = {
  nftables: ["kube-proxy's rules", 'nft list table ip kube-proxy', (n) => n.netfilter.nftables.run('list table ip kube-proxy').stdout],
  ipvs: ["kube-proxy's virtual servers", 'ipvsadm -Ln', (n) => ipvsadmCommand(n.netfilter.ipvs, ['-Ln'], none).stdout],
}

function find(cluster: Cluster, kind: 'node' | 'pod' | 'service', id: string): KubeObject | undefined {
  const [namespace, name] = kind === 'node' ? [undefined, id] : (id.split('/') as [string, string])
  return cluster.client.list(`${kind}s`, { ...(namespace ? { namespace } : {}), fieldSelector: `metadata.name=${name}` }).items[0]
}

/** The columns of `kubectl get -o wide`. */
function facts(cluster: Cluster, kind: string, object: KubeObject): Inspection['facts'] {
  const table = cluster.client.tableOf(`${kind}s`, [object])
  return table.columnDefinitions.map((column, i) => ({ label: column.name, value: String(table.rows[0]?.cells[i] ?? '') }))
}

function machineSections(cluster: Cluster, kind: 'node' | 'pod', id: string): Inspection['sections'] {
  const [namespace, name] = id.split('/') as [string, string]
  const network = kind === 'node' ? cluster.nodes.get(id)?.network : cluster.podNetwork(namespace, name)
  if (!network) return []
  const rules = kind === 'node' ? RULES[cluster.config.proxyMode] : undefined
  return sections(network, rules ? [...SECTIONS[kind], rules] : SECTIONS[kind])
}

function serviceSections(cluster: Cluster, service: Service): Inspection['sections'] {
  const node = [...cluster.nodes.values()].at(-1)
  if (!node) return []
  const { cni } = cluster.config
  if (cni === 'kube-router' && replacesKubeProxy(cluster.config)) {
    const { command, text } = serviceRules('ipvs', node.network, service)
    return [{ title: `kube-router's virtual servers on ${node.name}`, command, text }]
  }
  if (replacesKubeProxy(cluster.config)) {
    return [{ title: 'No kube-proxy here', command: '', text: cni === 'cilium' ? `cilium's programs choose the Pod: kubectl exec -n kube-system ds/cilium -- cilium-dbg service list` : `${cni} takes its place.` }]
  }
  const { command, text } = serviceRules(cluster.config.proxyMode, node.network, service)
  return [{ title: `kube-proxy's rules on ${node.name}`, command, text }]
}

/** What of kube-proxy's rules speaks of the Service, by the tool that shows this mode's rules. */
function serviceRules(mode: Cluster['config']['proxyMode'], network: NetworkNamespace, { metadata, spec }: Service): { command: string; text: string } {
  const name = `${metadata.namespace}/${metadata.name}`
  const [, command, print] = RULES[mode] ?? NAT
  const text = print(network)
  if (mode === 'nftables') {
    // chains are named service-…-default/web/tcp/http
    const isOurs = (part: string): boolean => part.startsWith('\tchain ') && part.includes(`-${name}/`)
    return { command, text: text.split('\n\n').filter(isOurs).map((part) => part.replace(/\n}\n$/, '')).join('\n\n') }
  }
  if (mode === 'ipvs') {
    const [title, columns, ...servers] = text.split(/\n(?=\S)/)
    const addresses = [...(spec.clusterIPs ?? []), ...(spec.externalIPs ?? [])]
    const isOurs = (server: string): boolean => addresses.some((a) => server.includes(` ${a}:`)) || (spec.ports ?? []).some((p) => p.nodePort !== undefined && server.includes(`:${p.nodePort} `))
    return { command, text: [title, columns, ...servers.filter(isOurs)].join('\n') }
  }
  // "default/web:http cluster IP": of web, and not of web-2
  const ours = [':', '"', ' '].map((end) => `"${name}${end}`)
  return { command, text: text.split('\n').filter((line) => ours.some((o) => line.includes(o))).join('\n') }
}

function sections(network: NetworkNamespace, list: readonly Section[]): Inspection['sections'] {
  return list.map(([title, command, print]) => ({ title, command, text: print(network) }))
}
