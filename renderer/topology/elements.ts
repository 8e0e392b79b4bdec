import type { Layout, Point, Shape, Wire } from './shapes.ts'
import { centre } from './shapes.ts'

/** Geometry as Cytoscape wants it. */

const DEPTH: Record<Shape['kind'], number> = { underlay: 0, node: 1, tray: 1, outside: 2, service: 2, pod: 4, cell: 4, nic: 5, tunnel: 5, bridge: 5, router: 5, container: 5, text: 6, port: 6 }

export interface NodeElement {
  id: string
  classes: string
  position: Point
  data: { w: number; h: number; text: string; size: number; z: number; thing: string }
}

export function nodeElement(s: Shape): NodeElement {
  const text = s.kind === 'text'
  return {
    id: s.id,
    classes: [s.kind, s.state ?? '', s.id.startsWith('node ') && s.id.endsWith(' name') ? 'strong' : ''].filter(Boolean).join(' '),
    position: text ? { x: s.x, y: s.y + s.h / 2 } : centre(s),
    data: { w: text ? 1 : s.w, h: s.h, text: s.text, size: s.size ?? 11, z: DEPTH[s.kind], thing: s.thing ? `${s.thing.kind} ${s.thing.id}` : '' },
  }
}

export interface EdgeElement {
  id: string
  classes: string
  data: { source: string; target: string; weights: number[]; distances: number[]; start: string; end: string }
}

export function edgeElement(w: Wire, layout: Layout): EdgeElement | null {
  const [from, to] = [layout.shapes.get(w.from), layout.shapes.get(w.to)]
  if (!from || !to || w.points.length < 2) return null
  const [start, end] = [w.points[0]!, w.points.at(-1)!]
  const { weights, distances } = segments(w.points)
  return {
    id: `edge ${w.id}`,
    classes: [w.kind, w.up ? '' : 'down', weights.length ? '' : 'straight'].filter(Boolean).join(' '),
    data: { source: from.id, target: to.id, weights, distances, start: offset(start, centre(from)), end: offset(end, centre(to)) },
  }
}

const offset = (p: Point, c: Point): string => `${round(p.x - c.x)}px ${round(p.y - c.y)}px`
const round = (n: number): number => Math.round(n * 100) / 100

/** Corners as Cytoscape says them: how far along the straight line between the ends, and how far beside it. */
export function segments(points: readonly Point[]): { weights: number[]; distances: number[] } {
  const [a, b] = [points[0]!, points.at(-1)!]
  const [dx, dy] = [b.x - a.x, b.y - a.y]
  const length = Math.hypot(dx, dy)
  const corners = length ? points.slice(1, -1) : []
  return {
    weights: corners.map((p) => round4(((p.x - a.x) * dx + (p.y - a.y) * dy) / length ** 2)),
    distances: corners.map((p) => round(((p.y - a.y) * dx - (p.x - a.x) * dy) / length)),
  }
}
const round4 = (n: number): number => Math.round(n * 10_000) / 10_000
