import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodePcapng } from '../../engine/cluster.ts'
import { house } from '../house.samples.ts'

/** `hop trace --pcap`: what is in the file; and tshark, which must find nothing wrong in any. */
function tool(name: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 27 })
  } catch {
    return undefined
  }
}
const tshark = tool('tshark', '--version') !== undefined
if (!tshark) console.warn('SKIPPED: tshark is not here; the capture files of hop trace are not checked')

function withFile<T>(bytes: Uint8Array, name: string, use: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'podhop-'))
  try {
    writeFileSync(join(folder, name), bytes)
    return use(join(folder, name))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const FIELDS = ['frame.protocols', 'frame.interface_name', 'frame.comment', 'frame.packet_flags_direction', '_ws.malformed', '_ws.unreassembled'] as const
const CHECKSUMS = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6', 'sctp'].map((p) => `${p}.checksum.status`)
const CHECKS = ['ip.check_checksum:TRUE', 'tcp.check_checksum:TRUE', 'udp.check_checksum:TRUE', 'sctp.checksum:TRUE'].flatMap((o) => ['-o', o])

/** What tshark says of each packet, and the packets that it finds something wrong with. */
function read(bytes: Uint8Array, name: string): { rows: Record<(typeof FIELDS)[number], string>[]; bad: string[] } {
  const text = withFile(bytes, name, (path) =>
    tool('tshark', '-r', path, '-d', 'udp.port==8472,vxlan', ...CHECKS, '-T', 'fields', '-E', 'separator=\x01', ...[...FIELDS, ...CHECKSUMS].flatMap((n) => ['-e', n])))!
  const lines = text.trimEnd().split('\n').map((l) => l.split('\x01'))
  const rows = lines.map((cells) => Object.fromEntries(FIELDS.map((f, i) => [f, cells[i]!]))) as Record<(typeof FIELDS)[number], string>[]
  // of several headers with a checksum each has its status: 0 is bad
  const isBad = (cells: string[]): boolean => cells.slice(4, 6).some((c) => c !== '') || cells.slice(6).some((c) => c.split(',').includes('0'))
  return { rows, bad: lines.filter(isBad).map((cells) => cells.join(' ')) }
}

const PODS = `
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  nodeName: worker-2
  containers:
  - name: web
    image: registry.k8s.io/e2e-test-images/agnhost:2.53
    args: [netexec, --http-port=80, --udp-port=81, --sctp-port=82]
`
const SERVICE = (families: string): string => `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  ipFamilyPolicy: ${families}
  selector: {app: web}
  ports: [{name: http, port: 80, nodePort: 30080}, {name: udp, port: 81, protocol: UDP}, {name: sctp, port: 82, protocol: SCTP}]
`

interface Case {
  title: string
  config: Record<string, unknown>
  source: string
  destination: string
  /** As tshark names the protocols of some packet. */
  protocols: string
  links: string[]
  /** What is made on the two nodes before. */
  setup?: string
}

const on = (n: 1 | 2, ...commands: string[]): string => commands.map((c) => `hop node worker-${n} -- ${c}`).join(' && ')
const GENEVE = ([1, 2] as const).map((n) => on(n, `ip link add gnv0 type geneve id 7 remote 172.18.0.${5 - n}`, `ip addr add 10.9.0.${n}/24 dev gnv0`, 'ip link set gnv0 up')).join(' && ')
const WIREGUARD = [
  ...([1, 2] as const).map((n) => `k${n}=$(hop node worker-1 -- wg genkey); p${n}=$(echo $k${n} | hop node worker-1 -- wg pubkey)`),
  ...([1, 2] as const).map((n) => on(
    n, 'ip link add wg0 type wireguard', `sh -c "echo $k${n} > /root/key"`, `wg set wg0 listen-port 51820 private-key /root/key peer $p${3 - n} allowed-ips 10.8.0.0/24 endpoint 172.18.0.${5 - n}:51820`,
    `ip addr add 10.8.0.${n}/24 dev wg0`, 'ip link set wg0 up',
  )),
].join(' && ')

const NODE = '$(kubectl get node worker-1 -o jsonpath={.status.addresses[0].address})'
const POD = '$(kubectl get pod web -o jsonpath={.status.podIP})'
const POD6 = '$(kubectl get pod web -o jsonpath={.status.podIPs[1].ip})'
const SERVICE6 = '$(kubectl get svc web -o jsonpath={.spec.clusterIPs[1]})'
const dual = { ipFamilies: ['IPv4', 'IPv6'] }
const CASES: Case[] = [
  { title: 'VXLAN, to a Pod', config: {}, source: 'default/client', destination: `${POD}:80`, protocols: 'eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:tcp', links: ['default/client/eth0', 'worker-1/flannel.1', 'worker-1/eth0'] },
  { title: 'NAT from outside', config: {}, source: 'external', destination: `${NODE}:30080`, protocols: 'eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:tcp', links: ['external/eth0', 'worker-1/eth0'] },
  { title: 'SCTP to a Service', config: {}, source: 'default/client', destination: 'web:82/sctp', protocols: 'eth:ethertype:ip:sctp', links: ['default/client/eth0'] },
  { title: 'UDP to a Service, by nftables', config: { proxyMode: 'nftables' }, source: 'default/client', destination: 'web:81/udp', protocols: 'eth:ethertype:ip:udp', links: ['default/client/eth0'] },
  { title: 'a Service by IPVS', config: { proxyMode: 'ipvs' }, source: 'default/client', destination: 'web:80', protocols: 'eth:ethertype:ip:tcp', links: ['default/client/eth0'] },
  { title: 'IPv6 to a Service', config: dual, source: 'default/client', destination: `[${SERVICE6}]:80`, protocols: 'eth:ethertype:ipv6:tcp', links: ['default/client/eth0'] },
  { title: 'ICMPv6', config: dual, source: 'default/client', destination: POD6, protocols: 'eth:ethertype:ipv6:icmpv6', links: ['default/client/eth0'] },
  { title: 'a Pod without tunnels', config: { cni: 'kube-router' }, source: 'default/client', destination: POD, protocols: 'eth:ethertype:ip:icmp', links: ['worker-1/eth0'] },
  { title: 'IP in IP', config: { cni: 'calico' }, source: 'default/client', destination: `${POD}:80`, protocols: 'raw:ip:tcp', links: ['worker-1/tunl0'] },
  { title: 'IP in IP on the wire', config: { cni: 'calico' }, source: 'default/client', destination: 'web:80', protocols: 'eth:ethertype:ip:ip:tcp', links: ['worker-1/eth0', 'worker-1/tunl0'] },
  { title: 'Geneve', config: {}, setup: GENEVE, source: 'node/worker-1', destination: '10.9.0.2', protocols: 'eth:ethertype:ip:udp:geneve:eth:ethertype:ip:icmp', links: ['worker-1/gnv0', 'worker-1/eth0'] },
  { title: 'WireGuard', config: {}, setup: WIREGUARD, source: 'node/worker-1', destination: '10.8.0.2', protocols: 'raw:ip:icmp', links: ['worker-1/wg0', 'worker-1/eth0'] },
  { title: 'Cilium’s VXLAN', config: { cni: 'cilium' }, source: 'external', destination: `${NODE}:30080`, protocols: 'eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:tcp', links: ['worker-1/cilium_vxlan'] },
]

describe.each(CASES)('a capture of $title', ({ config, source, destination, protocols, links, setup }) => {
  const { cluster, run } = house(config)
  run('kubectl apply -f -', PODS + '---' + SERVICE('ipFamilies' in config ? 'RequireDualStack' : 'SingleStack'))
  cluster.settle()
  if (setup !== undefined) expect(run(setup)).toEqual({ output: '', code: 0 })
  const traced = run(`hop trace ${source} "${destination}" --pcap /root/t.pcapng > /dev/null && hop trace ${source} "${destination}" --pcap /root/t.pcap`)
  const file = (name: string): Uint8Array => cluster.laptop.fs.readFile(`/root/${name}`)

  it('pcapng has the interfaces by name, and with the packets what decided', () => {
    expect(traced).toMatchObject({ code: 0 })
    const section = decodePcapng(file('t.pcapng'))
    expect(section).toMatchObject({ hardware: 'simulated', os: 'simulated Linux', application: 'Podhop' })
    const names = section.interfaces.map((i) => i.name)
    expect(names).toEqual(expect.arrayContaining(links))
    expect(new Set(names).size).toBe(names.length)
    expect(section.interfaces.filter((i) => i.linkType === 'raw').map((i) => i.name.split('/').at(-1))).toEqual(names.filter((n) => /tunl0|wg0/.test(n)).map((n) => n.split('/').at(-1)))
    const comments = section.packets.flatMap((p) => p.comments)
    expect(comments.join('\n')).toContain('Decided by route in main: ')
    expect(new Set(comments).size).toBeGreaterThan(1)
    expect(section.packets.every((p, i) => p.direction === 'out' && (i === 0 || p.at >= section.packets[i - 1]!.at))).toBe(true)
  })

  it.skipIf(!tshark)('tshark reads both files', () => {
    const { rows, bad } = read(file('t.pcapng'), 't.pcapng')
    expect(bad).toEqual([])
    expect(rows.map((r) => r['frame.protocols'].replace(/:(data|http|vssmonitoring|dns).*$/, ''))).toContain(protocols)
    expect(new Set(rows.map((r) => r['frame.interface_name']))).toEqual(new Set(decodePcapng(file('t.pcapng')).interfaces.map((i) => i.name)))
    expect(rows.filter((r) => r['frame.comment'].includes('Decided by')).length).toBeGreaterThan(1)
    expect(new Set(rows.map((r) => r['frame.packet_flags_direction']))).toEqual(new Set(['0x00000002']))

    const classic = read(file('t.pcap'), 't.pcap')
    expect(classic.bad).toEqual([])
    const cooked = links.some((l) => /tunl0|wg0/.test(l))
    expect(classic.rows.every((r) => r['frame.protocols'].startsWith(cooked ? 'sll:' : 'eth:'))).toBe(true)
  })
})
