import { afterAll, beforeAll, describe } from 'vitest'
import { sameAs, type Mask } from './nettools/compare.ts'
import { has, realWorld, simulatedWorld, type World } from './nettools/worlds.ts'

/** The corners of `ip` against iproute2 of Debian 12: rules, batches, what a route is found to be, and each output form of each object. */
const available = has('ip')
if (!available) console.warn('SKIPPED: the corners of ip are not compared with the real one (needs Linux, root and iproute2)')

// the words of Linux 6.1, which newer kernels have others for
const plain: Mask = (text) => text.replace('Error: ipv4: Address already assigned.', 'RTNETLINK answers: File exists').replace('Error: ipv4: Address not found.', 'RTNETLINK answers: Cannot assign requested address').replace(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, (m) => (/^(00|ff|01|33):/.test(m) ? m : 'MAC')).replace(/link-netns(id)? \S+/g, 'link-netns N').replace(/"link_netns(id)?":("[^"]*"|\d+)/g, '"link_netns":N').replace(/\bused \S+/g, 'used N').replace(/"(used|confirmed|updated)":\d+/g, '"$1":N').replace(/(valid_lft|preferred_lft) (\d+)sec/g, (_, n: string, v: string) => `${n} ${Math.ceil(Number(v) / 10)}0sec`).replace(/probes \d+/g, 'probes N').replace(/"probes":\d+/g, '"probes":N').replace(/expires \d+sec/g, 'expires N').replace(/link_index":\d+/g, 'link_index":N').replace(/@if\d+/g, '@ifN').replace(/uid 0 /g, '').replace(/qlen 1000/g, 'qlen 1000')

describe.skipIf(!available)('the real one agrees', () => {
  let there: World
  let here: World
  beforeAll(async () => {
    there = realWorld()
    here = simulatedWorld()
    for (const world of [there, here]) {
      world.file('n1', '/etc/issue', 'addr add 10.9.9.1/24 dev eth0\n# a comment\n\naddr show dev nope\nroute add 10.9.8.0/24 via 10.9.9.2\n')
      world.file('n1', '/etc/issue.net', 'link show dev lo\nroute get 10.244.2.2\n')
      await world.run('p1', 'ping -c 1 -W 1 10.244.2.2')
    }
  })
  afterAll(() => there?.destroy())
  const same = sameAs(() => ({ there, here }))
  describe('on its corners', () => {
    same('n1', [
      'ip -br neigh', 'ip rule add from 10.1.0.0/16 table 100', 'ip rule add to 10.2.0.0/16 table 101 priority 50', 'ip rule add fwmark 1 table 100', 'ip rule', 'ip -j rule', 'ip -p -j rule', 'ip -o rule', 'ip -br rule', 'ip rule flush table 100', 'ip rule', 'ip rule flush priority 50', 'ip rule flush foo', 'ip rule flush', 'ip rule', 'ip rule add from all lookup main pref 32766', 'ip rule add pref 32767 table default', 'ip rule show table main', 'ip rule show from 10.0.0.0/8',
      'ip -h', 'ip -help', 'ip -V', 'ip', 'ip foo', 'ip -foo', 'ip -r route show', 'ip -c=never link show dev lo', 'ip -c=foo link', 'ip -f inet route', 'ip -4 -o route', 'ip -br link', 'ip -br -j link show dev lo', 'ip -j -p route', 'ip -j -d link show dev lo', 'ip -o link show dev lo', 'ip -o neigh', 'ip -br route', 'ip -t link show dev lo', 'ip -l 2 link show dev lo', 'ip -rc 1000 link show dev lo', 'ip -a link', 'ip -a addr show dev lo',
      'ip route get 10.244.2.2', 'ip -j route get 10.244.2.2', 'ip -o route get 10.244.2.2', 'ip -d route get 10.244.2.2', 'ip route get 10.244.1.1', 'ip route get 127.0.0.1', 'ip route get 255.255.255.255', 'ip route get 10.244.2.2 from 10.244.1.2 iif cni0', 'ip -j route get 10.244.2.2 from 10.244.1.2 iif cni0', 'ip route get 8.8.8.8', 'ip route get', 'ip route get foo', 'ip route show cache', 'ip route flush cache',
      'ip -b /etc/issue', 'ip -b /etc/issue.net', 'ip -force -b /etc/issue', 'ip -b /nope', 'ip -j -b /etc/issue.net', 'ip -br -b /etc/issue.net', 'ip addr del 10.9.9.1/24 dev eth0', 'ip nexthop', 'ip nexthop show', 'ip mroute', 'ip tuntap', 'ip vrf', 'ip -all netns exec',
    ], plain)
  })
  describe('on addresses with a peer, a metric or an end', () => {
    same('p1', [
      'ip addr add 10.60.0.1 peer 10.60.0.2 dev eth0', 'ip addr add 10.61.0.1 peer 10.61.0.2/24 dev eth0', 'ip addr add 10.61.0.1/24 peer 10.61.0.2/24 dev eth0', 'ip addr show dev eth0', 'ip -j addr show dev eth0', 'ip -br addr show dev eth0', 'ip -o addr show dev eth0', 'ip route', 'ip route show table local', 'ip addr del 10.60.0.1 peer 10.60.0.2 dev eth0', 'ip addr del 10.61.0.1/24 dev eth0', 'ip addr del 10.61.0.1 peer 10.61.0.2/24 dev eth0', 'ip route', 'ip addr add 10.62.0.1/24 dev eth0 metric 50', 'ip addr show dev eth0', 'ip -j addr show dev eth0', 'ip route', 'ip addr change 10.62.0.1/24 dev eth0 metric 70', 'ip route', 'ip addr del 10.62.0.1/24 dev eth0', 'ip route', 'ip addr add 10.63.0.1/24 dev eth0 valid_lft 100 preferred_lft 50', 'ip addr show dev eth0', 'ip -j addr show dev eth0', 'ip addr show dev eth0 dynamic', 'ip addr show dev eth0 permanent', 'ip addr show dev eth0 deprecated', 'ip route', 'ip addr add 10.63.0.2/24 dev eth0 valid_lft 10 preferred_lft 50', 'ip addr add 10.63.0.2/24 dev eth0 valid_lft 0', 'ip addr add 10.63.0.2/24 dev eth0 valid_lft x', 'ip addr add 10.63.0.2/24 dev eth0 preferred_lft 0', 'ip addr show dev eth0', 'ip addr change 10.63.0.1/24 dev eth0 valid_lft 60 preferred_lft 30', 'ip addr show dev eth0', 'ip addr change 10.63.0.1/24 dev eth0', 'ip addr show dev eth0', 'ip addr change 10.63.0.1/24 dev eth0 preferred_lft 20', 'ip addr show dev eth0', 'ip addr del 10.63.0.1/24 dev eth0', 'ip addr add 10.64.0.1/24 dev eth0 proto 5', 'ip addr show dev eth0', 'ip addr add 10.65.0.1/24 dev eth0 home', 'ip addr add 10.65.0.2/24 dev eth0 autojoin', 'ip addr add 10.65.0.3/24 dev eth0 anycast 1.2.3.4', 'ip addr show dev eth0', 'ip addr show dev eth0 -deprecated', 'ip addr add 10.66.0.1/24 dev eth0 metric x', 'ip addr add 10.66.0.1/24 dev eth0 peer foo', 'ip addr add 10.66.0.1/30 peer 10.66.0.2/30 dev eth0', 'ip addr show dev eth0', 'ip addr add 10.67.0.1 peer 10.67.0.2 dev eth0 metric 9', 'ip route', 'ip -br addr', 'ip route get 10.67.0.2', 'ip addr add 10.68.0.1/32 peer 10.68.0.1 dev eth0', 'ip addr show dev eth0', 'ip addr change 10.99.0.1/24 dev eth0 valid_lft 10 preferred_lft 5', 'ip addr replace 10.99.0.1/24 dev eth0 valid_lft 10 preferred_lft 5', 'ip addr show dev eth0 to 10.99.0.0/16', 'ip addr show dev eth0 to 10.67.0.2/32', 'ip addr show dev eth0 to 10.67.0.1/32',
    ], plain)
  })
})
