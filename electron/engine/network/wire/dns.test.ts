import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatIpv4, formatIpv6 } from '../address.ts'
import { decodeDns, dnsQuery, encodeDns, rcodeName } from './dns.ts'
import type { DnsData, DnsMessage } from './dns.ts'

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')

describe('DNS messages', () => {
  it('encodes a question as RFC 1035 draws it', () => {
    expect(hex(encodeDns(dnsQuery(0x1234, 'web.default.', 'A')))).toBe('123401000001000000000000037765620764656661756c740000010001')
  })

  it('points at a name that was written before', () => {
    const message = dnsQuery(1, 'a.example.', 'CNAME', {
      response: true, answers: [{ name: 'a.example.', class: 'IN', ttl: 5, data: { type: 'CNAME', target: 'b.example.' } }],
    })
    const bytes = encodeDns(message)
    expect(hex(bytes).endsWith('c00c000500010000000500040162c00e')).toBe(true)
    expect(decodeDns(bytes)).toEqual(message)
  })

  it('does not compress the target of an SRV record', () => {
    const bytes = encodeDns(dnsQuery(1, 'x.example.', 'SRV', {
      answers: [{ name: 'x.example.', class: 'IN', ttl: 5, data: { type: 'SRV', priority: 0, weight: 100, port: 80, target: 'x.example.' } }],
    }))
    expect(hex(bytes).endsWith('0178076578616d706c6500')).toBe(true)
  })

  it('refuses loops, cut messages and bad lengths', () => {
    const good = encodeDns(dnsQuery(1, 'web.default.', 'A'))
    expect(() => decodeDns(good.slice(0, good.length - 3))).toThrow('truncated')
    const loop = new Uint8Array([...good.slice(0, 12), 0xc0, 12, 0, 1, 0, 1])
    expect(() => decodeDns(loop)).toThrow('loop')
  })

  it('gives back every message that it encodes', () => {
    const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/)
    const name = fc.array(label, { maxLength: 5 }).map((labels) => (labels.length === 0 ? '.' : `${labels.join('.')}.`))
    const u16 = fc.nat(0xffff)
    const u32 = fc.nat(0xffffffff)
    const data: fc.Arbitrary<DnsData> = fc.oneof(
      u32.map((n): DnsData => ({ type: 'A', address: formatIpv4(n) })),
      fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((n): DnsData => ({ type: 'AAAA', address: formatIpv6(n) })),
      fc.record({ type: fc.constantFrom('CNAME' as const, 'NS' as const, 'PTR' as const), target: name }),
      fc.record({ type: fc.constant('SOA' as const), primary: name, mailbox: name, serial: u32, refresh: u32, retry: u32, expire: u32, minimum: u32 }),
      fc.record({ type: fc.constant('SRV' as const), priority: u16, weight: u16, port: u16, target: name }),
      fc.record({ type: fc.constant('MX' as const), preference: u16, exchange: name }),
      fc.record({ type: fc.constant('TXT' as const), strings: fc.array(fc.stringMatching(/^[ -~]{0,40}$/), { maxLength: 3 }) }),
      fc.record({ type: fc.constant('OTHER' as const), typeName: fc.constant('TYPE999'), bytes: fc.uint8Array({ maxLength: 20 }) }),
    )
    const records = fc.array(fc.record({ name, class: fc.constant('IN'), ttl: u32, data }), { maxLength: 4 })
    const edns = fc.record({
      udpSize: u16, version: fc.nat(255), dnssecOk: fc.boolean(),
      options: fc.array(fc.record({ code: u16, data: fc.uint8Array({ maxLength: 9 }) }), { maxLength: 2 }),
    })
    const flag = fc.boolean()
    const message: fc.Arbitrary<DnsMessage> = fc.record(
      {
        id: u16, response: flag, opcode: fc.nat(15), authoritative: flag, truncated: flag, recursionDesired: flag,
        recursionAvailable: flag, authenticData: flag, checkingDisabled: flag, rcode: fc.nat(15).map(rcodeName),
        questions: fc.array(fc.record({ name, type: fc.constantFrom('A', 'SRV', 'ANY', 'TYPE300'), class: fc.constantFrom('IN', 'CH') }), { maxLength: 2 }),
        answers: records, authorities: records, additionals: records, edns,
      },
      { requiredKeys: ['id', 'response', 'opcode', 'authoritative', 'truncated', 'recursionDesired', 'recursionAvailable',
        'authenticData', 'checkingDisabled', 'rcode', 'questions', 'answers', 'authorities', 'additionals'] },
    )
    fc.assert(fc.property(message, (m) => {
      expect(decodeDns(encodeDns(m))).toEqual(m)
    }), { numRuns: 200 })
  })

  it('never does anything but throw on garbage', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        decodeDns(bytes)
      } catch (error) {
        expect((error as Error).constructor.name).toBe('WireError')
      }
    }))
  })
})
