import { beforeEach, describe, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsMessage } from '../network/wire/dns.ts'
import { putService } from '../proxy/services.samples.ts'
import { parseWeights } from './coredns/weighted.ts'
import { exchange } from './exchange.ts'

/** plugin/{local,loadbalance,rewrite,metadata,chaos} of CoreDNS v1.12.0, after its own tests. */
let cluster: SmallCluster
let client: PodSample
beforeEach(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

function start(block: string, files: Record<string, string> = {}): PodSample {
  const pod = cluster.pod('coredns', 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', {
    args: ['-conf', '/etc/coredns/Corefile'], files: { '/etc/coredns/Corefile': `.:53 {\n${block}\n}\n`, '/etc/resolv.conf': 'nameserver 172.18.0.1\n', ...files },
  })
  cluster.clock.runFor(1000)
  return pod
}

function ask(server: PodSample, name: string, type = 'A', kind: 'IN' | 'CH' = 'IN'): DnsMessage {
  const query = dnsQuery(7, name, type)
  return cluster.run(client.machine, (p) => exchange(p, { servers: [server.ip], queries: [{ ...query, questions: [{ ...query.questions[0]!, class: kind }] }], timeout: 8000 })).replies[0]!
}

function said({ rcode, answers, authorities }: DnsMessage): string {
  const text = ({ data }: DnsMessage['answers'][number]): string => ('address' in data ? data.address : 'target' in data ? data.target : 'strings' in data ? data.strings.join(' ') : data.type)
  return [rcode, ...answers.map((a) => `${a.name} ${a.ttl} ${a.data.type} ${text(a)}`), ...authorities.map((a) => `! ${a.name} ${a.ttl} ${a.data.type}`)].join(' | ')
}

// local_test.go
test.each([
  ['localhost.', 'A', 'NOERROR | localhost. 604800 A 127.0.0.1'],
  ['localHOst.', 'AAAA', 'NOERROR | localHOst. 604800 AAAA ::1'],
  ['localhost.', 'PTR', 'NOERROR | ! localhost. 604800 SOA'],
  ['localhost.', 'NS', 'NOERROR | localhost. 604800 NS localhost.'],
  ['localhost.', 'SOA', 'NOERROR | localhost. 604800 SOA SOA'],
  ['a.localhost.', 'A', 'NXDOMAIN | ! localhost. 604800 SOA'],
  ['localhost.example.net.', 'A', 'NOERROR | localhost.example.net. 604800 A 127.0.0.1'],
  ['localhost.example.net.', 'MX', 'NOERROR | ! localhost.example.net. 604800 SOA'],
  ['1.0.0.127.in-addr.arpa.', 'PTR', 'NOERROR | 1.0.0.127.in-addr.arpa. 604800 PTR localhost.'],
  ['1.0.0.127.in-addr.arpa.', 'A', 'NOERROR | ! 127.in-addr.arpa. 604800 SOA'],
  ['2.0.0.127.in-addr.arpa.', 'PTR', 'NXDOMAIN | ! 127.in-addr.arpa. 604800 SOA'],
  ['0.in-addr.arpa.', 'A', 'NOERROR | ! 0.in-addr.arpa. 604800 SOA'],
])('local answers %s %s', (name, type, expected) => {
  expect(said(ask(start('local\nhosts {\n 10.9.9.9 other.test\n}'), name, type))).toBe(expected)
})

describe('loadbalance weighted', () => {
  const hosts = 'hosts {\n 10.0.0.1 endpoint.test\n 10.0.0.2 endpoint.test\n 10.0.0.3 endpoint.test\n}'
  const firsts = (dns: PodSample, times: number): Record<string, number> => {
    const count: Record<string, number> = {}
    for (let i = 0; i < times; i++) {
      const { answers } = ask(dns, 'endpoint.test.')
      expect(answers).toHaveLength(3)
      const { data } = answers[0]!
      if ('address' in data) count[data.address] = (count[data.address] ?? 0) + 1
    }
    return count
  }

  test('the first address is drawn by its weight, and new weights count after the reload', () => {
    const dns = start(`loadbalance weighted /weights {\n reload 10s\n}\n${hosts}`, { '/weights': '# weights\nendpoint.test\n10.0.0.2 255\n' })
    expect(dns.output()).toContain('[INFO] plugin/loadbalance: Successfully reloaded weight file /weights\n')
    expect(firsts(dns, 60)['10.0.0.2']).toBeGreaterThan(50)
    dns.machine.fs.writeFile('/weights', 'endpoint.test.\n10.0.0.3 255\n')
    cluster.clock.runFor(11_000)
    expect(firsts(dns, 60)['10.0.0.3']).toBeGreaterThan(50)
    dns.machine.fs.writeFile('/weights', '10.0.0.3 255\n')
    cluster.clock.runFor(11_000)
    expect(dns.output()).toContain('[ERROR] plugin/loadbalance: Missing domain name in weight file /weights\n')
    expect(firsts(dns, 20)['10.0.0.3']).toBeGreaterThan(15)
  })

  // setup_test.go, weighted_test.go
  test.each([
    ['loadbalance weighted', '/etc/coredns/Corefile:2 - Error during parsing: missing weight file argument'],
    ['loadbalance weighted a b', '/etc/coredns/Corefile:2 - Error during parsing: unexpected argument(s)'],
    ['loadbalance weighted a {\n susu\n}', "/etc/coredns/Corefile:3 - Error during parsing: unknown property 'susu'"],
    ['loadbalance weighted a {\n reload 9z\n}', "/etc/coredns/Corefile:3 - Error during parsing: invalid reload duration '9z'"],
    ['loadbalance fleeb', 'unknown policy: fleeb'],
    ['loadbalance round_robin a', '/etc/coredns/Corefile:2 - Error during parsing: unknown property for round_robin'],
    ['loadbalance weighted /nowhere {\n reload 0s\n}', 'failed to open weight file'],
  ])('%s', (block, message) => {
    const dns = start(`${block}\nwhoami`)
    expect([dns.output(), dns.process.status?.code]).toEqual([`plugin/loadbalance: ${message}\n`, 1])
  })

  test.each([
    ['w1,example.org\n10.10.10.1 1', undefined],
    ['10.10.10.1', 'Wrong domain name:"10.10.10.1" in weight file f. (Maybe a missing weight value?)'],
    ['w1.example.org\n192.168.1.14 1000', 'Wrong weight value:"1000" in weight file f'],
    ['w1.example.org\n192.168.1.14 -5', 'Wrong weight value:"-5" in weight file f'],
    ['w1.example.org\n300.168.1.14 2', 'Wrong IP address:"300.168.1.14" in weight file f'],
    ['w1.example.org\n10.10.10.1 1 extra', 'Could not parse weight line:"10.10.10.1 1 extra" in weight file f'],
  ])('a file of weights: %j', (text, message) => {
    if (message === undefined) expect([...parseWeights(text, 'f').keys()]).toEqual(['w1,example.org.'])
    else expect(() => parseWeights(text, 'f')).toThrow(message)
  })
})

describe('rewrite', () => {
  const zone = 'file /db.test test'
  const db = '$ORIGIN test.\n$TTL 60\n@ IN SOA ns.test. root.test. 1 60 60 60 60\n  IN NS ns.test.\nwww IN CNAME old.cdn.test.\nold.cdn IN A 10.0.0.1\nnew.cdn IN A 10.0.0.2\nmore IN CNAME www.test.\n'

  // cname_target_test.go
  test.each([
    ['rewrite cname old.cdn.test new.cdn.test', 'www.test.', 'A', 'NOERROR | www.test. 60 CNAME new.cdn.test. | new.cdn.test. 60 A 10.0.0.2'],
    ['rewrite cname exact old.cdn.test. new.cdn.test.', 'www.test.', 'A', 'NOERROR | www.test. 60 CNAME new.cdn.test. | new.cdn.test. 60 A 10.0.0.2'],
    ['rewrite cname prefix old. new.', 'www.test.', 'A', 'NOERROR | www.test. 60 CNAME new.cdn.test. | new.cdn.test. 60 A 10.0.0.2'],
    ['rewrite cname suffix .cdn.test. .other.test.', 'www.test.', 'A', 'NOERROR | www.test. 60 CNAME old.other.test.'],
    ['rewrite cname substring old new', 'www.test.', 'A', 'NOERROR | www.test. 60 CNAME new.cdn.test. | new.cdn.test. 60 A 10.0.0.2'],
    ['rewrite cname regex (.*)\\.cdn\\.test\\. new.cdn.test.', 'more.test.', 'A', 'NOERROR | more.test. 60 CNAME www.test. | www.test. 60 CNAME new.cdn.test. | new.cdn.test. 60 A 10.0.0.2'],
    ['rewrite cname nobody.test new.cdn.test', 'www.test.', 'A', 'NOERROR | www.test. 60 CNAME old.cdn.test. | old.cdn.test. 60 A 10.0.0.1'],
  ])('%s: %s', (rule, name, type, expected) => {
    const reply = ask(start(`${rule}\n${zone}`, { '/db.test': db }), name, type)
    expect(said({ ...reply, authorities: [] })).toBe(expected)
  })

  test.each([
    ['rewrite cname a', 'too few (1) arguments for a cname rule'],
    ['rewrite cname how a b', 'unknown cname rewrite type: how'],
    ['rewrite class IN XX', 'invalid class "XX"'],
  ])('%s', (rule, message) => {
    expect(start(`${rule}\nwhoami`).output()).toBe(`plugin/rewrite: ${message}\n`)
  })
})

test('another class is for chaos; with nobody behind it is refused', () => {
  const chaos = start('chaos CoreDNS-x Anna\nwhoami')
  expect(said(ask(chaos, 'version.bind.', 'TXT', 'CH'))).toBe('NOERROR | version.bind. 0 TXT CoreDNS-x')
  // rewritten into the class of everybody, the question is another one
  const classes = start('rewrite class CH IN\nchaos CoreDNS-x Anna\nhosts {\n 10.9.9.9 web.test\n}')
  expect(said(ask(classes, 'web.test.', 'A', 'CH'))).toBe('NOERROR | web.test. 3600 A 10.9.9.9')
  expect(ask(start('hosts {\n 10.9.9.9 web.test\n}'), 'web.test.', 'A', 'CH').rcode).toBe('REFUSED')
})

test('the log may say which Pod asks, and for what', () => {
  cluster.store.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  cluster.store.put('pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'asker', namespace: 'team', labels: { app: 'web' } }, spec: { containers: [] }, status: { phase: 'Running', podIP: client.ip } })
  putService(cluster.store, 'default', 'web', '10.96.0.50', [{ name: 'http', port: 80 }])
  const format = '{/kubernetes/client-namespace}/{/kubernetes/client-pod-name} {/kubernetes/client-label/app} {/kubernetes/kind} {/kubernetes/namespace} {/kubernetes/service} {/kubernetes/port-name} {/kubernetes/protocol} {/other/thing}'
  const dns = start(`metadata\nlog . "${format}"\nkubernetes cluster.local {\n pods verified\n}`)
  ask(dns, 'web.default.svc.cluster.local.')
  ask(dns, '_http._tcp.web.default.svc.cluster.local.', 'SRV')
  expect(dns.output()).toContain('[INFO] team/asker web svc default web - - -\n[INFO] team/asker web svc default web http tcp -\n')
  // without the plugin nobody knows
  const plain = start(`log . "${format}"\nkubernetes cluster.local {\n pods verified\n}`)
  ask(plain, 'web.default.svc.cluster.local.')
  expect(plain.output()).toContain('[INFO] -/- - - - - - - -\n')
})
