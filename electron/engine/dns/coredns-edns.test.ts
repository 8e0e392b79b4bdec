import { beforeEach, expect, test } from 'vitest'
import { SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { dnsQuery, type DnsEdnsOption, type DnsMessage } from '../network/wire/dns.ts'
import { encodeUtf8 } from '../text.ts'
import { exchange } from './exchange.ts'

/** plugin/rewrite/edns0.go and request/edns0.go of CoreDNS v1.12.0, after rewrite_test.go. */
let cluster: SmallCluster
let client: PodSample
beforeEach(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

function start(block: string): PodSample {
  const pod = cluster.pod('coredns', 'worker-1', 'registry.k8s.io/coredns/coredns:v1.12.0', { args: ['-conf', '/Corefile'], files: { '/Corefile': `. {\n${block}\n}\n`, '/etc/resolv.conf': 'nameserver 172.18.0.1\n' } })
  cluster.clock.runFor(1000)
  return pod
}

const text = (o: DnsEdnsOption): string => `${o.code}:${Array.from(o.data, (b) => b.toString(16).padStart(2, '0')).join('')}`
/** The options of the answer; "-": it has no EDNS at all. */
function ask(server: PodSample, options: DnsEdnsOption[] | undefined): string[] | string {
  const query: DnsMessage = { ...dnsQuery(7, 'Example.Test.', 'A'), ...(options ? { edns: { udpSize: 1232, version: 0, dnssecOk: false, options } } : {}) }
  const { edns } = cluster.run(client.machine, (p) => exchange(p, { servers: [server.ip], queries: [query], timeout: 1000 })).replies[0]!
  return edns ? edns.options.map(text) : '-'
}
const local = (data: string): DnsEdnsOption => ({ code: 0xffee, data: encodeUtf8(data) })
const hex = (data: string): string => Array.from(encodeUtf8(data), (b) => b.toString(16)).join('')

test('of the options of a question those go back that the server knows', () => {
  const cookie = { code: 10, data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }
  expect(ask(start('whoami'), [cookie, { code: 8, data: Uint8Array.of(0, 1, 24, 0, 10, 0, 0) }, local('x')])).toEqual(['10:0102030405060708'])
  expect(ask(start('whoami'), undefined)).toBe('-')
})

test.each([
  ['local set 0xffee abcdefg', undefined, [`65518:${hex('abcdefg')}`]],
  ['local set 65518 0xabcdef', ['old'], ['65518:abcdef']],
  ['local append 0xffee new', ['old'], [`65518:${hex('old')}`, `65518:${hex('new')}`]],
  ['local replace 0xffee new', ['old'], [`65518:${hex('new')}`]],
  ['local replace 0xffee new', [], []],
  ['local set 0xffee new revert', [], []],
  ['local set 0xffee new revert', ['old'], [`65518:${hex('old')}`]],
  ['local set 0xffee {qname}', [], [`65518:${hex('Example.Test.')}`]],
  ['local set 0xffee {qtype}', [], ['65518:0001']],
  ['local set 0xffee {protocol}', [], [`65518:${hex('udp')}`]],
  ['local set 0xffee {server_port}', [], ['65518:0035']],
  ['local append 0xffee {qtype}', ['old'], [`65518:${hex('old')}`]],
  ['nsid set', [], ['3:']],
] as const)('rewrite edns0 %s: %j', (rule, before, after) => {
  expect(ask(start(`rewrite edns0 ${rule}\nwhoami`), before?.map(local))).toEqual(after)
})

test('addresses, and the network of the client, as the next server hears them', () => {
  const seen = (rule: string): string[] | string => ask(start(`rewrite edns0 ${rule}\nrewrite edns0 local set 0xfffe x\nwhoami`), [])
  const own = client.ip.split('.').map((n) => Number(n).toString(16).padStart(2, '0'))
  expect(seen('local set 0xffee {client_ip}')).toEqual([`65518:${own.join('')}`])
  // options of networks are not known to who answers himself
  expect(seen('subnet set 24 56')).toEqual([])
  const behind = start('rewrite edns0 local append 8 x\nwhoami')
  expect(ask(start(`rewrite edns0 subnet set 24 56\nforward . ${behind.ip}`), [])).toEqual([`8:00011800${own.slice(0, 3).join('')}`, '8:78'])
})

// rewrite_test.go, TestNewRule
test.each([
  ['edns0', 'too few arguments for an EDNS0 rule'],
  ['edns0 local set', 'EDNS0 local rules require three or four args'],
  ['edns0 local foo 0xffee abcdefg', 'invalid action: "foo"'],
  ['edns0 local set 0xffee 0xabcdefg', "encoding/hex: invalid byte: U+0067 'g'"],
  ['edns0 local set 0xffee 0xabc', 'encoding/hex: odd length hex string'],
  ['edns0 local set 0xfffff abc', 'strconv.ParseUint: parsing "0xfffff": value out of range'],
  ['edns0 local set 0xffee {dummy}', 'unsupported variable name "{dummy}"'],
  ['edns0 nsid set junk', 'EDNS0 NSID rules can accept no more than one arg'],
  ['edns0 subnet set -1 56', 'strconv.ParseUint: parsing "-1": invalid syntax'],
  ['edns0 subnet set 33 56', 'invalid IPv4 bit mask length 33'],
  ['edns0 subnet set 24 129', 'invalid IPv6 bit mask length 129'],
  ['edns0 subnet append 24 56 72', 'EDNS0 subnet rules require three or four args'],
  ['edns0 other set', 'invalid rule type "other"'],
])('rewrite %s', (rule, message) => {
  const dns = start(`rewrite ${rule}\nwhoami`)
  expect([dns.output(), dns.process.status?.code]).toEqual([`plugin/rewrite: ${message}\n`, 1])
})
