import { own } from '../../own.ts'
import { milliValue } from '../schema/quantity.ts'
import type { EndpointSlice, Node } from '../types.ts'

/**
 * Topology aware hints: the annotation service.kubernetes.io/topology-mode: Auto (KEP-2433; endpointslice/topologycache
 * of v1.33). Each zone gets as large a part of the endpoints as it has of the CPUs, or, where that cannot be, none gets
 * hints. Slices that stay as they are keep the hints that they have, as long as no zone has too many; slices that change
 * are dealt out anew.
 */
export type HintedEndpoint = EndpointSlice['endpoints'][number] & { zone?: string; hints?: { forZones?: { name: string }[] } }

const MODE = 'service.kubernetes.io/topology-mode'
const FORMER = 'service.kubernetes.io/topology-aware-hints'
const ZONE = 'topology.kubernetes.io/zone'
const OVERLOAD = 0.2

/** What is told of a Service; `event` when something is worth an event. */
export interface HintResult {
  /** Endpoint → the zone that it is for. */
  hints: ReadonlyMap<HintedEndpoint, string>
  event?: { type: 'Normal' | 'Warning'; reason: 'TopologyAwareHintsEnabled' | 'TopologyAwareHintsDisabled'; message: string }
}

type PerZone = Map<string, number>
interface Allocation { maximum: number; desired: number }

/** The former annotation goes before the present one. */
export function wantsHints(annotations: Readonly<Record<string, string>> | undefined): boolean {
  const value = own(annotations ?? {}, FORMER) ?? own(annotations ?? {}, MODE)
  return value === 'Auto' || value === 'auto'
}

/** Where the CPUs are, and which Services have hints. */
export class TopologyCache {
  readonly #nodes: () => Iterable<Node>
  #ratios: ReadonlyMap<string, number> | undefined
  #stale = true
  /** Service → address type → how many endpoints each zone has. */
  readonly #given = new Map<string, Map<string, PerZone>>()
  /** Services whose hints were given out; of any family. */
  readonly #populated = new Set<string>()

  constructor(nodes: () => Iterable<Node>) {
    this.#nodes = nodes
  }

  /** A node came or went, its readiness or its zone changed: the Services that have too few endpoints in some zone now. */
  nodesChanged(): string[] {
    this.#stale = true
    if (this.#given.size === 0) return []
    const ratios = this.#read()
    return [...this.#given].filter(([, families]) => [...families.values()].some((given) => isOverloaded(given, ratios))).map(([service]) => service)
  }

  hasHints(service: string): boolean {
    return this.#populated.has(service)
  }

  removeHints(service: string, addressType: string): void {
    const families = this.#given.get(service)
    families?.delete(addressType)
    if (families?.size === 0) this.#given.delete(service)
    this.#populated.delete(service)
  }

  /** `changing`: slices that are made or written anyway; `unchanged`: the others. */
  addHints(service: string, addressType: string, changing: readonly (readonly HintedEndpoint[])[], unchanged: readonly (readonly HintedEndpoint[])[]): HintResult {
    const ready = (slices: readonly (readonly HintedEndpoint[])[]): HintedEndpoint[][] => slices.map((endpoints) => endpoints.filter((e) => e.conditions?.ready === true))
    const allocations = allocate([...ready(changing), ...ready(unchanged)].flat().length, this.#read())
    const fails = (message: string): HintResult => {
      this.removeHints(service, addressType)
      return { hints: new Map(), event: { type: 'Warning', reason: 'TopologyAwareHintsDisabled', message } }
    }
    if (typeof allocations === 'string') return fails(allocations)
    const hints = new Map<HintedEndpoint, string>()
    const given: PerZone = new Map()
    const anew = ready(changing)
    for (const endpoints of ready(unchanged)) if (!keepHints(endpoints, allocations, given, hints)) anew.push(endpoints)
    const free = anew.flat()
    if (free.some((e) => !e.zone)) return fails('One or more endpoints do not have a zone specified')
    for (const endpoint of free) {
      hints.set(endpoint, endpoint.zone!)
      add(given, endpoint.zone!, 1)
    }
    redistribute(free, allocations, given, hints)
    const enabled = this.#populated.has(service)
    const families = this.#given.get(service) ?? new Map<string, PerZone>()
    this.#given.set(service, families.set(addressType, given))
    this.#populated.add(service)
    return enabled ? { hints } : { hints, event: { type: 'Normal', reason: 'TopologyAwareHintsEnabled', message: 'Topology Aware Hints has been enabled' } }
  }

  #read(): ReadonlyMap<string, number> | undefined {
    if (this.#stale) this.#ratios = zoneRatios(this.#nodes())
    this.#stale = false
    return this.#ratios
  }
}

/** Zone → its part of the CPUs of the nodes that run Pods; undefined when it cannot be told. */
function zoneRatios(nodes: Iterable<Node>): Map<string, number> | undefined {
  const cpus: PerZone = new Map()
  let total = 0
  for (const { metadata, status } of nodes) {
    const { labels = {} } = metadata
    if ('node-role.kubernetes.io/control-plane' in labels || 'node-role.kubernetes.io/master' in labels) continue
    if (!status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')) continue
    const cpu = milliValue(status.allocatable?.['cpu'] ?? '0')
    const zone = labels[ZONE]
    if (!zone || cpu === 0) return undefined
    add(cpus, zone, cpu)
    total += cpu
  }
  if (total === 0 || cpus.size < 2) return undefined
  return new Map([...cpus].map(([zone, cpu]) => [zone, cpu / total]))
}

/** How many endpoints each zone should have; or why that cannot be. */
function allocate(count: number, ratios: ReadonlyMap<string, number> | undefined): ReadonlyMap<string, Allocation> | string {
  if (!ratios) return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'
  const numbers = `(${count} endpoints, ${ratios.size} zones)`
  if (ratios.size > count) return `Insufficient number of endpoints ${numbers}`
  const minima = [...ratios].map(([zone, ratio]): [string, number, number] => [zone, ratio * count, Math.ceil(ratio * count * (1 / (1 + OVERLOAD)))])
  const least = minima.reduce((sum, [, , minimum]) => sum + minimum, 0)
  if (least > count) return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${numbers}`
  return new Map(minima.map(([zone, desired, minimum]) => [zone, { desired: Math.max(desired, minimum), maximum: minimum + count - least }]))
}

/** Takes over the hints of a slice that nobody changes; false: they no longer fit. */
function keepHints(endpoints: readonly HintedEndpoint[], allocations: ReadonlyMap<string, Allocation>, given: PerZone, hints: Map<HintedEndpoint, string>): boolean {
  const here: PerZone = new Map()
  for (const endpoint of endpoints) {
    const zones = endpoint.hints?.forZones ?? []
    if (zones.length === 0 || zones.some(({ name }) => !allocations.has(name))) return false
    for (const { name } of zones) add(here, name, 1)
  }
  for (const [zone, n] of here) if (n + (given.get(zone) ?? 0) > allocations.get(zone)!.maximum) return false
  for (const [zone, n] of here) add(given, zone, n)
  for (const endpoint of endpoints) hints.set(endpoint, endpoint.hints!.forZones![0]!.name)
  return true
}

/** Zones with too many endpoints give to those with too few, in the order of the endpoints. */
function redistribute(endpoints: readonly HintedEndpoint[], allocations: ReadonlyMap<string, Allocation>, given: PerZone, hints: Map<HintedEndpoint, string>): void {
  const tooMany: PerZone = new Map()
  const tooFew: PerZone = new Map()
  for (const [zone, { desired }] of allocations) {
    const difference = (given.get(zone) ?? 0) - desired
    if (difference > 0) tooMany.set(zone, difference)
    else if (difference < 0) tooFew.set(zone, -difference)
  }
  const gives: PerZone = new Map()
  const receives: PerZone = new Map()
  for (;;) {
    const [from, much] = most(tooMany)
    const [to, little] = most(tooFew)
    if (from === undefined || to === undefined || (much < 1 && little < 1) || much < 0.5 || little < 0.5) break
    add(gives, from, 1)
    add(tooMany, from, -1)
    add(receives, to, 1)
    add(tooFew, to, -1)
  }
  for (const endpoint of endpoints) {
    const to = [...receives].find(([, n]) => n > 0)?.[0]
    if (to === undefined) return
    const from = endpoint.zone!
    if ((gives.get(from) ?? 0) === 0) continue
    hints.set(endpoint, to)
    for (const [counts, zone, n] of [[gives, from, -1], [receives, to, -1], [given, from, -1], [given, to, 1]] as const) add(counts, zone, n)
  }
}

function isOverloaded(given: PerZone, ratios: ReadonlyMap<string, number> | undefined): boolean {
  if (given.size === 0) return false
  if (!ratios) return true
  const total = [...given.values()].reduce((sum, n) => sum + n, 0)
  return [...ratios].some(([zone, ratio]) => (given.get(zone) ?? -1) < Math.ceil(total * ratio * (1 / (1 + OVERLOAD))))
}

function add(counts: PerZone, zone: string, n: number): void {
  counts.set(zone, (counts.get(zone) ?? 0) + n)
}

function most(zones: ReadonlyMap<string, number>): [string | undefined, number] {
  let found: [string | undefined, number] = [undefined, 0]
  for (const [zone, n] of zones) if (n > found[1]) found = [zone, n]
  return found
}
