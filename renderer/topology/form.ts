import { NARROW, POD, WIDE, type Detail, type Widths } from './grid.ts'

/** How the whole picture is laid out: chosen so that what is written in it can be read in the window that it is for. */
export interface Form {
  widths: Widths
  /** Nodes beside each other. */
  perRow: number
  /** Rows of Pods in a node; where they are cells, their columns. */
  rows: number
}

/** Pixels of the window's place for the picture. */
export interface Room {
  width: number
  height: number
}

export interface Size {
  width: number
  height: number
}

/** Kept free around the picture. */
const PAD = { x: 28, y: 44 }
const CELL_COLUMNS = [8, 10, 15, 20, 30]
/** More rows of Pods than this are only tried in larger steps. */
const FINE = 12

/** Every form worth trying, the pleasanter ones first. */
function forms(nodes: number, mostPods: number, detail: Detail, before?: Form): Form[] {
  const found: Form[] = []
  const narrow = detail === 'line' ? { ...NARROW, pod: POD.width } : NARROW
  const perRow = new Set(Array.from({ length: nodes }, (_, i) => Math.ceil(nodes / (i + 1))))
  const rows = detail === 'cell' ? CELL_COLUMNS : detail === 'count' ? [1] : Array.from({ length: Math.max(1, mostPods) }, (_, i) => i + 1).filter((n) => n <= FINE || n % 4 === 0 || n === mostPods || n === before?.rows)
  for (const widths of [WIDE, narrow]) for (const across of perRow) for (const n of rows) found.push({ widths, perRow: across, rows: n })
  return found
}

/** How well a form serves: what cannot be read or seen counts most; then wide before narrow and one row of nodes before two. */
function worth(form: Form, nodes: number, size: Size, room: Room): number {
  const [width, height] = [room.width - PAD.x, room.height - PAD.y]
  const zoom = firstZoom(size, width, height)
  const hidden = (there: number, shown: number) => Math.max(0, 1 - shown / (there * zoom))
  const pleasant = (form.widths.narrow ? 0 : 0.04) + (form.perRow >= nodes ? 0.02 : 0) + zoom * 0.02
  return Math.min(1, zoom) - hidden(size.width, width) - hidden(size.height, height) / 2 + pleasant
}

export interface Chosen {
  form: Form
  worth: number
}

/** The best form for the room; the one before unless another is clearly better, so that a Pod that comes or goes moves no other. */
export function chooseForm(nodes: number, mostPods: number, detail: Detail, room: Room, sizeOf: (form: Form) => Size, before?: { form: Form; room: Room }): Chosen {
  const tried = forms(Math.max(1, nodes), mostPods, detail, before?.form).map((form) => ({ form, worth: worth(form, nodes, sizeOf(form), room) }))
  const best = tried.reduce((a, b) => (b.worth > a.worth + 1e-6 ? b : a))
  if (!before) return best
  const kept = tried.find(({ form }) => form.perRow === before.form.perRow && form.rows === before.form.rows && form.widths.narrow === before.form.widths.narrow)
  return kept && kept.worth + (isSame(before.room, room) ? 0.1 : 0.03) > best.worth ? kept : best
}

export const isSame = (a: Room, b: Room): boolean => a.width === b.width && a.height === b.height

/** Below this the smallest text is too small to read; below the second nobody expects to. */
const READABLE = 0.88
const OVERVIEW = 0.5

/**
 * The zoom at which a picture is first shown. One that is a little too large for its room keeps a readable size and is cut
 * short, in height before width; one that is far too large is shown whole.
 */
export function firstZoom(size: Size, width: number, height: number): number {
  const [across, down] = [width / size.width, height / size.height]
  const whole = Math.min(1.25, across, down)
  if (whole >= READABLE || whole < OVERVIEW) return whole
  return Math.min(1, Math.max(across, READABLE))
}
