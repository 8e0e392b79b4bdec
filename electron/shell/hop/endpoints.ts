import { canonicalIp, isValidIp, type Cluster, type Machine, type NetworkNamespace } from '../../engine/cluster.ts'

/** Where a trace begins: SRC of `hop trace` (design 5.4). */
export interface Source {
  /** "default/web", "worker-1", "external", "laptop". */
  name: string
  /** Where its program runs; its network namespace is the sandbox's for a Pod. */
  machine: Machine
  network: NetworkNamespace
  /** Only for external/IP. */
  address?: string
}

export function findSource(cluster: Cluster, text: string): Source | { error: string } {
  if (text === 'laptop') return { name: 'laptop', machine: cluster.laptop, network: cluster.laptop.network }
  if (text === 'external' || text.startsWith('external/')) {
    const address = text.split('/')[1]
    if (address !== undefined && !isValidIp(address)) return { error: `hop: source "${text}": "${address}" is no IP address; expected external or external/${addressOf(cluster.external)}` }
    return { name: 'external', machine: cluster.external, network: cluster.external.network, ...(address ? { address: canonicalIp(address)! } : {}) }
  }
  const [first, second, ...rest] = text.split('/')
  if (!first || !second || rest.length > 0) return { error: `hop: source "${text}": expected NAMESPACE/POD, node/NAME, external[/IP] or laptop` }
  if (first === 'node') {
    const machine = cluster.nodes.get(second)
    return machine ? { name: second, machine, network: machine.network } : { error: `hop: there is no node "${second}"; there are ${[...cluster.nodes.keys()].join(', ')}` }
  }
  const machine = cluster.container(first, second)
  const network = cluster.podNetwork(first, second)
  if (!network) return { error: `hop: there is no Pod "${second}" with a network in namespace "${first}"; kubectl get pods -n ${first} shows which there are` }
  if (!machine) return { error: `hop: no container of Pod "${text}" is running; kubectl describe pod -n ${first} ${second} says why` }
  return { name: text, machine, network }
}

function addressOf(machine: Machine): string {
  return [...machine.network.links.values()].find((l) => l.kind === 'nic')?.addresses[0]?.address ?? 'its own address'
}

/** DST of `hop trace`: HOST:PORT[/tcp|udp|sctp], a URL, or an IP for ICMP. */
export interface Destination {
  host: string
  port?: number
  protocol: 'tcp' | 'udp' | 'sctp' | 'icmp'
}

export function parseDestination(text: string): Destination | { error: string } {
  const url = /^(https?):\/\/(?:[^/?#@]*@)?(\[[0-9a-f:]+\]|[^/:?#]+)(?::(\d+))?(?:[/?#].*)?$/i.exec(text)
  if (url) {
    const port = url[3] ? Number(url[3]) : url[1]!.toLowerCase() === 'https' ? 443 : 80
    if (port < 1 || port > 65535) return { error: `hop: destination "${text}": expected a port from 1 to 65535` }
    return { host: url[2]!.replace(/^\[|\]$/g, ''), port, protocol: 'tcp' }
  }
  const pair = /^(\[[0-9a-f:]+\]|[^:/]+):(\d+)(?:\/(tcp|udp|sctp))?$/i.exec(text)
  if (pair) {
    const port = Number(pair[2])
    const protocol = (pair[3] ?? 'tcp').toLowerCase()
    if (port < 1 || port > 65535) return { error: `hop: destination "${text}": expected a port from 1 to 65535` }
    return { host: pair[1]!.replace(/^\[|\]$/g, ''), port, protocol: protocol as 'tcp' | 'udp' | 'sctp' }
  }
  if (/^[\d.]+$|^[0-9a-f:]+:[0-9a-f:]*$/i.test(text)) return { host: text, protocol: 'icmp' }
  return { error: `hop: destination "${text}": expected HOST:PORT[/tcp|udp|sctp], a URL, or an IP address for ICMP` }
}
