import type { Conntrack } from '../network/types.ts'
import type { ServiceState } from './shared-services.ts'

/**
 * Removes connection tracking entries of UDP Services whose endpoint no longer serves, so that a client that keeps
 * its port reaches a living one: pkg/proxy/conntrack/cleanup.go of Kubernetes v1.33. TCP resets itself.
 */
export function cleanStaleEntries(conntrack: Conntrack, cache: ServiceState, family: 4 | 6 = 4): number {
  const byIp = new Map<string, Set<string>>()
  const byNodePort = new Map<number, Set<string>>()
  for (const ports of cache.services.values()) {
    for (const port of ports) {
      if (port.protocol !== 'udp') continue
      const serving = cache.endpointsOf(port).filter((e) => e.serving || e.ready)
      // Entries of a Service without endpoints are left: there is nothing better to send them to.
      if (serving.length === 0) continue
      for (const ip of [port.clusterIP, ...port.externalIPs, ...port.loadBalancerIPs]) {
        const set = byIp.get(`${ip}:${port.port}`) ?? new Set()
        byIp.set(`${ip}:${port.port}`, set)
        for (const endpoint of serving) set.add(endpoint.ip)
      }
      if (port.nodePort !== 0) byNodePort.set(port.nodePort, new Set(serving.map((e) => e.ip)))
    }
  }
  if (byIp.size === 0) return 0
  return conntrack.remove(({ original, reply }) => {
    if (original.protocol !== 'udp' || original.destination.includes(':') !== (family === 6)) return false
    const endpoints = byIp.get(`${original.destination}:${original.destinationPort}`) ?? byNodePort.get(original.destinationPort)
    return endpoints !== undefined && !endpoints.has(reply.source)
  })
}
