import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../text.ts'
import { copyFrame } from '../packets.ts'
import { Clock } from '../../clock.ts'
import { Network } from '../fabric.ts'
import { join as wire, makeNetwork, makeNode, passThrough, ping } from '../shapes.samples.ts'
import type { Frame, IcmpMessage, IpPacket, TcpFlags } from '../types.ts'
import { frame as anyFrame } from './arbitrary.samples.ts'
import { DNS_TYPES, dnsQuery, encodeDns } from './dns.ts'
import type { DnsMessage } from './dns.ts'
import { encodePcap } from './pcap.ts'
import { FrameSummary } from './summary.ts'

/** tcpdump 4.99.3 and tshark as referees: they read our capture files. */
function tool(name: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 27 })
  } catch {
    return undefined
  }
}
const tcpdump = tool('sh', '-c', 'tcpdump --version 2>&1')?.includes('4.99.3') ?? false
const tshark = tool('tshark', '--version') !== undefined
if (!tcpdump) console.warn('SKIPPED: tcpdump 4.99.3 is not here; summaries are not compared with the real tool')
if (!tshark) console.warn('SKIPPED: tshark is not here; capture files are not checked')

function withFile<T>(frames: readonly Frame[], use: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'podhop-'))
  try {
    const path = join(folder, 'test.pcap')
    writeFileSync(path, encodePcap(frames.map((frame, i) => ({ at: 1_767_600_000_000 + i * 10, frame }))))
    return use(path)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const A = '02:00:00:00:00:01'
const B = '02:00:00:00:00:02'
const NOTHING = new Uint8Array(0)

function ip(payload: IpPacket['payload'], more?: Partial<IpPacket>): Frame {
  return {
    source: A, destination: B,
    payload: { kind: 'ip', version: 4, source: '10.244.1.2', destination: '10.96.0.10', ttl: 64, tos: 0, identification: 1, dontFragment: true, payload, meta: { mark: 0 }, ...more },
  }
}

const back = { source: '10.96.0.10', destination: '10.244.1.2' }
const udp = (data: Uint8Array, sourcePort = 40000, destinationPort = 53): IpPacket['payload'] => ({ kind: 'udp', sourcePort, destinationPort, data })
const tcp = (flags: TcpFlags, sequence: number, acknowledgement: number, data: Uint8Array = NOTHING, more?: object): IpPacket['payload'] =>
  ({ kind: 'tcp', sourcePort: 40000, destinationPort: 80, sequence, acknowledgement, flags, window: 64240, data, ...more })
const swap = { sourcePort: 80, destinationPort: 40000 }
const icmp = (type: number, code: number, more?: Partial<IcmpMessage>): Frame => ip({ kind: 'icmp', type, code, data: NOTHING, ...more })
const about = ip(udp(encodeUtf8('x'), 5, 99)).payload as IpPacket
const aboutTcp = ip(tcp({ syn: true }, 5, 0)).payload as IpPacket
const dns = (m: DnsMessage): Frame => ip(udp(encodeDns(m), m.response ? 53 : 40000, m.response ? 40000 : 53), m.response ? back : {})
const answer = (more: Partial<DnsMessage>): DnsMessage => dnsQuery(4711, 'web.default.svc.cluster.local.', 'A', { response: true, recursionAvailable: true, authoritative: true, ...more })
const rr = (data: DnsMessage['answers'][number]['data']): DnsMessage['answers'][number] => ({ name: 'web.default.svc.cluster.local.', class: 'IN', ttl: 30, data })

const six = { version: 6, source: 'fd00::1', destination: 'fd00::2', identification: 0 } as const
const ip6 = (payload: IpPacket['payload'], more?: Partial<IpPacket>): Frame => ip(payload, { ...six, ...more })
const icmp6 = (type: number, code: number, more?: Partial<IcmpMessage>, where?: Partial<IpPacket>): Frame => ip6({ kind: 'icmp', type, code, data: NOTHING, ...more }, where)
const about6 = ip6(udp(encodeUtf8('x'), 5, 99)).payload as IpPacket
const aboutTcp6 = ip6(tcp({ syn: true }, 5, 0)).payload as IpPacket

const SAMPLES6: Frame[] = [
  ip6(tcp({ syn: true }, 1, 0)),
  ip6(udp(new Uint8Array(30), 1, 2)),
  icmp6(128, 0, { id: 7, sequence: 1, data: new Uint8Array(56) }),
  icmp6(129, 0, { id: 7, sequence: 1, data: new Uint8Array(56) }),
  icmp6(135, 0, { nd: { target: 'fd00::2', mac: A } }, { ttl: 255, destination: 'ff02::1:ff00:2' }),
  icmp6(135, 0, { nd: { target: 'fd00::2' } }, { ttl: 255, source: '::', destination: 'ff02::1:ff00:2' }),
  icmp6(136, 0, { nd: { target: 'fd00::2', mac: B, solicited: true, override: true } }, { ttl: 255 }),
  ...[0, 1, 2, 3, 4].map((code) => icmp6(1, code, { about: about6 })),
  icmp6(1, 4, { about: aboutTcp6 }),
  icmp6(2, 0, { about: aboutTcp6, mtu: 1300 }),
  icmp6(3, 0, { about: about6 }),
  icmp6(3, 1, { about: about6 }),
  icmp6(136, 0, { nd: { target: 'fd00::2', mac: B, router: true } }, { ttl: 255, tos: 0x12 }),
  ip6(udp(new Uint8Array(40), 1, 2), { fragment: { offset: 0, more: true, length: 24 }, identification: 77, dontFragment: false }),
  ip6(udp(new Uint8Array(40), 1, 2), { fragment: { offset: 24, more: false, length: 24 }, identification: 77, dontFragment: false }),
  icmp6(128, 0, { id: 7, sequence: 1, data: new Uint8Array(56) }, { fragment: { offset: 0, more: true, length: 32 }, identification: 78 }),
  icmp6(128, 0, { id: 7, sequence: 1, data: new Uint8Array(56) }, { fragment: { offset: 32, more: false, length: 32 }, identification: 78 }),
  ip6({ kind: 'udp', sourcePort: 50000, destinationPort: 4789, data: NOTHING, vxlan: { vni: 1, frame: icmp6(128, 0, { id: 7, sequence: 1, data: new Uint8Array(56) }) } }),
]

/** IEEE 802.1Q and 802.1ad: one tag, with a priority, of VLAN 0, two and three, before and inside of what is tunnelled. */
const plain = [
  icmp(8, 0, { id: 7, sequence: 1, data: new Uint8Array(56) }), ip(tcp({ syn: true }, 1000, 0, NOTHING, { mss: 1460, sourcePort: 41003 })), ip6(udp(new Uint8Array(30), 1, 2)),
  { source: A, destination: 'ff:ff:ff:ff:ff:ff', payload: { kind: 'arp', operation: 'request', senderMac: A, senderIp: '10.0.0.1', targetMac: '00:00:00:00:00:00', targetIp: '10.0.0.2' } },
  ip(udp(new Uint8Array(40), 1, 2), { fragment: { offset: 24, more: false, length: 24 }, dontFragment: false }),
] satisfies Frame[]
const TAGS: NonNullable<Frame['tags']>[] = [
  [{ id: 100 }], [{ id: 4094, priority: 7 }], [{ id: 0, priority: 3 }], [{ id: 200, protocol: '802.1ad' }, { id: 100 }], [{ id: 1 }, { id: 2, priority: 1 }], [{ id: 5, priority: 2, protocol: '802.1ad' }, { id: 6, protocol: '802.1ad' }, { id: 7 }],
]
const TAGGED: Frame[] = TAGS.flatMap((tags) => [
  ...plain.map((f) => ({ ...f, tags })),
  { ...ip({ kind: 'udp', sourcePort: 50000, destinationPort: 8472, data: NOTHING, vxlan: { vni: 1, frame: { ...plain[0]!, tags } } }, { dontFragment: false }), tags },
])

/** An error with a segment cut short in it, of which tshark says that it is broken. */
const CUT = icmp(11, 0, { about: ip(tcp({ ack: true }, 5, 7, new Uint8Array(1400))).payload as IpPacket })

const SAMPLES: Frame[] = [
  { source: A, destination: 'ff:ff:ff:ff:ff:ff', payload: { kind: 'arp', operation: 'request', senderMac: A, senderIp: '10.0.0.1', targetMac: '00:00:00:00:00:00', targetIp: '10.0.0.2' } },
  { source: A, destination: B, payload: { kind: 'arp', operation: 'request', senderMac: A, senderIp: '10.0.0.1', targetMac: B, targetIp: '10.0.0.2' } },
  { source: B, destination: A, payload: { kind: 'arp', operation: 'reply', senderMac: B, senderIp: '10.0.0.2', targetMac: A, targetIp: '10.0.0.1' } },
  { source: A, destination: 'ff:ff:ff:ff:ff:ff', payload: { kind: 'arp', operation: 'request', senderMac: A, senderIp: '0.0.0.0', targetMac: '00:00:00:00:00:00', targetIp: '10.0.0.2' } },
  { source: A, destination: 'ff:ff:ff:ff:ff:ff', payload: { kind: 'arp', operation: 'request', senderMac: A, senderIp: '10.0.0.1', targetMac: '00:00:00:00:00:00', targetIp: '10.0.0.1' } },
  { source: A, destination: 'ff:ff:ff:ff:ff:ff', payload: { kind: 'arp', operation: 'reply', senderMac: A, senderIp: '10.0.0.1', targetMac: 'ff:ff:ff:ff:ff:ff', targetIp: '10.0.0.1' } },
  ip(tcp({ syn: true }, 1000, 0, NOTHING, { mss: 1460 })),
  ip(tcp({ syn: true, ack: true }, 9000, 1001, NOTHING, { mss: 1410, ...swap }), back),
  ip(tcp({ ack: true }, 1001, 9001)),
  ip(tcp({ ack: true, psh: true }, 1001, 9001, encodeUtf8('GET / HTTP/1.1\r\nHost: web\r\n\r\n'))),
  ip(tcp({ ack: true }, 9001, 1031, NOTHING, swap), back),
  ip(tcp({ ack: true, psh: true }, 9001, 1031, encodeUtf8('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'), swap), back),
  ip(tcp({ ack: true, psh: true }, 9042, 1031, encodeUtf8('body without a line'), swap), back),
  ip(tcp({ ack: true, psh: true }, 9042, 1031, encodeUtf8('<html>\n<body>\n'), swap), back),
  ip(tcp({ ack: true, psh: true }, 9042, 1031, Uint8Array.of(1, 2, 3, 10, 4), swap), back),
  ip(tcp({ fin: true, ack: true }, 1031, 9100)),
  ip(tcp({ rst: true, ack: true }, 9100, 1032, NOTHING, swap), back),
  ip(tcp({ rst: true }, 9100, 0, NOTHING, { ...swap, window: 0 }), back),
  ip(tcp({}, 9100, 0)),
  ip(tcp({ syn: true }, 5000, 0, NOTHING, { mss: 1460, sackPermitted: true, timestamp: 2483174673, echo: 0, windowScale: 7, sourcePort: 41000 })),
  ip(tcp({ syn: true, ack: true }, 4_294_967_200, 5001, NOTHING, { mss: 1460, sackPermitted: true, timestamp: 99, echo: 2483174673, windowScale: 7, sourcePort: 80, destinationPort: 41000 }), back),
  ip(tcp({ ack: true }, 5001, 4_294_967_201, NOTHING, { timestamp: 2483174674, echo: 99, sourcePort: 41000, sack: [[4_294_967_250, 20], [40, 60]] })),
  ip(tcp({ ack: true }, 4_294_967_201, 5001, NOTHING, { timestamp: 2483174674, echo: 99, sourcePort: 80, destinationPort: 41000, sack: [[5100, 5200]] }), back),
  ip(tcp({ syn: true }, 5000, 0, NOTHING, { mss: 1460, sackPermitted: true, windowScale: 0, sourcePort: 41001 })),
  ip(tcp({ ack: true }, 5000, 77, NOTHING, { sack: [[1, 2]], sourcePort: 41002 })),
  ip(tcp({ urg: true, ack: true, fin: true, psh: true }, 4000, 9100)),
  ip(tcp({ ack: true }, 77, 88, encodeUtf8('first seen in the middle'), { sourcePort: 3306, destinationPort: 3306 })),
  ip(tcp({ ack: true }, 99, 101, encodeUtf8('and the other way'), { sourcePort: 3306, destinationPort: 3306 }), back),
  icmp(8, 0, { id: 7, sequence: 1, data: new Uint8Array(56) }),
  icmp(0, 0, { id: 7, sequence: 1, data: new Uint8Array(56) }),
  ...Array.from({ length: 17 }, (_, code) => code).map((code) => icmp(3, code, { about, ...(code === 4 ? { mtu: 1400 } : {}) })),
  icmp(3, 3, { about: aboutTcp }),
  icmp(3, 2, { about: aboutTcp }),
  icmp(3, 4, { about: aboutTcp, mtu: 0 }),
  icmp(11, 0, { about }),
  icmp(11, 1, { about }),
  ip(udp(new Uint8Array(30), 1, 2)),
  ip(udp(new Uint8Array(0), 1, 2)),
  dns(dnsQuery(4711, 'web.default.svc.cluster.local.', 'A')),
  dns(dnsQuery(4711, 'web.default.svc.cluster.local.', 'AAAA', { edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [] }, authenticData: true })),
  dns(dnsQuery(4711, 'web.', 'ANY', { recursionDesired: false, checkingDisabled: true })),
  dns(dnsQuery(4711, '.', 'NS')),
  dns(dnsQuery(4711, 'version.bind.', 'TXT', { questions: [{ name: 'version.bind.', type: 'TXT', class: 'CH' }] })),
  dns(dnsQuery(4711, 'a.', 'TYPE4000')),
  ...Object.keys(DNS_TYPES).filter((t) => t !== 'OPT').map((type) => dns(dnsQuery(4711, 'a.', type))),
  dns(answer({ answers: [rr({ type: 'A', address: '10.96.0.50' })] })),
  dns(answer({ answers: [rr({ type: 'A', address: '10.96.0.50' }), rr({ type: 'A', address: '10.96.0.51' })], edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [] } })),
  dns(answer({ answers: [rr({ type: 'CNAME', target: 'x.example.com.' }), rr({ type: 'AAAA', address: 'fd00::1' })], authoritative: false })),
  dns(answer({ answers: [rr({ type: 'SRV', priority: 0, weight: 100, port: 80, target: 'web-0.web.' }), rr({ type: 'MX', preference: 10, exchange: 'mail.' })] })),
  dns(answer({ answers: [rr({ type: 'TXT', strings: ['dns-version=1.1.0', 'b'] }), rr({ type: 'PTR', target: 'a.b.' }), rr({ type: 'NS', target: 'ns.' })] })),
  dns(answer({ rcode: 'NXDOMAIN', authorities: [rr({ type: 'SOA', primary: 'ns.dns.cluster.local.', mailbox: 'hostmaster.cluster.local.', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 })] })),
  dns(answer({ answers: [rr({ type: 'SOA', primary: 'ns.dns.cluster.local.', mailbox: 'hostmaster.cluster.local.', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 })] })),
  dns(answer({ rcode: 'SERVFAIL', recursionAvailable: false, authoritative: false })),
  dns(answer({ rcode: 'REFUSED', truncated: true, authenticData: true, authoritative: false })),
  ip(udp(encodeUtf8('no dns'), 1, 53)),
  ip(tcp({ ack: true, psh: true }, 1, 1, new Uint8Array([0, 32, ...encodeDns(dnsQuery(7, 'web.default.ab.', 'A'))]), { destinationPort: 53 })),
  ...[8472, 4789].map((port) => ip({
    kind: 'udp', sourcePort: 50000, destinationPort: port, data: NOTHING, vxlan: { vni: 1, frame: icmp(8, 0, { id: 7, sequence: 1, data: new Uint8Array(56) }) },
  }, { dontFragment: false })),
  ip(udp(new Uint8Array(40), 1, 2), { fragment: { offset: 0, more: true, length: 24 }, dontFragment: false }),
  ip(udp(new Uint8Array(40), 1, 2), { fragment: { offset: 24, more: false, length: 24 }, dontFragment: false }),
  ip(udp(new Uint8Array(0), 1, 2), { tos: 0xb9, ttl: 0, dontFragment: false }),
  icmp(3, 3, { about: ip(udp(new Uint8Array(600), 5, 99)).payload as IpPacket }),
  icmp(3, 3, { about: ip(udp(new Uint8Array(200), 5, 99)).payload as IpPacket }),
  ip(tcp({ ack: true, psh: true }, 1, 1, encodeUtf8('POST /a HTTP/1.1\r\nHost: web\r\nCookie: a'))),
  ip(tcp({ ack: true, psh: true }, 1, 1, encodeUtf8('GET\t/'))),
  ip(tcp({ ack: true, psh: true }, 1, 1, encodeUtf8('HTTP/1.0 404 Not\tFound\nA: é\nB: c\n'))),
  dns(answer({ answers: [{ ...rr({ type: 'A', address: '10.96.0.50' }), ttl: 694861 }, { ...rr({ type: 'A', address: '10.96.0.50' }), ttl: 0 }], additionals: [rr({ type: 'A', address: '10.0.0.1' })], edns: { udpSize: 4096, version: 0, dnssecOk: true, options: [] } })),
  dns(dnsQuery(4711, 'web.', 'A', { edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [{ code: 10, data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }, { code: 15, data: Uint8Array.of(0, 18) }] } })),
  ...SAMPLES6,
  ...TAGGED,
]

describe.skipIf(!tcpdump)('tcpdump 4.99.3 says the same', () => {
  it.each([['without', []], ['with the link level', ['-e']], ['with absolute sequence numbers', ['-S']], ['quickly', ['-q']], ['verbosely', ['-v']], ['more verbosely', ['-vv']], ['most verbosely, with the link level', ['-vvv', '-e']], ['quickly and verbosely', ['-q', '-vv']]] as const)('%s', (_, args) => {
    const real = withFile([...SAMPLES, CUT], (path) => tool('tcpdump', '-tnr', path, ...args)!)
    const options = { linkLevel: args.includes('-e' as never), absoluteSequence: args.includes('-S' as never), quick: args.includes('-q' as never), verbose: args.join('').replace(/[^v]/g, '').length }
    const summary = new FrameSummary(options)
    expect([...SAMPLES, CUT].map((f) => summary.line(f)).join('\n').split('\n')).toEqual(real.trimEnd().split('\n'))
  })
})

/** What two nodes say to each other: a connection, a refused one, pings, a lost port, a packet that is too big. */
function conversation(): Frame[] {
  const network = makeNetwork()
  const [a, b] = [makeNode(network, 1), makeNode(network, 2)]
  a.node.routes.add({ destination: '10.244.2.0/24', via: '172.18.0.3' })
  b.node.routes.add({ destination: '10.244.1.0/24', via: '172.18.0.2' })
  b.pod.links.get('eth0')!.mtu = 1400
  const frames: Frame[] = []
  a.node.capture('any', ({ frame }) => frames.push(copyFrame(frame)))
  b.pod.sockets.listen({ port: 80 }, (c) => {
    c.handlers = {
      onData: () => {
        c.send(encodeUtf8(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(5000)}`))
        c.end()
      },
    }
  })
  const client = a.pod.sockets.connect({ address: '10.244.2.2', port: 80 }, { onEnd: () => client.end() })
  client.send(encodeUtf8('GET / HTTP/1.1\r\n\r\n'))
  a.pod.sockets.connect({ address: '10.244.2.2', port: 81 }, {})
  const socket = a.pod.sockets.udp({})
  socket.send(encodeUtf8('nobody'), '10.244.2.2', 5000)
  for (const ttl of [64, 1, 2]) ping(a.pod, '10.244.2.2', { ttl })
  ping(a.pod, '10.244.2.2', { size: 3000 })
  network.clock.settle()
  return frames
}

/** The same over IPv6: neighbours found, a connection, a refused one, pings, a router's messages, fragments. */
function conversation6(): Frame[] {
  const network = new Network({ clock: new Clock({ seed: 1 }), ipv6: true, layers: passThrough })
  const [a, router, b] = ['a', 'router', 'b'].map((name) => network.createNamespace({ name, kind: 'node' }))
  for (const [end, n, mtu] of [[a!, 1, 1500], [b!, 2, 1400]] as const) {
    wire(network, { network: end, name: 'eth0', address: `fd00:${n}::2/64`, mtu }, { network: router!, name: `r${n}`, address: `fd00:${n}::1/64`, mtu })
    end.routes.add({ destination: '::/0', via: `fd00:${n}::1` })
  }
  router!.setSysctl('net.ipv6.conf.all.forwarding', '1')
  const frames: Frame[] = []
  router!.capture('any', ({ frame }) => frames.push(copyFrame(frame)))
  b!.sockets.listen({ port: 80 }, (c) => {
    c.handlers = { onData: () => c.send(encodeUtf8(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(5000)}`)) }
  })
  const client = a!.sockets.connect({ address: 'fd00:2::2', port: 80 }, {})
  client.send(encodeUtf8('GET / HTTP/1.1\r\n\r\n'))
  a!.sockets.connect({ address: 'fd00:2::2', port: 81 }, {})
  a!.sockets.udp({}).send(encodeUtf8('nobody'), 'fd00:2::2', 5000)
  for (const ttl of [64, 1]) ping(a!, 'fd00:2::2', { ttl })
  for (const to of ['fd00:2::99', 'fd00:3::1']) ping(a!, to)
  for (let i = 0; i < 2; i++) ping(a!, 'fd00:2::2', { size: 3000 })
  network.clock.settle()
  return frames
}

describe.skipIf(!tcpdump || !tshark).each([['a captured conversation', conversation], ['one over IPv6', conversation6]] as const)('%s', (_, converse) => {
  const frames = tcpdump && tshark ? converse() : []

  it('reads the same in tcpdump', () => {
    expect(frames.length).toBeGreaterThan(50)
    const real = withFile(frames, (path) => tool('tcpdump', '-tnr', path)!)
    const summary = new FrameSummary()
    expect(frames.map((f) => summary.line(f)).join('\n').split('\n')).toEqual(real.trimEnd().split('\n'))
  })

  it('is clean for tshark', () => {
    expect(badFrames(frames)).toBe('')
  })
})

describe.skipIf(!tshark)('tshark', () => {
  it('finds no malformed frame and no bad checksum in any file', () => {
    const frames = [...SAMPLES.filter((f) => !hasGarbage(f)), ...fc.sample(anyFrame.filter((f) => !speaksOther(f)), { numRuns: 300, seed: 1 })]
    expect(badFrames(frames)).toBe('')
  })
})

function badFrames(frames: readonly Frame[]): string | undefined {
  return withFile(frames, (path) => tool(
    'tshark', '-r', path, '-o', 'ip.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE', '-d', 'udp.port==8472,vxlan',
    '-T', 'fields', '-e', 'frame.number', '-e', '_ws.col.Info', '-Y',
    '_ws.malformed || ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad" || icmp.checksum.status == "Bad" || icmpv6.checksum.status == "Bad"',
  ))
}

function hasGarbage(f: Frame): boolean {
  return f.payload.kind === 'ip' && f.payload.payload.kind === 'udp' && f.payload.payload.data.length === 6
}

/** Random bytes on a port that tshark knows are a broken message of that protocol; those are the bytes' fault. */
function speaksOther(f: Frame): boolean {
  if (f.payload.kind !== 'ip') return false
  const p = f.payload.payload
  if (p.kind === 'icmp') return true
  if (p.kind === 'udp' && p.vxlan) return speaksOther(p.vxlan.frame)
  return 'data' in p && p.data.length > 0
}
