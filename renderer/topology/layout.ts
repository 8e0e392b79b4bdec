import type { PodView, ServiceView, TopologyView } from '../../electron/bridge/view.ts'
import { chooseForm, isSame, type Form, type Room, type Size } from './form.ts'
import { chipRows, chooseDetail, keepPlaces, needsStatusLine, POD, SLIM, type Detail, type Widths } from './grid.ts'
import { FONT, fitText, textWidth } from './measure.ts'
import { drawNode, isTunnel, nodeSize, type NodePlan } from './node.ts'
import { valuesByName } from './order.ts'
import { drawOutside, drawTrunk, outsideWidth } from './outside.ts'
import { Sheet, LEFT, TRUNK, type Layout, type Memory, type Shape } from './shapes.ts'
import { serviceAddress, standing } from './words.ts'

/**
 * The wiring diagram: outside on top, Services beneath it, then the underlay's wire with the nodes hanging on it. Pure:
 * the same topology and memory give the same picture.
 */
export interface LayoutOptions {
  showSystem: boolean
  memory?: Memory
  /** The place that the picture is for. */
  room?: Room
}

const ROOM: Room = { width: 1200, height: 600 }

/** More nodes than this are only counted; the list has them all. */
const MOST_NODES = 60
/** More Services than this are only counted. */
const MOST_SERVICES = 40
const SERVICE = { height: 42, gap: 12, minWidth: 140 }
/** From what is above down to the top edge of a row of nodes, and below it. */
const ROW = { wire: 16, above: 40, below: 12 }
const OUTSIDE_GAP = 10
/** Where the line of what is broken between two nodes runs: under the underlay, and beside the trunk. */
const FAULT = { below: 8, trunk: TRUNK + 8 }

export function layoutTopology(topology: TopologyView, options: LayoutOptions): Layout {
  const sheet = new Sheet()
  const pods = Object.entries(topology.pods).filter(([, p]) => options.showSystem || !p.system)
  const nodes = valuesByName(topology.nodes).slice(0, MOST_NODES)
  const down = downMachines(topology)
  const { plans, form, unscheduled, memory } = planNodes(topology, nodes.map((n) => n.name), pods, down, options)
  const nodeRows = inRows(plans, form.perRow)
  const outsideBottom = drawOutside(sheet, topology, form.widths.narrow)
  const services = placeServices(topology, options.showSystem, serviceRoom(nodeRows.map((row) => row.map(nodeSize)), form.widths, options.room ?? ROOM))
  drawServices(sheet, services, outsideBottom + OUTSIDE_GAP)
  let y = outsideBottom + OUTSIDE_GAP + services.height
  let width = Math.max(...[...sheet.shapes.values()].map((s) => s.x + s.w), 0)

  const wires = new Map<string, number>()
  let wireY = y + ROW.wire
  nodeRows.forEach((row, i) => {
    wireY = y + ROW.wire
    const top = y + ROW.above
    let x = LEFT
    let bottom = top
    let previous: NodePlan | undefined
    for (const plan of row) {
      const size = drawNode(sheet, plan, x, top, wireY, `underlay ${i}`)
      if (previous) joinTunnels(sheet, previous, plan)
      previous = plan
      x += size.width + form.widths.nodeGap
      bottom = Math.max(bottom, top + size.height)
    }
    for (const plan of row) wires.set(plan.node.name, wireY)
    const end = x - form.widths.nodeGap
    width = Math.max(width, end)
    sheet.shape({ id: `underlay ${i}`, kind: 'underlay', x: TRUNK, y: wireY - 2, w: end - TRUNK, h: 4, text: '' })
    y = bottom + ROW.below
  })
  drawFaults(sheet, topology, wires)
  if (unscheduled.length) {
    const tray = drawTray(sheet, unscheduled, width + form.widths.nodeGap, wireY + 24)
    width = tray.x + tray.w
    y = Math.max(y, tray.y + tray.h + ROW.below)
  }
  // Outside machines are wired to the first underlay by the trunk at the left.
  const firstWire = sheet.shapes.get('underlay 0')?.y ?? wireY
  drawTrunk(sheet, topology, down, outsideBottom, firstWire + 2, wireY)
  const top = Math.max(0, ...[...sheet.shapes.values()].filter((s) => s.kind === 'outside').map((s) => s.x + s.w))
  return { ...sheet, trunk: TRUNK, width, height: y, top, memory }
}

interface Planned {
  plans: NodePlan[]
  form: Form
  unscheduled: [string, PodView][]
  memory: Memory
}

function planNodes(topology: TopologyView, names: string[], pods: [string, PodView][], down: ReadonlySet<string>, { memory, showSystem, room = ROOM }: LayoutOptions): Planned {
  const byNode = new Map<string, string[]>(names.map((n) => [n, []]))
  const unscheduled: [string, PodView][] = []
  for (const [id, pod] of pods) {
    if (pod.node === null) unscheduled.push([id, pod])
    else byNode.get(pod.node)?.push(id)
  }
  const places = new Map(names.map((n) => [n, keepPlaces(byNode.get(n)!, memory?.places.get(n))]))
  const counts = names.map((n) => places.get(n)!.length)
  const asked = chooseDetail(counts, memory?.detail)
  const boxes = asked === 'box' ? names.flatMap((n) => places.get(n)!.flatMap((id) => (id === null ? [] : topology.pods[id]!))) : []
  const boxHeights = new Map<number, number>()
  const podHeight = (detail: Detail, { pod }: Widths) => {
    if (detail !== 'box') return SLIM.height
    if (!boxHeights.has(pod)) boxHeights.set(pod, heightOfBoxes(boxes, pod))
    return boxHeights.get(pod)!
  }
  const hasTunnel = names.some((n) => Object.values(topology.nodes[n]!.interfaces).some(isTunnel))
  const plansFor = (detail: Detail, { widths, rows }: Form): NodePlan[] =>
    names.map((n) => ({ node: topology.nodes[n]!, pods: topology.pods, places: places.get(n)!, form: { detail, widths, rows, podHeight: podHeight(detail, widths) }, hasTunnel, down }))
  // Many forms are tried at each change: what they share is worked out once.
  const servicesIn = once((width: number) => placeServices(topology, showSystem, width))
  const outside = once((narrow: boolean) => outsideWidth(topology, narrow))
  const sizeOf = (detail: Detail, form: Form): Size => {
    const { widths } = form
    const nodeForm = { detail, widths, rows: form.rows, podHeight: podHeight(detail, widths) }
    const sizes = new Map([...new Set(counts)].map((length) => [length, nodeSize({ places: { length }, form: nodeForm, hasTunnel })]))
    const rows = inRows(counts.map((c) => sizes.get(c)!), form.perRow)
    const services = servicesIn(serviceRoom(rows, widths, room))
    const tray = unscheduled.length ? form.widths.nodeGap + POD.width + 24 : 0
    const width = Math.max(outside(widths.narrow), services.width, ...rows.map((r) => rowWidth(r, widths))) + tray
    return { width, height: 48 + OUTSIDE_GAP + services.height + rows.reduce((sum, row) => sum + ROW.above + ROW.below + Math.max(...row.map((s) => s.height)), 0) }
  }
  const choose = (detail: Detail) => ({ detail, ...chooseForm(names.length, Math.max(0, ...counts), detail, room, (form) => sizeOf(detail, form), memory?.detail === detail ? memory : undefined) })
  let chosen = choose(asked)
  // Where there is no room for boxes that can be read, lines may do.
  const wereLines = memory !== undefined && memory.detail !== 'box' && isSame(memory.room, room)
  if (asked === 'box' && chosen.worth < (wereLines ? WELL + 0.08 : WELL)) {
    const lines = choose('line')
    if (lines.worth > chosen.worth + 0.05) chosen = lines
  }
  const { detail, form } = chosen
  return { plans: plansFor(detail, form), form, unscheduled, memory: { form, room, places, detail } }
}

/** The worth of a form in which all is seen and can be read. */
const WELL = 0.88

function heightOfBoxes(boxes: readonly PodView[], podWidth: number): number {
  return POD.height + (Math.max(1, ...boxes.map((p) => chipRows(p, podWidth))) - 1) * 18 + (boxes.some(needsStatusLine) ? 14 : 0)
}

function once<A, R>(work: (argument: A) => R): (argument: A) => R {
  const done = new Map<A, R>()
  return (argument) => {
    if (!done.has(argument)) done.set(argument, work(argument))
    return done.get(argument)!
  }
}

function inRows<T>(list: T[], perRow: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / perRow) }, (_, i) => list.slice(i * perRow, (i + 1) * perRow))
}

const rowWidth = (row: Size[], widths: Widths) => row.reduce((sum, s) => sum + s.width + widths.nodeGap, LEFT - widths.nodeGap)

/** Services fill their rows as wide as the nodes beneath, or as the window. */
const serviceRoom = (rows: Size[][], widths: Widths, room: Room) => Math.max(400, Math.min(720, room.width - 32), ...rows.map((r) => rowWidth(r, widths)))

interface PlacedService {
  id: string
  service: ServiceView
  address: string
  x: number
  y: number
  w: number
}

/** Where each Service stands in the rows of Services, from their left and top. */
function placeServices(topology: TopologyView, showSystem: boolean, room: number): { placed: PlacedService[]; more: number; width: number; height: number } {
  const services = Object.entries(topology.services).filter(([, s]) => showSystem || !s.system)
  const placed: PlacedService[] = []
  let [x, y, width] = [LEFT, 0, 0]
  for (const [id, service] of services.slice(0, MOST_SERVICES)) {
    const address = `${serviceAddress(service)}${service.ports[0] ? `:${service.ports[0].port}` : ''}${service.ports.length > 1 ? ` +${service.ports.length - 1}` : ''}`
    const w = Math.max(SERVICE.minWidth, Math.min(240, textWidth(service.name, FONT.normal) + textWidth(service.type, FONT.small) + 30), textWidth(address, FONT.small) + 20)
    if (x > LEFT && x + w > room) [x, y] = [LEFT, y + SERVICE.height + SERVICE.gap]
    placed.push({ id, service, address, x, y, w })
    width = Math.max(width, x + w)
    x += w + SERVICE.gap
  }
  const more = services.length - placed.length
  return { placed, more, width, height: services.length ? y + SERVICE.height + (more ? 22 : 0) : -OUTSIDE_GAP }
}

function drawServices(sheet: Sheet, { placed, more }: ReturnType<typeof placeServices>, top: number): void {
  for (const { id, service, address, x, y: row, w } of placed) {
    const y = top + row
    const shapeId = `service ${id}`
    const thing = { kind: 'service', id } as const
    const typeWidth = textWidth(service.type, FONT.small)
    const down = service.endpoints.some((e) => e.ready) ? undefined : 'dim'
    sheet.shape({ id: shapeId, kind: 'service', x, y, w, h: SERVICE.height, text: '', thing, state: down })
    sheet.shape({ id: `${shapeId} name`, kind: 'text', x: x + 8, y: y + 4, w: w - 24 - typeWidth, h: 16, text: fitText(service.name, w - 24 - typeWidth, FONT.normal), size: FONT.normal, thing, inside: shapeId })
    sheet.shape({ id: `${shapeId} type`, kind: 'text', x: x + w - 8 - typeWidth, y: y + 4, w: typeWidth, h: 16, text: service.type, size: FONT.small, state: 'dim', thing, inside: shapeId })
    sheet.shape({ id: `${shapeId} address`, kind: 'text', x: x + 8, y: y + 22, w: w - 16, h: 16, text: fitText(address, w - 16, FONT.small), size: FONT.small, thing, inside: shapeId })
    sheet.anchors.set(shapeId, { x: x + w / 2, y: y + SERVICE.height })
  }
  if (!more) return
  const text = `and ${more} more Services: the list has them all`
  sheet.shape({ id: 'services more', kind: 'text', x: LEFT, y: top + placed.at(-1)!.y + SERVICE.height + 6, w: textWidth(text, FONT.small), h: 16, text, size: FONT.small, state: 'dim' })
}

/** What is broken between two nodes: a line of its own under the underlay, along the trunk from row to row, and what it is. */
function drawFaults(sheet: Sheet, topology: TopologyView, wires: ReadonlyMap<string, number>): void {
  const names = [...wires.keys()]
  /** Where the next word stands, for each node. */
  const next = new Map<string, number>()
  for (const link of Object.values(topology.links)) {
    if (link.kind !== 'fault') continue
    const [a, b] = [link.from.machine, link.to.machine].sort((one, other) => names.indexOf(one) - names.indexOf(other)) as [string, string]
    const [from, to, box] = [sheet.shapes.get(`nic ${a}`), sheet.shapes.get(`nic ${b}`), sheet.shapes.get(`node ${b}`)]
    if (!wires.has(a) || !wires.has(b) || !from || !to || !box) continue
    const [upper, lower] = [wires.get(a)! + FAULT.below, wires.get(b)! + FAULT.below]
    const [x1, x2] = [from.x + 8, to.x + 8]
    const between = upper === lower ? [] : [{ x: FAULT.trunk, y: upper }, { x: FAULT.trunk, y: lower }]
    sheet.wire({ id: link.id, kind: 'fault', from: from.id, to: to.id, points: [{ x: x1, y: from.y }, { x: x1, y: upper }, ...between, { x: x2, y: lower }, { x: x2, y: to.y }], up: link.up })
    const text = `${link.up ? '⚡' : '✕'} ${link.word ?? ''}`
    const w = textWidth(text, FONT.small)
    // over the wire: under it are the chips of the network cards, nearly as wide as their nodes where the window is narrow
    const x = next.get(b) ?? box.x
    next.set(b, x + w + 8)
    sheet.shape({ id: `${link.id} word`, kind: 'text', x, y: wires.get(b)! - 15, w, h: 12, text, size: FONT.small, state: 'failing' })
  }
}

function joinTunnels(sheet: Sheet, a: NodePlan, b: NodePlan): void {
  const [from, to] = [sheet.shapes.get(`tunnel ${a.node.name}`), sheet.shapes.get(`tunnel ${b.node.name}`)]
  if (!from || !to) return
  const y = from.y + from.h / 2
  sheet.wire({ id: `tunnel ${a.node.name} ${b.node.name}`, kind: 'tunnel', from: from.id, to: to.id, points: [{ x: from.x + from.w, y }, { x: to.x, y }], up: from.state !== 'down' && to.state !== 'down' })
}

function drawTray(sheet: Sheet, pods: [string, PodView][], x: number, y: number): Shape {
  const shown = pods.slice(0, 8)
  const tray = sheet.shape({ id: 'tray', kind: 'tray', x, y, w: POD.width + 24, h: 30 + shown.length * 26 + (pods.length > 8 ? 20 : 0), text: '' })
  sheet.shape({ id: 'tray title', kind: 'text', x: x + 12, y: y + 6, w: POD.width, h: 16, text: 'on no node yet', size: FONT.small, state: 'dim', inside: 'tray' })
  shown.forEach(([id, pod], i) => {
    const s = sheet.shape({ id: `pod ${id}`, kind: 'pod', x: x + 12, y: y + 28 + i * 26, w: POD.width, h: 22, text: fitText(pod.name, POD.width - 26, FONT.small), thing: { kind: 'pod', id }, state: standing(pod), inside: 'tray' })
    sheet.anchors.set(id, { x: s.x + s.w / 2, y: s.y + s.h / 2 })
  })
  if (pods.length > 8) sheet.shape({ id: 'tray more', kind: 'text', x: x + 12, y: y + 28 + 8 * 26, w: POD.width, h: 16, text: `and ${pods.length - 8} more`, size: FONT.small, state: 'dim', inside: 'tray' })
  return tray
}

/** Machines whose own cable (wire or veth pair) is down. */
function downMachines(topology: TopologyView): Set<string> {
  return new Set(Object.values(topology.links).filter((l) => !l.up && l.kind !== 'tunnel' && l.kind !== 'fault').map((l) => l.from.machine))
}
