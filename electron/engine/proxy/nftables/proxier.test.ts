import { beforeEach, describe, expect, test } from 'vitest'
import { fetch, SmallCluster, type PodSample } from '../../cni/small-cluster.samples.ts'
import type { Journey } from '../../journey/types.ts'
import { putService, putSlice } from '../services.samples.ts'
import { NftablesProxier } from './proxier.ts'

let cluster: SmallCluster
let proxies: Map<string, NftablesProxier>
let client: PodSample

const ports = [{ port: 80 }]
const SERVICE = '10.96.0.20'

beforeEach(() => {
  cluster = new SmallCluster('bridge')
  proxies = new Map([...cluster.nodes].map(([name, context]) => [name, new NftablesProxier(context)]))
  cluster.clock.runFor(1500)
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

function web(count: number): PodSample[] {
  const pods = Array.from({ length: count }, (_, i) => cluster.pod(`web-${i}`, i % 2 === 0 ? 'worker-1' : 'worker-2', 'nginx', {
    files: { '/usr/share/nginx/html/index.html': `web-${i}\n` },
  }))
  cluster.clock.runFor(100)
  return pods
}

const nft = (node: string, line: string, options = {}): string => {
  const { stdout, stderr } = cluster.nodes.get(node)!.network.netfilter.nftables.run(line, options)
  return stdout + stderr
}
const get = (address: string, port = 80, from = client.machine): { body?: string; error?: string; journey?: Journey } => cluster.run(from, (p) => fetch(p, address, port), 300_000)

describe('a ClusterIP Service', () => {
  test('sends connections to all its Pods, and the journey names the rows that decided', () => {
    const pods = web(4)
    putService(cluster.store, 'default', 'web', SERVICE, ports)
    putSlice(cluster.store, 'default', 'web', ports, pods.map((p) => ({ ip: p.ip })))
    cluster.clock.runFor(1500)
    const seen = new Map<string, number>()
    for (let i = 0; i < 60; i++) {
      const { body, journey } = get(SERVICE)
      seen.set(body!, (seen.get(body!) ?? 0) + 1)
      expect(journey!.sourceSeenByServer).toBe(client.ip)
      const texts = journey!.hops.map((h) => h.decidedBy?.text ?? '')
      expect(texts.find((t) => t.startsWith(`element: ${SERVICE} . tcp . 80 : goto service-`))).toBeDefined()
      expect(journey!.hops.find((h) => h.explanation === 'nftables-numgen')!.text).toContain('One of 4 is picked at random: on to chain endpoint-')
      expect(texts.some((t) => t === `meta l4proto tcp dnat to ${journey!.finalDestination}`)).toBe(true)
    }
    expect([...seen.keys()].sort()).toEqual(['web-0\n', 'web-1\n', 'web-2\n', 'web-3\n'])
    expect(Math.min(...seen.values())).toBeGreaterThan(5)
  })

  test('is refused at once when it has no endpoints; so are ports that it does not have', () => {
    putService(cluster.store, 'default', 'web', SERVICE, ports)
    cluster.clock.runFor(1500)
    const { error, journey } = get(SERVICE)
    expect(error).toBe('ECONNREFUSED')
    expect(journey!.verdict).toBe('rejected')
    expect(journey!.hops.some((h) => h.decidedBy?.text === `element: ${SERVICE} . tcp . 80 comment "default/web" : goto reject-chain`)).toBe(true)
    expect(get(SERVICE, 81).journey!.hops.at(-1)!.decidedBy!.text).toBe('ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"')
  })

  test('addresses that belong to no Service are dropped', () => {
    const { journey } = get('10.96.77.77')
    expect(journey!.verdict).toBe('dropped')
    expect(journey!.hops.at(-1)!.decidedBy!.text).toBe('ip daddr 10.96.0.0/12 drop comment "Drop traffic to unallocated ClusterIPs"')
  })

  test('a Pod that reaches itself through the Service is masqueraded', () => {
    const [pod] = web(1)
    putService(cluster.store, 'default', 'web', SERVICE, ports)
    putSlice(cluster.store, 'default', 'web', ports, [{ ip: pod!.ip }])
    cluster.clock.runFor(1500)
    const { body, journey } = get(SERVICE, 80, pod!.machine)
    expect(body).toBe('web-0\n')
    expect(journey!.sourceSeenByServer).toBe('10.244.1.1')
  })

  test('keeps a client at one Pod with sessionAffinity, as long as it is remembered', () => {
    const pods = web(4)
    putService(cluster.store, 'default', 'web', SERVICE, ports, { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } })
    putSlice(cluster.store, 'default', 'web', ports, pods.map((p) => ({ ip: p.ip })))
    cluster.clock.runFor(1500)
    const bodies = new Set(Array.from({ length: 12 }, () => get(SERVICE).body))
    expect(bodies.size).toBe(1)
    expect(nft('worker-1', 'list sets')).toMatch(new RegExp(`timeout 1m\\n\\t\\telements = { ${client.ip} expires \\d+s`))
    const later = new Set(Array.from({ length: 12 }, () => {
      cluster.clock.runFor(61_000)
      return get(SERVICE).body
    }))
    expect(later.size).toBeGreaterThan(1)
  })
})

describe('a NodePort Service', () => {
  test('is reached at any node\'s primary address; with policy Cluster the Pod sees the node', () => {
    const [pod] = web(1)
    putService(cluster.store, 'default', 'web', SERVICE, [{ port: 80, nodePort: 30080 }], { type: 'NodePort' })
    putSlice(cluster.store, 'default', 'web', ports, [{ ip: pod!.ip, node: 'worker-1' }])
    cluster.clock.runFor(1500)
    const { body, journey } = get('172.18.0.3', 30080, cluster.outside)
    expect(body).toBe('web-0\n')
    expect(journey!.sourceSeenByServer).toBe('172.18.0.3')
    expect(journey!.hops.some((h) => h.decidedBy?.text.startsWith('element: tcp . 30080 : goto external-'))).toBe(true)
  })

  test('does not work on localhost in this mode', () => {
    const [pod] = web(1)
    putService(cluster.store, 'default', 'web', SERVICE, [{ port: 80, nodePort: 30080 }], { type: 'NodePort' })
    putSlice(cluster.store, 'default', 'web', ports, [{ ip: pod!.ip, node: 'worker-1' }])
    cluster.clock.runFor(1500)
    const node = cluster.nodes.get('worker-1')!.machine
    expect(get('172.18.0.2', 30080, node).body).toBe('web-0\n')
    expect(get('127.0.0.1', 30080, node).error).toBe('ECONNREFUSED')
  })

  test('with policy Local keeps the client\'s address, and is dropped where no endpoint is', () => {
    const [pod] = web(1)
    putService(cluster.store, 'default', 'web', SERVICE, [{ port: 80, nodePort: 30080 }], { type: 'NodePort', externalTrafficPolicy: 'Local' })
    putSlice(cluster.store, 'default', 'web', ports, [{ ip: pod!.ip, node: 'worker-1' }])
    cluster.clock.runFor(1500)
    expect(get('172.18.0.2', 30080, cluster.outside).journey!.sourceSeenByServer).toBe('172.18.0.1')
    const { journey } = get('172.18.0.3', 30080, cluster.outside)
    expect(journey!.verdict).toBe('dropped')
    expect(journey!.hops.at(-1)!.decidedBy!.text).toBe('element: tcp . 30080 comment "default/web" : drop')
  })
})

test('only what changed is written; chains that nothing leads to go a second later', () => {
  const pods = web(2)
  putService(cluster.store, 'default', 'web', SERVICE, ports)
  putSlice(cluster.store, 'default', 'web', ports, pods.map((p) => ({ ip: p.ip })))
  putService(cluster.store, 'default', 'other', '10.96.0.21', ports)
  putSlice(cluster.store, 'default', 'other', ports, [{ ip: pods[0]!.ip }])
  cluster.clock.runFor(1500)
  const other = (): string => nft('worker-1', 'list ruleset', { handles: true }).match(/chain service-\w+-default\/other[^}]*}/)![0]
  const before = other()
  putSlice(cluster.store, 'default', 'web', ports, [{ ip: pods[0]!.ip }])
  cluster.clock.runFor(1500)
  expect(nft('worker-1', 'list chains')).toContain(`__${pods[1]!.ip}/80 {`)
  expect(other()).toBe(before)
  cluster.store.remove('services', 'default', 'web')
  cluster.clock.runFor(1500)
  expect(nft('worker-1', 'list chains')).not.toContain(`__${pods[1]!.ip}/80 {`)
  expect(nft('worker-1', 'list map ip kube-proxy service-ips')).not.toContain(SERVICE)
  expect(nft('worker-1', 'list set ip kube-proxy cluster-ips')).toContain('elements = { 10.96.0.21 }')
})

test('a kube-proxy that starts again takes over the table of the one before', () => {
  const pods = web(1)
  putService(cluster.store, 'default', 'web', SERVICE, ports)
  putSlice(cluster.store, 'default', 'web', ports, [{ ip: pods[0]!.ip }])
  cluster.clock.runFor(1500)
  const before = nft('worker-1', 'list ruleset')
  proxies.get('worker-1')!.stop()
  putService(cluster.store, 'default', 'new', '10.96.0.30', ports)
  cluster.clock.runFor(5000)
  expect(nft('worker-1', 'list ruleset')).toBe(before)
  new NftablesProxier(cluster.nodes.get('worker-1')!)
  cluster.clock.runFor(1500)
  expect(nft('worker-1', 'list ruleset')).toContain('10.96.0.30 . tcp . 80 comment "default/new" : goto reject-chain')
  expect(get(SERVICE).body).toBe('web-0\n')
})
