import { stringify } from 'yaml'
import type { Inspection } from '../../bridge/view.ts'
import type { Cluster, KubeObject, Machine } from '../../engine/cluster.ts'
import { runBeside } from '../session/beside.ts'

/** What the inspector shows: the object, and what the tools on the machine itself print. */
export function inspect(cluster: Cluster, kind: 'node' | 'pod' | 'service' | 'outside', id: string): Inspection | null {
  if (kind === 'outside') {
    const machine = id === 'laptop' ? cluster.laptop : undefined
    return machine ? { kind, title: 'Your laptop', facts: [], yaml: null, sections: sections(machine, COMMANDS.node.slice(0, 2)) } : null
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

const COMMANDS = {
  node: [
    ['Addresses', 'ip -br addr'],
    ['Routes', 'ip route'],
    ['Neighbours', 'ip neigh'],
    ['Bridge forwarding', 'bridge fdb show'],
    ['NAT rules', 'iptables-save -t nat'],
    ['Connections', 'conntrack -L'],
  ],
  pod: [
    ['Addresses', 'ip addr'],
    ['Routes', 'ip route'],
    ['Sockets', 'ss -tuln'],
  ],
} as const

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
  if (kind === 'node') return cluster.nodes.has(id) ? sections(cluster.nodes.get(id)!, COMMANDS.node) : []
  const [namespace, name] = id.split('/') as [string, string]
  const network = cluster.podNetwork(namespace, name)
  const node = network && [...cluster.nodes.values()].find((n) => n.network === network.links.get('eth0')?.peer?.namespace)
  return network && node ? sections(node, COMMANDS.pod, network) : []
}

function serviceSections(cluster: Cluster, service: KubeObject): Inspection['sections'] {
  const node = [...cluster.nodes.values()].at(-1)
  if (!node) return []
  const comment = `${service.metadata.namespace}/${service.metadata.name}`
  const rules = node.network.netfilter.save('nat').split('\n').filter((line) => line.includes(`"${comment}`))
  return [{ title: `kube-proxy's rules on ${node.name}`, command: 'iptables-save -t nat', text: rules.join('\n') }]
}

function sections(machine: Machine, commands: readonly (readonly [string, string])[], network = machine.network): Inspection['sections'] {
  return commands.map(([title, command]) => ({ title, command, text: runBeside(machine, command, network) }))
}
