import type { EndpointSlice } from '../kubernetes/types.ts'
import type { Ip } from '../network/types.ts'
import { usesClusterEndpoints, usesLocalEndpoints, type ServicePortInfo } from './service-ports.ts'

/** An endpoint of a Service's port: pkg/proxy/endpoint.go and endpointslicecache.go of Kubernetes v1.33. */
export interface EndpointInfo {
  ip: Ip
  port: number
  /** "10.244.1.2:80" */
  address: string
  ready: boolean
  serving: boolean
  terminating: boolean
  nodeName: string | undefined
  zones: readonly string[]
}

/** Endpoints of all slices of a Service by "portName/protocol", each list in the order of its addresses' text. */
export function endpointsByPort(slices: Iterable<EndpointSlice>, family: 4 | 6): Map<string, EndpointInfo[]> {
  const sets = new Map<string, Map<string, EndpointInfo>>()
  for (const slice of slices) {
    if (slice.addressType !== (family === 4 ? 'IPv4' : 'IPv6')) continue
    for (const port of slice.ports ?? []) {
      if (port.port === undefined) continue
      const key = `${port.name ?? ''}/${(port.protocol ?? 'TCP').toLowerCase()}`
      let set = sets.get(key)
      if (!set) sets.set(key, (set = new Map()))
      for (const endpoint of slice.endpoints) {
        const ip = endpoint.addresses[0]
        if (ip === undefined) continue
        const address = family === 6 ? `[${ip}]:${port.port}` : `${ip}:${port.port}`
        const { ready, serving, terminating } = endpoint.conditions ?? {}
        const info: EndpointInfo = {
          ip,
          port: port.port,
          address,
          ready: ready ?? true,
          serving: serving ?? true,
          terminating: terminating ?? false,
          nodeName: endpoint.nodeName,
          zones: (endpoint.hints?.forZones ?? []).map((z) => z.name),
        }
        // The same address may be in two slices for a moment: the more useful one counts.
        const known = set.get(address)
        if (!known || (!known.ready && info.ready)) set.set(address, info)
      }
    }
  }
  const out = new Map<string, EndpointInfo[]>()
  for (const [key, set] of sets) out.set(key, [...set.values()].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0)))
  return out
}

export interface EndpointChoice {
  /** For Cluster traffic policy. */
  cluster: readonly EndpointInfo[]
  /** For Local traffic policy. */
  local: readonly EndpointInfo[]
  /** Every one that this node may send to. */
  reachable: readonly EndpointInfo[]
  /** Whether there is any in the whole cluster. */
  any: boolean
}

const NONE: readonly EndpointInfo[] = []

/** CategorizeEndpoints of pkg/proxy/topology.go: ready ones, else those that terminate but still serve (KEP-1669). */
export function chooseEndpoints(endpoints: readonly EndpointInfo[], service: ServicePortInfo, node: { name: string; zone: string }): EndpointChoice {
  let cluster = NONE
  let any = false
  let byZone = false
  if (usesClusterEndpoints(service)) {
    byZone = useZones(endpoints, node.zone)
    cluster = endpoints.filter((e) => e.ready && (!byZone || e.zones.includes(node.zone)))
    if (cluster.length === 0) cluster = endpoints.filter((e) => e.serving && e.terminating)
    any = cluster.length > 0
  }
  if (!usesLocalEndpoints(service)) return { cluster, local: NONE, reachable: cluster, any }

  const here = (e: EndpointInfo): boolean => e.nodeName === node.name
  let local: readonly EndpointInfo[] = endpoints.filter((e) => here(e) && e.ready)
  const fallback = local.length === 0
  if (fallback) local = endpoints.filter((e) => here(e) && e.serving && e.terminating)
  any ||= endpoints.some((e) => e.ready || (e.serving && e.terminating))
  if (!usesClusterEndpoints(service)) return { cluster, local, reachable: local, any }
  if (!byZone && !(fallback && local.length > 0)) return { cluster, local, reachable: cluster, any }
  return { cluster, local, reachable: [...new Set([...cluster, ...local])], any }
}

/** Zone hints count only when every ready endpoint has one and some are for this zone. */
function useZones(endpoints: readonly EndpointInfo[], zone: string): boolean {
  if (zone === '') return false
  const ready = endpoints.filter((e) => e.ready)
  return ready.length > 0 && ready.every((e) => e.zones.length > 0) && ready.some((e) => e.zones.includes(zone))
}
