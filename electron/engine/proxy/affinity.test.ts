import { describe, expect, test } from 'vitest'
import { fetch, SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { IptablesProxier } from './iptables/proxier.ts'
import { IpvsProxier } from './ipvs/proxier.ts'
import { NftablesProxier } from './nftables/proxier.ts'
import { putService, putSlice } from './services.samples.ts'

/** sessionAffinity ClientIP as time goes by: each mode remembers clients by other means of the kernel. */
const PROXIERS = { iptables: IptablesProxier, nftables: NftablesProxier, ipvs: IpvsProxier }
const SERVICE = '10.96.0.20'

function world(mode: keyof typeof PROXIERS): { cluster: SmallCluster; go: (every: number, count: number) => string[]; serve: (pods: readonly PodSample[]) => void; pods: PodSample[] } {
  const cluster = new SmallCluster('flannel')
  for (const context of cluster.nodes.values()) new PROXIERS[mode](context)
  const client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
  const pods = Array.from({ length: 6 }, (_, i) => cluster.pod(`web${i}`, i % 2 ? 'worker-1' : 'worker-2', 'nginx', { files: { '/usr/share/nginx/html/index.html': String(i) } }))
  putService(cluster.store, 'default', 'web', SERVICE, [{ port: 80 }], { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } } })
  const serve = (some: readonly PodSample[]): void => {
    putSlice(cluster.store, 'default', 'web', [{ port: 80 }], some.map((p) => ({ ip: p.ip })))
    cluster.clock.runFor(1500)
  }
  serve(pods)
  const go = (every: number, count: number): string[] => Array.from({ length: count }, () => {
    cluster.clock.runFor(every * 1000)
    const { body, error } = cluster.run(client.machine, (p) => fetch(p, SERVICE, 80))
    return error ?? body
  })
  return { cluster, go, serve, pods }
}

describe.each(Object.keys(PROXIERS) as (keyof typeof PROXIERS)[])('%s', (mode) => {
  test('a client that comes again within the timeout stays, however long that goes on', () => {
    expect(new Set(world(mode).go(8, 20)).size).toBe(1)
  })

  test('one that was away for longer may be sent elsewhere', () => {
    // ipvs holds a client as long as it knows one of its connections: TIME_WAIT is two minutes there
    expect(new Set(world(mode).go(mode === 'ipvs' ? 200 : 12, 20)).size).toBeGreaterThan(3)
  })

  test('whose Pod went stays with the next, and does not come back', () => {
    const { go, serve, pods } = world(mode)
    const [first] = go(1, 1)
    serve(pods.filter((_, i) => String(i) !== first))
    const others = new Set(go(1, 6))
    expect([others.size, others.has(first!)]).toEqual([1, false])
    serve(pods)
    expect(new Set(go(1, 4))).toEqual(others)
  })
})

test('ipvs keeps a client that comes every twelve seconds: its connections hold the template', () => {
  expect(new Set(world('ipvs').go(12, 12)).size).toBe(1)
})
