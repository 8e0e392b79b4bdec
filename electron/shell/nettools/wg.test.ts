import { describe, expect, it } from 'vitest'
import { publicKeyOf } from '../../engine/network/curve25519.ts'
import { FrameSummary } from '../../engine/network/wire/summary.ts'
import { twoNodes, type TestMachine } from './machines.samples.ts'

/** The vector of RFC 7748 6.1 (Alice), in base64. */
const ALICE = { privateKey: 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=', publicKey: 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=' }

function setUp(node: TestMachine): string {
  const key = node.run('wg genkey').stdout
  node.machine.fs.writeFile('/root/key', key)
  node.run('ip link add wg0 type wireguard')
  node.run('wg set wg0 listen-port 51820 private-key /root/key')
  node.run('ip link set wg0 up')
  return node.run('wg pubkey', { stdin: key }).stdout.trim()
}

describe('WireGuard', () => {
  it('public keys are those of X25519', () => {
    expect(publicKeyOf(ALICE.privateKey)).toBe(ALICE.publicKey)
  })

  it('carries what the allowed IPs say, unreadable on the wire, after a handshake', () => {
    const { node1, node2, a, network } = twoNodes()
    const [one, two] = [setUp(node1), setUp(node2)]
    node1.run(`wg set wg0 peer ${two} endpoint 172.18.0.3:51820 allowed-ips 10.244.2.0/24`)
    node2.run(`wg set wg0 peer ${one} allowed-ips 10.244.1.0/24`)
    node1.run('ip route replace 10.244.2.0/24 dev wg0')
    node2.run('ip route replace 10.244.1.0/24 dev wg0')
    const wire: string[] = []
    const inner: string[] = []
    const summary = new FrameSummary()
    node1.network.capture('eth0', ({ frame }) => {
      if (frame.payload.kind === 'ip') wire.push(summary.line(frame))
    })
    node2.network.capture('wg0', ({ frame }) => inner.push(summary.line(frame)))
    expect(a.run('ping -c 1 10.244.2.2').stdout).toContain('1 received')
    expect(wire).toEqual([
      'IP 172.18.0.2.51820 > 172.18.0.3.51820: UDP, length 148',
      'IP 172.18.0.3.51820 > 172.18.0.2.51820: UDP, length 92',
      'IP 172.18.0.2.51820 > 172.18.0.3.51820: UDP, length 128',
      'IP 172.18.0.3.51820 > 172.18.0.2.51820: UDP, length 128',
    ])
    expect(inner[0]).toMatch(/^IP 10\.244\.1\.2 > 10\.244\.2\.2: ICMP echo request/)
    const hops = network.journeys.recent.at(-1)!.hops
    expect(hops.map((h) => h.explanation)).toEqual(expect.arrayContaining(['wireguard-handshake', 'wireguard-encapsulate', 'wireguard-decapsulate']))
    expect(hops.find((h) => h.stage === 'encapsulate')!.text).toContain('encrypts')
    expect(node1.run('wg show').stdout).toMatch(new RegExp(
      `^interface: wg0\\n {2}public key: ${one.replace(/[+/]/g, '\\$&')}\\n {2}private key: \\(hidden\\)\\n {2}listening port: 51820\\n\\n` +
      `peer: ${two.replace(/[+/]/g, '\\$&')}\\n {2}endpoint: 172\\.18\\.0\\.3:51820\\n {2}allowed ips: 10\\.244\\.2\\.0/24\\n {2}latest handshake: Now\\n {2}transfer: \\d+ B received, \\d+ B sent\\n$`,
    ))
    // the other end has learned where its peer is
    expect(node2.run('wg show').stdout).toContain('endpoint: 172.18.0.2:51820\n')
    expect(node1.run('ip -d link show wg0').stdout).toMatch(/^\d+: wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN .*\n {4}link\/none .*\n {4}wireguard addrgenmode none /)
    expect(a.run('ping -c 1 -M do -s 1392 10.244.2.2').stdout).toContain('1 received')
    expect(a.run('ping -c 1 -M do -s 1393 10.244.2.2').stdout).toContain('Frag needed and DF set (mtu = 1420)')
  })

  it('drops what is not among the allowed IPs, and what nobody answers', () => {
    const { node1, node2, a, network } = twoNodes()
    const [one, two] = [setUp(node1), setUp(node2)]
    node1.run('ip route replace 10.244.2.0/24 dev wg0')
    const reason = (): string | undefined => network.journeys.recent.at(-1)!.reason
    expect(a.run('ping -c 1 10.244.2.2').stdout).toContain('Destination Host Unreachable')
    expect(reason()).toBe('drop-wireguard')
    node1.run(`wg set wg0 peer ${two} endpoint 172.18.0.3:51820 allowed-ips 10.244.2.0/24`)
    node2.run(`wg set wg0 peer ${one} allowed-ips 10.9.0.0/24`)
    a.run('ping -c 1 -W 1 10.244.2.2')
    expect(network.journeys.recent.at(-1)!.hops.at(-1)!.text).toContain('may not send packets from 10.244.1.2')
    node2.run('iptables -A INPUT -p udp --dport 51820 -j DROP')
    network.clock.runFor(200_000)
    a.run('ping -c 1 -W 1 10.244.2.2')
    network.clock.runFor(100_000)
    expect(network.journeys.recent.at(-1)!.hops.at(-1)!.text).toContain('did not answer the handshake')
  })
})
