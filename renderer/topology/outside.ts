import type { OutsideNode, TopologyView } from '../../electron/bridge/view.ts'
import { FONT, fitText, textWidth } from './measure.ts'
import { anchorOf, LEFT, TRUNK, type Point, type Sheet } from './shapes.ts'

/**
 * What lies outside the cluster: hosts on a wire of their own, and the network's router between it and the underlay.
 * Where no router is told of, the hosts hang on the underlay themselves.
 */

const BOX = { height: 26, gap: 28, narrowGap: 10, lane: 22 }

/** Returns the height at which the outside ends. */
export function drawOutside(sheet: Sheet, topology: TopologyView, narrow: boolean): number {
  let x = LEFT
  for (const outside of inOrder(topology)) {
    const face = boxOf(outside, narrow)
    drawBox(sheet, outside, face, x)
    x += face.w + (narrow ? BOX.narrowGap : BOX.gap)
  }
  return BOX.height + BOX.lane
}

export function outsideWidth(topology: TopologyView, narrow: boolean): number {
  const gap = narrow ? BOX.narrowGap : BOX.gap
  return inOrder(topology).reduce((sum, outside) => sum + boxOf(outside, narrow).w + gap, LEFT - gap)
}

function routerOf(topology: TopologyView): OutsideNode | undefined {
  return Object.values(topology.outside).find((o) => o.kind === 'network')
}

/** The router first: it stands where the trunk begins. */
function inOrder(topology: TopologyView): OutsideNode[] {
  const router = routerOf(topology)
  return [...(router ? [router] : []), ...Object.values(topology.outside).filter((o) => o !== router)]
}

interface Box {
  label: string
  address: string
  w: number
}

function boxOf(outside: OutsideNode, narrow: boolean): Box {
  const label = fitText(outside.label, narrow ? 120 : 200, FONT.normal)
  const address = fitText(outside.address ?? '', narrow ? 110 : 180, FONT.small)
  const [pad, beside] = narrow ? [12, 26] : [24, 36]
  return { label, address, w: Math.max(90, textWidth(label, FONT.normal) + pad, textWidth(address, FONT.small) + beside + (outside.kind === 'network' ? 20 : 0)) }
}

function drawBox(sheet: Sheet, outside: OutsideNode, { label, address, w }: Box, x: number): void {
  const isRouter = outside.kind === 'network'
  const id = `outside ${outside.id}`
  const thing = { kind: 'outside', id: outside.id } as const
  sheet.shape({ id, kind: 'outside', x, y: 0, w, h: BOX.height, text: label, thing, state: isRouter ? 'dim' : undefined })
  sheet.anchors.set(outside.id, { x: x + w / 2, y: BOX.height / 2 })
  const port = (name: string, px: number) => {
    sheet.shape({ id: `${id} ${name}`, kind: 'port', x: px - 4, y: BOX.height - 4, w: 8, h: 8, text: '', thing, inside: id })
    sheet.anchors.set(anchorOf(outside.id, name), { x: px, y: BOX.height })
  }
  port('eth0', x + 14)
  if (isRouter) port('eth1', x + w - 14)
  if (address) sheet.shape({ id: `${id} address`, kind: 'text', x: x + 22, y: BOX.height + 3, w: textWidth(address, FONT.small), h: 14, text: address, size: FONT.small, thing })
}

/** The wires of the outside, once it is known where the underlay is. */
export function drawTrunk(sheet: Sheet, topology: TopologyView, down: ReadonlySet<string>, lane: number, firstWire: number, lastWire: number): void {
  if (!sheet.shapes.has('underlay 0')) return
  const router = routerOf(topology)
  const inner = router && sheet.anchors.get(anchorOf(router.id, 'eth1'))
  for (const outside of inOrder(topology)) {
    const port = sheet.anchors.get(anchorOf(outside.id, 'eth0'))!
    const from = `outside ${outside.id} eth0`
    const up = !down.has(outside.id)
    const toUnderlay: Point[] = [{ x: port.x, y: lane }, { x: TRUNK, y: lane }, { x: TRUNK, y: firstWire }]
    if (outside === router || !router || !inner) {
      sheet.exits.set(outside.id, toUnderlay)
      if (inner) sheet.lanes.set(outside.id, [{ x: inner.x, y: lane }])
      sheet.wire({ id: `wire ${outside.id}`, kind: 'wire', from, to: 'underlay 0', points: [port, ...toUnderlay], up })
      continue
    }
    const toRouter: Point[] = [{ x: port.x, y: lane }, { x: inner.x, y: lane }]
    sheet.lanes.set(outside.id, toRouter.slice(0, 1))
    sheet.exits.set(outside.id, [...toRouter, inner, ...through(sheet, router)])
    sheet.wire({ id: `wire ${outside.id}`, kind: 'wire', from, to: `outside ${router.id} eth1`, points: [port, ...toRouter, inner], up })
  }
  sheet.anchors.set('underlay', { x: TRUNK, y: firstWire })
  if (lastWire > firstWire + 4) sheet.shape({ id: 'trunk', kind: 'underlay', x: TRUNK - 2, y: firstWire, w: 4, h: lastWire - firstWire, text: '' })
}

function through(sheet: Sheet, router: OutsideNode): Point[] {
  return [sheet.anchors.get(anchorOf(router.id, 'eth0'))!, ...(sheet.exits.get(router.id) ?? [])]
}
