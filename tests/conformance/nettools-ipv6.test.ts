import { beforeAll, describe } from 'vitest'
import { sameAs, twoWorlds, type Mask } from './nettools/compare.ts'
import { transcriptOf } from './referee/transcript.ts'

/** As nettools.test.ts, with both families: what the tools of Debian 12 say of IPv6. */
const transcript = transcriptOf('nettools-ipv6')

/** Link-local addresses are made of MAC addresses. */
const macs: Mask = (text) =>
  text
    .replace(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, (m) => (/^(00:)+00|^(ff:)+ff/.test(m) ? m : 'MAC'))
    .replace(/fe80::(?!\/)[0-9a-f:]+/g, 'fe80::LOCAL')
    .replace(/ nodad /g, ' ').replace(/"nodad":true,/g, '')
    .replace(/link-netns (\S+)/g, 'link-netnsid N')
    .replace(/link-netnsid \d+/g, 'link-netnsid N')
const times: Mask = (text) => macs(text).replace(/time=[\d.]+ ms/g, 'time=T ms').replace(/time \d+ms/g, 'time Tms').replace(/= [\d./]+ ms/g, '= T ms').replace(/\nUsage[^]*/, '\nUsage…')

describe('the real tools agree on IPv6', () => {
  const worlds = twoWorlds({ ipv6: true, settle: 2000 })
  const same = sameAs(worlds, transcript, macs)
  /** Lines in no order: which of two links was first is a matter of chance. */
  const sorted: Mask = (text) => macs(text).split('\n').sort().join('\n')

  describe('on what ip shows', () => {
    same('p1', [
      'ip addr', 'ip -6 addr', 'ip -4 addr', 'ip -6 addr show dev eth0', 'ip -br addr', 'ip -6 -br addr', 'ip -o addr', 'ip -6 -o addr', 'ip -j addr', 'ip -6 -j addr', 'ip -6 -j -p addr show lo',
      'ip route', 'ip -6 route', 'ip -6 route show table local', 'ip -6 route show table all', 'ip -6 route show table main', 'ip -j -6 route', 'ip -6 route show default', 'ip -6 route show dev eth0', 'ip -6 route show proto kernel',
      'ip -6 route show fd00:244:1::/64', 'ip route show fd00:244:1::/64', 'ip -6 route get fd00:244:1::3', 'ip -6 route get fd00:244:2::2', 'ip route get fd00:244:2::2', 'ip route get ::1', 'ip -6 route get fd00:244:1::2', 'ip -j -6 route get fd00:244:2::2',
      'ip -6 rule', 'ip -6 neigh', 'ip neigh', 'ip -f inet6 addr show lo',
    ])
    same('n1', ['ip addr', 'ip -6 -br addr'])
    same('n1', ['ip -6 route', 'ip -6 route show table local'], sorted)
    same('n1', ['ip -6 route get fd00:244:1::2', 'ip -6 route get fd00:244:2::2', 'ip -6 route get 2a00::1'])
  })

  describe('on what ip changes and refuses', () => {
    same('p2', [
      'ip -6 route add fd05::/64 via fd00:244:1::1', 'ip route add fd06::/64 dev eth0', 'ip -6 route add unreachable fd07::/64', 'ip -6 route add blackhole fd08::/64', 'ip -6 route add fd09::/64 via fd00:244:1::1 metric 50', 'ip -6 route add fd05::/64 via fd00:244:1::1',
      'ip -6 route add fd0a::/64 via fd99::1', 'ip -6 route add fd0a::/64 via fe80::1', 'ip -6 route add fd0a::/64 via fe80::1 dev eth0', 'ip -6 route', 'ip -6 route get fd07::1', 'ip -6 route get fd08::1', 'ip -6 route replace fd05::/64 via fd00:244:1::2', 'ip -6 route',
      'ip -6 route del fd05::/64', 'ip -6 route del fd05::/64', 'ip -6 route flush fd0a::/64', 'ip -6 route del fd09::/64 metric 50', 'ip -6 route',
      'ip addr add fd00:9::1/64 dev eth0', 'ip addr add fd00:9::2/128 dev eth0', 'ip -6 addr add fd00:9::3 dev eth0', 'ip -6 addr add 300.1.1.1/24 dev eth0', 'ip -6 addr add fd00:9::4/129 dev eth0', 'ip -6 route', 'ip addr del fd00:9::1/64 dev eth0', 'ip addr del fd00:9::1/64 dev eth0',
      'ip -6 addr flush dev lo', 'ip addr show lo', 'ip -6 neigh add fd00:244:1::99 lladdr 02:00:00:00:00:99 dev eth0', 'ip -6 neigh', 'ip -6 neigh del fd00:244:1::99 dev eth0', 'ip route add default via fd00:244:1::1', 'ip -6 route get nonsense',
      'ip link set eth0 down', 'ip -6 addr', 'ip -6 route',
    ], (text) => macs(text).replace(/ tentative/g, ''))
  })

  describe('on pings', () => {
    same('p1', [
      'ping -c 1 ::1', 'ping -c 1 fd00:244:1::3', 'ping -6 -c 1 fd00:244:1::1', 'ping6 -c 1 fd00:244:1::1', 'ping -c 2 -i 0.2 fd00:244:2::2', 'ping -c 1 -s 100 fd00:244:2::2', 'ping -c 1 -q fd00:244:1::1', 'ping -c 1 -t 1 fd00:244:2::2', 'ping -c 1 -W 1 -t 2 fd00:244:2::2', 'ping -c 1 -w 2 fd00:244:2::99',
      'ping -c 1 -W 4 fd00:244:1::77', 'ping -c 1 -M do -s 1452 fd00:244:2::2', 'ping -c 1 -M do -s 1453 fd00:244:2::2', 'ping -c 1 -s 3000 fd00:244:2::2', 'ping -c 1 -I fd00:244:1::2 fd00:244:1::1', 'ping -6 -c 1 10.244.1.1', 'ping -4 -c 1 fd00:244:1::1', 'ping -c 1 -W 1 FD00:244:1::0001',
    ], times)
    same('n1', ['ping -c 1 fd00:99::1'], times)
  })

  describe('on connections', () => {
    const page = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n'
    beforeAll(() => worlds.each((world) => world.serve('p3', 80, page)))
    const curl: Mask = (text) => text.replace(/after \d+ ms/g, 'after T ms').replace(/\{ \[\d+ bytes data\]\n/g, '').replaceAll('\r', '')
    same('p1', [
      'curl -s http://[fd00:244:2::2]:80/', 'curl -s http://[fd00:244:2::2]/', 'curl -sv http://[fd00:244:2::2]/', 'curl -sv http://[fd00:244:2::2]:81/', 'curl -s -6 http://[fd00:244:2::2]/', 'curl -s http://10.244.2.2/', "curl -s -o /dev/null -w '%{remote_ip} %{remote_port} %{local_ip}\\n' http://[fd00:244:2::2]/",
    ], curl)
    same('p1', ['nc -zv fd00:244:2::2 80', 'nc -zv fd00:244:2::2 81'])
    // the servers have chosen their own backlog
    same('p3', ['ss -ltn', 'ss -ltn4', 'ss -ltn6'], (text) => text.replace(/ (511|4096) /g, ' Q ').replace(/ +/g, ' '))
  })

  describe('on rules', () => {
    const dates: Mask = (text) => text.replace(/ on .*/g, ' on DATE').replace(/\[\d+:\d+\]/g, '[N:N]')
    same('n1', [
      'ip6tables -A FORWARD -s fd00:244:1::/64 -d fd00:244:2::2 -p tcp --dport 81 -j REJECT --reject-with icmp6-adm-prohibited', 'ip6tables -A FORWARD -p icmpv6 --icmpv6-type echo-request -j ACCEPT', 'ip6tables -A FORWARD -s 10.0.0.1 -j DROP', 'ip6tables -A FORWARD -f -j DROP',
      'ip6tables -t nat -A PREROUTING -d fd00:96::1 -p tcp --dport 80 -j DNAT --to-destination [fd00:244:2::2]:80', 'ip6tables -t nat -A POSTROUTING -s fd00:244:1::/64 ! -o cni0 -j MASQUERADE', 'ip6tables -S', 'ip6tables -t nat -S', 'ip6tables -L -n', 'ip6tables -L FORWARD', 'ip6tables -V',
      'ip6tables -A FORWARD -p icmp -m icmp --icmp-type 8 -j DROP', 'ip6tables -A FORWARD -j REJECT --reject-with icmp-port-unreachable', 'ip6tables -D FORWARD 7',
    ], dates)
    same('n1', ['ip6tables-save', 'ip6tables-save -t nat'], (text) => dates(text).split('\n').filter((l) => !l.startsWith('#')).sort().join('\n'))
    same('p1', ['curl -s http://[fd00:96::1]/', 'curl -sS http://[fd00:244:2::2]:81/'], (text) => text.replace(/after \d+ ms/g, 'after T ms'))
    same('n1', ['conntrack -L -f ipv6 -p tcp -d fd00:96::1'], (text) => text.replace(/port=\d{4,}/g, 'port=P').replace(/ (\d+) (TIME_WAIT|CLOSE|ESTABLISHED|LAST_ACK|FIN_WAIT|CLOSE_WAIT) /g, ' T STATE ').replace(/ use=\d+/g, ''))
  })
})
