import type { PodView } from '../../electron/bridge/view.ts'
import { FONT, textWidth } from './measure.ts'
import { standing } from './words.ts'

/** Where Pods stand in their node: places are kept, so that one that comes or goes moves no other. */

export const POD = { width: 160, height: 60, gutter: 22, gap: 10 } as const
/** A Pod as one line, where a node has many. */
export const SLIM = { height: 20, gap: 6 } as const
/** A Pod as a cell, where a node has very many. */
export const CELL = { width: 15, height: 13, gap: 4 } as const
export const NODE = { head: 94, pad: 12, gap: 28 } as const

/** Widths that give way where the window is narrow, so that what is written there need not be small. */
export interface Widths {
  narrow: boolean
  pod: number
  nodeGap: number
}
export const WIDE: Widths = { narrow: false, pod: POD.width, nodeGap: NODE.gap }
export const NARROW: Widths = { narrow: true, pod: 122, nodeGap: 10 }

/** How a Pod is drawn: a box with its containers, one line, a cell, or only counted. One way for the whole picture. */
export type Detail = 'box' | 'line' | 'cell' | 'count'

/** When one node has more Pods than `from`, all nodes draw theirs with that little detail; they go back when there are clearly fewer. */
const LESS: readonly { detail: Detail; from: number; until: number }[] = [
  { detail: 'count', from: 400, until: 360 },
  { detail: 'cell', from: 60, until: 50 },
  { detail: 'line', from: 10, until: 7 },
]
const RANK: Record<Detail, number> = { box: 0, line: 1, cell: 2, count: 3 }

export function chooseDetail(places: readonly number[], before: Detail = 'box'): Detail {
  const most = Math.max(0, ...places)
  return LESS.find(({ detail, from, until }) => most > (RANK[before] >= RANK[detail] ? until : from))?.detail ?? 'box'
}

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

export function nodeWidth(cols: number, widths: Widths): number {
  return Math.max(POD.gutter + widths.pod + 22, cols * (widths.pod + POD.gutter) + NODE.pad)
}

/** The address line tells how a Pod without an address stands; only one that has an address and fails needs a line more. */
export function needsStatusLine(pod: PodView): boolean {
  return pod.ip !== null && !pod.down && standing(pod) === 'failing'
}

/** Rows of container chips that a Pod needs. */
export function chipRows(pod: PodView, podWidth: number): number {
  let rows = 1
  let x = 0
  for (const c of Object.values(pod.containers)) {
    const w = chipWidth(c.name, podWidth)
    if (x && x + w > podWidth - 16) {
      rows++
      x = 0
    }
    x += w + 4
  }
  return Math.min(rows, 4)
}

export function chipWidth(name: string, podWidth: number): number {
  return Math.min(podWidth - 16, textWidth(name, FONT.small) + 12)
}
