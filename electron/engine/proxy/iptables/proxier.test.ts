import { beforeEach, describe, expect, test } from 'vitest'
import { fetch, SmallCluster, type PodSample } from '../../cni/small-cluster.samples.ts'
import { encodeUtf8, decodeUtf8 } from '../../text.ts'
import { putService, putSlice } from '../services.samples.ts'
import type { IptablesProxier } from './proxier.ts'

let cluster: SmallCluster
let proxies: Map<string, IptablesProxier>
let client: PodSample

const ports = [{ port: 80 }]
const SERVICE = '10.96.0.20'

beforeEach(() => {
  cluster = new SmallCluster('bridge')
  proxies = cluster.startProxies()
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

function web(count: number): PodSample[] {
  const pods = Array.from({ length: count }, (_, i) => cluster.pod(`web-${i}`, i % 2 === 0 ? 'worker-1' : 'worker-2', 'nginx', {
    files: { '/usr/share/nginx/html/index.html': `web-${i}\n` },
  }))
  cluster.clock.runFor(100)
  return pods
}

const rulesOf = (node: string): string => cluster.nodes.get(node)!.network.netfilter.save()
describe('a ClusterIP Service', () => {
  test('sends connections to all its Pods, on this node and others, and rewrites only the destination', () => {
    const pods = web(4)
    putService(cluster.store, 'default', 'web', SERVICE, ports)
    putSlice(cluster.store, 'default', 'web', ports, pods.map((p) => ({ ip: p.ip })))
    cluster.clock.runFor(1500)
    const seen = new Map<string, number>()
    for (let i = 0; i < 60; i++) {
      const { body, journey } = cluster.run(client.machine, (p) => fetch(p, SERVICE, 80))
      seen.set(body, (seen.get(body) ?? 0) + 1)
      expect(journey!.sourceSeenByServer).toBe(client.ip)
      expect(journey!.destination).toBe(SERVICE)
    }
    expect([...seen.keys()].sort()).toEqual(['web-0\n', 'web-1\n', 'web-2\n', 'web-3\n'])
    expect(Math.min(...seen.values())).toBeGreaterThan(5)
  })

  test('is refused at once when it has no endpoints', () => {
    putService(cluster.store, 'default', 'web', SERVICE, ports)
    cluster.clock.runFor(1500)
    const { error, journey } = cluster.run(client.machine, (p) => fetch(p, SERVICE, 80))
    expect(error).toBe('ECONNREFUSED')
    expect(journey!.verdict).toBe('rejected')
  })

  test('a Pod that reaches itself through the Service is masqueraded, so that the answer finds its way', () => {
    const [pod] = web(1)
    putService(cluster.store, 'default', 'web', SERVICE, ports)
    putSlice(cluster.store, 'default', 'web', ports, [{ ip: pod!.ip }])
    cluster.clock.runFor(1500)
    const { body, journey } = cluster.run(pod!.machine, (p) => fetch(p, SERVICE, 80))
    expect(body).toBe('web-0\n')
    expect(journey!.sourceSeenByServer).toBe('10.244.1.1')
  })

  test('keeps a client at one Pod with sessionAffinity', () => {
    const pods = web(4)
    putService(cluster.store, 'default', 'web', SERVICE, ports, { sessionAffinity: 'ClientIP' })
    putSlice(cluster.store, 'default', 'web', ports, pods.map((p) => ({ ip: p.ip })))
    cluster.clock.runFor(1500)
    const bodies = new Set(Array.from({ length: 12 }, () => cluster.run(client.machine, (p) => fetch(p, SERVICE, 80)).body))
    expect(bodies.size).toBe(1)
  })
})

describe('a NodePort Service', () => {
  test('is reached from outside at any node; with policy Cluster the Pod sees the node', () => {
    const [pod] = web(1)
    putService(cluster.store, 'default', 'web', SERVICE, [{ port: 80, nodePort: 30080 }], { type: 'NodePort' })
    putSlice(cluster.store, 'default', 'web', ports, [{ ip: pod!.ip, node: 'worker-1' }])
    cluster.clock.runFor(1500)
    const { body, journey } = cluster.run(cluster.outside, (p) => fetch(p, '172.18.0.3', 30080))
    expect(body).toBe('web-0\n')
    expect(journey!.sourceSeenByServer).toBe('172.18.0.3')
  })

  test('with externalTrafficPolicy Local it keeps the client\'s address, and drops where there is no Pod', () => {
    const [pod] = web(1)
    putService(cluster.store, 'default', 'web', SERVICE, [{ port: 80, nodePort: 30080 }], { type: 'NodePort', externalTrafficPolicy: 'Local' })
    putSlice(cluster.store, 'default', 'web', ports, [{ ip: pod!.ip, node: 'worker-1' }])
    cluster.clock.runFor(1500)
    expect(cluster.run(cluster.outside, (p) => fetch(p, '172.18.0.2', 30080)).journey!.sourceSeenByServer).toBe('172.18.0.1')
    expect(cluster.run(cluster.outside, (p) => fetch(p, '172.18.0.3', 30080), 200_000).error).toBe('ETIMEDOUT')
  })
})

describe('the agent', () => {
  test('writes at once, then at most once a second, however much changes', () => {
    const proxy = proxies.get('worker-1')!
    cluster.clock.runFor(5000)
    const before = proxy.syncs
    for (let i = 0; i < 100; i++) {
      putService(cluster.store, 'default', `s${i}`, `10.96.1.${i + 1}`, ports)
      cluster.clock.runFor(50)
    }
    expect(proxy.syncs - before).toBeLessThanOrEqual(8)
    cluster.clock.runFor(1500)
    expect(rulesOf('worker-1')).toContain('default/s99 has no endpoints')
  })

  test('stopped on one node, it leaves that node\'s rules as they were', () => {
    putService(cluster.store, 'default', 'old', SERVICE, ports)
    cluster.clock.runFor(1500)
    proxies.get('worker-2')!.stop()
    cluster.store.remove('services', 'default', 'old')
    cluster.clock.runFor(3000)
    expect(rulesOf('worker-1')).not.toContain('default/old')
    expect(rulesOf('worker-2')).toContain('default/old')
  })

  test('removes the chains of endpoints that are gone', () => {
    putService(cluster.store, 'default', 'web', SERVICE, ports)
    putSlice(cluster.store, 'default', 'web', ports, [{ ip: '10.244.1.50' }, { ip: '10.244.1.51' }])
    cluster.clock.runFor(1500)
    expect(rulesOf('worker-1').match(/^:KUBE-SEP-/gm)).toHaveLength(2)
    putSlice(cluster.store, 'default', 'web', ports, [{ ip: '10.244.1.51' }])
    cluster.clock.runFor(1500)
    expect(rulesOf('worker-1').match(/^:KUBE-SEP-/gm)).toHaveLength(1)
    expect(rulesOf('worker-1')).not.toContain('10.244.1.50')
  })

  test('notices within half a minute that somebody has flushed everything', () => {
    putService(cluster.store, 'default', 'web', SERVICE, ports)
    cluster.clock.runFor(1500)
    const { netfilter } = cluster.nodes.get('worker-1')!.network
    const before = netfilter.save('nat').split('\n').filter((l) => l.includes('KUBE'))
    for (const table of ['nat', 'filter', 'mangle']) {
      netfilter.command(['-t', table, '-F'])
      netfilter.command(['-t', table, '-X'])
    }
    cluster.clock.runFor(32_000)
    expect(netfilter.save('nat').split('\n').filter((l) => l.includes('KUBE') && !l.includes('KUBELET'))).toEqual(before.filter((l) => !l.includes('KUBELET')))
  })

  test('forgets UDP connections to an endpoint that is gone, so that the next datagram reaches a living one', () => {
    const servers = ['a', 'b'].map((name) => {
      const pod = cluster.pod(name, 'worker-2', 'busybox', { command: ['sleep', 'infinity'] })
      const socket = pod.sandbox.network.sockets.udp({ port: 53 })
      socket.onDatagram = ({ source, sourcePort }) => socket.send(encodeUtf8(name), source, sourcePort)
      return pod
    })
    const udp = [{ port: 53, protocol: 'UDP' }]
    putService(cluster.store, 'default', 'dns', SERVICE, udp)
    putSlice(cluster.store, 'default', 'dns', udp, [{ ip: servers[0]!.ip }])
    cluster.clock.runFor(1500)
    const socket = client.sandbox.network.sockets.udp({ port: 5000 })
    const got: string[] = []
    socket.onDatagram = ({ data }) => got.push(decodeUtf8(data))
    socket.send(encodeUtf8('?'), SERVICE, 53)
    cluster.clock.runFor(100)
    putSlice(cluster.store, 'default', 'dns', udp, [{ ip: servers[1]!.ip }])
    cluster.clock.runFor(1500)
    socket.send(encodeUtf8('?'), SERVICE, 53)
    cluster.clock.runFor(100)
    expect(got).toEqual(['a', 'b'])
  })
})

test('chains of others and the jumps to them are where kube-proxy and the kubelet put them', async () => {
  const text = rulesOf('worker-1').split('\n').filter((l) => /^(\*|:|-A (INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING|KUBE-FIREWALL|KUBE-POSTROUTING|KUBE-FORWARD|KUBE-MARK-MASQ))/.test(l)).join('\n')
  await expect(`${text.replace(/\[\d+:\d+\]/g, '[0:0]')}\n`).toMatchFileSnapshot('./samples/node.rules')
})
