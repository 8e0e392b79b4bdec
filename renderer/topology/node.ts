import type { InterfaceView, NodeView, PodView } from '../../electron/bridge/view.ts'
import { CELL, chipWidth, columns, needsStatusLine, NODE, nodeWidth, POD, SLIM, type Detail, type Widths } from './grid.ts'
import { FONT, fitText, textWidth } from './measure.ts'
import { anchorOf, centre, type Point, type Shape, type Sheet } from './shapes.ts'
import { containerStanding, nodeState, standing } from './words.ts'

const TUNNELS: ReadonlySet<InterfaceView['kind']> = new Set(['vxlan', 'ipip', 'geneve', 'wireguard'])

/** Whether packets for other nodes are packed there; one that is down and never used, such as a left-over tunl0, is none. */
export function isTunnel(face: InterfaceView): boolean {
  return TUNNELS.has(face.kind) && (face.up || face.addresses.length > 0)
}

/** How the Pods of every node are drawn. */
export interface NodeForm {
  detail: Detail
  widths: Widths
  /** Rows of Pods; where they are cells, their columns. */
  rows: number
  podHeight: number
}

/** A node: its NIC on the top edge, tunnel, bridge, and the Pods beneath it. */
export interface NodePlan {
  node: NodeView
  pods: Record<string, PodView>
  places: (string | null)[]
  form: NodeForm
  hasTunnel: boolean
  /** Machines whose cable is down. */
  down: ReadonlySet<string>
}

const HEAD_ROWS = { name: 11, tunnel: 34, bridge: 62, height: 18 }

/** What of a node decides its size. */
export interface NodeExtent {
  places: { readonly length: number }
  form: NodeForm
  hasTunnel: boolean
}

const head = (plan: NodeExtent) => (plan.hasTunnel ? NODE.head : NODE.head - 28)

const pitch = ({ form }: NodeExtent) => form.podHeight + (form.detail === 'line' ? SLIM.gap : POD.gap)

export function nodeSize(plan: NodeExtent): { width: number; height: number } {
  const count = plan.places.length
  const { detail, rows, widths } = plan.form
  if (detail === 'count') return { width: nodeWidth(1, widths), height: head(plan) + 40 }
  if (detail === 'cell') {
    return { width: Math.max(nodeWidth(1, widths), rows * (CELL.width + CELL.gap) + 2 * NODE.pad - CELL.gap), height: head(plan) + Math.ceil(count / rows) * (CELL.height + CELL.gap) + NODE.pad }
  }
  return { width: nodeWidth(columns(count, rows), widths), height: head(plan) + (count ? Math.min(rows, count) * pitch(plan) : 10) + 4 }
}

export function drawNode(sheet: Sheet, plan: NodePlan, x: number, y: number, wireY: number, underlay: string): { width: number; height: number } {
  const { node } = plan
  const size = nodeSize(plan)
  const id = `node ${node.name}`
  const thing = { kind: 'node', id: node.name } as const
  sheet.shape({ id, kind: 'node', x, y, w: size.width, h: size.height, text: '', thing, state: node.ready && !node.down ? undefined : 'down' })
  const broken = node.faults.length > 0
  const { narrow } = plan.form.widths
  const told = `${nodeState(node)}${broken && !node.down ? ` ⚡${node.faults.length > 1 ? node.faults.length : ''}` : ''}`
  const room = size.width - (narrow ? 34 : 60)
  // Where there is no room for both, what is as it should be is left unsaid.
  const stateText = node.ready && !node.down && !broken && textWidth(node.name, FONT.strong) + textWidth(told, FONT.small) > room ? '' : told
  const stateWidth = textWidth(stateText, FONT.small)
  const name = fitText(node.name, room - stateWidth, FONT.strong)
  const nameWidth = textWidth(name, FONT.strong)
  sheet.shape({ id: `${id} name`, kind: 'text', x: x + 12, y: y + HEAD_ROWS.name, w: nameWidth, h: 18, text: name, size: FONT.strong, thing, inside: id })
  if (stateText) sheet.shape({ id: `${id} state`, kind: 'text', x: x + 20 + nameWidth, y: y + HEAD_ROWS.name, w: stateWidth, h: 18, text: stateText, size: FONT.small, state: node.ready && !node.down && !broken ? 'dim' : 'failing', thing, inside: id })
  sheet.anchors.set(node.name, { x: x + size.width / 2, y: y + HEAD_ROWS.name + 9 })

  const faces = Object.values(node.interfaces)
  // in a gap of what is written on the chips, so that a packet's way strikes nothing out
  const bus = x + size.width - (narrow ? 9 : 16)
  sheet.exits.set(node.name, [{ x: bus, y: wireY }])
  const nic = faces.find((f) => f.kind === 'nic')
  const wired = plan.places.flatMap((id) => (id !== null && plan.pods[id]!.hostInterface !== null ? [plan.pods[id]!] : []))
  const bridges = faces.filter((f) => f.kind === 'bridge')
  // Where Pods are ports of Open vSwitch, the port that the node itself has there stands for the switch.
  const ownPort = faces.find((f) => f.kind === 'openvswitch' && f.addresses.length > 0)
  const bridge = bridges.find((f) => wired.some((pod) => pod.bridge === f.name)) ?? ownPort ?? (wired.length === 0 ? bridges[0] : undefined)
  const tunnel = faces.find(isTunnel)
  const bridgeY = y + (plan.hasTunnel ? HEAD_ROWS.bridge : HEAD_ROWS.bridge - 28)
  const stack: Shape[] = []
  const face = (f: InterfaceView, kind: 'nic' | 'tunnel' | 'bridge', fx: number, fy: number, fw: number) => {
    const shape = sheet.shape({ id: `${kind} ${node.name}`, kind, x: fx, y: fy, w: fw, h: HEAD_ROWS.height, text: fitted(f, fw - 10), thing, state: f.up ? undefined : 'down', inside: id })
    sheet.anchors.set(anchorOf(node.name, f.name), { x: bus, y: fy + (kind === 'bridge' ? HEAD_ROWS.height : HEAD_ROWS.height / 2) })
    stack.push(shape)
  }
  const edge = narrow ? 6 : 12
  const chip = (f: InterfaceView) => Math.min(size.width - 2 * edge, textWidth(faceText(f), FONT.small) + 14)
  if (nic) {
    const w = chip(nic)
    face(nic, 'nic', x + size.width - edge - w, y - HEAD_ROWS.height / 2, w)
    sheet.wire({ id: `wire ${node.name}`, kind: 'wire', from: `nic ${node.name}`, to: underlay, points: [{ x: bus, y: y - HEAD_ROWS.height / 2 }, { x: bus, y: wireY }], up: nic.up && !plan.down.has(node.name) })
  }
  if (tunnel) {
    const w = chip(tunnel)
    face(tunnel, 'tunnel', x + size.width - edge - w, y + HEAD_ROWS.tunnel, w)
  }
  if (bridge) face(bridge, 'bridge', x + 12, bridgeY, size.width - 12 - edge)
  const isRouted = !bridge && wired.length > 0 && (plan.form.detail === 'box' || plan.form.detail === 'line')
  if (isRouted) stack.push(sheet.shape({ id: `router ${node.name}`, kind: 'router', x: x + 12, y: bridgeY, w: size.width - 12 - edge, h: HEAD_ROWS.height, text: fitText(ROUTED, size.width - 34, FONT.small), thing, inside: id }))
  for (let i = 1; i < stack.length; i++) {
    const [a, b] = [stack[i - 1]!, stack[i]!]
    sheet.wire({ id: `route ${a.id} ${b.id}`, kind: 'route', from: a.id, to: b.id, points: [{ x: bus, y: a.y + a.h }, { x: bus, y: b.y }], up: true })
  }
  drawPods(sheet, plan, x, y + head(plan), bridge || isRouted ? { id: `${bridge ? 'bridge' : 'router'} ${node.name}`, y: bridgeY + HEAD_ROWS.height } : null)
  return size
}

/** What Pods hang on where the plugin has no bridge: each has a link, and a route, of its own. */
const ROUTED = 'a route to each Pod'

/** What the Pods' cables end at. */
interface Board { id: string; y: number }

function faceText(f: InterfaceView): string {
  const [first, ...more] = f.addresses
  const address = (first ?? '').replace(/\/(32|128)$/, '')
  return `${f.kind === 'openvswitch' ? 'OVS ' : ''}${f.name}${address ? ` ${address}` : ''}${more.length ? ` +${more.length}` : ''}${f.up ? '' : ' down'}`
}

/** Where there is no room for all, the length of the prefix goes first. */
function fitted(f: InterfaceView, width: number): string {
  const text = faceText(f)
  return fitText(textWidth(text, FONT.small) <= width ? text : text.replace(/\/\d+/, ''), width, FONT.small)
}

function drawPods(sheet: Sheet, plan: NodePlan, x: number, y: number, board: Board | null): void {
  const { places, node, form } = plan
  const { detail, rows, widths } = form
  if (detail === 'count') {
    const here = places.filter((p) => p !== null).map((p) => plan.pods[p]!)
    if (!here.length) return
    const ready = here.filter((p) => p.ready).length
    const text = fitText(`${here.length} Pods, ${ready} ready`, nodeWidth(1, widths) - 24, FONT.normal)
    sheet.shape({ id: `count ${node.name}`, kind: 'text', x: x + 12, y: y + 4, w: textWidth(text, FONT.normal), h: 18, text, size: FONT.normal, inside: `node ${node.name}` })
    return
  }
  places.forEach((id, i) => {
    if (id === null) return
    const [column, row] = detail === 'cell' ? [i % rows, Math.floor(i / rows)] : [Math.floor(i / rows), i % rows]
    if (detail === 'cell') drawCell(sheet, plan, id, x + NODE.pad + column * (CELL.width + CELL.gap), y + row * (CELL.height + CELL.gap))
    else drawPod(sheet, plan, id, x + POD.gutter + 2 + column * (widths.pod + POD.gutter), y + row * pitch(plan), row, board)
  })
}

function drawCell(sheet: Sheet, plan: NodePlan, id: string, x: number, y: number): void {
  const pod = plan.pods[id]!
  const shape = sheet.shape({ id: `pod ${id}`, kind: 'cell', x, y, w: CELL.width, h: CELL.height, text: '', thing: { kind: 'pod', id }, state: standing(pod), inside: `node ${plan.node.name}` })
  const at = centre(shape)
  sheet.anchors.set(id, at)
  sheet.anchors.set(anchorOf(id, 'eth0'), at)
  if (pod.hostInterface) sheet.anchors.set(anchorOf(plan.node.name, pod.hostInterface), at)
}

function drawPod(sheet: Sheet, plan: NodePlan, id: string, x: number, y: number, row: number, board: Board | null): void {
  const pod = plan.pods[id]!
  const thing = { kind: 'pod', id } as const
  const inside = `pod ${id}`
  const height = plan.form.podHeight
  const podWidth = plan.form.widths.pod
  const dense = plan.form.detail === 'line'
  const at = { x, y: y + (dense ? height / 2 : 30) }
  const wired = pod.hostInterface !== null && board !== null
  sheet.shape({ id: inside, kind: 'pod', x, y, w: podWidth, h: height, text: '', thing, state: standing(pod), inside: `node ${plan.node.name}` })
  sheet.anchors.set(id, { x: x + podWidth / 2, y: y + height / 2 })
  sheet.anchors.set(anchorOf(id, 'eth0'), at)

  const room = podWidth - (dense ? 64 : 24)
  const address = fitText(pod.ip ? (pod.hostNetwork && !dense && !plan.form.widths.narrow ? `${pod.ip} (host)` : pod.ip) : pod.status, room, FONT.small)
  const addressWidth = textWidth(address, FONT.small)
  const placed = wired ? { kind: 'port' as const, x: at.x - 4, w: 8 } : { kind: 'text' as const, x: at.x + 10, w: addressWidth }
  sheet.shape({ id: `${inside} eth0`, ...placed, y: at.y - 4, h: 8, text: address, size: FONT.small, state: pod.ip ? undefined : 'pending', thing, inside })
  if (wired) cable(sheet, plan, id, at, row, board)
  if (dense) {
    const nx = x + 16 + addressWidth + 8
    const width = x + podWidth - 6 - nx
    const sign = standing(pod) === 'failing' ? '✕' : ''
    sheet.shape({ id: `${inside} name`, kind: 'text', x: nx, y: y + 2, w: width, h: 16, text: fitText(sign + pod.name, width, FONT.small), size: FONT.small, state: sign ? 'failing' : 'dim', thing, inside })
  } else {
    sheet.shape({ id: `${inside} name`, kind: 'text', x: x + 10, y: y + 5, w: podWidth - 20, h: 16, text: fitText(pod.name, podWidth - 20, FONT.normal), size: FONT.normal, thing, inside })
    drawInside(sheet, plan, id, x, y)
  }
}

/** The veth pair from the Pod to the bridge, or to the node itself. Cables of one column run side by side; the lowest Pod's is the leftmost. */
function cable(sheet: Sheet, plan: NodePlan, id: string, at: Point, row: number, board: Board): void {
  const dense = plan.form.detail === 'line'
  const step = dense ? 2 : 4
  const riser = at.x - 6 - Math.min(row, dense ? 6 : 3) * step
  const port = { x: riser, y: board.y }
  const corner = { x: riser, y: at.y }
  sheet.anchors.set(anchorOf(plan.node.name, plan.pods[id]!.hostInterface!), port)
  sheet.cables.set(id, [corner, port])
  sheet.wire({ id: `veth ${id}`, kind: 'veth', from: board.id, to: `pod ${id} eth0`, points: [port, corner, { x: at.x - 4, y: at.y }], up: !plan.down.has(id) })
}

/** Status, where it needs a line, and containers. */
function drawInside(sheet: Sheet, plan: NodePlan, id: string, x: number, y: number): void {
  const pod = plan.pods[id]!
  const thing = { kind: 'pod', id } as const
  const inside = `pod ${id}`
  const podWidth = plan.form.widths.pod
  let cy = y + 40
  if (needsStatusLine(pod)) {
    sheet.shape({ id: `${inside} status`, kind: 'text', x: x + 10, y: cy - 1, w: podWidth - 20, h: 14, text: fitText(`✕ ${pod.status}`, podWidth - 20, FONT.small), size: FONT.small, state: 'failing', thing, inside })
    cy += 14
  }
  let cx = x + 8
  for (const c of Object.values(pod.containers)) {
    const w = chipWidth(c.name, podWidth)
    if (cx > x + 8 && cx + w > x + podWidth - 8) {
      cx = x + 8
      cy += 18
    }
    if (cy + 15 > y + plan.form.podHeight) break
    sheet.shape({ id: `container ${id} ${c.name}`, kind: 'container', x: cx, y: cy, w, h: 15, text: fitText(c.name, w - 8, FONT.small), size: FONT.small, thing, state: containerStanding(c, pod), inside })
    cx += w + 4
  }
}
