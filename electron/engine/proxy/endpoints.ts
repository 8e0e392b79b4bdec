import type { EndpointSlice } from '../kubernetes/types.ts'
import { joinHostPort } from '../network/address.ts'
import type { ChainBlock, Ip } from '../network/types.ts'
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
  /** What iptables mode has made of it. */
  chain: ChainBlock | undefined
}

type ByPort = ReadonlyMap<string, readonly EndpointInfo[]>

/**
 * What was made of slices before: of each by itself, and of the slices of one Service together (found by the first of
 * them). Every node's kube-proxy asks for the same, and objects are never changed in place.
 */
const alone = new WeakMap<EndpointSlice, ByPort>()
const together = new WeakMap<EndpointSlice, { slices: readonly EndpointSlice[]; endpoints: ByPort }>()
/** An endpoint that has not changed is the same object in the next version of its slice. */
const infos = new WeakMap<object, EndpointInfo[]>()

/** Endpoints of all slices of a Service by "portName/protocol", each list in the order of its addresses' text. */
export function endpointsByPort(slices: readonly EndpointSlice[], family: 4 | 6): ByPort {
  const addressType = family === 4 ? 'IPv4' : 'IPv6'
  const own = slices.filter((s) => s.addressType === addressType)
  const [first] = own
  if (!first) return new Map()
  if (own.length === 1) return ofSlice(first)
  const known = together.get(first)
  if (known && known.slices.length === own.length && known.slices.every((s, i) => s === own[i])) return known.endpoints
  const endpoints = merge(own.map(ofSlice))
  together.set(first, { slices: own, endpoints })
  return endpoints
}

function ofSlice(slice: EndpointSlice): ByPort {
  let known = alone.get(slice)
  if (!known) alone.set(slice, (known = readSlice(slice)))
  return known
}

function readSlice(slice: EndpointSlice): ByPort {
  const sets = (slice.ports ?? []).flatMap(({ port, name, protocol }): ByPort[] => {
    if (port === undefined) return []
    const list = slice.endpoints.flatMap((endpoint) => infoOf(endpoint, port) ?? [])
    return [new Map([[`${name ?? ''}/${(protocol ?? 'TCP').toLowerCase()}`, list]])]
  })
  return merge(sets)
}

const NO_ZONES: readonly string[] = []

function infoOf(endpoint: EndpointSlice['endpoints'][number], port: number): EndpointInfo | undefined {
  const known = infos.get(endpoint)
  const same = known?.find((info) => info.port === port)
  if (same) return same
  const ip = endpoint.addresses[0]
  if (ip === undefined) return undefined
  const { ready, serving, terminating } = endpoint.conditions ?? {}
  const info: EndpointInfo = {
    ip,
    port,
    address: joinHostPort(ip, port),
    ready: ready ?? true,
    serving: serving ?? true,
    terminating: terminating ?? false,
    nodeName: endpoint.nodeName,
    zones: endpoint.hints?.forZones?.map((z) => z.name) ?? NO_ZONES,
    chain: undefined,
  }
  if (known) known.push(info)
  else infos.set(endpoint, [info])
  return info
}

/** The same address may be in two slices for a moment: the more useful one counts. */
function merge(all: readonly ByPort[]): ByPort {
  const sets = new Map<string, Map<string, EndpointInfo>>()
  for (const ports of all) {
    for (const [key, list] of ports) {
      let set = sets.get(key)
      if (!set) sets.set(key, (set = new Map()))
      for (const info of list) {
        const known = set.get(info.address)
        if (!known || (!known.ready && info.ready)) set.set(info.address, info)
      }
    }
  }
  const out = new Map<string, readonly EndpointInfo[]>()
  for (const [key, set] of sets) out.set(key, [...set.values()].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0)))
  return out
}

export function sameEndpoints(a: ByPort, b: ByPort): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [key, list] of a) {
    const other = b.get(key)
    if (!other || other.length !== list.length || !list.every((e, i) => sameEndpoint(e, other[i]!))) return false
  }
  return true
}

function sameEndpoint(a: EndpointInfo, b: EndpointInfo): boolean {
  if (a === b) return true
  return (
    a.address === b.address && a.ready === b.ready && a.serving === b.serving && a.terminating === b.terminating && a.nodeName === b.nodeName &&
    a.zones.length === b.zones.length && a.zones.every((zone, i) => zone === b.zones[i])
  )
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
