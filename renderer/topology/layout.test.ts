import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PodView, TopologyView } from '../../electron/bridge/view.ts'
import { node, pod, topology } from '../dev/cluster.ts'
import { firstZoom } from './form.ts'
import { keepPlaces } from './grid.ts'
import { layoutTopology } from './layout.ts'
import { FONT, textWidth } from './measure.ts'
import { anchorOf, type Layout, type Shape } from './shapes.ts'

const overlap = (a: Shape, b: Shape) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
const within = (a: Shape, b: Shape) => a.x >= b.x && a.y >= b.y && a.x + a.w <= b.x + b.w && a.y + a.h <= b.y + b.h

/** Pairs that lie on each other though neither is in the other. */
function collisions(layout: Layout): string[] {
  const found: string[] = []
  const groups = new Map<string | undefined, Shape[]>()
  for (const s of layout.shapes.values()) groups.set(s.inside, [...(groups.get(s.inside) ?? []), s])
  for (const siblings of groups.values()) {
    siblings.forEach((a, i) => {
      for (const b of siblings.slice(i + 1)) if (overlap(a, b) && !(a.kind === 'underlay' && b.kind === 'underlay')) found.push(`${a.id} on ${b.id}`)
    })
  }
  for (const s of layout.shapes.values()) {
    const parent = s.inside === undefined ? undefined : layout.shapes.get(s.inside)
    // A NIC and a port sit on the edge of what they belong to.
    if (parent && s.kind !== 'nic' && s.kind !== 'port' && !within(s, parent)) found.push(`${s.id} leaves ${parent.id}`)
    if (s.kind !== 'port' && s.text && textWidth(s.text, s.size ?? FONT.small) > s.w + 1) found.push(`the text of ${s.id} is wider than it`)
    if (s.kind === 'port' && parent && s.text && s.x + 12 + textWidth(s.text, FONT.small) > parent.x + parent.w) found.push(`the text of ${s.id} leaves ${parent.id}`)
  }
  return found
}

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,50}$/)
const somePod = (nodes: number): fc.Arbitrary<PodView> =>
  fc.record({ name: word, on: fc.option(fc.nat(nodes - 1)), ip: fc.option(fc.ipV4()), status: fc.constantFrom('Running', 'CrashLoopBackOff', 'ContainerCreating', 'Completed'), ready: fc.boolean(), terminating: fc.boolean(), system: fc.boolean(), containers: fc.uniqueArray(word, { minLength: 1, maxLength: 5 }) }).map((p) => ({
    ...pod(p.name, p.on, p.on === null ? null : p.ip),
    status: p.status,
    ready: p.ready,
    terminating: p.terminating,
    system: p.system,
    containers: Object.fromEntries(p.containers.map((name) => [name, { name, image: 'i', state: 'running' as const, reason: null, ready: true, restarts: 0, ports: [] }])),
  }))

const someTopology: fc.Arbitrary<TopologyView> = fc.integer({ min: 1, max: 9 }).chain((nodes) =>
  fc.record({ pods: fc.array(somePod(nodes), { maxLength: 90 }), services: fc.array(fc.tuple(word, fc.ipV4(), fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName')), { maxLength: 25 }), tunnels: fc.boolean(), routed: fc.boolean() }).map(({ pods, services, tunnels, routed }) => ({
    ...topology(0, 2),
    nodes: Object.fromEntries(Array.from({ length: nodes }, (_, i) => node(i)).map((n) => [n.name, { ...n, interfaces: Object.fromEntries(Object.entries(n.interfaces).filter(([name]) => (tunnels || name !== 'flannel.1') && !(routed && name === 'cni0'))) }])),
    pods: Object.fromEntries(pods.map((p) => [`${p.namespace}/${p.name}`, routed ? { ...p, bridge: null } : p])),
    services: Object.fromEntries(services.map(([name, clusterIP, type]) => [`default/${name}`, { namespace: 'default', name, type, clusterIP, ports: [{ name: null, port: 80, targetPort: '80', nodePort: null, protocol: 'TCP' }], selector: {}, endpoints: [], system: false }])),
  })),
)

describe('the wiring diagram', () => {
  test('has its nodes as people count them, in whatever order they came', () => {
    const t = topology(0, 0)
    const names = ['worker-10', 'control-plane', 'worker-2', 'worker-1']
    const layout = layoutTopology({ ...t, nodes: Object.fromEntries(names.map((name, i) => [name, { ...node(i), name }])) }, { showSystem: true, room: { width: 4000, height: 600 } })
    const boxes = [...layout.shapes.values()].filter((s) => s.kind === 'node').sort((a, b) => a.y - b.y || a.x - b.x)
    expect(boxes.map((s) => s.id)).toEqual(['node control-plane', 'node worker-1', 'node worker-2', 'node worker-10'])
  })

  test('where a plugin has no bridge, each Pod hangs on the routes of its node', () => {
    const t = topology(2, 3)
    for (const each of Object.values(t.nodes)) delete (each.interfaces as Partial<typeof each.interfaces>)['cni0']
    for (const each of Object.values(t.pods)) Object.assign(each, { bridge: null })
    const layout = layoutTopology(t, { showSystem: true })
    const wired = Object.entries(t.pods).filter(([, p]) => p.hostInterface !== null)
    expect(wired.length).toBeGreaterThan(0)
    for (const [id, p] of wired) {
      expect(layout.wires.get(`veth ${id}`)).toMatchObject({ from: `router ${p.node}`, to: `pod ${id} eth0` })
      expect(layout.shapes.get(`router ${p.node}`)?.text).toBe('a route to each Pod')
    }
  })

  test('nothing lies on anything else, and every text fits its place', () => {
    fc.assert(
      fc.property(someTopology, fc.boolean(), fc.record({ width: fc.integer({ min: 200, max: 2500 }), height: fc.integer({ min: 150, max: 1500 }) }), (t, showSystem, room) => {
        expect(collisions(layoutTopology(t, { showSystem, room }))).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  test('outside is above the Services, these above the wire, and the nodes hang beneath it', () => {
    const { shapes } = layoutTopology(topology(), { showSystem: false })
    const y = (id: string) => shapes.get(id)!.y
    expect(y('outside laptop')).toBeLessThan(y('service default/web'))
    expect(y('service default/web')).toBeLessThan(y('underlay 0'))
    expect(y('underlay 0')).toBeLessThan(y('nic worker-1'))
  })

  test('a veth pair ends at the bridge and at the interface of its Pod', () => {
    const { shapes, wires, anchors } = layoutTopology(topology(), { showSystem: false })
    const veth = wires.get('veth default/client')!
    const bridge = shapes.get('bridge worker-2')!
    expect(veth.points[0]!.y).toBe(bridge.y + bridge.h)
    expect(veth.points[0]!.x).toBeGreaterThan(bridge.x)
    expect(veth.points.at(-1)!.y).toBe(anchors.get(anchorOf('default/client', 'eth0'))!.y)
  })

  test('the Pods of kube-system are drawn when asked for', () => {
    const shown = (showSystem: boolean) => [...layoutTopology(topology(), { showSystem }).shapes.keys()].filter((id) => id.startsWith('pod kube-system/') && id.split(' ').length === 2).length
    expect(shown(false)).toBe(0)
    expect(shown(true)).toBe(5)
  })

  test('a Pod that goes or comes moves no other Pod', () => {
    const before = topology(8)
    const first = layoutTopology(before, { showSystem: false })
    const gone = Object.keys(before.pods).find((id) => id.includes('web-'))!
    const { [gone]: _, ...pods } = before.pods
    const second = layoutTopology({ ...before, pods }, { showSystem: false, memory: first.memory })
    const third = layoutTopology({ ...before, pods: { ...pods, 'default/new': pod('new', 1, '10.244.1.77') } }, { showSystem: false, memory: second.memory })
    for (const id of Object.keys(pods).filter((p) => first.shapes.has(`pod ${p}`))) {
      expect(second.shapes.get(`pod ${id}`), id).toMatchObject({ x: first.shapes.get(`pod ${id}`)!.x, y: first.shapes.get(`pod ${id}`)!.y })
      expect(third.shapes.get(`pod ${id}`)).toEqual(second.shapes.get(`pod ${id}`))
    }
  })

  test('where one node has more than sixty Pods all show cells, above four hundred their number', () => {
    const pods = topology(100)
    for (const each of Object.values(pods.pods).filter((p) => p.node === 'worker-2').slice(-20)) each.node = 'worker-1'
    const many = layoutTopology(pods, { showSystem: false })
    expect([...many.shapes.values()].filter((s) => s.kind === 'cell').length).toBe(104)
    expect([...many.shapes.values()].filter((s) => s.kind === 'pod')).toEqual([])
    expect(many.wires.has('veth default/client')).toBe(false)
    const fewer = layoutTopology(topology(100), { showSystem: false, memory: many.memory })
    expect(fewer.memory.detail, 'as it is until there are clearly fewer').toBe('cell')
    expect(layoutTopology(topology(70), { showSystem: false, memory: many.memory }).memory.detail).toBe('line')
    const crowd = layoutTopology(topology(1200), { showSystem: false })
    expect(crowd.shapes.get('count worker-1')?.text).toMatch(/^60\d Pods/)
    expect(crowd.shapes.size).toBeLessThan(100)
  })

  test('where a node has many Pods all become one line each, and do not flap back at once', () => {
    const height = (layout: Layout) => layout.shapes.get('pod default/client')!.h
    const few = layoutTopology(topology(4), { showSystem: false })
    const many = layoutTopology(topology(20), { showSystem: false, memory: few.memory })
    expect(height(many)).toBeLessThan(height(few) / 2)
    expect(height(layoutTopology(topology(14), { showSystem: false, memory: many.memory }))).toBe(height(many))
    expect(height(layoutTopology(topology(4), { showSystem: false, memory: many.memory }))).toBe(height(few))
  })

  test('three nodes can be read beside an open drawer, and beside the lab panel too', () => {
    for (const room of [{ width: 920, height: 440 }, { width: 640, height: 380 }, { width: 520, height: 400 }]) {
      for (const webPods of [2, 4]) {
        const layout = layoutTopology(topology(webPods), { showSystem: false, room })
        expect(firstZoom(layout, room.width - 24, room.height - 28) * FONT.small, JSON.stringify({ room, webPods })).toBeGreaterThan(9.5)
        expect(layout.width * firstZoom(layout, room.width - 24, room.height - 28)).toBeLessThan(room.width)
      }
    }
  })

  test('the room decides how wide things are; the same room leaves them as they are', () => {
    const wide = { width: 1200, height: 440 }
    const slim = { width: 520, height: 400 }
    const first = layoutTopology(topology(4), { showSystem: false, room: wide })
    const beside = layoutTopology(topology(4), { showSystem: false, room: slim, memory: first.memory })
    expect(beside.width).toBeLessThan(first.width * 0.8)
    expect(layoutTopology(topology(4), { showSystem: false, room: wide, memory: beside.memory }).shapes.get('node worker-2')).toEqual(first.shapes.get('node worker-2'))
  })

  test('of very many Services the picture counts the rest', () => {
    const t = topology()
    const web = t.services['default/web']!
    const services = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`default/s${i}`, { ...web, name: `s${i}` }]))
    const layout = layoutTopology({ ...t, services }, { showSystem: false })
    expect(layout.shapes.get('services more')?.text).toBe('and 260 more Services: the list has them all')
    expect(collisions(layout)).toEqual([])
  })

  test('a Pod on no node waits in a tray of its own', () => {
    const t = topology()
    const { shapes } = layoutTopology({ ...t, pods: { ...t.pods, 'default/later': pod('later', null, null, { status: 'Pending' }) } }, { showSystem: false })
    expect(shapes.get('pod default/later')?.inside).toBe('tray')
  })
})

describe('places in the grid', () => {
  test('gaps are filled first, and a grid that is mostly gaps closes up', () => {
    expect(keepPlaces(['a', 'c', 'd'], ['a', 'b', 'c'])).toEqual(['a', 'd', 'c'])
    expect(keepPlaces(['e'], ['a', 'b', 'c', 'd', 'e'])).toEqual(['e'])
  })

  test('what is broken between nodes of different rows is drawn along the trunk, and told', () => {
    const t = topology(5, 4)
    const [one, , , four] = Object.keys(t.nodes)
    const fault = { id: 'fault:x', kind: 'fault' as const, from: { machine: four!, interface: 'eth0' }, to: { machine: one!, interface: 'eth0' }, up: false, word: 'cut' }
    const layout = layoutTopology({ ...t, links: { ...t.links, 'fault:x': fault } } as TopologyView, { showSystem: false, room: { width: 440, height: 700 } })
    const { points } = layout.wires.get('fault:x')!
    expect(layout.shapes.get(`node ${four}`)!.y).toBeGreaterThan(layout.shapes.get(`node ${one}`)!.y)
    expect([points[0]!.y, points.at(-1)!.y]).toEqual([layout.shapes.get(`nic ${one}`)!.y, layout.shapes.get(`nic ${four}`)!.y])
    expect(points).toHaveLength(6)
    expect(layout.shapes.get('fault:x word')!.text).toBe('✕ cut')
  })
})
