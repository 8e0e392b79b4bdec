import { beforeAll, expect, it } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Node, Pod } from '../../kubernetes/types.ts'
import { formatRoute } from '../../network/format.ts'
import { formatRule } from '../../network/rules.ts'
import type { NetworkNamespace, WireguardLink } from '../../network/types.ts'

/** Calico's "Encrypt in-cluster pod traffic": FelixConfiguration's wireguardEnabled. */
let cluster: SimulatedCluster

const felix = (spec: object, name = 'default'): void => {
  cluster.client.patch('felixconfigurations.crd.projectcalico.org', undefined, name, 'application/merge-patch+json', { spec })
  cluster.clock.runFor(2_000)
  cluster.settle()
}
const network = (node: string): NetworkNamespace => cluster.nodes.get(node)!.network
const device = (node: string): WireguardLink | undefined => network(node).links.get('wireguard.cali') as WireguardLink | undefined
const note = (node: string, name: string): string | undefined => cluster.client.get<Node>('nodes', undefined, node).metadata.annotations?.[`projectcalico.org/${name}`]
const ip = (pod: string): string => cluster.client.get<Pod>('pods', 'default', pod).status.podIP!
const rules = (node: string): string[] => network(node).routes.rules.list().map((r) => `${r.priority} ${formatRule(r)}`).filter((r) => r.startsWith('99 '))

function connect(from: NetworkNamespace, address: string): Journey {
  const connection = from.sockets.connect({ address, port: 80 }, {})
  cluster.clock.runFor(1_000)
  connection.abort()
  cluster.clock.runFor(50)
  return connection.journey!
}
/** The devices that a packet goes into a tunnel by, and the headers outside. */
const tunnels = ({ hops }: Journey): string[] => hops.filter((h) => h.stage === 'encapsulate').map((h) => h.interface!)

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ nodes: 3, cni: 'calico' })) as SimulatedCluster
  for (const [name, nodeName] of [['web', 'worker-1'], ['client', 'worker-2'], ['other', 'worker-1']]) cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { nodeName, containers: [{ name: 'c', image: 'nginx:1.27.5' }] } } as unknown as KubeObject)
  cluster.clock.runFor(20_000)
  cluster.settle()
})

it('nothing is encrypted unless it is asked for', () => {
  expect(tunnels(connect(cluster.podNetwork('default', 'client')!, ip('web')))).toEqual(['tunl0'])
  expect([device('worker-1'), rules('worker-1')]).toEqual([undefined, []])
})

it('every node has a key, an address, a table of its own and a rule that leads there', () => {
  felix({ wireguardEnabled: true })
  const own = device('worker-1')!
  expect([own.listenPort, own.mtu, own.fwmark, own.up]).toEqual([51_820, 1440, 0x200000, true])
  expect(own.publicKey).toBe(note('worker-1', 'WireguardPublicKey'))
  expect(own.addresses.map((a) => a.address)).toEqual([note('worker-1', 'IPv4WireguardInterfaceAddr')])
  // as `ip rule` shows it on a node of Calico's
  expect(rules('worker-1')).toEqual(['99 not from all fwmark 0x200000/0x200000 lookup 1'])
  const peer = own.peers.find((p) => p.publicKey === note('worker-2', 'WireguardPublicKey'))!
  const [block] = peer.allowedIps
  expect(peer.endpoint).toEqual({ address: '172.18.0.4', port: 51_820 })
  expect(peer.allowedIps).toEqual([block, `${note('worker-2', 'IPv4WireguardInterfaceAddr')!}/32`, `${note('worker-2', 'IPv4IPIPTunnelAddr')!}/32`])
  const table = network('worker-1').routes.list('1').map((r) => formatRoute(r).trim())
  expect(table).toContain(`${block!} dev wireguard.cali scope link`)
  expect(table.filter((r) => r.startsWith('throw'))).toHaveLength(1)
})

it('Pods of two nodes, and a node and a Pod, speak through it; on one node nothing changes', () => {
  const journey = connect(cluster.podNetwork('default', 'client')!, ip('web'))
  expect(journey).toMatchObject({ verdict: 'delivered', sourceSeenByServer: ip('client') })
  expect([tunnels(journey), journey.hops.filter((h) => h.stage === 'decapsulate').map((h) => h.interface)]).toEqual([['wireguard.cali'], ['wireguard.cali']])
  expect(connect(network('worker-2'), ip('web'))).toMatchObject({ verdict: 'delivered', sourceSeenByServer: note('worker-2', 'IPv4WireguardInterfaceAddr') })
  expect(tunnels(connect(cluster.podNetwork('default', 'other')!, ip('web')))).toEqual([])
  expect(tunnels(connect(network('worker-2'), '172.18.0.3'))).toEqual([])
})

it('Felix lets its own packets pass whatever policies of hosts say', () => {
  const saved = network('worker-1').netfilter.save('filter')
  expect(saved).toMatch(/-A cali-INPUT -p udp .*"Allow incoming IPv4 Wireguard packets" -m multiport --dports 51820 -m addrtype --dst-type LOCAL -j ACCEPT/)
  expect(saved).toMatch(/-A cali-OUTPUT -p udp .*"Allow outgoing IPv4 Wireguard packets" -m multiport --dports 51820 -m addrtype --src-type LOCAL -j ACCEPT/)
})

it('a node without it is spoken with in the clear, both ways', () => {
  cluster.client.create('felixconfigurations.crd.projectcalico.org', undefined, { apiVersion: 'crd.projectcalico.org/v1', kind: 'FelixConfiguration', metadata: { name: 'node.worker-1' }, spec: { wireguardEnabled: false } } as unknown as KubeObject)
  cluster.clock.runFor(2_000)
  cluster.settle()
  expect([device('worker-1'), rules('worker-1'), note('worker-1', 'WireguardPublicKey')]).toEqual([undefined, [], undefined])
  expect(tunnels(connect(cluster.podNetwork('default', 'client')!, ip('web')))).toEqual(['tunl0'])
  expect(device('worker-2')!.peers).toHaveLength(1)
  cluster.client.delete('felixconfigurations.crd.projectcalico.org', undefined, 'node.worker-1')
  cluster.clock.runFor(2_000)
  expect(tunnels(connect(cluster.podNetwork('default', 'client')!, ip('web')))).toEqual(['wireguard.cali'])
})

it('another port and MTU; what somebody removed comes back; switched off, all of it goes', () => {
  felix({ wireguardListeningPort: 51_999, wireguardMTU: 1400 })
  expect([device('worker-1')!.listenPort, device('worker-1')!.mtu, device('worker-1')!.peers.map((p) => p.endpoint!.port)]).toEqual([51_999, 1400, [51_999, 51_999]])
  network('worker-1').removeLink('wireguard.cali')
  cluster.clock.runFor(95_000)
  cluster.settle()
  expect(connect(cluster.podNetwork('default', 'client')!, ip('web'))).toMatchObject({ verdict: 'delivered' })
  expect(device('worker-2')!.peers.map((p) => p.publicKey)).toContain(device('worker-1')!.publicKey)
  felix({ wireguardEnabled: false })
  expect([device('worker-1'), rules('worker-1'), network('worker-1').routes.list('1'), note('worker-1', 'IPv4WireguardInterfaceAddr')]).toEqual([undefined, [], [], undefined])
  expect(tunnels(connect(cluster.podNetwork('default', 'client')!, ip('web')))).toEqual(['tunl0'])
})
