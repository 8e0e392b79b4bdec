import { beforeAll, expect, it } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Service } from '../../kubernetes/types.ts'
import { formatRoute } from '../../network/format.ts'

/** Calico's "Advertise Kubernetes service IP addresses", with the router outside as the peer. */
const API = 'crd.projectcalico.org/v1'
let cluster: SimulatedCluster

const routes = (): string[] => cluster.router.network.routes.list('main').filter((r) => r.protocol === 'bgp' && !r.destination.startsWith('10.244.')).map((r) => formatRoute(r).replace(/ *\n\t/g, ', ').replace(/ proto bgp metric 20|nexthop | dev eth0| weight 1/g, '').trim())

function configure(spec: object): void {
  cluster.client.patch('bgpconfigurations.crd.projectcalico.org', undefined, 'default', 'application/merge-patch+json', { spec })
  cluster.clock.runFor(1_000)
}

function connect(address: string): Journey {
  const connection = cluster.laptop.network.sockets.connect({ address, port: 80 }, {})
  cluster.clock.runFor(500)
  connection.abort()
  cluster.clock.runFor(50)
  return connection.journey!
}

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ nodes: 3, cni: 'calico' })) as SimulatedCluster
  cluster.settle()
  cluster.router.start({ argv: ['vtysh', ...['conf t', 'router bgp 64513', 'no bgp ebgp-requires-policy', 'neighbor k8s peer-group', 'neighbor k8s remote-as 64512', 'bgp listen range 172.18.0.0/16 peer-group k8s'].flatMap((c) => ['-c', c])], program: cluster.programs.find('vtysh')!, files: new Map() })
  cluster.clock.runFor(100)
  cluster.client.create('bgppeers.crd.projectcalico.org', undefined, { apiVersion: API, kind: 'BGPPeer', metadata: { name: 'tor' }, spec: { peerIP: '172.18.0.1', asNumber: 64513 } } as unknown as KubeObject)
  cluster.client.create('bgpconfigurations.crd.projectcalico.org', undefined, { apiVersion: API, kind: 'BGPConfiguration', metadata: { name: 'default' }, spec: {} } as unknown as KubeObject)
  cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { app: 'web' } }, spec: { nodeName: 'worker-2', containers: [{ name: 'c', image: 'nginx:1.27.5' }] } } as unknown as KubeObject)
  cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { clusterIP: '10.96.0.80', type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80 }], externalIPs: ['198.18.0.5'] } } as unknown as KubeObject)
  cluster.clock.runFor(20_000)
  cluster.settle()
})

it('every node that may serve announces the whole range, and none takes it from another', () => {
  expect([routes(), connect('10.96.0.80').verdict === 'delivered']).toEqual([[], false])
  configure({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] })
  // kubeadm excludes control planes from load balancers
  expect(routes()).toEqual(['10.96.0.0/12, via 172.18.0.3, via 172.18.0.4'])
  expect(cluster.nodes.get('worker-1')!.network.routes.list('main').filter((r) => r.destination.startsWith('10.96.'))).toEqual([])
  expect(connect('10.96.0.80')).toMatchObject({ verdict: 'delivered' })
})

it('a Local policy adds the addresses of its Service, from nodes with an endpoint alone; external ones only within what is allowed', () => {
  cluster.client.patch('services', 'default', 'web', 'application/merge-patch+json', { spec: { externalTrafficPolicy: 'Local' } })
  cluster.clock.runFor(1_000)
  expect(routes()).toEqual(['10.96.0.0/12, via 172.18.0.3, via 172.18.0.4', '10.96.0.80 via 172.18.0.4'])
  // kube-proxy translates the source of who asks a ClusterIP from outside
  expect(connect('10.96.0.80')).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '172.18.0.4' })
  configure({ serviceExternalIPs: [{ cidr: '198.18.0.0/24' }] })
  expect(routes()).toContain('198.18.0.5 via 172.18.0.4')
  expect(connect('198.18.0.5')).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '192.0.2.10' })
  configure({ serviceClusterIPs: null, serviceExternalIPs: [{ cidr: '198.19.0.0/24' }] })
  expect(routes()).toEqual(['198.19.0.0/24, via 172.18.0.3, via 172.18.0.4'])
})

it('an address by itself is announced where it is some Service\'s; a node that is excluded announces nothing', () => {
  cluster.client.patch('services', 'default', 'web', 'application/merge-patch+json', { spec: { externalTrafficPolicy: 'Cluster', type: 'LoadBalancer' } })
  cluster.client.patch<Service>('services', 'default', 'web', 'application/merge-patch+json', { status: { loadBalancer: { ingress: [{ ip: '198.18.7.7' }] } } }, { subresource: 'status' })
  configure({ serviceExternalIPs: null, serviceLoadBalancerIPs: [{ cidr: '198.18.7.7/32' }, { cidr: '198.18.7.8/32' }] })
  expect(routes()).toEqual(['198.18.7.7, via 172.18.0.3, via 172.18.0.4'])
  cluster.client.patch('nodes', undefined, 'worker-1', 'application/merge-patch+json', { metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } } })
  cluster.clock.runFor(1_000)
  expect(routes()).toEqual(['198.18.7.7 via 172.18.0.4'])
  expect(connect('198.18.7.7').verdict).toBe('delivered')
})
