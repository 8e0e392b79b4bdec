import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Frame } from '../types.ts'
import { frame } from './arbitrary.samples.ts'
import { WireError } from './bytes.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import { decodePcap, encodePcap } from './pcap.ts'

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')

const SYN: Frame = {
  source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02',
  payload: {
    kind: 'ip', version: 4, source: '192.168.0.1', destination: '192.168.0.2', ttl: 64, tos: 0, identification: 0x1c46, dontFragment: true, meta: { mark: 0 },
    payload: { kind: 'tcp', sourcePort: 1024, destinationPort: 80, sequence: 1, acknowledgement: 0, flags: { syn: true }, window: 64240, mss: 1460, data: new Uint8Array(0) },
  },
}

describe('frames as bytes', () => {
  it('are laid out as the RFCs draw them', () => {
    expect(hex(encodeFrame(SYN))).toBe(
      '020000000002' + '020000000001' + '0800' + '4500002c1c46400040069d32c0a80001c0a80002' + '0400005000000001000000006002faf017910000' + '020405b4',
    )
  })

  it('come back as they were', () => {
    fc.assert(fc.property(frame, (f) => {
      expect(decodeFrame(encodeFrame(f))).toEqual(f)
    }), { numRuns: 400 })
  })

  it('are refused when they are cut or changed, and never break the reader', () => {
    fc.assert(fc.property(frame, fc.nat(2000), fc.nat(255), (f, at, value) => {
      const bytes = encodeFrame(f)
      bytes[at % bytes.length] = value
      for (const damaged of [bytes, bytes.slice(0, at % bytes.length)]) {
        try {
          decodeFrame(damaged)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }
    }), { numRuns: 400 })
  })

  it('of a fragment carry its part of the payload', () => {
    const datagram = (fragment?: { offset: number; more: boolean; length: number }): Uint8Array => encodeFrame({
      ...SYN, payload: {
        kind: 'ip', version: 4, source: '10.0.0.1', destination: '10.0.0.2', ttl: 64, tos: 0, identification: 5, dontFragment: false, fragment, meta: { mark: 0 },
        payload: { kind: 'udp', sourcePort: 1, destinationPort: 2, data: Uint8Array.from({ length: 40 }, (_, i) => i) },
      },
    }).slice(34)
    const whole = datagram()
    expect([...datagram({ offset: 0, more: true, length: 24 }), ...datagram({ offset: 24, more: false, length: 24 })]).toEqual([...whole])
  })

  it('go into a capture file and come out of it', () => {
    fc.assert(fc.property(fc.array(fc.record({ at: fc.integer({ min: 0, max: 4e12 }).map((us) => 1_767_600_000_000 + Math.floor(us / 4000) / 1000), frame }), { maxLength: 5 }), (frames) => {
      const back = decodePcap(encodePcap(frames))
      expect(back.map((f) => f.frame)).toEqual(frames.map((f) => f.frame))
      back.forEach((f, i) => expect(Math.abs(f.at - frames[i]!.at)).toBeLessThan(0.001))
    }), { numRuns: 50 })
    expect(() => decodePcap(new Uint8Array(30))).toThrow('unknown file format')
  })
})
