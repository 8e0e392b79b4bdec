import { describe, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsRecord } from '../network/wire/dns.ts'
import { putService, putSlice } from '../proxy/services.samples.ts'
import { exchange } from './exchange.ts'

/**
 * The other tables of plugin/kubernetes of CoreDNS v1.12.0, told again: handler_pod_disabled_test.go, …_insecure_…,
 * …_verified_…, handler_ignore_emptyservice_test.go, handler_case_test.go, kubernetes_apex_test.go, reverse_test.go, ns_test.go.
 */
interface World { ask: (name: string, type: string) => string[]; cluster: SmallCluster; dns: PodSample }

function world(block: string, fill: (store: SmallCluster['store']) => void, zones = 'cluster.local'): World {
  const cluster = new SmallCluster('bridge', ['worker-1'])
  for (const name of ['testns', 'podns', 'svcns', 'kube-system']) cluster.store.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  fill(cluster.store)
  const client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
  const dns = cluster.pod('coredns', 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', {
    args: ['-conf', '/etc/coredns/Corefile'], files: { '/etc/coredns/Corefile': `.:53 {\n  errors\n  kubernetes ${zones} {\n    ${block}\n  }\n}\n` },
  })
  cluster.clock.runFor(1000)
  return {
    cluster, dns,
    ask: (name, type) => {
      const reply = cluster.run(client.machine, (p) => exchange(p, { servers: [dns.ip], queries: [dnsQuery(7, name, type)], timeout: 4000 })).replies[0]!
      const rcode = reply.rcode === 'NOERROR' ? [] : [reply.rcode]
      return [...rcode, ...reply.answers.map(show), ...reply.authorities.map((r) => `! ${show(r)}`), ...reply.additionals.map((r) => `+ ${show(r)}`)]
    },
  }
}

function show({ name, ttl, data }: DnsRecord): string {
  if (data.type === 'SOA') return `${name} ${ttl} SOA ${data.primary} ${data.mailbox} ${data.refresh} ${data.retry} ${data.expire} ${data.minimum}`
  const rest = data.type === 'A' || data.type === 'AAAA' ? data.address : data.type === 'SRV' ? `${data.priority} ${data.weight} ${data.port} ${data.target}` : 'target' in data ? data.target : ''
  return `${name} ${ttl} ${data.type} ${rest}`
}

const soa = (zone = 'cluster.local.'): string => `${zone} 5 SOA ns.dns.${zone} hostmaster.${zone} 7200 1800 86400 5`
const NODATA = [`! ${soa()}`]
const NXDOMAIN = ['NXDOMAIN', `! ${soa()}`]
const http = [{ name: 'http', port: 80 }]

function pods(store: SmallCluster['store']): void {
  const pod = (name: string, podIP: string, phase = 'Running', spec: object = {}): void => store.put('pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'podns' }, spec: { containers: [], ...spec }, status: { phase, podIP } })
  pod('foo', '10.240.0.1')
  pod('done', '10.240.0.2', 'Succeeded')
  pod('host', '172.18.0.2', 'Running', { hostNetwork: true })
}

test.each<[string, [string, string, string[]][]]>([
  ['pods disabled', [
    ['10-240-0-1.podns.pod.cluster.local.', 'A', NXDOMAIN],
    ['172-0-0-2.podns.pod.cluster.local.', 'A', NXDOMAIN],
  ]],
  ['pods insecure', [
    ['10-240-0-1.podns.pod.cluster.local.', 'A', ['10-240-0-1.podns.pod.cluster.local. 5 A 10.240.0.1']],
    ['172-0-0-2.podns.pod.cluster.local.', 'A', ['172-0-0-2.podns.pod.cluster.local. 5 A 172.0.0.2']],
    ['fd00--1.podns.pod.cluster.local.', 'AAAA', ['fd00--1.podns.pod.cluster.local. 5 AAAA fd00::1']],
    ['blah.podns.pod.cluster.local.', 'A', NXDOMAIN],
    ['blah.podns.pod.cluster.local.', 'AAAA', NXDOMAIN],
    ['blah.podns.pod.cluster.local.', 'HINFO', NXDOMAIN],
    ['blah.pod-nons.pod.cluster.local.', 'A', NXDOMAIN],
    ['podns.pod.cluster.local.', 'A', NODATA],
  ]],
  ['pods verified', [
    ['10-240-0-1.podns.pod.cluster.local.', 'A', ['10-240-0-1.podns.pod.cluster.local. 5 A 10.240.0.1']],
    ['podns.pod.cluster.local.', 'A', NODATA],
    ['svcns.svc.cluster.local.', 'A', NODATA],
    ['pod-nons.pod.cluster.local.', 'A', NXDOMAIN],
    ['172-0-0-2.podns.pod.cluster.local.', 'A', NXDOMAIN],
    // those that are over are not listed; those on the node's network are
    ['10-240-0-2.podns.pod.cluster.local.', 'A', NXDOMAIN],
    ['172-18-0-2.podns.pod.cluster.local.', 'A', ['172-18-0-2.podns.pod.cluster.local. 5 A 172.18.0.2']],
  ]],
])('%s', (block, rows) => {
  const { ask } = world(block, pods)
  for (const [name, type, expected] of rows) expect([name, type, ...ask(name, type)]).toEqual([name, type, ...expected])
})

test('a Service without endpoints has no name with ignore empty_service', () => {
  const { ask } = world('ignore empty_service', (store) => {
    putService(store, 'testns', 'svcempty', '10.0.0.1', http)
    putService(store, 'testns', 'svc1', '10.0.0.2', http)
    putSlice(store, 'testns', 'svc1', http, [{ ip: '172.0.0.1' }])
    putService(store, 'testns', 'external', '', [], { type: 'ExternalName', externalName: 'ext.interwebs.test', clusterIPs: [] })
  })
  expect(ask('svcempty.testns.svc.cluster.local.', 'A')).toEqual(NXDOMAIN)
  expect(ask('svc1.testns.svc.cluster.local.', 'A')).toEqual(['svc1.testns.svc.cluster.local. 5 A 10.0.0.2'])
  expect(ask('external.testns.svc.cluster.local.', 'CNAME')).toEqual(['external.testns.svc.cluster.local. 5 CNAME ext.interwebs.test.'])
})

describe('names', () => {
  const { ask } = world('namespaces testns', (store) => {
    putService(store, 'testns', 'svc1', '10.0.0.1', http)
    for (let i = 0; i < 12; i++) putService(store, 'testns', `hop${i}`, '', [], { type: 'ExternalName', externalName: i === 11 ? 'svc1.testns.svc.cluster.local' : `hop${i + 1}.testns.svc.cluster.local`, clusterIPs: [] })
  })

  test.each<[string, string, string[]]>([
    // the case of the question is kept
    ['not-a-service.testns.svc.ClUsTeR.lOcAl.', 'A', ['NXDOMAIN', `! ${soa('ClUsTeR.lOcAl.')}`]],
    ['SvC1.TeStNs.SvC.cLuStEr.LoCaL.', 'A', ['SvC1.TeStNs.SvC.cLuStEr.LoCaL. 5 A 10.0.0.1']],
    ['_HtTp._TcP.sVc1.TeStNs.SvC.cLuStEr.LoCaL.', 'SRV', ['_HtTp._TcP.sVc1.TeStNs.SvC.cLuStEr.LoCaL. 5 SRV 0 100 80 svc1.testns.svc.cLuStEr.LoCaL.', '+ svc1.testns.svc.cLuStEr.LoCaL. 5 A 10.0.0.1']],
    ['Cluster.local.', 'SOA', [soa('Cluster.local.')]],
    // the zone itself
    ['cluster.local.', 'SOA', [soa()]],
    ['cluster.local.', 'HINFO', NODATA],
    ['cluster.local.', 'A', NODATA],
    ['cluster.local.', 'AAAA', NODATA],
    ['cluster.local.', 'SRV', NODATA],
    // nobody looks whether a name exists whose SOA is asked for (handler.go); TXT wants a Service (Services of kubernetes.go)
    ['nothing.testns.svc.cluster.local.', 'SOA', NODATA],
    ['nothing.testns.svc.cluster.local.', 'MX', NXDOMAIN],
    ['svc1.testns.svc.cluster.local.', 'TXT', NODATA],
    ['testns.svc.cluster.local.', 'TXT', NXDOMAIN],
    // a chain of external names is followed so far (backend_lookup.go)
    ['hop11.testns.svc.cluster.local.', 'A', ['hop11.testns.svc.cluster.local. 5 CNAME svc1.testns.svc.cluster.local.', 'svc1.testns.svc.cluster.local. 5 A 10.0.0.1']],
    ['hop0.testns.svc.cluster.local.', 'A', NODATA],
  ])('%s %s', (name, type, expected) => {
    expect(ask(name, type)).toEqual(expected)
  })

  test('eight names of a chain are followed', () => {
    expect(ask('hop4.testns.svc.cluster.local.', 'A')).toHaveLength(9)
    expect(ask('hop3.testns.svc.cluster.local.', 'A')).toEqual(NODATA)
  })
})

describe('reverse', () => {
  const SIX = '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.c.b.a.4.3.2.1.ip6.arpa.'
  const { ask } = world('namespaces testns', (store) => {
    putService(store, 'testns', 'svc1', '192.168.1.100', http)
    putSlice(store, 'testns', 'svc1', http, [{ ip: '10.0.0.100', hostname: 'ep1a' }, { ip: '10.0.0.99', hostname: 'double-ep' }, { ip: '10.0.0.98', pod: 'svc1-abc' }], 'one')
    putSlice(store, 'testns', 'svc1', http, [{ ip: '1234:abcd::1', hostname: 'ep1b' }], 'two')
    putSlice(store, 'testns', 'svc1', http, [{ ip: '10.0.0.100', hostname: 'ep1a' }], 'three')
    putService(store, 'testns', 'svc2', '192.168.1.101', http)
    putSlice(store, 'testns', 'svc2', http, [{ ip: '10.0.0.99' }])
  }, `cluster.local 0.10.in-addr.arpa 168.192.in-addr.arpa ${SIX}`)
  const not = (zone: string): string[] => ['NXDOMAIN', `! ${soa(zone)}`]

  test.each<[string, string, string[]]>([
    ['99.0.0.10.in-addr.arpa.', 'PTR', ['99.0.0.10.in-addr.arpa. 5 PTR double-ep.svc1.testns.svc.cluster.local.']],
    ['100.0.0.10.in-addr.arpa.', 'PTR', ['100.0.0.10.in-addr.arpa. 5 PTR ep1a.svc1.testns.svc.cluster.local.']],
    // an endpoint whose name is made of its address has none in reverse
    ['98.0.0.10.in-addr.arpa.', 'PTR', not('0.10.in-addr.arpa.')],
    ['100.1.168.192.in-addr.arpa.', 'PTR', ['100.1.168.192.in-addr.arpa. 5 PTR svc1.testns.svc.cluster.local.']],
    [`1.0.0.0.0.0.0.0.${SIX}`, 'PTR', [`1.0.0.0.0.0.0.0.${SIX} 5 PTR ep1b.svc1.testns.svc.cluster.local.`]],
    ['101.0.0.10.in-addr.arpa.', 'PTR', not('0.10.in-addr.arpa.')],
    ['example.org.cluster.local.', 'PTR', NXDOMAIN],
    ['svc1.testns.svc.cluster.local.', 'PTR', NODATA],
    ['svc1.testns.svc.0.10.in-addr.arpa.', 'A', not('0.10.in-addr.arpa.')],
    ['100.0.0.10.cluster.local.', 'PTR', NXDOMAIN],
    ['0.10.in-addr.arpa.', 'PTR', [`! ${soa('0.10.in-addr.arpa.')}`]],
  ])('%s %s', (name, type, expected) => {
    expect(ask(name, type)).toEqual(expected)
  })
})

describe('name servers', () => {
  test('are the Services that CoreDNS is an endpoint of; of headless ones the endpoint itself', () => {
    const { ask, cluster, dns } = world('ttl 5', (store) => {
      putService(store, 'kube-system', 'dns-service', '10.0.0.111', http)
      putService(store, 'kube-system', 'hdls-dns-service', 'None', http)
      putService(store, 'kube-system', 'dns6-service', '10::111', http)
    })
    for (const service of ['dns-service', 'hdls-dns-service', 'dns6-service']) putSlice(cluster.store, 'kube-system', service, http, [{ ip: dns.ip }])
    cluster.clock.runFor(100)
    const label = dns.ip.replaceAll('.', '-')
    const below = 'kube-system.svc.cluster.local.'
    expect(ask('cluster.local.', 'NS')).toEqual([
      `cluster.local. 5 NS dns-service.${below}`, `cluster.local. 5 NS ${label}.hdls-dns-service.${below}`, `cluster.local. 5 NS dns6-service.${below}`,
      `+ dns-service.${below} 5 A 10.0.0.111`, `+ ${label}.hdls-dns-service.${below} 5 A ${dns.ip}`, `+ dns6-service.${below} 5 AAAA 10::111`,
    ])
    expect(ask('ns.dns.cluster.local.', 'A')).toEqual(['ns.dns.cluster.local. 5 A 10.0.0.111', `ns.dns.cluster.local. 5 A ${dns.ip}`])
  })

  test('without one it is itself', () => {
    const { ask, dns } = world('ttl 5', () => undefined)
    expect(ask('cluster.local.', 'NS')).toEqual(['cluster.local. 5 NS ns.dns.cluster.local.', `+ ns.dns.cluster.local. 5 A ${dns.ip}`])
  })
})
