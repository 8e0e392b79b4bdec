import { beforeEach, describe, expect, test } from 'vitest'
import { fetch, SmallCluster } from '../cni/small-cluster.samples.ts'
import type { Node } from '../kubernetes/types.ts'
import { ServiceCache } from './cache.ts'
import { ProxyHealth } from './health.ts'
import { proxyMetrics } from './metrics.ts'
import { putService, putSlice, type EndpointSample } from './services.samples.ts'

/** TestHealthzServer, TestLivezServer and TestServer of pkg/proxy/healthcheck/healthcheck_test.go of v1.33, told again. */
const LATE = 61_000
let cluster: SmallCluster
let health: ProxyHealth
let cache: ServiceCache

beforeEach(() => {
  cluster = new SmallCluster('flannel')
  cluster.nodes.get('worker-1')!.machine.start({
    argv: ['kube-proxy'], files: new Map(),
    program: function* (process) {
      health = new ProxyHealth(process, 'worker-1', () => undefined)
      yield* process.sleep(1e9)
      return 0
    },
  })
  cluster.clock.runFor(10)
  cache = new ServiceCache(cluster.store.client, 4, () => undefined)
})

/** Status, and the body without its times. */
function ask(path: string, port = 10_256): string {
  const { head, body } = cluster.run(cluster.outside, (p) => fetch(p, '172.18.0.2', port, path))
  return `${head!.status} ${body.replaceAll(/"20[^"]*"/g, '…')}`
}
/** What both answer: nodeEligible is of /healthz alone. */
const both = (): string[] => [ask('/healthz'), ask('/livez')]
const written = (...families: (4 | 6)[]): void => families.forEach((family) => health.updated(family, cache, []))
const FINE = ['200 {"lastUpdated": …,"currentTime": …, "nodeEligible": true}', '200 {"lastUpdated": …,"currentTime": …}']
const HUNG = FINE.map((f) => f.replace('200', '503'))

describe('/healthz and /livez', () => {
  test('are well from the start, and as long as nothing waits', () => {
    expect(both()).toEqual(FINE)
    written(4, 6)
    expect(both()).toEqual(FINE)
    cluster.clock.runFor(LATE)
    expect(both()).toEqual(FINE)
  })

  test('are not while either family has waited for too long, until that one is written', () => {
    written(4, 6)
    for (const late of [[4], [6], [4, 6]] as const) {
      for (const family of late) health.queued(family)
      expect(both()).toEqual(FINE)
      cluster.clock.runFor(LATE)
      expect(both()).toEqual(HUNG)
      written(4, 6)
      expect(both()).toEqual(FINE)
    }
    health.queued(6)
    cluster.clock.runFor(LATE)
    written(4)
    expect(both()).toEqual(HUNG)
    written(6)
    expect(both()).toEqual(FINE)
  })

  test('a node that is deleted, or about to be by the autoscaler, is not eligible; it lives all the same', () => {
    const node = (metadata: object, spec: object): void => health.onNode({ metadata: { name: 'worker-1', ...metadata }, spec } as Node)
    const away = ['503 {"lastUpdated": …,"currentTime": …, "nodeEligible": false}', FINE[1]]
    node({}, { taints: [{ key: 'other' }] })
    expect(both()).toEqual(FINE)
    node({}, { taints: [{ key: 'ToBeDeletedByClusterAutoscaler' }] })
    expect(both()).toEqual(away)
    node({}, { taints: [{ key: 'other' }] })
    expect(both()).toEqual(FINE)
    node({ deletionTimestamp: '2026-01-05T08:00:00Z' }, {})
    expect(both()).toEqual(away)
  })

  test('the metrics count the answers', () => {
    both()
    health.queued(4)
    cluster.clock.runFor(LATE)
    ask('/healthz')
    const lines = proxyMetrics(cluster.nodes.get('worker-1')!, 'nftables', health).split('\n').filter((l) => /^kubeproxy_(proxy_|sync_proxy_rules_last_q)/.test(l))
    expect(lines).toEqual([
      'kubeproxy_proxy_healthz_total{code="200"} 1', 'kubeproxy_proxy_healthz_total{code="503"} 1', 'kubeproxy_proxy_livez_total{code="200"} 1',
      expect.stringMatching(/^kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds\{ip_family="IPv4"\} 1\.\d+e\+09$/) as string,
    ])
  })
})

describe('a Service\'s healthCheckNodePort', () => {
  const LOCAL = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_999 }
  const write = (spec: object, endpoints: EndpointSample[]): void => {
    putService(cluster.store, 'a', 'b', '10.96.0.20', [{ name: 'http', port: 80 }, { name: 'https', port: 443 }], spec)
    putSlice(cluster.store, 'a', 'b', [{ name: 'http', port: 80 }, { name: 'https', port: 443 }], endpoints)
    cluster.clock.runFor(10)
    cache.takeChanged()
    health.updated(4, cache, undefined)
  }
  const answer = (count: number, healthy = true): string => `${count > 0 && healthy ? 200 : 503} {\n\t"service": {\n\t\t"namespace": "a",\n\t\t"name": "b"\n\t},\n\t"localEndpoints": ${count},\n\t"serviceProxyHealthy": ${healthy}\n}`

  test('tells how many Pods of the node are ready, each once, and weighs them in a header', () => {
    write(LOCAL, [])
    expect(ask('/', 30_999)).toBe(answer(0))
    write(LOCAL, [{ ip: '10.244.1.5', node: 'worker-1' }, { ip: '10.244.1.6', node: 'worker-1' }, { ip: '10.244.1.7', node: 'worker-1', ready: false }, { ip: '10.244.2.5', node: 'worker-2' }])
    expect(ask('/any/path', 30_999)).toBe(answer(2))
    const { head } = cluster.run(cluster.outside, (p) => fetch(p, '172.18.0.2', 30_999))
    expect(head!.headers.filter(([name]) => /^x-|^content-type/i.test(name))).toEqual([['Content-Type', 'application/json'], ['X-Content-Type-Options', 'nosniff'], ['X-Load-Balancing-Endpoint-Weight', '2']])
  })

  test('says no while kube-proxy hangs', () => {
    write(LOCAL, [{ ip: '10.244.1.5', node: 'worker-1' }])
    expect(ask('/', 30_999)).toBe(answer(1))
    health.queued(4)
    cluster.clock.runFor(LATE)
    expect(ask('/', 30_999)).toBe(answer(1, false))
  })

  test('moves, and goes, with the Service', () => {
    const here = [{ ip: '10.244.1.5', node: 'worker-1' }]
    const gone = (port: number): string | undefined => cluster.run(cluster.outside, (p) => fetch(p, '172.18.0.2', port)).error
    write(LOCAL, here)
    write({ ...LOCAL, healthCheckNodePort: 30_998 }, here)
    expect([gone(30_999), ask('/', 30_998)]).toEqual(['ECONNREFUSED', answer(1)])
    write({ type: 'LoadBalancer', externalTrafficPolicy: 'Cluster' }, here)
    expect(gone(30_998)).toBe('ECONNREFUSED')
  })
})
