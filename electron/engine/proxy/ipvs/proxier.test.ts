import { beforeEach, describe, expect, test } from 'vitest'
import { fetch, SmallCluster, type PodSample } from '../../cni/small-cluster.samples.ts'
import { ipvsadmCommand } from '../../network/ipvs/command.ts'
import { ping } from '../../network/shapes.samples.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { putService, putSlice } from '../services.samples.ts'
import { cleanUpIpvs } from './cleanup.ts'
import { GracefulTermination } from './graceful.ts'
import { DEFAULT_IPVS_SETTINGS, IpvsProxier } from './proxier.ts'

let cluster: SmallCluster
let proxies: Map<string, IpvsProxier>
let client: PodSample

const ports = [{ port: 80 }]
const SERVICE = '10.96.0.20'

beforeEach(() => {
  cluster = new SmallCluster('flannel')
  proxies = new Map([...cluster.nodes].map(([name, context]) => [name, new IpvsProxier(context)]))
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

const networkOf = (node: string) => cluster.nodes.get(node)!.network
const adm = (node: string, line: string): string => ipvsadmCommand(networkOf(node).netfilter.ipvs, line.split(' '), () => undefined).stdout
const setOf = (node: string, name: string): string[] => networkOf(node).netfilter.sets.elements(name)

function serve(pods: PodSample[], spec: object = {}, port: { port: number; nodePort?: number } = { port: 80 }, ingress: string[] = []): void {
  putService(cluster.store, 'default', 'web', SERVICE, [port], spec, ingress)
  putSlice(cluster.store, 'default', 'web', ports, pods.map((p, i) => ({ ip: p.ip, node: i % 2 === 0 ? 'worker-1' : 'worker-2' })))
  cluster.clock.runFor(1500)
}

test.each([['tcp', 'SERVER 0'], ['udp', ''], ['sctp', '']] as const)('a real server with connections stays with the weight 0 only of TCP: %s', (protocol, left) => {
  const { ipvs } = networkOf('worker-1').netfilter
  const key = { protocol, address: '10.96.0.99', port: 80 } as const
  ipvs.add(key, { scheduler: 'rr' })
  const server = ipvs.addServer(key, { address: '10.244.1.9', port: 80, weight: 1 })
  server.inactive = 1
  const graceful = new GracefulTermination(ipvs, cluster.clock, () => undefined)
  graceful.remove(key, '10.244.1.9', 80)
  graceful.stop()
  expect(ipvs.find(key)!.servers.map((s) => `SERVER ${s.weight}`).join()).toBe(left)
})

test('a source range that ipset does not take is logged, and the others are served', () => {
  const logged: string[] = []
  const proxy = new IpvsProxier(cluster.nodes.get('worker-1')!, DEFAULT_IPVS_SETTINGS, (severity, source, message) => logged.push(`${severity} ${source} ${message}`))
  serve(web(1), { type: 'LoadBalancer', loadBalancerSourceRanges: ['0.0.0.0/0', '192.0.2.0/24'] }, { port: 80, nodePort: 30080 }, ['203.0.113.1'])
  expect(setOf('worker-1', 'KUBE-LOAD-BALANCER-SOURCE-CIDR')).toEqual(['203.0.113.1,tcp:80,192.0.2.0/24'])
  expect(logged[0]).toMatch(/^E ipset\.go:\d+ "Failed to add entry to ip set" err="error adding entry 203\.0\.113\.1,tcp:80,0\.0\.0\.0\/0, error: exit status 1 \(ipset v7\.17: The value of the CIDR parameter of the IP address is invalid\\n\)" ipsetEntry=/)
  proxy.stop()
})

describe('a ClusterIP Service', () => {
  test('is a virtual service on every node, with its Pods as real servers in turn', () => {
    const pods = web(4)
    serve(pods)
    const bodies = Array.from({ length: 8 }, () => cluster.run(client.machine, (p) => fetch(p, SERVICE, 80)))
    expect(bodies.map((b) => b.body).slice(0, 4).sort()).toEqual(['web-0\n', 'web-1\n', 'web-2\n', 'web-3\n'])
    expect(bodies.slice(4).map((b) => b.body)).toEqual(bodies.slice(0, 4).map((b) => b.body))
    expect(bodies.every((b) => b.journey!.sourceSeenByServer === client.ip && b.journey!.destination === SERVICE)).toBe(true)
    for (const node of ['worker-1', 'worker-2']) {
      expect(adm(node, '-S -n')).toBe(`-A -t ${SERVICE}:80 -s rr\n${pods.map((p) => p.ip).sort().map((ip) => `-a -t ${SERVICE}:80 -r ${ip}:80 -m -w 1\n`).join('')}`)
      expect(setOf(node, 'KUBE-CLUSTER-IP')).toEqual([`${SERVICE},tcp:80`])
      expect(setOf(node, 'KUBE-IPVS-IPS')).toEqual([SERVICE])
    }
    expect(setOf('worker-1', 'KUBE-LOOP-BACK')).toHaveLength(2)
  })

  test('has an address on every node, of which nothing but the Service is offered', () => {
    serve(web(1))
    expect(networkOf('worker-2').isLocal(SERVICE)).toBe(true)
    const { error, journey } = cluster.run(client.machine, (p) => fetch(p, SERVICE, 8080))
    expect(error).toBe('ECONNREFUSED')
    expect(journey!.hops.at(-1)!.decidedBy!.text).toBe('-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW -m set --match-set KUBE-IPVS-IPS dst -j REJECT --reject-with icmp-port-unreachable')
    // Since v1.27 that rule meets ping, too; before it, a ClusterIP answered in this mode.
    expect(ping(client.sandbox.network, SERVICE).errors).toMatchObject([{ source: SERVICE, type: 3, code: 3 }])
  })

  test('without endpoints refuses', () => {
    putService(cluster.store, 'default', 'web', SERVICE, ports)
    cluster.clock.runFor(1500)
    const { error, journey } = cluster.run(client.machine, (p) => fetch(p, SERVICE, 80))
    expect(error).toBe('ECONNREFUSED')
    expect(journey!.reason).toBe('reject-ipvs-no-server')
  })

  test('serves the node itself, which is masqueraded', () => {
    const [pod] = web(2)
    serve([pod!])
    for (const node of ['worker-1', 'worker-2']) {
      const network = networkOf(node)
      let got = ''
      const connection = network.sockets.connect({ address: SERVICE, port: 80 }, { onConnect: () => connection.send(encodeUtf8('GET / HTTP/1.0\r\n\r\n')), onData: (d) => (got += decodeUtf8(d)) })
      cluster.clock.runFor(500)
      expect(got).toContain('web-0')
    }
    expect(cluster.network.journeys.recent.filter((j) => j.destination === SERVICE).map((j) => j.sourceSeenByServer)).toEqual(['10.244.1.1', '10.244.2.0'])
  })

  test('a Pod that reaches itself is masqueraded by the set KUBE-LOOP-BACK', () => {
    const [pod] = web(1)
    serve([pod!])
    const { body, journey } = cluster.run(pod!.machine, (p) => fetch(p, SERVICE, 80))
    expect(body).toBe('web-0\n')
    expect(journey!.sourceSeenByServer).toBe('10.244.1.1')
    expect(journey!.hops.some((h) => h.decidedBy?.text.includes('--match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE'))).toBe(true)
  })

  test('keeps a client at one Pod with sessionAffinity, as persistence', () => {
    serve(web(4), { sessionAffinity: 'ClientIP' })
    expect(adm('worker-1', '-Ln')).toContain(`TCP  ${SERVICE}:80 rr persistent 10800\n`)
    expect(new Set(Array.from({ length: 6 }, () => cluster.run(client.machine, (p) => fetch(p, SERVICE, 80)).body)).size).toBe(1)
  })

  test('with internalTrafficPolicy Local has only the Pods of the node', () => {
    const pods = web(2)
    serve(pods, { internalTrafficPolicy: 'Local' })
    expect(adm('worker-1', '-S -n')).toBe(`-A -t ${SERVICE}:80 -s rr\n-a -t ${SERVICE}:80 -r ${pods[0]!.ip}:80 -m -w 1\n`)
    expect(adm('worker-2', '-S -n')).toContain(`-r ${pods[1]!.ip}:80`)
  })
})

describe('from outside', () => {
  test('a NodePort leads to the Pods, which see the node; it is no address of the loopback interface', () => {
    const [pod] = web(1)
    serve([pod!], { type: 'NodePort' }, { port: 80, nodePort: 30080 })
    const { body, journey } = cluster.run(cluster.outside, (p) => fetch(p, '172.18.0.3', 30080))
    expect(body).toBe('web-0\n')
    expect(journey!.sourceSeenByServer).toBe('10.244.2.0')
    expect(setOf('worker-2', 'KUBE-NODE-PORT-TCP')).toEqual(['30080'])
    expect(adm('worker-2', '-S -n').split('\n').filter((l) => l.startsWith('-A')).sort()).toEqual(['-A -t 10.244.2.0:30080 -s rr', '-A -t 10.96.0.20:80 -s rr', '-A -t 172.18.0.3:30080 -s rr'])
  })

  test('externalTrafficPolicy Local keeps the client\'s address', () => {
    const [pod] = web(1)
    serve([pod!], { type: 'NodePort', externalTrafficPolicy: 'Local' }, { port: 80, nodePort: 30080 })
    expect(cluster.run(cluster.outside, (p) => fetch(p, '172.18.0.2', 30080)).journey!.sourceSeenByServer).toBe('172.18.0.1')
    expect(setOf('worker-1', 'KUBE-NODE-PORT-LOCAL-TCP')).toEqual(['30080'])
  })

  test('an external IP is bound to kube-ipvs0 and masqueraded', () => {
    const [pod] = web(1)
    serve([pod!], { externalIPs: ['192.0.2.7'] })
    expect(networkOf('worker-2').isLocal('192.0.2.7')).toBe(true)
    expect(setOf('worker-2', 'KUBE-EXTERNAL-IP')).toEqual(['192.0.2.7,tcp:80'])
    const { body, journey } = cluster.run(client.machine, (p) => fetch(p, '192.0.2.7', 80))
    expect(body).toBe('web-0\n')
    expect(journey!.sourceSeenByServer).toBe('10.244.1.1')
  })

  test('a load balancer\'s address serves whom its source ranges allow', () => {
    const [pod] = web(1)
    serve([pod!], { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.244.0.0/16'] }, { port: 80, nodePort: 30080 }, ['192.0.2.8'])
    expect(cluster.run(client.machine, (p) => fetch(p, '192.0.2.8', 80)).body).toBe('web-0\n')
    expect(networkOf('worker-1').netfilter.save('filter')).toContain('-A KUBE-IPVS-OUT-FILTER -s 192.0.2.8/32 -m ipvs --vproto 6 --vaddr 192.0.2.8 --vport 80 -j DROP')
    serve([pod!], { type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/24'] }, { port: 80, nodePort: 30080 }, ['192.0.2.8'])
    const refused = cluster.run(client.machine, (p) => fetch(p, '192.0.2.8', 80), 200_000)
    expect(refused.error).toBe('ETIMEDOUT')
    expect(refused.journey!.hops.at(-1)!.decidedBy!.text).toBe('-A KUBE-SOURCE-RANGES-FIREWALL -j DROP')
  })
})

describe('the agent', () => {
  test('sets what the kernel must do', () => {
    const settings = ['net.ipv4.vs.conntrack', 'net.ipv4.vs.conn_reuse_mode', 'net.ipv4.vs.expire_nodest_conn', 'net.ipv4.vs.expire_quiescent_template']
    expect(settings.map((s) => networkOf('worker-1').sysctl(s))).toEqual(['1', '1', '1', '1'])
  })

  test('lets a Pod that goes finish its connections, and then removes it', () => {
    const pods = web(1)
    serve(pods)
    const connection = client.sandbox.network.sockets.connect({ address: SERVICE, port: 80 }, {})
    cluster.clock.runFor(200)
    const other = web(2)[1]!
    serve([other])
    expect(adm('worker-1', '-Ln')).toContain(`-> ${`${pods[0]!.ip}:80`.padEnd(28)} Masq    0      1          0`)
    connection.end()
    cluster.clock.runFor(60_000)
    expect(adm('worker-1', '-Ln')).toContain(pods[0]!.ip)
    cluster.clock.runFor(180_000)
    expect(adm('worker-1', '-Ln')).not.toContain(`${pods[0]!.ip}:80`)
  })

  test('takes the scheduler from its configuration', () => {
    proxies.get('worker-1')!.stop()
    new IpvsProxier(cluster.nodes.get('worker-1')!, { ...DEFAULT_IPVS_SETTINGS, scheduler: 'lc' })
    serve(web(2))
    expect(adm('worker-1', '-Ln')).toContain(`TCP  ${SERVICE}:80 lc\n`)
    expect(adm('worker-2', '-Ln')).toContain(`TCP  ${SERVICE}:80 rr\n`)
  })

  test('puts right within half a minute what somebody cleared', () => {
    serve(web(1))
    adm('worker-1', '-C')
    networkOf('worker-1').netfilter.sets.flush('KUBE-CLUSTER-IP')
    cluster.clock.runFor(31_000)
    expect(adm('worker-1', '-Ln')).toContain(SERVICE)
    expect(setOf('worker-1', 'KUBE-CLUSTER-IP')).toEqual([`${SERVICE},tcp:80`])
  })

  test('takes down what a deleted Service had; stopped, it leaves it', () => {
    serve(web(1))
    proxies.get('worker-2')!.stop()
    cluster.store.remove('services', 'default', 'web')
    cluster.clock.runFor(1500)
    expect(networkOf('worker-1').isLocal(SERVICE)).toBe(false)
    expect(adm('worker-1', '-S')).toBe('')
    expect(setOf('worker-1', 'KUBE-CLUSTER-IP')).toEqual([])
    expect(networkOf('worker-2').isLocal(SERVICE)).toBe(true)
    expect(adm('worker-2', '-S -n')).toContain(SERVICE)
  })

  test('leaves nothing behind once another mode has cleaned up', () => {
    const network = networkOf('worker-1')
    const before = [...network.links.keys()].filter((l) => l !== 'kube-ipvs0')
    serve(web(1))
    proxies.get('worker-1')!.stop()
    cleanUpIpvs(network)
    expect([...network.links.keys()].filter((l) => !l.startsWith('veth') && l !== 'cni0')).toEqual(before.filter((l) => !l.startsWith('veth') && l !== 'cni0'))
    expect(network.netfilter.sets.names()).toEqual([])
    expect(adm('worker-1', '-S')).toBe('')
    expect(network.netfilter.save('nat')).not.toMatch(/KUBE-(SERVICES|POSTROUTING|NODE-PORT|MARK)/)
  })

  test('sends datagrams of a client that keeps its port to a living endpoint', () => {
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
    for (const server of servers) {
      putSlice(cluster.store, 'default', 'dns', udp, [{ ip: server.ip }])
      cluster.clock.runFor(1500)
      socket.send(encodeUtf8('?'), SERVICE, 53)
      cluster.clock.runFor(100)
    }
    expect(got).toEqual(['a', 'b'])
  })
})
