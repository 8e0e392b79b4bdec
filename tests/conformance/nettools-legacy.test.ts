import { describe, it } from 'vitest'
import { macs, sameAs, shown, twoWorlds, type Mask } from './nettools/compare.ts'
import { transcriptOf } from './referee/transcript.ts'

/** net-tools, bridge-utils, ethtool, arping, telnet and nmap, against Debian 12's own in the same shape. */
const transcript = transcriptOf('nettools-legacy')

const counters: Mask = (text) => macs(text).replace(/(packets|bytes|dropped)([ :])\d+( {0,1}\([\d.]+ [KMGT]?i?B\))?/g, '$1$2N').replace(/ +\d+( +\d+){3} +\d+( +\d+){3} (B?L?M?O?R?U?)$/gm, ' N $3')
const sorted: Mask = (text) => counters(text).split('\n').sort().join('\n')
const usage: Mask = (text) => counters(text).replace(/BusyBox v[^\n]*\n[^]*/g, 'BusyBox…').replace(/[Uu]sage[^]*/, 'Usage…')
const times: Mask = (text) => usage(text).replace(/\d+\.\d{3} ?ms/g, 'T ms').replace(/\(\d[\d.]*s latency\)/g, '(T latency)').replace(/scanned in [\d.]+ seconds/, 'scanned in T').replace(/\d{4}-\d\d-\d\d \d\d:\d\d UTC|\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}/g, 'DATE').replace(/( +)\d+\.\d\d$/gm, ' AGE')

describe('the real tools agree', () => {
  const worlds = twoWorlds({ prepare: async (world) => {
    await world.serve('p3', 80, 'hello\r\n')
    await world.run('n1', 'ping -c 1 10.244.1.2')
    await world.run('n1', 'ping -c 1 -W 1 10.244.2.2')
  } })
  const same = sameAs(worlds, transcript)

  describe('on links', () => {
    for (const space of ['p1', 'n1'] as const) same(space, ['ifconfig', 'ifconfig -a', 'ifconfig -s', 'ifconfig eth0', 'ifconfig lo', 'netstat -i', 'netstat -ie', 'busybox ifconfig', 'busybox ifconfig eth0'], counters)
    same('p1', ['ifconfig nope', 'busybox ifconfig nope', 'ifconfig nope up', 'ifconfig --frob', 'ifconfig eth0 mtu 20'], usage)
    same('p2', ['ifconfig eth0 mtu 1400', 'ifconfig eth0', 'ifconfig eth0 mtu 1500', 'ifconfig eth0 10.244.1.3 netmask 255.255.255.0', 'ifconfig eth0', 'route -n', 'ifconfig eth0 down', 'ifconfig', 'ifconfig eth0 up', 'route -n', 'ifconfig eth0 192.168.9.4', 'ifconfig eth0', 'route -n', 'ifconfig eth0 10.244.1.3/24'], counters)
  })

  describe('on routes and neighbours', () => {
    for (const space of ['p1', 'n1'] as const) same(space, ['route', 'route -n', 'route -e', 'route -ne', 'netstat -rn', 'netstat -r', 'busybox route', 'busybox route -n', 'busybox route -e', 'busybox netstat -rn'])
    same('p2', [
      'route add default gw 10.244.1.1', 'route add -net 10.50.0.0/16 gw 10.244.1.1', 'route add -net 10.51.0.0 netmask 255.255.0.0 dev eth0', 'route add -host 10.52.0.1 gw 10.244.1.1 metric 7', 'route add -net 10.53.0.0/16 reject', 'route -n', 'route -ne', 'route add -net 10.50.0.0/16 gw 10.244.1.1',
      'route add -net 10.54.0.0/16 gw 192.168.77.1', 'route add -net 10.55.0.1/16 gw 10.244.1.1', 'route del -net 10.50.0.0/16', 'route del -net 10.50.0.0/16', 'route add', 'route add 10.56.0.1', 'route add default gw 10.244.1.1 dev nope', 'route del default', 'route -n',
    ], usage)
    same('n1', ['arp', 'arp -n', 'arp -a', 'arp -an', 'busybox arp', 'arp -e'], sorted)
    same('n1', ['arp -n 10.244.1.2', 'arp 10.244.1.99', 'arp -d 10.244.1.99', 'arp -s 10.244.1.88 02:00:00:00:00:88', 'arp -n 10.244.1.88', 'arp -a 10.244.1.88', 'arp -s 10.99.1.88 02:00:00:00:00:88', 'arp -s 10.244.1.88', 'arp -Z'], usage)
  })

  describe('on bridges and devices', () => {
    same('n1', ['brctl show', 'brctl show cni0', 'brctl show nope', 'brctl show eth0', 'brctl addbr', 'brctl addbr cni0', 'brctl addbr br7', 'brctl show br7', 'brctl addif br7 nope', 'brctl addif br7 veth1', 'brctl addif nope veth1', 'brctl delif cni0 eth0', 'brctl delbr cni0', 'brctl delbr nope', 'brctl delbr br7', 'brctl showmacs nope', 'brctl hairpin cni0 veth1 on', 'brctl hairpin cni0 veth1 off'])
    same('n1', ['brctl frob', 'brctl'], usage)
    same('n1', ['ethtool eth0', 'ethtool cni0', 'ethtool lo', 'ethtool nope', 'ethtool -i eth0', 'ethtool -i cni0', 'ethtool -i nope', 'ethtool -S cni0', 'ethtool -S nope', 'ethtool -k nope', 'ethtool -a eth0', 'ethtool -g eth0', 'ethtool -c eth0', 'ethtool -m eth0', 'ethtool --show-pause eth0', 'ethtool -a nope'], (text) => text.replace(/Speed: .*/, 'Speed'))
  })

  describe('on arping and telnet', () => {
    same('p1', ['arping -c 2 10.244.1.3', 'arping -c 1 -I eth0 10.244.1.77', 'arping -c 1 -I nope 10.244.1.77', 'arping', 'arping -D -c 1 -I eth0 10.244.1.3', 'arping -D -c 1 -I eth0 10.244.1.77', 'arping -U -c 1 -I eth0 10.244.1.2', 'arping -A -c 1 -I eth0 10.244.1.2', 'arping -q -c 1 10.244.1.3', 'arping -f 10.244.1.3', 'arping -b -c 1 10.244.1.3', 'arping -z', 'busybox arping -c 2 -I eth0 10.244.1.3', 'busybox arping -c 1 -I nope 10.244.1.77', 'busybox arping'], times)
    same('n1', ['arping -c 1 10.244.1.2', 'arping -c 1 -I lo 127.0.0.1'], times)
    same('p1', ['telnet 10.244.2.2 81', 'telnet 10.9.9.9 81', 'telnet 10.244.2.2 nopp', 'busybox telnet 10.244.2.2 81', 'busybox telnet'], times)
  })

  describe('on nmap', () => {
    same('p1', ['nmap -sT -n -p 79-82 10.244.2.2', 'nmap -n -p 79-82 10.244.2.2', 'nmap -sn -n 10.244.2.2', 'nmap -sT -n -p 79-82 -oG - 10.244.2.2', 'nmap -sT -n -Pn -p 80 10.9.9.9', 'nmap -sT -n -p 80 10.244.2.77', 'nmap -sT -n -p 0-x 1.1.1.1', 'nmap --frob', 'nmap -sT -n --open -p 80-81 10.244.2.2', 'nmap -sT -n -p 1-100 10.244.2.2', 'nmap -sT -n -p 100-200 10.244.2.2', 'nmap -n -p 80 10.244.1.3', 'nmap -n --unprivileged -p 80,443 10.244.2.2'], times)
    const scans: Mask = (text) => times(text).replace(/ at \d\d:\d\d\b/g, ' at TIME').replace(/DATE:\d\d|, [\d.]+s elapsed|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'T').replace(/"\d{10}"/g, '"TIME"').replace(/(elapsed|srtt|rttvar|to)="[\d.]+"/g, '$1="T"').replace(/(Rcvd:).*/, '$1')
    same('p1', [
      'nmap -n -v -p 80,81 10.244.2.2', 'nmap -n -vv -p 80,81 10.244.2.2', 'nmap -nv -p 80-85 10.244.1.1-3', 'nmap -n -v -p 80-81 --open 10.244.2.2 10.244.1.3', 'nmap -n -sT -v -p 80,81 10.244.2.2', 'nmap -n --reason -sT -p 80,81 10.244.2.2', 'nmap -n -reason -p 80,81 10.244.1.3', 'nmap -n -v -Pn -sn 10.244.2.2 10.244.1.77',
      'nmap -n -sU -p 53,80 10.244.2.2', 'nmap -n -sU -sS -p T:80,U:53 10.244.2.2', 'nmap -n -sA -p 80 10.244.2.2', 'nmap -n -sF -p 80,81 10.244.2.2', 'nmap -n -sN -p 80,81 10.244.2.2', 'nmap -n -sX -p 80,81 10.244.2.2', 'nmap -n -sW -p 80 10.244.2.2',
      'nmap -n -p 80,81 -oG - --open 10.244.2.2', 'nmap -n -v -p 80-140 -oG - 10.244.2.2', 'nmap -n -p 80-140 -oX - 10.244.2.2', 'nmap -n -v -sn -oX - 10.244.2.2 10.244.1.2', 'nmap -n -oN - -v -p 80 10.244.1.3', 'nmap -n -sL -oX - 10.244.1.0/30', 'nmap -n -sL -oG - 10.244.1.0/30', 'nmap -n -sn -oG - 10.244.1.2-3',
      'nmap -n -oA all -p 80 10.244.2.2', 'nmap -n -oN /nope/x 10.244.1.3', 'nmap -n -oN', 'nmap -n -e nope 10.244.1.3', 'nmap -n -sS -sT 10.244.1.3', 'nmap -n -sn -p 80 10.244.1.3', 'nmap -n -F -p 80 10.244.1.3', 'nmap -n -p U:53,T:80 10.244.1.3', 'nmap -n -sU -p T:80 10.244.1.3', 'nmap -n -p 80,80, 10.244.1.3', 'nmap -n -p [80-81] 10.244.1.3', 'nmap -n -p http* 10.244.1.3',
      'nmap -s', 'nmap -Z', 'nmap -n -PX 10.244.1.3', 'nmap -n -T nuts 10.244.1.3', 'nmap -n --top 3 10.244.1.3', 'nmap -n -PS80 -p 80 10.244.2.2', 'nmap -n -sL 10.244.1.5-3 10.244.1.1-300 fe80::1 10.244.1.3/ 10.244.2', 'nmap -n --exclude 10.244.1.2 -sL 10.244.1.2-3', 'nmap -iL /nope', 'nmap -v -n', 'nmap -n --host-timeout x 10.244.1.3',
    ], scans)
    it('that know servers by what they say', () => worlds.hold(transcript.entry('nmap -sV'), async (world) => {
      await world.serve('p2', 8080, 'HTTP/1.1 200 OK\r\nServer: nginx/1.27.4\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      const said: string[] = []
      for (const line of ['nmap -n -sV -p 8080,81 10.244.1.3', 'nmap -n -sV --reason -oG - -p 8080 10.244.1.3']) said.push(shown('p1', line, await world.run('p1', line), scans))
      return said.join('\n')
    }, ['nmap']))
  })

  describe('on sockets', () => {
    same('p3', ['netstat -tln', 'netstat -tl', 'netstat -tan', 'netstat -tuln', 'netstat -an', 'netstat -n', 'netstat -t', 'busybox netstat -tln', 'busybox netstat -an'])
    same('p3', ['ss -tln sport = :80', 'ss -tan sport = :http', 'ss -tn dst 1.2.3.4', 'ss -tan state established', 'ss -tln state bogus', 'ss -tan state listening', "ss -tan '( sport = :80 or sport = :81 )'", 'ss -tan sport ne 80', 'ss -tln foo', 'ss -tan exclude listening', 'ss -tlno', 'ss -tan src 0.0.0.0:80', 'ss -tan state all'], (text) => text.replace(/^(LISTEN )?0 +(511|4096) +/gm, '$1BACKLOG ').replace(/ +$/gm, ''))
    same('p3', ['netstat -Z', 'netstat --foo', 'netstat -q'], usage)
  })
})
