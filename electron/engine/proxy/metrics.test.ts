import { expect, test } from 'vitest'
import { Clock } from '../clock.ts'
import { ObjectStore } from '../cni/objects.samples.ts'
import type { NodeContext } from '../cni/types.ts'
import { ServiceCache } from './cache.ts'
import type { ProxyHealth } from './health.ts'
import { proxyMetrics } from './metrics.ts'
import { putService, putSlice } from './services.samples.ts'

const both = { internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local', type: 'NodePort' }
const NOTHING = { syncedAt: new Map(), queuedAt: new Map(), states: new Map(), answered: { healthz: new Map(), livez: new Map() }, cleaned: new Map() }
const here = ['test-node', 'host1', 'host2']
const away = ['host0', 'host1', 'host2']

/** TestNoEndpointsMetric of pkg/proxy/iptables/proxier_test.go of v1.33, told again. */
test.each<[string, object, string[], number, number]>([
  ['internal, with local endpoints', { internalTrafficPolicy: 'Local' }, here, 0, 0],
  ['external, with local endpoints', { externalTrafficPolicy: 'Local', type: 'NodePort' }, here, 0, 0],
  ['both, with local endpoints', both, here, 0, 0],
  ['internal, all away', { internalTrafficPolicy: 'Local' }, away, 1, 0],
  ['external, all away', { externalTrafficPolicy: 'Local', type: 'NodePort' }, away, 0, 1],
  ['both, all away', both, away, 1, 1],
  ['both, none at all', both, [], 0, 0],
])('Services without a local endpoint are counted: %s', (_, spec, nodes, internal, external) => {
  const clock = new Clock({ seed: 1 })
  const store = new ObjectStore(clock)
  putService(store, 'ns1', 'svc1', '172.30.1.1', [{ port: 80, nodePort: 123 }], spec)
  if (nodes.length > 0) putSlice(store, 'ns1', 'svc1', [{ port: 80 }], nodes.map((node, i) => ({ ip: `10.0.1.${i + 1}`, node })))
  const cache = new ServiceCache(store.client, 4, () => undefined)
  const context = { name: 'test-node', clock, config: { ipFamilies: ['IPv4'] } } as unknown as NodeContext
  const text = proxyMetrics(context, 'nftables', { ...NOTHING, states: new Map([[4, cache]]) } as unknown as ProxyHealth)
  const value = (policy: string): string | undefined => new RegExp(`^kubeproxy_sync_proxy_rules_no_local_endpoints_total\\{ip_family="IPv4",traffic_policy="${policy}"\\} (.*)$`, 'm').exec(text)?.[1]
  expect([value('internal'), value('external')]).toEqual([String(internal), String(external)])
  cache.stop()
})
