import { describe, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsRecord } from '../network/wire/dns.ts'
import { putService, putSlice } from '../proxy/services.samples.ts'
import { exchange } from './exchange.ts'

/** The tables of plugin/k8s_external of CoreDNS v1.12.0 (external_test.go, apex_test.go), told again. */
const http = [{ name: 'http', port: 80 }]

function world(corefile: string): { ask: (name: string, type: string) => string[]; dns: PodSample; cluster: SmallCluster } {
  const cluster = new SmallCluster('bridge', ['worker-1'])
  const { store } = cluster
  for (const name of ['testns', 'hidden']) store.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  putService(store, 'testns', 'svc1', '10.0.0.1', http, { externalIPs: ['1.2.3.4'] })
  putService(store, 'hidden', 'svc1', '10.0.0.8', http, { externalIPs: ['1.2.3.4', '1.2.3.9'] })
  putService(store, 'testns', 'svc6', '10.0.0.3', http, { externalIPs: ['1:2::5'] })
  putService(store, 'testns', 'svc11', '10.0.0.4', http, { type: 'LoadBalancer' }, ['2.3.4.5'])
  putService(store, 'testns', 'inner', '10.0.0.6', http)
  store.put('services', {
    apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'testns', name: 'svc12' }, spec: { type: 'LoadBalancer', clusterIP: '10.0.0.5', clusterIPs: ['10.0.0.5'], ports: http },
    status: { loadBalancer: { ingress: [{ hostname: 'dummy.hostname' }] } },
  })
  putService(store, 'testns', 'svc-headless', 'None', http)
  putSlice(store, 'testns', 'svc-headless', http, [{ ip: '1.2.3.4', hostname: 'endpoint-svc-0' }, { ip: '1.2.3.5', hostname: 'endpoint-svc-1' }])
  const client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
  const dns = cluster.pod('coredns', 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', { args: ['-conf', '/Corefile'], files: { '/Corefile': corefile } })
  cluster.clock.runFor(1000)
  return {
    cluster, dns,
    ask: (name, type) => {
      const reply = cluster.run(client.machine, (p) => exchange(p, { servers: [dns.ip], queries: [dnsQuery(7, name, type)], timeout: 4000 })).replies[0]!
      const rcode = reply.rcode === 'NOERROR' ? [] : [reply.rcode]
      return [...rcode, ...(reply.authoritative ? [] : ['not authoritative']), ...reply.answers.map(show), ...reply.authorities.map((r) => `! ${show(r)}`), ...reply.additionals.map((r) => `+ ${show(r)}`)]
    },
  }
}

function show({ name, ttl, data }: DnsRecord): string {
  if (data.type === 'SOA') return `${name} ${ttl} SOA ${data.primary} ${data.mailbox} ${data.minimum}`
  const rest = data.type === 'A' || data.type === 'AAAA' ? data.address : data.type === 'SRV' ? `${data.priority} ${data.weight} ${data.port} ${data.target}` : 'target' in data ? data.target : ''
  return `${name} ${ttl} ${data.type} ${rest}`
}

const SOA = 'example.com. 5 SOA ns1.dns.example.com. hostmaster.dns.example.com. 5'
const NODATA = [`! ${SOA}`]
const NXDOMAIN = ['NXDOMAIN', `! ${SOA}`]
const svc = (text: string): string => text.replaceAll('@', 'testns.example.com.')
const srv = (owner: string, target: string, weight = 100): string => `${owner}.@ 5 SRV 0 ${weight} 80 ${target}`
const headless = ['+ endpoint-svc-0.svc-headless.@ 5 A 1.2.3.4', '+ endpoint-svc-1.svc-headless.@ 5 A 1.2.3.5']
const members = ['endpoint-svc-0', 'endpoint-svc-1']

describe('k8s_external', () => {
  const { ask, dns } = world('. {\n  kubernetes cluster.local {\n    namespaces testns\n  }\n  k8s_external example.com in-addr.arpa {\n    headless\n  }\n}\n')

  test.each<[string, string, string[]]>([
    ['4.3.2.1.in-addr.arpa.', 'PTR', ['4.3.2.1.in-addr.arpa. 5 PTR svc1.testns.example.com.']],
    ['9.3.2.1.in-addr.arpa.', 'PTR', ['NXDOMAIN', '! in-addr.arpa. 5 SOA ns1.dns.in-addr.arpa. hostmaster.dns.in-addr.arpa. 5']],
    ['svc1.@', 'PTR', NODATA],
    ['not-existing.@', 'PTR', NXDOMAIN],
    ['svc1.@', 'A', ['svc1.@ 5 A 1.2.3.4']],
    ['svc1.@', 'SRV', [srv('svc1', 'svc1.@'), '+ svc1.@ 5 A 1.2.3.4']],
    ['*._not-udp-or-tcp.svc1.@', 'SRV', NXDOMAIN],
    ['_http._tcp.svc1.@', 'SRV', [srv('_http._tcp.svc1', 'svc1.@'), '+ svc1.@ 5 A 1.2.3.4']],
    ['svc1.@', 'AAAA', NODATA],
    ['svc0.@', 'AAAA', NXDOMAIN],
    ['svc0.@', 'A', NXDOMAIN],
    ['svc0.svc-nons.example.com.', 'A', NXDOMAIN],
    ['svc1.hidden.example.com.', 'A', NXDOMAIN],
    ['svc6.@', 'AAAA', ['svc6.@ 5 AAAA 1:2::5']],
    ['_http._tcp.svc6.@', 'SRV', [srv('_http._tcp.svc6', 'svc6.@'), '+ svc6.@ 5 AAAA 1:2::5']],
    ['svc6.@', 'SRV', [srv('svc6', 'svc6.@'), '+ svc6.@ 5 AAAA 1:2::5']],
    ['@', 'A', NODATA],
    ['@', 'SOA', NODATA],
    ['svc11.@', 'A', ['svc11.@ 5 A 2.3.4.5']],
    ['_http._tcp.svc11.@', 'SRV', [srv('_http._tcp.svc11', 'svc11.@'), '+ svc11.@ 5 A 2.3.4.5']],
    ['svc12.@', 'A', ['svc12.@ 5 CNAME dummy.hostname.']],
    ['_http._tcp.svc12.@', 'SRV', [srv('_http._tcp.svc12', 'dummy.hostname.')]],
    ['inner.@', 'A', NXDOMAIN],
    ['a.b.c.svc1.@', 'A', NXDOMAIN],
    ['svc-headless.@', 'A', ['svc-headless.@ 5 A 1.2.3.4', 'svc-headless.@ 5 A 1.2.3.5']],
    ['svc-headless.@', 'SRV', [...members.map((m) => srv('svc-headless', `${m}.svc-headless.@`, 50)), ...headless]],
    ['_http._tcp.svc-headless.@', 'SRV', [...members.map((m) => srv('_http._tcp.svc-headless', `${m}.svc-headless.@`, 50)), ...headless]],
    ['endpoint-svc-0.svc-headless.@', 'SRV', [srv('endpoint-svc-0.svc-headless', 'endpoint-svc-0.svc-headless.@'), headless[0]!]],
    ['endpoint-svc-1.svc-headless.@', 'A', ['endpoint-svc-1.svc-headless.@ 5 A 1.2.3.5']],
    // the zone itself, and what is below its apex
    ['example.com.', 'SOA', [SOA]],
    ['example.com.', 'SRV', NODATA],
    ['dns.example.com.', 'SRV', NODATA],
    ['dns.example.com.', 'NS', NODATA],
    ['ns1.dns.example.com.', 'SRV', NODATA],
    ['ns1.dns.example.com.', 'AAAA', NODATA],
    ['ns2.dns.example.com.', 'A', NXDOMAIN],
    ['a.ns1.dns.example.com.', 'A', NXDOMAIN],
  ])('%s %s', (name, type, expected) => {
    expect(ask(svc(name), type)).toEqual(expected.map(svc))
  })

  test('its name server is CoreDNS as the world reaches it', () => {
    expect(ask('example.com.', 'NS')).toEqual(['example.com. 5 NS ns1.dns.example.com.', `+ ns1.dns.example.com. 5 A ${dns.ip}`])
    expect(ask('ns1.dns.example.com.', 'A')).toEqual([`ns1.dns.example.com. 5 A ${dns.ip}`])
  })
})

test('the name server is what its own Service is reached at; ttl, apex and fallthrough', () => {
  const { ask, cluster, dns } = world('. {\n  kubernetes cluster.local\n  k8s_external example.com {\n    ttl 17\n    apex top\n    fallthrough\n  }\n  forward . 172.18.0.1\n}\n')
  putService(cluster.store, 'testns', 'dns', '10.0.0.53', http, { type: 'LoadBalancer' }, ['5.6.7.8'])
  putSlice(cluster.store, 'testns', 'dns', http, [{ ip: dns.ip }])
  cluster.clock.runFor(100)
  expect(ask('example.com.', 'NS')).toEqual(['example.com. 17 NS ns1.top.example.com.', '+ ns1.top.example.com. 17 A 5.6.7.8'])
  expect(ask('svc-headless.testns.example.com.', 'A')[0]).toBe('NXDOMAIN')
  // nobody below knows it either, but it is they who say so
  expect(ask('svc0.testns.example.com.', 'A').join()).toMatch(/^NXDOMAIN,not authoritative,! example\.com\. .* SOA ns1\.example\.com\. /)
})

test.each([
  ['k8s_external example.com', 'plugin/k8s_external: kubernetes plugin not loaded'],
  ['kubernetes cluster.local\n  k8s_external example.com {\n    ttl 4000\n  }', 'plugin/k8s_external: /Corefile:4 - Error during parsing: ttl must be in range [0, 3600]: 4000'],
  ['kubernetes cluster.local\n  k8s_external example.com {\n    fast\n  }', "plugin/k8s_external: /Corefile:4 - Error during parsing: unknown property 'fast'"],
])('a mistake ends it: %j', (block, message) => {
  const { dns } = world(`. {\n  ${block}\n}\n`)
  expect([dns.output().trim(), dns.process.status?.code]).toEqual([message, 1])
})
