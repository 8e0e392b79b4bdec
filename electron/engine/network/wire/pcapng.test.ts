import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../text.ts'
import { ZERO_MAC } from '../packets.ts'
import type { Frame, IpPacket } from '../types.ts'
import { frame as anyFrame, ipv4, mac } from './arbitrary.samples.ts'
import { WireError } from './bytes.ts'
import { cookedOf, type LinkType } from './link-layer.ts'
import { decodeCapture, encodePcap } from './pcap.ts'
import { decodePcapng, encodePcapng, isPcapng, type CaptureInterface, type CaptureSection } from './pcapng.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 60 })
const aLink: fc.Arbitrary<CaptureInterface> = fc.record({
  name: text, description: text, linkType: fc.constantFrom<LinkType>('ethernet', 'raw'), mac,
  addresses: fc.array(fc.record({ address: ipv4, prefixLength: fc.integer({ min: 0, max: 32 }) }), { maxLength: 2 }),
})
const ping: IpPacket = {
  kind: 'ip', version: 4, source: '10.244.1.2', destination: '10.244.2.2', ttl: 64, tos: 0, identification: 1, dontFragment: true, meta: { mark: 0 },
  payload: { kind: 'icmp', type: 8, code: 0, id: 7, sequence: 1, data: encodeUtf8('hello') },
}
const raw: Frame = { source: ZERO_MAC, destination: ZERO_MAC, payload: ping }

const section: fc.Arbitrary<CaptureSection> = fc.tuple(fc.array(aLink, { minLength: 1, maxLength: 4 }), text, text).chain(([interfaces, hardware, application]) =>
  fc.array(
    fc.record({ interface: fc.nat(interfaces.length - 1), at: fc.nat(4_000_000_000_000), frame: anyFrame, direction: fc.constantFrom('in' as const, 'out' as const), comments: fc.array(text, { maxLength: 3 }) }),
    { maxLength: 8 },
  ).map((packets) => ({ hardware, os: 'simulated Linux', application, interfaces, packets: packets.map((p) => (interfaces[p.interface]!.linkType === 'raw' ? { ...p, frame: raw } : p)) })),
)

describe('a pcapng file', () => {
  it('has every block that was written: interfaces, packets, comments, directions', () => {
    fc.assert(fc.property(section, (written) => {
      const bytes = encodePcapng(written)
      expect(bytes.length % 4).toBe(0)
      expect(isPcapng(bytes)).toBe(true)
      expect(decodePcapng(bytes)).toEqual(written)
    }), { numRuns: 100 })
  })

  it('keeps nanoseconds', () => {
    const interfaces: CaptureInterface[] = [{ name: 'a/eth0', linkType: 'raw' }]
    const packets = [{ interface: 0, at: 1_767_600_000_000.25, frame: raw, comments: [] }]
    expect(decodePcapng(encodePcapng({ interfaces, packets })).packets[0]!.at).toBe(1_767_600_000_000.25)
  })

  it('is read as a capture where its interfaces are alike, as libpcap does', () => {
    const file = (...types: LinkType[]): Uint8Array => encodePcapng({
      interfaces: types.map((linkType, i) => ({ name: `node/eth${i}`, linkType })), packets: types.map((_, i) => ({ interface: i, at: 1000, frame: raw, comments: ['why'] })),
    })
    expect(decodeCapture(file('raw', 'raw'))).toEqual({ linkType: 'raw', frames: [{ at: 1000, frame: raw }, { at: 1000, frame: raw }] })
    expect(() => decodeCapture(file('raw', 'ethernet'))).toThrow(new WireError('an interface has a type 1 different from the type of the first interface'))
  })

  it('that is broken is refused', () => {
    const bytes = encodePcapng({ interfaces: [{ name: 'a', linkType: 'raw' }], packets: [{ interface: 0, at: 1, frame: raw, comments: [] }] })
    for (let cut = 1; cut < bytes.length; cut++) {
      try {
        decodePcapng(bytes.subarray(0, cut))
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
      }
    }
  })
})

describe('a capture of any interface', () => {
  it('comes back with interface, direction and the sender’s address', () => {
    const frame: Frame = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02', payload: ping }
    const link = { index: 3, kind: 'veth' as const, mac: '02:00:00:00:00:02', name: 'eth0' }
    const frames = [
      { at: 1000, frame, cooked: cookedOf(link, frame, 'in') },
      { at: 1001, frame, cooked: cookedOf(link, frame, 'out') },
      { at: 1002, frame: { ...frame, destination: 'ff:ff:ff:ff:ff:ff' }, cooked: cookedOf(link, { ...frame, destination: 'ff:ff:ff:ff:ff:ff' }, 'in') },
      { at: 1003, frame: raw, cooked: cookedOf({ ...link, kind: 'ipip', name: 'tunl0' }, raw, 'in') },
    ]
    const back = decodeCapture(encodePcap(frames, 'sll2'))
    expect(back.linkType).toBe('sll2')
    expect(back.frames.map((f) => f.cooked)).toEqual([
      { index: 3, hardware: 1, kind: 0 }, { index: 3, hardware: 1, kind: 4 }, { index: 3, hardware: 1, kind: 1 }, { index: 3, hardware: 768, kind: 0 },
    ])
    expect(back.frames.map((f) => f.frame.source)).toEqual([frame.source, frame.source, frame.source, ZERO_MAC])
    expect(back.frames.every((f) => f.frame.payload.kind === 'ip' && f.frame.payload.destination === ping.destination)).toBe(true)
  })
})
