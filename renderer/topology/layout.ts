import type { PodView, TopologyView } from '../../electron/bridge/view.ts'
import { chipRows, chooseRows, COMPACT, isDense, keepPlaces, needsStatusLine, NODE, POD, SLIM } from './grid.ts'
import { FONT, fitText, textWidth } from './measure.ts'
import { drawNode, isTunnel, nodeSize, type NodePlan } from './node.ts'
import { drawOutside, drawTrunk } from './outside.ts'
import { Sheet, LEFT, TRUNK, type Layout, type Memory, type Shape } from './shapes.ts'
import { serviceAddress, standing } from './words.ts'

/**
 * The wiring diagram: outside on top, Services beneath it, then the underlay's wire with the nodes hanging on it. Pure:
 * the same topology and memory give the same picture.
 */
export interface LayoutOptions {
  showSystem: boolean
  memory?: Memory
  /** Width by height of the window that the picture is for. */
  aspect?: number
}

/** More nodes than this are only counted; the list has them all. */
const MOST_NODES = 60
const SERVICE = { height: 42, gap: 12, minWidth: 140 }

export function layoutTopology(topology: TopologyView, options: LayoutOptions): Layout {
  const sheet = new Sheet()
  const pods = Object.entries(topology.pods).filter(([, p]) => options.showSystem || !p.system)
  const nodes = Object.values(topology.nodes).slice(0, MOST_NODES)
  const down = downMachines(topology)
  const plans = planNodes(topology, nodes.map((n) => n.name), pods, down, options)
  const perRow = nodesPerRow(plans.list)
  const rowsOfNodes = Array.from({ length: Math.ceil(plans.list.length / perRow) }, (_, i) => plans.list.slice(i * perRow, (i + 1) * perRow))
  const rowWidth = (row: NodePlan[]) => row.reduce((sum, p) => sum + nodeSize(p).width + NODE.gap, LEFT)
  const nodesWidth = Math.max(...rowsOfNodes.map(rowWidth), 400)

  const outsideBottom = drawOutside(sheet, topology)
  let y = drawServices(sheet, topology, options.showSystem, outsideBottom + 10, Math.max(nodesWidth, 720))
  let width = Math.max(...[...sheet.shapes.values()].map((s) => s.x + s.w), 0)

  let wireY = y + 16
  rowsOfNodes.forEach((row, i) => {
    wireY = y + 16
    const top = wireY + 24
    let x = LEFT
    let bottom = top
    let previous: NodePlan | undefined
    for (const plan of row) {
      const size = drawNode(sheet, plan, x, top, wireY, `underlay ${i}`)
      if (previous) joinTunnels(sheet, previous, plan)
      previous = plan
      x += size.width + NODE.gap
      bottom = Math.max(bottom, top + size.height)
    }
    drawFaults(sheet, topology, row, wireY)
    const end = x - NODE.gap
    width = Math.max(width, end)
    sheet.shape({ id: `underlay ${i}`, kind: 'underlay', x: TRUNK, y: wireY - 2, w: end - TRUNK, h: 4, text: '' })
    y = bottom + 12
  })
  if (plans.unscheduled.length) {
    const tray = drawTray(sheet, plans.unscheduled, width + NODE.gap, wireY + 24)
    width = tray.x + tray.w
    y = Math.max(y, tray.y + tray.h + 12)
  }
  // Outside machines are wired to the first underlay by the trunk at the left.
  const firstWire = sheet.shapes.get('underlay 0')?.y ?? wireY
  drawTrunk(sheet, topology, down, outsideBottom, firstWire + 2, wireY)
  const top = Math.max(0, ...[...sheet.shapes.values()].filter((s) => s.kind === 'outside').map((s) => s.x + s.w))
  return { ...sheet, trunk: TRUNK, width, height: y, top, memory: plans.memory }
}

function planNodes(topology: TopologyView, names: string[], pods: [string, PodView][], down: ReadonlySet<string>, { memory, aspect = 2 }: LayoutOptions) {
  const byNode = new Map<string, string[]>(names.map((n) => [n, []]))
  const unscheduled: [string, PodView][] = []
  for (const [id, pod] of pods) {
    if (pod.node === null) unscheduled.push([id, pod])
    else byNode.get(pod.node)?.push(id)
  }
  const places = new Map(names.map((n) => [n, keepPlaces(byNode.get(n)!, memory?.places.get(n))]))
  const drawn = names.filter((n) => places.get(n)!.length <= COMPACT)
  const counts = drawn.map((n) => places.get(n)!.length)
  const dense = isDense(counts, memory?.dense ?? false)
  const full = dense ? [] : drawn.flatMap((n) => places.get(n)!.flatMap((id) => (id === null ? [] : topology.pods[id]!)))
  const podHeight = dense ? SLIM.height : POD.height + (Math.max(1, ...full.map(chipRows)) - 1) * 18 + (full.some(needsStatusLine) ? 14 : 0)
  const rows = chooseRows(counts, memory?.dense === dense ? memory.rows : undefined, podHeight + (dense ? SLIM.gap : POD.gap), aspect)
  const faces = names.map((n) => Object.values(topology.nodes[n]!.interfaces))
  const hasTunnel = faces.some((f) => f.some(isTunnel))
  const list: NodePlan[] = names.map((n) => ({ node: topology.nodes[n]!, pods: topology.pods, places: places.get(n)!, dense, rows, podHeight, hasTunnel, down }))
  return { list, unscheduled, memory: { rows, places, dense } }
}

function nodesPerRow(plans: NodePlan[]): number {
  if (plans.length <= 6) return Math.max(1, plans.length)
  const mean = plans.reduce((sum, p) => sum + nodeSize(p).width, 0) / plans.length
  const height = Math.max(...plans.map((p) => nodeSize(p).height))
  const most = Math.max(4, Math.ceil(Math.sqrt((plans.length * 2 * (height + 58)) / (mean + NODE.gap))))
  return Math.ceil(plans.length / Math.ceil(plans.length / most))
}

function drawServices(sheet: Sheet, topology: TopologyView, showSystem: boolean, top: number, room: number): number {
  const services = Object.entries(topology.services).filter(([, s]) => showSystem || !s.system)
  if (!services.length) return top - 10
  let x = LEFT
  let y = top
  for (const [id, service] of services) {
    const address = `${serviceAddress(service)}${service.ports[0] ? `:${service.ports[0].port}` : ''}${service.ports.length > 1 ? ` +${service.ports.length - 1}` : ''}`
    const name = `${service.name}`
    const w = Math.max(SERVICE.minWidth, Math.min(240, textWidth(name, FONT.normal) + textWidth(service.type, FONT.small) + 30), textWidth(address, FONT.small) + 20)
    if (x > LEFT && x + w > room) {
      x = LEFT
      y += SERVICE.height + SERVICE.gap
    }
    const shapeId = `service ${id}`
    const thing = { kind: 'service', id } as const
    const typeWidth = textWidth(service.type, FONT.small)
    const down = service.endpoints.some((e) => e.ready) ? undefined : 'dim'
    sheet.shape({ id: shapeId, kind: 'service', x, y, w, h: SERVICE.height, text: '', thing, state: down })
    sheet.shape({ id: `${shapeId} name`, kind: 'text', x: x + 8, y: y + 4, w: w - 24 - typeWidth, h: 16, text: fitText(name, w - 24 - typeWidth, FONT.normal), size: FONT.normal, thing, inside: shapeId })
    sheet.shape({ id: `${shapeId} type`, kind: 'text', x: x + w - 8 - typeWidth, y: y + 4, w: typeWidth, h: 16, text: service.type, size: FONT.small, state: 'dim', thing, inside: shapeId })
    sheet.shape({ id: `${shapeId} address`, kind: 'text', x: x + 8, y: y + 22, w: w - 16, h: 16, text: fitText(address, w - 16, FONT.small), size: FONT.small, thing, inside: shapeId })
    sheet.anchors.set(shapeId, { x: x + w / 2, y: y + SERVICE.height })
    x += w + SERVICE.gap
  }
  return y + SERVICE.height
}

/** What is broken between two nodes of a row: a line of its own under the underlay, and what it is. */
function drawFaults(sheet: Sheet, topology: TopologyView, row: readonly NodePlan[], wireY: number): void {
  const names = row.map((p) => p.node.name)
  for (const link of Object.values(topology.links)) {
    if (link.kind !== 'fault') continue
    const [a, b] = [link.from.machine, link.to.machine].sort((one, other) => names.indexOf(one) - names.indexOf(other)) as [string, string]
    const [from, to, box] = [sheet.shapes.get(`nic ${a}`), sheet.shapes.get(`nic ${b}`), sheet.shapes.get(`node ${b}`)]
    if (!names.includes(a) || !from || !to || !box) continue
    const lane = wireY + 8
    const [x1, x2] = [from.x + 8, to.x + 8]
    sheet.wire({ id: link.id, kind: 'fault', from: from.id, to: to.id, points: [{ x: x1, y: from.y }, { x: x1, y: lane }, { x: x2, y: lane }, { x: x2, y: to.y }], up: link.up })
    const text = `${link.up ? '⚡' : '✕'} ${link.word ?? ''}`
    sheet.shape({ id: `${link.id} word`, kind: 'text', x: box.x + 6, y: lane + 1, w: textWidth(text, FONT.small), h: 12, text, size: FONT.small, state: 'failing' })
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
