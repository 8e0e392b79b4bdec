import { describe, expect, test } from 'vitest'
import { journey } from '../dev/journeys.ts'
import { endpoint, headerChanges, headerLine, packetWord } from './headers.ts'
import { groupHops } from './verdicts.ts'

const record = journey(1, 'vetha', 'default/web', 'vethb')

describe('a journey in words', () => {
  test('what DNAT changed is the destination, and nothing else', () => {
    const hop = record.hops.find((h) => h.stage === 'dnat')!
    expect(headerChanges(hop.before, hop.after!)).toEqual([{ field: 'destination', before: '10.96.114.23:80', after: '10.244.1.5:80' }])
  })

  test('a header is one line', () => {
    expect(headerLine(record.hops[0]!.before)).toBe('TCP  10.244.2.3:41822 → 10.96.114.23:80  SYN  ttl 64')
    const six = { source: 'fd00::2', destination: 'fd00::3', protocol: 'icmp', ttl: 64 } as const
    expect([headerLine(six), ...headerChanges(six, { ...six, ttl: 63 }).map((c) => c.field)]).toEqual(['ICMP  fd00::2 → fd00::3  hop limit 64', 'hop limit'])
    expect(headerLine({ source: 'fd00::1', destination: 'fd00::2', protocol: 'icmp' })).toBe('ICMP  fd00::1 → fd00::2')
  })

  test('an IPv6 address stands in brackets before its port, and alone without one', () => {
    expect([endpoint('::1', 3306), endpoint('10.0.0.1', 80), endpoint('fd00::2', undefined)]).toEqual(['[::1]:3306', '10.0.0.1:80', 'fd00::2'])
  })

  test('the packet carries a short word', () => {
    expect(packetWord(record.hops[0]!.before)).toBe('SYN')
    expect(packetWord({ source: 'a', destination: 'b', protocol: 'icmp', detail: 'destination-unreachable port' })).toBe('ICMP')
  })

  test('hops on one machine stand together, numbered through both ways', () => {
    const groups = groupHops(record.hops, record.reply)
    expect(groups.map((g) => `${g.direction} ${g.machine}`)).toEqual([
      'forward default/client', 'forward worker-2', 'forward underlay', 'forward worker-1', 'forward default/web',
      'reply default/web', 'reply worker-1', 'reply worker-2', 'reply default/client',
    ])
    expect(groups.flatMap((g) => g.hops.map((h) => h.number))).toEqual(Array.from({ length: record.hops.length + record.reply.length }, (_, i) => i + 1))
  })
})
