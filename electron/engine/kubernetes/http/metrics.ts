import { addressCount, cidrContains } from '../../network/address.ts'
import { buildInfo, exposition, EXPOSITION_TYPE, together, type MetricFamily } from '../../prometheus.ts'
import { ConnectionError, StatusError, type KubernetesClient } from '../client.ts'
import { isPreferred, resourceKey } from '../kinds/kind.ts'
import type { IPAddress, ServiceCIDR } from '../types.ts'
import type { Exchange } from './exchange.ts'

/**
 * /metrics of kube-apiserver v1.33, those of its metrics whose values are known here: what is stored, the addresses of
 * Services, and the requests, with the virtual time that they took.
 */
export function serveMetrics({ request, sink, info: { path } }: Exchange, server: KubernetesClient): boolean {
  if (path !== '/metrics' || request.method !== 'GET') return false
  sink.head(200, [['Cache-Control', 'no-cache, private'], ['Content-Type', EXPOSITION_TYPE]])
  sink.data(together(exposition([buildInfo(), stored(server), ...clusterIps(server)]), server.requests?.text() ?? ''))
  sink.end()
  return true
}

/** "pods", "deployments.apps": each resource once, whatever versions it has. */
function stored(server: KubernetesClient): MetricFamily {
  const samples = server.resources().filter((r) => r.verbs.includes('list') && isPreferred(r)).flatMap((r) => {
    const count = countOf(server, resourceKey(r))
    return count === undefined ? [] : { labels: { resource: r.group ? `${r.name}.${r.group}` : r.name }, value: count }
  })
  const help = '[STABLE] Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.'
  return { name: 'apiserver_storage_objects', help, type: 'gauge', samples: [...new Map(samples.map((s) => [s.labels.resource, s])).values()] }
}

function countOf(server: KubernetesClient, key: string): number | undefined {
  try {
    const { items, remainingItemCount = 0 } = server.list(key, { limit: 1 })
    return items.length + remainingItemCount
  } catch (error) {
    if (error instanceof ConnectionError || !(error instanceof StatusError)) throw error
    return undefined
  }
}

/** pkg/registry/core/service/ipallocator/metrics.go: an address is one of the first range that has it. */
function clusterIps(server: KubernetesClient): MetricFamily[] {
  const cidrs = server.list<ServiceCIDR>('servicecidrs').items.flatMap(({ spec }) => spec.cidrs ?? [])
  const taken = new Map(cidrs.map((cidr) => [cidr, 0]))
  for (const { metadata } of server.list<IPAddress>('ipaddresses').items) {
    const cidr = cidrs.find((each) => each.includes(':') === metadata.name.includes(':') && cidrContains(each, metadata.name))
    if (cidr !== undefined) taken.set(cidr, taken.get(cidr)! + 1)
  }
  const gauge = (name: string, help: string, value: (cidr: string) => number): MetricFamily => ({ name: `kube_apiserver_clusterip_allocator_${name}`, help: `[ALPHA] ${help}`, type: 'gauge', samples: [...taken.keys()].map((cidr) => ({ labels: { cidr }, value: value(cidr) })) })
  return [
    gauge('allocated_ips', 'Gauge measuring the number of allocated IPs for Services', (cidr) => taken.get(cidr)!),
    gauge('available_ips', 'Gauge measuring the number of available IPs for Services', (cidr) => usable(cidr) - taken.get(cidr)!),
  ]
}

/** Without the network's own address and, of IPv4, its broadcast address. */
function usable(cidr: string): number {
  return cidr.includes(':') ? addressCount(cidr) - 1 : addressCount(cidr) - 2
}
