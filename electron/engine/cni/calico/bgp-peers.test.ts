import { expect, test } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster, parseClusterConfig } from '../../cluster.ts'
import { CallbackFile } from '../../machine/files.ts'
import { formatRoute } from '../../network/format.ts'
import { decodeUtf8 } from '../../text.ts'
import { wantedPeers, type BgpNode } from './bgp-peers.ts'

/** Calico's "Configure BGP peering" as its documentation teaches it: the mesh is switched off, and route reflectors take its place. */
const API = 'crd.projectcalico.org/v1'

function settled(nodes: number): SimulatedCluster {
  const cluster = createCluster(parseClusterConfig({ cni: 'calico', nodes })) as SimulatedCluster
  cluster.settle()
  return cluster
}

function ways(cluster: SimulatedCluster, node: string): string[] {
  return cluster.nodes.get(node)!.network.routes.list('main').filter((r) => r.protocol === 'bird' && r.type !== 'blackhole').map((r) => formatRoute(r)).sort()
}

/** What BIRD logged last of each session: "Node_172_18_0_3 up". */
function status(cluster: SimulatedCluster, node: string): string[] {
  const pod = cluster.client.list('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=calico-node', fieldSelector: `spec.nodeName=${node}` }).items[0]!
  const states = new Map<string, string>()
  cluster.client.logs('kube-system', pod.metadata.name, { container: 'calico-node' }, {
    onLine: (line) => {
      const [, name, state] = /bird: ((?:Mesh|Global|Node)_\w+): (?:State changed to )?(up|start|Removing)$/.exec(line.trim()) ?? []
      if (state === 'Removing') states.delete(name!)
      else if (state !== undefined) states.set(name!, state)
    },
    onEnd: () => undefined,
  })
  cluster.clock.runFor(10)
  return [...states].map((s) => s.join(' ')).sort()
}

test('without the mesh the routes go; a route reflector brings them back, with the same next hops, and its loss takes them again', () => {
  const cluster = settled(4)
  const { client, clock } = cluster
  const before = ways(cluster, 'worker-3')
  expect(before).toHaveLength(3)
  client.create('bgpconfigurations.crd.projectcalico.org', undefined, { apiVersion: API, kind: 'BGPConfiguration', metadata: { name: 'default' }, spec: { logSeverityScreen: 'Info', nodeToNodeMeshEnabled: false, asNumber: 63400 } })
  clock.runFor(1_000)
  expect([ways(cluster, 'worker-3'), ways(cluster, 'worker-1')]).toEqual([[], []])
  client.patch('nodes', undefined, 'worker-1', 'application/merge-patch+json', { metadata: { labels: { 'route-reflector': 'true' }, annotations: { 'projectcalico.org/RouteReflectorClusterID': '244.0.0.1' } } })
  client.create('bgppeers.crd.projectcalico.org', undefined, { apiVersion: API, kind: 'BGPPeer', metadata: { name: 'peer-with-route-reflectors' }, spec: { nodeSelector: 'all()', peerSelector: "route-reflector == 'true'" } })
  clock.runFor(20_000)
  expect(ways(cluster, 'worker-3')).toEqual(before)
  expect(status(cluster, 'worker-3')).toEqual(['Node_172_18_0_3 up'])
  expect(status(cluster, 'worker-1')).toEqual(['Node_172_18_0_2 up', 'Node_172_18_0_4 up', 'Node_172_18_0_5 up'])
  client.delete('bgppeers.crd.projectcalico.org', undefined, 'peer-with-route-reflectors')
  clock.runFor(1_000)
  expect(ways(cluster, 'worker-3')).toEqual([])
})

test('two reflectors of one cluster tell each other nothing twice; a peer that nobody is stays at its start', () => {
  const cluster = settled(4)
  const { client, clock } = cluster
  const before = ways(cluster, 'worker-3')
  for (const node of ['worker-1', 'worker-2']) client.patch('nodes', undefined, node, 'application/merge-patch+json', { metadata: { labels: { rr: '1' }, annotations: { 'projectcalico.org/RouteReflectorClusterID': '244.0.0.1' } } })
  client.create('bgpconfigurations.crd.projectcalico.org', undefined, { apiVersion: API, kind: 'BGPConfiguration', metadata: { name: 'default' }, spec: { nodeToNodeMeshEnabled: false } })
  client.create('bgppeers.crd.projectcalico.org', undefined, { apiVersion: API, kind: 'BGPPeer', metadata: { name: 'rr' }, spec: { nodeSelector: 'all()', peerSelector: 'has(rr)' } })
  client.create('bgppeers.crd.projectcalico.org', undefined, { apiVersion: API, kind: 'BGPPeer', metadata: { name: 'tor' }, spec: { peerIP: '172.18.0.99', asNumber: 64567 } })
  clock.runFor(20_000)
  expect([ways(cluster, 'worker-3'), ways(cluster, 'worker-1').length]).toEqual([before, 3])
  expect(status(cluster, 'worker-3')).toEqual(['Global_172_18_0_99 start', 'Node_172_18_0_3 up', 'Node_172_18_0_4 up'])
})

test('birdcl shows the sessions, and the routes by whom they are known', () => {
  const cluster = settled(2)
  const pod = cluster.client.list('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=calico-node', fieldSelector: 'spec.nodeName=worker-1' }).items[0]!
  const birdcl = (...args: string[]): string => {
    let text = ''
    const file = (): CallbackFile => new CallbackFile(cluster.clock, (bytes) => (text += decodeUtf8(bytes)))
    cluster.client.exec('kube-system', pod.metadata.name, { command: ['birdcl', ...args], container: 'calico-node', tty: false, stdout: file(), stderr: file() })
    cluster.clock.runFor(500)
    return text
  }
  expect(birdcl('show', 'protocols')).toMatch(/^BIRD v0\.3\.3\+birdv1\.6\.8 ready\.\nname     proto    table    state  since       info\nstatic1  Static   master   up     08:00:0\d    \n(.*\n){3}Mesh_172_18_0_2 BGP      master   up     08:00:0\d    Established   \n$/)
  const routes = birdcl('-s', '/var/run/calico/bird.ctl', 'show', 'route')
  for (const row of [/^10\.244\.16\.64\/26 {4}blackhole \[static1 \S+\] \* \(200\)$/m, /^10\.244\.16\.64\/32 {4}dev tunl0 \[direct1 \S+\] \* \(240\)$/m, /^10\.244\.121\.64\/26 {3}via 172\.18\.0\.2 on eth0 \[Mesh_172_18_0_2 \S+\] \* \(100\/0\) \[i\]$/m, /^172\.18\.0\.0\/16 {6}dev eth0 \[direct1 /m]) expect(routes).toMatch(row)
  expect(birdcl('-s', '/var/run/calico/bird6.ctl', 'show', 'route')).toContain('Unable to connect to server control socket')
  expect(birdcl('-v', 'show', 'route')).toBe('podhop: not simulated: birdcl -v (use birdcl -s SOCKET)\n')
  expect(birdcl('configure')).toContain('podhop: not simulated: birdcl configure (use birdcl show protocols or birdcl show route)')
})

test('a reflector is in no mesh; global peers go before a node\'s; who is named speaks with those that name him', () => {
  const node = (name: string, address: string, clusterId?: string, labels = {}): BgpNode => ({ name, address, as: 64512, clusterId, labels })
  const nodes = [node('a', '10.0.0.1'), node('b', '10.0.0.2', '1.1.1.1', { rr: '' }), node('c', '10.0.0.3')]
  const peer = (name: string, spec: object): never => ({ metadata: { name }, spec }) as never
  const told = (own: BgpNode, objects: never[], mesh = true): string[] => [...wantedPeers(own, nodes, objects, mesh, 4).values()].map((p) => `${p.kind} ${p.address}${p.client ? ' client' : ''}`)
  expect([told(nodes[0]!, []), told(nodes[1]!, [])]).toEqual([['Mesh 10.0.0.3'], []])
  const rr = [peer('rr', { nodeSelector: '!has(rr)', peerSelector: 'has(rr)' })]
  expect([told(nodes[0]!, rr), told(nodes[1]!, rr)]).toEqual([['Node 10.0.0.2', 'Mesh 10.0.0.3'], ['Node 10.0.0.1 client', 'Node 10.0.0.3 client']])
  const both = [peer('a', { node: 'a', peerIP: '10.0.0.9', asNumber: 1 }), peer('b', { peerIP: '10.0.0.9', asNumber: 2 }), peer('broken', { peerSelector: '((' })]
  expect(told(nodes[0]!, both, false)).toEqual(['Global 10.0.0.9'])
  expect(wantedPeers(nodes[0]!, nodes, both, false, 4).get('10.0.0.9')).toMatchObject({ as: 2, calicoNode: false })
})
