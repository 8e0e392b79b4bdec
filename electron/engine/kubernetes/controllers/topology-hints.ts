import { milliValue } from '../schema/quantity.ts'
import type { EndpointSlice, Node } from '../types.ts'

/**
 * Topology aware hints: the annotation service.kubernetes.io/topology-mode: Auto (KEP-2433; endpointslice/topologycache).
 * Each zone gets as large a part of the endpoints as it has of the CPUs, or, where that cannot be, none gets hints.
 */
export type HintedEndpoint = EndpointSlice['endpoints'][number] & { zone?: string; hints?: { forZones?: { name: string }[] } }

const MODE = 'service.kubernetes.io/topology-mode'
const FORMER = 'service.kubernetes.io/topology-aware-hints'
const ZONE = 'topology.kubernetes.io/zone'
const OVERLOAD = 0.2

export function wantsHints(annotations: Readonly<Record<string, string>> | undefined): boolean {
  const value = annotations?.[MODE] ?? annotations?.[FORMER]
  return value === 'Auto' || value === 'auto'
}

/** Zone → its part of the CPUs of the nodes that run Pods; undefined when it cannot be told. */
export function zoneRatios(nodes: Iterable<Node>): Map<string, number> | undefined {
  const cpus = new Map<string, number>()
  let total = 0
  for (const { metadata, status } of nodes) {
    const { labels = {} } = metadata
    if ('node-role.kubernetes.io/control-plane' in labels || 'node-role.kubernetes.io/master' in labels) continue
    if (!status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')) continue
    const cpu = milliValue(status.allocatable?.['cpu'] ?? '0')
    const zone = labels[ZONE]
    if (!zone || cpu === 0) return undefined
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu)
    total += cpu
  }
  if (total === 0 || cpus.size < 2) return undefined
  return new Map([...cpus].map(([zone, cpu]) => [zone, cpu / total]))
}

/** Endpoint → the zone that it is for; or why there are no hints. The endpoints are all ready. */
export function allocateHints(endpoints: readonly HintedEndpoint[], ratios: ReadonlyMap<string, number> | undefined): Map<HintedEndpoint, string> | { problem: string } {
  if (!ratios) return { problem: 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes' }
  const count = endpoints.length
  const numbers = `(${count} endpoints, ${ratios.size} zones)`
  if (ratios.size > count) return { problem: `Insufficient number of endpoints ${numbers}` }
  const desired = new Map<string, number>()
  const maximum = new Map<string, number>()
  let least = 0
  for (const [zone, ratio] of ratios) {
    const minimum = Math.ceil((ratio * count) / (1 + OVERLOAD))
    least += minimum
    desired.set(zone, Math.max(ratio * count, minimum))
    maximum.set(zone, minimum)
  }
  if (least > count) return { problem: `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${numbers}` }
  if (endpoints.some((e) => !e.zone)) return { problem: 'One or more endpoints do not have a zone specified' }
  for (const [zone, minimum] of maximum) maximum.set(zone, minimum + count - least)
  return keptHints(endpoints, maximum, desired) ?? spread(endpoints, desired)
}

/** Hints that there are already, while every zone has enough and none too many. */
function keptHints(endpoints: readonly HintedEndpoint[], maximum: ReadonlyMap<string, number>, desired: ReadonlyMap<string, number>): Map<HintedEndpoint, string> | undefined {
  const out = new Map<HintedEndpoint, string>()
  const perZone = new Map<string, number>()
  for (const endpoint of endpoints) {
    const zone = endpoint.hints?.forZones?.[0]?.name
    if (zone === undefined || !maximum.has(zone)) return undefined
    out.set(endpoint, zone)
    perZone.set(zone, (perZone.get(zone) ?? 0) + 1)
  }
  for (const [zone, most] of maximum) {
    const given = perZone.get(zone) ?? 0
    if (given > most || given < Math.ceil(desired.get(zone)! / (1 + OVERLOAD))) return undefined
  }
  return out
}

/** Every endpoint for its own zone; then zones with too many give to those with too few. */
function spread(endpoints: readonly HintedEndpoint[], desired: ReadonlyMap<string, number>): Map<HintedEndpoint, string> {
  const out = new Map(endpoints.map((e) => [e, e.zone!]))
  const given = new Map<string, number>()
  for (const zone of out.values()) given.set(zone, (given.get(zone) ?? 0) + 1)
  const giving = new Map<string, number>()
  const receiving = new Map<string, number>()
  for (const [zone, target] of desired) {
    const difference = (given.get(zone) ?? 0) - target
    if (difference > 0) giving.set(zone, difference)
    else if (difference < 0) receiving.set(zone, -difference)
  }
  for (;;) {
    const [from, much] = most(giving)
    const [to, little] = most(receiving)
    if (from === undefined || to === undefined || (much < 1 && little < 1) || much < 0.5 || little < 0.5) return out
    const moved = endpoints.find((e) => e.zone === from && out.get(e) === from)
    if (!moved) return out
    out.set(moved, to)
    giving.set(from, much - 1)
    receiving.set(to, little - 1)
  }
}

function most(zones: ReadonlyMap<string, number>): [string | undefined, number] {
  let found: [string | undefined, number] = [undefined, 0]
  for (const [zone, n] of zones) if (n > found[1]) found = [zone, n]
  return found
}
