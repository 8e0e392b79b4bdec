import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CallbackFile } from '../machine/files.ts'
import type { VxlanLink } from '../network/types.ts'
import { FlannelAgent } from './flannel-agent.ts'
import { SmallCluster } from './small-cluster.samples.ts'

type Change =
  | { kind: 'lease'; node: number; version: number; backend: 'vxlan' | 'host-gw' }
  | { kind: 'gone' | 'bare'; node: number }
  | { kind: 'stop' | 'start' | 'flap' | 'person' | 'unroute' }

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('lease' as const), node: fc.integer({ min: 3, max: 6 }), version: fc.integer({ min: 1, max: 2 }), backend: fc.constantFrom('vxlan' as const, 'vxlan' as const, 'host-gw' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('gone' as const, 'bare' as const), node: fc.integer({ min: 3, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('stop' as const, 'start' as const, 'flap' as const, 'person' as const, 'unroute' as const) }) },
)

const has = (cluster: SmallCluster, name: string): boolean => cluster.store.client.list('nodes').items.some((n) => n.metadata.name === name)

/** Somebody else's Node, as its own flanneld would have written it. */
function put(cluster: SmallCluster, node: number, annotations: Record<string, string>): void {
  cluster.store.put('nodes', {
    apiVersion: 'v1', kind: 'Node', metadata: { name: `other-${node}`, labels: {}, annotations }, spec: { podCIDR: `10.244.${node}.0/24` },
    status: { addresses: [{ type: 'InternalIP', address: `172.18.0.${node + 10}` }], conditions: [] },
  })
}

function make(cluster: SmallCluster, each: Change): void {
  const { network } = cluster.nodes.get('worker-1')!
  if (each.kind === 'lease') {
    put(cluster, each.node, {
      'flannel.alpha.coreos.com/backend-data': each.backend === 'vxlan' ? `{"VNI":1,"VtepMAC":"aa:00:00:00:0${each.version}:0${each.node}"}` : 'null',
      'flannel.alpha.coreos.com/backend-type': each.backend,
      'flannel.alpha.coreos.com/public-ip': `172.18.0.${each.node + 10 * each.version}`,
    })
  } else if (each.kind === 'bare') put(cluster, each.node, {})
  else if (each.kind === 'gone') {
    if (has(cluster, `other-${each.node}`)) cluster.store.remove('nodes', undefined, `other-${each.node}`)
  } else if (each.kind === 'stop') cluster.agents.get('worker-1')!.stop()
  else if (each.kind === 'start') {
    cluster.agents.get('worker-1')!.stop()
    cluster.agents.set('worker-1', cluster.plugin.startAgent(cluster.nodes.get('worker-1')!))
  } else if (each.kind === 'flap') {
    const device = network.links.has('flannel.1') ? 'flannel.1' : 'eth0'
    network.setUp(device, false)
    network.setUp(device, true)
  } else if (each.kind === 'person') network.routes.add({ destination: '10.244.3.0/24', via: '172.18.0.1', device: 'eth0', metric: 7 }, { replace: true })
  else {
    try {
      network.routes.remove({ destination: '10.244.4.0/24' })
    } catch {
      // There is none.
    }
  }
}

function tables(cluster: SmallCluster): object {
  const { network } = cluster.nodes.get('worker-1')!
  return { routes: network.routes.list('all'), neighbours: network.neighbours.list(), forwarding: (network.links.get('flannel.1') as VxlanLink | undefined)?.forwarding() }
}

test.each(['flannel', 'bridge'] as const)('%s: rows that are written when somebody looks are those that were there all the time', (cni) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(change, fc.constantFrom(0, 3, 12_000)), { minLength: 1, maxLength: 20 }), (changes) => {
      const [watched, left] = [new SmallCluster(cni), new SmallCluster(cni)]
      for (const [each, wait] of changes) {
        for (const cluster of [watched, left]) {
          make(cluster, each)
          cluster.clock.runFor(wait)
        }
        tables(watched)
      }
      for (const cluster of [watched, left]) cluster.clock.runFor(1)
      expect(tables(left)).toEqual(tables(watched))
    }),
    { numRuns: 30 },
  )
})

test('a packet to another node finds its way, and one to the own Pods makes nobody write', () => {
  const cluster = new SmallCluster('flannel', ['worker-1', 'worker-2', 'worker-3'])
  const { network } = cluster.nodes.get('worker-1')!
  let looked = 0
  network.addLate({ behind: true, over: false, devices: [], tunnels: false, concerns: (ip) => ip.startsWith('10.244.2.'), write: () => void looked++ })
  expect(network.routes.lookup('10.244.1.7')).toMatchObject({ destination: '0.0.0.0/0' })
  expect(looked).toBe(0)
  expect(network.routes.lookup('10.244.2.7')).toMatchObject({ destination: '10.244.2.0/24', device: 'flannel.1' })
  expect(looked).toBe(1)
})

test('the lines of a log that nobody reads are written when somebody does, with the times at which they were true', () => {
  const cluster = new SmallCluster('flannel')
  const context = cluster.nodes.get('worker-1')!
  cluster.agents.get('worker-1')!.stop()
  const lines: string[] = []
  let source: { settle(): void; follow(on: boolean): void } | undefined
  const out = new CallbackFile(cluster.clock, () => undefined, undefined, () => ({ defer: (s) => void (source = s), insert: (at, text) => void lines.push(`${at} ${text}`) }))
  const began = cluster.clock.now
  const agent = new FlannelAgent(context, (_, message, at) => void (at === undefined || lines.push(`${at - began} ${message.slice(0, 22)}`)), 'vxlan', out.late)
  cluster.clock.runFor(100)
  put(cluster, 5, { 'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"aa:00:00:00:00:05"}', 'flannel.alpha.coreos.com/backend-type': 'vxlan', 'flannel.alpha.coreos.com/public-ip': '172.18.0.15' })
  cluster.clock.runFor(100)
  expect(lines).toEqual([])
  source!.settle()
  expect(lines).toEqual(['0 Received Subnet Event ', '100 Received Subnet Event '])
  source!.follow(true)
  put(cluster, 6, { 'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"aa:00:00:00:00:06"}', 'flannel.alpha.coreos.com/backend-type': 'vxlan', 'flannel.alpha.coreos.com/public-ip': '172.18.0.16' })
  cluster.clock.runFor(100)
  expect(lines).toHaveLength(3)
  agent.stop()
})
