import { afterAll, beforeAll, describe, it } from 'vitest'
import { sameAs, shown, twoWorlds, type Mask } from './nettools/compare.ts'
import { has, type Result, type Space } from './nettools/worlds.ts'
import { transcriptOf } from './referee/transcript.ts'

/**
 * The tools of Debian 12 as referees: the same commands in real network namespaces and in simulated ones of the same
 * shape, their output compared after masking what cannot be the same.
 */
const transcript = transcriptOf('nettools')

const macs: Mask = (text) =>
  text
    .replace(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, (m) => (/^(00:)+00|^(ff:)+ff/.test(m) ? m : 'MAC'))
    .replace(/link-netns (\S+)/g, 'link-netnsid N')
    .replace(/link-netnsid \d+/g, 'link-netnsid N')
const times: Mask = (text) => macs(text).replace(/time=[\d.]+ ms/g, 'time=T ms').replace(/time \d+ms/g, 'time Tms').replace(/= [\d./]+ ms/g, '= T ms').replace(/\nUsage[^]*/, '\nUsage…')

describe('the real tools agree', () => {
  const worlds = twoWorlds()
  const same = sameAs(worlds, transcript, macs)
  /** What takes more than a line, by its name. */
  const story = (name: string, tools: readonly string[], tell: Parameters<typeof worlds.hold>[1]): void => {
    const comparison = transcript.entry(name)
    it.skipIf(!comparison.heldBy(has(...tools)))(name, () => worlds.hold(comparison, tell, tools))
  }

  describe('on what ip shows', () => {
    for (const space of ['p1', 'n1'] as Space[]) {
      same(space, [
        'ip addr', 'ip link', 'ip -br addr', 'ip -br link', 'ip route', 'ip -4 addr', 'ip -4 -br addr', 'ip -o addr', 'ip -o link', 'ip rule', 'ip addr show dev lo', 'ip -4 addr show eth0',
        'ip route show table local', 'ip route show table all', 'ip -j route', 'ip -j addr', 'ip -j link', 'ip -j -p route', 'ip -p -j addr show lo', 'ip -d link show lo', 'ip -d link show eth0',
        'ip link show type veth', 'ip link show type bridge', 'ip route get 10.244.2.2', 'ip route get 127.0.0.1', 'ip -j route get 10.244.2.2',
        'ip route show default', 'ip route show 10.244.2.0/24', 'ip route show dev eth0', 'ip route list match 10.244.2.2', 'ip route show proto kernel', 'ip route show scope link', 'ip r', 'ip a s lo', 'ip neigh', 'ip n',
      ])
    }
    same('n1', ['ip link show master cni0', 'ip route get 10.244.1.2', 'ip route get 8.8.8.8', 'ip route show via 172.18.0.3', 'ip -s link show lo', 'bridge link'])
    same('p1', ['ip route get 10.244.1.2', 'ip route get 8.8.8.8'])
  })

  describe('on what ip refuses', () => {
    same('p1', [
      'ip link show nope', 'ip addr show dev nope', 'ip route add 10.9.0.0/16 via 192.168.7.1', 'ip route add 10.9.0.0/16 dev nope', 'ip route del 10.9.0.0/16',
      'ip addr add 300.1.1.1/24 dev eth0', 'ip addr add 10.0.0.1/24', 'ip link set nope up', 'ip link set dev eth0 mtu 1', 'ip link del nope', 'ip nonsense', 'ip addr nonsense', 'ip route nonsense',
      'ip -x', 'ip route add default via 10.244.1.1', 'ip route get', 'ip route get nonsense', 'ip neigh del 10.244.1.77 dev eth0', 'ip neigh flush', 'ip addr flush', 'ip route flush', 'ip link set', 'ip neigh add 10.1.1.1',
    ])
  })

  describe('on what ip changes', () => {
    same('p2', [
      'ip route add 10.50.0.0/16 via 10.244.1.1', 'ip route add 10.51.0.0/16 dev eth0', 'ip route add unreachable 10.52.0.0/16', 'ip route add blackhole 10.53.0.0/16', 'ip route add 10.54.0.0/16 via 10.244.1.1 metric 50',
      'ip route add 10.55.0.0/16 dev eth0 src 10.244.1.3', 'ip route add 10.50.0.0/16 via 10.244.1.1', 'ip route', 'ip route get 10.52.0.1', 'ip route get 10.53.0.1', 'ip route replace 10.50.0.0/16 via 10.244.1.2', 'ip route change 10.51.0.0/16 via 10.244.1.1', 'ip route',
      'ip route del 10.50.0.0/16', 'ip route del 10.54.0.0/16 metric 50', 'ip route flush 10.55.0.0/16', 'ip route', 'ip addr add 10.244.1.33/24 dev eth0', 'ip addr add 192.168.3.1/24 brd + dev eth0', 'ip addr add 192.168.4.1 dev eth0', 'ip addr', 'ip route',
      'ip addr del 192.168.3.1/24 dev eth0', 'ip addr del 10.244.1.33/24 dev eth0', 'ip link set eth0 mtu 1400', 'ip link show eth0', 'ip link set dev eth0 mtu 1500',
      'ip neigh add 10.244.1.99 lladdr 02:00:00:00:00:99 dev eth0', 'ip neigh', 'ip -j neigh', 'ip neigh replace 10.244.1.99 lladdr 02:00:00:00:00:98 dev eth0 nud reachable', 'ip neigh show dev eth0', 'ip neigh del 10.244.1.99 dev eth0', 'ip neigh show 10.244.1.99', 'ip neigh get', 'ip neigh get 10.244.1.94 dev eth0', 'ip neigh show nud foo', 'ip neigh add 10.244.1.98 lladdr 02:00:00:00:00:98 dev eth0 nud foo', 'ip -s neigh flush nud permanent', 'ip netns pids nope', 'ip netns identify 999999',
      'ip link set eth0 alias uplink', 'ip link show eth0', 'ip -o link show eth0', 'ip -j link show eth0', 'ip -br -j link', 'ip -br -j addr', 'ip -s -s -j link show lo', 'ip -d -j link show eth0', 'ip -d -j addr show eth0', 'ip link set mtu x eth0', 'ip link set eth0 foo', 'ip link set eth0 mtu', 'ip link set txqlen 500 multicast off promisc on group 5 dev eth0', 'ip -d link show eth0', 'ip link show group 5',
      'ip link set eth0 txqueuelen 1000 multicast on promisc off group default alias x', 'ip link set eth0 arp foo', 'ip link set eth0 name a/b', 'ip link set eth0 master nope', 'ip link set eth0 master lo', 'ip link set eth0 address 02:00', 'ip link del', 'ip link show eth0 lo', 'ip link show master nope', 'ip link show dev', 'ip link show vrf foo',
      'ip addr add 10.50.0.1/24 dev eth0 label eth0:1', 'ip addr add 10.51.0.1/24 dev eth0 scope host', 'ip addr add 10.51.1.1/24 dev eth0 scope link', 'ip addr add 10.53.0.1/24 brd - dev eth0 noprefixroute valid_lft forever', 'ip addr show eth0', 'ip -j addr show to 10.53.0.0/16', 'ip addr show to 10.50.0.0/16', 'ip addr show label eth0:*', 'ip -o addr show scope link', 'ip addr show dev eth0 scope foo', 'ip -br addr show scope host', 'ip addr show secondary', 'ip addr show permanent dev lo', 'ip route',
      'ip addr replace 10.50.0.1/24 dev eth0', 'ip addr add dev eth0', 'ip addr add 10.50.0.1/24 dev', 'ip addr add 10.50.0.1/24 foo', 'ip addr add 10.50.0.1/24 10.1.1.1 dev eth0', 'ip addr del 10.53.0.1 dev eth0', 'ip -s addr flush dev eth0 to 10.51.0.0/16', 'ip -s addr flush to 10.51.0.0/16', 'ip addr flush label eth0:1', 'ip addr show eth0', 'ip route',
      'ip route get 10.244.1.255', 'ip -j route get 255.255.255.255', 'ip -o route get 10.9.0.1', 'ip -d route get 10.9.0.1', 'ip route get fibmatch 10.244.1.9', 'ip route get 10.9.0.1/24', 'ip route get 10.9.0.1 uid 1000 ipproto tcp sport 5 dport 80', 'ip route get 10.9.0.1 mark x', 'ip route get 10.9.0.1 vrf foo', 'ip route show cache', 'ip route show scope foo', 'ip route show proto foo', 'ip route show type foo', 'ip route add', 'ip route show metric 5',
      'ip route add 10.56.0.0/16 via 10.244.1.1 mtu 1400', 'ip route replace 10.57.0.0/16 via 10.244.1.1 mtu lock 1000', 'ip route', 'ip -j route get 10.56.0.1', 'ip route get 10.57.0.1', 'ip route add 10.58.0.0/16 via 10.244.1.1 mtu x', 'ip route flush root 10.56.0.0/15', 'ip route',
      'ip link set lo down', 'ip addr show lo', 'ip route show table local', 'ip link set lo up',
    ])
  })

  story('on what ip monitor says of changes', ['ip'], async (world) => {
    const results: string[] = []
    const monitors = [await world.start('p2', 'ip -4 monitor all'), await world.start('p2', 'ip monitor route dev eth0')]
    for (const line of [
      'addr add 192.168.8.1/24 brd + dev eth0', 'route add 10.60.0.0/16 via 192.168.8.2', 'route replace 10.60.0.0/16 via 192.168.8.3', 'route add unreachable 10.61.0.0/16 metric 5',
      'neigh add 192.168.8.4 lladdr 02:00:00:00:00:02 dev eth0', 'neigh replace 192.168.8.4 lladdr 02:00:00:00:00:03 dev eth0 nud reachable', 'neigh del 192.168.8.4 dev eth0',
      'rule add from 1.2.3.4 table 100', 'rule del from 1.2.3.4 table 100', 'route del 10.60.0.0/16', 'link set eth0 mtu 1400', 'addr add 192.168.8.5/24 dev eth0', 'addr del 192.168.8.5/24 dev eth0', 'addr del 192.168.8.1/24 dev eth0', 'route del unreachable 10.61.0.0/16', 'link set eth0 mtu 1500',
    ]) await world.run('p2', `ip ${line}`)
    for (const monitor of monitors) results.push(macs((await monitor.stop()).stdout).replace(/link-netns\S+ \S+/g, '').replace(/^.*(NEIGH|10\.244).*\n/gm, (line) => (line.includes('192.168.8') ? line : '')))
    return results.join('--- of routes\n')
  })

  describe('on pings', () => {
    same('p1', [
      'ping -c 1 127.0.0.1', 'ping -c 1 10.244.1.3', 'ping -c 2 -i 0.2 10.244.2.2', 'ping -c 1 -s 100 10.244.2.2', 'ping -c 1 -q 10.244.1.1', 'ping -c 1 -t 1 10.244.2.2', 'ping -c 1 -W 1 -t 2 10.244.2.2', 'ping -c 2 -i 0.2 10.244.1.77',
      'ping -c 1 -w 2 10.244.2.99', 'ping -c 1 -W 1 172.18.9.9', 'ping -c 1 -M do -s 1472 10.244.2.2', 'ping -c 1 -M do -s 1473 10.244.2.2', 'ping -c 1 -s 3000 10.244.2.2', 'ping -c 1 -I 10.244.1.2 10.244.1.3', 'ping -c 1 -I eth0 10.244.1.3', 'ping -c 1 -s 0 10.244.1.3', 'ping -c 1 -s 8 10.244.1.3',
      'ping', 'ping -c 0 10.0.0.1', 'ping -c x 10.0.0.1', 'ping -Z', 'ping -c', 'ping -c 1 -I nope 10.244.1.3', 'ping -c 1 -I 10.9.9.9 10.244.1.3', 'ping -t 256 10.0.0.1',
    ], times)
    same('n1', ['ping -c 1 10.244.9.9', 'ping -c 1 8.8.8.8'], times)
    same('p1', ['ip neigh show 10.244.1.3', 'ip neigh show 10.244.1.77'], (text) => macs(text).replace(/REACHABLE|STALE|DELAY|PROBE/g, 'KNOWN'))
  })

  // what is the same: every segment, its flags, windows and options; what is not: sequence numbers, timestamps, ports, times
  describe('on what tcpdump prints', () => {
    /** What one end sees of a command at another; both worlds start with nobody's MAC address known. */
    const watch = (space: Space, tcpdump: string, from: Space, line: string, mask: Mask): void =>
      story(`${space}: ${tcpdump} (${line})`, ['tcpdump', 'ping', 'curl'], async (world) => {
        for (const [node, to] of [['n1', '10.244.1.2'], ['n2', '10.244.2.2']] as const) await world.run(node, `ip neigh flush dev cni0 to ${to}`)
        const capture = await world.start(space, tcpdump)
        await world.run(from, line)
        return shown(space, tcpdump, await capture.stop(), mask)
      })
    const packets: Mask = (text) =>
      macs(text)
        .replace(/\d\d:\d\d:\d\d\.\d{6}/g, 'TIME').replace(/\d{4}-\d\d-\d\d TIME|^\d+\.\d{6}/gm, 'DATE').replace(/id \d+, seq/g, 'id N, seq').replace(/(\d+\.){4}(3[2-9]|[456]\d)\d{3}\b/g, (m) => m.replace(/\d+$/, 'PORT'))
        .replace(/TS val \d+ ecr (\d+)/g, (_, echo) => `TS val N ecr ${echo === '0' ? 0 : 'N'}`).replace(/seq \d{4,}(:\d+)?/g, 'seq N').replace(/ack \d{4,}/g, 'ack N').replace(/\d+ packets? received by filter/, 'N packets received by filter')
        .replace(/(0x00[0-5]0:)[^\n]*/g, '$1').replace(/ifindex \d+/g, 'ifindex N').replace(/^(.*ARP, .*\n)+/gm, '').replace(/^E\.[^]*?(?=HTTP\/1)/gm, '…')
    const segments: Mask = (text) => packets(text).replace(/\d+ packets? captured/, 'N packets captured')
    const page = `HTTP/1.1 200 OK\r\nContent-Length: 294\r\n\r\n${'<p>A page that is long enough for two\nlines.</p>\n'.repeat(6)}`
    beforeAll(() => worlds.each((world) => world.serve('p3', 80, page)))
    const ping = 'ping -c 2 -i 0.2 10.244.2.2'
    for (const [space, tcpdump, from, line] of [
      ['p3', 'tcpdump -n -i eth0', 'p1', ping],
      ['p3', 'tcpdump -i eth0 icmp', 'p1', ping],
      ['p3', 'tcpdump -e -n -i eth0 icmp', 'p1', ping],
      ['p3', 'tcpdump -q -n -tt icmp', 'p1', ping],
      ['p3', 'tcpdump -n -c 3 icmp', 'p1', ping],
      ['p3', 'tcpdump -tttt -n icmp', 'p1', ping],
      ['p3', 'tcpdump -t -x -n icmp', 'p1', 'ping -c 1 -s 16 10.244.2.2'],
      ['n1', 'tcpdump -n -i any icmp', 'p1', ping],
      ['n1', 'tcpdump -e -n -i any icmp', 'p1', ping],
      ['n1', 'tcpdump -n -i cni0 icmp', 'p1', ping],
      ['n1', 'tcpdump -n -i veth1 icmp', 'p1', 'ping -c 1 10.244.1.3'],
      ['n1', 'tcpdump -n -i any icmp', 'p1', 'ping -c 1 10.244.1.3'],
      ['n1', 'tcpdump -n -Q in -i eth0 icmp', 'p1', ping],
      ['p3', 'tcpdump -n -i eth0 tcp port 80', 'p1', 'curl -s http://10.244.2.2/'],
      ['p3', 'tcpdump -i eth0 port http', 'p1', 'curl -s http://10.244.2.2/'],
      ['p3', 'tcpdump -n -S tcp[tcpflags] & (tcp-syn|tcp-fin) != 0'.replace(/tcp\[.*/, "'$&'"), 'p1', 'curl -s http://10.244.2.2/'],
      ['p3', 'tcpdump -n tcp port 81', 'p1', 'curl -s http://10.244.2.2:81/'],
      ['p3', 'tcpdump -A -n -i eth0 tcp src port 80 and greater 200', 'p1', 'curl -s http://10.244.2.2/'],
      ['p3', 'tcpdump --count -n icmp', 'p1', ping],
      ['p3', 'tcpdump -# -n icmp', 'p1', ping],
    ] as [Space, string, Space, string][]) watch(space, tcpdump, from, line, line.startsWith('curl') ? segments : packets)

    same('p1', ['tcpdump -i nope', 'tcpdump -c 0', 'tcpdump -i eth0 foo', 'tcpdump -i', 'tcpdump --foo', 'tcpdump -r /nope', 'tcpdump -i eth0 port 99999', 'tcpdump -Q x', 'tcpdump -i lo -w /nope/x'], (text) => text.replace(/OpenSSL[^\n]*/, 'OpenSSL'))
  })

  describe('on what ss shows of connections', () => {
    /** Of one TCP implementation and another: how long and how fast. What was sent, and how, is the same. */
    const measured: Mask = (text) =>
      text
        .replace(/pid=\d+/g, 'pid=P').replace(/fd=\d+/g, 'fd=F').replace(/ino:[1-9]\d*/g, 'ino:N').replace(/sk:[0-9a-f]+/g, 'sk:N').replace(/cgroup:\S+/g, 'cgroup:C')
        .replace(/(\d+\.){3}\d+:(3[2-9]|[456]\d)\d{3}\b/g, (m) => m.replace(/\d+$/, 'PORTS')).replace(/ bbr:\(\S*\)/g, '').replace(/ bbr /g, ' cubic ')
        .replace(/rto:\d+/g, 'rto:R').replace(/rtt:[\d.]+\/[\d.]+/g, 'rtt:R').replace(/minrtt:[\d.]+/g, 'minrtt:R').replace(/(last\w+):\d+/g, '$1:T').replace(/(send|pacing_rate|delivery_rate) \d+bps/g, '$1 R').replace(/ app_limited/g, '').replace(/ busy:\d+ms/g, '').replace(/timer:\((\w+),[^)]*/g, 'timer:($1,T')
        .replace(/skmem:\(r\d+,rb\d+,t\d+,tb\d+,f\d+,w\d+/g, 'skmem:(').replace(/ +$/gm, '').replace(/LISTEN +\d+ +\d+ +/g, 'LISTEN ').replace(/^Failed to .*\n/gm, '').replace(/(\t cubic cwnd:10) unacked:\d+/, '$1')
        // this host's congestion control is its own; curl asks for keepalives, which are not simulated; the order is that of a hash
        .replace(/cwnd:11/g, 'cwnd:10').replace(/ timer:\(keepalive[^)]*\)/g, '').replaceAll('\n\t', '\t').replace(/^(?!Usage)[^]+/, (all) => all.split('\n').sort((a, b) => Number(isHeader(b)) - Number(isHeader(a)) || (a < b ? -1 : 1)).join('\n').replace(/^\n+|\n*$/g, '') + '\n')
    const isHeader = (row: string): boolean => / Peer Address:Port/.test(row)
    /** Connections of the tests before are in TIME-WAIT for a minute of each world's own time, and make columns wider. */
    const lasting: Mask = (text) => measured(text.replace(/^.*TIME-WAIT.*\n/gm, '')).replace(/ +/g, ' ')
    let waiting: { stop(): Promise<Result> }[] = []
    beforeAll(() => worlds.each(async (world) => {
      await world.serve('p3', 5000, null)
      waiting.push(await world.start('p1', 'curl -s http://10.244.2.2:5000/'), await world.start('p1', 'curl -s http://10.244.1.99:80/'))
    }))
    afterAll(async () => {
      for (const w of waiting) await w.stop()
      waiting = []
    })
    same('p1', ['ss -tan', 'ss -tanH', 'ss -tuan', 'ss -tano', 'ss -tane'], lasting)
    same('p1', ['ss -tani dport = :5000', 'ss -taniO dport = :5000', 'ss -tanm dport = :5000', 'ss -tanieom dport = :5000', 'ss -tn --tos', 'ss -ta dport = :80', 'ss -tnp', 'ss -w', 'ss -u', 'ss -tw', 'ss -V', 'ss -h', 'ss --foo', 'ss -q'], measured)
    same('p3', ['ss -tan', 'ss -tanoi'], lasting)
    same('p3', ['ss -taniO state established', 'ss -tne', 'ss -ltn', 'ss -tnp state established'], measured)
  })

  describe('on curl', () => {
    const spent: Mask = (text) =>
      text.replace(/("time_\w+"|"speed_\w+"|"local_port"):[\d.]+/g, '$1:N').replace(/libcurl\/7[^"]*/g, 'libcurl').replace(/after \d+ ms/g, 'after N ms').replaceAll('\r', '')
    const server = 'http://10.244.2.2:5700'
    beforeAll(() => worlds.each((world) => world.serve('p3', 5700, 'HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Type: text/plain\r\nx-a: 2\r\nContent-Length: 5\r\n\r\nhello')))
    same('p1', [
      `curl -s -w '%{json}' ${server}/a`, `curl -s -o /dev/null -w '%{json}' http://10.244.2.2:5701/`, `curl -s -w '%{header_json}' ${server}/a`, `curl -s -w '[%header{x-a}|%header{X-None}|%header{Content-Type}]%{stderr}err%{stdout}out' ${server}/a`,
      `curl -s -w '%{onerror}no' ${server}/a`, `curl -s -w '%{onerror}%{errormsg} %{exitcode}' http://10.244.2.2:5701/`, `curl -s -o /dev/null -w '%{filename_effective}|%{urlnum}|%{referer}|%{num_certs}|%{certs}|%{ftp_entry_path}|%{method}|%{http_connect}|%{scheme}|%{foo}|%{|%{x|%%|%a' ${server}/`,
      `curl -sv --json '{"a":1}' ${server}/`, `curl -sv -e http://ref -A me --data-binary x -d y ${server}/`, `curl -sv -G --data-urlencode 'a=b c&' --data-urlencode 'x y' --data-urlencode '=e/' ${server}/`, `curl -sv --local-port 41010-41011 ${server}/`,
      `curl -sS --interface nope ${server}/`, `curl -s -w '%{local_ip}' --interface eth0 ${server}/`, `curl -s -w '%{local_ip}' --interface 10.244.1.2 ${server}/`, `curl --local-port x ${server}/`,
      `curl -sI ${server}/`, `curl -si ${server}/`, `curl -sv --connect-to ::10.244.2.2:5700 http://web.test/`, `curl -sv --resolve web.test:5700:10.244.2.2 http://web.test:5700/`, `curl -sv --compressed -b 'a=b; c=d' -b e=f -e http://ref -H 'X-A: 1' ${server}/`, `curl -s -w '%{url_effective} ' 'http://10.244.2.2:5701/{a,b}/[01-03:2][x-y]'`, `curl -s -g -w '%{url_effective}' http://[::1]:9/`, `curl -sS '${server}/a[b'`, `curl -sS '${server}/{a'`, `curl -sS ${server}/a}`,
      `curl -s --max-redirs 3 -L -u a:b -X PUT -v ${server}/`,
    ], spent)
  })

  describe('on wget', () => {
    const spent: Mask = (text) =>
      text.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME').replace(/ [ \d.]{4}[ KMG](=[\d.]+s| 0s)/g, ' RATE').replace(/\([\d.]+ [KMG]?B\/s\)/g, '(RATE)').replace(/BusyBox v.*/, 'BusyBox').replace(/Usage: wget \[-cq[^]*/, 'Usage')
    const page = (status: string, headers: string, body: string): string => `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
    const at = 'http://10.244.2.2'
    beforeAll(() => worlds.each(async (world) => {
      await world.serve('p3', 5801, page('200 OK', 'Content-Type: text/html; charset=utf-8\r\nX-A: b\r\n', 'hello\n'))
      await world.serve('p3', 5802, page('404 Not Found', '', 'no\n'))
      await world.serve('p3', 5803, page('302 Found', `Location: ${at}:5801/moved\r\n`, ''))
      await world.serve('p3', 5804, page('200 OK', '', 'x'.repeat(73_456)))
    }))
    for (const wget of ['wget', 'busybox wget']) {
      same('p1', [
        `${wget} -O - ${at}:5801/a`, `${wget} -qO- ${at}:5801`, `${wget} -O /dev/null ${at}:5804/big`, `${wget} -S -O - ${at}:5801/a`, `${wget} -O- ${at}:5802/`, `${wget} --spider ${at}:5801/`, `${wget} --spider ${at}:5802/`,
        `${wget} -O- ${at}:5803/r`, `${wget} -O- ${at}:5899/`, `${wget} -q -O- ${at}:5899/`, `${wget} -O- foo://x`, `${wget} --header 'X-A: 1' -qO- ${at}:5801/h`, `${wget} --post-data a=b -qO- ${at}:5801/p`, `${wget} -q --spider ${at}:5802/`,
      ], spent)
    }
    same('p1', [
      'wget', 'wget -Z', 'wget --foo', 'wget -T', 'busybox wget', `busybox wget -S -O- ${at}:5803/`, `busybox wget -S -O- ${at}:5802/`, `busybox wget -P /tmp -O /dev/null ${at}:5801/`, `wget -nv -O- ${at}:5801/`, `wget -nv -O- ${at}:5802/`, `wget -nv -O- ${at}:5803/`, `wget -q -S -O- ${at}:5801/`, `wget -O /nope/x ${at}:5801/`, `wget -t 2 -T 5 -O- ${at}:5899/`, `wget -q -O- --show-progress ${at}:5801/`,
      `wget -t x ${at}`, `wget --header x ${at}`, `wget --spider -S ${at}:5801/`,
    ], spent)
  })

  describe('on netcat', () => {
    const ports: Mask = (text) => text.replace(/(\d+\.){3}\d+ (3[2-9]|[456]\d)\d{3}\b/g, (m) => m.replace(/\d+$/, 'PORT')).replaceAll('Temporary failure in name resolution', 'Name or service not known')
    const heard = (name: string, listen: string, lines: string[]): void =>
      story(name, ['nc', 'ping'], async (world) => {
        const listener = await world.start('p3', listen)
        const said: string[] = []
        for (const line of lines) said.push(shown('p1', line, await world.run('p1', line), ports))
        // the listener, too, is to have seen the last one
        await world.run('p1', 'ping -c 2 -i 0.2 10.244.2.2')
        return [...said, shown('p3', listen, { ...(await listener.stop()), code: 0 }, ports)].join('\n')
      })
    heard('by UDP, of its test datagrams', 'nc -n -u -l -k -v 5600', ['nc -v -z -u -w 1 10.244.2.2 5600', 'nc -n -v -u -w 1 10.244.2.2 5600', 'nc -zu 10.244.2.2 5600', 'nc -vzu 10.244.2.2 5601'])
    heard('by UDP, for the first that sends', 'nc -n -u -l -v -p 5602', ['nc -v -z -u -w 1 -p 41000 10.244.2.2 5602', 'nc -u -v -z -w 1 10.244.2.2 5602'])
    heard('by TCP, one after the other', 'nc -n -l -k -v 5603', ['nc -zv 10.244.2.2 5602-5604', 'nc -z -p 41001 10.244.2.2 5603', 'nc -vzn -w 1 10.244.2.2 5603'])
    same('p1', ['nc', 'nc -h', 'nc -l', 'nc -Q', 'nc -w', 'nc -z 10.244.2.2', 'nc -zv 10.244.2.2 99999', 'nc -zv 10.244.2.2 0', 'nc -zv 10.244.2.2 foo', 'nc -l -z -p 5605', 'nc -k 10.244.2.2 1', 'nc -zvn localhost 80', 'nc -vz -w 1 10.244.2.2 http', 'nc -w x 1.1.1.1 1', 'nc -zv nope. 80'], ports)
  })

  describe('on busybox', () => {
    const version: Mask = (text) => times(text).replace(/BusyBox v[^\n]*/g, 'BusyBox').replace(/\nUsage:[^]*/, '\nUsage')
    same('p1', ['busybox ping -c 1 10.244.1.3', 'busybox ping -c 1 -q 10.244.2.2', 'busybox ping -c 1 -W 1 10.244.2.99', 'busybox ping -c 1', 'busybox ping'], version)
  })
})
