import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { transcriptOf } from '../../../../tests/conformance/referee/transcript.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { randomPolicies } from '../../policy/random-policies.samples.ts'
import { NINE, NinePods, tableText } from '../../policy/truth-tables.samples.ts'

/**
 * The rules and sets of a simulated node, loaded into the Linux kernel by Debian's ipset and iptables: taken, given back the
 * same, and obeyed by real connections between network namespaces with the Pods' addresses.
 */
const transcript = transcriptOf('policy-kube-router')
const ID = `pkr${process.pid % 10_000}`
const env = { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` }
const tool = (...args: string[]): boolean => spawnSync(args[0]!, args.slice(1), { env }).status === 0
const node = `${ID}-node`
const available = tool('ip', 'netns', 'add', node) && tool('iptables-restore', '--version') && tool('ip', 'netns', 'exec', node, 'ipset', 'list', '-n')
if (!available) console.warn('SKIPPED: kube-router\'s rules against the Linux kernel (needs root, ip netns, iptables and ipset)')

const inside = (ns: string, args: string[], input?: string): string => execFileSync('ip', ['netns', 'exec', ns, ...args], { env, encoding: 'utf8', ...(input === undefined ? {} : { input }) })
const nsOf = (pod: string): string => `${ID}-${pod.replace('/', '')}`
const plain = (save: string): string[] => save.split('\n').filter((l) => l !== '' && !l.startsWith('#')).map((l) => l.replace(/\[\d+:\d+\]/, '[0:0]'))

const SERVER = "for (const p of [80, 81]) require('net').createServer((s) => s.end()).listen(p, '0.0.0.0'); console.log('up')"
const CLIENT = `const net = require('net'); const [port, ...ips] = process.argv.slice(1)
Promise.all(ips.map((ip) => new Promise((done) => { const s = net.connect({ host: ip, port: Number(port) }); s.setTimeout(4000, () => done('timeout')); s.on('connect', () => done('.')); s.on('error', (e) => done(e.code === 'ECONNREFUSED' ? 'X' : e.code)) }))).then((r) => { console.log(r.join(' ')); process.exit(0) })`

describe.skipIf(!available)('the kernel', () => {
  const servers: ChildProcess[] = []
  // all on one machine, as the rules of one are loaded
  const nine = available ? new NinePods({ cni: 'kube-router' }, 'worker-1') : undefined!
  const simulated = (): ReturnType<typeof nine.cluster.nodes.get> & object => nine.cluster.nodes.get('worker-1')!

  beforeAll(async () => {
    // The kernel answers rejected packets at most once a second to each; here every one counts.
    inside(node, ['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.icmp_ratelimit=0'])
    for (const [i, pod] of NINE.entries()) {
      const [ns, ip] = [nsOf(pod), nine.ip(pod)]
      execFileSync('ip', ['netns', 'add', ns], { env })
      execFileSync('ip', ['link', 'add', `v${i}`, 'netns', node, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns], { env })
      for (const [where, ...args] of [
        [ns, 'ip', 'link', 'set', 'lo', 'up'], [ns, 'ip', 'addr', 'add', `${ip}/32`, 'dev', 'eth0'], [ns, 'ip', 'link', 'set', 'eth0', 'up'], [node, 'ip', 'link', 'set', `v${i}`, 'up'],
        [ns, 'ip', 'route', 'add', '169.254.1.1', 'dev', 'eth0'], [ns, 'ip', 'route', 'add', 'default', 'via', '169.254.1.1'],
        [node, 'ip', 'route', 'add', `${ip}/32`, 'dev', `v${i}`], [node, 'ip', 'addr', 'add', '169.254.1.1/32', 'dev', `v${i}`],
      ] as [string, ...string[]][]) inside(where, args)
    }
    await Promise.all(NINE.map((pod) => new Promise<void>((up) => {
      const server = spawn('ip', ['netns', 'exec', nsOf(pod), process.execPath, '-e', SERVER], { env })
      servers.push(server)
      server.stdout.once('data', () => up())
    })))
  }, 300_000)

  afterAll(() => {
    for (const server of servers) server.kill('SIGKILL')
    for (const ns of [node, ...NINE.map(nsOf)]) spawnSync('ip', ['netns', 'del', ns], { env })
  })

  function load(): void {
    const { netfilter } = simulated().network
    spawnSync('ip', ['netns', 'exec', node, 'iptables', '-F'], { env })
    spawnSync('ip', ['netns', 'exec', node, 'iptables', '-t', 'nat', '-F'], { env })
    spawnSync('ip', ['netns', 'exec', node, 'iptables', '-X'], { env })
    inside(node, ['ipset', 'destroy'])
    const sets: string[] = []
    for (const name of netfilter.sets.names()) {
      const set = netfilter.sets.get(name)!
      sets.push(`create ${name} ${set.type.name} family inet timeout 0`)
      for (const member of set.members()) sets.push(`add ${name} ${member.element}${(member as { nomatch?: boolean }).nomatch ? ' nomatch' : ''}`)
    }
    inside(node, ['ipset', 'restore'], `${sets.join('\n')}\n`)
    inside(node, ['iptables-restore'], netfilter.save('filter'))
  }

  function tried(port: number): string {
    const rows = new Map(NINE.map((from) => [from, inside(nsOf(from), [process.execPath, '-e', CLIENT, '--', String(port), ...NINE.map((to) => nine.ip(to))]).trim().split(' ')]))
    return tableText(NINE, (from, to) => rows.get(from)![NINE.indexOf(to)]!)
  }

  it('takes the rules, and saves the same text', () => {
    nine.apply('{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: x}, spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.244.2.0/24]}}], ports: [{port: 80}, {port: 81, endPort: 90}, {protocol: UDP}, {port: serve-80-tcp}]}], egress: [{}]}}')
    load()
    const body = (save: string): string[] => plain(save).slice(plain(save).indexOf('*filter'), -1)
    expect(body(inside(node, ['iptables-save', '-t', 'filter']))).toEqual(body(simulated().network.netfilter.save('filter')))
  })

  it('lets through what the simulation lets through', async () => {
    for (const [i, objects] of fc.sample(randomPolicies({ bothTypes: true, severalBlocks: true, namedAnywhere: true }), { numRuns: 5, seed: 7 }).entries()) {
      nine.set(objects as KubeObject[])
      load()
      for (const port of [80, 81]) await transcript.entry(`policies ${i}, port ${port}`).hold(nine.tried(port, 'TCP'), () => tried(port))
    }
  }, 600_000)
})
