import { beforeAll, describe, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsMessage, type DnsRecord } from '../network/wire/dns.ts'
import { putService, putSlice } from '../proxy/services.samples.ts'
import { exchange } from './exchange.ts'

/** plugin/kubernetes/xfr_test.go of CoreDNS v1.12.0, told again, and the transfer plugin's README. */
let cluster: SmallCluster
let client: PodSample
let count = 0
const http = [{ name: 'http', port: 80 }]

beforeAll(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
  const { store } = cluster
  store.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'testns' } })
  const plain = (name: string, ips: string[]): void => putService(store, 'testns', name, ips[0]!, http, { clusterIPs: ips })
  plain('svc1', ['10.0.0.1'])
  plain('svc-dual-stack', ['10.0.0.3', '10::3'])
  putService(store, 'kube-system', 'kubedns', '10.0.0.10', [{ name: 'dns', port: 53, protocol: 'UDP' }])
  putService(store, 'testns', 'hdls1', 'None', http)
  putSlice(store, 'testns', 'hdls1', http, [{ ip: '172.0.0.2' }, { ip: '172.0.0.4', hostname: 'dup-name' }, { ip: '172.0.0.5', hostname: 'dup-name' }], 'four')
  putSlice(store, 'testns', 'hdls1', http, [{ ip: '5678:abcd::1' }], 'six')
  putService(store, 'testns', 'hdlsprtls', 'None', [])
  putSlice(store, 'testns', 'hdlsprtls', [], [{ ip: '172.0.0.20' }])
  putService(store, 'testns', 'external', '', [], { type: 'ExternalName', externalName: 'ext.interwebs.test', clusterIPs: [] })
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

function start(corefile: string, files: Record<string, string> = {}): PodSample {
  const pod = cluster.pod(`coredns-${count++}`, 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', { args: ['-conf', '/Corefile'], files: { '/Corefile': corefile, ...files } })
  cluster.clock.runFor(100)
  return pod
}

function ask(dns: PodSample, zone: string, more: Partial<DnsMessage> = {}, type = 'AXFR'): DnsMessage {
  return cluster.run(client.machine, (p) => exchange(p, { servers: [dns.ip], queries: [{ ...dnsQuery(7, zone, type), ...more }], timeout: 4000, protocol: 'tcp' })).replies[0]!
}

function show({ name, ttl, data }: DnsRecord): string {
  const rest = data.type === 'SOA' ? '' : data.type === 'A' || data.type === 'AAAA' ? data.address : data.type === 'SRV' ? `${data.priority} ${data.weight} ${data.port} ${data.target}` : data.type === 'TXT' ? data.strings.join(' ') : 'target' in data ? data.target : ''
  return `${name} ${ttl} ${data.type} ${rest}`.trim()
}

const KUBERNETES = '. {\n  transfer cluster.local {\n    to *\n  }\n  kubernetes cluster.local {\n    namespaces testns kube-system\n  }\n}\n'

describe('the cluster\'s zone', () => {
  test('is every name that a Service and its endpoints have', () => {
    const dns = start(KUBERNETES)
    const reply = ask(dns, 'cluster.local.')
    const at = (text: string): string => text.replaceAll('@', 'testns.svc.cluster.local.').replaceAll('~', 'kube-system.svc.cluster.local.')
    const v4 = (label: string, ip: string): string[] => [`hdls1.@ 5 A ${ip}`, `${label}.hdls1.@ 5 A ${ip}`, `_http._tcp.hdls1.@ 5 SRV 0 33 80 ${label}.hdls1.@`]
    const whole = (name: string, ip: string): string[] => [`${name} 5 A ${ip}`]
    expect(reply.authoritative).toBe(true)
    expect(reply.answers.map(show)).toEqual([
      'cluster.local. 5 SOA', 'cluster.local. 5 NS ns.dns.cluster.local.', `ns.dns.cluster.local. 0 A ${dns.ip}`,
      'external.@ 5 CNAME ext.interwebs.test.',
      ...v4('172-0-0-2', '172.0.0.2'), ...v4('dup-name', '172.0.0.4'), ...v4('dup-name', '172.0.0.5'),
      'hdls1.@ 5 AAAA 5678:abcd::1', '5678-abcd--1.hdls1.@ 5 AAAA 5678:abcd::1', '_http._tcp.hdls1.@ 5 SRV 0 100 80 5678-abcd--1.hdls1.@',
      'hdlsprtls.@ 5 A 172.0.0.20', '172-0-0-20.hdlsprtls.@ 5 A 172.0.0.20',
      ...whole('kubedns.~', '10.0.0.10'), 'kubedns.~ 5 SRV 0 100 53 kubedns.~', '_dns._udp.kubedns.~ 5 SRV 0 100 53 kubedns.~',
      ...whole('svc-dual-stack.@', '10.0.0.3'), 'svc-dual-stack.@ 5 AAAA 10::3', 'svc-dual-stack.@ 5 SRV 0 100 80 svc-dual-stack.@', '_http._tcp.svc-dual-stack.@ 5 SRV 0 100 80 svc-dual-stack.@',
      ...whole('svc1.@', '10.0.0.1'), 'svc1.@ 5 SRV 0 100 80 svc1.@', '_http._tcp.svc1.@ 5 SRV 0 100 80 svc1.@',
      'cluster.local. 5 SOA',
    ].map(at))
    expect(dns.output()).toMatch(/\[INFO\] plugin\/transfer: Outgoing transfer of \d+ records of zone "cluster\.local\." to 10\.244\.1\.2 for \d+ SOA serial\n$/)
  })

  test('who has it already is told so', () => {
    const dns = start(KUBERNETES)
    const [soa] = ask(dns, 'cluster.local.', {}, 'SOA').answers
    const old = { ...soa!, data: { ...soa!.data, serial: 1 } } as DnsRecord
    expect(ask(dns, 'cluster.local.', { authorities: [soa!] }, 'IXFR').answers.map(show)).toEqual(['cluster.local. 5 SOA'])
    expect(ask(dns, 'cluster.local.', { authorities: [old] }, 'IXFR').answers.length).toBeGreaterThan(20)
    expect(ask(dns, 'cluster.local.', {}, 'IXFR').rcode).toBe('SERVFAIL')
  })

  test('is refused without the plugin, to zones that it has not, and to whom acl says so', () => {
    expect(ask(start('. {\n  kubernetes cluster.local\n}\n'), 'cluster.local.').rcode).toBe('REFUSED')
    expect(ask(start(KUBERNETES), 'example.com.').rcode).toBe('REFUSED')
    expect(ask(start(KUBERNETES.replace('. {', '. {\n  acl {\n    block type AXFR net *\n  }')), 'cluster.local.').rcode).toBe('REFUSED')
  })
})

test('a zone file\'s, in the order of its names', () => {
  const zone = '$ORIGIN shop.test.\n@ 300 IN SOA ns root 7 60 60 60 60\n@ IN NS ns\n@ IN TXT hello\nwww IN A 10.0.0.2\nns IN A 10.0.0.1\na.www IN A 10.0.0.3\n'
  const dns = start('. {\n  file /shop.zone shop.test\n  transfer {\n    to *\n  }\n}\n', { '/shop.zone': zone })
  expect(ask(dns, 'shop.test.').answers.map((r) => show(r).replace(/ \d+ /, ' '))).toEqual([
    'shop.test. SOA', 'shop.test. NS ns.shop.test.', 'shop.test. TXT hello', 'ns.shop.test. A 10.0.0.1', 'www.shop.test. A 10.0.0.2', 'a.www.shop.test. A 10.0.0.3', 'shop.test. SOA',
  ])
})

test.each([
  ['transfer', "plugin/transfer: /Corefile:2 - Error during parsing: 'to' is required", 1],
  ['transfer {\n    from *\n  }', 'plugin/transfer: /Corefile:3 - Error during parsing: unknown property "from"', 1],
  ['transfer {\n    to 10.0.0.1\n  }', 'podhop: not simulated: CoreDNS transfer to an address (to * is, with acl for those who may ask)', 69],
])('%j ends it', (block, message, code) => {
  const dns = start(`. {\n  ${block}\n}\n`)
  expect([dns.output().trim(), dns.process.status?.code]).toEqual([message, code])
})

test('behind cache and loadbalance it stays in its order, and nobody keeps it', () => {
  const dns = start(KUBERNETES.replace('. {', '. {\n  cache 30\n  loadbalance'))
  const types = (): string[] => ask(dns, 'cluster.local.').answers.map((r) => r.data.type)
  const before = types()
  expect([before[0], before[2], before.at(-1)]).toEqual(['SOA', 'A', 'SOA'])
  putService(cluster.store, 'testns', 'late', '10.0.0.77', http)
  cluster.clock.runFor(100)
  expect(types()).toHaveLength(before.length + 3)
  cluster.store.remove('services', 'testns', 'late')
})
