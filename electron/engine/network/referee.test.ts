import { execFile, execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { transcriptOf } from '../../../tests/conformance/referee/transcript.ts'
import { formatRoute } from './format.ts'
import type { LinuxBridge } from './bridge.ts'
import { makeNetwork, ping } from './shapes.samples.ts'
import type { Namespace } from './namespace.ts'

/**
 * The Linux kernel as referee: one shape, built once here and once from real network namespaces; the same pings must
 * come to the same end, and the same routes and neighbours must be there. Needs Linux, root, iproute2 and ping.
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
  ['a', 'eth0', '10.0.1.2/24'],
  ['a', 'eth0', '10.0.1.3/24'],
  ['r1', 'eth0', '10.0.1.1/24'],
  ['r1', 'eth1', '10.0.9.1/30'],
  ['r2', 'eth0', '10.0.9.2/30'],
  ['r2', 'br0', '10.0.2.1/24'],
  ['p1', 'eth0', '10.0.2.2/24'],
  ['p2', 'eth0', '10.0.2.3/32'],
]
const ROUTES: [Space, string][] = [
  ['a', 'default via 10.0.1.1'],
  ['r1', '10.0.2.0/24 via 10.0.9.2'],
  ['r1', '10.0.2.128/25 via 10.0.9.2 metric 7'],
  ['r1', 'unreachable 192.0.2.0/24'],
  ['r1', 'prohibit 198.51.100.0/24'],
  ['r1', 'blackhole 203.0.113.0/24'],
  ['r1', '172.16.0.0/16 via 10.0.9.2'],
  ['r2', '10.0.1.0/24 via 10.0.9.1'],
  ['r2', '172.16.0.0/16 via 10.0.9.1'],
  ['p1', 'default via 10.0.2.1'],
  ['p1', '10.77.0.0/16 via 10.99.0.1 dev eth0 onlink'],
  ['p2', '10.0.2.1/32 dev eth0'],
  ['p2', 'default via 10.0.2.1'],
]

interface Probe { from: Space; to: string; ttl?: number; size?: number; dontFragment?: boolean }

const PROBES: Probe[] = [
  { from: 'a', to: '10.0.1.1' },
  { from: 'a', to: '10.0.1.2' },
  { from: 'a', to: '10.0.1.3' },
  { from: 'a', to: '127.0.0.1' },
  { from: 'a', to: '127.1.2.3' },
  { from: 'a', to: '10.0.9.1' },
  { from: 'a', to: '10.0.9.2' },
  { from: 'a', to: '10.0.2.1' },
  { from: 'a', to: '10.0.2.2' },
  { from: 'a', to: '10.0.2.3' },
  { from: 'a', to: '10.0.2.2', ttl: 1 },
  { from: 'a', to: '10.0.2.2', ttl: 2 },
  { from: 'a', to: '10.0.2.2', ttl: 3 },
  { from: 'a', to: '10.0.2.77' },
  { from: 'a', to: '10.0.1.77' },
  { from: 'a', to: '192.0.2.1' },
  { from: 'a', to: '198.51.100.1' },
  { from: 'a', to: '203.0.113.1' },
  { from: 'a', to: '8.8.8.8' },
  { from: 'a', to: '172.16.1.1' },
  { from: 'p1', to: '10.0.2.3' },
  { from: 'p2', to: '10.0.2.2' },
  { from: 'p2', to: '10.0.1.2' },
  { from: 'p1', to: '10.77.0.1' },
  { from: 'r1', to: '192.0.2.1' },
  { from: 'r2', to: '8.8.8.8' },
  { from: 'r2', to: '10.0.9.3' },
]
/** One after the other: each changes what the next one meets. */
const MTU_PROBES: Probe[] = [
  { from: 'a', to: '10.0.2.2', size: 3000 },
  { from: 'p1', to: '10.0.1.2', size: 1372, dontFragment: true },
  { from: 'p1', to: '10.0.1.2', size: 1373, dontFragment: true },
  { from: 'p1', to: '10.0.1.2', size: 1373, dontFragment: true },
  { from: 'p1', to: '10.0.1.2', size: 1373 },
  { from: 'p1', to: '10.0.2.3', size: 1473, dontFragment: true },
]

function canRun(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    execFileSync('ip', ['netns', 'add', real('probe')], { stdio: 'ignore' })
    execFileSync('ip', ['netns', 'exec', real('probe'), 'ping', '-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    try {
      execFileSync('ip', ['netns', 'del', real('probe')], { stdio: 'ignore' })
    } catch {
      // It was never made.
    }
  }
}

function real(space: string): string {
  return `podhop-${process.pid}-${space}`
}

const transcript = transcriptOf('network')
const available = canRun()
if (!available) console.warn('SKIPPED: the network is not compared with the Linux kernel (needs Linux, root, ip and ping)')

describe.skipIf(!available)('the Linux kernel agrees', () => {
  const spaces = {} as Record<Space, Namespace>

  beforeAll(() => {
    buildReal()
    buildSimulated(spaces)
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

  it('on the routes that are there', () => {
    for (const space of SPACES) {
      for (const table of ['main', 'local'] as const) {
        const rows = execFileSync('ip', ['-4', '-n', real(space), 'route', 'show', 'table', table], { encoding: 'utf8' })
        const expected = rows.split('\n').map((row) => row.trim()).filter((row) => row !== '')
        expect(spaces[space].routes.list(table).map((r) => formatRoute(r)), `${space} ${table}`).toEqual(expected)
      }
    }
  })

  it('on how pings end, and who says so', async () => {
    await pings(PROBES)
  }, 300_000)

  it('on packets that are too long', async () => {
    for (const probe of MTU_PROBES) await pings([probe])
  }, 300_000)

  it('on who is known and who never answered', async () => {
    for (const space of SPACES) {
      const theirs = (): string => {
        const rows = execFileSync('ip', ['-4', '-n', real(space), 'neigh'], { encoding: 'utf8' }).split('\n').filter((row) => row.trim() !== '')
        return rows.map((row) => `${row.split(' ')[0]} ${row.includes('lladdr') ? 'known' : 'failed'}`).sort().join('\n')
      }
      await transcript.entry(`neighbours of ${space}`).hold(spaces[space].neighbours.list().map((n) => `${n.ip} ${n.mac ? 'known' : 'failed'}`).sort().join('\n'), theirs)
    }
  })

  it('on what goes when a link goes down', () => {
    execFileSync('ip', ['-n', real('r1'), 'link', 'set', 'eth1', 'down'])
    spaces.r1.setUp('eth1', false)
    const rows = (table: string) => execFileSync('ip', ['-4', '-n', real('r1'), 'route', 'show', 'table', table], { encoding: 'utf8' })
    for (const table of ['main', 'local'] as const) {
      expect(spaces.r1.routes.list(table).map((r) => formatRoute(r))).toEqual(rows(table).split('\n').map((row) => row.trim()).filter((row) => row !== ''))
    }
  })
})

function buildReal(): void {
  const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  for (const space of SPACES) {
    ip('netns', 'add', real(space))
    const router = space.startsWith('r') ? '1' : '0'
    for (const setting of [
      'net.ipv4.conf.all.send_redirects=0', 'net.ipv4.conf.default.send_redirects=0', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0',
      'net.ipv4.icmp_ratemask=0', `net.ipv4.ip_forward=${router}`,
    ]) {
      ip('netns', 'exec', real(space), 'sysctl', '-qw', setting)
    }
    ip('-n', real(space), 'link', 'set', 'lo', 'up')
  }
  ip('-n', real('r2'), 'link', 'add', 'br0', 'type', 'bridge')
  for (const [a, nameA, b, nameB, mtu] of VETHS) {
    ip('link', 'add', nameA, 'mtu', String(mtu), 'netns', real(a), 'type', 'veth', 'peer', 'name', nameB, 'mtu', String(mtu), 'netns', real(b))
  }
  for (const port of ['port1', 'port2']) ip('-n', real('r2'), 'link', 'set', port, 'master', 'br0')
  for (const [space, link, address] of ADDRESSES) ip('-n', real(space), 'addr', 'add', address, 'dev', link)
  for (const [a, nameA, b, nameB] of VETHS) for (const [space, name] of [[a, nameA], [b, nameB]]) ip('-n', real(space!), 'link', 'set', name!, 'up')
  ip('-n', real('r2'), 'link', 'set', 'br0', 'up')
  for (const [space, route] of ROUTES) ip('-n', real(space), 'route', 'add', ...route.split(' '))
}

function buildSimulated(spaces: Record<Space, Namespace>): void {
  const network = makeNetwork()
  for (const space of SPACES) {
    spaces[space] = network.createNamespace({ name: space, kind: 'outside' })
    if (space.startsWith('r')) spaces[space].setSysctl('net.ipv4.ip_forward', '1')
  }
  const bridge: LinuxBridge = network.createBridge(spaces.r2, 'br0')
  for (const [a, nameA, b, nameB, mtu] of VETHS) network.createVeth({ network: spaces[a], name: nameA, mtu }, { network: spaces[b], name: nameB, mtu })
  for (const port of ['port1', 'port2']) bridge.attach(spaces.r2.links.get(port)!)
  for (const [space, link, address] of ADDRESSES) spaces[space].addAddress(link, address)
  for (const [a, nameA, b, nameB] of VETHS) {
    spaces[a].setUp(nameA, true)
    spaces[b].setUp(nameB, true)
  }
  spaces.r2.setUp('br0', true)
  for (const [space, row] of ROUTES) {
    const words = row.split(' ')
    const type = (['unreachable', 'prohibit', 'blackhole'] as const).find((t) => t === words[0])
    if (type) words.shift()
    const after = (word: string): string | undefined => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined)
    spaces[space].routes.add({
      destination: words[0] === 'default' ? '0.0.0.0/0' : words[0]!,
      type, via: after('via'), device: after('dev'),
      metric: after('metric') ? Number(after('metric')) : undefined,
      onlink: words.includes('onlink') || undefined,
    })
  }
}

function realPing(probe: Probe): Promise<string> {
  const args = ['netns', 'exec', real(probe.from), 'ping', '-n', '-c', '1', '-W', '4']
  if (probe.ttl !== undefined) args.push('-t', String(probe.ttl))
  if (probe.size !== undefined) args.push('-s', String(probe.size))
  if (probe.dontFragment) args.push('-M', 'do')
  return new Promise((resolve) => {
    execFile('ip', [...args, probe.to], { env: { ...process.env, LC_ALL: 'C' } }, (_error, stdout, stderr) => {
      const reply = /bytes from ([0-9.]+): icmp_seq=1 ttl=([0-9]+)/.exec(stdout)
      const error = /From ([0-9.]+) icmp_seq=1 (.*)/.exec(stdout)
      const own = /^ping: (?:connect|sendmsg|local error): (.*)$/m.exec(stderr)
      if (reply) resolve(`reply ${reply[1]} ttl ${reply[2]}`)
      else if (error) resolve(`${error[1]} ${error[2]!.trim()}`)
      else resolve(own ? own[1]!.replace(/, mtu.*/, '').toLowerCase() : 'silence')
    })
  })
}

function simulatedPing(spaces: Record<Space, Namespace>, probe: Probe): string {
  try {
    const { replies, errors } = ping(spaces[probe.from], probe.to, probe)
    if (replies[0]) return `reply ${replies[0].source} ttl ${replies[0].ttl}`
    const error = errors[0]
    if (!error) return 'silence'
    const texts: Record<string, string> = {
      '3/0': 'Destination Net Unreachable', '3/1': 'Destination Host Unreachable', '3/13': 'Packet filtered',
      '3/4': `Frag needed and DF set (mtu = ${error.mtu})`, '11/0': 'Time to live exceeded',
    }
    return `${error.source} ${texts[`${error.type}/${error.code}`]}`
  } catch (error) {
    return (error as Error).message.toLowerCase()
  }
}
