import { beforeAll, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsRecord } from '../network/wire/dns.ts'
import { putService, putSlice } from '../proxy/services.samples.ts'
import { exchange } from './exchange.ts'

/** The questions and answers of plugin/kubernetes/handler_test.go of CoreDNS v1.12.0, of the same Services and endpoints. */
let cluster: SmallCluster
let client: PodSample
let dns: PodSample

beforeAll(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
  const { store } = cluster
  for (const name of ['testns', 'unexposedns']) store.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  const http = [{ name: 'http', port: 80 }]
  const service = (name: string, clusterIPs: string[], namespace = 'testns'): void => putService(store, namespace, name, clusterIPs[0]!, http, { clusterIPs })
  service('svc1', ['10.0.0.1'])
  putSlice(store, 'testns', 'svc1', http, [{ ip: '172.0.0.1', hostname: 'ep1a' }])
  service('svcempty', ['10.0.0.7'])
  service('svc6', ['1234:abcd::1'])
  service('svc1', ['10.0.0.2'], 'unexposedns')
  service('svc-dual-stack', ['10.0.0.3', '10::3'])
  putService(store, 'testns', 'hdls1', 'None', [])
  putSlice(store, 'testns', 'hdls1', http, [{ ip: '172.0.0.2' }, { ip: '172.0.0.3' }, { ip: '172.0.0.4', hostname: 'dup-name' }, { ip: '172.0.0.5', hostname: 'dup-name' }])
  putSlice(store, 'testns', 'hdls1', http, [{ ip: '5678:abcd::1' }, { ip: '5678:abcd::2' }], 'six')
  putService(store, 'testns', 'hdlsprtls', 'None', [])
  putSlice(store, 'testns', 'hdlsprtls', [], [{ ip: '172.0.0.20' }])
  putService(store, 'testns', 'external', '', [], { type: 'ExternalName', externalName: 'ext.interwebs.test', clusterIPs: [] })
  putService(store, 'testns', 'external-to-service', '', [], { type: 'ExternalName', externalName: 'svc1.testns.svc.cluster.local.', clusterIPs: [] })
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
  dns = cluster.pod('coredns', 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', {
    args: ['-conf', '/etc/coredns/Corefile'],
    files: { '/etc/coredns/Corefile': '.:53 {\n  kubernetes cluster.local {\n    namespaces testns\n  }\n  hosts {\n    1.2.3.4 ext.interwebs.test\n    ttl 5\n    fallthrough\n  }\n}\n' },
  })
  cluster.clock.runFor(1000)
})

function show({ name, ttl, data }: DnsRecord): string {
  const rest = data.type === 'A' || data.type === 'AAAA' ? data.address : data.type === 'SRV' ? `${data.priority} ${data.weight} ${data.port} ${data.target}` : data.type === 'TXT' ? data.strings.join(' ') : data.type === 'SOA' ? '' : 'target' in data ? data.target : ''
  return `${name} ${ttl} ${data.type} ${rest}`.trim()
}

const NONE = ['cluster.local. 5 SOA']
const svc = (text: string): string => text.replaceAll('@', 'testns.svc.cluster.local.')
const srv = (owner: string, targets: readonly string[], weight: number): string[] => targets.map((t) => `${owner}.@ 5 SRV 0 ${weight} 80 ${t}.@`)

test.each<[string, string, { rcode?: string; answer?: string[]; extra?: string[]; ns?: string[] }]>([
  ['svc1.@', 'A', { answer: ['svc1.@ 5 A 10.0.0.1'] }],
  ['svcempty.@', 'A', { answer: ['svcempty.@ 5 A 10.0.0.7'] }],
  ['svc1.@', 'SRV', { answer: srv('svc1', ['svc1'], 100), extra: ['svc1.@ 5 A 10.0.0.1'] }],
  ['svc6.@', 'SRV', { answer: srv('svc6', ['svc6'], 100), extra: ['svc6.@ 5 AAAA 1234:abcd::1'] }],
  ['_http._tcp.svc1.@', 'SRV', { answer: srv('_http._tcp.svc1', ['svc1'], 100), extra: ['svc1.@ 5 A 10.0.0.1'] }],
  ['_http._tcp.svc6.@', 'SRV', { answer: srv('_http._tcp.svc6', ['svc6'], 100), extra: ['svc6.@ 5 AAAA 1234:abcd::1'] }],
  ['hdls1.@', 'A', { answer: ['2', '3', '4', '5'].map((n) => `hdls1.@ 5 A 172.0.0.${n}`) }],
  ['hdls1.@', 'AAAA', { answer: ['1', '2'].map((n) => `hdls1.@ 5 AAAA 5678:abcd::${n}`) }],
  ['hdlsprtls.@', 'A', { answer: ['hdlsprtls.@ 5 A 172.0.0.20'] }],
  ['hdlsprtls.@', 'SRV', { ns: NONE }],
  ['172-0-0-20.hdlsprtls.@', 'A', { answer: ['172-0-0-20.hdlsprtls.@ 5 A 172.0.0.20'] }],
  ['172-0-0-2.hdls1.@', 'A', { answer: ['172-0-0-2.hdls1.@ 5 A 172.0.0.2'] }],
  ['5678-abcd--1.hdls1.@', 'AAAA', { answer: ['5678-abcd--1.hdls1.@ 5 AAAA 5678:abcd::1'] }],
  ['dup-name.hdls1.@', 'A', { answer: ['4', '5'].map((n) => `dup-name.hdls1.@ 5 A 172.0.0.${n}`) }],
  ['_http._tcp.hdls1.@', 'SRV', {
    answer: srv('_http._tcp.hdls1', ['172-0-0-2.hdls1', '172-0-0-3.hdls1', '5678-abcd--1.hdls1', '5678-abcd--2.hdls1', 'dup-name.hdls1'], 16),
    extra: ['172-0-0-2.hdls1.@ 5 A 172.0.0.2', '172-0-0-3.hdls1.@ 5 A 172.0.0.3', '5678-abcd--1.hdls1.@ 5 AAAA 5678:abcd::1', '5678-abcd--2.hdls1.@ 5 AAAA 5678:abcd::2', 'dup-name.hdls1.@ 5 A 172.0.0.4', 'dup-name.hdls1.@ 5 A 172.0.0.5'],
  }],
  ['ep1a.svc1.@', 'A', { answer: ['ep1a.svc1.@ 5 A 172.0.0.1'] }],
  ['external.@', 'CNAME', { answer: ['external.@ 5 CNAME ext.interwebs.test.'] }],
  ['external.@', 'A', { answer: ['external.@ 5 CNAME ext.interwebs.test.', 'ext.interwebs.test. 5 A 1.2.3.4'] }],
  ['external-to-service.@', 'A', { answer: ['external-to-service.@ 5 CNAME svc1.@', 'svc1.@ 5 A 10.0.0.1'] }],
  ['endpoint.external.@', 'CNAME', { rcode: 'NXDOMAIN', ns: NONE }],
  ['subdomain.subdomain.external.@', 'CNAME', { rcode: 'NXDOMAIN', ns: NONE }],
  ['svc1.@', 'AAAA', { ns: NONE }],
  ['svc0.@', 'AAAA', { rcode: 'NXDOMAIN', ns: NONE }],
  ['svc0.@', 'A', { rcode: 'NXDOMAIN', ns: NONE }],
  ['svc0.svc-nons.svc.cluster.local.', 'A', { rcode: 'NXDOMAIN', ns: NONE }],
  ['svc1.unexposedns.svc.cluster.local.', 'A', { rcode: 'NXDOMAIN', ns: NONE }],
  ['dns-version.cluster.local.', 'TXT', { answer: ['dns-version.cluster.local. 28800 TXT 1.1.0'] }],
  ['svc1.@', 'TXT', { ns: NONE }],
  ['svc0.svc-nons.svc.cluster.local.', 'TXT', { rcode: 'NXDOMAIN', ns: NONE }],
  ['bogusendpoint.hdls1.@', 'A', { rcode: 'NXDOMAIN', ns: NONE }],
  ['bogusendpoint.svc0.@', 'A', { rcode: 'NXDOMAIN', ns: NONE }],
  ['svc6.@', 'AAAA', { answer: ['svc6.@ 5 AAAA 1234:abcd::1'] }],
  ['svc.cluster.local.', 'A', { ns: NONE }],
  ['pod.cluster.local.', 'A', { ns: NONE }],
  ['testns.svc.cluster.local.', 'A', { ns: NONE }],
  ['svc.cluster.local.', 'NS', { ns: NONE }],
  ['testns.svc.cluster.local.', 'NS', { ns: NONE }],
  ['foo.cluster.local.', 'NS', { rcode: 'NXDOMAIN', ns: NONE }],
  ['foo.svc.cluster.local.', 'NS', { rcode: 'NXDOMAIN', ns: NONE }],
  ['svc-dual-stack.@', 'A', { answer: ['svc-dual-stack.@ 5 A 10.0.0.3'] }],
  ['svc-dual-stack.@', 'AAAA', { answer: ['svc-dual-stack.@ 5 AAAA 10::3'] }],
  ['svc-dual-stack.@', 'SRV', { answer: srv('svc-dual-stack', ['svc-dual-stack'], 50), extra: ['svc-dual-stack.@ 5 A 10.0.0.3', 'svc-dual-stack.@ 5 AAAA 10::3'] }],
  ['svc1.@', 'SOA', { ns: NONE }],
])('%s %s', (name, type, { rcode = 'NOERROR', answer = [], extra = [], ns = [] }) => {
  const reply = cluster.run(client.machine, (p) => exchange(p, { servers: [dns.ip], queries: [dnsQuery(7, svc(name), type, { edns: { udpSize: 4096, version: 0, dnssecOk: false, options: [] } })], timeout: 4000 })).replies[0]!
  expect({ rcode: reply.rcode, answer: reply.answers.map(show).sort(), extra: reply.additionals.map(show).sort(), ns: reply.authorities.map(show), aa: reply.authoritative }).toEqual({
    rcode, answer: answer.map(svc).sort(), extra: extra.map(svc).sort(), ns, aa: true,
  })
})
