import { beforeEach, expect, test } from 'vitest'
import { fetch, SmallCluster, type PodSample } from '../../cni/small-cluster.samples.ts'
import type { Journey } from '../../journey/types.ts'
import type { Nftables } from './nftables.ts'

/** Rules that a teacher writes on a node, and what becomes of packets. */
let cluster: SmallCluster
let client: PodSample
let web: PodSample
let nft: Nftables

beforeEach(() => {
  cluster = new SmallCluster('bridge')
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
  web = cluster.pod('web', 'worker-2', 'nginx')
  nft = cluster.nodes.get('worker-1')!.network.netfilter.nftables
})

const get = (port = 80): { error?: string; journey?: Journey } => cluster.run(client.machine, (p) => fetch(p, web.ip, port), 300_000) as never
const rules = (text: string): void => expect(nft.run(text, { file: 'x' }).stderr).toBe('')
const FORWARD = 'table inet t {\n chain f {\n  type filter hook forward priority filter; policy accept;\n'

test('a chain with policy drop lets through what a rule accepts, and answers by the state of their connection', () => {
  rules(`${FORWARD.replace('policy accept', 'policy drop')}  ct state established,related accept\n  tcp dport { 80, 443 } counter accept\n }\n}\n`)
  expect(get().error).toBeUndefined()
  expect(nft.run('list ruleset').stdout).toMatch(/tcp dport { 80, 443 } counter packets 1 bytes \d+ accept/)
  const { journey } = get(81)
  expect(journey!.verdict).toBe('dropped')
  expect(journey!.reason).toBe('drop-filter-policy')
})

test('reject answers, with a reset where it is told to', () => {
  rules(`${FORWARD}  tcp dport 80 reject with tcp reset\n  reject with icmpx admin-prohibited\n }\n}\n`)
  const { error, journey } = get()
  expect(error).toBe('ECONNREFUSED')
  expect(journey!.verdict).toBe('rejected')
  expect(journey!.hops.at(-1)!.decidedBy).toEqual({ kind: 'rule', table: 'inet t', chain: 'f', text: 'tcp dport 80 reject with tcp reset' })
})

test('iptables and nftables stand in the kernel\'s order: a drop of either is a drop', () => {
  rules(`${FORWARD}  accept\n }\n}\n`)
  cluster.nodes.get('worker-1')!.network.netfilter.command(['-I', 'FORWARD', '-p', 'tcp', '--dport', '80', '-j', 'DROP'])
  expect(get().journey!.hops.at(-1)!.decidedBy!.text).toBe('-A FORWARD -p tcp -m tcp --dport 80 -j DROP')
  rules('flush ruleset\ntable ip raw {\n chain p {\n  type filter hook prerouting priority raw;\n  ip daddr 10.244.0.0/16 tcp dport 80 drop comment "first"\n }\n}\n')
  expect(get().journey!.hops.at(-1)!.decidedBy!.text).toBe('ip daddr 10.244.0.0/16 tcp dport 80 drop comment "first"')
})

test('destinations are taken from a map in turn, and the source is masqueraded', () => {
  rules(`table ip n {\n chain p {\n  type nat hook prerouting priority dstnat;\n  ip daddr 192.0.2.1 dnat to numgen inc mod 2 map { 0 : ${web.ip}, 1 : 10.244.2.99 }\n }\n chain o {\n  type nat hook postrouting priority srcnat;\n  ip daddr ${web.ip} masquerade\n }\n}\n`)
  const ends = Array.from({ length: 4 }, () => (cluster.run(client.machine, (p) => fetch(p, '192.0.2.1', 80), 300_000).journey as Journey))
  expect(ends.map((j) => j.finalDestination)).toEqual([`${web.ip}:80`, '10.244.2.99:80', `${web.ip}:80`, '10.244.2.99:80'])
  expect(ends[0]!.sourceSeenByServer).toBe('172.18.0.2')
})

test('a file with one mistake changes nothing', () => {
  rules(`${FORWARD} }\n}\n`)
  const before = nft.run('list ruleset').stdout
  const { code, stderr } = nft.run('add chain inet t more\nadd rule inet t more tcp dport 80 drop\nadd rule inet t f jump nowhere\n', { file: 'rules.nft' })
  expect([code, stderr]).toEqual([1, 'rules.nft:3:24-30: Error: Could not process rule: No such file or directory\nadd rule inet t f jump nowhere\n                       ^^^^^^^\n'])
  expect(nft.run('list ruleset').stdout).toBe(before)
})
