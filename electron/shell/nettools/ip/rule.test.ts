import { describe, expect, it } from 'vitest'
import { join } from '../../../engine/network/shapes.samples.ts'
import { realNetwork, testMachine, type TestMachine } from '../machines.samples.ts'

/** A router with three links, and a host behind each. */
function router(): { node: TestMachine; ping(from: string, to: string): { verdict: string; reason: string | undefined; by: string | undefined; far: string | undefined } } {
  const network = realNetwork()
  const node = network.createNamespace({ name: 'router', kind: 'node' })
  node.setSysctl('net.ipv4.ip_forward', '1')
  const hosts = new Map(['a', 'b', 'c'].map((name, i) => {
    const host = network.createNamespace({ name, kind: 'pod' })
    join(network, { network: node, name: `eth${i}`, address: `10.0.${i}.1/24` }, { network: host, name: 'eth0', address: `10.0.${i}.2/24` })
    host.routes.add({ destination: '0.0.0.0/0', via: `10.0.${i}.1` })
    // an address that more than one has: where a packet ends shows which way it took
    if (i > 0) host.addAddress('lo', '9.9.9.9/32')
    return [name, host] as const
  }))
  return {
    node: testMachine(node),
    ping(from, to) {
      const socket = hosts.get(from)!.sockets.ping()
      const journey = socket.send(to, 1, new Uint8Array(8))
      network.clock.runFor(5000)
      const hop = journey.hops.find((h) => h.networkNamespace === 'router' && (h.stage === 'route' || h.stage === 'drop'))
      return { verdict: journey.verdict, reason: journey.reason, by: hop?.decidedBy?.text, far: journey.to }
    },
  }
}

describe('rules of routing', () => {
  it('by source, mark and interface lead packets through tables of their own', () => {
    const { node, ping } = router()
    node.run('ip route add 9.9.9.9 via 10.0.1.2')
    node.run('ip route add 9.9.9.9 via 10.0.2.2 table 100')
    expect(ping('a', '9.9.9.9')).toMatchObject({ verdict: 'delivered', far: 'b' })
    expect(node.run('ip rule add from 10.0.0.0/24 lookup 100').code).toBe(0)
    expect(ping('a', '9.9.9.9')).toMatchObject({ verdict: 'delivered', far: 'c', by: '9.9.9.9 via 10.0.2.2 dev eth2' })
    expect(node.run('ip rule').stdout).toBe('0:\tfrom all lookup local\n32765:\tfrom 10.0.0.0/24 lookup 100\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n')
    node.run('ip rule del from 10.0.0.0/24')
    expect(ping('a', '9.9.9.9').far).toBe('b')
    node.run('ip rule add fwmark 0x10/0xf0 lookup 100')
    expect(ping('a', '9.9.9.9').far).toBe('b')
    node.run('iptables -t mangle -A PREROUTING -s 10.0.0.2 -j MARK --set-xmark 0x10/0xf0')
    expect(ping('a', '9.9.9.9').far).toBe('c')
    node.run('ip rule add iif eth0 pref 10 prohibit')
    const no = ping('a', '9.9.9.9')
    expect(no).toEqual({ verdict: 'unreachable', reason: 'drop-no-route', by: '10: from all iif eth0 prohibit', far: undefined })
    expect(ping('c', '10.0.1.2').verdict).toBe('delivered')
  })

  it('a table that throws sends the search on to the next rule', () => {
    const { node, ping } = router()
    node.run('ip route add 9.9.9.9 via 10.0.1.2')
    node.run('ip rule add lookup 7 pref 5')
    node.run('ip route add throw 9.9.9.9 table 7')
    node.run('ip route add default via 10.0.2.2 table 7')
    expect(ping('a', '9.9.9.9').far).toBe('b')
    node.run('ip route flush table 7')
    node.run('ip route add default via 10.0.2.2 table 7')
    expect(ping('a', '9.9.9.9').far).toBe('c')
    node.run('ip rule add lookup main suppress_prefixlength 0 pref 4')
    expect(ping('a', '9.9.9.9').far).toBe('b')
  })

  it('several nexthops share the flows by weight, one address pair keeping to its way', () => {
    const { node, ping } = router()
    node.run('ip route add 9.9.0.0/16 nexthop via 10.0.1.2 nexthop via 10.0.2.2 weight 3')
    const ways = Array.from({ length: 200 }, (_, i) => node.run(`ip route get 9.9.${i}.7 from 10.0.0.2 iif eth0`).stdout.match(/dev (\S+)/)![1])
    const second = ways.filter((d) => d === 'eth2').length
    expect(second).toBeGreaterThan(110)
    expect(second).toBeLessThan(185)
    const far = ping('a', '9.9.9.9')
    expect(far.by).toBe('9.9.0.0/16\n\tnexthop via 10.0.1.2 dev eth1 weight 1\n\tnexthop via 10.0.2.2 dev eth2 weight 3')
    expect(ping('a', '9.9.9.9').far).toBe(far.far)
    // the way that is left takes all
    node.run(`ip link set ${far.far === 'b' ? 'eth1' : 'eth2'} down`)
    expect(ping('a', '9.9.9.9').far).toBe(far.far === 'b' ? 'c' : 'b')
  })

  it('several nexthops of IPv6 likewise, in a table that a rule leads to as well', () => {
    const { node } = router()
    node.network.setSysctl('net.ipv6.conf.all.disable_ipv6', '0')
    for (const i of [1, 2]) node.run(`ip -6 addr add fd00:${i}::1/64 dev eth${i}`)
    const shares = (): number => Array.from({ length: 100 }, (_, i) => node.run(`ip -6 route get fd09::${i} from fd00:1::1`).stdout).filter((line) => line.includes('via fd00:2::2 dev eth2 src fd00:2::1')).length
    node.run('ip -6 route add fd09::/16 nexthop via fd00:1::2 nexthop via fd00:2::2 weight 3')
    expect(Math.abs(shares() - 75)).toBeLessThan(18)
    node.run('ip link set eth1 down')
    expect(shares()).toBe(100)
    node.run('ip link set eth1 up')
    node.run('ip -6 addr add fd00:1::1/64 dev eth1')
    node.run('ip -6 route del fd09::/16')
    node.run('ip -6 route add fd09::/16 table 9 nexthop via fd00:1::2 weight 3 nexthop via fd00:2::2')
    node.run('ip -6 rule add to fd09::/16 lookup 9')
    expect(Math.abs(shares() - 25)).toBeLessThan(18)
  })

  it('rp_filter asks the rules too, with the mark where src_valid_mark says so', () => {
    const { node, ping } = router()
    node.run('ip rule add from 10.0.0.2 lookup 50 pref 20')
    node.run('ip rule add to 10.0.0.2 fwmark 1 lookup 60 pref 21')
    node.run('ip rule add to 10.0.0.2 pref 22 unreachable')
    node.run('ip route add 10.0.0.0/24 dev eth0 table 60')
    node.run('iptables -t mangle -A PREROUTING -j MARK --set-mark 1')
    node.network.setSysctl('net.ipv4.conf.all.rp_filter', '1')
    expect(ping('a', '10.0.1.2').reason).toBe('drop-martian')
    node.network.setSysctl('net.ipv4.conf.all.src_valid_mark', '1')
    expect(ping('a', '10.0.1.2').verdict).toBe('delivered')
  })

  it('the rule for the table local may go to a later place', () => {
    const { node, ping } = router()
    expect(node.run('ip rule add from all lookup local pref 100').code).toBe(0)
    expect(node.run('ip rule del pref 0').code).toBe(0)
    expect(node.run('ip rule add fwmark 0x200/0xf00 lookup 2004 pref 9').code).toBe(0)
    expect(ping('a', '10.0.0.1').verdict).toBe('delivered')
    expect(node.run('ip rule').stdout.split('\n')[0]).toBe('9:\tfrom all fwmark 0x200/0xf00 lookup 2004')
  })

  it('names of tables are those of rt_tables', () => {
    const { node } = router()
    node.machine.fs.makeDirectory('/etc/iproute2', { parents: true })
    node.machine.fs.writeFile('/etc/iproute2/rt_tables', '255\tlocal\n254\tmain\n253\tdefault\n0\tunspec\n200 blue # mine\n')
    node.run('ip route add default via 10.0.1.2 table blue')
    node.run('ip rule add from 10.0.0.2 lookup blue')
    expect(node.run('ip rule show table 200').stdout).toBe('32765:\tfrom 10.0.0.2 lookup blue\n')
    expect(node.run('ip route show table 200').stdout).toBe('default via 10.0.1.2 dev eth1 \n')
    expect(node.run('ip route get 8.8.8.8 from 10.0.0.2 iif eth0').stdout).toBe('8.8.8.8 from 10.0.0.2 via 10.0.1.2 dev eth1 table blue \n    cache iif eth0 \n')
  })

  it('IPv6 has rules and tables of its own', () => {
    const network = realNetwork()
    const node = network.createNamespace({ name: 'router', kind: 'node' })
    node.setSysctl('net.ipv6.conf.all.disable_ipv6', '0')
    node.setSysctl('net.ipv6.conf.all.forwarding', '1')
    const hosts = ['a', 'b', 'c'].map((name, i) => {
      const host = network.createNamespace({ name, kind: 'pod' })
      host.setSysctl('net.ipv6.conf.all.disable_ipv6', '0')
      join(network, { network: node, name: `eth${i}`, address: `fd0${i}::1/64` }, { network: host, name: 'eth0', address: `fd0${i}::2/64` })
      host.routes.add({ destination: '::/0', via: `fd0${i}::1` })
      if (i > 0) host.addAddress('lo', 'fd99::9/128')
      return host
    })
    const { run } = testMachine(node)
    const far = (): string | undefined => {
      const journey = hosts[0]!.sockets.ping().send('fd99::9', 1, new Uint8Array(8))
      network.clock.runFor(5000)
      return journey.to ?? journey.hops.find((h) => h.networkNamespace === 'router' && h.stage === 'drop')?.decidedBy?.text
    }
    run('ip -6 route add fd99::9 via fd01::2')
    run('ip -6 route add fd99::9 via fd02::2 table 100')
    expect([far(), run('ip -6 rule').stdout]).toEqual(['b', '0:\tfrom all lookup local\n32766:\tfrom all lookup main\n'])
    run('ip -6 rule add from fd00::/64 lookup 100')
    expect(far()).toBe('c')
    run('ip -6 rule del from fd00::/64')
    run('ip -6 rule add fwmark 0x10 lookup 100')
    expect(far()).toBe('b')
    run('ip6tables -t mangle -A PREROUTING -s fd00::2 -j MARK --set-mark 0x10')
    expect(far()).toBe('c')
    run('ip -6 rule add iif eth0 to fd99::/64 pref 5 prohibit')
    expect(far()).toBe('5: from all to fd99::/64 iif eth0 prohibit')
    expect(run('ip -6 rule').stdout).toBe('0:\tfrom all lookup local\n5:\tfrom all to fd99::/64 iif eth0 prohibit\n32765:\tfrom all fwmark 0x10 lookup 100\n32766:\tfrom all lookup main\n')
    expect(run('ip -6 route show table 100').stdout).toBe('fd99::9 via fd02::2 dev eth2 metric 1024 pref medium\n')
    run('ip -6 rule add lookup 101')
    expect(run('ip -6 route show table 101').code).toBe(0)
    expect(run('ip -6 rule add from 10.0.0.0/8 lookup 5').stderr).toBe('Error: inet6 prefix is expected rather than "10.0.0.0/8".\n')
    expect(run('ip rule').stdout).not.toContain('fwmark')
  })
})
