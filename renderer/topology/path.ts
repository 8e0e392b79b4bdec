import type { Hop } from '../../electron/bridge/view.ts'
import { anchorOf, type Layout, type Point } from './shapes.ts'

/** The way of a packet over the picture. */
export interface Stop {
  /** Index in hops followed by reply. */
  hop: number
  at: Point
  /** Corners on the way here from the stop before; empty when it stays. */
  via: Point[]
}

/** Where each hop happens; hops at places that are not drawn are left out. */
export function stopsOf(hops: readonly Hop[], layout: Layout): Stop[] {
  const stops: Stop[] = []
  let before: { at: Point; machine: string } | null = null
  hops.forEach((hop, index) => {
    const at = placeOf(hop, layout, before)
    if (!at) return
    stops.push({ hop: index, at, via: before ? corners(before, { at, machine: hop.machine }, layout) : [] })
    before = { at, machine: hop.machine }
  })
  return stops
}

const onWire = (machine: string) => machine === 'underlay'

interface Place {
  at: Point
  machine: string
}

function placeOf(hop: Hop, layout: Layout, before: Place | null): Point | null {
  if (onWire(hop.machine)) return (before && layout.exits.get(before.machine)?.at(-1)) ?? before?.at ?? layout.anchors.get('underlay') ?? null
  const face = hop.interface ? layout.anchors.get(anchorOf(hop.machine, hop.interface)) : undefined
  if (face) return face
  // Routing and filtering happen between interfaces: the packet stays where it is while it is on the same machine.
  if (before && before.machine === hop.machine) return before.at
  return layout.anchors.get(anchorOf(hop.machine, 'eth0')) ?? layout.anchors.get(hop.machine) ?? null
}

/** Cables run level or upright; between machines they run along the wire. */
function corners(a: Place, b: Place, layout: Layout): Point[] {
  // Within a machine the lower of two is what has its name beside it only: above it a level stretch would strike out another's.
  if (a.machine === b.machine) return tidy([a.at, a.at.y < b.at.y ? { x: a.at.x, y: b.at.y } : { x: b.at.x, y: a.at.y }, b.at])
  const [laneA, laneB] = [layout.lanes.get(a.machine), layout.lanes.get(b.machine)]
  if (laneA && laneB) return tidy([a.at, { x: laneA[0]!.x, y: a.at.y }, ...laneA, ...laneB.toReversed(), { x: laneB[0]!.x, y: b.at.y }, b.at])
  const out = onWire(a.machine) ? [a.at] : layout.exits.get(a.machine)
  const back = onWire(b.machine) ? [b.at] : layout.exits.get(b.machine)
  if (out && back) {
    const [end, start] = [out.at(-1)!, back.at(-1)!]
    const between = end.y === start.y ? [] : [{ x: layout.trunk, y: end.y }, { x: layout.trunk, y: start.y }]
    return tidy([a.at, { x: out[0]!.x, y: a.at.y }, ...out, ...between, ...back.toReversed(), { x: back[0]!.x, y: b.at.y }, b.at])
  }
  // To and from a Pod: along its veth pair, then along the bridge.
  const leave = layout.cables.get(a.machine) ?? []
  const enter = (layout.cables.get(b.machine) ?? []).toReversed()
  const [left, entered] = [leave.at(-1) ?? a.at, enter[0] ?? b.at]
  const between = left.y === entered.y ? [] : [leave.length ? { x: entered.x, y: left.y } : { x: left.x, y: entered.y }]
  return tidy([a.at, ...leave, ...between, ...enter, b.at])
}

/** The corners between the first and the last point, without those where nothing turns or moves. */
function tidy(points: Point[]): Point[] {
  const same = (p: Point, q: Point) => p.x === q.x && p.y === q.y
  const distinct = points.filter((p, i) => i === 0 || !same(p, points[i - 1]!))
  return distinct.slice(1, -1)
}

export function svgPath(stops: readonly Stop[]): string {
  return stops.map((s, i) => (i === 0 ? `M${s.at.x} ${s.at.y}` : [...s.via, s.at].map((p) => `L${p.x} ${p.y}`).join(''))).join('')
}

/** A point that far (0…1) along the way from one stop to the next. */
export function along(from: Point, to: Stop, share: number): Point {
  const points = [from, ...to.via, to.at]
  const lengths = points.slice(1).map((p, i) => Math.hypot(p.x - points[i]!.x, p.y - points[i]!.y))
  let rest = lengths.reduce((a, b) => a + b, 0) * share
  for (const [i, length] of lengths.entries()) {
    const [a, b] = [points[i]!, points[i + 1]!]
    if (rest <= length && length > 0) return { x: a.x + ((b.x - a.x) * rest) / length, y: a.y + ((b.y - a.y) * rest) / length }
    rest -= length
  }
  return to.at
}
