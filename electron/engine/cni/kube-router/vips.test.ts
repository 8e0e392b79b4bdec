import { expect, it } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { formatRoute } from '../../network/format.ts'
import { answer } from './gobgp.ts'
import { speakerOf } from './routing.ts'

/** kube-router's "BGP peering outside the cluster" and "advertising IPs" (docs/bgp.md): the router outside is the peer of every node. */
it('tells the router outside of Pods and of Services\' addresses, of Local ones from nodes with an endpoint, and tells other nodes of Pods alone', () => {
  const cluster = createCluster(parseClusterConfig({ nodes: 3, cni: 'kube-router' })) as SimulatedCluster
  cluster.settle()
  const { client, clock } = cluster
  const run = (ms: number): void => void clock.runFor(ms)
  const routes = (): string[] => cluster.router.network.routes.list('main').filter((r) => r.protocol === 'bgp').map((r) => formatRoute(r).replace(/ *\n\t/g, ', ').replace(/ proto bgp metric 20|nexthop | dev eth0| weight 1/g, '').trim())
  const connect = (address: string): Journey => {
    const connection = cluster.laptop.network.sockets.connect({ address, port: 80 }, {})
    run(500)
    connection.abort()
    run(50)
    return connection.journey!
  }
  cluster.router.start({ argv: ['vtysh', ...['conf t', 'router bgp 65000', 'no bgp ebgp-requires-policy', 'neighbor k8s peer-group', 'neighbor k8s remote-as 64512', 'bgp listen range 172.18.0.0/16 peer-group k8s'].flatMap((c) => ['-c', c])], program: cluster.programs.find('vtysh')!, files: new Map() })
  client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { app: 'web' } }, spec: { nodeName: 'worker-2', containers: [{ name: 'c', image: 'nginx:1.27.5' }] } } as unknown as KubeObject)
  client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { clusterIP: '10.96.0.80', type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80 }], externalIPs: ['198.18.0.5'] } } as unknown as KubeObject)
  const set = client.get<KubeObject & { spec: { template: { spec: { containers: { args: string[] }[] } } } }>('daemonsets', 'kube-system', 'kube-router')
  const [container] = set.spec.template.spec.containers
  client.patch('daemonsets', 'kube-system', 'kube-router', 'application/json-patch+json', [{ op: 'replace', path: '/spec/template/spec/containers/0/args', value: [...container!.args, '--peer-router-ips=172.18.0.1', '--peer-router-asns=65000', '--advertise-external-ip=true'] }])
  run(150_000)
  expect(routes()).toEqual(['10.244.0.0/24 via 172.18.0.2', '10.244.1.0/24 via 172.18.0.3', '10.244.2.0/24 via 172.18.0.4', '198.18.0.5, via 172.18.0.2, via 172.18.0.3, via 172.18.0.4'])
  expect(connect('198.18.0.5').verdict).toBe('delivered')
  client.patch('services', 'default', 'web', 'application/merge-patch+json', { metadata: { annotations: { 'kube-router.io/service.advertise.clusterip': 'true' } }, spec: { externalTrafficPolicy: 'Local' } })
  run(1_000)
  expect(routes().slice(0, 1).concat(routes().slice(-1))).toEqual(['10.96.0.80 via 172.18.0.4', '198.18.0.5 via 172.18.0.4'])
  expect(connect('198.18.0.5')).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '192.0.2.10' })
  const ask = (...args: string[]): string => answer(speakerOf(cluster.nodes.get('worker-2')!.network), clock, args)
  expect(ask('neighbor', '172.18.0.1', 'adj-out').split('\n').slice(1, -1).map((l) => l.trim().split(/ +/).slice(1, 4).join(' '))).toEqual(['10.244.2.0/24 172.18.0.4 64512', '198.18.0.5/32 172.18.0.4 64512', '10.96.0.80/32 172.18.0.4 64512'])
  expect(ask('neighbor', '172.18.0.3', 'adj-out')).not.toContain('198.18.0.5')
  expect(cluster.nodes.get('worker-1')!.network.routes.list('main').some((r) => r.destination.startsWith('198.18.'))).toBe(false)
})
