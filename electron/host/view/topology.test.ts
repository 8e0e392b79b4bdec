import { describe, expect, it } from 'vitest'
import { createCluster, parseClusterConfig, type Cluster } from '../../engine/cluster.ts'
import { topologyView } from './topology.ts'

function settled(config: object = {}): Cluster {
  const cluster = createCluster(parseClusterConfig(config))
  cluster.settle()
  return cluster
}

describe('the picture of the topology', () => {
  it('shows machines that are switched off before the control plane knows', () => {
    const cluster = settled()
    cluster.faults.apply(['node-down', 'worker-1'])
    const { nodes, links, pods } = topologyView(cluster)
    // a Pod without a wire has not moved to the host's network
    const coredns = Object.values(pods).filter((p) => p.name.startsWith('coredns-') && p.node === 'worker-1')
    expect(coredns.map((p) => [p.hostInterface, p.hostNetwork])).toEqual([[null, false]])
    expect(Object.values(pods).find((p) => p.name.startsWith('kube-proxy-'))!.hostNetwork).toBe(true)
    // the control plane still takes them for ready
    expect(coredns.map((p) => [p.ready, p.down])).toEqual([[true, true]])
    expect(Object.values(pods).filter((p) => p.down).map((p) => p.node)).toEqual(['worker-1', 'worker-1', 'worker-1'])
    expect(nodes['worker-1']).toMatchObject({ ready: true, down: true, faults: ['worker-1 is switched off'], interfaces: { eth0: { up: false } } })
    expect(nodes['worker-2']).toMatchObject({ down: false, faults: [] })
    expect(Object.values(links).find((l) => l.from.machine === 'worker-1')).toMatchObject({ kind: 'wire', up: false })
  })

  it('shows what is wrong with a wire, once for each pair', () => {
    const cluster = settled()
    cluster.faults.apply(['packet-loss', 'worker-2', 'worker-1', '--loss', '5%'])
    cluster.faults.apply(['slow-link', 'worker-1', 'worker-2'])
    const id = 'fault:worker-1-worker-2'
    expect(topologyView(cluster).links[id]).toMatchObject({ kind: 'fault', up: true, word: '5% loss, +200ms' })
    cluster.faults.apply(['link-down', 'worker-1', 'worker-2'])
    expect(topologyView(cluster).links[id]).toMatchObject({ up: false, word: '5% loss, +200ms, cut' })
    cluster.faults.clearAll()
    expect(topologyView(cluster).links).not.toHaveProperty(id)
  })

  it('shows the load balancer outside, and whom it serves', () => {
    const cluster = settled({ cloud: 'loadbalancer' })
    expect(topologyView(cluster).outside['load-balancer']).toEqual({ id: 'load-balancer', kind: 'load-balancer', label: 'load balancer', address: '192.0.2.40' })
    cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } })
    cluster.settle()
    expect(topologyView(cluster).outside['load-balancer']!.label).toBe('load balancer: 203.0.113.1 default/web')
    expect(topologyView(settled()).outside).not.toHaveProperty('load-balancer')
  })
})
