import { beforeAll, describe, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsMessage, type DnsRecord } from '../network/wire/dns.ts'
import { putService, putSlice } from '../proxy/services.samples.ts'
import { untilSignal } from '../programs/output.ts'
import { exchange } from './exchange.ts'
import { resolveHost } from './resolver.ts'
import { replyTo, serveDns } from './server.ts'

/** The Kubernetes DNS specification 1.1, asked over the network: a Pod asks kube-dns, kube-proxy picks a CoreDNS Pod. */
let cluster: SmallCluster
let client: PodSample
let coredns: PodSample[]

beforeAll(() => {
  cluster = new SmallCluster('bridge')
  cluster.startProxies()
  const http = [{ name: 'http', port: 80 }]
  putService(cluster.store, 'default', 'web', '10.96.0.20', http)
  putSlice(cluster.store, 'default', 'web', http, [{ ip: '10.244.1.50', pod: 'web-0' }])
  putService(cluster.store, 'default', 'db', 'None', [{ name: 'sql', port: 3306 }])
  putSlice(cluster.store, 'default', 'db', [{ name: 'sql', port: 3306 }], [
    { ip: '10.244.1.60', hostname: 'db-0' }, { ip: '10.244.2.61', hostname: 'db-1' }, { ip: '10.244.2.62', ready: false },
  ])
  putService(cluster.store, 'default', 'nobody', 'None', [{ port: 80 }])
  putService(cluster.store, 'default', 'outside', '', [], { type: 'ExternalName', externalName: 'www.kubernetes.io', clusterIPs: [] })
  putService(cluster.store, 'default', 'alias', '', [], { type: 'ExternalName', externalName: 'web.default.svc.cluster.local', clusterIPs: [] })
  coredns = cluster.startDns()
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
  cluster.clock.runFor(2000)
})

function ask(name: string, type: string, options: Partial<DnsMessage> = {}, server = '10.96.0.10', protocol: 'udp' | 'tcp' = 'udp'): DnsMessage {
  const { replies, error } = cluster.run(client.machine, (p) => exchange(p, { servers: [server], queries: [dnsQuery(77, name, type, options)], timeout: 5000, protocol }))
  if (!replies[0]) throw new Error(`no reply: ${error}`)
  return replies[0]
}

function show(record: DnsRecord): string {
  const { data } = record
  const rest =
    data.type === 'A' || data.type === 'AAAA' ? data.address
      : data.type === 'SRV' ? `${data.priority} ${data.weight} ${data.port} ${data.target}`
        : data.type === 'SOA' ? `${data.primary} ${data.mailbox} ${data.refresh} ${data.retry} ${data.expire} ${data.minimum}`
          : data.type === 'TXT' ? data.strings.join(' ')
            : 'target' in data ? data.target : ''
  return `${record.name} ${record.ttl} ${record.data.type} ${rest}`
}

/** "NOERROR" and the sections, sorted; SOA means that the authority section has the zone's one. */
function answer(name: string, type: string): string[] {
  const reply = ask(name, type)
  const authority = reply.authorities.map(show)
  return [reply.rcode, ...reply.answers.map(show).sort(), ...reply.additionals.map((r) => `+ ${show(r)}`).sort(), ...authority]
}

const SOA = 'cluster.local. 30 SOA ns.dns.cluster.local. hostmaster.cluster.local. 7200 1800 86400 30'
const ROOT = '. 30 SOA a.root-servers.net. nstld.verisign-grs.com. 1800 900 604800 86400'

test.each<[string, string, string[]]>([
  // 2.3 Services with a cluster IP
  ['web.default.svc.cluster.local.', 'A', ['NOERROR', 'web.default.svc.cluster.local. 30 A 10.96.0.20']],
  ['WEB.Default.svc.cluster.local.', 'A', ['NOERROR', 'WEB.Default.svc.cluster.local. 30 A 10.96.0.20']],
  ['web.default.svc.cluster.local.', 'AAAA', ['NOERROR', SOA]],
  ['web.default.svc.cluster.local.', 'MX', ['NOERROR', SOA]],
  ['_http._tcp.web.default.svc.cluster.local.', 'SRV', ['NOERROR', '_http._tcp.web.default.svc.cluster.local. 30 SRV 0 100 80 web.default.svc.cluster.local.', '+ web.default.svc.cluster.local. 30 A 10.96.0.20']],
  ['web.default.svc.cluster.local.', 'SRV', ['NOERROR', 'web.default.svc.cluster.local. 30 SRV 0 100 80 web.default.svc.cluster.local.', '+ web.default.svc.cluster.local. 30 A 10.96.0.20']],
  ['_grpc._tcp.web.default.svc.cluster.local.', 'SRV', ['NXDOMAIN', SOA]],
  ['20.0.96.10.in-addr.arpa.', 'PTR', ['NOERROR', '20.0.96.10.in-addr.arpa. 30 PTR web.default.svc.cluster.local.']],
  ['10-244-1-50.web.default.svc.cluster.local.', 'A', ['NOERROR', '10-244-1-50.web.default.svc.cluster.local. 30 A 10.244.1.50']],
  // 2.4 headless Services
  ['db.default.svc.cluster.local.', 'A', ['NOERROR', 'db.default.svc.cluster.local. 30 A 10.244.1.60', 'db.default.svc.cluster.local. 30 A 10.244.2.61']],
  ['db-1.db.default.svc.cluster.local.', 'A', ['NOERROR', 'db-1.db.default.svc.cluster.local. 30 A 10.244.2.61']],
  ['10-244-2-62.db.default.svc.cluster.local.', 'A', ['NXDOMAIN', SOA]],
  ['_sql._tcp.db.default.svc.cluster.local.', 'SRV', [
    'NOERROR',
    '_sql._tcp.db.default.svc.cluster.local. 30 SRV 0 50 3306 db-0.db.default.svc.cluster.local.',
    '_sql._tcp.db.default.svc.cluster.local. 30 SRV 0 50 3306 db-1.db.default.svc.cluster.local.',
    '+ db-0.db.default.svc.cluster.local. 30 A 10.244.1.60',
    '+ db-1.db.default.svc.cluster.local. 30 A 10.244.2.61',
  ]],
  ['61.2.244.10.in-addr.arpa.', 'PTR', ['NOERROR', '61.2.244.10.in-addr.arpa. 30 PTR db-1.db.default.svc.cluster.local.']],
  ['nobody.default.svc.cluster.local.', 'A', ['NXDOMAIN', SOA]],
  // 2.5 external names
  ['outside.default.svc.cluster.local.', 'CNAME', ['NOERROR', 'outside.default.svc.cluster.local. 30 CNAME www.kubernetes.io.']],
  ['alias.default.svc.cluster.local.', 'A', ['NOERROR', 'alias.default.svc.cluster.local. 30 CNAME web.default.svc.cluster.local.', 'web.default.svc.cluster.local. 30 A 10.96.0.20']],
  // Pods
  ['10-244-9-9.default.pod.cluster.local.', 'A', ['NOERROR', '10-244-9-9.default.pod.cluster.local. 30 A 10.244.9.9']],
  ['web-0.default.pod.cluster.local.', 'A', ['NXDOMAIN', SOA]],
  ['10-244-9-9.nowhere.pod.cluster.local.', 'A', ['NXDOMAIN', SOA]],
  // What exists without records, and what does not exist
  ['cluster.local.', 'SOA', ['NOERROR', SOA]],
  ['cluster.local.', 'A', ['NOERROR', SOA]],
  ['svc.cluster.local.', 'A', ['NOERROR', SOA]],
  ['default.svc.cluster.local.', 'A', ['NOERROR', SOA]],
  ['nowhere.svc.cluster.local.', 'A', ['NXDOMAIN', SOA]],
  ['nothing.default.svc.cluster.local.', 'A', ['NXDOMAIN', SOA]],
  ['web.default.cluster.local.', 'A', ['NXDOMAIN', SOA]],
  ['a.b.c.web.default.svc.cluster.local.', 'A', ['NXDOMAIN', SOA]],
  ['dns-version.cluster.local.', 'TXT', ['NOERROR', 'dns-version.cluster.local. 30 TXT 1.1.0']],
  ['cluster.local.', 'NS', ['NOERROR', 'cluster.local. 30 NS kube-dns.kube-system.svc.cluster.local.', '+ kube-dns.kube-system.svc.cluster.local. 30 A 10.96.0.10']],
  // Everything else goes upstream
  ['example.com.', 'A', ['NOERROR', 'example.com. 30 A 172.18.0.1']],
  ['nothing.example.com.', 'A', ['NXDOMAIN', 'example.com. 30 SOA ns1.example.com. hostmaster.example.com. 1800 900 604800 300']],
  ['no.such.name.', 'A', ['NXDOMAIN', ROOT]],
  ['9.9.244.10.in-addr.arpa.', 'PTR', ['NXDOMAIN', ROOT]],
])('%s %s', (name, type, expected) => {
  expect(answer(name, type)).toEqual(expected)
})

test('an external name outside brings the addresses with it', () => {
  const reply = ask('outside.default.svc.cluster.local.', 'A')
  expect(reply.answers.map(show).map((l) => l.replace(/ \d+ /, ' '))).toEqual(['outside.default.svc.cluster.local. CNAME www.kubernetes.io.', 'www.kubernetes.io. CNAME kubernetes.io.', 'kubernetes.io. A 172.18.0.1'])
})

test('answers of the cluster are authoritative and offer no recursion, as CoreDNS\' are; upstream ones are not', () => {
  expect(ask('web.default.svc.cluster.local.', 'A')).toMatchObject({ authoritative: true, recursionAvailable: false, recursionDesired: true })
  expect(ask('example.com.', 'A')).toMatchObject({ authoritative: false, recursionAvailable: true })
})

test('a long answer is cut by UDP and whole by TCP and with EDNS', () => {
  const many = Array.from({ length: 40 }, (_, i) => ({ ip: `10.244.3.${i + 1}` }))
  putService(cluster.store, 'default', 'many', 'None', [{ port: 80 }])
  putSlice(cluster.store, 'default', 'many', [{ port: 80 }], many)
  cluster.clock.runFor(1000)
  const name = 'many.default.svc.cluster.local.'
  const plain = ask(name, 'A')
  expect(plain.truncated).toBe(true)
  expect(plain.answers.length).toBeLessThan(40)
  expect(ask(name, 'A', { edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [] } }).answers).toHaveLength(40)
  expect(ask(name, 'A', {}, '10.96.0.10', 'tcp').answers).toHaveLength(40)
})

test('what is kept from upstream counts down, and is asked for again after 30 seconds', () => {
  const name = 'www.example.org.'
  const server = coredns[0]!.ip
  const times = [0, 12, 17, 2].map((seconds) => {
    cluster.clock.runFor(seconds * 1000)
    return ask(name, 'A', {}, server).answers[0]!.ttl
  })
  expect(times).toEqual([30, 18, 1, 30])
})

test('a new Service has its name at once, and a deleted one none', () => {
  expect(ask('late.default.svc.cluster.local.', 'A').rcode).toBe('NXDOMAIN')
  putService(cluster.store, 'default', 'late', '10.96.0.99', [{ port: 80 }])
  cluster.clock.runFor(100)
  expect(ask('late.default.svc.cluster.local.', 'A').answers).toHaveLength(1)
  cluster.store.remove('services', 'default', 'late')
  cluster.clock.runFor(100)
  expect(ask('late.default.svc.cluster.local.', 'A').rcode).toBe('NXDOMAIN')
})

test('an address that an endpoint has just got has its name at once, and the one before none any more', () => {
  const pointer = (last: number): string[] => ask(`${last}.3.244.10.in-addr.arpa.`, 'PTR', {}, coredns[0]!.ip).answers.map(show)
  putService(cluster.store, 'default', 'moving', 'None', [{ port: 80 }])
  for (const last of [201, 202, 203]) putSlice(cluster.store, 'default', 'moving', [{ port: 80 }], [{ ip: `10.244.3.${last}`, hostname: 'it' }])
  cluster.clock.runFor(100)
  expect(pointer(203)).toEqual(['203.3.244.10.in-addr.arpa. 30 PTR it.moving.default.svc.cluster.local.'])
  expect(pointer(202)).toEqual([])
  putSlice(cluster.store, 'default', 'moving', [{ port: 80 }], [{ ip: '10.244.3.204', hostname: 'it' }])
  // what the cache plugin keeps is over by then
  cluster.clock.runFor(31_000)
  expect(pointer(204)).toHaveLength(1)
  expect(pointer(203)).toEqual([])
})

test('health, ready and prometheus listen beside DNS', () => {
  expect(coredns[0]!.sandbox.network.sockets.list().filter((s) => s.state === 'LISTEN').map((s) => s.localPort).sort()).toEqual([53, 8080, 8181, 9153])
})

describe('the stub resolver', () => {
  const resolve = (name: string, pod = client): unknown => cluster.run(pod.machine, (p) => resolveHost(p, name), 60_000)

  test('walks the search list, which is why a short name works', () => {
    expect(resolve('web')).toEqual({ addresses: ['10.96.0.20'], canonicalName: 'web.default.svc.cluster.local' })
    expect(resolve('kube-dns.kube-system')).toEqual({ addresses: ['10.96.0.10'], canonicalName: 'kube-dns.kube-system.svc.cluster.local' })
    expect(resolve('example.com')).toEqual({ addresses: ['172.18.0.1'], canonicalName: 'example.com' })
  })

  test('takes an address, localhost and /etc/hosts without asking anybody', () => {
    expect(resolve('10.1.2.3')).toEqual({ addresses: ['10.1.2.3'] })
    expect(resolve('localhost')).toEqual({ addresses: ['127.0.0.1'], canonicalName: 'localhost' })
  })

  test('says what the libc says when there is no such name', () => {
    expect(resolve('nothing')).toEqual({ error: 'EAI_NONAME', message: 'Name or service not known' })
    const alpine = cluster.pod('alpine', 'worker-2', 'alpine', { command: ['/bin/sleep', 'infinity'] })
    expect(resolve('nothing', alpine)).toEqual({ error: 'EAI_NONAME', message: 'Name does not resolve' })
    expect(resolve('web', alpine)).toMatchObject({ addresses: ['10.96.0.20'] })
  })

  test('finds more addresses than a datagram has, by TCP; the musl of Alpine 3.17 does not', () => {
    const many = Array.from({ length: 40 }, (_, i) => ({ ip: `10.244.4.${i + 1}` }))
    putService(cluster.store, 'default', 'crowd', 'None', [{ port: 80 }])
    putSlice(cluster.store, 'default', 'crowd', [{ port: 80 }], many)
    cluster.clock.runFor(1000)
    const found = (image: string): number => {
      const pod = cluster.pod(`crowd-${image.replace(/[:.]/g, '-')}`, 'worker-2', image, { command: ['/bin/sleep', 'infinity'] })
      return new Set((resolve('crowd.default.svc.cluster.local.', pod) as { addresses: string[] }).addresses).size
    }
    expect([found('debian'), found('alpine'), found('alpine:3.18'), found('alpine:3.17')]).toEqual([40, 40, 40, 28])
  })

  test('gives up after two times five seconds when no server answers', () => {
    const lost = cluster.pod('lost', 'worker-1', 'busybox', { command: ['sleep', 'infinity'], files: { '/etc/resolv.conf': 'nameserver 10.244.1.250\n' } })
    const began = cluster.clock.now
    const silent = cluster.pod('silent', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
    silent.sandbox.network.netfilter.command(['-A', 'INPUT', '-j', 'DROP'])
    lost.machine.fs.writeFile('/etc/resolv.conf', `nameserver ${silent.ip}\n`)
    expect(resolve('web.example', lost)).toEqual({ error: 'EAI_AGAIN', message: 'Temporary failure in name resolution' })
    expect(Math.round((cluster.clock.now - began) / 1000)).toBe(10)
  })

  describe('asks as its options say', () => {
    const seen: string[] = []
    let server: PodSample
    beforeAll(() => {
      server = cluster.pod('named', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
      server.machine.start({
        argv: ['named'], files: new Map(),
        program: function* (process) {
          serveDns(process, { port: 53, program: 'named' }, function* (query, asker) {
            const { name, type } = query.questions[0]!
            seen.push(`${name} ${type} ${asker.protocol}${query.edns ? ` edns ${query.edns.udpSize}` : ''}`)
            const known = name === 'web.b.test.' && type === 'A'
            if (name.startsWith('silent.')) return undefined
            if (name.startsWith('broken.')) return replyTo(query, { rcode: 'SERVFAIL' })
            if (name.startsWith('refused.')) return replyTo(query, { rcode: 'REFUSED' })
            return replyTo(query, { rcode: known || name === 'web.a.test.' ? 'NOERROR' : 'NXDOMAIN', answers: known ? [{ name, class: 'IN', ttl: 5, data: { type: 'A', address: '10.9.9.9' } }] : [] })
          })
          yield* untilSignal(process, ['SIGTERM'])
          return 0
        },
      })
    })
    const asked = (name: string, image: string, conf: string): unknown[] => {
      const pod = cluster.pod(`asking-${seen.length}-${image}`, 'worker-2', image, { command: ['/bin/sleep', 'infinity'] })
      pod.machine.fs.writeFile('/etc/resolv.conf', `nameserver ${server.ip}\n${conf}`)
      seen.length = 0
      const result = resolve(name, pod) as { addresses?: string[]; error?: string }
      return [result.addresses?.[0] ?? result.error, ...seen]
    }

    test.each<[string, string, string, string[]]>([
      // a name that exists without addresses: glibc goes on with the search list, musl does not
      ['web', 'debian', 'search a.test b.test\n', ['10.9.9.9', 'web.a.test. A udp', 'web.a.test. AAAA udp', 'web.b.test. A udp', 'web.b.test. AAAA udp']],
      ['web', 'alpine', 'search a.test b.test\n', ['EAI_NODATA', 'web.a.test. A udp', 'web.a.test. AAAA udp']],
      // as many dots as ndots: glibc tries the list afterwards, musl never
      ['web.b', 'debian', 'search test\n', ['10.9.9.9', 'web.b. A udp', 'web.b. AAAA udp', 'web.b.test. A udp', 'web.b.test. AAAA udp']],
      ['web.b', 'alpine', 'search test\n', ['EAI_NONAME', 'web.b. A udp', 'web.b. AAAA udp']],
      ['web.b.test', 'debian', 'options use-vc edns0 no-aaaa\n', ['10.9.9.9', 'web.b.test. A tcp edns 1200']],
      ['web.b.test', 'alpine', 'options use-vc edns0 no-aaaa\n', ['10.9.9.9', 'web.b.test. A udp', 'web.b.test. AAAA udp']],
    ])('%s with %s and %j', (name, image, conf, expected) => {
      expect(asked(name, image, conf)).toEqual(expected)
    })

    // in seconds: glibc goes on at once, musl waits its time out; behind silence glibc tries the name as it is, too
    test.each<[string, string, string, string | undefined, number, number]>([
      ['broken', 'debian', '', 'EAI_AGAIN', 0, 4],
      ['broken', 'alpine', '', 'EAI_AGAIN', 5, 12],
      ['refused', 'alpine', '', 'EAI_AGAIN', 5, 4],
      ['silent', 'debian', '', 'EAI_AGAIN', 10, 4],
      ['silent', 'alpine', '', 'EAI_AGAIN', 5, 4],
      ['silent', 'debian', 'search a.test b.test\n', 'EAI_AGAIN', 20, 8],
      ['silent', 'alpine', 'search a.test b.test\n', 'EAI_AGAIN', 5, 4],
      ['silent', 'debian', 'options timeout:2 attempts:1\n', 'EAI_AGAIN', 2, 2],
    ])('%s with %s and %j', (name, image, conf, expected, seconds, questions) => {
      const began = cluster.clock.now
      const [result, ...all] = asked(name, image, conf)
      expect([result, Math.floor((cluster.clock.now - began) / 1000), all.length]).toEqual([expected, seconds, questions])
    })

    test('one question at a time with single-request', () => {
      expect(asked('web.b.test', 'debian', 'options single-request\n')).toEqual(['10.9.9.9', 'web.b.test. A udp', 'web.b.test. AAAA udp'])
    })

    test('nobody, where nsswitch.conf says so', () => {
      const pod = cluster.pod('files-only', 'worker-2', 'debian', { command: ['/bin/sleep', 'infinity'] })
      pod.machine.fs.writeFile('/etc/resolv.conf', `nameserver ${server.ip}\n`)
      pod.machine.fs.writeFile('/etc/nsswitch.conf', 'hosts: files [NOTFOUND=return] dns\n')
      seen.length = 0
      expect(resolve('web.b.test', pod)).toMatchObject({ error: 'EAI_NONAME' })
      expect(seen).toEqual([])
    })
  })
})
