import { execFile, execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { transcriptOf } from '../../../tests/conformance/referee/transcript.ts'
import { Clock } from '../clock.ts'
import type { LinuxBridge } from './bridge.ts'
import { Network } from './fabric.ts'
import { formatRoute } from './format.ts'
import type { Namespace } from './namespace.ts'
import { NetfilterTables } from './netfilter/netfilter.ts'
import { ping } from './shapes.samples.ts'
import { TcpStack } from './tcp/stack.ts'
import type { Route } from './types.ts'

/**
 * The Linux kernel as referee of IPv6, as referee.test.ts is of IPv4: the same routes, neighbours and rules must be there, and the
 * same pings come to the same end. Interfaces have the same MAC addresses here and there. Needs Linux, root, iproute2, ping, ip6tables.
 */

const SPACES = ['a', 'r1', 'r2', 'p1', 'p2'] as const
type Space = (typeof SPACES)[number]

const VETHS: [Space, string, Space, string, number][] = [
  ['a', 'eth0', 'r1', 'eth0', 1500],
  ['r1', 'eth1', 'r2', 'eth0', 1400],
  ['p1', 'eth0', 'r2', 'port1', 1500],
  ['p2', 'eth0', 'r2', 'port2', 1500],
]
const ADDRESSES: [Space, string, string][] = [
  ['a', 'eth0', 'fd00:1::2/64'],
  ['a', 'eth0', 'fd00:1::3/64'],
  ['a', 'eth0', '2001:db8:1::2/64'],
  ['r1', 'eth0', 'fd00:1::1/64'],
  ['r1', 'eth0', '2001:db8:1::1/64'],
  ['r1', 'eth1', 'fd00:9::1/126'],
  ['r2', 'eth0', 'fd00:9::2/126'],
  ['r2', 'br0', 'fd00:2::1/64'],
  ['p1', 'eth0', 'fd00:2::2/64'],
  ['p2', 'eth0', 'fd00:2::3/128'],
]
const ROUTES: [Space, string][] = [
  ['a', 'default via fd00:1::1'],
  ['r1', 'fd00:2::/64 via fd00:9::2'],
  ['r1', 'fd00:2:0:0:8000::/65 via fd00:9::2 metric 7'],
  ['r1', 'unreachable fd00:a1::/64'],
  ['r1', 'prohibit fd00:a2::/64'],
  ['r1', 'blackhole fd00:a3::/64'],
  ['r1', 'fd00:77::/32 via fd00:9::2'],
  ['r2', 'fd00:1::/64 via fd00:9::1'],
  ['r2', '2001:db8:1::/64 via fd00:9::1'],
  ['r2', 'fd00:77::/32 via fd00:9::1'],
  ['p1', 'default via fd00:2::1'],
  ['p1', 'fd00:88::/64 via fe80::1234 dev eth0'],
  ['p2', 'fd00:2::1/128 dev eth0'],
  ['p2', 'default via fd00:2::1'],
]
const RULES: Partial<Record<Space, readonly string[]>> = {
  r1: [
    '*nat', '-A PREROUTING -d fd00:96::10/128 -p ipv6-icmp -j DNAT --to-destination fd00:2::2',
    '-A POSTROUTING -s fd00:1::3/128 -j MASQUERADE', 'COMMIT',
    '*filter', '-A FORWARD -d fd00:2::3/128 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -m comment --comment "not this one" -j REJECT --reject-with icmp6-adm-prohibited',
    '-A FORWARD -s fd00:1::/64 -d fd00:2::99/128 -j REJECT', '-A FORWARD ! -s fd00::/8 -m conntrack --ctstate NEW -j DROP', 'COMMIT', '',
  ],
}

interface Probe { from: Space; to: string; ttl?: number; size?: number; dontFragment?: boolean; source?: string; device?: string }

const PROBES: Probe[] = [
  { from: 'a', to: 'fd00:1::1' },
  { from: 'a', to: 'fd00:1::2' },
  { from: 'a', to: '::1' },
  { from: 'a', to: 'fd00:9::1' },
  { from: 'a', to: 'fd00:9::2' },
  { from: 'a', to: 'fd00:2::1' },
  { from: 'a', to: 'fd00:2::2' },
  { from: 'a', to: 'fd00:1::' },
  { from: 'a', to: 'fd00:2::' },
  { from: 'a', to: 'fd00:2::2', ttl: 1 },
  { from: 'a', to: 'fd00:2::2', ttl: 2 },
  { from: 'a', to: 'fd00:2::2', ttl: 3 },
  { from: 'a', to: 'fd00:2::77' },
  { from: 'a', to: 'fd00:1::77' },
  { from: 'a', to: 'fd00:a1::1' },
  { from: 'a', to: 'fd00:a2::1' },
  { from: 'a', to: 'fd00:a3::1' },
  { from: 'a', to: 'fd12::1' },
  { from: 'a', to: 'fd00:77::1' },
  { from: 'p1', to: 'fd00:2::3' },
  { from: 'p2', to: 'fd00:2::2' },
  { from: 'p2', to: 'fd00:1::2' },
  { from: 'p1', to: 'fd00:88::1' },
  { from: 'r1', to: 'fd00:a1::1' },
  { from: 'r1', to: 'fd00:a2::1' },
  { from: 'r2', to: 'fd12::1' },
  { from: 'r2', to: 'fd00:9::3' },
  { from: 'a', to: 'fe80::ff:fe00:101', device: 'eth0' },
  { from: 'p1', to: 'fe80::ff:fe00:201', device: 'eth0' },
]
/** Translated, rejected and dropped by RULES. */
const RULE_PROBES: Probe[] = [
  { from: 'a', to: 'fd00:96::10' },
  { from: 'a', to: 'fd00:2::2', source: 'fd00:1::3' },
  { from: 'a', to: 'fd00:2::3' },
  { from: 'a', to: 'fd00:2::99' },
  { from: 'a', to: 'fd00:2::2', source: '2001:db8:1::2' },
]
/** One after the other: each changes what the next one meets. */
const MTU_PROBES: Probe[] = [
  { from: 'p1', to: 'fd00:1::2', size: 1352, dontFragment: true },
  { from: 'p1', to: 'fd00:1::2', size: 1353, dontFragment: true },
  { from: 'p1', to: 'fd00:1::2', size: 1353, dontFragment: true },
  { from: 'p1', to: 'fd00:1::2', size: 3000 },
  { from: 'p1', to: 'fd00:2::3', size: 1453, dontFragment: true },
]

function real(space: string): string {
  return `podhop6-${process.pid}-${space}`
}

function canRun(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const quiet = { stdio: 'ignore' } as const
  try {
    execFileSync('ip', ['netns', 'add', real('probe')], quiet)
    execFileSync('ip', ['netns', 'exec', real('probe'), 'ping', '-V'], quiet)
    execFileSync('ip', ['netns', 'exec', real('probe'), 'ip6tables-save'], quiet)
    execFileSync('ip', ['-n', real('probe'), 'link', 'set', 'lo', 'up'], quiet)
    return execFileSync('ip', ['-n', real('probe'), '-6', 'addr'], { encoding: 'utf8' }).includes('::1')
  } catch {
    return false
  } finally {
    try {
      execFileSync('ip', ['netns', 'del', real('probe')], quiet)
    } catch {
      // It was never made.
    }
  }
}

/** Of the n-th veth pair, its first or second end. */
const macOf = (n: number, end: 0 | 1): string => `02:00:00:00:0${n + 1}:0${end}`
const BRIDGE_MAC = '02:00:00:00:02:01'

const transcript = transcriptOf('network-ipv6')
const available = canRun()
if (!available) console.warn('SKIPPED: IPv6 is not compared with the Linux kernel (needs Linux with IPv6, root, ip, ping and ip6tables)')

describe.skipIf(!available)('the Linux kernel agrees on IPv6', () => {
  const spaces = {} as Record<Space, Namespace>

  beforeAll(async () => {
    buildReal()
    buildSimulated(spaces)
    // Bridge ports begin to forward, links have carrier.
    await new Promise((resolve) => setTimeout(resolve, 1500))
  }, 120_000)
  afterAll(() => {
    for (const space of SPACES) execFileSync('ip', ['netns', 'del', real(space)])
  }, 120_000)

  /** All at the same time, and those that differ once more, alone. */
  async function pings(probes: readonly Probe[]): Promise<void> {
    const outcomes = await Promise.all(probes.map(realPing))
    for (const [i, probe] of probes.entries()) {
      let asked = 0
      await transcript.entry(`ping ${JSON.stringify(probe)}`).hold(simulatedPing(spaces, probe), () => (asked++ === 0 ? outcomes[i]! : realPing(probe)))
    }
  }

  const inside = (space: Space, ...args: string[]): string[] =>
    execFileSync('ip', ['netns', 'exec', real(space), ...args], { encoding: 'utf8' }).split('\n').map((row) => row.trim()).filter((row) => row !== '' && !row.startsWith('#'))

  it('on the addresses and routes that are there', () => {
    for (const space of SPACES) {
      const addresses = inside(space, 'ip', '-6', '-o', 'addr').map((row) => row.split(/\s+/).slice(1, 4).join(' '))
      const own = [...spaces[space].links.values()].flatMap((l) => l.addresses.filter((a) => a.address.includes(':')).map((a) => `${l.name} inet6 ${a.address}/${a.prefixLength}`))
      expect(own.sort(), space).toEqual(addresses.sort())
      for (const table of ['main', 'local'] as const) {
        const expected = inside(space, 'ip', '-6', 'route', 'show', 'table', table)
        const rows = spaces[space].routes.list(table, 6).map((r) => formatRoute(r))
        // Which of two links was first is a matter of chance.
        if (space.startsWith('r')) expect(rows.sort(), `${space} ${table}`).toEqual(expected.sort())
        else expect(rows, `${space} ${table}`).toEqual(expected)
      }
    }
  })

  it('on the source of a packet', () => {
    for (const to of ['fd00:1::1', 'fd00:2::2', '2001:db8:1::1', '2001:db8:9::9', '2a00::1', 'fe80::1', '::1']) {
      const row = inside('a', 'ip', '-6', 'route', 'get', to, ...(to.startsWith('fe80') ? ['oif', 'eth0'] : []))[0]!
      expect(`${to} ${spaces.a.sourceFor(to)}`).toBe(`${to} ${/src (\S+)/.exec(row)![1]}`)
    }
  })

  it('on how pings end, and who says so', async () => {
    await pings(PROBES)
  }, 120_000)

  it('on packets that are too long', async () => {
    for (const probe of MTU_PROBES) await pings([probe])
  }, 120_000)

  it('on who is known and who never answered', async () => {
    for (const space of SPACES) {
      const row = (ip: string, known: boolean): string => `${ip} ${known ? 'known' : 'failed'}`
      // Probes of the kernel's own come from link-local addresses, when it pleases.
      const global = (rows: string[]): string => rows.filter((r) => !r.startsWith('fe80')).sort().join('\n')
      const theirs = (): string => global(inside(space, 'ip', '-6', 'neigh').map((r) => row(r.split(' ')[0]!, r.includes('lladdr'))))
      await transcript.entry(`neighbours of ${space}`).hold(global(spaces[space].neighbours.list().map((n) => row(n.ip, n.mac !== undefined))), theirs)
    }
  })

  it('on rules: as they are saved, and what they do', async () => {
    for (const [space, rules] of Object.entries(RULES) as [Space, readonly string[]][]) {
      execFileSync('ip', ['netns', 'exec', real(space), 'ip6tables-restore'], { input: rules.join('\n') })
      spaces[space].netfilter6.restore(rules.join('\n'))
      const bare = (rows: readonly string[]): string[] => rows.map((r) => r.replace(/\[\d+:\d+\]/, '')).sort()
      expect(bare(spaces[space].netfilter6.save().trimEnd().split('\n'))).toEqual(bare(inside(space, 'ip6tables-save')))
      for (const list of [['-L', '-n'], ['-L'], ['-t', 'nat', '-L', '-n', '--line-numbers']]) {
        expect(spaces[space].netfilter6.command(list).stdout.split('\n').map((r) => r.trim()).filter((r) => r !== '')).toEqual(inside(space, 'ip6tables', ...list))
      }
    }
    await pings(RULE_PROBES)
  }, 120_000)

  it('on what goes when a link goes down', () => {
    execFileSync('ip', ['-n', real('a'), 'link', 'set', 'eth0', 'down'])
    spaces.a.setUp('eth0', false)
    for (const table of ['main', 'local'] as const) {
      expect(spaces.a.routes.list(table, 6).map((r) => formatRoute(r))).toEqual(inside('a', 'ip', '-6', 'route', 'show', 'table', table))
    }
    expect(inside('a', 'ip', '-6', '-o', 'addr', 'show', 'dev', 'eth0')).toEqual([])
    expect(spaces.a.link('eth0').addresses).toEqual([])
  })
})

function buildReal(): void {
  const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  for (const space of SPACES) {
    ip('netns', 'add', real(space))
    const router = space.startsWith('r') ? '1' : '0'
    for (const setting of ['net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.dad_transmits=0', 'net.ipv6.icmp.ratelimit=0', 'net.ipv6.conf.default.router_solicitations=0', `net.ipv6.conf.all.forwarding=${router}`]) {
      ip('netns', 'exec', real(space), 'sysctl', '-qw', setting)
    }
    ip('-n', real(space), 'link', 'set', 'lo', 'up')
  }
  ip('-n', real('r2'), 'link', 'add', 'br0', 'address', BRIDGE_MAC, 'type', 'bridge')
  VETHS.forEach(([a, nameA, b, nameB, mtu], n) => {
    const end = (space: Space, name: string, which: 0 | 1): string[] => [name, 'mtu', String(mtu), 'address', macOf(n, which), 'netns', real(space)]
    ip('link', 'add', ...end(a, nameA, 0), 'type', 'veth', 'peer', 'name', ...end(b, nameB, 1))
  })
  for (const port of ['port1', 'port2']) ip('-n', real('r2'), 'link', 'set', port, 'master', 'br0')
  for (const [a, nameA, b, nameB] of VETHS) for (const [space, name] of [[a, nameA], [b, nameB]]) ip('-n', real(space!), 'link', 'set', name!, 'up')
  ip('-n', real('r2'), 'link', 'set', 'br0', 'up')
  for (const [space, link, address] of ADDRESSES) ip('-n', real(space), 'addr', 'add', address, 'dev', link, 'nodad')
  for (const [space, route] of ROUTES) ip('-n', real(space), '-6', 'route', 'add', ...route.split(' '))
}

function buildSimulated(spaces: Record<Space, Namespace>): void {
  const network = new Network({ clock: new Clock({ seed: 1 }), ipv6: true, layers: { netfilter: (host, beside) => new NetfilterTables(host, beside), tcp: (host) => new TcpStack(host) } })
  for (const space of SPACES) {
    spaces[space] = network.createNamespace({ name: space, kind: 'outside' })
    if (space.startsWith('r')) spaces[space].setSysctl('net.ipv6.conf.all.forwarding', '1')
  }
  const bridge: LinuxBridge = network.createBridge(spaces.r2, 'br0', { mac: BRIDGE_MAC })
  VETHS.forEach(([a, nameA, b, nameB, mtu], n) => {
    network.createVeth({ network: spaces[a], name: nameA, mtu, mac: macOf(n, 0) }, { network: spaces[b], name: nameB, mtu, mac: macOf(n, 1) })
  })
  for (const port of ['port1', 'port2']) bridge.attach(spaces.r2.links.get(port)!)
  for (const [a, nameA, b, nameB] of VETHS) {
    spaces[a].setUp(nameA, true)
    spaces[b].setUp(nameB, true)
  }
  spaces.r2.setUp('br0', true)
  for (const [space, link, address] of ADDRESSES) spaces[space].addAddress(link, address)
  for (const [space, row] of ROUTES) spaces[space].routes.add(routeOf(row))
}

function routeOf(row: string): Route {
  const words = row.split(' ')
  const type = (['unreachable', 'prohibit', 'blackhole'] as const).find((t) => t === words[0])
  if (type) words.shift()
  const after = (word: string): string | undefined => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined)
  return {
    destination: words[0] === 'default' ? '::/0' : words[0]!, type, via: after('via'), device: after('dev'),
    metric: after('metric') ? Number(after('metric')) : undefined,
  }
}

function realPing(probe: Probe): Promise<string> {
  const args = ['netns', 'exec', real(probe.from), 'ping', '-n', '-c', '1', '-W', '5']
  if (probe.ttl !== undefined) args.push('-t', String(probe.ttl))
  if (probe.size !== undefined) args.push('-s', String(probe.size))
  if (probe.dontFragment) args.push('-M', 'do')
  if (probe.source ?? probe.device) args.push('-I', (probe.source ?? probe.device)!)
  return new Promise((resolve) => {
    execFile('ip', [...args, probe.to], { env: { ...process.env, LC_ALL: 'C' } }, (_error, stdout, stderr) => {
      const reply = /bytes from ([0-9a-f:]+)(?:%\w+)?: icmp_seq=1 ttl=([0-9]+)/.exec(stdout)
      const error = /From ([0-9a-f:]+)(?:%\w+)? icmp_seq=1 (.*)/.exec(stdout)
      const own = /^ping: (?:connect|sendmsg|local error): (.*)$/m.exec(stderr)
      if (reply) resolve(`reply ${reply[1]} ttl ${reply[2]}`)
      else if (error) resolve(`${error[1]} ${error[2]!.trim()}`)
      else resolve(own ? own[1]!.replace(/, mtu.*/, '').toLowerCase() : 'silence')
    })
  })
}

const TEXTS: Readonly<Record<string, string>> = {
  '1/0': 'Destination unreachable: No route', '1/1': 'Destination unreachable: Administratively prohibited', '1/3': 'Destination unreachable: Address unreachable',
  '1/4': 'Destination unreachable: Port unreachable', '3/0': 'Time exceeded: Hop limit',
}

function simulatedPing(spaces: Record<Space, Namespace>, probe: Probe): string {
  try {
    const { replies, errors } = ping(spaces[probe.from], probe.to, probe)
    if (replies[0]) return `reply ${replies[0].source} ttl ${replies[0].ttl}`
    const error = errors[0]
    if (!error) return 'silence'
    return `${error.source} ${error.type === 2 ? `Packet too big: mtu=${error.mtu}` : TEXTS[`${error.type}/${error.code}`]}`
  } catch (error) {
    return (error as Error).message.toLowerCase()
  }
}
