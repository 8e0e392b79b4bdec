import { beforeEach, describe, expect, test } from 'vitest'
import { fetch, SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsMessage } from '../network/wire/dns.ts'
import { embedded } from './coredns/header.ts'
import { exchange } from './exchange.ts'

/** Plugins that keep and change answers, and the listeners of a server (plugin/{cache,hosts,header,dns64,bind,loop} of CoreDNS v1.12.0). */
let cluster: SmallCluster
let client: PodSample
beforeEach(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

function start(corefile: string, { name = 'coredns', files = {} }: { name?: string; files?: Record<string, string> } = {}): PodSample {
  const pod = cluster.pod(name, 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', {
    args: ['-conf', '/etc/coredns/Corefile'], files: { '/etc/coredns/Corefile': corefile, '/etc/resolv.conf': 'nameserver 172.18.0.1\n', ...files },
  })
  cluster.clock.runFor(100)
  return pod
}

function ask(server: PodSample | string, name: string, type = 'A'): DnsMessage | undefined {
  return cluster.run(client.machine, (p) => exchange(p, { servers: [typeof server === 'string' ? server : server.ip], queries: [dnsQuery(7, name, type)], timeout: 8000 })).replies[0]
}

const addressesOf = (reply: DnsMessage | undefined): unknown => reply?.answers.map((a) => ('address' in a.data ? a.data.address : a.data))

/** A server whose answers another one passes on: its names live for 30 s. */
function upstream(address = '10.9.9.1'): PodSample {
  return start(`.:53 {\n  reload 2s 1s\n  hosts /etc/hosts.zone {\n    ttl 30\n    reload 1s\n  }\n}\n`, { name: 'upstream', files: { '/etc/hosts.zone': `${address} web.example\n` } })
}

const moveTo = (server: PodSample, address: string): void => server.machine.fs.writeFile('/etc/hosts.zone', `${address} web.example\n`)
const stop = (server: PodSample): void => {
  server.process.signal('SIGKILL')
  cluster.clock.runFor(100)
}
const metricsOf = (server: PodSample): string => cluster.run(client.machine, (p) => fetch(p, server.ip, 9153, '/metrics')).body!

describe('cache', () => {
  test('what comes from it says that it is authoritative, and its time runs down', () => {
    const dns = start(`.:53 {\n  cache\n  forward . ${upstream().ip}\n}\n`)
    const external = start('.:53 {\n  cache 30\n  forward . /etc/resolv.conf\n}\n', { name: 'external' })
    expect([ask(external, 'example.com.'), ask(external, 'example.com.')].map((r) => r!.authoritative)).toEqual([false, true])
    expect(ask(dns, 'web.example.')!.answers[0]!.ttl).toBe(30)
    cluster.clock.runFor(10_000)
    expect(ask(dns, 'web.example.')!.answers[0]!.ttl).toBe(20)
  })

  test('prefetch asks again for a name that is wanted often before its time is over', () => {
    const server = upstream()
    const dns = start(`.:53 {\n  cache {\n    prefetch 3 1m 20%\n  }\n  prometheus :9153\n  forward . ${server.ip}\n}\n`)
    for (let i = 0; i < 3; i++) ask(dns, 'web.example.')
    moveTo(server, '10.9.9.2')
    cluster.clock.runFor(23_000)
    // at its last fifth: this answer is the old one, and the next is new
    cluster.clock.runFor(2_000)
    expect(addressesOf(ask(dns, 'web.example.'))).toEqual(['10.9.9.1'])
    cluster.clock.runFor(100)
    const next = ask(dns, 'web.example.')
    expect([addressesOf(next), next!.answers[0]!.ttl]).toEqual([['10.9.9.2'], 30])
    expect(metricsOf(dns)).toContain('coredns_cache_prefetch_total{server="dns://:53",view="",zones="."} 1')
  })

  test('a name that is not wanted often enough is not', () => {
    const server = upstream()
    const dns = start(`.:53 {\n  cache {\n    prefetch 3 1m 20%\n  }\n  forward . ${server.ip}\n}\n`)
    ask(dns, 'web.example.')
    moveTo(server, '10.9.9.2')
    cluster.clock.runFor(25_000)
    for (let i = 0; i < 2; i++) expect(addressesOf(ask(dns, 'web.example.'))).toEqual(['10.9.9.1'])
  })

  test('without serve_stale a name ends with its time', () => {
    const server = upstream()
    const dns = start(`.:53 {\n  errors\n  cache\n  forward . ${server.ip}\n}\n`)
    ask(dns, 'web.example.')
    stop(server)
    cluster.clock.runFor(31_000)
    expect(ask(dns, 'web.example.')!.rcode).toBe('SERVFAIL')
  })

  test('serve_stale tells what has ended while nobody knows better, and asks again behind it', () => {
    const server = upstream()
    const dns = start(`.:53 {\n  errors\n  cache {\n    serve_stale 10m\n  }\n  prometheus :9153\n  forward . ${server.ip}\n}\n`)
    ask(dns, 'web.example.')
    moveTo(server, '10.9.9.2')
    cluster.clock.runFor(32_000)
    const stale = ask(dns, 'web.example.')!
    expect([addressesOf(stale), stale.answers[0]!.ttl]).toEqual([['10.9.9.1'], 0])
    cluster.clock.runFor(100)
    expect(addressesOf(ask(dns, 'web.example.'))).toEqual(['10.9.9.2'])
    expect(metricsOf(dns)).toContain('coredns_cache_served_stale_total{server="dns://:53",view="",zones="."} 1')
    stop(server)
    cluster.clock.runFor(300_000)
    expect(addressesOf(ask(dns, 'web.example.'))).toEqual(['10.9.9.2'])
    cluster.clock.runFor(400_000)
    expect(ask(dns, 'web.example.')!.rcode).toBe('SERVFAIL')
  })

  test('serve_stale with verify asks first', () => {
    const server = upstream()
    const dns = start(`.:53 {\n  cache {\n    serve_stale 10m verify\n  }\n  forward . ${server.ip}\n}\n`)
    ask(dns, 'web.example.')
    moveTo(server, '10.9.9.2')
    cluster.clock.runFor(32_000)
    expect(addressesOf(ask(dns, 'web.example.'))).toEqual(['10.9.9.2'])
    stop(server)
    cluster.clock.runFor(32_000)
    expect(addressesOf(ask(dns, 'web.example.'))).toEqual(['10.9.9.2'])
  })

  test('that there is no such name is kept only where an SOA says for how long', () => {
    const server = start('.:53 {\n  template ANY ANY none.example {\n    rcode NXDOMAIN\n  }\n  template ANY ANY soa.example {\n    rcode NXDOMAIN\n    authority "soa.example. 60 IN SOA a. b. 1 1 1 1 60"\n  }\n}\n', { name: 'upstream' })
    const dns = start(`.:53 {\n  cache\n  prometheus :9153\n  forward . ${server.ip}\n}\n`)
    for (const name of ['none.example.', 'none.example.', 'soa.example.', 'soa.example.']) expect(ask(dns, name)!.rcode).toBe('NXDOMAIN')
    expect(metricsOf(dns)).toContain('coredns_cache_hits_total{server="dns://:53",type="denial",view="",zones="."} 1')
  })
})

describe('hosts', () => {
  test('of a file and a zone: names of other zones are asked of the next, also without fallthrough', () => {
    const dns = start('.:53 {\n  hosts /etc/own.hosts example.org {\n    ttl 60\n  }\n  forward . /etc/resolv.conf\n}\n', { files: { '/etc/own.hosts': '10.9.9.9 a.example.org b.example.com\n' } })
    expect([addressesOf(ask(dns, 'a.example.org.')), ask(dns, 'a.example.org.')!.answers[0]!.ttl]).toEqual([['10.9.9.9'], 60])
    expect(ask(dns, 'nothing.example.org.')!.rcode).toBe('SERVFAIL')
    expect(addressesOf(ask(dns, 'example.com.'))).toEqual(['172.18.0.1'])
    // its own zone alone counts
    expect(ask(dns, 'b.example.com.')!.rcode).toBe('NXDOMAIN')
  })

  test('a name that has another address says that there is no data, and another type likewise', () => {
    const dns = start('.:53 {\n  hosts {\n    10.9.9.9 intranet.example\n    fallthrough\n  }\n  forward . /etc/resolv.conf\n}\n')
    for (const type of ['AAAA', 'MX']) expect(ask(dns, 'intranet.example.', type)).toMatchObject({ rcode: 'NOERROR', answers: [], authoritative: true })
  })

  test('fallthrough may be for some zones; addresses that it does not know are asked of the next', () => {
    const dns = start('.:53 {\n  hosts {\n    10.9.9.9 intranet.example\n    fallthrough com\n  }\n  forward . /etc/resolv.conf\n}\n')
    expect(ask(dns, 'example.com.')!.rcode).toBe('NOERROR')
    expect(ask(dns, 'other.example.')!.rcode).toBe('SERVFAIL')
    expect(ask(dns, '9.9.9.10.in-addr.arpa.', 'PTR')!.answers[0]!.data).toEqual({ type: 'PTR', target: 'intranet.example.' })
    expect(ask(dns, '1.2.3.4.in-addr.arpa.', 'PTR')!.rcode).not.toBe('SERVFAIL')
  })

  test('no_reverse: no PTR', () => {
    const dns = start('.:53 {\n  hosts {\n    10.9.9.9 intranet.example\n    no_reverse\n  }\n}\n')
    expect(ask(dns, '9.9.9.10.in-addr.arpa.', 'PTR')!.rcode).toBe('REFUSED')
  })

  test('a line after fallthrough is a mistake; a file that is not there is a warning', () => {
    expect(start('.:53 {\n  hosts {\n    fallthrough\n    10.9.9.9 intranet.example\n  }\n}\n').output()).toContain("plugin/hosts: /etc/coredns/Corefile:4 - Error during parsing: unknown property '10.9.9.9'")
    expect(start('.:53 {\n  hosts /etc/none {\n    fallthrough\n  }\n}\n', { name: 'second' }).output()).toContain('[WARNING] plugin/hosts: File does not exist: /etc/none\n')
  })
})

describe('header and dns64', () => {
  test('header sets and clears flags of what is answered', () => {
    const dns = start('.:53 {\n  header {\n    response set aa\n    response clear ra\n  }\n  forward . /etc/resolv.conf\n}\n')
    expect(ask(dns, 'example.com.')).toMatchObject({ authoritative: true, recursionAvailable: false })
    expect(start('.:53 {\n  header {\n    response set tc\n  }\n}\n', { name: 'second' }).output()).toContain('plugin/header: setting up rule: unknown/unsupported flag=tc')
  })

  test('dns64 makes IPv6 addresses of IPv4 ones, for clients of IPv4 where it is told to', () => {
    const only4 = '  hosts {\n    10.9.9.9 four.example\n  }\n'
    const dns = start(`.:53 {\n  dns64 {\n    allow_ipv4\n  }\n${only4}}\n`)
    expect(addressesOf(ask(dns, 'four.example.', 'AAAA'))).toEqual(['64:ff9b::a09:909'])
    expect(ask(dns, 'four.example.', 'AAAA')!.answers[0]!.ttl).toBe(600)
    expect(addressesOf(ask(start(`.:53 {\n  dns64\n${only4}}\n`, { name: 'second' }), 'four.example.', 'AAAA'))).toEqual([])
  })

  // RFC 6052 2.4
  test.each([
    ['2001:db8::/32', '2001:db8:c000:221::'], ['2001:db8:100::/40', '2001:db8:1c0:2:21::'], ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
    ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'], ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100:0'], ['2001:db8:122:344::/96', '2001:db8:122:344::c000:221'],
  ])('192.0.2.33 behind %s is %s', (prefix, address) => {
    expect(embedded(prefix, '192.0.2.33')).toBe(address)
  })
})

test('acl drop: the client hears nothing', () => {
  const dns = start('.:53 {\n  acl example.com {\n    drop net 10.244.0.0/16\n  }\n  forward . /etc/resolv.conf\n}\n')
  expect(ask(dns, 'example.com.')).toBeUndefined()
  expect(ask(dns, 'kubernetes.io.')!.rcode).toBe('NOERROR')
})

test('forward: what a probe asks for', () => {
  const server = start('.:53 {\n  log probe.example\n  template ANY ANY probe.example {\n    rcode NOERROR\n  }\n}\n', { name: 'upstream' })
  const dns = start(`.:53 {\n  forward . ${server.ip} {\n    health_check 1s no_rec domain probe.example\n  }\n}\n`)
  server.sandbox.network.netfilter.command(['-A', 'INPUT', '-p', 'udp', '-j', 'DROP'])
  ask(dns, 'web.example.')
  server.sandbox.network.netfilter.command(['-F'])
  cluster.clock.runFor(10_000)
  expect(server.output()).toMatch(/"NS IN probe\.example\. udp 31 false 512" NOERROR qr,aa 31 /)
})

test.each([
  ['health_check 1s recursive', 'plugin/forward: health_check: unknown option recursive'],
  ['health_check -1s', "plugin/forward: health_check can't be negative: -1000000000"],
  ['expire', "plugin/forward: /etc/coredns/Corefile:3 - Error during parsing: Wrong argument count or unexpected line ending after 'expire'"],
  ['policy best', "plugin/forward: /etc/coredns/Corefile:3 - Error during parsing: unknown policy 'best'"],
])('forward with %s ends it', (line, message) => {
  expect(start(`.:53 {\n  forward . 8.8.8.8 {\n    ${line}\n  }\n}\n`).output()).toContain(`${message}\n`)
})

describe('bind', () => {
  test('a server listens on its addresses alone, each with servers of its own', () => {
    const dns = start('.:53 {\n  bind 127.0.0.1\n  hosts {\n    10.9.9.1 where.example\n  }\n}\n.:53 {\n  bind eth0\n  hosts {\n    10.9.9.2 where.example\n  }\n}\n')
    expect(dns.output()).toContain(`.:53 on 127.0.0.1\n.:53 on ${dns.ip}\n`)
    expect(addressesOf(ask(dns, 'where.example.'))).toEqual(['10.9.9.2'])
    const inside = cluster.run(dns.machine, (p) => exchange(p, { servers: ['127.0.0.1'], queries: [dnsQuery(7, 'where.example.', 'A')], timeout: 8000 })).replies[0]
    expect(addressesOf(inside)).toEqual(['10.9.9.1'])
  })

  test.each([
    ['.:53 {\n  bind eth9\n}\n', 'plugin/bind: not a valid IP address or interface name: "eth9"'],
    ['.:53 {\n  bind 10.1.2.3\n}\n', 'Listen: listen tcp 10.1.2.3:53: bind: cannot assign requested address'],
    ['.:53 {\n}\n.:53 {\n}\n', 'cannot serve dns://.:53 - it is already defined'],
    ['.:53 {\n  bind lo\n}\n.:53 {\n}\n', 'cannot serve dns://.:53 - zone overlap listener capacity with dns://.:53 on 127.0.0.1'],
    ['.:53 {\n  health localhost\n}\n', 'plugin/health: address localhost: missing port in address'],
    ['grpc://.:1443 {\n}\n', 'podhop: not simulated: CoreDNS server grpc://.:1443 (dns://, tls:// and https:// are)'],
  ])('%j', (corefile, message) => {
    expect(start(corefile).output()).toContain(`${message}\n`)
  })

  test('zones of one listener are told in their order, and strange ones with a warning', () => {
    expect(start('b.example a_b.example {\n}\n10.0.0.0/8 {\n}\n').output()).toContain('10.in-addr.arpa.:53\nWarning: Domain "a_b.example." does not follow RFC1035 preferred syntax\na_b.example.:53\nb.example.:53\n')
  })

  test('prometheus without an address is for the Pod itself alone', () => {
    const dns = start('.:53 {\n  prometheus\n}\n')
    expect(cluster.run(client.machine, (p) => fetch(p, dns.ip, 9153, '/metrics')).error).toBe('ECONNREFUSED')
    expect(cluster.run(dns.machine, (p) => fetch(p, '127.0.0.1', 9153, '/metrics')).body).toContain('coredns_build_info')
  })

  test('each block with loop looks for its own', () => {
    const dns = start('example.org:53 {\n  loop\n  forward . 127.0.0.1\n}\n')
    cluster.clock.runFor(1000)
    expect(dns.output()).toMatch(/\[FATAL\] plugin\/loop: Loop \(127\.0\.0\.1:\d+ -> :53\) detected for zone "example\.org\.", see https:\/\/coredns\.io\/plugins\/loop#troubleshooting\. Query: "HINFO \d+\.\d+\.example\.org\."\n$/)
  })
})
