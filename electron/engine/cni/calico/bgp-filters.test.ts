import { beforeAll, expect, it } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { filterAction, type BgpFilterRule } from './bgp-filters.ts'

/** Calico's "BGP filter" page: what a peer is told, and what is taken from it, with the router outside as the peer. */
const API = 'crd.projectcalico.org/v1'
const BLOCK = '10.244.'
let cluster: SimulatedCluster

const make = (kind: string, name: string, spec: object): void => void cluster.client.create(`${kind.toLowerCase()}s.crd.projectcalico.org`, undefined, { apiVersion: API, kind, metadata: { name }, spec } as unknown as KubeObject)
const change = (kind: string, name: string, spec: object): void => {
  cluster.client.patch(`${kind.toLowerCase()}s.crd.projectcalico.org`, undefined, name, 'application/merge-patch+json', { spec })
  cluster.clock.runFor(1_000)
}
/** What the router has from a node. */
const told = (via: string): string[] => cluster.router.network.routes.list('main').filter((r) => r.protocol === 'bgp' && (r.via === via || r.nexthops?.some((n) => n.via === via))).map((r) => r.destination.replace(/^10\.244\.\d+\.\d+/, BLOCK)).sort()
const taken = (node: string): string[] => cluster.nodes.get(node)!.network.routes.list('main').filter((r) => r.protocol === 'bird' && r.via === '172.18.0.1').map((r) => r.destination).sort()
const sessions = (): number => cluster.router.network.sockets.list().filter((s) => s.state === 'ESTAB' && (s.localPort === 179 || s.remotePort === 179)).length

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ nodes: 3, cni: 'calico' })) as SimulatedCluster
  cluster.settle()
  for (const destination of ['10.50.0.0/16', '10.60.0.0/16', '10.60.7.0/24']) cluster.router.network.routes.add({ destination, type: 'blackhole' })
  cluster.router.start({ argv: ['vtysh', ...['conf t', 'router bgp 64513', 'no bgp ebgp-requires-policy', 'neighbor k8s peer-group', 'neighbor k8s remote-as 64512', 'bgp listen range 172.18.0.0/16 peer-group k8s', 'redistribute kernel'].flatMap((c) => ['-c', c])], program: cluster.programs.find('vtysh')!, files: new Map() })
  cluster.clock.runFor(100)
  for (const node of ['worker-1', 'worker-2']) cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: `on-${node}` }, spec: { nodeName: node, containers: [{ name: 'c', image: 'nginx:1.27.5' }] } } as unknown as KubeObject)
  make('BGPPeer', 'tor', { peerIP: '172.18.0.1', asNumber: 64513, filters: ['first', 'second'] })
  cluster.clock.runFor(20_000)
  cluster.settle()
})

it('names that nobody has filter nothing', () => {
  expect(taken('worker-1')).toEqual(['10.50.0.0/16', '10.60.0.0/16', '10.60.7.0/24'])
  expect(told('172.18.0.3')).toEqual([`${BLOCK}/26`])
})

it('import: the first rule that matches decides, and the session stays', () => {
  const before = sessions()
  expect(before).toBeGreaterThan(0)
  make('BGPFilter', 'first', { importV4: [{ action: 'Accept', matchOperator: 'Equal', cidr: '10.60.7.0/24' }, { action: 'Reject', matchOperator: 'In', cidr: '10.60.0.0/16' }] })
  cluster.clock.runFor(1_000)
  expect(taken('worker-1')).toEqual(['10.50.0.0/16', '10.60.7.0/24'])
  change('BGPFilter', 'first', { importV4: [{ action: 'Reject', matchOperator: 'NotIn', cidr: '10.50.0.0/16' }] })
  expect(taken('worker-1')).toEqual(['10.50.0.0/16'])
  change('BGPFilter', 'first', { importV4: null })
  expect(taken('worker-1')).toEqual(['10.50.0.0/16', '10.60.0.0/16', '10.60.7.0/24'])
  expect(sessions()).toBe(before)
})

it('export: a block is kept back, a link’s network let out, and a rule of a second filter comes after those of the first', () => {
  change('BGPFilter', 'first', { exportV4: [{ action: 'Reject', matchOperator: 'In', cidr: '10.244.0.0/16', prefixLength: { min: 26, max: 28 } }] })
  expect(told('172.18.0.3')).toEqual([])
  make('BGPFilter', 'second', { exportV4: [{ action: 'Accept', matchOperator: 'In', cidr: '10.244.0.0/16' }, { action: 'Accept', interface: 'eth*' }] })
  cluster.clock.runFor(1_000)
  // tunl0's address; eth0's network is one that the router has already
  expect(told('172.18.0.3')).toEqual([`${BLOCK}/32`])
  change('BGPFilter', 'first', { exportV4: [{ action: 'Reject', matchOperator: 'In', cidr: '10.244.0.0/16', source: 'RemotePeers' }] })
  expect(told('172.18.0.3')).toEqual([`${BLOCK}/26`, `${BLOCK}/32`])
  // between themselves nodes are told as ever
  expect(cluster.nodes.get('worker-1')!.network.routes.list('main').some((r) => r.protocol === 'bird' && r.via === '172.18.0.4')).toBe(true)
})

it('a pool that is not exported is told whom a filter lets', () => {
  change('IPPool', 'default-ipv4-ippool', { disableBGPExport: true })
  change('BGPFilter', 'second', { exportV4: null })
  expect(told('172.18.0.4')).toEqual([])
  change('BGPFilter', 'second', { exportV4: [{ action: 'Accept', matchOperator: 'In', cidr: '10.244.0.0/16', prefixLength: { max: 26 } }] })
  expect(told('172.18.0.4')).toEqual([`${BLOCK}/26`])
  cluster.client.delete('bgpfilters.crd.projectcalico.org', undefined, 'second')
  cluster.clock.runFor(1_000)
  expect(told('172.18.0.4')).toEqual([])
})

it.each<[rule: Omit<BgpFilterRule, 'action'>, prefixes: string[]]>([
  [{}, ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '192.168.0.0/16']],
  [{ cidr: '10.0.0.0/8', matchOperator: 'In' }, ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24']],
  [{ cidr: '10.0.0.0/8', matchOperator: 'NotIn' }, ['192.168.0.0/16']],
  [{ cidr: '10.1.0.0/16', matchOperator: 'Equal' }, ['10.1.0.0/16']],
  [{ cidr: '10.1.0.0/16', matchOperator: 'NotEqual' }, ['10.0.0.0/8', '10.1.2.0/24', '192.168.0.0/16']],
  [{ cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 16, max: 23 } }, ['10.1.0.0/16']],
  [{ cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { max: 16 } }, ['10.0.0.0/8', '10.1.0.0/16']],
  [{ source: 'RemotePeers' }, []],
  [{ interface: 'eth*' }, ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '192.168.0.0/16']],
  [{ interface: '*.calico' }, []],
])('%j matches %j', (rule, prefixes) => {
  const filters = new Map([['f', { exportV4: [{ action: 'Reject' as const, ...rule }] }]])
  expect(['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '192.168.0.0/16'].filter((prefix) => filterAction(filters, ['f'], 'export', 4, { prefix, remote: false, device: 'eth0' }) === 'Reject')).toEqual(prefixes)
})
