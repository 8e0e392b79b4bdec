import { describe, expect, test } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster, parseClusterConfig, type Pod } from '../../cluster.ts'
import { formatRoute } from '../../network/format.ts'

/** Calico as a student meets it: whole clusters, and what its agents write on the nodes. */
function settled(encapsulation: string, config: object = {}): SimulatedCluster {
  const cluster = createCluster(parseClusterConfig({ cni: { plugin: 'calico', encapsulation }, ...config })) as SimulatedCluster
  expect(cluster.settle()).toBe(true)
  return cluster
}

function routes(cluster: SimulatedCluster, node: string): string[] {
  return cluster.nodes.get(node)!.network.routes.list('main').map((r) => formatRoute(r)).filter((r) => r.includes('10.244.') && !r.includes('dev cali'))
}

describe('a cluster with Calico', () => {
  const blocks = { 'control-plane': '10.244.121.64', 'worker-1': '10.244.16.64', 'worker-2': '10.244.16.128' }

  test.each([
    ['IPIP', [`${blocks['worker-1']}/26 via 172.18.0.3 dev tunl0 proto bird onlink`, `${blocks['worker-2']}/26 via 172.18.0.4 dev tunl0 proto bird onlink`, `blackhole ${blocks['control-plane']}/26 proto bird`]],
    ['VXLAN', [`${blocks['worker-1']}/26 via ${blocks['worker-1']} dev vxlan.calico onlink`, `${blocks['worker-2']}/26 via ${blocks['worker-2']} dev vxlan.calico onlink`, `blackhole ${blocks['control-plane']}/26 proto 80`]],
    ['VXLANCrossSubnet', [`${blocks['worker-1']}/26 via 172.18.0.3 dev eth0 proto 80 onlink`, `${blocks['worker-2']}/26 via 172.18.0.4 dev eth0 proto 80 onlink`, `blackhole ${blocks['control-plane']}/26 proto 80`]],
    ['None', [`${blocks['worker-1']}/26 via 172.18.0.3 dev eth0 proto bird`, `${blocks['worker-2']}/26 via 172.18.0.4 dev eth0 proto bird`]],
  ])('is born with %s, and has a way to every other node\'s Pods', (encapsulation, expected) => {
    const cluster = settled(encapsulation)
    const pods = cluster.client.list<Pod>('pods').items
    expect(pods.filter((p) => !p.status.conditions!.some((c) => c.type === 'Ready' && c.status === 'True')).map((p) => p.metadata.name)).toEqual([])
    expect(routes(cluster, 'control-plane')).toEqual(expected)
  })
})
