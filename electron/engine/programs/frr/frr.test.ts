import { beforeAll, expect, it } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { CallbackFile } from '../../machine/files.ts'
import { formatRoute } from '../../network/format.ts'
import { decodeUtf8 } from '../../text.ts'

/** The router outside, with Calico's nodes as its neighbours: Calico's documentation "Configure BGP peering", the top of rack's side. */
let cluster: SimulatedCluster

function vtysh(...commands: string[]): string {
  let text = ''
  const file = (): CallbackFile => new CallbackFile(cluster.clock, (bytes) => (text += decodeUtf8(bytes)))
  cluster.router.start({ argv: ['vtysh', ...commands.flatMap((c) => ['-c', c])], program: cluster.programs.find('vtysh')!, files: new Map([[1, file()], [2, file()]]) })
  cluster.clock.runFor(100)
  return text
}
const ways = (machine: SimulatedCluster['router']): string[] => machine.network.routes.list('main').filter((r) => r.protocol === 'bgp' || r.protocol === 'ospf').map((r) => formatRoute(r).trim())
const peerOf = (address: string): string => vtysh('show bgp summary').split('\n').find((l) => l.startsWith(address))?.replace(/ +/g, ' ') ?? ''

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ nodes: 2, cni: 'calico' })) as SimulatedCluster
  cluster.settle()
  cluster.client.create('bgppeers.crd.projectcalico.org', undefined, { apiVersion: 'crd.projectcalico.org/v1', kind: 'BGPPeer', metadata: { name: 'tor' }, spec: { peerIP: '172.18.0.1', asNumber: 64513 } } as unknown as KubeObject)
  cluster.clock.runFor(10_000)
})

it('speaks with nobody before it is told to, and then hears nothing without a policy (RFC 8212)', () => {
  expect(vtysh('show bgp summary')).toBe('% BGP instance not found\n')
  expect(vtysh('conf t', 'router bgp 64513', 'neighbor 172.18.0.2 remote-as 64512', 'neighbor 172.18.0.3 remote-as 64999')).toBe('')
  cluster.clock.runFor(20_000)
  expect(peerOf('172.18.0.2')).toMatch(/^172\.18\.0\.2 4 64512 \d+ \d+ 0 0 0 00:00:\d\d \(Policy\) \(Policy\) N\/A$/)
  // another number than it has
  expect(peerOf('172.18.0.3')).toMatch(/ never (Active|Connect|OpenSent) 0 N\/A$/)
  expect([ways(cluster.router), ways(cluster.laptop)]).toEqual([[], []])
})

it('with a route map the nodes\' blocks become routes of the router, and of who is behind it', () => {
  expect(vtysh('configure terminal', 'route-map ALL permit 10', 'exit', 'router bgp 64513', 'neighbor 172.18.0.3 remote-as 64512', 'neighbor 172.18.0.2 route-map ALL in', 'neighbor 172.18.0.2 route-map NONE out', 'no bgp ebgp-requires-policy', 'end')).toBe("The route-map 'NONE' does not exist.\n")
  cluster.clock.runFor(60_000)
  expect(ways(cluster.router)).toEqual(['10.244.16.64/26 via 172.18.0.3 dev eth0 proto bgp metric 20', '10.244.121.64/26 via 172.18.0.2 dev eth0 proto bgp metric 20'])
  expect(ways(cluster.laptop)).toEqual(['10.244.16.64/26 via 192.0.2.1 dev eth0 proto ospf metric 20', '10.244.121.64/26 via 192.0.2.1 dev eth0 proto ospf metric 20'])
  expect(vtysh('show ip bgp')).toContain('\n   Network          Next Hop            Metric LocPrf Weight Path\n*> 10.244.16.64/26  172.18.0.3                             0 64512 i\n*> 10.244.121.64/26 172.18.0.2                             0 64512 i\n\nDisplayed  2 routes and 2 total paths\n')
  expect(vtysh('show ip route bgp')).toMatch(/\n\nB>\* 10\.244\.16\.64\/26 \[20\/0\] via 172\.18\.0\.3, eth0, weight 1, 00:0\d:\d\d\nB>\* /)
  expect(vtysh('show bgp summary')).toMatch(/^\nIPv4 Unicast Summary \(VRF default\):\nBGP router identifier 192\.0\.2\.1, local AS number 64513 vrf-id 0\nBGP table version \d+\nRIB entries 3, using 576 bytes of memory\nPeers 2, using 1434 KiB of memory\n\nNeighbor {8}V {9}AS {3}MsgRcvd/)
  expect(vtysh('show running-config')).toContain('\nrouter bgp 64513\n no bgp ebgp-requires-policy\n neighbor 172.18.0.2 remote-as 64512\n neighbor 172.18.0.3 remote-as 64512\n !\n address-family ipv4 unicast\n  neighbor 172.18.0.2 route-map ALL in\n  neighbor 172.18.0.2 route-map NONE out\n exit-address-family\nexit\n!\nroute-map ALL permit 10\n')
})

it('a network of its own reaches the nodes that it tells; a range of neighbours takes the place of names', () => {
  const learnt = (node: string): string[] => cluster.nodes.get(node)!.network.routes.list('main').filter((r) => r.protocol === 'bird' && r.via === '172.18.0.1').map((r) => r.destination)
  vtysh('conf t', 'router bgp 64513', 'network 192.0.2.0/24', 'network 10.99.0.0/16')
  cluster.clock.runFor(1_000)
  // the route map NONE is not there: nothing passes
  expect([learnt('worker-1'), learnt('control-plane')]).toEqual([['192.0.2.0/24'], []])
  vtysh('conf t', 'router bgp 64513', 'no neighbor 172.18.0.2', 'no neighbor 172.18.0.3', 'neighbor nodes peer-group', 'neighbor nodes remote-as external', 'bgp listen range 172.18.0.0/16 peer-group nodes')
  expect([ways(cluster.router), ways(cluster.laptop)]).toEqual([[], []])
  cluster.clock.runFor(30_000)
  expect(ways(cluster.router)).toHaveLength(2)
  expect(vtysh('show bgp summary')).toMatch(/\n\*172\.18\.0\.2 {5}4 {6}64512 .*\n\*172\.18\.0\.3 .*\n\nTotal number of neighbors 2\n\* - dynamic neighbor\n2 dynamic neighbor\(s\), limit 100\n$/)
  expect([learnt('worker-1'), learnt('control-plane')]).toEqual([['192.0.2.0/24'], ['192.0.2.0/24']])
})

it('says what it is asked wrongly, and what is not here', () => {
  expect(vtysh('conf t', 'router bgp 65000')).toBe('BGP is already running; AS is 64513\n')
  expect(vtysh('conf t', 'router bgp', 'neighbor 172.18.0.9 shutdown')).toBe('% Specify remote-as or peer-group commands first\n')
  expect(vtysh('conf t', 'router bgp', 'neighbor 172.18.0.9 password x')).toBe('% Specify remote-as or peer-group commands first\n')
  expect(vtysh('conf t', 'router bgp', 'neighbor nodes password x')).toContain('podhop: not simulated: vtysh neighbor nodes password x (')
  expect(vtysh('show isis')).toContain('podhop: not simulated: vtysh show isis (')
  vtysh('conf t', 'no router bgp 64513')
  expect([ways(cluster.router), ways(cluster.laptop), vtysh('show ip bgp')]).toEqual([[], [], '% BGP instance not found\n'])
})
