import type { PodView } from '../../electron/bridge/view.ts'
import { FONT, textWidth } from './measure.ts'
import { standing } from './words.ts'

/** Where Pods stand in their node: places are kept, so that one that comes or goes moves no other. */

export const POD = { width: 160, height: 60, gutter: 22, gap: 10 } as const
/** A Pod as one line, where a node has many. */
export const SLIM = { height: 20, gap: 6 } as const
export const NODE = { head: 94, pad: 12, gap: 28, minWidth: POD.gutter + POD.width + 22 } as const

/** When one node has more Pods than this, all nodes draw each Pod as one line; they go back when there are clearly fewer. */
export const DENSE = 10
const DENSE_UNTIL = 7
/** Above this many, a node shows cells; above the second, only how many there are. */
export const COMPACT = 60
export const COUNT_ONLY = 400

/** The Pods of one node in their old places; new ones fill gaps first. Shrinks when less than half is used. */
export function keepPlaces(pods: readonly string[], before: readonly (string | null)[] = []): (string | null)[] {
  const present = new Set(pods)
  let places = before.map((p) => (p !== null && present.has(p) ? p : null))
  const placed = new Set(places)
  const fresh = pods.filter((p) => !placed.has(p))
  if (pods.length * 2 < places.length) places = places.filter((p) => p !== null)
  for (const pod of fresh) {
    const gap = places.indexOf(null)
    if (gap >= 0) places[gap] = pod
    else places.push(pod)
  }
  while (places.length && places.at(-1) === null) places.pop()
  return places
}

export function columns(places: number, rows: number): number {
  return Math.max(1, Math.ceil(places / rows))
}

export function nodeWidth(cols: number): number {
  return Math.max(NODE.minWidth, cols * (POD.width + POD.gutter) + NODE.pad)
}

export function isDense(places: readonly number[], before: boolean): boolean {
  return Math.max(0, ...places) > (before ? DENSE_UNTIL : DENSE)
}

/** How many rows of Pods make the picture largest in a window of that aspect; the old number unless clearly better. */
export function chooseRows(places: readonly number[], before: number | undefined, pitch: number, aspect: number): number {
  const scale = (rows: number) => {
    const width = places.reduce((sum, n) => sum + nodeWidth(columns(n, rows)) + NODE.gap, 60)
    const height = 136 + NODE.head + rows * pitch
    return Math.min(aspect / width, 1 / height)
  }
  const most = Math.max(1, ...places)
  let best = 1
  for (let rows = 2; rows <= most; rows++) if (scale(rows) > scale(best) * 1.001) best = rows
  return before !== undefined && before <= most && scale(before) * 1.2 > scale(best) ? before : best
}

/** The address line tells how a Pod without an address stands; only one that has an address and fails needs a line more. */
export function needsStatusLine(pod: PodView): boolean {
  return pod.ip !== null && standing(pod) === 'failing'
}

/** Rows of container chips that a Pod needs. */
export function chipRows(pod: PodView): number {
  let rows = 1
  let x = 0
  for (const c of Object.values(pod.containers)) {
    const w = chipWidth(c.name)
    if (x && x + w > POD.width - 16) {
      rows++
      x = 0
    }
    x += w + 4
  }
  return Math.min(rows, 4)
}

export function chipWidth(name: string): number {
  return Math.min(POD.width - 16, textWidth(name, FONT.small) + 12)
}
