import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { topology } from '../dev/cluster.ts'
import { dropped, journey } from '../dev/journeys.ts'
import { layoutTopology } from './layout.ts'
import { along, stopsOf } from './path.ts'
import { anchorOf } from './shapes.ts'

const picture = topology()
const layout = layoutTopology(picture, { showSystem: false })
const client = picture.pods['default/client']!
const web = Object.values(picture.pods).find((p) => p.name.startsWith('web-') && p.node === 'worker-1')!
const record = journey(1, client.hostInterface!, `default/${web.name}`, web.hostInterface!)

describe('the way of a packet over the picture', () => {
  const stops = stopsOf(record.hops, layout)

  test('every hop has its place', () => {
    expect(stops.map((s) => s.hop)).toEqual(record.hops.map((_, i) => i))
  })

  test('it begins at the interface of the sender and ends at that of the receiver', () => {
    expect(stops[0]!.at).toEqual(layout.anchors.get(anchorOf('default/client', 'eth0')))
    expect(stops.at(-1)!.at).toEqual(layout.anchors.get(anchorOf(`default/${web.name}`, 'eth0')))
  })

  test('it runs level or upright, as the cables do, from any place to any other', () => {
    const places = [['default/client', 'eth0'], ['worker-2', client.hostInterface], ['worker-2', 'cni0'], ['worker-2', 'eth0'], ['underlay', undefined], ['worker-1', 'flannel.1'], ['outside', 'eth0'], ['outside', 'eth1'], ['laptop', 'eth0'], [`default/${web.name}`, 'eth0']] as const
    const anyHop = fc.constantFrom(...places).map(([machine, face]) => ({ ...record.hops[0]!, machine, ...(face ? { interface: face } : { interface: undefined }) }))
    fc.assert(
      fc.property(fc.array(anyHop, { minLength: 2, maxLength: 12 }), (hops) => {
        const way = stopsOf(hops, layout)
        way.slice(1).forEach((stop, i) => {
          const points = [way[i]!.at, ...stop.via, stop.at]
          points.slice(1).forEach((p, j) => expect(p.x === points[j]!.x || p.y === points[j]!.y, JSON.stringify([hops.map((h) => h.machine), points])).toBe(true))
        })
      }),
    )
  })

  test('the answer leaves its Pod by the veth pair, though no hop names the port', () => {
    const all = stopsOf([...record.hops, ...record.reply], layout)
    const bridge = all.find((s) => s.hop === record.hops.length + 1)!
    expect(bridge.via.slice(0, 2)).toEqual(layout.cables.get(`default/${web.name}`))
  })

  test('between nodes it follows the underlay', () => {
    const wireY = layout.exits.get('worker-2')!.at(-1)!.y
    expect(stops.find((s) => record.hops[s.hop]!.machine === 'underlay')!.at.y).toBe(wireY)
  })

  test('from the laptop it goes to the router, and from there round the Services by the trunk', () => {
    const [, router, , node] = stopsOf(dropped(2).hops, layout)
    expect(router!.at).toEqual(layout.anchors.get(anchorOf('outside', 'eth1')))
    expect(router!.via.map((p) => p.x)).not.toContain(layout.trunk)
    expect(node!.via.map((p) => p.x)).toContain(layout.trunk)
  })

  test('where no hop names the router, the way still leads through it', () => {
    const [, node] = stopsOf(dropped(2).hops.filter((h) => h.machine !== 'outside'), layout)
    expect(node!.via).toContainEqual(layout.anchors.get(anchorOf('outside', 'eth1')))
    expect(node!.via.map((p) => p.x)).toContain(layout.trunk)
  })

  test('half the way is between the ends', () => {
    expect(along({ x: 0, y: 0 }, { hop: 1, at: { x: 10, y: 10 }, via: [{ x: 10, y: 0 }] }, 0.5)).toEqual({ x: 10, y: 0 })
  })
})
