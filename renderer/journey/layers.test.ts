import { describe, expect, test } from 'vitest'
import type { Header, Hop } from '../../electron/bridge/view.ts'
import { journey } from '../dev/journeys.ts'
import { layersOf, packedIn, tunnelOf } from './layers.ts'

const record = journey(1, 'vetha', 'default/web', 'vethb')

describe('a packet in a tunnel', () => {
  test('is inside of another one from where it is packed until it is taken out', () => {
    const inside = packedIn(record.hops)
    expect(record.hops.filter((_, i) => inside[i]!.length > 0).map((h) => `${h.machine} ${h.stage}`)).toEqual(['worker-2 encapsulate', 'worker-2 transmit', 'underlay wire', 'worker-1 receive'])
    expect(inside[5], 'what it was when it was packed').toEqual([record.hops[4]!.before])
  })

  test('may be in two, and comes out of the outer one first', () => {
    const h = (detail: string): Header => ({ source: '1.1.1.1', destination: '2.2.2.2', protocol: 'udp', detail })
    const hop = (stage: Hop['stage'], before: Header, after?: Header): Hop => ({ at: 0, machine: 'm', networkNamespace: 'm', stage, text: '', before, ...(after ? { after } : {}), explanation: stage })
    const [own, middle, outer] = [h('DNS'), h('VXLAN vni 1'), h('WireGuard data')]
    const way = [hop('encapsulate', own, middle), hop('encapsulate', middle, outer), hop('wire', outer), hop('decapsulate', outer, middle), hop('decapsulate', middle, own)]
    expect(packedIn(way).map((inside) => inside.map((i) => i.detail))).toEqual([['DNS'], ['VXLAN vni 1', 'DNS'], ['VXLAN vni 1', 'DNS'], ['DNS'], []])
  })

  test('a VLAN tag goes into the frame: it is no tunnel, and what takes it out takes nothing off', () => {
    const tagged: Hop = { at: 0, machine: 'm', networkNamespace: 'm', stage: 'encapsulate', text: '', before: record.hops[0]!.before, explanation: 'vlan-tag' }
    expect(packedIn([tagged, { ...tagged, stage: 'decapsulate' }])).toEqual([[], []])
  })

  test('is told from the wire inwards', () => {
    const outer: Header = { sourceMac: '02:00:00:00:00:04', destinationMac: '02:00:00:00:00:03', source: '172.18.0.4', destination: '172.18.0.3', protocol: 'udp', sourcePort: 52114, destinationPort: 8472, ttl: 64, detail: 'VXLAN vni 1' }
    const layers = layersOf(outer, [{ source: 'fd00::2', destination: 'fd00::3', protocol: 'icmp', ttl: 63, detail: 'echo-request id 7 seq 1' }])
    expect(layers.map((l) => `${'  '.repeat(l.depth)}${l.name}: ${l.text}`)).toEqual([
      'Ethernet: 02:00:00:00:00:04 → 02:00:00:00:00:03',
      'IPv4: 172.18.0.4 → 172.18.0.3  ttl 64',
      'UDP: 52114 → 8472',
      'VXLAN: vni 1',
      '  IPv6: fd00::2 → fd00::3  hop limit 63',
      '  ICMPv6: echo-request id 7 seq 1',
    ])
    expect(layersOf({ ...outer, sourceMac: undefined, destinationMac: undefined, protocol: 'ipip', sourcePort: undefined, detail: 'IP in IP: 10.1.0.2 > 10.1.1.2' }, []).map((l) => `${l.name}: ${l.text}`)).toEqual(['IPv4: 172.18.0.4 → 172.18.0.3  ttl 64', 'IP in IP: protocol 4'])
  })

  test('each tunnel has its name', () => {
    const names = ['VXLAN vni 42630', 'Geneve vni 0', 'WireGuard data', 'IP in IP: 10.0.0.1 > 10.0.0.2', 'SYN,ACK', undefined].map((detail) => tunnelOf({ source: '', destination: '', protocol: 'udp', ...(detail ? { detail } : {}) }))
    expect(names).toEqual(['VXLAN', 'Geneve', 'WireGuard', 'IP in IP', undefined, undefined])
  })
})
