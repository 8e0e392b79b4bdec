import { beforeEach, describe, expect, test } from 'vitest'
import { fetch, SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
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
  expect(start(COREFILE).output()).toMatch(/^\.:53\n\[INFO\] plugin\/reload: Running configuration SHA512 = [0-9a-f]{128}\nCoreDNS-1\.12\.0\nlinux\/amd64, go1\.23\.3, 51e11f1\n$/)
})

test('-quiet leaves out where it listens and who it is, and -pidfile says its number', () => {
  const pod = cluster.pod('coredns', 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', {
    args: ['-conf', '/etc/coredns/Corefile', '-quiet', '-pidfile', '/coredns.pid', '-dns.port', '5353'], files: { '/etc/coredns/Corefile': COREFILE, '/etc/resolv.conf': 'nameserver 172.18.0.1\n' },
  })
  cluster.clock.runFor(100)
  expect(pod.output()).toMatch(/^\[INFO\] plugin\/reload: Running configuration SHA512 = [0-9a-f]{128}\n$/)
  expect(pod.process.fs.readText('/coredns.pid')).toBe(`${pod.process.pid}\n`)
  expect(cluster.run(client.machine, (p) => exchange(p, { servers: [pod.ip], port: 5353, queries: [dnsQuery(7, 'kubernetes.default.svc.cluster.local', 'A')], timeout: 8000 })).replies).toHaveLength(1)
})

test('the hash is the one that clusters of kubeadm show', () => {
  // the Corefile of kubeadm v1.19 to v1.32, in the log of every CoreDNS of those
  const older = COREFILE.replace(/cache 30 \{[^}]*\}/, 'cache 30')
  expect(start(older).output()).toContain('SHA512 = 591cf328cccc12bc490481273e738df59329c62c0b729d94e8b61db9961c2fa5f046dd37f1cf888b953814040d180f52594972691cd6ff41be96639138a43908\n')
})

test.each([
  ['.:53 {\n  nonsense\n}\n', "/etc/coredns/Corefile:2 - Error during parsing: Unknown directive 'nonsense'", 1],
  ['.:53 {\n  errors\n', "/etc/coredns/Corefile:2 - Syntax error: Unexpected EOF, expecting '}'", 1],
  ['.:53 {\n  kubernetes cluster.local {\n    pods sometimes\n  }\n}\n', 'plugin/kubernetes: wrong value for pods: sometimes,  must be one of: disabled, verified, insecure', 1],
  ['.:53 {\n  forward . nowhere\n}\n', 'plugin/forward: not an IP address or file: "nowhere"', 1],
  ['.:53 {\n  autopath @nobody\n}\n', 'podhop: not simulated: CoreDNS autopath @nobody (use @kubernetes or a file)', 69],
  ['.:53 {\n  dnssec\n}\n', 'podhop: not simulated: CoreDNS plugin dnssec', 69],
  ['.:53 {\n  acl {\n    deny net *\n  }\n}\n', 'plugin/acl: unexpected token "deny"; expect \'allow\', \'block\', \'filter\' or \'drop\'', 1],
  ['.:53 {\n  rewrite answer a b\n}\n', 'plugin/rewrite: response rewrites must begin with a name rule', 1],
  ['.:53 {\n  rewrite name regex (a) b{1}{2}\n}\n', 'plugin/rewrite: the rewrite regex pattern (b{1}{2}.) uses more subexpressions than its corresponding matching regex pattern ((a))', 1],
  ['.:53 {\n  import nowhere\n}\n', '/etc/coredns/Corefile:2 - Error during parsing: File to import not found: nowhere', 1],
  ['.:53 {\n  cache 0\n}\n', 'plugin/cache: cache TTL can not be zero or negative: 0', 1],
  ['.:53 {\n  errors\n  errors\n}\n', 'plugin/errors: this plugin can only be used once per Server Block', 1],
  ['.:53 {\n  health {\n    lameduck five\n  }\n}\n', 'plugin/health: unable to parse lameduck duration value: \'five\' : time: invalid duration "five"', 1],
  ['.:53 {\n  template IN BAD example\n}\n', 'plugin/template: /etc/coredns/Corefile:2 - Error during parsing: invalid RR class BAD', 1],
])('a Corefile with a mistake ends it: %j', (corefile, message, code) => {
  const pod = start(corefile)
  expect([pod.output().trim(), pod.process.status?.code]).toEqual([message, code])
})

test('the Corefile of kubeadm is read as it is meant', () => {
  const [block] = parseCorefile(COREFILE)
  expect(block!.keys).toEqual([{ zone: '.', port: 53, text: '.:53', transport: 'dns' }])
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
    expect(dns.output()).toContain('[INFO] Reloading\n[INFO] plugin/reload: Running configuration SHA512 = ')
    expect(dns.output()).toMatch(/\[INFO\] Reloading complete\n$/)
    expect(ask(dns, 'intranet.example.')!.answers).toHaveLength(1)
  })

  test('of a broken one changes nothing but the log', () => {
    const dns = start(COREFILE)
    for (const broken of ['.:53 {\n  forward . nowhere\n}\n', '.:53 {\n  nonsense\n}\n']) {
      dns.machine.fs.writeFile('/etc/coredns/Corefile', broken)
      cluster.clock.runFor(60_000)
    }
    expect(dns.output().match(/\[ERROR\] plugin\/reload: Corefile changed but reload failed: /g)).toHaveLength(2)
    expect(ask(dns, 'example.com.')!.rcode).toBe('NOERROR')
    expect(dns.process.status).toBeUndefined()
  })
})

/** "NOERROR web. 30 A 10.0.0.1 | …" */
function answer(server: PodSample, name: string, type = 'A'): string {
  const reply = ask(server, name, type)!
  const records = reply.answers.map(({ name: owner, ttl, data }) => `${owner} ${ttl} ${data.type} ${'address' in data ? data.address : 'target' in data ? data.target : data.type === 'TXT' ? data.strings.join(' ') : ''}`)
  return [`${reply.rcode} ${reply.questions[0]!.name}`, ...records].join(' | ')
}

test('file: a zone of its own, read again when its serial is another', () => {
  const dns = start('.:53 {\n  errors\n  file /etc/coredns/shop.db shop.test\n  hosts {\n    10.9.9.9 other.test\n    fallthrough\n  }\n}\n')
  expect(dns.output()).toContain('[WARNING] plugin/file: Failed to open "open /etc/coredns/shop.db: no such file or directory": trying again in 1m0s')
  expect(answer(dns, 'shop.test.')).toBe('SERVFAIL shop.test.')
  dns.machine.fs.writeFile('/etc/coredns/shop.db', `$TTL 5m
@ IN SOA ns admin ( 7 ; serial
  1h 15m 4w 60 )
  NS ns
ns A 10.0.0.53
www 30 IN A 10.0.0.1
    A 10.0.0.2
blog CNAME www
away IN CNAME other.test.
*.apps A 10.0.0.9
txt TXT "two words; and more"
deep.down A 10.0.0.3
sub NS ns.sub
ns.sub A 10.0.0.54
`)
  cluster.clock.runFor(60_000)
  expect(dns.output()).toContain('[INFO] plugin/file: Successfully reloaded zone "shop.test." in "/etc/coredns/shop.db" with 7 SOA serial')
  expect(['www', 'blog', 'away', 'x.apps', 'txt', 'down', 'none', 'x.sub'].map((n) => answer(dns, `${n}.shop.test.`, n === 'txt' ? 'TXT' : 'A').split(' | ').slice(1).join(', '))).toEqual([
    'www.shop.test. 30 A 10.0.0.1, www.shop.test. 300 A 10.0.0.2', 'blog.shop.test. 300 CNAME www.shop.test., www.shop.test. 30 A 10.0.0.1, www.shop.test. 300 A 10.0.0.2',
    'away.shop.test. 300 CNAME other.test., other.test. 3600 A 10.9.9.9', 'x.apps.shop.test. 300 A 10.0.0.9', 'txt.shop.test. 300 TXT two words; and more', '', '', '',
  ])
  expect(['down', 'none', 'x.sub'].map((n) => [ask(dns, `${n}.shop.test.`)!.rcode, ask(dns, `${n}.shop.test.`)!.authorities.map((a) => a.data.type).join(), ask(dns, `${n}.shop.test.`)!.authoritative])).toEqual([['NOERROR', 'SOA', true], ['NXDOMAIN', 'SOA', true], ['NOERROR', 'NS', false]])
})

describe('rewrite', () => {
  const zone = 'hosts {\n    10.9.9.9 web.inside.test web.other.test\n    fallthrough\n  }\n'
  const hosts = (rule: string): PodSample => start(`.:53 {\n  ${rule}\n  ${zone}}\n`)

  test.each([
    ['rewrite name shop.test web.inside.test', 'shop.test.', 'NOERROR shop.test. | shop.test. 3600 A 10.9.9.9'],
    ['rewrite stop name exact shop.test web.inside.test', 'SHOP.test.', 'NOERROR SHOP.test. | shop.test. 3600 A 10.9.9.9'],
    ['rewrite name suffix .outside.test .inside.test', 'web.outside.test.', 'NOERROR web.outside.test. | web.inside.test. 3600 A 10.9.9.9'],
    ['rewrite name suffix .outside.test .inside.test answer auto', 'web.outside.test.', 'NOERROR web.outside.test. | web.outside.test. 3600 A 10.9.9.9'],
    ['rewrite name substring outside inside answer auto', 'web.outside.test.', 'NOERROR web.outside.test. | web.outside.test. 3600 A 10.9.9.9'],
    ['rewrite name regex (.*)\\.my\\.test {1}.inside.test', 'web.my.test.', 'NOERROR web.my.test. | web.inside.test. 3600 A 10.9.9.9'],
    ['rewrite name regex (.*)\\.my\\.test {1}.inside.test answer name (.*)\\.inside\\.test {1}.my.test', 'web.my.test.', 'NOERROR web.my.test. | web.my.test. 3600 A 10.9.9.9'],
    ['rewrite ttl web.inside.test 17', 'web.inside.test.', 'NOERROR web.inside.test. | web.inside.test. 17 A 10.9.9.9'],
    ['rewrite continue name a.test b.test\n  rewrite name b.test web.inside.test', 'a.test.', 'NOERROR a.test. | a.test. 3600 A 10.9.9.9'],
    ['rewrite name a.test b.test\n  rewrite name b.test web.inside.test', 'a.test.', 'REFUSED a.test.'],
  ])('%s', (rule, name, expected) => {
    // REFUSED: hosts lets it fall through, and nobody is behind
    expect(answer(hosts(rule), name)).toBe(expected)
  })

  test('of the type', () => {
    expect(answer(hosts('rewrite type AAAA A'), 'web.inside.test.', 'AAAA')).toBe('NOERROR web.inside.test. | web.inside.test. 3600 A 10.9.9.9')
  })
})

test('template makes answers of the question', () => {
  const dns = start('.:53 {\n  template IN A nip.test {\n    match (^|[.])(?P<a>[0-9]*)-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]nip[.]test[.]$\n    answer "{{ .Name }} 60 IN A {{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"\n    fallthrough\n  }\n  template ANY ANY gone.test {\n    rcode NXDOMAIN\n    authority "gone.test. 60 IN SOA ns.gone.test. root.gone.test. 1 60 60 60 60"\n  }\n}\n')
  expect(answer(dns, 'web.10-1-2-3.nip.test.')).toBe('NOERROR web.10-1-2-3.nip.test. | web.10-1-2-3.nip.test. 60 A 10.1.2.3')
  expect(ask(dns, 'web.nip.test.')!.rcode).toBe('REFUSED')
  expect(ask(dns, 'a.gone.test.', 'MX')).toMatchObject({ rcode: 'NXDOMAIN', authorities: [{ name: 'gone.test.', data: { type: 'SOA', minimum: 60 } }] })
})

test('snippets, files and the environment are put in', () => {
  const pod = cluster.pod('coredns', 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', {
    args: ['-conf', '/etc/coredns/Corefile'],
    files: {
      '/etc/coredns/Corefile': '(common) {\n  errors\n  log . {\n    class denial error\n  }\n}\n.:53 {\n  import common\n  import custom/*.override\n  import none/*.override\n  hosts {\n    10.1.1.1 one.test # its first\n    fallthrough\n  }\n}\nimport custom/*.server\n',
      '/etc/coredns/custom/a.override': 'rewrite name uno.test one.test\n',
      '/etc/coredns/custom/b.server': 'two.test:53 {\n  hosts {\n    10.2.2.2 a.two.test\n  }\n}\n',
    },
  })
  cluster.clock.runFor(100)
  expect(pod.output()).toBe('[WARNING] No files matching import glob pattern: none/*.override\n.:53\ntwo.test.:53\nCoreDNS-1.12.0\nlinux/amd64, go1.23.3, 51e11f1\n')
  expect(answer(pod, 'uno.test.')).toBe('NOERROR uno.test. | uno.test. 3600 A 10.1.1.1')
  expect(answer(pod, 'a.two.test.')).toBe('NOERROR a.two.test. | a.two.test. 3600 A 10.2.2.2')
  expect(pod.output()).not.toContain('- 7 "A')
})

test('cache counts down, and forgets', () => {
  const dns = start('.:53 {\n  cache 30\n  forward . /etc/resolv.conf\n}\n')
  const ttl = (): number => ask(dns, 'example.com.')!.answers[0]!.ttl
  expect(ttl()).toBe(30)
  cluster.clock.runFor(12_000)
  expect(ttl()).toBe(18)
  cluster.clock.runFor(20_000)
  expect(ttl()).toBe(30)
})

test('a server block of its own is a stub domain', () => {
  const other = cluster.pod('corp-dns', 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', { args: ['-conf', '/Corefile'], files: { '/Corefile': '.:53 {\n  hosts {\n    10.150.0.2 mail.corp.test\n  }\n}\n' } })
  const dns = start(`corp.test:53 {\n  forward . ${other.ip}\n}\n.:53 {\n  forward . /etc/resolv.conf\n}\n`)
  expect(answer(dns, 'mail.corp.test.')).toBe('NOERROR mail.corp.test. | mail.corp.test. 3600 A 10.150.0.2')
  expect(ask(dns, 'example.com.')!.rcode).toBe('NOERROR')
})

test('acl, any, chaos and a search list of the server', () => {
  const dns = start('.:53 {\n  acl secret.test {\n    block type A net 10.244.0.0/16\n    filter\n  }\n  any\n  chaos Mine-1 Anna\n  autopath /etc/resolv.conf\n  hosts {\n    10.9.9.9 intranet.other.test\n  }\n}\n', 'search first.test other.test\n')
  expect([ask(dns, 'x.secret.test.')!.rcode, ask(dns, 'x.secret.test.', 'AAAA')!.rcode]).toEqual(['REFUSED', 'NOERROR'])
  expect(ask(dns, 'example.com.', 'ANY')!.answers.map((a) => a.ttl)).toEqual([8482])
  expect(answer(dns, 'intranet.first.test.')).toBe('NOERROR intranet.first.test. | intranet.first.test. 3600 CNAME intranet.other.test. | intranet.other.test. 3600 A 10.9.9.9')
})

test('an upstream that is down is passed over', () => {
  const silent = cluster.pod('silent', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
  silent.sandbox.network.netfilter.command(['-A', 'INPUT', '-j', 'DROP'])
  const dns = start(`.:53 {\n  errors\n  forward . ${silent.ip} 172.18.0.1 {\n    policy sequential\n  }\n}\n`)
  expect(ask(dns, 'example.com.')!.rcode).toBe('NOERROR')
  cluster.clock.runFor(10_000)
  const before = cluster.clock.now
  expect(ask(dns, 'example.com.')!.rcode).toBe('NOERROR')
  expect(cluster.clock.now - before).toBeLessThan(100)
})

test('it goes on for a while when it is told to end', () => {
  const dns = start(COREFILE)
  dns.process.signal('SIGTERM')
  cluster.clock.runFor(3_000)
  expect(ask(dns, 'example.com.')!.rcode).toBe('NOERROR')
  cluster.clock.runFor(3_000)
  expect(dns.output()).toMatch(/\[INFO\] SIGTERM: Shutting down servers then terminating\n\[INFO\] plugin\/health: Going into lameduck mode for 5s\n$/)
  expect(dns.process.status?.code).toBe(0)
})

test('Prometheus hears of every query', () => {
  const dns = start(COREFILE)
  ask(dns, 'example.com.')
  ask(dns, 'nowhere.test.')
  const { body } = cluster.run(client.machine, (p) => fetch(p, dns.ip, 9153, '/metrics'))
  expect(body).toContain('coredns_dns_requests_total{family="1",proto="udp",server="dns://:53",type="A",view="",zone="."} 2\n')
  // one more than was asked: the loop plugin's own question
  expect(body).toContain('coredns_dns_responses_total{plugin="loadbalance",rcode="NXDOMAIN",server="dns://:53",view="",zone="."} 2\n')
  expect(body).toContain('coredns_cache_entries{server="dns://:53",type="success",view="",zones="."} 1\n')
  expect(body).toMatch(/# TYPE coredns_dns_request_duration_seconds histogram\ncoredns_dns_request_duration_seconds_bucket\{server="dns:\/\/:53",view="",zone="\.",le="0\.00025"\} \d/)
})
