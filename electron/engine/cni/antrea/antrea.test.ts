import { describe, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { Pod } from '../../kubernetes/types.ts'
import { datapathOf } from './datapath.ts'

function born(config: Record<string, unknown> = {}): Cluster {
  const cluster = createCluster(parseClusterConfig({ cni: 'antrea', ...config }))
  cluster.settle()
  return cluster
}

function pod(cluster: Cluster, name: string, node: string): string {
  const spec = { nodeName: node, containers: [{ name: 'main', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', '--http-port=80'] }] }
  cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec })
  cluster.settle()
  return cluster.client.get<Pod>('pods', 'default', name).status.podIP!
}

function connect(cluster: Cluster, from: string, address: string, port: number): Journey {
  const connection = cluster.podNetwork('default', from)!.sockets.connect({ address, port }, {})
  cluster.clock.runFor(300)
  connection.abort()
  cluster.clock.runFor(100)
  return connection.journey!
}

describe('antrea', () => {
  it('carries Pods over Geneve', () => {
    const cluster = born()
    const unready = cluster.client.list<Pod>('pods').items.filter((p) => p.status.phase !== 'Running').map((p) => `${p.metadata.name} ${JSON.stringify(p.status)}`)
    expect(unready).toEqual([])
    const web = pod(cluster, 'web', 'worker-1')
    pod(cluster, 'client', 'worker-2')
    pod(cluster, 'near', 'worker-1')
    const far = connect(cluster, 'client', web, 80)
    if (process.env['SHOW']) for (const h of [...far.hops, ...far.reply]) process.stdout.write(`${h.machine} ${h.stage} ${h.text} [${h.decidedBy?.text ?? ''}]\n`)
    expect(far.verdict).toBe('delivered')
    expect(far.hops.map((h) => h.stage)).toContain('encapsulate')
    expect(far.reply.length).toBeGreaterThan(3)
    expect(connect(cluster, 'near', web, 80).verdict).toBe('delivered')
    expect(datapathOf(cluster.nodes.get('worker-1')!.network)).toBeDefined()
  })
})
