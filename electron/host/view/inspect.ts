import { stringify } from 'yaml'
import type { Inspection } from '../../bridge/view.ts'
import type { Cluster, KubeObject, NetworkNamespace } from '../../engine/cluster.ts'
import { printFdb } from '../../shell/nettools/bridge.ts'
import { printConntrack } from '../../shell/nettools/conntrack.ts'
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
    yaml: stringify(object),
    sections: kind === 'service' ? serviceSections(cluster, object) : machineSections(cluster, kind, id),
  }
}

type Section = [title: string, command: string, print: (network: NetworkNamespace) => string]

/** The tools' own printers, which change nothing in the simulated world. */
const ADDRESSES: Section = ['Addresses', 'ip -br addr', (n) => printAddressesBrief(n)]
const ROUTES: Section = ['Routes', 'ip route', (n) => printRoutes(n)]
const SOCKETS: Section = ['Listening sockets', 'ss -tuln', (n) => printSockets(n, { selection: SocketSelection.of('tul'), processes: false })]
const SECTIONS: Record<'node' | 'pod', Section[]> = {
  node: [
    ADDRESSES,
    ROUTES,
    ['Neighbours', 'ip neigh', (n) => printNeighbours(n)],
    ['Bridge forwarding', 'bridge fdb show', (n) => printFdb(n)],
    ['NAT rules', 'iptables-save -t nat', (n) => n.netfilter.save('nat')],
    ['Connections', 'conntrack -L', (n) => printConntrack(n)],
  ],
  pod: [ADDRESSES, ROUTES, SOCKETS],
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
  return network ? sections(network, SECTIONS[kind]) : []
}

function serviceSections(cluster: Cluster, service: KubeObject): Inspection['sections'] {
  const node = [...cluster.nodes.values()].at(-1)
  if (!node) return []
  const name = `${service.metadata.namespace}/${service.metadata.name}`
  const rules = node.network.netfilter.save('nat').split('\n').filter((line) => line.includes(`"${name}`))
  return [{ title: `kube-proxy's rules on ${node.name}`, command: 'iptables-save -t nat', text: rules.join('\n') }]
}

function sections(network: NetworkNamespace, list: readonly Section[]): Inspection['sections'] {
  return list.map(([title, command, print]) => ({ title, command, text: print(network) }))
}
