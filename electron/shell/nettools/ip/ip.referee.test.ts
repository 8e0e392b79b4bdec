import { execFileSync, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onlyTranscripts, transcriptOf } from '../../../../tests/conformance/referee/transcript.ts'
import { realNetwork, testMachine, type TestMachine } from '../machines.samples.ts'

/** iproute2 6.1 and the kernel as referees of `ip rule` and `ip route`: the same commands in a real network namespace. Needs Linux and root. */
const SPACE = `podhop-iprule-${process.pid}`
const able = ((): boolean => {
  if (onlyTranscripts) return false
  try {
    execFileSync('ip', ['netns', 'add', `${SPACE}-probe`], { stdio: 'ignore' })
    execFileSync('ip', ['netns', 'del', `${SPACE}-probe`], { stdio: 'ignore' })
    return execFileSync('ip', ['-V'], { encoding: 'utf8' }).includes('iproute2-6.1')
  } catch {
    return false
  }
})()
if (!able) console.warn('REFEREE: no iproute2 6.1 or no right to make network namespaces: transcripts of ip rule and ip route decide')

const SETUP = ['ip link set lo up', 'ip link add d0 type veth peer name d1', 'ip addr add 10.0.0.1/24 dev d0', 'ip link set d0 up', 'ip link set d1 up']

const COMMANDS = `
ip rule
ip rule add
ip rule add from 10.0.0.0/8 table 100
ip rule add fwmark 0x1/0xf lookup 200 pref 100
ip rule add fwmark 5 lookup main pref 101
ip rule add not to 10.0.0.5 iif d0 lookup 7 pref 102
ip rule add oif d0 blackhole pref 103
ip rule add from all to 1.2.3.4 unreachable pref 104
ip rule add to 1.2.3.5 prohibit pref 105
ip rule add iif nodev lookup 9 pref 106
ip rule add lookup foo
ip rule add from 10.0.0.300 lookup 9
ip rule add goto 200 pref 50
ip rule add pref x lookup 1
ip rule add bogus lookup 1
ip rule add lookup default pref 300
ip rule add ipproto tcp dport 80 lookup 12 pref 310
ip rule add to 10.8.0.0/16 table 12 suppress_prefixlength 0 pref 311
ip rule add fwmark 0x0/0x1 lookup 12 pref 312 protocol 80
ip rule add from 1.2.3.4/8 table 12 pref 313
ip rule
ip -j rule
ip rule show table 200
ip rule list from 10.0.0.0/8
ip rule del pref 999
ip rule del from 10.0.0.0/8
ip rule del
ip rule del lookup 200
ip rule foo
ip rule show foo
ip rule flush
ip rule
ip rule add pref 32766 lookup main
ip rule add pref 32767 lookup default
ip rule
ip route show table 100
ip route add 10.1.0.0/16 via 10.0.0.9 table 100
ip route add default via 10.0.0.9 dev d0 table 100 proto bird
ip route add 10.2.0.0/16 via 10.0.0.9 proto 80
ip route add 10.2.0.0/16 via 10.0.0.9 proto 80
ip route append 10.2.0.0/16 via 10.0.0.10
ip route append 10.2.0.0/16 via 10.0.0.10
ip route prepend 10.2.0.0/16 via 10.0.0.11
ip route change 10.77.0.0/16 via 10.0.0.11
ip route
ip route change 10.2.0.0/16 via 10.0.0.12
ip route replace 10.3.0.0/16 nexthop via 10.0.0.20 weight 2 nexthop via 10.0.0.21 dev d0
ip route add 10.4.0.0/16 via 10.0.0.9 metric 5 table 77
ip route add blackhole 10.5.0.0/16 table 77
ip route
ip route show table 100
ip route show table 77
ip -4 route show table all
ip -j route
ip route get 10.3.1.1 from 10.0.0.7
ip route get 10.2.1.1
ip route get 10.2.1.1 mark 0x1
ip rule add fwmark 1 lookup 100 pref 50
ip route get 10.1.1.1 mark 0x1
ip route get 10.1.1.1 oif d0
ip -j route get 10.1.1.1 mark 1
ip route get 10.0.0.1
ip route del 10.3.0.0/16
ip route del 10.99.0.0/16 table 100
ip route del 10.99.0.0/16 table 4321
ip route flush table 100
ip route show table 100
ip route flush table 4321
ip route add 10.9.0.0/16 via 99.9.9.9 dev d0
ip route add 10.9.0.0/16 nexthop via 99.9.9.9 nexthop via 10.0.0.3
ip route add 10.9.0.0/16 dev d0 src 9.9.9.9
ip route add 10.0.0.5 nexthop via 10.0.0.20 dev d0 onlink weight 300
ip route add 10.8.0.0/16 proto bgp metric 20 nexthop via 10.0.0.20 dev d0 onlink nexthop dev d1 weight 3
ip route show proto 80
ip route show scope link
ip route show 10.8.0.0/16
ip route add throw 10.66.0.0/16
ip route add unreachable 10.67.0.0/16 metric 50
ip route get 10.66.0.1
ip route get 10.67.0.1
ip rule add from 10.0.0.1 prohibit pref 70
ip route get 10.8.0.1 from 10.0.0.1
ip route add 10.9.0.0/16 dev d0 proto foo
ip route add 10.9.0.0/16 dev d0 table foo
ip route add 10.9.0.0/16 dev d0 scope foo
ip route add 10.9.0.0/16 dev nodev
ip route show table foo
ip route add 10.33.0.0/16 via 10.0.0.300
ip route flush
ip link add x type foo
ip link add x
ip link del nope
ip -6 addr add fd00:1::1/64 dev d0 nodad
ip -6 addr add fd00:2::1/64 dev d1 nodad
ip -6 route add fd09::/16 nexthop via fd00:1::2 nexthop via fd00:2::2 weight 3
ip -d -6 route show fd09::/16
ip -d route show 10.0.0.0/24
ip -d route show proto 80
ip -d -j route show 10.0.0.0/24
ip -d -6 route
ip -6 -j route show fd09::/16
ip -6 route add fd09::/16 nexthop via fd00:1::2 nexthop via fd00:2::2 weight 3
ip -6 route add fd09::/16 via fd00:1::5
ip -6 route append fd09::/16 via fd00:1::5
ip -6 route append fd09::/16 via fd00:1::5
ip -6 route append fd09::/16 via fd00:1::5 metric 5
ip -6 route show fd09::/16
ip -6 route del fd09::/16 via fd00:1::2 metric 1024
ip -6 route show fd09::/16
ip -6 route replace fd09::/16 via fd00:1::7
ip -6 route del fd09::/16 via fd00:1::2
ip -6 route del fd09::/16
ip -6 route show fd09::/16
ip -6 route replace fd09::/16 proto bgp metric 20 nexthop via fd00:1::2 dev d0 nexthop via fe80::5 dev d1 weight 256
ip -6 route add fd0a::/16 via fd00:1::2
ip -6 route append fd0a::/16 via fd00:2::2
ip -6 route prepend fd0a::/16 via fd00:2::3
ip -6 route
ip -6 route del fd0a::/16 via fd00:1::2
ip -6 route change fd0a::/16 via fd00:1::2
ip -6 route change fd0b::/16 via fd00:1::2
ip -6 route get fd0a::5 from fd00:2::1
ip -6 route add fd0c::/16 nexthop via fd99::1 nexthop via fd00:1::2
ip -6 route add fd0c::/16 nexthop via fd00:1::2 dev d1 nexthop via fd00:1::3
ip -6 route add fd0d::/16 nexthop dev d0 nexthop dev d1
ip -6 route add fd0e::/16 nexthop via fd00:1::3 nexthop via fd00:1::3
ip -6 route add fd10::/16 nexthop via 10.0.0.1
ip route add 10.44.0.0/16 via fd00:1::2
ip -6 route add fd11::/16 nexthop via fe80::1 nexthop via fe80::2
ip -6 route add default nexthop via fd00:1::2 nexthop via fd00:2::2
ip -6 route flush fd0a::/16
ip -6 route
ip link set d1 down
ip -6 route show fd09::/16
`.trim().split('\n')

const transcript = transcriptOf('ip-rules')

describe('ip rule and ip route', () => {
  let machine: TestMachine
  const real = (line: string): { stdout: string; stderr: string; code: number | null } => {
    const { stdout, stderr, status } = spawnSync('ip', ['netns', 'exec', SPACE, ...line.split(' ')], { encoding: 'utf8' })
    return { stdout, stderr, code: status }
  }
  beforeAll(() => {
    if (able) spawnSync('ip', ['netns', 'add', SPACE])
    const network = realNetwork()
    machine = testMachine(network.createNamespace({ name: 'box', kind: 'node' }))
    machine.network.setSysctl('net.ipv6.conf.all.disable_ipv6', '0')
    for (const line of SETUP) {
      if (able) expect(real(line).code).toBe(0)
      expect(machine.run(line)).toMatchObject({ stderr: '', code: 0 })
    }
  })
  afterAll(() => {
    if (able) spawnSync('ip', ['netns', 'del', SPACE])
  })

  it('print what iproute2 and the kernel print, byte for byte', async () => {
    const told = (r: { stdout: string; stderr: string; code: number | null | undefined }): string => `${r.stdout}--- stderr\n${r.stderr}--- exit ${r.code}`
    for (const line of COMMANDS) {
      const [ours, theirs] = [told(machine.run(line)), able ? told(real(line)) : undefined]
      await transcript.entry(line).hold(ours, theirs === undefined ? undefined : () => theirs)
    }
  })
})
