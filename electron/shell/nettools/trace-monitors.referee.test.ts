import { execFileSync, spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../engine/text.ts'
import { realNetwork, testMachine, type TestMachine } from './machines.samples.ts'

/**
 * The kernel, with Debian 12's nft 1.0.6 and xtables-monitor 1.8.9, as referee: the same rules, the same packets to oneself, the same
 * words about their way. Needs Linux, root, unshare, nft and xtables-monitor.
 */
const available = (() => {
  try {
    return process.getuid?.() === 0 && execFileSync('unshare', ['-n', 'sh', '-c', 'nft -v; xtables-monitor -V; python3 -V'], { encoding: 'utf8' }).includes('v1.0.6')
  } catch {
    return false
  }
})()
if (!available) console.warn('SKIPPED: nft 1.0.6 and xtables-monitor as root are not here; traces are not compared with the kernel\'s')

const NFT = `table ip t {
  chain out { type filter hook output priority -300; policy accept;
    udp dport 53 meta nftrace set 1
    udp dport 54 meta nftrace set 1
    udp dport 55 meta nftrace set 1
    udp dport 55 meta nftrace set 0
    tcp dport 80 meta nftrace set 1
    icmp type echo-request meta nftrace set 1
  }
  chain in { type filter hook input priority 0; policy drop;
    ip saddr 127.0.0.1 counter jump deep comment "on and on"
    udp dport 53 goto deep
    tcp sport 80 accept
    tcp dport 80 reject with tcp reset
    ip protocol icmp accept
  }
  chain deep {
    udp dport 53 meta mark set 0x5
    ip saddr 10.9.0.9 accept
    udp dport 54 return
  }
}
table inet k {
  chain nat { type nat hook output priority -100;
    udp dport 54 dnat ip to 127.0.0.1:56
  }
  chain pre { type filter hook prerouting priority 10; policy accept;
    meta l4proto { tcp, udp } accept
  }
}
`

const IPTABLES = `*raw
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p udp -m udp --dport 53:54 -j TRACE
-A OUTPUT -p tcp -j TRACE
COMMIT
*filter
:INPUT DROP [0:0]
:DEEP - [0:0]
:ELSE - [0:0]
-A INPUT -s 127.0.0.1/32 -m comment --comment "on and on" -j DEEP
-A INPUT -p udp -m udp --dport 53 -g ELSE
-A INPUT -p tcp -m tcp --sport 80 -j ACCEPT
-A INPUT -p tcp -j REJECT --reject-with tcp-reset
-A DEEP -p udp -m udp --dport 54
-A DEEP -s 10.9.0.9/32 -j ACCEPT
-A DEEP -p udp -m udp --dport 54 -j RETURN
-A ELSE -p udp -j MARK --set-xmark 0x5/0xffffffff
COMMIT
`

/** What differs from one run to the next: identities and ports; and packet by packet, for one may be told of while another one's rule is not done. */
function plain(text: string): string[] {
  const known = new Map<string, string>()
  const named = (kind: string, value: string): string => {
    if (!known.has(kind + value)) known.set(kind + value, `${kind}${[...known.keys()].filter((k) => k.startsWith(kind)).length}`)
    return known.get(kind + value)!
  }
  const order = new Map<string, string[]>()
  let at = ''
  const lines = text.split('\n').filter((line) => line.trim() !== '').map((line) => line
    .replace(/(trace id |PACKET: \d+ |TRACE: \d+ )([0-9a-f]{8})/, (_, before: string, id: string) => before + named('id', id))
    
    .replace(/(ip id |ID=)\d+/, '$1N').replace(/(sport |SPORT=)(?!80\b)\d+/, '$1P').replace(/(window )\d+/, '$1W')
    .replace(/dport (?!(?:80|5[3-6])\b)\d+|DPORT=(?!(?:80|5[3-6])\b)\d+/, 'dport P').replace(/icmp id \d+/, 'icmp id N').replace(/@th,64,96 0x[0-9a-f]+/, 'DATA').replace(/rule:0x[0-9a-f]+/, 'rule:H').replace(/counter packets \d+ bytes \d+/, 'counter'))
  for (const line of lines) {
    at = /\bid\d+/.exec(line)?.[0] ?? at
    order.set(at, [...(order.get(at) ?? []), line])
  }
  return [...order.values()].flat()
}

function real(rules: string, monitor: string): string[] {
  const nft = monitor.startsWith('nft')
  // It has joined its group when it listens; the last packet's last line is the end. No clock decides.
  const script = `ip link set lo up; ${nft ? 'nft -f -' : 'iptables-restore'} <<'END'
${rules}END
${monitor} > "$0" 2>&1 &
until awk '$2 == 12 && $4 != "00000000" { found = 1 } END { exit !found }' /proc/net/netlink; do sleep 0.05; done
python3 -c "
import socket
try: socket.create_connection(('127.0.0.1', 80), 60)
except OSError: pass
for port in 55, 53, 54: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hi', ('127.0.0.1', port))"
for i in $(seq 600); do [ $(grep -c '${nft ? 'in policy drop' : 'filter:INPUT:policy:DROP'}' "$0") -ge 2 ] && break; sleep 0.1; done
kill %1; wait; cat "$0"; rm "$0"`
  const file = `/tmp/podhop-trace-${process.pid}-${monitor.slice(0, 3)}`
  const result = spawnSync('unshare', ['-n', 'bash', '-c', script, file], { encoding: 'utf8' })
  return plain(result.stdout)
}

function ours(rules: string, monitor: string): string[] {
  const network = realNetwork()
  const node = network.createNamespace({ name: 'worker-1', kind: 'node' })
  const machine: TestMachine = testMachine(node)
  const loaded = monitor.startsWith('nft') ? machine.run('nft -f -', { stdin: rules }) : machine.run('iptables-restore', { stdin: rules })
  expect([loaded.stderr, loaded.code]).toEqual(['', 0])
  const watching = machine.start(monitor)
  network.clock.runFor(1000)
  machine.run('nc -w 1 127.0.0.1 80')
  for (const port of [55, 53, 54]) {
    const socket = node.sockets.udp({})
    socket.send(encodeUtf8('hi'), '127.0.0.1', port)
    network.clock.runFor(100)
    socket.close()
  }
  network.clock.runFor(1000)
  watching.process.signal('SIGINT')
  network.clock.runFor(100)
  expect(watching.code).toBe(0)
  return plain(watching.stdout)
}

describe.skipIf(!available)('the kernel tells the same of a packet\'s way', () => {
  it.each([['nft monitor trace', NFT], ['xtables-monitor --trace', IPTABLES]])('%s', (monitor, rules) => {
    expect(ours(rules, monitor)).toEqual(real(rules, monitor))
  })
})
