import { beforeEach, describe, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsMessage } from '../network/wire/dns.ts'
import { parseCorefile } from './coredns/corefile.ts'
import { exchange } from './exchange.ts'
import { COREFILE } from './manifests.ts'

/** The coredns program itself: its Corefile, its log, its failures. */
let cluster: SmallCluster
let client: PodSample
beforeEach(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

function start(corefile: string, resolvConf = 'nameserver 172.18.0.1\n'): PodSample {
  const pod = cluster.pod('coredns', 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', {
    args: ['-conf', '/etc/coredns/Corefile'], files: { '/etc/coredns/Corefile': corefile, '/etc/resolv.conf': resolvConf },
  })
  cluster.clock.runFor(100)
  return pod
}

function ask(server: PodSample, name: string, type = 'A'): DnsMessage | undefined {
  return cluster.run(client.machine, (p) => exchange(p, { servers: [server.ip], queries: [dnsQuery(7, name, type)], timeout: 8000 })).replies[0]
}

test('it says on what it listens and which version it is', () => {
  expect(start(COREFILE).output()).toBe('.:53\nCoreDNS-1.12.0\nlinux/amd64, go1.23.3, 51e11f1\n')
})

test.each([
  ['.:53 {\n  nonsense\n}\n', "/etc/coredns/Corefile:2 - Error during parsing: Unknown directive 'nonsense'", 1],
  ['.:53 {\n  errors\n', "/etc/coredns/Corefile:2 - Syntax error: Unexpected EOF, expecting '}'", 1],
  ['.:53 {\n  kubernetes cluster.local {\n    pods sometimes\n  }\n}\n', 'plugin/kubernetes: /etc/coredns/Corefile:2 - Error during parsing: wrong value for pods: sometimes,  must be one of: disabled, verified, insecure', 1],
  ['.:53 {\n  forward . nowhere\n}\n', 'plugin/forward: not an IP address or file: "nowhere"', 1],
  ['.:53 {\n  rewrite name a b\n}\n', 'podhop: not simulated: CoreDNS plugin rewrite', 69],
])('a Corefile with a mistake ends it: %j', (corefile, message, code) => {
  const pod = start(corefile)
  expect([pod.output().trim(), pod.process.status?.code]).toEqual([message, code])
})

test('the Corefile of kubeadm is read as it is meant', () => {
  const [block] = parseCorefile(COREFILE)
  expect(block!.keys).toEqual([{ zone: '.', port: 53, text: '.:53' }])
  expect(block!.plugins.find((p) => p.name === 'kubernetes')).toMatchObject({ args: ['cluster.local', 'in-addr.arpa', 'ip6.arpa'], block: [['pods', 'insecure'], ['fallthrough', 'in-addr.arpa', 'ip6.arpa'], ['ttl', '30']] })
})

test('log writes a line for every query', () => {
  const dns = start('.:53 {\n  log\n  forward . /etc/resolv.conf\n}\n')
  ask(dns, 'example.com.')
  expect(dns.output()).toMatch(/\[INFO\] 10\.244\.1\.2:\d+ - 7 "A IN example\.com\. udp 29 false 512" NOERROR qr,rd,ra 56 [0-9.e-]+s\n$/)
})

test('hosts answers for names of its own and passes the rest on', () => {
  const dns = start('.:53 {\n  hosts {\n    10.9.9.9 intranet.example\n    fallthrough\n  }\n  forward . /etc/resolv.conf\n}\n')
  expect(ask(dns, 'intranet.example.')!.answers[0]!.data).toEqual({ type: 'A', address: '10.9.9.9' })
  expect(ask(dns, 'example.com.')!.answers[0]!.data).toEqual({ type: 'A', address: '172.18.0.1' })
})

test('a name of a zone that no server block has is refused', () => {
  const dns = start('cluster.local:53 {\n  errors\n  kubernetes\n}\n')
  expect(ask(dns, 'example.com.')!.rcode).toBe('REFUSED')
})

describe('an upstream that is not there', () => {
  test('is a SERVFAIL for the client and an error in the log', () => {
    const silent = cluster.pod('silent', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
    silent.sandbox.network.netfilter.command(['-A', 'INPUT', '-j', 'DROP'])
    const dns = start(COREFILE, `nameserver ${silent.ip}\n`)
    expect(ask(dns, 'example.com.')!.rcode).toBe('SERVFAIL')
    expect(dns.output()).toMatch(new RegExp(`\\[ERROR\\] plugin/errors: 2 example\\.com\\. A: read udp 10\\.244\\.1\\.4:\\d+->${silent.ip.replaceAll('.', '\\.')}:53: i/o timeout\n$`))
  })

  test('that is itself is a loop, and fatal', () => {
    const dns = start(COREFILE, 'nameserver 127.0.0.1\n')
    cluster.clock.runFor(1000)
    expect(dns.process.status?.code).toBe(1)
    expect(dns.output()).toMatch(/\[FATAL\] plugin\/loop: Loop \(127\.0\.0\.1:\d+ -> :53\) detected for zone "\.", see https:\/\/coredns\.io\/plugins\/loop#troubleshooting\. Query: "HINFO \d+\.\d+\."\n$/)
  })
})

describe('reload', () => {
  test('takes a changed Corefile within a minute', () => {
    const dns = start(COREFILE)
    dns.machine.fs.writeFile('/etc/coredns/Corefile', COREFILE.replace('    errors\n', '    errors\n    hosts {\n      10.9.9.9 intranet.example\n      fallthrough\n    }\n'))
    cluster.clock.runFor(60_000)
    expect(dns.output()).toContain('[INFO] Reloading\n[INFO] Reloading complete\n')
    expect(ask(dns, 'intranet.example.')!.answers).toHaveLength(1)
  })

  test('of a broken one changes nothing but the log', () => {
    const dns = start(COREFILE)
    for (const broken of ['nonsense', '.:53 {\n  nonsense\n}\n']) {
      dns.machine.fs.writeFile('/etc/coredns/Corefile', broken)
      cluster.clock.runFor(60_000)
    }
    expect(dns.output().match(/\[ERROR\] plugin\/reload: Corefile changed but reload failed: /g)).toHaveLength(2)
    expect(ask(dns, 'example.com.')!.rcode).toBe('NOERROR')
    expect(dns.process.status).toBeUndefined()
  })
})
