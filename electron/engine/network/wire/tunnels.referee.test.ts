import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../text.ts'
import { frameLength } from '../packets.ts'
import type { Frame, IpPacket, IpPayload, SctpChunk, SctpPacket, UdpDatagram } from '../types.ts'
import { ipv4, mac } from './arbitrary.samples.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import { encodePcap } from './pcap.ts'
import { crc32c } from './sctp.ts'
import { FrameSummary } from './summary.ts'

/** Tunnels and SCTP: round trips, and tcpdump 4.99.3 and tshark as referees. */
function tool(name: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 27 })
  } catch {
    return undefined
  }
}
const tcpdump = tool('sh', '-c', 'tcpdump --version 2>&1')?.includes('4.99.3') ?? false
const tshark = tool('tshark', '--version') !== undefined
if (!tcpdump || !tshark) console.warn('SKIPPED: tcpdump 4.99.3 or tshark is not here; tunnels and SCTP are not compared with the real tools')

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
const packet = (payload: IpPayload, more?: Partial<IpPacket>): IpPacket => ({
  kind: 'ip', version: 4, source: '10.244.1.2', destination: '10.244.2.2', ttl: 64, tos: 0, identification: 1, dontFragment: true, payload, meta: { mark: 0 }, ...more,
})
const frame = (payload: IpPayload, more?: Partial<IpPacket>): Frame => ({ source: A, destination: B, payload: packet(payload, more) })
const outer = { source: '172.18.0.2', destination: '172.18.0.3', dontFragment: false }
const ping = packet({ kind: 'icmp', type: 8, code: 0, id: 7, sequence: 1, data: new Uint8Array(56) })
const syn = packet({ kind: 'tcp', sourcePort: 40000, destinationPort: 80, sequence: 5, acknowledgement: 0, flags: { syn: true }, window: 64240, mss: 1460, data: NOTHING })
const sctp = (...chunks: SctpChunk[]): SctpPacket => ({ kind: 'sctp', sourcePort: 40000, destinationPort: 9999, verificationTag: 0x12345678, chunks })
const udp = (more: Partial<UdpDatagram>, destinationPort: number): UdpDatagram => ({ kind: 'udp', sourcePort: 50000, destinationPort, data: NOTHING, ...more })
const cookie = encodeUtf8('a cookie of 17 b.')
const CHUNKS: SctpChunk[][] = [
  [{ type: 'init', tag: 7, window: 106496, outbound: 10, inbound: 65535, tsn: 4711 }],
  [{ type: 'init-ack', tag: 8, window: 106496, outbound: 10, inbound: 10, tsn: 815, cookie }],
  [{ type: 'cookie-echo', cookie }],
  [{ type: 'cookie-ack' }],
  [{ type: 'data', tsn: 4711, stream: 0, sequence: 0, payloadProtocol: 0, data: encodeUtf8('hello') }],
  [{ type: 'sack', tsn: 4711, window: 106491 }],
  [{ type: 'cookie-echo', cookie }, { type: 'data', tsn: 4712, stream: 1, sequence: 3, payloadProtocol: 46, data: encodeUtf8('bundled') }],
  [{ type: 'heartbeat', info: encodeUtf8('12345678') }],
  [{ type: 'heartbeat-ack', info: encodeUtf8('12345678') }],
  [{ type: 'shutdown', tsn: 4712 }],
  [{ type: 'shutdown-ack' }],
  [{ type: 'shutdown-complete' }],
  [{ type: 'abort' }],
  [{ type: 'abort', reflected: true }],
]
const SAMPLES: Frame[] = [
  frame({ kind: 'ipip', packet: ping }, outer),
  frame({ kind: 'ipip', packet: syn }, outer),
  frame({ kind: 'ipip', packet: ping }, { ...outer, fragment: { offset: 0, more: true, length: 56 } }),
  frame({ kind: 'ipip', packet: ping }, { ...outer, fragment: { offset: 56, more: false, length: 28 } }),
  frame(udp({ geneve: { vni: 1, frame: { source: A, destination: B, payload: ping } } }, 6081), outer),
  frame(udp({ geneve: { vni: 0x123456, options: Uint8Array.of(1, 4, 0, 1, 9, 9, 9, 9), frame: { source: A, destination: B, payload: syn } } }, 6081), outer),
  frame(udp({ wireguard: { type: 'initiation', sender: 77, from: 'x' } }, 51820), outer),
  frame(udp({ wireguard: { type: 'response', sender: 78, receiver: 77, from: 'y' } }, 51820), outer),
  frame(udp({ wireguard: { type: 'data', receiver: 78, counter: 3, packet: syn } }, 51820), outer),
  frame(udp({ wireguard: { type: 'data', receiver: 78, counter: 4 } }, 51820), outer),
  ...CHUNKS.map((chunks) => frame(sctp(...chunks))),
  frame({ kind: 'icmp', type: 3, code: 2, data: NOTHING, about: packet(sctp(...CHUNKS[0]!)) }),
]

const u16 = fc.nat(0xffff)
const u32 = fc.nat(0xffffffff)
const bytes = fc.uint8Array({ maxLength: 40 })
const chunk: fc.Arbitrary<SctpChunk> = fc.oneof(
  fc.record({ type: fc.constantFrom('init' as const, 'init-ack' as const), tag: u32, window: u32, outbound: u16, inbound: u16, tsn: u32 }),
  fc.record({ type: fc.constant('init-ack' as const), tag: u32, window: u32, outbound: u16, inbound: u16, tsn: u32, cookie: bytes }),
  fc.record({ type: fc.constant('cookie-echo' as const), cookie: bytes }),
  fc.record({ type: fc.constantFrom('cookie-ack' as const, 'shutdown-ack' as const) }),
  fc.record({ type: fc.constant('data' as const), tsn: u32, stream: u16, sequence: u16, payloadProtocol: u32, data: bytes }),
  fc.record({ type: fc.constant('sack' as const), tsn: u32, window: u32 }),
  fc.record({ type: fc.constantFrom('heartbeat' as const, 'heartbeat-ack' as const), info: bytes }),
  fc.record({ type: fc.constant('shutdown' as const), tsn: u32 }),
  fc.record({ type: fc.constantFrom('abort' as const, 'shutdown-complete' as const) }),
)
const anySctp: fc.Arbitrary<IpPayload> = fc.record({ kind: fc.constant('sctp' as const), sourcePort: u16, destinationPort: u16, verificationTag: u32, chunks: fc.array(chunk, { maxLength: 4 }) })
const anyPacket = (payload: fc.Arbitrary<IpPayload>): fc.Arbitrary<IpPacket> => fc.tuple(payload, ipv4, ipv4).map(([p, source, destination]) => packet(p, { source, destination }))
const anyTunnel: fc.Arbitrary<IpPayload> = fc.oneof(
  anyPacket(anySctp).map((inner): IpPayload => ({ kind: 'ipip', packet: inner })),
  fc.tuple(anyPacket(anySctp), mac, mac, fc.nat(0xffffff), fc.nat(5)).map(([inner, source, destination, vni, words]): IpPayload =>
    udp({ geneve: { vni, ...(words > 0 && { options: new Uint8Array(4 * words).fill(words) }), frame: { source, destination, payload: inner } } }, 6081)),
)

describe('tunnels and SCTP as bytes', () => {
  it('have the length that they say, and come back as they were', () => {
    fc.assert(fc.property(anyPacket(fc.oneof(anySctp, anyTunnel)), (p) => {
      const made: Frame = { source: A, destination: B, payload: p }
      const encoded = encodeFrame(made)
      expect(encoded.length).toBe(frameLength(made))
      expect(decodeFrame(encoded)).toEqual(made)
    }), { numRuns: 300 })
    for (const f of SAMPLES) expect(encodeFrame(f).length).toBe(frameLength(f))
  })

  it('CRC32c is the one of RFC 3720', () => {
    expect(crc32c(new Uint8Array(32)).toString(16)).toBe('8a9136aa')
    expect(crc32c(new Uint8Array(32).fill(255)).toString(16)).toBe('62a8ab43')
  })

  it('WireGuard’s data cannot be read by others', () => {
    const decoded = decodeFrame(encodeFrame(SAMPLES[8]!))
    expect(decoded.payload).toMatchObject({ payload: { kind: 'udp', destinationPort: 51820 } })
    expect(decoded.payload).not.toHaveProperty('payload.wireguard')
  })
})

describe.skipIf(!tcpdump || !tshark)('the real tools', () => {
  it.each([['without', []], ['with the link level', ['-e']], ['quickly', ['-q']]] as const)('tcpdump says the same, %s', (_, args) => {
    const real = withFile(SAMPLES, (path) => tool('tcpdump', '-tnr', path, ...args)!)
    const summary = new FrameSummary({ linkLevel: args.includes('-e' as never), quick: args.includes('-q' as never) })
    expect(SAMPLES.map((f) => summary.line(f)).join('\n').split('\n')).toEqual(real.trimEnd().split('\n'))
  })

  it('tshark finds nothing wrong', () => {
    const frames = [...SAMPLES, ...fc.sample(anyPacket(anyTunnel), { numRuns: 100, seed: 2 }).map((p): Frame => ({ source: A, destination: B, payload: p }))]
    const bad = withFile(frames, (path) => tool(
      'tshark', '-r', path, '-o', 'ip.check_checksum:TRUE', '-o', 'sctp.checksum:TRUE', '-T', 'fields', '-e', 'frame.number', '-e', '_ws.col.Info', '-Y',
      '_ws.malformed || ip.checksum.status == "Bad" || sctp.checksum.status == "Bad"',
    ))
    expect(bad).toBe('')
    const protocols = withFile(SAMPLES, (path) => tool('tshark', '-r', path, '-T', 'fields', '-e', 'frame.protocols')!)
    for (const expected of ['eth:ethertype:ip:ip:icmp', 'eth:ethertype:ip:udp:geneve:eth', 'eth:ethertype:ip:sctp', 'udp:wg']) expect(protocols).toContain(expected)
  })
})
