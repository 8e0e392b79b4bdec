import { beforeAll, expect, it } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { formatRoute } from '../../network/format.ts'

/** What a BGPPeer may say besides whom to speak with (the BGPPeer page of Calico's reference), with the router outside as the peer. */
const API = 'crd.projectcalico.org/v1'
const PEERS = 'bgppeers.crd.projectcalico.org'
let cluster: SimulatedCluster

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ nodes: 2, cni: 'calico' })) as SimulatedCluster
  cluster.settle()
  cluster.router.network.routes.add({ destination: '10.50.0.0/16', type: 'blackhole' })
  cluster.router.start({ argv: ['vtysh', ...['conf t', 'router bgp 64513', 'no bgp ebgp-requires-policy', 'neighbor k8s peer-group', 'neighbor k8s remote-as 64512', 'bgp listen range 172.18.0.0/16 peer-group k8s', 'bgp listen range 10.99.0.0/16 peer-group k8s', 'redistribute kernel'].flatMap((c) => ['-c', c])], program: cluster.programs.find('vtysh')!, files: new Map() })
  cluster.clock.runFor(100)
})

const node = (): SimulatedCluster['router']['network'] => cluster.nodes.get('worker-1')!.network as SimulatedCluster['router']['network']
/** Routes of BIRD's on the node, those of the mesh left out. */
const routes = (): string[] => node().routes.list('main').filter((r) => r.protocol === 'bird' && r.type !== 'blackhole' && !r.destination.startsWith('10.244.')).map((r) => formatRoute(r)).sort()
/** From where the node speaks with the router. */
const sources = (): string[] => cluster.router.network.sockets.list().filter((s) => s.state === 'ESTAB' && s.localPort === 179).map((s) => s.remoteAddress).sort()

function withPeer(spec: object, check: () => void): void {
  cluster.client.create(PEERS, undefined, { apiVersion: API, kind: 'BGPPeer', metadata: { name: 'tor' }, spec: { node: 'worker-1', peerIP: '172.18.0.1', asNumber: 64513, ...spec } } as unknown as KubeObject)
  cluster.clock.runFor(20_000)
  try {
    check()
  } finally {
    cluster.client.delete(PEERS, undefined, 'tor')
    cluster.clock.runFor(5_000)
  }
}

it('sourceAddress None leaves to the kernel what UseNodeIP says', () => {
  node().addAddress('lo', '10.99.0.1/32')
  node().routes.add({ destination: '172.18.0.1/32', device: 'eth0', source: '10.99.0.1' })
  cluster.router.network.routes.add({ destination: '10.99.0.1/32', via: '172.18.0.3' })
  withPeer({}, () => expect(sources()).toEqual(['172.18.0.3']))
  withPeer({ sourceAddress: 'UseNodeIP' }, () => expect(sources()).toEqual(['172.18.0.3']))
  withPeer({ sourceAddress: 'None' }, () => expect(sources()).toEqual(['10.99.0.1']))
  node().routes.remove({ destination: '172.18.0.1/32' })
  node().removeAddress('lo', '10.99.0.1/32')
  cluster.router.network.routes.remove({ destination: '10.99.0.1/32' })
})

it('reachableBy is a route to the peer alone, as long as the peer is one', () => {
  withPeer({ reachableBy: '172.18.0.2' }, () => {
    expect(routes()).toContain('172.18.0.1 via 172.18.0.2 dev eth0 proto bird')
  })
  expect(routes()).toEqual([])
  // the other family's gateway is nobody's
  withPeer({ reachableBy: 'fd00::1' }, () => expect(routes()).toEqual(['10.50.0.0/16 via 172.18.0.1 dev eth0 proto bird']))
})

it('maxRestartTime is how long routes of a peer that went without a word are kept', () => {
  const lost = (spec: object, after: number): string[] => {
    let left: string[] = []
    withPeer(spec, () => {
      expect(routes()).toEqual(['10.50.0.0/16 via 172.18.0.1 dev eth0 proto bird'])
      cluster.router.network.netfilter.command(['-A', 'INPUT', '-p', 'tcp', '--dport', '179', '-j', 'REJECT', '--reject-with', 'tcp-reset'])
      cluster.router.network.netfilter.command(['-A', 'INPUT', '-p', 'tcp', '--sport', '179', '-j', 'REJECT', '--reject-with', 'tcp-reset'])
      // the next keepalive meets a reset
      cluster.clock.runFor(90_000 + after)
      left = routes()
      cluster.router.network.netfilter.command(['-F', 'INPUT'])
      cluster.clock.runFor(200_000)
    })
    return left
  }
  expect(lost({}, 60_000)).toEqual(['10.50.0.0/16 via 172.18.0.1 dev eth0 proto bird'])
  expect(lost({ maxRestartTime: '10s' }, 60_000)).toEqual([])
})

it('what is not simulated says so, and a source that Calico does not know is refused', () => {
  const make = (spec: object): string => {
    try {
      cluster.client.create(PEERS, undefined, { apiVersion: API, kind: 'BGPPeer', metadata: { name: 'odd' }, spec: { peerIP: '172.18.0.1', asNumber: 64513, ...spec } } as unknown as KubeObject, { dryRun: true })
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(make({ password: { secretKeyRef: { name: 'bgp', key: 'rr' } } })).toContain("podhop: not simulated: password of Calico's BGPPeer (")
  expect(make({ sourceAddress: 'Mine' })).toContain('Unsupported value: "Mine": supported values: "UseNodeIP", "None"')
  expect(make({ sourceAddress: 'None', reachableBy: '172.18.0.2', maxRestartTime: '1m0s' })).toBe('')
})
