import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SmallCluster } from '../../cni/small-cluster.samples.ts'
import { putService, putSlice } from '../services.samples.ts'

type Change = { kind: 'service' | 'headless' | 'gone' | 'slice'; service: number; endpoints: number; wait: number; local: boolean }

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('service', 'service', 'slice', 'slice', 'slice', 'headless', 'gone'),
  service: fc.integer({ min: 0, max: 4 }),
  // Above 1,000 endpoints in all, chains that nobody uses any more are left for a while.
  endpoints: fc.constantFrom(0, 1, 2, 5, 600),
  wait: fc.constantFrom(0, 10, 400, 1100, 40_000),
  local: fc.boolean(),
})

function make(cluster: SmallCluster, { kind, service, endpoints, local }: Change): void {
  const name = `web-${service}`
  const present = cluster.store.client.list('services').items.some((s) => s.metadata.name === name)
  if (kind === 'slice') putSlice(cluster.store, 'default', name, [{ port: 80 }], Array.from({ length: endpoints }, (_, i) => ({ ip: `10.244.${1 + (i >> 8)}.${i & 255}`, node: `worker-${1 + (i % 2)}` })))
  else if (kind === 'gone') {
    if (present) cluster.store.remove('services', 'default', name)
  } else putService(cluster.store, 'default', name, kind === 'headless' ? 'None' : `10.96.0.${20 + service}`, [{ port: 80 }], local ? { internalTrafficPolicy: 'Local' } : {})
}

/** The rules without what counts packets: nobody sends any. */
const rulesOf = (cluster: SmallCluster, node: string): string => cluster.nodes.get(node)!.network.netfilter.save()

test('rules that are made when somebody looks are those that were there all the time', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 25 }), (changes) => {
      const [watched, left] = [new SmallCluster('bridge'), new SmallCluster('bridge')]
      for (const cluster of [watched, left]) {
        cluster.startProxies()
        cluster.clock.runFor(2000)
      }
      rulesOf(watched, 'worker-1')
      for (const each of changes) {
        for (const cluster of [watched, left]) {
          make(cluster, each)
          cluster.clock.runFor(each.wait)
        }
        rulesOf(watched, 'worker-1')
      }
      expect(rulesOf(left, 'worker-1')).toBe(rulesOf(watched, 'worker-1'))
    }),
    { numRuns: 40 },
  )
})

test('what a stopped proxy leaves behind does not change any more', () => {
  const cluster = new SmallCluster('bridge')
  const proxies = cluster.startProxies()
  cluster.clock.runFor(2000)
  putService(cluster.store, 'default', 'web', '10.96.0.20', [{ port: 80 }])
  putSlice(cluster.store, 'default', 'web', [{ port: 80 }], [{ ip: '10.244.1.9' }])
  cluster.clock.runFor(3000)
  proxies.get('worker-1')!.stop()
  putSlice(cluster.store, 'default', 'web', [{ port: 80 }], [{ ip: '10.244.2.9' }])
  cluster.clock.runFor(3000)
  expect(rulesOf(cluster, 'worker-1')).toContain('--to-destination 10.244.1.9:80')
  expect(rulesOf(cluster, 'worker-1')).not.toContain('10.244.2.9')
  expect(rulesOf(cluster, 'worker-2')).toContain('--to-destination 10.244.2.9:80')
})

test('a rule that a person wrote is there beside them, whoever comes first', () => {
  const cluster = new SmallCluster('bridge')
  cluster.startProxies()
  cluster.clock.runFor(2000)
  putService(cluster.store, 'default', 'web', '10.96.0.20', [{ port: 80 }])
  cluster.clock.runFor(3000)
  const { netfilter } = cluster.nodes.get('worker-1')!.network
  expect(netfilter.command(['-A', 'KUBE-SERVICES', '-s', '1.2.3.4', '-j', 'DROP']).code).toBe(0)
  expect(netfilter.command(['-S', 'KUBE-SERVICES']).stdout).toMatch(/default\/web has no endpoints.*\n.*1\.2\.3\.4/)
})
