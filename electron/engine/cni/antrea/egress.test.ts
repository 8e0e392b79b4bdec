import { beforeAll, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Pod } from '../../kubernetes/types.ts'
import { EGRESSES, EXTERNAL_IP_POOLS } from './crds.ts'
import type { Egress, ExternalIPPool } from './egress.ts'

/** Egress: selected Pods leave the cluster with the address that one node holds. */
let cluster: Cluster
const INTERNET = '192.0.2.53'
const CRD = 'crd.antrea.io/v1beta1'

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ cni: 'antrea' }))
  cluster.settle()
  for (const [name, node, app] of [['one', 'worker-1', 'web'], ['two', 'worker-2', 'web'], ['other', 'worker-2', 'other']] as const) {
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app } }, spec: { nodeName: node, containers: [{ name: 'main', image: 'busybox', command: ['sleep', '3600'] }] } } as unknown as KubeObject)
  }
  cluster.settle()
})

function create(resource: string, object: object): void {
  cluster.client.create(resource, undefined, object as KubeObject)
  cluster.settle()
  cluster.clock.runFor(500)
}

function connect(from: string): Journey {
  const connection = cluster.podNetwork('default', from)!.sockets.connect({ address: INTERNET, port: 80 }, {})
  cluster.clock.runFor(500)
  connection.abort()
  cluster.clock.runFor(100)
  return connection.journey!
}
const seen = (from: string): string | undefined => connect(from).sourceSeenByServer
const egress = (): Egress => cluster.client.get<Egress>(EGRESSES, undefined, 'web')

it('without one a Pod leaves with the address of its node', () => {
  expect([seen('one'), seen('two')]).toEqual(['172.18.0.3', '172.18.0.4'])
})

it('an address out of a pool, on one of its nodes; the others send through the tunnel', () => {
  create(EXTERNAL_IP_POOLS, { apiVersion: CRD, kind: 'ExternalIPPool', metadata: { name: 'pool' }, spec: { ipRanges: [{ start: '172.18.0.200', end: '172.18.0.203' }, { cidr: '172.18.1.0/29' }], nodeSelector: { matchLabels: { 'kubernetes.io/hostname': 'worker-2' } } } })
  create(EGRESSES, { apiVersion: CRD, kind: 'Egress', metadata: { name: 'web' }, spec: { appliedTo: { podSelector: { matchLabels: { app: 'web' } } }, externalIPPool: 'pool' } })
  expect(egress()).toMatchObject({ spec: { egressIP: '172.18.0.200' }, status: { egressIP: '172.18.0.200', egressNode: 'worker-2', conditions: [{ type: 'IPAllocated', status: 'True' }, { type: 'IPAssigned', status: 'True', reason: 'Assigned' }] } })
  expect(cluster.client.get<ExternalIPPool>(EXTERNAL_IP_POOLS, undefined, 'pool').status).toEqual({ usage: { total: 10, used: 1 } })

  const journey = connect('one')
  expect(journey).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '172.18.0.200' })
  expect(journey.hops.filter((h) => h.explanation === 'ovs-egress').map((h) => h.machine)).toEqual(['worker-1', 'worker-2'])
  expect(journey.hops.find((h) => h.stage === 'snat')!.decidedBy!.text).toBe('-A ANTREA-POSTROUTING ! -o antrea-gw0 -m comment --comment "Antrea: SNAT Pod to external packets" -m mark --mark 0x1/0xff -j SNAT --to-source 172.18.0.200')
  expect([seen('two'), seen('other')]).toEqual(['172.18.0.200', '172.18.0.4'])
})

it('a Pod that loses the label leaves with its node again; inside the cluster nothing changes', () => {
  cluster.client.patch('pods', 'default', 'one', 'application/merge-patch+json', { metadata: { labels: { app: 'no' } } })
  cluster.settle()
  expect([seen('one'), seen('two')]).toEqual(['172.18.0.3', '172.18.0.200'])
  cluster.client.patch('pods', 'default', 'one', 'application/merge-patch+json', { metadata: { labels: { app: 'web' } } })
  cluster.settle()
  const { podIP } = cluster.client.get<Pod>('pods', 'default', 'two').status
  const connection = cluster.podNetwork('default', 'one')!.sockets.connect({ address: podIP!, port: 80 }, {})
  cluster.clock.runFor(100)
  connection.abort()
  expect(connection.journey!.verdict).toBe('refused')
  expect(connection.journey!.hops.map((h) => h.explanation)).not.toContain('ovs-egress')
  expect(connection.journey!.hops.map((h) => h.stage)).not.toContain('snat')
})

it('the address goes where the pool may be now, and with the Egress it goes away', () => {
  cluster.client.patch(EXTERNAL_IP_POOLS, undefined, 'pool', 'application/merge-patch+json', { spec: { nodeSelector: { matchLabels: { 'kubernetes.io/hostname': 'worker-1' } } } })
  cluster.settle()
  cluster.clock.runFor(500)
  expect(egress().status!.egressNode).toBe('worker-1')
  expect([seen('one'), seen('two')]).toEqual(['172.18.0.200', '172.18.0.200'])
  cluster.client.delete(EGRESSES, undefined, 'web')
  cluster.settle()
  expect([seen('one'), seen('two')]).toEqual(['172.18.0.3', '172.18.0.4'])
  for (const node of ['worker-1', 'worker-2']) expect(cluster.nodes.get(node)!.network.links.get('antrea-egress0')!.addresses.filter((a) => a.scope === 'global')).toEqual([])
})

it('what it does not do it says', () => {
  const bad = (spec: object): (() => void) => () => create(EGRESSES, { apiVersion: CRD, kind: 'Egress', metadata: { name: 'bad' }, spec: { appliedTo: {}, ...spec } })
  expect(bad({})).toThrow('must validate')
  expect(bad({ egressIPs: ['172.18.0.9'], egressIP: '172.18.0.9' })).toThrow('podhop: not simulated: egressIPs of Egress of Antrea')
})
